"""The frame around a command: checks of its row, its time, its rejection."""

from seawall.domain.codes import (
    ADJUST_ISOLATED_MARGIN,
    ADOPT_POSITION,
    ADVANCE_TIME,
    CANCEL_ALL,
    COMMAND_REJECTED,
    CREATE_ACCOUNT,
    DEPOSIT,
    MODIFY_ORDER,
    NO_REASON,
    PLACE_ORDER,
    PLACE_TWAP_ORDER,
    SET_INITIAL_FRACTION,
    SET_LEVERAGE,
    SET_MARGIN_GROUPING,
    SET_MARGIN_SCHEDULE,
    SET_MARKET_DISCOUNT,
    SET_MARKET_STATUS,
    SET_ORACLE_PRICE,
    SETTLE_MARKET,
    SYSTEM_ACCOUNT_FORBIDDEN,
    TIME_WENT_BACK,
    TOP_UP_ISOLATED_MARGIN,
    UNKNOWN_ACCOUNT,
    UNKNOWN_COMMAND,
    UNKNOWN_MARKET,
    VALUE_OUT_OF_RANGE,
)
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT, FIRST_USER, INSURANCE_FUND
from seawall.domain.units import MAX_TIME_MS
from seawall.engine.compile import inline, kernel
from seawall.engine.tables import CommandRow, State, control, order_at, rules
from seawall.engine.transitions.shared.orders import find_order
from seawall.engine.transitions.shared.outbox import emit

_WITHOUT_ACCOUNT = (
    (1 << CREATE_ACCOUNT)
    | (1 << SET_ORACLE_PRICE)
    | (1 << ADVANCE_TIME)
    | (1 << SET_MARKET_STATUS)
    | (1 << SETTLE_MARKET)
    | (1 << SET_MARKET_DISCOUNT)
)
_IN_MARKET = (
    (1 << SET_LEVERAGE)
    | (1 << ADJUST_ISOLATED_MARGIN)
    | (1 << TOP_UP_ISOLATED_MARGIN)
    | (1 << PLACE_ORDER)
    | (1 << MODIFY_ORDER)
    | (1 << CANCEL_ALL)
    | (1 << SET_ORACLE_PRICE)
    | (1 << ADOPT_POSITION)
    | (1 << SET_MARKET_STATUS)
    | (1 << SET_MARGIN_SCHEDULE)
    | (1 << SETTLE_MARKET)
    | (1 << PLACE_TWAP_ORDER)
    | (1 << SET_INITIAL_FRACTION)
    | (1 << SET_MARKET_DISCOUNT)
)
"""Sets of kinds, one bit each."""


@inline
def needs_account(kind: int) -> bool:
    """Whether commands of this kind are given for an account."""
    return (_WITHOUT_ACCOUNT >> kind) & 1 == 0


@inline
def _account_rejection(s: State, command: CommandRow) -> int:
    account = command.account
    if account < 0 or account >= control(s).accounts_used:
        return UNKNOWN_ACCOUNT
    if account >= FIRST_USER:
        return NO_REASON
    kind = command.kind
    if kind == DEPOSIT and (account == INSURANCE_FUND or account == BACKSTOP_ACCOUNT):
        return NO_REASON
    if account == BACKSTOP_ACCOUNT and PLACE_ORDER <= kind <= CANCEL_ALL:
        return NO_REASON
    return SYSTEM_ACCOUNT_FORBIDDEN


@inline
def _market_rejection(s: State, command: CommandRow) -> int:
    kind, market = command.kind, command.market
    if kind == CANCEL_ALL and market == -1:
        return NO_REASON
    if (_IN_MARKET >> kind) & 1 != 0:
        if market < 0 or market >= control(s).markets_used:
            return UNKNOWN_MARKET
    return NO_REASON


@inline
def row_rejection(s: State, command: CommandRow) -> int:
    """Why a command is refused before its own checks: kind, time, account, market."""
    row = control(s)
    if (
        PLACE_ORDER <= command.kind <= CANCEL_ALL
        and FIRST_USER <= command.account < row.accounts_used
        and 0 <= command.market < row.markets_used
        and row.clock_ms <= command.time_ms <= MAX_TIME_MS
    ):
        return NO_REASON
    return _row_rejection(s, command)


@kernel
def _row_rejection(s: State, command: CommandRow) -> int:
    """The same of any command, check by check."""
    if command.kind < CREATE_ACCOUNT or command.kind > SET_MARGIN_GROUPING:
        return UNKNOWN_COMMAND
    if command.time_ms < control(s).clock_ms:
        return TIME_WENT_BACK
    if command.time_ms > MAX_TIME_MS:
        return VALUE_OUT_OF_RANGE
    if needs_account(command.kind):
        reason = _account_rejection(s, command)
        if reason != NO_REASON:
            return reason
    return _market_rejection(s, command)


@inline
def begin_command(s: State, command: CommandRow) -> int:
    """The clock before the command; sets the command's time and its bound of work."""
    row = control(s)
    clock_before = row.clock_ms
    row.clock_ms = command.time_ms
    row.visits_left = rules(s).fills_per_command
    return clock_before


@inline
def end_command(s: State, reason: int, clock_before: int) -> None:
    """End a command's work; a rejected one leaves the clock where it was."""
    row = control(s)
    row.visits_left = 0
    if reason != NO_REASON:
        row.clock_ms = clock_before


@inline
def report_rejection(s: State, command: CommandRow, reason: int) -> None:
    """Emit why a command was rejected, with what it asked for."""
    emit(
        s, COMMAND_REJECTED, reason, command.account, command.market, command.order_id,
        command.price, command.order_size, command.money,
    )  # fmt: skip


@inline
def own_order(s: State, command: CommandRow) -> int:
    """The slot of the order that a command names by its id, -1 unless it is the account's own."""
    slot = find_order(s, command.order_id)
    if slot >= 0 and order_at(s, slot).account != command.account:
        return -1
    return slot
