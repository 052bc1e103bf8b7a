"""Prices, depth and trades of another venue, followed over its public streams.

Oracle prices and those of perpetuals elsewhere are the followed venue's own (its mark as the
price of outside venues, its mid as what makers quote around). What control sets is a factor on
top. Makers show the followed book, and the followed trades are replayed (``agents/mirror.py``).

A connection that ends is made again, after a second and then twice as long each time, up to half a
minute. A market without news for ``stale_after_s`` is stale: its oracle is silent and its market
takes reduce-only orders only, until news comes.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from seawall.domain.instrument import Instrument
from seawall.domain.units import MONEY_DECIMALS
from seawall.sandbox.markets import DEFAULT_MARKETS, OpenMarket
from seawall.venues.public_api import NotFound, RequestRefused
from seawall.venues.public_stream import (
    Level,
    PublicBook,
    PublicMarkets,
    PublicPrices,
    PublicReader,
    PublicTrade,
    PublicTrades,
    PublicUpdate,
)
from seawall.venues.raw_json import VenueDataError
from seawall.venues.registry import followed_names, public_reader

log = logging.getLogger(__name__)

STALE_AFTER_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
FIRST_TRIES = 3
MOST_SHOWN = 12
"""Markets that an error names."""
MOST_WAITING = 256
"""Trades of a market that wait to be replayed; the oldest are left out."""


class FeedError(VenueDataError):
    """A feed that cannot be followed; the message says what would be right."""


class FoundFeed(NamedTuple):
    """A feed that answers, and its markets."""

    reader: PublicReader
    markets: PublicMarkets


async def find_feed(
    text: str,
    names: Sequence[str],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> FoundFeed:
    """The feed that a user names, with all its own markets and those of the lists of ``names``.

    Raises FeedError for what is no feed, and for one that does not answer after some tries.
    """
    try:
        reader = public_reader(text)
    except VenueDataError as error:
        raise FeedError(f"feed: {error}") from None
    if reader is None:
        known = ", ".join(followed_names())
        expected = f"synthetic, manual, {known}, the URL of a venue or a RecordedPath"
        raise FeedError.of("", "feed", text, expected)
    for left in reversed(range(FIRST_TRIES)):
        try:
            return FoundFeed(reader, await reader.markets(names))
        except (NotFound, RequestRefused) as error:
            raise FeedError(f"feed: {error}; it should be the base URL of a venue") from None
        except VenueDataError as error:
            if not left:
                hint = f"{error} ({FIRST_TRIES} tries); is it up, and is this its base URL?"
                raise FeedError(f"feed: {hint}") from None
        await pause(FIRST_PAUSE_S)
    raise AssertionError("the last try returns or raises")


def followed_markets(
    found: FoundFeed, wanted: Sequence[str], terms: Mapping[str, Instrument]
) -> tuple[str, ...]:
    """``wanted`` (the usual markets for none) with the prices of the feed: texts for
    ``choose_markets``. A price that stands there stays. ``terms``: of markets that are known.

    Raises FeedError for markets that do not trade there.
    """
    prices = found.markets.prices
    usual = [name for name in DEFAULT_MARKETS if name in prices]
    texts = list(wanted) or usual or list(prices)[: len(DEFAULT_MARKETS)]
    missing = [text for text in texts if text.partition("=")[0] not in prices]
    if missing or not texts:
        shown = ", ".join(list(prices)[:MOST_SHOWN]) or "none"
        more = " ..." if len(prices) > MOST_SHOWN else ""
        expected = f"markets that trade at {found.reader.url}: {shown}{more}"
        raise FeedError.of("", "markets", ", ".join(missing), expected)
    return tuple(
        text if "=" in text else f"{text}={_start_price(prices[text].oracle, terms.get(text))}"
        for text in texts
    )


async def begun_feed(
    found: FoundFeed, markets: Sequence[OpenMarket], now_ms: Callable[[], int]
) -> "FollowedFeed":
    """The feed of these markets with its books, ready to be started. Raises FeedError."""
    prices = [found.markets.prices[market.name] for market in markets]
    feed = FollowedFeed(found.reader, markets, prices, now_ms)
    try:
        await feed.read_books()
    except VenueDataError as error:
        raise FeedError(f"feed: {error}") from None
    return feed


def _start_price(price: float, terms: Instrument | None) -> str:
    """To five figures, and as many decimals as the market has."""
    decimals = MONEY_DECIMALS if terms is None else terms.price_decimals
    return format(Decimal(f"{float(f'{price:.5g}'):.{decimals}f}").normalize(), "f")


class FollowedBook:
    """The levels of a market as far as they are known, best first."""

    def __init__(self) -> None:
        self._near: tuple[Sequence[Level], Sequence[Level]] = ((), ())
        self._far: tuple[Sequence[Level], Sequence[Level]] = ((), ())

    def hear(self, book: PublicBook) -> None:
        sides = (book.bids, book.asks)
        if book.reaches_far:
            self._far = sides
        else:
            self._near = sides

    def bids(self) -> list[Level]:
        near, far = self._near[0], self._far[0]
        return [*near, *(level for level in far if not near or level[0] < near[-1][0])]

    def asks(self) -> list[Level]:
        near, far = self._near[1], self._far[1]
        return [*near, *(level for level in far if not near or level[0] > near[-1][0])]


class _Market:
    def __init__(self, market: OpenMarket, prices: PublicPrices) -> None:
        self.market = market
        self.prices = prices
        self.seen = prices
        """As they were at the last look: what is made of them then must fit together."""
        self.book = FollowedBook()
        self.trades: deque[PublicTrade] = deque(maxlen=MOST_WAITING)
        self.factor = 1.0
        self.prices_ms = self.book_ms = 0
        self.is_stale = False


class FollowedFeed:
    """The followed markets, by row. ``prices``: where they stand at the beginning.

    A ``PriceSource``, and what the agents that follow look at. ``now_ms``: the venue's clock, by
    which silences are measured; ``pause``: waits between two connections.
    """

    def __init__(
        self,
        reader: PublicReader,
        markets: Sequence[OpenMarket],
        prices: Sequence[PublicPrices],
        now_ms: Callable[[], int],
        stale_after_s: float = STALE_AFTER_S,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = f"followed {reader.url}"
        self._reader = reader
        self._stale_after_s = stale_after_s
        self._now_ms = now_ms
        self._pause = pause
        self._states = [_Market(*each) for each in zip(markets, prices, strict=True)]
        self._by_name = {state.market.name: state for state in self._states}
        self._heard = 0
        """Updates so far."""
        self._task: asyncio.Task[None] | None = None
        for state in self._states:
            state.prices_ms = state.book_ms = now_ms()

    # -- the connection ----------------------------------------------------------------------------

    async def read_books(self) -> None:
        """Learn the books before anything is quoted. Raises VenueDataError."""
        for name in self._by_name:
            self.hear(await self._reader.book(name))

    def start(self) -> None:
        self._task = asyncio.create_task(self._follow(), name="seawall-feed")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        wait_s = FIRST_PAUSE_S
        while True:
            heard = self._heard
            try:
                await self._reader.follow(list(self._by_name), self.hear)
            except VenueDataError as error:
                reason = str(error)
            except Exception as error:
                log.exception("the feed could not be read")
                reason = repr(error)
            if self._heard > heard:
                wait_s = FIRST_PAUSE_S
            log.warning("the feed is cut off; next try in %g s: %s", wait_s, reason)
            await self._pause(wait_s)
            wait_s = min(LONGEST_PAUSE_S, 2 * wait_s)

    def hear(self, update: PublicUpdate) -> None:
        """Take in what the followed venue publishes."""
        state = self._by_name.get(update.market)
        if state is None:
            return
        self._heard += 1
        if isinstance(update, PublicPrices):
            state.prices = update
            state.prices_ms = self._now_ms()
        elif isinstance(update, PublicBook):
            state.book.hear(update)
            if not update.reaches_far:
                state.book_ms = self._now_ms()
        elif isinstance(update, PublicTrades):
            state.trades.extend(update.trades)

    # -- silence -----------------------------------------------------------------------------------

    def silent_ms(self, row: int) -> int:
        """How long ago a market's prices or its book were heard, whichever is older."""
        state = self._states[row]
        return max(0, self._now_ms() - min(state.prices_ms, state.book_ms))

    def is_stale(self, row: int) -> bool:
        """Whether a market was silent for too long; said in the log when it changes."""
        state = self._states[row]
        is_stale = self.silent_ms(row) > 1000 * self._stale_after_s
        if is_stale != state.is_stale:
            state.is_stale = is_stale
            state.trades.clear()
            said = (
                f"no news for {self._stale_after_s:g} s: the feed is stale, the oracle silent, "
                "and only reduce-only orders are accepted"
                if is_stale
                else "news again: the feed is live, and orders are accepted"
            )
            log.warning("%s: %s", state.market.name, said)
        return is_stale

    # -- a source of prices ------------------------------------------------------------------------

    def prices(self, now_ms: int) -> Sequence[float]:
        for state in self._states:
            state.seen = state.prices
        return [state.seen.oracle * state.factor for state in self._states]

    def move(self, row: int, factor: float) -> None:
        self._states[row].factor *= factor

    def begin(self, now_ms: int, prices: Sequence[float]) -> None:
        """What was set here is forgotten: prices are the followed ones of now."""
        said = []
        for state, before in zip(self._states, prices, strict=True):
            state.factor = 1.0
            state.trades.clear()
            said.append(f"{state.market.name} {before:g} -> {state.prices.oracle:g}")
        log.warning("prices go on where the followed venue is: %s", ", ".join(said))

    def mid_premium(self, row: int) -> float:
        """The middle of the followed book over its oracle price, less 1; the mark's without one."""
        return self.middle(row) / self._states[row].seen.oracle - 1.0

    def mark_premium(self, row: int) -> float:
        """The followed mark price over its oracle price, less 1."""
        seen = self._states[row].seen
        return seen.mark / seen.oracle - 1.0

    # -- what agents follow ------------------------------------------------------------------------

    def middle(self, row: int) -> float:
        """The price that the levels of the book are measured from, USD."""
        seen = self._states[row].seen
        return seen.mid or seen.mark

    def bids(self, row: int) -> Sequence[Level]:
        return self._states[row].book.bids()

    def asks(self, row: int) -> Sequence[Level]:
        return self._states[row].book.asks()

    def take_trades(self, row: int) -> list[PublicTrade]:
        """The trades since the last call, oldest first."""
        trades = self._states[row].trades
        found = list(trades)
        trades.clear()
        return found
