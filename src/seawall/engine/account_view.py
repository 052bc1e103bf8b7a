"""The margins of one account, read by the machine's own formulas. Nothing is written."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.domain.enums import MarginGrouping, MarginMode
from seawall.domain.events import group_of_pool, pool_of_group
from seawall.domain.rulebook import BlockRulebook
from seawall.engine.compile import entry
from seawall.engine.formulas.continuous.margin import (
    cross_risk,
    isolated_risk,
    withdrawable,
)
from seawall.engine.formulas.shared.groups import group_count, is_own_group, pool_index
from seawall.engine.margin_rows import margins_at, margins_dtype
from seawall.engine.rows import handle_of
from seawall.engine.tables import Batch, State, account_at, position_at

if TYPE_CHECKING:
    from seawall.engine.engine import Engine

ISOLATED = int(MarginMode.ISOLATED)


class Margins(NamedTuple):
    """Of one position, or of a group's whole cross pool (market ``pool_of_group``). Micro-USD.

    ``equity``: of the bucket; 0 for a cross position, which owns none. ``free``: what the pool
    may pay out; 0 for a position.
    """

    market: int
    equity: int
    initial_margin: int
    maintenance_margin: int
    transfer_floor: int
    free: int


@entry(4)
def read_margins(s: State, account: int, found: Batch, capacity: int) -> int:
    """Write a row for each pool, then for each open position. Returns how many rows it takes.

    Rows beyond ``capacity`` are counted and not written.
    """
    used = 0
    for group in range(group_count(s)):
        if is_own_group(s, account, group):
            if used < capacity:
                row = margins_at(found, used)
                equity, initial, maintenance, floor = cross_risk(s, account, group)
                row.market = pool_index(group)
                row.equity = equity
                row.initial_margin = initial
                row.maintenance_margin = maintenance
                row.transfer_floor = floor
                row.free = withdrawable(s, account, group)
            used += 1
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if position.signed_size != 0:
            if used < capacity:
                row = margins_at(found, used)
                equity, initial, maintenance, floor = isolated_risk(s, index)
                row.market = position.market
                row.equity = equity if position.mode == ISOLATED else 0
                row.initial_margin = initial
                row.maintenance_margin = maintenance
                row.transfer_floor = floor
                row.free = 0
            used += 1
        index = position.next_of_account
    return used


def groups_held(tables: Mapping[str, Any], accounts: Any, markets: Any) -> NDArray[np.int64]:
    """The margin groups in which accounts hold markets, by their numbers, element by element."""
    is_shared = tables["accounts"]["grouping"][accounts] == int(MarginGrouping.SHARED)
    rows = tables["markets"]
    found: NDArray[np.int64] = np.where(
        is_shared, rows["collateral_group"][markets], rows["group"][markets]
    ).astype(np.int64)
    return found


def account_pools(engine: "Engine", account: int) -> list[int]:
    """The cross pool of an account that each market draws on."""
    return list(map(pool_of_group, groups_held(engine.tables, account, slice(None)).tolist()))


def cash_by_group(tables: Mapping[str, Any], accounts: Any) -> NDArray[np.int64]:
    """(n, g) cross raw balances of n accounts, or of a slice of all, in each margin group.

    Micro-USD. Of an account that shares margin, only those of its collaterals' first groups.
    """
    others = tables["group_cash"]["cash"].reshape(len(tables["accounts"]), -1)
    return np.column_stack([tables["accounts"]["cash"][accounts], others[accounts]])


def pool_cash(engine: "Engine", account: int, pool: int) -> int:
    """The cross raw balance of an account in one of its cross pools, micro-USD."""
    return int(cash_by_group(engine.tables, [account])[0, group_of_pool(pool)])


def account_cash(engine: "Engine", account: int) -> int:
    """The cross raw balances of an account in all its pools, micro-USD."""
    return int(cash_by_group(engine.tables, [account]).sum())


def account_margins(engine: "Engine", account: int) -> dict[int, Margins]:
    """The pools, that of group 0 (``CROSS_POOL``) first, and the open positions, by market."""
    capacity = 16
    read = read_margins
    if isinstance(engine.rulebook, BlockRulebook):
        from seawall.engine.block_view import read_block_margins as read
    while True:
        rows = np.zeros(capacity, margins_dtype)
        handle = handle_of(rows)
        used = int(read(engine.state, account, handle, capacity))
        if used <= capacity:
            return {int(row["market"]): Margins(*map(int, row)) for row in rows[:used]}
        capacity = used
