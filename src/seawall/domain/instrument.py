"""What the machine must know about one market before it can trade."""

from fractions import Fraction

from msgspec import Struct

from seawall.domain.enums import MarketMargin
from seawall.domain.units import MONEY_DECIMALS

MAIN_GROUP = ""
"""The margin group of markets that say none."""
MAIN_COLLATERAL = "USDC"


class MarginTier(Struct, frozen=True):
    """From ``lower_bound`` micro-USD of notional on, at most ``maximum_leverage``."""

    lower_bound: int
    maximum_leverage: int


class MarginFractions(Struct, frozen=True, kw_only=True):
    """Margin as parts per million of notional, without notional tiers.

    Initial margin grows with the market's open interest between the two caps (micro-USD of
    notional) up to the whole notional; an upper cap of 0 switches that off. Maintenance margin is
    ``maintenance_fraction_ppm`` of the initial margin before it grew.
    """

    initial_ppm: int
    maintenance_fraction_ppm: int
    open_interest_lower_cap: int = 0
    open_interest_upper_cap: int = 0


class BlockTerms(Struct, frozen=True, kw_only=True):
    """What a market needs under block rules, on top of what every market has.

    The machine counts order prices in ticks of ``price_step``: the quote of a fill is
    size x ticks x price_step x 10^quote_exponent micro-USD. The value of a position is
    size x oracle price x 10^value_exponent micro-USD, the oracle price in units of its own.
    """

    fractions: MarginFractions
    price_step: int = 1
    size_step: int = 1
    quote_exponent: int = 0
    value_exponent: int = 0
    own_pool: bool = False
    """Isolated market: its collateral and its insurance fund are its own."""
    default_funding_ppm: int = 0
    """Added to each funding rate, ppm of one funding period."""
    minimum_price_change_ppm: int = 1000
    oracle_decimals: int = 0
    """Decimals of the oracle price for reading: USD = price x 10^-oracle_decimals."""


class Instrument(Struct, frozen=True, kw_only=True):
    """One perpetual market.

    ``tiers`` ascend from bound 0; the maintenance rate of a tier is 1 / (2 x maximum leverage).
    ``open_interest_cap`` is micro-USD of notional, 0 for none. ``impact_notional`` micro-USD.
    ``group``: the margin group; an account measures its cross margin for each group apart, or for
    all groups of one ``collateral`` together. Where the collateral is not the dollar, micro-USD
    everywhere means millionths of it.
    """

    name: str
    size_decimals: int
    tiers: tuple[MarginTier, ...]
    margin: MarketMargin = MarketMargin.ANY_MODE
    open_interest_cap: int = 0
    impact_notional: int = 6_000_000_000
    delisted: bool = False
    group: str = MAIN_GROUP
    collateral: str = MAIN_COLLATERAL
    block_terms: BlockTerms | None = None
    """Required by block rules, ignored by others."""

    @property
    def price_decimals(self) -> int:
        return MONEY_DECIMALS - self.size_decimals

    def size_step(self, *, in_blocks: bool) -> int:
        """The smallest step of a size, size units; other rules than those of blocks have one."""
        return self.block_terms.size_step if in_blocks and self.block_terms is not None else 1

    @property
    def price_unit(self) -> Fraction:
        """USD of one unit of an order price."""
        return self.quote_unit / Fraction(10) ** (MONEY_DECIMALS - self.size_decimals)

    @property
    def quote_unit(self) -> Fraction:
        """Micro-USD that a size of one unit costs at an order price of one unit."""
        terms = self.block_terms
        if terms is None:
            return Fraction(1)
        return terms.price_step * Fraction(10) ** terms.quote_exponent

    @property
    def oracle_unit(self) -> Fraction:
        """USD of one unit of an oracle price."""
        terms = self.block_terms
        decimals = self.price_decimals if terms is None else terms.oracle_decimals
        return Fraction(1) / Fraction(10) ** decimals

    @property
    def tick_decimals(self) -> int:
        """Decimals of USD that an order price has."""
        return _decimals(self.price_unit)

    @property
    def step_decimals(self) -> int:
        """Decimals that the size of an order has."""
        step = 1 if self.block_terms is None else self.block_terms.size_step
        return _decimals(Fraction(step) / Fraction(10) ** self.size_decimals)

    @property
    def maximum_leverage(self) -> int:
        return self.tiers[0].maximum_leverage


def _decimals(value: Fraction) -> int:
    """How many decimals a finite decimal fraction has."""
    decimals = 0
    while 10**decimals % value.denominator:
        decimals += 1
    return decimals
