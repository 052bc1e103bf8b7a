"""Rows of the state, reached from one base address.

The whole state is one contiguous buffer: the control row first, then the tables, each at an
offset that the control row holds. A compiled kernel receives the buffer's address as ``s`` and
asks ``order_at(s, i)`` for a row; the answer is a pointer, so nothing is counted and capacities
are data. Interpreted, ``s`` is a ``PlainState`` and a row is a small proxy over NumPy columns.
Both check bounds.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.engine.compile import INTERPRETED

MOST_ROWS = 1 << 31
"""Of a table, so that an index fits into a field of four bytes; one more would be too many."""
MOST_BYTES = 1 << 47
"""Of a state: as much as a process can address."""
Columns = tuple[NDArray[Any], ...]


def make_proxy(dtype: np.dtype[Any]) -> type:
    """A class whose instances are one row: attributes read and write the columns."""

    def accessor(position: int) -> property:
        def read(self: Any) -> Any:
            return self.columns[position][self.index]

        def write(self: Any, value: Any) -> None:
            self.columns[position][self.index] = value

        return property(read, write)

    assert dtype.names is not None
    body: dict[str, Any] = {name: accessor(position) for position, name in enumerate(dtype.names)}
    body["__slots__"] = ("columns", "index")

    def start(self: Any, columns: Columns, index: int) -> None:
        self.columns = columns
        self.index = index

    body["__init__"] = start
    return type("Row", (), body)


def columns_of(table: NDArray[Any]) -> Columns:
    assert table.dtype.names is not None
    return tuple(table[name] for name in table.dtype.names)


class PlainState:
    """What ``s`` is when kernels run as Python: every table's columns, by table name."""

    def __init__(self, tables: dict[str, NDArray[Any]]) -> None:
        self.columns = {name: columns_of(table) for name, table in tables.items()}
        self.capacity = {name: len(table) for name, table in tables.items()}
        self.watches: Any = 0


class PlainRows:
    """A free-standing table (commands, events) for interpreted kernels."""

    def __init__(self, table: NDArray[Any]) -> None:
        self.columns = columns_of(table)
        self.capacity = len(table)


def handle_of(rows: NDArray[Any]) -> Any:
    """What a kernel takes for rows outside the state: their address, or interpreted an object."""
    return PlainRows(rows) if INTERPRETED else int(rows.ctypes.data)


def make_row_accessors(name: str, dtype: np.dtype[Any], control: np.dtype[Any]) -> tuple[Any, Any]:
    """``(row_at, prefetch_row)`` of the table ``name`` that lives in the state buffer."""
    if INTERPRETED:
        proxy = make_proxy(dtype)

        def row_at(s: PlainState, index: Any) -> Any:
            position = int(index)
            if not 0 <= position < s.capacity[name]:
                raise IndexError(f"{name}[{position}]")
            return proxy(s.columns[name], position)

        def prefetch_row(s: PlainState, index: Any) -> None:
            return None

        return row_at, prefetch_row
    from seawall.engine import compiled_rows

    return compiled_rows.table_accessors(name, dtype, control)


def make_control_accessor(dtype: np.dtype[Any]) -> Any:
    """The accessor of the one control row."""
    if INTERPRETED:
        proxy = make_proxy(dtype)

        def control(s: PlainState) -> Any:
            return proxy(s.columns["control"], 0)

        return control
    from seawall.engine import compiled_rows

    return compiled_rows.control_accessor(dtype)


def make_batch_accessor(dtype: np.dtype[Any]) -> Any:
    """The accessor of a row in a batch outside the state; the caller keeps to its length."""
    if INTERPRETED:
        proxy = make_proxy(dtype)

        def batch_at(batch: PlainRows, index: Any) -> Any:
            position = int(index)
            if not 0 <= position < batch.capacity:
                raise IndexError(f"batch[{position}]")
            return proxy(batch.columns, position)

        return batch_at
    from seawall.engine import compiled_rows

    return compiled_rows.batch_accessor(dtype)
