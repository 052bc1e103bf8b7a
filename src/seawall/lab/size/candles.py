"""Traded volume and volatility of a market from a file of candles."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.domain.units import DAY_MS
from seawall.lab.market.candle_file import VOLUME_COLUMN, PathError, SymbolRows, read_candle_file
from seawall.lab.market.market_path import market_of_symbol

YEAR_MS = 365 * DAY_MS
LEAST_CANDLES = 24
LEAST_SHARE_OF_DAY = 0.9
"""A day with fewer of its candles does not count for the median."""


class Trading(NamedTuple):
    """``volume``: USD of the median day, None where the file has no volume."""

    volume: Fraction | None
    volatility: float


def rows_of_market(path: Path, market: str) -> SymbolRows:
    """The rows of one market in a file of candles or funding. Raises PathError."""
    found = read_candle_file(path)
    for rows in found:
        symbol = rows.symbol or path.name.split("_")[0].split(".")[0]
        if market_of_symbol(symbol, [market]) == market:
            return rows
    if len(found) == 1 and found[0].symbol is None:
        return found[0]
    known = ", ".join(str(rows.symbol) for rows in found)
    raise PathError(f"{path}: no rows of {market}; it has {known}")


def read_trading(path: Path, market: str) -> Trading:
    """The median day's volume and a year's volatility. Raises PathError.

    ``volume`` counts coins, as candles do; each candle's is valued at its close.
    """
    rows = rows_of_market(path, market)
    if rows.prices is None or len(rows.times_ms) < LEAST_CANDLES:
        raise PathError(f"{path}: {market}: should have {LEAST_CANDLES} candles or more")
    closes = rows.prices[:, 3]
    step = float(np.median(np.diff(rows.times_ms)))
    returns = np.diff(np.log(closes))
    # Candles after a gap would count a longer time as one step.
    returns = returns[np.diff(rows.times_ms) == step]
    volatility = float(np.std(returns, ddof=1)) * float(np.sqrt(YEAR_MS / step))
    if not volatility > 0.0:
        raise PathError(f"{path}: {market}: the price never moves")
    if rows.volumes is None:
        return Trading(None, volatility)
    if not (rows.volumes >= 0).all():
        raise PathError(f"{path}: column {VOLUME_COLUMN}: should hold numbers of 0 or more")
    return Trading(_median_day(path, rows.times_ms, rows.volumes * closes, step), volatility)


def _median_day(
    path: Path, times_ms: NDArray[np.int64], usd: NDArray[np.float64], step: float
) -> Fraction:
    days, places = np.unique(times_ms // DAY_MS, return_inverse=True)
    totals = np.bincount(places, usd, len(days))
    whole = np.bincount(places, minlength=len(days)) * step >= LEAST_SHARE_OF_DAY * DAY_MS
    if not whole.any():
        raise PathError(f"{path}: no whole day: volume is that of the median day")
    median = float(np.median(totals[whole]))
    if not median > 0.0:
        raise PathError(f"{path}: column {VOLUME_COLUMN}: nothing is traded on the median day")
    return Fraction(round(median))
