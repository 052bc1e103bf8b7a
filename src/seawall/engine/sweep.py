"""The full sweep: every bucket of a range of accounts, examined without the watch ladders."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.codes import CROSS
from seawall.domain.rulebook import BlockRulebook
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.block_view import sweep_block_range
from seawall.engine.compile import entry, kernel
from seawall.engine.formulas.continuous.liquidation import (
    bucket_risk,
    is_liquidatable,
    severity,
)
from seawall.engine.formulas.shared.groups import cash_of, group_count, group_of, pool_index
from seawall.engine.rows import handle_of, make_batch_accessor
from seawall.engine.tables import (
    Batch,
    State,
    account_at,
    candidate_dtype,
    market_at,
    position_at,
    rules,
)

if TYPE_CHECKING:
    from seawall.engine.engine import Engine

_found_at = make_batch_accessor(candidate_dtype)
_ROWS = 16384
MOST_BUCKETS = 8192
"""One for each market that a machine may have, and as many pools."""


@kernel
def _check(s: State, found: Batch, used: int, account: int, index: int) -> int:
    """Write a bucket (``index`` < 0: a pool) if it is liquidatable; returns how many are."""
    equity, maintenance = bucket_risk(s, account, index)
    if not is_liquidatable(equity, maintenance):
        return used
    row = _found_at(found, used)
    row.severity = severity(equity, maintenance)
    row.account = account
    row.position = index
    return used + 1


@kernel
def _check_group(s: State, found: Batch, used: int, account: int, group: int) -> int:
    """Write the buckets of one margin group that are liquidatable; returns how many are."""
    shift = rules(s).maintenance_shift
    equity = cash_of(s, account, group)
    notional = 0
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if group_of(s, account, position.market) == group:
            value = position.signed_size * market_at(s, position.market).mark_price
            if position.mode == CROSS:
                equity += value
                notional += abs(value)
            elif position.isolated_cash + value <= abs(value) >> shift:
                used = _check(s, found, used, account, index)
        index = position.next_of_account
    # Most pools have more than maintenance could ever be; the others are examined exactly.
    if equity <= notional >> shift:
        used = _check(s, found, used, account, pool_index(group))
    return used


@entry(5)
def sweep_range(s: State, start: int, stop: int, found: Batch, capacity: int) -> int:
    """Write the liquidatable buckets of accounts [start, stop) into ``found``.

    Stops before an account whose buckets might not fit. Returns next account x 2^32 + written.
    """
    used = 0
    account = max(start, FIRST_USER)
    while account < stop:
        if used + MOST_BUCKETS > capacity:
            break
        for group in range(group_count(s)):
            used = _check_group(s, found, used, account, group)
        account += 1
    return (account << 32) | used


def sweep_all(engine: "Engine", start: int, stop: int) -> NDArray[Any]:
    """The liquidatable buckets of accounts [start, stop), worst first, rows of candidate_dtype."""
    parts = []
    capacity = _ROWS
    sweep = sweep_block_range if isinstance(engine.rulebook, BlockRulebook) else sweep_range
    while start < stop:
        found = np.zeros(capacity, candidate_dtype)
        handle = handle_of(found)
        result = sweep(engine.state, start, stop, handle, capacity)
        if result >> 32 == start:
            capacity *= 4
        start = result >> 32
        parts.append(found[: result & 0xFFFFFFFF])
    everything = np.concatenate(parts) if parts else np.zeros(0, candidate_dtype)
    return everything[np.argsort(everything, order=("severity", "account", "position"))]
