"""The question of ``seawall paths``: how likely a liquidation is, what is lost, at which leverage.

Quantities are numbers, or texts as people write them (``domain/quantities.py``): ``1%``, ``20x``.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Unpack, overload

from seawall.accounts.account import Account
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount, number, several
from seawall.domain.quantities import leverage as read_leverage
from seawall.lab.arrays import Floats, Integers
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.kernels.simulate import MarginFan, margin_fan
from seawall.lab.paths.leverage import (
    HIGHEST,
    LeveragePoint,
    LeverageSearch,
    leverage_curve,
    leverage_now,
    ruin_of,
    search_leverage,
)
from seawall.lab.paths.monitoring import MonitoringBias, monitoring_bias
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathOptions, PathSetup, path_setup
from seawall.lab.paths.statistics import (
    PathStatistics,
    first_liquidation,
    losses,
    path_statistics,
)
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent

if TYPE_CHECKING:
    from seawall.lab.options.paths import PooledPaths
    from seawall.lab.options.pooled import Presets
    from seawall.lab.options.simulation import PooledOptions

DEFAULT_LEVERAGES = (2, 3, 5, 7, 10, 15, 20)
MOST_LEVERAGES = 40


class PathsResult(Answer, frozen=True, kw_only=True):
    """``losses``: (n,) USD of every path. ``first``: (n,) its step of liquidation, 0 never.

    ``leverage``: of the account now, None where it has no equity. ``curve``: liquidation over
    leverage; ``missing``: why leverages are not on it. ``search``: for the leverage that keeps an
    accepted probability.
    """

    setup: PathSetup
    statistics: PathStatistics
    losses: Floats
    first: Integers
    leverage: float | None
    bias: MonitoringBias | None
    fan: MarginFan
    curve: Sequence[LeveragePoint]
    missing: Sequence[str]
    search: LeverageSearch | None
    notes: Sequence[str]

    @property
    def liquidated(self) -> Estimate:
        """The probability that something is liquidated."""
        return self.statistics.liquidated

    def findings(self) -> Findings:
        """The result as sheets, figures and sentences."""
        from seawall.lab.paths.sheets import findings

        return findings(self)


@overload
def paths(
    account: Account,
    *,
    presets: None = None,
    leverages: Amount | Iterable[Amount] = DEFAULT_LEVERAGES,
    ruin: Amount | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    **options: Unpack[PathOptions],
) -> PathsResult: ...
@overload
def paths(
    account: Account,
    *,
    presets: "Presets",
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    **options: "Unpack[PooledOptions]",
) -> "PooledPaths": ...
def paths(
    account: Account, *, presets: "Presets | None" = None, **given: Any
) -> "PathsResult | PooledPaths":
    """Simulate an account on many random price paths, with liquidation inside the path.

    ``workers``, ``cluster``: as ``Runner``; ``options``: as ``PathOptions``.

    By the venue's own rules of each bucket: ``leverages``: those of the curve of liquidation over
    leverage, notional over equity of the whole account. ``ruin``: find the leverage that keeps the
    probability of losing the risk capital within it.

    In portfolio margin, for accounts with options or coins and wherever ``presets`` are given
    (all that ship if empty): ``options`` as ``PooledOptions``.

    Raises SeawallError.
    """
    if presets is None:
        return _on_the_venue(account, **given)
    from seawall.lab.options.paths import pooled_paths

    return pooled_paths(account, presets=presets, **given)


def _on_the_venue(
    account: Account,
    *,
    leverages: Amount | Iterable[Amount] = DEFAULT_LEVERAGES,
    ruin: Amount | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    **options: Unpack[PathOptions],
) -> PathsResult:
    """The same by the venue's own rules of each bucket."""
    runner = Runner(workers=workers, cluster=cluster, progress=progress)
    axis = read_leverages(several(leverages))
    accepted = None if ruin is None else read_probability("ruin", ruin, "1%")
    setup = path_setup(account, **options)
    task = setup.task()
    outcomes = runner.outcomes(task, "the account as it is")
    notes = list(setup.source.notes)
    curve: list[LeveragePoint] = []
    missing: list[str] = []
    search = now = None
    try:
        now = leverage_now(setup, account.holdings)
    except InputError as error:
        notes.append(f"no liquidation over leverage: {error}")
    if now is not None and axis:
        curve, missing = leverage_curve(setup, account.holdings, axis, runner)
    if now is not None and accepted is not None:
        search = search_leverage(setup, account.holdings, accepted, ruin_of, runner)
    return PathsResult(
        setup=setup,
        statistics=path_statistics(task, outcomes, setup.limits),
        losses=losses(task, outcomes),
        first=first_liquidation(outcomes),
        leverage=now,
        bias=monitoring_bias(task),
        fan=margin_fan(task),
        curve=curve,
        missing=missing,
        search=search,
        notes=notes,
    )


def read_leverages(values: Sequence[Amount]) -> list[float]:
    """The leverages of a curve. Raises InputError."""
    if len(values) > MOST_LEVERAGES:
        raise InputError.of("", "leverages", len(values), f"at most {MOST_LEVERAGES} of them")
    return [float(read_leverage("leverages", each, highest=HIGHEST)) for each in values]


def read_probability(field: str, value: Amount, example: str) -> float:
    """A probability above 0 and below 1. Raises InputError."""
    expected = f"above 0% and below 100%, such as {example}"
    found = number(field, value, least=0, most=1, expected=expected, above=True)
    if found == 1:
        raise InputError.of("", field, value, expected)
    return float(found)
