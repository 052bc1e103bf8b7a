"""Normals and uniforms by counter: a ``slot`` of a ``path`` depends on the seed and them alone.

A block of four 32-bit words (``philox``) makes four normals: each pair of words 40 bits for a
radius and 23 for an angle, a sign among them, which Box and Muller's transform turns into two.
The counters of one purpose never meet those of another.

Normals are single precision, which twice as many lanes of a vector hold; so are the returns that
``process`` makes of them. Prices, equity and margin are double. The functions are polynomials, so
that a loop over lanes becomes vector instructions. Their errors are below 3e-8 of the logarithm of
a radius, 5e-8 of sine and cosine, 4e-9 of the short return and 2e-9 of the single exponential, each
besides the rounding of single precision, which is 6e-8; for double precision 5e-9 of the logarithm
and 3e-14 of the exponential. The largest normal is sqrt(80 log 2) = 7.4.
"""

import numpy as np

from seawall.engine.compile import inline, kernel
from seawall.lab.arrays import Singles
from seawall.lab.paths.kernels.compiled import fused
from seawall.lab.paths.kernels.philox import (
    HALF,
    LANES,
    LOWER,
    UPPER,
    Word,
    Words,
    block_of,
    fill_blocks,
)

PER_BLOCK = 4
"""Normals of one block of words: as many as its words."""

Single = np.float32
Half = np.uint32
_S12 = Word(12)
_ONE = Word(0x3FF0000000000000)
_ROOT_HALF = np.int64(0x3FE6A09E667F3BCD)
_EXPONENT = np.int64(-(1 << 52))
_BITS = np.int64(52)
_MAGIC_WORD, _MAGIC = np.int64(0x4338000000000000), 6755399441055744.0
"""Adding a whole number to the word of this float adds it to the float."""
_LOG_2 = float(np.log(2.0))
_LOG_2_HIGH, _LOG_2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
_PER_LOG_2 = float(1.0 / np.log(2.0))

_RADIUS_BITS = np.int32(31)
_H1 = Half(1)
_EXTRA, _EXTRA_UNIT = Half(511), Single(2.0**-9)
"""The lowest bits of the second word lengthen the first: a last one is always added."""
_ANGLE, _ANGLE_MIDDLE, _ANGLE_UNIT = Half(0xFFFFFC00), Half(0x200), Single(2.0**-32)
_SIGN = Half(1 << 31)
_SINGLE_ROOT_HALF = np.int32(0x3F3504F3)
_SINGLE_EXPONENT = np.int32(-(1 << 23))
_SINGLE_BITS = np.int32(23)
_SINGLE_MAGIC = Single(12582912.0)
_SINGLE_PER_LOG_2 = Single(1.0 / np.log(2.0))
_MINUS_LOG_2_HIGH, _MINUS_LOG_2_LOW = Single(-0.693145751953125), Single(-1.428606765330187e-06)
_MINUS_TWO_LOG_2 = Single(-2.0 * np.log(2.0))
_S1, _S2 = Single(1.0), Single(2.0)
_L0, _L1, _L2, _L3 = Single(0.99999983), Single(0.66667900), Single(0.50003511), Single(0.39924144)
_L4, _L5, _L6, _L7 = Single(0.33141016), Single(0.29835947), Single(0.28615043), Single(0.17469686)
_C0, _C1, _C2 = Single(0.9999999534666654), Single(-4.934792858675164), Single(4.058411914165422)
_C3, _C4 = Single(-1.331880161239093), Single(0.21969679858537536)
_N0, _N1, _N2 = Single(3.1415925805693345), Single(-5.167706900208101), Single(2.550031640934421)
_N3, _N4 = Single(-0.5980464505578906), Single(0.07722224908025843)
_R0, _R1, _R2 = Single(1.0), Single(0.49999989399542094), Single(0.16666662729380435)
_R3, _R4 = Single(0.04169380129727819), Single(0.00833876021951303)
_E1, _E2, _E3 = Single(1.0000000363231922), Single(0.49999992079807676), Single(0.16666420169859297)
_E4, _E5 = Single(0.04166822557190417), Single(0.008374815803776588)
_E6 = Single(0.0013836845847773332)


@inline
def minus_logarithm(value: float) -> float:
    """Of a positive number."""
    word = np.float64(value).view(np.int64)
    above = word - _ROOT_HALF
    power = np.int64((above >> _BITS) + _MAGIC_WORD).view(np.float64) - _MAGIC
    f = 1.0 - np.int64(word - (above & _EXPONENT)).view(np.float64)
    p = fused(f, 0.07621778949192066, 0.12904433862689657)
    p = fused(f, p, 0.13242987703365308)
    p = fused(f, p, 0.14181825066788345)
    p = fused(f, p, 0.166090825814048)
    p = fused(f, p, 0.20001973935082765)
    p = fused(f, p, 0.2500158296127168)
    p = fused(f, p, 0.3333332569193967)
    p = fused(f, p, 0.49999988346362806)
    return fused(power, -_LOG_2, fused(f * f, p, f))


@inline
def exponential(value: float) -> float:
    """Of a number between -700 and 700."""
    shifted = fused(value, _PER_LOG_2, _MAGIC)
    power = shifted - _MAGIC
    r = fused(power, -_LOG_2_LOW, fused(power, -_LOG_2_HIGH, value))
    p = fused(r, 2.764621160886165e-06, 2.4882380883967954e-05)
    p = fused(r, p, 0.00019841154736972876)
    p = fused(r, p, 0.001388880731363758)
    p = fused(r, p, 0.008333333398590569)
    p = fused(r, p, 0.0416666669911921)
    p = fused(r, p, 0.1666666666651761)
    p = fused(r, p, 0.4999999999959874)
    p = fused(r, p, 1.0000000000000087)
    p = fused(r, p, 1.0)
    scale = np.float64(shifted).view(np.int64) << _BITS
    return np.int64(np.float64(p).view(np.int64) + scale).view(np.float64)


SHORT = np.int32(Single(0.125**2).view(np.int32))
"""The word of the square of the smallest size that is too large for ``short_return``."""


@inline
def short_return(value: Single) -> Single:
    """The exponential less one, of a number between -1/8 and 1/8."""
    p = fused(value, _R4, _R3)
    p = fused(value, p, _R2)
    p = fused(value, p, _R1)
    p = fused(value, p, _R0)
    return Single(value * p)


@inline
def single_exponential(value: Single) -> Single:
    """Of a number between -80 and 80."""
    shifted = fused(value, _SINGLE_PER_LOG_2, _SINGLE_MAGIC)
    power = Single(shifted - _SINGLE_MAGIC)
    r = fused(power, _MINUS_LOG_2_LOW, fused(power, _MINUS_LOG_2_HIGH, value))
    p = fused(r, _E6, _E5)
    p = fused(r, p, _E4)
    p = fused(r, p, _E3)
    p = fused(r, p, _E2)
    p = fused(r, p, _E1)
    p = fused(r, p, _S1)
    scale = np.int32(Single(shifted).view(np.int32) << _SINGLE_BITS)
    return np.int32(Single(p).view(np.int32) + scale).view(np.float32)


@inline
def radius(word: Half, extra: Half) -> Single:
    """sqrt(-2 log u) of 40 bits, 31 of ``word`` and 9 of ``extra``; u above 0 and up to 1."""
    more = Single(Half((extra & _EXTRA) | _H1).view(np.int32))
    value = fused(more, _EXTRA_UNIT, Single(Half(word >> _H1).view(np.int32)))
    bits = Single(value).view(np.int32)
    above = np.int32(bits - _SINGLE_ROOT_HALF)
    power = Single(np.int32(np.int32(above >> _SINGLE_BITS) - _RADIUS_BITS))
    f = Single(_S1 - np.int32(bits - np.int32(above & _SINGLE_EXPONENT)).view(np.float32))
    p = fused(f, _L7, _L6)
    p = fused(f, p, _L5)
    p = fused(f, p, _L4)
    p = fused(f, p, _L3)
    p = fused(f, p, _L2)
    p = fused(f, p, _L1)
    p = fused(f, p, _L0)
    square = fused(f, fused(f, p, _S2), Single(power * _MINUS_TWO_LOG_2))
    return Single(np.sqrt(square))


@inline
def normal_pair(word: Half, other: Half) -> tuple[Single, Single]:
    """Two normals of two random words."""
    length = radius(word, other)
    # Half a turn either way of the middle; the highest bit takes the other half of the circle.
    bits = Half((Half(other << _H1) & _ANGLE) | _ANGLE_MIDDLE)
    turn = Single(Single(bits.view(np.int32)) * _ANGLE_UNIT)
    square = Single(turn * turn)
    cosine = fused(square, _C4, _C3)
    cosine = fused(square, cosine, _C2)
    cosine = fused(square, cosine, _C1)
    cosine = fused(square, cosine, _C0)
    sine = fused(square, _N4, _N3)
    sine = fused(square, sine, _N2)
    sine = fused(square, sine, _N1)
    sine = fused(square, sine, _N0)
    first = Single(length * cosine).view(np.uint32) ^ Half(other & _SIGN)
    return Half(first).view(np.float32), Single(length * Single(turn * sine))


@inline
def uniform_of(key: Words, purpose: int, slot: int, path: int) -> float:
    """Above 0 and up to 1, 52 bits: the first two words."""
    first, second, _, _ = block_of((key[0], key[1]), purpose, slot, path)
    word = (first << UPPER) | (second & LOWER)
    return 2.0 - np.uint64((word >> _S12) | _ONE).view(np.float64)


@inline
def normal_of(key: Words, purpose: int, slot: int, path: int) -> float:
    """Of the last two words."""
    _, _, third, fourth = block_of((key[0], key[1]), purpose, slot, path)
    normal, _ = normal_pair(Half(third & LOWER), Half(fourth & LOWER))
    return np.float64(normal)


@inline
def _turn_into_normals(rows: Singles, begin: int, lanes: int) -> None:
    """The words in two parts of a block's rows into the normals of each."""
    for lane in range(begin, begin + lanes):
        word = Single(rows[lane]).view(np.uint32)
        other = Single(rows[2 * LANES + lane]).view(np.uint32)
        rows[lane], rows[2 * LANES + lane] = normal_pair(word, other)


@kernel
def fill_normals(rows: Singles, count: int, key: Words, purpose: int, slot: int, path: int) -> None:
    """``count`` times four rows of LANES normals from ``slot`` on, the first lane being ``path``.

    Row q and row q + 2 of the four are a pair: independent, from the same words. ``rows`` is flat.
    """
    for number in range(count):
        mine = rows[number * PER_BLOCK * LANES : (number + 1) * PER_BLOCK * LANES]
        fill_blocks(mine, LANES, key, purpose, slot + number, path)
        _turn_into_normals(mine, 0, 2 * LANES)


@kernel
def fill_mirrored(
    rows: Singles, count: int, key: Words, purpose: int, slot: int, path: int
) -> None:
    """The same for half as many paths; the other half of the lanes take the opposite."""
    for number in range(count):
        mine = rows[number * PER_BLOCK * LANES : (number + 1) * PER_BLOCK * LANES]
        fill_blocks(mine, HALF, key, purpose, slot + number, path)
        _turn_into_normals(mine, 0, HALF)
        _turn_into_normals(mine, LANES, HALF)
        for begin in range(0, PER_BLOCK * LANES, LANES):
            for lane in range(begin, begin + HALF):
                mine[lane + HALF] = -mine[lane]
