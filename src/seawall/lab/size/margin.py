"""Margin of one position in a bucket of its own, under either kind of rules, as exact integers.

With tiers of notional the formulas are the machine's own view of them
(``formulas/continuous/liquidation_price``). With fractions of notional (block rules) each
product is rounded up as in ``formulas/blocks/fractions``, and the liquidation price is the first
price of the grid that liquidates. That initial margin grows with a market's open interest under
those rules is left out: the open interest is not known here.

Markets have plain units here: price x size is micro-USD.
"""

from fractions import Fraction

from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import MONEY_DECIMALS, PPM
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    liquidation_price,
    maintenance_tiers,
    truncated_maintenance,
)

LARGEST_FACTOR = 1000
"""A liquidation price beyond so many times the present one is none."""


class TierRule:
    """Rates by tier of notional: 1 / (2 x maximum leverage of the tier).

    Money in micro-USD, prices in the market's price units.
    """

    maintenance_share = Fraction(1, 2)
    """Maintenance margin as a share of initial margin at the most leverage."""

    def __init__(self, instrument: Instrument) -> None:
        self._tiers = instrument.tiers
        self._lines = maintenance_tiers(instrument.tiers)
        self._price_decimals = instrument.price_decimals

    def maintenance(self, notional: int) -> int:
        """Maintenance margin of a notional, rounded as the machine does."""
        return truncated_maintenance(self._lines, notional)

    def most_leverage(self, notional: int) -> int:
        """The highest whole leverage that a position of this notional may have."""
        return max(
            (tier for tier in self._tiers if tier.lower_bound <= notional),
            key=lambda tier: tier.lower_bound,
        ).maximum_leverage

    def initial(self, notional: int, leverage: int) -> int:
        """Margin that opening a position at this leverage sets aside."""
        return notional // leverage

    def liquidation_price(self, signed_size: int, price: int, equity: int) -> Fraction | None:
        """Where a bucket with this equity at ``price`` meets its maintenance margin, or None."""
        found = liquidation_price(
            BucketPosition(
                signed_size=signed_size,
                notional=abs(signed_size) * price,
                equity=equity,
                others_maintenance=0,
                tiers=self._lines,
                price_decimals=self._price_decimals,
            )
        )
        return None if found is None else Fraction(*found)


class FractionRule:
    """One initial fraction of the market, and maintenance as a fraction of it.

    The functions are those of ``TierRule``. Raises ValueError for units that are not plain.
    """

    def __init__(self, instrument: Instrument) -> None:
        terms = instrument.block_terms
        plain = 0 <= instrument.size_decimals <= MONEY_DECIMALS
        if terms is None or not plain or (terms.price_step, terms.value_exponent) != (1, 0):
            raise ValueError(f"{instrument.name}: counts prices and sizes in units of its own")
        self._initial_ppm = terms.fractions.initial_ppm
        self._share_ppm = terms.fractions.maintenance_fraction_ppm
        self.maintenance_share = Fraction(self._share_ppm, PPM)

    def maintenance(self, notional: int) -> int:
        initial = -(-notional * self._initial_ppm // PPM)
        return -(-initial * self._share_ppm // PPM)

    def most_leverage(self, notional: int) -> int:
        return PPM // self._initial_ppm

    def initial(self, notional: int, leverage: int) -> int:
        return -(-notional // leverage)

    def liquidation_price(self, signed_size: int, price: int, equity: int) -> Fraction | None:
        cash = equity - signed_size * price

        def is_liquidatable(at: int) -> bool:
            return cash + signed_size * at < self.maintenance(abs(signed_size) * at)

        # Worse prices are those below for a long position and those above for a short one.
        best, worst = LARGEST_FACTOR * price, 1
        if signed_size < 0:
            best, worst = worst, best
        if not is_liquidatable(worst) or is_liquidatable(best):
            return None
        while abs(best - worst) > 1:
            middle = (best + worst) // 2
            best, worst = (best, middle) if is_liquidatable(middle) else (middle, worst)
        return Fraction(worst)


MarginRule = TierRule | FractionRule


def margin_rule(rulebook: AnyRulebook, instrument: Instrument) -> MarginRule:
    """The rule of a market. Raises ValueError for units that are not plain."""
    if isinstance(rulebook, BlockRulebook):
        return FractionRule(instrument)
    return TierRule(instrument)
