"""How trades move the prices that makers quote around.

``PriceFormation``: displacement, other venues, and the depth that is left; see ``assumptions``.
``QuotePressure``: a path whose depth is given. What others sell to a maker moves its next quotes:
selling one side's 50 bp of depth moves their middle 50 bp down, buying up; the move halves every
two minutes and stays within 5 %. So liquidations move the price, and the mark follows by the
venue's own formula.
"""

import numpy as np

from seawall.lab.arrays import Floats
from seawall.lab.market.liquidity import (
    BP,
    HALF_DEPTH_RETURN,
    LEAST_MULTIPLIER,
    RETURN_WINDOW_MS,
)
from seawall.lab.simulation.assumptions import (
    DEPTH_MOVE,
    LARGEST_DISPLACEMENT,
    LEAST_MAKER,
    TradingAssumptions,
)

REST = 1e-4
"""Temporary flow below this many depths (half a hundredth of a bp) is over."""
PRESSURE_HALF_LIFE_MS = 120_000
LARGEST_PRESSURE = 0.05


class Prices:
    """Prices of m markets between steps; all arrays (m,). USD and logarithms, not units.

    ``fair``: what the makers quote around. ``left``: share of the calm depth that is quoted.
    ``elsewhere``: what the prices of other venues, and so the oracle, are multiplied by.
    ``maker_loss``: USD that the makers have lost.
    """

    def __init__(self, depth: Floats, start: Floats) -> None:
        """``depth``: calm, USD within 50 bp of one side; ``start``: first prices, USD."""
        self._depth = depth
        self.fair = start.copy()
        self.left, self.elsewhere = np.ones((2, len(depth)))
        self.displacement, self.maker_loss = np.zeros((2, len(depth)))

    def move(self, time_ms: int, fundamental: Floats, scripted_depth: Floats) -> None:
        """The next step's prices. ``scripted_depth``: the path's own share of the depth."""
        raise NotImplementedError

    def record_fills(self, bought: Floats) -> None:
        """What takers bought from the makers, signed USD, since the last step."""
        raise NotImplementedError


class PriceFormation(Prices):
    """Prices that move with what is traded."""

    def __init__(
        self, assumptions: TradingAssumptions, depth: Floats, start: Floats, step_ms: int
    ) -> None:
        super().__init__(depth, start)
        self._assumptions = assumptions
        self._decay = 0.5 ** (step_ms / 1000 / assumptions.half_life_seconds)
        self._temporary, self._permanent = np.zeros((2, len(depth)))
        lag = round(assumptions.lag_seconds * 1000 / step_ms)
        self._past = np.zeros((lag + 1, len(depth)))
        self._window = np.repeat(start[None, :], RETURN_WINDOW_MS // step_ms, axis=0)
        self._step = 0

    def record_fills(self, bought: Floats) -> None:
        flow = bought / (self._depth * np.sqrt(self.left))
        share = self._assumptions.permanent_share
        self._permanent += share * flow
        self._temporary += (1.0 - share) * flow

    def move(self, time_ms: int, fundamental: Floats, scripted_depth: Floats) -> None:
        self._temporary *= self._decay
        self._temporary[np.abs(self._temporary) < REST] = 0.0
        total = self._temporary + self._permanent
        size = np.abs(total)
        shape = np.sign(total) * np.where(size > 1.0, np.sqrt(size), size)
        bound = LARGEST_DISPLACEMENT
        self.displacement = np.clip(DEPTH_MOVE * shape, -bound, bound)
        self._past[self._step % len(self._past)] = self.displacement
        late = self._past[(self._step + 1) % len(self._past)]
        self.elsewhere = np.exp(self._assumptions.coupling * late)
        self.fair = fundamental * np.exp(self.displacement)
        place = self._step % len(self._window)
        moved = np.abs(self.fair / self._window[place] - 1.0)
        self._window[place] = self.fair
        self._step += 1
        calm = 1.0 / (1.0 + (moved / HALF_DEPTH_RETURN) ** 2)
        ruin = self._assumptions.maker_ruin * self._depth
        makers = np.clip(1.0 - self.maker_loss / ruin, LEAST_MAKER, 1.0)
        self.left = np.maximum(LEAST_MULTIPLIER, np.minimum(calm, scripted_depth) * makers)


class QuotePressure(Prices):
    """Quotes around a path that give way to what is traded; other venues do not follow."""

    def __init__(self, depth: Floats, start: Floats) -> None:
        super().__init__(depth, start)
        self.pressure = np.zeros(len(depth))
        self._time_ms = self._elapsed_ms = 0

    def move(self, time_ms: int, fundamental: Floats, scripted_depth: Floats) -> None:
        self._elapsed_ms = time_ms - (self._time_ms or time_ms)
        self._time_ms = time_ms
        self.left = scripted_depth
        self.fair = fundamental * (1.0 + self.pressure)

    def record_fills(self, bought: Floats) -> None:
        """The pressure decays by the time since the last step, then what was bought adds to it."""
        self.pressure *= 0.5 ** (self._elapsed_ms / PRESSURE_HALF_LIFE_MS)
        self.pressure += bought / (self._depth * self.left) * 50 * BP
        self.pressure = np.clip(self.pressure, -LARGEST_PRESSURE, LARGEST_PRESSURE)
