"""``seawall rehearse``: an account taken through a market path, liquidations included."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from seawall.cli.params import SourceOptions
from seawall.cli.rehearse_inputs import Inputs, read_inputs, scenario_of
from seawall.cli.rehearse_market import WholeMarket
from seawall.cli.run import refuse
from seawall.domain.errors import InputError, SeawallError
from seawall.domain.rulebook import AnyRulebook

if TYPE_CHECKING:
    from seawall.lab.rehearse.rehearsal import Rehearsal

DEFAULT_PICTURE = Path("out/rehearsal.png")


def rehearse(
    account: Path | None = None,
    /,
    *,
    path: Annotated[list[Path] | None, Parameter(negative="")] = None,
    market: Annotated[list[str] | None, Parameter(negative="")] = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    step: float | None = None,
    depth: Annotated[list[str] | None, Parameter(negative="")] = None,
    png: Path | None = None,
    meta: Path | None = None,
    markets: Path | None = None,
    rulebook: str | None = None,
    journal: Path | None = None,
    whole: WholeMarket = WholeMarket(),  # noqa: B008 (frozen)
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Take an account through a crash and see what is liquidated, when, and what is left.

    Without arguments: a built-in account in the crash of 10 October 2025. Exit status 2 for input
    that cannot be used.

    Parameters
    ----------
    account
        An account file: TOML as in docs/start/accounts.md, or a venue's own account state (.json).
    path
        A scenario (by name, or a .toml file: docs/commands/scenarios.md), or a file of candles
        (parquet or CSV), to which more files add mark candles or funding. Without it: the crash
        of 10 October 2025.
    market
        Markets to run; those of the account if not given.
    from_
        Start of the window, UTC, like 2025-10-10T20:00.
    to
        End of the window.
    step
        Longest time between two prices, seconds; by the length of the path if not given.
    depth
        USD within 50 bp per side of the book, for all markets (5000000) or one (BTC=5000000).
    png
        Where the picture goes; out/rehearsal.png if not given, none with --json.
    meta
        A file with the venue's answer to `meta`, for markets that do not ship.
    markets
        A file with an indexer's answer to `perpetualMarkets`, for the account of one.
    rulebook
        A shipped rulebook by name, or a rulebook file. Without it, that of the account's venue.
    journal
        A file for every command of the run, in order, that `compare-rules` reads. A journal that is
        there already is replaced.
    json_
        Print one JSON object with exact decimal text instead of the report.
    """
    unused = {"--from": from_, "--to": to, "--step": step, "--png": png, "--journal": journal}
    source = SourceOptions(meta=meta, markets=markets, rulebook=rulebook)
    picture = png or (None if json_ else DEFAULT_PICTURE)
    try:
        if whole.play(account, path, market, depth, source, unused, as_json=json_):
            return
        _make_room(picture)
        inputs = read_inputs(account, source.options(), market, path, (from_, to), step, depth)
        _clear(journal)
        result = _run(inputs, journal, quiet=json_)
    except SeawallError as error:
        refuse("rehearse", str(error))
    _show(result, inputs.account.rulebook, path, picture, journal, as_json=json_)
    if not result.is_conserved:
        raise SystemExit(1)


def _show(
    result: "Rehearsal",
    book: AnyRulebook,
    files: Sequence[Path] | None,
    picture: Path | None,
    journal: Path | None,
    *,
    as_json: bool,
) -> None:
    """The picture if one is wanted, then the report or the object."""
    from seawall.cli.rehearse_json import result_object
    from seawall.cli.rehearse_report import print_report, subtitle

    if picture is not None:
        _draw(result, picture, subtitle(result, book.name, book.as_of))
    if as_json:
        print(json.dumps(result_object(result), indent=2))
        return
    scenario = scenario_of(files)
    about = [] if scenario is None else [scenario.about, scenario.source]
    print_report(result, book.name, book.as_of, about, picture, journal)


def _run(inputs: Inputs, journal: Path | None, *, quiet: bool) -> "Rehearsal":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from seawall.engine.compile import cache_folder

    path, account = inputs.path, inputs.account
    console = Console(stderr=True, quiet=quiet)
    is_first = not any(cache_folder().rglob("*.nbc")) if cache_folder().is_dir() else True
    loading = "compiling the machine, once (about a minute)" if is_first else "loading the machine"
    if is_first and not console.is_terminal:
        console.print(loading)
    with console.status(loading):
        from seawall.engine.placement import PlacementError
        from seawall.lab.rehearse.rehearsal import rehearse as run
        from seawall.lab.simulation.simulation import warm_up

        warm_up(account.rulebook, account.instruments)
    is_plain = quiet or not console.is_terminal
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=is_plain) as progress:
        task = progress.add_task("steps", total=len(path.times_ms))
        try:
            return run(
                path,
                account.holdings,
                account.rulebook,
                account.instruments,
                inputs.depths,
                inputs.neighbours,
                lambda done: progress.update(task, completed=done) if done % 20 == 0 else None,
                journal,
            )
        except OSError as error:
            raise InputError(f"--journal: {journal}: {error.strerror}") from None
        except PlacementError as error:
            raise InputError(f"{account.source}: {error}") from None


def _draw(result: "Rehearsal", target: Path, subtitle: str) -> None:
    from seawall.lab.rehearse.pictures import write_picture

    try:
        write_picture(result, target, subtitle)
    except OSError as error:
        refuse("rehearse", f"--png: {target}: {error.strerror}")


def _clear(journal: Path | None) -> None:
    """Make way for a new journal: an old journal goes, anything else stays and is an error."""
    from seawall.engine.journal import JournalError, JournalReader

    if journal is None:
        return
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        if journal.exists():
            JournalReader(journal)
            journal.unlink()
    except OSError as error:
        raise InputError(f"--journal: {journal}: {error.strerror}") from None
    except JournalError:
        raise InputError(
            f"--journal: {journal}: is there already and is no journal; name a new file"
        ) from None


def _make_room(picture: Path | None) -> None:
    """The picture's folder, before a long run and not after it."""
    if picture is None:
        return
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--png: {picture}: {error.strerror}") from None
