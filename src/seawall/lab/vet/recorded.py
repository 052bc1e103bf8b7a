"""Vetting a recorded book: parquet of changes through the engine, or lines of whole books."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from seawall.engine.book_view import book_rows
from seawall.lab.market.book import BookError
from seawall.lab.market.book_replay import Reached, Replay
from seawall.lab.market.book_replay_file import Known, Recording, is_recording, read_recording
from seawall.lab.market.book_replay_plan import TRADE
from seawall.lab.vet.book import ALL_PRICES, BANDS_BP, BP, Floats, Sampler
from seawall.lab.vet.lines import read_lines
from seawall.lab.vet.tape import (
    Charges,
    Spans,
    Tape,
    Trades,
    VetError,
    found_phases,
    split_phases,
    walked_sizes,
)

LEVELS_AT_FIRST = 2_048


class RecordedOptions(Struct, frozen=True, kw_only=True):
    """``storm``: from and to, ms; None finds it. ``until_ms``: where to stop reading."""

    market: str
    sizes: tuple[float, ...]
    charges: Charges
    storm: tuple[int, int] | None = None
    until_ms: int | None = None


def recorded_tape(path: Path, options: RecordedOptions) -> Tape:
    """Raises BookError, ReplayError, VetError."""
    if not path.is_file():
        raise BookError(f"{path}: no such file; a recording is parquet or lines of JSON")
    if is_recording(path):
        return _of_changes(path, options)
    return _of_lines(path, options)


def _of_changes(path: Path, options: RecordedOptions) -> Tape:
    recording = read_recording(path, options.market, options.until_ms)
    replay = Replay(recording)
    sampler = Sampler(walked_sizes(options.sizes))
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
    return _finished(
        path, options, sampler, trades, end, len(recording.breaks), _replay_words(replay)
    )


class _Reader:
    """The engine's book as float levels, as deep as the figures need."""

    def __init__(self, replay: Replay, recording: Recording) -> None:
        self._engine = replay.engine
        self._depth = LEVELS_AT_FIRST
        self._scale = (10.0**-recording.price_decimals, 10.0**-recording.size_decimals)
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
        f"{reached.trades:,} recorded trades {reached.share:.1%} met a resting order at their "
        f"price or better at once, {reached.share_near:.1%} in the book of the update before or "
        "after: trades are published one by one, the book only every few dozen ms.",
    )


def _of_lines(path: Path, options: RecordedOptions) -> Tape:
    found = read_lines(path, options.market, options.until_ms)
    sampler = Sampler(walked_sizes(options.sizes))
    for book in found.books:
        sampler.look(book.time_ms, book.bids, book.asks, (book.bids[-1, 0], book.asks[-1, 0]))
    trades = Trades.of(found.trades)
    end = max(found.books[-1].time_ms, int(trades.times_ms[-1]) if found.trades else 0)
    return _finished(path, options, sampler, trades, end, 0, ())


def _finished(
    path: Path,
    options: RecordedOptions,
    sampler: Sampler,
    trades: Trades,
    end: int,
    breaks: int,
    notes: tuple[str, ...],
) -> Tape:
    samples = sampler.samples()
    begin = int(samples.times_ms[0])
    if end <= begin:
        raise VetError(f"{path}: one book is no recording; vetting needs some time to pass")
    if options.storm is None:
        phases = found_phases(samples, end)
    else:
        phases = _given_phases(path, begin, end, options.storm)
    return Tape(
        market=options.market,
        source=f"the recording {path.name}",
        sizes=walked_sizes(options.sizes),
        shown=options.sizes,
        samples=samples,
        trades=trades,
        end_ms=end,
        phases=phases,
        charges=options.charges,
        has_trades=bool(len(trades.times_ms)),
        breaks=breaks,
        notes=notes,
    )


def _given_phases(path: Path, begin: int, end: int, storm: tuple[int, int]) -> dict[str, Spans]:
    start, stop = max(begin, storm[0]), min(end, storm[1])
    if stop <= start:
        from seawall.lab.market.candle_file import time_text

        raise VetError(
            f"--storm: lies outside {path.name}, which is from {time_text(begin)} to "
            f"{time_text(end)} UTC"
        )
    return split_phases(begin, end, start, stop)
