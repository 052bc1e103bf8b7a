"""The prices that trigger conditional orders when a block is committed."""

from seawall.domain.units import MAX_PRICE, PPM
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.scaling import scaled_floor
from seawall.engine.formulas.blocks.valuation import oracle_ticks
from seawall.engine.tables import State, block_market_at, block_rules, market_at


@kernel
def _moved_oracle(s: State, market: int, ppm: int, up: bool) -> int:
    """The oracle price x ppm / 10^6 in ticks."""
    terms = block_market_at(s, market)
    exponent = terms.value_exponent - terms.quote_exponent - 6
    price = market_at(s, market).oracle_price
    if up:
        return -(scaled_floor(-price, ppm, exponent) // terms.price_step)
    return scaled_floor(price, ppm, exponent) // terms.price_step


@kernel
def trigger_range(s: State, market: int) -> tuple[int, int]:
    """(low, high) in ticks: a trigger from above fires at or above low, one from below at high.

    The oracle, and the block's lowest and highest trade within a clamp around it; what falls
    is rounded up, what rises down.
    """
    terms = block_market_at(s, market)
    low = oracle_ticks(s, market, True)
    high = oracle_ticks(s, market, False)
    if terms.lowest_trade > 0:
        reach = block_rules(s).trade_clamp_factor * terms.minimum_price_change_ppm
        floor = _moved_oracle(s, market, max(0, PPM - reach), True)
        ceiling = _moved_oracle(s, market, PPM + reach, False)
        low = min(low, max(terms.lowest_trade, floor))
        high = max(high, min(terms.highest_trade, ceiling))
    return max(1, low), min(MAX_PRICE, high)
