"""How many liquidations are missed because paths are checked once a step and not all the time."""

import math
from typing import NamedTuple

import numpy as np

from seawall.lab.paths.kernels.task import SECONDS_PER_YEAR, Diffusion, PathTask

SHIFT = 0.5826
"""-zeta(1/2) / sqrt(2 pi): Broadie, Glasserman and Kou, Mathematical Finance 7 (1997)."""
VENUE_SECONDS = 3.0
"""Venues publish a price, and check margin, about that often."""


class MonitoringBias(NamedTuple):
    """Of the bucket that is missed most often. ``shift``: as good as a liquidation price further
    away by this share of the price. ``missed``: share of its liquidations. ``probability``: about
    how probable its liquidation is at all.
    """

    bucket: str
    shift: float
    missed: float
    probability: float


def monitoring_bias(task: PathTask) -> MonitoringBias | None:
    """How much rarer liquidation is than at a venue that checks every ``VENUE_SECONDS``.

    Checking every dt instead of always is as good as moving the barrier away by ``SHIFT`` sigma
    sqrt(dt) (Broadie, Glasserman and Kou). Sigma is that of the bucket's value, and probabilities
    are those of a Brownian motion, by reflection. None where the model gives no volatility, or
    where orders of the account act before a liquidation may.
    """
    if not isinstance(task.model, Diffusion) or task.account.orders:
        return None
    account, model = task.perpetuals, task.model
    needed = account.needed
    found = []
    for number, name in enumerate(account.buckets):
        held = account.bucket == number
        value = (account.size * account.price)[held]
        if not held.any() or not np.abs(value).sum():
            continue
        spread = value * model.volatility[held]
        variance = float(spread @ model.correlation[np.ix_(held, held)] @ spread)
        sigma = math.sqrt(max(0.0, variance))
        gap = float(account.equity[number]) - float(needed[held].sum())
        if gap <= 0 or sigma <= 0:
            continue
        step, venue = (
            SHIFT * sigma * math.sqrt(seconds / SECONDS_PER_YEAR)
            for seconds in (task.step_seconds, min(VENUE_SECONDS, task.step_seconds))
        )
        whole = sigma * math.sqrt(task.steps * task.step_seconds / SECONDS_PER_YEAR)
        true = _tail((gap + venue) / whole)
        missed = 1 - _tail((gap + step) / whole) / true if true > 0 else 0.0
        shift = (step - venue) / float(np.abs(value).sum())
        found.append(MonitoringBias(name, shift, missed, true))
    return max(found, key=lambda each: each.missed * each.probability, default=None)


def _tail(sigmas: float) -> float:
    return math.erfc(sigmas / math.sqrt(2))
