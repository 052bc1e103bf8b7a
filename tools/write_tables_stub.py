"""Writes ``src/seawall/engine/tables.pyi``: what the rows of every table hold.

Run it after changing ``engine/tables.py``; a test fails when it was forgotten.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seawall.engine import tables

TARGET = Path(__file__).resolve().parents[1] / "src" / "seawall" / "engine" / "tables.pyi"
HEAD = '''# Written by tools/write_tables_stub.py.
from typing import Any, NewType

import numpy as np

State = NewType("State", int)
"""The address of a state; interpreted, an object that stands for it."""
Batch = NewType("Batch", int)
"""The address of rows outside the state: commands, events, what a view has found."""
'''


def constants() -> Iterator[str]:
    """The names of the page that are data."""
    for name, value in vars(tables).items():
        if isinstance(value, np.dtype):
            yield f"{name}: np.dtype[Any]"
        elif isinstance(value, int) and name.isupper():
            yield f"{name}: int"
    yield "TABLE_NAMES: tuple[str, ...]"
    yield "BLOCK_TABLES: tuple[str, ...]"
    yield "DTYPES: dict[str, np.dtype[Any]]"


def row_classes() -> Iterator[str]:
    """A class for each kind of row; a field of several integers is a list."""
    for name, dtype in vars(tables).items():
        if isinstance(dtype, np.dtype):
            assert dtype.fields is not None
            yield f"\nclass {tables.row_type(name)}:"
            for field, (kind, *_) in dtype.fields.items():
                yield f"    {field}: {'list[int]' if kind.shape else 'int'}"


def accessors() -> Iterator[str]:
    """A function for each accessor."""
    names = {id(value): name for name, value in vars(tables).items() if isinstance(value, np.dtype)}
    yield "\ndef row_type(dtype_name: str) -> str: ..."
    for name in ("control", "rules", "block_rules"):
        yield f"def {name}(s: State, /) -> {tables.row_type(name)}: ..."
    yield "def command_at(batch: Batch, index: int, /) -> CommandRow: ..."
    for table, dtype in tables.DTYPES.items():
        one = table.removesuffix("ies") + "y" if table.endswith("ies") else table.removesuffix("s")
        if hasattr(tables, f"{one}_at"):
            row = tables.row_type(names[id(dtype)])
            yield f"def {one}_at(s: State, index: int, /) -> {row}: ..."
        if hasattr(tables, f"prefetch_{one}"):
            yield f"def prefetch_{one}(s: State, index: int, /) -> None: ..."


def stub() -> str:
    """The text of the stub file."""
    return "\n".join([HEAD, *constants(), *row_classes(), *accessors(), ""])


if __name__ == "__main__":
    TARGET.write_text(stub())
    print(f"wrote {TARGET.name}")
