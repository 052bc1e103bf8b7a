"""New accounts, and the checks of money that both families of rules make."""

from seawall.domain.codes import (
    ACCOUNT_CREATED,
    ACCOUNT_TABLE_FULL,
    AMOUNT_NOT_POSITIVE,
    DIFFERENT_COLLATERAL,
    INVALID_FLAGS,
    NO_REASON,
    POSITION_ADOPTED,
    POSITION_ALREADY_OPEN,
    POSITION_TABLE_FULL,
    SELL,
    TRANSFER_TO_SAME_ACCOUNT,
    TRANSFERRED,
    UNKNOWN_ACCOUNT,
    UNKNOWN_MARGIN_GROUP,
    VALUE_OUT_OF_RANGE,
    ZERO_SIZE,
)
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import MAX_MONEY, MAX_NOTIONAL
from seawall.engine.compile import kernel
from seawall.engine.formulas.shared.groups import collateral_of, is_own_group
from seawall.engine.formulas.shared.positions import held_size
from seawall.engine.tables import (
    CommandRow,
    State,
    account_at,
    account_history_at,
    control,
    fee_tier_at,
)
from seawall.engine.transitions.shared.outbox import emit


@kernel
def create_account(s: State, command: CommandRow) -> int:
    """Take the next free account row; a reason where there is none or the parent is wrong."""
    row = control(s)
    parent = command.other_account
    if row.accounts_used >= row.accounts_capacity:
        return ACCOUNT_TABLE_FULL
    if parent != -1:
        if parent < FIRST_USER or parent >= row.accounts_used:
            return UNKNOWN_ACCOUNT
        if account_at(s, parent).parent >= 0:
            return UNKNOWN_ACCOUNT
    account = row.accounts_used
    row.accounts_used += 1
    event = emit(s, ACCOUNT_CREATED, NO_REASON, account, -1, 0, 0, 0, 0)
    event.counterparty = parent
    open_account(s, account, parent, 0)
    return NO_REASON


@kernel
def open_account(s: State, account: int, parent: int, is_system: int) -> None:
    """Fill a new account row."""
    owner = account_at(s, account)
    owner.first_position = -1
    owner.next_dirty = -1
    owner.parent = parent
    owner.is_system = is_system
    tier = fee_tier_at(s, 0)
    owner.taker_rate = tier.taker_rate
    owner.maker_rate = tier.maker_rate
    account_history_at(s, account).next_scheduled = -1


@kernel
def amount_rejection(money: int) -> int:
    """Why an amount cannot be moved, or NO_REASON."""
    if money <= 0:
        return AMOUNT_NOT_POSITIVE
    return VALUE_OUT_OF_RANGE if money > MAX_MONEY else NO_REASON


@kernel
def group_amount_rejection(s: State, command: CommandRow) -> int:
    """Why an amount cannot be moved into or out of the group that a command names."""
    if not is_own_group(s, command.account, command.status):
        return UNKNOWN_MARGIN_GROUP
    return amount_rejection(command.money)


@kernel
def transfer_rejection(s: State, command: CommandRow) -> int:
    """Why a transfer's target, groups or amount are wrong, or NO_REASON."""
    target, group = command.other_account, command.leverage
    if target < FIRST_USER or target >= control(s).accounts_used:
        return UNKNOWN_ACCOUNT
    if target == command.account and group == command.status:
        return TRANSFER_TO_SAME_ACCOUNT
    if not is_own_group(s, target, group):
        return UNKNOWN_MARGIN_GROUP
    reason = group_amount_rejection(s, command)
    if reason == NO_REASON and collateral_of(s, group) != collateral_of(s, command.status):
        return DIFFERENT_COLLATERAL
    return reason


@kernel
def adoption_rejection(s: State, command: CommandRow) -> int:
    """Why no position can be adopted in this market, or none of this side."""
    row = control(s)
    if row.positions_used + 2 > row.positions_capacity:
        return POSITION_TABLE_FULL
    if held_size(s, command.account, command.market) != 0:
        return POSITION_ALREADY_OPEN
    return INVALID_FLAGS if command.side < 0 or command.side > SELL else NO_REASON


@kernel
def adopted_amounts_rejection(command: CommandRow, largest_size: int) -> int:
    """Why an adopted position's size or entry notional is wrong, or NO_REASON."""
    if command.order_size <= 0:
        return ZERO_SIZE
    if command.order_size > largest_size or command.money <= 0 or command.money > MAX_NOTIONAL:
        return VALUE_OUT_OF_RANGE
    return NO_REASON


@kernel
def report_adoption(s: State, command: CommandRow, size: int) -> None:
    """Emit that the account now holds a position of this signed size."""
    event = emit(
        s, POSITION_ADOPTED, NO_REASON, command.account, command.market, 0, 0,
        command.order_size, command.money,
    )  # fmt: skip
    event.position_size = size


@kernel
def report_transfer(s: State, command: CommandRow) -> None:
    """Emit that money went from one account or group to another."""
    event = emit(
        s, TRANSFERRED, NO_REASON, command.account, -1, 0, 0, command.leverage, command.money
    )
    event.counterparty = command.other_account
    event.flags = command.status
