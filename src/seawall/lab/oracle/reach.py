"""Where the true price stands when a position is liquidated on the published one.

With a deviation threshold d, sources that are off by up to e, and f and r the fastest fall and rise
of the true price over as long as a published price may lag, a long with the liquidation price L is
liquidated while the true price lies between L (1 - d) (1 - f) / (1 + e) and L (1 + r) / (1 - e); a
short between L (1 - f) / (1 + e) and L (1 + d) (1 + r) / (1 - e). So it is as long as a majority of
the sources works and no price is refused.
"""

import math

import numpy as np
from msgspec import Struct

from seawall.domain.units import PPM
from seawall.lab.arrays import Floats, Integers
from seawall.lab.oracle.preset import Preset


class Fastest(Struct, frozen=True):
    """The largest fall and rise of a price over a time, as fractions of where it began."""

    fall: float
    rise: float


class Reach(Struct, frozen=True, kw_only=True):
    """True prices at which a position is liquidated, USD; ``side``: 1 for a long, -1 for a short.

    ``first``: the least adverse; ``last``: the most adverse.
    """

    preset: str
    market: str
    side: int
    price: float
    liquidation_price: float
    first: float
    last: float

    @property
    def first_move(self) -> float:
        """From the price now."""
        return self.first / self.price - 1.0

    @property
    def last_move(self) -> float:
        return self.last / self.price - 1.0


def fastest(times_ms: Integers, prices: Floats, lag_ms: int) -> Fastest:
    """The largest fall and rise over at most ``lag_ms``, on straight lines between the times."""
    if lag_ms <= 0:
        return Fastest(0.0, 0.0)
    later = np.interp(times_ms + lag_ms, times_ms, prices)
    before = np.interp(times_ms - lag_ms, times_ms, prices)
    lowest, highest = prices.copy(), prices.copy()
    # Whole steps that lie within the lag from every time on; windows twice as long each time.
    steps = np.searchsorted(times_ms, times_ms + lag_ms, "right") - 1 - np.arange(len(times_ms))
    longest, covered = int(steps.max()), 1
    while covered < longest + 1:
        shift = min(covered, longest + 1 - covered)
        lowest[:-shift] = np.minimum(lowest[:-shift], lowest[shift:])
        highest[:-shift] = np.maximum(highest[:-shift], highest[shift:])
        covered += shift
    low = np.minimum(np.minimum(lowest, later) / prices, prices / before)
    high = np.maximum(np.maximum(highest, later) / prices, prices / before)
    return Fastest(float(1.0 - low.min()), float(high.max() - 1.0))


def reach(
    name: str, side: int, price: float, liquidation_price: float, preset: Preset, moves: Fastest
) -> Reach:
    """The range of true prices of one position. ``moves``: over the preset's longest lag."""
    threshold, error = preset.deviation_ppm / PPM, preset.source_error_ppm / PPM
    low = liquidation_price * (1.0 - moves.fall) / (1.0 + error)
    high = liquidation_price * (1.0 + moves.rise) / (1.0 - error) if error < 1 else math.inf
    first, last = (high, low * (1.0 - threshold)) if side > 0 else (low, high * (1.0 + threshold))
    return Reach(
        preset=preset.name, market=name, side=side, price=price,
        liquidation_price=liquidation_price, first=first, last=last,
    )  # fmt: skip
