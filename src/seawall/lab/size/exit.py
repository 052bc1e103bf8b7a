"""What it costs to leave a position through a book, calm or stressed, and how long it takes.

A book is walked exactly, in fractions: price units x size units is micro-USD. Prices and sizes may
be finer than the market's units, because the book of another venue may be. Two things are laid on
top of it.

* **Stress.** All orders hold the same share (``depth``) of their size, so that leaving a size costs
  depth x cost(size / depth), and the spread is wider by 1 / depth, up to ``WIDEST_SPREAD`` times:
  no order is nearer to the middle than half of that spread.
* **Beyond the end of the book** nothing is known. The square-root law of market impact carries on
  from there: with S the size in the book and D the distance of its last order, the next unit after
  Q > S is sold D x sqrt(Q / S) away from the middle, so that the size beyond S costs

      2/3 D S ((Q / S)^(3/2) - 1)

  Sources of the law: Almgren, Thum, Hauptmann and Li, "Direct estimation of equity market
  impact" (2005, exponent 0.6); Toth et al., "Anomalous price impact and the critical nature of
  liquidity in financial markets" (2011, exponent 1/2). What is sold is never sold below zero.

The price that counts as no cost is the middle of the best bid and the best ask.
"""

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from math import ceil, isqrt

from msgspec import Struct

from seawall.domain.instrument import Instrument
from seawall.lab.market.book import Book, BookError
from seawall.lab.market.liquidity import WIDEST_SPREAD

Level = tuple[Fraction, Fraction]
"""Price units, size units."""

_ROOT_SCALE = 10**12
"""Square roots are rounded up to 1e-12."""
HOURS_PER_DAY = 24


class Exit(Struct, frozen=True, kw_only=True):
    """Leaving ``size`` units. ``shortfall``: micro-USD lost against the middle, rounded up.

    ``in_book``: units of the size that the book holds, rounded down. ``average`` price units.
    """

    size: int
    in_book: int
    shortfall: int
    middle: Fraction
    average: Fraction

    @property
    def is_beyond(self) -> bool:
        """Whether part of the size was extrapolated."""
        return self.in_book < self.size

    @property
    def share(self) -> Fraction:
        """Shortfall as a share of the value at the middle."""
        return Fraction(self.shortfall) / (self.size * self.middle)

    @property
    def bp(self) -> float:
        """The same in bp."""
        return float(self.share) * 10_000


class BookSide:
    """The orders that a position is sold to (bids) or bought back from (asks).

    ``levels``: (price, size) units, best first. ``middle``: price units. ``depth``: the share of
    its size that each order holds. Raises BookError for a side without orders, prices that do not
    get worse, or sizes that are not positive.
    """

    def __init__(
        self,
        levels: Sequence[Level],
        middle: Fraction,
        *,
        bids: bool,
        depth: Fraction = Fraction(1),
    ) -> None:
        if not levels:
            raise BookError(f"no {'bids' if bids else 'asks'}: nothing can be traded with")
        if not 0 < depth <= 1:
            raise BookError(f"a depth of {float(depth):g} should be above 0 and at most 1")
        self.levels = tuple(levels)
        self.middle = middle
        self.bids = bids
        self.depth = depth
        side = 1 if bids else -1
        self._distances: list[Fraction] = []
        self._sizes = [Fraction(0)]
        self._costs: list[Fraction] = [Fraction(0)]
        for price, size in levels:
            distance = side * (middle - price)
            nearer = bool(self._distances) and distance < self._distances[-1]
            if distance <= 0 or nearer or size <= 0:
                raise BookError(
                    f"a level of size {float(size):g} at {float(price):g}, where the middle is "
                    f"{float(middle):g}: prices should get worse from the best on, and sizes be "
                    "positive"
                )
            self._distances.append(distance)
            self._sizes.append(self._sizes[-1] + size)
            self._costs.append(self._costs[-1] + distance * size)

    @property
    def held(self) -> int:
        """Size units in the book, rounded down."""
        return int(self._sizes[-1] * self.depth)

    @property
    def last_distance(self) -> Fraction:
        """Of the last order from the middle, as a share of it."""
        return self._distances[-1] / self.middle

    def stressed(self, depth: Fraction) -> "BookSide":
        """The same side when only a share of its orders is left, with a wider spread."""
        half = self._distances[0]
        widened = half * min(Fraction(WIDEST_SPREAD), 1 / depth)
        levels = []
        for price, size in self.levels:
            if self.bids:
                moved = max(min(price, self.middle - widened), min(price, Fraction(1)))
            else:
                moved = max(price, self.middle + widened)
            levels.append((moved, size))
        return BookSide(levels, self.middle, bids=self.bids, depth=self.depth * depth)

    def exit(self, size: int) -> Exit:
        """Trade ``size`` >= 1 units through this side at once."""
        if size < 1:
            raise ValueError("a size of at least one unit is needed")
        shortfall = ceil(self._shortfall(size))
        worse = Fraction(shortfall, size)
        return Exit(
            size=size,
            in_book=min(size, self.held),
            shortfall=shortfall,
            middle=self.middle,
            average=self.middle - worse if self.bids else self.middle + worse,
        )

    def _shortfall(self, size: int) -> Fraction:
        held = self._sizes[-1] * self.depth
        if size <= held:
            place = bisect_right(self._sizes, size / self.depth) - 1
            if place == len(self._distances):
                return self.depth * self._costs[-1]
            inside = size - self.depth * self._sizes[place]
            return self.depth * self._costs[place] + inside * self._distances[place]
        return self.depth * self._costs[-1] + self._beyond(size, held)

    def _beyond(self, size: int, held: Fraction) -> Fraction:
        """Micro-USD that the units after the book's last one cost, on the square-root law."""
        last = self._distances[-1]
        lawful = Fraction(size)
        if self.bids:
            lawful = min(lawful, held * (self.middle / last) ** 2)
        cubed = (lawful / held) ** 3
        scaled = cubed.numerator * _ROOT_SCALE**2 // cubed.denominator
        root = isqrt(scaled)
        if root * root * cubed.denominator < cubed.numerator * _ROOT_SCALE**2:
            root += 1
        cost = Fraction(2, 3) * last * held * (Fraction(root, _ROOT_SCALE) - 1)
        # What is left of a sale after the price has reached zero brings nothing.
        return cost + (size - lawful) * self.middle


def book_side(book: Book, instrument: Instrument, *, bids: bool) -> BookSide:
    """One side of a book in the units of a market, its decimals as they are written."""
    prices, sizes = 10**instrument.price_decimals, 10**instrument.size_decimals

    def exact(value: float) -> Fraction:
        return Fraction(repr(float(value)))

    best = exact(book.bids[0, 0]), exact(book.asks[0, 0])
    side = book.bids if bids else book.asks
    levels = [(exact(price) * prices, exact(size) * sizes) for price, size in side.tolist()]
    return BookSide(levels, (best[0] + best[1]) / 2 * prices, bids=bids)


def exit_hours(notional: Fraction, volume_per_day: Fraction, participation: Fraction) -> Fraction:
    """Hours to trade ``notional`` as a share of what trades anyway; both in the same money."""
    return HOURS_PER_DAY * notional / (volume_per_day * participation)
