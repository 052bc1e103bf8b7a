"""Estimates from samples of paths: the value and its 95 % confidence interval.

* A **probability** has Wilson's interval (1927), which stays within 0 and 1 and says something even
  where no path of the sample was hit.
* A **mean** has the normal interval of its standard error.
* A **quantile** has the interval between two order statistics: those at the probabilities that the
  standard error of the share of paths below it reaches.
* An **expected shortfall**, the mean of the worst share, has that of its influence function.

Antithetic paths come in pairs that are not independent (``paired``): every standard error is then
that of the pairs' means, and Wilson's interval takes the number of independent paths with the same
error.
"""

import math
from typing import NamedTuple

import numpy as np

from seawall.lab.arrays import Floats, Mask

SIGMAS = 1.959963984540054
"""Of the normal distribution, for 95 %."""


class Estimate(NamedTuple):
    """A figure and its 95 % confidence interval."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> tuple[float, float]:
        """(low, high)."""
        return self.low, self.high


def standard_error(values: Floats, *, paired: bool) -> float:
    """Of the mean of n values; ``paired``: neighbours 0 and 1, 2 and 3 ... belong together."""
    if paired:
        half = len(values) // 2
        values = values[: 2 * half].reshape(half, 2).mean(axis=1)
    if len(values) < 2:
        return 0.0
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def wilson(part: float, count: float) -> Estimate:
    """The share ``part`` of ``count`` independent draws; the count need not be whole."""
    square = SIGMAS**2
    centre = (part + square / (2 * count)) / (1 + square / count)
    spread = math.sqrt(part * (1 - part) / count + square / (4 * count**2))
    spread *= SIGMAS / (1 + square / count)
    # Rounding must not put a share of nothing, or of everything, outside its own interval.
    low = 0.0 if part == 0 else max(0.0, centre - spread)
    high = 1.0 if part == 1 else min(1.0, centre + spread)
    return Estimate(part, low, high)


def share(hits: Mask, *, paired: bool) -> Estimate:
    """The probability of a hit, from n paths."""
    part = float(hits.mean())
    count = float(len(hits))
    if paired:
        error = standard_error(hits.astype(np.float64), paired=True)
        # Without a spread to judge by, a pair counts as one path.
        count = part * (1 - part) / error**2 if error > 0 else count / 2
    return wilson(part, max(count, 1.0))


def mean(values: Floats, *, paired: bool) -> Estimate:
    """The mean of n values."""
    centre = float(values.mean())
    reach = SIGMAS * standard_error(values, paired=paired)
    return Estimate(centre, centre - reach, centre + reach)


def quantile(values: Floats, probability: float, *, paired: bool) -> Estimate:
    """The value that a share ``probability`` of paths does not exceed."""
    centre = float(np.quantile(values, probability))
    below = (values <= centre).astype(np.float64)
    error = standard_error(below, paired=paired)
    if error == 0:
        error = math.sqrt(probability * (1 - probability) / len(values))
    ends = np.clip([probability - SIGMAS * error, probability + SIGMAS * error], 0.0, 1.0)
    low, high = np.quantile(values, ends)
    return Estimate(centre, min(float(low), centre), max(float(high), centre))


def shortfall_influence(values: Floats, probability: float) -> Floats:
    """(n,) whose mean is the mean of the worst ``1 - probability`` of the n values."""
    threshold = float(np.quantile(values, probability))
    result: Floats = threshold + np.maximum(values - threshold, 0.0) / (1 - probability)
    return result


def expected_shortfall(values: Floats, probability: float, *, paired: bool) -> Estimate:
    """The mean of the worst ``1 - probability`` of the values."""
    return mean(shortfall_influence(values, probability), paired=paired)
