"""The markets that a local venue opens, from ``markets.toml``, and their numbers on the chain."""

import tomllib
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from seawall.domain.instrument import Instrument
from seawall.domain.units import PPM, fraction_text, money_text
from seawall.venues.dydx.instruments import RATE_HOURS, ListedMarket, listed_markets
from seawall.venues.dydx.liquidity_tiers import LiquidityTier, shipped_tiers


class MarketFile(Struct, frozen=True):
    """One market of the file. ``tier``: the name of its liquidity tier."""

    ticker: str
    clob_pair_id: int
    atomic_resolution: int
    quantum_conversion_exponent: int
    step_base_quantums: int
    subticks_per_tick: int
    tier: str
    source: str
    as_of: str
    mark: str
    market_type: str = "CROSS"
    default_funding_ppm: int = 0
    """Of 8 hours."""


@cache
def market_files() -> dict[str, MarketFile]:
    """Every market of the file, by ticker."""
    text = Path(__file__).with_name("markets.toml").read_text(encoding="utf-8")
    found = msgspec.convert(tomllib.loads(text)["markets"], list[MarketFile])
    return {each.ticker: each for each in found}


def tier_number(name: str) -> int:
    """The id of a liquidity tier."""
    return [tier.name for tier in shipped_tiers()].index(name)


@cache
def built_in_markets() -> tuple[ListedMarket, ...]:
    """The markets, by clob pair id."""
    tiers = {tier.name: tier for tier in shipped_tiers()}
    markets = {ticker: _answer(each, tiers[each.tier]) for ticker, each in market_files().items()}
    return listed_markets(msgspec.json.encode({"markets": markets}))


def built_in_instruments() -> Sequence[Instrument]:
    """The instruments of the markets, by clob pair id."""
    return [market.instrument for market in built_in_markets()]


def _answer(market: MarketFile, tier: LiquidityTier) -> dict[str, Any]:
    """The market as an indexer lists it."""
    fractions = tier.fractions
    default = Fraction(market.default_funding_ppm, PPM * RATE_HOURS)
    initial = Fraction(fractions.initial_ppm, PPM)
    return {
        "clobPairId": str(market.clob_pair_id),
        "ticker": market.ticker,
        "status": "ACTIVE",
        "initialMarginFraction": fraction_text(initial),
        "maintenanceMarginFraction": fraction_text(
            initial * Fraction(fractions.maintenance_fraction_ppm, PPM), 18
        ),
        "atomicResolution": market.atomic_resolution,
        "quantumConversionExponent": market.quantum_conversion_exponent,
        "stepBaseQuantums": market.step_base_quantums,
        "subticksPerTick": market.subticks_per_tick,
        "marketType": market.market_type,
        "defaultFundingRate1H": fraction_text(default),
        "openInterestLowerCap": money_text(fractions.open_interest_lower_cap),
        "openInterestUpperCap": money_text(fractions.open_interest_upper_cap),
    }
