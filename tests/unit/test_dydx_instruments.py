"""Instruments from an indexer's answer to ``perpetualMarkets``: exact units, and clear refusals."""

import json
import re
from typing import Any

import msgspec
import pytest

from seawall.domain.enums import MarketMargin, MarketStatus
from seawall.domain.instrument import BlockTerms, Instrument, MarginFractions, MarginTier
from seawall.domain.units import MAX_PRICE
from seawall.engine.engine import Engine
from seawall.venues.dydx.instruments import (
    ListedMarket,
    instruments_from_markets,
    listed_markets,
    oracle_price_units,
    plain_instrument,
    price_text,
    size_text,
    size_units,
    ticks_of,
)
from seawall.venues.dydx.liquidity_tiers import LiquidityTier, shipped_tiers, tier_of_coin
from seawall.venues.hyperliquid.instruments import built_in_instruments
from seawall.venues.numbers import decimals_shown, exact_units, units_text
from seawall.venues.raw_json import VenueDataError
from tests.rulebooks import shipped_blocks

USD = 10**6

BTC: dict[str, Any] = {
    "clobPairId": "0",
    "ticker": "BTC-USD",
    "status": "ACTIVE",
    "oraclePrice": "43250.12345",
    "priceChange24H": "-12.5",
    "volume24H": "1000.5",
    "trades24H": 17,
    "nextFundingRate": "0.0000125",
    "initialMarginFraction": "0.02",
    "maintenanceMarginFraction": "0.012",
    "openInterest": "612.0023",
    "atomicResolution": -10,
    "quantumConversionExponent": -9,
    "tickSize": "1",
    "stepSize": "0.0001",
    "stepBaseQuantums": 1000000,
    "subticksPerTick": 100000,
    "marketType": "CROSS",
    "openInterestLowerCap": "0",
    "openInterestUpperCap": "0",
    "baseOpenInterest": "612.0024",
    "defaultFundingRate1H": "0",
}
FISH: dict[str, Any] = BTC | {
    "clobPairId": "137",
    "ticker": "FISH-USD",
    "oraclePrice": "0.00001234",
    "initialMarginFraction": "0.05",
    "maintenanceMarginFraction": "0.03",
    "openInterest": "1230",
    "baseOpenInterest": "1230",
    "atomicResolution": 1,
    "tickSize": "0.0000000001",
    "stepSize": "10",
    "stepBaseQuantums": 1,
    "subticksPerTick": 1000000,
    "marketType": "ISOLATED",
    "openInterestLowerCap": "500000",
    "openInterestUpperCap": "1000000",
    "defaultFundingRate1H": "0.0000125",
}
"""One base quantum is ten coins."""


def answer(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"markets": {entry["ticker"]: entry for entry in entries}}).encode()


def listed(entry: dict[str, Any] = BTC, **fields: Any) -> ListedMarket:
    (market,) = listed_markets(answer(entry | fields))
    return market


def test_a_large_market() -> None:
    market = listed()
    assert market.instrument == Instrument(
        name="BTC-USD",
        size_decimals=10,
        tiers=(MarginTier(0, 50),),
        impact_notional=10_000 * USD,
        block_terms=BlockTerms(
            fractions=MarginFractions(initial_ppm=20_000, maintenance_fraction_ppm=600_000),
            price_step=100_000,
            size_step=1_000_000,
            quote_exponent=-9,
            value_exponent=-9,
            oracle_decimals=5,
        ),
    )
    assert (market.clob_pair_id, market.status) == (0, MarketStatus.OPEN)
    assert market.oracle_price == 4_325_012_345
    assert market.open_interest == 6_120_024_000_000
    assert market.liquidity_tier == "Large-Cap"


def test_an_isolated_market_of_coarse_quantums() -> None:
    market = listed(FISH)
    instrument = market.instrument
    assert instrument.size_decimals == -1
    assert instrument.maximum_leverage == 20
    assert instrument.impact_notional == 2_500 * USD
    terms = instrument.block_terms
    assert terms is not None
    assert terms.own_pool
    assert terms.default_funding_ppm == 100
    assert (terms.value_exponent, terms.oracle_decimals) == (-9, 16)
    assert (terms.fractions.open_interest_lower_cap, terms.fractions.open_interest_upper_cap) == (
        500_000 * USD,
        1_000_000 * USD,
    )
    assert market.oracle_price == 123_400_000_000
    assert market.open_interest == 123
    assert market.liquidity_tier == "Isolated"


@pytest.mark.parametrize("entry", [BTC, FISH], ids=["BTC", "FISH"])
@pytest.mark.parametrize("missing", ["", "stepSize", "tickSize"])
def test_the_step_or_the_tick_tells_the_atomic_resolution(
    entry: dict[str, Any], missing: str
) -> None:
    left = {key: value for key, value in entry.items() if key not in ("atomicResolution", missing)}
    assert listed_markets(answer(left)) == listed_markets(answer(entry))
    assert listed(entry, atomicResolution=None) == listed(entry)


def test_steps_and_ticks_are_only_checked_where_they_are_stated() -> None:
    left = {key: value for key, value in BTC.items() if key not in ("stepSize", "tickSize")}
    assert listed_markets(answer(left)) == listed_markets(answer(BTC))


def test_markets_come_by_clob_pair() -> None:
    names = [each.name for each in instruments_from_markets(answer(FISH, BTC))]
    assert names == ["BTC-USD", "FISH-USD"]
    assert instruments_from_markets(b'{"markets": {}}') == ()


def test_numbers_may_come_quoted_or_not() -> None:
    quoted = {key: str(value) if isinstance(value, int) else value for key, value in BTC.items()}
    assert listed(quoted) == listed()
    assert listed(clobPairId=0, openInterestUpperCap=0) == listed()


def test_what_an_older_indexer_leaves_out() -> None:
    optional = (
        "oraclePrice openInterest marketType openInterestLowerCap openInterestUpperCap "
        "baseOpenInterest defaultFundingRate1H nextFundingRate"
    ).split()
    market = listed({key: value for key, value in BTC.items() if key not in optional})
    assert market.instrument == listed().instrument
    assert (market.oracle_price, market.open_interest) == (0, 0)
    assert listed(baseOpenInterest=None).open_interest == 6_120_023_000_000
    nothing = dict.fromkeys(["oraclePrice", "openInterestLowerCap", "openInterestUpperCap"])
    assert listed(**nothing, defaultFundingRate1H=None).instrument == listed().instrument


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("ACTIVE", MarketStatus.OPEN),
        ("PAUSED", MarketStatus.HALTED),
        ("CANCEL_ONLY", MarketStatus.HALTED),
        ("POST_ONLY", MarketStatus.POST_ONLY_ONLY),
        ("INITIALIZING", MarketStatus.INITIALIZING),
        ("FINAL_SETTLEMENT", MarketStatus.FINAL_SETTLEMENT),
    ],
)
def test_status(text: str, status: MarketStatus) -> None:
    assert listed(status=text).status == status


@pytest.mark.parametrize(
    ("price", "decimals", "exponent", "units"),
    [
        ("43250", 5, -9, 4_325_000_000),
        ("43250.5000000", 5, -9, 4_325_050_000),
        ("43250.1234567", 7, -11, 432_501_234_567),
        ("4.3E+4", 5, -9, 4_300_000_000),
        (43250, 5, -9, 4_325_000_000),
    ],
)
def test_a_finer_price_shows_its_own_exponent(
    price: str, decimals: int, exponent: int, units: int
) -> None:
    market = listed(oraclePrice=price)
    terms = market.instrument.block_terms
    assert terms is not None
    assert (terms.oracle_decimals, terms.value_exponent) == (decimals, exponent)
    assert market.oracle_price == units


@pytest.mark.parametrize(
    ("fields", "tier", "impact"),
    [
        ({"initialMarginFraction": "0.1", "maintenanceMarginFraction": "0.05"}, "Small-Cap", 5_000),
        ({"initialMarginFraction": "0.2", "maintenanceMarginFraction": "0.1"}, "Long-Tail", 2_500),
        ({"initialMarginFraction": "1", "maintenanceMarginFraction": "0.2"}, "Safety", 2_500),
        ({"initialMarginFraction": "0.01", "maintenanceMarginFraction": "0.005"}, "FX", 2_500),
        # Two tiers have these fractions: caps decide, then the pool.
        (
            {
                "initialMarginFraction": "0.05",
                "maintenanceMarginFraction": "0.03",
                "openInterestLowerCap": "500000",
                "openInterestUpperCap": "1000000",
            },
            "Isolated",
            2_500,
        ),
        ({"initialMarginFraction": "0.05", "maintenanceMarginFraction": "0.03"}, "Mid-Cap", 5_000),
        (
            {
                "initialMarginFraction": "0.05",
                "maintenanceMarginFraction": "0.03",
                "marketType": "ISOLATED",
            },
            "Isolated",
            2_500,
        ),
        # No tier has them.
        ({"initialMarginFraction": "0.07", "maintenanceMarginFraction": "0.035"}, "", 2_500),
    ],
)
def test_impact_notional_is_that_of_the_tier(
    fields: dict[str, str], tier: str, impact: int
) -> None:
    market = listed(**fields)
    assert market.liquidity_tier == tier
    assert market.instrument.impact_notional == impact * USD


def test_tiers_are_configuration() -> None:
    fractions = MarginFractions(initial_ppm=20_000, maintenance_fraction_ppm=600_000)
    mine = [LiquidityTier(name="Mine", fractions=fractions, impact_notional=7 * USD)]
    (market,) = listed_markets(answer(BTC), mine)
    assert (market.liquidity_tier, market.instrument.impact_notional) == ("Mine", 7 * USD)
    assert instruments_from_markets(answer(FISH), mine)[0].impact_notional == 7 * USD
    assert instruments_from_markets(answer(FISH), [])[0].impact_notional == 0


def test_odd_fractions_are_exact() -> None:
    """1.0007% with 50.0009% of it: what an indexer prints for a tier of primes."""
    market = listed(initialMarginFraction="0.010007", maintenanceMarginFraction="0.005003590063")
    terms = market.instrument.block_terms
    assert terms is not None
    assert terms.fractions.initial_ppm == 10_007
    assert terms.fractions.maintenance_fraction_ppm == 500_009
    assert market.instrument.maximum_leverage == 99


def test_a_lower_cap_without_an_upper_one_does_nothing() -> None:
    market = listed(openInterestLowerCap="5", openInterestUpperCap="0")
    terms = market.instrument.block_terms
    assert terms is not None
    assert terms.fractions.open_interest_lower_cap == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"status": "OPEN"}, "status: 'OPEN' is unknown; known are ACTIVE, PAUSED"),
        ({"marketType": "SPOT"}, "marketType: 'SPOT' is unknown; known are CROSS, ISOLATED"),
        ({"clobPairId": "-1"}, "clobPairId: -1 must be a whole number from 0 to 4294967295"),
        ({"clobPairId": "one"}, "clobPairId: 'one' is not a decimal number"),
        ({"clobPairId": 1.5}, "clobPairId: expected int or text (a number in quotes), got float"),
        ({"clobPairId": True}, "clobPairId: expected int or text (a number in quotes), got bool"),
        ({"atomicResolution": "-10.5"}, "atomicResolution: -10.5 has more than 0 decimals"),
        ({"atomicResolution": -19}, "atomicResolution: -19 must be a whole number from -18 to 18"),
        (
            {"atomicResolution": None, "stepSize": None, "tickSize": None},
            "atomicResolution: missing, and neither stepSize nor tickSize tells it",
        ),
        (
            {"atomicResolution": None, "stepSize": "0.0003"},
            "stepSize: '0.0003' must be stepBaseQuantums 1000000 times a power of ten",
        ),
        (
            {"atomicResolution": None, "stepSize": None, "tickSize": "3"},
            "tickSize: '3' must be subticksPerTick 100000 times a power of ten",
        ),
        ({"atomicResolution": None, "stepSize": "0"}, "stepSize: '0' must be stepBaseQuantums"),
        ({"atomicResolution": None, "stepSize": "0.001"}, "tickSize: '1' must be '0.1'"),
        ({"atomicResolution": None, "stepSize": "few"}, "stepSize: 'few' is not a decimal number"),
        ({"quantumConversionExponent": 19}, "from -18 to 18"),
        ({"stepBaseQuantums": 0}, "stepBaseQuantums: 0 must be a whole number from 1"),
        ({"subticksPerTick": "0"}, "subticksPerTick: 0 must be a whole number from 1"),
        ({"tickSize": "0.1"}, "tickSize: '0.1' must be '1', by subticksPerTick, quantumConv"),
        ({"tickSize": "10"}, "tickSize: '10' must be '1'"),
        ({"tickSize": "cheap"}, "tickSize: 'cheap' is not a decimal number"),
        ({"stepSize": "0.001"}, "stepSize: '0.001' must be '0.0001', by stepBaseQuantums and"),
        ({"stepSize": "0.00001"}, "stepSize: '0.00001' must be '0.0001'"),
        ({"quantumConversionExponent": -8}, "tickSize: '1' must be '10'"),
        ({"atomicResolution": -9}, "tickSize: '1' must be '0.1'"),
        ({"initialMarginFraction": "0"}, "initialMarginFraction: '0' must be from 0.000001 to 1"),
        ({"initialMarginFraction": "1.1"}, "initialMarginFraction: '1.1' must be from"),
        ({"initialMarginFraction": "-0.02"}, "initialMarginFraction: '-0.02' must be from"),
        ({"initialMarginFraction": "0.0200001"}, "0.0200001 has more than 6 decimals"),
        ({"initialMarginFraction": "2%"}, "initialMarginFraction: '2%' is not a decimal number"),
        (
            {"maintenanceMarginFraction": "0.0120000001"},
            "maintenanceMarginFraction: '0.0120000001' must be a whole number of ppm",
        ),
        ({"maintenanceMarginFraction": "0.021"}, "up to all, of initialMarginFraction '0.02'"),
        ({"maintenanceMarginFraction": "-0.01"}, "maintenanceMarginFraction: '-0.01' must be"),
        ({"openInterestLowerCap": "-1"}, "openInterestLowerCap: '-1' must not be negative"),
        ({"openInterestUpperCap": "1e30"}, "openInterestUpperCap: '1e30' must be at most"),
        ({"openInterestUpperCap": "0.0000001"}, "0.0000001 has more than 6 decimals"),
        (
            {"openInterestLowerCap": "2", "openInterestUpperCap": "1"},
            "openInterestLowerCap: '2' must not be above openInterestUpperCap '1'",
        ),
        (
            {"baseOpenInterest": "0.00000000001"},
            "baseOpenInterest: 0.00000000001 has more than 10",
        ),
        ({"baseOpenInterest": "-1"}, "baseOpenInterest: '-1' must not be negative"),
        (
            {"baseOpenInterest": None, "openInterest": "-1"},
            "openInterest: '-1' must not be negative",
        ),
        ({"oraclePrice": "-1"}, "oraclePrice: '-1' must not be negative"),
        ({"oraclePrice": "NaN"}, "oraclePrice: 'NaN' is not a decimal number"),
        ({"oraclePrice": "1e-15"}, "oraclePrice: '1e-15' must have at most 14 decimals"),
        ({"oraclePrice": "1e30"}, "oraclePrice: '1e30' must be at most 46116860184273.87904"),
        ({"oraclePrice": {}}, "oraclePrice: expected int or text (a number in quotes), got object"),
        ({"defaultFundingRate1H": "0.0000001"}, "must be a whole number of ppm of 8 hours"),
        ({"defaultFundingRate1H": "1"}, "defaultFundingRate1H: '1' must be"),
        ({"defaultFundingRate1H": 0.5}, "defaultFundingRate1H: expected int or text"),
        ({"ticker": 5}, "ticker: expected text (a number in quotes), got int"),
    ],
)
def test_bad_markets(fields: dict[str, Any], message: str) -> None:
    entry = BTC | fields
    with pytest.raises(VenueDataError) as caught:
        listed_markets(json.dumps({"markets": {"BTC-USD": entry}}).encode())
    assert str(caught.value).startswith("markets.BTC-USD.")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "field",
    "clobPairId ticker status quantumConversionExponent stepBaseQuantums subticksPerTick "
    "initialMarginFraction maintenanceMarginFraction".split(),
)
def test_missing_fields(field: str) -> None:
    entry = {key: value for key, value in BTC.items() if key != field}
    with pytest.raises(VenueDataError, match=rf"^markets\.BTC-USD\.{field}: missing$"):
        listed_markets(json.dumps({"markets": {"BTC-USD": entry}}).encode())


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the message is empty"),
        (b"{}", "markets: missing"),
        (b"[]", "the message: expected object, got array"),
        (b'{"markets": []}', "markets: expected object, got array"),
        (b'{"markets": {"BTC-USD": 5}}', "markets.BTC-USD: expected object, got int"),
        (b'{"markets": {"BTC-USD": {"ticker": NaN}}}', "NaN is not a JSON number"),
        (b'{"markets": ', "not JSON"),
    ],
)
def test_bad_messages(raw: bytes, message: str) -> None:
    with pytest.raises(VenueDataError, match=re.escape(message)):
        listed_markets(raw)


def test_markets_that_contradict_each_other() -> None:
    with pytest.raises(VenueDataError, match="ticker: 'BTC-USD' must be 'ETH-USD'"):
        listed_markets(json.dumps({"markets": {"ETH-USD": BTC}}).encode())
    twice = answer(BTC, BTC | {"ticker": "ETH-USD"})
    with pytest.raises(VenueDataError, match=r"markets.ETH-USD.clobPairId: 0 is that of BTC-USD"):
        listed_markets(twice)


@pytest.mark.parametrize(
    ("entry", "text", "ticks"),
    [
        (BTC, "43250", 43_250),
        (BTC, "43250.000", 43_250),
        (BTC, "1", 1),
        (BTC, "1e5", 100_000),
        (BTC, str(MAX_PRICE), MAX_PRICE),
        (FISH, "0.0000000001", 1),
        (FISH, "0.000012345", 123_450),
    ],
)
def test_prices(entry: dict[str, Any], text: str, ticks: int) -> None:
    instrument = listed(entry).instrument
    assert ticks_of(instrument, text) == ticks
    assert ticks_of(instrument, price_text(instrument, ticks)) == ticks


@pytest.mark.parametrize(
    ("entry", "text", "units"),
    [
        (BTC, "0.0001", 1_000_000),
        (BTC, "-1.5", -15_000_000_000),
        (BTC, "0", 0),
        (FISH, "10", 1),
        (FISH, "1e3", 100),
        (FISH, "-120", -12),
    ],
)
def test_sizes(entry: dict[str, Any], text: str, units: int) -> None:
    instrument = listed(entry).instrument
    assert size_units(instrument, text) == units
    assert size_units(instrument, size_text(instrument, units)) == units


def test_texts_are_the_shortest() -> None:
    btc, fish = listed().instrument, listed(FISH).instrument
    assert price_text(btc, 43_250) == "43250"
    assert price_text(fish, 123_450) == "0.000012345"
    assert price_text(listed(subticksPerTick=50_000, tickSize="0.5").instrument, 3) == "1.5"
    assert size_text(btc, 12_000_000) == "0.0012"
    assert size_text(fish, -12) == "-120"
    assert size_text(fish, 0) == "0"


def test_oracle_prices() -> None:
    assert oracle_price_units(listed().instrument, "43250.12345") == 4_325_012_345
    assert oracle_price_units(listed(FISH).instrument, "0.0000000000000001") == 1


@pytest.mark.parametrize(
    ("call", "text", "message"),
    [
        (ticks_of, "43250.5", "'43250.5' must be a positive multiple of the tick 1"),
        (ticks_of, "0", "'0' must be a positive multiple of the tick 1"),
        (ticks_of, "-1", "'-1' must be a positive multiple of the tick 1"),
        (ticks_of, "0.000001", "more than 5 decimals; must be decimal text, a multiple of 0.00001"),
        (ticks_of, "1073741824", f"'1073741824' must be at most {MAX_PRICE}"),
        (ticks_of, "high", "'high' is not a decimal number; must be decimal text"),
        (size_units, "0.00015", "'0.00015' must be a multiple of the step 0.0001"),
        (size_units, "0.00000000001", "more than 10 decimals"),
        (size_units, "100001", "'100001' must be at most 100000"),
        (size_units, "", "'' is not a decimal number"),
        (oracle_price_units, "1.000001", "more than 5 decimals"),
        (oracle_price_units, "-1", "'-1' must not be negative"),
    ],
)  # fmt: skip
def test_bad_quantities(call: Any, text: str, message: str) -> None:
    with pytest.raises(VenueDataError) as caught:
        call(listed().instrument, text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("BTC-USD ")


def test_bad_coarse_sizes() -> None:
    with pytest.raises(VenueDataError, match="FISH-USD size: '15' must be a multiple of 10"):
        size_units(listed(FISH).instrument, "15")
    with pytest.raises(
        VenueDataError, match=r"markets\.FISH-USD\.baseOpenInterest: '5' must be a mult"
    ):
        listed(FISH, baseOpenInterest="5")


@pytest.mark.parametrize("decimals", [-3, -1, 0, 1, 6, 18])
def test_decimals_go_both_ways(decimals: int) -> None:
    for units in (0, 1, -1, 10, 120, -99_999, 10**17):
        text = units_text(units, decimals)
        assert exact_units("x", text, decimals) == units
        assert decimals_shown(text) <= max(0, decimals)


def test_decimals_shown() -> None:
    shown = {"1": 0, "1.0": 0, "1.250": 2, "1e-7": 7, "1.5E3": 0, ".5": 1, "1e": 0, "x": 0}
    assert {text: decimals_shown(text) for text in shown} == shown


def test_a_market_of_another_venue() -> None:
    plain = Instrument(
        name="BTC",
        size_decimals=5,
        tiers=(MarginTier(0, 40), MarginTier(150_000_000 * USD, 20)),
        margin=MarketMargin.STRICT_ISOLATED,
        open_interest_cap=5,
        impact_notional=20_000 * USD,
    )
    market = plain_instrument(plain)
    assert market == Instrument(
        name="BTC",
        size_decimals=5,
        tiers=(MarginTier(0, 50),),
        impact_notional=10_000 * USD,
        block_terms=BlockTerms(
            fractions=MarginFractions(initial_ppm=20_000, maintenance_fraction_ppm=600_000),
            oracle_decimals=1,
        ),
    )
    assert plain_instrument(market) is market
    assert ticks_of(market, "43250.1") == 432_501
    assert size_units(market, "0.00001") == 1
    assert oracle_price_units(market, "43250.1") == 432_501


@pytest.mark.parametrize(
    ("coin", "tier"),
    [("BTC", "Large-Cap"), ("ETH-USD", "Large-Cap"), ("SOL", "Small-Cap"), ("XRP", "Small-Cap"),
     ("BNB", "Small-Cap"), ("FARTCOIN", "Long-Tail")],
)  # fmt: skip
def test_tiers_of_coins(coin: str, tier: str) -> None:
    assert tier_of_coin(coin).name == tier


def test_tiers_of_coins_are_configuration() -> None:
    with pytest.raises(ValueError, match="SOL is in the liquidity tier 'Small-Cap'; the tiers at"):
        tier_of_coin("SOL", shipped_tiers()[:1])


def test_plain_units_have_six_decimals() -> None:
    strange = Instrument(name="X", size_decimals=7, tiers=(MarginTier(0, 1),))
    with pytest.raises(ValueError, match="X: size_decimals 7 must be from 0 to 6"):
        plain_instrument(strange)
    with pytest.raises(ValueError, match="X has no block_terms; use plain_instrument first"):
        ticks_of(strange, "1")


def test_the_machine_takes_them() -> None:
    """Both kinds of instruments fit the tables of rules of blocks."""
    markets = [*instruments_from_markets(answer(BTC, FISH))]
    markets += [plain_instrument(each) for each in built_in_instruments()]
    engine = Engine.create(shipped_blocks(), markets)
    assert len(engine.instruments) == len(markets)
    copy = msgspec.json.decode(msgspec.json.encode(markets), type=list[Instrument])
    assert copy == markets
