"""Whether an account measures its cross margin for each group, or for each collateral."""

from seawall.domain.codes import (
    INVALID_FLAGS,
    MARGIN_GROUPING_SET,
    MODE_SWITCH_WITH_OPEN_ORDERS,
    MODE_SWITCH_WITH_POSITION,
    NO_REASON,
    SEPARATE,
    SHARED,
    VALUE_OUT_OF_RANGE,
)
from seawall.domain.units import MAX_MONEY
from seawall.engine.compile import kernel
from seawall.engine.formulas.shared.groups import cash_of, collateral_of, group_count
from seawall.engine.tables import CommandRow, State, account_at, market_at, position_at
from seawall.engine.transitions.shared.cash import add_cash
from seawall.engine.transitions.shared.outbox import emit
from seawall.engine.transitions.shared.positions import mark_dirty


@kernel
def _separation_rejection(s: State, account: int) -> int:
    """Why the groups of a collateral cannot part: cash says not which position it carries."""
    reason = NO_REASON
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        market = market_at(s, position.market)
        if market.group != market.collateral_group:
            if position.signed_size != 0:
                return MODE_SWITCH_WITH_POSITION
            if position.first_order >= 0:
                reason = MODE_SWITCH_WITH_OPEN_ORDERS
        index = position.next_of_account
    return reason


@kernel
def _sharing_rejection(s: State, account: int) -> int:
    """Why the groups of a collateral cannot be joined: together they hold too much."""
    for collateral in range(group_count(s)):
        total = 0
        for group in range(group_count(s)):
            if collateral_of(s, group) == collateral:
                cash = max(0, cash_of(s, account, group))
                if cash > MAX_MONEY - total:
                    return VALUE_OUT_OF_RANGE
                total += cash
    return NO_REASON


@kernel
def set_margin_grouping(s: State, command: CommandRow) -> int:
    """SET_MARGIN_GROUPING; setting what is set changes nothing and is reported."""
    account, grouping = command.account, command.mode
    if grouping != SEPARATE and grouping != SHARED:
        return INVALID_FLAGS
    if account_at(s, account).grouping != grouping:
        if grouping == SEPARATE:
            reason = _separation_rejection(s, account)
        else:
            reason = _sharing_rejection(s, account)
        if reason != NO_REASON:
            return reason
        account_at(s, account).grouping = grouping
        for group in range(group_count(s)):
            target = collateral_of(s, group)
            if grouping == SHARED and target != group:
                cash = cash_of(s, account, group)
                add_cash(s, account, group, -cash)
                add_cash(s, account, target, cash)
        mark_dirty(s, account)
    event = emit(s, MARGIN_GROUPING_SET, NO_REASON, account, -1, 0, 0, 0, 0)
    event.flags = grouping
    return NO_REASON
