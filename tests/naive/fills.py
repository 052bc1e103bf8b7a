"""How one trade is booked: cash, bucket, entry notional, fee, volume, and what a close cancels."""

import copy

from seawall.domain.enums import EventKind, OrderFlag, OrderState, Reason

from . import groups
from .margin import RATE_ONE, cross_equity, cross_initial, free_margin, isolated_equity
from .state import BACKSTOP, FEES, Account, State, direction, divide, sign


def fee_of(value: int, rate: int) -> int:
    return divide(value * rate, RATE_ONE)


def book_trade(s: State, account: Account, market: int, change: int, price: int, fee: int) -> int:
    """Books ``change`` at ``price`` on one account; returns the closed profit.

    Touches only ``account``, so that it can be tried on a copy.
    """
    position = s.position(account, market)
    before = position.size
    group = s.group(account, market)
    if before == 0 or sign(before) == sign(change):
        _open(position, account, group, change, price, fee)
        return 0
    if abs(change) <= abs(before):
        return _close(position, account, group, change, price, fee)
    profit = _close(position, account, group, -before, price, 0)
    _open(position, account, group, change + before, price, fee)
    return profit


def _open(position, account, group, change, price, fee):  # type: ignore[no-untyped-def]
    """An isolated increase moves its margin into the bucket, which pays the fee."""
    if position.isolated:
        margin = divide(abs(change) * price, position.leverage)
        account.cash[group] -= margin
        position.isolated_cash += margin - change * price - fee
    else:
        account.cash[group] -= change * price + fee
    position.size += change
    position.entry += change * price


def _close(position, account, group, change, price, fee):  # type: ignore[no-untyped-def]
    """An isolated decrease releases its share of the bucket and the proceeds, less the fee."""
    closed, whole = abs(change), abs(position.size)
    entry_part = divide(position.entry * closed, whole)
    profit = -change * price - entry_part
    if position.isolated:
        share = divide(position.isolated_cash * closed, whole)
        position.isolated_cash -= share
        account.cash[group] += share - change * price - fee
    else:
        account.cash[group] += -change * price - fee
    position.size += change
    position.entry -= entry_part
    return profit


def tried(s: State, account: Account, market: int, change: int, price: int, fee: int) -> Account:
    """The account as it would be after the trade."""
    after = copy.copy(account)
    after.cash = account.cash.copy()
    after.positions = {number: copy.copy(row) for number, row in account.positions.items()}
    book_trade(s, after, market, change, price, fee)
    return after


def increases(s: State, account: Account, market: int, change: int) -> bool:
    """Opening, growing and flipping all need initial margin."""
    before = s.look(account, market).size
    return before == 0 or sign(before) == sign(change) or abs(change) > abs(before)


def solvent_after(
    s: State, account: Account, market: int, change: int, price: int, fee: int
) -> bool:
    """No one may trade himself below zero with a fill that only reduces.

    Cross: the pool's equity after the fill and its fee, at mark. Isolated: what the fill releases
    to the cash, so that a bucket's loss never reaches it.
    """
    after = tried(s, account, market, change, price, fee)
    group = s.group(account, market)
    if s.look(account, market).isolated:
        return after.cash[group] >= account.cash[group]
    return cross_equity(s, after, group) >= 0


def margin_after(
    s: State, account: Account, market: int, change: int, price: int, fee: int, taker: bool
) -> bool:
    """Whether the account may take part in this fill: margin before the fee, equity after it."""
    if account.number == BACKSTOP:
        return True
    if not increases(s, account, market, change):
        return solvent_after(s, account, market, change, price, fee)
    position, group = s.look(account, market), s.group(account, market)
    if position.isolated and position.size:
        opposite = sign(position.size) != sign(change)
        if opposite and not solvent_after(s, account, market, -position.size, price, 0):
            return False
    paid = tried(s, account, market, change, price, fee)
    if position.isolated:
        equity = isolated_equity(s, paid.positions[market], market)
    else:
        equity = cross_equity(s, paid, group)
    if equity < 0:
        return False
    after = tried(s, account, market, change, price, 0)
    if taker:
        return free_margin(s, after, group) >= 0
    return cross_equity(s, after, group) >= cross_initial(s, after, group)


def apply_trade(
    s: State, number: int, market: int, change: int, price: int, rate: int, maker: bool
) -> int:
    """One side of a fill in the book: trade, fee, volume. Returns the fee."""
    account = s.accounts[number]
    value = abs(change) * price
    fee = fee_of(value, rate)
    before = s.position(account, market).size
    book_trade(s, account, market, change, price, fee)
    fees = s.accounts[FEES]
    fees.cash[s.group(fees, market)] += fee
    owner = s.accounts[account.parent] if account.parent >= 0 else account
    if account.parent < 0:
        account.own_volume_today += value
    if maker:
        owner.day_maker_volume += value
    else:
        owner.day_taker_volume += value
    after_position_change(s, account, market, before)
    return fee


def apply_free_trade(s: State, number: int, market: int, change: int, price: int) -> None:
    """A trade outside the book: no fee, no volume."""
    account = s.accounts[number]
    before = s.position(account, market).size
    book_trade(s, account, market, change, price, 0)
    after_position_change(s, account, market, before)


def after_position_change(s: State, account: Account, market: int, before: int) -> None:
    """A position that became flat or flipped takes its attached orders with it."""
    after = account.positions[market].size
    if before == 0 or (after and sign(after) == sign(before)):
        return
    for order in s.open_orders(account.number, market):
        if order.has(OrderFlag.POSITION_ATTACHED) and order.order_id in s.orders:
            groups.end_order(s, order, Reason.POSITION_CLOSED)
    for order in s.open_orders(account.number, market):
        resting = order.state == OrderState.RESTING and order.has(OrderFlag.REDUCE_ONLY)
        if resting and order.order_id in s.orders and not reduces(s, order.account, market, order):
            groups.end_order(s, order, Reason.REDUCE_ONLY_CANCELLED)


def reduces(s: State, number: int, market: int, order) -> bool:  # type: ignore[no-untyped-def]
    return reducible(s, number, market, order.side) > 0


def reducible(s: State, number: int, market: int, side: int) -> int:
    """How much of the position an order of ``side`` can close."""
    size = s.look(s.accounts[number], market).size
    return abs(size) if sign(size) == -direction(side) else 0


def emit_fill(s: State, number: int, market: int, order_id: int, price: int, **rest: int) -> None:
    s.emit(
        EventKind.ORDER_FILLED,
        account=number,
        market=market,
        order_id=order_id,
        price=price,
        **rest,
    )
