"""A crisis made ready for an account: path from its prices, population, books."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.units import MICRO
from seawall.lab.cascade.setup import calm_depths
from seawall.lab.crises.facts import facts_of
from seawall.lab.crises.setup import Script
from seawall.lab.market.candle_file import PathError, Prices, read_candle_file
from seawall.lab.market.liquidity import depths
from seawall.lab.market.market_path import (
    MarketPath,
    Window,
    market_of_symbol,
    read_market_path,
    refine,
)
from seawall.lab.market.named_scenarios import starting_path
from seawall.lab.market.scenario import Scenario


def make_script(
    name: str,
    scenario: Scenario,
    plan: Holdings,
    instruments: Sequence[Instrument],
    listed: Mapping[str, Instrument],
    prices: Mapping[str, str],
    candles: Sequence[Path] = (),
) -> Script:
    """``listed``: the markets as their venue lists them, which says how liquid they are.

    ``candles``: recorded ones of these days, that take the place of the shapes of their markets.
    Raises PathError.
    """
    path = starting_path(scenario, plan, instruments, prices)
    source = scenario.source
    if candles:
        path = with_recorded(path, candles)
        source = f"recorded: {', '.join(path.notes)}\n{source}"
    facts = facts_of(name)
    names = [each.name for each in instruments]
    interest = facts.interest_of(names)
    calm = calm_depths(depths([listed[each] for each in names], {}, None), interest)
    return Script(
        name=name,
        title=scenario.name,
        about=scenario.about,
        source=source,
        path=path,
        facts=facts,
        depths=tuple(calm[each] for each in names),
        interest=tuple(interest[each] for each in names),
        backstop=round(facts.backstop_of(interest) * MICRO),
    )


def with_recorded(path: MarketPath, files: Sequence[Path]) -> MarketPath:
    """Recorded candles of the path's days, moved to its first prices, for the markets they have.

    Other markets keep their shape. Raises PathError.
    """
    start, end = int(path.times_ms[0]), int(path.times_ms[-1])
    known = _recorded_markets(files, path.markets)
    try:
        found = read_market_path(files, known, Window(start, end))
    except PathError as error:
        raise PathError(f"{path.name}: {error}") from None
    times = found.times_ms
    oracle: dict[str, Prices] = {}
    outside: dict[str, Prices] = {}
    for market in path.markets:
        if market in known:
            factor = float(path.oracle[market][0]) / float(found.oracle[market][0])
            oracle[market] = found.oracle[market] * factor
            outside[market] = found.outside[market] * factor
        else:
            oracle[market] = np.interp(times, path.times_ms, path.oracle[market])
            outside[market] = np.interp(times, path.times_ms, path.outside[market])
    times, (oracle, outside) = refine(times, [oracle, outside])
    return MarketPath(
        name=path.name,
        step_ms=found.step_ms,
        times_ms=times,
        oracle=oracle,
        outside=outside,
        funding={},
        notes=tuple(f"{market} from {', '.join(each.name for each in files)}" for market in known),
    )


def _recorded_markets(files: Sequence[Path], markets: Sequence[str]) -> list[str]:
    """Those of ``markets`` that the files have candles of. Raises PathError."""
    symbols = []
    for path in files:
        for rows in read_candle_file(path):
            if rows.prices is not None:
                symbols.append(rows.symbol or path.name.split("_")[0].split(".")[0])
    found = [market_of_symbol(each, markets) for each in symbols]
    known = [market for market in markets if market in found]
    if not known:
        names = ", ".join(path.name for path in files)
        raise PathError(
            f"{names}: candles of {', '.join(symbols) or 'nothing'}; the account's markets are "
            f"{', '.join(markets)}"
        )
    return known
