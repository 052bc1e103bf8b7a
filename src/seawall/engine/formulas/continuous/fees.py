"""Fees of a fill and the rates an account pays."""

from seawall.domain.units import RATE_ONE
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.shared.fees import volume_of_days
from seawall.engine.formulas.shared.fixed_point import mul_div_floor, rate_of
from seawall.engine.tables import State, account_at, account_history_at, fee_tier_at, rules


@inline
def fee_of(notional: int, rate: int) -> int:
    """Fee of a fill, truncated; negative for a rebate."""
    return rate_of(notional, rate)


@kernel
def discounted(rate: int, staking_discount: int, referral_discount: int) -> int:
    """A positive rate after both discounts, truncated to 1e-9; rebates are not discounted."""
    if rate <= 0:
        return rate
    rate = rate * (RATE_ONE - staking_discount) // RATE_ONE
    return rate * (RATE_ONE - referral_discount) // RATE_ONE


@kernel
def fee_tier_of(s: State, volume: int) -> int:
    """The last fee tier whose bound the volume is strictly above."""
    tier = 0
    count = rules(s).fee_tier_count
    while tier + 1 < count and volume > fee_tier_at(s, tier + 1).volume_above:
        tier += 1
    return tier


@kernel
def window_volume(s: State, account: int, maker_only: bool) -> int:
    """Volume of the days in the fee window."""
    taker, maker = volume_of_days(s, account, rules(s).fee_history_days)
    return maker if maker_only else taker + maker


@kernel
def rebate_rate(s: State, maker_volume: int, venue_maker_volume: int) -> int:
    """The maker rate earned by the share of the venue's maker volume, 0 for none."""
    if venue_maker_volume <= 0:
        return 0
    row = rules(s)
    share = mul_div_floor(maker_volume, RATE_ONE, venue_maker_volume)
    if row.maker_share_3 > 0 and share > row.maker_share_3:
        return row.maker_rebate_3
    if row.maker_share_2 > 0 and share > row.maker_share_2:
        return row.maker_rebate_2
    if row.maker_share_1 > 0 and share > row.maker_share_1:
        return row.maker_rebate_1
    return 0


@inline
def open_order_limit(s: State, account: int) -> int:
    """How many orders an account may have open, from its cumulative volume."""
    row = rules(s)
    limit = row.open_orders_base
    if row.open_orders_volume_step > 0:
        owner = account_at(s, account)
        # A child's volume is its parent's, from the end of the day on.
        today = owner.day_taker_volume + owner.day_maker_volume if owner.parent < 0 else 0
        volume = account_history_at(s, account).total_volume + today
        limit += volume // row.open_orders_volume_step
    return min(limit, row.open_orders_maximum)
