"""The best levels of a book, read from its ladders. Nothing is written."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seawall.engine.compile import entry
from seawall.engine.formulas.shared.ladder import (
    ASKS,
    BIDS,
    ladder_root,
    level_beyond,
)
from seawall.engine.rows import handle_of, make_batch_accessor
from seawall.engine.tables import Batch, State, level_at, market_at

if TYPE_CHECKING:
    from seawall.engine.engine import Engine

book_level_dtype = np.dtype([(name, "<i8") for name in "price total_size count".split()])
_found_at = make_batch_accessor(book_level_dtype)

Level = tuple[int, int, int]
"""Price, total size, number of orders; price and size in the market's units."""


@entry(4)
def read_levels(s: State, market: int, found: Batch, depth: int) -> int:
    """Write up to ``depth`` bids, best first, then from row ``depth`` on as many asks.

    Returns number of bids x 2^32 + number of asks.
    """
    row = market_at(s, market)
    bids = 0
    level = row.bid_level
    while level >= 0 and bids < depth:
        source = level_at(s, level)
        target = _found_at(found, bids)
        target.price = source.price
        target.total_size = source.total_size
        target.count = source.count
        bids += 1
        level = level_beyond(s, ladder_root(market, BIDS), source.price, False)
    asks = 0
    level = row.ask_level
    while level >= 0 and asks < depth:
        source = level_at(s, level)
        target = _found_at(found, depth + asks)
        target.price = source.price
        target.total_size = source.total_size
        target.count = source.count
        asks += 1
        level = level_beyond(s, ladder_root(market, ASKS), source.price, True)
    return (bids << 32) | asks


def book_rows(
    engine: "Engine", market: int, depth: int
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """(bids, asks) as rows of ``book_level_dtype``, best first, at most ``depth`` on each side."""
    rows = np.zeros(2 * depth, book_level_dtype)
    handle = handle_of(rows)
    used = int(read_levels(engine.state, market, handle, depth))
    return rows[: used >> 32], rows[depth : depth + (used & 0xFFFFFFFF)]


def book_levels(engine: "Engine", market: int, depth: int) -> tuple[list[Level], list[Level]]:
    """(bids, asks) as tuples (price, total size, count), best first, at most ``depth`` a side."""
    bids, asks = book_rows(engine, market, depth)
    return bids.tolist(), asks.tolist()
