"""The fee rates of an account by what it traded, under any rules."""

from typing import NamedTuple

from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import PPM, RATE_ONE

RATE_PER_PPM = RATE_ONE // PPM


class FeeRates(NamedTuple):
    """1e-9 of the value traded; a negative maker rate is a rebate. ``tier`` counts from 0."""

    taker: int
    maker: int
    tier: int


def fee_tier(rulebook: AnyRulebook, volume: int, maker_share_ppm: int = 0) -> int:
    """The tier, from 0, of ``volume`` (micro-USD) in the fee window of the rules.

    ``maker_share_ppm``: its part of all maker volume of the venue.
    """
    if not isinstance(rulebook, BlockRulebook):
        tiers = enumerate(rulebook.fee.tiers)
        return max(at for at, each in tiers if at == 0 or volume > each.volume_above)
    tier = 0
    for place, asked in enumerate(rulebook.fee.tiers):
        # The share of total volume is not known here; tiers that ask for one end the climb.
        if (
            volume < asked.volume
            or asked.total_share_ppm > 0
            or maker_share_ppm < asked.maker_share_ppm
        ):
            break
        tier = place
    return tier


def fee_rates(rulebook: AnyRulebook, volume: int, maker_share_ppm: int = 0) -> FeeRates:
    """The rates of an account with ``volume`` (micro-USD) in the fee window of the rules.

    ``maker_share_ppm``: its part of all maker volume of the venue, which may earn a rebate.
    Discounts for staking and referral are left out.
    """
    tier = fee_tier(rulebook, volume, maker_share_ppm)
    if isinstance(rulebook, BlockRulebook):
        found = rulebook.fee.tiers[tier]
        return FeeRates(found.taker_ppm * RATE_PER_PPM, found.maker_ppm * RATE_PER_PPM, tier)
    maker = rulebook.fee.tiers[tier].maker_rate
    for rebate in rulebook.fee.maker_rebates:
        if maker_share_ppm * RATE_PER_PPM > rebate.share_above:
            maker = rebate.maker_rate
    return FeeRates(rulebook.fee.tiers[tier].taker_rate, maker, tier)
