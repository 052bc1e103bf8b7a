"""Liquidation over leverage: the same positions on less and more money, along the same paths.

Leverage is notional over equity of the whole account. The pool and every bucket keep their share of
the money, so a leverage of 10 is the account as it would be had it been opened with a tenth of its
notional.
"""

import math
from collections.abc import Callable, Sequence

from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings
from seawall.domain.units import MICRO
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathSetup
from seawall.lab.paths.statistics import PathStatistics, path_statistics
from seawall.lab.paths.variants import at_leverage, entered_at
from seawall.report.kinds import times

LOWEST = 0.1
HIGHEST = 1000.0
SEARCH_ROUNDS = 20
STRIDE = 2.0
"""By which a search multiplies leverage until the answer lies between two of them."""
CLOSE_ENOUGH = 0.005
"""Relative width of the bracket of leverages at which a search ends."""
WITHIN_NOISE = 0.1
"""A search also ends this close under the accepted probability, in widths of its interval."""


class LeveragePoint(Struct, frozen=True):
    """The statistics at one leverage."""

    leverage: float
    statistics: PathStatistics


class LeverageSearch(Struct, frozen=True, kw_only=True):
    """The highest leverage found at which something is not more probable than ``accepted``.

    ``probability``: of it, at the ``point``; both are None where even the lowest leverage exceeds
    what is accepted. ``is_limit``: the venue allows no more. ``above``: the next leverage that was
    tried and is too high.
    """

    accepted: float
    point: LeveragePoint | None
    probability: Estimate | None = None
    is_limit: bool = False
    above: float | None = None

    @property
    def leverage(self) -> float | None:
        """The leverage of the point."""
        return None if self.point is None else self.point.leverage


Measured = Callable[[PathStatistics], Estimate]
"""A probability of the statistics."""


def liquidation_of(statistics: PathStatistics) -> Estimate:
    """That something is liquidated."""
    return statistics.liquidated


def ruin_of(statistics: PathStatistics) -> Estimate:
    """That the account loses its risk capital."""
    return statistics.ruin


def notional_now(setup: PathSetup, holdings: Holdings) -> tuple[int, int]:
    """(notional, equity) in micro-USD at the prices of now. Raises InputError without equity."""
    present = entered_at(holdings, setup.account.instruments, setup.account.price_texts)
    return sum(each.entry_notional for each in present.positions), present.collateral


def leverage_now(setup: PathSetup, holdings: Holdings) -> float:
    """Notional over equity at the prices of now. Raises InputError without equity."""
    notional, equity = notional_now(setup, holdings)
    return notional / equity


def capital(setup: PathSetup, holdings: Holdings, leverage: float) -> float:
    """USD of equity that makes this leverage."""
    return notional_now(setup, holdings)[0] / MICRO / leverage


def point_at(
    setup: PathSetup, holdings: Holdings, leverage: float, runner: Runner
) -> LeveragePoint:
    """The statistics at a leverage. Raises InputError where the venue does not allow so much."""
    task = setup.task(_at(setup, holdings, leverage))
    outcomes = runner.outcomes(task, f"searching the leverage, {times(leverage)}")
    return LeveragePoint(leverage, path_statistics(task, outcomes, setup.limits))


def leverage_curve(
    setup: PathSetup, holdings: Holdings, leverages: Sequence[float], runner: Runner
) -> tuple[list[LeveragePoint], list[str]]:
    """The points that the venue allows, from the lowest, and why others are missing."""
    allowed, tasks, missing = [], [], []
    for leverage in sorted(set(leverages)):
        try:
            tasks.append(setup.task(_at(setup, holdings, leverage)))
            allowed.append(leverage)
        except InputError as error:
            missing.append(f"{leverage:g}x is not allowed: {error}")
    found = runner.all_outcomes(tasks, "liquidation over leverage") if tasks else []
    points = [
        LeveragePoint(leverage, path_statistics(task, outcomes, setup.limits))
        for leverage, task, outcomes in zip(allowed, tasks, found, strict=True)
    ]
    return points, missing


def highest_allowed(setup: PathSetup, holdings: Holdings) -> float:
    """The highest leverage that the venue allows, to three figures and rounded down."""
    low, high = 0.0, HIGHEST
    while high - low > 1e-3 * max(low, LOWEST):
        middle = (low + high) / 2
        try:
            _at(setup, holdings, middle)
            low = middle
        except InputError:
            high = middle
    return low


def search_leverage(
    setup: PathSetup, holdings: Holdings, accepted: float, measured: Measured, runner: Runner
) -> LeverageSearch:
    """The highest leverage within the accepted probability, on common random numbers.

    ``measured``: which probability. More money never hurts a path, so it rises with leverage path
    by path and the search has one answer; losing a share of the money does so up to the leverages
    at which liquidation comes before it. Raises InputError.
    """
    limit = highest_allowed(setup, holdings)
    start = min(_four_figures(leverage_now(setup, holdings)), limit)
    tried = point_at(setup, holdings, start, runner)
    best = above = None
    while best is None or above is None:
        if measured(tried.statistics).value <= accepted:
            best = tried
            if best.leverage >= limit:
                probability = measured(best.statistics)
                return LeverageSearch(
                    accepted=accepted, point=best, probability=probability, is_limit=True
                )
        else:
            above = tried
            if above.leverage <= LOWEST:
                return LeverageSearch(accepted=accepted, point=None, above=above.leverage)
        if best is None:
            tried = point_at(setup, holdings, max(LOWEST, tried.leverage / STRIDE), runner)
        elif above is None:
            tried = point_at(setup, holdings, min(limit, tried.leverage * STRIDE), runner)
    return _narrowed(setup, holdings, accepted, measured, best, above, runner)


def _at(setup: PathSetup, holdings: Holdings, leverage: float) -> Holdings:
    return at_leverage(holdings, setup.account.instruments, setup.account.price_texts, leverage)


def _narrowed(
    setup: PathSetup,
    holdings: Holdings,
    accepted: float,
    measured: Measured,
    best: LeveragePoint,
    above: LeveragePoint,
    runner: Runner,
) -> LeverageSearch:
    for number in range(SEARCH_ROUNDS):
        part = measured(best.statistics)
        noise = WITHIN_NOISE * (part.high - part.low)
        if above.leverage / best.leverage - 1 < CLOSE_ENOUGH or accepted - part.value <= noise:
            break
        odds = [_log_odds(measured(each.statistics).value) for each in (best, above)]
        between = _between(best.leverage, above.leverage, odds, accepted, number)
        tried = point_at(setup, holdings, between, runner)
        if measured(tried.statistics).value <= accepted:
            best = tried
        else:
            above = tried
    return LeverageSearch(
        accepted=accepted, point=best, probability=measured(best.statistics), above=above.leverage
    )


def _between(low: float, high: float, odds: Sequence[float], accepted: float, number: int) -> float:
    """Where a straight line of log odds over log leverage meets the accepted probability.

    Every third time, and where a side has no odds, the middle: a line that bends the same way
    everywhere would move one side only. Four figures, so that the answer can be asked for again.
    """
    part = 0.5
    if number % 3 != 2 and all(math.isfinite(each) for each in odds) and odds[1] > odds[0]:
        part = min(0.95, max(0.05, (_log_odds(accepted) - odds[0]) / (odds[1] - odds[0])))
    return _four_figures(low * (high / low) ** part)


def _four_figures(leverage: float) -> float:
    return float(f"{leverage:.4g}")


def _log_odds(part: float) -> float:
    if part in (0.0, 1.0):
        return math.inf if part else -math.inf
    return math.log(part / (1 - part))
