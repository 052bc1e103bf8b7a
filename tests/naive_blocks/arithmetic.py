"""Exact numbers of the rules: what is rounded says where to.

Prices of orders are ticks; a tick is ``price_step`` of the units in which the venue writes prices.
"""

from fractions import Fraction
from math import ceil, floor, trunc

from .state import PPM, Market

Number = int | Fraction


def power(exponent: int) -> Fraction:
    return Fraction(10) ** exponent


def mul_ppm(value: int, ppm: int, up: bool) -> int:
    """value x ppm / 10^6, up to +infinity or down to -infinity."""
    exact = Fraction(value * ppm, PPM)
    return ceil(exact) if up else floor(exact)


def value_of(market: Market, size: int) -> int:
    """Notional at the oracle price, signed, toward zero."""
    return trunc(size * market.oracle * power(market.terms.value_exponent))


def size_worth(market: Market, quote: int) -> int:
    """The size a notional is worth: truncated by the power of ten, then by the price."""
    return trunc(Fraction(trunc(quote * power(-market.terms.value_exponent)), market.oracle))


def tick_value(market: Market) -> Fraction:
    """What one size unit costs for each tick of the price."""
    return market.terms.price_step * power(market.terms.quote_exponent)


def fill_quote(market: Market, size: int, ticks: int) -> int:
    """What a fill costs, down."""
    return floor(size * ticks * tick_value(market))


def oracle_ticks(market: Market) -> Fraction:
    """The oracle price in ticks, exact."""
    return market.oracle * power(market.terms.value_exponent) / tick_value(market)


def to_step(size: int, step: int) -> int:
    return size // step * step


def median(values: list[int]) -> int:
    """The middle one, or the mean of the middle two rounded away from zero."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    mean = Fraction(ordered[middle - 1] + ordered[middle], 2)
    return floor(mean) if mean < 0 else ceil(mean)


def average(values: list[int]) -> int:
    """The mean, toward zero."""
    return trunc(Fraction(sum(values), len(values))) if values else 0
