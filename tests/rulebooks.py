"""Rulebooks and instruments for tests, built directly so that no rulebook file is needed.

The numbers are those of a large venue (fees, tiers, funding, liquidation); the variants choose
other mechanisms or make limits small enough to be reached by a short test.
"""

from collections.abc import Mapping

import msgspec

from seawall.domain.enums import (
    DeleveragingPrice,
    LiquidationPriceLimit,
    LiquidationStage,
    MarketMargin,
    MarkMethod,
    PremiumMethod,
    PriceReference,
)
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.rulebook import (
    BlockRulebook,
    DeleveragingPolicy,
    FeePolicy,
    FeeTier,
    FundingPolicy,
    LiquidationPolicy,
    MakerRebate,
    MarginPolicy,
    MarkPolicy,
    OrderPolicy,
    Rulebook,
    ValueCap,
)
from seawall.venues.rulebook_file import load_rulebook

USD = 1_000_000
PERCENT = 10**7
"""One percent as a rate of 1e-9."""
SECOND_MS = 1_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

STANDARD = Rulebook(
    name="standard",
    as_of="2026-08-01",
    margin=MarginPolicy(transfer_floor_rate=10 * PERCENT, default_leverage=20),
    order=OrderPolicy(
        minimum_value=10 * USD,
        closing_below_minimum_allowed=True,
        price_band_rate=80 * PERCENT,
        price_band_reference=PriceReference.ORACLE,
        maximum_significant_figures=5,
        market_value_caps=(
            ValueCap(25, 15_000_000 * USD),
            ValueCap(20, 5_000_000 * USD),
            ValueCap(10, 2_000_000 * USD),
            ValueCap(0, 500_000 * USD),
        ),
        limit_value_factor=10,
        open_orders_base=1000,
        open_orders_volume_step=5_000_000 * USD,
        open_orders_maximum=5000,
        schedule_minimum_delay_ms=5 * SECOND_MS,
        schedule_daily_maximum=10,
        schedule_minimum_volume=1_000_000 * USD,
        reserve_fee=False,
    ),
    fee=FeePolicy(
        tiers=(
            FeeTier(0, 450_000, 150_000),
            FeeTier(5_000_000 * USD, 400_000, 120_000),
            FeeTier(25_000_000 * USD, 350_000, 80_000),
            FeeTier(100_000_000 * USD, 300_000, 40_000),
            FeeTier(500_000_000 * USD, 280_000, 0),
            FeeTier(2_000_000_000 * USD, 260_000, 0),
            FeeTier(7_000_000_000 * USD, 240_000, 0),
        ),
        maker_rebates=(
            MakerRebate(5 * PERCENT // 10, -10_000),
            MakerRebate(15 * PERCENT // 10, -20_000),
            MakerRebate(3 * PERCENT, -30_000),
        ),
        history_days=14,
    ),
    funding=FundingPolicy(
        interest=100_000_000,
        clamp=500_000_000,
        cap=40_000_000_000,
        intervals_per_period=8,
        sample_ms=5 * SECOND_MS,
        settlement_ms=HOUR_MS,
        premium_method=PremiumMethod.IMPACT_DIFFERENCE,
    ),
    mark=MarkPolicy(method=MarkMethod.MEDIAN, premium_decay_ms=150_000, mid_decay_ms=30_000),
    liquidation=LiquidationPolicy(
        stages=(LiquidationStage.BOOK, LiquidationStage.BACKSTOP, LiquidationStage.DELEVERAGE),
        partial_above=100_000 * USD,
        portion_rate=20 * PERCENT,
        cooldown_ms=30 * SECOND_MS,
        price_limit=LiquidationPriceLimit.BANKRUPTCY,
        book_first_below_backstop=True,
        backstop_numerator=2,
        backstop_denominator=3,
        liquidations_per_command=64,
        fills_per_command=1000,
    ),
    deleveraging=DeleveragingPolicy(price=DeleveragingPrice.PREVIOUS_MARK),
)


def changed(rulebook: Rulebook, name: str, **groups: dict[str, object]) -> Rulebook:
    """The rulebook with some fields of some groups replaced."""
    parts = {
        group: msgspec.structs.replace(getattr(rulebook, group), **fields)
        for group, fields in groups.items()
    }
    return msgspec.structs.replace(rulebook, name=name, **parts)


ORACLE_MARK = changed(STANDARD, "oracle mark", mark={"method": MarkMethod.ORACLE_ONLY})
"""Mark = oracle: what a scenario with hand-computed numbers wants."""

FREE = changed(
    ORACLE_MARK,
    "free",
    fee={"tiers": (FeeTier(0, 0, 0),), "maker_rebates": ()},
)
"""No fees, mark = oracle: for scenarios about margin and liquidation alone."""

INSURED = changed(
    FREE,
    "insured",
    liquidation={
        "stages": (
            LiquidationStage.BOOK,
            LiquidationStage.BACKSTOP,
            LiquidationStage.INSURANCE,
            LiquidationStage.DELEVERAGE,
        )
    },
)

DELEVERAGE_ONLY = changed(
    FREE, "deleverage only", liquidation={"stages": (LiquidationStage.DELEVERAGE,)}
)

BACKSTOP_FIRST = changed(FREE, "backstop first", liquidation={"book_first_below_backstop": False})

SMALL_LIMITS = changed(
    ORACLE_MARK,
    "small limits",
    order={
        "open_orders_base": 3,
        "open_orders_volume_step": 100_000 * USD,
        "open_orders_maximum": 5,
        "schedule_daily_maximum": 2,
        "schedule_minimum_volume": 1_000 * USD,
        "market_value_caps": (ValueCap(0, 50_000 * USD),),
        "limit_value_factor": 2,
    },
    fee={
        "tiers": (FeeTier(0, 450_000, 150_000), FeeTier(10_000 * USD, 400_000, 120_000)),
        "maker_rebates": (MakerRebate(50 * PERCENT, -10_000),),
    },
    liquidation={"liquidations_per_command": 1, "fills_per_command": 4},
)

IMPACT_MID = changed(STANDARD, "impact mid", funding={"premium_method": PremiumMethod.IMPACT_MID})

LIVELY = changed(
    STANDARD,
    "lively",
    order={
        "open_orders_base": 40,
        "open_orders_maximum": 60,
        "schedule_minimum_volume": 10_000 * USD,
    },
    fee={
        "tiers": (
            FeeTier(0, 450_000, 150_000),
            FeeTier(100_000 * USD, 400_000, 120_000),
            FeeTier(1_000_000 * USD, 350_000, 80_000),
        ),
    },
    liquidation={
        "stages": (
            LiquidationStage.BOOK,
            LiquidationStage.BACKSTOP,
            LiquidationStage.INSURANCE,
            LiquidationStage.DELEVERAGE,
        ),
        "partial_above": 20_000 * USD,
    },
)
"""Every mechanism within reach of a short random stream."""

RULEBOOKS = {
    rulebook.name: rulebook
    for rulebook in (
        STANDARD,
        ORACLE_MARK,
        FREE,
        INSURED,
        DELEVERAGE_ONLY,
        BACKSTOP_FIRST,
        SMALL_LIMITS,
        IMPACT_MID,
        LIVELY,
    )
}


def shipped_blocks(overrides: Mapping[str, str] | None = None) -> BlockRulebook:
    """The rules of blocks that ship, with some values replaced by dotted key."""
    book = load_rulebook("dydx", overrides)
    assert isinstance(book, BlockRulebook)
    return book


BTC = Instrument(
    name="BTC",
    size_decimals=5,
    tiers=(MarginTier(0, 40), MarginTier(150_000_000 * USD, 20)),
    impact_notional=20_000 * USD,
)
ETH = Instrument(
    name="ETH",
    size_decimals=4,
    tiers=(MarginTier(0, 25), MarginTier(20_000 * USD, 10), MarginTier(100_000 * USD, 5)),
)
"""Small tiers, so that a modest order passes from one to the next."""
DOGE = Instrument(
    name="DOGE", size_decimals=0, tiers=(MarginTier(0, 10),), margin=MarketMargin.ISOLATED_ONLY
)
XYZ = Instrument(
    name="XYZ", size_decimals=2, tiers=(MarginTier(0, 5),), margin=MarketMargin.STRICT_ISOLATED
)

GOLD = Instrument(
    name="GOLD",
    size_decimals=4,
    tiers=(MarginTier(0, 20), MarginTier(50_000 * USD, 10)),
    group="metals",
)
SILVER = Instrument(
    name="SILVER",
    size_decimals=2,
    tiers=(MarginTier(0, 10),),
    margin=MarketMargin.ISOLATED_ONLY,
    group="metals",
)
EURO = Instrument(
    name="EURO",
    size_decimals=2,
    tiers=(MarginTier(0, 50),),
    group="currencies",
    collateral="USDH",
)
"""Markets of other margin groups: one with the collateral of those above, one with its own."""

INSTRUMENTS = {
    instrument.name: instrument for instrument in (BTC, ETH, DOGE, XYZ, GOLD, SILVER, EURO)
}
