"""Conditional orders: what the oracle or this block's trades have reached joins the queue."""

from fractions import Fraction
from math import ceil, floor

from seawall.domain.enums import EventKind, OrderFlag, OrderState, Side

from .arithmetic import oracle_ticks
from .orders import join_queue
from .state import PPM, Market, Order, State
from .validity import MAX_PRICE


def prices_of(s: State, market: Market) -> list[Fraction]:
    """The oracle's, and the block's lowest and highest trade within reach of it, in ticks."""
    oracle = oracle_ticks(market)
    prices = [oracle]
    if market.trades:
        ppm = s.rules.order.trade_clamp_factor * market.terms.minimum_price_change_ppm
        reach = oracle * ppm / PPM
        for trade in (min(market.trades), max(market.trades)):
            prices.append(min(max(Fraction(trade), oracle - reach), oracle + reach))
    return prices


def waits_for_fall(order: Order) -> bool:
    """A stop that sells and a take-profit that buys."""
    takes_profit = bool(order.flags & OrderFlag.TAKE_PROFIT)
    return (order.side == Side.BUY) == takes_profit


def fire(s: State) -> None:
    for market in s.markets:
        if market.oracle > 0:
            fire_in(s, market)
        market.trades = []


def fire_in(s: State, market: Market) -> None:
    """Falling triggers from the highest on, then rising ones from the lowest, each by age."""
    prices = prices_of(s, market)
    low = max(1, min(ceil(price) for price in prices))
    high = min(MAX_PRICE, max(floor(price) for price in prices))
    waiting = [
        order
        for order in s.orders.values()
        if order.market == market.number and order.state == OrderState.WAITING_FOR_TRIGGER
    ]
    falling = [o for o in waiting if waits_for_fall(o) and o.trigger >= low]
    rising = [o for o in waiting if not waits_for_fall(o) and o.trigger <= high]
    falling.sort(key=lambda order: (-order.trigger, order.arrival))
    rising.sort(key=lambda order: (order.trigger, order.arrival))
    for order, price in [(o, low) for o in falling] + [(o, high) for o in rising]:
        s.emit(
            EventKind.ORDER_TRIGGERED,
            account=order.account,
            market=order.market,
            order_id=order.order_id,
            price=price,
            size=order.remaining,
        )
        join_queue(s, order)
