"""An account of a venue that runs elsewhere: read over its public API, mirrored, never traded.

The venue is a sandbox on another port, asked as the real one is: by HTTP and websocket.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import structs

from seawall.sandbox.venue import Venue, VenueOptions, bind, running_venue
from seawall.terminal import mirrored, protocol
from seawall.terminal.address import STALE_MS, AddressStage, open_address
from seawall.terminal.app import mounted
from seawall.terminal.serve import served
from seawall.venues.gateway_port import ACCOUNT, ORDERS
from seawall.venues.registry import VENUES
from tests.command_line import seawall
from tests.terminal.page import MANUAL, Page, page_at
from tests.waiting import PATIENCE_S

HYPERLIQUID = VENUES["hyperliquid"]
DYDX = "dydx199tqg4wdlnu4qjlxchpd7seg454937hjrknju4"


class Pair(NamedTuple):
    """The sandbox's own page, which trades, and the page of the same account that is only read."""

    own: Page
    read: Page
    stage: AddressStage
    venue: Venue

    @property
    def address(self) -> str:
        return self.venue.users[0].address


def with_address(
    play: Callable[[Pair], Awaitable[None]],
    before: Callable[[Page], Awaitable[None]],
    options: VenueOptions = MANUAL,
) -> None:
    """``before``: what the account does at the venue before it is read."""

    async def run() -> None:
        async with (
            asyncio.timeout(PATIENCE_S),
            running_venue(options, mount=mounted()) as venue,
            page_at(venue.url) as own,
        ):
            own.venue = venue
            await before(own)
            stage = await open_address(HYPERLIQUID, venue.users[0].address, venue.url)
            async with (
                served(stage, bind("127.0.0.1", 0)) as url,
                page_at(url) as read,
            ):
                await play(Pair(own, read, stage, venue))

    asyncio.run(run())


async def trade(page: Page) -> None:
    """A cross and an isolated position, resting orders of every kind, margin that they hold."""
    await page.place(market="BTC", side="buy", kind="market", size="4")
    await page.ask(protocol.SetLeverage("ETH", 20, "isolated"), protocol.Done)
    await page.place(market="ETH", side="sell", kind="market", size="20")
    await page.place(market="BTC", side="buy", kind="post_only", size="0.25", price="48000")
    await page.place(market="BTC", side="sell", kind="limit", size="0.1", price="50500")
    await page.place(
        market="BTC", side="sell", kind="stop_market", size="1", trigger_price="45000",
        reduce_only=True,
    )  # fmt: skip
    await page.place(
        market="BTC", side="sell", kind="take_limit", size="1", trigger_price="60000",
        price="59900", reduce_only=True,
    )  # fmt: skip


def test_it_shows_the_account_as_the_venue_has_it() -> None:
    async def play(pair: Pair) -> None:
        first = await pair.read.read()
        assert isinstance(first, protocol.Snapshot)
        assert first.source == "address"
        assert [each.address for each in first.accounts] == [pair.address]
        assert not any(each.may_trade for each in first.accounts)
        theirs = await pair.own.settled()
        ours = await pair.read.account(
            # Not before the books of both are read.
            lambda a: len(a.positions) == 2 and {p.closing.unfilled for p in a.positions} == {"0"}
        )
        for name in ("value", "unrealised", "used", "available", "maintenance", "taker_fee"):
            assert getattr(ours, name) == getattr(theirs, name), name
        assert [each.id for each in ours.buckets] == [each.id for each in theirs.buckets]
        for mine, venues in zip(ours.buckets, theirs.buckets, strict=True):
            stated = None if mine.is_isolated else "0"
            assert mine.reported == protocol.ReportedBucket("0", stated)
            assert mine.boundaries == venues.boundaries
            assert (mine.equity, mine.free, mine.holds) == (
                venues.equity,
                venues.free,
                venues.holds,
            )
        for held, there in zip(ours.positions, theirs.positions, strict=True):
            assert held.reported is not None
            assert held.reported.agrees
            assert held.reported.liquidation_price is not None
            for name in (
                "size", "entry_price", "break_even", "liquidation_price", "unrealised", "leverage",
                "mode", "closing", "isolated_equity", "funding_paid",
            ):  # fmt: skip
                assert getattr(held, name) == getattr(there, name), name
            # Who else is in the queue is not published.
            assert (held.rank, held.ranked) == (None, None)

        def of(order: protocol.Order) -> object:
            size, price = Decimal(order.size), Decimal(order.price)
            return order.id, order.kind, order.side, size, price, order.placed_ms

        assert list(map(of, ours.orders)) == list(map(of, theirs.orders))

    with_address(play, trade)


def test_it_follows_the_account_and_its_markets() -> None:
    async def play(pair: Pair) -> None:
        await pair.read.account(lambda a: len(a.positions) == 2)
        await pair.own.place(market="BTC", side="sell", kind="market", size="1")
        found = await pair.read.account(lambda a: any(p.size == "3" for p in a.positions))
        assert {each.size for each in found.positions} == {"3", "-20"}
        theirs_of = await pair.own.surface(
            protocol.History, lambda h: bool(h.fills) and h.fills[0].size == "1"
        )
        fills = sorted(theirs_of.fills, key=lambda each: (-each.time_ms, -each.id))
        history = await pair.read.surface(protocol.History, lambda h: len(h.fills) == len(fills))
        assert list(history.fills) == fills
        assert Decimal(fills[0].closed_profit) < 0
        for order in (await pair.own.settled()).orders:
            await pair.own.ask(protocol.CancelOrder(order.id), protocol.Done)
        await pair.read.account(lambda a: not a.orders)
        # A price that moves is in the value, in the trades and in the candles.
        await pair.own.control("price", market="BTC", price=51000)
        await pair.own.control("advance", seconds=1)
        theirs = await pair.own.settled()
        moved = await pair.read.account(lambda a: a.value == theirs.value)
        assert moved.positions[0].mark == theirs.positions[0].mark
        await pair.own.place(market="BTC", side="sell", kind="market", size="0.5")
        trades = await pair.read.surface(protocol.Trades, lambda t: bool(t.trades))
        assert trades.trades[0].side == "sell"

    with_address(play, trade)


def test_its_book_has_the_depth_and_the_own_orders_of_the_venues() -> None:
    async def play(pair: Pair) -> None:
        book = await pair.read.surface(protocol.Book, lambda b: bool(b.bids) and bool(b.asks))
        await pair.own.settled()
        theirs = await pair.own.surface(protocol.Book, lambda b: any(o.own != "0" for o in b.asks))

        def of(levels: tuple[protocol.Level, ...]) -> list[tuple[str, str, str]]:
            return [(each.price, each.size, each.own) for each in levels[:20]]

        assert of(book.bids) == of(theirs.bids)
        assert of(book.asks) == of(theirs.asks)
        assert any(each.own != "0" for each in book.bids)
        # What an order would do is asked of the mirrored book.
        ticket = protocol.Ticket("BTC", "buy", "market", "0.5")
        ours = await pair.read.ask(protocol.PreviewOrder(ticket), protocol.Preview)
        there = await pair.own.ask(protocol.PreviewOrder(ticket), protocol.Preview)
        assert (ours.average_price, ours.fee, ours.liquidation_after, ours.margin) == (
            there.average_price, there.fee, there.liquidation_after, there.margin,
        )  # fmt: skip

    with_address(play, trade)


def test_a_book_that_there_is_no_room_for_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(pair: Pair) -> None:
        monkeypatch.setattr(mirrored, "MOST_BOOKS", 1)

        def is_said(venue: protocol.Venue) -> bool:
            assert venue.reading is not None
            return any("no more than 1 books" in each for each in venue.reading.troubles)

        await pair.read.surface(protocol.Venue, is_said)

    with_address(play, trade)


def test_another_market_is_followed_once_a_page_looks_at_it() -> None:
    async def play(pair: Pair) -> None:
        reading = (await pair.read.surface(protocol.Venue, lambda v: v.reading is not None)).reading
        assert reading is not None
        await pair.read.ask(protocol.Watch(market="SOL", interval="5m"), protocol.Done)

        def is_read(venue: protocol.Venue) -> bool:
            inputs = venue.reading.inputs if venue.reading is not None else ()
            names = [each.name for each in inputs if not each.is_stale]
            return {"prices SOL", "book SOL", "candles SOL 5m", "all markets"} <= set(names)

        await pair.read.surface(protocol.Venue, is_read)
        book = await pair.read.surface(protocol.Book, lambda b: b.market == "SOL" and bool(b.bids))
        assert book.spread is not None
        rows = (await pair.read.surface(protocol.Markets, lambda m: bool(m.rows))).rows
        sol = next(each for each in rows if each.name == "SOL")
        theirs = (await pair.own.surface(protocol.Markets, lambda m: bool(m.rows))).rows
        there = next(each for each in theirs if each.name == "SOL")
        assert (sol.mark, sol.oracle, sol.bid) == (there.mark, there.oracle, there.bid)
        # Looked at no more, it is followed no more.
        await pair.read.ask(protocol.Watch(market="BTC"), protocol.Done)
        state = pair.stage._reader.state
        while "SOL" in state().books:  # type: ignore[union-attr]
            await pair.read.read()

    async def nothing(page: Page) -> None:
        await page.place(market="BTC", side="buy", kind="market", size="0.1")

    markets = ("BTC=50000", "ETH=2000", "SOL=150")
    with_address(play, nothing, structs.replace(MANUAL, markets=markets))


def test_candles_are_those_of_the_venue() -> None:
    async def play(pair: Pair) -> None:
        found = await pair.read.surface(protocol.Candles, lambda c: bool(c.candles))
        await pair.own.ask(protocol.Resynchronise(), protocol.Done)
        theirs = await pair.own.surface(protocol.Candles, lambda c: c.is_whole)
        assert found.candles == theirs.candles

    async def minutes(page: Page) -> None:
        for price in (50100, 50300, 49900):
            await page.control("price", market="BTC", price=price)
            await page.control("advance", seconds=60)
            await page.place(market="BTC", side="buy", kind="market", size="0.1")

    with_address(play, minutes)


def test_a_what_if_is_what_stress_says_of_the_address() -> None:
    async def play(pair: Pair) -> None:
        await pair.read.account(lambda a: len(a.positions) == 2)
        ask = protocol.AskWhatIf("-0.15", afterwards=True)
        found = await pair.read.ask(ask, protocol.WhatIf)
        assert found.afterwards is not None
        done = await asyncio.to_thread(
            seawall, "stress", pair.address, "--at", pair.venue.url, "--shock=-15", "--json"
        )
        assert done.returncode == 0, done.stderr
        rows = json.loads(done.stdout)["shocks"]
        row = next(each for each in rows if each["move"] == "all together")
        assert Decimal(found.lost) > 0
        assert Decimal(found.afterwards.equity) == Decimal(row["left"])

    with_address(play, trade)


def test_nothing_can_be_traded() -> None:
    async def play(pair: Pair) -> None:
        before = pair.venue.host.engine.sequence
        for request in (
            protocol.PlaceOrder(protocol.Ticket("BTC", "buy", "market", "1")),
            protocol.CancelAll(),
            protocol.ClosePosition("BTC"),
            protocol.SetLeverage("BTC", 5),
            protocol.Control("pause"),
            protocol.Play(step=1),
        ):
            refused = await pair.read.ask(request, protocol.Refused)
            assert refused.expected == "asked of a venue that runs here; this account is only read"
        assert pair.venue.host.engine.sequence == before

    with_address(play, trade)


def test_a_venue_that_is_gone_is_said_and_its_last_figures_grow_old() -> None:
    async def run() -> None:
        async with asyncio.timeout(PATIENCE_S), AsyncExitStack() as stack:
            venue = await stack.enter_async_context(running_venue(MANUAL, mount=mounted()))
            async with page_at(venue.url) as own:
                await trade(own)
            stage = await open_address(HYPERLIQUID, venue.users[0].address, venue.url)
            async with served(stage, bind("127.0.0.1", 0)) as url, page_at(url) as read:
                account = await read.account(lambda a: len(a.positions) == 2)
                await read.surface(
                    protocol.Venue, lambda v: v.reading is not None and v.reading.is_live
                )
                await stack.aclose()
                gone = await read.surface(
                    protocol.Venue, lambda v: v.reading is not None and not v.reading.is_live
                )
                assert gone.reading is not None
                assert any(venue.url.split("/")[-1] in each for each in gone.reading.troubles)
                old = await read.surface(
                    protocol.Venue,
                    lambda v: v.reading is not None and all(
                        each.is_stale for each in v.reading.inputs if each.name in (ACCOUNT, ORDERS)
                    ),
                )  # fmt: skip
                assert old.reading is not None
                ages = {each.name: each.age_ms for each in old.reading.inputs}
                assert ages[ACCOUNT] is not None
                assert ages[ACCOUNT] > STALE_MS
                assert (await read.account()).value == account.value

    asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("0x12", (), "'0x12' is no address: 0x and 40 hexadecimal digits, this has 2 characters"),
        ("missing.journal", (), "should be an address, or the file of a recording"),
        ("0x" + "a" * 40, ("--at", "ftp://x"), "--at: 'ftp://x' should be a URL"),
        ("0x" + "a" * 40, ("--at", "http://127.0.0.1:1"), "cannot be reached"),
        (DYDX, (), "an address of hyperliquid: other accounts are not shown yet"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, options: tuple[str, ...], said: str) -> None:
    done = seawall("terminal", text, *options, "--port", "0")
    assert done.returncode == 2
    assert said in done.stderr


def test_options_of_an_address_are_refused_for_a_recording(tmp_path: Path) -> None:
    journal = tmp_path / "some.journal"
    journal.write_text("no journal")
    for name in ("--at", "--guard"):
        done = seawall("terminal", journal, name, "something")
        assert done.returncode == 2
        assert f"{name}: 'something' should be left out" in done.stderr
