"""The only writers of cross cash under continuous rules, and of the count of money outside."""

from seawall.engine.compile import inline
from seawall.engine.formulas.shared.groups import collateral_of, group_cash_row, group_of
from seawall.engine.tables import State, account_at, group_cash_at, margin_group_at


@inline
def add_cash(s: State, account: int, group: int, amount: int) -> None:
    """Add to an account's cross cash in a group; a negative amount takes away."""
    if group == 0:
        account_at(s, account).cash += amount
    else:
        group_cash_at(s, group_cash_row(s, account, group)).cash += amount


@inline
def add_cash_in(s: State, account: int, market: int, amount: int) -> None:
    """Add to the cross cash that an account has for a market."""
    add_cash(s, account, group_of(s, account, market), amount)


@inline
def add_money_outside(s: State, group: int, amount: int) -> None:
    """Count what came in from outside in a group's collateral; negative: what left."""
    margin_group_at(s, collateral_of(s, group)).money_outside += amount
