"""One trial: a crisis in one mode and depth, under every rulebook at once."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from msgspec import Struct, structs

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MICRO
from seawall.lab.crises.crisis import Crisis, even_grid
from seawall.lab.crises.difference import Comparer, RulebookDifference
from seawall.lab.crises.population import draw_crisis_population
from seawall.lab.crises.record import OWN, Closed, Record
from seawall.lab.market.market_path import LARGEST_MOVE
from seawall.lab.simulation.agents import whole_ladders
from seawall.lab.simulation.assumptions import TradingAssumptions
from seawall.lab.simulation.incidents import IncidentKind, blocked_money
from seawall.lab.simulation.population import Population
from seawall.lab.simulation.setup import Grid, SimulationSetup
from seawall.lab.simulation.simulation import Batch, Pace, Simulation, steps

LONGEST_QUIET_MS = 10_000
"""The engines are sent prices at least so often, or as often as the crisis has them."""
IMPACT = TradingAssumptions(coupling=0.0, permanent_share=0.0, maker_ruin=float("inf"))
"""Other venues follow the crisis alone, the gap to them closes, and makers quote on after losses.

Prices of a crisis hold what that day's liquidations did everywhere already. What this market's own
accounts are sold for moves its own book further, and half of that is gone after two minutes.
"""
MOST_POINTS = 400
"""Of an equity line."""


class Rules(Struct, frozen=True, kw_only=True):
    """A rulebook with the account's markets under it, all rulebooks in the same order."""

    book: AnyRulebook
    instruments: tuple[Instrument, ...]

    @property
    def name(self) -> str:
        return self.book.name


class CrisesTask(Struct, frozen=True, kw_only=True):
    """Everything that decides the outcomes. ``modes``: the account in each, by rulebook.

    ``depths``: share of the calm depth by name; ``accounts``: of the crowd, drawn with ``seed``.
    """

    crises: tuple[Crisis, ...]
    rules: tuple[Rules, ...]
    modes: Mapping[str, tuple[Holdings, ...]]
    depths: Mapping[str, float]
    accounts: int
    seed: int

    @property
    def trials(self) -> list[tuple[Crisis, str, str]]:
        """The crisis, mode and depth of each trial."""
        return list(product(self.crises, self.modes, self.depths))


class Outcome(Struct, frozen=True, kw_only=True):
    """One crisis, rulebook, mode and depth. Money of the account in micro-USD; minutes after start.

    ``liquidated``: (bucket: market or cross pool, minutes) of each that was under maintenance.
    ``closed``: flags of ``Closed``. ``untouched``: equity at the end with all positions still open.
    ``added``: what top-ups brought; ``blocked``: what did not come because transfers were blocked.
    ``line``: (minutes, USD) of equity. Of the population:
    ``liquidations``, and USD by where positions went, with what the insurance fund paid.
    ``lowest_marks``, ``highest_marks``: of the first, by market.
    """

    crisis: str
    rulebook: str
    mode: str
    depth: str
    start: int
    lowest: int
    lowest_minutes: float
    end: int
    liquidated: tuple[tuple[int, float], ...]
    closed: int
    untouched: int
    added: int
    blocked: int
    line: tuple[tuple[float, float], ...]
    population: int
    liquidations: int
    sold_to_book: float
    taken_by_backstop: float
    deleveraged: float
    insurance_paid: float
    lowest_marks: tuple[float, ...]
    highest_marks: tuple[float, ...]
    maker_rejections: int
    commands: int
    state_hash: str
    is_conserved: bool

    @property
    def lost(self) -> int:
        """Negative for a gain."""
        return self.start + self.added - self.end


def best_and_worst(outcomes: Sequence[Outcome]) -> tuple[Outcome, Outcome]:
    """By equity at the end without what top-ups added, then by the lowest on the way; of equals the
    first."""

    def kept(outcome: Outcome) -> tuple[int, int]:
        return outcome.end - outcome.added, outcome.lowest

    return max(outcomes, key=kept), min(outcomes, key=kept)


class TrialResult(Struct, frozen=True, kw_only=True):
    """An outcome a rulebook, and each rulebook against the first."""

    outcomes: tuple[Outcome, ...]
    differences: tuple[RulebookDifference, ...]


def run_trial(task: CrisesTask, number: int) -> TrialResult:
    """Trial ``number`` of ``task``; depends on nothing else. Raises PathError, PlacementError."""
    trial = Trial(task, number)
    for batches in steps([each.simulation for each in trial.records], trial.pace):
        trial.read(batches)
    return trial.result()


class Trial:
    """The simulations of one trial, which go through the same prices at the same times."""

    def __init__(self, task: CrisesTask, number: int) -> None:
        crisis, self._mode, self._depth = task.trials[number]
        self._crisis = crisis
        # One population for all modes and depths, or they could not be compared.
        self.population = draw_crisis_population(
            crisis,
            [each.instruments for each in task.rules],
            next(iter(task.modes.values()))[0],
            task.accounts,
            task.seed,
        )
        grid = even_grid(crisis.path, task.rules[0].instruments)
        grid = structs.replace(grid, depth=task.depths[self._depth] * grid.depth)
        self.records = [
            Record(rules.name, _simulation(rules, crisis, grid, holdings, self.population))
            for rules, holdings in zip(task.rules, task.modes[self._mode], strict=True)
        ]
        # Coarser than a cascade's, so that many crises can be run.
        longest = max(crisis.path.step_ms, LONGEST_QUIET_MS)
        self.pace = Pace(least_move=LARGEST_MOVE, longest_ms=longest)
        first, *others = self.records
        self._comparers = [Comparer(first, other, self.population) for other in others]
        self._times: list[int] = []

    def read(self, batches: Sequence[Batch]) -> None:
        """One moment, a batch of each simulation."""
        time_ms = batches[0].time_ms
        found = [record.read(batch) for record, batch in zip(self.records, batches, strict=True)]
        for number, comparer in enumerate(self._comparers, start=1):
            events = batches[0].events, batches[number].events
            comparer.compare(time_ms, events, (found[0], found[number]))
        self._times.append(time_ms)

    def result(self) -> TrialResult:
        """After the last moment."""
        names = self._crisis.name, self._mode, self._depth
        return TrialResult(
            outcomes=tuple(map(self._outcome, self.records)),
            differences=tuple(each.result(self._times[-1], *names) for each in self._comparers),
        )

    def _outcome(self, record: Record) -> Outcome:
        simulation = record.simulation
        start = simulation.start
        assert start is not None
        minutes = (np.asarray(self._times) - self._times[0]) / 60_000
        equity = np.asarray(record.equity)
        marks = np.asarray(record.marks, dtype=np.float64)
        levels = marks / marks[0]
        lowest = int(equity.argmin())
        chosen = np.linspace(0, len(equity) - 1, MOST_POINTS).round().astype(int)
        liquidated: dict[int, float] = {}
        for each in simulation.incidents:
            if each.kind == IncidentKind.LIQUIDATION_STARTED:
                liquidated.setdefault(each.market, (each.time_ms - self._times[0]) / 60_000)
        return Outcome(
            crisis=self._crisis.name,
            rulebook=record.rulebook,
            mode=self._mode,
            depth=self._depth,
            start=start.equity,
            lowest=int(equity[lowest]),
            lowest_minutes=float(minutes[lowest]),
            end=int(equity[-1]),
            liquidated=tuple(liquidated.items()),
            closed=int(record.closed[OWN]),
            # At the last marks, without funding.
            untouched=start.equity
            + sum(
                each.signed_size * (int(marks[-1][market]) - each.mark_price)
                for market, each in start.holdings.items()
            ),
            added=simulation.added,
            blocked=blocked_money(simulation.incidents),
            line=tuple(
                (float(minutes[i]), float(equity[i]) / MICRO)
                for i in np.unique(np.append(chosen, lowest))
            ),
            population=len(simulation.population),
            liquidations=int((record.liquidated_ms[1:] > 0).sum()),
            sold_to_book=record.totals[Closed.BOOK],
            taken_by_backstop=record.totals[Closed.BACKSTOP],
            deleveraged=record.totals[Closed.DELEVERAGED],
            insurance_paid=record.totals[Closed.INSURANCE],
            lowest_marks=tuple(levels.min(axis=0).tolist()),
            highest_marks=tuple(levels.max(axis=0).tolist()),
            maker_rejections=sum(simulation.agents.reader.rejected.values()),
            commands=simulation.placement.commands,
            state_hash=simulation.engine.state_hash(),
            is_conserved=simulation.placement.is_conserved(),
        )


def _simulation(
    rules: Rules, crisis: Crisis, grid: Grid, holdings: Holdings, population: Population
) -> Simulation:
    """A crisis under one rulebook; only accounts in liquidation send orders to the makers."""
    setup = SimulationSetup(
        rulebook=rules.book,
        instruments=rules.instruments,
        grid=grid,
        depths=crisis.depths,
        holdings=holdings,
        population=population,
        backstop=crisis.backstop,
    )
    return Simulation(setup, whole_ladders(IMPACT))
