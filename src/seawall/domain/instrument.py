"""What the machine must know about one market before it can trade."""

from msgspec import Struct

from seawall.domain.enums import MarketMargin
from seawall.domain.units import MONEY_DECIMALS


class MarginTier(Struct, frozen=True):
    """From ``lower_bound`` micro-USD of notional on, at most ``maximum_leverage``."""

    lower_bound: int
    maximum_leverage: int


class Instrument(Struct, frozen=True, kw_only=True):
    """One perpetual market.

    ``tiers`` ascend from bound 0; the maintenance rate of a tier is 1 / (2 x maximum leverage).
    ``open_interest_cap`` is micro-USD of notional, 0 for none. ``impact_notional`` micro-USD.
    """

    name: str
    size_decimals: int
    tiers: tuple[MarginTier, ...]
    margin: MarketMargin = MarketMargin.ANY_MODE
    open_interest_cap: int = 0
    impact_notional: int = 6_000_000_000
    delisted: bool = False

    @property
    def price_decimals(self) -> int:
        return MONEY_DECIMALS - self.size_decimals

    @property
    def maximum_leverage(self) -> int:
        return self.tiers[0].maximum_leverage
