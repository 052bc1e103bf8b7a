"""Time-weighted orders: a parent that sends a leg at every interval."""

from seawall.domain.codes import (
    BUY,
    GOOD_TIL_CANCEL,
    INVALID_FLAGS,
    INVALID_PRICE,
    INVALID_SIZE,
    NO_REASON,
    ORDER_WAITING,
    SELL,
    SLICES_DONE,
    SLICING,
)
from seawall.domain.units import NEVER
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.fills import fill_rejection, whole_fill_rejection
from seawall.engine.formulas.blocks.orders import (
    amounts_rejection,
    count_rejection,
    status_rejection,
)
from seawall.engine.formulas.blocks.twap import (
    leg_good_til,
    next_leg,
    parent_quote,
    twap_rejection,
)
from seawall.engine.formulas.blocks.valuation import oracle_ticks
from seawall.engine.formulas.shared.positions import find_position
from seawall.engine.tables import (
    LONG_TERM_ORDER,
    TWAP_LEG,
    TWAP_PARENT,
    CommandRow,
    State,
    block_order_at,
    block_rules,
    control,
    order_at,
)
from seawall.engine.transitions.blocks.orders import (
    block_room_rejection,
    take_block_order,
    used_id_rejection,
)
from seawall.engine.transitions.shared.cancels import cancel_order
from seawall.engine.transitions.shared.orders import find_client_id, reserve_order_id, set_client_id
from seawall.engine.transitions.shared.outbox import emit_order
from seawall.engine.transitions.shared.positions import position_of
from seawall.engine.transitions.shared.queue import join_queue, start_slicing


@kernel
def _twap_order_rejection(s: State, command: CommandRow, index: int) -> int:
    if command.side < BUY or command.side > SELL or command.flags != 0:
        return INVALID_FLAGS
    if command.price < 0:
        return INVALID_PRICE
    price = command.price
    if price == 0:
        price = max(1, oracle_ticks(s, command.market, False))
    reason = amounts_rejection(s, command.market, price, command.order_size)
    if reason != NO_REASON:
        return reason
    reason = status_rejection(
        s, command.market, price, command.side, GOOD_TIL_CANCEL, LONG_TERM_ORDER
    )
    if reason != NO_REASON:
        return reason
    reason = twap_rejection(s, command)
    if reason != NO_REASON:
        return reason
    high, low = command.client_id_high, command.client_id_low
    if high != 0 or low != 0:
        reason = used_id_rejection(s, find_client_id(s, command.account, high, low))
        if reason != NO_REASON:
            return reason
    reason = count_rejection(s, command.account)
    if reason != NO_REASON:
        return reason
    reason = fill_rejection(
        s, command.account, command.market, command.side, command.order_size,
        parent_quote(s, command.market, command.order_size, command.price),
    )  # fmt: skip
    if reason != NO_REASON:
        return reason
    return block_room_rejection(s, index, 1)


@kernel
def twap_order_rejection(s: State, command: CommandRow) -> int:
    """Why PLACE_TWAP_ORDER would be refused; nothing is written."""
    return _twap_order_rejection(s, command, find_position(s, command.account, command.market))


@kernel
def place_twap_order(s: State, command: CommandRow) -> int:
    """PLACE_TWAP_ORDER: the first leg is sent when the block is committed."""
    index = find_position(s, command.account, command.market)
    reason = _twap_order_rejection(s, command, index)
    if reason != NO_REASON:
        return reason
    index = position_of(s, command.account, command.market)
    slot = take_block_order(
        s, index, reserve_order_id(s), TWAP_PARENT, command.side, command.flags, GOOD_TIL_CANCEL,
        command.price, command.order_size, 0, NEVER,
    )  # fmt: skip
    set_client_id(s, slot, command.client_id_high, command.client_id_low)
    order = order_at(s, slot)
    order.state = SLICING
    own = block_order_at(s, slot)
    own.interval_ms = command.order_id
    own.tolerance_ppm = command.leverage
    own.legs_total = command.trigger_price // command.order_id
    own.legs_left = own.legs_total
    own.due_ms = control(s).clock_ms
    start_slicing(s, slot)
    event = emit_order(s, ORDER_WAITING, NO_REASON, order)
    event.flags = order.side
    return NO_REASON


@kernel
def _leg_rejection(s: State, slot: int, size: int, price: int) -> int:
    order = order_at(s, slot)
    if size <= 0:
        return INVALID_SIZE
    reason = amounts_rejection(s, order.market, price, size)
    if reason != NO_REASON:
        return reason
    reason = whole_fill_rejection(s, order.account, order.market, order.side, size, price)
    if reason != NO_REASON:
        return reason
    return block_room_rejection(s, order.position, 1)


@kernel
def _send_leg(s: State, slot: int) -> None:
    """Send the parent's next leg; the parent ends with its legs, or when one cannot be placed."""
    own = block_order_at(s, slot)
    order = order_at(s, slot)
    if own.legs_left <= 0 or order.remaining_size <= 0:
        cancel_order(s, slot, SLICES_DONE)
        return
    size, price = next_leg(s, slot)
    reason = _leg_rejection(s, slot, size, price)
    if reason != NO_REASON:
        cancel_order(s, slot, reason)
        return
    own.legs_left -= 1
    own.due_ms = control(s).clock_ms + own.interval_ms
    leg = take_block_order(
        s, order.position, reserve_order_id(s), TWAP_LEG, order.side, order.flags,
        GOOD_TIL_CANCEL, price, size, 0, leg_good_til(s),
    )  # fmt: skip
    block_order_at(s, leg).parent_order_id = order.order_id
    control(s).reserved_levels += 1
    join_queue(s, leg)


@kernel
def send_legs(s: State) -> None:
    """Send every leg that is due, at most one for a parent in a block."""
    row = control(s)
    slot = block_rules(s).first_slicing
    while slot >= 0 and row.visits_left > 0:
        following = block_order_at(s, slot).next_queued
        if block_order_at(s, slot).due_ms <= row.clock_ms:
            row.visits_left -= 1
            _send_leg(s, slot)
        slot = following
