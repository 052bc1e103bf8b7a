"""Cancels and expiry under block rules.

A short-term cancel acts on arrival and may be stored for an order that arrives later; a stateful
order ends when the next block is committed.
"""

from seawall.domain.codes import (
    CANCEL_ALREADY_STORED,
    CANCEL_STORED,
    CANCELLED_BY_USER,
    EXPIRED,
    FREE,
    GOOD_TIL_PASSED,
    NO_REASON,
    ORDER_MEMORY_FULL,
    ORDER_NOT_FOUND,
)
from seawall.domain.units import NEVER
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.orders import short_term_window
from seawall.engine.tables import (
    SHORT_TERM_ORDER,
    TWAP_PARENT,
    CommandRow,
    State,
    account_at,
    block_order_at,
    block_rules,
    control,
    order_at,
    position_at,
)
from seawall.engine.transitions.blocks.order_memory import (
    cancelled_until,
    has_memory_room,
    remember_cancel,
)
from seawall.engine.transitions.shared.cancels import cancel_order
from seawall.engine.transitions.shared.commands import own_order
from seawall.engine.transitions.shared.orders import find_client_id
from seawall.engine.transitions.shared.outbox import emit

LARGEST_HEIGHT = 2**32
"""Heights are below it, times in ms above."""


@kernel
def cancel_slot(s: State, slot: int) -> int:
    """Cancel a short-term order now, mark a stateful one to end with the next block.

    Returns CANCEL_ALREADY_STORED where it is marked already.
    """
    own = block_order_at(s, slot)
    if own.kind == SHORT_TERM_ORDER:
        cancel_order(s, slot, CANCELLED_BY_USER)
        return NO_REASON
    if own.cancel_pending != 0:
        return CANCEL_ALREADY_STORED
    own.cancel_pending = 1
    block_rules(s).pending_cancels += 1
    return NO_REASON


@kernel
def cancel_by_order_id(s: State, command: CommandRow) -> int:
    """CANCEL_ORDER of the account's own order."""
    slot = own_order(s, command)
    return ORDER_NOT_FOUND if slot < 0 else cancel_slot(s, slot)


@kernel
def _store_cancel(s: State, command: CommandRow, slot: int) -> int:
    """Store a short-term cancel: it ends what expires no later and refuses the id from now on."""
    good_til = command.money
    reason = short_term_window(s, good_til)
    if reason != NO_REASON:
        return reason
    high, low = command.client_id_high, command.client_id_low
    if cancelled_until(s, command.account, high, low) >= good_til:
        return CANCEL_ALREADY_STORED
    if not has_memory_room(s):
        return ORDER_MEMORY_FULL
    remember_cancel(s, command.account, high, low, good_til)
    emit(s, CANCEL_STORED, NO_REASON, command.account, command.market, 0, 0, 0, good_til)
    if slot >= 0 and block_order_at(s, slot).good_til <= good_til:
        cancel_order(s, slot, CANCELLED_BY_USER)
    return NO_REASON


@kernel
def stateful_cancel_rejection(s: State, command: CommandRow) -> int:
    """Why CANCEL_BY_CLIENT_ID of an order of the state would be refused; nothing is written."""
    high, low = command.client_id_high, command.client_id_low
    slot = find_client_id(s, command.account, high, low)
    if slot < 0:
        return ORDER_NOT_FOUND
    own = block_order_at(s, slot)
    if command.money != 0 and command.money < own.good_til:
        return GOOD_TIL_PASSED
    return CANCEL_ALREADY_STORED if own.cancel_pending != 0 else NO_REASON


@kernel
def cancel_by_id(s: State, command: CommandRow) -> int:
    """CANCEL_BY_CLIENT_ID; ``money`` is the cancel's own good-til: a height, a time, or 0."""
    high, low = command.client_id_high, command.client_id_low
    if high == 0 and low == 0:
        return ORDER_NOT_FOUND
    slot = find_client_id(s, command.account, high, low)
    is_short = slot >= 0 and block_order_at(s, slot).kind == SHORT_TERM_ORDER
    if 0 < command.money < LARGEST_HEIGHT and (slot < 0 or is_short):
        return _store_cancel(s, command, slot)
    if slot < 0:
        return ORDER_NOT_FOUND
    if command.money != 0 and command.money < block_order_at(s, slot).good_til:
        return GOOD_TIL_PASSED
    return cancel_slot(s, slot)


@kernel
def cancel_every_order(s: State, account: int, market: int) -> None:
    """CANCEL_ALL of an account in one market, or (-1) in all."""
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if market < 0 or position.market == market:
            slot = position.first_order
            while slot >= 0:
                following = order_at(s, slot).next_of_position
                cancel_slot(s, slot)
                slot = following
        index = position.next_of_account


@kernel
def run_pending_cancels(s: State) -> None:
    """End the stateful orders that were cancelled since the last block."""
    slot = 0
    while block_rules(s).pending_cancels > 0 and slot < control(s).orders_used:
        if order_at(s, slot).state != FREE and block_order_at(s, slot).cancel_pending != 0:
            cancel_order(s, slot, CANCELLED_BY_USER)
        slot += 1


@kernel
def expire_orders(s: State) -> None:
    """End the orders whose height or time has come; a time-weighted parent ends with its last leg.

    The block of its height is the last that may hold a fill of a short-term order.
    """
    policy = block_rules(s)
    now = control(s).clock_ms
    if policy.height < policy.expire_height and now < policy.expire_ms:
        return
    policy.expire_height = NEVER
    policy.expire_ms = NEVER
    for slot in range(control(s).orders_used):
        if order_at(s, slot).state == FREE:
            continue
        own = block_order_at(s, slot)
        if own.kind == SHORT_TERM_ORDER:
            if policy.height >= own.good_til:
                cancel_order(s, slot, EXPIRED)
            else:
                policy.expire_height = min(policy.expire_height, own.good_til)
        elif own.kind != TWAP_PARENT:
            if now >= own.good_til:
                cancel_order(s, slot, EXPIRED)
            else:
                policy.expire_ms = min(policy.expire_ms, own.good_til)
