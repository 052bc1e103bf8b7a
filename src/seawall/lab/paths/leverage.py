"""Survival over leverage: the same positions on less and more money, along the same paths.

Leverage is notional over equity of the whole account. The pool and every bucket keep their share of
the money, so a leverage of 10 is the account as it would be had it been opened with a tenth of its
notional.
"""

import math
from collections.abc import Sequence

from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings
from seawall.lab.compare.variants import at_leverage, entered_at
from seawall.lab.paths.setup import PathSetup, Runner
from seawall.lab.paths.survival import Survival, survival_of

LOWEST = 0.1
HIGHEST = 1000.0
SEARCH_ROUNDS = 20
STRIDE = 2.0
"""By which a search steps until it has the answer between two leverages."""
CLOSE_ENOUGH = 0.005
"""Relative width of the bracket of leverages at which a search ends."""
WITHIN_NOISE = 0.1
"""A search also ends this close under the accepted probability, in widths of its interval."""


class LeveragePoint(Struct, frozen=True):
    leverage: float
    survival: Survival


class Ruin(Struct, frozen=True, kw_only=True):
    """The highest leverage found at which liquidation is not more probable than ``accepted``.

    ``point`` is None where even the lowest leverage exceeds it. ``is_limit``: the venue allows no
    more. ``above``: the next leverage that was tried and is too much.
    """

    accepted: float
    point: LeveragePoint | None
    is_limit: bool = False
    above: float | None = None

    @property
    def leverage(self) -> float | None:
        return None if self.point is None else self.point.leverage


def leverage_now(setup: PathSetup, plan: Holdings) -> float:
    """Notional over equity at the prices of the setup. Raises InputError without equity."""
    present = entered_at(plan, setup.instruments, setup.prices)
    return sum(each.entry_notional for each in present.positions) / present.collateral


def at(setup: PathSetup, plan: Holdings, leverage: float, run: Runner) -> LeveragePoint:
    """Raises InputError where the venue does not allow so much."""
    scaled = at_leverage(plan, setup.instruments, setup.prices, leverage)
    task = setup.task(setup.account(scaled))
    return LeveragePoint(leverage, survival_of(task, run.outcomes(task, f"{leverage:.3g}x")))


def leverage_curve(
    setup: PathSetup, plan: Holdings, leverages: Sequence[float], run: Runner
) -> tuple[list[LeveragePoint], list[str]]:
    """The points that the venue allows, from the lowest, and why others are missing."""
    allowed, tasks, missing = [], [], []
    for leverage in sorted(set(leverages)):
        try:
            scaled = at_leverage(plan, setup.instruments, setup.prices, leverage)
        except InputError as error:
            missing.append(f"{leverage:g}x is not allowed: {error}")
            continue
        allowed.append(leverage)
        tasks.append(setup.task(setup.account(scaled)))
    found = run.all_outcomes(tasks, "survival over leverage") if tasks else []
    points = [
        LeveragePoint(leverage, survival_of(task, outcomes))
        for leverage, task, outcomes in zip(allowed, tasks, found, strict=True)
    ]
    return points, missing


def highest_allowed(setup: PathSetup, plan: Holdings) -> float:
    """The highest leverage that the venue allows, to three figures and rounded down."""
    low, high = 0.0, HIGHEST
    while high - low > 1e-3 * max(low, LOWEST):
        middle = (low + high) / 2
        try:
            at_leverage(plan, setup.instruments, setup.prices, middle)
            low = middle
        except InputError:
            high = middle
    return low


def ruin_leverage(setup: PathSetup, plan: Holdings, accepted: float, run: Runner) -> Ruin:
    """A bracket of leverages, made narrower on common random numbers.

    More money never hurts a path, so the probability rises with leverage path by path and the
    search has one answer. Raises InputError.
    """
    limit = highest_allowed(setup, plan)
    tried = at(setup, plan, min(_four_figures(leverage_now(setup, plan)), limit), run)
    best = above = None
    while best is None or above is None:
        if tried.survival.liquidated.value <= accepted:
            best = tried
            if best.leverage >= limit:
                return Ruin(accepted=accepted, point=best, is_limit=True)
        else:
            above = tried
            if above.leverage <= LOWEST:
                return Ruin(accepted=accepted, point=None, above=above.leverage)
        if best is None:
            tried = at(setup, plan, max(LOWEST, tried.leverage / STRIDE), run)
        elif above is None:
            tried = at(setup, plan, min(limit, tried.leverage * STRIDE), run)
    return _narrowed(setup, plan, accepted, best, above, run)


def _narrowed(
    setup: PathSetup,
    plan: Holdings,
    accepted: float,
    best: LeveragePoint,
    above: LeveragePoint,
    run: Runner,
) -> Ruin:
    for number in range(SEARCH_ROUNDS):
        part = best.survival.liquidated
        noise = WITHIN_NOISE * (part.high - part.low)
        if above.leverage / best.leverage - 1 < CLOSE_ENOUGH or accepted - part.value <= noise:
            break
        tried = at(setup, plan, _between(best, above, accepted, number), run)
        if tried.survival.liquidated.value <= accepted:
            best = tried
        else:
            above = tried
    return Ruin(accepted=accepted, point=best, above=above.leverage)


def _between(low: LeveragePoint, high: LeveragePoint, accepted: float, number: int) -> float:
    """Where a straight line of log odds over log leverage meets the accepted probability.

    Every third time, and where a side has no odds, the middle: a line that bends the same way
    everywhere would move one side only. Four figures, so that what is told can be asked for again.
    """
    share = 0.5
    odds = [_log_odds(each.survival.liquidated.value) for each in (low, high)]
    if number % 3 != 2 and all(math.isfinite(each) for each in odds) and odds[1] > odds[0]:
        share = min(0.95, max(0.05, (_log_odds(accepted) - odds[0]) / (odds[1] - odds[0])))
    return _four_figures(low.leverage * (high.leverage / low.leverage) ** share)


def _four_figures(leverage: float) -> float:
    return float(f"{leverage:.4g}")


def _log_odds(part: float) -> float:
    if part in (0.0, 1.0):
        return math.inf if part else -math.inf
    return math.log(part / (1 - part))


def capital(setup: PathSetup, plan: Holdings, leverage: float) -> float:
    """USD of equity that makes this leverage."""
    present = entered_at(plan, setup.instruments, setup.prices)
    return sum(each.entry_notional for each in present.positions) / 1e6 / leverage
