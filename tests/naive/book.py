"""The order book as sorted lists: best price first, then time."""

from fractions import Fraction

from seawall.domain.enums import OrderState, Side

from .state import Order, State


def side_of_book(s: State, market: int, side: int) -> list[Order]:
    """The resting orders of one side in the order in which they would be filled."""
    resting = [
        order
        for order in s.orders.values()
        if order.market == market and order.side == side and order.state == OrderState.RESTING
    ]
    worse = -1 if side == Side.BUY else 1
    return sorted(resting, key=lambda order: (worse * order.price, order.arrival))


def levels(s: State, market: int, side: int) -> dict[int, int]:
    """Price to total size, best price first."""
    totals: dict[int, int] = {}
    for order in side_of_book(s, market, side):
        totals[order.price] = totals.get(order.price, 0) + order.remaining
    return totals


def best_price(s: State, market: int, side: int) -> int | None:
    orders = side_of_book(s, market, side)
    return orders[0].price if orders else None


def crosses(side: int, price: int, resting_price: int) -> bool:
    return resting_price <= price if side == Side.BUY else resting_price >= price


def crossing(s: State, market: int, side: int, price: int) -> list[Order]:
    """The resting orders that an order of ``side`` at ``price`` would meet, in order."""
    opposite = Side.SELL if side == Side.BUY else Side.BUY
    return [o for o in side_of_book(s, market, opposite) if crosses(side, price, o.price)]


def impact_price(s: State, market: int, side: int, value: int) -> Fraction | None:
    """The average fill price of ``value`` micro-USD against one side of the book."""
    left = Fraction(value)
    size = Fraction(0)
    for order in side_of_book(s, market, side):
        taken = min(left, Fraction(order.remaining * order.price))
        size += taken / order.price
        left -= taken
        if left == 0:
            return Fraction(value) / size
    return None
