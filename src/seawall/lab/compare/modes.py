"""The modes of an account that are compared: as given, all cross, all isolated, and in between.

A **hedge** is a set of positions that lose against each other: kept apart, each leg is liquidated
by the move that the other wins. It is never split to save a bucket. Two positions, or sets, are
one hedge if holding both is less risky than the riskier alone by at least ``HEDGED``; the pair that
is correlated most negatively is joined first, so that a short hedges the long that it fits best.
Volatilities and correlations are those of the paths.

In between lie the **splits**: every position that is in no hedge may have a bucket of its own.
"""

from collections.abc import Sequence
from itertools import chain, combinations

import numpy as np
from msgspec import Struct

from seawall.domain.enums import MarginMode
from seawall.domain.holdings import Holdings
from seawall.lab.arrays import Floats
from seawall.lab.compare.choice import GIVEN
from seawall.lab.paths.kernels.task import Bootstrap, PathTask
from seawall.lab.paths.setup import PathSetup
from seawall.lab.paths.variants import as_cross, as_isolated, hybrid, stands_alone

HEDGED = 0.1
"""Share of the standard deviation of the riskier side that a hedge takes away, at least."""
MOST_COMBINED = 4
"""Single positions of which every combination is tried; of more each alone, and all of them."""
CROSS, ISOLATED, HYBRID = "cross", "isolated", "hybrid"


class Mode(Struct, frozen=True):
    """The account in a mode. ``isolated``: the markets in buckets of their own.

    ``is_given``: whether the account is held so now.
    """

    name: str
    holdings: Holdings
    isolated: tuple[str, ...]
    is_given: bool = False


def usual_modes(setup: PathSetup, markets: Sequence[str]) -> list[Mode]:
    """As given, and cross and isolated where the account is neither; ``markets`` in order.

    Raises InputError where the pool or a bucket has no equity.
    """
    account = setup.account
    holdings, instruments, prices = account.holdings, account.instruments, account.price_texts
    given = isolated_markets(setup)
    alone = isolated_only(setup)
    names = {frozenset(alone): CROSS, frozenset(markets): ISOLATED}
    found = [
        Mode(names.get(frozenset(given), GIVEN), holdings, _ordered(given, markets), is_given=True)
    ]
    if set(given) != set(alone):
        found.append(Mode(CROSS, as_cross(holdings, instruments), _ordered(alone, markets)))
    if set(given) != set(markets):
        found.append(Mode(ISOLATED, as_isolated(holdings, instruments, prices), tuple(markets)))
    return found


def split_modes(
    setup: PathSetup, markets: Sequence[str], hedges: Sequence[Sequence[str]]
) -> list[Mode]:
    """The splits that are none of the usual modes, with every hedge in the pool."""
    account = setup.account
    alone = isolated_only(setup)
    singles = [name for name in markets if name not in {*alone, *chain(*hedges)}]
    sizes = {1, len(singles)} if len(singles) > MOST_COMBINED else range(1, len(singles) + 1)
    known = {frozenset(isolated_markets(setup)), frozenset(alone)}
    found = []
    for chosen in chain(*(combinations(singles, size) for size in sizes)):
        apart = {*chosen, *alone}
        # A pool of one position is a bucket.
        if apart in known or len(markets) - len(apart) < 2:
            continue
        held = hybrid(account.holdings, account.instruments, account.price_texts, apart)
        found.append(Mode(HYBRID, held, _ordered(apart, markets)))
    return found


def isolated_markets(setup: PathSetup) -> list[str]:
    """The markets whose positions have a bucket of their own now."""
    account = setup.account
    return [
        account.instruments[each.market].name
        for each in account.holdings.positions
        if each.mode == MarginMode.ISOLATED
    ]


def isolated_only(setup: PathSetup) -> list[str]:
    """The markets with a position that allow it no pool."""
    account = setup.account
    held = (account.instruments[each.market] for each in account.holdings.positions)
    return [each.name for each in held if stands_alone(each)]


def hedges_of(task: PathTask) -> list[tuple[str, ...]]:
    """The sets of markets whose positions hedge each other, largest first."""
    spread = _covariance(task)
    sets = [[place] for place in range(len(spread))]
    while pair := _best_pair(spread, sets):
        first, second = pair
        sets = [each for each in sets if each not in (first, second)] + [first + second]
    names = task.account.markets
    found = [tuple(names[place] for place in sorted(each)) for each in sets if len(each) > 1]
    return sorted(found, key=lambda each: (-len(each), each))


def _best_pair(spread: Floats, sets: Sequence[list[int]]) -> tuple[list[int], list[int]] | None:
    """The two that hedge each other with the most negative correlation; None where none do."""
    best = None
    for first, second in combinations(sets, 2):
        covariance = spread[np.ix_(first, second)].sum()
        one, other = (spread[np.ix_(each, each)].sum() for each in (first, second))
        both = one + other + 2 * covariance
        if both > (1 - HEDGED) ** 2 * max(one, other):
            continue
        correlation = covariance / np.sqrt(one * other)
        if best is None or correlation < best[0]:
            best = correlation, first, second
    return None if best is None else best[1:]


def _covariance(task: PathTask) -> Floats:
    """(m, m) of the profits of the positions, USD squared a step or a year."""
    account, model = task.perpetuals, task.model
    value = account.size * account.price
    if isinstance(model, Bootstrap):
        returns = np.atleast_2d(np.cov(model.returns, rowvar=False))
    else:
        returns = np.outer(model.volatility, model.volatility) * model.correlation
        beta = np.ones(len(value)) if model.jump_beta is None else model.jump_beta
        returns = returns + model.jump_rate * (model.jump_mean**2 + model.jump_std**2) * np.outer(
            beta, beta
        )
    result: Floats = np.outer(value, value) * returns
    return result


def _ordered(chosen: Sequence[str] | set[str], markets: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in markets if name in set(chosen))
