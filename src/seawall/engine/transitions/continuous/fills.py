"""Booking a fill on both sides: size, entry, cash or bucket, fee, volume, events."""

from seawall.domain.codes import (
    BUY,
    CROSS,
    DELEVERAGED,
    ISOLATED_BUCKET,
    LIQUIDATED,
    LIQUIDATION_ORDER_ENDED,
    NO_REASON,
    ORDER_FILLED,
    TAKER,
)
from seawall.domain.system_accounts import FEE_ACCOUNT
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.continuous.margin import initial_margin
from seawall.engine.formulas.shared.fills import (
    closed_entry,
    closing_part,
    released_cash,
)
from seawall.engine.tables import CHANGED, OPENED, State, account_at, market_at, position_at
from seawall.engine.transitions.shared.cash import add_cash_in
from seawall.engine.transitions.shared.fills import fill_event
from seawall.engine.transitions.shared.orders import forced_order_id
from seawall.engine.transitions.shared.outbox import emit
from seawall.engine.transitions.shared.positions import mark_dirty


@inline
def _close_part(s: State, index: int, closing: int, price: int) -> tuple[int, int]:
    """Close ``closing`` lots at ``price``; returns (profit of the closed part, cash received)."""
    position = position_at(s, index)
    size = abs(position.signed_size)
    delta = -closing if position.signed_size > 0 else closing
    proceeds = -delta * price
    entry = closed_entry(position.entry_notional, closing, size)
    released = 0
    if position.mode != CROSS:
        released = released_cash(position.isolated_cash, closing, size)
        position.isolated_cash -= released
    position.entry_notional -= entry
    position.signed_size += delta
    return proceeds - entry, released + proceeds


@inline
def _open_part(s: State, index: int, delta: int, price: int) -> int:
    """Open a signed size at ``price``; returns the cash that it takes, below 0 for a sale."""
    position = position_at(s, index)
    value = delta * price
    taken = value
    if position.mode != CROSS:
        taken = initial_margin(abs(value), position.leverage)
        position.isolated_cash += taken - value
    position.entry_notional += value
    position.signed_size += delta
    return taken


@inline
def apply_fill(s: State, index: int, delta: int, price: int, fee: int) -> int:
    """Book a trade of signed size ``delta`` at ``price`` into its bucket; returns closed profit.

    Open interest counts longs. The fee of an isolated fill comes out of the bucket when the fill
    opens, out of the proceeds when it only closes; the caller credits it.
    """
    position = position_at(s, index)
    market = market_at(s, position.market)
    before = position.signed_size
    after = before + delta
    profit = 0
    cash = 0
    opening = delta
    closing = closing_part(before, delta)
    if closing > 0:
        profit, cash = _close_part(s, index, closing, price)
        opening = after - position.signed_size
    if opening != 0:
        cash -= _open_part(s, index, opening, price)
    if position.mode == CROSS or opening == 0:
        cash -= fee
    else:
        position.isolated_cash -= fee
    add_cash_in(s, position.account, position.market, cash)
    market.open_interest += max(0, after) - max(0, before)
    opened = before == 0 or (before > 0) != (after > 0)
    position.changes |= CHANGED | OPENED if opened else CHANGED
    mark_dirty(s, position.account)
    return profit


@inline
def _fill_event(
    s: State,
    kind: int,
    index: int,
    order_id: int,
    delta: int,
    price: int,
    fee: int,
    profit: int,
    before: int,
    other: int,
    flags: int,
) -> None:
    bucket = 0 if position_at(s, index).mode == CROSS else ISOLATED_BUCKET
    fill_event(s, kind, index, order_id, price, delta, fee, profit, before, other, flags | bucket)


@inline
def book_trade(
    s: State,
    maker: int,
    maker_order: int,
    taker: int,
    taker_order: int,
    side: int,
    size: int,
    price: int,
    fees: tuple[int, int],
    flags: int,
) -> None:
    """Book a trade of ``size`` at ``price`` between two position rows, maker first.

    ``side``: the taker's. ``fees``: (maker fee, taker fee). ``flags``: of the taker's row.
    """
    delta = size if side == BUY else -size
    maker_row = position_at(s, maker)
    taker_row = position_at(s, taker)
    add_cash_in(s, FEE_ACCOUNT, maker_row.market, fees[0] + fees[1])
    before = maker_row.signed_size
    profit = apply_fill(s, maker, -delta, price, fees[0])
    _fill_event(
        s, ORDER_FILLED, maker, maker_order, -delta, price, fees[0], profit, before,
        taker_row.account, 0,
    )  # fmt: skip
    before = taker_row.signed_size
    profit = apply_fill(s, taker, delta, price, fees[1])
    _fill_event(
        s, ORDER_FILLED, taker, taker_order, delta, price, fees[1], profit, before,
        maker_row.account, TAKER | flags,
    )  # fmt: skip
    market_at(s, maker_row.market).last_trade_price = price
    value = size * price
    account_at(s, maker_row.account).day_maker_volume += value
    account_at(s, taker_row.account).day_taker_volume += value


@kernel
def liquidation_order_ended(
    s: State, index: int, order_id: int, side: int, price: int, size: int, unfilled: int
) -> None:
    """Append the event of a liquidation's market order, after those of its fills."""
    position = position_at(s, index)
    event = emit(
        s, LIQUIDATION_ORDER_ENDED, NO_REASON, position.account, position.market, order_id, price,
        size, unfilled,
    )  # fmt: skip
    event.flags = side
    event.closed_profit = market_at(s, position.market).mark_price


@kernel
def book_deleveraging(
    s: State, taken: int, counterparty: int, order_id: int, size: int, price: int
) -> None:
    """Close ``size`` of two opposite positions against each other, without fees.

    ``order_id``: of the order that closes the position taken.
    """
    row = position_at(s, taken)
    other = position_at(s, counterparty)
    delta = -size if row.signed_size > 0 else size
    before = row.signed_size
    profit = apply_fill(s, taken, delta, price, 0)
    _fill_event(
        s, DELEVERAGED, taken, order_id, delta, price, 0, profit, before, other.account, LIQUIDATED
    )
    own_id = forced_order_id(s)
    before = other.signed_size
    profit = apply_fill(s, counterparty, -delta, price, 0)
    _fill_event(
        s, DELEVERAGED, counterparty, own_id, -delta, price, 0, profit, before, row.account, 0
    )
