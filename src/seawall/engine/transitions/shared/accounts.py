"""New accounts, and the checks of money that both families of rules make."""

from seawall.domain.codes import (
    ACCOUNT_CREATED,
    ACCOUNT_TABLE_FULL,
    NO_REASON,
    UNKNOWN_ACCOUNT,
)
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.compile import kernel
from seawall.engine.tables import (
    account_at,
    account_history_at,
    control,
    fee_tier_at,
)
from seawall.engine.transitions.shared.outbox import emit


@kernel
def create_account(s, command):
    """Take the next free account row; a parent must be a user account without a parent."""
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
def open_account(s, account, parent, is_system):
    """Fill a fresh account row."""
    owner = account_at(s, account)
    owner.first_position = -1
    owner.next_dirty = -1
    owner.parent = parent
    owner.is_system = is_system
    tier = fee_tier_at(s, 0)
    owner.taker_rate = tier.taker_rate
    owner.maker_rate = tier.maker_rate
    account_history_at(s, account).next_scheduled = -1
