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

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from seawall.domain.errors import InputError
from seawall.lab.arrays import Floats, Integers
from seawall.lab.files import no_file
from seawall.lab.market.table_file import Table
from seawall.report.kinds import whole

TIME_COLUMNS = ("date", "timestamp", "time", "datetime", "open_time")
SYMBOL_COLUMNS = ("symbol", "coin", "market", "ticker")
PRICE_COLUMNS = ("open", "high", "low", "close")
MARK_COLUMNS = tuple(f"mark_{name}" for name in PRICE_COLUMNS)
FUNDING_COLUMN = "funding_rate"
VOLUME_COLUMN = "volume"
_WANTED = {
    *TIME_COLUMNS, *SYMBOL_COLUMNS, *PRICE_COLUMNS, *MARK_COLUMNS, FUNDING_COLUMN, VOLUME_COLUMN,
}  # fmt: skip

MAXIMUM_PRICE = 1e9
"""USD. No listed contract comes near; larger numbers are broken files."""
MAXIMUM_FUNDING_RATE = 1.0
MINIMUM_TIME_MS = 946_684_800_000
MAXIMUM_TIME_MS = 2**46
"""From the year 2000 to what the machine's clock can hold."""

_EPOCH_UNITS = ((1e11, 1e-3), (1e14, 1.0), (1e17, 1e3))
"""Numbers below the first are s since 1970, then ms, then us; above, ns. Second: units per ms."""

Times = Integers
Prices = Floats


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

    @property
    def name(self) -> str:
        """The symbol, or without one what the file's name begins with (``BTCUSDT_1h.csv``)."""
        return self.symbol or self.source.split("_")[0].split(".")[0]


def time_text(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso_ms(text: str) -> int:
    """Ms of ISO text, UTC unless it says otherwise. Raises ValueError."""
    moment = datetime.fromisoformat(text.strip())
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def usual_interval(times: Times) -> int:
    """Ms: the most frequent distance of two times, of which there are two or more."""
    values, counts = np.unique(np.diff(times), return_counts=True)
    return int(values[np.argmax(counts)])


def read_candle_file(path: Path) -> list[SymbolRows]:
    """All symbols of the file in order of first appearance. Raises PathError."""
    if not path.is_file():
        raise PathError(no_file(path))
    table = Table.read(path, PathError, _WANTED)
    time_name = _checked_layout(table)
    times = times_of(table, time_name)
    if not len(times):
        raise table.fail("no rows")
    prices = _price_block(table, PRICE_COLUMNS)
    columns = {
        "prices": prices,
        "marks": _price_block(table, MARK_COLUMNS),
        "funding": _funding(table, required=prices is None),
        "volumes": table.numbers(VOLUME_COLUMN, empty_allowed=True)
        if VOLUME_COLUMN in table.columns
        else None,
    }
    groups: dict[str | None, Times | slice] = {None: slice(None)}
    symbol_name = _one_of(table, SYMBOL_COLUMNS)
    if symbol_name is not None:
        symbols = np.asarray([str(symbol) for symbol in table.columns[symbol_name]], dtype=object)
        groups = {each: np.flatnonzero(symbols == each) for each in dict.fromkeys(symbols.tolist())}
    result = []
    for symbol, rows in groups.items():
        _check_order(table, symbol, times[rows])
        own = {name: None if each is None else each[rows] for name, each in columns.items()}
        result.append(SymbolRows(path.name, symbol, times[rows], **own))
    return result


def _one_of(table: Table, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _checked_layout(table: Table) -> str:
    """The name of the time column."""
    found = ", ".join(table.columns) or "none"
    time_name = _one_of(table, TIME_COLUMNS)
    if time_name is None:
        raise table.fail(
            f"no time column (one of {', '.join(TIME_COLUMNS)}); found columns: {found}"
        )
    for names in (PRICE_COLUMNS, MARK_COLUMNS):
        missing = [name for name in names if name not in table.columns]
        optional = names is MARK_COLUMNS or FUNDING_COLUMN in table.columns
        if missing and not (optional and len(missing) == len(names)):
            plural = "s" * (len(missing) > 1)
            raise table.fail(f"missing column{plural} {', '.join(missing)}; found columns: {found}")
    return time_name


def _price_block(table: Table, names: tuple[str, ...]) -> Prices | None:
    if names[0] not in table.columns:
        return None
    block = np.stack([table.numbers(name) for name in names], axis=1)
    for name, own in zip(names, block.T, strict=True):
        said = f"is not between 0 and {whole(MAXIMUM_PRICE)} USD"
        is_wrong = ~((own > 0) & (own <= MAXIMUM_PRICE))
        table.check(name, is_wrong, lambda row, own=own, said=said: f"price {own[row]:g} {said}")
    opened, high, low, close = block.T
    wrong = np.flatnonzero((high < np.maximum(opened, close)) | (low > np.minimum(opened, close)))
    if len(wrong):
        row = int(wrong[0])
        raise table.fail(
            f"row {row + 1}: {names[1]} {high[row]:g} and {names[2]} {low[row]:g} do not "
            f"enclose {names[0]} {opened[row]:g} and {names[3]} {close[row]:g}"
        )
    return block


def _funding(table: Table, *, required: bool) -> Prices | None:
    if FUNDING_COLUMN not in table.columns:
        return None
    rates = table.numbers(FUNDING_COLUMN, empty_allowed=not required)
    table.check(
        FUNDING_COLUMN, np.abs(np.nan_to_num(rates)) > MAXIMUM_FUNDING_RATE,
        lambda row: f"{rates[row]:g} is not a fraction between -1 and 1",
    )  # fmt: skip
    return rates


def times_of(table: Table, name: str) -> Times:
    """Milliseconds since 1970, from integers of s, ms, us or ns, or ISO text."""
    values = table.columns[name]
    if len(values) and not _is_number(values[0]):
        times = np.empty(len(values), dtype=np.int64)
        for row, value in enumerate(values):
            try:
                times[row] = iso_ms(str(value))
            except ValueError:
                words = f"{str(value)[:40]!r} is not a time (ISO text or a number since 1970)"
                raise table.wrong(name, row, words) from None
    else:
        numbers = table.numbers(name)
        largest = float(np.abs(numbers).max()) if len(numbers) else 0.0
        per_ms = next((unit for limit, unit in _EPOCH_UNITS if largest < limit), 1e6)
        if largest >= 1e20:
            raise table.fail(f"column {name}: {largest:g} is not a time")
        times = np.rint(numbers / per_ms).astype(np.int64)
    is_wrong = (times < MINIMUM_TIME_MS) | (times >= MAXIMUM_TIME_MS)
    table.check(name, is_wrong, lambda row: f"{values[row]} is not a time after 2000")
    return times


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _check_order(table: Table, symbol: str | None, times: Times) -> None:
    wrong = np.flatnonzero(np.diff(times) <= 0)
    if not len(wrong):
        return
    before, after = (time_text(int(each)) for each in times[wrong[0] : wrong[0] + 2])
    of_symbol = f" of {symbol}" if symbol else ""
    if times[wrong[0]] == times[wrong[0] + 1]:
        raise table.fail(f"two rows{of_symbol} have the time {before}")
    raise table.fail(f"rows{of_symbol} are not sorted by time: {after} follows {before}")
