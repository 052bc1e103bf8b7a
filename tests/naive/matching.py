"""Section "Matching": one taker against the book, maker by maker."""

from seawall.domain.enums import (
    EventKind,
    FillFlag,
    OrderFlag,
    OrderState,
    Reason,
    Side,
    TimeInForce,
)

from . import book, groups
from .fills import apply_trade, emit_fill, fee_of, margin_after, reducible, solvent_after
from .margin import free_margin, order_hold
from .state import BACKSTOP, Order, Rejected, State, direction


def match(s: State, taker: Order) -> tuple[Reason | None, bool]:
    """Fills ``taker`` as far as it goes.

    Returns why its rest must end (None: nothing forbids the rest) and whether anything happened.
    """
    happened = False
    while taker.remaining > 0:
        wanted = taker.remaining
        if taker.has(OrderFlag.REDUCE_ONLY):
            wanted = min(wanted, reducible(s, taker.account, taker.market, taker.side))
            if wanted == 0:
                return Reason.REDUCE_ONLY_CANCELLED, happened
        makers = book.crossing(s, taker.market, taker.side, taker.price)
        if not makers:
            return None, happened
        if s.visits_left == 0:
            return Reason.IMMEDIATE_REMAINDER, happened
        s.visits_left -= 1
        maker = makers[0]
        refusal, size = maker_refusal(s, taker, maker, wanted)
        if refusal:
            groups.end_order(s, maker, refusal)
            happened = True
            continue
        if not taker_may_fill(s, taker, maker.price, size):
            return Reason.MARGIN_CANCELLED, happened
        fill(s, taker, maker, size)
        happened = True
    return None, happened


def maker_refusal(s: State, taker: Order, maker: Order, wanted: int) -> tuple[Reason | None, int]:
    """Why the maker's order is cancelled instead of filled, or the size of the fill."""
    if maker.account == taker.account:
        return Reason.SELF_TRADE_CANCELLED, 0
    size = min(wanted, maker.remaining)
    if maker.has(OrderFlag.REDUCE_ONLY):
        size = min(size, reducible(s, maker.account, maker.market, maker.side))
        if size == 0:
            return Reason.REDUCE_ONLY_CANCELLED, 0
    account = s.accounts[maker.account]
    fee = fee_of(size * maker.price, account.maker_rate)
    change = direction(maker.side) * size
    if not margin_after(s, account, maker.market, change, maker.price, fee, taker=False):
        return Reason.MARGIN_CANCELLED, 0
    return None, size


def taker_may_fill(s: State, taker: Order, price: int, size: int) -> bool:
    account = s.accounts[taker.account]
    fee = fee_of(size * price, account.taker_rate)
    change = direction(taker.side) * size
    if taker.has(OrderFlag.LIQUIDATION):
        return solvent_after(s, account, taker.market, change, price, fee)
    return margin_after(s, account, taker.market, change, price, fee, taker=True)


def fill(s: State, taker: Order, maker: Order, size: int) -> None:
    """Books both sides: maker first, then taker."""
    market, price = taker.market, maker.price
    s.markets[market].last_trade = price
    for order, is_maker in ((maker, True), (taker, False)):
        account = s.accounts[order.account]
        rate = account.maker_rate if is_maker else account.taker_rate
        groups.note_fill(order, size)
        if is_maker:
            groups.cancel_siblings(s, order)
        if is_maker and order.remaining == 0:
            groups.end_order(s, order, Reason.NO_REASON)
        change = direction(order.side) * size
        fee = apply_trade(s, order.account, market, change, price, rate, is_maker)
        flags = (0 if is_maker else FillFlag.TAKER) | (
            FillFlag.BUYER if order.side == Side.BUY else 0
        )
        emit_fill(
            s, order.account, market, order.order_id, price, size=size, money=fee, flags=flags
        )


def rest_fits(s: State, order: Order) -> bool:
    """Invariant 6: an order that rests leaves free margin that is not negative."""
    if order.has(OrderFlag.REDUCE_ONLY) or order.account == BACKSTOP:
        return True
    account = s.accounts[order.account]
    held = {order.side: hold_if_resting(s, order)}
    return free_margin(s, account, s.group(account, order.market), order.market, held) >= 0


def hold_if_resting(s: State, order: Order) -> int:
    state = order.state
    order.state = OrderState.RESTING
    amount = order_hold(s, order, s.look(s.accounts[order.account], order.market))
    order.state = state
    return amount


def execute(s: State, order: Order) -> None:
    """Matches an accepted order, then rests or ends what is left.

    Raises Rejected when the first fill fails and nothing has happened.
    """
    ending, happened = match(s, order)
    groups.cancel_siblings(s, order)
    if ending == Reason.MARGIN_CANCELLED and not happened:
        raise Rejected(Reason.INSUFFICIENT_MARGIN)
    if order.remaining == 0:
        groups.end_order(s, order, Reason.NO_REASON)
        return
    can_rest = order.time_in_force in (TimeInForce.GOOD_TIL_CANCEL, TimeInForce.POST_ONLY)
    if ending is None and not can_rest:
        ending = Reason.IMMEDIATE_REMAINDER
    if ending is None and order.filled and not rest_fits(s, order):
        ending = Reason.MARGIN_CANCELLED
    if ending is not None:
        groups.end_order(s, order, ending)
        return
    rest(s, order)


def rest(s: State, order: Order) -> None:
    s.arrivals += 1
    order.arrival = s.arrivals
    order.state = OrderState.RESTING
    s.orders[order.order_id] = order
    s.emit(
        EventKind.ORDER_ACCEPTED,
        account=order.account,
        market=order.market,
        order_id=order.order_id,
        price=order.price,
        size=order.remaining,
    )
