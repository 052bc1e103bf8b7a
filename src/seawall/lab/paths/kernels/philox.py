"""Philox 4x32: four random words of 32 bits for every counter and key, the same on every processor.

The generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
(2011), with their seven rounds that pass BigCrush; the C++ library and the GPU libraries know it as
``philox4x32`` with ten. A round is two products of 32-bit words, which vector instructions of
every width have (a 64-bit product they have from AVX-512 on only), shifts and exclusive ors.

A word lies in the lower half of a 64-bit one, where its products find room; the upper half is left
as it comes, and nothing reads it.
"""

import numpy as np
from numpy.typing import NDArray

from seawall.engine.compile import inline
from seawall.lab.arrays import Singles

LANES = 256
"""Paths that are computed together, next to each other in memory."""
HALF = LANES // 2
ROUNDS = 7
Word = np.uint64
Words = NDArray[np.uint64]
Block = tuple[Word, Word, Word, Word]
Key = tuple[Word, Word]

LOWER = Word(0xFFFFFFFF)
UPPER = Word(32)
_FACTOR_0, _FACTOR_1 = Word(0xD2511F53), Word(0xCD9E8D57)
_STEP_0, _STEP_1 = Word(0x9E3779B9), Word(0xBB67AE85)
"""How far the halves of the key move from round to round."""


def key_of(seed: int) -> Words:
    """The two words of a seed's key."""
    state = np.random.SeedSequence(seed).generate_state(2, np.uint32)
    return state.astype(np.uint64)


@inline
def philox(counter: Block, key: Key, rounds: int) -> Block:
    """The words of a counter; their upper halves and those of the counter mean nothing."""
    first, second = key
    a, b, c, d = counter
    for number in range(rounds):
        left, right = (a & LOWER) * _FACTOR_0, (c & LOWER) * _FACTOR_1
        a = (right >> UPPER) ^ b ^ (first + Word(number) * _STEP_0)
        c = (left >> UPPER) ^ d ^ (second + Word(number) * _STEP_1)
        b, d = right, left
    return a, b, c, d


@inline
def block_of(key: Key, purpose: int, slot: int, path: int | Word) -> Block:
    """The words of a path's ``slot``; each of the three numbers is below 2**32."""
    return philox((Word(path), Word(slot), Word(purpose), Word(0)), key, ROUNDS)


@inline
def fill_blocks(rows: Singles, lanes: int, key: Words, purpose: int, slot: int, path: int) -> None:
    """The blocks of ``lanes`` paths from ``path`` on as the bits of four ``rows`` of LANES numbers.

    The first and the third word of a block come before the second and the fourth. Two paths at a
    time: their words lie side by side, as two halves of one.
    """
    both = rows.view(np.uint64)
    first, second = key[0], key[1]
    for pair in range(lanes // 2):
        even = Word(path) + Word(2 * pair)
        a, b, c, d = block_of((first, second), purpose, slot, even)
        e, f, g, h = block_of((first, second), purpose, slot, even + Word(1))
        both[pair] = (a & LOWER) | (e << UPPER)
        both[HALF + pair] = (c & LOWER) | (g << UPPER)
        both[2 * HALF + pair] = (b & LOWER) | (f << UPPER)
        both[3 * HALF + pair] = (d & LOWER) | (h << UPPER)
