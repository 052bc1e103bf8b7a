"""The crises of the past against the recorded candles that their levels were computed from."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from seawall.lab.market.named_scenarios import load, names
from seawall.lab.market.scenario import MARKS, Recorded, Scenario, scenario_path
from tests.shared_files import shared_file

ROUNDING = 0.056
"""Percent: levels are written with one decimal, starting prices with five figures."""
LATE = 2
"""Minutes: levels of many markets are at the same minutes, of which the nearest is taken."""
POINTS = 3.0
"""By which a fall of 2025-10-10 may differ from that of the recorded marks, and none does."""
FOLDER = "data/ohlcv_funding"
FULL = FOLDER + "/binance_1h_full/{}USDT_1h_mark.parquet"
LATEST = FOLDER + "/alts_1h_oct2025_feb2026_{}.parquet"
ELSEWHERE = "data/hyperliquid_funding_candles/hl_1h_candles_14coins_2024-09_2025-07.parquet"
STRESS = {
    ("ftx_2022_11", "15 min"): ["2022-11_ftx_binance_15m"],
    ("crash_2024_08_05", "5 min"): ["2024-08-05_binance_5m"],
    ("crash_2024_08_05", "15 min"): ["2024-08-05_binance_15m"],
    ("crash_2025_10_10", "5 min"): ["2025-10-10_binance_5m"],
    ("crash_2026_02_05", "1 min"): ["2026-02-05_binance_1m", "2026-02-05_isda_1m"],
}
"""Files of trades by crisis and length of candles; the longest are in the file of the latest."""
CRISES = [name for name in names() if load(name).recorded]
SOURCES = [(name, place) for name in CRISES for place in range(len(load(name).recorded))]


STARTS = {"BTC": 116960, "DOGE": 0.23358, "ETH": 4013, "SOL": 207.36, "XRP": 2.6895}
"""Recorded prices that the levels of 2025-10-10 are percent of, where an account that names none
begins at the sample prices instead."""


def files_of(name: str, source: Recorded, market: str) -> list[str]:
    """The shared files with candles of one recorded market."""
    if source.venue == "Hyperliquid":
        return [ELSEWHERE]
    if source.candles != "1 h":
        return [f"{FOLDER}/stress_{each}.parquet" for each in STRESS[name, source.candles]]
    is_latest = name in ("crash_2025_10_10", "crash_2026_02_05")
    return [LATEST.format(source.prices.removesuffix("s")) if is_latest else FULL.format(market)]


@cache
def table_of(file: str) -> pl.DataFrame:
    """The candles of a shared file; ``market`` is what Seawall calls the symbol."""
    table = pl.read_parquet(shared_file(file))
    if not {"coin", "symbol"} & set(table.columns):
        table = table.with_columns(symbol=pl.lit(file.rpartition("/")[2].partition("_")[0]))
    symbol = pl.col("coin" if "coin" in table.columns else "symbol")
    market = symbol.str.strip_suffix("USDT").str.replace("^1000", "k")
    date = pl.col("date").dt.cast_time_unit("us")
    return table.select(date, "open", "high", "low", "close", market=market)


def hours(files: list[str], market: str, scenario: Scenario) -> pl.DataFrame:
    """Candles of one hour that touch the scenario."""
    start = datetime.fromtimestamp(scenario.start_ms / 1000, UTC)
    end = start + timedelta(minutes=scenario.minutes[-1])
    table = pl.concat([table_of(each) for each in files]).filter(pl.col("market") == market)
    whole = pl.col("date").dt.truncate("1h")
    return (
        table.with_columns(hour=whole)
        .filter((pl.col("hour") > start - timedelta(hours=1)) & (pl.col("hour") < end))
        .sort("date")
        .group_by("hour", maintain_order=True)
        .agg(pl.col("open").first(), pl.col("high").max(), pl.col("low").min())
        .with_columns(minute=(pl.col("hour") - start).dt.total_seconds() / 60)
    )


@pytest.mark.shared
@pytest.mark.parametrize(("name", "place"), SOURCES)
def test_levels_are_those_of_the_candles(name: str, place: int) -> None:
    scenario = load(name)
    source = scenario.recorded[place]
    for market, levels in source.levels.items():
        candles = hours(files_of(name, source, market), market, scenario)
        assert len(candles) >= scenario.minutes[-1] / 60
        price = scenario.start_prices.get(market, candles["open"][0])
        if name == "crash_2025_10_10":
            price = STARTS.get(market, price)
        lows, highs = candles["low"] / price * 100, candles["high"] / price * 100
        assert min(levels) == pytest.approx(lows.min(), abs=ROUNDING), market
        # The path between the levels goes no lower than they do.
        path = scenario_path(scenario, [market], {market: 100.0})
        assert path.oracle[market].min() == pytest.approx(lows.min(), abs=2 * ROUNDING), market
        for minute, level in zip(scenario.minutes, levels, strict=True):
            begins = candles["minute"]
            around = (begins <= minute + LATE) & (minute - LATE <= begins + 60)
            assert lows.filter(around).min() - ROUNDING <= level, (market, minute)
            assert level <= highs.filter(around).max() + ROUNDING, (market, minute)


@pytest.mark.shared
def test_falls_of_2025_10_10_are_those_of_the_marks() -> None:
    """High to low of the marks from 20:00 to 22:00; of trades where no mark is recorded."""
    scenario = load("crash_2025_10_10")
    recorded = {market: source for source in scenario.recorded for market in source.levels}
    marks, trades = table_of(LATEST.format("mark")), table_of(LATEST.format("trade"))
    assert set(recorded) == set(marks["market"]) | set(trades["market"])
    day = datetime(2025, 10, 10, 20, tzinfo=UTC)
    falls: dict[bool, list[float]] = {True: [], False: []}
    for market, source in recorded.items():
        has_marks = market in set(marks["market"])
        assert (source.prices == MARKS) == has_marks, market
        table = (marks if has_marks else trades).filter(
            (pl.col("market") == market)
            & pl.col("date").is_between(day, day + timedelta(hours=1, minutes=59))
        )
        fall: Any = 100 - table["low"].min() / table["high"].max() * 100  # type: ignore[operator]
        path = scenario_path(scenario, [market], {}).oracle[market]
        assert 100 - path.min() / path[0] * 100 == pytest.approx(fall, abs=POINTS), market
        falls[has_marks].append(fall)
    assert len(falls[True]) == 25
    assert sum(fall > 32 for fall in falls[True]) == 20
    assert np.median(falls[True]) == pytest.approx(55, abs=1)


@pytest.mark.shared
def test_every_market_with_candles_of_a_crisis_is_recorded_in_it() -> None:
    file = shared_file(ELSEWHERE)
    folder = shared_file(FOLDER)
    for name in CRISES:
        scenario = load(name)
        start = datetime.fromtimestamp(scenario.start_ms / 1000, UTC)
        end = start + timedelta(minutes=scenario.minutes[-1])
        for each in [file, *folder.rglob("*.parquet")]:
            if "funding" in each.stem or "btcperp" in each.stem:
                continue
            spans = table_of(f"data/{each.relative_to(folder.parent)}")
            held = spans.group_by("market").agg(
                first=(pl.col("date") <= start).any(),
                last=(pl.col("date") >= end).any(),
                inside=pl.col("date").is_between(start, end).any(),
            )
            whole = held.filter(pl.col("first") & pl.col("last") & pl.col("inside"))
            assert set(whole["market"]) <= set(scenario.levels), (name, each.name)


def test_figures_of_reports_are_those_that_were_reported() -> None:
    yfi = next(each for each in load("yfi_2023_11").market if each.name == "YFI")
    levels = dict(yfi.waypoints)
    assert yfi.price == 14_500
    assert min(levels.values()) * yfi.price / 100 == pytest.approx(8_300, abs=10)
    assert levels[180] / levels[120] == pytest.approx(0.7, abs=0.001)
    jelly = next(each for each in load("jelly_2025_03_26").market if each.name == "JELLY")
    levels = dict(jelly.waypoints)
    assert jelly.price == 0.0095
    assert max(levels.values()) * jelly.price / 100 == pytest.approx(0.05, abs=0.0001)
    assert levels[330] * jelly.price / 100 == pytest.approx(0.037555, abs=0.00001)
    assert levels[240] / levels[180] == pytest.approx(3.3, abs=0.001)
    fallen = dict(load("dollar_depeg").market[0].waypoints)
    assert max(fallen.values()) == pytest.approx(100 / 0.88, abs=0.05)
