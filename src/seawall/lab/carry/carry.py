"""What it costs to hold a position: fees, slippage, funding, and the price that pays for them.

The position keeps its coins, so its notional follows the price. Each settlement pays

    q x p_k x rate_k, truncated to whole micro-USD

as the machine does (``continuous/funding``), with q the signed size and p_k the price then:
a long pays a positive rate, a short receives it. What is paid leaves the bucket's equity, so that
the liquidation price moves towards the price (for the payer) with every settlement.

Leaving at p is flat where proceeds pay for everything. With N the value at the entry, F the funding
paid so far, e and x the fee rates and g and h the slippage on the way in and out:

    long:   q p (1 - h)(1 - x) = N (1 + g)(1 + e) + F
    short:  q p (1 + h)(1 + x) = N (1 - g)(1 - e) - F

An alternative is shown beside it, compounding: a position that is cut back at every settlement so
that its leverage stays what it was. Its equity is E (1 - s L r_1)(1 - s L r_2)..., at an unchanged
price and without the fees of cutting back.

Fee rates and slippage are integers of 1e-9, funding rates of 1e-12, money is micro-USD.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.units import FUNDING_ONE, RATE_ONE
from seawall.lab.size.margin import MarginRule


class CarryTrade(Struct, frozen=True, kw_only=True):
    """A position of ``size`` >= 1 units entered around ``price`` (price units).

    Rates are 1e-9 of the value traded: fees negative for a rebate, slippage never negative.
    """

    is_long: bool
    size: int
    price: int
    entry_rate: int = 0
    exit_rate: int = 0
    entry_slippage: int = 0
    exit_slippage: int = 0

    @property
    def side(self) -> int:
        return 1 if self.is_long else -1

    @property
    def side_name(self) -> str:
        return "long" if self.is_long else "short"

    @property
    def signed_size(self) -> int:
        return self.side * self.size

    @property
    def notional(self) -> int:
        """Micro-USD at the entry price, before slippage."""
        return self.size * self.price


def entry_value(trade: CarryTrade) -> Fraction:
    """What the fill on the way in is worth: N (1 + s g)."""
    return trade.notional * (1 + trade.side * Fraction(trade.entry_slippage, RATE_ONE))


def entry_cost(trade: CarryTrade) -> Fraction:
    """Fee and slippage of the way in, micro-USD."""
    value = entry_value(trade)
    fee = value * Fraction(trade.entry_rate, RATE_ONE)
    return fee + abs(value - trade.notional)


def exit_cost(trade: CarryTrade, price: Fraction) -> Fraction:
    """Fee and slippage of the way out at a price (price units), micro-USD."""
    worth = trade.size * price
    value = worth * (1 - trade.side * Fraction(trade.exit_slippage, RATE_ONE))
    return value * Fraction(trade.exit_rate, RATE_ONE) + abs(worth - value)


def funding_payment(trade: CarryTrade, price: int, rate: int) -> int:
    """Micro-USD that one settlement takes at a price; negative when it is received."""
    product = trade.size * price * rate
    paid = abs(product) // FUNDING_ONE * (1 if product >= 0 else -1)
    return trade.side * paid


def funding_paid(
    trade: CarryTrade, rates: Sequence[int], prices: Sequence[int] | None = None
) -> list[int]:
    """Micro-USD paid in all after each of n settlements; ``prices``: n, the entry's if None."""
    paid = 0
    found = []
    for number, rate in enumerate(rates):
        paid += funding_payment(trade, trade.price if prices is None else prices[number], rate)
        found.append(paid)
    return found


def break_even_price(trade: CarryTrade, paid: int) -> Fraction:
    """The price (price units) at which leaving is flat after ``paid`` micro-USD of funding.

    Zero or below for a short whose costs are more than it was sold for: no price is.
    """
    side = trade.side
    value = entry_value(trade)
    owed = value * (1 + side * Fraction(trade.entry_rate, RATE_ONE)) + side * paid
    kept = 1 - side * Fraction(trade.exit_slippage, RATE_ONE)
    kept *= 1 - side * Fraction(trade.exit_rate, RATE_ONE)
    return owed / (trade.size * kept)


def break_even_move(trade: CarryTrade, paid: int) -> Fraction:
    """How far the price has to go in the trade's favour to be flat, as a share of the entry."""
    return trade.side * (break_even_price(trade, paid) / trade.price - 1)


def bucket_equity(trade: CarryTrade, margin: int, paid: int) -> int:
    """What an isolated bucket owns at the entry price after costs and funding, rounded down."""
    return int((margin - entry_cost(trade) - paid) // 1)


def liquidation_price(
    rule: MarginRule, trade: CarryTrade, margin: int, paid: int
) -> Fraction | None:
    """Price units where the bucket is liquidated after ``paid`` of funding; None for none."""
    equity = bucket_equity(trade, margin, paid)
    return rule.liquidation_price(trade.signed_size, trade.price, equity)


def settlements_until_liquidation(
    rule: MarginRule, trade: CarryTrade, margin: int, paid: Sequence[int]
) -> int | None:
    """How many of n settlements until the bucket is under its maintenance margin at the entry
    price: 0 for at once, None for never in these. ``paid``: as ``funding_paid`` gives it."""
    needed = rule.maintenance(trade.notional)
    for count, each in enumerate([0, *paid]):
        if bucket_equity(trade, margin, each) < needed:
            return count
    return None


def settlements_of_constant(equity: int, needed: int, payment: int) -> int | None:
    """The same for a constant payment from now on, without bound; None when nothing is paid."""
    if equity < needed:
        return 0
    if payment <= 0:
        return None
    return (equity - needed) // payment + 1


def equity_at_constant_leverage(
    equity: float, leverage: float, rates: Sequence[int], *, is_long: bool
) -> NDArray[np.float64]:
    """Equity (in the unit it is given in) after each of n settlements of a position that is cut
    back to the same leverage each time; 0 from where it is used up."""
    side = 1 if is_long else -1
    factors = 1.0 - side * leverage * np.asarray(rates, dtype=np.float64) / FUNDING_ONE
    return np.asarray(equity * np.cumprod(np.maximum(factors, 0.0)), dtype=np.float64)


def straight_prices(price: int, move: Fraction, count: int) -> list[int]:
    """n prices (price units) on a straight line that ends ``move`` away, at least one unit each."""
    return [max(1, round(price * (1 + move * Fraction(k, count)))) for k in range(1, count + 1)]
