"""``seawall stress``: what a move does to an account, and the first move that it cannot bear."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.cli.params import Outputs, SourceOptions
from seawall.cli.run import refuse
from seawall.cli.stress_inputs import (
    chosen_scenarios,
    given_betas,
    shock_sizes,
    stress_depths,
    survival_moves,
)
from seawall.cli.stress_options import StressOptions
from seawall.domain.errors import SeawallError
from seawall.report.deliver import check_outputs, deliver

if TYPE_CHECKING:
    from rich.status import Status

    from seawall.lab.market.liquidity import Depth
    from seawall.lab.market.scenario import Scenario
    from seawall.lab.stress.scenarios import ScenarioLine
    from seawall.report.findings import Findings


def stress(
    account: str | None = None,
    /,
    *,
    options: StressOptions = StressOptions(),  # noqa: B008 (frozen)
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """See what price shocks do to an account, and the smallest move that liquidates it.

    Shocks of every market alone, of all together, and of all by their betas; the exact price at
    which each position goes; what to add or close to survive a move; named scenarios. Without
    arguments: a built-in account. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    """
    try:
        check_outputs(outputs.options())
        scenarios = chosen_scenarios(options.scenario or [])
        loaded = load_account(account, source.options())
        findings = _Wishes(loaded, options).findings(scenarios, quiet=outputs.json_)
        deliver(findings, outputs.options())
    except SeawallError as error:
        refuse("stress", str(error))


class _Wishes:
    """What was asked about an account; everything is read before anything is computed."""

    def __init__(self, account: Account, options: StressOptions) -> None:
        """Raises InputError."""
        from seawall.lab.stress.betas import betas_of
        from seawall.lab.stress.grid import DEFAULT_PERCENTS

        self.account = account
        self.sizes = shock_sizes(options.shock or [], DEFAULT_PERCENTS)
        wished = given_betas(options.betas, options.beta or [], account.instruments)
        self.betas = betas_of([each.name for each in account.instruments], wished)
        self.survive = options.survive or []
        self.depths = stress_depths(account, options.depth or [])

    def findings(self, scenarios: Sequence["Scenario"], *, quiet: bool) -> "Findings":
        """Raises ValuationError, PathError, RehearsalError, InputError."""
        from rich.console import Console

        from seawall.lab.simulation.valuation import Valuation
        from seawall.lab.stress.aftermath import StressMachine
        from seawall.lab.stress.findings import stress_findings
        from seawall.lab.stress.result import stress, with_scenarios

        account = self.account
        console = Console(stderr=True, quiet=quiet)
        with console.status("loading the machine (the first time takes about a minute)") as status:
            now = account.prices
            valuation = Valuation(account.holdings, account.rulebook, account.instruments, now)
            factors = {name: each.value for name, each in self.betas.items()}
            moves = survival_moves(self.survive, valuation, factors)
            machine = StressMachine(
                account.holdings, account.rulebook, account.instruments, self.depths, now
            )
            result = stress(valuation, machine, self.betas, self.sizes, moves, status.update)
            lines = _through(scenarios, account, self.depths, status)
        return stress_findings(with_scenarios(result, lines), account.source)


def _through(
    scenarios: Sequence["Scenario"], account: Account, depths: dict[str, "Depth"], status: "Status"
) -> list["ScenarioLine"]:
    """The account through each scenario. Raises PathError, RehearsalError."""
    from seawall.lab.market.named_scenarios import run_scenario
    from seawall.lab.stress.scenarios import scenario_line

    lines = []
    for number, each in enumerate(scenarios, start=1):
        status.update(f"scenario {number} of {len(scenarios)}: {each.name}")
        found = run_scenario(
            each,
            account.holdings,
            account.rulebook,
            account.instruments,
            account.price_texts,
            depths,
        )
        lines.append(scenario_line(each, found))
    return lines
