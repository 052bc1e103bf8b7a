"""A market rehearsed: with liquidations, without them, and under many seeds."""

from collections.abc import Callable, Mapping

import numpy as np
from msgspec import Struct, structs

from seawall.domain.enums import MarginGrouping
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MICRO
from seawall.lab.arrays import Integers, Mask
from seawall.lab.cascade.record import Recorder, Series
from seawall.lab.cascade.setup import MarketSetup, pace_of, simulation_of
from seawall.lab.cascade.waves import ObservedWave, WaveRecorder
from seawall.lab.simulation.incidents import Incident, liquidation_began
from seawall.lab.simulation.observer import Snapshot
from seawall.lab.simulation.population import Population
from seawall.lab.simulation.simulation import steps
from seawall.lab.simulation.trials import run_trials

Progress = Callable[[int], None]


class CascadeRun(Struct, kw_only=True):
    """The whole result. ``accounts``: numbers of the population in the engine, in its order.

    ``pools``: the cross pool of the account under study that each market draws on.
    ``is_liquidated``: by account of the population. ``batches``: how often the engine was called.
    """

    setup: MarketSetup
    series: Series
    population: Population | None
    accounts: Integers
    is_liquidated: Mask
    waves: list[ObservedWave]
    stalled: int
    account: int
    children: Mapping[int, int]
    pools: tuple[int, ...]
    incidents: list[Incident]
    own_start: Snapshot | None
    own_end: Snapshot | None
    added: int
    """Micro-USD that top-ups of the account under study brought."""
    rejected: dict[str, int]
    insurance_paid: float
    liquidation_fees: float
    is_conserved: bool
    state_hash: str
    commands: int
    events: int
    batches: int
    state_bytes: int

    @property
    def rulebook(self) -> AnyRulebook:
        return self.setup.rulebook

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return self.setup.instruments

    @property
    def grouping(self) -> MarginGrouping:
        """Which markets of the account under study share a cross pool."""
        return self.setup.plan.grouping

    @property
    def has_children(self) -> bool:
        """Whether isolated positions of the account under study are in child accounts."""
        return bool(self.children)

    @property
    def drops(self) -> list[float]:
        """Largest fall of the mark from its first value, by market; 0 where it never fell."""
        marks = self.series.mark
        return list(np.maximum(0.0, 1.0 - marks.min(axis=0) / marks[0]).tolist())

    @property
    def rises(self) -> list[float]:
        """Largest rise of the mark from its first value, by market."""
        marks = self.series.mark
        return list(np.maximum(0.0, marks.max(axis=0) / marks[0] - 1.0).tolist())

    @property
    def own_loss(self) -> float:
        """USD that the account under study lost of what it had and what was added; below zero
        where it gained."""
        if self.own_start is None or self.own_end is None:
            return 0.0
        return (self.own_start.equity + self.added - self.own_end.equity) / MICRO

    @property
    def is_own_liquidated(self) -> bool:
        """Whether a liquidation of the account under study began."""
        return liquidation_began(self.incidents)


def simulate(
    setup: MarketSetup, progress: Progress | None = None, *, with_population: bool = True
) -> CascadeRun:
    """Run the market. ``with_population``: False for the same path with no account to liquidate.

    Then there is no account under study either; path, makers, takers and all that is drawn at
    random are the same. Raises PathError, PlacementError, LayoutError.
    """
    simulation = simulation_of(setup, with_population=with_population)
    engine, placement = simulation.engine, simulation.placement
    recorder, waves = Recorder(simulation), WaveRecorder(engine)
    batches, end = 0, simulation.start
    insurance_paid = fees = 0.0
    for (batch,) in steps([simulation], pace_of(setup)):
        batches += 1
        insurance_paid += batch.totals.insurance
        fees += batch.totals.fees
        waves.read(batch)
        recorder.write(batch)
        end = batch.account
        if progress is not None and (batch.last % 64 == 0 or batch.last != batch.first):
            progress(batch.last + 1)
    account = simulation.account
    return CascadeRun(
        setup=setup,
        series=recorder.series,
        population=simulation.setup.population,
        accounts=simulation.population,
        is_liquidated=recorder.was_liquidated[simulation.population],
        waves=waves.waves,
        stalled=waves.stalled,
        account=-1 if account is None else account.account,
        children={} if account is None else account.children,
        pools=() if account is None else account.pools,
        incidents=simulation.incidents,
        own_start=simulation.start,
        own_end=end,
        added=simulation.added,
        rejected=simulation.agents.reader.rejected,
        insurance_paid=insurance_paid,
        liquidation_fees=fees,
        is_conserved=placement.is_conserved(),
        state_hash=engine.state_hash(),
        commands=placement.commands,
        events=placement.events,
        batches=batches,
        state_bytes=len(engine.buffer),
    )


class SeedOutcome(Struct, frozen=True, kw_only=True):
    """One seed in numbers. USD; ``drops`` and ``exogenous``: largest fall of the mark in each
    market, with liquidations and without, fractions; ``flow``: of liquidated positions in all
    stages; ``liquidated``: accounts; ``own_loss``: what the account lost."""

    seed: int
    drops: tuple[float, ...]
    exogenous: tuple[float, ...]
    flow: float
    deleveraged: float
    liquidated: int
    own_loss: float
    is_own_liquidated: bool
    state_hash: str
    is_conserved: bool


def rehearse_market(
    setup: MarketSetup,
    *,
    seeds: int = 1,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[CascadeRun, CascadeRun, tuple[SeedOutcome, ...]]:
    """``setup`` with its population, without it, and outcomes of ``seeds`` seeds, its own first.

    Of a single seed there are no outcomes. ``progress(what, done, all)`` is called on the way. The
    same ``setup`` gives the same result, wherever it is computed. Raises PathError, PlacementError,
    LayoutError, TrialError and ClusterError.
    """
    report = progress or (lambda what, done, whole: None)
    decisions = len(setup.grid.times_ms)
    run = simulate(setup, lambda done: report("the market", done, decisions))
    without = simulate(
        setup,
        lambda done: report("without liquidations", done, decisions),
        with_population=False,
    )
    if seeds == 1:
        return run, without, ()
    others = run_trials(
        further_seed, setup, seeds - 1, workers=workers, cluster=cluster,
        progress=lambda done: report("seeds", done, seeds - 1),
    )  # fmt: skip
    return run, without, (outcome_of(run, without), *others)


def further_seed(setup: MarketSetup, number: int) -> SeedOutcome:
    """Trial ``number``: the seed after ``number`` others."""
    assumptions = setup.assumptions
    assumptions = structs.replace(assumptions, seed=assumptions.seed + 1 + number)
    own = structs.replace(setup, assumptions=assumptions)
    return outcome_of(simulate(own), simulate(own, with_population=False))


def outcome_of(run: CascadeRun, without: CascadeRun) -> SeedOutcome:
    """What is kept of a run."""
    return SeedOutcome(
        seed=run.setup.assumptions.seed,
        drops=tuple(run.drops),
        exogenous=tuple(without.drops),
        flow=float(run.series.flow.sum()),
        deleveraged=float(run.series.deleveraged.sum()),
        liquidated=int(run.is_liquidated.sum()),
        own_loss=run.own_loss,
        is_own_liquidated=run.is_own_liquidated,
        state_hash=run.state_hash,
        is_conserved=run.is_conserved and without.is_conserved,
    )
