"""Leverages of real accounts from a file, for a population drawn from them.

A parquet or CSV file with one row an account and a column ``leverage`` or ``leverage_realtime``
(notional over equity). Values outside 1 to 100 are left out: below 1 no account is liquidated by a
crash that matters, and above 100 equity was about to be nothing when it was read.
"""

import csv
from pathlib import Path

import numpy as np

from seawall.domain.errors import InputError

COLUMNS = ("leverage", "leverage_realtime")
LEAST, MOST = 1.0, 100.0
FEWEST = 10


class PopulationError(InputError):
    """A file that holds no leverages; the message says what it should hold."""


def read_leverages(file: Path) -> tuple[float, ...]:
    """Raises PopulationError."""
    try:
        values = _parquet(file) if file.suffix == ".parquet" else _csv(file)
    except OSError as error:
        raise PopulationError(f"{file}: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error):
        raise PopulationError(f"{file}: neither CSV nor parquet") from None
    numbers = np.asarray(values, dtype=np.float64)
    usable = numbers[np.isfinite(numbers) & (numbers >= LEAST) & (numbers <= MOST)]
    if len(usable) < FEWEST:
        raise PopulationError(
            f"{file}: {len(usable)} leverages from {LEAST:g} to {MOST:g}; at least {FEWEST} are "
            "needed"
        )
    return tuple(np.sort(usable).tolist())


def _parquet(file: Path) -> list[float]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise PopulationError(
            f"{file}: reading parquet needs pyarrow, which is not installed; a CSV file works"
        ) from None
    try:
        names = pq.read_schema(file).names
        column = _column(file, names)
        found = pq.read_table(file, columns=[column])[column].to_pylist()
    except pa.ArrowException as error:
        raise PopulationError(f"{file}: {str(error).splitlines()[0]}") from None
    return [_number(each) for each in found]


def _csv(file: Path) -> list[float]:
    with file.open(encoding="utf-8", newline="") as text:
        rows = csv.DictReader(text)
        column = _column(file, rows.fieldnames or ())
        return [_number(row[column]) for row in rows]


def _column(file: Path, names: object) -> str:
    known = [str(name) for name in names]  # type: ignore[attr-defined]
    for column in COLUMNS:
        if column in known:
            return column
    raise PopulationError(
        f"{file}: no column {' or '.join(COLUMNS)}; it has {', '.join(known[:12]) or 'none'}"
    )


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")
