"""Placing orders under block rules.

A short-term order matches on arrival; a stateful order waits for the block, for its trigger or
for its next leg. Validation is complete before the first write.
"""

from seawall.domain.codes import (
    ALREADY_CANCELLED,
    IMMEDIATE_ALREADY_FILLED,
    IMMEDIATE_REMAINDER,
    ISOLATED_MARKET_RULE,
    NO_REASON,
    ORDER_CANCELLED,
    ORDER_EXISTS,
    ORDER_FULLY_FILLED,
    ORDER_MEMORY_FULL,
    ORDER_QUEUED,
    POST_ONLY,
    POST_ONLY_WOULD_MATCH,
    REDUCE_ONLY,
    REDUCE_ONLY_WOULD_INCREASE,
    REPLACED,
    REPLACEMENT_REFUSED,
)
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.fills import whole_fill_rejection
from seawall.engine.formulas.blocks.orders import (
    count_rejection,
    expiry_of,
    is_immediate,
    kind_of_order,
    long_term_window,
    shape_rejection,
    short_term_window,
)
from seawall.engine.formulas.shared.depth import reducible
from seawall.engine.formulas.shared.positions import find_position
from seawall.engine.tables import (
    CONDITIONAL_ORDER,
    LONG_TERM_ORDER,
    SHORT_TERM_ORDER,
    TWAP_PARENT,
    CommandRow,
    State,
    account_at,
    block_account_at,
    block_market_at,
    block_order_at,
    block_rules,
    control,
    order_at,
)
from seawall.engine.transitions.blocks.matching import match
from seawall.engine.transitions.blocks.order_memory import (
    cancelled_until,
    filled_size_of,
    has_memory_room,
    remember_fill,
)
from seawall.engine.transitions.shared.book import (
    TRIGGER_LEVELS,
    WAITING_CHILD_LEVELS,
    rest_in_book,
)
from seawall.engine.transitions.shared.cancels import cancel_order, start_waiting
from seawall.engine.transitions.shared.orders import (
    find_client_id,
    release_order_id,
    reserve_order_id,
    room_rejection,
    set_client_id,
    take_order,
    unreserve_order_id,
)
from seawall.engine.transitions.shared.outbox import emit, emit_order
from seawall.engine.transitions.shared.positions import discard_position, position_of
from seawall.engine.transitions.shared.queue import join_queue

SAME_ORDER_FLAGS = REDUCE_ONLY


@kernel
def block_room_rejection(s: State, index: int, levels: int) -> int:
    """Why there is no room for one more order, or for the memory of its fills."""
    reason = room_rejection(s, index, levels, 0)
    if reason != NO_REASON:
        return reason
    return NO_REASON if has_memory_room(s) else ORDER_MEMORY_FULL


@kernel
def _replacement_rejection(s: State, command: CommandRow, slot: int) -> int:
    """Why an order may not replace a resting one: it must outlive it and keep its kind."""
    old = order_at(s, slot)
    own = block_order_at(s, slot)
    if own.kind != SHORT_TERM_ORDER:
        return ORDER_EXISTS
    if own.good_til >= expiry_of(s, SHORT_TERM_ORDER, command.money):
        return REPLACEMENT_REFUSED
    if old.market != command.market or old.side != command.side:
        return REPLACEMENT_REFUSED
    if old.time_in_force != command.time_in_force:
        return REPLACEMENT_REFUSED
    if old.flags & SAME_ORDER_FLAGS != command.flags & SAME_ORDER_FLAGS:
        return REPLACEMENT_REFUSED
    return NO_REASON


@kernel
def _short_term_rejection(s: State, command: CommandRow, index: int, replaced: int) -> int:
    """Why a short-term order is refused; ``replaced``: a resting slot or -1."""
    reason = short_term_window(s, command.money)
    if reason != NO_REASON:
        return reason
    high, low = command.client_id_high, command.client_id_low
    if cancelled_until(s, command.account, high, low) >= expiry_of(
        s, SHORT_TERM_ORDER, command.money
    ):
        return ALREADY_CANCELLED
    if replaced >= 0:
        reason = _replacement_rejection(s, command, replaced)
        if reason != NO_REASON:
            return reason
    filled = filled_size_of(s, command.account, high, low)
    if filled > 0 and is_immediate(command.flags, command.time_in_force):
        return IMMEDIATE_ALREADY_FILLED
    if command.order_size - filled < block_market_at(s, command.market).size_step:
        return ORDER_FULLY_FILLED
    if command.flags & REDUCE_ONLY != 0 and reducible(s, index, command.side) == 0:
        return REDUCE_ONLY_WOULD_INCREASE
    return NO_REASON


@kernel
def used_id_rejection(s: State, existing: int) -> int:
    """Why a client id cannot be used: an open stateful order has it; ``existing``: a slot or -1."""
    if existing < 0:
        return NO_REASON
    return ALREADY_CANCELLED if block_order_at(s, existing).cancel_pending != 0 else ORDER_EXISTS


@kernel
def _stateful_order_rejection(s: State, command: CommandRow, existing: int) -> int:
    """Why a stateful order is refused: its window, its id, the account's limit."""
    reason = long_term_window(s, command.money)
    if reason != NO_REASON:
        return reason
    reason = used_id_rejection(s, existing)
    if reason != NO_REASON:
        return reason
    return count_rejection(s, command.account)


@kernel
def take_block_order(
    s: State,
    index: int,
    order_id: int,
    kind: int,
    side: int,
    flags: int,
    time_in_force: int,
    price: int,
    size: int,
    trigger_price: int,
    good_til: int,
) -> int:
    """Fill the rows of a new order that holds no margin; returns its slot."""
    slot = take_order(s, order_id, index, side, flags, time_in_force, price, size, trigger_price)
    own = block_order_at(s, slot)
    own.kind = kind
    own.good_til = good_til
    own.next_queued = -1
    own.previous_queued = -1
    policy = block_rules(s)
    if kind == SHORT_TERM_ORDER:
        policy.expire_height = min(policy.expire_height, good_til)
    else:
        policy.expire_ms = min(policy.expire_ms, good_til)
    if LONG_TERM_ORDER <= kind <= TWAP_PARENT:
        block_account_at(s, order_at(s, slot).account).stateful_orders += 1
    return slot


@kernel
def _take_for_command(
    s: State, command: CommandRow, index: int, order_id: int, kind: int, good_til: int
) -> int:
    slot = take_block_order(
        s, index, order_id, kind, command.side, command.flags, command.time_in_force,
        command.price, command.order_size, command.trigger_price, good_til,
    )  # fmt: skip
    set_client_id(s, slot, command.client_id_high, command.client_id_low)
    return slot


@kernel
def _not_rested(s: State, command: CommandRow, order_id: int, reason: int, remaining: int) -> None:
    release_order_id(s, order_id)
    emit(
        s, ORDER_CANCELLED, reason, command.account, command.market, order_id, command.price,
        remaining, 0,
    )  # fmt: skip


@kernel
def _place_short_term(s: State, command: CommandRow, index: int, replaced: int) -> int:
    """Match on arrival, then rest; returns a reason only when nothing at all happened."""
    row = control(s)
    high, low = command.client_id_high, command.client_id_low
    wanted = command.order_size - filled_size_of(s, command.account, high, low)
    good_til = expiry_of(s, SHORT_TERM_ORDER, command.money)
    visits, used = row.visits_left, row.orders_used
    if replaced >= 0:
        cancel_order(s, replaced, REPLACED)
    order_id = reserve_order_id(s)
    remaining, why, acted = match(
        s, index, order_id, command.side, wanted, command.price, command.flags,
        command.time_in_force == POST_ONLY,
    )  # fmt: skip
    if not acted and replaced < 0:
        if why == POST_ONLY_WOULD_MATCH or why == ISOLATED_MARKET_RULE:
            unreserve_order_id(s, order_id, used)
            row.visits_left = visits
            return why
    if remaining < wanted:
        remember_fill(s, command.account, high, low, wanted - remaining, good_til)
    if remaining < block_market_at(s, command.market).size_step:
        release_order_id(s, order_id)
        return NO_REASON
    if why == NO_REASON and is_immediate(command.flags, command.time_in_force):
        why = IMMEDIATE_REMAINDER
    if why != NO_REASON:
        _not_rested(s, command, order_id, why, remaining)
        return NO_REASON
    slot = _take_for_command(s, command, index, order_id, SHORT_TERM_ORDER, good_til)
    order_at(s, slot).remaining_size = remaining
    rest_in_book(s, slot)
    return NO_REASON


@kernel
def _place_stateful_order(s: State, command: CommandRow, index: int, kind: int) -> None:
    """Queue a long-term order for the block, or let a conditional one wait for its trigger."""
    good_til = expiry_of(s, kind, command.money)
    slot = _take_for_command(s, command, index, reserve_order_id(s), kind, good_til)
    row = control(s)
    if kind == CONDITIONAL_ORDER:
        row.reserved_levels += WAITING_CHILD_LEVELS
        start_waiting(s, slot)
        return
    row.reserved_levels += 1
    join_queue(s, slot)
    order = order_at(s, slot)
    event = emit_order(s, ORDER_QUEUED, NO_REASON, order)
    event.flags = order.side


@kernel
def _placing_rejection(s: State, command: CommandRow, index: int, kind: int, existing: int) -> int:
    """Why an order is refused as it is asked for; what its matching would say is not known."""
    reason = shape_rejection(
        s, command.market, command.price, command.order_size, command.trigger_price,
        command.flags, command.time_in_force, command.side,
    )  # fmt: skip
    if reason != NO_REASON:
        return reason
    if kind == SHORT_TERM_ORDER:
        reason = _short_term_rejection(s, command, index, existing)
    else:
        reason = _stateful_order_rejection(s, command, existing)
    if reason != NO_REASON:
        return reason
    if kind == LONG_TERM_ORDER:
        reason = whole_fill_rejection(
            s, command.account, command.market, command.side, command.order_size, command.price
        )
        if reason != NO_REASON:
            return reason
    return block_room_rejection(s, index, TRIGGER_LEVELS if kind == CONDITIONAL_ORDER else 1)


@kernel
def _existing_slot(s: State, command: CommandRow) -> int:
    """The open order with the client id of a command, or -1."""
    if command.client_id_high == 0 and command.client_id_low == 0:
        return -1
    return find_client_id(s, command.account, command.client_id_high, command.client_id_low)


@kernel
def order_rejection(s: State, command: CommandRow) -> int:
    """Why PLACE_ORDER would be refused before it matches; nothing is written."""
    kind = kind_of_order(command.flags, command.time_in_force)
    index = find_position(s, command.account, command.market)
    return _placing_rejection(s, command, index, kind, _existing_slot(s, command))


@kernel
def place_block_order(s: State, command: CommandRow) -> int:
    """PLACE_ORDER. Returns a reason, with nothing changed, or NO_REASON."""
    kind = kind_of_order(command.flags, command.time_in_force)
    index = find_position(s, command.account, command.market)
    existing = _existing_slot(s, command)
    reason = _placing_rejection(s, command, index, kind, existing)
    if reason != NO_REASON:
        return reason
    is_new = index < 0
    before = account_at(s, command.account).first_position
    if is_new:
        index = position_of(s, command.account, command.market)
    if kind != SHORT_TERM_ORDER:
        _place_stateful_order(s, command, index, kind)
        return NO_REASON
    reason = _place_short_term(s, command, index, existing)
    if reason != NO_REASON and is_new:
        discard_position(s, command.account, before)
    return reason
