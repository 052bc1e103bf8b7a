"""Vetting a recorded book: parquet of changes through the engine, or lines of whole books."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seawall.engine.book_view import book_rows
from seawall.lab.market.book import BookError
from seawall.lab.market.book_replay import Reached, Replay
from seawall.lab.market.book_replay_file import Known, Recording, is_recording, read_recording
from seawall.lab.market.book_replay_plan import TRADE
from seawall.lab.market.candle_file import time_text
from seawall.lab.vet.book import ALL_PRICES, BANDS_BP, BP, Floats, Sampler
from seawall.lab.vet.lines import read_lines
from seawall.lab.vet.tape import Tape, Trades, VetError, Watch, found_phases, split_phases
from seawall.report import kinds

LEVELS_AT_FIRST = 2_048


def recorded_tape(path: Path, watch: Watch) -> Tape:
    """Raises BookError, ReplayError, VetError."""
    if not path.is_file():
        raise BookError(f"{path}: no such file; a recording is parquet or lines of JSON")
    if is_recording(path):
        return _of_changes(path, watch)
    return _of_lines(path, watch)


def _of_changes(path: Path, watch: Watch) -> Tape:
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
    found = read_lines(path, watch.market, watch.until_ms)
    sampler = watch.sampler()
    for book in found.books:
        sampler.look(book.time_ms, book.bids, book.asks, (book.bids[-1, 0], book.asks[-1, 0]))
    trades = Trades.of(found.trades)
    end = max(found.books[-1].time_ms, int(trades.times_ms[-1]) if found.trades else 0)
    return _finished(path, watch, sampler, trades, end)


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
