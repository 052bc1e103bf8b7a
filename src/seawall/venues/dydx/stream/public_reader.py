"""Reading this venue's public streams: oracle prices, books and trades of its markets.

Markets are called by their coin. Subscribed to are ``v4_markets`` and, of each market,
``v4_orderbook`` and ``v4_trades`` [documented: indexer websocket]. A book that said nothing for a
while is asked for over HTTP. The mark of a market is its oracle price, the only valuation there is.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlencode

import msgspec
from aiohttp import ClientWebSocketResponse
from msgspec import Raw, Struct

from seawall.domain.enums import Side
from seawall.venues.dydx.account.public_book import Level, live_levels, uncrossed
from seawall.venues.dydx.account.state import coin_of, ticker_of
from seawall.venues.dydx.instruments import instruments_from_markets
from seawall.venues.dydx.wire.moments import iso, ms_of
from seawall.venues.followed_stream import QUIET_S, FollowedStream
from seawall.venues.numbers import plain_number
from seawall.venues.public_stream import (
    PublicBook,
    PublicCandle,
    PublicMarkets,
    PublicPrices,
    PublicTrade,
    PublicTrades,
    PublicUpdate,
)
from seawall.venues.raw_json import VenueDataError, decode

MARKETS, BOOK, TRADES = "v4_markets", "v4_orderbook", "v4_trades"
_FIRST, _NEXT, _BATCH = "subscribed", "channel_data", "channel_batch_data"


class _Message(Struct):
    type: str = ""
    channel: str = ""
    id: str = ""
    contents: Raw = Raw(b"null")
    message: str = ""


class _Prices(Struct, rename="camel"):
    oracle_price: str | None = None
    next_funding_rate: str | None = None


class _Markets(Struct, rename="camel"):
    markets: dict[str, _Prices] = {}
    trading: dict[str, _Prices] = {}
    oracle_prices: dict[str, _Prices] = {}


class _Book(Struct):
    bids: list[Level | tuple[str, str]] = []
    asks: list[Level | tuple[str, str]] = []


class _Trade(Struct, rename="camel"):
    side: str
    size: str
    price: str
    created_at: str


class _Trades(Struct):
    trades: list[_Trade] = []


class _Candle(Struct, rename="camel"):
    started_at: str
    open: str
    high: str
    low: str
    close: str
    base_token_volume: str
    trades: int


class _Candles(Struct):
    candles: list[_Candle]


RESOLUTIONS = {
    "1m": "1MIN", "5m": "5MINS", "15m": "15MINS", "30m": "30MINS", "1h": "1HOUR", "4h": "4HOURS",
    "1d": "1DAY",
}  # fmt: skip
"""Lengths of candles by their usual names."""


class _Sides:
    """The levels of one market as they were said: size by price."""

    def __init__(self) -> None:
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}

    def take(self, found: _Book) -> None:
        for name, side, levels in (
            ("bids", self.bids, found.bids), ("asks", self.asks, found.asks),
        ):  # fmt: skip
            for each in levels:
                price, size = each if isinstance(each, tuple) else (each.price, each.size)
                at = plain_number(f"{name}.price", price, signed=False)
                amount = plain_number(f"{name}.size", size, signed=False)
                if amount:
                    side[at] = amount
                else:
                    side.pop(at, None)

    def book(self, coin: str) -> PublicBook:
        bids, asks = uncrossed(sorted(self.bids.items(), reverse=True), sorted(self.asks.items()))
        return PublicBook(coin, bids, asks)


class StreamReader(FollowedStream):
    """One venue by its indexer's base URL. Raises PublicApiError.

    ``more``: (channel, id) of subscriptions beside those of the markets, and who hears the channel
    and the contents of their messages, and whether they are the first.
    """

    path, ping, silence_s = "/v4/ws", '{"type":"ping"}', 60.0

    def __init__(
        self,
        url: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        quiet_s: float = QUIET_S,
        more: Sequence[tuple[str, str]] = (),
        hear_more: Callable[[str, bytes, bool], None] = lambda channel, contents, is_first: None,
    ) -> None:
        super().__init__(url, clock, quiet_s)
        self._more, self._hear_more = more, hear_more
        self._sides: dict[str, _Sides] = {}
        self._known: dict[str, _Prices] = {}
        self._books_at: dict[str, float] = {}

    async def markets(self, names: Sequence[str]) -> PublicMarkets:
        raw = await asyncio.to_thread(self._api.get, "/v4/perpetualMarkets")
        prices = {}
        for ticker, each in decode(_Markets, raw).markets.items():
            self._known[ticker] = each
            if each.oracle_price is not None and float(each.oracle_price) > 0:
                prices[coin_of(ticker)] = self._prices(ticker)
        own = {coin_of(each.name): each for each in instruments_from_markets(raw)}
        return PublicMarkets(prices, own)

    async def book(self, market: str) -> PublicBook:
        found = await asyncio.to_thread(live_levels, self._api, market)
        return PublicBook(market, found.bids, found.asks)

    async def candles(
        self, market: str, interval: str, start_ms: int, end_ms: int
    ) -> Sequence[PublicCandle]:
        if interval not in RESOLUTIONS:
            expected = ", ".join(RESOLUTIONS)
            raise VenueDataError(f"interval: {interval!r} must be one of {expected}")
        asked = {
            "resolution": RESOLUTIONS[interval], "fromISO": iso(start_ms), "toISO": iso(end_ms),
        }  # fmt: skip
        path = f"/v4/candles/perpetualMarkets/{ticker_of(market)}?{urlencode(asked)}"
        found = decode(_Candles, await asyncio.to_thread(self._api.get, path)).candles
        rows = [_candle(f"candles[{place}]", each) for place, each in enumerate(found)]
        return rows[::-1]  # the newest come first

    async def follow_also(self, names: Sequence[str]) -> None:
        """From now on follow these markets too."""
        self._names += [name for name in names if name not in self._names]
        for name in names:
            self.refused.pop(name, None)
        if self._socket is not None:
            await self._subscribe(self._socket, names)

    async def _begin(self, socket: ClientWebSocketResponse) -> None:
        await _send(socket, MARKETS, "")
        for channel, name in self._more:
            await _send(socket, channel, name)

    async def _subscribe(self, socket: ClientWebSocketResponse, names: Sequence[str]) -> None:
        for name in names:
            for channel in (BOOK, TRADES):
                await _send(socket, channel, ticker_of(name))

    def _read(self, text: str) -> list[PublicUpdate]:
        message = decode(_Message, text.encode(), "message")
        if message.type == "error":
            if message.channel in (BOOK, TRADES):
                self.refused[coin_of(message.id)] = message.message
                return []
            raise VenueDataError(f"{self._stream}: answers {message.message[:200]}")
        is_first = message.type == _FIRST
        if message.type == _BATCH:
            parts = decode(list[Raw], bytes(message.contents), message.channel)
        elif is_first or message.type == _NEXT:
            parts = [message.contents]
        else:
            return []
        return [update for part in parts for update in self._heard(message, bytes(part), is_first)]

    def _heard(self, message: _Message, contents: bytes, is_first: bool) -> list[PublicUpdate]:
        channel, coin = message.channel, coin_of(message.id)
        if channel == MARKETS:
            return self._markets(decode(_Markets, contents, channel))
        if channel == BOOK:
            sides = _Sides() if is_first else self._sides.setdefault(coin, _Sides())
            self._sides[coin], self._books_at[coin] = sides, self._clock()
            sides.take(decode(_Book, contents, channel))
            return [sides.book(coin)]
        if channel == TRADES:
            if is_first:  # what was traded before
                return []
            trades = decode(_Trades, contents, channel).trades
            return [PublicTrades(coin, [_trade(each) for each in trades])]
        self._hear_more(channel, contents, is_first)
        return []

    def _markets(self, found: _Markets) -> list[PublicUpdate]:
        changed: dict[str, None] = {}
        for part in (found.markets, found.trading, found.oracle_prices):
            for ticker, each in part.items():
                known = self._known.get(ticker, _Prices())
                self._known[ticker] = _Prices(
                    each.oracle_price or known.oracle_price,
                    each.next_funding_rate or known.next_funding_rate,
                )
                changed[ticker] = None
        return [self._prices(ticker) for ticker in changed if self._known[ticker].oracle_price]

    def _prices(self, ticker: str) -> PublicPrices:
        known, coin = self._known[ticker], coin_of(ticker)
        oracle = plain_number(f"{ticker}.oraclePrice", known.oracle_price or "0", signed=False)
        rate = known.next_funding_rate
        return PublicPrices(
            coin, oracle, oracle, None,
            None if rate is None else plain_number(f"{ticker}.nextFundingRate", rate),
        )  # fmt: skip

    async def _ask(self, hear: Callable[[PublicUpdate], None]) -> None:
        """Ask for books that the stream is silent about."""
        while True:
            await asyncio.sleep(self._quiet_s / 2)
            for name in list(self._names):
                before = self._clock() - self._quiet_s
                if name in self.refused or self._books_at.get(name, before) > before:
                    continue
                # One that is not answered must not keep the others from being asked.
                with suppress(VenueDataError):
                    asked_at = self._clock()
                    book = await self.book(name)
                    if self._books_at.get(name, before) <= asked_at:
                        self._books_at[name] = asked_at
                        hear(book)


def _candle(path: str, row: _Candle) -> PublicCandle:
    def number(name: str, text: str) -> float:
        return plain_number(f"{path}.{name}", text, signed=False)

    return PublicCandle(
        ms_of(f"{path}.startedAt", row.started_at),
        number("open", row.open),
        number("high", row.high),
        number("low", row.low),
        number("close", row.close),
        number("baseTokenVolume", row.base_token_volume),
        row.trades,
    )


async def _send(socket: ClientWebSocketResponse, channel: str, name: str) -> None:
    body = {"type": "subscribe", "channel": channel, **({"id": name} if name else {})}
    await socket.send_str(msgspec.json.encode(body).decode())


def _trade(each: _Trade) -> PublicTrade:
    if each.side not in ("BUY", "SELL"):
        raise VenueDataError(f"trades.side: {each.side!r} must be BUY or SELL")
    return PublicTrade(
        Side.BUY if each.side == "BUY" else Side.SELL,
        plain_number("trades.price", each.price, signed=False),
        plain_number("trades.size", each.size, signed=False),
        ms_of("trades.createdAt", each.created_at),
    )
