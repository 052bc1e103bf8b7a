"""The terminal on a venue that settles in blocks: the figures are those of its own wire."""

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientSession
from msgspec import structs

from seawall.terminal import protocol
from seawall.terminal.app import is_built
from tests.command_line import seawall
from tests.terminal.page import MANUAL, Page, with_page
from tests.waiting import PATIENCE_S

BLOCKS = structs.replace(MANUAL, venue="dydx")
MARKET = "BTC-USD"


async def wire(page: Page, path: str, **query: str) -> Any:
    """An answer of the indexer about the account in view."""
    address, _, number = (await page.account()).address.partition("/")
    asked = {"address": address, "subaccountNumber": number, **query}
    async with (
        ClientSession() as session,
        session.get(page.venue.url + path.format(address, number), params=asked) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def command(page: Page, name: str, *options: str) -> Any:
    """What a command says of the account in view at the venue's address, as JSON."""
    address = (await page.account()).address
    words = (name, address, "--at", page.venue.url, "--json", *options)
    found = await asyncio.to_thread(seawall, *words)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


async def fills(page: Page) -> list[Any]:
    """Of the account in view, the newest first."""
    found: list[Any] = (await wire(page, "/v4/fills"))["fills"]
    return found


async def refused(page: Page, request: protocol.AnyRequest) -> protocol.Refused:
    return await page.ask(request, protocol.Refused)


async def hold(page: Page, size: str = "12") -> None:
    await page.place(market=MARKET, side="buy", kind="market", size=size)
    await page.place(market="ETH-USD", side="sell", kind="market", size="20")
    await page.position("ETH-USD")


def test_the_account_is_that_of_the_wire() -> None:
    async def play(page: Page) -> None:
        await hold(page)
        await page.control("price", market=MARKET, price="49123.45678")
        await page.control("advance", seconds=3)
        ours = await page.settled()
        account = (await wire(page, "/v4/addresses/{}/subaccountNumber/{}"))["subaccount"]
        assert Decimal(ours.value) == Decimal(account["equity"])
        rows: Mapping[str, Any] = account["openPerpetualPositions"]
        assert set(rows) == {each.market for each in ours.positions}
        explained = await command(page, "explain")
        assert Decimal(ours.maintenance) == Decimal(
            explained["subaccounts"][0]["maintenance_margin"]
        )
        prices = {each["market"]: each["liquidation_price"] for each in explained["positions"]}
        for each in ours.positions:
            row = rows[each.market]
            assert Decimal(each.size) == Decimal(row["size"])
            assert abs(Decimal(each.entry_price) - Decimal(row["entryPrice"])) < Decimal("0.000001")
            assert abs(Decimal(each.unrealised) - Decimal(row["unrealizedPnl"])) < Decimal("0.001")
            assert each.liquidation_price is not None
            assert Decimal(each.liquidation_price) == Decimal(str(prices[each.market]))
            assert (each.rank, each.ranked, each.mode) == (None, None, "cross")
        market = (await wire(page, "/v4/perpetualMarkets"))["markets"][MARKET]
        shown = (await page.surface(protocol.Markets, lambda m: m.rows[0].oracle != "50000")).rows[
            0
        ]
        assert Decimal(shown.oracle) == Decimal(market["oraclePrice"]) == Decimal("49123.45678")
        assert shown.mark == shown.oracle
        assert shown.funding_rate == pytest.approx(float(market["nextFundingRate"]))
        theirs = await wire(page, "/v4/orderbooks/perpetualMarket/" + MARKET)
        book = await page.surface(protocol.Book, lambda found: bool(found.bids))
        assert [(each.price, each.size) for each in book.bids[:20]] == [
            (each["price"], each["size"]) for each in theirs["bids"][:20]
        ]

    with_page(play, BLOCKS)


KINDS = {
    "limit": ({"side": "buy", "price": "48000"}, "queued", "LIMIT"),
    "post_only": ({"side": "buy", "price": "48000"}, "queued", "LIMIT"),
    "stop_market": ({"side": "sell", "trigger_price": "45000"}, "waiting", "STOP_LIMIT"),
    "stop_limit": (
        {"side": "sell", "trigger_price": "45000", "price": "44000"}, "waiting", "STOP_LIMIT",
    ),
    "take_market": ({"side": "sell", "trigger_price": "56000"}, "waiting", "TAKE_PROFIT"),
    "take_limit": (
        {"side": "sell", "trigger_price": "56000", "price": "56000"}, "waiting", "TAKE_PROFIT",
    ),
}  # fmt: skip


def test_every_kind_of_order_is_there_for_clients_of_the_wire_too() -> None:
    async def play(page: Page) -> None:
        await page.place(market=MARKET, side="buy", kind="market", size="0.5")
        await page.place(market=MARKET, side="buy", kind="immediate", size="0.1", price="51000")
        filled = await page.account(lambda a: [each.size for each in a.positions] == ["0.6"])
        assert filled.orders == ()
        for kind, (fields, status, _) in KINDS.items():
            found = await page.place(market=MARKET, kind=kind, size="0.2", **fields)
            assert found.status == status, found
        await page.control("advance", seconds=2)
        ours = await page.account(
            lambda a: (
                len(a.orders) == len(KINDS)
                and [each.state for each in a.orders[-2:]] == ["resting"] * 2
            )
        )
        assert [each.kind for each in ours.orders] == list(KINDS)[::-1]
        theirs = await wire(page, "/v4/orders", status="OPEN")
        theirs += await wire(page, "/v4/orders", status="UNTRIGGERED")
        wanted = sorted((word, "0.2") for _, _, word in KINDS.values())
        assert sorted((each["type"], each["size"]) for each in theirs) == wanted
        assert [each["size"] for each in await fills(page)] == ["0.1", "0.5"]
        lowest = next(each for each in ours.orders if each.kind == "limit")
        moved = await page.ask(protocol.ModifyOrder(lowest.id, price="47500"), protocol.Placed)
        assert moved.orders[0].status == "queued"
        await page.control("advance", seconds=2)
        await page.account(lambda a: "47500" in [each.price for each in a.orders])
        await page.ask(protocol.CancelAll(), protocol.Done)
        await page.control("advance", seconds=2)
        await page.account(lambda a: not a.orders)
        assert await wire(page, "/v4/orders", status="OPEN") == []

    with_page(play, BLOCKS)


def test_what_the_rules_do_not_know_is_refused_by_name() -> None:
    async def play(page: Page) -> None:
        ticket = {"market": MARKET, "side": "buy", "size": "0.1", "price": "48000"}

        async def placing(**fields: Any) -> protocol.Refused:
            asked = protocol.Ticket(**{"kind": "limit", **ticket, **fields})
            return await refused(page, protocol.PlaceOrder(asked))

        assert (await placing(size="0.00001")).expected.endswith("at most 4 decimals")
        assert (await placing(price="48000.5")).expected.endswith("at most 0 decimals")
        assert "no brackets" in (await placing(stop_loss="40000")).expected
        isolated = protocol.SetLeverage(MARKET, mode="isolated")
        assert "subaccount" in (await refused(page, isolated)).expected
        assert "from 1 to 50" in (await refused(page, protocol.SetLeverage(MARKET, 51))).expected
        await page.place(market=MARKET, side="buy", kind="market", size="0.1")
        assert "transfer" in (await refused(page, protocol.AdjustMargin(MARKET, "5"))).expected
        killed = await page.place(market=MARKET, side="buy", kind="fill_or_kill", size="1",
                                  price="48000")  # fmt: skip
        assert (killed.status, killed.reason) == ("refused", "time in force not offered")
        offered = (await page.surface(protocol.Snapshot, lambda _: True)).offered
        assert "fill_or_kill" not in offered.kinds
        assert (offered.modes, offered.brackets) == (("cross",), False)

    with_page(play, BLOCKS)


def test_leverage_is_the_accounts_own_initial_fraction() -> None:
    async def play(page: Page) -> None:
        await page.ask(protocol.SetLeverage(MARKET, 7), protocol.Done)
        account = await page.account(lambda a: a.settings[0].leverage == 7)
        # 100,000 USD at an initial fraction of one seventh, rounded up, and a price of 50,000.
        assert account.settings[0].may_buy == "14"
        await page.place(market=MARKET, side="buy", kind="market", size="1")
        position = await page.position(MARKET)
        assert abs(Decimal(position.initial_margin) - Decimal(position.notional) / 7) < 1
        await page.ask(protocol.SetLeverage(MARKET, 50), protocol.Done)
        account = await page.account(lambda a: a.positions[0].leverage == 50)
        assert Decimal(account.positions[0].initial_margin) == Decimal("1000")

    with_page(play, BLOCKS)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_preview_is_what_becomes_of_the_order(side: str) -> None:
    async def play(page: Page) -> None:
        await hold(page)
        ticket = protocol.Ticket(market=MARKET, side=side, kind="market", size="3")  # type: ignore[arg-type]
        said = await page.ask(protocol.PreviewOrder(ticket), protocol.Preview)
        assert not said.rejected
        before = await fills(page)
        placed = (await page.ask(protocol.PlaceOrder(ticket), protocol.Placed)).orders[0]
        assert (placed.filled, placed.average_price) == (said.filled, said.average_price)
        account = await page.settled()
        position = next(each for each in account.positions if each.market == MARKET)
        assert position.size == said.position_after
        assert position.liquidation_price == said.liquidation_after
        assert account.available == said.available_after
        new = [each for each in await fills(page) if each not in before]
        assert sum(Decimal(each["fee"]) for each in new) == Decimal(said.fee)
        cost = sum(Decimal(each["price"]) * Decimal(each["size"]) for each in new)
        assert abs(cost / 3 - Decimal(said.average_price or 0)) <= Decimal("0.05")

    with_page(play, BLOCKS)


def test_an_order_that_rests_is_previewed_as_filled_at_its_price() -> None:
    async def play(page: Page) -> None:
        await hold(page)
        ticket = protocol.Ticket(market=MARKET, side="buy", kind="limit", size="3", price="49900")
        said = await page.ask(protocol.PreviewOrder(ticket), protocol.Preview)
        assert (said.resting, said.position_after) == ("3", "15")
        before = (await page.position(MARKET)).liquidation_price
        assert said.liquidation_before == before
        assert said.liquidation_after is not None
        assert before is not None
        assert Decimal(said.liquidation_after) > Decimal(before)

    with_page(play, BLOCKS)


@pytest.mark.parametrize("size", ["-0.15", "0.15", "-0.05"])
def test_a_what_if_is_what_stress_says(size: str) -> None:
    async def play(page: Page) -> None:
        await hold(page)
        found = await page.ask(protocol.AskWhatIf(size, afterwards=True), protocol.WhatIf)
        rows = await command(page, "stress", "--shock", f"{100 * Decimal(size):+.0f}")
        row = next(each for each in rows["shocks"] if each["move"] == "all together")
        assert Decimal(found.equity) == Decimal(str(row["equity"]))
        if found.afterwards is None:
            assert not any(each.is_liquidatable for each in found.buckets)
        else:
            assert Decimal(found.afterwards.equity) == Decimal(str(row["left"]))
        account = await page.settled()
        assert found.before == account.value

    with_page(play, BLOCKS)


def test_a_what_if_keeps_an_isolated_position_in_a_bucket_of_its_own() -> None:
    async def play(page: Page) -> None:
        await hold(page)
        asked = protocol.AskWhatIf("-0.15", modes={MARKET: "isolated"}, leverages={MARKET: 20})
        found = await page.ask(asked, protocol.WhatIf)
        assert [each.id for each in found.buckets] == ["cross", MARKET]
        assert [each.is_liquidatable for each in found.buckets] == [False, True]
        assert found.first == MARKET

    with_page(play, BLOCKS)


def test_a_fall_liquidates_block_by_block_and_is_seen() -> None:
    async def play(page: Page) -> None:
        await page.place(market=MARKET, side="buy", kind="market", size="20")
        position = await page.position(MARKET)
        assert position.liquidation_price is not None
        stands = Decimal(position.liquidation_price) + 1
        await page.control("price", market=MARKET, price=str(stands))
        await page.control("advance", seconds=2)
        shown = await page.surface(protocol.Cascade, lambda _: True)
        assert shown.liquidations == 0
        fund = Decimal(shown.insurance_fund)
        await page.control("price", market=MARKET, price=str(stands - 100))
        await page.control("advance", seconds=5)
        await page.account(lambda a: not a.positions or a.positions[0].size != "20")
        shown = await page.surface(
            protocol.Cascade,
            lambda c: any(each.is_own and each.kind == "order" for each in c.events),
        )
        own = [each for each in shown.events if each.is_own]
        assert {each.bucket for each in own} == {"cross"}
        assert {"started", "order", "ended"} <= {each.kind for each in own}
        traded = [each for each in own if each.kind == "order"]
        assert {each.side for each in traded} == {"sell"}
        worth = sum(Decimal(each.amount or 0) for each in traded)
        sold = [each for each in await fills(page) if each["type"] == "LIQUIDATED"]
        assert worth == sum(Decimal(each["price"]) * Decimal(each["size"]) for each in sold) > 0
        assert worth == Decimal(shown.liquidated_notional)
        assert Decimal(shown.insurance_fund) + Decimal(shown.insurance_paid) >= fund
        assert any(each.kind == "liquidated" for each in page.notices)

    with_page(play, BLOCKS)


def test_a_size_by_risk_is_whole_steps_and_loses_the_risk_at_most() -> None:
    async def play(page: Page) -> None:
        asked = protocol.SizeByRisk(MARKET, "buy", "50000", "49000", "500")
        found = await page.ask(asked, protocol.Sized)
        assert Decimal(found.size) % Decimal("0.0001") == 0
        assert Decimal("499") < Decimal(found.loss) <= 500

    with_page(play, BLOCKS)


def test_positions_are_closed_reversed_and_stopped_at_break_even() -> None:
    async def play(page: Page) -> None:
        await page.place(market=MARKET, side="buy", kind="market", size="1")
        await page.ask(protocol.ClosePosition(MARKET, 0.3), protocol.Placed)
        await page.account(lambda a: [each.size for each in a.positions] == ["0.7"])
        await page.ask(protocol.ReversePosition(MARKET), protocol.Placed)
        position = (
            await page.account(lambda a: [e.size for e in a.positions] == ["-0.7"])
        ).positions[0]
        await page.control("price", market=MARKET, price="48000")
        await page.control("advance", seconds=2)
        placed = await page.ask(protocol.StopToBreakEven(MARKET), protocol.Placed)
        assert placed.orders[0].status == "waiting"
        account = await page.account(lambda a: bool(a.orders))
        trigger = Decimal(account.orders[0].trigger_price or 0)
        assert 0 <= Decimal(position.break_even) - trigger < 1
        await page.ask(protocol.CloseAll(), protocol.Placed)
        await page.account(lambda a: not a.positions)

    with_page(play, BLOCKS)


def test_the_page_is_for_browsers_and_the_bare_address_stays_the_nodes() -> None:
    async def play(page: Page) -> None:
        url = page.venue.url + "/"
        async with ClientSession() as session:
            async with session.get(url, headers={"Accept": "text/html,*/*;q=0.8"}) as answer:
                assert answer.content_type != "application/json"
                assert (answer.status == 200) == is_built()
            async with session.get(url) as answer:
                assert "status" in (await answer.json())["methods"]
            async with session.ws_connect(url) as socket:
                assert (await socket.receive_json(timeout=PATIENCE_S))["type"] == "connected"

    with_page(play, BLOCKS)
