"""The interpreted half of ``formulas/shared/fixed_point`` and ``formulas/shared/wide``.

The numbers of a state are NumPy's: they raise or saturate where the compiled ones end. A state
whose numbers are Python's own ``int`` has no such end (a wide run): nothing saturates then, so
that cases beyond 64 bits can be asked of the same kernels.
"""

from typing import cast

import numpy as np

_MASK = 2**64 - 1


def _numpy(value: int) -> int:
    """The number as NumPy's, like those of a state: it ends where a compiled one does."""
    return cast(int, np.int64(value))


def _signed(bits: int) -> int:
    return _numpy(bits - 2**64 if bits >= 2**63 else bits)


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def lowest_bit(bits: int) -> int:
    unsigned = int(bits) & _MASK
    return (unsigned & -unsigned).bit_length() - 1


def highest_bit(bits: int) -> int:
    return (int(bits) & _MASK).bit_length() - 1


def product_fits(a: int, b: int) -> bool:
    if type(a) is int and type(b) is int:
        return True
    return -(2**63) <= int(a) * int(b) < 2**63


def unsigned_divide(a: int, b: int) -> int:
    return a // b


def wide_divide(a: int, b: int, c: int) -> tuple[int, int]:
    quotient, remainder = divmod(int(a) * int(b), int(c))
    if type(a) is int and type(b) is int and type(c) is int:  # a wide run: nothing saturates
        return quotient, remainder
    if quotient >= 2**62:
        return _numpy(2**62), _numpy(0)
    return _numpy(quotient), _numpy(remainder)


def compare_products(a: int, b: int, c: int, d: int) -> int:
    return _sign(int(a) * int(b) - int(c) * int(d))


def compare_sums(
    a1: int, a2: int, a3: int, a4: int,
    b1: int, b2: int, b3: int, b4: int,
    c1: int, c2: int, c3: int, c4: int,
) -> int:  # fmt: skip
    left = int(a1) * int(a2) * int(a3) * int(a4) + int(b1) * int(b2) * int(b3) * int(b4)
    return _sign(left - int(c1) * int(c2) * int(c3) * int(c4))


def bit_is_set(bits: int, index: int) -> bool:
    return bool((int(bits) & _MASK) >> int(index) & 1)


def with_bit(bits: int, index: int) -> int:
    return _signed(int(bits) & _MASK | 1 << int(index))


def without_bit(bits: int, index: int) -> int:
    return _signed(int(bits) & _MASK & ~(1 << int(index)))


def bits_below(bits: int, index: int) -> int:
    return _signed(int(bits) & _MASK & ((1 << int(index)) - 1))


def bits_above(bits: int, index: int) -> int:
    return _signed(int(bits) & _MASK & ~((2 << int(index)) - 1))


def mixed_hash(a: int, b: int, c: int) -> int:
    mix = int(a) * 0x9E3779B97F4A7C15 & _MASK
    mix = (mix ^ int(b) & _MASK) * 0xC2B2AE3D27D4EB4F & _MASK
    mix = (mix ^ int(c) & _MASK) * 0x165667B19E3779F9 & _MASK
    return mix >> 17
