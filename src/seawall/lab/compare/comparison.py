"""The modes of an account on the same random paths and through the same scenarios, and the best.

All modes have the same money at the same prices, and their paths are the same to the last bit, so
they differ by the mode alone. ``modes`` says which modes there are, ``choice`` which of them is
recommended.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from seawall.domain.units import MICRO
from seawall.lab.arrays import Floats
from seawall.lab.compare.choice import OVER_LEVERAGED, Choice, Judged, choose, is_over_leveraged
from seawall.lab.compare.modes import (
    CROSS,
    ISOLATED,
    Mode,
    hedges_of,
    isolated_only,
    split_modes,
    usual_modes,
)
from seawall.lab.paths.estimates import Estimate, mean, share
from seawall.lab.paths.kernels.task import Outcomes, PathTask
from seawall.lab.paths.leverage import (
    LeverageSearch,
    capital,
    liquidation_of,
    ruin_of,
    search_leverage,
)
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathSetup
from seawall.lab.paths.statistics import PathStatistics, losses, path_statistics
from seawall.lab.stress.scenarios import ScenarioLine
from seawall.lab.transfers.priced import with_route
from seawall.lab.transfers.route import Route

SPLIT_PATHS = 8_192
SEARCH_PATHS = 4_096
HORIZONS = (1 / 7, 4.0)
"""Other horizons, as parts of the one that is asked for: of a week, a day and four weeks."""
WORST_SHARE = 0.05

Through = Callable[[Mode], Sequence[ScenarioLine]]
"""A mode through the named scenarios."""


class ModeResult(Struct, frozen=True, kw_only=True):
    """``touched``: how often each position loses something to a liquidation, in market order.

    ``search``: for the leverage that keeps the target; ``capital``: the USD that it needs, None
    where no capital is enough. ``scenarios``: the mode through each of them.
    """

    mode: Mode
    statistics: PathStatistics
    touched: Sequence[Estimate]
    search: LeverageSearch
    capital: float | None
    scenarios: Sequence[ScenarioLine]

    @property
    def scenario_loss(self) -> float | None:
        """USD lost in the scenario that costs most; None without scenarios."""
        return None if self._costliest is None else self._costliest.lost / MICRO

    @property
    def _costliest(self) -> ScenarioLine | None:
        return max(self.scenarios, key=lambda each: each.lost, default=None)

    @property
    def is_limit(self) -> bool:
        """Whether the capital is what a leverage limit of the venue asks for."""
        return self.search.is_limit

    @property
    def judged(self) -> Judged:
        """What the mode is judged by."""
        return Judged(
            name=self.mode.name,
            is_given=self.mode.is_given,
            statistics=self.statistics,
            scenario_loss=self.scenario_loss,
            scenario=self._costliest.scenario.name if self._costliest else "",
            capital=math.inf if self.capital is None else self.capital,
        )


class PositionLoss(Struct, frozen=True, kw_only=True):
    """What a position by itself would lose in the worst 5 % of the paths of the account as given.

    Never liquidated. A gain is below zero: there the position protects the others. ``hedges``: the
    other markets of its hedge. ``notional``, ``loss``: USD.
    """

    market: str
    notional: float
    is_long: bool
    hedges: tuple[str, ...]
    loss: Estimate


class Split(Struct, frozen=True):
    """One of the splits that were tried, with fewer paths than the modes have."""

    mode: Mode
    statistics: PathStatistics


class Horizon(Struct, frozen=True):
    """Which mode would be recommended over another horizon, by its paths."""

    hours: float
    mode: str
    statistics: Sequence[PathStatistics]


class Contagion(Struct, frozen=True, kw_only=True):
    """How often a position is liquidated in the pool and not in its own bucket, and vice versa."""

    market: str
    in_pool: Estimate
    alone: Estimate
    taken_along: Estimate
    carried: Estimate


class Comparison(Struct, frozen=True, kw_only=True):
    """``markets``: in the order of the outcomes. ``target``: the survival that capital is for.

    ``modes``: that as given is the first. ``bearable``: the highest leverage of the recommended one
    at which ruin is not more probable than ``OVER_LEVERAGED``, searched where it is in every mode.
    ``isolated_only``: markets that allow no pool.
    """

    setup: PathSetup
    markets: Sequence[str]
    notional: float
    target: float
    modes: Sequence[ModeResult]
    choice: Choice
    bearable: LeverageSearch | None
    horizons: Sequence[Horizon]
    splits: Sequence[Split]
    hedges: Sequence[tuple[str, ...]]
    positions: Sequence[PositionLoss]
    contagion: Sequence[Contagion]
    contagion_any: Estimate
    isolated_only: tuple[str, ...]

    @property
    def given(self) -> ModeResult:
        """The account as it is."""
        return self.modes[0]

    @property
    def recommended(self) -> ModeResult:
        """The mode that the choice names."""
        return self.result(self.choice.mode)

    @property
    def judged(self) -> list[Judged]:
        """What the modes are judged by."""
        return [each.judged for each in self.modes]

    @property
    def is_over_leveraged(self) -> bool:
        """Whether ruin is too probable in every mode."""
        return is_over_leveraged(self.judged)

    def result(self, name: str) -> ModeResult:
        """The mode of a name. Raises KeyError."""
        for each in self.modes:
            if each.mode.name == name:
                return each
        raise KeyError(f"no mode {name!r}")


def compare_modes(
    setup: PathSetup,
    target: float,
    runner: Runner,
    through: Through = lambda _: (),
    route: Route | None = None,
) -> Comparison:
    """Every mode of the account of the setup. Raises SeawallError.

    ``route``: that the account's top-ups take; without one they are there at once.
    """
    task = setup.task()
    markets = list(task.account.markets)
    hedges = hedges_of(task)
    modes = _on_route(setup, usual_modes(setup, markets), route)
    splits = _tried(setup, _on_route(setup, split_modes(setup, markets, hedges), route), runner)
    if splits:
        modes.append(_best_split(splits))
    tasks = [setup.task(each.holdings) for each in modes]
    outcomes = runner.all_outcomes(tasks, "the modes")
    results = [
        _result(setup, mode, made, found, target, runner, through)
        for mode, made, found in zip(modes, tasks, outcomes, strict=True)
    ]
    by_name = dict(zip([each.name for each in modes], outcomes, strict=True))
    contagion, contagion_any = _contagion(setup, markets, by_name)
    choice = choose([each.judged for each in results])
    return Comparison(
        setup=setup,
        markets=markets,
        notional=float(np.abs(task.perpetuals.size * task.account.price).sum()),
        target=target,
        modes=results,
        choice=choice,
        bearable=_bearable(setup, results, choice, runner),
        horizons=[at_horizon(setup, part, results, runner) for part in HORIZONS],
        splits=splits,
        hedges=hedges,
        positions=_position_losses(task, outcomes[0], hedges),
        contagion=contagion,
        contagion_any=contagion_any,
        isolated_only=tuple(isolated_only(setup)),
    )


def _on_route(setup: PathSetup, modes: Sequence[Mode], route: Route | None) -> list[Mode]:
    """The modes with top-ups that take the time and the fees of a route."""
    if route is None:
        return list(modes)
    prices = setup.account.prices
    return [
        structs.replace(each, holdings=with_route(each.holdings, prices, route)) for each in modes
    ]


def _result(
    setup: PathSetup,
    mode: Mode,
    task: PathTask,
    outcomes: Outcomes,
    target: float,
    runner: Runner,
    through: Through,
) -> ModeResult:
    few = setup.with_paths(SEARCH_PATHS)
    search = search_leverage(few, mode.holdings, 1 - target, liquidation_of, runner)
    return ModeResult(
        mode=mode,
        statistics=path_statistics(task, outcomes, setup.limits),
        touched=[share(each > 0, paired=setup.antithetic) for each in outcomes.touched.T],
        search=search,
        capital=None if search.leverage is None else capital(few, mode.holdings, search.leverage),
        scenarios=through(mode),
    )


def _bearable(
    setup: PathSetup, results: Sequence[ModeResult], choice: Choice, runner: Runner
) -> LeverageSearch | None:
    if not is_over_leveraged([each.judged for each in results]):
        return None
    chosen = next(each.mode for each in results if each.mode.name == choice.mode)
    few = setup.with_paths(SEARCH_PATHS)
    return search_leverage(few, chosen.holdings, OVER_LEVERAGED, ruin_of, runner)


def _tried(setup: PathSetup, modes: Sequence[Mode], runner: Runner) -> list[Split]:
    """The splits on the first paths."""
    if not modes:
        return []
    few = setup.with_paths(SPLIT_PATHS)
    tasks = [few.task(each.holdings) for each in modes]
    found = runner.all_outcomes(tasks, "the splits")
    return [
        Split(mode, path_statistics(task, outcomes, setup.limits))
        for mode, task, outcomes in zip(modes, tasks, found, strict=True)
    ]


def _best_split(splits: Sequence[Split]) -> Mode:
    judged = [
        Judged(name=str(place), is_given=False, statistics=each.statistics)
        for place, each in enumerate(splits)
    ]
    return splits[int(choose(judged).mode)].mode


def at_horizon(
    setup: PathSetup, part: float, results: Sequence[ModeResult], runner: Runner
) -> Horizon:
    """The same modes over a part, or a multiple, of the horizon, judged by the same criteria.

    Scenarios have a length of their own, and capital is searched over the horizon that is asked
    for alone: both stay.
    """
    other = setup.over(part * setup.hours).with_paths(SPLIT_PATHS)
    tasks = [other.task(each.mode.holdings) for each in results]
    found = runner.all_outcomes(tasks, "another horizon")
    statistics = [
        path_statistics(task, outcomes, setup.limits)
        for task, outcomes in zip(tasks, found, strict=True)
    ]
    judged = [
        Judged(
            name=each.mode.name, is_given=each.mode.is_given, statistics=there,
            scenario_loss=each.scenario_loss, capital=each.judged.capital,
        )
        for each, there in zip(results, statistics, strict=True)
    ]  # fmt: skip
    return Horizon(other.hours, choose(judged).mode, statistics)


def _position_losses(
    task: PathTask, outcomes: Outcomes, hedges: Sequence[tuple[str, ...]]
) -> list[PositionLoss]:
    account = task.perpetuals
    lost = losses(task, outcomes)
    is_worst = lost >= np.quantile(lost, 1 - WORST_SHARE)
    each_loses: Floats = account.size * (account.price - outcomes.final_price[is_worst])
    return [
        PositionLoss(
            market=name,
            notional=abs(float(size * price)),
            is_long=bool(size > 0),
            hedges=tuple(
                other for hedge in hedges if name in hedge for other in hedge if other != name
            ),
            loss=mean(each_loses[:, place], paired=False),
        )
        for place, (name, size, price) in enumerate(
            zip(account.markets, account.size, account.price, strict=True)
        )
    ]


def _contagion(
    setup: PathSetup, markets: Sequence[str], outcomes: dict[str, Outcomes]
) -> tuple[list[Contagion], Estimate]:
    """Of each position, and of any; without a pool nothing is taken along."""
    alone = outcomes[ISOLATED].touched > 0
    pooled = outcomes.get(CROSS, outcomes[ISOLATED]).touched > 0
    found = [
        contagion_of(name, pooled[:, place], alone[:, place], setup)
        for place, name in enumerate(markets)
    ]
    return found, share(np.any(pooled & ~alone, axis=1), paired=setup.antithetic)


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
