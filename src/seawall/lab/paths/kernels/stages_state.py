"""One lane of the path kernel as liquidation sees it: risk of a bucket, price and booking of fills.

What the three ``stages`` files pass around:

``rules``: ``account.kernel_rules``, a tuple of

    0  kind, a ``LiquidationRules``
    1  bucket of each position, (m,) int64
    2  markets, (5, m): ``LOT``, ``TICK``, ``FEE``, ``DEPTH``, ``SPREAD``
    3  tiers, (3, m, t): lower bound, rate, deduction
    4  numbers of rules of stages, as ``STAGE_NUMBERS`` names them
    5  numbers of block rules, as ``BLOCK_NUMBERS`` names them

``state``: a tuple of arrays whose last axis is the lane

    0  price now, (m, lanes) USD
    1  price of the step before, (m, lanes)
    2  signed size, (m, lanes) coins
    3  cash, (b, lanes) USD
    4  cooldown until, (b, lanes) int64 ms; row 0 is that of the whole account
    5  first, (b, lanes) int32; 6  touched, (m, lanes) int32: as in ``Outcomes``
    7  totals, (3, lanes): funding, cost, taken, as in ``Outcomes``

Bucket 0 is the pool: what an isolated position releases goes there.
"""

import math

import numpy as np

from seawall.lab.paths.kernels.compiled import kernel

LOT, TICK, FEE, DEPTH, SPREAD = range(5)
PRICE, BEFORE, SIZE, CASH, COOLDOWN, FIRST, TOUCHED, TOTALS = range(8)
FUNDING, COST, TAKEN = range(3)
POOL = 0

STAGE_NUMBERS = (
    "impact", "partial_above", "portion", "cooldown_ms", "backstop_ratio", "lowest", "highest",
    "uses_book", "book_first", "stops_at_zero", "below_zero",
)  # fmt: skip
(
    IMPACT, PARTIAL_ABOVE, PORTION, COOLDOWN_MS, BACKSTOP_RATIO, LOWEST, HIGHEST,
    USES_BOOK, BOOK_FIRST, STOPS_AT_ZERO, BELOW_ZERO,
) = range(len(STAGE_NUMBERS))  # fmt: skip
"""``lowest`` and ``highest``: the band as factors of the mark."""


@kernel
def maintenance_of(rules, market, notional):
    """Maintenance margin of a notional: rate and deduction of the last tier that it reaches."""
    tiers = rules[3]
    tier = 0
    while tier + 1 < tiers.shape[2] and tiers[0, market, tier + 1] <= notional:
        tier += 1
    return notional * tiers[1, market, tier] - tiers[2, market, tier]


@kernel
def bucket_risk(rules, state, lane, bucket):
    """(equity, maintenance margin) of a bucket, USD."""
    equity = state[CASH][bucket, lane]
    maintenance = 0.0
    for market in range(len(rules[1])):
        size = state[SIZE][market, lane]
        if rules[1][market] == bucket and size != 0.0:
            value = size * state[PRICE][market, lane]
            equity += value
            maintenance += maintenance_of(rules, market, abs(value))
    return equity, maintenance


@kernel
def has_position(rules, state, lane, bucket):
    for market in range(len(rules[1])):
        if rules[1][market] == bucket and state[SIZE][market, lane] != 0.0:
            return True
    return False


@kernel
def fill_price(rules, market, mark, amount, is_sale):
    """USD at which an order of ``amount`` coins fills, rounded to the tick against the account.

    Half the spread and an impact that grows with the square root of the order, from the mark on.
    """
    markets = rules[2]
    away = markets[SPREAD, market] / 2.0
    away += rules[4][IMPACT] * math.sqrt(amount * mark / markets[DEPTH, market])
    tick = markets[TICK, market]
    price = mark * (1.0 - away) if is_sale else mark * (1.0 + away)
    if tick <= 0.0:
        return price
    return (np.floor(price / tick) if is_sale else np.ceil(price / tick)) * tick


@kernel
def touch(state, lane, market, step):
    """Remember the first step at which a liquidation took from a position."""
    if state[TOUCHED][market, lane] == 0:
        state[TOUCHED][market, lane] = step


@kernel
def find_first(state, lane, bucket, step):
    """Remember the first step at which a bucket was found under maintenance margin."""
    if state[FIRST][bucket, lane] == 0:
        state[FIRST][bucket, lane] = step
