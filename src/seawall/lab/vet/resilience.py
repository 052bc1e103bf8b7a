"""How fast a book comes back: after its largest trades, and after a shock.

Trades of one millisecond and side count as one. Depth is what rests within the nearest band on the
side that was taken from. Eaten is what a trade left less of; the share that is back after some
seconds is taken over all of these trades together, so that one that ate little weighs little; of
each it is from nothing, if the side went on falling, to all, if there is more than before.
"""

from typing import NamedTuple

import numpy as np

from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.vet.book import OPEN
from seawall.lab.vet.tape import AFTER, CALM, STORM, Tape, weighted_quantile

LARGEST = 20
"""So many of a phase's largest trades are looked at."""
LEAST_EATEN = 0.05
"""Share of the depth; less of it is lost among the changes that makers make anyway."""
BACK_AFTER_MS = (1_000, 5_000, 30_000)
LONGEST_MS = 120_000
NAN = float("nan")


class Resilience(NamedTuple):
    """Of ``trades``, the largest ones after which depth had fallen.

    ``unmoved``: others of the largest, after which the next look showed hardly less. ``eaten``:
    median, USD. ``back``: the share that is back after each of ``BACK_AFTER_MS``, nan where the
    source ends before. ``half_depth``, ``half_spread``: median seconds to half of the way back, inf
    where that took longer than two minutes; of the spread where a trade had widened it.
    """

    trades: int
    unmoved: int
    eaten: float
    back: tuple[float, ...]
    half_depth: float
    half_spread: float


class Recovery(NamedTuple):
    """A shock's worst moment against the calm before it, and seconds from its begin until half of
    the way back; inf where that was not seen. Depth in USD of both sides, spread in bp."""

    calm_depth: float
    worst_depth: float
    half_depth: float
    calm_spread: float
    worst_spread: float
    half_spread: float


class _Event(NamedTuple):
    time_ms: int
    sign: int


def resilience_of(tape: Tape, phase: str) -> Resilience:
    """After the largest trades of a phase."""
    is_open = tape.samples.state == OPEN
    times = tape.samples.times_ms[is_open]
    depth = tape.samples.depth[is_open][:, :, 0]
    spread = tape.samples.spread_bp[is_open]
    eaten, backs, half_depths, half_spreads = [], [], [], []
    unmoved = 0
    for event in _largest(tape, phase):
        # A buyer takes from the asks.
        side = depth[:, 1 if event.sign > 0 else 0]
        first = int(np.searchsorted(times, event.time_ms))
        if first == 0 or first >= len(times):
            continue
        before, after = float(side[first - 1]), float(side[first])
        if before - after < LEAST_EATEN * before:
            unmoved += 1
            continue
        eaten.append(before - after)
        backs.append(
            [
                _held(times, side, event.time_ms + wait, tape.end_ms, (after, before)) - after
                for wait in BACK_AFTER_MS
            ]
        )
        half = (before + after) / 2
        half_depths.append(_wait(times, side >= half, first, event.time_ms, tape.end_ms))
        narrow, wide = float(spread[first - 1]), float(spread[first])
        if wide > narrow:
            met = spread <= (narrow + wide) / 2
            half_spreads.append(_wait(times, met, first, event.time_ms, tape.end_ms))
    return Resilience(
        len(eaten),
        unmoved,
        _median(eaten),
        _shares(np.asarray(backs).reshape(-1, len(BACK_AFTER_MS)), np.asarray(eaten)),
        _median(half_depths),
        _median(half_spreads),
    )


def _largest(tape: Tape, phase: str) -> list[_Event]:
    """Trades of one millisecond and side are one; the largest of the phase, in time."""
    inside = tape.within(phase, tape.trades.times_ms)
    keys = tape.trades.times_ms[inside] * 2 + (tape.trades.signs[inside] > 0)
    if not len(keys):
        return []
    events, places = np.unique(keys, return_inverse=True)
    usd = np.bincount(places, tape.trades.usd[inside], len(events))
    chosen = np.sort(np.argsort(-usd, kind="stable")[:LARGEST])
    return [_Event(int(key) // 2, 1 if key % 2 else -1) for key in events[chosen]]


def _held(times: Integers, side: Floats, at: int, end: int, between: tuple[float, float]) -> float:
    """The depth that stood at a time, within bounds; nan after the end."""
    if at > end:
        return NAN
    return float(np.clip(side[np.searchsorted(times, at, side="right") - 1], *between))


def _shares(backs: Floats, eaten: Floats) -> tuple[float, ...]:
    """What is back of all that was eaten, by column, over the trades for which that is known."""
    found = []
    for column in backs.T:
        known = np.isfinite(column)
        total = float(eaten[known].sum()) if len(eaten) else 0.0
        found.append(float(column[known].sum()) / total if total else NAN)
    return tuple(found)


def _wait(times: Integers, met: Mask, first: int, begin: int, end: int) -> float:
    """Seconds from ``begin`` to the first look from ``first`` on at which it is met.

    inf where it took longer than ``LONGEST_MS``, nan where the source ends before that is known.
    """
    last = int(np.searchsorted(times, begin + LONGEST_MS, side="right"))
    found = np.flatnonzero(met[first:last])
    if len(found):
        return float(times[first + found[0]] - begin) / 1000
    return float("inf") if end >= begin + LONGEST_MS else NAN


def _median(values: list[float]) -> float:
    """Of those that are known; an even number of them gives the lower one, so inf is not halved."""
    known = sorted(value for value in values if value == value)
    return known[(len(known) - 1) // 2] if known else NAN


def recovery_of(tape: Tape) -> Recovery | None:
    """After the shock, or the begin of the storm; None where there was none, or no calm before."""
    if not tape.phases.get(STORM) or not tape.phases.get(CALM):
        return None
    begin = tape.phases[STORM][0][0]
    end = tape.phases.get(AFTER, tape.phases[STORM])[-1][1]
    is_open = tape.samples.state == OPEN
    times = tape.samples.times_ms[is_open]
    weights = tape.weights(CALM)[is_open]
    depth = tape.samples.depth[is_open][:, :, 0].mean(axis=1)
    spread = tape.samples.spread_bp[is_open]
    first, last = (int(each) for each in np.searchsorted(times, [begin, end]))
    if last <= first:
        return None
    calm_depth, calm_spread = (weighted_quantile(each, weights, 0.5) for each in (depth, spread))
    low = first + int(np.argmin(depth[first:last]))
    wide = first + int(np.argmax(spread[first:last]))
    return Recovery(
        calm_depth,
        float(depth[low]),
        _after_worst(times, depth >= (calm_depth + depth[low]) / 2, low, begin),
        calm_spread,
        float(spread[wide]),
        _after_worst(times, spread <= (calm_spread + spread[wide]) / 2, wide, begin),
    )


def _after_worst(times: Integers, met: Mask, worst: int, begin: int) -> float:
    found = np.flatnonzero(met[worst:])
    return float(times[worst + found[0]] - begin) / 1000 if len(found) else float("inf")
