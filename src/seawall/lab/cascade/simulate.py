"""One run of a market: agents decide once a second, the machine does the rest.

In every second: the makers' new quotes, every oracle price, the takers' immediate orders, then the
time. What was traded with the makers moves the next second's prices.

**Fast-forward.** A second in which no agent has anything to send consists of oracle prices and the
time. Such seconds are kept and sent together, up to ``LONGEST_WAIT`` of them, before the next
second in which somebody acts. The commands are the same and so is the machine's state; only, what
happens to the population inside such a batch is seen by the agents at its end.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.enums import EventKind
from seawall.domain.units import MICRO
from seawall.lab.cascade.record import Recorder, Series, backstop_holding
from seawall.lab.cascade.setup import NOBODY, STEP_MS, MarketSetup, check_prices, price_units
from seawall.lab.cascade.waves import DeleveragingWave, WaveRecorder
from seawall.lab.simulation.agents import CAPITAL, INNER, Makers, Takers, Ticks
from seawall.lab.simulation.block_observer import watch
from seawall.lab.simulation.incidents import Incident, Storyteller
from seawall.lab.simulation.observer import Snapshot
from seawall.lab.simulation.population import Population, draw_population
from seawall.lab.simulation.price_formation import PriceFormation
from seawall.lab.simulation.reader import EventReader, StepTotals
from seawall.lab.simulation.world import Person, Rows, World, backstop_account, price_rows

Progress = Callable[[int], None]
LONGEST_WAIT = 60
"""Seconds."""
TAKERS = 3
MAKER_MOVES = (1e-4, 15e-4)
MAKER_PATIENCE = (10, 60)


class CascadeRun(Struct, kw_only=True):
    """The whole result. ``accounts``: numbers of the population in the machine, in its order.

    ``is_liquidated``: by account of the population. ``own_events``: every row that names the
    account under study. ``batches``: how often the machine was called.
    """

    setup: MarketSetup
    series: Series
    population: Population | None
    accounts: NDArray[np.int64]
    is_liquidated: NDArray[np.bool_]
    waves: list[DeleveragingWave]
    stalled: int
    account: int
    children: dict[int, int]
    incidents: list[Incident]
    own_events: Rows
    own_start: Snapshot | None
    own_end: Snapshot | None
    rejected: dict[str, int]
    insurance_paid: float
    liquidation_fees: float
    deposits: int
    is_conserved: bool
    state_hash: str
    commands: int
    events: int
    batches: int
    state_bytes: int


def simulate(
    setup: MarketSetup, progress: Progress | None = None, *, with_crowd: bool = True
) -> CascadeRun:
    """Run the market. ``with_crowd``: False for the same day without anybody who can be liquidated.

    Without the crowd there is neither population nor account under study; path, makers, takers and
    all that is drawn at random are the same. Raises PathError, RehearsalError, LayoutError.
    """
    run = Simulation(setup, with_crowd=with_crowd)
    run.go(progress or _silent)
    return run.result()


def _silent(done: int) -> None:
    """Nobody asked for progress."""


class Simulation:
    """A market in the middle of its run; ``decide`` takes it one second on."""

    def __init__(self, setup: MarketSetup, *, with_crowd: bool) -> None:
        check_prices(setup)
        self.setup = setup
        grid = setup.grid
        self.start_ms = int(grid.times_ms[0])
        first = price_units(setup, grid.oracle[0])
        self.population = _population(setup, first) if with_crowd else None
        plan = setup.plan if with_crowd else NOBODY
        people = 0 if self.population is None else self.population.accounts
        held = 0 if self.population is None else len(self.population.owner)
        self.world = World(setup.rulebook, setup.instruments, people, held)
        self.world.first_prices(self.start_ms, first, price_units(setup, grid.outside[0]))
        self._hire()
        self.person = Person(self.world, plan, self.start_ms) if plan is not NOBODY else None
        self.accounts = np.zeros(0, np.int64)
        if self.population is not None:
            self.accounts = self.world.settle_in(self.start_ms, self.population)
        self._fund_backstop()
        self.reader.role[self.makers] = 1
        self.reader.role[self.takers.accounts] = 2 + np.arange(TAKERS)
        scale = [each.price_decimals for each in setup.instruments]
        self.waves = WaveRecorder(np.asarray(scale), self.world.engine.tables)
        self.recorder = Recorder(self.world, grid.times_ms, grid.middle)
        self._watch()
        self.pending: list[Rows] = []
        self.batches = 0
        self.insurance_paid = self.fees = 0.0

    def _hire(self) -> None:
        """Makers, takers, and how prices form between them."""
        setup, world = self.setup, self.world
        markets = len(setup.instruments)
        depths = list(setup.depths)
        self.depth = np.asarray([each.usd_within_50bp for each in depths])
        capital = np.maximum(CAPITAL, np.rint(20 * MICRO * self.depth)).astype(np.int64)
        pairs = [world.open_accounts(self.start_ms, capital, "the makers") for _ in range(2)]
        takers = np.full(TAKERS, max(CAPITAL, int(capital.max())), np.int64)
        numbers = world.open_accounts(self.start_ms, takers, "the takers")
        self.makers = np.concatenate(pairs)
        self.maker_capital = np.concatenate([capital, capital])
        everywhere = np.arange(markets)
        for each in pairs:
            world.prepare_trader(self.start_ms, each, everywhere)
        for one in numbers:
            world.prepare_trader(self.start_ms, np.full(markets, one), everywhere)
        self.ticks = Ticks(world)
        cap = world.engine.tables["markets"]["largest_order"].astype(np.float64)
        largest = np.where(cap > 0, cap, np.inf)
        ladders = (slice(0, INNER), slice(INNER, None))
        self.quoting = [
            Makers(
                each, ladder, depths, self.ticks, largest * 0.9, least_move=move, patience=patience
            )
            for each, ladder, move, patience in zip(
                pairs, ladders, MAKER_MOVES, MAKER_PATIENCE, strict=True
            )
        ]
        decisions = len(setup.grid.times_ms)
        self.takers = Takers(
            world, numbers, depths, self.ticks, setup.assumptions, decisions, STEP_MS, largest
        )
        self.prices = PriceFormation(setup.assumptions, self.depth, setup.grid.middle[0], STEP_MS)
        self.reader = EventReader(markets, len(world.engine.tables["accounts"]))

    def _fund_backstop(self) -> None:
        share = self.setup.assumptions.backstop_share
        money = round(share * sum(self.setup.open_interest) * MICRO)
        target = np.asarray([backstop_account(self.world.in_blocks)])
        self.world.deposit(self.start_ms, target, np.asarray([money]), "the backstop")

    def _watch(self) -> None:
        """Whoever is under study is told about in full."""
        person = self.person
        self.own_rows: list[Rows] = []
        self.observer = None
        self.story = Storyteller(-2, (), {})
        self.own_start: Snapshot | None = None
        if person is not None:
            self.story = Storyteller(person.account, (), person.children)
            self.observer = watch(self.world.engine, person.account, person.children)
            self.own_start = self.observer.snapshot(self.start_ms)
        self.own = np.asarray(person.accounts if person else [-2])

    def go(self, progress: Progress) -> None:
        """The whole run."""
        decisions = len(self.setup.grid.times_ms)
        for number in range(decisions):
            self.decide(number)
            if number % 64 == 0:
                progress(number + 1)
        self._flush(decisions - 1)
        progress(decisions)

    def decide(self, number: int) -> None:
        """Second ``number``: what the agents send, unless it is kept for later."""
        grid = self.setup.grid
        time_ms = int(grid.times_ms[number])
        prices = self.prices
        prices.move(grid.middle[number], grid.depth[number])
        for maker in self.quoting:
            maker.wait()
        elsewhere = prices.elsewhere
        oracle = grid.oracle[number] * elsewhere
        self.recorder.series.oracle[number] = oracle
        closing = price_rows(
            time_ms,
            price_units(self.setup, oracle),
            price_units(self.setup, grid.outside[number] * elsewhere),
        )
        wanted = self.takers.wanted(number, prices)
        wishes = [maker.wishes(prices) for maker in self.quoting]
        if not wanted.any() and not any(each.any() for each in wishes) and number:
            self.pending.append(closing)
            if not self.setup.assumptions.fast_forward or len(self.pending) == LONGEST_WAIT:
                self._flush(number)
            return
        self._flush(number - 1)
        parts = [
            maker.quotes(time_ms, prices, np.flatnonzero(wish))
            for maker, wish in zip(self.quoting, wishes, strict=True)
        ]
        cancels, quotes = zip(*parts, strict=True)
        orders = self.takers.orders(time_ms, prices, wanted)
        rows = np.concatenate([*cancels, *quotes, closing[:-1], orders, closing[-1:]])
        self._apply(number, number, rows)
        if number == 0 and self.person is not None and self.person.plan.orders:
            self.world.must(self.person.order_rows(time_ms, self.ticks.one), "the orders")

    def _flush(self, last: int) -> None:
        """Send the quiet seconds that were kept."""
        if self.pending:
            rows = np.concatenate(self.pending)
            first = last - len(self.pending) + 1
            self.pending = []
            self._apply(first, last, rows)

    def _apply(self, first: int, last: int, rows: Rows) -> None:
        events = self.world.send(rows)
        self.batches += 1
        time_ms = int(self.setup.grid.times_ms[last])
        totals = self.reader.read(events, self.takers.holding)
        self._feel(totals)
        self._tell(time_ms, events, totals)
        if totals.counts[EventKind.DELEVERAGED] or totals.counts[EventKind.DELEVERAGING_STALLED]:
            self.waves.read(time_ms, events, self.world.engine.tables)
        self.recorder.write(first, last, events, len(rows), totals)
        self._weigh(first, last, time_ms)

    def _feel(self, totals: StepTotals) -> None:
        """What was traded moves prices and makers; the backstop's new positions are unwound."""
        if totals.counts[EventKind.ORDER_FILLED]:
            self.prices.feel(totals.bought)
            for maker in self.quoting:
                maker.hit += totals.taken
        self.insurance_paid += totals.insurance
        self.fees += totals.fees
        moved = totals.counts[EventKind.BACKSTOP_TAKEN_OVER] or self.takers.inherited.any()
        if moved and not self.world.in_blocks:
            tables = self.world.engine.tables
            self.takers.inherited = backstop_holding(tables, len(self.depth))
        self.prices.maker_loss = self._maker_losses()

    def _maker_losses(self) -> NDArray[np.float64]:
        """USD that the makers of each market have lost, both together."""
        tables = self.world.engine.tables
        cash = tables["accounts"]["cash"]
        markets = len(self.depth)
        first = tables["accounts"]["first_position"][self.makers]
        positions = tables["positions"][np.maximum(first, 0)]
        marks = tables["markets"]["mark_price"][np.arange(len(self.makers)) % markets]
        worth = cash[self.makers] + np.where(first >= 0, positions["signed_size"] * marks, 0)
        lost = (self.maker_capital - worth) / MICRO
        found: NDArray[np.float64] = np.maximum(0.0, lost.reshape(2, markets).sum(axis=0))
        return found

    def _tell(self, time_ms: int, events: Rows, totals: StepTotals) -> None:
        if self.person is None:
            return
        mine = np.isin(events["account"], self.own)
        if mine.any():
            rows = events[mine]
            self.own_rows.append(rows.copy())
        elif totals.counts[EventKind.TRANSFERS_GATED]:
            rows = events[events["kind"] == EventKind.TRANSFERS_GATED]
        else:
            return
        known = len(self.story.incidents)
        self.story.read(time_ms, rows)
        assert self.observer is not None
        equity = self.observer.snapshot(time_ms).equity
        for incident in self.story.incidents[known:]:
            incident.equity = equity

    def _weigh(self, first: int, last: int, time_ms: int) -> None:
        """The account's equity, from its rows."""
        if self.observer is not None:
            equity = self.observer.snapshot(time_ms).equity / MICRO
            self.recorder.series.own_equity[first : last + 1] = equity

    def result(self) -> CascadeRun:
        """What there is to tell at the end."""
        person, world = self.person, self.world
        end = int(self.setup.grid.times_ms[-1])
        own: Any = np.concatenate(self.own_rows) if self.own_rows else world.send(_nothing())
        return CascadeRun(
            setup=self.setup,
            series=self.recorder.series,
            population=self.population,
            accounts=self.accounts,
            is_liquidated=self.recorder.liquidated_accounts[self.accounts],
            waves=self.waves.waves,
            stalled=self.waves.stalled,
            account=-1 if person is None else person.account,
            children={} if person is None else person.children,
            incidents=self.story.incidents,
            own_events=own,
            own_start=self.own_start,
            own_end=None if self.observer is None else self.observer.snapshot(end),
            rejected=self.reader.rejected,
            insurance_paid=self.insurance_paid,
            liquidation_fees=self.fees,
            deposits=world.deposits,
            is_conserved=world.is_conserved(),
            state_hash=world.engine.state_hash(),
            commands=world.commands,
            events=world.events,
            batches=self.batches,
            state_bytes=len(world.engine.buffer),
        )


def _nothing() -> Rows:
    return price_rows(0, np.zeros(0, np.int64), np.zeros(0, np.int64))[:0]


def _population(setup: MarketSetup, prices: NDArray[np.int64]) -> Population | None:
    if not setup.distribution.accounts:
        return None
    own = np.zeros(len(prices), np.int64)
    for each in setup.plan.positions:
        own[each.market] += each.signed_size
    return draw_population(
        setup.distribution, setup.instruments, prices, np.asarray(setup.open_interest), own,
        setup.assumptions.seed, in_blocks=all(each.block_terms for each in setup.instruments),
    )  # fmt: skip
