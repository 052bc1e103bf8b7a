"""A market rehearsed: with the cascade, without it, and under many seeds."""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from seawall.lab.cascade.setup import MarketSetup
from seawall.lab.cascade.simulate import CascadeRun, simulate
from seawall.lab.simulation.trials import run_trials

Floats = NDArray[np.float64]
Tell = Callable[[str, int, int], None]


class SeedOutcome(Struct, frozen=True, kw_only=True):
    """One seed in numbers. USD; ``drops`` and ``exogenous``: largest fall of the mark in each
    market, with and without the cascade, fractions; ``own_loss``: what the account lost."""

    seed: int
    drops: tuple[float, ...]
    exogenous: tuple[float, ...]
    sold_to_book: float
    taken_over: float
    deleveraged: float
    liquidated: int
    own_loss: float
    is_own_liquidated: bool
    state_hash: str


class MarketRehearsal(Struct, frozen=True, kw_only=True):
    """``seeds``: outcomes of further seeds, this one's first; empty where none were asked for."""

    run: CascadeRun
    without: CascadeRun
    seeds: tuple[SeedOutcome, ...] = ()


def rehearse_market(
    setup: MarketSetup,
    *,
    seeds: int = 1,
    workers: int | None = None,
    cluster: str | None = None,
    tell: Tell | None = None,
) -> MarketRehearsal:
    """Run ``setup`` with and without its people, then ``seeds`` seeds from its own on.

    ``tell(what, done, all)``: progress. The same ``setup`` gives the same result, whoever computes
    it. Raises PathError, RehearsalError, LayoutError, TrialError, ClusterError.
    """
    say = tell or _silent
    decisions = len(setup.grid.times_ms)
    run = simulate(setup, lambda done: say("the market", done, decisions))
    without = simulate(
        setup, lambda done: say("the same day without a cascade", done, decisions), with_crowd=False
    )
    outcomes: list[SeedOutcome] = []
    if seeds > 1:
        first = outcome_of(run, without)
        others = run_trials(
            further_seed, setup, seeds - 1, workers=workers, cluster=cluster,
            progress=lambda done: say("seeds", done, seeds - 1),
        )  # fmt: skip
        outcomes = [first, *others]
    return MarketRehearsal(run=run, without=without, seeds=tuple(outcomes))


def further_seed(setup: MarketSetup, number: int) -> SeedOutcome:
    """Trial ``number``: the seed after ``number`` others."""
    assumptions = setup.assumptions
    assumptions = structs.replace(assumptions, seed=assumptions.seed + 1 + number)
    own = structs.replace(setup, assumptions=assumptions)
    return outcome_of(simulate(own), simulate(own, with_crowd=False))


def outcome_of(run: CascadeRun, without: CascadeRun) -> SeedOutcome:
    """What is kept of a run."""
    series = run.series
    return SeedOutcome(
        seed=run.setup.assumptions.seed,
        drops=tuple(drops_of(run)),
        exogenous=tuple(drops_of(without)),
        sold_to_book=float(series.sold_to_book.sum()),
        taken_over=float(series.taken_over.sum()),
        deleveraged=float(series.deleveraged.sum()),
        liquidated=int(run.is_liquidated.sum()),
        own_loss=own_loss(run),
        is_own_liquidated=bool(own_liquidated(run)),
        state_hash=run.state_hash,
    )


def drops_of(run: CascadeRun) -> list[float]:
    """Largest fall of the mark from its first value, by market; 0 where it never fell."""
    marks = run.series.mark
    found: Sequence[float] = np.maximum(0.0, 1.0 - marks.min(axis=0) / marks[0]).tolist()
    return list(found)


def rises_of(run: CascadeRun) -> list[float]:
    """Largest rise of the mark from its first value, by market."""
    marks = run.series.mark
    found: Sequence[float] = np.maximum(0.0, marks.max(axis=0) / marks[0] - 1.0).tolist()
    return list(found)


def own_loss(run: CascadeRun) -> float:
    """USD that the account under study lost over the run; below zero where it gained."""
    if run.own_start is None or run.own_end is None:
        return 0.0
    return (run.own_start.equity - run.own_end.equity) / 1e6


def own_liquidated(run: CascadeRun) -> bool:
    """Whether a liquidation of the account under study began."""
    return any(each.kind == "liquidation_started" for each in run.incidents)


def _silent(what: str, done: int, whole: int) -> None:
    """Nobody asked for progress."""
