"""Applying commands: validate, do, report.

Each command runs the same way: its row is checked, its transition validates completely before
the first write and returns a reason; a rejection becomes one event and leaves the clock.
"""

from seawall.domain.codes import (
    ADJUST_ISOLATED_MARGIN,
    ADOPT_POSITION,
    ADVANCE_TIME,
    CANCEL_ALL,
    CANCEL_BY_CLIENT_ID,
    CANCEL_ORDER,
    CANCELLED_BY_USER,
    COMMAND_NOT_OFFERED,
    CREATE_ACCOUNT,
    DEPOSIT,
    MODIFY_ORDER,
    NO_REASON,
    ORDER_NOT_FOUND,
    PLACE_ORDER,
    SCHEDULE_CANCEL,
    SET_FEE_DISCOUNTS,
    SET_LEVERAGE,
    SET_MARGIN_GROUPING,
    SET_MARGIN_SCHEDULE,
    SET_MARKET_STATUS,
    SET_ORACLE_PRICE,
    SETTLE_MARKET,
    TOP_UP_ISOLATED_MARGIN,
    TRANSFER,
    WITHDRAW,
)
from seawall.engine.compile import entry, inline, kernel
from seawall.engine.tables import (
    Batch,
    CommandRow,
    State,
    account_at,
    command_at,
    control,
    prefetch_account,
    prefetch_order,
    prefetch_position,
    rules,
)
from seawall.engine.transitions.continuous.cancels import schedule_cancel
from seawall.engine.transitions.continuous.clock import advance_time
from seawall.engine.transitions.continuous.fees import set_fee_discounts
from seawall.engine.transitions.continuous.grouping import set_margin_grouping
from seawall.engine.transitions.continuous.margin import (
    adjust_isolated_margin,
    set_leverage,
    set_margin_schedule,
    top_up_isolated_margin,
)
from seawall.engine.transitions.continuous.markets import set_market_status, settle_market
from seawall.engine.transitions.continuous.money import (
    adopt_position,
    create_continuous_account,
    deposit,
    transfer,
    withdraw,
)
from seawall.engine.transitions.continuous.orders import modify_order, place_order
from seawall.engine.transitions.continuous.prices import set_oracle_price
from seawall.engine.transitions.shared.cancels import cancel_all_of, cancel_order
from seawall.engine.transitions.shared.commands import (
    begin_command,
    end_command,
    own_order,
    report_rejection,
    row_rejection,
)
from seawall.engine.transitions.shared.orders import (
    find_client_id,
    has_ample_room,
    slot_of,
)
from seawall.engine.transitions.shared.outbox import (
    close_batch,
    open_batch,
)

LOOK_AHEAD = 8
ORDERS_AHEAD = 64
"""For so many commands together it is found whether the tables have room."""
ACCOUNTS_NEAR = 1024
"""Up to so many accounts, rows stay in the nearest cache without being asked for early."""


@kernel
def _cancel(s: State, command: CommandRow) -> int:
    if command.kind == CANCEL_ORDER:
        slot = own_order(s, command)
    elif command.client_id_high == 0 and command.client_id_low == 0:
        slot = -1
    else:
        slot = find_client_id(s, command.account, command.client_id_high, command.client_id_low)
    if slot < 0:
        return ORDER_NOT_FOUND
    cancel_order(s, slot, CANCELLED_BY_USER)
    return NO_REASON


@kernel
def _do_rare(s: State, command: CommandRow) -> int:
    """Do any command but those of orders; returns its reason."""
    kind = command.kind
    if kind == SET_ORACLE_PRICE:
        return set_oracle_price(s, command)
    if kind == ADVANCE_TIME:
        return advance_time(s)
    if kind == DEPOSIT:
        return deposit(s, command)
    if kind == WITHDRAW:
        return withdraw(s, command)
    if kind == TRANSFER:
        return transfer(s, command)
    if kind == CREATE_ACCOUNT:
        return create_continuous_account(s, command)
    if kind == SET_LEVERAGE:
        return set_leverage(s, command)
    if kind == ADJUST_ISOLATED_MARGIN:
        return adjust_isolated_margin(s, command)
    if kind == TOP_UP_ISOLATED_MARGIN:
        return top_up_isolated_margin(s, command)
    if kind == SCHEDULE_CANCEL:
        return schedule_cancel(s, command)
    if kind == ADOPT_POSITION:
        return adopt_position(s, command)
    if kind == SET_FEE_DISCOUNTS:
        return set_fee_discounts(s, command)
    if kind == SET_MARKET_STATUS:
        return set_market_status(s, command)
    if kind == SET_MARGIN_SCHEDULE:
        return set_margin_schedule(s, command)
    if kind == SETTLE_MARKET:
        return settle_market(s, command)
    if kind == SET_MARGIN_GROUPING:
        return set_margin_grouping(s, command)
    return COMMAND_NOT_OFFERED


@kernel
def _do(s: State, command: CommandRow, has_room: bool) -> int:
    kind = command.kind
    if kind == PLACE_ORDER:
        return place_order(s, command, has_room)
    if kind == CANCEL_ORDER or kind == CANCEL_BY_CLIENT_ID:
        return _cancel(s, command)
    if kind == MODIFY_ORDER:
        return modify_order(s, command)
    if kind == CANCEL_ALL:
        cancel_all_of(s, command.account, command.market, CANCELLED_BY_USER)
        return NO_REASON
    return _do_rare(s, command)


@kernel
def _apply_one(s: State, command: CommandRow, has_room: bool) -> None:
    control(s).sequence += 1
    reason = row_rejection(s, command)
    if reason == NO_REASON:
        clock_before = begin_command(s, command)
        reason = _do(s, command, has_room)
        end_command(s, reason, clock_before)
    if reason != NO_REASON:
        report_rejection(s, command, reason)


@kernel
def _settlements_due(s: State, command: CommandRow) -> int:
    row = control(s)
    if row.next_settlement_ms == 0 or command.time_ms < row.next_settlement_ms:
        return 0
    due = (command.time_ms - row.next_settlement_ms) // rules(s).funding_settlement_ms + 1
    return min(24, due)


@inline
def _most_order_events(s: State) -> int:
    """An upper bound of the events of one order command of any account."""
    return 8 * rules(s).fills_per_command + 2 * rules(s).open_orders_maximum + 64


@kernel
def most_events(s: State, command: CommandRow) -> int:
    """An upper bound of the events one command can cause."""
    row = control(s)
    bound = _most_order_events(s)
    kind = command.kind
    if kind == ADVANCE_TIME:
        settlements = _settlements_due(s, command)
        bound += settlements * row.positions_used + (settlements + 1) * row.markets_used
        bound += row.accounts_used
    if kind in (ADVANCE_TIME, SET_ORACLE_PRICE, SETTLE_MARKET):
        bound += 2 * row.orders_live + 5 * row.positions_used
        bound += 4 * rules(s).liquidations_per_command
    return bound


@inline
def _prefetch(s: State, commands: Batch, place: int, count: int) -> None:
    """Prefetch the account, and nearer the position, of commands that come soon.

    They are not checked yet: what is prefetched may be no row, which does no harm.
    """
    if place + LOOK_AHEAD >= count:
        return
    command = command_at(commands, place + LOOK_AHEAD)
    prefetch_account(s, command.account)
    slot = slot_of(command.order_id)
    if slot > 0:
        prefetch_order(s, slot)
    account = command_at(commands, place + LOOK_AHEAD // 2).account
    if 0 <= account < control(s).accounts_capacity:
        prefetch_position(s, account_at(s, account).first_position)


@entry(5)
def apply_rows(s: State, commands: Batch, count: int, events: Batch, events_capacity: int) -> int:
    """Apply commands in order until all are done or the outbox might overflow.

    Returns done x 2^32 + the number of events written.
    """
    row = control(s)
    open_batch(s, events, events_capacity)
    done = 0
    was_order, has_room = False, False
    order_events = _most_order_events(s)
    is_large = row.accounts_used > ACCOUNTS_NEAR
    for place in range(count):
        command = command_at(commands, place)
        if not was_order or place % ORDERS_AHEAD == 0:
            has_room = has_ample_room(s, min(ORDERS_AHEAD, count - place))
        is_order = was_order = PLACE_ORDER <= command.kind <= CANCEL_ALL
        needed = order_events if is_order else most_events(s, command)
        if row.outbox_used + needed > events_capacity:
            break
        if is_large:
            _prefetch(s, commands, place, count)
        _apply_one(s, command, has_room)
        done += 1
    return (done << 32) | close_batch(s)


@entry(2)
def events_bound(s: State, commands: Batch) -> int:
    """How many outbox rows the first command of a batch may need."""
    return most_events(s, command_at(commands, 0))
