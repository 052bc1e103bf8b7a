"""The same positions in one pool, each in its own bucket, and split: on the same paths.

All variants have the same money at the same prices, and their paths are the same to the last bit,
so they differ by the mode alone.

The split is decided position by position. A position is a **single bet** if all of this holds:

* it has less than half of the money of the pool, in proportion to initial margin: what holds most
  of the money is the core, not a bet beside it;
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
from seawall.lab.paths.estimates import Estimate, mean, share, shortfall_influence
from seawall.lab.paths.kernels.task import Outcomes, PathTask
from seawall.lab.paths.leverage import LeverageSearch, capital, search_leverage
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathSetup
from seawall.lab.paths.statistics import PathStatistics, losses, path_statistics
from seawall.lab.paths.variants import as_cross, as_isolated, entered_at, hybrid, stands_alone

POOL = 0
"""The pool's bucket in outcomes."""
WORST = 0.95
WEIGHING_PATHS = 8_192
SEARCH_PATHS = 4_096
MOST_ROUNDS = 8


class Variant(Struct, frozen=True):
    """The account in a mode. ``isolated``: the markets in buckets of their own."""

    name: str
    holdings: Holdings
    isolated: tuple[str, ...]


class PoolEffect(Struct, frozen=True, kw_only=True):
    """What a position does to the pool: with it in the pool less with it taken out.

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

    @property
    def is_significant(self) -> bool:
        """Whether its effect on the others is larger than its confidence interval."""
        return self.protects or self.pool.low > 0

    @property
    def role(self) -> str:
        """What the position is to the pool."""
        if self.is_bet:
            return "bet"
        return "protects" if self.protects else "core"


class Contagion(Struct, frozen=True, kw_only=True):
    """How often a position is liquidated in the pool and not in its own bucket, and vice versa."""

    market: str
    in_pool: Estimate
    alone: Estimate
    taken_along: Estimate
    carried: Estimate


class VariantResult(Struct, frozen=True, kw_only=True):
    """``touched``: how often each position loses something to a liquidation, in market order.

    ``search``: for the leverage that keeps the target; ``capital``: the USD that it needs, None
    where no capital is enough.
    """

    variant: Variant
    statistics: PathStatistics
    touched: Sequence[Estimate]
    search: LeverageSearch
    capital: float | None


class Comparison(Struct, frozen=True, kw_only=True):
    """``markets``: in the order of the outcomes. ``target``: the survival that capital is for.

    ``effects``: of every round. ``isolated_only``: positions whose market allows no pool.
    """

    setup: PathSetup
    markets: Sequence[str]
    notional: float
    target: float
    variants: Sequence[VariantResult]
    contagion: Sequence[Contagion]
    contagion_any: Estimate
    effects: Sequence[PoolEffect]
    bets: tuple[str, ...]
    core: tuple[str, ...]
    isolated_only: tuple[str, ...]

    @property
    def apart(self) -> list[str]:
        """The markets that do not belong into one pool."""
        return [name for name in self.markets if name not in self.core]

    def result(self, name: str) -> VariantResult | None:
        """The variant of a name, where there is one."""
        return next((each for each in self.variants if each.variant.name == name), None)


def compare_modes(setup: PathSetup, target: float, runner: Runner) -> Comparison:
    """Every variant of the account of the setup. Raises SeawallError."""
    account, task = setup.account, setup.task()
    markets = list(task.account.markets)
    isolated_only = tuple(
        account.instruments[each.market].name
        for each in account.holdings.positions
        if stands_alone(account.instruments[each.market])
    )
    effects, bets = _split(setup, [name for name in markets if name not in isolated_only], runner)
    variants = variants_of(setup, markets, isolated_only, bets)
    tasks = [setup.task(each.holdings) for each in variants]
    outcomes = runner.all_outcomes(tasks, "the variants")
    results = [
        _result(setup, variant, made, found, target, runner)
        for variant, made, found in zip(variants, tasks, outcomes, strict=True)
    ]
    names = [each.name for each in variants]
    pooled, alone = (outcomes[names.index(name)].touched > 0 for name in ("cross", "isolated"))
    return Comparison(
        setup=setup,
        markets=markets,
        notional=float(np.abs(task.account.size * task.account.price).sum()),
        target=target,
        variants=results,
        contagion=[
            contagion_of(name, pooled[:, n], alone[:, n], setup) for n, name in enumerate(markets)
        ],
        contagion_any=share(np.any(pooled & ~alone, axis=1), paired=setup.antithetic),
        effects=effects,
        bets=bets,
        core=tuple(name for name in markets if name not in bets and name not in isolated_only),
        isolated_only=isolated_only,
    )


def variants_of(
    setup: PathSetup, markets: Sequence[str], isolated_only: Sequence[str], bets: Sequence[str]
) -> list[Variant]:
    """Cross, isolated, the account as given where it is neither, and the suggested split."""
    account = setup.account
    holdings, instruments, prices = account.holdings, account.instruments, account.price_texts
    given = tuple(
        instruments[each.market].name
        for each in holdings.positions
        if each.mode == MarginMode.ISOLATED
    )
    found = [
        Variant("cross", as_cross(holdings, instruments), tuple(isolated_only)),
        Variant("isolated", as_isolated(holdings, instruments, prices), tuple(markets)),
    ]
    if len(given) not in (0, len(markets)) and set(given) != set(isolated_only):
        found.append(Variant("as given", holdings, given))
    apart = {*bets, *isolated_only}
    if bets and len(markets) - len(apart) >= 2:
        split = hybrid(holdings, instruments, prices, apart)
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
    runner: Runner,
) -> VariantResult:
    few = setup.with_paths(SEARCH_PATHS)
    search = search_leverage(few, variant.holdings, 1 - target, runner)
    return VariantResult(
        variant=variant,
        statistics=path_statistics(task, outcomes),
        touched=[share(each > 0, paired=setup.antithetic) for each in outcomes.touched.T],
        search=search,
        capital=None
        if search.leverage is None
        else capital(few, variant.holdings, search.leverage),
    )


def _split(
    setup: PathSetup, markets: Sequence[str], runner: Runner
) -> tuple[list[PoolEffect], tuple[str, ...]]:
    """What every position does to the pool, and which are taken out of it."""
    few = setup.with_paths(WEIGHING_PATHS)
    effects: list[PoolEffect] = []
    bets: list[str] = []
    for number in range(1, MOST_ROUNDS + 1):
        pool = [name for name in markets if name not in bets]
        if len(pool) < 2:
            break
        found = pool_effects(few, pool, bets, number, runner)
        effects += found
        candidates = [each for each in found if each.is_bet]
        if not candidates:
            break
        bets.append(max(candidates, key=lambda each: each.worst.value).market)
    return effects, tuple(bets)


def pool_effects(
    setup: PathSetup, pool: Sequence[str], apart: Sequence[str], number: int, runner: Runner
) -> list[PoolEffect]:
    """The effect of each position of the pool, with all others as they are."""
    account = setup.account
    choices = [list(apart), *([*apart, name] for name in pool)]
    tasks = [
        setup.task(hybrid(account.holdings, account.instruments, account.price_texts, chosen))
        for chosen in choices
    ]
    with_all, *without = runner.all_outcomes(tasks, f"weighing positions, round {number}")
    paired = setup.antithetic
    margins = initial_margins(setup, pool)
    pooled = with_all.first[:, POOL] > 0
    worst = shortfall_influence(losses(tasks[0], with_all), WORST)
    result = []
    for name, task, outcomes in zip(pool, tasks[1:], without, strict=True):
        rest = outcomes.first[:, POOL] > 0
        influence = shortfall_influence(losses(task, outcomes), WORST)
        result.append(
            PoolEffect(
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
    """Notional over leverage of each market, micro-USD at the prices of now."""
    account = setup.account
    present = entered_at(as_cross(account.holdings), account.instruments, account.price_texts)
    margins = {
        account.instruments[each.market].name: each.entry_notional / each.leverage
        for each in present.positions
    }
    return {name: each for name, each in margins.items() if name in markets}
