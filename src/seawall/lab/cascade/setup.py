"""What decides a run: rules, markets, the path, the population, and assumptions."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MICRO
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.liquidity import Depth
from seawall.lab.market.market_path import MarketPath
from seawall.lab.simulation.agents import makers_and_takers
from seawall.lab.simulation.assumptions import Assumptions
from seawall.lab.simulation.population import (
    DEPTH_OF_INTEREST,
    Distribution,
    Population,
    draw_population,
)
from seawall.lab.simulation.setup import (
    Grid,
    SimulationSetup,
    grid_of,
    market_limits,
    price_units,
)
from seawall.lab.simulation.simulation import Pace, Simulation

Floats = NDArray[np.float64]

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
    assumptions: Assumptions

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


def calm_depths(
    depths: Mapping[str, Depth], open_interest: Mapping[str, float], chosen: Sequence[str] = ()
) -> dict[str, Depth]:
    """Depths of markets, at least the usual share of their open interest, but not where ``chosen``.

    A market of a billion is not quoted like one of a million, whatever leverage it is granted.
    """
    found = {}
    for name, each in depths.items():
        least = 0.0 if name in chosen else DEPTH_OF_INTEREST * open_interest[name]
        found[name] = Depth(max(each.usd_within_50bp, least), each.spread_bp)
    return found


def simulation_of(setup: MarketSetup, *, with_population: bool) -> Simulation:
    """The market in place. Without the population there is no account under study either.

    Raises PathError, PlacementError, LayoutError.
    """
    population = _population(setup) if with_population else None
    plan = setup.plan if with_population and setup.plan != NO_HOLDINGS else None
    given = SimulationSetup(
        rulebook=setup.rulebook,
        instruments=setup.instruments,
        grid=setup.grid,
        depths=setup.depths,
        holdings=plan,
        population=population,
        backstop=round(setup.assumptions.backstop_share * sum(setup.open_interest) * MICRO),
        limits=market_limits(len(setup.instruments), population),
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
        in_blocks=all(each.block_terms for each in setup.instruments),
    )  # fmt: skip


def sizes_held(plan: Holdings, markets: int) -> NDArray[np.int64]:
    """Signed size that an account holds in each market."""
    found = np.zeros(markets, np.int64)
    for each in plan.positions:
        found[each.market] += each.signed_size
    return found
