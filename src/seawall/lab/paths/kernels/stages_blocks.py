"""Liquidation by blocks in one lane: every block a part of one position at its fillable price.

The rules are those of ``formulas/blocks/liquidation`` and ``docs/machine/blocks.md``. Blocks end
every ``block_ms`` from the start of the path on; a step's price holds in all blocks that end in
it, the one that ends as it comes included. Each bucket is an account of its own.

Assumed, beyond ``stages``: the insurance fund can always pay; the limits that a node sets itself
(liquidations and deleveragings of one block) are never reached; gates and pools do not matter.
"""

import numpy as np

from seawall.domain.units import MICRO
from seawall.engine.compile import kernel
from seawall.lab.paths.kernels.stages_state import (
    Rules,
    State,
    bucket_risk,
    fill_price,
    find_first,
    maintenance_of,
    touch,
)

NEARLY = 1e-3
"""Micro-USD: a product of floats this close to the next whole one stands for it."""
CLOSE = 1e-13
"""The same for a quotient, as a fraction."""
NOTHING, FILLED, UNFILLED = range(3)


@kernel
def _position_in_turn(rules: Rules, state: State, lane: int, bucket: int, height: int) -> int:
    """The bucket's first position, or with rotation the one of this height; -1 for none."""
    count = 0
    for market in range(len(rules.bucket)):
        if rules.bucket[market] == bucket and state.size[market, lane] != 0.0:
            count += 1
    if count == 0:
        return -1
    left = height % count if rules.blocks.rotates else 0
    for market in range(len(rules.bucket)):
        if rules.bucket[market] == bucket and state.size[market, lane] != 0.0:
            if left == 0:
                return market
            left -= 1
    return -1


@kernel
def _whole_micros(usd: float) -> float:
    """USD rounded down to micro-USD."""
    return np.floor(usd * MICRO + NEARLY) / MICRO


@kernel
def _part_of(rules: Rules, market: int, size: float, mark: float) -> float:
    """Coins that one order closes, in whole lots."""
    terms = rules.blocks
    lot = rules.lot[market]
    notional = _whole_micros(size * mark)
    portion = _whole_micros(notional * terms.position_portion)
    most = max(min(terms.position_minimum, notional), portion)
    limit = min(most, terms.account_notional)
    if notional <= limit or size <= lot * (1.0 + CLOSE):
        return size
    lots = np.floor(limit / (mark * lot) * (1.0 + CLOSE))
    return min(max(lots, 1) * lot, size)


@kernel
def _is_within(
    mark: float, price: float, share: float, spread: float, own: float, size: float
) -> bool:
    """Whether a book's price is no worse than the fillable price of a signed size."""
    away = share * spread * own / abs(size)
    if size > 0.0:
        return price >= mark - away
    return price <= mark + away


@kernel
def _try_book(
    rules: Rules, state: State, lane: int, bucket: int, market: int, net: float, total: float,
    step: int,
) -> bool:  # fmt: skip
    """The bucket's order of this block; whether the book filled it."""
    terms = rules.blocks
    size = state.size[market, lane]
    mark = state.price[market, lane]
    is_sale = size > 0.0
    sign = 1.0 if is_sale else -1.0
    own = maintenance_of(rules, market, abs(size) * mark)
    share = min(1.0, terms.adjustment * max(0.0, 1.0 - net / total))
    part = _part_of(rules, market, abs(size), mark)
    price = fill_price(rules, market, mark, part, is_sale)
    if price <= 0.0:
        return False
    if not _is_within(mark, price, share, terms.spread_to_maintenance, own, size):
        return False
    left = 0.0 if part == abs(size) else abs(size) - part
    freed = own - maintenance_of(rules, market, left * mark)
    received = sign * part * price
    surplus = received - (sign * part * mark - net * freed / total)
    gain = min(terms.maximum_fee * part * price, surplus)
    if part * mark > terms.account_notional or -gain > terms.account_insurance:
        return False
    state.cash[bucket, lane] += received - gain
    state.size[market, lane] = sign * left
    state.cost[lane] += sign * part * (mark - price) + max(0.0, gain)
    state.taken[lane] += min(0.0, gain)
    touch(state, lane, market, step)
    return True


@kernel
def _close_against_others(
    rules: Rules, state: State, lane: int, bucket: int, market: int, net: float, total: float,
    step: int,
) -> None:  # fmt: skip
    """The whole position at the price at which the account stands as it stood."""
    size = state.size[market, lane]
    mark = state.price[market, lane]
    borne = net * maintenance_of(rules, market, abs(size) * mark) / total
    state.cash[bucket, lane] += size * mark - borne
    state.size[market, lane] = 0.0
    state.taken[lane] += borne
    touch(state, lane, market, step)


@kernel
def _take_turn(rules: Rules, state: State, lane: int, bucket: int, height: int, step: int) -> int:
    """One bucket in one block: ``NOTHING`` to do, ``FILLED`` or ``UNFILLED``."""
    net, total = bucket_risk(rules, state, lane, bucket)
    if total <= 0.0 or net >= total:
        return NOTHING
    find_first(rules, state, lane, bucket, step)
    market = _position_in_turn(rules, state, lane, bucket, height)
    if _try_book(rules, state, lane, bucket, market, net, total, step):
        return FILLED
    if net < 0.0:
        _close_against_others(rules, state, lane, bucket, market, net, total, step)
        return FILLED
    return UNFILLED


@kernel
def run_blocks(rules: Rules, state: State, lane: int, from_ms: int, now_ms: int, step: int) -> None:
    """All blocks that end after ``from_ms`` and up to ``now_ms``, at the prices of now."""
    block_ms = rules.blocks.block_ms
    # A turn without a candidate has none at the same prices, except by rotation in another one.
    patience = len(rules.bucket) if rules.blocks.rotates else 1
    for bucket in range(len(state.cash)):
        idle = 0
        for height in range(from_ms // block_ms + 1, now_ms // block_ms + 1):
            result = _take_turn(rules, state, lane, bucket, height, step)
            if result == NOTHING:
                break
            idle = idle + 1 if result == UNFILLED else 0
            if idle >= patience:
                break
