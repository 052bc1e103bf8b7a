"""The mark price: a median of the oracle with its premium, the book, and outside venues."""

from seawall.domain.codes import ORACLE_ONLY
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.shared.fixed_point import mul_div_toward_zero
from seawall.engine.tables import State, level_at, market_at, rules

AVERAGE_SCALE = 1000
WEIGHT_SCALE = 1_000_000_000
"""Sums of price x ms are kept in thousandths, of ms in 1e-9: truncation must not tilt the mark."""


@inline
def median_of_three(a: int, b: int, c: int) -> int:
    """The middle one of three values."""
    return max(min(a, b), min(max(a, b), c))


@kernel
def mid_price_doubled(s: State, market: int) -> int:
    """Best bid plus best ask (twice the mid), 0 unless both exist."""
    row = market_at(s, market)
    if row.bid_level < 0 or row.ask_level < 0:
        return 0
    return level_at(s, row.bid_level).price + level_at(s, row.ask_level).price


@kernel
def book_median(s: State, market: int) -> int:
    """Median of best bid, best ask and last trade; of what exists; 0 for nothing."""
    row = market_at(s, market)
    bid = level_at(s, row.bid_level).price if row.bid_level >= 0 else 0
    ask = level_at(s, row.ask_level).price if row.ask_level >= 0 else 0
    last = row.last_trade_price
    count = (1 if bid > 0 else 0) + (1 if ask > 0 else 0) + (1 if last > 0 else 0)
    if count == 3:
        return median_of_three(bid, ask, last)
    if count == 2:
        return (bid + ask + last) // 2
    return bid + ask + last


@inline
def decayed_average(numerator: int, denominator: int) -> int:
    """The average in price units, truncated; 0 before the first sample."""
    if denominator <= 0:
        return 0
    # A thousandth of a price unit makes good what was truncated on the way.
    lost = denominator // WEIGHT_SCALE
    fair = numerator + lost if numerator >= 0 else numerator - lost
    return mul_div_toward_zero(fair, WEIGHT_SCALE // AVERAGE_SCALE, denominator)


@kernel
def mark_of(s: State, market: int) -> int:
    """The mark price from the market's present inputs."""
    row = market_at(s, market)
    if rules(s).mark_method == ORACLE_ONLY:
        return row.oracle_price
    first = row.oracle_price + decayed_average(row.premium_numerator, row.premium_denominator)
    second = book_median(s, market)
    third = row.outside_price
    if second > 0 and third > 0:
        return max(1, median_of_three(first, second, third))
    if second == 0 and third == 0:
        return max(1, first)
    other = second if second > 0 else third
    average = decayed_average(row.mid_numerator, row.mid_denominator)
    if average > 0:
        return max(1, median_of_three(first, other, average))
    return max(1, (first + other) // 2)
