"""Liquidation in one lane of the path kernel: what the machine does to an account, in floats.

The kernel finds the lanes in which a bucket is under maintenance margin and calls
``liquidate_lane`` for each of them, once per step, after prices moved and funding was paid::

    liquidate_lane(rules, state, lane, from_ms, now_ms, step)

All buckets of the lane are handled:
they are judged anew here, so a lane without any bucket under maintenance is left as it is.
``from_ms`` and ``now_ms``: time since the start at which the last and this step's prices came;
only block rules ask for the former. ``step`` counts from 1.

Rules of stages, in the order and with the conditions of ``transitions/continuous/liquidation``: the
worst bucket first; the largest position first, in part above a notional and once per cooldown,
which the buckets of an account share; the bucket is judged after each order; a fill that would
leave less than nothing does not happen; then the backstop, then others.

Differences from the machine, all of them: money is not truncated to micro-USD (fees, maintenance
margin, what a part of an isolated position releases: less than a micro-USD each); the backstop can
carry whatever it takes, others can take whatever is closed against them, a fund can pay whatever
it owes; fees stay those of the lowest volume tier. A price closer to a limit than a micro-USD may
therefore be judged differently.
"""

import numpy as np

from seawall.domain.units import RATE_ONE
from seawall.engine.compile import kernel
from seawall.lab.arrays import Mask
from seawall.lab.paths.kernels.stages_blocks import run_blocks
from seawall.lab.paths.kernels.stages_state import (
    POOL,
    Rules,
    State,
    book_close,
    bucket_risk,
    fill_price,
    find_first,
    has_position,
    touch,
)
from seawall.lab.paths.kernels.task import BelowZero


@kernel
def _largest(rules: Rules, state: State, lane: int, bucket: int, tried: Mask) -> int:
    """The bucket's largest position not yet tried, or -1."""
    best = -1
    best_notional = -1.0
    for market in range(len(rules.bucket)):
        size = state.size[market, lane]
        if rules.bucket[market] == bucket and size != 0.0 and not tried[market]:
            notional = abs(size) * state.price[market, lane]
            if notional > best_notional:
                best = market
                best_notional = notional
    return best


@kernel
def _order_lots(rules: Rules, lots: int, notional: float, in_cooldown: bool) -> int:
    """How many of ``lots`` the next order closes: all, or a share rounded down, at least one."""
    terms = rules.stages
    if in_cooldown or terms.partial_above <= 0.0 or notional <= terms.partial_above:
        return lots
    portion = int(np.rint(terms.portion * RATE_ONE))
    # In two parts, because lots times a rate of 1e-9 may not fit.
    part = lots // RATE_ONE * portion + lots % RATE_ONE * portion // RATE_ONE
    return max(1, part)


@kernel
def _fill(rules: Rules, state: State, lane: int, market: int, lots: int, part: int) -> bool:
    """Try to close ``part`` of ``lots`` at the price of the book; whether it was filled."""
    terms = rules.stages
    is_sale = state.size[market, lane] > 0.0
    mark = state.price[market, lane]
    amount = part * rules.lot[market]
    price = fill_price(rules, market, mark, amount, is_sale)
    if price <= mark * terms.lowest or price > mark * terms.highest:
        return False
    fee_rate = rules.fee[market]
    if not book_close(rules, state, lane, market, lots, part, price, fee_rate, terms.stops_at_zero):
        return False
    away = mark - price if is_sale else price - mark
    state.cost[lane] += amount * away + amount * price * fee_rate
    return True


@kernel
def _sell_into_book(
    rules: Rules, state: State, lane: int, bucket: int, now_ms: int, step: int
) -> None:
    """Market orders, largest position first, until the bucket is healthy or all were tried."""
    in_cooldown = now_ms < state.cooldown[POOL, lane]
    tried = np.zeros(len(rules.bucket), np.bool_)
    has_parted = False
    while True:
        market = _largest(rules, state, lane, bucket, tried)
        if market < 0:
            break
        tried[market] = True
        size = abs(state.size[market, lane])
        lots = int(np.rint(size / rules.lot[market]))
        part = _order_lots(rules, lots, size * state.price[market, lane], in_cooldown)
        if _fill(rules, state, lane, market, lots, part):
            touch(state, lane, market, step)
            has_parted = has_parted or part < lots
        equity, maintenance = bucket_risk(rules, state, lane, bucket)
        if equity >= maintenance:
            break
    if has_parted:
        state.cooldown[POOL, lane] = now_ms + rules.stages.cooldown_ms


@kernel
def _lose_bucket(
    rules: Rules, state: State, lane: int, bucket: int, equity: float, step: int
) -> None:
    """Positions and cash of the bucket leave at mark."""
    for market in range(len(rules.bucket)):
        if rules.bucket[market] == bucket and state.size[market, lane] != 0.0:
            state.size[market, lane] = 0.0
            touch(state, lane, market, step)
    state.cash[bucket, lane] = 0.0
    state.taken[lane] += equity


@kernel
def _others_price(state: State, lane: int, market: int, at_previous: bool) -> float:
    """The price that closing against others starts from."""
    if at_previous:
        return state.before[market, lane]
    return state.price[market, lane]


@kernel
def _value_of_closing(
    rules: Rules, state: State, lane: int, bucket: int, at_previous: bool
) -> float:
    """What the bucket is worth at the prices that closing against others starts from."""
    value = state.cash[bucket, lane]
    for market in range(len(rules.bucket)):
        if rules.bucket[market] == bucket:
            value += state.size[market, lane] * _others_price(state, lane, market, at_previous)
    return value


@kernel
def _close_against_others(
    rules: Rules, state: State, lane: int, bucket: int, equity: float, at_previous: bool, step: int
) -> None:
    """Every position of the bucket, largest first, at a price at which it owes nothing."""
    cash = state.cash
    tried = np.zeros(len(rules.bucket), np.bool_)
    kept = 0.0
    while True:
        market = _largest(rules, state, lane, bucket, tried)
        if market < 0:
            break
        tried[market] = True
        size = state.size[market, lane]
        tick = rules.tick[market]
        price = _others_price(state, lane, market, at_previous)
        debt = -_value_of_closing(rules, state, lane, bucket, at_previous)
        if debt > 0.0:
            move = debt / abs(size)
            if tick > 0.0:
                move = np.ceil(move / tick) * tick
            price = price + move if size > 0.0 else max(tick, price - move)
        state.size[market, lane] = 0.0
        touch(state, lane, market, step)
        if bucket == POOL:
            cash[POOL, lane] += size * price
        else:
            released = max(0.0, cash[bucket, lane] + size * price)
            cash[bucket, lane] = 0.0
            cash[POOL, lane] += released
            kept += released
    if not has_position(rules, state, lane, POOL):
        cash[POOL, lane] = max(0.0, cash[POOL, lane])
    if bucket == POOL:
        kept = cash[POOL, lane]
    state.taken[lane] += equity - kept


@kernel
def _liquidate_bucket(
    rules: Rules, state: State, lane: int, bucket: int, now_ms: int, step: int
) -> None:
    """The stages, one after the other, while the bucket is under maintenance margin."""
    terms = rules.stages
    equity, maintenance = bucket_risk(rules, state, lane, bucket)
    if equity >= maintenance:
        return
    find_first(rules, state, lane, bucket, step)
    is_below = equity < terms.backstop_ratio * maintenance
    meets_book = terms.uses_book and (terms.book_first or not is_below)
    if meets_book and equity >= 0.0:
        _sell_into_book(rules, state, lane, bucket, now_ms, step)
        equity, maintenance = bucket_risk(rules, state, lane, bucket)
    if equity >= maintenance:
        return
    if 0.0 <= equity < terms.backstop_ratio * maintenance:
        _lose_bucket(rules, state, lane, bucket, equity, step)
        return
    below_zero = terms.below_zero
    if equity >= 0.0 or below_zero == BelowZero.STAYS:
        return
    if below_zero == BelowZero.INSURED:
        _lose_bucket(rules, state, lane, bucket, equity, step)
    else:
        at_previous = below_zero == BelowZero.CLOSED_AT_PREVIOUS
        _close_against_others(rules, state, lane, bucket, equity, at_previous, step)


@kernel
def _run_stages(rules: Rules, state: State, lane: int, now_ms: int, step: int) -> None:
    """All buckets that are under maintenance margin now, worst first."""
    buckets = len(state.cash)
    ratios = np.full(buckets, np.inf)
    for bucket in range(buckets):
        if has_position(rules, state, lane, bucket):
            equity, maintenance = bucket_risk(rules, state, lane, bucket)
            if equity < maintenance:
                ratios[bucket] = equity / max(1e-6, maintenance)
    for _ in range(buckets):
        worst = int(np.argmin(ratios))
        if ratios[worst] == np.inf:
            return
        ratios[worst] = np.inf
        _liquidate_bucket(rules, state, lane, worst, now_ms, step)


@kernel
def liquidate_lane(
    rules: Rules, state: State, lane: int, from_ms: int, now_ms: int, step: int
) -> None:
    """One step's liquidations of one lane, as the head of this file says."""
    if rules.in_blocks:
        run_blocks(rules, state, lane, from_ms, now_ms, step)
    else:
        _run_stages(rules, state, lane, now_ms, step)
