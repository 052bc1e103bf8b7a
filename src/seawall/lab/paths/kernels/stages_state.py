"""One lane of the path kernel as liquidation sees it: risk of a bucket, price and booking of fills.

Bucket 0 is the pool: what an isolated position releases goes there.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.engine.compile import kernel
from seawall.lab.arrays import Floats, Integers
from seawall.lab.paths.kernels.task import BlockRules, StageRules

POOL = 0


class Rules(NamedTuple):
    """An account's markets and rules, of one type for every account. m markets, t tiers.

    ``bucket``, ``lot``, ``tick``, ``fee``, ``depth``, ``spread``: (m,). ``tiers``: (3, m, t) lower
    bound, rate, deduction. Either ``blocks`` or ``stages`` hold, as ``in_blocks`` says.
    """

    in_blocks: bool
    bucket: Integers
    lot: Floats
    tick: Floats
    fee: Floats
    depth: Floats
    spread: Floats
    impact: float
    tiers: Floats
    stages: StageRules
    blocks: BlockRules


class State(NamedTuple):
    """Arrays whose last axis is the lane. m markets, b buckets.

    ``price``: (m, lanes) USD now, ``before``: of the step before. ``size``: (m, lanes) coins,
    signed. ``cash``: (b, lanes) USD. ``cooldown``: (b, lanes) ms until when; row 0 is that of the
    whole account. ``first``, ``touched``, ``cost``, ``taken``: as in ``Outcomes``.
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
def touch(state: State, lane: int, market: int, step: int) -> None:
    """Remember the first step at which a liquidation took from a position."""
    if state.touched[market, lane] == 0:
        state.touched[market, lane] = step


@kernel
def find_first(state: State, lane: int, bucket: int, step: int) -> None:
    """Remember the first step at which a bucket was found under maintenance margin."""
    if state.first[bucket, lane] == 0:
        state.first[bucket, lane] = step
