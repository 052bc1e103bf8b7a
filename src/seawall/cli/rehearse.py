"""``seawall rehearse``: an account taken through a market path, liquidations included."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from cyclopts import Parameter

from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook
from seawall.domain.units import MICRO
from seawall.lab.account_file import AccountError, AccountSketch, parse_account, read_account
from seawall.lab.candle_file import PathError
from seawall.lab.examples import ACCOUNT, CRASH, example_text
from seawall.venues.known import DEFAULT_VENUE, venue_module
from seawall.venues.rulebook_file import RulebookError, load_rulebook

if TYPE_CHECKING:
    from seawall.lab.market_path import MarketPath
    from seawall.lab.rehearsal import Rehearsal
    from seawall.lab.scenario import Neighbours

BAD_INPUT = 2
DEFAULT_PICTURE = Path("out/rehearsal.png")
GREATEST_DEPTH = 1e9
_LONGEST_ERROR = 600


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
    rulebook: str = DEFAULT_VENUE,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Take an account through a crash and see what is liquidated, when, and what is left.

    Without arguments: a built-in account in the crash of 10 October 2025. Exit status 2 for input
    that cannot be used.

    Parameters
    ----------
    account
        An account file: TOML as in docs/rehearse.md, or the venue's own account state (.json).
    path
        A file of candles (parquet or CSV) or a scenario (.toml); more files add mark candles or
        funding. Without it: the crash of 10 October 2025, starting at the account's prices.
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
    rulebook
        A shipped rulebook by name, or a rulebook file.
    json_
        Print one JSON object with exact decimal text instead of the report.
    """
    picture = png or (None if json_ else DEFAULT_PICTURE)
    try:
        _make_room(picture)
        book = load_rulebook(rulebook)
        known = _instruments(meta)
        sketch = _account(account, known, has_meta=meta is not None)
        markets = _markets(sketch, market)
        instruments = [_instrument(sketch, name, known) for name in markets]
        market_path, neighbours = _path(path, sketch, markets, (from_, to), step)
        depths = _depths(instruments, depth or [])
        result = _run(sketch, market_path, book, instruments, depths, neighbours, quiet=json_)
    except (AccountError, PathError, RulebookError, _Refused) as error:
        _refuse(str(error))
    _show(result, book, path, picture, as_json=json_)
    if not result.is_conserved:
        raise SystemExit(1)


def _show(
    result: "Rehearsal",
    book: Rulebook,
    files: Sequence[Path] | None,
    picture: Path | None,
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
    scenario = _scenario(files)
    about = [] if scenario is None else [scenario.about, scenario.source]
    print_report(result, book.name, book.as_of, about, picture)


class _Refused(ValueError):
    """Input that only this command judges."""


def _refuse(message: str) -> NoReturn:
    line = " ".join(message.split())
    print(f"seawall rehearse: {line[:_LONGEST_ERROR]}", file=sys.stderr)
    raise SystemExit(BAD_INPUT)


def _instruments(meta: Path | None) -> dict[str, Instrument]:
    markets = venue_module(DEFAULT_VENUE, "instruments")
    if meta is None:
        listed = markets.built_in_instruments()
    else:
        listed = _venue_file(meta, markets.instruments_from_meta)
    return {instrument.name: instrument for instrument in listed if not instrument.delisted}


def _venue_file(path: Path, read: Callable[[bytes], Any]) -> Any:
    """What the venue's reader makes of a file; its complaints name the file."""
    try:
        return read(path.read_bytes())
    except OSError as error:
        raise _Refused(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise _Refused(f"{path}: {error}") from None


def _account(path: Path | None, known: dict[str, Instrument], *, has_meta: bool) -> AccountSketch:
    if path is None:
        return parse_account(example_text(ACCOUNT), ACCOUNT, "example")
    from seawall.lab.account_state import sketch_of_state

    def read_state(file: Path) -> AccountSketch:
        decode = venue_module(DEFAULT_VENUE, "account_state").account_state
        state = _venue_file(file, lambda raw: decode(raw, known if has_meta else None))
        return sketch_of_state(str(file), file.stem, state)

    return read_account(path, {".json": read_state})


def _markets(sketch: AccountSketch, wished: Sequence[str] | None) -> list[str]:
    if not wished:
        if not sketch.markets:
            raise _Refused(f"{sketch.source}: position: the account has none; name a --market")
        return list(sketch.markets)
    for name in sketch.markets:
        if name not in wished:
            raise _Refused(f"--market: leaves out {name}, in which the account has a position")
    return list(dict.fromkeys(wished))


def _instrument(sketch: AccountSketch, name: str, known: dict[str, Instrument]) -> Instrument:
    if name in known:
        return known[name]
    some = ", ".join(list(known)[:12]) + (" ..." if len(known) > 12 else "")
    raise _Refused(
        f"{sketch.source}: market: {name!r} is not known here; known: {some}; --meta FILE with the "
        "venue's list of markets adds more"
    )


def _path(
    files: Sequence[Path] | None,
    sketch: AccountSketch,
    markets: list[str],
    window: tuple[str | None, str | None],
    step: float | None,
) -> "tuple[MarketPath, Neighbours]":
    from seawall.lab.market_path import Window, parse_time, read_market_path
    from seawall.lab.scenario import Neighbours

    scenario = _scenario(files)
    if scenario is not None:
        return _scenario_setting(scenario, sketch, markets, window, step)
    usual = Window()
    chosen = Window(
        parse_time(window[0], "--from") if window[0] else usual.from_ms,
        parse_time(window[1], "--to") if window[1] else usual.to_ms,
    )
    if chosen.from_ms >= chosen.to_ms:
        raise _Refused(f"--to: {window[1]} is not after --from {window[0]}")
    step_ms = None if step is None else _step_ms(step)
    return read_market_path(files or [], markets, chosen, step_ms), Neighbours()


def _step_ms(step: float) -> int:
    if not 0.001 <= step <= 86_400:
        raise _Refused(f"--step: {step:g} should be 0.001 to 86400 seconds")
    return round(step * 1000)


def _scenario(files: Sequence[Path] | None) -> Any:
    """The scenario if that is what is asked for, else None."""
    from seawall.lab.scenario import parse_scenario

    if not files:
        return parse_scenario(example_text(CRASH), CRASH)
    if files[0].suffix != ".toml":
        return None
    if len(files) > 1:
        raise _Refused("--path: a scenario stands alone; give one file")
    try:
        return parse_scenario(files[0].read_text(encoding="utf-8"), str(files[0]))
    except OSError as error:
        raise _Refused(f"{files[0]}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _Refused(f"{files[0]}: not a text file") from None


def _scenario_setting(
    scenario: Any,
    sketch: AccountSketch,
    markets: list[str],
    window: tuple[str | None, str | None],
    step: float | None,
) -> "tuple[MarketPath, Neighbours]":
    from seawall.lab.scenario import Neighbours, scenario_path

    if any(window) or step is not None:
        raise _Refused(
            "--from, --to, --step: belong to a --path of candles; a scenario has its own"
        )
    prices = {}
    for name in markets:
        text = sketch.start_price(name)
        if text is not None:
            prices[name] = float(text)
    made = scenario_path(scenario, markets, prices)
    return made, Neighbours(tuple(scenario.crowd), round(scenario.backstop.capital * MICRO))


def _depths(instruments: Sequence[Instrument], wishes: Sequence[str]) -> Any:
    from seawall.lab.liquidity import depths

    everywhere: float | None = None
    named: dict[str, float] = {}
    for wish in wishes:
        name, equals, amount = wish.rpartition("=")
        try:
            usd = float(amount)
        except ValueError:
            usd = -1.0
        if not 1 <= usd <= GREATEST_DEPTH:
            raise _Refused(f"--depth: {wish!r} should be 1 to {GREATEST_DEPTH:,.0f} USD")
        if not equals:
            everywhere = usd
        elif name in {instrument.name for instrument in instruments}:
            named[name] = usd
        else:
            raise _Refused(f"--depth: {name!r} is not one of the markets of this run")
    return depths(instruments, named, everywhere)


def _run(
    sketch: AccountSketch,
    path: "MarketPath",
    book: Rulebook,
    instruments: Sequence[Instrument],
    depths: Any,
    neighbours: "Neighbours",
    *,
    quiet: bool,
) -> "Rehearsal":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from seawall.engine.compile import cache_folder
    from seawall.lab.account_plan import plan_account

    prices = {name: repr(float(each[0])) for name, each in path.oracle.items()}
    plan = plan_account(sketch, instruments, prices)
    console = Console(stderr=True, quiet=quiet)
    is_first = not any(cache_folder().rglob("*.nbc")) if cache_folder().is_dir() else True
    loading = "compiling the machine, once (about a minute)" if is_first else "loading the machine"
    if is_first and not console.is_terminal:
        console.print(loading)
    with console.status(loading):
        from seawall.lab.rehearsal import rehearse as run
        from seawall.lab.setting import RehearsalError, warm_up

        warm_up(book, instruments)
    is_plain = quiet or not console.is_terminal
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=is_plain) as progress:
        task = progress.add_task("steps", total=len(path.times_ms))
        try:
            return run(
                path,
                plan,
                book,
                instruments,
                depths,
                neighbours,
                lambda done: progress.update(task, completed=done) if done % 20 == 0 else None,
            )
        except RehearsalError as error:
            raise _Refused(f"{sketch.source}: {error}") from None


def _draw(result: "Rehearsal", target: Path, subtitle: str) -> None:
    from seawall.lab.pictures import write_picture

    try:
        write_picture(result, target, subtitle)
    except OSError as error:
        _refuse(f"--png: {target}: {error.strerror}")


def _make_room(picture: Path | None) -> None:
    """The picture's folder, before a long run and not after it."""
    if picture is None:
        return
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _Refused(f"--png: {picture}: {error.strerror}") from None
