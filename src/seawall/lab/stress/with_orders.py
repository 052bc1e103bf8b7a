"""The smallest move that liquidates although the account's orders and top-ups act on the way.

A farther move goes through the prices of a nearer one, but in marks of its own: a stop that lies
beyond the liquidation saves the account from a move whose mark jumps over both, and not from one
that ends between them. So what a nearer move liquidates a farther one need not. Sizes are tried
from the nearest on: ``PARTS`` of the way, where the move would liquidate without orders, and on
both sides of each level at which an order or a top-up acts; bisection between the last that stands
and the first that liquidates finds where it begins. Every size that is tried is run on the engine,
which is why the answer is only as fine as ``GRAIN``.
"""

from fractions import Fraction
from math import ceil

from seawall.accounts.valuation import Valuation
from seawall.domain.units import MAX_PRICE
from seawall.lab.stress.aftermath import Aftermath, StressMachine
from seawall.lab.stress.grid import Move
from seawall.lab.stress.reverse import farthest

GRAIN = Fraction(1, 400)
PARTS = 12


class MoveWithOrders:
    """``over``: the size, None where no move liquidates; ``first``: what is liquidated first."""

    def __init__(
        self,
        valuation: Valuation,
        machine: StressMachine,
        move: Move,
        direction: int,
        bare: Fraction | None,
    ) -> None:
        """``bare``: the signed size that liquidates without orders, None where none does."""
        self._now, self._machine, self._move = valuation.prices, machine, move
        self._direction = direction
        self.over: Fraction | None = None
        self.first: int | None = None
        low = 0
        for high in self._trials(valuation, bare):
            found = self._after(high)
            if _is_liquidated(found):
                self._narrow(low, high, found)
                return
            low = high

    def _trials(self, valuation: Valuation, bare: Fraction | None) -> list[int]:
        """Sizes to look at, in grains and ascending."""
        most = max(1, int(self._most(valuation) / GRAIN))
        sizes = [Fraction(most * part, PARTS) for part in range(1, PARTS + 1)]
        sizes += [] if bare is None else [abs(bare) / GRAIN]
        plan = valuation.plan
        levels = [(each.market, each.trigger_price or each.price) for each in plan.orders]
        levels += [(each.market, each.trigger_price) for each in plan.top_ups]
        for market, level in levels:
            if factor := self._move.factors[market] * self._direction:
                size = (Fraction(level, self._now[market]) - 1) / factor / GRAIN
                # The last that does not reach it, and the first that does.
                sizes += [Fraction(ceil(size) - 1), size]
        return sorted({ceil(each) for each in sizes if 0 < each <= most})

    def _narrow(self, low: int, high: int, found: Aftermath) -> None:
        """From the last size that stands and the first that liquidates, grains."""
        while high - low > 1:
            middle = (low + high) // 2
            tried = self._after(middle)
            if _is_liquidated(tried):
                high, found = middle, tried
            else:
                low = middle
        self.over, self.first = self._direction * high * GRAIN, found.first

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
