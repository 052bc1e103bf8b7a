"""Leverage, margin mode, and the margin of isolated buckets."""

from seawall.domain.codes import (
    ANY_MODE,
    BUY,
    CROSS,
    CROSS_MARGIN_NOT_ALLOWED,
    CROSS_MARGIN_TOO_LOW_FOR_LEVERAGE,
    INSUFFICIENT_MARGIN_FOR_INCREASE,
    INSUFFICIENT_MARGIN_FOR_REDUCTION,
    INVALID_FLAGS,
    INVALID_LEVERAGE,
    ISOLATED,
    ISOLATED_AMOUNT_ZERO,
    ISOLATED_MARGIN_ADJUSTED,
    ISOLATED_MARGIN_TOO_LOW_FOR_LEVERAGE,
    LEVERAGE_SET,
    MARGIN_REMOVAL_NOT_ALLOWED,
    MARGIN_SCHEDULE_SET,
    MODE_SWITCH_WITH_OPEN_ORDERS,
    MODE_SWITCH_WITH_POSITION,
    NO_POSITION,
    NO_REASON,
    POSITION_NOT_ISOLATED,
    POSITION_TABLE_FULL,
    REDUCE_ONLY,
    STRICT_ISOLATED,
    TRIGGER,
    UNKNOWN_MARGIN_SCHEDULE,
    VALUE_OUT_OF_RANGE,
)
from seawall.domain.units import MAX_MONEY
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.continuous.margin import (
    hold_after_credit,
    initial_margin,
    isolated_risk,
    pool_without,
    position_notional,
    withdrawable,
)
from seawall.engine.formulas.shared.groups import group_of
from seawall.engine.formulas.shared.positions import find_position, has_common_position_room
from seawall.engine.tables import (
    CommandRow,
    State,
    control,
    market_at,
    order_at,
    position_at,
    schedule_at,
)
from seawall.engine.transitions.shared.cash import add_cash_in
from seawall.engine.transitions.shared.orders import set_hold
from seawall.engine.transitions.shared.outbox import emit
from seawall.engine.transitions.shared.positions import mark_dirty, position_of


@kernel
def _holds_at(s: State, index: int, leverage: int) -> tuple[int, int]:
    """(buy hold, sell hold) of a position's orders if the leverage were this."""
    buy_hold = 0
    sell_hold = 0
    slot = position_at(s, index).first_order
    while slot >= 0:
        order = order_at(s, slot)
        if order.flags & (REDUCE_ONLY | TRIGGER) == 0:
            hold = initial_margin(order.remaining_size * order.price, leverage)
            if order.side == BUY:
                buy_hold += hold
            else:
                sell_hold += hold
        slot = order.next_of_position
    return buy_hold, sell_hold


@kernel
def _lowering_rejection(s: State, index: int, leverage: int) -> int:
    """Why a lower leverage is not covered by the pool, or by the bucket itself."""
    position = position_at(s, index)
    notional = position_notional(s, position)
    margin = initial_margin(notional, leverage)
    value = position.signed_size * market_at(s, position.market).mark_price
    own_equity = position.isolated_cash + value
    if position.signed_size != 0 and position.mode == ISOLATED and own_equity < margin:
        return ISOLATED_MARGIN_TOO_LOW_FOR_LEVERAGE
    group = group_of(s, position.account, position.market)
    equity, initial, holds = pool_without(s, position.account, group, index)
    if position.mode == CROSS:
        equity += value
        initial += margin
    buy_hold, sell_hold = _holds_at(s, index, leverage)
    holds += hold_after_credit(
        position.signed_size, position.mode, buy_hold, sell_hold, margin, own_equity
    )
    if position.first_order < 0 and (position.signed_size == 0 or position.mode == ISOLATED):
        return NO_REASON
    if equity - initial - holds < 0:
        return CROSS_MARGIN_TOO_LOW_FOR_LEVERAGE
    return NO_REASON


@kernel
def _leverage_rejection(s: State, command: CommandRow, index: int) -> int:
    """Why leverage and mode cannot be set, or NO_REASON."""
    market = market_at(s, command.market)
    if command.mode < CROSS or command.mode > ISOLATED:
        return INVALID_FLAGS
    if command.mode == CROSS and market.margin_kind != ANY_MODE:
        return CROSS_MARGIN_NOT_ALLOWED
    schedule = market.schedule if index < 0 else position_at(s, index).schedule
    if command.leverage < 1 or command.leverage > schedule_at(s, schedule).maximum_leverage:
        return INVALID_LEVERAGE
    if index < 0:
        return NO_REASON if has_common_position_room(s) else POSITION_TABLE_FULL
    position = position_at(s, index)
    if command.mode != position.mode:
        if position.signed_size != 0:
            return MODE_SWITCH_WITH_POSITION
        if position.first_order >= 0:
            return MODE_SWITCH_WITH_OPEN_ORDERS
    if command.leverage < position.leverage:
        return _lowering_rejection(s, index, command.leverage)
    return NO_REASON


@kernel
def set_leverage(s: State, command: CommandRow) -> int:
    """SET_LEVERAGE of the account in one market; a bucket's cash is not changed."""
    index = find_position(s, command.account, command.market)
    reason = _leverage_rejection(s, command, index)
    if reason != NO_REASON:
        return reason
    index = position_of(s, command.account, command.market)
    position = position_at(s, index)
    position.mode = command.mode
    position.leverage = command.leverage
    refresh_holds(s, index)
    event = emit(
        s, LEVERAGE_SET, NO_REASON, command.account, command.market, 0, 0, command.leverage, 0
    )
    event.flags = command.mode
    return NO_REASON


@kernel
def _move_margin(s: State, index: int, amount: int) -> None:
    """Move cash between the pool and a bucket; positive into the bucket."""
    position = position_at(s, index)
    add_cash_in(s, position.account, position.market, -amount)
    position.isolated_cash += amount
    mark_dirty(s, position.account)
    emit(s, ISOLATED_MARGIN_ADJUSTED, NO_REASON, position.account, position.market, 0, 0, 0, amount)


@kernel
def _bucket_rejection(s: State, index: int) -> int:
    """Why there is no isolated bucket whose margin could change, or NO_REASON."""
    if index < 0 or position_at(s, index).signed_size == 0:
        return NO_POSITION
    if position_at(s, index).mode != ISOLATED:
        return POSITION_NOT_ISOLATED
    return NO_REASON


@inline
def _withdrawable_for(s: State, command: CommandRow) -> int:
    """What may leave the pool from which a market's bucket is funded."""
    return withdrawable(s, command.account, group_of(s, command.account, command.market))


@kernel
def adjust_isolated_margin(s: State, command: CommandRow) -> int:
    """ADJUST_ISOLATED_MARGIN: add from what is withdrawable, remove down to the floor."""
    amount = command.money
    if amount == 0:
        return ISOLATED_AMOUNT_ZERO
    if amount > MAX_MONEY or amount < -MAX_MONEY:
        return VALUE_OUT_OF_RANGE
    index = find_position(s, command.account, command.market)
    reason = _bucket_rejection(s, index)
    if reason != NO_REASON:
        return reason
    if amount > 0:
        if amount > _withdrawable_for(s, command):
            return INSUFFICIENT_MARGIN_FOR_INCREASE
    else:
        if market_at(s, command.market).margin_kind == STRICT_ISOLATED:
            return MARGIN_REMOVAL_NOT_ALLOWED
        equity, initial, _, floor = isolated_risk(s, index)
        if equity + amount < max(initial, floor):
            return INSUFFICIENT_MARGIN_FOR_REDUCTION
    _move_margin(s, index, amount)
    return NO_REASON


@kernel
def top_up_isolated_margin(s: State, command: CommandRow) -> int:
    """TOP_UP_ISOLATED_MARGIN: add what a target leverage needs, never remove."""
    index = find_position(s, command.account, command.market)
    reason = _bucket_rejection(s, index)
    if reason != NO_REASON:
        return reason
    if command.leverage < 1:
        return INVALID_LEVERAGE
    equity, _, _, _ = isolated_risk(s, index)
    notional = position_notional(s, position_at(s, index))
    amount = max(0, initial_margin(notional, command.leverage) - equity)
    if amount > _withdrawable_for(s, command):
        return INSUFFICIENT_MARGIN_FOR_INCREASE
    _move_margin(s, index, amount)
    return NO_REASON


@kernel
def set_margin_schedule(s: State, command: CommandRow) -> int:
    """SET_MARGIN_SCHEDULE: this account's own tiers in one market; only while flat and idle."""
    schedule = command.leverage
    if schedule < 0 or schedule >= control(s).schedules_used:
        return UNKNOWN_MARGIN_SCHEDULE
    index = find_position(s, command.account, command.market)
    if index < 0 and not has_common_position_room(s):
        return POSITION_TABLE_FULL
    if index >= 0 and position_at(s, index).signed_size != 0:
        return MODE_SWITCH_WITH_POSITION
    if index >= 0 and position_at(s, index).first_order >= 0:
        return MODE_SWITCH_WITH_OPEN_ORDERS
    index = position_of(s, command.account, command.market)
    position = position_at(s, index)
    position.schedule = schedule
    position.leverage = min(position.leverage, schedule_at(s, schedule).maximum_leverage)
    emit(s, MARGIN_SCHEDULE_SET, NO_REASON, command.account, command.market, 0, 0, schedule, 0)
    return NO_REASON


@kernel
def refresh_holds(s: State, index: int) -> None:
    """Recompute what the orders of a position hold, after its leverage changed."""
    slot = position_at(s, index).first_order
    while slot >= 0:
        order = order_at(s, slot)
        if order.flags & (REDUCE_ONLY | TRIGGER) == 0:
            value = order.remaining_size * order.price
            set_hold(s, slot, initial_margin(value, position_at(s, index).leverage))
        slot = order.next_of_position
