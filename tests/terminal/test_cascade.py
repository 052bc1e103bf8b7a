"""Liquidations as they happen: a shock that liquidates one bucket and leaves the other."""

from decimal import Decimal

from seawall.terminal import protocol
from tests.terminal.page import Page, with_page


def test_a_shock_liquidates_the_isolated_position_and_leaves_the_pool() -> None:
    async def play(page: Page) -> None:
        await page.place(market="ETH", side="buy", kind="market", size="5")
        await page.ask(protocol.SetLeverage("BTC", 40, "isolated"), protocol.Done)
        await page.place(market="BTC", side="buy", kind="market", size="1")
        await page.position("BTC")
        await page.control("price", market="BTC", price="47000")
        await page.control("advance", seconds=60)
        account = await page.account(lambda a: [p.market for p in a.positions] == ["ETH"])
        assert Decimal(account.buckets[0].equity) > 90_000
        shown = await page.surface(
            protocol.Cascade, lambda c: any(e.is_own and e.kind == "ended" for e in c.events)
        )
        own = [each for each in shown.events if each.is_own]
        assert {each.bucket for each in own} == {"BTC"}
        assert own[-1].kind == "started"
        assert shown.liquidations >= 1
        closed = Decimal(shown.liquidated_notional) + Decimal(shown.backstop_notional)
        assert closed + Decimal(shown.deleveraged_notional) > 0
        assert any(each.kind == "liquidated" for each in page.notices)
        history = await page.surface(
            protocol.History, lambda h: any(f.origin != "order" for f in h.fills)
        )
        assert history.fills[0].market == "BTC"

    with_page(play)


def test_a_shock_liquidates_the_pool_and_leaves_the_isolated_position() -> None:
    async def play(page: Page) -> None:
        await page.place(market="BTC", side="buy", kind="market", size="39")
        await page.ask(protocol.SetLeverage("ETH", 2, "isolated"), protocol.Done)
        await page.place(market="ETH", side="buy", kind="market", size="1")
        before = await page.position("BTC")
        await page.position("ETH")
        target = Decimal(before.liquidation_price or 0) - 300
        await page.control("price", market="BTC", price=str(target.quantize(Decimal(1))))
        await page.control("advance", seconds=120)
        await page.account(lambda a: [p.market for p in a.positions] == ["ETH"])
        shown = await page.surface(protocol.Cascade, lambda c: any(e.is_own for e in c.events))
        assert {each.bucket for each in shown.events if each.is_own} == {"cross"}

    with_page(play)


def test_the_queue_and_the_map_show_who_is_there() -> None:
    async def play(page: Page) -> None:
        await page.ask(protocol.SetLeverage("BTC", 40, "isolated"), protocol.Done)
        await page.place(market="BTC", side="buy", kind="market", size="2")
        shown = await page.surface(protocol.Cascade, lambda c: any(each.is_own for each in c.longs))
        assert [each.place for each in shown.longs] == sorted(each.place for each in shown.longs)
        own = next(each for each in shown.longs if each.is_own)
        position = await page.position("BTC")
        assert (position.rank, own.size) == (own.place, "2")
        assert position.ranked >= len(shown.longs)
        # The map is of the others: looked at from another account it holds this position.
        own_map = await page.surface(protocol.LiquidationMap, lambda m: True)
        await page.ask(protocol.Watch(account=page.venue.users[1].address), protocol.Done)
        there = Decimal(position.liquidation_price or 0)

        def holds(found: protocol.LiquidationMap) -> bool:
            return any(b.low <= there <= b.high and b.longs > 90_000 for b in found.bins)

        assert not holds(own_map)
        await page.surface(protocol.LiquidationMap, holds)

    with_page(play)
