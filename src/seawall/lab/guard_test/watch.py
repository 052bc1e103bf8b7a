"""All paths of a block after a step, at once: which of them need their guard, compiled.

The account is measured in the whole units that the guard counts in. A path within its bounds needs
no decision: ``decide`` would only carry losses, days and the extremes of trailing stops forward,
and that is done here. What is compared in floats is compared with some room to the safe side, so
that ``decide`` itself judges what is near.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.domain.units import DAY_MS, MICRO, PPM
from seawall.engine.compile import array_entry, inline
from seawall.lab.arrays import Floats, Integers
from seawall.lab.paths.kernels.compiled import SOURCES, borrowed
from seawall.lab.paths.kernels.philox import LANES
from seawall.lab.paths.kernels.stages_state import Rules, maintenance_of

ROOM = 3.0
"""Parts per million, or price units, of room."""
SLACK = 1e-9
"""Of what is compared in USD, so that the kernel of the stages judges what is at the boundary."""
FAR = 100.0 * PPM
REACHED, OUTSIDE = 1, 2
"""Flags of a path: an order has fired or a bucket is under what calls for it; it has left its
bounds."""

entry = array_entry(*SOURCES, "lab/guard_test/watch.py")


class Now(NamedTuple):
    """An account at one moment, m markets and b buckets, written by ``measure``.

    ``marks``, ``units``: (m,) in the units of the markets. ``money``, ``equity``: (b,) micro-USD.
    ``needed``: (m,), ``maintenance``: (b,) micro-USD, not rounded. ``liquidation``: (m,) price
    units at which each position, moving alone, is liquidated; nan for none.
    """

    marks: Integers
    units: Integers
    money: Integers
    equity: Integers
    needed: Floats
    maintenance: Floats
    liquidation: Floats


class Scales(NamedTuple):
    """(m,) units of a coin and of a USD of price."""

    coin: Floats
    cent: Floats


class Limits(NamedTuple):
    """What of a policy is the same on every path; ppm, and ``LARGE`` where there is none.

    ``distance``, ``move``: (k,) of its trailing stops. ``is_trailed``: (k, m) whether one is about
    a market. ``calls_at``: margin ratio, a fraction, at which a bucket is REACHED. ``guarded``:
    whether there is a policy at all.
    """

    calls_at: float
    guarded: bool
    from_peak: int
    from_day: int
    capital: int
    smoothing_ms: int
    leverage: int
    market_leverage: int
    needs_prices: bool
    distance: Integers
    move: Integers


class Watched(NamedTuple):
    """n paths. ``until``: ms. ``equity``: the least. ``marks``, ``ratios``, ``distances``: (2, m or
    b, n) low and high, both outside. ``liquidation``: (2, m, n) the same of a liquidation price
    times the sign of its position. ``fires``: (2, m, n) the nearest levels of orders that rest.
    ``peak``, ``day``: (2, n) reference and smoothed loss. ``extreme``, ``level``: (k, m, n) of
    trailing stops, level 0 for one that is not carried. ``lowest``: (n,) USD of equity less what
    was added. The rest: (n,) as in the guard's memory.
    """

    until: Integers
    equity: Integers
    marks: Integers
    ratios: Integers
    distances: Integers
    liquidation: Floats
    fires: Integers
    peak: Integers
    day: Integers
    day_number: Integers
    measured: Integers
    began: Integers
    added: Integers
    extreme: Integers
    level: Integers
    lowest: Floats


LARGE = 2**62


def fresh_now(markets: int, buckets: int) -> Now:
    """Room for a moment."""
    whole, parts = np.zeros(markets, np.int64), np.zeros(markets)
    return Now(
        whole, whole.copy(), np.zeros(buckets, np.int64), np.zeros(buckets, np.int64),
        parts, np.zeros(buckets), parts.copy(),
    )  # fmt: skip


def fresh_watched(markets: int, buckets: int, trailing: int, start: float) -> Watched:
    """LANES paths without bounds: each of them is outside."""

    def column() -> Integers:
        return np.zeros(LANES, np.int64)

    def bounds(rows: int) -> Integers:
        made = np.empty((2, rows, LANES), np.int64)
        made[0], made[1] = -LARGE, LARGE
        return made

    return Watched(
        until=column() - LARGE,
        equity=column(),
        marks=bounds(markets),
        ratios=bounds(buckets),
        distances=bounds(buckets),
        liquidation=bounds(markets).astype(np.float64),
        fires=bounds(markets),
        peak=np.zeros((2, LANES), np.int64),
        day=np.zeros((2, LANES), np.int64),
        day_number=column(),
        measured=column(),
        began=column(),
        added=column(),
        extreme=np.zeros((trailing, markets, LANES), np.int64),
        level=np.zeros((trailing, markets, LANES), np.int64),
        lowest=np.full(LANES, start),
    )


@inline
def times_over(value: int, factor: int, divisor: int) -> int:
    """``value * factor // divisor`` for a factor up to the divisor: no product leaves 64 bits."""
    whole = value // divisor
    return whole * factor + (value - whole * divisor) * factor // divisor


@inline
def _measure(
    rules: Rules, scales: Scales, price: Floats, size: Floats, cash: Floats, lane: int, now: Now
) -> None:
    for bucket in range(len(now.money)):
        now.money[bucket] = int(np.rint(cash[bucket, lane] * MICRO))
        now.equity[bucket] = now.money[bucket]
        now.maintenance[bucket] = 0.0
    for market in range(len(now.marks)):
        mark = max(1, int(np.rint(price[market, lane] * scales.cent[market])))
        units = int(np.rint(size[market, lane] * scales.coin[market]))
        now.marks[market], now.units[market] = mark, units
        now.needed[market] = 0.0
        if units != 0:
            value = units * mark
            bucket = rules.bucket[market]
            now.equity[bucket] += value
            now.needed[market] = MICRO * maintenance_of(rules, market, abs(value) / MICRO)
            now.maintenance[bucket] += now.needed[market]


@inline
def _liquidation_prices(rules: Rules, now: Now) -> None:
    """Equity equals maintenance margin there: one equation for each tier, true in one of them."""
    for market in range(len(now.marks)):
        now.liquidation[market] = np.nan
        size = float(now.units[market])
        if size == 0.0:
            continue
        bucket = rules.bucket[market]
        rest = now.maintenance[bucket] - now.needed[market]
        rest -= float(now.equity[bucket] - now.units[market] * now.marks[market])
        tiers = rules.tiers.shape[2]
        for tier in range(tiers):
            slope = size - rules.tiers[1, market, tier] * abs(size)
            if slope == 0.0:
                continue
            at = (rest - MICRO * rules.tiers[2, market, tier]) / slope
            notional = abs(size) * at / MICRO
            upper = rules.tiers[0, market, tier + 1] if tier + 1 < tiers else np.inf
            if at > 0.0 and rules.tiers[0, market, tier] <= notional < upper:
                now.liquidation[market] = at


@entry
def measure(
    rules: Rules, scales: Scales, price: Floats, size: Floats, cash: Floats, lane: int, now: Now
) -> None:
    """Writes the account of one path; ``price``, ``size`` (m, n), ``cash`` (b, n) as the kernel of
    the paths has them."""
    rules, now = borrowed((rules, now))
    _measure(rules, scales, price, size, cash, lane, now)
    _liquidation_prices(rules, now)


@inline
def _is_reached(rules: Rules, limits: Limits, watched: Watched, now: Now, lane: int) -> bool:
    """Whether an order that rests fires, or a bucket is under what calls for it."""
    for market in range(len(now.marks)):
        mark = now.marks[market]
        fires = mark <= watched.fires[0, market, lane] or mark >= watched.fires[1, market, lane]
        if fires:
            return True
    for bucket in range(len(now.equity)):
        needed = now.maintenance[bucket] / limits.calls_at
        if needed > 0.0 and now.equity[bucket] < needed * (1.0 + SLACK) + 2.0:
            return True
    return False


@inline
def _has_lost(limits: Limits, watched: Watched, profit: int, time_ms: int, lane: int) -> bool:
    """Whether the loss, not smoothed, is at a limit on drawdown."""
    began = watched.began[lane]
    if limits.from_peak < LARGE:
        reference = watched.peak[0, lane]
        base = max(1, limits.capital + max(0, reference - began))
        if profit <= reference - times_over(base, limits.from_peak, PPM):
            return True
    if limits.from_day < LARGE and time_ms // DAY_MS == watched.day_number[lane]:
        reference = watched.day[0, lane]
        base = max(1, limits.capital + max(0, reference - began))
        return bool(profit <= reference - times_over(base, limits.from_day, PPM))
    return False


@inline
def _has_margin_outside(
    rules: Rules, limits: Limits, watched: Watched, now: Now, equity: int, lane: int
) -> bool:
    """Whether a ratio or a leverage is at its bound."""
    for bucket in range(len(now.equity)):
        if now.maintenance[bucket] <= 0.0:
            continue
        if now.equity[bucket] <= 0:
            return True
        ratio = PPM * now.maintenance[bucket] / now.equity[bucket]
        low, high = watched.ratios[0, bucket, lane], watched.ratios[1, bucket, lane]
        if ratio <= low + ROOM or ratio >= high - ROOM:
            return True
    gross, largest = 0, 0
    for market in range(len(now.marks)):
        notional = abs(now.units[market]) * now.marks[market]
        gross += notional
        largest = max(largest, notional)
    leverage, of_market = PPM * float(gross) / equity, PPM * float(largest) / equity
    return leverage >= limits.leverage - ROOM or of_market >= limits.market_leverage - ROOM


@inline
def _has_price_outside(rules: Rules, watched: Watched, now: Now, lane: int) -> bool:
    """Whether a liquidation price has come too near, to the mark or to a stop."""
    _liquidation_prices(rules, now)
    for bucket in range(len(now.equity)):
        nearest, is_held = FAR, False
        for market in range(len(now.marks)):
            units, mark, price = now.units[market], now.marks[market], now.liquidation[market]
            if units == 0 or rules.bucket[market] != bucket:
                continue
            is_held = True
            sign = 1.0 if units > 0 else -1.0
            # Without a liquidation price a stop lies where the policy puts it.
            beyond = -np.inf if np.isnan(price) else sign * price
            low = watched.liquidation[0, market, lane]
            if beyond >= watched.liquidation[1, market, lane] or (low > -LARGE and beyond <= low):
                return True
            if not np.isnan(price):
                nearest = min(nearest, max(0.0, PPM * sign * (mark - price) / mark))
        low, high = watched.distances[0, bucket, lane], watched.distances[1, bucket, lane]
        if is_held and (nearest <= low + ROOM or nearest >= high - ROOM):
            return True
    return False


@inline
def _is_outside(
    rules: Rules, limits: Limits, watched: Watched, now: Now, profit: int, equity: int,
    time_ms: int, lane: int,
) -> bool:  # fmt: skip
    """Whether a path that holds something has left its bounds."""
    if time_ms >= watched.until[lane] or equity <= watched.equity[lane]:
        return True
    for market in range(len(now.marks)):
        mark = now.marks[market]
        if now.units[market] != 0 and (
            mark <= watched.marks[0, market, lane] or mark >= watched.marks[1, market, lane]
        ):
            return True
    if _has_lost(limits, watched, profit, time_ms, lane):
        return True
    if _has_margin_outside(rules, limits, watched, now, equity, lane):
        return True
    if limits.needs_prices and _has_price_outside(rules, watched, now, lane):
        return True
    for stop in range(len(limits.distance)):
        for market in range(len(now.marks)):
            level = watched.level[stop, market, lane]
            if level == 0 or now.units[market] == 0:
                continue
            mark = now.marks[market]
            sign = 1 if now.units[market] > 0 else -1
            best = _best(watched.extreme[stop, market, lane], mark, sign)
            wanted = max(1, best * (PPM - sign * limits.distance[stop]) // PPM)
            if sign * (wanted - level) * PPM >= limits.move[stop] * mark:
                return True
    return False


@inline
def _best(extreme: int, mark: int, sign: int) -> int:
    return max(extreme, mark) if sign > 0 else min(extreme, mark)


@inline
def _carry_forward(
    limits: Limits, watched: Watched, now: Now, profit: int, time_ms: int, lane: int
) -> None:
    """Losses, days and extremes up to now, as ``decide`` does within its bounds."""
    passed = time_ms - watched.measured[lane]
    peak = max(watched.peak[0, lane], profit)
    watched.peak[0, lane] = peak
    watched.peak[1, lane] = _smoothed(limits, watched.peak[1, lane], peak - profit, passed)
    if time_ms // DAY_MS != watched.day_number[lane]:
        watched.day_number[lane] = time_ms // DAY_MS
        watched.day[0, lane] = profit
        watched.day[1, lane] = 0
    else:
        lost = max(0, watched.day[0, lane] - profit)
        watched.day[1, lane] = _smoothed(limits, watched.day[1, lane], lost, passed)
    watched.measured[lane] = time_ms
    for stop in range(len(limits.distance)):
        for market in range(len(now.marks)):
            if watched.level[stop, market, lane] != 0 and now.units[market] != 0:
                watched.extreme[stop, market, lane] = _best(
                    watched.extreme[stop, market, lane], now.marks[market],
                    1 if now.units[market] > 0 else -1,
                )  # fmt: skip


@inline
def _smoothed(limits: Limits, before: int, value: int, passed_ms: int) -> int:
    if passed_ms <= 0:
        return before
    return before + times_over(value - before, passed_ms, passed_ms + limits.smoothing_ms)


@entry
def watch(
    rules: Rules, scales: Scales, limits: Limits, watched: Watched, now: Now, price: Floats,
    size: Floats, cash: Floats, time_ms: int, flags: NDArray[np.uint8],
) -> int:  # fmt: skip
    """How many paths need their caller after a step, and why in ``flags``; the others are carried
    forward."""
    rules, limits, watched, now = borrowed((rules, limits, watched, now))
    found = 0
    for lane in range(LANES):
        _measure(rules, scales, price, size, cash, lane, now)
        flags[lane] = 0
        equity, is_held, worth = 0, False, 0.0
        for bucket in range(len(now.equity)):
            equity += now.equity[bucket]
            worth += cash[bucket, lane]
        for market in range(len(now.marks)):
            is_held |= now.units[market] != 0
            worth += size[market, lane] * price[market, lane]
        profit = equity - watched.added[lane]
        if _is_reached(rules, limits, watched, now, lane):
            flags[lane] = REACHED
        elif (
            is_held
            and limits.guarded
            and _is_outside(rules, limits, watched, now, profit, equity, time_ms, lane)
        ):
            # A flat account has nothing left that could be closed.
            flags[lane] = OUTSIDE
        else:
            _carry_forward(limits, watched, now, profit, time_ms, lane)
            watched.lowest[lane] = min(watched.lowest[lane], worth - watched.added[lane] / MICRO)
        found += flags[lane] != 0
    return found
