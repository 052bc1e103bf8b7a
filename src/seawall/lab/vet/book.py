"""One book at one moment, as vetting sees it: spread, depth, what sizes would cost.

Prices in USD, sizes in coins, best first. Distances are from the middle of best bid and best ask.
A size of Q USD is Q / middle coins, on either side; its slippage is how much worse than the middle
its average price is, in bp. A size that the visible book does not hold has no slippage.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seawall.lab.arrays import Floats, Integers, Mask

BANDS_BP = (10, 25, 50)
SIZES_USD = (10_000.0, 100_000.0, 1_000_000.0)
BP = 1e-4

OPEN, EMPTY, CROSSED, UNKNOWN = 0, 1, 2, 3
"""State of a book: usable, without orders on a side, crossed, or not known."""

ALL_PRICES = (0.0, float("inf"))


class Samples(NamedTuple):
    """n looks at a book, one column each; what a book that is not open has none of is nan.

    ``depth``: (n, 2, 3), USD within each of ``BANDS_BP``, bids then asks. ``whole``: (n, 2, 3),
    whether the source shows all of that. ``slippage``: (n, 2, s), bp of buying, then of selling.
    """

    times_ms: Integers
    state: Integers
    bid: Floats
    ask: Floats
    depth: Floats
    whole: Mask
    slippage: Floats

    @property
    def middle(self) -> Floats:
        return (self.bid + self.ask) / 2

    @property
    def spread_bp(self) -> Floats:
        spread: Floats = (self.ask - self.bid) / self.middle / BP
        return spread

    @property
    def imbalance(self) -> Floats:
        """Of the nearest band: 1 if all of it bids, -1 if all of it asks."""
        bids, asks = self.depth[:, 0, 0], self.depth[:, 1, 0]
        total = bids + asks
        result: Floats = np.divide(bids - asks, total, out=np.zeros_like(total), where=total > 0)
        return np.where(np.isnan(total), np.nan, result)


class Sampler:
    """Collects looks at one book; ``sizes``: USD, ascending."""

    def __init__(self, sizes: Sequence[float] = SIZES_USD) -> None:
        self.sizes = np.asarray(sizes, dtype=np.float64)
        self._rows: list[tuple[int, int, float, float, Floats, Mask, Floats]] = []

    def look(
        self,
        time_ms: int,
        bids: Floats,
        asks: Floats,
        known: tuple[float, float] = ALL_PRICES,
    ) -> None:
        """``bids``, ``asks``: (n, 2), price and size. ``known``: the source shows every order from
        the first price to the second."""
        if not len(bids) or not len(asks):
            self._add(time_ms, EMPTY)
            return
        bid, ask = float(bids[0, 0]), float(asks[0, 0])
        if bid >= ask:
            self._add(time_ms, CROSSED)
            return
        middle = (bid + ask) / 2
        coins = self.sizes / middle
        depth, whole = np.empty((2, 3)), np.empty((2, 3), bool)
        slippage = np.empty((2, len(coins)))
        for side, (levels, sign) in enumerate(((bids, -1.0), (asks, 1.0))):
            prices = levels[:, 0]
            value = np.cumsum(prices * levels[:, 1])
            bounds = middle * (1 + sign * np.asarray(BANDS_BP) * BP)
            counts = np.searchsorted(sign * prices, sign * bounds, side="right")
            depth[side] = np.where(counts > 0, value[np.maximum(counts - 1, 0)], 0.0)
            whole[side] = sign * bounds <= sign * known[side]
            # Buying walks the asks.
            slippage[1 - side] = self._walk(np.cumsum(levels[:, 1]), value, coins, middle, sign)
        self._rows.append((time_ms, OPEN, bid, ask, depth, whole, slippage))

    def lose(self, time_ms: int) -> None:
        """From now on the book is not known."""
        self._add(time_ms, UNKNOWN)

    def samples(self) -> Samples:
        times, states, bids, asks, depth, whole, slippage = zip(*self._rows, strict=True)
        return Samples(
            np.asarray(times, np.int64), np.asarray(states, np.int64),
            np.asarray(bids, np.float64), np.asarray(asks, np.float64),
            np.asarray(depth), np.asarray(whole), np.asarray(slippage),
        )  # fmt: skip

    @staticmethod
    def _walk(held: Floats, value: Floats, coins: Floats, middle: float, sign: float) -> Any:
        paid = np.interp(coins, np.append(0.0, held), np.append(0.0, value))
        bp = sign * (paid / coins / middle - 1) / BP
        return np.where(coins <= held[-1], bp, np.nan)

    def _add(self, time_ms: int, state: int) -> None:
        bands = len(BANDS_BP)
        self._rows.append(
            (
                time_ms, state, np.nan, np.nan, np.full((2, bands), np.nan),
                np.zeros((2, bands), bool), np.full((2, len(self.sizes)), np.nan),
            )
        )  # fmt: skip
