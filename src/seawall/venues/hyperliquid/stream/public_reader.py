"""Reading this venue's public streams, of the venue itself or of another sandbox.

For each market ``activeAssetCtx`` (oracle, mark, mid), ``l2Book`` (20 levels a side) and ``trades``
are subscribed to [documented: websocket subscriptions]. Nothing else is sent on the connection but
``ping``, which the venue expects of a client that is silent for a minute. Over HTTP are read:
``metaAndAssetCtxs`` (to begin with, and of markets that were quiet: a price that does not change
is not sent again), ``l2Book`` in coarse grains (what lies beyond 20 levels) and ``recentTrades``
(what was traded before the connection began, so that the snapshot of a new subscription is not
taken for news). At 6 markets that is a tenth of the request weight that an address may use.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import inf

import msgspec
from aiohttp import ClientWebSocketResponse
from msgspec import UNSET, Raw, Struct, UnsetType

from seawall.domain.enums import Side
from seawall.domain.instrument import Instrument
from seawall.venues.followed_stream import QUIET_S, FollowedStream
from seawall.venues.hyperliquid.account.public import (
    MarketContext,
    dex_of,
    market_answers,
    trading_coins,
)
from seawall.venues.hyperliquid.account.public_book import levels_of, live_levels
from seawall.venues.hyperliquid.instruments import instruments_from_meta
from seawall.venues.numbers import plain_number, readable
from seawall.venues.public_api import PublicApiError
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

CHANNELS = ("activeAssetCtx", "l2Book", "trades")
FAR_S = 30.0
"""Between two readings of what lies beyond the levels of the stream."""


class _AssetContext(Struct):
    coin: str
    ctx: MarketContext


class _Trade(Struct):
    coin: str
    side: str
    px: str
    sz: str
    time: int
    tid: int


class _Candle(Struct):
    t: int
    o: str
    h: str
    l: str  # noqa: E741 (the venue's name)
    c: str
    v: str
    n: int


class _Message(Struct):
    channel: str = ""
    data: Raw | UnsetType = UNSET


class _Tape:
    """The trades of one market that were seen: those of the latest ms, and none later."""

    def __init__(self, known: Sequence[_Trade]) -> None:
        self._newest_ms = -1
        self._at_newest: set[int] = set()
        self.fresh(known)

    def fresh(self, trades: Sequence[_Trade]) -> list[PublicTrade]:
        """Those that are new, in their order; from now on they are known."""
        found = []
        for place, each in enumerate(sorted(trades, key=lambda trade: trade.time)):
            if each.time < self._newest_ms or each.tid in self._at_newest:
                continue
            if each.time > self._newest_ms:
                self._newest_ms, self._at_newest = each.time, set()
            self._at_newest.add(each.tid)
            found.append(_trade(f"trades[{place}]", each))
        return found


class StreamReader(FollowedStream):
    """One venue by its base URL. Raises PublicApiError.

    ``more``: subscriptions beside those of the markets, on the same connection, and who hears the
    channel and the data of their messages.
    """

    path, ping, silence_s = "/ws", '{"method":"ping"}', 30.0

    def __init__(
        self,
        url: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        quiet_s: float = QUIET_S,
        more: Sequence[Mapping[str, str]] = (),
        hear_more: Callable[[str, bytes], None] = lambda channel, data: None,
    ) -> None:
        super().__init__(url, clock, quiet_s)
        self._more, self._hear_more = more, hear_more
        self._heard_at: dict[tuple[str, str], float] = {}
        self._tapes: dict[str, _Tape] = {}

    async def markets(self, names: Sequence[str]) -> PublicMarkets:
        return await asyncio.to_thread(self._markets, names)

    def _markets(self, names: Sequence[str]) -> PublicMarkets:
        prices: dict[str, PublicPrices] = {}
        instruments: dict[str, Instrument] = {}
        for dex in sorted({"", *(dex_of(name) for name in names)}):
            raw, contexts = market_answers(self._api, dex)
            coins = trading_coins(raw)
            prices |= {
                coin: _prices(coin, contexts[coin])
                for coin in coins
                if contexts[coin].oracle_px is not None and contexts[coin].mark_px is not None
            }
            if not dex:
                # Terms of a new kind, of some market, must not hide what can be followed.
                with suppress(VenueDataError):
                    own = {each.name: each for each in instruments_from_meta(raw)}
                    instruments = {coin: own[coin] for coin in coins}
        return PublicMarkets(prices, instruments)

    async def book(self, market: str) -> PublicBook:
        found = await asyncio.to_thread(live_levels, self._api, market)
        return PublicBook(market, found.bids, found.asks, reaches_far=True)

    async def candles(
        self, market: str, interval: str, start_ms: int, end_ms: int
    ) -> Sequence[PublicCandle]:
        asked = {"coin": market, "interval": interval, "startTime": start_ms, "endTime": end_ms}
        body = {"type": "candleSnapshot", "req": asked}
        raw = await asyncio.to_thread(self._api.post, "/info", body)
        rows = decode(list[_Candle], raw, "candleSnapshot")
        return [_candle(f"candleSnapshot[{place}]", each) for place, each in enumerate(rows)]

    async def follow_also(self, names: Sequence[str]) -> None:
        """From now on follow these markets too; one that the venue refuses is noted and left out.

        Raises PublicApiError where it answers nothing else either.
        """
        found = []
        for name in names:
            self.refused.pop(name, None)
            try:
                raw = await self._answer("recentTrades", name)
                self._tapes[name] = _Tape(decode(list[_Trade], raw, "recentTrades"))
                found.append(name)
            except VenueDataError as error:
                if isinstance(error, PublicApiError):
                    # A failure of the server may be its way to refuse.
                    await asyncio.to_thread(self._api.post, "/info", {"type": "allMids"})
                self.refused[name] = str(error)
        self._names += found
        if self._socket is not None:
            await self._subscribe(self._socket, found)

    async def leave(self, names: Sequence[str]) -> None:
        """From now on follow these markets no more."""
        left = [name for name in names if name in self._names]
        self._names = [name for name in self._names if name not in left]
        for name in left:
            self._tapes.pop(name, None)
        if self._socket is not None:
            await self._subscribe(self._socket, left, "unsubscribe")

    async def _answer(self, kind: str, name: str) -> bytes:
        return await asyncio.to_thread(self._api.post, "/info", {"type": kind, "coin": name})

    # -- the stream --------------------------------------------------------------------------------

    async def _begin(self, socket: ClientWebSocketResponse) -> None:
        for each in self._more:
            await _send(socket, "subscribe", each)

    async def _subscribe(
        self, socket: ClientWebSocketResponse, names: Sequence[str], method: str = "subscribe"
    ) -> None:
        for name in names:
            for channel in CHANNELS:
                await _send(socket, method, {"type": channel, "coin": name})

    def _read(self, text: str) -> Sequence[PublicUpdate]:
        if not text.startswith("{"):
            return ()  # the greeting
        message = decode(_Message, text.encode())
        if message.channel == "error":
            return self._leave_out(text)
        if message.data is UNSET:
            return ()
        data = bytes(message.data)
        if message.channel not in CHANNELS:
            self._hear_more(message.channel, data)
            return ()
        if message.channel == "activeAssetCtx":
            context = decode(_AssetContext, data, "activeAssetCtx")
            self._heard_at[message.channel, context.coin] = self._clock()
            return (_prices(context.coin, context.ctx),)
        if message.channel == "l2Book":
            book = _book(data)
            self._heard_at[message.channel, book.market] = self._clock()
            return (book,)
        trades = decode(list[_Trade], data, "trades")
        coin = trades[0].coin if trades else ""
        if coin not in self._tapes:
            return ()
        fresh = self._tapes[coin].fresh(trades)
        return (PublicTrades(coin, fresh),) if fresh else ()

    def _leave_out(self, text: str) -> Sequence[PublicUpdate]:
        """Note the market that may not be subscribed to. Raises VenueDataError for other errors."""
        plain = text.replace("\\", "").replace(" ", "")
        asked = [*self._names, *self.refused]
        found = [name for name in asked if f'"coin":"{name}"' in plain]
        if not found:
            raise VenueDataError(f"{self._stream}: answers {text[:200]}")
        self._names = [name for name in self._names if name not in found]
        self.refused |= dict.fromkeys(found, text[:200])
        return ()

    # -- questions ---------------------------------------------------------------------------------

    async def _ask(self, hear: Callable[[PublicUpdate], None]) -> None:
        # A question without an answer is asked again.
        far_at = self._clock() + FAR_S
        while True:
            await asyncio.sleep(self._quiet_s / 2)
            now, names = self._clock(), list(self._names)
            # One that is not answered must not keep the others from being asked.
            with suppress(VenueDataError):
                quiet = self._quiet("activeAssetCtx", names)
                found = (await self.markets(quiet)).prices if quiet else {}
                for name in found.keys() & quiet:
                    self._heard_at["activeAssetCtx", name] = now
                    hear(found[name])
            for name in self._quiet("l2Book", names):
                with suppress(VenueDataError):
                    hear(_book(await self._answer("l2Book", name)))
                    self._heard_at["l2Book", name] = now
            if now >= far_at:
                far_at = now + FAR_S
                for name in names:
                    with suppress(VenueDataError):
                        hear(await self.book(name))

    def _quiet(self, channel: str, names: Sequence[str]) -> list[str]:
        """The markets that a channel said nothing about for a while."""
        before = self._clock() - self._quiet_s
        return [name for name in names if self._heard_at.get((channel, name), -inf) <= before]


async def _send(socket: ClientWebSocketResponse, method: str, subscription: object) -> None:
    body = msgspec.json.encode({"method": method, "subscription": subscription})
    await socket.send_str(body.decode())


def _book(raw: bytes) -> PublicBook:
    """The levels of an answer or a message. Raises VenueDataError."""
    found = levels_of(decode(dict[str, Raw], raw, "l2Book"), raw)
    if found is None or found.market is None:
        raise VenueDataError("l2Book: coin or levels: missing")
    return PublicBook(found.market, found.bids, found.asks, time_ms=found.time_ms)


def _positive(path: str, text: str | None) -> float:
    if text is None:
        raise VenueDataError(f"{path}: missing")
    found = plain_number(path, text, signed=False)
    if not found:
        raise VenueDataError(f"{path}: {text!r} must be above 0")
    return found


def _prices(coin: str, context: MarketContext) -> PublicPrices:
    mid = None if context.mid_px is None else _positive(f"{coin}.midPx", context.mid_px)

    return PublicPrices(
        coin,
        _positive(f"{coin}.oraclePx", context.oracle_px),
        _positive(f"{coin}.markPx", context.mark_px),
        mid,
        None if context.funding is None else plain_number(f"{coin}.funding", context.funding),
        readable(plain_number, f"{coin}.openInterest", context.open_interest),
        readable(plain_number, f"{coin}.dayNtlVlm", context.day_ntl_vlm),
        readable(plain_number, f"{coin}.prevDayPx", context.prev_day_px),
    )


def _candle(path: str, row: _Candle) -> PublicCandle:
    return PublicCandle(
        row.t,
        _positive(f"{path}.o", row.o),
        _positive(f"{path}.h", row.h),
        _positive(f"{path}.l", row.l),
        _positive(f"{path}.c", row.c),
        plain_number(f"{path}.v", row.v, signed=False),
        row.n,
    )


def _trade(path: str, trade: _Trade) -> PublicTrade:
    if trade.side not in ("A", "B"):
        raise VenueDataError(f"{path}.side: {trade.side!r} must be A (sold) or B (bought)")
    return PublicTrade(
        Side.BUY if trade.side == "B" else Side.SELL,
        _positive(f"{path}.px", trade.px),
        _positive(f"{path}.sz", trade.sz),
        trade.time,
        trade.tid,
    )
