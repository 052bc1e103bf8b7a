"""Exact integer arithmetic: every division names its rounding.

Products that pass 2^63 go through 128 bits. Results are bounded by 2^62, at which they saturate;
callers bound their inputs so that a saturated value can only lose a comparison.
"""

from seawall.domain.units import RATE_ONE
from seawall.engine.compile import INTERPRETED, inline, kernel

if INTERPRETED:
    from seawall.engine.plain_arithmetic import (
        bit_is_set,
        bits_above,
        bits_below,
        highest_bit,
        lowest_bit,
        mixed_hash,
        product_fits,
        unsigned_divide,
        wide_divide,
        with_bit,
        without_bit,
    )
else:
    from seawall.engine.compiled_arithmetic import (
        bit_is_set,
        bits_above,
        bits_below,
        highest_bit,
        lowest_bit,
        mixed_hash,
        product_fits,
        unsigned_divide,
        wide_divide,
        with_bit,
        without_bit,
    )

__all__ = [
    "bit_is_set",
    "bits_above",
    "bits_below",
    "decay_factor",
    "divide",
    "divide_toward_zero",
    "highest_bit",
    "lowest_bit",
    "mixed_hash",
    "mul_div_ceil",
    "mul_div_floor",
    "mul_div_toward_zero",
    "product_fits",
    "rate_of",
    "remainder_of",
    "with_bit",
    "without_bit",
]

DECAY_ONE = 1_000_000_000_000
LN_2 = 693_147_180_560


@inline
def divide(a: int, b: int) -> int:
    """a / b rounded down, for a >= 0 and b > 0: one machine division."""
    return unsigned_divide(a, b)


@inline
def remainder_of(a: int, b: int) -> int:
    """a modulo b, for a >= 0 and b > 0."""
    return a - unsigned_divide(a, b) * b


@inline
def divide_toward_zero(a: int, b: int) -> int:
    """a / b for positive b, truncated."""
    if a >= 0:
        return unsigned_divide(a, b)
    return -unsigned_divide(-a, b)


@kernel
def mul_div_toward_zero(a: int, b: int, c: int) -> int:
    """a * b / c for positive c, truncated toward zero."""
    if product_fits(a, b):
        return divide_toward_zero(a * b, c)
    negative = (a < 0) != (b < 0)
    quotient, _ = wide_divide(abs(a), abs(b), c)
    return -quotient if negative else quotient


@kernel
def mul_div_floor(a: int, b: int, c: int) -> int:
    """a * b / c for positive c, rounded down."""
    if product_fits(a, b):
        return (a * b) // c
    negative = (a < 0) != (b < 0)
    quotient, remainder = wide_divide(abs(a), abs(b), c)
    if not negative:
        return quotient
    return -quotient - (1 if remainder > 0 else 0)


@kernel
def mul_div_ceil(a: int, b: int, c: int) -> int:
    """a * b / c for positive c, rounded up."""
    return -mul_div_floor(-a, b, c)


@inline
def rate_of(notional: int, rate: int) -> int:
    """notional x rate / 1e9 truncated, for notional >= 0; exact without 128 bits."""
    whole = divide(notional, RATE_ONE)
    rest = notional - whole * RATE_ONE
    return whole * rate + divide_toward_zero(rest * rate, RATE_ONE)


@kernel
def decay_factor(elapsed_ms: int, decay_ms: int) -> int:
    """e^(-elapsed/decay) in units of 1e-12, from integers alone so that every machine agrees.

    Range reduction by ln 2, then the series; the error is below 1e-11.
    """
    if elapsed_ms <= 0:
        return DECAY_ONE
    exponent = mul_div_floor(elapsed_ms, DECAY_ONE, decay_ms)
    halvings = exponent // LN_2
    if halvings > 39:
        return 0
    rest = exponent - halvings * LN_2
    term = DECAY_ONE
    total = DECAY_ONE
    for step in range(1, 20):
        term = mul_div_floor(term, rest, DECAY_ONE * step)
        total += -term if step % 2 == 1 else term
    return total >> halvings
