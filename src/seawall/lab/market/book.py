"""An order book at one moment, as a lab reads it: prices in USD, sizes in coins, best first."""

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.lab.arrays import Floats
from seawall.lab.market.liquidity import LEAST_QUOTE, QUOTED_FIGURES, Depth, Ladder, Ticks

GREATEST_PRICE = 1e9
GREATEST_SIZE = 1e15
"""No listed contract comes near; larger numbers are broken files."""


class BookError(InputError):
    """A book that cannot be used; the message says where and what would be right."""


class Book(Struct, frozen=True, kw_only=True):
    """Made by ``checked_book``. ``time_ms``: None where the source does not say.

    ``bids``, ``asks``: (n, 2) and (m, 2), price in USD and size in coins, n and m at least 1; bids
    strictly falling, asks strictly rising, the best bid below the best ask.
    """

    market: str
    time_ms: int | None
    bids: Floats
    asks: Floats

    @property
    def middle(self) -> float:
        """USD, half way between the best bid and the best ask."""
        return float(self.bids[0, 0] + self.asks[0, 0]) / 2

    @property
    def spread_bp(self) -> float:
        """Best ask less best bid, in basis points of the middle."""
        return float(self.asks[0, 0] - self.bids[0, 0]) / self.middle * 1e4


def checked_book(
    where: str, market: str, time_ms: int | None, bids: ArrayLike, asks: ArrayLike
) -> Book:
    """The book of these levels, pairs of price and size. Raises BookError beginning with ``where``.

    Levels are neither sorted nor put together: a source in the wrong order is more likely to be
    misread than to be untidy.
    """
    sides = (_side(where, "bids", bids, falling=True), _side(where, "asks", asks, falling=False))
    best_bid, best_ask = (float(side[0, 0]) for side in sides)
    if best_bid >= best_ask:
        raise BookError(
            f"{where}: crossed: the best bid {best_bid:.12g} should be below the best ask "
            f"{best_ask:.12g}"
        )
    return Book(market=market, time_ms=time_ms, bids=sides[0], asks=sides[1])


def _side(where: str, name: str, levels: ArrayLike, *, falling: bool) -> Floats:
    side = np.asarray(levels, dtype=np.float64)
    if side.size == 0:
        raise BookError(f"{where}: {name}: none; a book should have orders on both sides")
    if side.ndim != 2 or side.shape[1] != 2:
        raise BookError(f"{where}: {name}: each level should be a price and a size")
    for column, word, most in ((0, "price", GREATEST_PRICE), (1, "size", GREATEST_SIZE)):
        values = side[:, column]
        wrong = np.flatnonzero(~((values > 0) & (values <= most)))
        if len(wrong):
            raise BookError(
                f"{where}: {name}[{wrong[0]}]: {word}: {values[wrong[0]]:.12g} should be above 0 "
                f"and at most {most:g}"
            )
    steps = np.diff(side[:, 0]) * (-1 if falling else 1)
    wrong = np.flatnonzero(steps <= 0)
    if len(wrong):
        row = int(wrong[0]) + 1
        raise BookError(
            f"{where}: {name}[{row}]: price: {side[row, 0]:.12g} after {side[row - 1, 0]:.12g}; "
            f"{name} should be {'falling' if falling else 'rising'}, the best first"
        )
    return side


def merged(side: Floats, *, falling: bool) -> Floats:
    """(n, 2) levels in order, equal prices put together."""
    if side.size == 0:
        return side
    prices, places = np.unique(side[:, 0], return_inverse=True)
    made = np.column_stack([prices, np.bincount(places, side[:, 1], len(prices))])
    return made[::-1].copy() if falling else made


def ladder_book(
    instrument: Instrument, depth: Depth, price: float, multiplier: float = 1.0
) -> Book:
    """The assumed ladder of ``liquidity`` around ``price`` (USD), as its maker quotes it.

    ``multiplier``: the depth that is left, 1 for a calm book; the spread widens with it. Raises
    BookError where nothing of it is large enough to quote.
    """
    market = np.zeros(1, np.int64)
    ladder = Ladder(market, [depth], Ticks([instrument], QUOTED_FIGURES, LEAST_QUOTE))
    rows, usable = ladder.quotes(0, np.asarray([price]), np.asarray([multiplier]), market)
    rows = rows[usable][1:]
    levels = np.column_stack(
        [
            rows["price"] / 10**instrument.price_decimals,
            rows["order_size"] / 10**instrument.size_decimals,
        ]
    )
    levels = levels[rows["order_size"] > 0]
    is_bid = levels[:, 0] < price
    where = f"the assumed book of {instrument.name}"
    return checked_book(
        where,
        instrument.name,
        None,
        merged(levels[is_bid], falling=True),
        merged(levels[~is_bid], falling=False),
    )
