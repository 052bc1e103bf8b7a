"""The same commands again: a replay from the beginning and a fork from the middle end alike."""

import numpy as np
from numpy.typing import NDArray

from seawall.engine.engine import Engine
from tests.simulation.books import Violation

BATCH = 100


class Echo:
    """Keeps what a machine was sent. ``empty``: a machine in the state of the beginning."""

    def __init__(self, empty: Engine) -> None:
        self.again = empty.fork()
        self.rows: list[NDArray[np.void]] = []
        self.middle: Engine | None = None
        self.forked_at = 0

    def note(self, engine: Engine, rows: NDArray[np.void], fork_at: int) -> None:
        """Called before a command is applied."""
        if len(self.rows) == fork_at:
            self.middle, self.forked_at = engine.fork(), fork_at
        self.rows.append(rows.copy())

    def check(self, engine: Engine) -> None:
        """Raises Violation where a replay in batches, or the fork, ends in other bytes."""
        wanted = engine.state_hash()
        for other, start in ((self.again, 0), (self.middle, self.forked_at)):
            if other is None:
                continue
            for first in range(start, len(self.rows), BATCH):
                other.apply_rows(np.concatenate(self.rows[first : first + BATCH]))
            if other.state_hash() != wanted:
                raise Violation(17, f"commands from {start} on again end in another state")
