"""The trades of a subaccount as steps of positions: opened, extended, closed in part or whole.

Fills of one order in one block are one trade. Fees and profit add up over a position from its
opening to its end; a trade that turns a position round is two rows.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from msgspec import Struct

from seawall.domain.enums import Side
from seawall.domain.units import MICRO
from seawall.venues.dydx.directory.directory import Subaccount
from seawall.venues.dydx.indexer.ids import fill_id, order_id
from seawall.venues.dydx.indexer.money import event_of
from seawall.venues.dydx.indexer.orders import type_of
from seawall.venues.dydx.indexer.pnl import MOST_EVENTS
from seawall.venues.dydx.indexer.view import View, decimal
from seawall.venues.dydx.pairs import Pair, parts_of
from seawall.venues.dydx.wire.moments import iso
from seawall.venues.port import Fill

_ZERO = Fraction(0)


class _Trade(Struct):
    """Fills of one order in one block, or one fill without an order. Sizes in coins."""

    key: str
    order_id: str | None
    order_type: str | None
    pair: Pair
    buys: bool
    time_ms: int
    size: Fraction = _ZERO
    value: Fraction = _ZERO
    fee: Fraction = _ZERO

    @property
    def price(self) -> Fraction:
        return self.value / self.size


class _Position(Struct):
    """A position until it is closed. ``size`` is signed; ``cost``: of what was closed, at entry."""

    size: Fraction = _ZERO
    entry: Fraction = _ZERO
    profit: Fraction = _ZERO
    fee: Fraction = _ZERO
    cost: Fraction = _ZERO


def trade_history(view: View, account: Subaccount) -> list[dict[str, Any]]:
    """Every step of every position of a subaccount, newest first."""
    positions: dict[int, _Position] = {}
    rows: list[dict[str, Any]] = []
    for trade in _trades(view, account):
        position = positions.setdefault(trade.pair.row, _Position())
        rows += _steps(account, trade, position)
    return rows[::-1]


def _trades(view: View, account: Subaccount) -> Sequence[_Trade]:
    """Oldest first."""
    found: dict[str, _Trade] = {}
    for fill in reversed(view.history.fills(account.row, limit=MOST_EVENTS)):
        trade = _trade_of(view, account, fill)
        trade = found.setdefault(trade.key, trade)
        size = view.coins(trade.pair, fill.size)
        trade.size += size
        trade.value += view.fill_price(fill) * size
        trade.fee += Fraction(fill.fee, MICRO)
        trade.time_ms = fill.time_ms
    return list(found.values())


def _trade_of(view: View, account: Subaccount, fill: Fill) -> _Trade:
    pair = view.pairs.by_row[fill.market]
    buys = fill.side == Side.BUY
    if not fill.client_id:
        liquidity = "TAKER" if fill.is_taker else "MAKER"
        key = fill_id(event_of(view, fill), liquidity)
        return _Trade(key, None, None, pair, buys, fill.time_ms)
    _, flags, number = parts_of(fill.client_id)
    order = order_id(account.address, account.number, number, pair.number, flags)
    terms = view.directory.terms_of(account.row, fill.client_id)
    kind = type_of(terms) if terms else "LIMIT"
    key = f"{order}:{view.height_at(fill.time_ms)}"
    return _Trade(key, order, kind, pair, buys, fill.time_ms)


def _steps(account: Subaccount, trade: _Trade, position: _Position) -> list[dict[str, Any]]:
    """The rows of one trade, oldest first; the position goes on from them."""
    before = position.size
    signed = trade.size if trade.buys else -trade.size
    turns = before * (before + signed) < 0
    if not turns:
        return [_step(account, trade, position, trade.size, trade.fee, "")]
    closing = abs(before)
    fee = trade.fee * closing / trade.size
    return [
        _step(account, trade, position, closing, fee, ":close"),
        _step(account, trade, position, trade.size - closing, trade.fee - fee, ":open"),
    ]


def _step(
    account: Subaccount, trade: _Trade, position: _Position, size: Fraction, fee: Fraction,
    suffix: str,
) -> dict[str, Any]:  # fmt: skip
    before = position.size
    after = before + (size if trade.buys else -size)
    forced = "" if trade.order_id else "LIQUIDATION_"
    action = "EXTEND" if before else "OPEN"
    if abs(after) < abs(before):
        action = f"{forced}PARTIAL_CLOSE" if after else f"{forced}CLOSE"
        sign = 1 if before > 0 else -1
        position.profit += sign * (trade.price - position.entry) * size
        position.cost += position.entry * size
    else:
        position.entry = (position.entry * abs(before) + trade.price * size) / abs(after)
    position.size = after
    position.fee += fee
    share = position.profit / position.cost if position.cost else None
    row = {
        "id": trade.key + suffix,
        "subaccountNumber": account.number,
        "action": action,
        "executionPrice": decimal(trade.price),
        "entryPrice": decimal(position.entry),
        "side": "BUY" if trade.buys else "SELL",
        "positionSide": ("LONG" if after > 0 else "SHORT") if after else None,
        "prevSize": decimal(abs(before)),
        "additionalSize": decimal(after - before),
        "value": decimal(size * trade.price),
        "orderType": trade.order_type,
        "netFee": decimal(position.fee),
        "netRealizedPnl": decimal(position.profit),
        "netRealizedPnlPercent": None if share is None else decimal(share),
        "time": iso(trade.time_ms),
        "orderId": trade.order_id,
        "marketId": trade.pair.ticker,
        "marginMode": "ISOLATED" if trade.pair.terms.own_pool else "CROSS",
    }
    if not after:
        position.entry = position.profit = position.fee = position.cost = _ZERO
    return row
