"""A crisis made ready for an account: prices from the account's own on, open interest, books."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from seawall.accounts.account import Account
from seawall.domain.instrument import Instrument
from seawall.lab.market.assumption_sheets import Used
from seawall.lab.market.assumptions import (
    DEPTH,
    INTEREST,
    LEAD,
    Assume,
    Assumptions,
    assumptions_of,
    leverages_of,
)
from seawall.lab.market.candle_file import PathError, Prices, Times
from seawall.lab.market.liquidity import Depth, depths
from seawall.lab.market.market_path import (
    FINEST_STEP_MS,
    MarketPath,
    Window,
    read_market_path,
    refine,
    rows_by_market,
)
from seawall.lab.market.named_scenarios import load, starting_path
from seawall.lab.simulation.setup import Grid, check_prices, grid_of
from seawall.report.kinds import whole

LEAD_LEVERAGE = 40
OF_THE_DAY = "of the day (sources: docs/commands/crises.md)"
"""Source of what is known or assumed of one crisis."""
TICKS_MS = (FINEST_STEP_MS, 5_000, 6_000, 10_000, 12_000, 15_000, 20_000, 30_000, 60_000)
"""Possible steps of the clock; each divides a minute."""
MOST_TICKS = 30_000
NO_INTEREST: Mapping[str, float] = {}


class Facts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The population of one crisis. ``open_interest``: USD of one side, by market.

    ``leverage``: the median of an account of 10,000 USD; ``spread``: standard deviation of its
    logarithm; ``long_share``: of the crowd's notional; ``backstop``: USD, None where not known.
    ``source``: a line each for what is documented, computed and assumed.
    """

    leverage: float = 6.0
    spread: float = 0.7
    long_share: float = 0.7
    backstop: float | None = None
    open_interest: Mapping[str, float] = {}
    source: str = "assumed: usual open interest; leverage and sides of the crowd"

    def assumptions(
        self,
        assumed: Assumptions,
        leverages: Mapping[str, int],
        interest: Mapping[str, float] = NO_INTEREST,
    ) -> Assumptions:
        """The assumptions with the open interest and the backstop of the day.

        Open interest as given by the option ``interest``, else as stated, else the usual in
        proportion to BTC; what a file of the user's says of a market, or of the backstop, stays. A
        fund that is known is what it was, whatever the open interest. ``leverages``: the markets,
        with the greatest leverage there.
        """
        usual = assumed.values(INTEREST, leverages)
        lead, scale = assumed.of(INTEREST, LEAD, LEAD_LEVERAGE), 1.0
        if lead.is_shipped and LEAD in self.open_interest:
            scale = self.open_interest[LEAD] / float(lead.value)
        found = {
            name: self.open_interest.get(name, usual[name] * scale)
            for name, most in leverages.items()
            if assumed.of(INTEREST, name, most).is_shipped
            and (name in self.open_interest or scale != 1)
        }
        day = assumed.given(INTEREST, found, OF_THE_DAY).given(INTEREST, interest, "--interest")
        if self.backstop is None or not assumed.common["backstop_share"].is_shipped:
            return day
        share = self.backstop / sum(day.values(INTEREST, leverages).values())
        return day.given_shared({"backstop_share": share}, OF_THE_DAY)


@cache
def _shipped() -> dict[str, Facts]:
    text = (files("seawall.lab.crises") / "facts.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Facts])


def crisis_names() -> tuple[str, ...]:
    """The scenarios that are crises of the past, in the order of their days."""
    return tuple(_shipped())


def facts_of(name: str) -> Facts:
    """Those of a crisis; the usual ones for any other scenario."""
    return _shipped().get(name, Facts())


class Crisis(Struct, frozen=True, kw_only=True):
    """One crisis from the account's prices on. ``depths``: calm, of each market.

    ``interest``: USD of one side of each market; ``backstop``: micro-USD.
    """

    name: str
    title: str
    about: str
    source: str
    path: MarketPath
    facts: Facts
    depths: tuple[Depth, ...]
    interest: tuple[float, ...]
    backstop: int
    used: Used | None = None
    """What was read of the assumptions, where the question read them."""

    @property
    def minutes(self) -> float:
        return float(self.path.times_ms[-1] - self.path.times_ms[0]) / 60_000


def crisis_of(
    name: str, account: Account, candles: Sequence[Path] = (), assume: Assume = None
) -> Crisis:
    """A scenario, shipped or a file, for an account.

    ``candles``: recorded ones of these days, instead of the scenario's prices of their markets.
    ``assume``: a file that changes the assumptions. Raises PathError, AssumptionsError.
    """
    scenario = load(name)
    path = starting_path(scenario, account.holdings, account.instruments, account.price_texts)
    if candles:
        path = with_recorded(path, candles)
    facts = facts_of(name)
    listed = [account.listed[each] for each in account.markets]
    leverages = leverages_of(listed)
    assumed = facts.assumptions(assumptions_of(assume), leverages)
    calm = depths(listed, assume=assumed)
    even_grid(path, account.instruments)
    return Crisis(
        name=name,
        title=scenario.name,
        about=scenario.about,
        source=scenario.source,
        path=path,
        facts=facts,
        depths=tuple(calm[each] for each in account.markets),
        interest=tuple(assumed.values(INTEREST, leverages).values()),
        backstop=assumed.backstop(leverages),
        used=Used(
            assumptions=assumed,
            leverages=leverages,
            fields=(INTEREST, DEPTH, "spread_bp"),
            has_backstop=True,
        ),
    )


def even_grid(path: MarketPath, instruments: Sequence[Instrument]) -> Grid:
    """The path on an even clock, at least as fine as it needs and at most ``MOST_TICKS`` long.

    Straight lines between the path's own times. Raises PathError.
    """
    start, end = int(path.times_ms[0]), int(path.times_ms[-1])
    tick = next((each for each in TICKS_MS if (end - start) // each < MOST_TICKS), None)
    if tick is None:
        hours = (end - start) / 3.6e6
        raise PathError(f"{path.name}: lasts {whole(hours)} hours; at most 500 can be simulated")
    times = np.append(np.arange(start, end, tick, dtype=np.int64), end)
    grid = grid_of(path, instruments, times)
    check_prices(grid, instruments)
    return grid


def with_recorded(path: MarketPath, files: Sequence[Path]) -> MarketPath:
    """Recorded candles of the path's days, moved to its first prices, for the markets they have.

    Other markets keep the path's prices, and all of them its depth. Raises PathError.
    """
    known = _recorded_markets(files, path.markets)
    try:
        window = Window(int(path.times_ms[0]), int(path.times_ms[-1]))
        found = read_market_path(files, known, window)
    except PathError as error:
        raise PathError(f"{path.name}: {error}") from None
    factors = {each: float(path.oracle[each][0] / found.oracle[each][0]) for each in known}

    def at(times: Times, prices: Mapping[str, Prices]) -> dict[str, Prices]:
        return {name: np.interp(times, path.times_ms, each) for name, each in prices.items()}

    groups = [
        at(found.times_ms, shaped) | {name: recorded[name] * factors[name] for name in known}
        for shaped, recorded in ((path.oracle, found.oracle), (path.outside, found.outside))
    ]
    times, (oracle, outside) = refine(found.times_ms, groups)
    shaped = {name: each for name, each in path.middle.items() if name not in known}
    return MarketPath(
        name=path.name,
        step_ms=found.step_ms,
        times_ms=times,
        oracle=oracle,
        outside=outside,
        middle=at(times, shaped),
        depth=at(times, path.depth),
        funding={},
        notes=found.notes,
        origins={**path.origins, **found.origins},
    )


def _recorded_markets(files: Sequence[Path], markets: Sequence[str]) -> list[str]:
    """Those of ``markets`` that the files have candles of. Raises PathError."""
    found, symbols = rows_by_market(files, markets)
    known = [name for name, rows in found.items() if any(e.prices is not None for _, e in rows)]
    if not known:
        names = ", ".join(path.name for path in files)
        raise PathError(
            f"{names}: candles of {symbols or 'nothing'}; the account's markets are "
            f"{', '.join(markets)}"
        )
    return known
