"""The figures of ``seawall vet`` as plain values and as tables for computing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.lab.vet.book import BANDS_BP
from seawall.lab.vet.figures import PhaseFigures
from seawall.lab.vet.resilience import BACK_AFTER_MS, Recovery
from seawall.lab.vet.tape import PHASES, Tape
from seawall.lab.vet.verdict import Verdict


def plain_of(
    tape: Tape, phases: Sequence[PhaseFigures], recovery: Recovery | None, verdict: Verdict
) -> dict[str, Any]:
    """The ``--json`` object."""
    return {
        "market": tape.market,
        "source": tape.source,
        "begin_ms": tape.begin_ms,
        "end_ms": tape.end_ms,
        "looks": len(tape.samples.times_ms),
        "trades": len(tape.trades.times_ms),
        "shock": None if tape.shock is None else {"at_ms": tape.shock[0], "what": tape.shock[1]},
        "fees": tape.charges._asdict(),
        "gaps": tape.breaks,
        "verdict": {
            "calm": verdict.calm,
            "storm": verdict.storm,
            "sentences": verdict.sentences,
            "grades": [each._asdict() for each in verdict.grades],
        },
        "phases": {each.phase: _phase(tape, each) for each in phases},
        "recovery": None if recovery is None else recovery._asdict(),
    }


def _phase(tape: Tape, phase: PhaseFigures) -> dict[str, Any]:
    resilience = None
    if phase.resilience is not None:
        resilience = phase.resilience._asdict() | {
            "back": {
                f"{wait // 1000}_s": each
                for wait, each in zip(BACK_AFTER_MS, phase.resilience.back, strict=True)
            }
        }
    return {
        "spans_ms": tape.phases[phase.phase],
        "seconds": phase.seconds,
        "looks": phase.looks,
        "spread_bp": phase.spread._asdict(),
        "depth": [each._asdict() for each in phase.bands],
        "sizes": [each._asdict() for each in phase.costs],
        "imbalance": phase.imbalance,
        "absolute_imbalance": phase.absolute_imbalance,
        "range_bp": phase.range_bp,
        "downtime": phase.downtime._asdict(),
        "flow": None if phase.flow is None else phase.flow._asdict(),
        "resilience": resilience,
        "funding_per_hour": phase.funding,
    }


def frames_of(tape: Tape, phases: Sequence[PhaseFigures]) -> Mapping[str, Mapping[str, Any]]:
    """The looks, the trades, and the cost of each size by phase."""
    samples, trades = tape.samples, tape.trades
    looks: dict[str, Any] = {
        "time_ms": samples.times_ms,
        "state": samples.state,
        "phase": _names(tape, samples.times_ms),
        "bid": samples.bid,
        "ask": samples.ask,
        "spread_bp": samples.spread_bp,
        "imbalance": samples.imbalance,
    }
    for place, band in enumerate(BANDS_BP):
        for side, name in enumerate(("bids", "asks")):
            looks[f"{name}_{band}bp_usd"] = samples.depth[:, side, place]
    for place, usd in enumerate(tape.sizes):
        for side, name in enumerate(("buy", "sell")):
            looks[f"{name}_{usd:.0f}_bp"] = samples.slippage[:, side, place]
    costs = [(phase.phase, each) for phase in phases for each in phase.costs]
    return {
        "looks": looks,
        "trades": {
            "time_ms": trades.times_ms,
            "price": trades.prices,
            "size": trades.sizes,
            "sign": trades.signs,
        },
        "sizes": {
            "phase": [name for name, _ in costs],
            **{
                field: [getattr(cost, field) for _, cost in costs]
                for field in ("usd", "buy", "sell", "high", "held", "round_trip")
            },
        },
    }


def _names(tape: Tape, times_ms: NDArray[np.int64]) -> list[str]:
    """The phase of each time."""
    found = [""] * len(times_ms)
    for name in PHASES:
        for place in np.flatnonzero(tape.within(name, times_ms)).tolist():
            found[place] = name
    return found
