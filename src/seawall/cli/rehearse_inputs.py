"""What ``seawall rehearse`` is given, read and checked: account, rules, markets, path, depth."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from seawall.accounts.file import AccountSketch
from seawall.accounts.markets import markets_under
from seawall.accounts.source import AccountOptions, Refused, read_source
from seawall.cli.depth_input import read_depths
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.venues.rulebook_file import load_rulebook

if TYPE_CHECKING:
    from seawall.lab.market.market_path import MarketPath
    from seawall.lab.market.scenario import Neighbours

__all__ = ["Files", "Inputs", "Refused", "read_inputs", "scenario_of"]


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
    account = None if files.account is None else str(files.account)
    source = read_source(account, AccountOptions(meta=files.meta, markets=files.markets))
    sketch, shipped = source.sketch, source.shipped
    book = load_rulebook(rulebook or source.venue)
    markets = _markets(sketch, wished)
    listed = [source.instrument(name) for name in markets]
    path, neighbours = _path(files.path, sketch, markets, window, step)
    # Liquidity is that of the market, whatever leverage the rules grant in it.
    depths = read_depths([shipped.get(each.name, each) for each in listed], depth)
    instruments = markets_under(book, listed, shipped)
    return Inputs(sketch, path, book, instruments, depths, neighbours)


def _markets(sketch: AccountSketch, wished: Sequence[str] | None) -> list[str]:
    if not wished:
        if not sketch.markets:
            raise Refused(f"{sketch.source}: position: the account has none; name a --market")
        return list(sketch.markets)
    for name in sketch.markets:
        if name not in wished:
            raise Refused(f"--market: leaves out {name}, in which the account has a position")
    return list(dict.fromkeys(wished))


def _path(
    files: Sequence[Path] | None,
    sketch: AccountSketch,
    markets: list[str],
    window: tuple[str | None, str | None],
    step: float | None,
) -> "tuple[MarketPath, Neighbours]":
    from seawall.lab.market.market_path import Window, parse_time, read_market_path
    from seawall.lab.market.scenario import Neighbours

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
    """The scenario if that is what is asked for, else None. Raises Refused, PathError."""
    from seawall.lab.market.named_scenarios import DEFAULT, is_scenario, load

    if not files:
        return load(DEFAULT)
    if not is_scenario(files[0]):
        return None
    if len(files) > 1:
        raise Refused("--path: a scenario stands alone; give one file")
    return load(files[0])


def _scenario_setting(
    scenario: Any,
    sketch: AccountSketch,
    markets: list[str],
    window: tuple[str | None, str | None],
    step: float | None,
) -> "tuple[MarketPath, Neighbours]":
    from seawall.lab.market.named_scenarios import DEFAULT, load
    from seawall.lab.market.scenario import scenario_path

    if any(window) or step is not None:
        raise Refused("--from, --to, --step: belong to a --path of candles; a scenario has its own")
    prices = {}
    usual = load(DEFAULT)
    for name in markets:
        text = sketch.start_price(name)
        # A scenario of shapes alone starts where the built-in crash does.
        price = scenario.price_of(name) or usual.price_of(name) if text is None else float(text)
        if price is not None:
            prices[name] = price
    sides = {each.market: 1 if each.is_long else -1 for each in sketch.positions}
    return scenario_path(scenario, markets, prices, sides), scenario.neighbours
