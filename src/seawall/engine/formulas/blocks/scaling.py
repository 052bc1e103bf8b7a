"""Conversions by powers of ten and by parts per million; each names its rounding.

Sizes are base quantums, quotes micro-USD. A price is either the oracle's (value = size x price x
10^exponent) or subticks, the unit of order prices: ticks x ``price_step``. Results saturate at
2^62. A power of ten beyond 10^18 is applied in steps: rounding twice in the same direction equals
rounding once.
"""

from seawall.domain.units import PPM
from seawall.engine.compile import kernel
from seawall.engine.formulas.shared.fixed_point import (
    divide_toward_zero,
    mul_div_ceil,
    mul_div_floor,
    mul_div_toward_zero,
)

MOST = 18
POWERS: tuple[int, ...] = tuple(10**exponent for exponent in range(MOST + 1))


@kernel
def times_power(value: int, exponent: int) -> int:
    """value x 10^exponent, for exponent >= 0."""
    while exponent > MOST:
        value = mul_div_toward_zero(value, POWERS[MOST], 1)
        exponent -= MOST
    return mul_div_toward_zero(value, POWERS[exponent], 1)


@kernel
def scaled_toward_zero(a: int, b: int, exponent: int) -> int:
    """a x b x 10^exponent, truncated toward zero."""
    if exponent >= 0:
        return times_power(mul_div_toward_zero(a, b, 1), exponent)
    if exponent >= -MOST:
        return mul_div_toward_zero(a, b, POWERS[-exponent])
    value = mul_div_toward_zero(a, b, POWERS[MOST])
    exponent += MOST
    while exponent < -MOST:
        value = divide_toward_zero(value, POWERS[MOST])
        exponent += MOST
    return divide_toward_zero(value, POWERS[-exponent])


@kernel
def scaled_floor(a: int, b: int, exponent: int) -> int:
    """a x b x 10^exponent, rounded down."""
    if exponent >= 0:
        return times_power(mul_div_toward_zero(a, b, 1), exponent)
    if exponent >= -MOST:
        return mul_div_floor(a, b, POWERS[-exponent])
    value = mul_div_floor(a, b, POWERS[MOST])
    exponent += MOST
    while exponent < -MOST:
        value = value // POWERS[MOST]
        exponent += MOST
    return value // POWERS[-exponent]


@kernel
def mul_ppm(value: int, ppm: int, up: int) -> int:
    """value x ppm / 10^6, rounded toward +inf (``up`` not 0) or -inf; either may be negative."""
    if up != 0:
        return mul_div_ceil(value, ppm, PPM)
    return mul_div_floor(value, ppm, PPM)


@kernel
def notional_of(size: int, price: int, exponent: int) -> int:
    """Signed micro-USD of a signed size at an oracle price, truncated toward zero."""
    return scaled_toward_zero(size, price, exponent)


@kernel
def size_worth(quote: int, price: int, exponent: int) -> int:
    """The signed size that is worth ``quote`` at an oracle price, truncated twice.

    First by the power of ten, then by the price; 0 where there is no price. ``exponent`` as in
    ``notional_of``.
    """
    if price <= 0:
        return 0
    if exponent >= 0:
        return divide_toward_zero(scaled_toward_zero(quote, 1, -exponent), price)
    if exponent >= -MOST:
        return mul_div_toward_zero(quote, POWERS[-exponent], price)
    return mul_div_toward_zero(times_power(quote, -exponent - MOST), POWERS[MOST], price)


@kernel
def fill_quote(size: int, subticks: int, exponent: int) -> int:
    """Micro-USD that a fill of ``size`` costs, rounded down: 0 for dust."""
    return scaled_floor(size, subticks, exponent)


@kernel
def average_price(quote: int, size: int, exponent: int) -> tuple[int, int]:
    """(numerator, denominator) of the subticks at which ``size`` > 0 costs ``quote``, exact."""
    if exponent < 0:
        return times_power(quote, -exponent), size
    return quote, times_power(size, exponent)


@kernel
def oracle_in_subticks(price: int, exponent: int) -> tuple[int, int]:
    """(numerator, denominator) of an oracle price in subticks, exact.

    ``exponent``: the value exponent less the quote exponent of the market.
    """
    if exponent < 0:
        return price, times_power(1, -exponent)
    return times_power(price, exponent), 1


@kernel
def subticks_to_oracle(subticks: int, exponent: int) -> int:
    """The oracle price of a price in subticks, rounded down; as ``oracle_in_subticks``."""
    return scaled_floor(subticks, 1, -exponent)


@kernel
def rounded_ratio(numerator: int, denominator: int, up: int) -> int:
    """numerator / denominator rounded toward +inf (``up`` not 0) or -inf; any signs, not by 0."""
    if denominator < 0:
        numerator = -numerator
        denominator = -denominator
    if up != 0:
        return -((-numerator) // denominator)
    return numerator // denominator


@kernel
def divide_ceil(a: int, b: int) -> int:
    """a / b rounded toward +inf; any signs, b not 0."""
    return rounded_ratio(a, b, 1)


@kernel
def multiple_of(value: int, step: int, up: int) -> int:
    """The multiple of ``step`` > 0 next to ``value``, above (``up`` not 0) or below."""
    return rounded_ratio(value, step, up) * step
