"""The figures of a venue in one phase: how its book was, what trading cost, who traded.

Whatever describes the book is weighted by time: a book counts for as long as it stood.
"""

from typing import NamedTuple

import numpy as np
from msgspec import Struct

from seawall.lab.arrays import Floats
from seawall.lab.vet.book import BANDS_BP, BP, CROSSED, EMPTY, OPEN, UNKNOWN
from seawall.lab.vet.resilience import Resilience, resilience_of
from seawall.lab.vet.tape import Tape, weighted_mean, weighted_quantile

IMPACT_MS = 1_000
"""Length of the intervals over which price moves are held against signed volume."""
LEAST_INTERVALS = 10
"""Intervals with trades that a slope needs."""
NAN = float("nan")


class Spread(NamedTuple):
    """Bp of the middle."""

    mean: float
    median: float
    high: float


class BandDepth(NamedTuple):
    """USD within a band, means over time; ``low``: 5 % of the time both sides together are less
    than twice it. ``is_whole``: the source shows all of it all the time."""

    band_bp: int
    bids: float
    asks: float
    low: float
    is_whole: bool

    @property
    def mean(self) -> float:
        return (self.bids + self.asks) / 2


class SizeCost(NamedTuple):
    """One size. ``buy``, ``sell``: mean slippage in bp over the time in which the book held it.

    ``high``: 95 % of that time the worse side is at most this. ``held``: share of the time in
    which both sides held it. ``round_trip``: in and out at once as taker, slippage and fees, bp.
    """

    usd: float
    buy: float
    sell: float
    high: float
    held: float
    round_trip: float


class Flow(NamedTuple):
    """Trades. Sizes in USD; ``impact``: bp that the middle moves with a million USD bought,
    ``explained``: share of the moves' variance that this explains."""

    trades: int
    usd: float
    per_minute: float
    bought: float
    mean: float
    median: float
    high: float
    largest: float
    impact: float
    explained: float


class Downtime(NamedTuple):
    """Shares of the time, and the longest wait for news of the book in seconds."""

    empty: float
    crossed: float
    unknown: float
    longest_wait: float

    @property
    def share(self) -> float:
        """Of the time, without a usable book."""
        return self.empty + self.crossed + self.unknown


class PhaseFigures(Struct, frozen=True, kw_only=True):
    """``imbalance``: mean of it and of its size. ``flow`` and ``resilience``: None without trades.

    ``funding``: fraction an hour that longs pay, nan where it is not known. ``range_bp``: highest
    less lowest middle.
    """

    phase: str
    seconds: float
    looks: int
    spread: Spread
    bands: tuple[BandDepth, ...]
    costs: tuple[SizeCost, ...]
    imbalance: float
    absolute_imbalance: float
    range_bp: float
    downtime: Downtime
    flow: Flow | None
    resilience: Resilience | None
    funding: float


def phase_figures(tape: Tape, phase: str) -> PhaseFigures:
    """What a phase of the tape shows."""
    weights = tape.weights(phase)
    samples = tape.samples
    spread, imbalance = samples.spread_bp, samples.imbalance
    seen = samples.middle[(weights > 0) & (samples.state == OPEN)]
    has_trades = tape.has_trades
    return PhaseFigures(
        phase=phase,
        seconds=tape.seconds(phase),
        looks=int((weights > 0).sum()),
        spread=Spread(
            weighted_mean(spread, weights),
            weighted_quantile(spread, weights, 0.5),
            weighted_quantile(spread, weights, 0.95),
        ),
        bands=tuple(_band(tape, weights, number) for number in range(len(BANDS_BP))),
        costs=tuple(_cost(tape, weights, number) for number in range(len(tape.sizes))),
        imbalance=weighted_mean(imbalance, weights),
        absolute_imbalance=weighted_mean(np.abs(imbalance), weights),
        range_bp=float((seen.max() - seen.min()) / seen.mean() / BP) if len(seen) else NAN,
        downtime=_downtime(tape, weights),
        flow=_flow(tape, phase) if has_trades else None,
        resilience=resilience_of(tape, phase) if has_trades else None,
        funding=tape.funding.get(phase, NAN),
    )


def _band(tape: Tape, weights: Floats, number: int) -> BandDepth:
    depth = tape.samples.depth[:, :, number]
    whole = np.asarray(tape.samples.whole[:, :, number].all(axis=1))
    counted = (weights > 0) & (tape.samples.state == OPEN)
    return BandDepth(
        BANDS_BP[number],
        weighted_mean(depth[:, 0], weights),
        weighted_mean(depth[:, 1], weights),
        weighted_quantile(depth.mean(axis=1), weights, 0.05),
        bool(whole[counted].all()),
    )


def _cost(tape: Tape, weights: Floats, number: int) -> SizeCost:
    slippage = tape.samples.slippage[:, :, number]
    is_open = tape.samples.state == OPEN
    held = np.asarray(np.isfinite(slippage).all(axis=1))
    total = float(weights[is_open].sum())
    buy, sell = (weighted_mean(slippage[:, side], weights) for side in (0, 1))
    worse = np.where(held, slippage.max(axis=1, initial=-np.inf), np.nan)
    return SizeCost(
        tape.sizes[number],
        buy,
        sell,
        weighted_quantile(worse, weights, 0.95),
        float(weights[held].sum()) / total if total else 0.0,
        buy + sell + 2 * tape.charges.taker / BP,
    )


def _downtime(tape: Tape, weights: Floats) -> Downtime:
    total = float(weights.sum()) or 1.0
    state = tape.samples.state
    empty, crossed, unknown = (
        float(weights[state == each].sum()) / total for each in (EMPTY, CROSSED, UNKNOWN)
    )
    lengths = np.minimum(tape.lengths_ms(), weights)
    return Downtime(empty, crossed, unknown, float(lengths.max(initial=0)) / 1000)


def _flow(tape: Tape, phase: str) -> Flow:
    inside = tape.within(phase, tape.trades.times_ms)
    usd, signs = tape.trades.usd[inside], tape.trades.signs[inside]
    if not len(usd):
        return Flow(0, 0.0, 0.0, *([NAN] * 7))
    impact, explained = _impact(tape, phase)
    total = float(usd.sum())
    return Flow(
        len(usd),
        total,
        len(usd) / tape.seconds(phase) * 60,
        float(usd[signs > 0].sum()) / total,
        float(usd.mean()),
        float(np.median(usd)),
        float(np.quantile(usd, 0.95)),
        float(usd.max()),
        impact,
        explained,
    )


def _impact(tape: Tape, phase: str) -> tuple[float, float]:
    """Slope (bp per million USD) and R^2 of moves of the middle over signed taker volume.

    Least squares over intervals that lie in the phase and have trades.
    """
    is_open = tape.samples.state == OPEN
    times, middle = tape.samples.times_ms[is_open], tape.samples.middle[is_open]
    moves, flows = [], []
    for first, last in tape.phases.get(phase, ()):
        edges = np.arange(first, last + 1, IMPACT_MS)
        if len(edges) < 2:
            continue
        at = np.searchsorted(times, edges, side="right") - 1
        cut = np.searchsorted(tape.trades.times_ms, edges, side="right")
        signed = np.append(0.0, np.cumsum(tape.trades.usd * tape.trades.signs))
        counts = np.diff(cut)
        good = np.flatnonzero((counts > 0) & (at[:-1] >= 0))
        begin, end = middle[np.maximum(at[:-1], 0)], middle[np.maximum(at[1:], 0)]
        moves.append(((end / begin - 1) / BP)[good])
        flows.append(np.diff(signed[cut])[good] / 1e6)
    move = np.concatenate([*moves, np.empty(0)])
    flow = np.concatenate([*flows, np.empty(0)])
    if len(flow) < LEAST_INTERVALS or not flow.std():
        return NAN, NAN
    slope = float(np.cov(flow, move, bias=True)[0, 1] / flow.var())
    correlation = float(np.corrcoef(flow, move)[0, 1]) if move.std() else 0.0
    return slope, correlation**2
