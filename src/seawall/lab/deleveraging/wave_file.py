"""Waves from a file: JSON for people, parquet for programs; docs/commands/deleveraging.md has both.

Parquet has one row a winner; what is said of the wave is the same in each row of a wave.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from seawall.lab.arrays import Floats
from seawall.lab.deleveraging.wave import DeleveragingWave, WaveError, Winners, checked_wave

_PARQUET = b"PAR1"
_LARGEST = 2**28
_OF_WAVE = {
    "closes": "closes", "close_size": "size", "mark_price": "mark_price",
    "close_price": "close_price", "later_price": "later_price", "step": "step",
    "needed_usd": "needed_usd", "deficit_usd": "deficit_usd",
    "largest_deficit_usd": "largest_deficit_usd",
}  # fmt: skip
"""Columns of parquet that say something of a wave, and its field in JSON."""
_OF_WINNER = {"size": "size", "entry_price": "entry_price", "equity": "equity", "winner": "name"}
_NUMBERS = tuple(each for each in _OF_WAVE.values() if each != "closes")
_NEEDED = (
    "size", "entry_price", "equity", "closes", "close_size", "mark_price", "close_price",
)  # fmt: skip

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
    try:
        found = _rows(path) if raw.startswith(_PARQUET) else msgspec.json.decode(raw)
        rows = msgspec.convert(found, _WaveRows).waves
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WaveError(
            f"{path}: {error}; see docs/commands/deleveraging.md for the format"
        ) from None
    if not rows:
        raise WaveError(f"{path}: waves: there are none; give at least one")
    try:
        return [checked_wave(_wave(row, number)) for number, row in enumerate(rows, start=1)]
    except WaveError as error:
        raise WaveError(f"{path}: {error}") from None


def _wave(row: _WaveRow, number: int) -> DeleveragingWave:
    def numbers(field: str) -> Floats:
        return np.array([float(getattr(each, field)) for each in row.winners])

    known: dict[str, Any] = {
        each: float(value) for each in _NUMBERS if (value := getattr(row, each)) is not None
    }
    names = [each.name for each in row.winners]
    return DeleveragingWave(
        name=row.name or str(number),
        winners=Winners(
            size=numbers("size"),
            entry_price=numbers("entry_price"),
            equity=numbers("equity"),
            names=names if any(names) else (),
        ),
        closes_longs=row.closes == "long",
        **known,
    )


def _rows(path: Path) -> dict[str, Any]:
    """What a parquet file says, as in JSON."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise WaveError(f"{path}: no readable parquet: {error}") from None
    for column in _NEEDED:
        if column not in table.column_names:
            raise WaveError(f"{path}: column {column} is missing")
    waves: dict[str, dict[str, Any]] = {}
    for row in table.to_pylist():
        name = str(row.get("wave", "1"))
        found = {key: row.get(column) for column, key in _OF_WAVE.items()}
        stated = {key: value for key, value in found.items() if value is not None}
        wave = waves.setdefault(name, {"name": name, "winners": [], **stated})
        for key, value in stated.items():
            if wave.get(key) != value:
                raise WaveError(f"{path}: wave {name}: {key}: differs between rows of one wave")
        winner = {key: row[column] for column, key in _OF_WINNER.items() if column in row}
        wave["winners"].append(winner)
    return {"waves": list(waves.values())}
