"""Markets, books, candles and rates as the indexer shows them."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from seawall.domain.enums import MarketStatus
from seawall.domain.units import DAY_MS, FUNDING_ONE, MICRO, PPM, money_text
from seawall.engine.book_view import book_levels
from seawall.engine.market_view import funding_rate
from seawall.venues.dydx.indexer.view import View, decimal
from seawall.venues.dydx.instruments import RATE_HOURS, STATUSES
from seawall.venues.dydx.pairs import Pair
from seawall.venues.dydx.wire.moments import iso
from seawall.venues.port import Candle

LEVELS = 200
RESOLUTIONS = {
    "1MIN": 60_000, "5MINS": 300_000, "15MINS": 900_000, "30MINS": 1_800_000,
    "1HOUR": 3_600_000, "4HOURS": 14_400_000, "1DAY": DAY_MS,
}  # fmt: skip
_STATUS_OF = {status: word for word, status in reversed(list(STATUSES.items()))}


def market_object(view: View, pair: Pair) -> dict[str, Any]:
    """One market, with its figures of the last day."""
    terms, tables = pair.terms, view.desk.engine.tables
    fractions = terms.fractions
    initial = Fraction(fractions.initial_ppm, PPM)
    oracle = view.oracle(pair)
    notional, _, before = view.history.day_volume(pair.row)
    open_interest = view.size(pair, int(tables["markets"]["open_interest"][pair.row]))
    now = view.desk.now_ms()
    day = view.history.candles(pair.row, RESOLUTIONS["1HOUR"], now - DAY_MS, now)
    change = oracle - before * pair.instrument.price_unit if before else Fraction(0)
    default = Fraction(terms.default_funding_ppm, PPM * RATE_HOURS)
    return {
        "clobPairId": str(pair.number),
        "ticker": pair.ticker,
        "status": _STATUS_OF[MarketStatus(int(tables["markets"]["status"][pair.row]))],
        "oraclePrice": decimal(oracle),
        "priceChange24H": decimal(change),
        "volume24H": decimal(notional * pair.instrument.quote_unit / MICRO),
        "trades24H": sum(candle.trades for candle in day),
        "nextFundingRate": decimal(funding_rate(view.desk.engine, pair.row)),
        "initialMarginFraction": decimal(initial),
        "maintenanceMarginFraction": decimal(
            initial * Fraction(fractions.maintenance_fraction_ppm, PPM)
        ),
        "openInterest": open_interest,
        "atomicResolution": pair.atomic_resolution,
        "quantumConversionExponent": terms.quote_exponent,
        "tickSize": view.price(pair, 1),
        "stepSize": view.size(pair, terms.size_step),
        "stepBaseQuantums": terms.size_step,
        "subticksPerTick": terms.price_step,
        "marketType": "ISOLATED" if terms.own_pool else "CROSS",
        "openInterestLowerCap": money_text(fractions.open_interest_lower_cap),
        "openInterestUpperCap": money_text(fractions.open_interest_upper_cap),
        "baseOpenInterest": open_interest,
        "defaultFundingRate1H": decimal(default),
    }


def market_objects(view: View, ticker: str = "") -> dict[str, Any]:
    """All markets, or one. Raises NotFound."""
    chosen = [view.pair_of(ticker)] if ticker else view.pairs.by_row
    return {"markets": {pair.ticker: market_object(view, pair) for pair in chosen}}


def book_of(view: View, pair: Pair) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """(bids, asks): size by price in ticks, best first."""
    bids, asks = book_levels(view.desk.engine, pair.row, LEVELS)
    return {row[0]: row[1] for row in bids}, {row[0]: row[1] for row in asks}


def book_object(view: View, pair: Pair) -> dict[str, Any]:
    """The book of a market."""
    sides = zip(("bids", "asks"), book_of(view, pair), strict=True)
    return {
        name: [
            {"price": view.price(pair, price), "size": view.size(pair, size)}
            for price, size in side.items()
        ]
        for name, side in sides
    }


def candle_object(view: View, pair: Pair, resolution: str, candle: Candle) -> dict[str, Any]:
    """One candle; its volume in USD is that of its middle price."""
    middle = Fraction(candle.high + candle.low, 2) * pair.instrument.price_unit
    return {
        "startedAt": iso(candle.opened_ms),
        "ticker": pair.ticker,
        "resolution": resolution,
        "low": view.price(pair, candle.low),
        "high": view.price(pair, candle.high),
        "open": view.price(pair, candle.open),
        "close": view.price(pair, candle.close),
        "baseTokenVolume": view.size(pair, candle.volume),
        "usdVolume": decimal(middle * view.coins(pair, candle.volume)),
        "trades": candle.trades,
        "startingOpenInterest": view.size(
            pair, int(view.desk.engine.tables["markets"]["open_interest"][pair.row])
        ),
        "id": f"{pair.ticker}-{resolution}-{candle.opened_ms}",
    }


def funding_rates(view: View, pair: Pair, limit: int) -> list[dict[str, Any]]:
    """Hourly rates, newest first."""
    found = view.history.funding_rates(pair.row, limit=1_000_000)[-limit:]
    return [
        {
            "ticker": pair.ticker,
            "rate": decimal(Fraction(each.rate, FUNDING_ONE * RATE_HOURS)),
            "price": decimal(view.oracle(pair)),
            "effectiveAt": iso(each.time_ms),
            "effectiveAtHeight": view.height_at(each.time_ms),
        }
        for each in reversed(found)
    ]
