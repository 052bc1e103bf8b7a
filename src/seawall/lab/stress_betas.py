"""How far a market moves when the leading one does: default betas, each with its source.

A beta is the slope of a market's four-hour log returns on those of BTC, by least squares:

* BINANCE: closes of hourly candles of Binance USD-M perpetuals, 2025-09-15 to 2025-11-15 and
  2026-01-15 to 2026-02-20 (580 to 594 returns; both windows hold a crash).
* HYPERLIQUID: closes of hourly candles of Hyperliquid perpetuals, 2024-09-04 to 2025-07-26 (1,132
  to 1,947 returns), for what the first source does not list.
* AUGUST_2024: closes of 15-minute candles of Binance USD-M perpetuals, 2024-07-31 to 2024-08-09
  (236 returns).

Correlations were 0.36 to 0.94: a beta says what is usual, not what a market will do alone.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

LEAD = "BTC"
HIGHEST_BETA = 20


class BetaSource(StrEnum):
    BINANCE = "Binance perpetuals, 4 h returns of autumn 2025 and early 2026"
    HYPERLIQUID = "Hyperliquid perpetuals, 4 h returns of 2024-09 to 2025-07"
    AUGUST_2024 = "Binance perpetuals, 4 h returns of 2024-07-31 to 2024-08-09"
    UNKNOWN = "assumed: nothing measured, the middle of the measured altcoins"
    GIVEN = "--beta"
    LEAD = "itself"


class Beta(NamedTuple):
    value: Fraction
    source: BetaSource


UNKNOWN_BETA = Beta(Fraction("1.45"), BetaSource.UNKNOWN)
_BINANCE = {
    "AAVE": "1.54", "ADA": "1.38", "ALGO": "1.36", "ARB": "1.57", "AVAX": "1.40", "BCH": "1.08",
    "DOGE": "1.39", "DOT": "1.40", "ENA": "1.57", "ETH": "1.34", "HBAR": "1.44", "KAS": "1.50",
    "LINK": "1.45", "LTC": "1.24", "NEAR": "1.47", "ONDO": "1.53", "OP": "1.61", "RENDER": "1.69",
    "SOL": "1.43", "SUI": "1.53", "TON": "1.00", "TRX": "0.37", "VET": "1.39", "WLD": "1.48",
    "XLM": "1.27", "XMR": "0.82", "XRP": "1.27", "XTZ": "1.18", "ZEC": "1.51", "kPEPE": "1.47",
    "kSHIB": "1.16",
}  # fmt: skip
_HYPERLIQUID = {"FARTCOIN": "2.79", "HYPE": "1.67", "PURR": "1.93", "TRUMP": "2.00", "WIF": "1.94"}
_AUGUST_2024 = {"BNB": "1.13"}


def betas_of(markets: Iterable[str], given: Mapping[str, Fraction]) -> dict[str, Beta]:
    """The beta of every market to ``LEAD``: the given one, else a measured one, else 1.45."""
    return {name: _beta_of(name, given) for name in markets}


def _beta_of(name: str, given: Mapping[str, Fraction]) -> Beta:
    if name in given:
        return Beta(given[name], BetaSource.GIVEN)
    if name == LEAD:
        return Beta(Fraction(1), BetaSource.LEAD)
    for table, source in (
        (_BINANCE, BetaSource.BINANCE),
        (_HYPERLIQUID, BetaSource.HYPERLIQUID),
        (_AUGUST_2024, BetaSource.AUGUST_2024),
    ):
        if name in table:
            return Beta(Fraction(table[name]), source)
    return UNKNOWN_BETA
