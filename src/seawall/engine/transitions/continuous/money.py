"""New accounts, deposits and withdrawals, transfers, adopted positions."""

from seawall.domain.codes import (
    ANY_MODE,
    CROSS,
    CROSS_MARGIN_NOT_ALLOWED,
    DEPOSITED,
    INSUFFICIENT_MARGIN_FOR_INCREASE,
    INSUFFICIENT_MARGIN_FOR_REDUCTION,
    INSUFFICIENT_WITHDRAWABLE,
    INVALID_FLAGS,
    INVALID_LEVERAGE,
    ISOLATED,
    NO_REASON,
    SELL,
    VALUE_OUT_OF_RANGE,
    WITHDRAWN,
)
from seawall.domain.system_accounts import OUTSIDE_ACCOUNT
from seawall.domain.units import MAX_DEPOSITS, MAX_MONEY, MAX_SIZE
from seawall.engine.compile import kernel
from seawall.engine.formulas.continuous.margin import has_cross_position, withdrawable
from seawall.engine.formulas.shared.fills import closed_entry, closing_part
from seawall.engine.formulas.shared.fixed_point import mul_div_toward_zero
from seawall.engine.formulas.shared.groups import cash_of, group_of, money_outside_of
from seawall.engine.formulas.shared.positions import find_position
from seawall.engine.tables import (
    CHANGED,
    OPENED,
    CommandRow,
    State,
    control,
    market_at,
    position_at,
    schedule_at,
)
from seawall.engine.transitions.continuous.fees import set_rates
from seawall.engine.transitions.continuous.margin import refresh_holds
from seawall.engine.transitions.shared.accounts import (
    adopted_amounts_rejection,
    adoption_rejection,
    create_account,
    group_amount_rejection,
    report_adoption,
    report_transfer,
    transfer_rejection,
)
from seawall.engine.transitions.shared.cash import add_cash, add_cash_in, add_money_outside
from seawall.engine.transitions.shared.outbox import emit
from seawall.engine.transitions.shared.positions import mark_dirty, position_of


@kernel
def create_continuous_account(s: State, command: CommandRow) -> int:
    """CREATE_ACCOUNT, with the fee rates of the parent's volume."""
    account = control(s).accounts_used
    reason = create_account(s, command)
    if reason == NO_REASON and command.other_account >= 0:
        set_rates(s, account)
    return reason


@kernel
def deposit(s: State, command: CommandRow) -> int:
    """DEPOSIT: add money from outside."""
    account, group = command.account, command.status
    reason = group_amount_rejection(s, command)
    if reason != NO_REASON:
        return reason
    if cash_of(s, account, group) + command.money > MAX_MONEY:
        return VALUE_OUT_OF_RANGE
    if money_outside_of(s, group) + command.money > MAX_DEPOSITS:
        return VALUE_OUT_OF_RANGE
    add_cash(s, account, group, command.money)
    add_money_outside(s, group, command.money)
    mark_dirty(s, account)
    event = emit(s, DEPOSITED, NO_REASON, account, -1, 0, 0, 0, command.money)
    event.flags = group
    return NO_REASON


@kernel
def withdraw(s: State, command: CommandRow) -> int:
    """WITHDRAW: at most what is withdrawable."""
    account, group = command.account, command.status
    reason = group_amount_rejection(s, command)
    if reason != NO_REASON:
        return reason
    if command.money > withdrawable(s, account, group):
        return INSUFFICIENT_WITHDRAWABLE
    add_cash(s, account, group, -command.money)
    add_money_outside(s, group, -command.money)
    mark_dirty(s, account)
    event = emit(s, WITHDRAWN, NO_REASON, account, -1, 0, 0, 0, command.money)
    event.flags = group
    return NO_REASON


@kernel
def transfer(s: State, command: CommandRow) -> int:
    """TRANSFER between two user accounts, or two margin groups of one."""
    account, group = command.account, command.status
    target, target_group = command.other_account, command.leverage
    reason = transfer_rejection(s, command)
    if reason != NO_REASON:
        return reason
    if command.money > withdrawable(s, account, group):
        return INSUFFICIENT_WITHDRAWABLE
    if cash_of(s, target, target_group) + command.money > MAX_MONEY:
        return VALUE_OUT_OF_RANGE
    add_cash(s, account, group, -command.money)
    add_cash(s, target, target_group, command.money)
    mark_dirty(s, account)
    mark_dirty(s, target)
    report_transfer(s, command)
    return NO_REASON


@kernel
def _adoption_rejection(s: State, command: CommandRow) -> int:
    reason = adoption_rejection(s, command)
    if reason == NO_REASON:
        reason = adopted_amounts_rejection(command, MAX_SIZE)
    if reason != NO_REASON:
        return reason
    if abs(command.trigger_price) > MAX_MONEY:
        return VALUE_OUT_OF_RANGE
    if command.mode < CROSS or command.mode > ISOLATED:
        return INVALID_FLAGS
    index = find_position(s, command.account, command.market)
    market = market_at(s, command.market)
    if command.mode == CROSS and market.margin_kind != ANY_MODE:
        return CROSS_MARGIN_NOT_ALLOWED
    schedule = market.schedule if index < 0 else position_at(s, index).schedule
    if command.leverage < 1 or command.leverage > schedule_at(s, schedule).maximum_leverage:
        return INVALID_LEVERAGE
    if command.mode == ISOLATED and command.trigger_price < 0:
        value = command.order_size * market.mark_price - command.money
        if command.trigger_price + (value if command.side != SELL else -value) < 0:
            return INSUFFICIENT_MARGIN_FOR_REDUCTION
    group = group_of(s, command.account, command.market)
    if command.mode == ISOLATED and not has_cross_position(s, command.account, group):
        if command.trigger_price > cash_of(s, command.account, group):
            return INSUFFICIENT_MARGIN_FOR_INCREASE
    return NO_REASON


@kernel
def _book_opposite(s: State, market: int, delta: int, entry: int) -> None:
    """Book the opposite of an adoption to the account outside; ``entry``: the adopter's, signed."""
    mirror = position_at(s, position_of(s, OUTSIDE_ACCOUNT, market))
    row = market_at(s, market)
    row.open_interest -= max(0, mirror.signed_size)
    closing = closing_part(mirror.signed_size, delta)
    if closing > 0:
        size = abs(mirror.signed_size)
        mirror.entry_notional -= closed_entry(mirror.entry_notional, closing, size)
    opening = abs(delta) - closing
    mirror.entry_notional -= mul_div_toward_zero(entry, opening, abs(delta))
    mirror.signed_size += delta
    row.open_interest += max(0, mirror.signed_size)
    add_cash_in(s, OUTSIDE_ACCOUNT, market, entry)


@kernel
def adopt_position(s: State, command: CommandRow) -> int:
    """ADOPT_POSITION: rebuild a real account's position; the account outside takes the opposite.

    ``trigger_price`` carries the micro-USD that move from cash into an isolated bucket.
    """
    reason = _adoption_rejection(s, command)
    if reason != NO_REASON:
        return reason
    sign = -1 if command.side == SELL else 1
    size = sign * command.order_size
    entry = sign * command.money
    index = position_of(s, command.account, command.market)
    position = position_at(s, index)
    position.mode = command.mode
    position.leverage = command.leverage
    position.signed_size = size
    position.entry_notional = entry
    position.changes = CHANGED | OPENED
    if command.mode == CROSS:
        add_cash_in(s, command.account, command.market, -entry)
    else:
        add_cash_in(s, command.account, command.market, -command.trigger_price)
        position.isolated_cash = command.trigger_price - entry
    refresh_holds(s, index)
    _book_opposite(s, command.market, -size, entry)
    market_at(s, command.market).open_interest += max(0, size)
    mark_dirty(s, command.account)
    report_adoption(s, command, size)
    return NO_REASON
