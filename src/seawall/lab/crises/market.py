"""One rulebook's market in a crisis: the machine, makers, the people and the account under study.

Coarser than ``lab/cascade``, so that many can be played: nobody trades for fun, follows trends or
unwinds, and the machine is told of prices when they have moved (``setup.is_due``). Prices
elsewhere, and so the oracle, follow the script, which holds what that day's cascade did already.
What this market's own people are sold for moves its own book further, and with it whatever its
rules read from that book. Half of that is gone after two minutes.
"""

import numpy as np
from numpy.typing import NDArray

from seawall.domain.holdings import Holdings
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import MICRO
from seawall.lab.cascade.setup import Grid
from seawall.lab.crises.people import as_pools
from seawall.lab.crises.setup import DepthLevel, Rules, Script, tick_of
from seawall.lab.market.liquidity import LADDER_BP
from seawall.lab.simulation.agents import CAPITAL, Makers, Ticks
from seawall.lab.simulation.assumptions import Assumptions
from seawall.lab.simulation.block_observer import watch
from seawall.lab.simulation.incidents import Storyteller
from seawall.lab.simulation.population import Population
from seawall.lab.simulation.price_formation import PriceFormation
from seawall.lab.simulation.reader import EventReader
from seawall.lab.simulation.setting import RehearsalError
from seawall.lab.simulation.world import Person, Rows, World, backstop_account, price_rows

Floats = NDArray[np.float64]

IMPACT = Assumptions(coupling=0.0, permanent_share=0.0)
"""Other venues go their own way, and the gap to them closes."""
OWN = 0
"""The account under study, as a number of somebody; the people are 1, 2 ..."""
NOBODY = -1


class CrisisMarket:
    """The machine in place. ``look`` at every tick of the grid, ``act`` when it is due."""

    def __init__(
        self,
        rules: Rules,
        script: Script,
        grid: Grid,
        plan: Holdings,
        people: Population,
        level: DepthLevel,
    ) -> None:
        """Raises RehearsalError."""
        self.rules = rules
        self.grid = grid
        self._share = level.share
        self._scale = 10.0 ** np.asarray([each.price_decimals for each in rules.instruments])
        start = int(grid.times_ms[0])
        self.world = World(rules.book, rules.instruments, people.accounts, len(people.owner))
        self.world.first_prices(start, self._units(grid.oracle[0]), self._units(grid.outside[0]))
        self._hire(start, script)
        self.person = Person(self.world, plan, start)
        here = as_pools(people) if self.world.in_blocks else people
        self.accounts = self.world.settle_in(start, here)
        backstop = np.asarray([backstop_account(self.world.in_blocks)])
        self.world.deposit(start, backstop, np.asarray([script.backstop]), "the backstop")
        self.somebody = self._numbers()
        self.observer = watch(self.world.engine, self.person.account, self.person.children)
        self.story = Storyteller(self.person.account, (), self.person.children)
        self.start = self.observer.snapshot(start)
        self._first = True

    def _hire(self, start: int, script: Script) -> None:
        """A maker in each market, with the whole ladder."""
        world, depths = self.world, list(script.depths)
        self._depth = np.asarray([each.usd_within_50bp for each in depths])
        self._everywhere = np.arange(len(depths))
        capital = np.maximum(CAPITAL, np.rint(20 * MICRO * self._depth)).astype(np.int64)
        accounts = world.open_accounts(start, capital, "the makers")
        world.prepare_trader(start, accounts, self._everywhere)
        self._ticks = Ticks(world)
        cap = world.engine.tables["markets"]["largest_order"].astype(np.float64)
        self._makers = Makers(
            accounts, slice(0, len(LADDER_BP)), depths, self._ticks,
            0.9 * np.where(cap > 0, cap, np.inf), least_move=0.0, patience=1,
        )  # fmt: skip
        self.prices = PriceFormation(IMPACT, self._depth, self.grid.middle[0], tick_of(self.grid))
        self._reader = EventReader(len(depths), len(world.engine.tables["accounts"]))
        self._reader.role[accounts] = 1
        self._nobody = np.zeros((1, len(depths)))

    def _numbers(self) -> NDArray[np.int64]:
        """Account of the machine to a number that is the same under all rules; -1 for the venue."""
        found = np.full(len(self.world.engine.tables["accounts"]), NOBODY, np.int64)
        found[self.accounts] = 1 + np.arange(len(self.accounts))
        found[self.person.accounts] = OWN
        found[:FIRST_USER] = NOBODY
        return found

    @property
    def maker_rejections(self) -> int:
        """Orders of the makers that the machine refused."""
        return sum(self._reader.rejected.values())

    def _units(self, usd: Floats) -> NDArray[np.int64]:
        units: NDArray[np.int64] = np.rint(usd * self._scale).astype(np.int64)
        return units

    def look(self, tick: int) -> None:
        """The makers' prices go on by one tick."""
        self.prices.move(self.grid.middle[tick], self._share * self.grid.depth[tick])

    def moved(self, tick: int, told: int) -> float:
        """The largest move of a price since tick ``told``, when the machine was last told."""
        oracle = np.abs(self.grid.oracle[tick] / self.grid.oracle[told] - 1.0)
        book = np.abs(self.prices.fair / self._told - 1.0)
        return float(max(oracle.max(), book.max()))

    def act(self, tick: int) -> Rows:
        """Quotes, prices and the time go to the machine; its events, valid until the next call."""
        time_ms = int(self.grid.times_ms[tick])
        self._told = self.prices.fair.copy()
        cancels, quotes = self._makers.quotes(time_ms, self.prices, self._everywhere)
        closing = price_rows(
            time_ms, self._units(self.grid.oracle[tick]), self._units(self.grid.outside[tick])
        )
        events = self.world.send(np.concatenate([cancels, quotes, closing]))
        self.prices.feel(self._reader.read(events, self._nobody).bought)
        self._tell(time_ms, events)
        if self._first:
            self._first = False
            orders = self.person.order_rows(time_ms, self._ticks.one)
            if len(orders):
                events = np.concatenate(
                    [events.copy(), self.world.must(orders, "the account's orders")]
                )
        return events

    def _tell(self, time_ms: int, events: Rows) -> None:
        mine = np.isin(events["account"], self.person.accounts)
        if mine.any():
            known = len(self.story.incidents)
            self.story.read(time_ms, events[mine])
            equity = self.observer.snapshot(time_ms).equity
            for incident in self.story.incidents[known:]:
                incident.equity = equity

    def marks(self) -> NDArray[np.int64]:
        """The price that equity counts with in each market, units."""
        column = "oracle_price" if self.world.in_blocks else "mark_price"
        found: NDArray[np.int64] = self.world.engine.tables["markets"][column][
            : len(self._scale)
        ].astype(np.int64)
        return found

    def check_money(self) -> None:
        """Raises RehearsalError where all cash together is not what was deposited."""
        if not self.world.is_conserved():
            raise RehearsalError(f"{self.rules.name}: money is not conserved")
