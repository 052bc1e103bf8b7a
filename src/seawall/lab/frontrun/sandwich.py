"""A liquidation order between two orders of a searcher, in the book.

The searcher sells first what stands best in the book, and has an order of its own rest just before
what is left. The liquidation meets that order, at a worse price than it would have met. How much to
sell is tried: what ends each level of the book, up to ``LARGEST`` times the liquidation, and shares
of the liquidation. It acts where that leaves a profit after fees and gas.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from seawall.domain.enums import Side
from seawall.domain.units import RATE_ONE
from seawall.lab.frontrun.scene import Level, Party, Played, Scene

LARGEST = 4
PARTS = 8
ORDERS = 3
"""Of the searcher: ahead, resting, and the close or the cancel."""
POLICIES = ("public", "private", "batch")
"""Pending orders are seen; they are not; all orders of a batch are traded at one price."""


class Sandwich(Struct, frozen=True, kw_only=True):
    """The best that a searcher can do with one liquidation. Micro-USD.

    ``calm``: the same without a searcher; ``played``: with it, the same where it does not act.
    ``first``: size units that it sells ahead. ``gas``: what its orders cost. ``gross``: the best
    that any try leaves before gas, None where the book has nothing to try.
    """

    calm: Played
    played: Played
    first: int
    gas: int
    gross: int | None
    tries: int

    @property
    def is_done(self) -> bool:
        """Whether the searcher acts."""
        return self.first > 0

    @property
    def cost(self) -> int:
        """What the account has less because of it."""
        return self.calm.money[Party.ACCOUNT] - self.played.money[Party.ACCOUNT]

    @property
    def profit(self) -> int:
        """Of the searcher, after gas."""
        return self.played.money[Party.SEARCHER] - self.gas

    @property
    def is_conserved(self) -> bool:
        """Whether the money of all, gas included, adds up."""
        total = self.profit + self.gas
        total += sum(gain for who, gain in self.played.money.items() if who != Party.SEARCHER)
        return total == 0 and self.calm.is_conserved


def sandwich(scene: Scene, gas: int) -> Sandwich:
    """The best sandwich of the liquidation that the scene leads to. ``gas``: micro-USD of it."""
    calm = scene.liquidation()
    sold = calm.account.size
    best, first, gross, tries = calm, 0, None, 0
    for size, bid in _tries(scene.levels, sold, scene):
        tries += 1
        played = scene.liquidation(size, bid, size)
        gained = played.money[Party.SEARCHER]
        if gross is None or gained > gross:
            gross = gained
            if gained > gas:
                best, first = played, size
    return Sandwich(
        calm=calm, played=best, first=first, gas=gas if first else 0, gross=gross, tries=tries
    )


def _tries(levels: Sequence[Level], sold: int, scene: Scene) -> Iterator[tuple[int, int]]:
    """(size to sell ahead, price of the order that rests): never beyond the last level."""
    ends, passed = [], 0
    for level in levels[:-1]:
        passed += level.size
        ends.append(passed)
    sizes = {each for each in ends if each <= LARGEST * sold}
    sizes |= {sold * part // PARTS for part in range(1, PARTS + 1)}
    for size in sorted(each for each in sizes if 0 < each <= (ends[-1] if ends else 0)):
        # What is left of a level that is not taken whole stands before the searcher's order.
        place = sum(end <= size for end in ends)
        yield size, scene.just_before(levels[place if size in ends else place + 1])


class BatchFill(Struct, frozen=True, kw_only=True):
    """Orders of one batch, traded at one price. ``price``: units; ``size``: size units sold.

    ``cost``: micro-USD that the account receives less than by walking down the book, before fees.
    """

    price: int
    size: int
    cost: int


def uniform_price(levels: Sequence[Level], size: int, side: Side, limit: int) -> tuple[int, int]:
    """The one price at which ``size`` units are traded against a book, and how many of them are.

    That of the last order that is needed; ``limit``: price units, the worst that is taken. (0, 0)
    where nothing is.
    """
    price = filled = 0
    for level in levels:
        beyond = level.price < limit if side == Side.SELL else level.price > limit
        if beyond or filled == size:
            break
        price = level.price
        filled += min(level.size, size - filled)
    return price, filled


def batch(scene: Scene, calm: Played, taker_rate: int) -> tuple[BatchFill | None, int]:
    """The liquidation in a batch auction, and the best that a searcher gains in the same batch.

    ``taker_rate``: 1e-9 of the value traded. What the searcher sells and buys in one batch has one
    price, so that it pays its fees; micro-USD, below zero.
    """
    sold = calm.account
    if not sold.size:
        return None, 0
    worst = 0 if scene.side == Side.SELL else 2**62
    price, filled = uniform_price(scene.levels, sold.size, scene.side, worst)
    if not filled:
        return None, 0
    received = price * filled
    sign = 1 if scene.side == Side.SELL else -1
    cost = sign * (sold.value * filled // sold.size - received)
    gains = []
    for size, _ in _tries(scene.levels, sold.size, scene):
        # Both of its orders are in the batch; between each other they trade nothing away.
        at, done = uniform_price(scene.levels, sold.size + size, scene.side, worst)
        turned = min(size, max(0, done - sold.size))
        gains.append(-2 * -(-turned * at * taker_rate // RATE_ONE))
    return BatchFill(price=price, size=filled, cost=cost), max(gains, default=0)
