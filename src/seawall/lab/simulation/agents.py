"""Agents that trade with the population, all markets at once: arrays in, command rows out.

* **Makers.** Two accounts a market: one quotes the ladder of ``liquidity`` up to 50 bp, one the
  rest up to 400 bp. They quote anew only when it matters: when the price moved (by half the
  spread and at least 1 bp; 15 bp for the outer one), when the depth they want changed by a tenth,
  when they were hit, or after 10 (60) seconds.
* **Noise.** In each market and second a buyer with chance 0.1 and a seller with chance 0.1; sizes
  log-normal around 0.02 % of the calm depth.
* **Trend followers.** They hold up to a quarter of the calm depth in the direction of the last
  five minutes (fully at a move of 2 %), and trade a twentieth of it at least.
* **Arbitrage.** Where the venue's price is more than 30 bp from that of other venues: up to 2 % of
  the calm depth a second against the gap (fully at 1.3 %), until they hold one depth.
* **The backstop** sells what it took over: half of it in ten minutes, at most 1 % of the depth that
  is left a second.

Takers' orders are immediate and go at most 5 % through the fair price.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from seawall.domain.enums import CommandKind, EventKind, OrderFlag, Side, TimeInForce
from seawall.domain.rulebook import BlockRulebook
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT
from seawall.domain.units import MAX_PRICE, MICRO
from seawall.engine.account_view import cash_by_group, groups_held
from seawall.engine.engine import Engine
from seawall.engine.placement import Placement, Rows, rows_of
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.market.liquidity import ORDERS_PER_MARKET, Ladder, Ticks, tick_rules
from seawall.lab.simulation.assumptions import TradingAssumptions
from seawall.lab.simulation.observer import positions_of
from seawall.lab.simulation.price_formation import PriceFormation, Prices, QuotePressure
from seawall.lab.simulation.reader import EventReader, StepTotals
from seawall.lab.simulation.setup import SimulationSetup
from seawall.sandbox.agents.takers import Arbitrageur

INNER = 7
"""Orders of the ladder up to 50 bp."""
CHANGED_DEPTH = 0.1
HIT = 0.05
"""A maker quotes anew when so much of the calm depth was taken from it."""
CAPITAL = 10**15
"""Micro-USD of an agent: a billion, or twenty times its quotes if they are larger, so that it is
never liquidated."""
MAKER_MOVES = (1e-4, 15e-4)
MAKER_PATIENCE = (10, 60)
TAKERS = 3

NOISE_CHANCE = 0.1
NOISE_SIZE = 2e-4
NOISE_SIGMA = 1.0
TREND_SECONDS = 300
TREND_FULL = 0.02
TREND_HOLDING = 0.25
TREND_LEAST = 0.05
GAP_LEAST, GAP_FULL, GAP_SHARE = Arbitrageur.LEAST_GAP, Arbitrageur.FULL_GAP, Arbitrageur.SHARE
GAP_HOLDING = 1.0
UNWIND_HALF_LIFE_SECONDS = 600.0
UNWIND_SHARE = 0.01
THROUGH = 0.05


class Makers:
    """One quoting account in each market, with some of the orders of the ladder."""

    def __init__(
        self, accounts: Integers, capital: Integers, ladder: Ladder, *,
        least_move: float = 0.0, patience: int = 0, market_by_market: bool = False,
    ) -> None:  # fmt: skip
        """Quotes anew after a move of ``least_move`` or ``patience`` steps, 0 for every step.

        ``market_by_market``: the cancel of each market stands before its quotes, not all cancels
        before all quotes.
        """
        self.accounts = accounts
        self._capital = capital
        self._ladder = ladder
        self._least_move = np.maximum(least_move, ladder.half_spread)
        self._patience = patience
        self._market_by_market = market_by_market
        markets = len(accounts)
        self._price = np.full(markets, 1e-300)
        self._left = np.zeros(markets)
        self._age = np.zeros(markets, np.int64)
        self.hit = np.zeros(markets)

    def due(self, prices: Prices) -> Mask:
        """In which markets to quote anew, a step later."""
        self._age += 1
        moved = np.abs(prices.fair / self._price - 1.0)
        changed = np.abs(prices.left / np.maximum(self._left, 1e-9) - 1.0)
        found: Mask = (
            (moved > self._least_move)
            | (changed > CHANGED_DEPTH)
            | (self.hit > HIT * self._ladder.depth * prices.left)
            | (self._age >= self._patience)
        )
        return found

    def quotes(self, time_ms: int, prices: Prices, where: Integers) -> tuple[Rows, Rows]:
        """Two groups of rows of the markets ``where``: cancels, then new orders."""
        self._price[where] = prices.fair[where]
        self._left[where] = prices.left[where]
        self._age[where] = 0
        self.hit[where] = 0.0
        rows, usable = self._ladder.quotes(time_ms, prices.fair, prices.left, where)
        if self._market_by_market:
            return rows[:0, 0], rows[usable]
        return rows[:, 0], rows[:, 1:][usable[:, 1:]]

    def losses(self, engine: Engine) -> Floats:
        """USD lost in each market; below zero where the maker gained."""
        tables = engine.tables
        first = tables["accounts"]["first_position"][self.accounts]
        sizes = tables["positions"]["signed_size"][np.maximum(first, 0)]
        marks = tables["markets"]["mark_price"][: len(self.accounts)]
        group = groups_held(tables, self.accounts, slice(len(self.accounts)))
        cash = np.take_along_axis(cash_by_group(tables, self.accounts), group[:, None], 1)[:, 0]
        worth = cash + np.where(first >= 0, sizes * marks, 0)
        lost: Floats = (self._capital - worth) / MICRO
        return lost


class Takers:
    """Noise, trend followers, arbitrage and the backstop: what each buys or sells now."""

    def __init__(
        self, accounts: Integers, setup: SimulationSetup, assumptions: TradingAssumptions,
        ticks: Ticks, holding: Floats, largest: Floats,
    ) -> None:  # fmt: skip
        """``holding`` (accounts, markets): USD held by each, about; kept by the reader."""
        self.accounts = accounts
        self.holding = holding
        self._ticks = ticks
        self._assumptions = assumptions
        self._depth = setup.depth_usd
        self._largest = largest
        step_ms = setup.grid.step_ms
        self._keep = 0.5 ** (step_ms / 1000 / UNWIND_HALF_LIFE_SECONDS)
        self._lag = TREND_SECONDS * 1000 // step_ms
        self._fair = np.zeros((self._lag, len(self._depth)))
        self._noise = _noise(assumptions, len(setup.grid.times_ms), self._depth)
        self.inherited = np.zeros(len(self._depth), np.int64)
        """Signed size of the backstop."""

    def wanted(self, number: int, prices: Prices) -> Floats:
        """Signed USD (5, m) of noise buyers, noise sellers, trend, arbitrage and the backstop."""
        found = np.zeros((5, len(self._depth)))
        found[0], found[1] = self._noise[number, 0], -self._noise[number, 1]
        before = self._fair[number % self._lag]
        known = before if number >= self._lag else prices.fair
        self._fair[number % self._lag] = prices.fair
        signal = np.clip((prices.fair / known - 1.0) / TREND_FULL, -1.0, 1.0)
        target = self._assumptions.trend * TREND_HOLDING * self._depth * signal
        change = target - self.holding[1]
        least = TREND_LEAST * TREND_HOLDING * self._depth
        found[2] = np.where(np.abs(change) > least, change, 0.0)
        gap = np.log(prices.elsewhere) - prices.displacement
        eager = np.clip((np.abs(gap) - GAP_LEAST) / GAP_FULL, 0.0, 1.0) * np.sign(gap)
        usd = self._assumptions.arbitrage * GAP_SHARE * self._depth * eager
        full = GAP_HOLDING * self._depth
        found[3] = np.clip(usd, -full - self.holding[2], full - self.holding[2])
        found[3] = np.where(eager * found[3] > 0, found[3], 0.0)
        if self.inherited.any():
            value = self.inherited / MICRO * prices.fair * self._ticks.scale
            most = UNWIND_SHARE * self._depth * prices.left
            found[4] = np.clip(-value * (1.0 - self._keep), -most, most)
        return found

    def orders(self, time_ms: int, prices: Prices, wanted: Floats) -> Rows:
        """Immediate orders for what is wanted; what is too small for the rules is left out."""
        agents, markets = np.nonzero(wanted)
        usd = wanted[agents, markets]
        fair = (prices.fair * self._ticks.scale)[markets]
        decimals = self._ticks.decimals[markets]
        buys = usd > 0
        high = self._ticks.round(fair * (1.0 + THROUGH), decimals, up=False)
        low = self._ticks.round(fair * (1.0 - THROUGH), decimals, up=True)
        limit = np.where(buys, high, low)
        micro = np.minimum(np.abs(usd) * MICRO, self._largest[markets] * (1.0 - THROUGH))
        size = np.floor(micro / fair).astype(np.int64)
        is_backstop = agents == 4
        size[is_backstop] = np.minimum(
            size[is_backstop], np.abs(self.inherited[markets[is_backstop]])
        )
        rows = rows_of(CommandKind.PLACE_ORDER, len(usd), time_ms)
        owners = np.asarray([self.accounts[0], self.accounts[0], *self.accounts[1:], 0])
        rows["account"] = np.where(is_backstop, BACKSTOP_ACCOUNT, owners[agents])
        rows["market"] = markets
        rows["side"] = np.where(buys, int(Side.BUY), int(Side.SELL))
        rows["price"] = limit
        rows["order_size"] = size
        rows["time_in_force"] = int(TimeInForce.IMMEDIATE_OR_CANCEL)
        rows["flags"][is_backstop] = int(OrderFlag.REDUCE_ONLY)
        usable = (limit > 0) & (limit <= MAX_PRICE) & (size * limit >= self._ticks.least_value)
        made: Rows = rows[usable]
        return made


class Agents:
    """All that quote and take in a simulation, and how prices form between them."""

    def __init__(
        self, prices: Prices, ticks: Ticks, makers: list[Makers], reader: EventReader,
        takers: Takers | None = None,
    ) -> None:  # fmt: skip
        self.prices = prices
        self.ticks = ticks
        self.makers = makers
        self.reader = reader
        self.takers = takers
        self._due: list[Mask] = []
        self._wanted: Floats | None = None

    @property
    def maker_accounts(self) -> set[int]:
        return {int(account) for each in self.makers for account in each.accounts}

    def advance(self, number: int, time_ms: int, fundamental: Floats, depth: Floats) -> None:
        """Prices of step ``number``, and what everyone then wants."""
        self.prices.move(time_ms, fundamental, depth)
        self._due = [each.due(self.prices) for each in self.makers]
        if self.takers is not None:
            self._wanted = self.takers.wanted(number, self.prices)

    @property
    def is_quiet(self) -> bool:
        """Whether none of them has anything to send at this step."""
        takes = self._wanted is not None and bool(self._wanted.any())
        return not takes and not any(each.any() for each in self._due)

    def quotes(self, time_ms: int) -> list[Rows]:
        """Cancels of all makers, then their new orders."""
        parts = [
            each.quotes(time_ms, self.prices, np.flatnonzero(due))
            for each, due in zip(self.makers, self._due, strict=True)
        ]
        cancels, quotes = zip(*parts, strict=True)
        return [*cancels, *quotes]

    def orders(self, time_ms: int) -> list[Rows]:
        """Immediate orders of the takers."""
        if self.takers is None or self._wanted is None:
            return []
        return [self.takers.orders(time_ms, self.prices, self._wanted)]

    def read(self, events: Rows, placement: Placement) -> StepTotals:
        """What a batch did, which moves prices, makers and takers."""
        totals = self.reader.read(events)
        self.prices.record_fills(totals.bought)
        for each in self.makers:
            each.hit += totals.taken
        if self.takers is not None and not placement.in_blocks:
            moved = totals.counts[EventKind.BACKSTOP_TAKEN_OVER] or self.takers.inherited.any()
            if moved:
                self.takers.inherited = sizes_of(placement.engine, BACKSTOP_ACCOUNT)
        lost = sum(each.losses(placement.engine) for each in self.makers)
        self.prices.maker_loss = np.maximum(0.0, lost)
        return totals


AgentsFactory = Callable[[Placement, SimulationSetup], Agents]


def path_makers(placement: Placement, setup: SimulationSetup) -> Agents:
    """Makers that quote the whole ladder anew at every step of a path whose depth is given.

    One account, or under block rules as many as their limits of open orders ask for.
    """
    per_account = len(setup.instruments)
    book = setup.rulebook
    if isinstance(book, BlockRulebook) and book.order.equity_tiers:
        most = book.order.equity_tiers[-1].open_orders
        # Old quotes count until the block that takes them away, beside the new ones.
        per_account = max(1, most // (2 * ORDERS_PER_MARKET))
    count = -(-len(setup.instruments) // per_account)
    capital = max(CAPITAL, 20 * round(sum(setup.depth_usd.tolist()) * MICRO))
    opened = placement.open_shared(setup.start_ms, np.full(count, capital), "the makers")
    accounts = opened[np.arange(len(setup.instruments)) // per_account]
    ticks = Ticks(setup.instruments, *tick_rules(book))
    makers = Makers(
        accounts, np.full(len(accounts), capital), Ladder(accounts, setup.depths, ticks),
        market_by_market=True,
    )  # fmt: skip
    reader = EventReader(len(accounts), _table(placement), accounts, exact=True)
    prices = QuotePressure(setup.depth_usd, setup.grid.middle[0])
    return Agents(prices, ticks, [makers], reader)


def whole_ladders(assumptions: TradingAssumptions) -> AgentsFactory:
    """Makers that quote the whole ladder anew at every step, and no takers."""
    return partial(_market_agents, assumptions, ((slice(None), 0.0, 0),), 0)


def makers_and_takers(assumptions: TradingAssumptions) -> AgentsFactory:
    """Two makers a market, for the inner and the outer orders, and takers of all kinds."""
    ladders = zip((slice(0, INNER), slice(INNER, None)), MAKER_MOVES, MAKER_PATIENCE, strict=True)
    return partial(_market_agents, assumptions, tuple(ladders), TAKERS)


def _market_agents(
    assumptions: TradingAssumptions,
    ladders: tuple[tuple[slice, float, int], ...],
    takers: int,
    placement: Placement,
    setup: SimulationSetup,
) -> Agents:
    """``ladders``: orders, least move and patience of each maker."""
    time_ms, markets = setup.start_ms, np.arange(len(setup.instruments))
    capital = np.maximum(CAPITAL, np.rint(20 * MICRO * setup.depth_usd)).astype(np.int64)
    groups = [placement.open_shared(time_ms, capital, "the makers") for _ in ladders]
    most = np.full(takers, max(CAPITAL, int(capital.max())), np.int64)
    numbers = placement.open_shared(time_ms, most, "the takers")
    for accounts in groups:
        placement.set_leverage(time_ms, accounts, markets)
    for one in numbers:
        placement.set_leverage(time_ms, np.full(len(markets), one), markets)
    ticks = Ticks(setup.instruments, *tick_rules(setup.rulebook))
    cap = placement.engine.tables["markets"]["largest_order"].astype(np.float64)
    largest = np.where(cap > 0, cap, np.inf)
    makers = [
        Makers(
            accounts, capital, Ladder(accounts, setup.depths, ticks, orders, 0.9 * largest),
            least_move=least_move, patience=patience,
        )
        for accounts, (orders, least_move, patience) in zip(groups, ladders, strict=True)
    ]  # fmt: skip
    reader = EventReader(len(markets), _table(placement), np.concatenate(groups), numbers)
    prices = PriceFormation(assumptions, setup.depth_usd, setup.grid.middle[0], setup.grid.step_ms)
    if not takers:
        return Agents(prices, ticks, makers, reader)
    taking = Takers(numbers, setup, assumptions, ticks, reader.holding, largest)
    return Agents(prices, ticks, makers, reader, taking)


def _table(placement: Placement) -> int:
    return len(placement.engine.tables["accounts"])


def sizes_of(engine: Engine, account: int) -> Integers:
    """Signed size of an account in each market."""
    found = np.zeros(len(engine.instruments), np.int64)
    for position in positions_of(engine.tables, account):
        found[position["market"]] = position["signed_size"]
    return found


def _noise(assumptions: TradingAssumptions, decisions: int, depth: Floats) -> Floats:
    """USD that noise buys and sells, (decisions, 2, markets), drawn before anything happens."""
    random = np.random.Generator(np.random.Philox(key=[assumptions.seed, 2]))
    shape = (decisions, 2, len(depth))
    trades = random.random(shape) < NOISE_CHANCE
    sizes = random.lognormal(np.log(NOISE_SIZE), NOISE_SIGMA, shape)
    found: Floats = np.where(trades, sizes, 0.0) * depth * assumptions.noise
    return found
