"""The full sweep: every bucket of a range of accounts, examined without the watch ladders."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.codes import CROSS
from seawall.engine.compile import INTERPRETED, entry
from seawall.engine.formulas.liquidation import bucket_risk, is_liquidatable, severity
from seawall.engine.rows import PlainRows, make_batch_accessor
from seawall.engine.tables import account_at, candidate_dtype, position_at

if TYPE_CHECKING:
    from seawall.engine.engine import Engine

_found_at = make_batch_accessor(candidate_dtype)
FIRST_USER = 5
_ROWS = 4096


@entry(5)
def sweep_range(s, start, stop, found, capacity):  # type: ignore[no-untyped-def]
    """Write the liquidatable buckets of accounts [start, stop) into ``found``.

    Stops before an account whose buckets might not fit. Returns next account x 2^32 + written.
    """
    used = 0
    account = max(start, FIRST_USER)
    while account < stop:
        has_cross = False
        count = 0
        index = account_at(s, account).first_position
        while index >= 0:
            count += 1
            index = position_at(s, index).next_of_account
        if used + count + 1 > capacity:
            break
        index = account_at(s, account).first_position
        while index >= 0:
            position = position_at(s, index)
            if position.signed_size != 0:
                if position.mode == CROSS:
                    has_cross = True
                else:
                    equity, maintenance = bucket_risk(s, account, index)
                    if is_liquidatable(equity, maintenance):
                        row = _found_at(found, used)
                        row.severity = severity(equity, maintenance)
                        row.account = account
                        row.position = index
                        used += 1
            index = position.next_of_account
        if has_cross:
            equity, maintenance = bucket_risk(s, account, -1)
            if is_liquidatable(equity, maintenance):
                row = _found_at(found, used)
                row.severity = severity(equity, maintenance)
                row.account = account
                row.position = -1
                used += 1
        account += 1
    return (account << 32) | used


def sweep_all(engine: "Engine", start: int, stop: int) -> NDArray[Any]:
    """The liquidatable buckets of accounts [start, stop), worst first, rows of candidate_dtype."""
    parts = []
    capacity = _ROWS
    while start < stop:
        found = np.zeros(capacity, candidate_dtype)
        handle: Any = PlainRows(found) if INTERPRETED else int(found.ctypes.data)
        result = sweep_range(engine.state, start, stop, handle, capacity)
        if result >> 32 == start:
            capacity *= 4
        start = result >> 32
        parts.append(found[: result & 0xFFFFFFFF])
    everything = np.concatenate(parts) if parts else np.zeros(0, candidate_dtype)
    return everything[np.argsort(everything, order=("severity", "account", "position"))]
