"""What decides a run: rules, markets, the path, the population, and assumptions."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct, structs

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MICRO
from seawall.lab.arrays import Floats
from seawall.lab.market.assumption_sheets import Used
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.liquidity import Depth
from seawall.lab.market.market_path import MarketPath
from seawall.lab.simulation.agents import makers_and_takers
from seawall.lab.simulation.assumptions import TradingAssumptions
from seawall.lab.simulation.population import (
    Distribution,
    Population,
    draw_population,
    sizes_held,
)
from seawall.lab.simulation.setup import (
    Grid,
    SimulationSetup,
    grid_of,
    price_units,
)
from seawall.lab.simulation.simulation import Pace, Simulation

STEP_MS = 1_000
"""Agents decide once a second."""
MOST_DECISIONS = 200_000
LONGEST_WAIT = 60
"""Seconds that are kept while no agent has anything to send."""
NO_HOLDINGS = Holdings(name="no account", collateral=0, positions=(), orders=())


class MarketSetup(Struct, frozen=True, kw_only=True):
    """Everything that decides a run, and nothing else. ``open_interest``: USD of one side."""

    name: str
    rulebook: AnyRulebook
    instruments: tuple[Instrument, ...]
    grid: Grid
    plan: Holdings
    depths: tuple[Depth, ...]
    open_interest: tuple[float, ...]
    distribution: Distribution
    assumptions: TradingAssumptions
    used: Used | None = None
    """What was read of the assumptions of markets, where the question read them."""

    @property
    def markets(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.instruments)


def grid_by_second(
    path: MarketPath, instruments: Sequence[Instrument], minutes: float | None = None
) -> Grid:
    """The path once a second, on straight lines between its own times. Raises PathError."""
    start, end = int(path.times_ms[0]), int(path.times_ms[-1])
    if minutes is not None:
        end = min(end, start + round(minutes * 60_000))
    count = (end - start) // STEP_MS + 1
    if not 2 <= count <= MOST_DECISIONS:
        raise PathError(
            f"{path.name}: {count} decisions of a second; 2 to {MOST_DECISIONS} are possible"
        )
    return grid_of(path, instruments, start + STEP_MS * np.arange(count, dtype=np.int64))


def scaled(grid: Grid, start: Sequence[float], strength: float) -> Grid:
    """The same path from other first prices (USD), every move to the power ``strength``.

    At strength 1 moves are the path's own in percent; at 0.5 a fall by a quarter is one by 13.4 %.
    """
    first = np.asarray(start)
    base = grid.oracle[0]

    def moved(prices: Floats) -> Floats:
        found: Floats = first * (prices / base) ** strength
        return found

    return structs.replace(
        grid, oracle=moved(grid.oracle), outside=moved(grid.outside), middle=moved(grid.middle)
    )


def simulation_of(setup: MarketSetup, *, with_population: bool) -> Simulation:
    """The market in place. Without the population there is no account under study either.

    Raises PathError, PlacementError, LayoutError.
    """
    plan = setup.plan if with_population and setup.plan != NO_HOLDINGS else None
    given = SimulationSetup(
        rulebook=setup.rulebook,
        instruments=setup.instruments,
        grid=setup.grid,
        depths=setup.depths,
        holdings=plan,
        population=_population(setup) if with_population else None,
        backstop=round(setup.assumptions.backstop_share * sum(setup.open_interest) * MICRO),
    )
    return Simulation(given, makers_and_takers(setup.assumptions))


def pace_of(setup: MarketSetup) -> Pace:
    """Seconds without commands of agents are sent together, or each by itself if so assumed."""
    return Pace(kept=LONGEST_WAIT if setup.assumptions.fast_forward else 1)


def _population(setup: MarketSetup) -> Population | None:
    if not setup.distribution.accounts:
        return None
    prices = price_units(setup.instruments, setup.grid.oracle[0])
    return draw_population(
        setup.distribution, setup.instruments, prices, np.asarray(setup.open_interest),
        sizes_held(setup.plan, len(prices)), setup.assumptions.seed,
    )  # fmt: skip
