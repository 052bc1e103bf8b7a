"""A script under every rulebook at once: one trial of ``seawall crises``."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.units import MICRO
from seawall.lab.crises.contrast import Contrast, Watch
from seawall.lab.crises.ledger import OWN, Ledger
from seawall.lab.crises.population import draw_crisis_population
from seawall.lab.crises.setup import CrisesTask, even_grid, pace_of, simulation_of
from seawall.lab.simulation.incidents import IncidentKind
from seawall.lab.simulation.observer import Snapshot, valuation_prices
from seawall.lab.simulation.population import Population
from seawall.lab.simulation.simulation import Batch, Pace, Simulation, steps

MOST_POINTS = 400
"""Of an equity line."""


class Cell(Struct, frozen=True, kw_only=True):
    """One crisis, rulebook, mode and depth. Money of the account in micro-USD; minutes after start.

    ``liquidated``: (bucket: market or CROSS_POOL, minutes) of each that was under maintenance.
    ``takers``: flags of ``ledger.Taker``. ``untouched``: equity at the end with all positions
    still open. ``line``: (minutes, USD) of equity. Of the population: ``fallen``, and USD that went
    to the book, the backstop, winners' accounts, and what the insurance fund paid. ``lowest_marks``
    and ``highest_marks``: of the first, by market.
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
    takers: int
    untouched: int
    line: tuple[tuple[float, float], ...]
    population: int
    fallen: int
    sold_to_book: float
    taken_over: float
    deleveraged: float
    insurance: float
    lowest_marks: tuple[float, ...]
    highest_marks: tuple[float, ...]
    maker_rejections: int
    commands: int
    state_hash: str
    is_conserved: bool

    @property
    def lost(self) -> int:
        """Negative for a gain."""
        return self.start - self.end

    @property
    def survives(self) -> bool:
        """Whether no bucket was ever under maintenance."""
        return not self.liquidated


class TrialResult(Struct, frozen=True, kw_only=True):
    """The cells of one script, mode and depth, by rulebook, and each rulebook against the first."""

    cells: tuple[Cell, ...]
    contrasts: tuple[Contrast, ...]


def play(task: CrisesTask, number: int) -> TrialResult:
    """Trial ``number`` of ``task``; depends on nothing else. Raises PathError, PlacementError."""
    script, mode, depth = task.trial(number)
    # One population for all modes and depths, or they could not be compared.
    population = draw_crisis_population(
        script, task.rules, task.modes[0].plans[0], task.accounts, task.seed
    )
    grid = even_grid(script.path, task.rules[0].instruments)
    ledgers = [
        Ledger(rules.name, simulation_of(rules, script, grid, plan, population, depth))
        for rules, plan in zip(task.rules, mode.plans, strict=True)
    ]
    run = Playing(ledgers, population)
    run.go(pace_of(script))
    cells = [
        _cell(run, side, (script.name, ledger.name, mode.name, depth.name))
        for side, ledger in enumerate(ledgers)
    ]
    return TrialResult(cells=tuple(cells), contrasts=tuple(run.contrasts()))


class Playing:
    """Several simulations through the same grid, sent prices at the same times."""

    def __init__(self, ledgers: Sequence[Ledger], population: Population) -> None:
        self.ledgers = list(ledgers)
        self.times: list[int] = []
        self.equities: list[list[int]] = []
        self._marks: list[list[NDArray[np.int64]]] = [[] for _ in ledgers]
        self._watches = [Watch((ledgers[0], other), population) for other in ledgers[1:]]

    def go(self, pace: Pace) -> None:
        """The whole grid."""
        for batches in steps([each.simulation for each in self.ledgers], pace):
            self.record(batches)

    def record(self, batches: Sequence[Batch]) -> None:
        """One moment, a batch of each simulation."""
        time_ms = batches[0].time_ms
        events = [batch.events for batch in batches]
        falls = [ledger.read(batch) for ledger, batch in zip(self.ledgers, batches, strict=True)]
        for number, watching in enumerate(self._watches, start=1):
            watching.compare(time_ms, (events[0], events[number]))
            watching.note(time_ms, (falls[0], falls[number]))
        for ledger, marks in zip(self.ledgers, self._marks, strict=True):
            marks.append(valuation_prices(ledger.simulation.engine).copy())
        self.times.append(time_ms)
        self.equities.append(
            [0 if each.account is None else each.account.equity for each in batches]
        )

    def contrasts(self) -> list[Contrast]:
        """Each simulation against the first, after the end."""
        return [each.result(self.times[-1]) for each in self._watches]

    def equity_of(self, side: int) -> NDArray[np.int64]:
        """Micro-USD of the account under study at each time that was sent."""
        return np.asarray([each[side] for each in self.equities], dtype=np.int64)

    def minutes(self) -> NDArray[np.float64]:
        """Of the same times, after the start."""
        return np.asarray((np.asarray(self.times) - self.times[0]) / 60_000, dtype=np.float64)

    def marks_of(self, side: int) -> NDArray[np.float64]:
        """(times, markets): over the first."""
        marks = np.asarray(self._marks[side], dtype=np.float64)
        return np.asarray(marks / marks[0], dtype=np.float64)


def _cell(run: Playing, side: int, names: tuple[str, str, str, str]) -> Cell:
    ledger = run.ledgers[side]
    simulation = ledger.simulation
    placement = simulation.placement
    equity, minutes = run.equity_of(side), run.minutes()
    lowest = int(equity.argmin())
    marks = run.marks_of(side)
    liquidated: dict[int, float] = {}
    for each in simulation.incidents:
        if each.kind == IncidentKind.LIQUIDATION_STARTED:
            when = (each.time_ms - run.times[0]) / 60_000
            liquidated.setdefault(each.market, when)
    thinned = np.unique(np.linspace(0, len(equity) - 1, MOST_POINTS).round().astype(int))
    chosen = np.unique(np.append(thinned, lowest))
    return Cell(
        crisis=names[0],
        rulebook=names[1],
        mode=names[2],
        depth=names[3],
        start=_start(simulation).equity,
        lowest=int(equity[lowest]),
        lowest_minutes=float(minutes[lowest]),
        end=int(equity[-1]),
        liquidated=tuple(liquidated.items()),
        takers=int(ledger.takers[OWN]),
        untouched=_untouched(simulation),
        line=tuple((float(minutes[i]), float(equity[i]) / MICRO) for i in chosen),
        population=len(simulation.population),
        fallen=ledger.fallen,
        sold_to_book=ledger.sold_to_book,
        taken_over=ledger.taken_over,
        deleveraged=ledger.deleveraged,
        insurance=ledger.insurance,
        lowest_marks=tuple(marks.min(axis=0).tolist()),
        highest_marks=tuple(marks.max(axis=0).tolist()),
        maker_rejections=sum(simulation.agents.reader.rejected.values()),
        commands=placement.commands,
        state_hash=simulation.engine.state_hash(),
        is_conserved=placement.is_conserved(),
    )


def _start(simulation: Simulation) -> Snapshot:
    assert simulation.start is not None
    return simulation.start


def _untouched(simulation: Simulation) -> int:
    """Equity at the last marks with all positions still open, without funding."""
    marks = valuation_prices(simulation.engine)
    start = _start(simulation)
    moved = sum(
        holding.signed_size * (int(marks[number]) - holding.mark_price)
        for number, holding in start.holdings.items()
    )
    return start.equity + moved
