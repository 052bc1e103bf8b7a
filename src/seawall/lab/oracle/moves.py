"""Which moves liquidate on the true price and which on the published one.

A move goes from the prices now to its deepest point in half its duration and back in the other
half, all markets by their betas. The account is valued by the engine's own formulas; nothing is
traded on the way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct

from seawall.accounts.valuation import Valuation
from seawall.lab.arrays import Floats, Integers
from seawall.lab.oracle.preset import Preset
from seawall.lab.oracle.publish import publish
from seawall.lab.simulation.setup import price_units

DURATIONS_MS = (10_000, 60_000, 300_000, 1_800_000, 7_200_000)
POINTS = 24
"""Times on each half of a move."""
PHASES = 4
DEEPEST = {-1: 0.9, 1: 3.0}
"""The largest move that is looked at, down and up."""
PRECISION = 2.0**-11
"""Of the largest move."""
LADDER = (0.5, 0.9, 0.97, 1.0, 1.01, 1.03, 1.06, 1.1, 1.2, 1.35, 1.6, 2.0, 3.0, 5.0)
"""Multiples of the true move that are tried in turn: a larger move may be published with so little
confidence that it is refused where a smaller one was taken."""
START_MS = 86_400_000
"""A multiple of every interval, so that phases are what they say."""


class MoveOutcome(Struct, frozen=True, kw_only=True):
    """The smallest moves of the leading market that liquidate a bucket, as signed fractions.

    ``true``: on the true price. ``published``: on the published one where the oracle looks at the
    best moment for it; ``surely``: where it looks at the worst. None where no move up to
    ``DEEPEST`` does.
    """

    preset: str
    bucket: int
    direction: int
    duration_ms: int
    true: float
    published: float | None
    surely: float | None

    @property
    def verdict(self) -> str:
        """Which moves the two prices judge differently."""
        if self.published is None:
            return "true price alone"
        if self.surely is None:
            return "published if looked at in time"
        grain = 2 * PRECISION * DEEPEST[self.direction]
        if abs(self.surely) > abs(self.true) + grain:
            return "true price first"
        if abs(self.published) < abs(self.true) - grain:
            return "published price first"
        return "the same"


class Prices:
    """Buckets that prices liquidate; what was asked is remembered."""

    def __init__(self, valuation: Valuation) -> None:
        self.valuation = valuation
        self._known: dict[tuple[int, ...], frozenset[int]] = {}

    def liquidated(self, units: Sequence[int]) -> frozenset[int]:
        """Of price units by market."""
        key = tuple(units)
        if key not in self._known:
            found = self.valuation.at(key).items()
            self._known[key] = frozenset(name for name, each in found if each.is_liquidatable)
        return self._known[key]

    def first(self, usd: Floats) -> dict[int, int]:
        """The first row of prices (n, m) that liquidates each bucket, of those that any does."""
        units = price_units(self.valuation.instruments, usd)
        changed = np.concatenate([[True], (units[1:] != units[:-1]).any(axis=1)])
        found: dict[int, int] = {}
        for row in np.flatnonzero(changed).tolist():
            for bucket in self.liquidated(units[row].tolist()):
                found.setdefault(bucket, row)
        return found

    def liquidates(self, usd: Floats, bucket: int) -> bool:
        """Whether any row of prices (n, m) liquidates a bucket; the farthest are asked first."""
        units = np.unique(price_units(self.valuation.instruments, usd), axis=0)
        far = np.abs(units / np.asarray(self.valuation.prices) - 1.0).max(axis=1)
        rows = units[np.argsort(-far)].tolist()
        return any(bucket in self.liquidated(row) for row in rows)


def compared_moves(
    valuation: Valuation,
    presets: Sequence[Preset],
    betas: Mapping[str, float],
    seed: int,
) -> list[MoveOutcome]:
    """Every preset on moves of every duration, for the buckets that a move liquidates.

    ``betas``: by market, of a move of the leading one.
    """
    prices = Prices(valuation)
    scale = np.asarray([10.0**-each.price_decimals for each in valuation.instruments])
    now = np.asarray(valuation.prices) * scale
    beta = np.asarray([betas[each.name] for each in valuation.instruments])
    safe = set(valuation.buckets) - prices.liquidated(valuation.prices)
    return [
        outcome
        for direction in (-1, 1)
        for bucket in valuation.buckets
        if bucket in safe
        for outcome in _of_bucket(prices, _Moves(now, beta, direction), presets, bucket, seed)
    ]


def _of_bucket(
    prices: Prices, moves: "_Moves", presets: Sequence[Preset], bucket: int, seed: int
) -> Iterator[MoveOutcome]:
    """Moves of every duration under every preset; none where no move liquidates."""
    direction, deepest = moves.direction, DEEPEST[moves.direction]
    true = moves.smallest(lambda size: prices.liquidates(moves.at(size), bucket), [deepest])
    if true is None:
        return
    tried = [each * true for each in LADDER if each * true < deepest] + [deepest]
    for duration in DURATIONS_MS:
        for preset in presets:
            ends = _published(prices, moves, preset, bucket, duration, seed, tried)
            known = [direction * each for each in ends if each is not None]
            yield MoveOutcome(
                preset=preset.name,
                bucket=bucket,
                direction=direction,
                duration_ms=duration,
                true=direction * true,
                published=min(known, key=abs, default=None),
                surely=max(known, key=abs) if len(known) == len(ends) else None,
            )


class _Moves:
    """Moves of all markets in one direction."""

    def __init__(self, now: Floats, beta: Floats, direction: int) -> None:
        self._now, self._beta, self.direction = now, beta, direction

    def at(self, sizes: float | Floats) -> Floats:
        """Prices (n, m) after moves of the leading market of these sizes; never below a thousandth
        of the price now."""
        moved = 1.0 + self.direction * np.outer(np.atleast_1d(sizes), self._beta)
        prices: Floats = self._now * np.maximum(moved, 1e-3)
        return prices

    def smallest(self, liquidates: Callable[[float], bool], tried: Sequence[float]) -> float | None:
        """The smallest size that does, to ``PRECISION`` of the largest; None where none does.

        ``tried``: rising sizes; the first of them that does bounds the search. Sizes are multiples
        of one grain, so that searches from different bounds find the same.
        """
        grain = PRECISION * DEEPEST[self.direction]
        low = 0
        for high in (round(each / grain) for each in tried):
            if liquidates(high * grain):
                break
            low = high
        else:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if liquidates(middle * grain) else (middle, high)
        return high * grain


def _published(
    prices: Prices, moves: _Moves, preset: Preset, bucket: int, duration_ms: int, seed: int,
    tried: Sequence[float],
) -> list[float | None]:  # fmt: skip
    """The smallest size by phase of the oracle's looks."""
    times, shape = _shape(duration_ms, preset.delay_ms)
    step = duration_ms / (2 * POINTS)
    count = PHASES if preset.interval_ms > step else 1
    found = []
    for phase in range(count):
        # One look of the first phase is at the deepest point, of the third farthest from it.
        phase_ms = duration_ms // 2 + preset.interval_ms * phase // count

        def liquidates(size: float, phase_ms: int = phase_ms) -> bool:
            true = moves.at(size * shape)
            made = publish(times, true, preset, seed, phase_ms)
            return prices.liquidates(made.taken, bucket)

        found.append(moves.smallest(liquidates, tried))
    return found


def _shape(duration_ms: int, delay_ms: int) -> tuple[Integers, Floats]:
    """Times and shares of the move: there and back, then what is still to be published."""
    there = np.linspace(0, duration_ms, 2 * POINTS + 1).round().astype(np.int64)
    times = np.unique(np.concatenate([there, there + delay_ms, there[-1:] + 2 * delay_ms]))
    shares = 1.0 - np.abs(2.0 * times / duration_ms - 1.0)
    return START_MS + times, np.maximum(0.0, shares)
