"""Candle and funding files: parquet or CSV in, checked columns out.

A file holds rows of one or more symbols. Column names are matched without regard to case:

* time: ``date``, ``timestamp``, ``time``, ``datetime`` or ``open_time``: the candle's open (of a
  funding row: the payment) as a timestamp, ISO text (UTC unless it says otherwise) or a number of
  s, ms, us or ns since 1970;
* ``symbol``, ``coin``, ``market`` or ``ticker``: optional;
* ``open high low close``: USD, and optionally ``mark_open mark_high mark_low mark_close``;
* ``funding_rate``: fraction of notional for that settlement; optional beside candles (empty
  where nothing is paid), or alone;
* ``volume``: coins traded in a candle; optional.

Other columns are ignored. Everything wrong is a PathError that names file, column and row.
"""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.errors import InputError

TIME_COLUMNS = ("date", "timestamp", "time", "datetime", "open_time")
SYMBOL_COLUMNS = ("symbol", "coin", "market", "ticker")
PRICE_COLUMNS = ("open", "high", "low", "close")
MARK_COLUMNS = tuple(f"mark_{name}" for name in PRICE_COLUMNS)
FUNDING_COLUMN = "funding_rate"
VOLUME_COLUMN = "volume"

MAXIMUM_PRICE = 1e9
"""USD. No listed contract comes near; larger numbers are broken files."""
MAXIMUM_FUNDING_RATE = 1.0
MINIMUM_TIME_MS = 946_684_800_000
MAXIMUM_TIME_MS = 2**46
"""From the year 2000 to what the machine's clock can hold."""

_EPOCH_UNITS = ((1e11, 1e-3), (1e14, 1.0), (1e17, 1e3))
"""Numbers below the first are s since 1970, then ms, then us; above, ns. Second: units per ms."""

Times = NDArray[np.int64]
Prices = NDArray[np.float64]


class PathError(InputError):
    """A market path that cannot be used; the message says where and what would be right."""


@dataclass(frozen=True)
class SymbolRows:
    """The rows of one symbol of one file, in the file's order, times strictly ascending.

    ``times_ms`` has n rows, ``prices`` and ``marks`` are n x 4 (open, high, low, close, USD) or
    None, ``funding`` n rates with NaN where the file has none, or None; ``volumes`` likewise.
    """

    source: str
    symbol: str | None
    times_ms: Times
    prices: Prices | None
    marks: Prices | None
    funding: Prices | None
    volumes: Prices | None = None


def time_text(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def read_candle_file(path: Path) -> list[SymbolRows]:
    """All symbols of the file in order of first appearance. Raises PathError."""
    if not path.is_file():
        raise PathError(f"{path}: no such file")
    columns = _parquet_columns(path) if path.suffix != ".csv" else _csv_columns(path)
    time_name = _one_of(columns, TIME_COLUMNS)
    symbol_name = _one_of(columns, SYMBOL_COLUMNS)
    _check_layout(path, columns, time_name)
    assert time_name is not None
    times = _times(path, time_name, columns[time_name])
    if not len(times):
        raise PathError(f"{path}: no rows")
    prices = _price_block(path, columns, PRICE_COLUMNS)
    marks = _price_block(path, columns, MARK_COLUMNS)
    funding = None
    if FUNDING_COLUMN in columns:
        funding = _funding(path, columns[FUNDING_COLUMN], required=prices is None)
    volumes = None
    if VOLUME_COLUMN in columns:
        volumes = _numbers(path, VOLUME_COLUMN, columns[VOLUME_COLUMN], empty_allowed=True)
    if symbol_name is None:
        groups: list[tuple[str | None, Any]] = [(None, slice(None))]
    else:
        symbols = np.asarray([str(symbol) for symbol in columns[symbol_name]], dtype=object)
        order = list(dict.fromkeys(symbols.tolist()))
        groups = [(symbol, np.flatnonzero(symbols == symbol)) for symbol in order]
    result = []
    for symbol, rows in groups:
        _check_order(path, symbol, times[rows])
        result.append(
            SymbolRows(
                source=path.name,
                symbol=symbol,
                times_ms=times[rows],
                prices=None if prices is None else prices[rows],
                marks=None if marks is None else marks[rows],
                funding=None if funding is None else funding[rows],
                volumes=None if volumes is None else volumes[rows],
            )
        )
    return result


def _one_of(columns: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in columns), None)


def _check_layout(path: Path, columns: dict[str, Any], time_name: str | None) -> None:
    found = ", ".join(columns) or "none"
    if time_name is None:
        raise PathError(
            f"{path}: no time column (one of {', '.join(TIME_COLUMNS)}); found columns: {found}"
        )
    for names in (PRICE_COLUMNS, MARK_COLUMNS):
        missing = [name for name in names if name not in columns]
        optional = names is MARK_COLUMNS or FUNDING_COLUMN in columns
        if missing and not (optional and len(missing) == len(names)):
            raise PathError(
                f"{path}: missing column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
                f"found columns: {found}"
            )


def _parquet_columns(path: Path) -> dict[str, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise PathError(
            f"{path}: reading parquet needs pyarrow, which is not installed; a CSV file with the "
            "same columns works without it"
        ) from None
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise PathError(
            f"{path}: not a complete parquet file ({reason}); parquet and .csv files are read"
        ) from None
    columns: dict[str, Any] = {}
    wanted = {
        *TIME_COLUMNS,
        *SYMBOL_COLUMNS,
        *PRICE_COLUMNS,
        *MARK_COLUMNS,
        FUNDING_COLUMN,
        VOLUME_COLUMN,
    }
    for name, column in zip(table.column_names, table.columns, strict=True):
        key = name.lower()
        if key in wanted and pa.types.is_timestamp(column.type):
            milliseconds = column.cast(pa.timestamp("ms", tz=column.type.tz), safe=False)
            columns[key] = milliseconds.cast(pa.int64()).to_numpy(zero_copy_only=False)
        elif key in wanted:
            columns[key] = column.to_pylist() if not _is_number(pa, column) else column.to_numpy()
        else:
            columns[key] = None
    return columns


def _is_number(pa: Any, column: Any) -> bool:
    return bool(pa.types.is_floating(column.type) or pa.types.is_integer(column.type))


def _csv_columns(path: Path) -> dict[str, Any]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise PathError(f"{path}: not a CSV text file ({error})") from None
    if not rows or not rows[0]:
        raise PathError(f"{path}: the file is empty")
    names = [name.strip().lower() for name in rows[0]]
    body = [row for row in rows[1:] if row]
    for number, row in enumerate(body, start=1):
        if len(row) != len(names):
            raise PathError(
                f"{path}: row {number} has {len(row)} fields where the header has {len(names)}"
            )
    return {name: [row[i].strip() for row in body] for i, name in enumerate(names)}


def _numbers(path: Path, name: str, values: Any, *, empty_allowed: bool) -> Prices:
    """The column as floats; an empty field is NaN where allowed."""
    if isinstance(values, np.ndarray):
        numbers = values.astype(np.float64)
    else:
        numbers = np.full(len(values), np.nan)
        for row, value in enumerate(values):
            if value is None or value == "":
                continue
            try:
                numbers[row] = float(value)
            except (TypeError, ValueError):
                raise PathError(
                    f"{path}: column {name}, row {row + 1}: {str(value)[:40]!r} is not a number"
                ) from None
    if not empty_allowed and np.isnan(numbers).any():
        row = int(np.flatnonzero(np.isnan(numbers))[0])
        raise PathError(f"{path}: column {name}, row {row + 1}: no number (empty or NaN)")
    return numbers


def _price_block(path: Path, columns: dict[str, Any], names: tuple[str, ...]) -> Prices | None:
    if names[0] not in columns:
        return None
    block = np.empty((len(columns[names[0]]), 4))
    for position, name in enumerate(names):
        block[:, position] = _numbers(path, name, columns[name], empty_allowed=False)
        wrong = np.flatnonzero(~((block[:, position] > 0) & (block[:, position] <= MAXIMUM_PRICE)))
        if len(wrong):
            row = int(wrong[0])
            raise PathError(
                f"{path}: column {name}, row {row + 1}: price {block[row, position]:g} is not "
                f"between 0 and {MAXIMUM_PRICE:,.0f} USD"
            )
    opened, high, low, close = block.T
    wrong = np.flatnonzero((high < np.maximum(opened, close)) | (low > np.minimum(opened, close)))
    if len(wrong):
        row = int(wrong[0])
        raise PathError(
            f"{path}: row {row + 1}: {names[1]} {high[row]:g} and {names[2]} {low[row]:g} do not "
            f"enclose {names[0]} {opened[row]:g} and {names[3]} {close[row]:g}"
        )
    return block


def _funding(path: Path, values: Any, *, required: bool) -> Prices:
    rates = _numbers(path, FUNDING_COLUMN, values, empty_allowed=not required)
    wrong = np.flatnonzero(np.abs(np.nan_to_num(rates)) > MAXIMUM_FUNDING_RATE)
    if len(wrong):
        row = int(wrong[0])
        raise PathError(
            f"{path}: column {FUNDING_COLUMN}, row {row + 1}: {rates[row]:g} is not a fraction "
            "between -1 and 1"
        )
    return rates


def _times(path: Path, name: str, values: Any) -> Times:
    """Milliseconds since 1970, from integers of s, ms, us or ns, or ISO text."""
    if not isinstance(values, np.ndarray) and len(values) and not _looks_numeric(values[0]):
        times = np.empty(len(values), dtype=np.int64)
        for row, value in enumerate(values):
            try:
                moment = datetime.fromisoformat(str(value))
            except ValueError:
                raise PathError(
                    f"{path}: column {name}, row {row + 1}: {str(value)[:40]!r} is not a time "
                    "(ISO text or a number since 1970)"
                ) from None
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            times[row] = round(moment.timestamp() * 1000)
    else:
        numbers = _numbers(path, name, values, empty_allowed=False)
        largest = float(np.abs(numbers).max()) if len(numbers) else 0.0
        per_ms = next((unit for limit, unit in _EPOCH_UNITS if largest < limit), 1e6)
        if largest >= 1e20:
            raise PathError(f"{path}: column {name}: {largest:g} is not a time")
        times = np.rint(numbers / per_ms).astype(np.int64)
    wrong = np.flatnonzero((times < MINIMUM_TIME_MS) | (times >= MAXIMUM_TIME_MS))
    if len(wrong):
        row = int(wrong[0])
        raise PathError(
            f"{path}: column {name}, row {row + 1}: {values[row]} is not a time after 2000"
        )
    return times


def _looks_numeric(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _check_order(path: Path, symbol: str | None, times: Times) -> None:
    steps = np.diff(times)
    if not len(steps) or steps.min() > 0:
        return
    row = int(np.flatnonzero(steps <= 0)[0])
    of_symbol = f" of {symbol}" if symbol else ""
    if steps[row] == 0:
        raise PathError(f"{path}: two rows{of_symbol} have the time {time_text(int(times[row]))}")
    raise PathError(
        f"{path}: rows{of_symbol} are not sorted by time: {time_text(int(times[row + 1]))} follows "
        f"{time_text(int(times[row]))}"
    )
