"""The same positions in one pool, each in its own bucket, and split: on the same paths.

All variants have the same money at the same prices, and their paths are the same to the last bit,
so they differ by the mode alone.

The split is decided position by position. A position is a **single bet** if all of this holds:

* it has less than half of the money of the pool, in proportion to initial margin: what holds most
  of the money is no bet beside the rest, the rest is one beside it;
* the rest of the pool is liquidated less often when the position is taken out with its share of the
  money;
* the account loses less in the worst 5 % of paths when it is.

Otherwise it is a **core** position that stays in the pool; one without which the others are
liquidated more often **protects** them. Differences are on common random numbers and must be larger
than their 95 % confidence interval. The bet that takes most off the worst losses goes first; then
the rest is judged again.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.enums import MarginMode
from seawall.domain.holdings import Holdings
from seawall.lab.compare.variants import as_cross, as_isolated, entered_at, hybrid, stands_alone
from seawall.lab.paths.kernels.task import Floats, Outcomes, PathTask
from seawall.lab.paths.leverage import Ruin, capital, ruin_leverage
from seawall.lab.paths.setup import PathSetup, Runner
from seawall.lab.paths.survival import Estimate, Survival, losses, mean, share, survival_of

POOL = 0
"""The pool's bucket in outcomes."""
WORST = 0.95
WEIGHING_PATHS = 8_192
SEARCH_PATHS = 4_096
MOST_ROUNDS = 8


class Variant(Struct, frozen=True):
    """``apart``: the markets in buckets of their own."""

    name: str
    plan: Holdings
    apart: tuple[str, ...]


class Weighed(Struct, frozen=True, kw_only=True):
    """A position in the pool. Differences: with it in the pool less with it taken out.

    ``money``: its part of the pool's initial margin. ``pool``: how often the (rest of the) pool is
    liquidated; ``worst``: mean loss of the account in the worst 5 % of paths, USD. Above zero: the
    pool is better off without it.
    """

    market: str
    round: int
    money: float
    pool_with: float
    pool_without: float
    pool: Estimate
    worst: Estimate

    @property
    def is_bet(self) -> bool:
        return self.money < 0.5 and self.pool.low > 0 and self.worst.low > 0

    @property
    def protects(self) -> bool:
        """The others are liquidated more often without it."""
        return self.pool.high < 0


class Contagion(Struct, frozen=True, kw_only=True):
    """How often a position is liquidated in the pool and not in its own bucket, and vice versa."""

    market: str
    in_pool: Estimate
    alone: Estimate
    taken_along: Estimate
    carried: Estimate


class VariantResult(Struct, frozen=True, kw_only=True):
    """``touched``: how often each position loses something to a liquidation, in market order.

    ``needed``: the search for the money that survives; ``capital``: USD, None where none does.
    """

    variant: Variant
    survival: Survival
    touched: Sequence[Estimate]
    needed: Ruin
    capital: float | None
    efficiency: float | None
    """Notional over the capital needed."""


class Comparison(Struct, frozen=True, kw_only=True):
    """``markets``: in the order of the outcomes. ``target``: the survival that capital is for."""

    setup: PathSetup
    markets: Sequence[str]
    notional: float
    target: float
    variants: Sequence[VariantResult]
    contagion: Sequence[Contagion]
    contagion_any: Estimate
    weighed: Sequence[Weighed]
    bets: tuple[str, ...]
    core: tuple[str, ...]
    forced: tuple[str, ...]
    """Positions whose market allows no pool."""

    def result(self, name: str) -> VariantResult | None:
        return next((each for each in self.variants if each.variant.name == name), None)


def compare(setup: PathSetup, target: float, run: Runner) -> Comparison:
    """Every variant of the account of the setup. Raises InputError, TrialError, ClusterError."""
    task = setup.task(setup.account(setup.plan))
    markets = list(task.account.markets)
    forced = tuple(
        setup.instruments[each.market].name
        for each in setup.plan.positions
        if stands_alone(setup.instruments[each.market])
    )
    weighed, bets = _split(setup, [name for name in markets if name not in forced], run)
    variants = variants_of(setup, markets, forced, bets)
    tasks = [setup.task(setup.account(each.plan)) for each in variants]
    outcomes = run.all_outcomes(tasks, "the variants")
    results = [
        _result(setup, variant, made, found, target, run)
        for variant, made, found in zip(variants, tasks, outcomes, strict=True)
    ]
    names = [each.name for each in variants]
    pooled, alone = outcomes[names.index("cross")], outcomes[names.index("isolated")]
    return Comparison(
        setup=setup,
        markets=markets,
        notional=float(np.abs(task.account.size * task.account.price).sum()),
        target=target,
        variants=results,
        contagion=[
            contagion_of(name, pooled.touched[:, n] > 0, alone.touched[:, n] > 0, setup)
            for n, name in enumerate(markets)
        ],
        contagion_any=share(
            ((pooled.touched > 0) & (alone.touched == 0)).any(axis=1), paired=setup.antithetic
        ),
        weighed=weighed,
        bets=bets,
        core=tuple(name for name in markets if name not in bets and name not in forced),
        forced=forced,
    )


def variants_of(
    setup: PathSetup, markets: Sequence[str], forced: Sequence[str], bets: Sequence[str]
) -> list[Variant]:
    """Cross, isolated, the account as given where it is neither, and the suggested split."""
    plan, instruments, prices = setup.plan, setup.instruments, setup.prices
    given = tuple(
        instruments[each.market].name for each in plan.positions if each.mode == MarginMode.ISOLATED
    )
    found = [
        Variant("cross", as_cross(plan, instruments), tuple(forced)),
        Variant("isolated", as_isolated(plan, instruments, prices), tuple(markets)),
    ]
    if len(given) not in (0, len(markets)) and set(given) != set(forced):
        found.append(Variant("as given", plan, given))
    apart = {*bets, *forced}
    if bets and len(markets) - len(apart) >= 2:
        split = hybrid(plan, instruments, prices, apart)
        found.append(Variant("suggested", split, tuple(n for n in markets if n in apart)))
    return found


def contagion_of(
    market: str, pooled: NDArray[np.bool_], alone: NDArray[np.bool_], setup: PathSetup
) -> Contagion:
    """``pooled``, ``alone``: (n,) whether the position is touched there."""
    paired = setup.antithetic
    return Contagion(
        market=market,
        in_pool=share(pooled, paired=paired),
        alone=share(alone, paired=paired),
        taken_along=share(pooled & ~alone, paired=paired),
        carried=share(~pooled & alone, paired=paired),
    )


def _result(
    setup: PathSetup,
    variant: Variant,
    task: PathTask,
    outcomes: Outcomes,
    target: float,
    run: Runner,
) -> VariantResult:
    few = setup.with_paths(SEARCH_PATHS)
    needed = ruin_leverage(few, variant.plan, 1 - target, run)
    money = None if needed.leverage is None else capital(few, variant.plan, needed.leverage)
    return VariantResult(
        variant=variant,
        survival=survival_of(task, outcomes),
        touched=[share(each > 0, paired=setup.antithetic) for each in outcomes.touched.T],
        needed=needed,
        capital=money,
        efficiency=needed.leverage,
    )


def _split(
    setup: PathSetup, markets: Sequence[str], run: Runner
) -> tuple[list[Weighed], tuple[str, ...]]:
    """What every position does to the pool, and which are taken out of it."""
    few = setup.with_paths(WEIGHING_PATHS)
    told: list[Weighed] = []
    bets: list[str] = []
    for number in range(1, MOST_ROUNDS + 1):
        pool = [name for name in markets if name not in bets]
        if len(pool) < 2:
            break
        found = weigh(few, pool, bets, number, run)
        told += found
        worth = [each for each in found if each.is_bet]
        if not worth:
            break
        bets.append(max(worth, key=lambda each: each.worst.value).market)
    return told, tuple(bets)


def weigh(
    setup: PathSetup, pool: Sequence[str], apart: Sequence[str], number: int, run: Runner
) -> list[Weighed]:
    """Each position of the pool, in it and out of it, with all others as they are."""
    choices = [list(apart), *([*apart, name] for name in pool)]
    tasks = [
        setup.task(setup.account(hybrid(setup.plan, setup.instruments, setup.prices, chosen)))
        for chosen in choices
    ]
    with_all, *without = run.all_outcomes(tasks, f"weighing positions, round {number}")
    paired = setup.antithetic
    margins = initial_margins(setup, pool)
    pooled = with_all.first[:, POOL] > 0
    worst = worst_influence(losses(tasks[0], with_all))
    result = []
    for name, task, outcomes in zip(pool, tasks[1:], without, strict=True):
        rest = outcomes.first[:, POOL] > 0
        influence = worst_influence(losses(task, outcomes))
        result.append(
            Weighed(
                market=name,
                round=number,
                money=margins[name] / sum(margins.values()),
                pool_with=float(pooled.mean()),
                pool_without=float(rest.mean()),
                pool=mean(pooled.astype(np.float64) - rest, paired=paired),
                worst=mean(worst - influence, paired=paired),
            )
        )
    return result


def initial_margins(setup: PathSetup, markets: Sequence[str]) -> dict[str, float]:
    """Notional over leverage, micro-USD at the prices of the setup."""
    present = entered_at(as_cross(setup.plan), setup.instruments, setup.prices)
    return {
        setup.instruments[each.market].name: each.entry_notional / each.leverage
        for each in present.positions
        if setup.instruments[each.market].name in markets
    }


def worst_influence(values: Floats) -> Floats:
    """(n,) whose mean is the mean of the worst 5 % of the n losses."""
    edge = float(np.quantile(values, WORST))
    result: Floats = edge + np.maximum(values - edge, 0.0) / (1 - WORST)
    return result
