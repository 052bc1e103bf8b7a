"""Premium, funding rate, payment. Rates are 1e-12."""

from seawall.domain.codes import BUY, IMPACT_MID, SELL
from seawall.domain.units import FUNDING_ONE
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.shared.depth import PRICE_SCALE, impact_price
from seawall.engine.formulas.shared.fixed_point import divide_toward_zero, mul_div_toward_zero
from seawall.engine.tables import State, market_at, rules


@inline
def clamp(value: int, bound: int) -> int:
    """The value, bounded by +- ``bound``."""
    return max(-bound, min(bound, value))


@kernel
def premium_of(method: int, impact_bid: int, impact_ask: int, oracle: int) -> int:
    """Premium of impact prices over the oracle, all in the same unit, truncated to 1e-12."""
    if method == IMPACT_MID:
        return mul_div_toward_zero(impact_bid + impact_ask - 2 * oracle, FUNDING_ONE, 2 * oracle)
    above = max(impact_bid - oracle, 0)
    below = max(oracle - impact_ask, 0)
    return mul_div_toward_zero(above - below, FUNDING_ONE, oracle)


@kernel
def premium_sample(s: State, market: int) -> int:
    """The premium of the book now; 0 where a side is too thin for the impact notional."""
    row = market_at(s, market)
    bid = impact_price(s, market, SELL, row.impact_notional)
    ask = impact_price(s, market, BUY, row.impact_notional)
    if bid <= 0 or ask <= 0 or row.oracle_price <= 0:
        return 0
    return premium_of(rules(s).premium_method, bid, ask, row.oracle_price * PRICE_SCALE)


@kernel
def rate_of_premium(premium: int, interest: int, bound: int, intervals: int, cap: int) -> int:
    """Rate of one settlement: (P + clamp(interest - P)) / intervals, truncated, then capped."""
    period = premium + clamp(interest - premium, bound)
    return clamp(divide_toward_zero(period, intervals), cap)


@kernel
def settlement_rate(s: State, market: int) -> int:
    """The rate that the hour's samples give."""
    row = market_at(s, market)
    policy = rules(s)
    premium = 0
    if row.premium_samples > 0:
        premium = divide_toward_zero(row.premium_sum, row.premium_samples)
    return rate_of_premium(
        premium,
        policy.funding_interest,
        policy.funding_clamp,
        policy.funding_intervals_per_period,
        policy.funding_cap,
    )


@inline
def funding_payment(signed_size: int, oracle_price: int, rate: int) -> int:
    """What the holder receives: -size x oracle x rate, truncated. Longs pay a positive rate."""
    return -mul_div_toward_zero(signed_size * oracle_price, rate, FUNDING_ONE)
