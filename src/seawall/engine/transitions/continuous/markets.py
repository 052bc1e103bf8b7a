"""A market's status, its open-interest cap, and its settlement when it is delisted."""

from seawall.domain.codes import (
    CROSS,
    DELISTED,
    DELISTED_CANCELLED,
    INVALID_FLAGS,
    INVALID_PRICE,
    MARKET_HALTED,
    MARKET_SETTLED,
    MARKET_STATUS_SET,
    NO_REASON,
    POST_ONLY_ONLY,
    REDUCE_ONLY_ONLY,
    VALUE_OUT_OF_RANGE,
)
from seawall.domain.units import MAX_MONEY, MAX_PRICE
from seawall.engine.compile import kernel
from seawall.engine.formulas.shared.groups import group_of
from seawall.engine.tables import CommandRow, State, control, market_at, position_at
from seawall.engine.transitions.continuous.backstop import backstop_bears, bear_empty_pool
from seawall.engine.transitions.continuous.watch import unwatch
from seawall.engine.transitions.shared.cancels import cancel_orders_of
from seawall.engine.transitions.shared.cash import add_cash_in
from seawall.engine.transitions.shared.outbox import emit
from seawall.engine.transitions.shared.positions import mark_dirty


@kernel
def set_market_status(s: State, command: CommandRow) -> int:
    """SET_MARKET_STATUS: open, halted, post-only or reduce-only; a delisted market stays so."""
    row = market_at(s, command.market)
    is_known = 0 <= command.status <= POST_ONLY_ONLY or command.status == REDUCE_ONLY_ONLY
    if not is_known:
        return INVALID_FLAGS
    if command.money < 0 or command.money > MAX_MONEY:
        return VALUE_OUT_OF_RANGE
    if row.status == DELISTED:
        return MARKET_HALTED
    row.status = command.status
    row.open_interest_cap = command.money
    event = emit(s, MARKET_STATUS_SET, NO_REASON, -1, command.market, 0, 0, 0, command.money)
    event.flags = command.status
    return NO_REASON


@kernel
def _settle_position(s: State, index: int, price: int) -> None:
    """Close a position at the settlement price; a bucket's cash returns to the pool.

    What a bucket or an emptied pool still owes is not the holder's: the backstop bears it.
    """
    position = position_at(s, index)
    market_at(s, position.market).open_interest -= max(0, position.signed_size)
    proceeds = position.signed_size * price
    if position.mode == CROSS:
        add_cash_in(s, position.account, position.market, proceeds)
    else:
        proceeds += position.isolated_cash
        position.isolated_cash = 0
        add_cash_in(s, position.account, position.market, max(0, proceeds))
        if proceeds < 0:
            backstop_bears(s, position.account, position.market, -proceeds)
    position.signed_size = 0
    position.entry_notional = 0
    bear_empty_pool(s, position.account, group_of(s, position.account, position.market))
    unwatch(s, index)
    mark_dirty(s, position.account)


@kernel
def settle_market(s: State, command: CommandRow) -> int:
    """SETTLE_MARKET: cancel every order, close every position at one price, delist."""
    price = command.price
    if price <= 0 or price > MAX_PRICE:
        return INVALID_PRICE
    row = market_at(s, command.market)
    if row.status == DELISTED:
        return MARKET_HALTED
    for index in range(control(s).positions_used):
        position = position_at(s, index)
        if position.market == command.market:
            cancel_orders_of(s, index, DELISTED_CANCELLED)
            if position.signed_size != 0:
                _settle_position(s, index, price)
    row.status = DELISTED
    emit(s, MARKET_SETTLED, NO_REASON, -1, command.market, 0, price, 0, 0)
    return NO_REASON
