"""Instruments from a venue's answer to ``meta``, and the margin tables that ship."""

import json
from typing import Any

import pytest

from seawall.domain.enums import MarketMargin
from seawall.domain.instrument import MarginTier
from seawall.engine.formulas.continuous.liquidation_price import (
    maintenance_tiers,
    truncated_maintenance,
)
from seawall.venues.hyperliquid.instruments import (
    built_in_instruments,
    built_in_tiers,
    instruments_from_meta,
)
from seawall.venues.raw_json import VenueDataError
from tests.facts import hyperliquid

USD = 10**6


def from_entry(**fields: Any) -> Any:
    entry = {"name": "FISH", "szDecimals": 1, "maxLeverage": 3, "marginTableId": 3, **fields}
    return instruments_from_meta(json.dumps({"universe": [entry]}).encode())[0]


@pytest.mark.parametrize(
    ("fields", "margin"),
    [
        ({}, MarketMargin.ANY_MODE),
        ({"onlyIsolated": True}, MarketMargin.ISOLATED_ONLY),
        ({"onlyIsolated": False}, MarketMargin.ANY_MODE),
        ({"marginMode": "noCross"}, MarketMargin.ISOLATED_ONLY),
        ({"marginMode": "strictIsolated"}, MarketMargin.STRICT_ISOLATED),
        ({"marginMode": "strictIsolated", "onlyIsolated": True}, MarketMargin.STRICT_ISOLATED),
    ],
)
def test_margin_modes(fields: dict[str, Any], margin: MarketMargin) -> None:
    assert from_entry(**fields).margin == margin


def test_entry() -> None:
    market = from_entry(isDelisted=True, growthMode="enabled")
    assert (market.name, market.size_decimals, market.price_decimals) == ("FISH", 1, 5)
    assert market.tiers == (MarginTier(0, 3),)
    assert market.delisted
    assert market.impact_notional == 6_000 * USD
    assert from_entry(name="ETH").impact_notional == 20_000 * USD
    with pytest.raises(VenueDataError, match="is not in marginTables"):
        from_entry(marginTableId=50)


def test_entry_without_a_table_id() -> None:
    raw = b'{"universe": [{"name": "FISH", "szDecimals": 0, "maxLeverage": 7}]}'
    assert instruments_from_meta(raw)[0].tiers == (MarginTier(0, 7),)


def test_built_in_markets() -> None:
    markets = {market.name: market for market in built_in_instruments()}
    assert set(markets) >= {"BTC", "ETH", "SOL", "XRP", "DOGE", "HYPE"}
    assert markets["BTC"].tiers == (MarginTier(0, 40), MarginTier(150_000_000 * USD, 20))
    assert markets["BTC"].impact_notional == 20_000 * USD
    assert all(market.tiers for market in markets.values())
    assert built_in_tiers("FISH") is None


def test_built_in_tables_equal_the_recorded_ones() -> None:
    facts = hyperliquid.read()
    for network in ("mainnet", "testnet"):
        for names, rows in facts["margin_tiers"][network].items():
            expected = tuple(
                MarginTier(int(row["lower_bound"]) * USD, row["maximum_leverage"]) for row in rows
            )
            for coin in names.split():
                assert built_in_tiers(coin, network) == expected, coin


def test_maintenance_of_recorded_tables() -> None:
    facts = hyperliquid.read()
    for case in facts["maintenance_margin"]["cases"]:
        tiers = built_in_tiers(case["table"])
        assert tiers is not None
        margin = truncated_maintenance(maintenance_tiers(tiers), int(case["notional"]) * USD)
        whole, fraction = case["maintenance"].split(".")
        assert margin == int(whole + fraction), case
