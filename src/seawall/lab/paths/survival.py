"""What many paths say: probabilities, losses and times, each with its 95 % confidence interval.

* A **probability** has Wilson's interval (1927), which stays within 0 and 1 and says something even
  where no path of the sample was hit.
* A **mean** has the normal interval of its standard error.
* A **quantile** has the interval between two order statistics: those at the probabilities that the
  standard error of the share of paths below it reaches.
* An **expected shortfall**, the mean of the worst share, has that of its influence function.

Antithetic paths come in pairs that are not independent: every standard error is then that of the
pairs' means, and Wilson's interval takes the number of independent paths with the same error.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.lab.paths.kernels.task import SECONDS_PER_YEAR, Diffusion, Floats, Outcomes, PathTask

CONFIDENCE = 0.95
SIGMAS = 1.959963984540054
"""Of the normal distribution, for ``CONFIDENCE``."""
LOSS_QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)
SHORTFALLS = (0.95, 0.99)
CURVE_POINTS = 120

MONITORING = 0.5826
"""-zeta(1/2) / sqrt(2 pi): Broadie, Glasserman and Kou, Mathematical Finance 7 (1997)."""
VENUE_SECONDS = 3.0
"""Venues publish a price about that often, and look at margin when they do."""


class Estimate(NamedTuple):
    """A figure and its confidence interval."""

    value: float
    low: float
    high: float


class Loss(Struct, frozen=True, kw_only=True):
    """USD lost of what the account was worth at the start; below zero is a gain."""

    mean: Estimate
    quantiles: Sequence[tuple[float, Estimate]]
    shortfalls: Sequence[tuple[float, Estimate]]
    worst: float
    probability_of_loss: Estimate


class Survival(Struct, frozen=True, kw_only=True):
    """n paths. ``liquidated``: any bucket under maintenance margin on the way; ``by_bucket``: each.

    ``hours``: (c,) and ``curve``: (c,) the share liquidated by then, any bucket. ``median_hours``:
    of the liquidated paths, None without any. ``funding``, ``cost``, ``taken``: mean USD a path.
    """

    paths: int
    hours_in_all: float
    start_equity: float
    buckets: Sequence[str]
    liquidated: Estimate
    by_bucket: Sequence[Estimate]
    loss: Loss
    hours: Sequence[float]
    curve: Sequence[Estimate]
    median_hours: float | None
    funding: Estimate
    cost: Estimate
    cost_if_liquidated: float | None
    taken: Estimate
    taken_ever: Estimate


def survival_of(task: PathTask, outcomes: Outcomes) -> Survival:
    """What the outcomes of a task say."""
    paired = task.antithetic
    first = first_liquidation(outcomes)
    start = float(task.account.equity.sum())
    hit = first > 0
    step_hours = task.step_seconds / 3600.0
    grid = np.unique(np.linspace(1, task.steps, min(CURVE_POINTS, task.steps)).round().astype(int))
    return Survival(
        paths=len(first),
        hours_in_all=task.steps * step_hours,
        start_equity=start,
        buckets=tuple(task.account.buckets),
        liquidated=share(hit, paired=paired),
        by_bucket=tuple(share(each > 0, paired=paired) for each in outcomes.first.T),
        loss=loss_of(losses(task, outcomes), paired=paired),
        hours=tuple((grid * step_hours).tolist()),
        curve=tuple(share(hit & (first <= step), paired=paired) for step in grid.tolist()),
        median_hours=float(np.median(first[hit])) * step_hours if hit.any() else None,
        funding=mean(outcomes.funding, paired=paired),
        cost=mean(outcomes.cost, paired=paired),
        cost_if_liquidated=float(outcomes.cost[hit].mean()) if hit.any() else None,
        taken=mean(outcomes.taken, paired=paired),
        taken_ever=share(outcomes.taken != 0, paired=paired),
    )


def first_liquidation(outcomes: Outcomes) -> NDArray[np.int64]:
    """(n,) the step at which the first bucket was found under maintenance margin; 0 never."""
    never = np.iinfo(np.int32).max
    soonest = np.where(outcomes.first > 0, outcomes.first, never).min(axis=1).astype(np.int64)
    return np.where(soonest == never, 0, soonest)


def losses(task: PathTask, outcomes: Outcomes) -> Floats:
    """(n,) USD."""
    result: Floats = float(task.account.equity.sum()) - outcomes.equity.sum(axis=1)
    return result


def loss_of(values: Floats, *, paired: bool) -> Loss:
    return Loss(
        mean=mean(values, paired=paired),
        quantiles=tuple((each, quantile(values, each, paired=paired)) for each in LOSS_QUANTILES),
        shortfalls=tuple(
            (each, expected_shortfall(values, each, paired=paired)) for each in SHORTFALLS
        ),
        worst=float(values.max()),
        probability_of_loss=share(values > 0, paired=paired),
    )


def standard_error(values: Floats, *, paired: bool) -> float:
    """Of the mean of n values; ``paired``: neighbours 0 and 1, 2 and 3 ... belong together."""
    if paired:
        half = len(values) // 2
        values = values[: 2 * half].reshape(half, 2).mean(axis=1)
    if len(values) < 2:
        return 0.0
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def wilson(part: float, count: float) -> Estimate:
    """A share of ``count`` independent draws; the count need not be whole."""
    square = SIGMAS**2
    centre = (part + square / (2 * count)) / (1 + square / count)
    spread = math.sqrt(part * (1 - part) / count + square / (4 * count**2))
    spread *= SIGMAS / (1 + square / count)
    # Rounding must not put a share of nothing, or of everything, outside its own interval.
    low = 0.0 if part == 0 else max(0.0, centre - spread)
    high = 1.0 if part == 1 else min(1.0, centre + spread)
    return Estimate(part, low, high)


def share(hits: NDArray[np.bool_], *, paired: bool) -> Estimate:
    """How often it happens."""
    part = float(hits.mean())
    count = float(len(hits))
    if paired:
        error = standard_error(hits.astype(np.float64), paired=True)
        # Without a spread to judge by, a pair counts as one path.
        count = part * (1 - part) / error**2 if error > 0 else count / 2
    return wilson(part, max(count, 1.0))


def mean(values: Floats, *, paired: bool) -> Estimate:
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


def expected_shortfall(values: Floats, probability: float, *, paired: bool) -> Estimate:
    """The mean of the worst ``1 - probability`` of the values."""
    edge = float(np.quantile(values, probability))
    influence = edge + np.maximum(values - edge, 0.0) / (1 - probability)
    return mean(influence, paired=paired)


class Coarseness(NamedTuple):
    """What is missed between two looks. ``shift``: share of the price; ``missed``: of 1.

    ``chance``: about how probable a liquidation is at all.
    """

    bucket: str
    shift: float
    missed: float
    chance: float


def coarseness(task: PathTask) -> Coarseness | None:
    """How much rarer liquidation is because paths are looked at every step only; None: unknown.

    Looking every dt instead of always is as good as moving the barrier away by ``MONITORING`` sigma
    sqrt(dt) (Broadie, Glasserman and Kou). Sigma is that of the bucket's value, and probabilities
    are those of a Brownian motion, by reflection; compared is a venue that looks every
    ``VENUE_SECONDS``. The bucket that is missed most often is told.
    """
    if not isinstance(task.model, Diffusion):
        return None
    account, model = task.account, task.model
    found = []
    for number, name in enumerate(account.buckets):
        there = account.bucket == number
        value = (account.size * account.price)[there]
        if not there.any() or not np.abs(value).sum():
            continue
        spread = value * model.volatility[there]
        variance = float(spread @ model.correlation[np.ix_(there, there)] @ spread)
        sigma = math.sqrt(max(0.0, variance))
        gap = float(account.equity[number]) - _maintenance(task, there)
        if gap <= 0 or sigma <= 0:
            continue
        looked, venue = (
            MONITORING * sigma * math.sqrt(seconds / SECONDS_PER_YEAR)
            for seconds in (task.step_seconds, min(VENUE_SECONDS, task.step_seconds))
        )
        whole = sigma * math.sqrt(task.steps * task.step_seconds / SECONDS_PER_YEAR)
        true = _tail((gap + venue) / whole)
        missed = 1 - _tail((gap + looked) / whole) / true if true > 0 else 0.0
        shift = (looked - venue) / float(np.abs(value).sum())
        found.append(Coarseness(name, shift, missed, true))
    return max(found, key=lambda each: each.missed * each.chance, default=None)


def _tail(sigmas: float) -> float:
    return math.erfc(sigmas / math.sqrt(2))


def _maintenance(task: PathTask, there: NDArray[np.bool_]) -> float:
    """USD at the starting prices, of the chosen positions."""
    account = task.account
    notional = np.abs(account.size * account.price)[there]
    tier = (account.tier_from[there] <= notional[:, None]).sum(axis=1) - 1
    rows = np.arange(len(notional))
    rate, less = account.tier_rate[there][rows, tier], account.tier_deduction[there][rows, tier]
    return float((notional * rate - less).sum())
