"""The smallest move that liquidates although the account's orders and top-ups act on the way.

A farther move goes through the prices of a nearer one, so what a move liquidates a farther one does
too, and bisection finds where it begins. Every size that is tried is run on the engine, which is
why the answer is only as fine as ``GRAIN``.
"""

from fractions import Fraction

from seawall.accounts.valuation import Valuation
from seawall.domain.units import MAX_PRICE
from seawall.lab.stress.aftermath import Aftermath, StressMachine
from seawall.lab.stress.grid import Move
from seawall.lab.stress.reverse import farthest

GRAIN = Fraction(1, 400)


class MoveWithOrders:
    """``over``: the size, None where no move liquidates; ``first``: what is liquidated first."""

    def __init__(
        self, valuation: Valuation, machine: StressMachine, move: Move, direction: int
    ) -> None:
        self._now, self._machine, self._move = valuation.prices, machine, move
        self._direction = direction
        self.over: Fraction | None = None
        self.first: int | None = None
        high = max(1, int(self._most(valuation) / GRAIN))
        found = self._after(high)
        if not _is_liquidated(found):
            return
        low = 0
        while high - low > 1:
            middle = (low + high) // 2
            tried = self._after(middle)
            if _is_liquidated(tried):
                high, found = middle, tried
            else:
                low = middle
        self.over, self.first = direction * high * GRAIN, found.first

    def _most(self, valuation: Valuation) -> Fraction:
        """As far as a move is looked for, and as the engine holds its prices."""
        most = farthest(valuation, self._move, self._direction)
        for price, factor in zip(self._now, self._move.factors, strict=True):
            if factor * self._direction > 0:
                most = min(most, (Fraction(MAX_PRICE, price) - 1) / abs(factor))
        return most

    def _after(self, grains: int) -> Aftermath:
        size = self._direction * grains * GRAIN
        return self._machine.after(self._move.prices(self._now, size))


def _is_liquidated(found: Aftermath) -> bool:
    return bool(found.started or found.later)
