"""What was seen of a market: looks at its book, its trades, and which times were calm or storm."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.vet.book import OPEN, Sampler, Samples
from seawall.report import kinds

CALM, STORM, AFTER = "calm", "storm", "after"
PHASES = (CALM, STORM, AFTER)
Spans = tuple[tuple[int, int], ...]
TradeRow = tuple[int, float, float, int]
"""Time, price, size, and 1 where the taker bought, -1 where it sold."""

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

    times_ms: Integers
    prices: Floats
    sizes: Floats
    signs: Integers

    @property
    def usd(self) -> Floats:
        value: Floats = self.prices * self.sizes
        return value

    @classmethod
    def of(cls, rows: Sequence[TradeRow]) -> "Trades":
        """From rows of time, price, size and sign, in any order; equal times stay as they are."""
        found = np.asarray(sorted(rows, key=lambda row: row[0]), np.float64).reshape(-1, 4)
        times, prices, sizes, signs = found.T
        return cls(times.astype(np.int64), prices, sizes, signs.astype(np.int64))


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

    def lengths_ms(self) -> Integers:
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

    def within(self, phase: str, times_ms: Integers) -> Mask:
        """Which times lie in a phase."""
        inside = np.zeros(len(times_ms), bool)
        for first, last in self.phases.get(phase, ()):
            inside |= (times_ms >= first) & (times_ms < last)
        return inside

    def seconds(self, phase: str) -> float:
        return sum(last - first for first, last in self.phases.get(phase, ())) / 1000


class Watch(Struct, frozen=True, kw_only=True):
    """What is looked at, and through what.

    ``sizes``: USD of market orders. ``seconds``: of venue time, of each phase; ``every_s``: between
    two looks. ``move``: of the shock, a fraction, over ``ramp_s``; None for calm alone.
    ``withdrawn``: the share of depth that makers take away during the storm. Of a recording
    ``storm``: from and to, ms, None finds it; ``until_ms``: where to stop reading.
    """

    market: str
    sizes: tuple[float, ...]
    charges: Charges
    seconds: float = 0.0
    every_s: float = 1.0
    move: float | None = None
    ramp_s: float = 0.0
    withdrawn: float = 0.0
    storm: tuple[int, int] | None = None
    until_ms: int | None = None
    seed: int = 1

    def sampler(self) -> Sampler:
        """What collects the looks."""
        return Sampler(walked_sizes(self.sizes))

    def shock(self, at_ms: int) -> tuple[int, str] | None:
        """When the shock began and how it is called."""
        if self.move is None:
            return None
        text = f"{kinds.percent(self.move, 1, signed=True)} over {self.ramp_s:g} s"
        if self.withdrawn:
            text += f", makers without {kinds.percent(self.withdrawn, 0)} of their depth"
        return at_ms, text

    def tape(self, source: str, sampler: Sampler, trades: Trades, end_ms: int, **more: Any) -> Tape:
        """What was seen of it."""
        return Tape(
            market=self.market,
            source=source,
            sizes=walked_sizes(self.sizes),
            shown=self.sizes,
            samples=sampler.samples(),
            trades=trades,
            end_ms=end_ms,
            **{"charges": self.charges, **more},
        )


def mean_rates(rates: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The mean funding of each phase that has any."""
    return {phase: float(np.mean(each)) for phase, each in rates.items() if each}


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
