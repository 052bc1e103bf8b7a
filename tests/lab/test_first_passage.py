"""Simulated liquidation against the first passage of a geometric Brownian motion.

One position, no fees, no slippage, no jumps, constant volatility: the account is liquidated when
the price first crosses one level. By the reflection principle the logarithm X of the price over its
start, with drift m and volatility s, falls below b < 0 by the time T with probability

    N((b - m T) / (s sqrt T)) + exp(2 m b / s^2) N((b + m T) / (s sqrt T))

where m = -s^2 / 2 for a price without drift. A short is the same with X and b turned around. The
price is looked at once a step, so less is seen than happens: Broadie, Glasserman and Kou (1997) put
the barrier 0.5826 s sqrt(dt) farther away.
"""

from math import erfc, exp, log, sqrt

import numpy as np
import pytest

from seawall.lab.paths.kernels.simulate import simulate_chunk
from seawall.lab.paths.kernels.task import SECONDS_PER_YEAR
from tests.lab.path_accounts import diffusion, path_account, path_task

PATHS = 1_000_000
STEPS = 250
STEP_SECONDS = 10_800.0
VOLATILITY = 0.7
MAINTENANCE = 0.01
SHIFT = 0.5826
"""-zeta(1/2) / sqrt(2 pi)."""


def below(x: float) -> float:
    """The normal distribution."""
    return erfc(-x / sqrt(2.0)) / 2.0


def first_passage(barrier: float, drift: float, volatility: float, years: float) -> float:
    """Of a level ``barrier`` below zero, watched all the time."""
    spread = volatility * sqrt(years)
    mirrored = exp(2.0 * drift * barrier / volatility**2)
    return below((barrier - drift * years) / spread) + mirrored * below(
        (barrier + drift * years) / spread
    )


def expected(side: int, level: float, step_years: float) -> float:
    """For a price that starts at 1 and is looked at every step."""
    drift = -(VOLATILITY**2) / 2.0 * side
    barrier = log(level) * side - SHIFT * VOLATILITY * sqrt(step_years)
    return first_passage(barrier, drift, VOLATILITY, STEPS * step_years)


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
@pytest.mark.parametrize("distance", [0.1, 0.2, 0.35])
def test_liquidation_is_the_first_passage(side: int, distance: float) -> None:
    level = 1.0 - side * distance
    # Equity side * (price - level) + maintenance at the level is the maintenance margin there.
    cash = side * -level + MAINTENANCE * level
    account = path_account([1.0], [float(side)], [cash], tiers=[[(0.0, MAINTENANCE, 0.0)]])
    task = path_task(
        account, diffusion(1, VOLATILITY), steps=STEPS, step_seconds=STEP_SECONDS, paths=PATHS
    )
    found = sum(
        int(np.count_nonzero(simulate_chunk(task, chunk).first)) for chunk in range(task.chunks)
    )
    right = expected(side, level, STEP_SECONDS / SECONDS_PER_YEAR)
    error = sqrt(right * (1.0 - right) / PATHS)
    assert abs(found / PATHS - right) < 3.0 * error, (found / PATHS, right, error)
    # Without the correction the formula is far off, so the test can tell.
    watched = first_passage(
        log(level) * side, -(VOLATILITY**2) / 2.0 * side, VOLATILITY,
        STEPS * STEP_SECONDS / SECONDS_PER_YEAR,
    )  # fmt: skip
    assert abs(found / PATHS - watched) > 5.0 * error
