"""The question of ``seawall compare``: which margin mode, on the same paths and through crashes.

Quantities are numbers, or texts as people write them (``domain/quantities.py``): ``99%``.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Unpack

from seawall.accounts.account import Account
from seawall.domain.quantities import Amount, several
from seawall.lab.compare.comparison import Comparison, compare_modes
from seawall.lab.market.named_scenarios import (
    DEFAULT,
    chosen_scenarios,
    run_scenario,
    starting_path,
)
from seawall.lab.market.scenario import Scenario
from seawall.lab.paths.question import read_probability
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathOptions, path_setup
from seawall.lab.stress.scenarios import ScenarioLine, scenario_line
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent


class ScenarioRun(NamedTuple):
    """One variant of the account through one scenario."""

    mode: str
    line: ScenarioLine


class CompareResult(Answer, frozen=True, kw_only=True):
    """``scenarios``: every variant through each of them, scenarios first."""

    comparison: Comparison
    scenarios: Sequence[ScenarioRun]

    def findings(self) -> Findings:
        """The result as sheets, figures and sentences."""
        from seawall.lab.compare.sheets import findings

        return findings(self)


def compare(
    account: Account,
    *,
    survival: Amount = "99%",
    scenarios: str | Path | Iterable[str | Path] = (DEFAULT,),
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    **options: Unpack[PathOptions],
) -> CompareResult:
    """Hold the same positions cross, isolated and split, on the same paths.

    ``survival``: the share of paths without a liquidation that the capital needed is for.
    ``scenarios``: named scenarios or scenario files that every mode goes through, on the exact
    machine. ``workers``, ``cluster``: as ``Runner``; ``options``: as ``PathOptions``. Raises
    SeawallError.
    """
    runner = Runner(workers=workers, cluster=cluster, progress=progress)
    target = read_probability("survival", survival, "99%")
    loaded = chosen_scenarios(several(scenarios))
    setup = path_setup(account, **options)
    for each in loaded:
        # Before long work: whether there are prices of every market.
        starting_path(each, account.holdings, account.instruments, account.price_texts)
    found = compare_modes(setup, target, runner)
    return CompareResult(comparison=found, scenarios=_through(found, loaded, progress))


def _through(
    found: Comparison, scenarios: Sequence[Scenario], progress: Progress
) -> list[ScenarioRun]:
    """Every variant through every scenario."""
    account, runs = found.setup.account, []
    pairs = [(scenario, each.variant) for scenario in scenarios for each in found.variants]
    for number, (scenario, variant) in enumerate(pairs):
        progress("named scenarios", number, len(pairs))
        made = run_scenario(
            scenario, variant.holdings, account.rulebook, account.instruments,
            account.price_texts, found.setup.depths,
        )  # fmt: skip
        runs.append(ScenarioRun(variant.name, scenario_line(scenario, made)))
    return runs
