"""Leverages of real accounts from a file, for a population drawn from them.

A parquet or CSV file with one row an account and a column ``leverage`` or ``leverage_realtime``
(notional over equity). Values outside 1 to 100 are left out: below 1 no account is liquidated by a
crash that matters, and above 100 equity was about to be nothing when it was read.
"""

from pathlib import Path

import numpy as np

from seawall.domain.errors import InputError
from seawall.lab.market.table_file import Table

COLUMNS = ("leverage", "leverage_realtime")
LEAST, MOST = 1.0, 100.0
FEWEST = 10


class PopulationError(InputError):
    """A file that holds no leverages; the message says what it should hold."""


def read_leverages(file: Path) -> tuple[float, ...]:
    """Raises PopulationError."""
    table = Table.read(file, PopulationError, COLUMNS)
    numbers = table.numbers(table.first_of(*COLUMNS), empty_allowed=True)
    usable = numbers[np.isfinite(numbers) & (numbers >= LEAST) & (numbers <= MOST)]
    if len(usable) < FEWEST:
        raise table.fail(
            f"{len(usable)} leverages from {LEAST:g} to {MOST:g}; at least {FEWEST} are needed"
        )
    return tuple(np.sort(usable).tolist())
