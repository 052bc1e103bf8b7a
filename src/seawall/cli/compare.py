"""``seawall compare``: the same positions as cross, isolated and split, on the same paths."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from seawall.cli.params import Outputs, SourceOptions
from seawall.cli.paths_inputs import (
    ModelWishes,
    Request,
    RunWishes,
    read_request,
    share_of,
)
from seawall.cli.paths_progress import running
from seawall.cli.run import refuse
from seawall.domain.errors import InputError, SeawallError
from seawall.report.deliver import check_outputs, deliver

if TYPE_CHECKING:
    from seawall.lab.compare.comparison import Comparison
    from seawall.lab.market.scenario import Scenario
    from seawall.lab.paths.setup import Runner
    from seawall.lab.stress.scenarios import ScenarioLine

DEFAULT_SURVIVAL = "99%"
DEFAULT_SCENARIO = "crash_2025_10_10"
NONE = "none"


def compare(
    account: str | None = None,
    /,
    *,
    survival: str = DEFAULT_SURVIVAL,
    scenario: Annotated[list[str] | None, Parameter(negative="")] = None,
    run: RunWishes = RunWishes(),  # noqa: B008 (frozen)
    model: ModelWishes = ModelWishes(),  # noqa: B008 (frozen)
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Hold the same positions cross, isolated and split, and see which survives on the same paths.

    Says which positions protect each other and belong in one pool, and which single bets should
    have a bucket of their own, with the numbers behind it. Without arguments: a built-in account
    over a week. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    survival
        The share of paths without a liquidation that the capital needed is for, such as 99%.
    scenario
        A named scenario, a scenario file, all or none; the crash of 10 October 2025 if not given.
    """
    try:
        check_outputs(outputs.options())
        target = survival_target(survival)
        scenarios = _scenarios(scenario)
        request = read_request(account, source, model, run)
        _check_scenarios(scenarios, request)
        with running(run, quiet=outputs.json_) as runner:
            from seawall.lab.compare.comparison import compare as compare_modes

            found = compare_modes(request.setup, target, runner)
            shocks = _shocks(found, request, scenarios, runner)
        from seawall.lab.compare.findings import CompareResult, compare_findings

        result = CompareResult(
            comparison=found,
            shocks=shocks,
            model=request.model,
            notes=request.notes,
            assumptions=request.assumptions,
        )
        deliver(compare_findings(result, request.account.source), outputs.options())
    except SeawallError as error:
        refuse("compare", str(error))


def survival_target(text: str) -> float:
    """A share of paths. Raises InputError."""
    value = share_of(text)
    if value is None or not 0 < value < 1:
        raise InputError(f"--survival: {text!r} should be percent between 0% and 100%, such as 99%")
    return value


def _scenarios(wished: Sequence[str] | None) -> "list[Scenario]":
    if wished == [NONE]:
        return []
    from seawall.lab.market.named_scenarios import chosen_scenarios

    return chosen_scenarios(wished or [DEFAULT_SCENARIO])


def _check_scenarios(scenarios: "Sequence[Scenario]", request: Request) -> None:
    """Before long work: whether they have prices of every market. Raises PathError."""
    from seawall.lab.market.named_scenarios import starting_path

    setup = request.setup
    for each in scenarios:
        starting_path(each, setup.plan, setup.instruments, setup.prices)


def _shocks(
    found: "Comparison", request: Request, scenarios: "Sequence[Scenario]", runner: "Runner"
) -> "dict[str, list[ScenarioLine]]":
    """Every variant through every scenario. Raises PathError, PlacementError."""
    from seawall.lab.market.named_scenarios import run_scenario
    from seawall.lab.stress.scenarios import scenario_line

    setup = found.setup
    runner.started("named days", len(scenarios) * len(found.variants))
    lines: dict[str, list[ScenarioLine]] = {}
    done = 0
    for scenario in scenarios:
        for each in found.variants:
            made = run_scenario(
                scenario, each.variant.plan, setup.rulebook, setup.instruments, setup.prices,
                setup.depths,
            )  # fmt: skip
            lines.setdefault(scenario.name, []).append(scenario_line(scenario, made))
            done += 1
            runner.done(done)
    return lines
