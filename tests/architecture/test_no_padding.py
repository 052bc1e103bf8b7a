"""The state hash is a hash of bytes, so every byte of a row must be a field."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from seawall.engine import tables

DTYPES = {
    **{name: value for name, value in vars(tables).items() if isinstance(value, np.dtype)},
    **{f"DTYPES[{name!r}]": value for name, value in tables.DTYPES.items()},
}


def layout_faults(dtype: np.dtype[Any]) -> Iterator[str]:
    assert dtype.fields is not None
    end = 0
    for name, (field, offset, *_) in sorted(dtype.fields.items(), key=lambda item: item[1][1]):
        if offset != end:
            yield f"{offset - end} bytes of padding before {name}"
        if offset % field.base.alignment or dtype.itemsize % field.base.alignment:
            yield f"{name} is not aligned to its {field.base.alignment} bytes"
        if field.base.fields is not None:
            yield from layout_faults(field.base)
        if field.base.kind == "f" or field.base.hasobject:
            yield f"{name} is not an integer"
        end = offset + field.itemsize
    if end != dtype.itemsize:
        yield f"{dtype.itemsize - end} bytes of padding at the end"


@pytest.mark.parametrize("name", DTYPES)
def test_rows_have_no_padding(name: str) -> None:
    assert list(layout_faults(DTYPES[name])) == []


def test_the_known_tables_are_looked_at() -> None:
    assert {"control_dtype", "command_dtype", "event_dtype", "order_dtype"} <= set(DTYPES)
    assert set(tables.DTYPES) == set(tables.TABLE_NAMES)


@pytest.mark.parametrize(
    "dtype",
    [
        np.dtype([("a", "<i4"), ("b", "<i8")], align=True),
        np.dtype([("a", "<i8"), ("b", "<i4")], align=True),
        np.dtype([("a", "<i4"), ("b", "<i8")]),
        np.dtype([("a", "<i8"), ("b", "<i4")]),
        np.dtype([("a", [("b", "<i4"), ("c", "<i8")], (2,))], align=True),
        np.dtype([("a", "<f8")]),
        np.dtype({"names": ["a"], "formats": ["<i8"], "itemsize": 16}),
    ],
    ids=str,
)
def test_a_fault_is_found(dtype: np.dtype[Any]) -> None:
    assert len(list(layout_faults(dtype))) >= 1
