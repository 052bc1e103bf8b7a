"""The rules of blocks that cases start from, with the venue's documented numbers."""

from typing import Any

import msgspec

from seawall.domain.enums import StartingOffset
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

USD = 1_000_000
TOKEN = 1_000_000
SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

RULES = BlockRulebook(
    name="blocks",
    as_of="2026-03-04",
    block=BlockPolicy(
        block_ms=SECOND_MS,
        short_term_blocks=40,
        long_term_ms=95 * DAY_MS,
        gate_blocks=50,
        outage_ms=5 * MINUTE_MS,
    ),
    order=BlockOrderPolicy(
        equity_tiers=(
            EquityTier(20 * USD, 10),
            EquityTier(100 * USD, 20),
            EquityTier(1_000 * USD, 40),
            EquityTier(10_000 * USD, 100),
            EquityTier(100_000 * USD, 200),
        ),
        trade_clamp_factor=5,
        twap_minimum_interval_ms=30 * SECOND_MS,
        twap_maximum_interval_ms=HOUR_MS,
        twap_minimum_duration_ms=5 * MINUTE_MS,
        twap_maximum_duration_ms=DAY_MS,
        twap_catch_up_factor=3,
        twap_leg_lifetime_ms=3 * SECOND_MS,
        fills_per_command=1_000,
    ),
    fee=BlockFeePolicy(
        tiers=(
            VolumeTier("1", 0, 0, 0, 500, 100),
            VolumeTier("2", 1_000_000 * USD, 0, 0, 450, 100),
            VolumeTier("3", 5_000_000 * USD, 0, 0, 400, 50),
            VolumeTier("4", 25_000_000 * USD, 0, 0, 350, 0),
            VolumeTier("5", 50_000_000 * USD, 0, 0, 300, 0),
            VolumeTier("6", 100_000_000 * USD, 0, 0, 250, -70),
            VolumeTier("7", 200_000_000 * USD, 0, 0, 250, -110),
        ),
        staking_levels=(
            StakingLevel("1", 3_000 * TOKEN, 250_000),
            StakingLevel("1", 20_000 * TOKEN, 500_000),
            StakingLevel("2", 20_000 * TOKEN, 200_000),
            StakingLevel("2", 80_000 * TOKEN, 450_000),
        ),
        referred_tier=2,
        history_days=30,
        evaluation_ms=HOUR_MS,
    ),
    funding=BlockFundingPolicy(
        sample_ms=MINUTE_MS,
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


def block_rules(**policies: dict[str, Any]) -> BlockRulebook:
    """The rules with fields of some policies replaced: ``block_rules(funding={"tail_ppm": 0})``."""
    changed = {
        name: msgspec.structs.replace(getattr(RULES, name), **fields)
        for name, fields in policies.items()
    }
    return msgspec.structs.replace(RULES, **changed)
