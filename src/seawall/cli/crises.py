"""``seawall crises``: an account in the crises of the past, in every mode, by every rulebook."""

from typing import TYPE_CHECKING

from seawall.cli.crises_inputs import Request, read_request
from seawall.cli.crises_options import CrisesOptions, CrisesSource
from seawall.cli.params import Outputs
from seawall.cli.run import refuse
from seawall.domain.errors import SeawallError
from seawall.report.deliver import check_outputs, deliver

if TYPE_CHECKING:
    from seawall.lab.crises.result import CrisesResult


def crises(
    account: str | None = None,
    /,
    *,
    options: CrisesOptions = CrisesOptions(),  # noqa: B008 (frozen)
    source: CrisesSource = CrisesSource(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Play the crises of the past with an account and a population like that of the day.

    Side by side under every rulebook, cross, isolated and hybrid, in a calm and in a dry book: what
    is liquidated when, who takes it, what is left; and which accounts end differently under two
    rulebooks, and why. Without arguments: a built-in account on 10 October 2025. Exit status 2 for
    input that cannot be used.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    """
    try:
        check_outputs(outputs.options())
        request = read_request(account, options, source)
        result = _play(request, options, quiet=outputs.json_)
        from seawall.lab.crises.findings import crises_findings

        findings = crises_findings(result, request.account.source, request.notes)
        deliver(findings, outputs.options())
    except SeawallError as error:
        refuse("crises", str(error))


def _play(request: Request, options: CrisesOptions, *, quiet: bool) -> "CrisesResult":
    """With a progress bar on standard error where that is a terminal. Raises TrialError."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, quiet=quiet)
    with console.status("loading the machine (the first time takes about a minute)"):
        from seawall.lab.crises.result import play_all
        from seawall.lab.simulation.simulation import warm_up

        for each in request.task.rules:
            warm_up(each.book, each.instruments)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    is_plain = quiet or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=is_plain) as progress:
        bar = progress.add_task("crises", total=request.task.trials)
        return play_all(
            request.task,
            workers=options.workers,
            cluster=options.cluster,
            progress=lambda done: progress.update(bar, completed=done),
        )
