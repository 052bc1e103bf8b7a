"""The end of orders and what it means for parents, children and siblings."""

from seawall.domain.enums import EventKind, OrderState, Reason

from .state import Order, State


def end_order(s: State, order: Order, reason: Reason) -> None:
    """Takes an order away; NO_REASON means that it was filled completely."""
    s.orders.pop(order.order_id, None)
    order.state = OrderState.FREE
    order.end = reason
    if reason != Reason.NO_REASON:
        s.emit(
            EventKind.ORDER_CANCELLED,
            reason=reason,
            account=order.account,
            market=order.market,
            order_id=order.order_id,
            price=order.price,
            size=order.remaining,
        )
    settle_children(s, order)


def parent_started(parent: Order) -> bool | None:
    """True: children wait for their triggers. False: they are cancelled. None: not yet known."""
    if parent.end is None:
        return None
    if parent.end == Reason.NO_REASON:
        return True
    return parent.end == Reason.MARGIN_CANCELLED and parent.filled > 0


def settle_children(s: State, parent: Order) -> None:
    started = parent_started(parent)
    for child in list(parent.children):
        if child.state != OrderState.WAITING_FOR_FILL:
            continue
        if started:
            child.state = OrderState.WAITING_FOR_TRIGGER
            s.arrivals += 1
            child.arrival = s.arrivals
        else:
            end_order(s, child, Reason.PARENT_CANCELLED)


def note_fill(order: Order, size: int) -> None:
    """Counts a fill of the order."""
    order.filled += size
    order.remaining -= size


def cancel_siblings(s: State, order: Order) -> None:
    """A child that has filled cancels its siblings: at the fill, or a fired one after its last."""
    if order.parent is not None and order.filled:
        for sibling in list(order.parent.children):
            if sibling is not order and sibling.order_id in s.orders:
                end_order(s, sibling, Reason.SIBLING_FILLED)
