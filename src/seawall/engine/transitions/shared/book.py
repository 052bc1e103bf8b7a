"""Price levels and their queues of orders, in time order."""

from seawall.domain.codes import (
    BUY,
    NO_REASON,
    ORDER_ACCEPTED,
    REDUCE_ONLY,
    RESTING,
    TAKE_PROFIT,
)
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.shared.fixed_point import (
    bit_is_set,
    with_bit,
    without_bit,
)
from seawall.engine.formulas.shared.ladder import (
    ASKS,
    BIDS,
    DEPTH,
    DIGIT,
    STOPS_ABOVE,
    STOPS_BELOW,
    TOP_SHIFT,
    highest_level,
    ladder_root,
    lowest_level,
)
from seawall.engine.formulas.shared.room import kept_back
from seawall.engine.tables import (
    OrderRow,
    State,
    control,
    level_at,
    market_at,
    node_at,
    order_at,
    position_at,
)
from seawall.engine.transitions.shared.outbox import emit_order

WAITING_CHILD_LEVELS = 2
"""A child may yet need a level for its trigger and one for what rests after it fired."""
TRIGGER_LEVELS = 3


@inline
def has_level_room(s: State, needed: int, halves: int) -> bool:
    """Whether there is room for ``needed`` levels beside those reserved by waiting orders.

    ``halves``: of what is kept back.
    """
    row = control(s)
    wanted = row.reserved_levels + needed
    if row.levels_live + wanted + kept_back(row.levels_capacity, halves) > row.levels_capacity:
        return False
    nodes = (DEPTH - 1) * wanted + kept_back(row.nodes_capacity, halves)
    return row.nodes_live + nodes <= row.nodes_capacity


@kernel
def _take_node(s: State) -> int:
    row = control(s)
    index = row.nodes_free
    if index >= 0:
        row.nodes_free = node_at(s, index).next_free
    else:
        index = row.nodes_used
        row.nodes_used += 1
    row.nodes_live += 1
    node_at(s, index).bitmap = 0
    return index


@inline
def _free_node(s: State, index: int) -> None:
    row = control(s)
    node_at(s, index).next_free = row.nodes_free
    row.nodes_free = index
    row.nodes_live -= 1


@kernel
def _take_level(s: State, price: int) -> int:
    row = control(s)
    index = row.levels_free
    if index >= 0:
        row.levels_free = level_at(s, index).next_free
    else:
        index = row.levels_used
        row.levels_used += 1
    row.levels_live += 1
    level = level_at(s, index)
    level.price = price
    level.total_size = 0
    level.first = -1
    level.last = -1
    level.count = 0
    return index


@kernel
def _add_level(s: State, node: int, shift: int, price: int) -> int:
    """Create the level of this price from the node on that has no child for it."""
    while shift >= 0:
        child = _take_node(s) if shift > 0 else _take_level(s, price)
        row = node_at(s, node)
        digit = (price >> shift) & DIGIT
        row.bitmap = with_bit(row.bitmap, digit)
        row.children[digit] = child
        node = child
        shift -= 6
    return node


@inline
def level_for(s: State, root: int, price: int) -> int:
    """The level of this price, created when missing. Room must have been checked."""
    node = root
    shift = TOP_SHIFT
    while shift >= 0:
        row = node_at(s, node)
        digit = (price >> shift) & DIGIT
        if not bit_is_set(row.bitmap, digit):
            return _add_level(s, node, shift, price)
        node = row.children[digit]
        shift -= 6
    return node


@kernel
def remove_level(s: State, root: int, index: int) -> None:
    """Remove an empty level from its ladder, with every node that becomes empty."""
    price = level_at(s, index).price
    control_row = control(s)
    level_at(s, index).next_free = control_row.levels_free
    control_row.levels_free = index
    control_row.levels_live -= 1
    for depth in range(DEPTH - 1, -1, -1):
        node = root
        shift = TOP_SHIFT
        for _ in range(depth):
            node = node_at(s, node).children[(price >> shift) & DIGIT]
            shift -= 6
        row = node_at(s, node)
        row.bitmap = without_bit(row.bitmap, (price >> shift) & DIGIT)
        if row.bitmap != 0 or depth == 0:
            return
        _free_node(s, node)


@inline
def order_ladder(side: int, flags: int, state: int) -> int:
    """The ladder that holds an order in this state."""
    if state == RESTING:
        return BIDS if side == BUY else ASKS
    take_profit = flags & TAKE_PROFIT != 0
    return STOPS_ABOVE if (side == BUY) != take_profit else STOPS_BELOW


@inline
def _refresh_best(s: State, market: int, ladder: int) -> None:
    row = market_at(s, market)
    if ladder == BIDS:
        row.bid_level = highest_level(s, ladder_root(market, BIDS))
    elif ladder == ASKS:
        row.ask_level = lowest_level(s, ladder_root(market, ASKS))


@inline
def enqueue(s: State, slot: int) -> None:
    """Put an order that rests or waits for its trigger at the end of its level's queue."""
    order = order_at(s, slot)
    ladder = order_ladder(order.side, order.flags, order.state)
    price = order.price if order.state == RESTING else order.trigger_price
    index = level_for(s, ladder_root(order.market, ladder), price)
    level = level_at(s, index)
    order.level = index
    order.previous = level.last
    order.next = -1
    if level.last >= 0:
        order_at(s, level.last).next = slot
    else:
        level.first = slot
    level.last = slot
    level.count += 1
    level.total_size += order.remaining_size
    row = market_at(s, order.market)
    if ladder == BIDS:
        if row.bid_level < 0 or level_at(s, row.bid_level).price < price:
            row.bid_level = index
    elif ladder == ASKS:
        if row.ask_level < 0 or level_at(s, row.ask_level).price > price:
            row.ask_level = index
    if order.state == RESTING:
        _count_reduce_only(s, order, 1)


@inline
def _count_reduce_only(s: State, order: OrderRow, change: int) -> None:
    if order.flags & REDUCE_ONLY != 0:
        position_at(s, order.position).special_orders += change


@inline
def dequeue(s: State, slot: int) -> None:
    """Remove an order from its level's queue, and the level when it is empty."""
    order = order_at(s, slot)
    index = order.level
    level = level_at(s, index)
    if order.previous >= 0:
        order_at(s, order.previous).next = order.next
    else:
        level.first = order.next
    if order.next >= 0:
        order_at(s, order.next).previous = order.previous
    else:
        level.last = order.previous
    level.count -= 1
    level.total_size -= order.remaining_size
    order.level = -1
    if order.state == RESTING:
        _count_reduce_only(s, order, -1)
    if level.count == 0:
        ladder = order_ladder(order.side, order.flags, order.state)
        row = market_at(s, order.market)
        was_best = index == (row.bid_level if ladder == BIDS else row.ask_level)
        remove_level(s, ladder_root(order.market, ladder), index)
        if ladder <= ASKS and was_best:
            _refresh_best(s, order.market, ladder)


@inline
def rest_in_book(s: State, slot: int) -> None:
    """Rest an order that has its row; room for its level is reserved or found."""
    order = order_at(s, slot)
    order.state = RESTING
    enqueue(s, slot)
    event = emit_order(s, ORDER_ACCEPTED, NO_REASON, order)
    event.flags = order.side
