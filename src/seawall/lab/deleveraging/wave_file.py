"""Waves from a file: JSON for people, parquet for programs.

JSON, with prices and sizes as numbers or as decimal text::

    {"waves": [{
        "name": "BTC 21:16", "closes": "long", "size": 300, "step": 0.00001,
        "mark_price": 108000, "close_price": 109400, "later_price": 104000,
        "winners": [{"name": "a", "size": 20, "entry_price": 117000, "equity": 400000}]
    }]}

``closes``: the side of the bankrupt position; winners hold the other. Optional: ``later_price``,
``step``, ``needed_usd``, ``deficit_usd``, ``largest_deficit_usd``, ``name`` of a winner.

Parquet: one row a winner with the columns ``size``, ``entry_price``, ``equity`` and, if there are
names, ``winner``; what is said of the wave in the columns ``wave`` (its name), ``closes``,
``close_size`` and the others by their names, the same in each row of a wave.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from seawall.lab.deleveraging.wave import DeleveragingWave, WaveError, Winners, checked_wave

_PARQUET = b"PAR1"
_LARGEST = 2**28
_WAVE_NUMBERS = (
    "mark_price", "close_price", "later_price", "step", "needed_usd", "deficit_usd",
    "largest_deficit_usd",
)  # fmt: skip
_NEEDED_COLUMNS = ("size", "entry_price", "equity", "closes", "close_size", "mark_price",
                   "close_price")  # fmt: skip

Number = float | Annotated[str, Meta(max_length=40, pattern=r"^-?\d+(\.\d+)?$")]


class _WinnerRow(Struct, forbid_unknown_fields=True):
    size: Number
    entry_price: Number
    equity: Number
    name: str = ""


class _WaveRow(Struct, forbid_unknown_fields=True):
    closes: Literal["long", "short"]
    size: Number
    mark_price: Number
    close_price: Number
    winners: list[_WinnerRow]
    name: str = ""
    later_price: Number | None = None
    step: Number = 0.0
    needed_usd: Number | None = None
    deficit_usd: Number | None = None
    largest_deficit_usd: Number | None = None


class _WaveRows(Struct, forbid_unknown_fields=True):
    waves: list[_WaveRow]


def read_waves(path: Path) -> list[DeleveragingWave]:
    """The waves of a file, in its order, checked. Raises WaveError."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise WaveError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(raw) > _LARGEST:
        raise WaveError(f"{path}: more than {_LARGEST:,} bytes; give fewer waves")
    waves = _of_parquet(path) if raw.startswith(_PARQUET) else _of_json(path, raw)
    if not waves:
        raise WaveError(f"{path}: waves: there are none; give at least one")
    try:
        return [checked_wave(wave) for wave in waves]
    except WaveError as error:
        raise WaveError(f"{path}: {error}") from None


def _of_json(path: Path, raw: bytes) -> list[DeleveragingWave]:
    try:
        rows = msgspec.json.decode(raw, type=_WaveRows).waves
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WaveError(
            f"{path}: {error}; see docs/commands/deleveraging.md for the format"
        ) from None
    return [_of_row(row, row.name or str(number)) for number, row in enumerate(rows, start=1)]


def _of_row(row: _WaveRow, name: str) -> DeleveragingWave:
    found = {each: getattr(row, each) for each in _WAVE_NUMBERS}
    numbers: dict[str, Any] = {
        each: None if value is None else float(value) for each, value in found.items()
    }
    names = [winner.name for winner in row.winners]
    return DeleveragingWave(
        name=name,
        winners=Winners(
            size=np.array([float(each.size) for each in row.winners]),
            entry_price=np.array([float(each.entry_price) for each in row.winners]),
            equity=np.array([float(each.equity) for each in row.winners]),
            names=names if any(names) else (),
        ),
        closes_longs=row.closes == "long",
        size=float(row.size),
        **numbers,
    )


def _of_parquet(path: Path) -> list[DeleveragingWave]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.read_table(path).to_pydict()
    except (OSError, pa.ArrowException) as error:
        raise WaveError(f"{path}: no readable parquet: {error}") from None
    missing = [name for name in _NEEDED_COLUMNS if name not in found]
    if missing:
        raise WaveError(f"{path}: column {missing[0]} is missing")
    count = len(found["size"])
    labels = [str(each) for each in found.get("wave", ["1"] * count)]
    waves = []
    for label in dict.fromkeys(labels):
        places = [place for place, each in enumerate(labels) if each == label]
        waves.append(_of_columns(path, label, found, places))
    return waves


def _of_columns(
    path: Path, name: str, found: Mapping[str, Sequence[Any]], places: Sequence[int]
) -> DeleveragingWave:
    def column(field: str) -> np.ndarray:
        try:
            return np.array([float(found[field][place]) for place in places])
        except (TypeError, ValueError):
            raise WaveError(f"{path}: wave {name}: {field}: not all are numbers") from None

    def common(field: str) -> Any:
        values = {found[field][place] for place in places}
        if len(values) != 1:
            raise WaveError(f"{path}: wave {name}: {field}: differs between rows of one wave")
        return values.pop()

    closes = common("closes")
    if closes not in ("long", "short"):
        raise WaveError(f"{path}: wave {name}: closes: {closes!r} is neither long nor short")
    given = {each: common(each) for each in _WAVE_NUMBERS if each in found}
    winners = Winners(
        size=column("size"),
        entry_price=column("entry_price"),
        equity=column("equity"),
        names=[str(found["winner"][place]) for place in places] if "winner" in found else (),
    )
    numbers: dict[str, Any] = {"size": common("close_size")}
    numbers |= {each: value for each, value in given.items() if value is not None}
    try:
        numbers = {each: float(value) for each, value in numbers.items()}
    except (TypeError, ValueError) as error:
        raise WaveError(f"{path}: wave {name}: {error}") from None
    return DeleveragingWave(name=name, winners=winners, closes_longs=closes == "long", **numbers)
