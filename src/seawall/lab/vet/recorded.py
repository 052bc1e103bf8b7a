"""Vetting a recorded book: parquet of changes through the engine, or lines of whole books."""

import re
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from seawall.engine.book_view import book_rows
from seawall.lab.arrays import Floats
from seawall.lab.files import no_file
from seawall.lab.market.book import BookError, checked_book
from seawall.lab.market.book_file import known_market, levels_of, unpacked
from seawall.lab.market.book_replay import Reached, Replay
from seawall.lab.market.book_replay_file import Known, Recording, is_recording, read_recording
from seawall.lab.market.book_replay_plan import TRADE
from seawall.lab.market.candle_file import time_text
from seawall.lab.market.market_path import market_of_symbol, names_market
from seawall.lab.vet.book import ALL_PRICES, BANDS_BP, BP, Sampler
from seawall.lab.vet.tape import Tape, TradeRow, Trades, VetError, Watch, found_phases, split_phases
from seawall.report import kinds
from seawall.venues.raw_json import VenueDataError

LEVELS_AT_FIRST = 2_048
_STAMP = re.compile(rb"\s*\d{1,20}\s+(?=\{)")
_PRICE, _SIZE = ("px", "price"), ("sz", "size", "qty", "amount")
_TIME, _COIN = ("time", "timestamp"), ("coin", "symbol", "s")
_SIGNS = {"b": 1, "buy": 1, "a": -1, "sell": -1, "s": -1}
LineBook = tuple[int, Floats, Floats]
"""Time in ms, levels of price and size, best first."""


def recorded_tape(path: Path, watch: Watch) -> Tape:
    """Raises BookError, ReplayError, VetError."""
    if not path.is_file():
        raise BookError(f"{no_file(path)}; a recording is parquet or lines of JSON")
    if is_recording(path):
        return _of_changes(path, watch)
    return _of_lines(path, watch)


def _of_changes(path: Path, watch: Watch) -> Tape:
    _check_name(path, watch.market)
    recording = read_recording(path, watch.market, watch.until_ms)
    replay = Replay(recording)
    sampler = watch.sampler()
    reader = _Reader(replay, recording)
    lost = [start for start, _ in recording.breaks]
    for time_ms in replay.updates():
        while lost and lost[0] <= time_ms:
            sampler.lose(lost.pop(0))
        sampler.look(time_ms, *reader.sides(), known=_known_at(recording.known, time_ms))
    for start in lost:
        sampler.lose(start)
    is_trade = recording.kinds == TRADE
    trades = Trades(
        recording.times_ms[is_trade],
        recording.ticks[is_trade] / 10**recording.price_decimals,
        recording.sizes[is_trade] / 10**recording.size_decimals,
        1 - 2 * recording.sides[is_trade],
    )
    end = int(recording.times_ms[-1])
    more = {"breaks": len(recording.breaks), "notes": _replay_words(replay)}
    return _finished(path, watch, sampler, trades, end, **more)


def _check_name(path: Path, market: str) -> None:
    """Parquet of changes does not say its market; the file's name may. Raises BookError."""
    named = [word for word in re.split("[_.]", path.name) if names_market(word)]
    if named and not any(market_of_symbol(word, [market]) for word in named):
        raise BookError(
            f"{path}: market: {market} should be {named[0]}, which the file's name says; --market "
            "chooses it"
        )


class _Reader:
    """The engine's book as float levels, as deep as the figures need."""

    def __init__(self, replay: Replay, recording: Recording) -> None:
        self._engine = replay.engine
        self._depth = LEVELS_AT_FIRST
        self._decimals = (10**recording.price_decimals, 10**recording.size_decimals)

    def sides(self) -> tuple[Floats, Floats]:
        while True:
            bids, asks = book_rows(self._engine, 0, self._depth)
            if self._is_enough(bids, asks):
                return self._floats(bids), self._floats(asks)
            self._depth *= 2

    def _is_enough(self, bids: Any, asks: Any) -> bool:
        """The whole book, or all of it within twice the widest band."""
        if not len(bids) or not len(asks):
            return True
        middle = (int(bids["price"][0]) + int(asks["price"][0])) / 2
        reach = 2 * BANDS_BP[-1] * BP * middle
        return all(
            len(side) < self._depth or abs(int(side["price"][-1]) - middle) > reach
            for side in (bids, asks)
        )

    def _floats(self, side: Any) -> Floats:
        prices, sizes = self._decimals
        return np.column_stack([side["price"] / prices, side["total_size"] / sizes])


def _known_at(known: Sequence[Known], time_ms: int) -> tuple[float, float]:
    """The prices between which the last snapshot before a time is complete."""
    found = [each for each in known if each.from_ms <= time_ms]
    return (found[-1].low, found[-1].high) if found else ALL_PRICES


def _replay_words(replay: Replay) -> tuple[str, ...]:
    reached: Reached = replay.reached()
    return (
        f"Replayed through the engine: {replay.commands:,} commands made the recorded book, level "
        f"by level, after {replay.recording.updates:,} updates; it was never crossed. Of "
        f"{reached.trades:,} recorded trades {kinds.percent(reached.share, 1)} met a resting "
        "order at their "
        f"price or better at once, {kinds.percent(reached.share_near, 1)} in the book of the "
        "update before or "
        "after: trades are published one by one, the book only every few dozen ms.",
    )


def _of_lines(path: Path, watch: Watch) -> Tape:
    """One JSON text each, a whole book or some trades, as a websocket sent them.

    A line may begin with a number of ns (the receiver's clock) and may be of any channel; what is
    neither a book nor a list of trades is passed over. A trade has a price (``px``, ``price``), a
    size (``sz``, ``size``, ``qty``, ``amount``), a ``side`` of the taker (B, A, buy, sell) and a
    ``time`` (or ``timestamp``) in ms. Also gzip.
    """
    books: list[LineBook] = []
    trades: list[TradeRow] = []
    for number, line in enumerate(unpacked(path).splitlines(), start=1):
        stamp = _STAMP.match(line)
        text = line[stamp.end() :] if stamp else line
        if text.strip():
            _read(f"{path}: line {number}", text, watch.market, books, trades)
    if not books:
        raise BookError(f"{path}: no line is a book of {watch.market}")
    last = 2**62 if watch.until_ms is None else watch.until_ms
    books = sorted((each for each in books if each[0] <= last), key=itemgetter(0))
    if not books:
        raise BookError(f"{path}: no book of {watch.market} before the end")
    sampler = watch.sampler()
    for time_ms, bids, asks in books:
        # A frame shows nothing beyond its last level.
        sampler.look(time_ms, bids, asks, (bids[-1, 0], asks[-1, 0]))
    inside = Trades.of([each for each in trades if books[0][0] <= each[0] <= last])
    return _finished(path, watch, sampler, inside, max([books[-1][0], *inside.times_ms.tolist()]))


def _finished(
    path: Path, watch: Watch, sampler: Sampler, trades: Trades, end: int, **more: Any
) -> Tape:
    samples = sampler.samples()
    begin = int(samples.times_ms[0])
    if end <= begin:
        raise VetError(f"{path}: one book is no recording; vetting needs some time to pass")
    if watch.storm is None:
        phases = found_phases(samples, end)
    else:
        start, stop = max(begin, watch.storm[0]), min(end, watch.storm[1])
        if stop <= start:
            raise VetError(
                f"--storm: lies outside {path.name}, which is from {time_text(begin)} to "
                f"{time_text(end)} UTC"
            )
        phases = split_phases(begin, end, start, stop)
    has_trades = bool(len(trades.times_ms))
    source = f"the recording {path.name}"
    return watch.tape(source, sampler, trades, end, phases=phases, has_trades=has_trades, **more)


def _read(
    where: str, text: bytes, market: str, books: list[LineBook], trades: list[TradeRow]
) -> None:
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
    books.append((levels.time_ms, book.bids, book.asks))


def _trades(document: Mapping[str, Any], market: str) -> list[TradeRow] | None:
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
