"""The account's figures are those that the venue's own wire shows, to the last digit."""

from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientSession

from seawall.terminal import protocol
from tests.terminal.page import Page, with_page


async def clearinghouse(page: Page) -> Any:
    address = (await page.account()).address
    body = {"type": "clearinghouseState", "user": address}
    async with (
        ClientSession() as session,
        session.post(page.venue.url + "/info", json=body) as answer,
    ):
        return await answer.json()


def same(ours: str | None, theirs: str | None) -> bool:
    return ours == theirs or Decimal(ours or "nan") == Decimal(theirs or "nan")


def test_the_account_is_that_of_the_wire() -> None:
    async def play(page: Page) -> None:
        await page.place(market="BTC", side="buy", kind="market", size="1.5")
        await page.ask(protocol.SetLeverage("ETH", 20, "isolated"), protocol.Done)
        await page.place(market="ETH", side="sell", kind="market", size="20")
        await page.place(market="BTC", side="buy", kind="limit", size="0.5", price="48000")
        await page.control("price", market="BTC", price="50700")
        ours = await page.settled()
        theirs = await clearinghouse(page)
        # Of the wire's state as it is now: nothing moves under a clock that stands still.
        assert same(ours.value, theirs["marginSummary"]["accountValue"])
        assert same(ours.buckets[0].equity, theirs["crossMarginSummary"]["accountValue"])
        assert same(ours.buckets[0].maintenance_margin, theirs["crossMaintenanceMarginUsed"])
        assert same(ours.buckets[0].withdrawable, theirs["withdrawable"])
        rows = {each["position"]["coin"]: each["position"] for each in theirs["assetPositions"]}
        assert set(rows) == {each.market for each in ours.positions}
        for each in ours.positions:
            row = rows[each.market]
            assert same(each.size, row["szi"])
            assert same(each.liquidation_price, row["liquidationPx"])
            assert same(each.unrealised, row["unrealizedPnl"])
            assert each.leverage == row["leverage"]["value"]
            assert same(each.notional, row["positionValue"])
        assert Decimal(ours.buckets[0].holds) > 0
        assert ours.used == str(
            sum(Decimal(b.initial_margin) + Decimal(b.holds) for b in ours.buckets)
        )

    with_page(play)


def test_boundaries_are_where_the_bucket_is_empty_and_liquidated() -> None:
    async def play(page: Page) -> None:
        await page.ask(protocol.SetLeverage("BTC", 20, "isolated"), protocol.Done)
        await page.place(market="BTC", side="buy", kind="market", size="1")
        account = await page.account(lambda a: bool(a.positions))
        bucket = next(each for each in account.buckets if each.is_isolated)
        found = bucket.boundaries
        assert found is not None
        assert found.side == "buy"
        empty, there, initial = (
            Decimal(x or 0) for x in (found.empty, found.maintenance, found.initial)
        )
        assert empty < there < Decimal(account.positions[0].mark) < initial < 51000
        move = empty / Decimal(account.positions[0].mark) - 1
        gone = await page.ask(
            protocol.AskWhatIf(moves={"BTC": str(round(move, 9))}), protocol.WhatIf
        )
        left = next(each for each in gone.buckets if each.id == "BTC")
        assert abs(Decimal(left.equity)) < 1

    with_page(play)


@pytest.mark.parametrize("mode", ["cross", "isolated"])
@pytest.mark.parametrize(("side", "has_price"), [("buy", False), ("sell", True)])
def test_boundaries_at_leverage_1(mode: protocol.ModeName, side: str, has_price: bool) -> None:
    """A long's initial margin then moves as its equity does: no price is where they meet."""

    async def play(page: Page) -> None:
        await page.ask(protocol.SetLeverage("BTC", 1, mode), protocol.Done)
        await page.place(market="BTC", side=side, kind="market", size="0.1")
        account = await page.account(lambda a: bool(a.positions))
        found = next(each.boundaries for each in account.buckets if each.position_markets)
        assert found is not None
        assert (found.initial is not None) == has_price

    with_page(play)


def test_a_position_says_what_closing_it_would_eat() -> None:
    async def play(page: Page) -> None:
        await page.place(market="BTC", side="buy", kind="market", size="1.5")
        said = (await page.position("BTC")).closing
        done = await page.ask(protocol.ClosePosition("BTC"), protocol.Placed)
        assert done.orders[0].average_price == said.average_price
        assert said.unfilled == "0"

    with_page(play)
