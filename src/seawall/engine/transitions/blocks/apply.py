"""Applying commands under block rules; ``continuous/apply`` does it for the other rules.

The two share the rows, the checks before a command and the way a rejection is reported. Kept
apart, a process compiles only the mechanisms of the rules it uses.
"""

from seawall.domain.codes import (
    ADOPT_POSITION,
    ADVANCE_TIME,
    CANCEL_ALL,
    CANCEL_BY_CLIENT_ID,
    CANCEL_ORDER,
    COMMAND_NOT_OFFERED,
    CREATE_ACCOUNT,
    DEPOSIT,
    NO_REASON,
    PLACE_ORDER,
    PLACE_TWAP_ORDER,
    SET_FEE_STANDING,
    SET_INITIAL_FRACTION,
    SET_LEVERAGE,
    SET_MARKET_DISCOUNT,
    SET_MARKET_STATUS,
    SET_ORACLE_PRICE,
    SYSTEM_ACCOUNT_FORBIDDEN,
    TRANSFER,
    WITHDRAW,
)
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT
from seawall.engine.compile import entry, kernel
from seawall.engine.tables import Batch, CommandRow, State, block_rules, command_at, control, rules
from seawall.engine.transitions.blocks.cancels import (
    cancel_by_id,
    cancel_by_order_id,
    cancel_every_order,
    stateful_cancel_rejection,
)
from seawall.engine.transitions.blocks.clock import advance_blocks, blocks_due
from seawall.engine.transitions.blocks.fees import set_fee_standing, set_market_discount
from seawall.engine.transitions.blocks.margin import (
    initial_fraction_rejection,
    set_block_leverage,
    set_initial_fraction,
)
from seawall.engine.transitions.blocks.markets import set_block_market_status
from seawall.engine.transitions.blocks.money import (
    adopt_in_block,
    block_transfer_rejection,
    create_block_account,
    deposit_into_block,
    transfer_in_block,
    withdraw_from_block,
)
from seawall.engine.transitions.blocks.orders import order_rejection, place_block_order
from seawall.engine.transitions.blocks.prices import set_block_oracle_price
from seawall.engine.transitions.blocks.twap import place_twap_order, twap_order_rejection
from seawall.engine.transitions.blocks.watch import close_watches, open_watches
from seawall.engine.transitions.shared.commands import (
    begin_command,
    end_command,
    needs_account,
    report_rejection,
    row_rejection,
)
from seawall.engine.transitions.shared.outbox import (
    close_batch,
    open_batch,
)


@kernel
def _do_money(s: State, command: CommandRow) -> int:
    kind = command.kind
    if kind == DEPOSIT:
        return deposit_into_block(s, command)
    if kind == WITHDRAW:
        return withdraw_from_block(s, command)
    if kind == TRANSFER:
        return transfer_in_block(s, command)
    if kind == CREATE_ACCOUNT:
        return create_block_account(s, command)
    if kind == ADOPT_POSITION:
        return adopt_in_block(s, command)
    if kind == SET_LEVERAGE:
        return set_block_leverage(s, command)
    if kind == SET_INITIAL_FRACTION:
        return set_initial_fraction(s, command)
    return COMMAND_NOT_OFFERED


@kernel
def _do_venue(s: State, command: CommandRow) -> int:
    kind = command.kind
    if kind == SET_ORACLE_PRICE:
        return set_block_oracle_price(s, command)
    if kind == ADVANCE_TIME:
        return advance_blocks(s)
    if kind == SET_FEE_STANDING:
        return set_fee_standing(s, command)
    if kind == SET_MARKET_DISCOUNT:
        return set_market_discount(s, command)
    if kind == SET_MARKET_STATUS:
        return set_block_market_status(s, command)
    return _do_money(s, command)


@kernel
def _do(s: State, command: CommandRow) -> int:
    kind = command.kind
    if kind == PLACE_ORDER:
        return place_block_order(s, command)
    if kind == CANCEL_ORDER:
        return cancel_by_order_id(s, command)
    if kind == CANCEL_BY_CLIENT_ID:
        return cancel_by_id(s, command)
    if kind == CANCEL_ALL:
        cancel_every_order(s, command.account, command.market)
        return NO_REASON
    if kind == PLACE_TWAP_ORDER:
        return place_twap_order(s, command)
    return _do_venue(s, command)


@kernel
def _apply_one(s: State, command: CommandRow) -> None:
    control(s).sequence += 1
    reason = row_rejection(s, command)
    if reason == NO_REASON and command.account == BACKSTOP_ACCOUNT and command.kind != DEPOSIT:
        # No stage moves a position to it, so it has nothing to close.
        if needs_account(command.kind):
            reason = SYSTEM_ACCOUNT_FORBIDDEN
    if reason == NO_REASON:
        clock_before = begin_command(s, command)
        reason = _do(s, command)
        end_command(s, reason, clock_before)
    if reason != NO_REASON:
        report_rejection(s, command, reason)


@kernel
def _periods(span_ms: int, period_ms: int) -> int:
    return span_ms // max(1, period_ms) + 2


@kernel
def _block_events(s: State, command: CommandRow) -> int:
    """An upper bound of the events of committing blocks, besides fills and ends of orders."""
    row = control(s)
    chain = block_rules(s)
    blocks = blocks_due(s, command.time_ms)
    span = blocks * chain.block_ms
    samples = _periods(span, chain.sample_ms)
    ticks = _periods(span, chain.tick_ms)
    evaluations = _periods(span, chain.fee_evaluation_ms)
    bound = row.markets_used * (samples + ticks + 4) + blocks * (row.markets_used + 1)
    bound += row.positions_used * (ticks + 1) + row.accounts_used * evaluations
    return bound + 3 * row.orders_live


@kernel
def most_block_events(s: State, command: CommandRow) -> int:
    """An upper bound of the events one command can cause.

    Everything that can happen more than once in a command costs one of its visits.
    """
    row = control(s)
    bound = 12 * rules(s).fills_per_command + 2 * row.orders_live + 2 * row.positions_used + 64
    if command.kind == ADVANCE_TIME:
        bound += _block_events(s, command)
    return bound


@entry(6)
def apply_block_rows(
    watches: Batch, s: State, commands: Batch, count: int, events: Batch, events_capacity: int
) -> int:
    """Apply commands in order until all are done or the outbox might overflow.

    ``watches``: a row for each account there is room for, all zeros at first and whenever the state
    was replaced; or ``NO_WATCHES``. Returns done x 2^32 + the number of events written.
    """
    row = control(s)
    open_batch(s, events, events_capacity)
    open_watches(s, watches)
    done = 0
    for place in range(count):
        command = command_at(commands, place)
        if row.outbox_used + most_block_events(s, command) > events_capacity:
            break
        _apply_one(s, command)
        done += 1
    close_watches(s)
    return (done << 32) | close_batch(s)


@entry(2)
def block_events_bound(s: State, commands: Batch) -> int:
    """How much outbox the first command of a batch needs."""
    return most_block_events(s, command_at(commands, 0))


@entry(2)
def block_rejection(s: State, commands: Batch) -> int:
    """Why the first command of a batch, a transfer or one on the state's orders, would be refused.

    Nothing is written; 0 where it would take effect.
    """
    command = command_at(commands, 0)
    reason = row_rejection(s, command)
    if reason != NO_REASON:
        return reason
    if command.kind == PLACE_ORDER:
        return order_rejection(s, command)
    if command.kind == PLACE_TWAP_ORDER:
        return twap_order_rejection(s, command)
    if command.kind == CANCEL_BY_CLIENT_ID:
        return stateful_cancel_rejection(s, command)
    if command.kind == SET_INITIAL_FRACTION:
        return initial_fraction_rejection(s, command)
    if command.kind == TRANSFER:
        return block_transfer_rejection(s, command)
    return COMMAND_NOT_OFFERED
