"""The equity of the whole account along its path: how low it falls, and how far below its peak.

Looked at once a step, after what liquidation did in it, so that nothing counts which others bore.
"""

import numpy as np

from seawall.engine.compile import inline
from seawall.lab.arrays import Floats
from seawall.lab.paths.kernels.margin import EQUITY
from seawall.lab.paths.kernels.philox import LANES

COURSE = 4
NOW, LOWEST, PEAK, DRAWDOWN = (number * LANES for number in range(COURSE))
"""Where the rows of a block's flat ``course`` begin: USD, and the largest fall from the peak as a
fraction of it."""
LEAST_PEAK = 1e-6
"""USD: of a highest equity of nothing no share can be lost."""


def start_course(equity: float) -> Floats:
    """All lanes at the start."""
    course = np.zeros(COURSE * LANES)
    course[: PEAK + LANES] = equity
    return course


@inline
def add_bucket(course: Floats, sums: Floats, is_first: bool) -> None:
    """Adds a bucket's equity to that of the account in this step."""
    for lane in range(LANES):
        course[NOW + lane] = sums[EQUITY + lane] + (0.0 if is_first else course[NOW + lane])


@inline
def follow(course: Floats, added: Floats) -> None:
    """What this step adds to the course; ``added``: USD that top-ups brought before, no gain."""
    for lane in range(LANES):
        equity = course[NOW + lane] - added[lane]
        course[LOWEST + lane] = min(course[LOWEST + lane], equity)
        peak = max(course[PEAK + lane], equity)
        course[PEAK + lane] = peak
        if peak >= LEAST_PEAK:
            course[DRAWDOWN + lane] = max(course[DRAWDOWN + lane], 1.0 - equity / peak)
