"""The premium of a market's book over its oracle price, under block rules.

Prices are quotients here: micro-USD for a size, so that nothing is rounded before the premium.
"""

from seawall.domain.codes import BUY, SELL
from seawall.domain.units import PPM
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.fills import covers_whole_order
from seawall.engine.formulas.blocks.fractions import clamp_bound_ppm
from seawall.engine.formulas.blocks.scaling import times_power
from seawall.engine.formulas.blocks.valuation import fill_value
from seawall.engine.formulas.shared.depth import best_opposite, next_opposite
from seawall.engine.formulas.shared.fixed_point import mul_div_ceil
from seawall.engine.formulas.shared.wide import compare_sums
from seawall.engine.tables import State, block_market_at, block_rules, level_at, market_at, order_at


@kernel
def level_terms(s: State, market: int, level: int) -> tuple[int, int]:
    """(quote, size) whose quotient is the exact price of a level."""
    terms = block_market_at(s, market)
    subticks = level_at(s, level).price * terms.price_step
    if terms.quote_exponent < 0:
        return subticks, times_power(1, -terms.quote_exponent)
    return times_power(subticks, terms.quote_exponent), 1


@kernel
def impact_terms(s: State, market: int, side: int, notional: int) -> tuple[int, int, bool]:
    """(quote, size, enough): an order of ``side`` gets ``size`` for ``notional`` micro-USD.

    Orders are taken best first, each for its own quote rounded down; those whose owner could not
    bear the whole of them are passed over. The size is rounded up. For a notional of 0 it is the
    best price. ``enough`` is False, and the size 0, where the book is too thin.
    """
    level = best_opposite(s, market, side)
    if notional == 0 and level >= 0:
        quote, size = level_terms(s, market, level)
        return quote, size, True
    left = notional
    size = 0
    while level >= 0:
        row = level_at(s, level)
        slot = row.first
        while slot >= 0:
            order = order_at(s, slot)
            if covers_whole_order(s, slot):
                quote = fill_value(s, market, order.remaining_size, row.price)
                if left <= quote:
                    size += mul_div_ceil(order.remaining_size, left, quote)
                    return notional, size, True
                left -= quote
                size += order.remaining_size
            slot = order.next
        level = next_opposite(s, market, side, row.price)
    return notional, 0, False


@kernel
def compare_share(ppm: int, quote: int, size: int, price: int, exponent: int) -> int:
    """-1, 0 or 1: ``ppm`` of the oracle price against quote / size; exact, all at least 0.

    One size unit is worth price x 10^exponent micro-USD.
    """
    above = times_power(1, max(exponent, 0))
    below = times_power(1, max(-exponent, 0))
    return compare_sums(ppm, size, price, above, 0, 0, 0, 0, PPM, quote, below, 1)


@kernel
def premium_ppm(quote: int, size: int, price: int, exponent: int, bound: int) -> int:
    """Premium of quote / size over the oracle price, truncated toward zero, within +- ``bound``.

    Found by bisection, for the products pass 128 bits. Price as in ``compare_share``.
    """
    sign = -compare_share(PPM, quote, size, price, exponent)
    if sign == 0:
        return 0
    lowest = 0
    highest = bound if sign > 0 else min(bound, PPM)
    while lowest < highest:
        middle = (lowest + highest + 1) // 2
        if compare_share(PPM + sign * middle, quote, size, price, exponent) == sign:
            highest = middle - 1
        else:
            lowest = middle
    return sign * lowest


@kernel
def compare_with_level(s: State, market: int, level: int) -> int:
    """-1, 0 or 1: the oracle price against the price of a level, exact."""
    quote, size = level_terms(s, market, level)
    price = market_at(s, market).oracle_price
    return compare_share(PPM, quote, size, price, block_market_at(s, market).value_exponent)


@kernel
def price_premium(s: State, market: int) -> int:
    """The market's vote, ppm: how far the impact price lies beyond the oracle price.

    Only the side counts whose best price is beyond the oracle, and only if its impact price is
    too. Truncated toward zero, then bounded by the market's margin fractions. The market must
    have an oracle price.
    """
    row = market_at(s, market)
    terms = block_market_at(s, market)
    if row.bid_level >= 0 and compare_with_level(s, market, row.bid_level) < 0:
        side = SELL
    elif row.ask_level >= 0 and compare_with_level(s, market, row.ask_level) > 0:
        side = BUY
    else:
        return 0
    quote, size, enough = impact_terms(s, market, side, row.impact_notional)
    if not enough:
        return 0
    bound = clamp_bound_ppm(
        block_rules(s).vote_clamp_ppm, terms.initial_ppm, terms.maintenance_fraction_ppm
    )
    premium = premium_ppm(quote, size, row.oracle_price, terms.value_exponent, bound)
    return max(0, premium) if side == SELL else min(0, premium)
