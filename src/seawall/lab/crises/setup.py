"""What the crises are played with: scripts, rulebooks, modes of the account, depths of the book."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MAX_PRICE
from seawall.lab.cascade.setup import Grid
from seawall.lab.crises.facts import Facts
from seawall.lab.market.candle_file import PathError, Prices
from seawall.lab.market.liquidity import Depth
from seawall.lab.market.market_path import FINEST_STEP_MS, LARGEST_MOVE, MarketPath

CALM = "calm"
DROUGHT = "drought"
DROUGHT_SHARE = 0.02
"""Of the calm depth; the rest is the fall of depth reported for 2025-10-10."""
TICKS_MS = (FINEST_STEP_MS, 5_000, 6_000, 10_000, 12_000, 15_000, 20_000, 30_000, 60_000)
"""Possible steps of the clock; each divides a minute."""
MOST_TICKS = 30_000


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

    ``accounts``: of the crowd; ``seed``: of who they are.
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

    def at(columns: Mapping[str, Prices], usual: Mapping[str, Prices]) -> Prices:
        rows = [
            np.interp(times, path.times_ms, columns.get(each.name, usual[each.name]))
            for each in instruments
        ]
        return np.stack(rows, axis=1)

    ones = {each.name: np.ones(len(path.times_ms)) for each in instruments}
    grid = Grid(
        times_ms=times,
        oracle=at(path.oracle, path.oracle),
        outside=at(path.outside, path.oracle),
        middle=at(path.middle, path.oracle),
        depth=at(path.depth, ones),
    )
    _check_prices(grid, instruments)
    return grid


def tick_of(grid: Grid) -> int:
    """Ms between two times of an even grid, the last step left out."""
    return int(grid.times_ms[1] - grid.times_ms[0])


def _check_prices(grid: Grid, instruments: Sequence[Instrument]) -> None:
    for number, each in enumerate(instruments):
        scale = 10.0**each.price_decimals
        low, high = float(grid.oracle[:, number].min()), float(grid.oracle[:, number].max())
        if low * scale < 1 or high * scale > MAX_PRICE:
            raise PathError(
                f"{each.name}: prices from {low:g} to {high:g} USD; this market can hold "
                f"{1 / scale:g} to {MAX_PRICE / scale:,.2f}"
            )


def is_due(moved: float, waited_ms: int, longest_ms: int) -> bool:
    """Whether the machine is told now: a price moved as far as one step may, or time has passed."""
    return moved >= LARGEST_MOVE or waited_ms >= longest_ms
