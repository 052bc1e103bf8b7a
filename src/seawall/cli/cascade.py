"""``seawall cascade``: a whole market whose liquidations move the price, the account in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from seawall.cli.cascade_inputs import read_setup
from seawall.cli.cascade_options import DayWishes, PeopleWishes, PriceWishes, SeedWishes
from seawall.cli.params import Outputs, SourceOptions
from seawall.cli.run import refuse
from seawall.domain.errors import SeawallError
from seawall.report.deliver import check_outputs, deliver


def cascade(
    account: str | None = None,
    /,
    *,
    day: DayWishes = DayWishes(),  # noqa: B008 (frozen)
    people: PeopleWishes = PeopleWishes(),  # noqa: B008 (frozen)
    prices: PriceWishes = PriceWishes(),  # noqa: B008 (frozen)
    seeds: SeedWishes = SeedWishes(),  # noqa: B008 (frozen)
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Rehearse a crash in which liquidations move the price and liquidate others.

    Thousands of accounts, makers and takers trade on the venue's own machine, the account among
    them. Shows prices with and without the cascade, who was liquidated at which leverage, what the
    backstop and the insurance fund bore, and what was taken from winners. Without arguments: a
    built-in account in the crash of 2025-10-10. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    """
    try:
        check_outputs(outputs.options())
        setup, found = read_setup(account, source, day, people, prices, seeds)
        with _progress(quiet=outputs.json_) as tell:
            from seawall.engine.layout import LayoutError
            from seawall.engine.placement import PlacementError
            from seawall.lab.cascade.findings import cascade_findings
            from seawall.lab.cascade.simulate import rehearse_market

            try:
                made = rehearse_market(
                    setup, seeds=seeds.seeds, workers=seeds.workers, cluster=seeds.cluster,
                    progress=tell,
                )  # fmt: skip
            except (PlacementError, LayoutError) as error:
                refuse("cascade", str(error))
        deliver(cascade_findings(made, found.source), outputs.options())
    except SeawallError as error:
        refuse("cascade", str(error))


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, quiet=quiet)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    plain = quiet or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=plain) as progress:
        bar = progress.add_task("loading the machine (the first time takes a minute)", total=None)
        yield lambda what, done, whole: progress.update(
            bar, description=what, completed=done, total=whole
        )
