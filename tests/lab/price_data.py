"""The shipped price model, made again from the recorded candles."""

from typing import Any

import numpy as np

from seawall.lab.market.candle_file import SymbolRows, read_candle_file
from seawall.lab.market.price_candles import Joint, close_returns, read_joint
from seawall.lab.market.price_fit import FundingFit, PriceFit, fit, fit_funding
from tests.shared_files import shared_file

LONG = ("BTC", "ETH", "XRP", "LTC", "ADA")
CANDLES = "data/hyperliquid_funding_candles/hl_1h_candles_14coins_2024-09_2025-07.parquet"
FUNDING = "data/hyperliquid_funding_candles/hl_hourly_funding_14coins_2023-05_2025-07.parquet"
HOURLY_SINCE_MS = 1_686_268_800_000
"""Funding was paid every eight hours before 2023-06-09."""


def long_record() -> PriceFit:
    """Five markets since 2019: what is rare."""
    folder = "data/ohlcv_funding/binance_1h_full"
    files = [shared_file(f"{folder}/{name}USDT_1h_trade.parquet") for name in LONG]
    return fit(close_returns(read_joint(files, LONG)))


def many_markets() -> tuple[PriceFit, list[str]]:
    """Sixteen markets over the same eleven months, on the hours of the venue's own candles."""
    venue = {rows.symbol: rows for rows in read_candle_file(shared_file(CANDLES))}
    names = [*sorted(str(name) for name in venue), "ADA", "LTC"]
    folder = "data/ohlcv_funding/binance_1h_full"
    joint = read_joint(
        [shared_file(CANDLES)]
        + [shared_file(f"{folder}/{name}USDT_1h_trade.parquet") for name in ("ADA", "LTC")],
        names,
    )
    hours = venue["BTC"].times_ms
    first = int(hours[0] - joint.start_ms) // joint.interval_ms
    window = Joint(
        markets=joint.markets,
        start_ms=int(hours[0]),
        interval_ms=joint.interval_ms,
        prices=joint.prices[first : first + len(hours)],
        payments={},
        source="window",
    )
    return fit(close_returns(window)), names


def funding() -> FundingFit:
    """Fourteen markets, hourly payments; the two others by eight hours."""
    folder = "data/ohlcv_funding/binance_1h_full"
    rates: dict[str, tuple[Any, float]] = {}
    for rows in read_candle_file(shared_file(FUNDING)):
        rates[str(rows.symbol)] = hourly(rows)
    for name in ("ADA", "LTC"):
        (rows,) = read_candle_file(shared_file(f"{folder}/{name}USDT_funding.parquet"))
        assert rows.funding is not None
        rates[name] = rows.funding[rows.times_ms >= HOURLY_SINCE_MS], 8.0
    return fit_funding(rates)


def hourly(rows: SymbolRows) -> tuple[Any, float]:
    assert rows.funding is not None
    late = rows.times_ms >= HOURLY_SINCE_MS
    return np.asarray(rows.funding[late]), 1.0


def shipped_again() -> dict[str, Any]:
    """What the shipped file says of its markets, computed again and rounded as there."""
    rare, (many, names), rates = long_record(), many_markets(), funding()
    order = sorted(names, key=lambda name: (float(many.volatility[names.index(name)]), name))
    markets: dict[str, dict[str, Any]] = {}
    for place, name in enumerate(order):
        row = names.index(name)
        beta = many.jump_beta[row]
        if name in rare.markets:
            beta = rare.jump_beta[list(rare.markets).index(name)]
        markets[name] = {
            "volatility": round(float(many.volatility[row]), 3),
            "jump_beta": round(float(beta), 2),
            "funding": float(f"{rates.mean[name]:.3g}"),
            "funding_deviation": float(f"{rates.std[name]:.3g}"),
        }
        if place:
            markets[name]["correlation"] = {
                other: round(float(many.correlation[row, names.index(other)]), 2)
                for other in order[:place]
            }
    common = {
        "jump_rate": round(rare.jump_rate, 1),
        "jump_mean": round(rare.jump_mean, 4),
        "jump_std": round(rare.jump_std, 4),
        "volatility_of_volatility": round(rare.volatility_of_volatility or 0.0, 2),
        "volatility_half_life_days": round(rare.volatility_half_life_days or 0.0, 1),
        "funding_half_life_hours": round(rates.half_life_hours or 0.0, 1),
    }
    return {"common": common, "market": markets}
