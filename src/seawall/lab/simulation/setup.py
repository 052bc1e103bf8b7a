"""What a simulation is given: rules, markets, the prices of the path, accounts and money."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import MAX_PRICE
from seawall.engine.layout import Limits
from seawall.lab.arrays import Floats, Integers
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.liquidity import Depth
from seawall.lab.market.market_path import MarketPath
from seawall.lab.simulation.population import Population
from seawall.report.kinds import usd

ORDERS = 16_384


class Grid(Struct, frozen=True, kw_only=True):
    """A path at n steps. USD, (n, m); ``depth``: share of the calm depth.

    ``oracle`` and ``outside``: what other venues would show without this market; ``middle``: what
    the venue's own makers would quote around.
    """

    times_ms: Integers
    oracle: Floats
    outside: Floats
    middle: Floats
    depth: Floats

    @property
    def step_ms(self) -> int:
        """Ms between the first two steps."""
        return int(self.times_ms[1] - self.times_ms[0])


def grid_of(
    path: MarketPath, instruments: Sequence[Instrument], times_ms: Integers | None = None
) -> Grid:
    """The path at its own times, or at these, on straight lines between its own."""
    times = path.times_ms if times_ms is None else times_ms
    ones = np.ones(len(path.times_ms))

    def at(prices: Mapping[str, Floats], usual: Mapping[str, Floats]) -> Floats:
        columns = [prices.get(each.name, usual.get(each.name, ones)) for each in instruments]
        return np.stack([np.interp(times, path.times_ms, each) for each in columns], axis=1)

    return Grid(
        times_ms=times,
        oracle=at(path.oracle, {}),
        outside=at(path.outside, path.oracle),
        middle=at(path.middle, path.oracle),
        depth=at(path.depth, {}),
    )


def check_prices(grid: Grid, instruments: Sequence[Instrument]) -> None:
    """Raises PathError where the path leaves what a market's prices can hold."""
    for number, each in enumerate(instruments):
        scale = 10.0**each.price_decimals
        for prices in (grid.oracle, grid.outside):
            low, high = float(prices[:, number].min()), float(prices[:, number].max())
            is_high = np.rint(high * scale) > MAX_PRICE
            if is_high or np.rint(low * scale) < 1:
                raise PathError(
                    f"{each.name}: price {high if is_high else low:g} of the path is outside what "
                    f"this market can hold ({1 / scale:g} to {usd(MAX_PRICE / scale)} USD)"
                )


def price_units(instruments: Sequence[Instrument], usd: Floats) -> Integers:
    """USD (..., m) in each market's units; what lies outside what can be held is cut."""
    scale = np.asarray([10.0**each.price_decimals for each in instruments])
    units: Integers = np.clip(np.rint(usd * scale), 1, MAX_PRICE).astype(np.int64)
    return units


class SimulationSetup(Struct, frozen=True, kw_only=True):
    """Everything that decides a simulation beside its agents.

    ``holdings``: of the account under study, None for none. ``depths``: calm. ``backstop``:
    micro-USD for the backstop; under block rules, which have none, the engine gives
    it to the insurance fund. ``limits``: those of a whole market without. ``price_order``: markets
    in the order in which a step sends their prices, as the engine looks at accounts after each one;
    as they stand if empty.
    """

    rulebook: AnyRulebook
    instruments: tuple[Instrument, ...]
    grid: Grid
    depths: tuple[Depth, ...]
    holdings: Holdings | None
    population: Population | None
    backstop: int
    limits: Limits | None = None
    price_order: tuple[int, ...] = ()

    @property
    def start_ms(self) -> int:
        return int(self.grid.times_ms[0])

    @property
    def depth_usd(self) -> Floats:
        """USD within 50 bp of one side, by market."""
        return np.asarray([each.usd_within_50bp for each in self.depths])


def market_limits(markets: int, population: Population | None) -> Limits:
    """Tables for a whole market. A watch price needs a level, and levels nodes to be found by."""
    accounts = 0 if population is None else population.accounts
    positions = 0 if population is None else len(population.owner)
    positions += 64 * markets + 256
    levels = ORDERS + min(positions, 40_000 * markets)
    return Limits(
        accounts=FIRST_USER + accounts + 8 * markets + 64,
        positions=positions,
        orders=ORDERS,
        levels=levels,
        nodes=ORDERS + levels,
    )
