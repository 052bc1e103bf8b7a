"""Margin groups: which markets of an account share one cross margin, and the cash of each.

A market belongs to one group; a group has one collateral. An account of SEPARATE groups measures
its cross margin for each group. One of SHARED collateral measures it for all groups of a
collateral together: they are then one group, with the number of the first of them.
"""

from seawall.domain.codes import SHARED
from seawall.engine.compile import inline
from seawall.engine.tables import (
    State,
    account_at,
    control,
    group_cash_at,
    margin_group_at,
    market_at,
)


@inline
def group_count(s: State) -> int:
    """How many margin groups the markets have."""
    return control(s).margin_groups_capacity


@inline
def group_of(s: State, account: int, market: int) -> int:
    """The group in which an account measures the margin of a market."""
    # Nearly always; it saves two rows.
    if group_count(s) == 1:
        return 0
    row = market_at(s, market)
    return row.collateral_group if account_at(s, account).grouping == SHARED else row.group


@inline
def collateral_of(s: State, group: int) -> int:
    """The first group with the same collateral."""
    return margin_group_at(s, group).collateral_group


@inline
def money_outside_of(s: State, group: int) -> int:
    """Deposits less withdrawals of a group's collateral."""
    return margin_group_at(s, collateral_of(s, group)).money_outside


@inline
def is_own_group(s: State, account: int, group: int) -> bool:
    """Whether an account measures margin for a group of this number."""
    if group < 0 or group >= group_count(s):
        return False
    return account_at(s, account).grouping != SHARED or collateral_of(s, group) == group


@inline
def pool_index(group: int) -> int:
    """What stands for a group's cross pool where a bucket is named by a position row: below 0."""
    return -1 - group


@inline
def group_of_index(index: int) -> int:
    """The group whose cross pool an index below 0 stands for."""
    return -1 - index


@inline
def group_cash_row(s: State, account: int, group: int) -> int:
    """The row that holds the cash of a group from 1 on."""
    return account * (group_count(s) - 1) + group - 1


@inline
def cash_of(s: State, account: int, group: int) -> int:
    """The cross raw balance of an account in a group."""
    if group == 0:
        return account_at(s, account).cash
    return group_cash_at(s, group_cash_row(s, account, group)).cash
