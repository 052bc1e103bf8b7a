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
from seawall.domain.units import MAX_MONEY, MAX_SIZE
from seawall.engine.compile import kernel
from seawall.engine.formulas.continuous.margin import has_cross_position, withdrawable
from seawall.engine.formulas.shared.fills import closed_entry, closing_part
from seawall.engine.formulas.shared.fixed_point import mul_div_toward_zero
from seawall.engine.formulas.shared.positions import find_position
from seawall.engine.tables import (
    CHANGED,
    OPENED,
    CommandRow,
    State,
    account_at,
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
    amount_rejection,
    create_account,
    report_adoption,
    report_transfer,
    transfer_rejection,
)
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
    reason = amount_rejection(command.money)
    if reason != NO_REASON:
        return reason
    owner = account_at(s, command.account)
    if owner.cash + command.money > MAX_MONEY:
        return VALUE_OUT_OF_RANGE
    owner.cash += command.money
    control(s).money_outside += command.money
    mark_dirty(s, command.account)
    emit(s, DEPOSITED, NO_REASON, command.account, -1, 0, 0, 0, command.money)
    return NO_REASON


@kernel
def withdraw(s: State, command: CommandRow) -> int:
    """WITHDRAW: at most what is withdrawable."""
    reason = amount_rejection(command.money)
    if reason != NO_REASON:
        return reason
    if command.money > withdrawable(s, command.account):
        return INSUFFICIENT_WITHDRAWABLE
    account_at(s, command.account).cash -= command.money
    control(s).money_outside -= command.money
    mark_dirty(s, command.account)
    emit(s, WITHDRAWN, NO_REASON, command.account, -1, 0, 0, 0, command.money)
    return NO_REASON


@kernel
def transfer(s: State, command: CommandRow) -> int:
    """TRANSFER between two user accounts."""
    target = command.other_account
    reason = transfer_rejection(s, command)
    if reason != NO_REASON:
        return reason
    if command.money > withdrawable(s, command.account):
        return INSUFFICIENT_WITHDRAWABLE
    receiver = account_at(s, target)
    if receiver.cash + command.money > MAX_MONEY:
        return VALUE_OUT_OF_RANGE
    account_at(s, command.account).cash -= command.money
    receiver.cash += command.money
    mark_dirty(s, command.account)
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
    if command.mode == ISOLATED and not has_cross_position(s, command.account):
        if command.trigger_price > account_at(s, command.account).cash:
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
    account_at(s, OUTSIDE_ACCOUNT).cash += entry


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
    owner = account_at(s, command.account)
    if command.mode == CROSS:
        owner.cash -= entry
    else:
        owner.cash -= command.trigger_price
        position.isolated_cash = command.trigger_price - entry
    refresh_holds(s, index)
    _book_opposite(s, command.market, -size, entry)
    market_at(s, command.market).open_interest += max(0, size)
    mark_dirty(s, command.account)
    report_adoption(s, command, size)
    return NO_REASON
