"""What ``seawall rehearse`` is given, read and checked: account, rules, markets, path, depth."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from seawall.cli.rules import markets_under, shipped_markets, venue_of
from seawall.cli.subaccounts import read_subaccounts
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MICRO
from seawall.lab.account_file import AccountSketch, parse_account, read_account
from seawall.lab.account_state import sketch_of_state
from seawall.lab.examples import ACCOUNT, CRASH, example_text
from seawall.venues.known import DEFAULT_VENUE, venue_module
from seawall.venues.raw_json import VenueDataError
from seawall.venues.rulebook_file import load_rulebook

if TYPE_CHECKING:
    from seawall.lab.market_path import MarketPath
    from seawall.lab.scenario import Neighbours

GREATEST_DEPTH = 1e9


class Refused(ValueError):
    """Input that only this command judges."""


class Files(NamedTuple):
    """The files that were named."""

    account: Path | None
    path: list[Path] | None
    meta: Path | None
    markets: Path | None


class Inputs(NamedTuple):
    """Everything a rehearsal needs. ``instruments``: of the run, in its order, under its rules."""

    sketch: AccountSketch
    path: "MarketPath"
    book: AnyRulebook
    instruments: list[Instrument]
    depths: Any
    neighbours: "Neighbours"


def read_inputs(
    files: Files,
    rulebook: str | None,
    wished: Sequence[str] | None,
    window: tuple[str | None, str | None],
    step: float | None,
    depth: Sequence[str],
) -> Inputs:
    """Raises Refused, AccountError, PathError, RulebookError, MarketError."""
    shipped = _instruments(files.meta)
    sketch, own, venue = _account(
        files.account, shipped, files.markets, has_meta=files.meta is not None
    )
    book = load_rulebook(rulebook or venue)
    markets = _markets(sketch, wished)
    listed = [_instrument(sketch, name, shipped | own) for name in markets]
    path, neighbours = _path(files.path, sketch, markets, window, step)
    # Liquidity is that of the market, whatever leverage the rules grant in it.
    depths = _depths([shipped.get(each.name, each) for each in listed], depth)
    instruments = markets_under(book, listed, shipped)
    return Inputs(sketch, path, book, instruments, depths, neighbours)


def _instruments(meta: Path | None) -> dict[str, Instrument]:
    if meta is None:
        return shipped_markets()
    listed = _venue_file(meta, venue_module(DEFAULT_VENUE, "instruments").instruments_from_meta)
    return {instrument.name: instrument for instrument in listed if not instrument.delisted}


def _venue_file(path: Path, read: Callable[[bytes], Any]) -> Any:
    """What the venue's reader makes of a file; its complaints name the file."""
    try:
        return read(path.read_bytes())
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise Refused(f"{path}: {error}") from None


def _account(
    path: Path | None, known: dict[str, Instrument], markets: Path | None, *, has_meta: bool
) -> tuple[AccountSketch, dict[str, Instrument], str]:
    """The account, the markets that its own venue says it needs, and that venue."""
    if path is None:
        return parse_account(example_text(ACCOUNT), ACCOUNT, "example"), {}, DEFAULT_VENUE
    own: dict[str, Instrument] = {}
    venue = DEFAULT_VENUE

    def read_state(file: Path) -> AccountSketch:
        nonlocal venue
        raw: bytes = _venue_file(file, lambda raw: raw)
        venue = venue_of(raw)
        if venue != DEFAULT_VENUE:
            data: bytes = _venue_file(markets, lambda raw: raw) if markets else raw
            sketch, found = read_subaccounts(venue, str(file), raw, data, known)
            own.update(found)
            return sketch
        decode = venue_module(DEFAULT_VENUE, "account_state").account_state
        state = _venue_file(file, lambda raw: decode(raw, known if has_meta else None))
        return sketch_of_state(str(file), file.stem, state)

    try:
        return read_account(path, {".json": read_state}), own, venue
    except VenueDataError as error:
        raise Refused(f"{path}: {error}") from None


def _markets(sketch: AccountSketch, wished: Sequence[str] | None) -> list[str]:
    if not wished:
        if not sketch.markets:
            raise Refused(f"{sketch.source}: position: the account has none; name a --market")
        return list(sketch.markets)
    for name in sketch.markets:
        if name not in wished:
            raise Refused(f"--market: leaves out {name}, in which the account has a position")
    return list(dict.fromkeys(wished))


def _instrument(sketch: AccountSketch, name: str, known: dict[str, Instrument]) -> Instrument:
    if name in known:
        return known[name]
    some = ", ".join(list(known)[:12]) + (" ..." if len(known) > 12 else "")
    raise Refused(
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

    scenario = scenario_of(files)
    if scenario is not None:
        return _scenario_setting(scenario, sketch, markets, window, step)
    usual = Window()
    chosen = Window(
        parse_time(window[0], "--from") if window[0] else usual.from_ms,
        parse_time(window[1], "--to") if window[1] else usual.to_ms,
    )
    if chosen.from_ms >= chosen.to_ms:
        raise Refused(f"--to: {window[1]} is not after --from {window[0]}")
    step_ms = None if step is None else _step_ms(step)
    return read_market_path(files or [], markets, chosen, step_ms), Neighbours()


def _step_ms(step: float) -> int:
    if not 0.001 <= step <= 86_400:
        raise Refused(f"--step: {step:g} should be 0.001 to 86400 seconds")
    return round(step * 1000)


def scenario_of(files: Sequence[Path] | None) -> Any:
    """The scenario if that is what is asked for, else None."""
    from seawall.lab.scenario import parse_scenario

    if not files:
        return parse_scenario(example_text(CRASH), CRASH)
    if files[0].suffix != ".toml":
        return None
    if len(files) > 1:
        raise Refused("--path: a scenario stands alone; give one file")
    try:
        return parse_scenario(files[0].read_text(encoding="utf-8"), str(files[0]))
    except OSError as error:
        raise Refused(f"{files[0]}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{files[0]}: not a text file") from None


def _scenario_setting(
    scenario: Any,
    sketch: AccountSketch,
    markets: list[str],
    window: tuple[str | None, str | None],
    step: float | None,
) -> "tuple[MarketPath, Neighbours]":
    from seawall.lab.scenario import Neighbours, scenario_path

    if any(window) or step is not None:
        raise Refused("--from, --to, --step: belong to a --path of candles; a scenario has its own")
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
            raise Refused(f"--depth: {wish!r} should be 1 to {GREATEST_DEPTH:,.0f} USD")
        if not equals:
            everywhere = usd
        elif name in {instrument.name for instrument in instruments}:
            named[name] = usd
        else:
            raise Refused(f"--depth: {name!r} is not one of the markets of this run")
    return depths(instruments, named, everywhere)
