"""Fee rates of a fill by the tiers of a rulebook, as an account with this volume pays them."""

from typing import NamedTuple

from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import RATE_ONE

PPM = 1_000_000
RATE_PER_PPM = RATE_ONE // PPM


class FeeRates(NamedTuple):
    """1e-9 of the value traded; a negative maker rate is a rebate. ``tier`` counts from 0."""

    taker: int
    maker: int
    tier: int

    def rate(self, kind: str) -> int:
        """``taker`` or ``maker``."""
        return self.taker if kind == "taker" else self.maker


def fee_rates(rulebook: AnyRulebook, volume: int, maker_share_ppm: int = 0) -> FeeRates:
    """The rates of an account with ``volume`` (micro-USD) in the fee window of the rules.

    ``maker_share_ppm``: its part of all maker volume of the venue, which may earn a rebate.
    Discounts for staking and referral are left out.
    """
    if isinstance(rulebook, BlockRulebook):
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
        found = rulebook.fee.tiers[tier]
        return FeeRates(found.taker_ppm * RATE_PER_PPM, found.maker_ppm * RATE_PER_PPM, tier)
    tiers = rulebook.fee.tiers
    tier = max(at for at, each in enumerate(tiers) if at == 0 or volume > each.volume_above)
    maker = tiers[tier].maker_rate
    for rebate in rulebook.fee.maker_rebates:
        if maker_share_ppm * RATE_PER_PPM > rebate.share_above:
            maker = rebate.maker_rate
    return FeeRates(tiers[tier].taker_rate, maker, tier)
