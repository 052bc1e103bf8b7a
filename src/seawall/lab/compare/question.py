"""The question of ``seawall compare``: which margin mode, on the same paths and through crashes.

Quantities are numbers, or texts as people write them (``domain/quantities.py``): ``99%``.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

from seawall.accounts.account import Account
from seawall.domain.quantities import Amount, several
from seawall.lab.compare.comparison import Comparison, Through, compare_modes
from seawall.lab.compare.modes import Mode
from seawall.lab.market.named_scenarios import (
    DEFAULT,
    chosen_scenarios,
    run_scenario,
    starting_path,
)
from seawall.lab.market.scenario import Scenario
from seawall.lab.paths.question import read_probability
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathOptions, PathSetup, path_setup
from seawall.lab.stress.scenarios import ScenarioLine, scenario_line
from seawall.lab.transfers.route import NO_ROUTE, Route, load_route
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent

if TYPE_CHECKING:
    from seawall.lab.options.compare import PooledComparison
    from seawall.lab.options.pooled import Presets
    from seawall.lab.options.simulation import PooledOptions


class CompareResult(Answer, frozen=True, kw_only=True):
    """``scenarios``: that every mode goes through. ``route``: that money takes, None where it is
    there at once and free."""

    comparison: Comparison
    scenarios: Sequence[Scenario]
    route: Route | None = None

    def findings(self) -> Findings:
        """The result as sheets, figures and sentences."""
        from seawall.lab.compare.sheets import findings

        return findings(self)


@overload
def compare(
    account: Account,
    *,
    presets: None = None,
    survival: Amount = "99%",
    route: str | Path = NO_ROUTE,
    scenarios: str | Path | Iterable[str | Path] = (DEFAULT,),
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    **options: Unpack[PathOptions],
) -> CompareResult: ...
@overload
def compare(
    account: Account,
    *,
    presets: "Presets",
    survival: Amount = "99%",
    scenarios: str | Path | Iterable[str | Path] = (DEFAULT,),
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    **options: "Unpack[PooledOptions]",
) -> "PooledComparison": ...
def compare(
    account: Account, *, presets: "Presets | None" = None, **given: Any
) -> "CompareResult | PooledComparison":
    """Hold the same positions in every margin mode, on the same paths.

    ``survival``: the share of paths without a liquidation that the capital needed is for.
    ``scenarios``: named scenarios or scenario files that every mode goes through; they count in the
    recommendation. ``workers``, ``cluster``: as ``Runner``; ``options``: as ``PathOptions``.

    By the venue's own rules: as given, cross, isolated and split, scenarios on the exact machine.
    ``route``: a route of money by name, or a file: how long the account's top-ups take and what
    they cost, and what it takes to hold the account in each mode.

    In portfolio margin, for accounts with options or coins and wherever ``presets`` are given
    (all that ship if empty): pooled, legs apart and by market; ``options`` as ``PooledOptions``.

    Raises SeawallError.
    """
    if presets is None:
        return _on_the_venue(account, **given)
    from seawall.lab.options.compare import pooled_comparison

    return pooled_comparison(account, presets=presets, **given)


def _on_the_venue(
    account: Account,
    *,
    survival: Amount = "99%",
    route: str | Path = NO_ROUTE,
    scenarios: str | Path | Iterable[str | Path] = (DEFAULT,),
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    **options: Unpack[PathOptions],
) -> CompareResult:
    """The same by the venue's own rules of each bucket."""
    runner = Runner(workers=workers, cluster=cluster, progress=progress)
    target = read_probability("survival", survival, "99%")
    way = load_route(route)
    used = None if way.name == NO_ROUTE else way
    loaded = chosen_scenarios(several(scenarios))
    setup = path_setup(account, **options)
    for each in loaded:
        # Before long work: whether there are prices of every market.
        starting_path(each, account.holdings, account.instruments, account.price_texts)
    through = through_scenarios(setup, loaded, progress)
    found = compare_modes(setup, target, runner, through, used)
    return CompareResult(comparison=found, scenarios=loaded, route=used)


def through_scenarios(
    setup: PathSetup, scenarios: Sequence[Scenario], progress: Progress = silent
) -> Through:
    """Takes a mode through every scenario, on the engine."""
    account = setup.account

    def lines(mode: Mode) -> list[ScenarioLine]:
        made = []
        for number, scenario in enumerate(scenarios):
            progress(f"named scenarios, {mode.name}", number, len(scenarios))
            run = run_scenario(
                scenario, mode.holdings, account.rulebook, account.instruments,
                account.price_texts, setup.depths,
            )  # fmt: skip
            made.append(scenario_line(scenario, run))
        return made

    return lines
