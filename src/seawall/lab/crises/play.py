"""Plays a script under every rulebook at once: one trial of ``seawall crises``."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.units import MICRO
from seawall.lab.crises.contrast import Contrast, Watch
from seawall.lab.crises.ledger import Ledger
from seawall.lab.crises.market import OWN, CrisisMarket
from seawall.lab.crises.people import draw_people
from seawall.lab.crises.setup import CrisesTask, even_grid, is_due
from seawall.lab.simulation.incidents import IncidentKind
from seawall.lab.simulation.population import Population
from seawall.lab.simulation.world import Rows

MOST_POINTS = 400
"""Of an equity line."""
LONGEST_QUIET_MS = 10_000
"""The machines are told of prices at least so often, or as often as the script says."""


class Cell(Struct, frozen=True, kw_only=True):
    """One crisis, rulebook, mode and depth. Money of the account in micro-USD; minutes after start.

    ``liquidated``: (bucket: market or CROSS_POOL, minutes) of each that was under maintenance.
    ``takers``: flags of ``ledger.Taker``. ``untouched``: equity at the end had nobody closed
    anything. ``line``: (minutes, USD) of equity. Of the people: ``fallen``, and USD that went to
    the book, the backstop, winners' accounts, and what the insurance fund paid. ``lowest_marks``
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
    people: int
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
    """Trial ``number`` of ``task``; depends on nothing else. Raises PathError, RehearsalError."""
    script, mode, depth = task.trial(number)
    # One population for all modes and depths, or they could not be compared.
    people = draw_people(script, task.rules, task.modes[0].plans[0], task.accounts, task.seed)
    grid = even_grid(script.path, task.rules[0].instruments)
    markets = [
        CrisisMarket(rules, script, grid, plan, people, depth)
        for rules, plan in zip(task.rules, mode.plans, strict=True)
    ]
    run = Playing(markets, people, max(script.path.step_ms, LONGEST_QUIET_MS))
    run.go()
    cells = [
        _cell(run, side, (script.name, market.rules.name, mode.name, depth.name))
        for side, market in enumerate(markets)
    ]
    return TrialResult(cells=tuple(cells), contrasts=tuple(run.contrasts()))


class Playing:
    """Several markets through the same grid, told of prices at the same times."""

    def __init__(
        self, markets: Sequence[CrisisMarket], people: Population, longest_ms: int
    ) -> None:
        """``longest_ms``: the machines are told of prices at least as often as this."""
        self.markets = list(markets)
        self.ledgers = [Ledger(each.somebody) for each in markets]
        self.times: list[int] = []
        self.equities: list[list[int]] = []
        self._longest_ms = longest_ms
        self._marks: list[list[NDArray[np.int64]]] = [[] for _ in markets]
        self._watches = [
            Watch(((markets[0], self.ledgers[0]), (other, ledger)), people)
            for other, ledger in zip(markets[1:], self.ledgers[1:], strict=True)
        ]

    def go(self) -> None:
        """The whole grid. Raises RehearsalError where money is not conserved."""
        times = self.markets[0].grid.times_ms
        told = 0
        for tick in range(len(times)):
            for market in self.markets:
                market.look(tick)
            waited = int(times[tick] - times[told])
            if 0 < tick < len(times) - 1:
                moved = max(market.moved(tick, told) for market in self.markets)
                if not is_due(moved, waited, self._longest_ms):
                    continue
            told = tick
            self._act(tick, int(times[tick]))
        for market in self.markets:
            market.check_money()

    def _act(self, tick: int, time_ms: int) -> None:
        events: list[Rows] = []
        falls = []
        equities = []
        for market, ledger, marks in zip(self.markets, self.ledgers, self._marks, strict=True):
            rows = market.act(tick)
            events.append(rows)
            falls.append(ledger.read(time_ms, rows))
            equities.append(market.observer.snapshot(time_ms).equity)
            marks.append(market.marks())
        for number, watching in enumerate(self._watches, start=1):
            watching.compare(time_ms, (events[0], events[number]))
            watching.note(time_ms, (falls[0], falls[number]))
        self.times.append(time_ms)
        self.equities.append(equities)

    def contrasts(self) -> list[Contrast]:
        """Each market against the first, after the end."""
        return [each.result(self.times[-1]) for each in self._watches]

    def equity_of(self, side: int) -> NDArray[np.int64]:
        """Micro-USD of the account under study at each time that the machine was told of."""
        return np.asarray([each[side] for each in self.equities], dtype=np.int64)

    def minutes(self) -> NDArray[np.float64]:
        """Of the same times, after the start."""
        return np.asarray((np.asarray(self.times) - self.times[0]) / 60_000, dtype=np.float64)

    def marks_of(self, side: int) -> NDArray[np.float64]:
        """(times, markets): over the first."""
        marks = np.asarray(self._marks[side], dtype=np.float64)
        return np.asarray(marks / marks[0], dtype=np.float64)


def _cell(run: Playing, side: int, names: tuple[str, str, str, str]) -> Cell:
    market, ledger = run.markets[side], run.ledgers[side]
    equity, minutes = run.equity_of(side), run.minutes()
    lowest = int(equity.argmin())
    marks = run.marks_of(side)
    liquidated: dict[int, float] = {}
    for each in market.story.incidents:
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
        start=market.start.equity,
        lowest=int(equity[lowest]),
        lowest_minutes=float(minutes[lowest]),
        end=int(equity[-1]),
        liquidated=tuple(liquidated.items()),
        takers=int(ledger.takers[OWN]),
        untouched=_untouched(market),
        line=tuple((float(minutes[i]), float(equity[i]) / MICRO) for i in chosen),
        people=len(market.accounts),
        fallen=ledger.fallen,
        sold_to_book=ledger.sold_to_book,
        taken_over=ledger.taken_over,
        deleveraged=ledger.deleveraged,
        insurance=ledger.insurance,
        lowest_marks=tuple(marks.min(axis=0).tolist()),
        highest_marks=tuple(marks.max(axis=0).tolist()),
        maker_rejections=market.maker_rejections,
        commands=market.world.commands,
        state_hash=market.world.engine.state_hash(),
    )


def _untouched(market: CrisisMarket) -> int:
    """Equity at the last marks had nobody closed the positions, without funding."""
    marks = market.marks()
    moved = sum(
        holding.signed_size * (int(marks[number]) - holding.mark_price)
        for number, holding in market.start.holdings.items()
    )
    return market.start.equity + moved
