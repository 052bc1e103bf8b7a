"""Ends of orders: cancelled with a reason, with what follows for children, siblings, positions."""

from seawall.domain.codes import (
    MARGIN_CANCELLED,
    NO_REASON,
    ORDER_CANCELLED,
    ORDER_WAITING,
    PARENT_CANCELLED,
    POSITION_ATTACHED,
    POSITION_CLOSED,
    REDUCE_ONLY,
    REDUCE_ONLY_CANCELLED,
    RESTING,
    SIBLING_FILLED,
    WAITING_FOR_TRIGGER,
)
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.shared.depth import reducible
from seawall.engine.tables import (
    State,
    account_at,
    control,
    order_at,
    position_at,
)
from seawall.engine.transitions.shared.book import enqueue
from seawall.engine.transitions.shared.orders import drop_order
from seawall.engine.transitions.shared.outbox import emit_order


@inline
def _cancelled(s: State, slot: int, reason: int) -> None:
    emit_order(s, ORDER_CANCELLED, reason, order_at(s, slot))


@kernel
def start_waiting(s: State, slot: int) -> None:
    """Let an order wait for its trigger."""
    order = order_at(s, slot)
    order.state = WAITING_FOR_TRIGGER
    control(s).reserved_levels -= 1
    enqueue(s, slot)
    event = emit_order(s, ORDER_WAITING, NO_REASON, order)
    event.money = order.trigger_price
    event.flags = order.side


@kernel
def release_children(s: State, slot: int, start: bool) -> None:
    """End a parent's claim on its children: they wait for their triggers, or are cancelled."""
    parent = order_at(s, slot)
    if not start:
        while parent.first_child >= 0:
            _cancelled(s, parent.first_child, PARENT_CANCELLED)
            drop_order(s, parent.first_child)
        return
    first = parent.first_child
    parent.first_child = -1
    child = first
    while True:
        order_at(s, child).parent = -1
        start_waiting(s, child)
        child = order_at(s, child).next_child
        if child == first:
            return


@kernel
def cancel_order(s: State, slot: int, reason: int) -> None:
    """End an order with a reason.

    A parent partly filled and then out of margin starts its children.
    """
    order = order_at(s, slot)
    if order.first_child >= 0:
        partly = order.remaining_size < order.original_size
        release_children(s, slot, reason == MARGIN_CANCELLED and partly)
    _cancelled(s, slot, reason)
    drop_order(s, slot)


@inline
def finish_order(s: State, slot: int) -> None:
    """End an order that is filled completely; its children start."""
    if order_at(s, slot).first_child >= 0:
        release_children(s, slot, True)
    drop_order(s, slot)


@kernel
def cancel_siblings(s: State, slot: int) -> None:
    """Cancel the other children of a bracket when one fills."""
    following = order_at(s, slot).next_child
    while following >= 0 and following != slot:
        cancel_order(s, following, SIBLING_FILLED)
        following = order_at(s, slot).next_child


@kernel
def cancel_orders_of(s: State, index: int, reason: int) -> None:
    """Cancel every order of a position row."""
    slot = position_at(s, index).first_order
    while slot >= 0:
        cancel_order(s, slot, reason)
        slot = position_at(s, index).first_order


@inline
def cancel_obsolete_after_fill(s: State, index: int, before: int) -> None:
    """Cancel attached orders and those that no longer reduce, when a position closed or flipped.

    ``before``: the signed size before the fill.
    """
    if position_at(s, index).special_orders != 0:
        _cancel_obsolete(s, index, before)


@kernel
def _cancel_obsolete(s: State, index: int, before: int) -> None:
    after = position_at(s, index).signed_size
    if before == 0 or (after != 0 and (before > 0) == (after > 0)):
        return
    slot = position_at(s, index).first_order
    while slot >= 0:
        order = order_at(s, slot)
        following = order.next_of_position
        if order.flags & POSITION_ATTACHED != 0 and order.state == WAITING_FOR_TRIGGER:
            cancel_order(s, slot, POSITION_CLOSED)
            following = position_at(s, index).first_order
        elif (
            order.flags & REDUCE_ONLY != 0
            and order.state == RESTING
            and reducible(s, index, order.side) == 0
        ):
            cancel_order(s, slot, REDUCE_ONLY_CANCELLED)
            following = position_at(s, index).first_order
        slot = following


@kernel
def cancel_all_of(s: State, account: int, market: int, reason: int) -> None:
    """Cancel every open order of an account, in one market or (-1) in all."""
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if market < 0 or position.market == market:
            cancel_orders_of(s, index, reason)
        index = position.next_of_account


@inline
def end_order(s: State, slot: int, reason: int) -> None:
    """End an order that has left its queue and has no children."""
    _cancelled(s, slot, reason)
    drop_order(s, slot)
