"""The account's orders in the path kernel: what the machine does with them, in floats.

Per step, after prices moved and before funding is paid and anything is liquidated, the orders act
that the new prices reach, in the order in which the account lists them: limit orders, then triggers
market by market, the nearest to the old price first. An order acts once and is gone.

* A **limit order** is filled whole at its own price once the best quote of the other side, half the
  spread from the mark, has come to it.
* A **trigger** becomes a market order at the step's mark, however far that is beyond its level. It
  takes what the book has within its worst price (``fill_price``, from where earlier market orders
  of the step left the book) and the rest is cancelled: after a jump beyond the worst price nothing
  is filled and the order is gone.
* An order reduces at most what is left of the position; a fill that would leave the bucket with
  less than nothing does not happen; an order whose worst price lies outside the price band ends.
* A **top-up** comes after the step's liquidations: they do not wait for money. It goes through the
  pool, and stays there where the pool has less than what a withdrawal must leave in it, or where
  its position was closed while it was on its way.

Liquidation of a bucket cancels the orders of its markets first, but not top-ups
(``stages_state.find_first``); block rules leave them.
"""

import numpy as np

from seawall.engine.compile import inline, kernel
from seawall.lab.arrays import Floats, Mask
from seawall.lab.paths.kernels.philox import LANES
from seawall.lab.paths.kernels.stages_state import (
    POOL,
    Rules,
    State,
    book_close,
    bucket_risk,
    fill_price,
)
from seawall.lab.paths.kernels.task import OrderKind

BELOW, ABOVE = range(2)
"""The two rows of bounds: nearest level that waits for a fall, and for a rise."""


@inline
def _has_reached(rules: Rules, number: int, price: float) -> bool:
    level = rules.orders.level[number]
    return price >= level if rules.orders.rises[number] else price <= level


@kernel
def set_bounds(rules: Rules, state: State, bounds: Floats, lane: int) -> None:
    """The nearest levels of each market at which one of its orders acts."""
    orders = rules.orders
    for market in range(len(rules.bucket)):
        bounds[BELOW, market, lane] = -np.inf
        bounds[ABOVE, market, lane] = np.inf
    for number in range(len(orders.kind)):
        market, level = orders.market[number], orders.level[number]
        if orders.kind[number] > OrderKind.TRIGGER or not state.waits[number, lane]:
            continue
        if state.size[market, lane] == 0.0:
            continue
        if orders.rises[number]:
            bounds[ABOVE, market, lane] = min(bounds[ABOVE, market, lane], level)
        else:
            bounds[BELOW, market, lane] = max(bounds[BELOW, market, lane], level)


@kernel
def mark_reached(price: Floats, bounds: Floats, is_marked: Mask) -> int:
    """Mark the lanes in which a price has reached a bound; how many of them were not marked."""
    found = 0
    for market in range(len(price)):
        prices = price[market]
        below, above = bounds[BELOW, market], bounds[ABOVE, market]
        reached = 0
        for lane in range(LANES):
            reached += (prices[lane] <= below[lane]) | (prices[lane] >= above[lane])
        if reached > 0:
            for lane in range(LANES):
                if prices[lane] <= below[lane] or prices[lane] >= above[lane]:
                    found += not is_marked[lane]
                    is_marked[lane] = True
    return found


@kernel
def costs_more(rules: Rules, state: State, number: int, lane: int, rate: float) -> bool:
    """Whether a close before funding is due at a rate that longs pay now."""
    orders = rules.orders
    paid = rate if state.size[orders.market[number], lane] > 0.0 else -rate
    return paid > 0.0 and paid > orders.rate[number]


@kernel
def _is_within(
    rules: Rules, market: int, mark: float, amount: float, worst: float, is_sale: bool
) -> bool:
    price = fill_price(rules, market, mark, amount, is_sale)
    return price >= worst if is_sale else price <= worst


@kernel
def _lots_within(
    rules: Rules, market: int, mark: float, used: float, lots: int, worst: float, is_sale: bool
) -> int:
    """How many of ``lots`` the book takes no worse than ``worst``, after ``used`` coins."""
    lot = rules.lot[market]
    if _is_within(rules, market, mark, used + lots * lot, worst, is_sale):
        return lots
    most, too_many = 0, lots
    while too_many - most > 1:
        middle = (most + too_many) // 2
        if _is_within(rules, market, mark, used + middle * lot, worst, is_sale):
            most = middle
        else:
            too_many = middle
    return most


@kernel
def _is_in_band(rules: Rules, mark: float, worst: float) -> bool:
    terms = rules.stages
    return rules.in_blocks or mark * terms.lowest < worst <= mark * terms.highest


@kernel
def _act(
    rules: Rules, state: State, number: int, lane: int, used: Floats, step: int
) -> None:  # fmt: skip
    """One order whose time has come."""
    orders = rules.orders
    market, worst = orders.market[number], orders.worst[number]
    size, mark, lot = state.size[market, lane], state.price[market, lane], rules.lot[market]
    is_sale = size > 0.0
    lots = int(np.rint(abs(size) / lot))
    part = min(orders.lots[number], lots)
    price, fee_rate, slippage = worst, rules.maker_fee[market], 0.0
    if orders.kind[number] != OrderKind.LIMIT:
        if orders.kind[number] == OrderKind.TRIGGER and not _is_in_band(rules, mark, worst):
            part = 0
        part = _lots_within(rules, market, mark, used[market], part, worst, is_sale)
        price = fill_price(rules, market, mark, used[market] + part * lot, is_sale)
        fee_rate = rules.fee[market]
        slippage = mark - price if is_sale else price - mark
    state.waits[number, lane] = False
    state.acted[number, lane] = -step
    if part > 0 and book_close(rules, state, lane, market, lots, part, price, fee_rate, True):
        state.acted[number, lane] = step
        state.order_cost[lane] += part * lot * (slippage + price * fee_rate)
        if orders.kind[number] != OrderKind.LIMIT:
            used[market] += part * lot


@kernel
def act_lane(
    rules: Rules, state: State, bounds: Floats, rates: Floats, lane: int, step: int
) -> None:
    """The orders of a lane that this step's prices reach, and those before its funding.

    ``rates``: (m,) an hour, which longs pay in this step; 0 where nothing is due.
    """
    orders = rules.orders
    used = np.zeros(len(rules.bucket))
    for number in range(len(orders.kind)):
        kind, market = orders.kind[number], orders.market[number]
        if kind == OrderKind.TOP_UP or not state.waits[number, lane]:
            continue
        if state.size[market, lane] == 0.0:
            state.waits[number, lane] = False
        elif kind == OrderKind.BEFORE_FUNDING:
            if costs_more(rules, state, number, lane, rates[market]):
                _act(rules, state, number, lane, used, step)
        elif _has_reached(rules, number, state.price[market, lane]):
            _act(rules, state, number, lane, used, step)
    set_bounds(rules, state, bounds, lane)


@kernel
def _is_free(rules: Rules, state: State, lane: int) -> bool:
    """Whether the pool has what must stay when money leaves it."""
    equity, _ = bucket_risk(rules, state, lane, POOL)
    initial = floor = 0.0
    for market in range(len(rules.bucket)):
        if rules.bucket[market] == POOL:
            notional = abs(state.size[market, lane]) * state.price[market, lane]
            initial += notional / rules.leverage[market]
            floor += notional * rules.stages.transfer_floor
    return equity >= max(initial, floor)


@kernel
def top_up(rules: Rules, state: State, step: int, step_ms: int) -> None:
    """The top-ups of all lanes that this step's prices reach, where the position is still there.

    What is sent is there at the first step after its delay; until then ``acted`` is that step,
    which is to come.
    """
    orders = rules.orders
    for number in range(len(orders.kind)):
        if orders.kind[number] != OrderKind.TOP_UP:
            continue
        market = orders.market[number]
        bucket, amount = rules.bucket[market], orders.amount[number]
        steps = -(-orders.delay_ms[number] // step_ms)
        for lane in range(LANES):
            if state.waits[number, lane] and _has_reached(rules, number, state.price[market, lane]):
                state.waits[number, lane] = False
                if state.size[market, lane] != 0.0:
                    state.acted[number, lane] = step + steps
            if not state.waits[number, lane] and state.acted[number, lane] == step:
                is_held = state.size[market, lane] != 0.0
                can_move = bucket == POOL or (
                    is_held and (rules.in_blocks or _is_free(rules, state, lane))
                )
                state.cash[bucket if can_move else POOL, lane] += amount
                state.added[lane] += amount + orders.cost[number]
                state.acted[number, lane] = step if can_move else -step
