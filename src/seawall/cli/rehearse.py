"""``seawall rehearse``: an account taken through a market path, liquidations included."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from seawall.cli.params import Files, Outputs, SourceOptions, Texts, given
from seawall.cli.run import refuse, run
from seawall.report.deliver import OutputOptions
from seawall.report.progress import Progress

if TYPE_CHECKING:
    from seawall.lab.rehearse import Rehearsal

DEFAULT_PICTURE = Path("out/rehearsal.png")


@Parameter(name="*")
@dataclass(frozen=True)
class RehearseOptions:
    """The path, and what there is besides the account."""

    path: Files = None
    """A scenario (by name, or a .toml file: docs/commands/scenarios.md), or a file of candles
    (parquet or CSV), to which more files add mark candles or funding. Without it: the crash of
    10 October 2025."""
    from_: Annotated[str | None, Parameter(name="--from")] = None
    """Start of the window of candles, UTC, like 2025-10-10T20:00."""
    to: str | None = None
    """End of the window."""
    step: str | None = None
    """Longest time between two prices of candles, seconds; by the length of the path if not
    given."""
    depth: Texts = None
    """USD within 50 bp per side of the book, for all markets (5000000) or one (BTC=5000000)."""
    journal: Path | None = None
    """A file for every command of the run, in order, that `compare-rules` reads. A journal that is
    there already is replaced."""


@Parameter(name="*")
@dataclass(frozen=True)
class PictureOutputs(Outputs):
    """Where the findings go."""

    png: Path | None = None
    """Where the picture goes; out/rehearsal.png if not given, none with --json."""

    def options(self) -> OutputOptions:
        png = self.png or (None if self.json_ else DEFAULT_PICTURE)
        return super().options()._replace(png=png)


def rehearse(
    account: str | None = None,
    /,
    *,
    options: RehearseOptions = RehearseOptions(),
    market: Texts = None,
    population: int | None = None,
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: PictureOutputs = PictureOutputs(),
) -> None:
    """Take an account through a crash and see what is liquidated, when, and what is left.

    Without arguments: a built-in account in the crash of 10 October 2025. Exit status 2 for input
    that cannot be used, 1 where money is not conserved.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    market
        Markets to run; those of the account if not given.
    population
        Play it in a market of so many other accounts, whose liquidations move the price: the short
        form of `seawall cascade`, which has more options for them.
    """
    if population is not None:
        return _in_whole_market(account, options, market, population, source, outputs)
    asked = given(options)

    def compute(progress: Progress) -> "Rehearsal":
        from seawall.accounts.load import load_account
        from seawall.lab.rehearse import question

        way = {name: asked.pop(name) for name in ("path", "from_", "to", "step") if name in asked}
        chosen = question.choose_path(**way)
        wanted = source.options()._replace(
            only_markets=market or (), usual_prices=chosen.first_prices
        )
        loaded = load_account(account, wanted)
        return question.rehearse(
            loaded, path=chosen, **asked, assume=source.assume, progress=progress
        )

    run("rehearse", outputs, compute)


def _in_whole_market(
    account: str | None,
    options: RehearseOptions,
    market: list[str] | None,
    population: int,
    source: SourceOptions,
    outputs: PictureOutputs,
) -> None:
    from seawall.cli.cascade import ImpactOptions, PathOptions, PopulationOptions, cascade

    if population < 0:
        refuse("rehearse", f"--population: {population} should be 0 or more accounts")
    unused = {"from": options.from_, "to": options.to, "step": options.step, "png": outputs.png}
    for name, value in {**unused, "journal": options.journal}.items():
        if value is not None:
            refuse("rehearse", f"--{name}: {value} does not go with --population")
    path = options.path
    chosen = PathOptions(path=path, market=market)
    if path and len(path) == 1 and path[0].suffix in ("", ".toml"):
        chosen = PathOptions(scenario=str(path[0]), market=market)
    cascade(
        account,
        path=chosen,
        population=PopulationOptions(accounts=population),
        impact=ImpactOptions(depth=options.depth),
        source=source,
        outputs=Outputs(json_=outputs.json_, report=outputs.report, parquet=outputs.parquet),
    )
