"""Rulebooks and markets of blocks for tests: plain numbers, so that results can be worked out.

In the plain markets a size unit times a price unit is a micro-USD, orders and oracle alike; the
last market has the uneven units of a real one.
"""

from typing import Any

import msgspec

from seawall.domain.enums import StartingOffset
from seawall.domain.instrument import BlockTerms, Instrument, MarginFractions, MarginTier
from seawall.domain.rulebook import (
    BlockFeePolicy,
    BlockFundingPolicy,
    BlockLiquidationPolicy,
    BlockOrderPolicy,
    BlockPolicy,
    BlockRulebook,
    EquityTier,
    StakingLevel,
    VolumeTier,
)

USD = 10**6
SECOND_MS = 1_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

PLAIN = BlockRulebook(
    name="blocks",
    as_of="2026-08-01",
    block=BlockPolicy(
        block_ms=SECOND_MS,
        short_term_blocks=40,
        long_term_ms=95 * DAY_MS,
        gate_blocks=50,
        outage_ms=300 * SECOND_MS,
    ),
    order=BlockOrderPolicy(
        equity_tiers=(EquityTier(20 * USD, 2), EquityTier(1_000 * USD, 10)),
        trade_clamp_factor=5,
        twap_minimum_interval_ms=30 * SECOND_MS,
        twap_maximum_interval_ms=HOUR_MS,
        twap_minimum_duration_ms=300 * SECOND_MS,
        twap_maximum_duration_ms=DAY_MS,
        twap_catch_up_factor=3,
        twap_leg_lifetime_ms=3 * SECOND_MS,
        fills_per_command=1000,
    ),
    fee=BlockFeePolicy(
        tiers=(VolumeTier("1", 0, 0, 0, 0, 0),),
        staking_levels=(),
        referred_tier=0,
        history_days=30,
        evaluation_ms=HOUR_MS,
    ),
    funding=BlockFundingPolicy(
        sample_ms=60 * SECOND_MS,
        sample_offset_ms=30 * SECOND_MS,
        tick_ms=HOUR_MS,
        rate_period_ms=8 * HOUR_MS,
        minimum_votes=15,
        rate_clamp_ppm=6_000_000,
        vote_clamp_ppm=60_000_000,
        tail_ppm=0,
    ),
    liquidation=BlockLiquidationPolicy(
        maximum_fee_ppm=15_000,
        bankruptcy_adjustment_ppm=1_000_000,
        spread_to_maintenance_ppm=1_500_000,
        position_minimum=1_000 * USD,
        position_portion_ppm=100_000,
        account_notional=100_000 * USD,
        account_insurance=1_000_000 * USD,
        liquidations_per_block=50,
        deleveragings_per_block=10,
        counterparties_per_deleveraging=500,
        position_offset=StartingOffset.FIRST,
        account_offset=StartingOffset.FIRST,
        counterparty_offset=StartingOffset.FIRST,
    ),
)
"""No fees: for scenarios about everything else."""


def changed(rulebook: BlockRulebook, name: str, **groups: dict[str, Any]) -> BlockRulebook:
    """The rulebook with some fields of some groups replaced."""
    parts = {
        group: msgspec.structs.replace(getattr(rulebook, group), **fields)
        for group, fields in groups.items()
    }
    return msgspec.structs.replace(rulebook, name=name, **parts)


FEES = changed(
    PLAIN,
    "blocks with fees",
    fee={
        "tiers": (
            VolumeTier("1", 0, 0, 0, 500, 100),
            VolumeTier("2", 50_000 * USD, 0, 0, 450, 100),
            VolumeTier("3", 1_000_000 * USD, 0, 0, 400, -110),
        ),
        "staking_levels": (
            StakingLevel("1", 3_000 * USD, 250_000),
            StakingLevel("1", 20_000 * USD, 500_000),
        ),
        "referred_tier": 2,
    },
)

TIGHT = changed(PLAIN, "blocks with a tight limit", liquidation={"account_notional": 500 * USD})
"""Liquidations of one account stop at 500 USD in a block."""

QUICK = changed(
    PLAIN,
    "blocks with quick funding",
    funding={
        "sample_ms": 10 * SECOND_MS,
        "sample_offset_ms": 5 * SECOND_MS,
        "tick_ms": 60 * SECOND_MS,
        "rate_period_ms": 480 * SECOND_MS,
        "minimum_votes": 3,
    },
)
"""An hour of funding in a minute: a sample each 10 s, a tick each 60 s, rates for 8 minutes."""

LIVELY = changed(
    PLAIN,
    "lively blocks",
    block={"short_term_blocks": 6, "long_term_ms": 40 * SECOND_MS, "gate_blocks": 4},
    order={
        "equity_tiers": (EquityTier(0, 1), EquityTier(500 * USD, 3), EquityTier(2_000 * USD, 6)),
        "trade_clamp_factor": 5,
        "twap_minimum_interval_ms": 2 * SECOND_MS,
        "twap_maximum_interval_ms": 9 * SECOND_MS,
        "twap_minimum_duration_ms": 4 * SECOND_MS,
        "twap_maximum_duration_ms": 60 * SECOND_MS,
        "twap_leg_lifetime_ms": 1_500,
    },
    fee={
        "tiers": (
            VolumeTier("1", 0, 0, 0, 500, 100),
            VolumeTier("2", 2_000 * USD, 0, 0, 450, 50),
            VolumeTier("3", 20_000 * USD, 50_000, 0, 400, -110),
            VolumeTier("4", 60_000 * USD, 50_000, 30_000, 300, -110),
        ),
        "staking_levels": (
            StakingLevel("1", 10 * USD, 250_000),
            StakingLevel("2", 10 * USD, 111_111),
            StakingLevel("2", 50 * USD, 333_333),
            StakingLevel("4", 20 * USD, 500_000),
        ),
        "referred_tier": 1,
        "history_days": 2,
        "evaluation_ms": 20 * SECOND_MS,
    },
    funding={
        "sample_ms": 5 * SECOND_MS,
        "sample_offset_ms": 2 * SECOND_MS,
        "tick_ms": 20 * SECOND_MS,
        "rate_period_ms": 160 * SECOND_MS,
        "minimum_votes": 4,
        "tail_ppm": 150_000,
    },
    liquidation={
        "position_minimum": 50 * USD,
        "position_portion_ppm": 300_000,
        "account_notional": 5_000 * USD,
        "account_insurance": 500 * USD,
        "liquidations_per_block": 3,
        "deleveragings_per_block": 2,
        "counterparties_per_deleveraging": 3,
    },
)
"""Every mechanism within reach of a short random stream."""

ROTATING = changed(
    LIVELY,
    "rotating blocks",
    liquidation={
        "position_offset": StartingOffset.BLOCK_HEIGHT,
        "account_offset": StartingOffset.BLOCK_HEIGHT,
        "counterparty_offset": StartingOffset.BLOCK_HEIGHT,
        "account_notional": 100_000 * USD,
        "maximum_fee_ppm": 15_000,
    },
)

SLOW = changed(
    LIVELY,
    "slow blocks",
    block={"block_ms": 3_700, "outage_ms": 3_700, "gate_blocks": 1},
    funding={"tail_ppm": 0},
    liquidation={"bankruptcy_adjustment_ppm": 2_500_000, "spread_to_maintenance_ppm": 400_000},
)
"""Blocks that do not divide the epochs, each an outage of its own."""

BLOCK_RULEBOOKS = {book.name: book for book in (PLAIN, FEES, TIGHT, QUICK, LIVELY, ROTATING, SLOW)}


def market(name: str, size_decimals: int, fractions: MarginFractions, **terms: Any) -> Instrument:
    notional = int(terms.pop("impact_notional", 1_000 * USD))
    return Instrument(
        name=name,
        size_decimals=size_decimals,
        tiers=(MarginTier(0, 10),),
        impact_notional=notional,
        block_terms=BlockTerms(fractions=fractions, **terms),
    )


BTC = market(
    "BTC",
    4,
    MarginFractions(initial_ppm=100_000, maintenance_fraction_ppm=500_000),
    size_step=10,
    oracle_decimals=2,
    impact_notional=1_010 * USD,
)
"""Initial margin 10 %, maintenance 5 %, sizes in steps of 0.001, prices of 0.01."""
ETH = market(
    "ETH",
    3,
    MarginFractions(
        initial_ppm=200_000,
        maintenance_fraction_ppm=500_000,
        open_interest_lower_cap=100_000 * USD,
        open_interest_upper_cap=200_000 * USD,
    ),
    size_step=1,
    oracle_decimals=3,
)
"""20 % and 10 %; initial margin grows to the whole between 100 000 and 200 000 USD held long."""
CROWDED = market(
    "CROWDED",
    3,
    MarginFractions(
        initial_ppm=150_000,
        maintenance_fraction_ppm=600_000,
        open_interest_lower_cap=3_000 * USD,
        open_interest_upper_cap=30_000 * USD,
    ),
    size_step=5,
    impact_notional=0,
)
"""Initial margin grows with the first trades; premiums are those of the best price."""
DOGE = market(
    "DOGE",
    0,
    MarginFractions(initial_ppm=200_000, maintenance_fraction_ppm=500_000),
    own_pool=True,
    default_funding_ppm=800,
    oracle_decimals=6,
)
"""An isolated market: 20 % and 10 %, its own pool and fund, prices of 0.000001."""
UNEVEN = market(
    "UNEVEN",
    0,
    MarginFractions(initial_ppm=33_333, maintenance_fraction_ppm=700_001),
    size_step=1_000_000,
    price_step=100_000,
    quote_exponent=-9,
    value_exponent=-9,
    minimum_price_change_ppm=777,
    impact_notional=2_000 * USD,
)
"""Base quantums and subticks as on a real venue: 10^10 to a coin, a tick of 1 USD."""

BLOCK_INSTRUMENTS = {row.name: row for row in (BTC, ETH, CROWDED, DOGE, UNEVEN)}
