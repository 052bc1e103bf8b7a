"""The question of ``seawall paths`` for an account in portfolio margin: pooled, and each leg apart.

Prices and funding go as for every account. Implied volatilities change first by what is asked for;
from then on they follow the price of their market, or stand still. Options are revalued in every
step, forwards approach the price, and what expires pays. Where equity falls below the maintenance
margin of the preset, all of the account is closed at its values there, less a cost.

Apart, the perpetuals stand on one part of the money and the options on the other, divided as their
initial margins ask, and neither pays for the other.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Literal, Unpack

from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.domain.quantities import Amount, number
from seawall.lab.arrays import Floats, Integers
from seawall.lab.market.price_models import ModelOptions
from seawall.lab.options.analysis import pooling
from seawall.lab.options.legs import LIQUIDATION_COST, equity_of
from seawall.lab.options.path_account import pool_account
from seawall.lab.options.pool import AnyRule, Portfolios, options_of, perpetuals_of
from seawall.lab.options.pooled import Pooled, Presets, Rates, pooled
from seawall.lab.options.ratio import RatioRule
from seawall.lab.options.stress import liquidation_cost_of, volatility_change_of
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.kernels.account import tiers_of
from seawall.lab.paths.kernels.pool_account import PoolAccount
from seawall.lab.paths.kernels.simulate import MarginFan, margin_fan
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathOptions, PathSetup, setup_of
from seawall.lab.paths.statistics import (
    PathStatistics,
    first_liquidation,
    losses,
    path_statistics,
)
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent

MOST_BETA = 20
MOST_STEPS = 1_000_000
POOLED: Literal["pooled"] = "pooled"
APART: Literal["apart"] = "apart"


class PooledCase(Struct, frozen=True, kw_only=True, eq=False):
    """The account under one preset, ``held`` pooled or apart, on the paths that all cases share.

    ``losses``: (n,) USD of every path. ``first``: (n,) its step of liquidation, 0 never.
    """

    rule: AnyRule
    held: Literal["pooled", "apart"]
    account: PoolAccount
    statistics: PathStatistics
    losses: Floats
    first: Integers


class PooledPaths(Answer, frozen=True, kw_only=True, eq=False):
    """What many paths do to an account in portfolio margin.

    ``volatility_change``: of all implied volatilities before prices move. ``volatility_beta``: how
    far they move with the price of their market. ``cost``: of the price, for each coin that a
    liquidation closes. ``cases``: by preset, pooled before apart. ``fan``: of the preset that asks
    most, pooled.
    """

    pool: Pooled
    setup: PathSetup
    volatility_change: float
    volatility_beta: float
    cost: float
    cases: Sequence[PooledCase]
    fan: MarginFan

    @property
    def strictest(self) -> PooledCase:
        """Pooled under the preset that asks most initial margin now."""
        rule = self.pool.strictest
        return next(each for each in self.cases if each.rule is rule)

    @property
    def statistics(self) -> PathStatistics:
        return self.strictest.statistics

    @property
    def losses(self) -> Floats:
        return self.strictest.losses

    @property
    def liquidated(self) -> Estimate:
        """The probability that the pool is liquidated under the preset that asks most."""
        return self.statistics.liquidated

    def findings(self) -> Findings:
        from seawall.lab.options.paths_sheets import findings

        return findings(self)


def pooled_paths(
    account: Account,
    *,
    presets: Presets = (),
    volatility_change: Amount = 0,
    volatility_beta: Amount = 0,
    liquidation_cost: Amount = LIQUIDATION_COST,
    surface: str | Path | None = None,
    time: str | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    **options: Unpack[PathOptions],
) -> PooledPaths:
    """Simulate an account of perpetuals, options and coins under presets of portfolio margin.

    ``volatility_change``: how far all implied volatilities move before prices do, ``"50%"`` or
    -0.25. ``volatility_beta``: how far they move, in percent of themselves, when the price of their
    market moves 1 %; -1 raises them as prices fall. ``liquidation_cost``: of the price, for each
    coin that a liquidation closes. The rest is as ``options`` and ``paths`` have it. Raises
    SeawallError for input that cannot be used.
    """
    change, cost = volatility_change_of(volatility_change), liquidation_cost_of(liquidation_cost)
    beta = volatility_beta_of(volatility_beta)
    runner = Runner(workers=workers, cluster=cluster, progress=progress)
    pool = pooled(
        account, presets=presets, surface=surface, time=time,
        funding=_rates(options.get("model", ModelOptions())), assume=options.get("assume"),
    )  # fmt: skip
    held = pool.held
    setup = setup_of(account, list(held.portfolios), held.equity, **options)
    number("steps", setup.steps, least=1, most=MOST_STEPS, expected=f"at most {MOST_STEPS:,}")
    accounts = list(_accounts(pool, cost=cost, change=change, beta=beta))
    tasks = [setup.task_of(each) for _, _, each in accounts]
    found = runner.all_outcomes(tasks, "the account under every preset, pooled and apart")
    cases = [
        PooledCase(
            rule=rule, held=how, account=task_account,
            statistics=path_statistics(task, outcomes, setup.limits),
            losses=losses(task, outcomes), first=first_liquidation(outcomes),
        )
        for (rule, how, task_account), task, outcomes in zip(accounts, tasks, found, strict=True)
    ]  # fmt: skip
    strictest = pool.strictest
    shown = next(
        task for (rule, _, _), task in zip(accounts, tasks, strict=True) if rule is strictest
    )
    return PooledPaths(
        pool=pool, setup=setup, volatility_change=change, volatility_beta=beta, cost=cost,
        cases=cases, fan=margin_fan(shown),
    )  # fmt: skip


def _rates(model: ModelOptions) -> Rates:
    """Those that are given for prices, for the presets too."""
    given = model.funding
    return [str(given)] if isinstance(given, int | float | Fraction | Decimal) else given


def volatility_beta_of(value: Amount) -> float:
    """How far volatilities move with prices. Raises InputError."""
    expected = f"-{MOST_BETA} to {MOST_BETA}, such as -1"
    return float(
        number("volatility_beta", value, least=-MOST_BETA, most=MOST_BETA, expected=expected)
    )


def _accounts(
    pool: Pooled, *, cost: float, change: float, beta: float
) -> "list[tuple[AnyRule, Literal['pooled', 'apart'], PoolAccount]]":
    held = pool.held
    instruments = {each.name: each for each in held.account.instruments}
    tiers = tiers_of(held.account.rulebook, [instruments[name] for name in held.portfolios])

    def part(rule: AnyRule, books: Portfolios, cash: float, name: str) -> PoolAccount:
        return pool_account(
            rule, books, cash, tiers, cost=cost, name=name, volatility_change=change,
            volatility_beta=beta,
        )  # fmt: skip

    made: list[tuple[AnyRule, Literal["pooled", "apart"], PoolAccount]] = []
    for rule in pool.rules:
        made.append((rule, POOLED, part(rule, held.portfolios, held.cash, "pool")))
        legs = _legs(rule, held.portfolios, held.equity)
        if legs:
            first, second = (part(rule, *leg, name) for name, leg in legs.items())
            made.append((rule, APART, structs.replace(first, apart=second)))
    return made


def _legs(
    rule: AnyRule, portfolios: Portfolios, equity: float
) -> Mapping[str, tuple[Portfolios, float]]:
    """Both legs with their part of the money, as their initial margins ask; none for one leg."""
    has_both = any(len(each.options) for each in portfolios.values()) and any(
        each.futures for each in portfolios.values()
    )
    if isinstance(rule, RatioRule) or not has_both or equity <= 0:
        return {}
    alone = pooling(rule, portfolios, 0.0)
    share = alone.perpetuals.initial / (alone.perpetuals.initial + alone.options.initial)
    legs = {}
    for name, of, money in (
        ("perpetuals", perpetuals_of, share * equity),
        ("options", options_of, (1.0 - share) * equity),
    ):
        books = {market: of(each) for market, each in portfolios.items()}
        legs[name] = books, money - equity_of(books, 0.0)
    return legs
