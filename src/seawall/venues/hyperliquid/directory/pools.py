"""Which margin group of an account a market or a dex is, and the cash of one."""

from typing import Any

from seawall.domain.enums import MarginGrouping
from seawall.domain.events import group_of_pool, pool_of_group
from seawall.engine.account_view import account_pools, pool_cash
from seawall.venues.hyperliquid.instruments import assets_of


def shares_margin(engine: Any, account: int) -> bool:
    """Whether all dexes of the account are one cross margin."""
    return bool(engine.tables["accounts"]["grouping"][account] == MarginGrouping.SHARED)


def group_of(engine: Any, account: int, market: int) -> int:
    """The margin group in which an account holds a market."""
    return group_of_pool(account_pools(engine, account)[market])


def dex_group(engine: Any, dex: str) -> int:
    """The margin group of a dex's markets, for an account that does not share its margin."""
    markets = assets_of(engine.instruments).markets[dex]
    return int(engine.tables["markets"]["group"][markets[0]]) if markets else 0


def dex_of_group(engine: Any, group: int) -> str:
    """The dex whose markets are a margin group."""
    dexes = assets_of(engine.instruments).dexes
    return next((dex for dex in dexes if dex_group(engine, dex) == group), "")


def cash_of(engine: Any, account: int, group: int) -> int:
    """Micro-USD of cross cash of an account in a margin group."""
    return pool_cash(engine, account, pool_of_group(group))


def is_busy_outside(engine: Any, account: int) -> bool:
    """Whether the account has a position or an order outside the first group of its collateral."""
    tables = engine.tables
    row = int(tables["accounts"]["first_position"][account])
    while row >= 0:
        held = tables["positions"][row]
        market = tables["markets"][int(held["market"])]
        is_first = market["group"] == market["collateral_group"]
        if not is_first and (held["signed_size"] != 0 or held["first_order"] >= 0):
            return True
        row = int(held["next_of_account"])
    return False
