"""Fee rates under block rules: from trailing volume, the market's discount and what is staked.

Rates are ppm of a fill's quote, rebates are negative. Volumes are micro-USD. A child account has
the volume and the fee standing of its root.
"""

from seawall.domain.units import PPM
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.scaling import mul_ppm
from seawall.engine.formulas.shared.fees import root_of, volume_of_days
from seawall.engine.formulas.shared.fixed_point import mul_div_toward_zero
from seawall.engine.formulas.shared.wide import compare_products
from seawall.engine.tables import (
    State,
    account_at,
    block_account_at,
    block_market_at,
    block_rules,
    control,
    staking_level_at,
    volume_tier_at,
)

RATE_PER_PPM = 1_000
"""Rates of accounts are kept in units of 1e-9."""


@kernel
def fee_volumes(s: State, account: int) -> tuple[int, int]:
    """(taker, maker) micro-USD of the account's root: today and the days of the fee window.

    Of other children of the root only what was gathered at the last evaluation is in it.
    """
    root = root_of(s, account)
    owner = account_at(s, root)
    taker, maker = volume_of_days(s, root, block_rules(s).fee_history_days)
    taker += owner.day_taker_volume
    maker += owner.day_maker_volume
    if root != account:
        child = account_at(s, account)
        taker += child.day_taker_volume
        maker += child.day_maker_volume
    return taker, maker


@kernel
def _has_share(volume: int, total: int, share_ppm: int) -> bool:
    """Whether a volume reaches the share of the total, the share's amount rounded down."""
    return compare_products(volume + 1, PPM, total, share_ppm) > 0


@kernel
def volume_tier_of(
    s: State,
    taker_volume: int,
    maker_volume: int,
    total_volume: int,
    is_vault: int,
    is_referred: int,
) -> int:
    """The fee tier (row) of volumes in the window, micro-USD; ``total_volume``: the venue's.

    The last tier before the first one whose requirement is not met; the first tier has none.
    A vault has the last; a referred account at least the rules' tier for those.
    """
    chain = block_rules(s)
    last = chain.volume_tier_count - 1
    if is_vault != 0:
        return last
    volume = taker_volume + maker_volume
    tier = 0
    for place in range(last + 1):
        asked = volume_tier_at(s, place)
        if (
            volume < asked.volume
            or not _has_share(volume, total_volume, asked.total_share_ppm)
            or not _has_share(maker_volume, total_volume, asked.maker_share_ppm)
        ):
            break
        tier = place
    if is_referred != 0:
        return max(tier, min(chain.referred_tier, last))
    return tier


@kernel
def fee_tier_of_account(s: State, account: int) -> int:
    """The fee tier (row) that the account's volume and standing give it now."""
    taker, maker = fee_volumes(s, account)
    standing = block_account_at(s, root_of(s, account))
    total = block_rules(s).total_taker_volume
    return volume_tier_of(s, taker, maker, total, standing.vault, standing.referred)


@kernel
def staking_discount_ppm(s: State, tier: int, staked: int) -> int:
    """Discount of the highest level of a fee tier that the stake reaches, ppm; 0 for none."""
    row = volume_tier_at(s, tier)
    discount = 0
    for place in range(row.first_level, row.first_level + row.level_count):
        level = staking_level_at(s, place)
        if staked < level.staked:
            break
        discount = level.discount_ppm
    return discount


@kernel
def charge_ppm_of(s: State, market: int) -> int:
    """Share of fees charged in a market at the clock, ppm: not all of them in [from, until)."""
    terms = block_market_at(s, market)
    clock = control(s).clock_ms
    if terms.charge_from_ms <= clock and clock < terms.charge_until_ms:
        return terms.charge_ppm
    return PPM


@kernel
def tier_ppm(s: State, tier: int, is_taker: bool) -> int:
    """Rate of a fee tier, ppm."""
    row = volume_tier_at(s, tier)
    return row.taker_ppm if is_taker else row.maker_ppm


@kernel
def fee_ppm(s: State, account: int, market: int, is_taker: bool) -> int:
    """The rate charged for a fill, ppm, each discount truncated toward zero.

    The market's discount makes rebates smaller too; the discount for staking is for fees only.
    """
    tier = fee_tier_of_account(s, account)
    ppm = mul_div_toward_zero(tier_ppm(s, tier, is_taker), charge_ppm_of(s, market), PPM)
    if ppm <= 0:
        return ppm
    staked = block_account_at(s, root_of(s, account)).staked
    return mul_div_toward_zero(ppm, PPM - staking_discount_ppm(s, tier, staked), PPM)


@kernel
def charged_fee(quote: int, ppm: int) -> int:
    """Fee of a fill of ``quote`` micro-USD, rounded up; a rebate is negative, and smaller by it."""
    return mul_ppm(quote, ppm, 1)


@kernel
def lowest_maker_ppm(s: State) -> int:
    """The lowest maker rate of all fee tiers, ppm: the largest rebate where there is one."""
    lowest = volume_tier_at(s, 0).maker_ppm
    for tier in range(1, block_rules(s).volume_tier_count):
        lowest = min(lowest, volume_tier_at(s, tier).maker_ppm)
    return lowest
