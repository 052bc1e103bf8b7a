"""The levels of an order book as a venue's answer gives them, unchecked."""

from collections.abc import Sequence
from typing import NamedTuple


class BookLevels(NamedTuple):
    """Pairs of price (USD) and size (coins), in the venue's order, which is best first.

    ``market``: the coin; None where the answer does not have it. ``time_ms``: likewise.
    """

    market: str | None
    time_ms: int | None
    bids: Sequence[tuple[float, float]]
    asks: Sequence[tuple[float, float]]
