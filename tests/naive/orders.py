"""Placing, modifying, cancelling orders, and firing triggers."""

import copy
from typing import TYPE_CHECKING

from seawall.domain.enums import EventKind, OrderFlag, OrderState, Reason, TimeInForce
from seawall.domain.units import MAX_TIME_MS

from . import groups, validity
from .fills import reducible
from .matching import execute, rest
from .state import DAY_MS, Order, Rejected, State
from .validity import refuse_if

if TYPE_CHECKING:
    from .machine import Command


def order_from(s: State, c: "Command") -> Order:
    return Order(
        order_id=s.placed + 1,
        account=c.account,
        market=c.market,
        side=c.side,
        price=c.price,
        size=c.order_size,
        remaining=c.order_size,
        flags=c.flags,
        time_in_force=c.time_in_force,
        trigger_price=c.trigger_price,
        client_id=(c.client_id_high, c.client_id_low),
        siblings=c.status,
    )


def place_order(s: State, c: "Command", replaces: bool = False) -> None:
    """``replaces``: an old order has gone, so that failing later only ends the new one."""
    order = order_from(s, c)
    account = s.accounts[c.account]
    accept(s, order, replaces)
    if not order.has(OrderFlag.CHILD):
        account.last_parent = order
    s.parent_sequence, s.parent_account = s.sequence, order.account


def accept(s: State, order: Order, replaces: bool) -> None:
    validity.check(s, order)
    s.position(s.accounts[order.account], order.market)
    s.placed += 1
    try:
        if order.has(OrderFlag.TRIGGER):
            wait(s, order)
        elif order.time_in_force == TimeInForce.POST_ONLY:
            rest(s, order)
        else:
            execute(s, order)
    except Rejected as rejection:
        if replaces:
            groups.end_order(s, order, rejection.reason)
            return
        s.placed -= 1
        raise


def wait(s: State, order: Order) -> None:
    """A trigger waits for the mark, a child of an unfilled parent for the parent's fill."""
    order.state = OrderState.WAITING_FOR_TRIGGER
    if order.has(OrderFlag.CHILD):
        parent = s.accounts[order.account].last_parent
        assert parent is not None
        order.parent = parent
        parent.children.append(order)
        if groups.parent_started(parent) is None:
            order.state = OrderState.WAITING_FOR_FILL
    s.arrivals += 1
    order.arrival = s.arrivals
    s.orders[order.order_id] = order
    s.emit(
        EventKind.ORDER_WAITING,
        account=order.account,
        market=order.market,
        order_id=order.order_id,
        price=order.trigger_price,
        size=order.size,
    )


def own_order(s: State, account: int, order_id: int) -> Order:
    order = s.orders.get(order_id)
    if order is None or order.account != account:
        raise Rejected(Reason.ORDER_NOT_FOUND)
    return order


def modify_order(s: State, c: "Command") -> None:
    """The caller keeps a copy of the state: a rejection of the replacement restores the old."""
    old = own_order(s, c.account, c.order_id)
    bound = old.state == OrderState.WAITING_FOR_FILL or any(
        child.order_id in s.orders for child in old.children
    )
    other_market = old.market != c.market
    refuse_if(bound or other_market, Reason.CANNOT_MODIFY)
    refuse_if(bool(c.flags & OrderFlag.CHILD), Reason.CANNOT_MODIFY)
    groups.end_order(s, old, Reason.REPLACED)
    place_order(s, c, replaces=True)


def cancel_order(s: State, c: "Command") -> None:
    groups.end_order(s, own_order(s, c.account, c.order_id), Reason.CANCELLED_BY_USER)


def cancel_by_client_id(s: State, c: "Command") -> None:
    wanted = (c.client_id_high, c.client_id_low)
    for order in s.open_orders(c.account):
        if order.client_id == wanted and wanted != (0, 0):
            groups.end_order(s, order, Reason.CANCELLED_BY_USER)
            return
    raise Rejected(Reason.ORDER_NOT_FOUND)


def cancel_all(s: State, c: "Command") -> None:
    cancel_orders(s, c.account, None if c.market == -1 else c.market, Reason.CANCELLED_BY_USER)


def cancel_orders(s: State, account: int, market: int | None, reason: Reason) -> None:
    for order in s.open_orders(account, market):
        if order.order_id in s.orders:
            groups.end_order(s, order, reason)


def schedule_cancel(s: State, c: "Command") -> None:
    account = s.accounts[c.account]
    policy = s.rules.order
    if c.money != 0:
        refuse_if(not 0 <= c.money <= MAX_TIME_MS, Reason.VALUE_OUT_OF_RANGE)
        too_early = c.money < c.time_ms + policy.schedule_minimum_delay_ms
        refuse_if(too_early, Reason.SCHEDULE_TOO_EARLY)
        too_many = account.cancels_today >= policy.schedule_daily_maximum
        refuse_if(too_many, Reason.TOO_MANY_SCHEDULED_CANCELS)
        traded = account.total_volume + account.own_volume_today
        too_low = traded < policy.schedule_minimum_volume
        refuse_if(too_low, Reason.SCHEDULE_VOLUME_TOO_LOW)
    account.scheduled_cancel = c.money
    s.emit(EventKind.CANCEL_SCHEDULED, account=c.account, money=c.money)


def run_scheduled_cancels(s: State) -> None:
    for account in s.accounts:
        if 0 < account.scheduled_cancel <= s.clock:
            account.scheduled_cancel = 0
            account.cancels_today += 1
            cancel_orders(s, account.number, None, Reason.SCHEDULED_CANCEL)


def start_of_day(s: State) -> None:
    s.day = s.clock // DAY_MS
    for account in s.accounts:
        account.cancels_today = 0


def next_trigger(s: State, market: int) -> Order | None:
    """Rising triggers first from the lowest price, then falling ones from the highest."""
    mark = s.markets[market].mark
    due = [o for o in validity.waiting_for_trigger(s, market) if validity.fires(o, mark)]

    def turn(order: Order) -> tuple[bool, int, int]:
        above = validity.fires_above(order)
        return (not above, order.trigger_price if above else -order.trigger_price, order.arrival)

    return min(due, key=turn, default=None)


def fire_triggers(s: State, market: int) -> None:
    while (order := next_trigger(s, market)) is not None:
        fire(s, order)


def fire(s: State, order: Order) -> None:
    """The waiting order becomes an ordinary one; a rejection now cancels it with the reason."""
    s.emit(
        EventKind.ORDER_TRIGGERED,
        account=order.account,
        market=order.market,
        order_id=order.order_id,
        price=order.trigger_price,
    )
    market_order = order.has(OrderFlag.TRIGGER_MARKET)
    immediate = TimeInForce.IMMEDIATE_OR_CANCEL
    order.time_in_force = immediate if market_order else TimeInForce.GOOD_TIL_CANCEL
    if order.has(OrderFlag.WHOLE_POSITION):
        order.size = reducible(s, order.account, order.market, order.side)
        order.remaining = order.size
    order.state = OrderState.FREE
    s.orders.pop(order.order_id)
    try:
        validity.check_fired(s, order)
    except Rejected as rejection:
        groups.end_order(s, order, rejection.reason)
        return
    try:
        execute(s, order)
    except Rejected:
        groups.end_order(s, order, Reason.MARGIN_CANCELLED)


def snapshot(s: State) -> State:
    return copy.deepcopy(s)
