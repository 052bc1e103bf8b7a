"""What the book offers: impact prices, fillable size, whether an order would match."""

from seawall.domain.codes import BUY, REDUCE_ONLY
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.shared.fixed_point import mul_div_floor, product_fits
from seawall.engine.formulas.shared.ladder import (
    ASKS,
    BIDS,
    ladder_root,
    level_beyond,
)
from seawall.engine.tables import OrderRow, State, level_at, market_at, order_at, position_at, rules

PRICE_SCALE = 1_000_000


@inline
def best_opposite(s: State, market: int, side: int) -> int:
    """The best level an order of this side would meet, or -1."""
    row = market_at(s, market)
    return row.ask_level if side == BUY else row.bid_level


@inline
def crosses(side: int, limit_price: int, price: int) -> bool:
    """Whether an order with this limit trades at ``price``."""
    return price <= limit_price if side == BUY else price >= limit_price


@inline
def next_opposite(s: State, market: int, side: int, price: int) -> int:
    """The level behind ``price`` on the side an order of ``side`` meets, or -1."""
    ladder = ASKS if side == BUY else BIDS
    return level_beyond(s, ladder_root(market, ladder), price, side == BUY)


@inline
def would_match(s: State, market: int, side: int, limit_price: int, ignored: int) -> bool:
    """Whether an order would trade at once; ``ignored``: a slot that does not count, or -1."""
    level = best_opposite(s, market, side)
    if level >= 0 and ignored >= 0:
        row = level_at(s, level)
        if row.first == ignored and row.count == 1:
            level = next_opposite(s, market, side, row.price)
    return level >= 0 and crosses(side, limit_price, level_at(s, level).price)


@kernel
def impact_price(s: State, market: int, side: int, notional: int) -> int:
    """Average price of taking ``notional`` micro-USD with an order of ``side``, 0 if too thin.

    In 1e-6 of a price unit: the average is rarely a whole one.
    """
    level = best_opposite(s, market, side)
    left = notional
    full_size = 0
    while level >= 0:
        row = level_at(s, level)
        value = row.total_size * row.price
        if value >= left:
            scaled = row.price * PRICE_SCALE
            return mul_div_floor(notional, scaled, full_size * row.price + left)
        left -= value
        full_size += row.total_size
        level = next_opposite(s, market, side, row.price)
    return 0


@inline
def fillable_for(
    s: State, account: int, market: int, side: int, size: int, limit_price: int
) -> bool:
    """Whether the book shows ``size`` within the limit from other accounts.

    Each order is checked by itself, and only as many as one command may visit.
    """
    level = best_opposite(s, market, side)
    left = size
    visits = rules(s).fills_per_command
    while level >= 0:
        row = level_at(s, level)
        if not crosses(side, limit_price, row.price):
            return False
        slot = row.first
        while slot >= 0 and visits > 0:
            visits -= 1
            order = order_at(s, slot)
            if order.account != account:
                left -= _available(s, order)
                if left <= 0:
                    return True
            slot = order.next
        if visits <= 0:
            return False
        level = next_opposite(s, market, side, row.price)
    return False


@inline
def _available(s: State, order: OrderRow) -> int:
    """Size that a resting order can give: a reduce-only one at most its position."""
    if order.flags & REDUCE_ONLY == 0:
        return order.remaining_size
    return min(order.remaining_size, reducible(s, order.position, order.side))


@inline
def reducible(s: State, index: int, side: int) -> int:
    """How much an order of ``side`` can reduce the position, 0 when it would increase it."""
    if index < 0:
        return 0
    size = position_at(s, index).signed_size
    if side == BUY:
        return max(0, -size)
    return max(0, size)


@inline
def value_of(price: int, size: int) -> int:
    """price x size, saturated at 2^62."""
    if product_fits(price, size):
        return min(price * size, 1 << 62)
    return 1 << 62
