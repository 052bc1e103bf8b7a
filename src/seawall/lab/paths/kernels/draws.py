"""Random numbers by counter: number ``slot`` of ``path`` depends on the seed and them alone.

A 64-bit hash (the output function of splitmix64, with a second key in its middle so that two seeds
never follow the same sequence) of ``slot * 2**32 + path`` gives 40 bits for a radius and 24 for
an angle: two normals by Box and Muller. The counters of one purpose never meet, and each purpose
has keys of its own. Two 64-bit multiplications a hash: one instruction each with AVX-512, some
eight with AVX2, where hashes of 32-bit products would cost more all the same.

The functions are polynomials, so that a loop over lanes becomes vector instructions. Their errors
are below 5e-9 of the logarithm, 3e-10 of sine and cosine, 3e-14 of the exponential and 2e-12 of the
short one. The largest normal is sqrt(80 log 2) = 7.4.
"""

import numpy as np
from numpy.typing import NDArray

from seawall.engine.compile import inline, kernel
from seawall.lab.arrays import Floats
from seawall.lab.paths.kernels.compiled import fused

LANES = 256
"""Paths that are computed together, next to each other in memory."""
HALF = LANES // 2

Word = np.uint64
Words = NDArray[np.uint64]
GOLDEN = Word(0x9E3779B97F4A7C15)
_FIRST, _SECOND = Word(0xBF58476D1CE4E5B9), Word(0x94D049BB133111EB)
_S12, _S27, _S29, _S30, _S31, _S32, _S40 = (Word(bits) for bits in (12, 27, 29, 30, 31, 32, 40))
_ONE = Word(0x3FF0000000000000)
_SIGN = Word(1 << 63)
_RADIUS = Word(((1 << 40) - 1) << 12)
_ANGLE = Word(((1 << 23) - 1) << 29)
_MIDDLE = 1.5 - 2.0**-24
_ROOT_HALF = np.int64(0x3FE6A09E667F3BCD)
_EXPONENT = np.int64(-(1 << 52))
_BITS = np.int64(52)
_MAGIC_WORD, _MAGIC = np.int64(0x4338000000000000), 6755399441055744.0
"""Adding a whole number to the word of this float adds it to the float."""
_LOG_2 = float(np.log(2.0))
_LOG_2_HIGH, _LOG_2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
_PER_LOG_2 = float(1.0 / np.log(2.0))


@inline
def mixed(counter: Word, key: Word) -> Word:
    """64 random bits of a counter (already times ``GOLDEN`` and moved by the first key)."""
    word = (counter ^ (counter >> _S30)) * _FIRST
    word = (word ^ (word >> _S27) ^ key) * _SECOND
    return word ^ (word >> _S31)


@inline
def counter_of(keys: Words, slot: int, path: int) -> Word:
    """Where ``slot`` of ``path`` begins; the next path is ``GOLDEN`` further."""
    return ((Word(slot) << _S32) + Word(path)) * GOLDEN + keys[0]


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


LONGEST = 0.125
"""The smallest size that is too large for ``short_exponential``."""
SHORT = np.int64(np.float64(LONGEST**2).view(np.int64))
"""The word of its square."""


@inline
def short_exponential(value: float) -> float:
    """Of a number between -1/8 and 1/8."""
    p = fused(value, 0.001389741417401192, 0.008338754244690102)
    p = fused(value, p, 0.041666657495465956)
    p = fused(value, p, 0.16666662439671576)
    p = fused(value, p, 0.5000000000297902)
    p = fused(value, p, 1.000000000082167)
    return fused(value, p, 1.0)


@inline
def radius(word: Word) -> float:
    """sqrt(-log u) of the upper 40 bits, u above 0 and up to 1."""
    uniform = 2.0 - np.uint64(((word >> _S12) & _RADIUS) | _ONE).view(np.float64)
    return np.sqrt(minus_logarithm(uniform))


@inline
def half_turn(word: Word) -> float:
    """An angle from -1/2 to 1/2 of pi, of the lowest 23 bits."""
    return np.uint64(((word << _S29) & _ANGLE) | _ONE).view(np.float64) - _MIDDLE


@inline
def turned(value: float, word: Word) -> float:
    """The value with the sign that bit 23 of the word gives: the other half of the circle."""
    return np.uint64(np.float64(value).view(np.uint64) ^ ((word << _S40) & _SIGN)).view(np.float64)


@inline
def cosine(square: float) -> float:
    """sqrt(2) cos(pi x), x up to a half, from the square of x."""
    p = fused(square, -0.03450216747613979, 0.3322518821690003)
    p = fused(square, p, -1.8882749991809402)
    p = fused(square, p, 5.73988154594126)
    p = fused(square, p, -6.978864110096073)
    return fused(square, p, 1.4142135620628893)


@inline
def sine(turn: float, square: float) -> float:
    """sqrt(2) sin(pi x), x up to a half."""
    p = fused(square, -0.009939756123014372, 0.11603686399385321)
    p = fused(square, p, -0.847470601402147)
    p = fused(square, p, 3.606475553345874)
    p = fused(square, p, -7.308249478225087)
    p = fused(square, p, 4.442882938082923)
    return turn * p


@inline
def uniform_of(keys: Words, slot: int, path: int) -> float:
    """Above 0 and up to 1, 52 bits."""
    word = mixed(counter_of(keys, slot, path), keys[1])
    return 2.0 - np.uint64((word >> _S12) | _ONE).view(np.float64)


@inline
def normal_of(keys: Words, slot: int, path: int) -> float:
    word = mixed(counter_of(keys, slot, path), keys[1])
    turn = half_turn(word)
    return turned(radius(word) * cosine(turn * turn), word)


@kernel
def fill_normals(rows: Floats, count: int, keys: Words, slot: int, path: int) -> None:
    """``2 * count`` rows of LANES normals from ``slot`` on, the first lane being ``path``.

    Row q and row ``count + q`` are a pair: independent, from one word. ``rows`` is flat.
    """
    key = keys[1]
    for number in range(count):
        counter = counter_of(keys, slot + number, path)
        first = rows[number * LANES : (number + 1) * LANES]
        second = rows[(number + count) * LANES : (number + count + 1) * LANES]
        other = counter + Word(HALF) * GOLDEN
        # Two at a time, so that what is the same for all is read half as often.
        for lane in range(HALF):
            word, word_2 = mixed(counter, key), mixed(other, key)
            counter += GOLDEN
            other += GOLDEN
            length, length_2 = radius(word), radius(word_2)
            turn, turn_2 = half_turn(word), half_turn(word_2)
            square, square_2 = turn * turn, turn_2 * turn_2
            first[lane] = turned(length * cosine(square), word)
            first[lane + HALF] = turned(length_2 * cosine(square_2), word_2)
            second[lane] = length * sine(turn, square)
            second[lane + HALF] = length_2 * sine(turn_2, square_2)


@kernel
def fill_mirrored(rows: Floats, count: int, keys: Words, slot: int, path: int) -> None:
    """The same for half as many paths; the other half of the lanes take the opposite."""
    key = keys[1]
    for number in range(count):
        counter = counter_of(keys, slot + number, path)
        first = rows[number * LANES : (number + 1) * LANES]
        second = rows[(number + count) * LANES : (number + count + 1) * LANES]
        for lane in range(HALF):
            word = mixed(counter, key)
            counter += GOLDEN
            length = radius(word)
            turn = half_turn(word)
            square = turn * turn
            here = turned(length * cosine(square), word)
            there = length * sine(turn, square)
            first[lane] = here
            first[lane + HALF] = -here
            second[lane] = there
            second[lane + HALF] = -there
