"""Deposits, withdrawals, transfers and adoptions under block rules: each is a checked update."""

from seawall.domain.codes import (
    COMMAND_NOT_OFFERED,
    CROSS,
    DEPOSITED,
    ISOLATED_MARKET_RULE,
    MATCH_UPDATE,
    NO_REASON,
    NO_REFERENCE_PRICE,
    POOL_TOO_SMALL,
    SELL,
    TRANSFER_UPDATE,
    TRANSFERS_BLOCKED,
    UNKNOWN_MARKET,
    VALUE_OUT_OF_RANGE,
    WITHDRAWAL_UPDATE,
    WITHDRAWN,
)
from seawall.domain.system_accounts import INSURANCE_FUND, OUTSIDE_ACCOUNT
from seawall.domain.units import (
    MAX_BLOCK_RULES_SIZE,
    MAX_DEPOSITS,
    MAX_MONEY,
)
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.fills import may_hold
from seawall.engine.formulas.blocks.margin import (
    is_gated,
    own_pool_market,
)
from seawall.engine.formulas.blocks.updates import pool_rejection, updates_rejection
from seawall.engine.formulas.shared.groups import money_outside_of
from seawall.engine.tables import (
    CommandRow,
    State,
    account_at,
    block_market_at,
    block_rules,
    control,
    market_at,
)
from seawall.engine.transitions.blocks.fees import set_tier_rates
from seawall.engine.transitions.blocks.funding import settle_funding
from seawall.engine.transitions.blocks.updates import (
    add_update,
    apply_updates,
    clear_updates,
)
from seawall.engine.transitions.blocks.watch import note_change
from seawall.engine.transitions.shared.accounts import (
    adopted_amounts_rejection,
    adoption_rejection,
    create_account,
    group_amount_rejection,
    report_adoption,
    report_transfer,
    transfer_rejection,
)
from seawall.engine.transitions.shared.cash import add_money_outside
from seawall.engine.transitions.shared.outbox import emit


@kernel
def create_block_account(s: State, command: CommandRow) -> int:
    """CREATE_ACCOUNT, with the rates of the account's fee tier."""
    account = control(s).accounts_used
    reason = create_account(s, command)
    if reason == NO_REASON:
        set_tier_rates(s, account)
    return reason


@kernel
def pool_gains(s: State, account: int, amount: int) -> None:
    """Add cash to the pool of an account from outside the pools, or take it out (< 0)."""
    market = own_pool_market(s, account)
    if market >= 0:
        block_market_at(s, market).pool_cash += amount
    else:
        block_rules(s).cross_pool_cash += amount


@kernel
def _pool_balance(s: State, account: int) -> int:
    market = own_pool_market(s, account)
    if market >= 0:
        return block_market_at(s, market).pool_cash
    return block_rules(s).cross_pool_cash


@kernel
def _fund_deposit(s: State, command: CommandRow) -> int:
    """Add money to an insurance fund: the common one, or that of a market with its own pool."""
    market = command.market
    if market < -1 or market >= control(s).markets_used:
        return UNKNOWN_MARKET
    if market >= 0 and block_market_at(s, market).own_pool != 0:
        block_market_at(s, market).insurance_cash += command.money
    else:
        account_at(s, INSURANCE_FUND).cash += command.money
    return NO_REASON


@kernel
def deposit_into_block(s: State, command: CommandRow) -> int:
    """DEPOSIT: refused while the account's pool is gated; settles funding, like every transfer.

    There is no backstop: money for it is the insurance fund's.
    """
    reason = group_amount_rejection(s, command)
    if reason != NO_REASON:
        return reason
    owner = account_at(s, command.account)
    if owner.cash + command.money > MAX_MONEY:
        return VALUE_OUT_OF_RANGE
    if money_outside_of(s, 0) + command.money > MAX_DEPOSITS:
        return VALUE_OUT_OF_RANGE
    if owner.is_system != 0:
        reason = _fund_deposit(s, command)
        if reason != NO_REASON:
            return reason
    else:
        if is_gated(s, command.account):
            return TRANSFERS_BLOCKED
        settle_funding(s, command.account)
        owner.cash += command.money
        pool_gains(s, command.account, command.money)
        note_change(s, command.account)
    add_money_outside(s, 0, command.money)
    if owner.is_system != 0:
        emit(s, DEPOSITED, NO_REASON, INSURANCE_FUND, command.market, 0, 0, 0, command.money)
    else:
        emit(s, DEPOSITED, NO_REASON, command.account, -1, 0, 0, 0, command.money)
    return NO_REASON


@kernel
def withdraw_from_block(s: State, command: CommandRow) -> int:
    """WITHDRAW: what is left must cover initial margin, or the account must have improved."""
    reason = group_amount_rejection(s, command)
    if reason != NO_REASON:
        return reason
    clear_updates(s)
    add_update(s, 0, command.account, -1, 0, -command.money)
    reason = updates_rejection(s, WITHDRAWAL_UPDATE, 1)
    if reason == NO_REASON and _pool_balance(s, command.account) < command.money:
        reason = POOL_TOO_SMALL
    if reason == NO_REASON:
        pool_gains(s, command.account, -command.money)
        apply_updates(s, WITHDRAWAL_UPDATE, 1)
        add_money_outside(s, 0, -command.money)
        emit(s, WITHDRAWN, NO_REASON, command.account, -1, 0, 0, 0, command.money)
    clear_updates(s)
    return reason


@kernel
def _transfer_updates(s: State, command: CommandRow) -> int:
    """Write what a transfer would change as updates, unless it is refused; why it is."""
    target = command.other_account
    reason = transfer_rejection(s, command)
    if reason != NO_REASON:
        return reason
    if account_at(s, target).cash + command.money > MAX_MONEY:
        return VALUE_OUT_OF_RANGE
    clear_updates(s)
    add_update(s, 0, command.account, -1, 0, -command.money)
    add_update(s, 1, target, -1, 0, command.money)
    reason = updates_rejection(s, TRANSFER_UPDATE, 2)
    if reason == NO_REASON and own_pool_market(s, command.account) != own_pool_market(s, target):
        if _pool_balance(s, command.account) < command.money:
            reason = POOL_TOO_SMALL
    return reason


@kernel
def block_transfer_rejection(s: State, command: CommandRow) -> int:
    """Why a TRANSFER would be refused now; 0 where it would take effect."""
    reason = _transfer_updates(s, command)
    clear_updates(s)
    return reason


@kernel
def transfer_in_block(s: State, command: CommandRow) -> int:
    """TRANSFER between two user accounts, across pools where they differ."""
    reason = _transfer_updates(s, command)
    if reason == NO_REASON:
        pool_gains(s, command.account, -command.money)
        pool_gains(s, command.other_account, command.money)
        apply_updates(s, TRANSFER_UPDATE, 2)
        report_transfer(s, command)
    clear_updates(s)
    return reason


@kernel
def _adoption_rejection(s: State, command: CommandRow) -> int:
    reason = adoption_rejection(s, command)
    if reason != NO_REASON:
        return reason
    if command.mode != CROSS or command.trigger_price != 0:
        return COMMAND_NOT_OFFERED
    reason = adopted_amounts_rejection(command, MAX_BLOCK_RULES_SIZE)
    if reason != NO_REASON:
        return reason
    if market_at(s, command.market).oracle_price <= 0:
        return NO_REFERENCE_PRICE
    if not may_hold(s, command.account, command.market):
        return ISOLATED_MARKET_RULE
    return NO_REASON


@kernel
def adopt_in_block(s: State, command: CommandRow) -> int:
    """ADOPT_POSITION: rebuild a real account's position; the account outside takes the opposite."""
    reason = _adoption_rejection(s, command)
    if reason != NO_REASON:
        return reason
    sign = -1 if command.side == SELL else 1
    size, entry = sign * command.order_size, sign * command.money
    clear_updates(s)
    add_update(s, 0, command.account, command.market, size, -entry)
    add_update(s, 1, OUTSIDE_ACCOUNT, command.market, -size, entry)
    reason = pool_rejection(s, command.account, 0)
    if reason == NO_REASON:
        apply_updates(s, MATCH_UPDATE, 2)
        report_adoption(s, command, size)
    clear_updates(s)
    return reason
