"""The deleveraging queue of a market, by the machine's own ranks. Nothing is written."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seawall.engine.compile import entry
from seawall.engine.formulas.continuous.deleveraging import rank_of
from seawall.engine.rows import handle_of, make_batch_accessor
from seawall.engine.tables import Batch, State, control, position_at

if TYPE_CHECKING:
    from seawall.engine.engine import Engine

queue_dtype = np.dtype([(name, "<i8") for name in "account signed_size score".split()])
_found_at = make_batch_accessor(queue_dtype)


class Queued(NamedTuple):
    """An open position. ``score``: profit factor x leverage, 1e-9; -1 without equity."""

    account: int
    signed_size: int
    score: int


@entry(4)
def read_queue(s: State, market: int, found: Batch, capacity: int) -> int:
    """Write a row for each open position of a market. Returns how many there are.

    Rows beyond ``capacity`` are counted and not written.
    """
    used = 0
    for index in range(control(s).positions_used):
        position = position_at(s, index)
        if position.market == market and position.signed_size != 0:
            if used < capacity:
                row = _found_at(found, used)
                row.account = position.account
                row.signed_size = position.signed_size
                row.score = rank_of(s, index)
            used += 1
    return used


def deleveraging_queue(engine: "Engine", market: int) -> list[Queued]:
    """The open positions of a market, those first that would be deleveraged first.

    Longs and shorts together: a deleveraging takes from one side only.
    """
    capacity = 64
    while True:
        rows = np.zeros(capacity, queue_dtype)
        handle = handle_of(rows)
        used = int(read_queue(engine.state, market, handle, capacity))
        if used <= capacity:
            found = [Queued(*map(int, row)) for row in rows[:used].tolist()]
            return sorted(found, key=lambda each: (-each.score, each.account))
        capacity = used
