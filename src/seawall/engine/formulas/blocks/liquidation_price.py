"""The price of one market at which an account under block rules is liquidated.

For views only: plain Python integers without bound, never compiled; the machine itself compares net
collateral with the requirement at each oracle price and needs no such price.

Symbols: q signed size, p oracle price in units of its own, k = q 10^exponent micro-USD for one of
them, e net collateral, O the requirement of the other positions, f the fraction. The prices of all
other markets are fixed. Values are truncated and requirements rounded up to whole micro-USD, so the
boundary is a price of the grid: the first one, coming from the safe side, with e < O + M. Let g be
net collateral less the requirement. As p rises by a unit the notional rises by a whole number n of
micro-USD and the requirement by at most n (fractions are at most one, and rounding up twice does
not change that). So g never falls for a long and never rises for a short, and one search finds the
boundary exactly. Where equity is zero or the initial requirement is of no consequence for the
machine, so those prices are exact fractions without rounding.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from seawall.domain.instrument import BlockTerms
from seawall.domain.units import MAX_NOTIONAL, PPM

Ratio = tuple[int, int]
"""Numerator and positive denominator."""

LARGEST_PRICE = 10**15
"""USD. Beyond it there is no price."""


def value_of(terms: BlockTerms, signed_size: int, price: int) -> int:
    """Signed micro-USD of a size at an oracle price, truncated toward zero."""
    value = int(abs(signed_size) * price * Fraction(10) ** terms.value_exponent)
    return value if signed_size > 0 else -value


class BlockPosition(NamedTuple):
    """A position and the account that holds it. ``equity``: its net collateral, micro-USD.

    ``others_maintenance``: the requirement of its other positions. ``initial_ppm``: the fraction
    that its initial margin has now. ``order_unit``: units of the oracle price in one of an order's.
    """

    signed_size: int
    oracle_price: int
    equity: int
    others_maintenance: int
    terms: BlockTerms
    initial_ppm: int
    order_unit: Fraction

    @property
    def notional(self) -> int:
        """Unsigned, micro-USD."""
        return abs(self.value_at(self.oracle_price))

    def value_at(self, price: int) -> int:
        """Signed micro-USD at an oracle price."""
        return value_of(self.terms, self.signed_size, price)

    def maintenance_at(self, price: int) -> int:
        """Micro-USD of the position's own requirement, each product rounded up."""
        fractions = self.terms.fractions
        initial = _share_up(abs(self.value_at(price)), fractions.initial_ppm)
        return _share_up(initial, fractions.maintenance_fraction_ppm)

    def liquidation(self) -> Ratio | None:
        """In units of order prices; None where no price liquidates, or every one does."""
        most = int(LARGEST_PRICE * Fraction(10) ** self.terms.oracle_decimals)
        most = min(most, int(Fraction(MAX_NOTIONAL, self._per_unit)))
        now = self.equity - self.value_at(self.oracle_price)

        def is_liquidated(price: int) -> bool:
            requirement = self.others_maintenance + self.maintenance_at(price)
            return requirement > 0 and now + self.value_at(price) < requirement

        is_long = self.signed_size > 0
        holds: Callable[[int], bool] = is_liquidated
        if not is_long:
            holds = lambda price: not is_liquidated(price)  # noqa: E731
        guess = self._where(self.others_maintenance, self._maintenance_share)
        near = self.oracle_price if guess is None else int(guess)
        last = last_that(holds, near, most)
        price = last if is_long else last + 1
        if not 1 <= price <= most or last == (most if is_long else 0):
            return None
        return self._in_orders(Fraction(price))

    def bankruptcy(self) -> Ratio | None:
        """Where net collateral is zero; None below zero."""
        return self._in_orders(self._where(0, Fraction(0)))

    def initial(self, initial_margin: int, leverage: Fraction | int) -> Ratio | None:
        """Where net collateral is the account's initial requirement, now ``initial_margin``."""
        share = Fraction(self.initial_ppm, PPM)
        return self._in_orders(self._where(initial_margin - self.notional * share, share))

    @property
    def _per_unit(self) -> Fraction:
        """Micro-USD by which the notional moves with one unit of the oracle price."""
        return abs(self.signed_size) * Fraction(10) ** self.terms.value_exponent

    @property
    def _maintenance_share(self) -> Fraction:
        fractions = self.terms.fractions
        return Fraction(fractions.initial_ppm * fractions.maintenance_fraction_ppm, PPM * PPM)

    def _where(self, others: int | Fraction, share: Fraction) -> Fraction | None:
        """The oracle price at which net collateral is ``others`` and a share of the notional."""
        side = 1 if self.signed_size > 0 else -1
        slope = self._per_unit * (side - share)
        if not slope:
            return None
        return Fraction(others - self.equity + side * self._per_unit * self.oracle_price, slope)

    def _in_orders(self, price: Fraction | None) -> Ratio | None:
        if price is None or price <= 0:
            return None
        return Fraction(price, self.order_unit).as_integer_ratio()


def _share_up(amount: int, ppm: int) -> int:
    return -(-amount * ppm // PPM)


def last_that(holds: Callable[[int], bool], guess: int, most: int) -> int:
    """The last of 1, 2, ..., ``most`` for which ``holds``, which is true up to some number and
    false from there on; 0 where it is never true. Quick where ``guess`` is near."""
    low, high = 0, most + 1
    at, step = min(max(guess, 1), most), 1
    while high - low > 1:
        if holds(at):
            low = at
        else:
            high = at
        if low > 0 and high <= most:
            at = (low + high) // 2
        elif low > 0:
            at = min(low + step, most)
        else:
            at = max(high - step, 1)
        step *= 2
    return low
