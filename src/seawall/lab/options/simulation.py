"""An account in portfolio margin on random paths: what ``paths`` and ``compare`` simulate.

Prices and funding go as for every account. Implied volatilities change first by what is asked for;
from then on they follow the price of their market, or stand still. Options are revalued in every
step, forwards approach the price, and what expires pays. Where equity falls below the maintenance
margin of the preset, all of the account is closed at its values there, less a cost.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Unpack

from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.domain.quantities import Amount, number
from seawall.lab.market.price_models import ModelOptions
from seawall.lab.options.legs import LIQUIDATION_COST
from seawall.lab.options.path_account import pool_account
from seawall.lab.options.pooled import Pooled, Presets, Rates, pooled
from seawall.lab.options.stress import liquidation_cost_of, volatility_change_of
from seawall.lab.options.ways import Way
from seawall.lab.paths.kernels.account import tiers_of
from seawall.lab.paths.kernels.pool_account import PoolAccount
from seawall.lab.paths.kernels.task import PathTask
from seawall.lab.paths.setup import PathOptions, PathSetup, setup_of

MOST_BETA = 20
MOST_STEPS = 1_000_000


class PooledOptions(PathOptions, total=False):
    """How an account in portfolio margin is margined, what its volatilities do, and its paths.

    ``volatility_change``: how far all implied volatilities move before prices do, ``"50%"`` or
    -0.25. ``volatility_beta``: how far they move, in percent of themselves, when the price of their
    market moves 1 %; -1 raises them as prices fall. ``liquidation_cost``: of the price, for each
    coin that a liquidation closes. ``surface`` and ``time`` as ``options`` has them.
    """

    volatility_change: Amount
    volatility_beta: Amount
    liquidation_cost: Amount
    surface: str | Path | None
    time: str | None


class PooledSimulation(Struct, frozen=True, kw_only=True, eq=False):
    """The account, its presets and its paths.

    ``volatility_change``: of all implied volatilities before prices move. ``volatility_beta``: how
    far they move with the price of their market. ``cost``: of the price, for each coin that a
    liquidation closes.
    """

    pool: Pooled
    setup: PathSetup
    volatility_change: float
    volatility_beta: float
    cost: float

    def account(self, way: Way, *, is_kept: bool = False) -> PoolAccount:
        """What the path kernel takes; ``is_kept`` as ``PoolAccount`` has it."""
        account = self.pool.held.account
        instruments = {each.name: each for each in account.instruments}
        markets = [instruments[name] for name in self.pool.held.portfolios]
        tiers = tiers_of(account.rulebook, markets)
        made: PoolAccount | None = None
        for part in reversed(way.parts):
            own = pool_account(
                way.rule, part.books, part.cash, tiers, cost=self.cost, name=part.name,
                volatility_change=self.volatility_change, volatility_beta=self.volatility_beta,
                is_kept=is_kept,
            )  # fmt: skip
            made = structs.replace(own, apart=made)
        assert made is not None
        return made

    def tasks(self, ways: Sequence[Way], *, is_kept: bool = False) -> list[PathTask]:
        """Every way on the paths that all share."""
        return [self.setup.task_of(self.account(each, is_kept=is_kept)) for each in ways]

    def over(self, hours: float, paths: int) -> "PooledSimulation":
        """The same over another horizon, on the first so many paths."""
        return structs.replace(self, setup=self.setup.over(hours).with_paths(paths))


def simulation_of(
    account: Account,
    presets: Presets = (),
    *,
    volatility_change: Amount = 0,
    volatility_beta: Amount = 0,
    liquidation_cost: Amount = LIQUIDATION_COST,
    surface: str | Path | None = None,
    time: str | None = None,
    **options: Unpack[PathOptions],
) -> PooledSimulation:
    """The simulation of ``PooledOptions``; all presets that ship if none is given.

    Raises SeawallError.
    """
    change, cost = volatility_change_of(volatility_change), liquidation_cost_of(liquidation_cost)
    beta = volatility_beta_of(volatility_beta)
    pool = pooled(
        account, presets=presets, surface=surface, time=time,
        funding=_rates(options.get("model", ModelOptions())), assume=options.get("assume"),
    )  # fmt: skip
    setup = setup_of(account, list(pool.held.portfolios), pool.held.equity, **options)
    number("steps", setup.steps, least=1, most=MOST_STEPS, expected=f"at most {MOST_STEPS:,}")
    return PooledSimulation(
        pool=pool, setup=setup, volatility_change=change, volatility_beta=beta, cost=cost
    )


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
