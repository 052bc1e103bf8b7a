"""The smallest move that liquidates, found exactly on the engine's own prices.

**One market.** All other prices stand still. Equity less maintenance margin of a bucket never
falls as the price of a long rises (nor as that of a short falls): a price unit changes the value
by the size and the margin by at most half of it. So bisection on whole price units finds the
boundary: the last price at which the bucket stands and, one unit further, the first that
liquidates it.

**Several markets.** Prices move along a line, each rounded to its nearest unit. Along it equity is
straight and maintenance margin bends upwards only (rates rise with notional), so the moves that a
bucket survives are one interval around none at all, and bisection over sizes of 10^-12 finds its
end: at ``safe`` every bucket stands, at ``over``, where one price is a unit further, one does
not. Where positions hedge each other, rounding to units makes the end ragged by a unit.
"""

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct

from seawall.accounts.valuation import Valuation, bisected
from seawall.domain.units import MAX_NOTIONAL
from seawall.lab.stress.grid import Move, MoveKind

GRAIN = 10**12
"""Sizes of a joint move are multiples of one over it: finer than any price unit."""
LARGEST_RISE = 10
"""A joint rise of ten times the price: beyond it nothing is looked for."""


class PriceBoundary(Struct, frozen=True, kw_only=True):
    """The liquidation boundary of one market's position. Price units; None: at no price.

    ``over``: the first price that liquidates, coming from the good side; ``safe``: one unit
    before. ``always``: it is liquidated at every price of this market. ``is_liquidatable``: at the
    present price.
    """

    market: int
    bucket: int
    now: int
    safe: int | None
    over: int | None
    always: bool
    is_liquidatable: bool

    @property
    def size(self) -> Fraction | None:
        """The move from the present price to ``over``, signed."""
        return None if self.over is None else Fraction(self.over, self.now) - 1

    @property
    def way(self) -> int:
        """Down (-1) or up (1) to ``over``; 0 where no price liquidates, or every one does."""
        return 0 if self.size is None else -1 if self.size < 0 else 1


class MoveBoundary(Struct, frozen=True, kw_only=True):
    """Where a move first liquidates. ``buckets``: those liquidated at ``over``.

    ``over`` None: no such move does (within ``LARGEST_RISE`` times, or until a price is nothing).
    Size 0 for both: the account is liquidatable as it stands.
    """

    move: Move
    direction: int
    safe: Fraction | None
    over: Fraction | None
    safe_prices: tuple[int, ...] = ()
    over_prices: tuple[int, ...] = ()
    buckets: tuple[int, ...] = ()

    @property
    def way(self) -> str:
        """``up`` or ``down``."""
        return "up" if self.direction > 0 else "down"


def liquidation_boundary(valuation: Valuation, market: int) -> PriceBoundary:
    """The last safe and the first liquidating price of the position in a market."""
    bucket = valuation.bucket_of(market)
    is_liquidatable = valuation.at(valuation.prices)[bucket].is_liquidatable
    found = valuation.boundary(market)
    safe, over = (None, None) if found is None else found
    return PriceBoundary(
        market=market,
        bucket=bucket,
        now=valuation.prices[market],
        safe=safe,
        over=over,
        # Without a boundary it is liquidated at every price or at none.
        always=found is None and is_liquidatable,
        is_liquidatable=is_liquidatable,
    )


def smallest_move(
    valuation: Valuation, move: Move, direction: int, bucket: int | None = None
) -> MoveBoundary:
    """The smallest size of a move, up (1) or down (-1), at which any bucket is liquidated.

    ``bucket``: look at this one alone, whatever happens to the others.
    """
    now = valuation.prices

    def prices_at(steps: int) -> tuple[int, ...]:
        return move.prices(now, Fraction(direction * steps, GRAIN))

    def liquidated_at(prices: Sequence[int]) -> tuple[int, ...]:
        found = valuation.at(prices)
        watched = found if bucket is None else (bucket,)
        return tuple(each for each in watched if found[each].is_liquidatable)

    def boundary(safe: int, over: int) -> MoveBoundary:
        return MoveBoundary(
            move=move,
            direction=direction,
            safe=Fraction(direction * safe, GRAIN),
            over=Fraction(direction * over, GRAIN),
            safe_prices=prices_at(safe),
            over_prices=prices_at(over),
            buckets=liquidated_at(prices_at(over)),
        )

    if liquidated_at(now):
        return boundary(0, 0)
    most = int(farthest(valuation, move, direction) * GRAIN)
    if not liquidated_at(prices_at(most)):
        return MoveBoundary(move=move, direction=direction, safe=None, over=None)
    return boundary(*bisected(lambda steps: bool(liquidated_at(prices_at(steps))), 0, most))


def farthest(valuation: Valuation, move: Move, direction: int) -> Fraction:
    """As far as ``LARGEST_RISE``, what an engine can value, and no price below one unit."""
    most = Fraction(LARGEST_RISE)
    sizes = {each.market: abs(each.signed_size) for each in valuation.plan.positions}
    for market, factor in enumerate(move.factors):
        now = valuation.prices[market]
        if factor * direction < 0:
            most = min(most, (1 - Fraction(1, now)) / abs(factor))
        elif factor:
            highest = MAX_NOTIONAL // sizes.get(market, 1)
            most = min(most, max(Fraction(0), Fraction(highest, now) - 1) / abs(factor))
    return most


def directions_of(move: Move) -> tuple[int, ...]:
    """Down and up; a move against the positions has one direction, which its factors hold."""
    return (1,) if move.kind == MoveKind.AGAINST else (-1, 1)
