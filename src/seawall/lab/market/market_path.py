"""A market path: what happened to the prices, as one grid of times for all markets.

A candle says four prices and not their order. The order is fixed here so that a run repeats: a
candle that closed below its open goes open, high, low, close; every other one goes open, low,
high, close. The four points lie evenly over the candle's steps (the open on its first, the close
on its last) and are joined by straight lines. Steps over which a price moves by more than
``LARGEST_MOVE`` are divided, because a venue publishes prices every few seconds and liquidates on
the way: who falls through in one leap would be closed at the price before the leap. Finer truth
needs finer candles.

The oracle price is the ``mark`` candle where the files have one (venues build it from an index)
and the traded candle otherwise; the outside price (a perpetual traded elsewhere) is the traded
candle. Symbols such as ``BTCUSDT``, ``BTC-USD`` or ``1000PEPEUSDT`` are matched to the names BTC
and kPEPE of the caller's markets.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seawall.accounts.markets import shipped_markets
from seawall.lab.arrays import Floats
from seawall.lab.market.candle_file import (
    MAXIMUM_TIME_MS,
    MINIMUM_TIME_MS,
    PathError,
    Prices,
    SymbolRows,
    Times,
    iso_ms,
    read_candle_file,
    time_text,
    usual_interval,
)
from seawall.report.kinds import short_percent

POINTS_PER_CANDLE = 4
FINEST_STEP_MS = 3_000
"""Oracle prices are published about every 3 s; finer steps would show nothing more."""
AUTOMATIC_STEPS = 8_000
MAXIMUM_STEPS = 2_000_000
LARGEST_MOVE = 0.0025
"""Relative move of a price over one step, as long as steps are not finer than the finest."""
BRIDGED_CANDLES = 10
"""A hole of at most this many candles is held at the last close; a longer one is an error."""

_QUOTES = re.compile(r"[-_/]?(USDT|USDC|USD|PERP)([-_/:](SWAP|PERP|USDT|USDC|USD))*$")


@dataclass(frozen=True)
class RecordedFunding:
    """Settlements of one market: times in ms, rates as fractions of notional (long pays)."""

    times_ms: Times
    rates: Prices


class PathKind(StrEnum):
    """What the prices of a market in a path are."""

    RECORDED = "recorded"
    MEDIAN = "median of its group"
    STILL = "no record"
    SCENARIO = "as the scenario says"


class Origin(NamedTuple):
    """Where the prices of one market come from; ``source``: venue, marks or trades, candles.

    ``beside``: what is known of another venue on that day.
    """

    kind: PathKind
    source: str
    beside: str = ""


@dataclass(frozen=True)
class MarketPath:
    """n steps at ``times_ms``; ``oracle`` and ``outside`` hold n prices in USD per market.

    ``step_ms`` is the longest time between two steps. ``middle``: what the makers quote around,
    where that is not the oracle. ``depth``: n shares of the normal depth, where a path says so.
    ``origins``: of the prices of each market.
    """

    name: str
    step_ms: int
    times_ms: Times
    oracle: Mapping[str, Prices]
    outside: Mapping[str, Prices]
    funding: Mapping[str, RecordedFunding]
    notes: tuple[str, ...] = ()
    middle: Mapping[str, Prices] = field(default_factory=dict)
    depth: Mapping[str, Prices] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @property
    def markets(self) -> tuple[str, ...]:
        return tuple(self.oracle)


@dataclass(frozen=True)
class Candles:
    """``prices`` and ``marks`` are n x 4; without a hole: row i opens at start + i * interval."""

    start_ms: int
    interval_ms: int
    prices: Prices
    marks: Prices

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.interval_ms * len(self.prices)


@dataclass(frozen=True)
class Window:
    """Candles that open in [from_ms, to_ms)."""

    from_ms: int = MINIMUM_TIME_MS
    to_ms: int = MAXIMUM_TIME_MS


def parse_time(text: str, name: str) -> int:
    """ISO text, UTC unless it says otherwise, to ms. Raises PathError naming ``name``."""
    try:
        return iso_ms(text)
    except ValueError:
        raise PathError(
            f"{name}: {text!r} is not a time; write it like 2025-10-10 or 2025-10-10T21:00"
        ) from None


def market_of_symbol(symbol: str, markets: Sequence[str]) -> str | None:
    """The market that a file's symbol means, or None."""
    bare = _QUOTES.sub("", symbol.upper())
    names = [symbol, bare]
    if bare.startswith("1000"):
        names.append("k" + bare[4:])
    by_upper = {market.upper(): market for market in markets}
    return next((by_upper[n.upper()] for n in names if n.upper() in by_upper), None)


def names_market(word: str) -> bool:
    """Whether a word of a file's name is a market, as BTCUSDT and ETH are and "candles" is not."""
    is_pair = 0 < len(_QUOTES.sub("", word.upper())) < len(word)
    return is_pair or market_of_symbol(word, tuple(shipped_markets())) is not None


def read_market_path(
    files: Sequence[Path],
    markets: Sequence[str],
    window: Window | None = None,
    step_ms: int | None = None,
) -> MarketPath:
    """The path of ``markets`` from files of candles, mark candles, funding. Raises PathError."""
    if not markets:
        raise PathError("no market asked for: the account has no position and no order")
    rows, known = rows_by_market(files, markets)
    missing = [m for m in markets if not any(r.prices is not None for _, r in rows[m])]
    if missing:
        names = ", ".join(path.name for path in files)
        raise PathError(f"{names}: no candles of {', '.join(missing)}; found {known}")
    window = window or Window()
    notes: list[str] = []
    candles = {market: _candles(market, rows[market], window, notes) for market in markets}
    step = choose_step(candles, step_ms)
    start, count = _common_window(candles, step)
    oracle: dict[str, Prices] = {}
    outside: dict[str, Prices] = {}
    for market, each in candles.items():
        first = (start - each.start_ms) // step
        per_candle = each.interval_ms // step
        outside[market] = expand(each.prices, per_candle)[first : first + count]
        oracle[market] = expand(each.marks, per_candle)[first : first + count]
    end = start + count * step
    times = start + step * np.arange(count, dtype=np.int64)
    times, (oracle, outside) = refine(times, (oracle, outside))
    return MarketPath(
        name=files[0].name,
        step_ms=step,
        times_ms=times,
        oracle=oracle,
        outside=outside,
        funding=_recorded_funding(rows, start, end),
        notes=tuple(notes),
        origins={market: _origin(each) for market, each in rows.items()},
    )


def _origin(rows: Sequence[tuple[Path, SymbolRows]]) -> Origin:
    names = dict.fromkeys(path.name for path, each in rows if each.prices is not None)
    return Origin(PathKind.RECORDED, f"candles of {' and '.join(names)}")


def points_of(prices: Prices) -> Prices:
    """The four prices of candles (..., 4) in the order of the module's first paragraph."""
    opened, high, low, close = (prices[..., place] for place in range(POINTS_PER_CANDLE))
    falls = close < opened
    points = [opened, np.where(falls, high, low), np.where(falls, low, high), close]
    return np.stack(points, axis=-1)


def expand(prices: Prices, steps: int) -> Prices:
    """n candles (n x 4) to n * steps prices in the order of the module's first paragraph.

    Each of the four prices is met exactly; ``steps`` is at least 4.
    """
    points = points_of(prices)
    knots = [(steps - 1) * i // (POINTS_PER_CANDLE - 1) for i in range(POINTS_PER_CANDLE)]
    result = np.empty((len(prices), steps))
    for left in range(POINTS_PER_CANDLE - 1):
        begin, end = knots[left], knots[left + 1]
        share = np.arange(end - begin) / (end - begin)
        rise = points[:, left + 1] - points[:, left]
        result[:, begin:end] = points[:, left, None] + rise[:, None] * share
    result[:, -1] = points[:, -1]
    return result.reshape(-1)


def refine(
    times: Times, groups: Sequence[Mapping[str, Prices]], most: int | None = None
) -> tuple[Times, list[dict[str, Prices]]]:
    """Divide the steps over which any price moves too much, by straight lines between them.

    Raises PathError for more than ``most`` steps.
    """
    gaps = np.diff(times)
    largest = np.zeros(len(gaps))
    for prices in groups:
        for each in prices.values():
            smaller = np.minimum(each[1:], each[:-1])
            largest = np.maximum(largest, np.abs(np.diff(each)) / smaller)
    parts = np.ceil(largest / LARGEST_MOVE).astype(np.int64)
    parts = np.clip(parts, 1, np.maximum(1, gaps // FINEST_STEP_MS))
    if most is not None and parts.sum() > most:
        raise PathError(
            f"{parts.sum():,} steps of at most {short_percent(LARGEST_MOVE)} are more than {most:,}"
        )
    left = np.repeat(np.arange(len(gaps)), parts)
    firsts = np.cumsum(parts) - parts
    numerator = np.arange(len(left)) - firsts[left]
    share = numerator / parts[left]
    finer = np.append(times[left] + gaps[left] * numerator // parts[left], times[-1])
    result = [
        {
            market: np.append(each[left] + (each[left + 1] - each[left]) * share, each[-1])
            for market, each in prices.items()
        }
        for prices in groups
    ]
    return finer, result


def choose_step(candles: Mapping[str, Candles], wanted_ms: int | None) -> int:
    """The step that divides every candle into at least four and meets all candle opens.

    Without it: the finest, not below ``FINEST_STEP_MS``, that keeps the run within
    ``AUTOMATIC_STEPS``, or else the coarsest possible.
    """
    origin = next(iter(candles.values())).start_ms
    common = 0
    for each in candles.values():
        common = math.gcd(common, each.interval_ms, abs(each.start_ms - origin))
    coarsest = min(each.interval_ms for each in candles.values()) // POINTS_PER_CANDLE
    possible = [d for d in _divisors(common) if d <= coarsest]
    if wanted_ms is not None:
        if wanted_ms not in possible:
            choices = ", ".join(f"{d / 1000:g}" for d in possible if d >= 1000)[:200]
            raise PathError(
                f"step: {wanted_ms / 1000:g} s does not divide the candles into four or more equal "
                f"parts; possible: {choices or 'none'}"
            )
        return wanted_ms
    length = max(each.end_ms for each in candles.values()) - origin
    fine = [d for d in possible if d >= FINEST_STEP_MS and length // d <= AUTOMATIC_STEPS]
    if fine or possible:
        return fine[0] if fine else possible[-1]
    raise PathError(f"candles of {common} ms in common are too short to be divided into four steps")


def _divisors(number: int) -> list[int]:
    small = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})


def rows_by_market(
    files: Sequence[Path], markets: Sequence[str]
) -> tuple[dict[str, list[tuple[Path, SymbolRows]]], str]:
    """What the files have of each market, and the names of all their symbols.

    A file without a symbol column is about the market its name begins with (``BTCUSDT_1h.csv``),
    or about the only market asked for where its name says none. Raises PathError.
    """
    found: dict[str, list[tuple[Path, SymbolRows]]] = {market: [] for market in markets}
    symbols: dict[str, None] = {}
    for path in files:
        for rows in read_candle_file(path):
            symbols[rows.name] = None
            market = market_of_symbol(rows.name, markets)
            if market is None and rows.symbol is None and len(markets) == 1:
                market = None if names_market(rows.name) else markets[0]
            if market is not None:
                found[market].append((path, rows))
    return found, ", ".join(symbols)


def _candles(
    market: str, rows: Sequence[tuple[Path, SymbolRows]], window: Window, notes: list[str]
) -> Candles:
    traded: SymbolRows | None = None
    marked: SymbolRows | None = None
    with_candles = [(path, each) for path, each in rows if each.prices is not None]
    for path, each in with_candles:
        if "mark" in path.name.lower() and len(with_candles) > 1 and marked is None:
            marked = each
        elif traded is None:
            traded = each
        else:
            raise PathError(
                f"{path.name}: a second file of candles of {market}, after {traded.source} (the "
                "file of mark candles has 'mark' in its name)"
            )
    traded = traded or marked
    assert traded is not None and traded.prices is not None
    marks = traded.marks
    times, prices = _within(market, traded, traded.prices, window)
    interval = _interval(market, traded.source, times)
    if marks is None and marked is not None:
        mark_times, mark_prices = _within(market, marked, marked.prices, window)
        kept = np.isin(mark_times, times)
        if len(mark_times[kept]) != len(times):
            raise PathError(
                f"{marked.source}: mark candles of {market} do not open at the same times as the "
                f"candles of {traded.source}; choose a window with --from and --to"
            )
        marks = mark_prices[kept]
    elif marks is not None:
        _, marks = _within(market, traded, marks, window)
    filled = _fill(market, times, prices, interval, notes)
    filled_marks = filled if marks is None else _fill(market, times, marks, interval, [])
    return Candles(int(times[0]), interval, filled, filled_marks)


def _within(
    market: str, rows: SymbolRows, prices: Prices | None, window: Window
) -> tuple[Times, Prices]:
    assert prices is not None
    times = rows.times_ms
    inside = (times >= window.from_ms) & (times < window.to_ms)
    if inside.sum() < 2:
        raise PathError(
            f"{rows.source}: {inside.sum()} candles of {market} in the window; it needs two or "
            f"more, and the file covers {time_text(int(times[0]))} to {time_text(int(times[-1]))}"
        )
    return times[inside], prices[inside]


def _interval(market: str, source: str, times: Times) -> int:
    """The candle length: the most frequent distance of two opens, of which all are multiples."""
    steps, interval = np.diff(times), usual_interval(times)
    odd = np.flatnonzero(steps % interval)
    if len(odd):
        row = int(odd[0])
        raise PathError(
            f"{source}: candles of {market} are {interval / 1000:g} s long, but "
            f"{time_text(int(times[row + 1]))} follows {time_text(int(times[row]))}"
        )
    long = np.flatnonzero(steps > interval * (BRIDGED_CANDLES + 1))
    if len(long):
        row = int(long[0])
        raise PathError(
            f"{source}: no candles of {market} between {time_text(int(times[row]))} and "
            f"{time_text(int(times[row + 1]))}; choose a window with --from and --to"
        )
    return interval


def _fill(market: str, times: Times, prices: Prices, interval: int, notes: list[str]) -> Floats:
    """Every candle from the first to the last; a missing one is flat at the close before it."""
    places = (times - times[0]) // interval
    count = int(places[-1]) + 1
    if count == len(prices):
        return prices
    source = np.searchsorted(places, np.arange(count), side="right") - 1
    result = prices[source]
    missing = np.ones(count, dtype=bool)
    missing[places] = False
    result[missing] = result[missing][:, 3:]
    notes.append(f"{market}: {int(missing.sum())} missing candles held at the close before them")
    return result


def _common_window(candles: Mapping[str, Candles], step: int) -> tuple[int, int]:
    """Start in ms and number of steps in which all markets have candles."""
    start = max(each.start_ms for each in candles.values())
    end = min(each.end_ms for each in candles.values())
    if start >= end:
        spans = "; ".join(
            f"{market} {time_text(each.start_ms)} to {time_text(each.end_ms)}"
            for market, each in candles.items()
        )
        raise PathError(f"the markets have no time in common: {spans}")
    count = (end - start) // step
    if count > MAXIMUM_STEPS:
        raise PathError(
            f"{count:,} steps are too many (at most {MAXIMUM_STEPS:,}): choose a window with "
            "--from and --to, or a longer --step"
        )
    return start, count


def _recorded_funding(
    rows: Mapping[str, Sequence[tuple[Path, SymbolRows]]], start_ms: int, end_ms: int
) -> dict[str, RecordedFunding]:
    result = {}
    for market, files in rows.items():
        for _, each in files:
            if each.funding is None:
                continue
            paid = ~np.isnan(each.funding)
            inside = paid & (each.times_ms > start_ms) & (each.times_ms <= end_ms)
            result[market] = RecordedFunding(each.times_ms[inside], each.funding[inside])
    return result
