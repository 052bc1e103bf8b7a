"""What happened in a market: trades, candles, funding rates."""

import calendar
import time
from collections.abc import Iterable
from typing import Any

import msgspec

from seawall.domain.units import DAY_MS, FUNDING_ONE, HOUR_MS
from seawall.engine.market_view import market_view
from seawall.venues.hyperliquid.info.base import (
    BadRequest,
    DeskView,
    Request,
    span_of,
    text_of,
)
from seawall.venues.hyperliquid.wire.values import (
    hash_text,
    price_text,
    rate_text,
    side_text,
    size_text,
)
from seawall.venues.port import Candle, Fill

RECENT_TRADES = 30
MOST_CANDLES = 5000
MOST_RATES = 500
FUNDING_DECIMALS = len(str(FUNDING_ONE)) - 1

INTERVALS = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
    "1M": 0,
}
"""Length in ms; a month has none of its own and is put together from days."""


def trade(venue: DeskView, fill: Fill) -> dict[str, Any]:
    """The taker's side of a fill as a public trade."""
    decimals = venue.size_decimals(fill.market)
    taker = venue.directory.address_of(fill.account)
    maker = venue.directory.address_of(fill.counterparty)
    side = side_text(fill.side)
    return {
        "coin": venue.coin(fill.market),
        "side": side,
        "px": price_text(fill.price, decimals),
        "sz": size_text(fill.size, decimals),
        "time": fill.time_ms,
        "hash": hash_text(fill.sequence),
        "tid": fill.trade_id,
        "users": [taker, maker] if side == "B" else [maker, taker],
    }


def recent_trades(venue: DeskView, request: Request) -> list[Any]:
    market = venue.market_of.get(text_of(request, "coin"))
    if market is None:
        return []
    return [trade(venue, fill) for fill in venue.history.trades(market, RECENT_TRADES)]


def _month_of(time_ms: int) -> tuple[int, int]:
    """First ms of the calendar month (UTC) and of the next."""
    year, month = time.gmtime(time_ms // 1000)[:2]
    following = (year + month // 12, month % 12 + 1)
    return (
        calendar.timegm((year, month, 1, 0, 0, 0)) * 1000,
        calendar.timegm((*following, 1, 0, 0, 0)) * 1000,
    )


def _months(days: Iterable[Candle]) -> list[Candle]:
    found: list[Candle] = []
    for day in days:
        opened, closed = _month_of(day.opened_ms)
        if not found or found[-1].opened_ms != opened:
            found.append(
                msgspec.structs.replace(day, opened_ms=opened, interval_ms=closed - opened)
            )
            continue
        month = found[-1]
        found[-1] = msgspec.structs.replace(
            month,
            high=max(month.high, day.high),
            low=min(month.low, day.low),
            close=day.close,
            volume=month.volume + day.volume,
            trades=month.trades + day.trades,
        )
    return found


def candles(venue: DeskView, market: int, interval: str, start: int, end: int) -> list[Candle]:
    """Oldest first, the latest ``MOST_CANDLES`` of them. Raises BadRequest."""
    if interval not in INTERVALS:
        raise BadRequest("interval is unknown")
    # A client's clock may be behind a venue whose clock runs fast.
    end = min(end, venue.now_ms()) if end >= start else venue.now_ms()
    length = INTERVALS[interval]
    if length:
        start = max(start // length * length, end - MOST_CANDLES * length)
        return venue.history.candles(market, length, start, end, MOST_CANDLES)
    start = _month_of(max(0, min(start, end)))[0]
    return _months(venue.history.candles(market, DAY_MS, start, end, 100 * MOST_CANDLES))


def candle(venue: DeskView, market: int, interval: str, row: Candle) -> dict[str, Any]:
    decimals = venue.size_decimals(market)
    return {
        "t": row.opened_ms,
        "T": row.opened_ms + row.interval_ms - 1,
        "s": venue.coin(market),
        "i": interval,
        "o": price_text(row.open, decimals),
        "c": price_text(row.close, decimals),
        "h": price_text(row.high, decimals),
        "l": price_text(row.low, decimals),
        "v": size_text(row.volume, decimals),
        "n": row.trades,
    }


def candle_snapshot(venue: DeskView, request: Request) -> list[Any]:
    body = request.get("req")
    if not isinstance(body, dict):
        raise BadRequest("req must be an object")
    interval = text_of(body, "interval")
    start, end = span_of(body, required=True)
    if interval not in INTERVALS:
        raise BadRequest("interval is unknown")
    market = venue.market_of.get(text_of(body, "coin"))
    if market is None:
        return []
    rows = candles(venue, market, interval, start, end)
    return [candle(venue, market, interval, row) for row in rows]


def funding_history(venue: DeskView, request: Request) -> list[Any]:
    start, end = span_of(request, required=True)
    coin = text_of(request, "coin")
    market = venue.market_of.get(coin)
    if market is None:
        return []
    return [
        {
            "coin": coin,
            "fundingRate": rate_text(row.rate, FUNDING_DECIMALS),
            "premium": rate_text(row.premium, FUNDING_DECIMALS),
            "time": row.time_ms,
        }
        for row in venue.history.funding_rates(market, start, end, MOST_RATES)
    ]


def predicted_fundings(venue: DeskView, request: Request) -> list[Any]:
    """What the hour's samples so far would give, due at the next full hour; of its own dex."""
    due = (venue.now_ms() // HOUR_MS + 1) * HOUR_MS
    found = []
    for market in venue.assets.markets[""]:
        rate = market_view(venue.engine, market).funding_rate
        entry = {
            "fundingRate": rate_text(rate, FUNDING_DECIMALS),
            "nextFundingTime": due,
            "fundingIntervalHours": 1,
        }
        found.append([venue.coin(market), [["HlPerp", entry]]])
    return found
