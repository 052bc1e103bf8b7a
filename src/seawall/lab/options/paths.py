"""The question of ``seawall paths`` for an account in portfolio margin, held in every way.

``simulation`` says how it goes, and ``ways`` how an account can be held.
"""

from collections.abc import Sequence
from typing import Unpack

from msgspec import Struct

from seawall.accounts.account import Account
from seawall.lab.arrays import Floats, Integers
from seawall.lab.options.pool import AnyRule
from seawall.lab.options.pooled import Pooled, Presets
from seawall.lab.options.simulation import PooledOptions, PooledSimulation, simulation_of
from seawall.lab.options.ways import Held, ways_of
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.kernels.pool_account import PoolAccount
from seawall.lab.paths.kernels.simulate import MarginFan, margin_fan
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathSetup
from seawall.lab.paths.statistics import (
    PathStatistics,
    first_liquidation,
    losses,
    path_statistics,
)
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent


class PooledCase(Struct, frozen=True, kw_only=True, eq=False):
    """The account under one preset, held in one way, on the paths that all cases share.

    ``losses``: (n,) USD of every path. ``first``: (n,) its step of liquidation, 0 never.
    """

    rule: AnyRule
    held: Held
    account: PoolAccount
    statistics: PathStatistics
    losses: Floats
    first: Integers


class PooledPaths(Answer, frozen=True, kw_only=True, eq=False):
    """What many paths do to an account in portfolio margin.

    ``cases``: by preset, pooled first. ``fan``: of the preset that asks most, pooled.
    """

    simulation: PooledSimulation
    cases: Sequence[PooledCase]
    fan: MarginFan

    @property
    def pool(self) -> Pooled:
        return self.simulation.pool

    @property
    def setup(self) -> PathSetup:
        return self.simulation.setup

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
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    **options: Unpack[PooledOptions],
) -> PooledPaths:
    """Simulate an account of perpetuals, options and coins under presets of portfolio margin.

    ``presets``: those that ship if empty. ``options``: as ``PooledOptions``; the rest is as
    ``paths`` has it. Raises SeawallError for input that cannot be used.
    """
    runner = Runner(workers=workers, cluster=cluster, progress=progress)
    simulation = simulation_of(account, presets, **options)
    setup, ways = simulation.setup, list(ways_of(simulation.pool))
    accounts = [simulation.account(each) for each in ways]
    tasks = [setup.task_of(each) for each in accounts]
    found = runner.all_outcomes(tasks, "the account under every preset, pooled and apart")
    cases = [
        PooledCase(
            rule=way.rule, held=way.held, account=held,
            statistics=path_statistics(task, outcomes, setup.limits),
            losses=losses(task, outcomes), first=first_liquidation(outcomes),
        )
        for way, held, task, outcomes in zip(ways, accounts, tasks, found, strict=True)
    ]  # fmt: skip
    strictest = simulation.pool.strictest
    shown = next(task for way, task in zip(ways, tasks, strict=True) if way.rule is strictest)
    return PooledPaths(simulation=simulation, cases=cases, fan=margin_fan(shown))
