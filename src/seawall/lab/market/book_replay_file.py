"""Recordings of a whole book: a snapshot, every change since, and the trades, from parquet.

Columns: ``type`` (snapshot, depth, trade), ``side`` (b or a; of a trade b is a taker who bought),
``px`` in USD, ``qty`` in coins (of a change the new size of the level, 0: gone), ``ts_txn_ms``
(when the venue did it), ``id`` and ``prev_id`` (of the update, and of the one before it). Rows of
one update follow each other.

Changes and trades come by two streams. They are put in the order of the venue's own times, trades
first where these are equal: an update shows what trades up to its time have left.
"""

from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct, structs

from seawall.domain.enums import Side
from seawall.domain.units import MAX_PRICE, MAX_SIZE, MONEY_DECIMALS
from seawall.lab.arrays import Integers
from seawall.lab.market.book import BookError
from seawall.lab.market.book_replay_plan import TRADE, UPDATE
from seawall.lab.market.candle_file import time_text
from seawall.lab.market.table_file import MAGIC, Table

COLUMNS = ("type", "side", "px", "qty", "ts_txn_ms", "id", "prev_id")
TYPES = ("snapshot", "depth", "trade")
_ROWS = ("kinds", "sides", "ticks", "sizes", "times_ms")
"""Columns of a recording that have an entry for each row."""
_NEAR_INTEGER = 1e-4
"""Floats of decimal prices are this near to whole ticks."""


class Known(NamedTuple):
    """From ``from_ms`` on the snapshot shows every level from ``low`` to ``high`` (USD)."""

    from_ms: int
    low: float
    high: float


class Recording(Struct, frozen=True, kw_only=True):
    """Group g is the rows ``starts[g]`` to ``starts[g + 1]``, one trade or one update, in time.

    ``kinds``: 0 of a change, 1 of a trade. ``sides``: 0 bid or buyer, 1 ask or seller. ``ticks``
    count 10^-price_decimals USD, ``sizes`` 10^-size_decimals coins. ``breaks``: ms from an update
    that does not follow the one before it to the next snapshot (or the end): no book is known.
    """

    name: str
    market: str
    price_decimals: int
    size_decimals: int
    kinds: Integers
    sides: Integers
    ticks: Integers
    sizes: Integers
    times_ms: Integers
    starts: Integers
    breaks: tuple[tuple[int, int], ...]
    known: tuple[Known, ...]

    @property
    def updates(self) -> int:
        return int((self.kinds[self.starts[:-1]] == UPDATE).sum())

    @property
    def trades(self) -> int:
        return int((self.kinds == TRADE).sum())

    def middle_tick(self) -> int:
        """Between the best levels of the first snapshot."""
        end = int(self.starts[1])
        is_bid = self.sides[:end] == Side.BUY
        return int(self.ticks[:end][is_bid].max() + self.ticks[:end][~is_bid].min()) // 2


def is_recording(path: Path) -> bool:
    """Whether a file is parquet with the columns of a recording, trades or not."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_recording(path: Path, market: str, until_ms: int | None = None) -> Recording:
    """The recording in a parquet file, up to a time. Raises BookError.

    Of a part, breaks and snapshots are those that begin in it.
    """
    table = _table(path)
    kind, times = table["type"], table["ts_txn_ms"]
    is_trade = kind == TYPES.index("trade")
    kept, breaks = _chained(_updates(table["id"], table["prev_id"], kind, times))
    if not kept:
        raise BookError(f"{path}: no snapshot, which the updates need to begin with")
    price_decimals, size_decimals = _scale(path, table["px"], table["qty"])
    begin = kept[0].time_ms
    end = int(times.max()) if until_ms is None else until_ms
    if begin > end:
        raise BookError(
            f"{path}: until: {time_text(end)} is before the first snapshot, at {time_text(begin)}"
        )
    kept = list(takewhile(lambda each: each.time_ms <= end, kept))
    trades = np.flatnonzero(is_trade & (times >= begin) & (times <= end))
    group_times = np.concatenate([[each.time_ms for each in kept], times[trades]]).astype(np.int64)
    is_update = np.arange(len(group_times)) < len(kept)
    order = np.argsort(2 * group_times + is_update, kind="stable")
    rows = np.concatenate([*(np.arange(each.start, each.stop) for each in kept), trades])
    lengths = np.ones(len(group_times), np.int64)
    lengths[: len(kept)] = [each.stop - each.start for each in kept]
    begins = np.cumsum(lengths) - lengths
    starts = np.concatenate([[0], np.cumsum(lengths[order])])
    rows = rows[np.repeat(begins[order] - starts[:-1], lengths[order]) + np.arange(len(rows))]
    found = Recording(
        name=path.name,
        market=market,
        price_decimals=price_decimals,
        size_decimals=size_decimals,
        kinds=np.where(is_trade[rows], TRADE, UPDATE),
        sides=table["side"][rows],
        ticks=_units(table["px"][rows], price_decimals),
        sizes=_units(table["qty"][rows], size_decimals),
        times_ms=np.maximum.accumulate(np.repeat(group_times[order], lengths[order])),
        starts=starts,
        breaks=tuple(
            (start, end if stop is None else min(stop, end))
            for start, stop in breaks
            if start <= end
        ),
        known=tuple(_known(table["px"], each) for each in kept if each.is_snapshot),
    )
    return _with_removals(found, [each.time_ms for each in kept if each.is_snapshot])


class _Update(NamedTuple):
    start: int
    stop: int
    update_id: int
    previous_id: int
    time_ms: int
    is_snapshot: bool


def _updates(ids: Any, previous: Any, kind: Any, times: Any) -> list[_Update]:
    """Rows that belong together, in the order of their ids: a snapshot is often written late."""
    rows = np.flatnonzero(kind != TYPES.index("trade"))
    if not len(rows):
        return []
    is_new = np.ones(len(rows), bool)
    is_new[1:] = (
        (ids[rows][1:] != ids[rows][:-1])
        | (kind[rows][1:] != kind[rows][:-1])
        | (np.diff(rows) != 1)
    )
    firsts = np.flatnonzero(is_new)
    stops = np.append(firsts[1:], len(rows)) - 1
    found = []
    for first, last in zip(rows[firsts].tolist(), rows[stops].tolist(), strict=True):
        own, before, at = (int(each[first]) for each in (ids, previous, times))
        is_snapshot = int(kind[first]) == TYPES.index("snapshot")
        found.append(_Update(first, last + 1, own, before, at, is_snapshot))
    return sorted(found, key=lambda each: (each.update_id, not each.is_snapshot))


def _chained(updates: list[_Update]) -> tuple[list[_Update], list[tuple[int, int | None]]]:
    """The updates that follow a snapshot without a gap, and the gaps in ms.

    The first update after a snapshot may reach back over it; older ones are left out.
    """
    kept: list[_Update] = []
    breaks: list[tuple[int, int | None]] = []
    last = -1
    is_fresh = False
    for update in updates:
        if update.is_snapshot:
            if last >= 0:
                continue
            if breaks:
                breaks[-1] = (breaks[-1][0], update.time_ms)
            last, is_fresh = update.update_id, True
        elif last < 0 or update.update_id <= last:
            continue
        elif update.previous_id == last or (is_fresh and update.previous_id < last):
            last, is_fresh = update.update_id, False
        else:
            breaks.append((update.time_ms, None))
            last = -1
            continue
        kept.append(update)
    return kept, breaks


def _known(prices: Any, update: _Update) -> Known:
    own = prices[update.start : update.stop]
    return Known(update.time_ms, float(own.min()), float(own.max()))


def _with_removals(recording: Recording, snapshots: list[int]) -> Recording:
    """A later snapshot replaces the book: what it does not show is gone. ``snapshots``: in ms."""
    times = set(snapshots[1:])
    if not times:
        return recording
    parts: list[list[Integers]] = []
    starts, seen = [0], set[tuple[int, int]]()
    for start, stop in zip(recording.starts[:-1], recording.starts[1:], strict=True):
        columns = [getattr(recording, name)[start:stop] for name in _ROWS]
        if columns[0][0] == UPDATE:
            shown = set(zip(columns[1].tolist(), columns[2].tolist(), strict=True))
            if int(columns[4][0]) in times and len(starts) > 1:
                gone = sorted(seen - shown)
                if gone:
                    sides, ticks = np.asarray(gone, np.int64).T
                    more = (np.full(len(gone), UPDATE), sides, ticks, np.zeros(len(gone), np.int64))
                    stamp = np.full(len(gone), columns[4][0])
                    columns = [
                        np.concatenate(pair) for pair in zip((*more, stamp), columns, strict=True)
                    ]
                times.discard(int(columns[4][0]))
                seen = shown
            else:
                seen |= shown
        parts.append(columns)
        starts.append(starts[-1] + len(columns[0]))
    made = (np.concatenate(each).astype(np.int64) for each in zip(*parts, strict=True))
    changed = dict(zip(_ROWS, made, strict=True), starts=np.asarray(starts, np.int64))
    return structs.replace(recording, **changed)


def _scale(path: Path, prices: Any, sizes: Any) -> tuple[int, int]:
    """Decimals of a recording's prices and of its sizes; together six, as the engine counts.

    Raises BookError for decimals that the engine cannot hold.
    """
    price_decimals, needed = _decimals(prices), _decimals(sizes)
    if price_decimals < 0 or needed < 0 or price_decimals + needed > MONEY_DECIMALS:
        raise BookError(
            f"{path}: px and qty have more than {MONEY_DECIMALS} decimals together; prices "
            "should be USD and sizes coins"
        )
    size_decimals = MONEY_DECIMALS - price_decimals
    for column, values, decimals, most in (
        ("px", prices, price_decimals, MAX_PRICE), ("qty", sizes, size_decimals, MAX_SIZE)
    ):  # fmt: skip
        if float(values.max()) * 10**decimals > most:
            raise BookError(f"{path}: {column}: {float(values.max()):g} is too large")
    return price_decimals, size_decimals


def _units(values: Any, decimals: int) -> Integers:
    found: Integers = np.rint(values * 10**decimals).astype(np.int64)
    return found


def _decimals(values: Any) -> int:
    """The fewest decimals that hold all values; -1 for none up to six."""
    for decimals in range(MONEY_DECIMALS + 1):
        scaled = values * 10**decimals
        if np.abs(scaled - np.rint(scaled)).max() < _NEAR_INTEGER:
            return decimals
    return -1


def _table(path: Path) -> dict[str, Any]:
    """The columns as arrays: type and side as numbers. Raises BookError."""
    table = Table.parquet(path, BookError, COLUMNS)
    for name in COLUMNS:
        table.first_of(name)
    found: dict[str, Any] = {}
    for name, allowed in (("type", TYPES), ("side", ("b", "a"))):
        found[name] = table.codes(name, {word: code for code, word in enumerate(allowed)})
    for name, least, words in (("px", 0.0, "above 0"), ("qty", -1.0, "0 or more")):
        values = found[name] = table.numbers(name)
        is_wrong = ~((values > least) & np.isfinite(values))
        table.check(name, is_wrong, lambda row, v=values, w=words: f"{v[row]:g} should be {w}")
    return found | {name: table.integers(name) for name in COLUMNS[4:]}
