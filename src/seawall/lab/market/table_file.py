"""Tables that a user gives, parquet or CSV: the one reader of their columns.

Names of columns are matched without regard to case. Everything wrong is an error of the class that
the caller names, and says file, column and row (from 1, without the header).
"""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from seawall.domain.errors import InputError
from seawall.lab.arrays import Floats, Integers

MAGIC = b"PAR1"
"""How parquet begins."""


class Table:
    """``columns``: arrays of numbers (timestamps in ms) or sequences of text, by name; None for a
    column that is not asked for.
    """

    def __init__(self, path: Path, error: type[InputError], columns: Mapping[str, Any]) -> None:
        self.path = path
        self.columns = columns
        self._error = error

    @classmethod
    def read(cls, path: Path, error: type[InputError], wanted: Collection[str]) -> Self:
        """The file's columns of these names, in lower case."""
        try:
            raw = b"" if path.suffix == ".parquet" else path.read_bytes()
        except OSError as wrong:
            raise error(f"{path}: cannot be read: {wrong.strerror or wrong}") from None
        if path.suffix == ".parquet" or raw.startswith(MAGIC):
            return cls.parquet(path, error, wanted)
        return cls.csv(path, error, raw)

    @classmethod
    def parquet(cls, path: Path, error: type[InputError], wanted: Collection[str]) -> Self:
        """The columns of a parquet file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            file = pq.ParquetFile(path)
            names = file.schema_arrow.names
            table = file.read([name for name in names if name.lower() in wanted])
        except (pa.ArrowException, OSError, ValueError) as wrong:
            reason = str(wrong).splitlines()[0]
            raise error(
                f"{path}: not a complete parquet file ({reason}); parquet and .csv files are read"
            ) from None
        columns: dict[str, Any] = dict.fromkeys(name.lower() for name in names)
        for name, column in zip(table.column_names, table.columns, strict=True):
            columns[name.lower()] = _values(column)
        return cls(path, error, columns)

    @classmethod
    def csv(cls, path: Path, error: type[InputError], raw: bytes) -> Self:
        """The columns of a CSV text."""
        try:
            rows = list(csv.reader(raw.decode("utf-8-sig").splitlines()))
        except (UnicodeDecodeError, csv.Error) as wrong:
            raise error(f"{path}: neither parquet nor a CSV text file ({wrong})") from None
        if not rows or not rows[0]:
            raise error(f"{path}: the file is empty")
        names = [name.strip().lower() for name in rows[0]]
        body = [row for row in rows[1:] if row]
        for number, row in enumerate(body, start=1):
            if len(row) != len(names):
                raise error(
                    f"{path}: row {number} has {len(row)} fields where the header has {len(names)}"
                )
        columns = {name: [row[at].strip() for row in body] for at, name in enumerate(names)}
        return cls(path, error, columns)

    def fail(self, words: str) -> InputError:
        """The error about this file."""
        return self._error(f"{self.path}: {words}")

    def wrong(self, name: str, row: int, words: str) -> InputError:
        """The error about one cell."""
        return self.fail(f"column {name}, row {row + 1}: {words}")

    def first_of(self, *names: str) -> str:
        """The first of these columns that there is; an error where there is none."""
        for name in names:
            if name in self.columns:
                return name
        found = ", ".join(self.columns)[:200]
        raise self.fail(f"no column {' or '.join(names)}; it has {found or 'none'}")

    def numbers(self, name: str, *, empty_allowed: bool = False) -> Floats:
        """A column as floats; an empty cell is NaN where it is allowed."""
        values = self.columns[name]
        if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
            numbers = values.astype(np.float64)
        else:
            numbers = np.full(len(values), np.nan)
            for row, value in enumerate(values):
                if value is None or value == "":
                    continue
                try:
                    numbers[row] = float(value)
                except (TypeError, ValueError):
                    text = str(value)[:40]
                    raise self.wrong(name, row, f"{text!r} is not a number") from None
        if not empty_allowed:
            self.check(name, np.isnan(numbers), lambda row: "no number (empty or NaN)")
        return numbers

    def integers(self, name: str) -> Integers:
        """A column of whole numbers."""
        values = self.columns[name]
        if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
            return values.astype(np.int64)
        numbers = self.numbers(name)
        self.check(name, numbers % 1 != 0, lambda row: f"{numbers[row]:g} is not a whole number")
        return numbers.astype(np.int64)

    def codes(self, name: str, allowed: Mapping[str, int]) -> Integers:
        """A column of words as their numbers."""
        values = np.asarray(self.columns[name], dtype=object)
        if isinstance(self.columns[name], list):
            values = np.asarray([str(each).lower() for each in values], dtype=object)
        found = np.full(len(values), -1, np.int64)
        for word, code in allowed.items():
            found[values == word] = code
        words = ", ".join(allowed)
        self.check(name, found < 0, lambda row: f"{values[row]!r} should be one of {words}")
        return found

    def check(self, name: str, is_wrong: Any, words: Any) -> None:
        """Raise the error about the first wrong row; ``words`` says of a row what is wrong."""
        rows = np.flatnonzero(is_wrong)
        if len(rows):
            raise self.wrong(name, int(rows[0]), words(int(rows[0])))


def _values(column: Any) -> Any:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("ms", tz=kind.tz), safe=False).cast(pa.int64())
        return column.to_numpy(zero_copy_only=False)
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_string(kind):
        return column.to_numpy()
    return column.to_pylist()
