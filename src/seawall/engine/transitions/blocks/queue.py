"""Matching the queue of stateful orders: placed, triggered, or sent as a leg."""

from seawall.domain.codes import (
    FIRING,
    IMMEDIATE_REMAINDER,
    NO_REASON,
    POST_ONLY,
)
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.orders import is_immediate, status_rejection
from seawall.engine.tables import (
    CONDITIONAL_ORDER,
    TWAP_LEG,
    State,
    block_market_at,
    block_order_at,
    block_rules,
    control,
    order_at,
)
from seawall.engine.transitions.blocks.matching import fill_parent, match
from seawall.engine.transitions.shared.book import rest_in_book
from seawall.engine.transitions.shared.cancels import cancel_order
from seawall.engine.transitions.shared.orders import drop_order
from seawall.engine.transitions.shared.queue import leave_queue

POST_ONLY_PASS = 0
LONG_TERM_PASS = 1
CONDITIONAL_PASS = 2


@kernel
def _place_queued(s: State, slot: int) -> None:
    """Match one order of the queue; what is left rests, or ends."""
    order = order_at(s, slot)
    own = block_order_at(s, slot)
    leave_queue(s, slot)
    order.state = FIRING
    control(s).reserved_levels -= 1
    reason = status_rejection(
        s, order.market, order.price, order.side, order.time_in_force, own.kind
    )
    if reason != NO_REASON:
        cancel_order(s, slot, reason)
        return
    size = order.remaining_size
    remaining, why, _ = match(
        s, order.position, order.order_id, order.side, size, order.price, order.flags,
        order.time_in_force == POST_ONLY,
    )  # fmt: skip
    order.remaining_size = remaining
    if own.kind == TWAP_LEG and remaining < size:
        fill_parent(s, own.parent_order_id, size - remaining)
    if remaining < block_market_at(s, order.market).size_step:
        drop_order(s, slot)
        return
    if why == NO_REASON and is_immediate(order.flags, order.time_in_force):
        why = IMMEDIATE_REMAINDER
    if why != NO_REASON:
        cancel_order(s, slot, why)
        return
    rest_in_book(s, slot)


@kernel
def _pass_of(s: State, slot: int) -> int:
    if order_at(s, slot).time_in_force == POST_ONLY:
        return POST_ONLY_PASS
    if block_order_at(s, slot).kind == CONDITIONAL_ORDER:
        return CONDITIONAL_PASS
    return LONG_TERM_PASS


@kernel
def place_queue(s: State) -> None:
    """Match post-only orders first, then long-term ones, then triggered ones; each by arrival.

    What the command's bound of work does not reach waits for the next block.
    """
    for number in range(CONDITIONAL_PASS + 1):
        slot = block_rules(s).first_queued
        while slot >= 0 and control(s).visits_left > 0:
            following = block_order_at(s, slot).next_queued
            if _pass_of(s, slot) == number:
                control(s).visits_left -= 1
                _place_queued(s, slot)
            slot = following
