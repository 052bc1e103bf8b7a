"""Triggers: when the mark reaches them they become ordinary orders."""

from seawall.domain.codes import (
    DELISTED,
    FIRING,
    HALTED,
    IMMEDIATE_REMAINDER,
    MARKET_HALTED,
    NO_LIQUIDITY_FOR_MARKET_ORDER,
    NO_REASON,
    ONLY_POST_ONLY_ALLOWED,
    ORDER_TRIGGERED,
    POST_ONLY_ONLY,
    PRICE_OUTSIDE_BAND,
    REDUCE_ONLY,
    REDUCE_ONLY_WOULD_INCREASE,
    TAKE_PROFIT,
    TRIGGER,
    TRIGGER_MARKET,
    WHOLE_POSITION,
)
from seawall.engine.compile import kernel
from seawall.engine.formulas.continuous.orders import inside_band
from seawall.engine.formulas.shared.depth import reducible, would_match
from seawall.engine.formulas.shared.ladder import (
    STOPS_ABOVE,
    STOPS_BELOW,
    highest_level,
    ladder_root,
    lowest_level,
)
from seawall.engine.tables import State, control, level_at, market_at, order_at
from seawall.engine.transitions.continuous.matching import match
from seawall.engine.transitions.shared.book import dequeue, rest_in_book
from seawall.engine.transitions.shared.cancels import cancel_siblings, end_order
from seawall.engine.transitions.shared.orders import drop_order
from seawall.engine.transitions.shared.outbox import emit_order

_TRIGGER_FLAGS = TRIGGER | TAKE_PROFIT | TRIGGER_MARKET | WHOLE_POSITION


@kernel
def _firing_rejection(s: State, slot: int) -> int:
    """Why a fired order cannot be matched now, or NO_REASON."""
    order = order_at(s, slot)
    status = market_at(s, order.market).status
    if status == HALTED or status == DELISTED:
        return MARKET_HALTED
    if status == POST_ONLY_ONLY:
        return ONLY_POST_ONLY_ALLOWED
    if reducible(s, order.position, order.side) == 0:
        return REDUCE_ONLY_WOULD_INCREASE
    if not inside_band(s, order.market, order.price):
        return PRICE_OUTSIDE_BAND
    if order.flags & TRIGGER_MARKET != 0:
        if not would_match(s, order.market, order.side, order.price, -1):
            return NO_LIQUIDITY_FOR_MARKET_ORDER
    return NO_REASON


@kernel
def _fire(s: State, slot: int) -> None:
    order = order_at(s, slot)
    dequeue(s, slot)
    order.state = FIRING
    control(s).reserved_levels -= 1
    event = emit_order(s, ORDER_TRIGGERED, NO_REASON, order)
    event.price = market_at(s, order.market).mark_price
    if order.flags & WHOLE_POSITION != 0:
        order.remaining_size = reducible(s, order.position, order.side)
        order.original_size = order.remaining_size
    reason = _firing_rejection(s, slot)
    if reason != NO_REASON:
        end_order(s, slot, reason)
        return
    size = order.remaining_size
    remaining, why, _ = match(
        s, order.position, order.order_id, order.side, size, order.price, REDUCE_ONLY
    )
    order.remaining_size = remaining
    if remaining < size:
        cancel_siblings(s, slot)
    if remaining == 0:
        drop_order(s, slot)
    elif why == NO_REASON and order.flags & TRIGGER_MARKET == 0:
        order.flags = REDUCE_ONLY | (order.flags & ~_TRIGGER_FLAGS)
        rest_in_book(s, slot)
    else:
        end_order(s, slot, why if why != NO_REASON else IMMEDIATE_REMAINDER)


@kernel
def fire_triggers(s: State, market: int) -> None:
    """Fire what the mark has reached: from above first, nearest price first, then by time."""
    mark = market_at(s, market).mark_price
    if mark <= 0:
        return
    row = control(s)
    while row.visits_left > 0:
        level = highest_level(s, ladder_root(market, STOPS_BELOW))
        if level < 0 or level_at(s, level).price < mark:
            break
        row.visits_left -= 1
        _fire(s, level_at(s, level).first)
    while row.visits_left > 0:
        level = lowest_level(s, ladder_root(market, STOPS_ABOVE))
        if level < 0 or level_at(s, level).price > mark:
            break
        row.visits_left -= 1
        _fire(s, level_at(s, level).first)
