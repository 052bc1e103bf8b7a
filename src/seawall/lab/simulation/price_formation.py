"""How selling moves prices: displacement, other venues, and the depth that is left."""

import numpy as np
from numpy.typing import NDArray

from seawall.lab.market.liquidity import HALF_DEPTH_RETURN, LEAST_MULTIPLIER, RETURN_WINDOW_MS
from seawall.lab.simulation.assumptions import (
    DEPTH_MOVE,
    LARGEST_DISPLACEMENT,
    LEAST_MAKER,
    Assumptions,
)

Floats = NDArray[np.float64]

REST = 1e-4
"""Temporary flow below this many depths (half a hundredth of a bp) is over."""


class PriceFormation:
    """Prices of m markets between decisions; all arrays (m,). USD and logarithms, not units.

    ``fair``: what the makers quote around. ``left``: share of the calm depth that is quoted.
    """

    def __init__(
        self, assumptions: Assumptions, depth: Floats, start: Floats, step_ms: int
    ) -> None:
        self._assumptions = assumptions
        self._depth = depth
        self._decay = 0.5 ** (step_ms / 1000 / assumptions.half_life_seconds)
        self._temporary = np.zeros(len(depth))
        self._permanent = np.zeros(len(depth))
        self.displacement = np.zeros(len(depth))
        lag = round(assumptions.lag_seconds * 1000 / step_ms)
        self._past = np.zeros((lag + 1, len(depth)))
        self._window = np.repeat(start[None, :], RETURN_WINDOW_MS // step_ms, axis=0)
        self._step = 0
        self.maker_loss = np.zeros(len(depth))
        self.fair = start.copy()
        self.left = np.ones(len(depth))
        self.elsewhere = np.ones(len(depth))

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing but the fundamental price can move prices now."""
        return not self._temporary.any()

    def feel(self, bought: Floats) -> None:
        """What takers bought from the makers, signed USD, since the last decision."""
        flow = bought / (self._depth * np.sqrt(self.left))
        share = self._assumptions.permanent_share
        self._permanent += share * flow
        self._temporary += (1.0 - share) * flow

    def move(self, fundamental: Floats, scripted_depth: Floats) -> None:
        """The next decision's prices. ``scripted_depth``: the path's own share of the depth."""
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
