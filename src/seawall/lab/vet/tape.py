"""What was seen of a market: looks at its book, its trades, and which times were calm or storm."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.errors import InputError
from seawall.lab.vet.book import OPEN, Floats, Samples

CALM, STORM, AFTER = "calm", "storm", "after"
PHASES = (CALM, STORM, AFTER)
Spans = tuple[tuple[int, int], ...]

STORM_MS = 60_000
"""Of a recording: its minute with the widest range of the middle counts as its storm."""
LARGEST_STORM = 3
"""But at most this part of it: a third."""
STEP_MS = 1_000
LEAST_SIZE, CURVE_POINTS = 1_000.0, 16


class VetError(InputError):
    """A source that cannot be vetted; the message says what would be right."""


class Trades(NamedTuple):
    """n trades in time: USD, coins, and 1 where the taker bought, -1 where it sold."""

    times_ms: NDArray[np.int64]
    prices: Floats
    sizes: Floats
    signs: NDArray[np.int64]

    @property
    def usd(self) -> Floats:
        value: Floats = self.prices * self.sizes
        return value

    @classmethod
    def none(cls) -> "Trades":
        empty = np.empty(0)
        return cls(np.empty(0, np.int64), empty, empty, np.empty(0, np.int64))

    @classmethod
    def of(cls, rows: Sequence[tuple[int, float, float, int]]) -> "Trades":
        """From rows of time, price, size and sign, in any order; equal times stay as they are."""
        if not rows:
            return cls.none()
        times, prices, sizes, signs = zip(*sorted(rows, key=lambda row: row[0]), strict=True)
        return cls(
            np.asarray(times, np.int64),
            np.asarray(prices, np.float64),
            np.asarray(sizes, np.float64),
            np.asarray(signs, np.int64),
        )


class Charges(NamedTuple):
    """Fractions of the value traded; ``source`` says whose."""

    taker: float
    maker: float
    source: str


class Tape(Struct, frozen=True, kw_only=True):
    """A market from the first look to ``end_ms``.

    ``phases``: spans of time in ms by name. ``shock``: when it began and how it is called.
    ``funding``: fraction an hour that longs pay, by phase. ``has_trades``: whether the source has
    trades at all. ``breaks``: how often the source lost track of the book. ``sizes``: all that
    were walked, ascending; ``shown``: those that were asked for.
    """

    market: str
    source: str
    sizes: tuple[float, ...]
    shown: tuple[float, ...]
    samples: Samples
    trades: Trades
    end_ms: int
    phases: dict[str, Spans]
    charges: Charges
    shock: tuple[int, str] | None = None
    funding: dict[str, float] = {}
    has_trades: bool = True
    breaks: int = 0
    notes: tuple[str, ...] = ()
    seed: int | None = None

    @property
    def begin_ms(self) -> int:
        return int(self.samples.times_ms[0])

    def lengths_ms(self) -> NDArray[np.int64]:
        """How long each look held: until the next one."""
        return np.diff(np.append(self.samples.times_ms, self.end_ms))

    def weights(self, phase: str) -> Floats:
        """Ms of each look that lie in a phase."""
        starts = self.samples.times_ms
        stops = np.append(starts[1:], self.end_ms)
        total = np.zeros(len(starts))
        for first, last in self.phases.get(phase, ()):
            total += np.maximum(0, np.minimum(stops, last) - np.maximum(starts, first))
        return total

    def within(self, phase: str, times_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which times lie in a phase."""
        inside = np.zeros(len(times_ms), bool)
        for first, last in self.phases.get(phase, ()):
            inside |= (times_ms >= first) & (times_ms < last)
        return inside

    def seconds(self, phase: str) -> float:
        return sum(last - first for first, last in self.phases.get(phase, ())) / 1000


def walked_sizes(shown: Sequence[float]) -> tuple[float, ...]:
    """The sizes asked for, and enough between and around them for a curve."""
    curve = np.geomspace(LEAST_SIZE, max(*shown, 10 * LEAST_SIZE), CURVE_POINTS)
    return tuple(sorted({*map(float, shown), *(round(each, -2) for each in curve.tolist())}))


def weighted_mean(values: Floats, weights: Floats) -> float:
    """Over the values that are numbers; nan where none has weight."""
    good = np.isfinite(values) & (weights > 0)
    if not good.any():
        return float("nan")
    return float(np.average(values[good], weights=weights[good]))


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """The least value with at least this share of the weight at or below it."""
    good = np.isfinite(values) & (weights > 0)
    if not good.any():
        return float("nan")
    order = np.argsort(values[good], kind="stable")
    held = np.cumsum(weights[good][order])
    place = int(np.searchsorted(held, share * held[-1] * (1 - 1e-12)))
    return float(values[good][order][min(place, len(order) - 1)])


def found_phases(samples: Samples, end_ms: int) -> dict[str, Spans]:
    """Of a recording: the stretch with the widest range of the middle, as long after, the rest."""
    begin = int(samples.times_ms[0])
    length = min(STORM_MS, (end_ms - begin) // LARGEST_STORM)
    is_open = samples.state == OPEN
    if length < STEP_MS or not is_open.any():
        return {CALM: ((begin, end_ms),)}
    times, middle = samples.times_ms[is_open], samples.middle[is_open]
    best, start = -1.0, begin
    for first in range(begin, end_ms - length + 1, STEP_MS):
        low, high = np.searchsorted(times, [first, first + length])
        # The look before is the book at the begin of the stretch.
        seen = middle[max(0, low - 1) : high]
        width = float(seen.max() - seen.min()) if len(seen) else 0.0
        if width > best:
            best, start = width, first
    return split_phases(begin, end_ms, start, start + length)


def split_phases(begin: int, end: int, start: int, stop: int) -> dict[str, Spans]:
    """Storm from ``start`` to ``stop``, after it as long again, calm everywhere else."""
    after = min(end, stop + (stop - start))
    spans = {
        CALM: tuple(span for span in ((begin, start), (after, end)) if span[1] > span[0]),
        STORM: ((start, stop),),
        AFTER: ((stop, after),) if after > stop else (),
    }
    return {name: each for name, each in spans.items() if each}
