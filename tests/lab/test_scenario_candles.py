"""The crises of the past against the recorded candles that their levels were computed from."""

from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq
import pytest

from seawall.lab.market.named_scenarios import load
from seawall.lab.market.scenario import scenario_path
from tests.shared_files import shared_file

ROUNDING = 0.0501
"""Percent: levels are written with one decimal."""
HOURS = "ohlcv_funding/binance_1h_full/{}USDT_1h_trade.parquet"
STRESS = "ohlcv_funding/stress_{}.parquet"
LATEST = "ohlcv_funding/alts_1h_oct2025_feb2026_trade.parquet"
VENUE = "hyperliquid_funding_candles/hl_1h_candles_14coins_2024-09_2025-07.parquet"

SOURCES = [
    *(("crash_2020_03_12", name, HOURS) for name in ("ETH", "XRP", "LTC", "ADA")),
    ("crash_2020_03_12", "BTC", STRESS.format("2020-03-12_binance_30m")),
    *(("crash_2021_05_19", name, HOURS) for name in ("ETH", "XRP", "LTC", "ADA")),
    ("crash_2021_05_19", "BTC", STRESS.format("2021-05-19_binance_30m")),
    ("ftx_2022_11", "BTC", STRESS.format("2022-11_ftx_okx_15m")),
    *(
        ("ftx_2022_11", name, STRESS.format("2022-11_ftx_binance_15m"))
        for name in ("ETH", "SOL", "DOGE", "XRP")
    ),
    *(("yfi_2023_11", name, HOURS) for name in ("BTC", "ETH", "XRP", "LTC", "ADA")),
    *(
        ("crash_2024_08_05", name, STRESS.format("2024-08-05_binance_5m"))
        for name in ("BTC", "SOL")
    ),
    *(
        ("crash_2024_08_05", name, STRESS.format("2024-08-05_binance_15m"))
        for name in ("ETH", "DOGE", "XRP")
    ),
    *(
        ("jelly_2025_03_26", name, VENUE)
        for name in ("BTC", "ETH", "SOL", "XRP", "DOGE", "HYPE", "AVAX")
    ),
    *(
        ("crash_2025_10_10", name, STRESS.format("2025-10-10_binance_5m"))
        for name in ("BTC", "SOL", "DOGE")
    ),
    *(
        ("crash_2025_10_10", name, STRESS.format("2025-10-10_binance_15m"))
        for name in ("ETH", "XRP")
    ),
    *(("crash_2026_02_05", name, LATEST) for name in ("BTC", "ETH", "SOL", "DOGE", "XRP")),
]

Candle = tuple[float, float, float, float]
"""Minute of the open after the scenario's start; open, high and low in percent of the start."""


def recorded(market: str, file: str, start_ms: int, price: float | None) -> list[Candle]:
    """Against ``price``, or else the open at the scenario's start."""
    table: dict[str, Any] = pq.read_table(shared_file(f"data/{file.format(market)}")).to_pydict()
    symbols = table.get("symbol") or table.get("coin") or [market] * len(table["date"])
    start = datetime.fromtimestamp(start_ms / 1000, UTC)
    rows = [place for place, each in enumerate(symbols) if each in (market, f"{market}USDT")]
    if price is None:
        price = next(table["open"][place] for place in rows if table["date"][place] == start)
    found = []
    for place in rows:
        minute = (table["date"][place] - start).total_seconds() / 60
        levels = [table[column][place] / price * 100 for column in ("open", "high", "low")]
        found.append((minute, levels[0], levels[1], levels[2]))
    return sorted(found)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "market", "file"), SOURCES, ids=[f"{n}-{m}" for n, m, _ in SOURCES]
)
def test_levels_are_those_of_the_candles(name: str, market: str, file: str) -> None:
    scenario = load(name)
    shape = next(each for each in scenario.market if each.name == market)
    candles = recorded(market, file, scenario.start_ms, shape.price)
    length = candles[1][0] - candles[0][0]
    end = shape.waypoints[-1][0]
    inside = [each for each in candles if -length < each[0] < end]
    assert len(inside) * length >= end
    first = next(each for each in inside if each[0] + length > 0)
    assert first[3] - ROUNDING <= 100 <= first[2] + ROUNDING
    lowest = min(each[3] for each in inside)
    assert min(level for _, level in shape.waypoints) == pytest.approx(lowest, abs=ROUNDING)
    path = scenario_path(scenario, [market], {market: 100.0})
    assert path.oracle[market].min() == pytest.approx(lowest, abs=2 * ROUNDING)
    for minute, level in shape.waypoints:
        around = [each for each in inside if each[0] <= minute <= each[0] + length]
        assert around
        assert min(each[3] for each in around) - ROUNDING <= level
        assert level <= max(each[2] for each in around) + ROUNDING


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
