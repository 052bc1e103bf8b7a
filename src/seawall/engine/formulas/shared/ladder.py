"""Reading the ladders: which levels exist, which is best, what lies behind it.

A ladder is a tree of 64-way bitmaps over prices, five steps deep: any price below 2^30 costs
five steps to find and five to find the best, however sparse the book. Each market owns six
ladders, whose roots are the nodes 6 x market + ladder.
"""

from seawall.engine.compile import inline
from seawall.engine.formulas.shared.fixed_point import (
    bit_is_set,
    bits_above,
    bits_below,
    highest_bit,
    lowest_bit,
)
from seawall.engine.tables import State, node_at

BIDS = 0
ASKS = 1
STOPS_BELOW = 2
STOPS_ABOVE = 3
WATCH_LONGS = 4
WATCH_SHORTS = 5
LADDERS = 6
DEPTH = 5
TOP_SHIFT = 24
DIGIT = 63


@inline
def ladder_root(market: int, ladder: int) -> int:
    """The root node of one of a market's six ladders."""
    return market * LADDERS + ladder


@inline
def lowest_level(s: State, root: int) -> int:
    """The level of the lowest price, or -1."""
    if node_at(s, root).bitmap == 0:
        return -1
    node = root
    for _ in range(DEPTH):
        row = node_at(s, node)
        node = row.children[lowest_bit(row.bitmap)]
    return node


@inline
def highest_level(s: State, root: int) -> int:
    """The level of the highest price, or -1."""
    if node_at(s, root).bitmap == 0:
        return -1
    node = root
    for _ in range(DEPTH):
        row = node_at(s, node)
        node = row.children[highest_bit(row.bitmap)]
    return node


@inline
def level_beyond(s: State, root: int, price: int, upward: bool) -> int:
    """The nearest level strictly above (or below) ``price``, or -1."""
    node = root
    shift = TOP_SHIFT
    turn = -1
    turn_shift = -1
    turn_bits = 0
    while shift >= 0:
        row = node_at(s, node)
        digit = (price >> shift) & DIGIT
        others = bits_above(row.bitmap, digit) if upward else bits_below(row.bitmap, digit)
        if others != 0:
            turn = node
            turn_shift = shift
            turn_bits = others
        if not bit_is_set(row.bitmap, digit):
            break
        node = row.children[digit]
        shift -= 6
    if turn < 0:
        return -1
    digit = lowest_bit(turn_bits) if upward else highest_bit(turn_bits)
    node = node_at(s, turn).children[digit]
    shift = turn_shift - 6
    while shift >= 0:
        row = node_at(s, node)
        digit = lowest_bit(row.bitmap) if upward else highest_bit(row.bitmap)
        node = row.children[digit]
        shift -= 6
    return node
