"""What the crises are played with: scripts, rulebooks, modes of the account, depths of the book."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct, structs

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.lab.crises.facts import Facts
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.liquidity import Depth
from seawall.lab.market.market_path import FINEST_STEP_MS, LARGEST_MOVE, MarketPath
from seawall.lab.simulation.agents import whole_ladders
from seawall.lab.simulation.assumptions import Assumptions
from seawall.lab.simulation.population import Population
from seawall.lab.simulation.setup import Grid, SimulationSetup, check_prices, grid_of, market_limits
from seawall.lab.simulation.simulation import Pace, Simulation

CALM = "calm"
DROUGHT = "drought"
DROUGHT_SHARE = 0.02
"""Of the calm depth; the rest is the fall of depth reported for 2025-10-10."""
TICKS_MS = (FINEST_STEP_MS, 5_000, 6_000, 10_000, 12_000, 15_000, 20_000, 30_000, 60_000)
"""Possible steps of the clock; each divides a minute."""
MOST_TICKS = 30_000
LONGEST_QUIET_MS = 10_000
"""Prices are sent to the engines at least so often, or as often as the script says."""
IMPACT = Assumptions(coupling=0.0, permanent_share=0.0, maker_ruin=float("inf"))
"""Other venues follow the script alone, the gap to them closes, and makers quote on after losses.

A script's prices hold what that day's liquidations did everywhere already. What this market's own
accounts are sold for moves its own book further, and half of that is gone after two minutes.
"""


class Rules(Struct, frozen=True, kw_only=True):
    """A rulebook with the account's markets under it, all rulebooks in the same order."""

    book: AnyRulebook
    instruments: tuple[Instrument, ...]

    @property
    def name(self) -> str:
        return self.book.name


class Script(Struct, frozen=True, kw_only=True):
    """One crisis, starting at the account's prices. ``depths``: calm, of each market.

    ``interest``: USD of one side of each market; ``backstop``: micro-USD.
    """

    name: str
    title: str
    about: str
    source: str
    path: MarketPath
    facts: Facts
    depths: tuple[Depth, ...]
    interest: tuple[float, ...]
    backstop: int

    @property
    def minutes(self) -> float:
        return float(self.path.times_ms[-1] - self.path.times_ms[0]) / 60_000


class Mode(Struct, frozen=True, kw_only=True):
    """The account held in one way; ``plans``: by rulebook, in their order."""

    name: str
    plans: tuple[Holdings, ...]


class DepthLevel(Struct, frozen=True, kw_only=True):
    """``share`` of the calm depth that is there before prices move."""

    name: str
    share: float


class CrisesTask(Struct, frozen=True, kw_only=True):
    """Everything that decides the cells: each script in each mode and depth, under all rulebooks.

    ``accounts``: of the crowd; ``seed``: what they are drawn with.
    """

    scripts: tuple[Script, ...]
    rules: tuple[Rules, ...]
    modes: tuple[Mode, ...]
    depths: tuple[DepthLevel, ...]
    accounts: int
    seed: int

    @property
    def trials(self) -> int:
        """A trial is one script, mode and depth, under every rulebook."""
        return len(self.scripts) * len(self.modes) * len(self.depths)

    def trial(self, number: int) -> tuple[Script, Mode, DepthLevel]:
        """What trial ``number`` plays."""
        rest, depth = divmod(number, len(self.depths))
        script, mode = divmod(rest, len(self.modes))
        return self.scripts[script], self.modes[mode], self.depths[depth]


def even_grid(path: MarketPath, instruments: Sequence[Instrument]) -> Grid:
    """The path on an even clock, at least as fine as it needs and at most ``MOST_TICKS`` long.

    Straight lines between the path's own times. Raises PathError.
    """
    start, end = int(path.times_ms[0]), int(path.times_ms[-1])
    tick = next((each for each in TICKS_MS if (end - start) // each < MOST_TICKS), None)
    if tick is None:
        hours = (end - start) / 3.6e6
        raise PathError(f"{path.name}: lasts {hours:,.0f} hours; at most 500 can be played")
    times = np.append(np.arange(start, end, tick, dtype=np.int64), end)

    grid = grid_of(path, instruments, times)
    check_prices(grid, instruments)
    return grid


def pace_of(script: Script) -> Pace:
    """Coarser than a cascade's, so that many scripts can be played."""
    longest_ms = max(script.path.step_ms, LONGEST_QUIET_MS)
    return Pace(least_move=LARGEST_MOVE, longest_ms=longest_ms)


def simulation_of(
    rules: Rules,
    script: Script,
    grid: Grid,
    plan: Holdings,
    population: Population,
    level: DepthLevel,
) -> Simulation:
    """A script under one rulebook. There are no takers but those who are liquidated.

    Raises PathError, PlacementError.
    """
    setup = SimulationSetup(
        rulebook=rules.book,
        instruments=rules.instruments,
        grid=structs.replace(grid, depth=level.share * grid.depth),
        depths=script.depths,
        holdings=plan,
        population=population,
        backstop=script.backstop,
        limits=market_limits(len(rules.instruments), population),
    )
    return Simulation(setup, whole_ladders(IMPACT))
