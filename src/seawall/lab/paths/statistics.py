"""What many paths say about an account: probabilities, losses, times and costs."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from seawall.lab.arrays import Floats, Integers
from seawall.lab.paths.estimates import Estimate, expected_shortfall, mean, quantile, share
from seawall.lab.paths.kernels.task import Outcomes, PathOrder, PathTask
from seawall.lab.paths.limits import RiskLimits

QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)
SHORTFALLS = (0.95, 0.99)
CURVE_POINTS = 120


class LossStatistics(Struct, frozen=True, kw_only=True):
    """USD lost of the equity at the start; a gain is below zero.

    ``quantiles``, ``shortfalls``: by probability; a shortfall is the mean of what is beyond it.
    ``probability``: of any loss.
    """

    mean: Estimate
    quantiles: Mapping[float, Estimate]
    shortfalls: Mapping[float, Estimate]
    worst: float
    probability: Estimate


class OrderStatistics(Struct, frozen=True, kw_only=True):
    """How often an order acted, and how often it ended unfilled when its time had come."""

    order: PathOrder
    acted: Estimate
    unfilled: Estimate


class PathStatistics(Struct, frozen=True, kw_only=True):
    """Of all paths of a task.

    ``ruin``: the account lost its risk capital at some moment; ``drawdown``: it fell further from
    its highest equity so far than it may. ``liquidated``: any bucket under maintenance margin at
    least once; ``by_bucket``: each of ``buckets``.

    ``curve``: (c,) the share liquidated within ``curve_hours``. ``median_hours``: to the
    liquidation, of the paths that have one; None without any. ``funding``, ``liquidation_costs``,
    ``forfeited``: mean USD a path; the last is equity that left with a bucket that the backstop
    took or that was deleveraged, below zero where a fund or others bore a loss; ``closed_out``: how
    often any of these happens. ``orders``: of the account's orders, with their mean
    ``order_costs`` and what top-ups ``added``, USD a path.
    """

    paths: int
    hours: float
    start_equity: float
    buckets: Sequence[str]
    ruin: Estimate
    drawdown: Estimate
    liquidated: Estimate
    by_bucket: Sequence[Estimate]
    loss: LossStatistics
    curve_hours: Sequence[float]
    curve: Sequence[Estimate]
    median_hours: float | None
    funding: Estimate
    liquidation_costs: Estimate
    costs_if_liquidated: float | None
    forfeited: Estimate
    closed_out: Estimate
    orders: Sequence[OrderStatistics]
    order_costs: Estimate
    added: Estimate


def path_statistics(task: PathTask, outcomes: Outcomes, limits: RiskLimits) -> PathStatistics:
    """The statistics of a task's outcomes; ``limits``: what the account may lose."""
    paired = task.antithetic
    first = first_liquidation(outcomes)
    hit = first > 0
    step_hours = task.step_seconds / 3600.0
    start_equity = float(task.account.equity.sum())
    grid = np.unique(np.linspace(1, task.steps, min(CURVE_POINTS, task.steps)).round().astype(int))
    return PathStatistics(
        paths=len(first),
        hours=task.steps * step_hours,
        start_equity=start_equity,
        buckets=tuple(task.account.buckets),
        ruin=share(limits.is_ruined(start_equity, outcomes), paired=paired),
        drawdown=share(limits.is_drawn_down(outcomes), paired=paired),
        liquidated=share(hit, paired=paired),
        by_bucket=tuple(share(each > 0, paired=paired) for each in outcomes.first.T),
        loss=loss_statistics(losses(task, outcomes), paired=paired),
        curve_hours=tuple((grid * step_hours).tolist()),
        curve=tuple(share(hit & (first <= step), paired=paired) for step in grid.tolist()),
        median_hours=float(np.median(first[hit])) * step_hours if hit.any() else None,
        funding=mean(outcomes.funding, paired=paired),
        liquidation_costs=mean(outcomes.cost, paired=paired),
        costs_if_liquidated=float(outcomes.cost[hit].mean()) if hit.any() else None,
        forfeited=mean(outcomes.taken, paired=paired),
        closed_out=share(outcomes.taken != 0, paired=paired),
        orders=[
            OrderStatistics(
                order=order,
                acted=share(acted > 0, paired=paired),
                unfilled=share(acted < 0, paired=paired),
            )
            for order, acted in zip(task.account.orders, outcomes.acted.T, strict=True)
        ],
        order_costs=mean(outcomes.order_cost, paired=paired),
        added=mean(outcomes.added, paired=paired),
    )


def first_liquidation(outcomes: Outcomes) -> Integers:
    """(n,) the step at which the first bucket was found under maintenance margin; 0 never."""
    never = np.iinfo(np.int32).max
    soonest = np.where(outcomes.first > 0, outcomes.first, never).min(axis=1).astype(np.int64)
    return np.where(soonest == never, 0, soonest)


def losses(task: PathTask, outcomes: Outcomes) -> Floats:
    """(n,) USD of the equity at the start and of what top-ups added."""
    given = float(task.account.equity.sum()) + outcomes.added
    result: Floats = given - outcomes.equity.sum(axis=1)
    return result


def loss_statistics(values: Floats, *, paired: bool) -> LossStatistics:
    """The statistics of (n,) losses in USD."""
    return LossStatistics(
        mean=mean(values, paired=paired),
        quantiles={each: quantile(values, each, paired=paired) for each in QUANTILES},
        shortfalls={each: expected_shortfall(values, each, paired=paired) for each in SHORTFALLS},
        worst=float(values.max()),
        probability=share(values > 0, paired=paired),
    )
