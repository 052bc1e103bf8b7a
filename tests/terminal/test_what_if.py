"""What-ifs and previews: the engine's own figures, and those of ``seawall stress``."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from seawall.terminal import protocol
from tests.command_line import seawall
from tests.terminal.page import MANUAL, Page, with_page


async def hold(page: Page) -> None:
    """A cross long that a fall does not liquidate, and an isolated one that it does."""
    await page.place(market="BTC", side="buy", kind="market", size="1.5")
    await page.ask(protocol.SetLeverage("ETH", 20, "isolated"), protocol.Done)
    await page.place(market="ETH", side="buy", kind="market", size="20")
    await page.position("ETH")


async def stressed(page: Page, *options: str) -> Any:
    """The cell of all markets together, as ``seawall stress`` finds it at the venue's address."""
    address = (await page.account()).address
    arguments = ("stress", address, "--at", page.venue.url, "--json", *options)
    found = await asyncio.to_thread(seawall, *arguments)
    assert found.returncode == 0, found.stderr
    rows = json.loads(found.stdout)["shocks"]
    return next(each for each in rows if each["move"] == "all together")


@pytest.mark.parametrize("size", ["-0.15", "0.15", "-0.3"])
def test_a_what_if_is_what_stress_says(size: str) -> None:
    async def play(page: Page) -> None:
        await hold(page)
        found = await page.ask(protocol.AskWhatIf(size, afterwards=True), protocol.WhatIf)
        row = await stressed(page, "--shock", f"{100 * Decimal(size):+.0f}")
        assert found.equity == str(row["equity"])
        if found.afterwards is None:
            assert not any(each.is_liquidatable for each in found.buckets)
        else:
            assert found.afterwards.equity == str(row["left"])
            assert found.afterwards.lost == str(row["lost"])

    with_page(play)


def test_a_fall_liquidates_the_isolated_bucket_and_leaves_the_pool() -> None:
    async def play(page: Page) -> None:
        await hold(page)
        found = await page.ask(protocol.AskWhatIf("-0.15", afterwards=True), protocol.WhatIf)
        assert [each.id for each in found.buckets if each.is_liquidatable] == ["ETH"]
        assert found.first == "ETH"
        assert 0 < (found.first_at or 0) < 1
        assert found.afterwards is not None
        assert found.afterwards.liquidated == ("ETH",)
        assert sum(Decimal(each.change) for each in found.buckets) == -Decimal(found.lost)
        still = await page.ask(protocol.AskWhatIf(), protocol.WhatIf)
        assert (still.lost, still.first, still.afterwards) == ("0", None, None)
        account = await page.account()
        shown = {each.market: each.liquidation_price for each in account.positions}
        assert {each.market: each.liquidation_price for each in still.positions} == shown
        assert still.equity == account.value
        free = {each.id: each.free for each in still.buckets}
        assert free == {each.id: each.free for each in account.buckets}

    with_page(play)


def test_modes_leverages_and_margin() -> None:
    async def play(page: Page) -> None:
        await hold(page)
        isolated = protocol.AskWhatIf(modes={"BTC": "isolated"}, leverages={"BTC": 10})
        found = await page.ask(isolated, protocol.WhatIf)
        assert found.rejected == ""
        bucket = next(each for each in found.buckets if each.id == "BTC")
        assert Decimal(bucket.equity) == pytest.approx(Decimal(bucket.initial_margin), abs=1)
        assert found.equity == found.before
        too_much = protocol.AskWhatIf(leverages={"BTC": 1}, modes={"BTC": "isolated"})
        await page.place(market="BTC", side="buy", kind="market", size="2")
        rejected = (await page.ask(too_much, protocol.WhatIf)).rejected
        assert rejected.startswith("the cross pool lacks ")
        wrong = await page.ask(protocol.AskWhatIf(leverages={"BTC": 900}), protocol.Refused)
        assert wrong.field == "leverage"
        # What the margin slider says is what the margin then does.
        said = await page.ask(protocol.AskMargin("ETH", "250"), protocol.WhatIf)
        await page.ask(protocol.AdjustMargin("ETH", "250"), protocol.Done)
        expected = next(each for each in said.positions if each.market == "ETH").liquidation_price
        await page.account(
            lambda a: any(each.liquidation_price == expected for each in a.positions)
        )
        cross = await page.ask(protocol.AskMargin("BTC", "250"), protocol.Refused)
        assert cross.field == "market"
        wrong = await page.ask(protocol.AskMargin("ETH", "1.0000001"), protocol.Refused)
        assert wrong.field == "amount"
        # Orders alone hold no bucket.
        await page.ask(protocol.ClosePosition("ETH"), protocol.Placed)
        await page.place(market="ETH", side="buy", kind="limit", size="1", price="1900")
        without = await page.ask(protocol.AskMargin("ETH", "250"), protocol.Refused)
        assert without.field == "market"

    with_page(play)


def test_an_account_without_positions_loses_nothing() -> None:
    async def play(page: Page) -> None:
        found = await page.ask(protocol.AskWhatIf("-0.5"), protocol.WhatIf)
        assert (found.before, found.equity, found.lost) == ("100000", "100000", "0")

    with_page(play)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "market", "size": "1"},
        {"kind": "limit", "size": "1", "price": "50500"},
        {"kind": "fill_or_kill", "size": "0.5", "price": "50500"},
    ],
)
@pytest.mark.parametrize("mode", ["cross", "isolated"])
def test_a_preview_is_what_then_happens(fields: dict[str, Any], mode: protocol.ModeName) -> None:
    async def play(page: Page) -> None:
        ticket = protocol.Ticket(market="BTC", side="buy", **fields)
        said = await page.ask(protocol.PreviewOrder(ticket, 25, mode), protocol.Preview)
        assert said.rejected == ""
        before = await page.settled()
        assert before.positions == ()
        await page.ask(protocol.SetLeverage("BTC", 25, mode), protocol.Done)
        placed = (await page.ask(protocol.PlaceOrder(ticket), protocol.Placed)).orders[0]
        assert (placed.filled, placed.average_price) == (said.filled, said.average_price)
        position = await page.position("BTC")
        assert position.liquidation_price == said.liquidation_after
        assert position.size == said.position_after
        history = await page.surface(protocol.History, lambda h: bool(h.fills))
        assert sum(Decimal(each.fee) for each in history.fills) == Decimal(said.fee)
        after = await page.settled()
        assert after.available == said.available_after
        assert Decimal(after.used) - Decimal(before.used) == Decimal(said.margin)

    with_page(play)


def test_a_preview_of_what_rests_says_where_it_would_be_liquidated_once_filled() -> None:
    async def play(page: Page) -> None:
        ticket = protocol.Ticket("BTC", "buy", "limit", "1", price="49500")
        said = await page.ask(protocol.PreviewOrder(ticket, 25, "cross"), protocol.Preview)
        assert (said.filled, said.resting) == ("0", "1")
        await page.ask(protocol.SetLeverage("BTC", 25, "cross"), protocol.Done)
        await page.place(market="BTC", side="buy", kind="limit", size="1", price="49500")
        await page.control("price", market="BTC", price="49000")
        position = await page.position("BTC")
        there = Decimal(position.liquidation_price or 0)
        assert there == pytest.approx(Decimal(said.liquidation_after or 0), rel=Decimal("1e-6"))

    with_page(play)


def test_the_way_out_of_a_preview_is_through_the_book_of_now() -> None:
    """Its bids and its middle, without what the order itself took from the asks."""

    async def play(page: Page) -> None:
        ticket = protocol.Ticket("BTC", "buy", "market", "35")
        said = await page.ask(protocol.PreviewOrder(ticket, 40, "cross"), protocol.Preview)
        assert (said.rejected, said.levels > 1) == ("", True)
        book = await page.surface(protocol.Book, lambda b: bool(b.bids))
        left, got = Decimal(said.position_after), Decimal(0)
        for each in book.bids:
            part = min(left, Decimal(each.size))
            left, got = left - part, got + part * Decimal(each.price)
        middle = (Decimal(book.bids[0].price) + Decimal(book.asks[0].price)) / 2
        expected = 1 - got / 35 / middle
        assert left == 0
        assert said.exit_slippage == pytest.approx(float(expected), rel=1e-9)

    with_page(play)


def test_a_preview_warns() -> None:
    async def play(page: Page) -> None:
        far = protocol.Ticket("BTC", "buy", "market", "1", stop_loss="30000")
        ask = protocol.PreviewOrder(far, 40, "isolated", slippage_cap=0.0)
        found = await page.ask(ask, protocol.Preview)
        assert any("comes before the stop at 30000" in each for each in found.warnings)
        assert any("over the cap" in each for each in found.warnings)
        near = protocol.Ticket("BTC", "buy", "market", "0.1", stop_loss="49500")
        found = await page.ask(protocol.PreviewOrder(near, 40, "isolated"), protocol.Preview)
        assert found.warnings == ()
        huge = protocol.Ticket("BTC", "buy", "market", "100")
        found = await page.ask(protocol.PreviewOrder(huge), protocol.Preview)
        assert found.rejected == "margin cancelled"
        assert Decimal(found.filled) < 100

    with_page(play)


def test_a_size_by_risk_loses_what_was_said() -> None:
    async def play(page: Page) -> None:
        ask = protocol.SizeByRisk("BTC", "buy", "50000", "49000", "500")
        found = await page.ask(ask, protocol.Sized)
        assert 450 < Decimal(found.loss) <= 500
        assert Decimal(found.size) * 1000 < Decimal(found.loss)
        wrong = await page.ask(
            protocol.SizeByRisk("BTC", "buy", "50000", "51000", "500"), protocol.Refused
        )
        assert wrong.field == "stop"

    with_page(play)


def test_a_unified_account_over_two_dexes_is_what_stress_says() -> None:
    async def play(page: Page) -> None:
        await page.place(market="BTC", side="buy", kind="market", size="2")
        await page.place(market="xyz:GOLD", side="buy", kind="market", size="10")
        account = await page.account(lambda a: len(a.positions) == 2)
        assert (account.grouping, [each.name for each in account.buckets]) == (
            "unified", ["Cross pool"],
        )  # fmt: skip
        found = await page.ask(protocol.AskWhatIf("-0.15", afterwards=True), protocol.WhatIf)
        row = await stressed(page, "--shock", "-15")
        assert found.equity == str(row["equity"])

    unified = structs.replace(MANUAL, markets=("BTC=50000", "xyz:GOLD=3000"), mode="unified")
    with_page(play, unified)
