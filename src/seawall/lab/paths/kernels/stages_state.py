"""One lane of the path kernel as liquidation sees it: risk of a bucket, price and booking of fills.

Bucket 0 is the pool: what an isolated position releases goes there.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.engine.compile import kernel
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.paths.kernels.task import BlockRules, OrderKind, StageRules

POOL = 0


class Orders(NamedTuple):
    """The columns of an account's orders, (o,) each, as ``PathOrder`` says.

    ``level``: half a tick towards the mark, so that a mark which rounds to it has reached it.
    """

    kind: Integers
    market: Integers
    level: Floats
    rises: Mask
    lots: Integers
    worst: Floats
    amount: Floats
    rate: Floats
    delay_ms: Integers
    cost: Floats


class Rules(NamedTuple):
    """An account's markets and rules, of one type for every account. m markets, t tiers.

    ``bucket``, ``lot``, ``tick``, ``fee``, ``maker_fee``, ``leverage``, ``depth``, ``spread``:
    (m,). ``tiers``: (3, m, t) lower bound, rate, deduction. Either ``blocks`` or ``stages`` hold,
    as ``in_blocks`` says.
    """

    in_blocks: bool
    bucket: Integers
    lot: Floats
    tick: Floats
    fee: Floats
    maker_fee: Floats
    leverage: Floats
    depth: Floats
    spread: Floats
    impact: float
    tiers: Floats
    stages: StageRules
    blocks: BlockRules
    orders: Orders


class State(NamedTuple):
    """Arrays whose last axis is the lane. m markets, b buckets, o orders.

    ``price``: (m, lanes) USD now, ``before``: of the step before. ``size``: (m, lanes) coins,
    signed. ``cash``: (b, lanes) USD. ``cooldown``: (b, lanes) ms until when; row 0 is that of the
    whole account. ``waits``: (o, lanes) whether an order can still act. ``first``, ``touched``,
    ``cost``, ``taken``, ``acted``, ``order_cost``, ``added``: as in ``Outcomes``.
    """

    price: Floats
    before: Floats
    size: Floats
    cash: Floats
    cooldown: Integers
    first: NDArray[np.int32]
    touched: NDArray[np.int32]
    cost: Floats
    taken: Floats
    waits: Mask
    acted: NDArray[np.int32]
    order_cost: Floats
    added: Floats


@kernel
def maintenance_of(rules: Rules, market: int, notional: float) -> float:
    """Maintenance margin of a notional: rate and deduction of the last tier that it reaches."""
    tiers = rules.tiers
    tier = 0
    while tier + 1 < tiers.shape[2] and tiers[0, market, tier + 1] <= notional:
        tier += 1
    return notional * tiers[1, market, tier] - tiers[2, market, tier]


@kernel
def bucket_risk(rules: Rules, state: State, lane: int, bucket: int) -> tuple[float, float]:
    """(equity, maintenance margin) of a bucket, USD."""
    equity = state.cash[bucket, lane]
    maintenance = 0.0
    for market in range(len(rules.bucket)):
        size = state.size[market, lane]
        if rules.bucket[market] == bucket and size != 0.0:
            value = size * state.price[market, lane]
            equity += value
            maintenance += maintenance_of(rules, market, abs(value))
    return equity, maintenance


@kernel
def has_position(rules: Rules, state: State, lane: int, bucket: int) -> bool:
    for market in range(len(rules.bucket)):
        if rules.bucket[market] == bucket and state.size[market, lane] != 0.0:
            return True
    return False


@kernel
def fill_price(rules: Rules, market: int, mark: float, amount: float, is_sale: bool) -> float:
    """USD at which an order of ``amount`` coins fills, rounded to the tick against the account.

    Half the spread and an impact that grows with the square root of the order, from the mark on.
    """
    away = rules.spread[market] / 2.0
    away += rules.impact * math.sqrt(amount * mark / rules.depth[market])
    tick = rules.tick[market]
    price = mark * (1.0 - away) if is_sale else mark * (1.0 + away)
    if tick <= 0.0:
        return price
    return (np.floor(price / tick) if is_sale else np.ceil(price / tick)) * tick


@kernel
def book_close(
    rules: Rules, state: State, lane: int, market: int, lots: int, part: int, price: float,
    fee_rate: float, must_pay: bool,
) -> bool:  # fmt: skip
    """Close ``part`` of a position's ``lots`` at a price; whether it was done.

    ``must_pay``: it is not where the bucket would be left with less than nothing. What a part of an
    isolated position releases goes to the pool; under block rules a bucket keeps its own.
    """
    bucket = rules.bucket[market]
    cash = state.cash
    size = state.size[market, lane]
    sign = 1.0 if size > 0.0 else -1.0
    amount = part * rules.lot[market]
    fee = amount * price * fee_rate
    owner = bucket if rules.in_blocks else POOL
    share = 0.0
    if bucket == owner:
        equity, _ = bucket_risk(rules, state, lane, bucket)
        left = equity - sign * amount * (state.price[market, lane] - price) - fee
    else:
        share = cash[bucket, lane] * (part / lots)
        left = share + sign * amount * price - fee
    if must_pay and left < 0.0:
        return False
    if bucket != owner:
        cash[bucket, lane] = 0.0 if part == lots else cash[bucket, lane] - share
    cash[owner, lane] += share + sign * amount * price - fee
    state.size[market, lane] = sign * (lots - part) * rules.lot[market]
    return True


@kernel
def touch(state: State, lane: int, market: int, step: int) -> None:
    """Remember the first step at which a liquidation took from a position."""
    if state.touched[market, lane] == 0:
        state.touched[market, lane] = step


@kernel
def find_first(rules: Rules, state: State, lane: int, bucket: int, step: int) -> None:
    """Remember the first step at which a bucket was found under maintenance margin.

    Rules of stages cancel the orders of its markets.
    """
    if state.first[bucket, lane] == 0:
        state.first[bucket, lane] = step
    if not rules.in_blocks:
        orders = rules.orders
        for number in range(len(orders.kind)):
            is_own = rules.bucket[orders.market[number]] == bucket
            if is_own and orders.kind[number] != OrderKind.TOP_UP:
                state.waits[number, lane] = False
