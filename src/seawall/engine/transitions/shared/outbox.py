"""The outbox: events written into the caller's batch while commands are applied."""

from typing import Any

from seawall.engine.compile import INTERPRETED, inline
from seawall.engine.rows import make_batch_accessor
from seawall.engine.tables import Batch, EventRow, OrderRow, State, control, event_dtype

_event_at = make_batch_accessor(event_dtype)

if INTERPRETED:

    def _next_event(s: State) -> EventRow:
        state: Any = s
        row = control(s)
        event: EventRow = _event_at(state.outbox, row.outbox_used)
        row.outbox_used += 1
        return event

    def open_outbox(s: State, events: Batch) -> None:
        state: Any = s
        state.outbox = events

    def close_outbox(s: State) -> None:
        state: Any = s
        state.outbox = None

else:

    @inline
    def _next_event(s: State) -> EventRow:
        row = control(s)
        # The last row is sacrificed rather than written past: the shell sees the count and raises.
        event: EventRow = _event_at(row.outbox, min(row.outbox_used, row.outbox_capacity - 1))
        row.outbox_used += 1
        return event

    @inline
    def open_outbox(s: State, events: Batch) -> None:
        control(s).outbox = events

    @inline
    def close_outbox(s: State) -> None:
        # The address must not become part of the state hash.
        control(s).outbox = 0


@inline
def emit(
    s: State,
    kind: int,
    reason: int,
    account: int,
    market: int,
    order_id: int,
    price: int,
    order_size: int,
    money: int,
) -> EventRow:
    """Append an event; the rarer fields are zero."""
    event = _next_event(s)
    event.sequence = control(s).sequence
    event.order_id = order_id
    event.price = price
    event.order_size = order_size
    event.money = money
    event.closed_profit = 0
    event.position_size = 0
    event.kind = kind
    event.reason = reason
    event.account = account
    event.market = market
    event.counterparty = -1
    event.flags = 0
    return event


@inline
def open_batch(s: State, events: Batch, capacity: int) -> None:
    """Let events go to the caller's batch of ``capacity`` rows."""
    row = control(s)
    open_outbox(s, events)
    row.outbox_capacity = capacity
    row.outbox_used = 0


@inline
def close_batch(s: State) -> int:
    """How many events the batch holds; no trace of it stays in the state."""
    row = control(s)
    used = row.outbox_used
    close_outbox(s)
    row.outbox_capacity = 0
    row.outbox_used = 0
    return used


@inline
def emit_order(s: State, kind: int, reason: int, order: OrderRow) -> EventRow:
    """Append an event of what is left of an order."""
    return emit(
        s, kind, reason, order.account, order.market, order.order_id, order.price,
        order.remaining_size, 0,
    )  # fmt: skip
