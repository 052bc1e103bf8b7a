"""Order rows: ids and slots, client order ids, holds, the links to owner and siblings."""

from seawall.domain.codes import (
    BUY,
    FREE,
    LEVEL_TABLE_FULL,
    NO_REASON,
    ORDER_TABLE_FULL,
    POSITION_ATTACHED,
    POSITION_TABLE_FULL,
    RESTING,
    SLICING,
    WAITING_FOR_BLOCK,
    WAITING_FOR_FILL,
    WAITING_FOR_TRIGGER,
)
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.shared.fixed_point import mixed_hash
from seawall.engine.formulas.shared.ladder import DEPTH
from seawall.engine.formulas.shared.positions import has_common_position_room
from seawall.engine.formulas.shared.room import kept_back, most_kept_back
from seawall.engine.tables import (
    LONG_TERM_ORDER,
    TWAP_PARENT,
    OrderRow,
    State,
    account_at,
    block_account_at,
    block_order_at,
    block_rules,
    client_id_at,
    control,
    order_at,
    position_at,
)
from seawall.engine.transitions.shared.book import (
    TRIGGER_LEVELS,
    WAITING_CHILD_LEVELS,
    dequeue,
    has_level_room,
)
from seawall.engine.transitions.shared.queue import leave_queue, stop_slicing

ORDER_SLOT_BITS = 22
MAX_SLOTS = 1 << ORDER_SLOT_BITS


@inline
def _client_bucket(s: State, account: int, high: int, low: int) -> int:
    return mixed_hash(high, low, account) & (control(s).client_ids_capacity - 1)


@inline
def find_client_id(s: State, account: int, high: int, low: int) -> int:
    """The open order with this client id, or -1. (0, 0) is no id."""
    slot = client_id_at(s, _client_bucket(s, account, high, low)).first_order - 1
    while slot >= 0:
        order = order_at(s, slot)
        if order.account == account and order.client_id_high == high and order.client_id_low == low:
            return slot
        slot = order.next_client_id
    return -1


@inline
def _has_client_id(order: OrderRow) -> bool:
    return order.client_id_high != 0 or order.client_id_low != 0


@inline
def _register_client_id(s: State, slot: int) -> None:
    order = order_at(s, slot)
    bucket = client_id_at(
        s, _client_bucket(s, order.account, order.client_id_high, order.client_id_low)
    )
    order.next_client_id = bucket.first_order - 1
    bucket.first_order = slot + 1


@kernel
def _forget_client_id(s: State, slot: int) -> None:
    order = order_at(s, slot)
    bucket = client_id_at(
        s, _client_bucket(s, order.account, order.client_id_high, order.client_id_low)
    )
    if bucket.first_order == slot + 1:
        bucket.first_order = order.next_client_id + 1
        return
    before = bucket.first_order - 1
    while order_at(s, before).next_client_id != slot:
        before = order_at(s, before).next_client_id
    order_at(s, before).next_client_id = order.next_client_id


@inline
def slot_of(order_id: int) -> int:
    """The slot in an order id's low bits."""
    return order_id & ((1 << ORDER_SLOT_BITS) - 1)


@inline
def find_order(s: State, order_id: int) -> int:
    """The slot of a live order, or -1."""
    slot = slot_of(order_id)
    if order_id <= 0 or slot >= control(s).orders_used:
        return -1
    order = order_at(s, slot)
    if order.state == FREE or order.order_id != order_id:
        return -1
    return slot


@inline
def next_slot(s: State) -> int:
    """The slot the next order will take."""
    row = control(s)
    return row.orders_free if row.orders_free >= 0 else row.orders_used


@inline
def reserve_order_id(s: State) -> int:
    """The id of the next order, with the slot it will take.

    Ids grow by placement and carry the slot in their low bits, so that finding needs no map.
    Matching may free other slots before the order rests: hence the reservation.
    """
    row = control(s)
    slot = next_slot(s)
    if row.orders_free >= 0:
        row.orders_free = order_at(s, slot).next
    else:
        row.orders_used += 1
    row.orders_live += 1
    row.placed_orders += 1
    return (row.placed_orders << ORDER_SLOT_BITS) | slot


@kernel
def unreserve_order_id(s: State, order_id: int, used_before: int) -> None:
    """Undo a reservation as if it had never been made; ``used_before``: orders_used then."""
    row = control(s)
    slot = slot_of(order_id)
    if row.orders_used > used_before:
        row.orders_used = used_before
    else:
        row.orders_free = slot
    row.orders_live -= 1
    row.placed_orders -= 1


@inline
def release_order_id(s: State, order_id: int) -> None:
    """Free a reserved slot of an order that did not come to rest."""
    row = control(s)
    slot = slot_of(order_id)
    order_at(s, slot).next = row.orders_free
    row.orders_free = slot
    row.orders_live -= 1


@inline
def forced_order_id(s: State) -> int:
    """The id of the next order of the machine's own: done at once, it takes no slot."""
    row = control(s)
    row.placed_orders += 1
    return row.placed_orders << ORDER_SLOT_BITS


@inline
def take_order(
    s: State,
    order_id: int,
    index: int,
    side: int,
    flags: int,
    time_in_force: int,
    price: int,
    size: int,
    trigger_price: int,
) -> int:
    """Fill the reserved order row for the position row ``index`` and link it to its owner."""
    row = control(s)
    slot = slot_of(order_id)
    position = position_at(s, index)
    order = order_at(s, slot)
    order.order_id = order_id
    order.price = price
    order.remaining_size = size
    order.original_size = size
    order.trigger_price = trigger_price
    order.placed_ms = row.clock_ms
    order.hold = 0
    order.client_id_high = 0
    order.client_id_low = 0
    order.position = index
    order.account = position.account
    order.market = position.market
    order.side = side
    order.flags = flags
    order.time_in_force = time_in_force
    order.level = -1
    order.next = -1
    order.previous = -1
    order.parent = -1
    order.next_child = -1
    order.first_child = -1
    order.next_client_id = -1
    order.previous_of_position = -1
    order.next_of_position = position.first_order
    if position.first_order >= 0:
        order_at(s, position.first_order).previous_of_position = slot
    position.first_order = slot
    if flags & POSITION_ATTACHED != 0:
        position.special_orders += 1
    account_at(s, position.account).open_orders += 1
    return slot


@inline
def set_client_id(s: State, slot: int, high: int, low: int) -> None:
    """Give an order its client id; (0, 0) is no id."""
    order = order_at(s, slot)
    order.client_id_high = high
    order.client_id_low = low
    if high != 0 or low != 0:
        _register_client_id(s, slot)


@inline
def set_hold(s: State, slot: int, hold: int) -> None:
    """Change an order's hold, and with it its side's total in the position row."""
    order = order_at(s, slot)
    position = position_at(s, order.position)
    if order.side == BUY:
        position.buy_hold += hold - order.hold
    else:
        position.sell_hold += hold - order.hold
    order.hold = hold


@kernel
def join_children(s: State, slot: int, sibling: int) -> None:
    """Put a child into the ring of its siblings; ``sibling`` -1 starts a ring."""
    order = order_at(s, slot)
    if sibling < 0:
        order.next_child = slot
        return
    order.next_child = order_at(s, sibling).next_child
    order_at(s, sibling).next_child = slot


@kernel
def _leave_children(s: State, slot: int) -> None:
    order = order_at(s, slot)
    before = slot
    while order_at(s, before).next_child != slot:
        before = order_at(s, before).next_child
    order_at(s, before).next_child = order.next_child
    if order.parent >= 0 and order_at(s, order.parent).first_child == slot:
        alone = order.next_child == slot
        order_at(s, order.parent).first_child = -1 if alone else order.next_child
    order.next_child = -1


@kernel
def _clear_block_order(s: State, slot: int) -> None:
    """Clear what block rules keep of an order, and take it out of its account's count."""
    own = block_order_at(s, slot)
    if LONG_TERM_ORDER <= own.kind <= TWAP_PARENT:
        block_account_at(s, order_at(s, slot).account).stateful_orders -= 1
    if own.cancel_pending != 0:
        block_rules(s).pending_cancels -= 1
    own.good_til = 0
    own.due_ms = 0
    own.interval_ms = 0
    own.tolerance_ppm = 0
    own.legs_left = 0
    own.legs_total = 0
    own.parent_order_id = 0
    own.kind = 0
    own.cancel_pending = 0


@kernel
def drop_order(s: State, slot: int) -> None:
    """Free an order row: out of its queue, its owner's list and the client ids; emits nothing."""
    order = order_at(s, slot)
    if order.state == RESTING or order.state == WAITING_FOR_TRIGGER:
        dequeue(s, slot)
    if order.state == WAITING_FOR_TRIGGER:
        control(s).reserved_levels -= 1
    elif order.state == WAITING_FOR_FILL:
        control(s).reserved_levels -= WAITING_CHILD_LEVELS
    elif order.state == WAITING_FOR_BLOCK:
        control(s).reserved_levels -= 1
        leave_queue(s, slot)
    elif order.state == SLICING:
        stop_slicing(s, slot)
    if control(s).block_orders_capacity > 0:
        _clear_block_order(s, slot)
    if order.hold != 0:
        set_hold(s, slot, 0)
    if _has_client_id(order):
        _forget_client_id(s, slot)
    if order.next_child >= 0:
        _leave_children(s, slot)
    position = position_at(s, order.position)
    if order.flags & POSITION_ATTACHED != 0:
        position.special_orders -= 1
    if order.previous_of_position >= 0:
        order_at(s, order.previous_of_position).next_of_position = order.next_of_position
    else:
        position.first_order = order.next_of_position
    if order.next_of_position >= 0:
        order_at(s, order.next_of_position).previous_of_position = order.previous_of_position
    account_at(s, order.account).open_orders -= 1
    order.state = FREE
    order.order_id = 0
    row = control(s)
    order.next = row.orders_free
    row.orders_free = slot
    row.orders_live -= 1


@kernel
def has_ample_room(s: State, commands: int) -> bool:
    """Whether the tables surely have room for so many commands of orders, whatever they are."""
    row = control(s)
    positions = row.positions_used + most_kept_back(row.positions_capacity) + commands
    orders = row.orders_live + most_kept_back(row.orders_capacity) + commands
    levels = row.reserved_levels + TRIGGER_LEVELS * commands
    nodes = row.nodes_live + most_kept_back(row.nodes_capacity) + (DEPTH - 1) * levels
    return (
        positions <= row.positions_capacity
        and orders <= min(row.orders_capacity, MAX_SLOTS)
        and row.levels_live + most_kept_back(row.levels_capacity) + levels <= row.levels_capacity
        and nodes <= row.nodes_capacity
    )


@kernel
def room_rejection(s: State, index: int, levels: int, halves: int) -> int:
    """Why the tables have no room for one more order that may come to need so many levels.

    ``index``: the account's position row, -1 where the order creates it. ``halves``: of what the
    tables keep back from such an order.
    """
    row = control(s)
    if index < 0 and not has_common_position_room(s):
        return POSITION_TABLE_FULL
    kept = kept_back(row.orders_capacity, halves)
    if row.orders_live + kept >= min(row.orders_capacity, MAX_SLOTS):
        return ORDER_TABLE_FULL
    return NO_REASON if has_level_room(s, levels, halves) else LEVEL_TABLE_FULL
