"""Recordings of lines: one JSON text each, a whole book or some trades, as a websocket sent them.

A line may begin with a number of ns (the receiver's clock) and may be of any channel; what is
neither a book nor a list of trades is passed over. A trade has a price (``px`` or ``price``), a
size (``sz``, ``size``, ``qty`` or ``amount``), a ``side`` of the taker (B, A, buy or sell) and a
``time`` (or ``timestamp``) in ms. Also gzip.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from seawall.lab.market.book import BookError, checked_book
from seawall.lab.market.book_file import known_market, levels_of, unpacked
from seawall.lab.market.market_path import market_of_symbol
from seawall.lab.vet.book import Floats
from seawall.venues.raw_json import VenueDataError

_STAMP = re.compile(rb"\s*\d{1,20}\s+(?=\{)")
_PRICE, _SIZE = ("px", "price"), ("sz", "size", "qty", "amount")
_TIME, _COIN = ("time", "timestamp"), ("coin", "symbol", "s")
_SIGNS = {"b": 1, "buy": 1, "a": -1, "sell": -1, "s": -1}
Row = tuple[int, float, float, int]


class LineBook(NamedTuple):
    """One look: time in ms, levels of price and size, best first."""

    time_ms: int
    bids: Floats
    asks: Floats


class Lines(NamedTuple):
    """In the order of time; at least one book. ``trades``: time, price, size, sign."""

    books: list[LineBook]
    trades: list[Row]


def read_lines(path: Path, market: str, until_ms: int | None = None) -> Lines:
    """The books and trades of a market. Raises BookError."""
    books: list[LineBook] = []
    trades: list[Row] = []
    for number, line in enumerate(unpacked(path).splitlines(), start=1):
        stamp = _STAMP.match(line)
        text = line[stamp.end() :] if stamp else line
        if text.strip():
            _read(f"{path}: line {number}", text, market, books, trades)
    if not books:
        raise BookError(f"{path}: no line is a book of {market}")
    last = 2**62 if until_ms is None else until_ms
    books = sorted((each for each in books if each.time_ms <= last), key=lambda book: book.time_ms)
    if not books:
        raise BookError(f"{path}: no book of {market} before the end")
    return Lines(books, [each for each in trades if books[0].time_ms <= each[0] <= last])


def _read(where: str, text: bytes, market: str, books: list[LineBook], trades: list[Row]) -> None:
    try:
        document: Any = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise BookError(
            f"{where}: neither parquet nor lines of JSON: a recording is one of them"
        ) from None
    if not isinstance(document, dict):
        return
    found = _trades(document, market)
    if found is not None:
        trades += found
        return
    try:
        levels = levels_of(text)
        if levels is None:
            return
        if levels.market is not None and market_of_symbol(levels.market, [market]) is None:
            return
        if levels.time_ms is None:
            raise BookError(f"{where}: the book has no time")
        name = known_market(where, market, levels.market)
        book = checked_book(where, name, levels.time_ms, levels.bids, levels.asks)
    except VenueDataError as error:
        raise BookError(f"{where}: {error}") from None
    books.append(LineBook(levels.time_ms, book.bids, book.asks))


def _trades(document: Mapping[str, Any], market: str) -> list[Row] | None:
    """The trades of a line; None where it has none."""
    rows = document.get("data")
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
        return None
    found = []
    for row in rows:
        try:
            coin = _first(row, _COIN)
            sign = _SIGNS[str(row["side"]).lower()]
            price, size = float(_first(row, _PRICE)), float(_first(row, _SIZE))
            time_ms = int(_first(row, _TIME))
        except (KeyError, TypeError, ValueError):
            return None
        if coin is None or market_of_symbol(str(coin), [market]) is not None:
            found.append((time_ms, price, size, sign))
    return found


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if name in row), None)
