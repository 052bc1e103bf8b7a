"""The compiled half of ``formulas/shared/fixed_point`` and ``formulas/shared/wide``.

Bit scans and products wider than 64 bits.
"""

from typing import Any

import numpy as np
from llvmlite import ir

from seawall.engine.compile import inline, intrinsic, kernel

_I64 = ir.IntType(64)
_I128 = ir.IntType(128)
_I256 = ir.IntType(256)
_ONE = np.uint64(1)
_TOP = np.uint64(63)
_ZERO = np.uint64(0)
_int64: Any = np.int64
"""What the compiler makes an int64; for the type checker an ``int``, as in every kernel."""


def _bit_scan(name: str, from_top: bool) -> Any:
    def scan(types: Any, bits: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.FunctionType(_I64, [_I64, ir.IntType(1)])
            function = builder.module.declare_intrinsic(name, (_I64,), kind)
            found = builder.call(function, [arguments[0], ir.Constant(ir.IntType(1), 0)])
            return builder.sub(ir.Constant(_I64, 63), found) if from_top else found

        return types.int64(types.int64), generate

    return intrinsic(scan)


lowest_bit = _bit_scan("llvm.cttz", from_top=False)
highest_bit = _bit_scan("llvm.ctlz", from_top=True)


@intrinsic
def product_fits(types: Any, a: Any, b: Any) -> Any:
    """Whether the signed product of two int64 fits into an int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pair = builder.smul_with_overflow(arguments[0], arguments[1])
        return builder.not_(builder.extract_value(pair, 1))

    return types.boolean(types.int64, types.int64), generate


@intrinsic
def unsigned_divide(types: Any, a: Any, b: Any) -> Any:
    """The bare division of non-negative integers, without the checks of Python's ``//``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = [
            context.cast(builder, value, kind, types.int64)
            for value, kind in zip(arguments, signature.args, strict=True)
        ]
        return builder.udiv(*wide)

    return types.int64(a, b), generate


@intrinsic
def _product_high(types: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = builder.mul(builder.zext(arguments[0], _I128), builder.zext(arguments[1], _I128))
        return builder.trunc(builder.lshr(wide, ir.Constant(_I128, 64)), _I64)

    return types.uint64(types.uint64, types.uint64), generate


def _sign_of(builder: Any, left: Any, right: Any, compare: Any) -> Any:
    above = builder.zext(compare(">", left, right), _I64)
    return builder.sub(above, builder.zext(compare("<", left, right), _I64))


@intrinsic
def compare_products(types: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """-1, 0 or 1 for a*b below, equal to or above c*d, for any int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, c, d = (builder.sext(value, _I128) for value in arguments)
        return _sign_of(builder, builder.mul(a, b), builder.mul(c, d), builder.icmp_signed)

    return types.int64(*[types.int64] * 4), generate


def _product_of_four(builder: Any, factors: Any) -> Any:
    a, b, c, d = (builder.zext(value, _I128) for value in factors)
    halves = builder.mul(a, b), builder.mul(c, d)
    return builder.mul(*(builder.zext(half, _I256) for half in halves))


@intrinsic
def compare_sums(
    types: Any,
    a1: Any, a2: Any, a3: Any, a4: Any,
    b1: Any, b2: Any, b3: Any, b4: Any,
    c1: Any, c2: Any, c3: Any, c4: Any,
) -> Any:  # fmt: skip
    """Sign of a1*a2*a3*a4 + b1*b2*b3*b4 - c1*c2*c3*c4 for non-negative factors.

    Four factors below 2^63 stay below 2^252, so 256 bits hold the sum.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, c = (_product_of_four(builder, arguments[start : start + 4]) for start in (0, 4, 8))
        return _sign_of(builder, builder.add(a, b), c, builder.icmp_unsigned)

    return types.int64(*[types.int64] * 12), generate


@kernel
def wide_divide(a: int, b: int, c: int) -> tuple[int, int]:
    """(quotient, remainder) of a*b/c for non-negative a, b and positive c.

    The quotient saturates at 2^62. Long division by shift and subtract: an LLVM division of
    128 bits calls a routine that is not linked.
    """
    left, right, divisor = np.uint64(a), np.uint64(b), np.uint64(c)
    high = _product_high(left, right)
    low = left * right
    if high >= divisor:
        return _int64(1) << 62, _int64(0)
    quotient = _ZERO
    for _ in range(64):
        high = (high << _ONE) | (low >> _TOP)
        low = low << _ONE
        quotient = quotient << _ONE
        if high >= divisor:
            high -= divisor
            quotient |= _ONE
    if quotient >= np.uint64(1 << 62):
        return _int64(1) << 62, _int64(0)
    return _int64(quotient), _int64(high)


@inline
def bit_is_set(bits: int, index: int) -> bool:
    return (np.uint64(bits) >> np.uint64(index)) & _ONE != _ZERO


@inline
def with_bit(bits: int, index: int) -> int:
    return _int64(np.uint64(bits) | (_ONE << np.uint64(index)))


@inline
def without_bit(bits: int, index: int) -> int:
    return _int64(np.uint64(bits) & ~(_ONE << np.uint64(index)))


@inline
def bits_below(bits: int, index: int) -> int:
    return _int64(np.uint64(bits) & ((_ONE << np.uint64(index)) - _ONE))


@inline
def bits_above(bits: int, index: int) -> int:
    return _int64(np.uint64(bits) & ~((np.uint64(2) << np.uint64(index)) - _ONE))


@inline
def mixed_hash(a: int, b: int, c: int) -> int:
    """A non-negative spread of three integers."""
    mix = np.uint64(a) * np.uint64(0x9E3779B97F4A7C15)
    mix = (mix ^ np.uint64(b)) * np.uint64(0xC2B2AE3D27D4EB4F)
    mix = (mix ^ np.uint64(c)) * np.uint64(0x165667B19E3779F9)
    return _int64(mix >> np.uint64(17))
