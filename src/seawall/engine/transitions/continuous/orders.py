"""Placing, modifying and firing orders: validate completely, then match, then rest."""

from seawall.domain.codes import (
    CANNOT_MODIFY,
    CHILD,
    CLIENT_ID_IN_USE,
    FILL_OR_KILL,
    IMMEDIATE_OR_CANCEL,
    IMMEDIATE_REMAINDER,
    INSUFFICIENT_MARGIN,
    LEVEL_TABLE_FULL,
    MARGIN_CANCELLED,
    MARKET,
    NO_LIQUIDITY_FOR_MARKET_ORDER,
    NO_REASON,
    NOT_FULLY_FILLABLE,
    NOTHING_TO_MATCH,
    ORDER_ACCEPTED,
    ORDER_CANCELLED,
    ORDER_NOT_FOUND,
    ORDER_WAITING,
    PARENT_IS_TRIGGER,
    PARENT_NOT_PLACED,
    POST_ONLY,
    POST_ONLY_WOULD_MATCH,
    REDUCE_ONLY,
    REPLACED,
    RESTING,
    TRIGGER,
    WAITING_FOR_FILL,
)
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.continuous.fees import fee_of
from seawall.engine.formulas.continuous.margin import initial_margin
from seawall.engine.formulas.continuous.orders import (
    count_rejection,
    exposure_rejection,
    is_ordinary,
    margin_rejection,
    shape_rejection,
    tier_rejection,
    trigger_rejection,
    value_rejection,
)
from seawall.engine.formulas.shared.depth import fillable_for, reducible, would_match
from seawall.engine.formulas.shared.positions import find_position
from seawall.engine.formulas.shared.room import KEPT_FROM_ALL_OTHERS, KEPT_FROM_RESTING_CLOSES
from seawall.engine.tables import (
    CommandRow,
    State,
    account_at,
    control,
    order_at,
    position_at,
    rules,
)
from seawall.engine.transitions.continuous.matching import match
from seawall.engine.transitions.shared.book import (
    TRIGGER_LEVELS,
    WAITING_CHILD_LEVELS,
    enqueue,
    has_level_room,
)
from seawall.engine.transitions.shared.cancels import cancel_order, start_waiting
from seawall.engine.transitions.shared.orders import (
    find_client_id,
    find_order,
    join_children,
    release_order_id,
    reserve_order_id,
    room_rejection,
    set_client_id,
    set_hold,
    take_order,
    unreserve_order_id,
)
from seawall.engine.transitions.shared.outbox import emit
from seawall.engine.transitions.shared.positions import discard_position, position_of

NOTHING_PLACED = 0
PARENT_RESTS = 1
PARENT_FILLED = 2
PARENT_TRIGGERS = 3


@inline
def _can_rest(time_in_force: int) -> bool:
    return time_in_force != IMMEDIATE_OR_CANCEL and time_in_force != FILL_OR_KILL


@inline
def _levels_needed(command: CommandRow) -> int:
    """Levels an order may need: one now; a trigger also one when it fires, a child a third."""
    if command.flags & TRIGGER != 0:
        return TRIGGER_LEVELS
    return 1 if _can_rest(command.time_in_force) else 0


@inline
def _kept_from(command: CommandRow) -> int:
    """How many halves of what the tables keep back are kept from an order."""
    if command.flags & REDUCE_ONLY == 0:
        return KEPT_FROM_ALL_OTHERS
    if command.flags & TRIGGER != 0 or _can_rest(command.time_in_force):
        return KEPT_FROM_RESTING_CLOSES
    return 0


@inline
def _parent_rejection(s: State, command: CommandRow) -> int:
    """Why a child is refused: it must be a trigger and follow its parent or a sibling.

    ``status`` siblings may stand between; refused ones left no trace.
    """
    if command.flags & CHILD == 0:
        return NO_REASON
    row = control(s)
    earliest = row.sequence - 1 - command.status
    if row.parent_account != command.account or row.parent_sequence < earliest:
        return PARENT_NOT_PLACED
    if row.parent_outcome == PARENT_TRIGGERS:
        return PARENT_IS_TRIGGER
    if row.parent_outcome == NOTHING_PLACED or command.flags & TRIGGER == 0:
        return PARENT_NOT_PLACED
    if row.parent_outcome == PARENT_RESTS and find_order(s, row.parent_order) < 0:
        return PARENT_NOT_PLACED
    return NO_REASON


@inline
def _meeting_rejection(s: State, command: CommandRow, index: int, meets: bool) -> int:
    """Why the time in force refuses an order that would trade at once, or would not."""
    side = command.side
    time_in_force = command.time_in_force
    if time_in_force == POST_ONLY:
        return POST_ONLY_WOULD_MATCH if meets else NO_REASON
    if _can_rest(time_in_force):
        return NO_REASON
    if not meets:
        if command.flags & MARKET != 0:
            return NO_LIQUIDITY_FOR_MARKET_ORDER
        return NOTHING_TO_MATCH
    if time_in_force == FILL_OR_KILL:
        if command.flags & REDUCE_ONLY != 0 and command.order_size > reducible(s, index, side):
            return NOT_FULLY_FILLABLE
        if not fillable_for(
            s, command.account, command.market, side, command.order_size, command.price
        ):
            return NOT_FULLY_FILLABLE
    return NO_REASON


@inline
def _book_rejection(
    s: State, command: CommandRow, index: int, replaced: int
) -> tuple[int, bool, int]:
    """(reason, whether it would trade at once, hold): what the book and the margin say.

    ``replaced``: the slot of an order about to go, or -1.
    """
    side = command.side
    meets = would_match(s, command.market, side, command.price, replaced)
    reason = _meeting_rejection(s, command, index, meets)
    exempt = account_at(s, command.account).is_system != 0
    if reason != NO_REASON or command.flags & REDUCE_ONLY != 0:
        return reason, meets, 0
    value = command.order_size * command.price
    hold = initial_margin(value, position_at(s, index).leverage)
    if exempt:
        return NO_REASON, meets, hold
    reason = tier_rejection(s, index, command.market, side, command.order_size)
    if reason != NO_REASON or not _can_rest(command.time_in_force):
        return reason, meets, hold
    needed = hold
    if rules(s).reserve_fee != 0:
        needed += max(0, fee_of(value, account_at(s, command.account).taker_rate))
    if replaced < 0:
        return margin_rejection(s, index, side, needed, side, 0), meets, hold
    old = order_at(s, replaced)
    return margin_rejection(s, index, side, needed, old.side, old.hold), meets, hold


@inline
def static_rejection(
    s: State, command: CommandRow, index: int, replaced: int, has_room: bool
) -> int:
    """The first reason of the checks that come before the book, in the documented order.

    ``has_room``: whether the tables are known to have room for the order.
    """
    if (
        is_ordinary(
            s, command.account, command.market, command.price, command.order_size, command.flags,
            command.time_in_force, command.side,
        )
        and command.client_id_high | command.client_id_low == 0
        and (replaced >= 0 or has_room)
    ):  # fmt: skip
        return NO_REASON
    return _static_rejection(s, command, index, replaced)


@kernel
def _static_rejection(s: State, command: CommandRow, index: int, replaced: int) -> int:
    """The same, check by check."""
    market, side, flags = command.market, command.side, command.flags
    price, size, trigger_price = command.price, command.order_size, command.trigger_price
    reason = shape_rejection(
        s, market, price, size, trigger_price, flags, command.time_in_force, side
    )
    if reason != NO_REASON:
        return reason
    reason = value_rejection(s, index, market, price, size, flags, side)
    if reason != NO_REASON:
        return reason
    reason = trigger_rejection(s, market, trigger_price, flags, side)
    if reason != NO_REASON:
        return reason
    reason = count_rejection(s, command.account, flags, 1 if replaced >= 0 else 0)
    if reason != NO_REASON:
        return reason
    if command.client_id_high != 0 or command.client_id_low != 0:
        holder = find_client_id(s, command.account, command.client_id_high, command.client_id_low)
        if holder >= 0 and holder != replaced:
            return CLIENT_ID_IN_USE
    reason = _parent_rejection(s, command)
    if reason != NO_REASON:
        return reason
    reason = exposure_rejection(s, index, market, price, flags, side, size)
    if reason != NO_REASON:
        return reason
    if replaced >= 0:
        return NO_REASON
    return room_rejection(s, index, _levels_needed(command), _kept_from(command))


@inline
def _remember_parent(s: State, command: CommandRow, order_id: int, outcome: int) -> None:
    if command.flags & CHILD == 0:
        row = control(s)
        row.parent_account = command.account
        row.parent_order = order_id
        row.parent_outcome = outcome
        row.parent_sequence = row.sequence


@inline
def rest(
    s: State, command: CommandRow, index: int, order_id: int, remaining: int, hold: int
) -> None:
    """Put what is left of a limit order into the book."""
    slot = take_order(
        s, order_id, index, command.side, command.flags, command.time_in_force, command.price,
        command.order_size, 0,
    )  # fmt: skip
    order = order_at(s, slot)
    order.remaining_size = remaining
    order.state = RESTING
    set_client_id(s, slot, command.client_id_high, command.client_id_low)
    if command.flags & REDUCE_ONLY == 0:
        if remaining != command.order_size:
            hold = initial_margin(remaining * command.price, position_at(s, index).leverage)
        set_hold(s, slot, hold)
    enqueue(s, slot)
    event = emit(
        s, ORDER_ACCEPTED, NO_REASON, command.account, command.market, order_id, command.price,
        remaining, 0,
    )  # fmt: skip
    event.flags = command.side


@kernel
def _place_trigger(s: State, command: CommandRow, index: int) -> None:
    """Place a trigger order: it waits for the mark, or first for its parent's fill."""
    order_id = reserve_order_id(s)
    slot = take_order(
        s, order_id, index, command.side, command.flags, command.time_in_force, command.price,
        command.order_size, command.trigger_price,
    )  # fmt: skip
    set_client_id(s, slot, command.client_id_high, command.client_id_low)
    order = order_at(s, slot)
    row = control(s)
    row.reserved_levels += WAITING_CHILD_LEVELS
    waits = command.flags & CHILD != 0 and row.parent_outcome == PARENT_RESTS
    row.parent_sequence = row.sequence
    if command.flags & CHILD == 0:
        _remember_parent(s, command, order_id, PARENT_TRIGGERS)
    else:
        if waits:
            parent_slot = find_order(s, row.parent_order)
            order.parent = parent_slot
            parent = order_at(s, parent_slot)
            join_children(s, slot, parent.first_child)
            parent.first_child = slot
        else:
            sibling = find_order(s, row.parent_order)
            join_children(s, slot, sibling)
            row.parent_order = order_id
    if not waits:
        start_waiting(s, slot)
        return
    order.state = WAITING_FOR_FILL
    event = emit(
        s, ORDER_WAITING, NO_REASON, command.account, command.market, order_id, command.price,
        command.order_size, command.trigger_price,
    )  # fmt: skip
    event.flags = command.side


@kernel
def _can_hold_rest(s: State, command: CommandRow, index: int, remaining: int) -> bool:
    """Whether free margin still covers what rests after a fill and its fee."""
    if command.flags & REDUCE_ONLY != 0 or account_at(s, command.account).is_system != 0:
        return True
    hold = initial_margin(remaining * command.price, position_at(s, index).leverage)
    return margin_rejection(s, index, command.side, hold, command.side, 0) == NO_REASON


@inline
def _execute(s: State, command: CommandRow, index: int, meets: bool, hold: int) -> int:
    """Match and rest a validated order; returns a reason only when nothing at all happened."""
    row = control(s)
    visits = row.visits_left
    used = row.orders_used
    order_id = reserve_order_id(s)
    remaining, why, acted = command.order_size, NO_REASON, False
    if meets:
        remaining, why, acted = match(
            s, index, order_id, command.side, command.order_size, command.price, command.flags
        )
    if why == MARGIN_CANCELLED and not acted:
        unreserve_order_id(s, order_id, used)
        row.visits_left = visits
        return INSUFFICIENT_MARGIN
    if remaining == 0:
        release_order_id(s, order_id)
        _remember_parent(s, command, order_id, PARENT_FILLED)
        return NO_REASON
    if why == NO_REASON and _can_rest(command.time_in_force):
        if acted and not _can_hold_rest(s, command, index, remaining):
            why = MARGIN_CANCELLED
    if why == NO_REASON and _can_rest(command.time_in_force):
        _remember_parent(s, command, order_id, PARENT_RESTS)
        rest(s, command, index, order_id, remaining, hold)
        return NO_REASON
    release_order_id(s, order_id)
    partly = why == MARGIN_CANCELLED and remaining < command.order_size
    _remember_parent(s, command, order_id, PARENT_FILLED if partly else NOTHING_PLACED)
    reason = why if why != NO_REASON else IMMEDIATE_REMAINDER
    emit(
        s, ORDER_CANCELLED, reason, command.account, command.market, order_id, command.price,
        remaining, 0,
    )  # fmt: skip
    return NO_REASON


@kernel
def place_order(s: State, command: CommandRow, has_room: bool) -> int:
    """PLACE_ORDER. Returns a reason, with nothing changed, or NO_REASON.

    ``has_room``: whether the tables are known to have room for it.
    """
    index = find_position(s, command.account, command.market)
    reason = static_rejection(s, command, index, -1, has_room)
    if reason != NO_REASON:
        return reason
    is_new = index < 0
    owner = account_at(s, command.account)
    before = owner.first_position
    if is_new:
        index = position_of(s, command.account, command.market)
    if command.flags & TRIGGER != 0:
        _place_trigger(s, command, index)
        return NO_REASON
    reason, meets, hold = _book_rejection(s, command, index, -1)
    if reason == NO_REASON:
        reason = _execute(s, command, index, meets, hold)
    if reason != NO_REASON and is_new:
        discard_position(s, command.account, before)
    return reason


@kernel
def modify_order(s: State, command: CommandRow) -> int:
    """MODIFY_ORDER: the new order is validated as if the old one were gone, then replaces it.

    Should its margin fail at the very first fill, the old order is gone and the new one ends.
    """
    slot = find_order(s, command.order_id)
    if slot < 0 or order_at(s, slot).account != command.account:
        return ORDER_NOT_FOUND
    old = order_at(s, slot)
    if old.market != command.market or old.state == WAITING_FOR_FILL or old.first_child >= 0:
        return CANNOT_MODIFY
    if command.flags & CHILD != 0:
        return CANNOT_MODIFY
    index = old.position
    reason = static_rejection(s, command, index, slot, True)
    meets, hold = False, 0
    if reason == NO_REASON and command.flags & TRIGGER == 0:
        reason, meets, hold = _book_rejection(s, command, index, slot)
    if reason == NO_REASON:
        if not has_level_room(s, _levels_needed(command), _kept_from(command)):
            reason = LEVEL_TABLE_FULL
    if reason != NO_REASON:
        return reason
    cancel_order(s, slot, REPLACED)
    if command.flags & TRIGGER != 0:
        _place_trigger(s, command, index)
        return NO_REASON
    reason = _execute(s, command, index, meets, hold)
    if reason != NO_REASON:
        order_id = reserve_order_id(s)
        release_order_id(s, order_id)
        emit(
            s, ORDER_CANCELLED, reason, command.account, command.market, order_id,
            command.price, command.order_size, 0,
        )  # fmt: skip
    return NO_REASON
