"""What a cascade run is given: rules, markets, the fundamental path, people, and assumptions."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MAX_PRICE
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.liquidity import Depth
from seawall.lab.market.market_path import MarketPath
from seawall.lab.simulation.assumptions import Assumptions
from seawall.lab.simulation.population import DEPTH_OF_INTEREST, Distribution

Floats = NDArray[np.float64]

STEP_MS = 1_000
"""Agents decide once a second."""
MOST_DECISIONS = 200_000
NOBODY = Holdings(name="nobody", collateral=0, positions=(), orders=())


class Grid(Struct, frozen=True, kw_only=True):
    """The path at n evenly spaced decisions. USD, (n, m); ``depth``: share of the calm depth.

    ``oracle`` and ``outside``: what other venues would show without the cascade; ``middle``: what
    the venue's own makers would quote around.
    """

    times_ms: NDArray[np.int64]
    oracle: Floats
    outside: Floats
    middle: Floats
    depth: Floats


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


def grid_of(path: MarketPath, markets: Sequence[str], minutes: float | None = None) -> Grid:
    """The path once a second, on straight lines between its own times. Raises PathError."""
    start, end = int(path.times_ms[0]), int(path.times_ms[-1])
    if minutes is not None:
        end = min(end, start + round(minutes * 60_000))
    count = (end - start) // STEP_MS + 1
    if not 2 <= count <= MOST_DECISIONS:
        raise PathError(
            f"{path.name}: {count} decisions of a second; 2 to {MOST_DECISIONS} are possible"
        )
    times = start + STEP_MS * np.arange(count, dtype=np.int64)

    def at(prices: Mapping[str, Floats], other: Mapping[str, Floats] | None) -> Floats:
        columns = []
        for name in markets:
            source = prices.get(name)
            if source is None and other is None:
                columns.append(np.ones(count))
                continue
            known = source if source is not None else (other or {})[name]
            columns.append(np.interp(times, path.times_ms, known))
        return np.stack(columns, axis=1)

    return Grid(
        times_ms=times,
        oracle=at(path.oracle, None),
        outside=at(path.outside, path.oracle),
        middle=at(path.middle, path.oracle),
        depth=at(path.depth, None),
    )


def scaled(grid: Grid, start: Sequence[float], strength: float) -> Grid:
    """The same day from other first prices (USD), every move to the power ``strength``.

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
    depths: Mapping[str, Depth], open_interest: Mapping[str, float], given: Sequence[str] = ()
) -> dict[str, Depth]:
    """Depths of markets, at least the usual share of their open interest, but not where ``given``.

    A market of a billion is not quoted like one of a million, whatever leverage it is granted.
    """
    found = {}
    for name, each in depths.items():
        least = 0.0 if name in given else DEPTH_OF_INTEREST * open_interest[name]
        found[name] = Depth(max(each.usd_within_50bp, least), each.spread_bp)
    return found


def price_units(setup: MarketSetup, usd: Floats) -> NDArray[np.int64]:
    """USD (..., m) in each market's units; what lies outside what can be held is cut."""
    scale = 10.0 ** np.asarray([each.price_decimals for each in setup.instruments])
    units: NDArray[np.int64] = np.clip(np.rint(usd * scale), 1, MAX_PRICE).astype(np.int64)
    return units


def check_prices(setup: MarketSetup) -> None:
    """Raises PathError where the path leaves what a market's prices can hold."""
    for number, instrument in enumerate(setup.instruments):
        scale = 10.0**instrument.price_decimals
        low, high = (float(f(setup.grid.oracle[:, number])) for f in (np.min, np.max))
        if not (low * scale >= 1 and high * scale <= MAX_PRICE):
            raise PathError(
                f"{instrument.name}: prices from {low:g} to {high:g} USD of the path; this market "
                f"can hold {1 / scale:g} to {MAX_PRICE / scale:,.2f}"
            )
