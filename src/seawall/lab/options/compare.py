"""The question of ``seawall compare`` for an account in portfolio margin: pooled, or divided how.

Every way to hold the account (``ways``) goes along the same random paths and through the same
scenarios under each preset; ``lab/compare/choice`` says which is recommended. Two kinds of ways are
shown and never recommended: those whose initial margins ask more than the account has, which no
venue lets open, and those that split a **hedge**, as ``lab/compare/modes`` has it: all together are
less risky than the riskiest part alone by at least ``HEDGED``. Divided, each part is liquidated by
the move that the other wins.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from seawall.accounts.account import Account
from seawall.domain.quantities import Amount, several
from seawall.lab.arrays import Floats
from seawall.lab.compare.choice import Choice, Judged, choose, is_over_leveraged
from seawall.lab.compare.comparison import (
    HORIZONS,
    SEARCH_PATHS,
    SPLIT_PATHS,
    Contagion,
    Horizon,
    contagion_of,
)
from seawall.lab.compare.modes import HEDGED
from seawall.lab.market.market_path import MarketPath
from seawall.lab.market.named_scenarios import DEFAULT, chosen_scenarios
from seawall.lab.market.scenario import Scenario
from seawall.lab.options.pool import AnyRule
from seawall.lab.options.pooled import Pooled, Presets
from seawall.lab.options.scenario import PooledRun, scenario_prices, through
from seawall.lab.options.simulation import PooledOptions, PooledSimulation, simulation_of
from seawall.lab.options.ways import POOLED, Way, ways_of
from seawall.lab.paths.kernels.task import Outcomes
from seawall.lab.paths.question import read_probability
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathSetup
from seawall.lab.paths.statistics import PathStatistics, path_statistics
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent

LACKS_MARGIN = "lacks initial margin"
SPLITS_A_HEDGE = "splits a hedge"


class WayResult(Struct, frozen=True, kw_only=True, eq=False):
    """A way to hold the account under a preset.

    ``capital``: USD of equity now with which nothing is liquidated on the share of paths that is
    asked for; ``is_limit``: what the initial margin asks is more than paths do. ``initial``: that,
    USD of equity. ``out``: why it is never recommended, or nothing. ``runs``: through every
    scenario.
    """

    way: Way
    statistics: PathStatistics
    capital: float
    initial: float
    out: str
    runs: Sequence[PooledRun]

    @property
    def is_limit(self) -> bool:
        """Whether the capital is what the initial margin asks."""
        return self.capital == self.initial

    @property
    def scenario_loss(self) -> float | None:
        """USD lost in the scenario that costs most; None without scenarios."""
        return max((each.lost for each in self.runs), default=None)

    @property
    def judged(self) -> Judged:
        """What the way is judged by. An account in portfolio margin is pooled as given."""
        costliest = max(self.runs, key=lambda each: each.lost, default=None)
        return Judged(
            name=self.way.held,
            is_given=self.way.held == POOLED,
            statistics=self.statistics,
            scenario_loss=self.scenario_loss,
            scenario="" if costliest is None else costliest.scenario.name,
            capital=self.capital,
        )


class UnderPreset(Struct, frozen=True, kw_only=True, eq=False):
    """All ways under one preset, pooled first. ``contagion``: by way, of each part."""

    rule: AnyRule
    results: Sequence[WayResult]
    choice: Choice
    horizons: Sequence[Horizon]
    contagion: Sequence[tuple[str, Contagion]]

    @property
    def judged(self) -> list[Judged]:
        """What those that may be recommended are judged by."""
        return [each.judged for each in self.results if not each.out]

    @property
    def recommended(self) -> WayResult:
        """The way that the choice names."""
        return next(each for each in self.results if each.way.held == self.choice.mode)

    @property
    def is_over_leveraged(self) -> bool:
        """Whether ruin is too probable in every way that may be recommended."""
        return is_over_leveraged(self.judged)


class PooledComparison(Answer, frozen=True, kw_only=True, eq=False):
    """An account in portfolio margin, held in every way under every preset.

    ``target``: the share of paths without a liquidation that capital is for. ``scenarios``: that
    every way goes through, with their prices from now on.
    """

    simulation: PooledSimulation
    target: float
    presets: Sequence[UnderPreset]
    scenarios: Sequence[tuple[Scenario, MarketPath]]

    @property
    def pool(self) -> Pooled:
        return self.simulation.pool

    @property
    def setup(self) -> PathSetup:
        return self.simulation.setup

    @property
    def strictest(self) -> UnderPreset:
        """Of the preset that asks most initial margin now."""
        rule = self.pool.strictest
        return next(each for each in self.presets if each.rule is rule)

    def findings(self) -> Findings:
        from seawall.lab.options.compare_sheets import findings

        return findings(self)


def pooled_comparison(
    account: Account,
    *,
    presets: Presets = (),
    survival: Amount = "99%",
    scenarios: str | Path | Iterable[str | Path] = (DEFAULT,),
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    **options: Unpack[PooledOptions],
) -> PooledComparison:
    """Hold an account in one pool, its legs apart and by market, on the same paths.

    ``survival`` and ``scenarios``: as ``compare`` has them; ``presets``: those that ship if empty.
    ``options``: as ``PooledOptions``. Raises SeawallError.
    """
    target = read_probability("survival", survival, "99%")
    loaded = chosen_scenarios(several(scenarios))
    simulation = simulation_of(account, presets, **options)
    # Before long work: whether there are prices of every market.
    prices = [(each, scenario_prices(simulation, each)) for each in loaded]
    runner = Runner(workers=workers, cluster=cluster, progress=progress)
    ways = list(ways_of(simulation.pool))
    tasks = simulation.tasks(ways)
    outcomes = runner.all_outcomes(tasks, "every way to hold the account")
    few = simulation.over(simulation.setup.hours, SEARCH_PATHS)
    kept = runner.all_outcomes(few.tasks(ways, is_kept=True), "the capital that it takes")
    results: list[WayResult] = []
    for way, task, found, never in zip(ways, tasks, outcomes, kept, strict=True):
        progress("named scenarios", len(results), len(ways))
        runs = [through(simulation, way, each, path) for each, path in prices]
        statistics = path_statistics(task, found, simulation.setup.limits)
        results.append(_result(simulation, way, statistics, never, target, runs))
    over = [_over(simulation, ways, part, runner) for part in HORIZONS]
    return PooledComparison(
        simulation=simulation,
        target=target,
        presets=[
            _under(simulation, rule, results, outcomes, over) for rule in simulation.pool.rules
        ],
        scenarios=prices,
    )


def capital_of(way: Way, equity: float, lacking: Floats) -> Floats:
    """(n,) USD of equity now with which no part is ever liquidated on a path.

    ``lacking``: (n, b) as ``Outcomes`` has it, with ``equity``. Money is divided as it is now: a
    part has its share of what is added.
    """
    shares = np.array([each.share for each in way.parts])
    found: Floats = equity + (lacking / shares).max(axis=1)
    return found


def _result(
    simulation: PooledSimulation,
    way: Way,
    statistics: PathStatistics,
    kept: Outcomes,
    target: float,
    runs: Sequence[PooledRun],
) -> WayResult:
    equity = simulation.pool.held.equity
    paths = capital_of(way, equity, kept.lacking)
    asked = float(np.quantile(paths, target, method="higher"))
    totals = [way.rule.total(each.books, each.cash) for each in way.parts]
    initial = equity - sum(each.free for each in totals)
    return WayResult(
        way=way,
        statistics=statistics,
        capital=max(asked, initial),
        initial=initial,
        out=_out(way, initial > equity, kept),
        runs=runs,
    )


def _out(way: Way, lacks_margin: bool, kept: Outcomes) -> str:
    """Why a way is never recommended; ``kept``: its parts, never liquidated."""
    if way.held == POOLED:
        return ""
    if lacks_margin:
        return LACKS_MARGIN
    riskiest = kept.equity.std(axis=0).max()
    together = kept.equity.sum(axis=1).std()
    return SPLITS_A_HEDGE if together <= (1 - HEDGED) * riskiest else ""


def _over(
    simulation: PooledSimulation, ways: Sequence[Way], part: float, runner: Runner
) -> tuple[float, list[PathStatistics]]:
    """(hours, of every way) over a part, or a multiple, of the horizon."""
    other = simulation.over(part * simulation.setup.hours, SPLIT_PATHS)
    tasks = other.tasks(ways)
    found = runner.all_outcomes(tasks, "another horizon")
    return other.setup.hours, [
        path_statistics(task, each, other.setup.limits)
        for task, each in zip(tasks, found, strict=True)
    ]


def _under(
    simulation: PooledSimulation,
    rule: AnyRule,
    results: Sequence[WayResult],
    outcomes: Sequence[Outcomes],
    over: Sequence[tuple[float, Sequence[PathStatistics]]],
) -> UnderPreset:
    """What was found under one preset; scenarios and capital stay over other horizons."""
    places = [place for place, each in enumerate(results) if each.way.rule is rule]
    own = [results[place] for place in places]
    horizons = []
    for hours, statistics in over:
        there = [statistics[place] for place in places]
        judged = [
            structs.replace(each.judged, statistics=found)
            for each, found in zip(own, there, strict=True)
            if not each.out
        ]
        horizons.append(Horizon(hours, choose(judged).mode, there))
    hits = [outcomes[place].first > 0 for place in places]
    return UnderPreset(
        rule=rule,
        results=own,
        choice=choose([each.judged for each in own if not each.out]),
        horizons=horizons,
        contagion=[
            (each.way.held, contagion)
            for each, alone in zip(own[1:], hits[1:], strict=True)
            for contagion in _contagion(each.way, hits[0][:, 0], alone, simulation.setup)
        ],
    )


def _contagion(
    way: Way, pooled: NDArray[np.bool_], alone: NDArray[np.bool_], setup: PathSetup
) -> list[Contagion]:
    """Of each part: ``pooled`` (n,) and ``alone`` (n, b), whether it is liquidated."""
    return [
        contagion_of(part.name, pooled, alone[:, place], setup)
        for place, part in enumerate(way.parts)
    ]
