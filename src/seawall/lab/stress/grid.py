"""Shocks on an account: what moves, how far, and what every bucket is worth there.

A *move* says which markets move and how much of it each takes: one market alone, all markets
together, all of them with their betas to a leading market, or each against its position. A *shock*
is a move of a size. Sizes and factors are exact fractions; a shocked price is rounded to the
market's nearest price unit and never below one unit.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct

from seawall.accounts.valuation import BucketValue, Valuation, ValuationError
from seawall.domain.units import MAX_PRICE, from_units
from seawall.lab.market.assumptions_file import LEAD
from seawall.lab.stress.aftermath import Aftermath, StressMachine


class MoveKind(StrEnum):
    ALONE = "alone"
    TOGETHER = "together"
    BETA = "beta"
    AGAINST = "against"


class Move(Struct, frozen=True, kw_only=True):
    """``factors``: by market in order, how many times the size it moves; 0 stands still."""

    kind: MoveKind
    name: str
    factors: tuple[Fraction, ...]

    def prices(self, now: Sequence[int], size: Fraction) -> tuple[int, ...]:
        """Price units after a move of this size (-1/5 is 20 % down)."""
        return tuple(
            max(1, round(price * (1 + factor * size))) if factor else price
            for price, factor in zip(now, self.factors, strict=True)
        )

    @property
    def markets(self) -> tuple[int, ...]:
        return tuple(market for market, factor in enumerate(self.factors) if factor)


class Cell(Struct, frozen=True, kw_only=True):
    """One shock. ``buckets``: at the shocked prices, before anything is liquidated.

    ``aftermath``: the account a minute after prices arrived; None where nothing is liquidated and
    the account has no orders (``has_orders``).
    """

    move: Move
    size: Fraction
    prices: tuple[int, ...]
    before: int
    """Equity of the account before the shock, micro-USD."""
    buckets: Mapping[int, BucketValue]
    aftermath: Aftermath | None
    has_orders: bool = False

    @property
    def equity(self) -> int:
        """Micro-USD at the shocked prices, all buckets; one may be below zero."""
        return equity_of(self.buckets)

    @property
    def worst(self) -> BucketValue:
        """The bucket with the highest margin ratio."""
        return max(self.buckets.values(), key=lambda each: each.ratio)

    @property
    def liquidated(self) -> tuple[int, ...]:
        """The buckets that are liquidated; where orders act first, those that still are."""
        if self.has_orders and self.aftermath is not None:
            return (*self.aftermath.started, *self.aftermath.later)
        return tuple(b for b, each in self.buckets.items() if each.is_liquidatable)

    @property
    def left(self) -> int:
        """Equity in the end, micro-USD: after liquidation where there is one."""
        return self.equity if self.aftermath is None else self.aftermath.equity

    @property
    def cost(self) -> int:
        """What closing took beyond the move itself, micro-USD: fees, slippage, what was taken.

        Equity at the shocked prices less what is left, a bucket below zero counting as nothing:
        what a bucket owes is borne by others and makes nothing cheaper. Negative where positions
        were closed on the way at better prices.
        """
        if self.aftermath is None:
            return 0
        shocked = sum(max(0, each.equity) for each in self.buckets.values())
        left = sum(max(0, each) for each in self.aftermath.buckets.values())
        return shocked + self.aftermath.added - left

    @property
    def lost(self) -> int:
        """Micro-USD, of what was there and what was added; negative for a gain."""
        added = 0 if self.aftermath is None else self.aftermath.added
        return self.before + added - self.left

    @property
    def ordered(self) -> int | None:
        """Micro-USD that the account's own orders traded; None without orders."""
        return self.aftermath.ordered if self.has_orders and self.aftermath is not None else None


def alone(valuation: Valuation, market: int) -> Move:
    """One market moves, the others stand still."""
    factors = [Fraction(0)] * len(valuation.instruments)
    factors[market] = Fraction(1)
    name = valuation.instruments[market].name
    return Move(kind=MoveKind.ALONE, name=name, factors=tuple(factors))


def together(valuation: Valuation) -> Move:
    """Every market moves by the same percentage."""
    factors = (Fraction(1),) * len(valuation.instruments)
    return Move(kind=MoveKind.TOGETHER, name="all together", factors=factors)


def with_betas(valuation: Valuation, betas: Mapping[str, Fraction]) -> Move:
    """``LEAD`` moves, each other market its beta times as far; ``betas`` has them all."""
    factors = tuple(betas[each.name] for each in valuation.instruments)
    return Move(kind=MoveKind.BETA, name=f"{LEAD} and betas", factors=factors)


def against(valuation: Valuation) -> Move:
    """Every market moves by the same percentage to the side where the position in it loses."""
    signs = {each.market: each.signed_size for each in valuation.plan.positions}
    factors = tuple(
        Fraction(0 if not signs.get(market) else -1 if signs[market] > 0 else 1)
        for market in range(len(valuation.instruments))
    )
    return Move(kind=MoveKind.AGAINST, name="each against its position", factors=factors)


def usual_moves(valuation: Valuation, betas: Mapping[str, Fraction]) -> list[Move]:
    """Every market with a position alone; all together and with betas where those are others."""
    held = [each.market for each in valuation.plan.positions]
    moves = [alone(valuation, market) for market in sorted(held)]
    if len(valuation.instruments) > 1:
        moves.append(together(valuation))
    if any(each.name != LEAD for each in valuation.instruments):
        moves.append(with_betas(valuation, betas))
    return moves


def shocked_prices(valuation: Valuation, move: Move, size: Fraction) -> tuple[int, ...]:
    """Price units after a move. Raises ValuationError for a price that no market can hold."""
    prices = move.prices(valuation.prices, size)
    for each, price in zip(valuation.instruments, prices, strict=True):
        if price > MAX_PRICE:
            most, found = (from_units(n, each.price_decimals) for n in (MAX_PRICE, price))
            raise ValuationError(
                f"{move.name} {float(100 * size):+g} %: {each.name} at {found} USD; the engine "
                f"holds at most {most}"
            )
    return prices


def stress_cell(
    valuation: Valuation, machine: StressMachine, move: Move, size: Fraction, before: int
) -> Cell:
    """One shock: the exact valuation, and a simulated move where something is liquidated or acts.

    Raises ValuationError for prices that no market can hold.
    """
    prices = shocked_prices(valuation, move, size)
    buckets = valuation.at(prices)
    is_over = any(each.is_liquidatable for each in buckets.values())
    return Cell(
        move=move,
        size=size,
        prices=prices,
        before=before,
        buckets=buckets,
        aftermath=machine.after(prices) if is_over or machine.has_orders else None,
        has_orders=machine.has_orders,
    )


def stress_grid(
    valuation: Valuation, machine: StressMachine, moves: Sequence[Move], sizes: Sequence[Fraction]
) -> list[Cell]:
    """Every move at every size, moves first. Raises what ``stress_cell`` raises."""
    before = equity_of(valuation.at(valuation.prices))
    return [stress_cell(valuation, machine, move, size, before) for move in moves for size in sizes]


def equity_of(buckets: Mapping[int, BucketValue]) -> int:
    """Of the whole account, micro-USD."""
    return sum(each.equity for each in buckets.values())
