"""What positions and fills of a market are worth, under block rules.

One oracle price values everything. It has units of its own; order prices are ticks.
"""

from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.scaling import (
    fill_quote,
    notional_of,
    scaled_floor,
)
from seawall.engine.tables import State, block_market_at, market_at


@kernel
def position_value(s: State, market: int, size: int) -> int:
    """Signed micro-USD of a signed size at the oracle price, truncated toward zero."""
    exponent = block_market_at(s, market).value_exponent
    return notional_of(size, market_at(s, market).oracle_price, exponent)


@kernel
def fill_value(s: State, market: int, size: int, ticks: int) -> int:
    """Micro-USD of a fill of ``size`` >= 0 at ``ticks``, rounded down."""
    terms = block_market_at(s, market)
    return fill_quote(size, ticks * terms.price_step, terms.quote_exponent)


@kernel
def oracle_ticks(s: State, market: int, up: bool) -> int:
    """The oracle price in ticks, rounded up or down."""
    terms = block_market_at(s, market)
    price = market_at(s, market).oracle_price
    exponent = terms.value_exponent - terms.quote_exponent
    if up:
        return -(scaled_floor(-price, 1, exponent) // terms.price_step)
    return scaled_floor(price, 1, exponent) // terms.price_step
