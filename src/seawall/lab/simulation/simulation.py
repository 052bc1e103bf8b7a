"""One simulation: an engine with an account under study, agents, a population and a backstop.

At a step of the grid the engine is sent one batch: the makers' quotes, every oracle price, the
takers' orders, then the time. Nothing is settled or corrected from outside. What was traded moves
the prices of the next step. ``steps`` is the one loop over the grid; a ``Pace`` says which of its
steps are sent.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from seawall.domain.commands import AdvanceTime
from seawall.domain.enums import MarginMode
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT
from seawall.domain.units import MAX_NOTIONAL, MICRO
from seawall.engine.engine import Engine
from seawall.engine.journal import JournalWriter, describe_rules
from seawall.engine.placement import Placement, PlacementError, Rows, price_rows
from seawall.lab.arrays import Integers
from seawall.lab.simulation.agents import AgentsFactory
from seawall.lab.simulation.incidents import Incident, IncidentLog
from seawall.lab.simulation.observer import Observer, Snapshot
from seawall.lab.simulation.population import Population, pooled
from seawall.lab.simulation.reader import StepTotals
from seawall.lab.simulation.setup import (
    SimulationSetup,
    check_prices,
    market_limits,
    price_units,
)
from seawall.lab.simulation.top_ups import TopUps
from seawall.report.kinds import whole

STEPS_PER_FRAME = 64
"""A journal is written in pieces of so many steps."""


class Pace(Struct, frozen=True, kw_only=True):
    """Which steps are sent to the engine.

    ``kept``: steps at which no agent sends anything are kept and sent together, up to so many of
    them; the commands are the same and so is the engine's state, but the agents see what happened
    inside such a batch at its end. ``least_move``: a step is left out until a price has moved so
    far since the last one, or ``longest_ms`` have passed. With neither, every step is sent.
    """

    kept: int = 0
    least_move: float = 0.0
    longest_ms: int = 0


class Batch(Struct, frozen=True, kw_only=True):
    """Steps ``first`` to ``last`` (included) that were sent together as ``sent`` rows.

    ``events``: valid until the next batch of the same simulation. ``account``: the account under
    study afterwards.
    """

    first: int
    last: int
    time_ms: int
    sent: int
    events: Rows
    totals: StepTotals
    account: Snapshot | None


class Simulation:
    """Everyone in place; ``steps`` moves it along the grid."""

    def __init__(
        self,
        setup: SimulationSetup,
        agents: AgentsFactory,
        *,
        surroundings: bool = False,
        journal: Path | None = None,
    ) -> None:
        """``surroundings``: whether to read what happens to all other accounts.

        ``journal``: a new file for every command, in order. Raises PathError, PlacementError,
        LayoutError, JournalError.
        """
        check_prices(setup.grid, setup.instruments)
        self.setup = setup
        self.grid = setup.grid
        self.instruments = setup.instruments
        instruments = list(setup.instruments)
        limits = setup.limits or market_limits(len(instruments), setup.population)
        self.engine = Engine.create(setup.rulebook, instruments, limits)
        writer = None
        if journal is not None:
            rules = describe_rules(rulebook=setup.rulebook, instruments=instruments, limits=limits)
            writer = JournalWriter(journal, rules)
        self.placement = placement = Placement(self.engine, writer)
        start = setup.start_ms
        first = [
            price_units(instruments, each[0]) for each in (self.grid.oracle, self.grid.outside)
        ]
        placement.prices(start, *first)
        self.agents = agents(placement, setup)
        self.account = None if setup.holdings is None else placement.account(start, setup.holdings)
        self.population = np.zeros(0, np.int64)
        """Account numbers of the population."""
        if setup.population is not None:
            self.population = place_population(placement, start, setup.population)
        target = np.asarray([BACKSTOP_ACCOUNT])
        for group in placement.collaterals:
            money = np.asarray([setup.backstop])
            placement.deposit(start, target, money, "the backstop", group)
        self.log: IncidentLog | None = None
        self.start: Snapshot | None = None
        self._top_ups: TopUps | None = None
        if self.account is not None:
            if setup.holdings is not None and setup.holdings.top_ups:
                self._top_ups = TopUps(placement, self.account, setup.holdings)
            self.observer = Observer(self.engine, self.account.account, self.account.children)
            self.log = IncidentLog(
                self.account, self.agents.maker_accounts, surroundings=surroundings
            )
            self.start = self.observer.snapshot(start)
        self.oracle = np.zeros_like(self.grid.oracle)
        """USD (n, m): the oracle prices of the steps so far."""
        self._kept: list[Rows] = []
        self._sent_step = 0
        self._sent_fair = self.agents.prices.fair

    @property
    def incidents(self) -> list[Incident]:
        """What happened to the account so far."""
        return [] if self.log is None else self.log.incidents

    @property
    def added(self) -> int:
        """Micro-USD that the account's top-ups brought so far."""
        return 0 if self._top_ups is None else self._top_ups.added

    def advance(self, number: int) -> None:
        """The prices of a step, and what the agents want."""
        grid = self.grid
        time_ms = int(grid.times_ms[number])
        self.agents.advance(number, time_ms, grid.middle[number], grid.depth[number])
        self.oracle[number] = grid.oracle[number] * self.agents.prices.elsewhere

    def moved(self, number: int) -> float:
        """The largest move of a price since the last step that was sent."""
        oracle = np.abs(self.oracle[number] / self.oracle[self._sent_step] - 1.0)
        book = np.abs(self.agents.prices.fair / self._sent_fair - 1.0)
        return float(max(oracle.max(), book.max()))

    def keep(self, number: int) -> int:
        """Keep a step without commands of agents; how many are kept."""
        self._kept.append(self._closing(number))
        return len(self._kept)

    def flush(self, last: int) -> Batch:
        """Send the steps that were kept; ``last`` is the last of them."""
        rows, self._kept = self._kept, []
        return self._send(last - len(rows) + 1, last, np.concatenate(rows))

    def act(self, number: int) -> Batch:
        """Send a step with all that the agents want."""
        agents, time_ms = self.agents, int(self.grid.times_ms[number])
        self._sent_step, self._sent_fair = number, agents.prices.fair.copy()
        closing = self._closing(number)
        rows = np.concatenate(
            [*agents.quotes(time_ms), closing[:-1], *agents.orders(time_ms), closing[-1:]]
        )
        return self._send(number, number, rows)

    def _closing(self, number: int) -> Rows:
        """Every price, then the time."""
        outside = self.grid.outside[number] * self.agents.prices.elsewhere
        prices = [price_units(self.instruments, each) for each in (self.oracle[number], outside)]
        rows = price_rows(int(self.grid.times_ms[number]), *prices)
        if order := self.setup.price_order:
            rows[:-1] = rows[list(order)]
        return rows

    def _send(self, first: int, last: int, rows: Rows) -> Batch:
        placement, holdings = self.placement, self.setup.holdings
        time_ms = int(self.grid.times_ms[last])
        events = placement.send(rows)
        if last == 0 and self.account is not None and holdings is not None and holdings.orders:
            # The account's own open orders, once the first quotes are there.
            before, to_tick = events.copy(), self.agents.ticks.one
            placed = placement.orders(time_ms, self.account, holdings.orders, to_tick)
            events = np.concatenate([before, placed])
        if placement.journal is not None and last % STEPS_PER_FRAME == 0:
            placement.journal.commit()
        totals = self.agents.read(events, placement)
        account = None
        if self.log is not None:
            known = len(self.log.incidents)
            self.log.read(time_ms, events)
            if self._top_ups is not None:
                events = events.copy()
                self.log.incidents += self._top_ups.act(time_ms)
            account = self.observer.snapshot(time_ms)
            for incident in self.log.incidents[known:]:
                incident.equity = account.equity
        return Batch(
            first=first, last=last, time_ms=time_ms, sent=len(rows), events=events, totals=totals,
            account=account,
        )  # fmt: skip

    def close(self) -> None:
        """Write what is left of the journal, if there is one."""
        journal, self.placement.journal = self.placement.journal, None
        if journal is not None:
            journal.commit()
            journal.close()


def steps(simulations: Sequence[Simulation], pace: Pace = Pace()) -> Iterator[list[Batch]]:  # noqa: B008 (frozen)
    """The batches of all simulations, at each moment at which they are sent something.

    All go through the same times and are sent something at the same steps.
    """
    times = simulations[0].grid.times_ms
    last, sent, kept = len(times) - 1, 0, 0
    for number in range(len(times)):
        for each in simulations:
            each.advance(number)
        if pace.kept and number and all(each.agents.is_quiet for each in simulations):
            kept = max([each.keep(number) for each in simulations])
            if kept == pace.kept:
                kept = 0
                yield [each.flush(number) for each in simulations]
            continue
        if kept:
            kept = 0
            yield [each.flush(number - 1) for each in simulations]
        if pace.longest_ms and 0 < number < last:
            waited = int(times[number] - times[sent])
            moved = max(each.moved(number) for each in simulations)
            if moved < pace.least_move and waited < pace.longest_ms:
                continue
        sent = number
        yield [each.act(number) for each in simulations]
    if kept:
        yield [each.flush(last) for each in simulations]
    for each in simulations:
        each.close()


def place_population(placement: Placement, time_ms: int, population: Population) -> Integers:
    """The account numbers of a population with its money and its positions.

    Raises PlacementError.
    """
    largest = int(np.abs(population.entry_notional).max(initial=0))
    if largest > MAX_NOTIONAL:
        raise PlacementError(
            f"the population: an account holds {whole(largest / MICRO)} USD; a position can have "
            f"{whole(MAX_NOTIONAL / MICRO)}: give less open interest, or more accounts"
        )
    if placement.in_blocks:
        population = pooled(population)
    numbers = placement.open_accounts(
        time_ms, np.zeros(population.accounts, np.int64), "the population"
    )
    placement.share(time_ms, numbers, "the population")
    collateral = placement.engine.tables["markets"]["collateral_group"][population.market]
    for group in placement.collaterals:
        money = population.by_owner(np.where(collateral == group, population.margin, 0))
        placement.deposit(time_ms, numbers, money, "the population", group)
    modes = (int(MarginMode.CROSS), int(MarginMode.ISOLATED))
    columns = {
        "market": population.market,
        "signed_size": population.signed_size,
        "entry_notional": population.entry_notional,
        "leverage": population.setting,
        "mode": np.where(population.is_isolated, modes[1], modes[0]),
        "isolated_margin": np.where(population.is_isolated, population.margin, 0),
    }
    owners = numbers[population.owner]
    placement.adopt(time_ms, owners, columns, "positions of the population")
    return numbers


def warm_up(rulebook: AnyRulebook, instruments: Sequence[Instrument]) -> None:
    """Compile or load the kernels, so that what follows takes no unexpected time."""
    Engine.create(rulebook, list(instruments)).apply(AdvanceTime(time_ms=1))
