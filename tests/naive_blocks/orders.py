"""Orders arrive, are replaced and cancelled; those of the state wait for the block."""

from typing import TYPE_CHECKING

from seawall.domain.enums import EventKind, OrderFlag, OrderState, Reason

from . import validity
from .matching import end_order, meet_makers, reducible
from .state import CONDITIONAL, LONG_TERM, SHORT_TERM, TWAP_PARENT, Order, Rejected, State
from .validity import is_immediate, refuse_if

if TYPE_CHECKING:
    from .machine import Command

LARGEST_HEIGHT = 2**32
"""Heights are below it, times in ms above."""


def emit_order(s: State, kind: EventKind, order: Order, money: int = 0) -> None:
    s.emit(
        kind,
        account=order.account,
        market=order.market,
        order_id=order.order_id,
        price=order.price,
        size=order.remaining,
        money=money,
        flags=order.side,
    )


def next_id(s: State) -> int:
    s.placed += 1
    return s.placed


def rest(s: State, order: Order) -> None:
    """The order joins the end of its level."""
    s.orders[order.order_id] = order
    order.state = OrderState.RESTING
    order.arrival = s.next_arrival()
    emit_order(s, EventKind.ORDER_ACCEPTED, order)


def join_queue(s: State, order: Order) -> None:
    s.orders[order.order_id] = order
    order.state = OrderState.WAITING_FOR_BLOCK
    order.arrival = s.next_arrival()


def new_order(s: State, c: "Command", kind: int, size: int, good_til: int) -> Order:
    return Order(
        order_id=next_id(s),
        account=c.account,
        market=c.market,
        kind=kind,
        side=c.side,
        price=c.price,
        size=c.order_size,
        remaining=size,
        flags=c.flags,
        time_in_force=c.time_in_force,
        client=(c.client_id_high, c.client_id_low),
        good_til=good_til,
        trigger=c.trigger_price,
    )


def place_order(s: State, c: "Command") -> None:
    kind = validity.kind_of(c.flags, c.time_in_force)
    market = s.markets[c.market]
    validity.check_flags(c.flags, c.time_in_force, c.side, kind)
    validity.check_amounts(market, c.price, c.order_size)
    if kind == CONDITIONAL:
        refuse_if(not 0 < c.trigger_price <= validity.MAX_PRICE, Reason.INVALID_PRICE)
    validity.check_status(market, c.price, c.side, c.time_in_force, kind)
    existing = s.with_client(c.account, (c.client_id_high, c.client_id_low))
    if kind == SHORT_TERM:
        place_short_term(s, c, existing)
    else:
        place_in_state(s, c, kind, existing)


def check_replacement(s: State, c: "Command", old: Order) -> None:
    """The new one must outlive the old one, and be of its side and kind."""
    refuse_if(old.kind != SHORT_TERM, Reason.ORDER_EXISTS)
    same = (
        old.market == c.market
        and old.side == c.side
        and old.time_in_force == c.time_in_force
        and (old.flags ^ c.flags) & OrderFlag.REDUCE_ONLY == 0
    )
    outlives = validity.last_height(s, c.money) > old.good_til
    refuse_if(not same or not outlives, Reason.REPLACEMENT_REFUSED)


def place_short_term(s: State, c: "Command", existing: Order | None) -> None:
    """Checked, then matched on arrival; what is left rests, or the order ends."""
    account, step = s.accounts[c.account], s.markets[c.market].terms.size_step
    memory = s.memory(c.account, (c.client_id_high, c.client_id_low))
    good_til = validity.last_height(s, c.money)
    immediate = is_immediate(c.flags, c.time_in_force)
    validity.check_height(s, c.money)
    refuse_if(memory.cancelled_until >= good_til, Reason.ALREADY_CANCELLED)
    if existing is not None:
        check_replacement(s, c, existing)
    refuse_if(memory.filled > 0 and immediate, Reason.IMMEDIATE_ALREADY_FILLED)
    wanted = c.order_size - memory.filled
    refuse_if(wanted < step, Reason.ORDER_FULLY_FILLED)
    if c.flags & OrderFlag.REDUCE_ONLY:
        none = reducible(account, c.market, c.side) == 0
        refuse_if(none, Reason.REDUCE_ONLY_WOULD_INCREASE)
    if existing is not None:
        end_order(s, existing, Reason.REPLACED)
    order = new_order(s, c, SHORT_TERM, wanted, good_til)
    why, acted = meet_makers(s, order)
    errors = (Reason.POST_ONLY_WOULD_MATCH, Reason.ISOLATED_MARKET_RULE)
    if not acted and existing is None and why in errors:
        s.placed -= 1
        raise Rejected(why)
    finish_taker(s, order, why)


def finish_taker(s: State, order: Order, why: Reason) -> None:
    """What is left of an order that has met the book rests or ends."""
    if order.remaining < s.markets[order.market].terms.size_step:
        end_order(s, order, Reason.NO_REASON)
        return
    if not why and is_immediate(order.flags, order.time_in_force):
        why = Reason.IMMEDIATE_REMAINDER
    if why:
        end_order(s, order, why)
    else:
        rest(s, order)


def place_in_state(s: State, c: "Command", kind: int, existing: Order | None) -> None:
    """A long-term order waits for the block, a conditional one for its trigger."""
    account = s.accounts[c.account]
    validity.check_time(s, c.money)
    validity.check_id(existing)
    validity.check_count(s, account)
    if kind == LONG_TERM:
        validity.check_whole_fill(s, account, c.market, c.side, c.order_size, c.price)
    order = new_order(s, c, kind, c.order_size, validity.last_time(s, c.money))
    if kind == LONG_TERM:
        join_queue(s, order)
        emit_order(s, EventKind.ORDER_QUEUED, order)
        return
    s.orders[order.order_id] = order
    order.state = OrderState.WAITING_FOR_TRIGGER
    order.arrival = s.next_arrival()
    emit_order(s, EventKind.ORDER_WAITING, order, money=c.trigger_price)


# cancels


def cancel(s: State, order: Order) -> None:
    """A short-term order goes now, one of the state with the block."""
    if order.kind == SHORT_TERM:
        end_order(s, order, Reason.CANCELLED_BY_USER)
        return
    refuse_if(order.cancel_pending, Reason.CANCEL_ALREADY_STORED)
    order.cancel_pending = True


def cancel_order(s: State, c: "Command") -> None:
    order = s.orders.get(c.order_id)
    if order is None or order.account != c.account:
        raise Rejected(Reason.ORDER_NOT_FOUND)
    cancel(s, order)


def cancel_by_client_id(s: State, c: "Command") -> None:
    client = (c.client_id_high, c.client_id_low)
    refuse_if(client == (0, 0), Reason.ORDER_NOT_FOUND)
    order = s.with_client(c.account, client)
    short = order is None or order.kind == SHORT_TERM
    if 0 < c.money < LARGEST_HEIGHT and short:
        store_cancel(s, c, order)
        return
    if order is None:
        raise Rejected(Reason.ORDER_NOT_FOUND)
    refuse_if(c.money != 0 and c.money < order.good_til, Reason.GOOD_TIL_PASSED)
    cancel(s, order)


def store_cancel(s: State, c: "Command", order: Order | None) -> None:
    """Removes what expires no later, and keeps the id from being placed."""
    client = (c.client_id_high, c.client_id_low)
    validity.check_height(s, c.money)
    before = s.memory(c.account, client).cancelled_until
    refuse_if(before >= c.money, Reason.CANCEL_ALREADY_STORED)
    memory = s.kept_memory(c.account, client)
    assert memory is not None
    memory.cancelled_until = c.money
    s.emit(EventKind.CANCEL_STORED, account=c.account, market=c.market, money=c.money)
    if order is not None and order.good_til <= c.money:
        end_order(s, order, Reason.CANCELLED_BY_USER)


def cancel_all(s: State, c: "Command") -> None:
    for order in list(s.orders.values()):
        mine = order.account == c.account and c.market in (-1, order.market)
        if mine and not order.cancel_pending:
            cancel(s, order)


# the end of a block


def run_pending_cancels(s: State) -> None:
    for order in list(s.orders.values()):
        if order.cancel_pending:
            end_order(s, order, Reason.CANCELLED_BY_USER)


def prune_memories(s: State) -> None:
    """Forget fills and cancels up to the height of the block that was committed."""
    for key, memory in list(s.memories.items()):
        if memory.filled_until <= s.height:
            memory.filled = memory.filled_until = 0
        if memory.cancelled_until <= s.height:
            memory.cancelled_until = 0
        if not memory.filled_until and not memory.cancelled_until:
            del s.memories[key]


def expire(s: State) -> None:
    for order in list(s.orders.values()):
        if order.kind == SHORT_TERM:
            over = s.next_height > order.good_til
        else:
            over = order.kind != TWAP_PARENT and s.clock >= order.good_til
        if over:
            end_order(s, order, Reason.EXPIRED)


def place_queue(s: State) -> None:
    """Post-only orders first, then long-term ones and legs, then what was triggered."""
    waiting = [o for o in s.orders.values() if o.state == OrderState.WAITING_FOR_BLOCK]
    waiting.sort(key=lambda order: order.arrival)
    first = [order for order in waiting if order.post_only]
    triggered = [o for o in waiting if not o.post_only and o.kind == CONDITIONAL]
    others = [o for o in waiting if not o.post_only and o.kind != CONDITIONAL]
    for order in first + others + triggered:
        place_queued(s, order)


def place_queued(s: State, order: Order) -> None:
    market = s.markets[order.market]
    order.state = OrderState.FIRING
    try:
        validity.check_status(market, order.price, order.side, order.time_in_force, order.kind)
    except Rejected as rejection:
        end_order(s, order, rejection.reason)
        return
    why, _ = meet_makers(s, order)
    finish_taker(s, order, why)
