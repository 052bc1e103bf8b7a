"""What happened before a venue's first moment: candles and funding rates, computed when asked.

Nothing of it is stored or journaled: it follows from the seed, the markets, and the moment and the
prices at which the venue began. A random walk of minutes with the volatility, correlation and jumps
of the synthetic feed is walked backwards from those prices, so that its last close is the first
price that follows: a piece of four days at a time, and only as far back as is asked for. Each piece
of each market has a stream of chances of its own; hours are kept, minutes are drawn again when
needed.
"""

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.random import RandomState
from numpy.typing import NDArray

from seawall.domain.rulebook import FundingPolicy
from seawall.domain.units import DAY_MS, FUNDING_ONE, HOUR_MS, MAX_PRICE, MICRO
from seawall.sandbox.feeds import (
    COMMON_JUMP,
    COMMON_JUMPS_A_DAY,
    CORRELATION,
    OWN_JUMP,
    OWN_JUMPS_A_DAY,
    YEAR_MS,
    RecordedPath,
)
from seawall.sandbox.markets import OpenMarket
from seawall.venues.port import Candle, FundingRate

MINUTE_MS = 60_000
DAYS = 365
"""How far back it goes, at least."""
_PIECE_DAYS = 4
_PIECE_MS = _PIECE_DAYS * DAY_MS
_PIECES = -(-DAYS // _PIECE_DAYS) + 1
_MINUTES = _PIECE_MS // MINUTE_MS
_OFFSETS = MINUTE_MS * np.arange(_MINUTES + 1, dtype=np.int64)

HOURLY_SHARE = (
    0.98, 0.97, 0.85, 0.70, 0.66, 0.57, 0.61, 0.72, 0.68, 0.64, 0.58, 0.62,
    0.80, 1.35, 1.92, 1.71, 1.42, 1.45, 1.19, 1.24, 1.25, 1.09, 1.06, 0.94,
)  # fmt: skip
"""Volume by hour of the day (UTC), times the mean: recorded hourly candles of the BTC perpetual of
the venue of ``profiles.toml``, 2024-09 to 2025-07."""
DAY_SPREAD, DAY_MEMORY = 0.7, 0.8
"""Standard deviation of the logarithm of a day's volume, and its correlation from day to day:
between those of eleven markets in the same candles (0.7 to 1.3 with the trend, 0.7 to 0.9)."""
FILLS_AN_ORDER = 1.5
"""Trades per taker order: 520 recorded orders of 29 markets there, 81 s of 2025-10-27."""
UNSEEN = 0.5826 / 0.399
"""Of the extreme of a minute beyond its ends, the share that n trades miss, times the root of n:
the known correction of a maximum that is watched at moments, over its mean."""
CALM_SHARE = 0.6
"""Share of the traffic that does not grow with the move of its minute; assumed."""

PREMIUM_MEAN, PREMIUM_SPREAD, PREMIUM_BELOW, PREMIUM_MEMORY = 0.0001, 0.0006, 0.75, 0.95
"""The hourly premium: mean, standard deviation, how much smaller it is below the mean, correlation
from hour to hour. With them about 64 % of the hours have the interest alone as rate, a fifth more
and a sixth less, as in a year (to 2025-07) of recorded hourly rates of BTC, XRP and DOGE."""

_POWERS = 10.0 ** np.arange(18)
Columns = NDArray[np.int64]
"""One row for each of opened_ms, open, high, low, close, volume, notional, trades."""


class Before(Protocol):
    """What was before the first moment of a venue, by market row."""

    def candles(
        self, market: int, interval_ms: int, start_ms: int, end_ms: int, limit: int
    ) -> list[Candle]:
        """As ``History.candles``; none opens after the last whole minute before the venue."""
        ...

    def funding_rates(
        self, market: int, start_ms: int, end_ms: int, limit: int
    ) -> list[FundingRate]:
        """As ``History.funding_rates``."""
        ...

    def traded(self, market: int, start_ms: int) -> tuple[int, int]:
        """(micro-USD, size units) from a time on."""
        ...

    def price_before(self, market: int, time_ms: int) -> int:
        """The last price before a time; 0 where there is none."""
        ...


class Beginning(Struct, frozen=True, kw_only=True):
    """Where a venue begins. ``prices``: price units by market row; ``figures``: the most
    significant figures of a price, 0 for all. ``recorded``: prices before ``time_ms`` that are
    known, at times of the venue's clock."""

    seed: int
    time_ms: int
    prices: Sequence[int]
    figures: int
    funding: FundingPolicy
    recorded: RecordedPath | None = None


def recorded_before(path: RecordedPath, began_ms: int) -> RecordedPath | None:
    """What a recorded path knows of the time before it, if ``began_ms`` is its first moment."""
    if path.before is None:
        return None
    shift = began_ms - path.times_ms[0]
    times = [time + shift for time in path.before.times_ms]
    prices = {name: [*known, path.prices[name][0]] for name, known in path.before.prices.items()}
    return RecordedPath(path.name, [*times, began_ms], prices)


class Prehistory:
    """Implements ``Before`` for markets that begin as ``beginning`` says."""

    def __init__(self, markets: Sequence[OpenMarket], beginning: Beginning) -> None:
        self._markets = markets
        self._begin = beginning
        self._end_ms = beginning.time_ms // MINUTE_MS * MINUTE_MS
        self._last = (self._end_ms - 1) // _PIECE_MS
        self._first = max(0, self._last - _PIECES + 1)
        self._levels = [
            [math.log(market.to_usd(price))]
            for market, price in zip(markets, beginning.prices, strict=True)
        ]
        """Of each market, the logarithm of the price where each piece ends, the last one first."""
        self._kept_hours: list[list[Columns]] = [[] for _ in markets]
        """Of each market, the last piece first."""
        kept = 2 * len(markets) + 4
        self._minutes = lru_cache(kept)(self._make_minutes)
        self._common = lru_cache(_PIECES)(self._draw_common)
        self._regime = lru_cache(None)(self._draw_regime)
        self._rates = lru_cache(None)(self._draw_rates)
        self.traded = lru_cache(kept)(self._traded)
        self.price_before = lru_cache(kept)(self._price_before)

    # -- chances ---------------------------------------------------------------------------------

    def _random(self, *of: object) -> RandomState:
        """A stream of its own; this generator's streams are the same in every version of NumPy."""
        name = "/".join(map(str, (self._begin.seed, "before", *of)))
        digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
        return RandomState(np.frombuffer(digest, np.uint32))

    def _draw_common(self, piece: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """What moves all markets, by minute of a piece: standard normals, and jumps."""
        random = self._random("common", piece)
        return random.standard_normal(_MINUTES), _jumps(random, COMMON_JUMPS_A_DAY, COMMON_JUMP)

    def _draw_regime(self, row: int) -> NDArray[Any]:
        """How busy each day is, times the mean, in the order of time; the last one is 1."""
        days = _PIECES * _PIECE_DAYS
        steps = self._random(self._markets[row].name, "regime").standard_normal(days)
        found, state = np.ones(days), 0.0
        for day in range(1, days):
            state = DAY_MEMORY * state + math.sqrt(1 - DAY_MEMORY**2) * steps[day]
            known = 1 - DAY_MEMORY ** (2 * day)
            found[day] = math.exp(DAY_SPREAD * state - DAY_SPREAD**2 / 2 * known)
        return found[::-1]

    def _returns(self, row: int, piece: int, random: RandomState) -> NDArray[Any]:
        """What the logarithm of the price does in each minute of a piece."""
        common, jumps = self._common(piece)
        if row:
            own = math.sqrt(1 - CORRELATION**2) * random.standard_normal(_MINUTES)
            common = CORRELATION * common + own
        found: NDArray[Any] = self._deviation(row) * common + jumps
        found += _jumps(random, OWN_JUMPS_A_DAY, OWN_JUMP)
        recorded = self._begin.recorded
        if recorded is not None:
            edges = piece * _PIECE_MS + _OFFSETS
            known = np.log(
                np.interp(edges, recorded.times_ms, recorded.prices[self._markets[row].name])
            )
            inside = edges[:-1] >= recorded.times_ms[0]
            found[inside] = np.diff(known)[inside]
        found[piece * _PIECE_MS + _OFFSETS[:-1] >= self._end_ms] = 0.0
        return found

    def _deviation(self, row: int) -> float:
        """The standard deviation of a minute without jumps."""
        return self._markets[row].profile.yearly_volatility * math.sqrt(MINUTE_MS / YEAR_MS)

    # -- pieces ----------------------------------------------------------------------------------

    def _level(self, row: int, piece: int) -> float:
        """The logarithm of the price where a piece ends; goes back as far as that needs."""
        levels = self._levels[row]
        while len(levels) <= self._last - piece:
            later = self._last - len(levels) + 1
            random = self._random(self._markets[row].name, later)
            self._go_back(row, later, self._returns(row, later, random))
        return levels[self._last - piece]

    def _go_back(self, row: int, piece: int, returns: NDArray[Any]) -> None:
        """Know where the piece before ended, unless that is known."""
        levels = self._levels[row]
        if len(levels) == self._last - piece + 1:
            levels.append(levels[-1] - float(returns.sum()))

    def _make_minutes(self, row: int, piece: int) -> Columns:
        """The minutes of a piece."""
        market = self._markets[row]
        random = self._random(market.name, piece)
        returns = self._returns(row, piece, random)
        ends = self._level(row, piece) - (returns.sum() - np.cumsum(returns))
        self._go_back(row, piece, returns)
        variance = 2 * self._deviation(row) ** 2
        far = np.log(1.0 - random.random_sample((2, _MINUTES)))
        high = (returns + np.sqrt(returns**2 - variance * far[0])) / 2
        low = (returns - np.sqrt(returns**2 - variance * far[1])) / 2
        starts = ends - returns
        rate = self._order_rate(row, piece, returns)
        chances = random.standard_normal((2, _MINUTES))
        orders = np.maximum(0, np.rint(rate + np.sqrt(rate) * chances[0])).astype(np.int64)
        times = piece * _PIECE_MS + _OFFSETS[:-1]
        orders[(orders == 0) & (times + MINUTE_MS == self._end_ms)] = 1
        # Trades see the path at so many moments only, and less of its extremes.
        seen = np.maximum(0.0, 1.0 - UNSEEN / np.sqrt(np.maximum(orders, 1)))
        high = np.maximum(0.0, returns) + seen * (high - np.maximum(0.0, returns))
        low = np.minimum(0.0, returns) + seen * (low - np.minimum(0.0, returns))
        edges = self._ticks(row, np.concatenate((starts[:1], ends)))
        opened, close = edges[:-1], edges[1:]
        high, low = self._ticks(row, starts + high), self._ticks(row, starts + low)

        profile = market.profile
        # The logarithmic normal with the variance that a sum of so many orders has.
        spread = np.log1p(profile.order_scatter / np.maximum(orders, 1))
        usd = orders * profile.mean_order_usd * np.exp(np.sqrt(spread) * chances[1] - spread / 2)
        middle = np.rint((opened + close) / 2)
        volume = np.where(orders > 0, np.maximum(1, np.rint(usd * MICRO / middle)), 0)
        high = np.maximum(high, np.maximum(opened, close))
        low = np.minimum(low, np.minimum(opened, close))
        # One order has one price. Without any, the price stays where it was.
        traded = np.maximum.accumulate(np.where(orders > 0, np.arange(_MINUTES), -1))
        last = np.where(traded >= 0, close[traded], opened[0])
        prices = [np.where(orders > 1, each, last) for each in (opened, high, low, close)]
        trades = np.rint(orders * FILLS_AN_ORDER).astype(np.int64)
        found = np.stack((times, *prices, volume, volume * middle, trades))
        return found[:, times < self._end_ms].astype(np.int64)

    def _order_rate(self, row: int, piece: int, returns: NDArray[Any]) -> NDArray[Any]:
        """Taker orders to expect in each minute of a piece: more when prices move."""
        usual = self._markets[row].profile.orders_per_second * MINUTE_MS / 1000
        moved = np.minimum(10.0, np.abs(returns) / (self._deviation(row) * math.sqrt(2 / math.pi)))
        by_hour = np.tile(np.repeat(HOURLY_SHARE, HOUR_MS // MINUTE_MS), _PIECE_DAYS)
        days = self._regime(row).reshape(_PIECES, _PIECE_DAYS)[piece - self._last - 1]
        by_day = np.repeat(days, DAY_MS // MINUTE_MS)
        rate: NDArray[Any] = usual * by_day * by_hour * (CALM_SHARE + (1 - CALM_SHARE) * moved)
        return rate

    def _ticks(self, row: int, log_price: NDArray[Any]) -> NDArray[Any]:
        """Prices as valid price units, the nearest ones; whole numbers, though floats."""
        decimals = self._markets[row].instrument.price_decimals
        units = np.exp(log_price + decimals * math.log(10))
        least, most = max(1.0, units.min()), min(float(MAX_PRICE), units.max())
        if not self._begin.figures:
            return np.clip(np.rint(units), 1, MAX_PRICE)
        digits: Any = len(str(round(most)))
        if digits != len(str(round(least))):
            digits = np.searchsorted(_POWERS, units, side="right")
        tick: Any = 10.0 ** np.clip(digits - self._begin.figures, 0, decimals)
        found: NDArray[Any] = np.clip(np.rint(units / tick) * tick, 1, MAX_PRICE)
        return found

    def _hours(self, row: int, piece: int) -> Columns:
        kept = self._kept_hours[row]
        while len(kept) <= self._last - piece:
            kept.append(_grouped(self._make_minutes(row, self._last - len(kept)), HOUR_MS))
        return kept[self._last - piece]

    # -- what is asked ---------------------------------------------------------------------------

    def candles(
        self, market: int, interval_ms: int, start_ms: int, end_ms: int, limit: int
    ) -> list[Candle]:
        """The newest ``limit`` of those that begin up to ``end_ms`` and end after ``start_ms``."""
        end = min(end_ms - end_ms % interval_ms + interval_ms, self._end_ms) - 1
        start = max(
            start_ms - start_ms % interval_ms, end - end % interval_ms - limit * interval_ms
        )
        rows = self._between(market, start, end, hourly=not interval_ms % HOUR_MS)
        found = np.delete(_grouped(rows, interval_ms), 6, axis=0)[:, -limit:]
        return [Candle(row[0], interval_ms, *row[1:]) for row in found.T.tolist()]

    def _between(self, row: int, start_ms: int, end_ms: int, hourly: bool = False) -> Columns:
        """The minutes or hours that open in a span."""
        of_piece = self._hours if hourly else self._minutes
        first, last = max(self._first, start_ms // _PIECE_MS), min(self._last, end_ms // _PIECE_MS)
        # Backwards: a piece follows from the one after it.
        found = [of_piece(row, piece) for piece in range(last, first - 1, -1)][::-1]
        rows = np.hstack(found or [np.empty((8, 0), np.int64)])
        return rows[:, (rows[0] >= start_ms) & (rows[0] <= end_ms)]

    def _traded(self, market: int, start_ms: int) -> tuple[int, int]:
        """(micro-USD, size units) from a time on."""
        rows = self._between(market, start_ms, self._end_ms)
        return int(rows[6].sum()), int(rows[5].sum())

    def _price_before(self, market: int, time_ms: int) -> int:
        """The last price before a time; 0 where there is none."""
        last_ms = (min(time_ms, self._end_ms) - 1) // MINUTE_MS * MINUTE_MS
        rows = self._between(market, last_ms, last_ms)
        return int(rows[4][-1]) if rows.shape[1] else 0

    def _draw_rates(self, market: int) -> tuple[int, list[FundingRate]]:
        """Every rate before the venue, oldest first."""
        policy = self._begin.funding
        last = self._begin.time_ms // policy.settlement_ms
        count = max(0, min(DAYS * DAY_MS // policy.settlement_ms, last))
        steps = self._random(self._markets[market].name, "premium").standard_normal(count)
        states, state = np.zeros(count), 0.0
        for place, step in enumerate(steps[1:], 1):
            state = PREMIUM_MEMORY * state + math.sqrt(1 - PREMIUM_MEMORY**2) * step
            states[place] = state
        spread = np.where(states < 0, PREMIUM_BELOW, 1.0) * PREMIUM_SPREAD
        premiums = np.rint((PREMIUM_MEAN + spread * states) * FUNDING_ONE).astype(np.int64)
        room = np.clip(policy.interest - premiums, -policy.clamp, policy.clamp)
        period = premiums + room
        rates = np.sign(period) * (np.abs(period) // policy.intervals_per_period)
        rates = np.clip(rates, -policy.cap, policy.cap)
        found = [
            FundingRate((last - place) * policy.settlement_ms, market, rate, premium)
            for place, (rate, premium) in enumerate(
                zip(rates.tolist(), premiums.tolist(), strict=True)
            )
        ]
        return policy.settlement_ms, found[::-1]

    def funding_rates(
        self, market: int, start_ms: int, end_ms: int, limit: int
    ) -> list[FundingRate]:
        """The oldest ``limit`` of a span."""
        period_ms, rates = self._rates(market)
        if not rates:
            return []
        first = max(0, -(-(start_ms - rates[0].time_ms) // period_ms))
        last = (end_ms - rates[0].time_ms) // period_ms
        return rates[first : max(first, min(last + 1, first + limit))]


def _jumps(random: RandomState, a_day: float, size: float) -> NDArray[Any]:
    """The jumps of a piece, by minute."""
    found = np.zeros(_MINUTES)
    count = random.poisson(a_day * _PIECE_DAYS)
    np.add.at(found, random.randint(0, _MINUTES, count), size * random.standard_normal(count))
    return found


def _grouped(rows: Columns, interval_ms: int) -> Columns:
    """Candles put together in longer ones."""
    if not rows.shape[1]:
        return rows
    opened = rows[0] // interval_ms * interval_ms
    starts = np.flatnonzero(np.r_[True, opened[1:] != opened[:-1]])
    ends = np.r_[starts[1:], len(opened)] - 1
    return np.stack(
        (
            opened[starts],
            rows[1, starts],
            np.maximum.reduceat(rows[2], starts),
            np.minimum.reduceat(rows[3], starts),
            rows[4, ends],
            *np.add.reduceat(rows[5:], starts, axis=1),
        )
    )
