"""Time-weighted orders: a parent that sends one leg at each interval."""

from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING

from seawall.domain.enums import EventKind, OrderState, Reason, Side, TimeInForce

from . import validity
from .arithmetic import fill_quote, oracle_ticks, power, to_step
from .matching import end_order
from .orders import emit_order, join_queue, new_order, next_id
from .state import LONG_TERM, NEVER, PPM, TWAP_LEG, TWAP_PARENT, Market, Order, Rejected, State
from .validity import refuse_if

if TYPE_CHECKING:
    from .machine import Command


def leg_of(s: State, parent: Order) -> tuple[int, int]:
    """(size, price in ticks) of the next leg.

    What is left over the legs that are left, at most the catch-up factor times an even leg. The
    price is the parent's, or the oracle's moved by the tolerance: down to a whole unit of the
    venue's prices, then to a tick, up for a buy and without tolerance, down for a sell.
    """
    terms = s.markets[parent.market].terms
    even = ceil(Fraction(parent.size, parent.legs))
    wanted = ceil(Fraction(parent.remaining, parent.legs_left))
    size = to_step(min(wanted, s.rules.order.twap_catch_up_factor * even), terms.size_step)
    if parent.price:
        return size, parent.price
    signed = parent.tolerance if parent.side == Side.BUY else -parent.tolerance
    units = s.markets[parent.market].oracle * power(terms.value_exponent - terms.quote_exponent)
    moved = Fraction(floor(units * (PPM + signed) / PPM), terms.price_step)
    return size, ceil(moved) if signed >= 0 else floor(moved)


def parent_quote(market: Market, size: int, price: int) -> int:
    """What all of it costs: at its limit, or at the oracle price in whole units of prices."""
    if price:
        return fill_quote(market, size, price)
    terms = market.terms
    units = floor(market.oracle * power(terms.value_exponent - terms.quote_exponent))
    return floor(size * units * power(terms.quote_exponent))


def place_twap_order(s: State, c: "Command") -> None:
    """The parent; its first leg goes out with the block."""
    account, market = s.accounts[c.account], s.markets[c.market]
    refuse_if(c.side not in (Side.BUY, Side.SELL) or c.flags != 0, Reason.INVALID_FLAGS)
    refuse_if(c.price < 0, Reason.INVALID_PRICE)
    price = c.price or max(1, int(oracle_ticks(market)))
    validity.check_amounts(market, price, c.order_size)
    gtc = TimeInForce.GOOD_TIL_CANCEL
    validity.check_status(market, price, c.side, gtc, LONG_TERM)
    duration, interval, tolerance = c.trigger_price, c.order_id, c.leverage
    rules = s.rules.order
    fits = (
        rules.twap_minimum_interval_ms <= interval <= rules.twap_maximum_interval_ms
        and rules.twap_minimum_duration_ms <= duration <= rules.twap_maximum_duration_ms
        and duration % interval == 0
        and 0 <= tolerance < 1_000_000
        and c.order_size // (duration // interval) >= market.terms.size_step
    )
    refuse_if(not fits, Reason.INVALID_TWAP)
    client = (c.client_id_high, c.client_id_low)
    validity.check_id(s.with_client(c.account, client))
    validity.check_count(s, account)
    quote = parent_quote(market, c.order_size, c.price)
    reason = validity.fill_reason(s, account, c.market, c.side, c.order_size, quote)
    refuse_if(bool(reason), reason)
    order = new_order(s, c, TWAP_PARENT, c.order_size, NEVER)
    order.state, order.trigger = OrderState.SLICING, 0
    order.interval, order.tolerance, order.due = interval, tolerance, s.clock
    order.legs = order.legs_left = duration // interval
    order.arrival = s.next_arrival()
    s.orders[order.order_id] = order
    emit_order(s, EventKind.ORDER_WAITING, order)


def send_legs(s: State) -> None:
    """Each parent that is due, the youngest first, sends one leg; without legs it ends."""
    parents = [o for o in s.orders.values() if o.kind == TWAP_PARENT and o.due <= s.clock]
    for parent in sorted(parents, key=lambda order: -order.arrival):
        if parent.legs_left <= 0 or parent.remaining <= 0:
            end_order(s, parent, Reason.SLICES_DONE)
            continue
        size, price = leg_of(s, parent)
        try:
            check_leg(s, parent, size, price)
        except Rejected as rejection:
            end_order(s, parent, rejection.reason)
            continue
        parent.legs_left -= 1
        parent.due = s.clock + parent.interval
        leg = Order(
            order_id=next_id(s),
            account=parent.account,
            market=parent.market,
            kind=TWAP_LEG,
            side=parent.side,
            price=price,
            size=size,
            remaining=size,
            flags=parent.flags,
            time_in_force=TimeInForce.GOOD_TIL_CANCEL,
            client=(0, 0),
            good_til=s.clock + s.rules.order.twap_leg_lifetime_ms,
            parent_id=parent.order_id,
        )
        join_queue(s, leg)


def check_leg(s: State, parent: Order, size: int, price: int) -> None:
    account = s.accounts[parent.account]
    refuse_if(size <= 0, Reason.INVALID_SIZE)
    validity.check_amounts(s.markets[parent.market], price, size)
    validity.check_whole_fill(s, account, parent.market, parent.side, size, price)
