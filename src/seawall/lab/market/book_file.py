"""Book files, recognised by what is in them and not by their names.

* **A venue's answer** about one book, as its API gives it, bare or under ``data``, ``result`` or
  ``contents``; the venues that ship read their own (``Venue.read_book``).
* **JSON of pairs**: ``{"bids": [["price", "size"], ...], "asks": ...}``, ``b`` and ``a`` for short,
  best first, as most exchanges send a depth snapshot.
* **JSON lines** (also gzip): such answers one per line, each with a time, or after a number of ns;
  lines that are no books are passed over.
* **CSV** with the columns ``side`` (bid or ask), ``price`` and ``size``, in any order.
* **Parquet of updates**: rows of ``type`` (snapshot, depth; others are passed over), ``side`` (b or
  a), ``px``, ``qty`` (the new size of the level, 0: gone), ``ts_event_ms``, ``id`` and ``prev_id``
  (of the update, and of the one before it). A missing update is an error, because the book after it
  is not known.

Prices are USD and sizes are coins. Everything wrong is a BookError that names file and place.
"""

import gzip
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from seawall.lab.market.book import Book, BookError, checked_book, merged
from seawall.lab.market.candle_file import time_text
from seawall.lab.market.market_path import market_of_symbol
from seawall.lab.market.table_file import MAGIC, Table
from seawall.venues.book_levels import BookLevels
from seawall.venues.raw_json import VenueDataError, decode
from seawall.venues.registry import VENUES

_GZIP = b"\x1f\x8b"
_WRAPPERS = ("data", "result", "contents")
_LARGEST = 2**30
_STAMP = re.compile(rb"\d{1,20}\s+(?=\{)")
_NS_PER_MS = 1_000_000

_SIDE_WORDS = {"bid": 0, "bids": 0, "buy": 0, "b": 0, "ask": 1, "asks": 1, "sell": 1, "a": 1}
_CSV_COLUMNS = (("side",), ("price", "px"), ("size", "sz", "qty"))
_UPDATE_COLUMNS = ("type", "side", "px", "qty", "ts_event_ms", "id", "prev_id")


def read_book_file(path: Path, market: str | None, time_ms: int | None = None) -> Book:
    """The book of ``market`` (None: whichever the file is about) at a time (None: the last).

    Raises BookError.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                return _replayed(path, market, time_ms)
    except FileNotFoundError:
        raise BookError(
            f"{path}: no such file; a book comes from a file, a URL, or a venue: "
            f"{', '.join(VENUES)}"
        ) from None
    except OSError as error:
        raise BookError(f"{path}: cannot be read: {error.strerror or error}") from None
    return _of_text(path, unpacked(path), market, time_ms)


def unpacked(path: Path) -> bytes:
    """The bytes of a file, of what is in it if it is gzip. Raises BookError."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
        if raw.startswith(_GZIP):
            with gzip.open(io.BytesIO(raw)) as content:
                raw = content.read(_LARGEST + 1)
    except (OSError, EOFError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise BookError(f"{path}: cannot be read: {words}") from None
    if len(raw) > _LARGEST:
        raise BookError(f"{path}: more than {_LARGEST:,} bytes; give one book or fewer lines")
    return raw


def _of_text(path: Path, raw: bytes, market: str | None, time_ms: int | None) -> Book:
    first = raw.lstrip()[:1]
    if not first:
        raise BookError(f"{path}: is empty")
    lines = raw.splitlines()
    is_recorded = bool(_STAMP.match(lines[0])) or (first == b"{" and _is_json(lines[0]))
    if is_recorded and (len(lines) > 1 or time_ms is not None):
        return _recorded(path, lines, market, time_ms)
    if time_ms is not None:
        raise BookError(f"{path}: has one book; --at-time belongs to a recorded file")
    if first not in (b"{", b"["):
        return _of_csv(path, raw, market)
    try:
        found = levels_of(raw)
    except VenueDataError as error:
        raise BookError(f"{path}: {error}") from None
    if found is None:
        raise BookError(
            f"{path}: is no book: should have bids and asks as lists of price and size, or a "
            "venue's own answer"
        )
    return _judged(str(path), market, found)


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


def _judged(where: str, market: str | None, found: BookLevels) -> Book:
    name = known_market(where, market, found.market)
    return checked_book(where, name, found.time_ms, found.bids, found.asks)


def known_market(where: str, wanted: str | None, stated: str | None) -> str:
    """The coin that is wanted, which must be the one that the book states. Raises BookError."""
    if stated is None or wanted is None:
        name = wanted or stated
        if name is None:
            raise BookError(f"{where}: does not say which market it is of; name one")
        return name
    if not _is_of(stated, wanted):
        raise BookError(f"{where}: is a book of {stated}, not of {wanted}")
    return wanted


def _is_of(stated: str, wanted: str) -> bool:
    return market_of_symbol(stated, [wanted]) is not None


# -- JSON ----------------------------------------------------------------------------------------


class _Pairs(Struct):
    """Rows of price, size and whatever else a venue adds."""

    bids: list[list[str | float]]
    asks: list[list[str | float]]
    time_ms: int | None = None
    symbol: str | None = None


_SHORT = {"b": "bids", "a": "asks", "T": "time_ms", "s": "symbol"}


def levels_of(raw: bytes) -> BookLevels | None:
    """The book in a JSON text; None where none is seen. Raises VenueDataError for a mistake."""
    document = decode(dict[str, msgspec.Raw], raw)
    for venue in VENUES.values():
        found = venue.read_book(document, raw)
        if found is not None:
            return found
    named = {_SHORT.get(key, key): value for key, value in document.items()}
    if {"bids", "asks"} <= set(named):
        return _of_pairs(named)
    for key in _WRAPPERS:
        if bytes(document.get(key, msgspec.Raw())).lstrip()[:1] == b"{":
            return levels_of(bytes(document[key]))
    return None


def _of_pairs(document: Mapping[str, msgspec.Raw]) -> BookLevels:
    pairs = decode(_Pairs, msgspec.json.encode(document))
    bids, asks = (
        [_pair(f"{name}[{row}]", each) for row, each in enumerate(side)]
        for name, side in (("bids", pairs.bids), ("asks", pairs.asks))
    )
    return BookLevels(pairs.symbol, pairs.time_ms, bids, asks)


def _pair(path: str, row: list[str | float]) -> tuple[float, float]:
    if len(row) < 2:
        raise VenueDataError(f"{path}: {row!r} should be a price and a size")
    return _number(f"{path}[0]", row[0]), _number(f"{path}[1]", row[1])


def _number(path: str, value: str | float) -> float:
    try:
        return float(value)
    except ValueError:
        raise VenueDataError(f"{path}: {str(value)[:40]!r} is not a number") from None


def _recorded(path: Path, lines: list[bytes], market: str | None, time_ms: int | None) -> Book:
    """The last book up to the time; lines are in the order of time."""
    earliest: int | None = None
    for number, line in zip(range(len(lines), 0, -1), reversed(lines), strict=True):
        where = f"{path}: line {number}"
        stamp = _STAMP.match(line)
        text = line[stamp.end() :] if stamp else line
        if not text.strip():
            continue
        try:
            found = levels_of(text)
        except VenueDataError as error:
            raise BookError(f"{where}: {error}") from None
        if found is None or (market and found.market and not _is_of(found.market, market)):
            continue
        if found.time_ms is None and stamp:
            found = found._replace(time_ms=int(stamp[0]) // _NS_PER_MS)
        if time_ms is None:
            return _judged(where, market, found)
        if found.time_ms is None:
            raise BookError(f"{where}: the book has no time, which --at-time needs")
        if found.time_ms <= time_ms:
            return _judged(where, market, found)
        earliest = found.time_ms
    if earliest is None:
        of = f" of {market}" if market else ""
        raise BookError(f"{path}: no line is a book{of}")
    raise _too_early(path, time_ms, earliest)


def _too_early(path: Path, time_ms: int | None, first_ms: int) -> BookError:
    asked = "the end" if time_ms is None else _moment(time_ms)
    return BookError(
        f"{path}: --at-time: {asked} is before the first book, at {_moment(first_ms)} UTC"
    )


def _moment(time_ms: int) -> str:
    return f"{time_text(time_ms)}.{time_ms % 1000:03d}"


# -- CSV -----------------------------------------------------------------------------------------


def _of_csv(path: Path, raw: bytes, market: str | None) -> Book:
    table = Table.csv(path, BookError, raw)
    side, price, size = (table.first_of(*names) for names in _CSV_COLUMNS)
    is_ask = table.codes(side, _SIDE_WORDS) == 1
    columns = []
    for name in (price, size):
        found = table.numbers(name, empty_allowed=True)
        is_wrong = ~((found > 0) & (found < np.inf))
        table.check(name, is_wrong, lambda row, found=found: f"{found[row]:g} should be above 0")
        columns.append(found)
    levels = np.column_stack(columns)
    name = known_market(str(path), market, None)
    sides = merged(levels[~is_ask], falling=True), merged(levels[is_ask], falling=False)
    return checked_book(str(path), name, None, *sides)


# -- recorded updates ----------------------------------------------------------------------------


def _replayed(path: Path, market: str | None, time_ms: int | None) -> Book:
    """The book after the last update up to the time, from the last snapshot before it."""
    table = Table.parquet(path, BookError, _UPDATE_COLUMNS)
    for name in _UPDATE_COLUMNS:
        table.first_of(name)
    kind, side = (np.asarray(table.columns[name], object) for name in _UPDATE_COLUMNS[:2])
    price, size = (table.numbers(name) for name in _UPDATE_COLUMNS[2:4])
    times, ids, before = (table.integers(name) for name in _UPDATE_COLUMNS[4:])
    in_time = np.ones(len(times), bool) if time_ms is None else times <= time_ms
    snapshots = np.flatnonzero((kind == "snapshot") & in_time)
    if not len(snapshots):
        first = times[kind == "snapshot"]
        if not len(first):
            raise BookError(f"{path}: no snapshot, which the updates need to begin with")
        raise _too_early(path, time_ms, int(first[0]))
    start = ids[snapshots[-1]]
    updates = np.flatnonzero((kind == "depth") & (ids > start) & in_time)
    _check_chain(path, int(start), ids[updates], before[updates], times[updates])
    rows = np.concatenate([snapshots[ids[snapshots] == start], updates])
    sides = []
    for letter in ("b", "a"):
        newest = rows[side[rows] == letter][::-1]
        # The last row of a price is the level as it stands.
        prices, places = np.unique(price[newest], return_index=True)
        levels = np.column_stack([prices, size[newest][places]])
        sides.append(merged(levels[levels[:, 1] != 0], falling=letter == "b"))
    at = int(times[rows[-1]])
    where = f"{path} at {_moment(at)}"
    return checked_book(where, known_market(str(path), market, None), at, *sides)


def _check_chain(path: Path, start: int, ids: Any, before: Any, times: Any) -> None:
    """Every update must name the one before it; the first may reach over the snapshot."""
    is_new = np.concatenate([[True], ids[1:] != ids[:-1]])[: len(ids)]
    ids, before, times = ids[is_new], before[is_new], times[is_new]
    if not len(ids):
        return
    expected = np.concatenate([[min(before[0], start)], ids[:-1]])
    gaps = np.flatnonzero(before != expected)
    if len(gaps):
        raise BookError(
            f"{path}: updates are missing before {_moment(int(times[gaps[0]]))} UTC: prev_id "
            f"{before[gaps[0]]} should be {expected[gaps[0]]}; give an earlier --at-time"
        )
