"""A sandbox that follows another over sockets: prices, depth and trades come over, risk is its own.

The followed venue's clock is moved by hand, so that what is compared stands still; the follower's
is a clock in real time whose time the tests give.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from msgspec.structs import replace

from seawall.domain.commands import (
    CancelOrder,
    Deposit,
    ModifyOrder,
    PlaceOrder,
    SetMarketStatus,
    SetOraclePrice,
)
from seawall.domain.enums import MarketStatus, Side
from seawall.domain.mark_steps import MARK_MS
from seawall.engine.book_view import book_levels
from seawall.engine.layout import Limits
from seawall.sandbox.clock import Clock
from seawall.sandbox.followed_feed import (
    FeedError,
    FollowedBook,
    FollowedFeed,
    FoundFeed,
    find_feed,
    followed_markets,
)
from seawall.sandbox.venue import Venue, VenueError, VenueOptions, running_venue
from seawall.venues.port import Desk
from seawall.venues.public_api import PublicApiError
from seawall.venues.public_stream import (
    PublicBook,
    PublicMarkets,
    PublicPrices,
    PublicTrade,
    PublicTrades,
    PublicUpdate,
)
from seawall.venues.registry import DEFAULT_VENUE, wire_of
from tests.command_line import seawall
from tests.sandbox.replay import commands_of, replayed
from tests.sandbox.test_feeds import START, markets
from tests.unit.hl_desk import l1_body, wire
from tests.waiting import Elapsed, until

LIMITS = Limits(accounts=128, positions=1024, orders=4096, levels=4096, nodes=4096)
SOURCE = VenueOptions(markets=("BTC=50000", "ETH=2000"), speed=0, limits=LIMITS, seed=3)
BTC = 0
ROWS = (0, 1)
SIZE_TOLERANCE = 0.2
"""Of a level's size, within which an order of the makers stays as it is."""


class Pair:
    """A venue and one that follows it. ``asked``: the paths that the first was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.elapsed = Elapsed()
        self.first: Venue
        self.second: Venue
        self._nonce = 0

    def recorded(self, desk: Desk) -> web.Application:
        @web.middleware
        async def record(request: web.Request, handler: Any) -> Any:
            self.asked.append(request.path)
            return await handler(request)

        app = wire_of(DEFAULT_VENUE).make_app(desk)
        app.middlewares.append(record)
        return app

    @property
    def feed(self) -> FollowedFeed:
        assert self.second.market.feed is not None
        return self.second.market.feed

    def at(self, venue: Venue, row: int = BTC) -> tuple[int, int]:
        """(oracle, mark) of a market."""
        return venue.market.view.oracle(row), venue.market.view.mark(row)

    async def step(self, ms: int = MARK_MS, share: float = 1.0) -> None:
        """Time passes on both; done when the second has reported the first's oracle prices, that
        of BTC times a share."""

        def expected() -> list[float]:
            markets, factors = self.first.markets, (share, 1.0)
            oracles = [market.to_usd(self.at(self.first, market.row)[0]) for market in markets]
            return [oracle * factor for oracle, factor in zip(oracles, factors, strict=True)]

        def heard() -> bool:
            known = self.feed.prices(self.second.host.now_ms())
            silent = max(self.feed.silent_ms(row) for row in ROWS)
            return silent == 0 and known == pytest.approx(expected())

        def reported() -> bool:
            markets = self.second.markets
            found = [market.to_usd(self.at(self.second, market.row)[0]) for market in markets]
            return found == pytest.approx(expected(), rel=2e-6)

        await self.first.market.advance(ms)
        await until(heard)
        self.elapsed.pass_seconds(ms / 1000)
        await until(reported)

    async def shown(self, levels: int) -> tuple[list[Any], list[Any]]:
        """The nearest levels of both books, (side, price, size), once their prices agree."""

        def agree() -> bool:
            first, second = top(self.first, levels), top(self.second, levels)
            return [each[:2] for each in first] == [each[:2] for each in second]

        self.elapsed.pass_seconds(1)
        await until(agree)
        return top(self.first, levels), top(self.second, levels)

    async def order(self, buys: bool, price: float, size: str, *, reduce: bool = False) -> Any:
        """The status of an immediate order of the second venue's first user."""
        self._nonce = max(self._nonce + 1, self.second.host.now_ms())
        made = wire(BTC, buys, f"{price:.0f}", size, tif="Ioc", reduce=reduce)
        action = {"type": "order", "orders": [made], "grouping": "na"}
        body = l1_body(self.second.users[0].private_key, action, self._nonce)
        found = await post(self.second, "/exchange", body)
        assert found["status"] == "ok", found
        return found["response"]["data"]["statuses"][0]

    async def state(self) -> Any:
        user = self.second.users[0].address
        return await post(self.second, "/info", {"type": "clearinghouseState", "user": user})


def traded(venue: Venue) -> dict[Side, int]:
    """What takers bought and sold of BTC so far."""
    fills = venue.host.history.trades(BTC, 1000)
    return {side: sum(fill.size for fill in fills if fill.side == side) for side in Side}


def top(venue: Venue, levels: int) -> list[Any]:
    sides = book_levels(venue.host.engine, BTC, levels)
    return [(side, price, size) for side, rows in enumerate(sides) for price, size, _ in rows]


async def post(venue: Venue, path: str, body: Any) -> Any:
    async with ClientSession() as session, session.post(venue.url + path, json=body) as answer:
        return json.loads(await answer.read())


async def status(venue: Venue) -> Any:
    async with ClientSession() as session, session.get(venue.url + "/control/status") as answer:
        return (await answer.json())["markets"][BTC]


def follow(play: Callable[[Pair], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        pair = Pair()
        async with running_venue(SOURCE, pair.recorded) as pair.first:
            second = VenueOptions(
                feed=pair.first.url, markets=("BTC", "ETH"), limits=LIMITS, seed=5, **options
            )
            clock = Clock(1.0, elapsed_ns=pair.elapsed)
            async with running_venue(second, clock=clock) as pair.second:
                await play(pair)

    asyncio.run(run())


def test_prices_depth_and_trades_come_over() -> None:
    async def play(pair: Pair) -> None:
        for _ in range(4):
            await pair.step()
        first, second = await pair.shown(10)
        assert len(first) == 20
        sizes = [there[2] for there in first]
        assert [here[2] for here in second] == pytest.approx(sizes, rel=SIZE_TOLERANCE)
        oracle, mark = pair.at(pair.first)
        assert pair.at(pair.second)[0] == oracle
        assert pair.at(pair.second)[1] == pytest.approx(mark, rel=1e-4)
        # Fills of one order there are one order here.
        there = traded(pair.first)
        assert there[Side.BUY] + there[Side.SELL] > 0
        for _ in range(20):
            if traded(pair.second) == there:
                break
            await until(lambda: pair.feed.silent_ms(BTC) == 0)
            pair.elapsed.pass_seconds(1)
        assert traded(pair.second) == there

    follow(play)


def test_clients_trade_here_and_nothing_is_sent_there() -> None:
    async def play(pair: Pair) -> None:
        await pair.step()
        before = pair.first.host.engine.state_hash()
        view = pair.second.market.view
        ask = view.best(BTC, Side.SELL)
        found = await pair.order(True, ask / 10 * 1.01, "1.5")
        assert float(found["filled"]["totalSz"]) == 1.5
        position = (await pair.state())["assetPositions"][0]["position"]
        assert (position["coin"], position["szi"]) == ("BTC", "1.5")
        # The makers lean against what they sold, so the price has moved here, and only here.
        pair.elapsed.pass_seconds(3)
        await until(lambda: view.best(BTC, Side.SELL) > ask)
        assert pair.first.host.engine.state_hash() == before
        assert set(pair.asked) == {"/info", "/ws"}

    follow(play)


def test_a_crash_there_liquidates_accounts_here() -> None:
    async def play(pair: Pair) -> None:
        await pair.step()
        ask = pair.second.market.view.best(BTC, Side.SELL)
        # 20 times the 100,000 USD that the account has.
        assert "filled" in await pair.order(True, ask / 10 * 1.01, "38")
        first = pair.first
        await first.market.change(lambda: first.market.world.set_price(BTC, 47_000.0))
        await pair.step()

        async def is_flat() -> bool:
            return not (await pair.state())["assetPositions"]

        for _ in range(20):
            if await is_flat():
                break
            await pair.step()
        assert await is_flat()
        user = pair.second.host.directory.row_of(pair.second.users[0].address)
        kinds = {record.kind for record in pair.second.host.history.ledger(user)}
        assert "liquidation" in kinds
        assert set(pair.asked) == {"/info", "/ws"}

    follow(play)


def test_a_feed_that_falls_silent_freezes_new_risk_until_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And its log gives the same state again, without any feed."""
    caplog.set_level(logging.WARNING)

    async def play() -> None:
        pair = Pair()
        clock = Clock(1.0, elapsed_ns=pair.elapsed)
        async with running_venue(SOURCE, pair.recorded) as pair.first:
            port, url = pair.first.port, pair.first.url
            options = VenueOptions(feed=url, limits=LIMITS, seed=5, data=tmp_path)
            second = running_venue(options, clock=clock)
            pair.second = await second.__aenter__()
            await pair.step()
            ask = pair.second.market.view.best(BTC, Side.SELL)
            assert "filled" in await pair.order(True, ask / 10 * 1.01, "0.5")
            assert not (await status(pair.second))["stale"]
        try:
            await _without_source(pair)
            assert "the feed is cut off" in caplog.text
            assert "BTC: no news for 10 s: the feed is stale" in caplog.text
            again = VenueOptions(
                markets=("BTC=48000", "ETH=2000"), speed=0, limits=LIMITS, seed=4, port=port
            )
            async with running_venue(again, pair.recorded) as pair.first:
                await _with_source_again(pair)
            assert "BTC: news again: the feed is live" in caplog.text
        finally:
            await second.__aexit__(None, None, None)
        engine = pair.second.host.engine
        assert replayed(tmp_path, engine.instruments, LIMITS).state_hash() == engine.state_hash()
        _opened_with_new_quotes(tmp_path)

    asyncio.run(play())


async def _without_source(pair: Pair) -> None:
    view = pair.second.market.view
    pair.elapsed.pass_seconds(11)
    await until(lambda: view.status(BTC) == MarketStatus.REDUCE_ONLY_ONLY)
    shown = await status(pair.second)
    assert shown["stale"]
    assert shown["staleSinceMs"] <= pair.second.host.now_ms() - 10_000
    bid, ask = (view.best(BTC, side) / 10 for side in (Side.BUY, Side.SELL))
    refused = await pair.order(True, ask * 1.01, "0.1")
    assert "Only reduce-only orders are accepted while the price feed" in refused["error"]
    assert "filled" in await pair.order(False, bid * 0.99, "0.2", reduce=True)
    assert (await pair.state())["assetPositions"][0]["position"]["szi"] == "0.3"
    marked = pair.second.host.engine.tables["markets"]["mark_updated_ms"]
    before = marked.tolist()
    pair.elapsed.pass_seconds(60)
    await until(lambda: pair.second.host.engine.clock_ms >= pair.second.host.now_ms())
    assert marked.tolist() == before, "the mark stands while the oracle is silent"


async def _with_source_again(pair: Pair) -> None:
    view = pair.second.market.view
    await until(lambda: view.status(BTC) == MarketStatus.OPEN)
    await until(lambda: not pair.feed.is_stale(1))
    await pair.step()
    assert pair.at(pair.second)[1] == pytest.approx(480_000, rel=0.01)
    ask = view.best(BTC, Side.SELL) / 10
    assert ask == pytest.approx(48_000, rel=0.01)
    assert "filled" in await pair.order(True, ask * 1.01, "0.1")
    assert not (await status(pair.second))["stale"]


def _opened_with_new_quotes(folder: Path) -> None:
    """Nothing comes between the opening of BTC and its new quotes and price."""
    commands = commands_of(folder)
    opening = SetMarketStatus(commands[-1].time_ms, BTC, MarketStatus.OPEN)
    place = next(
        place
        for place, command in enumerate(commands)
        if command == replace(opening, time_ms=command.time_ms)
    )
    end = next(
        place + 1 + number
        for number, command in enumerate(commands[place + 1 :])
        if isinstance(command, SetOraclePrice)
    )
    between = commands[place + 1 : end]
    quotes = (ModifyOrder, PlaceOrder, CancelOrder)
    assert len([each for each in between if isinstance(each, quotes)]) >= 20
    assert {each.time_ms for each in between} == {commands[place].time_ms}
    assert all(isinstance(each, (*quotes, Deposit)) for each in between)


def test_what_control_sets_is_a_factor_on_the_feed() -> None:
    async def play(pair: Pair) -> None:
        await pair.step()
        async with ClientSession() as session:
            url = pair.second.url + "/control/"

            async def call(path: str, **body: Any) -> tuple[int, str]:
                async with session.post(url + path, json=body) as answer:
                    return answer.status, await answer.text()

            assert (await call("shock", market="BTC", move="-10%", instant=True))[0] == 200
            there, here = pair.at(pair.first)[0], pair.at(pair.second)[0]
            assert here == pytest.approx(0.9 * there, abs=1)
            bid = pair.second.market.view.best(BTC, Side.BUY)
            assert bid == pytest.approx(0.9 * pair.first.market.view.best(BTC, Side.BUY), rel=1e-4)
            await pair.step(share=0.9)
            for path, body in (
                ("time/advance", {"seconds": 5}),
                ("time/speed", {"speed": 20}),
                ("time/pause", {}),
            ):
                code, text = await call(path, **body)
                assert (code, "runs in real time" in text) == (400, True)

    follow(play)


def test_a_restart_goes_on_at_the_present_price(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    async def play() -> None:
        pair = Pair()
        async with running_venue(SOURCE, pair.recorded) as pair.first:
            options = VenueOptions(feed=pair.first.url, limits=LIMITS, seed=5, data=tmp_path)
            async with running_venue(options) as pair.second:
                assert [market.name for market in pair.second.markets] == ["BTC", "ETH"]
                assert pair.at(pair.second)[0] == 500_000
            first = pair.first
            await first.market.change(lambda: first.market.world.set_price(BTC, 51_000.0))
            known = len(commands_of(tmp_path))
            async with running_venue(options) as pair.second:
                assert pair.at(pair.second)[0] == 510_000
                assert pair.second.market.view.best(BTC, Side.SELL) > 509_000
            assert "prices go on where the followed venue is: BTC 50000 -> 51000" in caplog.text
        kinds = [type(command) for command in commands_of(tmp_path)[known:]]
        assert kinds.index(ModifyOrder) < kinds.index(SetOraclePrice), "no old quote is met"

    asyncio.run(play())


def test_builders_markets_are_followed_and_a_revert_goes_on_with_the_feed(tmp_path: Path) -> None:
    """A builder's market keeps the terms that it had at the first start, whatever its price."""

    async def play() -> None:
        pair = Pair()
        source = replace(SOURCE, markets=("BTC=50000", "xyz:GOLD=999"))
        async with running_venue(source) as pair.first:
            first = pair.first
            options = VenueOptions(
                feed=first.url, markets=("BTC", "xyz:GOLD"), limits=LIMITS, data=tmp_path
            )
            async with running_venue(options) as pair.second:
                assert pair.second.market.view.oracle(1) == first.market.view.oracle(1)
            await first.market.change(lambda: first.market.world.set_price(1, 1_100.0))
            async with running_venue(replace(options, markets=())) as pair.second:
                gold = pair.second.markets[1]
                assert gold.to_usd(pair.second.market.view.oracle(1)) == 1_100.0
                await pair.second.market.change(
                    lambda: pair.second.market.world.set_price(1, 500.0)
                )
                assert gold.to_usd(pair.second.market.view.oracle(1)) == 500.0
                await pair.second.market.revert("start")
                await until(lambda: gold.to_usd(pair.second.market.view.oracle(1)) == 1_100.0)

    asyncio.run(play())


# -- without another venue -------------------------------------------------------------------------


class Scripted:
    """A reader whose connections do what a test says, one after the other."""

    url = "script"

    def __init__(self, *lives: list[PublicUpdate]) -> None:
        self.lives = list(lives)
        self.done = asyncio.Event()

    async def markets(self, names: Any) -> PublicMarkets:
        raise PublicApiError("script: cannot be reached: refused")

    async def book(self, market: str) -> PublicBook:
        return PublicBook(market, [], [], reaches_far=True)

    async def follow(self, names: Any, hear: Callable[[PublicUpdate], None]) -> None:
        if not self.lives:
            self.done.set()
            await asyncio.Event().wait()
        for update in self.lives.pop(0):
            hear(update)
        raise PublicApiError("script: the connection ended")


def prices(oracle: float, mid: float | None = None) -> PublicPrices:
    return PublicPrices("BTC", oracle, oracle, mid)


def test_connections_are_tried_again_less_and_less_often() -> None:
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    async def run() -> None:
        reader = Scripted([], [], [], [], [], [], [], [prices(110.0)], [])
        feed = FollowedFeed(reader, markets("BTC=100"), [prices(100.0)], lambda: START, pause=pause)
        feed.start()
        await reader.done.wait()
        await feed.stop()
        assert feed.prices(START) == [110.0]

    asyncio.run(run())
    assert waits == [1, 2, 4, 8, 16, 30, 30, 1, 2]


def test_a_market_is_stale_without_prices_or_without_a_book() -> None:
    now = [START]
    feed = FollowedFeed(Scripted(), markets("BTC=100"), [prices(100.0)], lambda: now[0])
    now[0] += 10_000
    assert not feed.is_stale(BTC)
    now[0] += 1
    assert feed.is_stale(BTC)
    feed.hear(PublicTrades("BTC", [PublicTrade(Side.BUY, 100.0, 1.0, START)]))
    feed.hear(prices(101.0))
    assert feed.is_stale(BTC), "the book is old"
    feed.hear(PublicBook("BTC", [(99.0, 1.0)], []))
    assert not feed.is_stale(BTC)
    assert feed.take_trades(BTC) == [], "trades of a stale market are not replayed later"


def test_a_factor_lasts_until_prices_begin_anew() -> None:
    feed = FollowedFeed(Scripted(), markets("BTC=100"), [prices(100.0, 101.0)], lambda: START)
    feed.move(BTC, 0.5)
    assert feed.prices(START) == [50.0]
    assert feed.mid_premium(BTC) == pytest.approx(0.01)
    feed.begin(START, [50.0])
    assert feed.prices(START) == [100.0]


def test_far_levels_begin_where_the_near_ones_end() -> None:
    book = FollowedBook()
    book.hear(PublicBook("BTC", [(99, 1), (98, 1), (90, 5)], [(101, 1), (110, 5)], True))
    book.hear(PublicBook("BTC", [(99.5, 2), (98, 2)], [(100, 2)]))
    assert book.bids() == [(99.5, 2), (98, 2), (90, 5)]
    assert book.asks() == [(100, 2), (101, 1), (110, 5)]


def test_a_feed_that_does_not_answer_is_given_up_after_some_tries() -> None:
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    with pytest.raises(FeedError, match=r"feed: .*:1/info: cannot be reached: .* \(3 tries\)"):
        asyncio.run(find_feed("http://127.0.0.1:1", [], pause))
    assert waits == [1, 1]


def test_markets_begin_where_the_feed_is_with_as_many_digits_as_they_have() -> None:
    names = {"BTC": 999.126, "NEW": 0.00412341, "xyz:GOLD": 4012.3456}
    found = FoundFeed(
        Scripted(),
        PublicMarkets({name: PublicPrices(name, at, at, at) for name, at in names.items()}, {}),
    )
    terms = {market.name: market.instrument for market in markets("BTC")}
    assert followed_markets(found, [], terms) == ("BTC=999.1",)
    asked = ["NEW", "xyz:GOLD", "BTC=5"]
    assert followed_markets(found, asked, terms) == ("NEW=0.004123", "xyz:GOLD=4012.3", "BTC=5")
    with pytest.raises(FeedError, match=r"'OLD' should be markets that trade at script: BTC, NEW"):
        followed_markets(found, ["BTC", "OLD"], terms)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--feed", "http://127.0.0.1:1", "--speed", "x20"], "--speed: 'x20' should be real"),
        (["--feed", "http://127.0.0.1:1", "--markets", "BTC=1"], "should be names alone"),
        (["--feed", "ftp://127.0.0.1"], "should be a URL such as"),
        (["--feed", "nowhere"], "hyperliquid, hyperliquid-testnet, a URL or a file that exists"),
    ],
)
def test_what_cannot_be_followed_is_refused(more: list[str], expected: str) -> None:
    found = seawall("up", "--port", "0", *more)
    assert found.returncode == 2
    assert expected in found.stderr


def test_a_market_that_is_not_there_is_refused() -> None:
    async def run() -> None:
        async with running_venue(SOURCE) as first:
            options = VenueOptions(feed=first.url, markets=("BTC", "DOGE"), limits=LIMITS)
            with pytest.raises(FeedError, match=r"markets: 'DOGE' should be .* BTC, ETH"):
                async with running_venue(options):
                    pass
            with pytest.raises(VenueError, match="speed: 'x20' should be real"):
                async with running_venue(VenueOptions(feed=first.url, speed=20.0)):
                    pass

    asyncio.run(run())
