"""Orders as clients see them: open ones from the machine, ended ones from the history."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from seawall.domain.commands import join_client_id, split_client_id
from seawall.domain.enums import OrderFlag, OrderState, Side, TimeInForce
from seawall.domain.units import from_units
from seawall.engine.tables import order_dtype
from seawall.venues.hyperliquid.directory.twaps import slice_of
from seawall.venues.hyperliquid.info.base import (
    BadRequest,
    DeskView,
    Request,
    dex_of,
    user_of,
    whole_of,
)
from seawall.venues.hyperliquid.wire.error_texts import order_status
from seawall.venues.hyperliquid.wire.values import (
    WireError,
    client_id_text,
    parse_cloid,
    price_text,
    side_text,
    size_text,
)
from seawall.venues.port import OrderRecord

MOST_ORDERS = 2000
_SLOT_MASK = (1 << 22) - 1
"""The low bits of an order id are its slot in the machine's table."""

_REFUSED_OIDS = 1 << 52
"""A refused order never had an id: the history has minus its command's number, clients see this
much more than that number."""

_TIMES_IN_FORCE = {
    TimeInForce.GOOD_TIL_CANCEL: "Gtc",
    TimeInForce.IMMEDIATE_OR_CANCEL: "Ioc",
    TimeInForce.FILL_OR_KILL: "Ioc",
    TimeInForce.POST_ONLY: "Alo",
}


def shown_oid(order_id: int) -> int:
    return order_id if order_id >= 0 else _REFUSED_OIDS - order_id


def _order_id_of(oid: int) -> int:
    return _REFUSED_OIDS - oid if oid > _REFUSED_OIDS else oid


_COLUMNS = {name: place for place, name in enumerate(order_dtype.names or ())}
_ID, _HIGH, _LOW = (_COLUMNS[name] for name in "order_id client_id_high client_id_low".split())
_COPIED = [
    (name, _COLUMNS[name])
    for name in (
        "order_id account market side price trigger_price original_size remaining_size flags "
        "time_in_force placed_ms"
    ).split()
]
_STATE, _PARENT = _COLUMNS["state"], _COLUMNS["parent"]
_NEXT, _PLACED = _COLUMNS["next_of_position"], _COLUMNS["placed_ms"]
Row = tuple[int, ...]


def _record_of(row: Row, status: str) -> OrderRecord:
    """An order of the machine's table in the shape of the history."""
    return OrderRecord(
        client_id=join_client_id(row[_HIGH], row[_LOW]),
        status=status,
        reason=0,
        status_ms=row[_PLACED],
        **{name: row[place] for name, place in _COPIED},
    )


def _rows_of(venue: DeskView, account: int) -> Iterator[Row]:
    """Every order of the account, the latest of each market first."""
    orders, positions = venue.tables["orders"], venue.tables["positions"]
    position = int(venue.tables["accounts"]["first_position"][account])
    while position >= 0:
        slot = int(positions["first_order"][position])
        while slot >= 0:
            row: Row = orders[slot].item()
            yield row
            slot = row[_NEXT]
        position = int(positions["next_of_account"][position])


def live_order(venue: DeskView, account: int, order_id: int) -> OrderRecord | None:
    """An open order by its id, if it is the account's."""
    slot = order_id & _SLOT_MASK
    if order_id <= 0 or slot >= int(venue.tables["control"]["orders_used"][0]):
        return None
    row: Row = venue.tables["orders"][slot].item()
    if row[_ID] != order_id or row[_COLUMNS["account"]] != account:
        return None
    return None if row[_STATE] == OrderState.FREE else _record_of(row, "open")


def live_orders(
    venue: DeskView, account: int
) -> tuple[list[OrderRecord], dict[int, list[OrderRecord]]]:
    """(open orders, newest first; orders that wait for one of those to fill, by its id)."""
    ids = venue.tables["orders"]["order_id"]
    found: list[OrderRecord] = []
    children: dict[int, list[OrderRecord]] = defaultdict(list)
    for row in _rows_of(venue, account):
        if row[_STATE] == OrderState.WAITING_FOR_FILL:
            children[int(ids[row[_PARENT]])].append(_record_of(row, "waiting"))
        else:
            found.append(_record_of(row, "open"))
    found.sort(key=lambda order: order.order_id, reverse=True)
    return found, children


def _trigger_word(order: OrderRecord) -> str:
    profit = bool(order.flags & OrderFlag.TAKE_PROFIT)
    above = (order.side == Side.BUY) != profit
    return "above" if above else "below"


def _type_word(order: OrderRecord) -> str:
    if order.flags & OrderFlag.TRIGGER:
        kind = "Take Profit" if order.flags & OrderFlag.TAKE_PROFIT else "Stop"
        return f"{kind} {'Market' if order.flags & OrderFlag.TRIGGER_MARKET else 'Limit'}"
    if slice_of(*split_client_id(order.client_id)):
        return "Twap Slice"
    return "Market" if order.flags & (OrderFlag.MARKET | OrderFlag.LIQUIDATION) else "Limit"


def _force_word(order: OrderRecord) -> str | None:
    if order.flags & OrderFlag.TRIGGER:
        return None
    if order.flags & OrderFlag.LIQUIDATION:
        return "LiquidationMarket"
    if order.flags & OrderFlag.MARKET:
        return "FrontendMarket"
    return _TIMES_IN_FORCE[TimeInForce(order.time_in_force)]


def shown_cloid(client_id: int) -> str | None:
    """The client's own id of an order; slices of time-weighted orders have none."""
    if client_id and slice_of(*split_client_id(client_id)):
        return None
    return client_id_text(client_id)


def plain_order(venue: DeskView, order: OrderRecord) -> dict[str, Any]:
    """The short shape, in which what does not apply is absent."""
    decimals = venue.size_decimals(order.market)
    shown: dict[str, Any] = {
        "coin": venue.coin(order.market),
        "side": side_text(order.side),
        "limitPx": price_text(order.price, decimals),
        "sz": size_text(order.remaining_size, decimals),
        "oid": shown_oid(order.order_id),
        "timestamp": order.placed_ms,
        "origSz": size_text(order.original_size, decimals),
    }
    cloid = shown_cloid(order.client_id)
    if cloid:
        shown["cloid"] = cloid
    if order.flags & OrderFlag.REDUCE_ONLY:
        shown["reduceOnly"] = True
    return shown


def full_order(
    venue: DeskView, order: OrderRecord, children: list[OrderRecord] | None = None
) -> dict[str, Any]:
    """The long shape, in which what does not apply is null or a word for it."""
    decimals = venue.size_decimals(order.market)
    is_trigger = bool(order.flags & OrderFlag.TRIGGER)
    condition = "N/A"
    if is_trigger:
        price = from_units(order.trigger_price, venue.instruments[order.market].price_decimals)
        condition = f"Price {_trigger_word(order)} {price}"
    return {
        "coin": venue.coin(order.market),
        "side": side_text(order.side),
        "limitPx": price_text(order.price, decimals),
        "sz": size_text(order.remaining_size, decimals),
        "oid": shown_oid(order.order_id),
        "timestamp": order.placed_ms,
        "triggerCondition": condition,
        "isTrigger": is_trigger,
        "triggerPx": price_text(order.trigger_price if is_trigger else 0, decimals),
        "children": [full_order(venue, child) for child in children or ()],
        "isPositionTpsl": bool(order.flags & OrderFlag.POSITION_ATTACHED),
        "reduceOnly": bool(order.flags & OrderFlag.REDUCE_ONLY),
        "orderType": _type_word(order),
        "origSz": size_text(order.original_size, decimals),
        "tif": _force_word(order),
        "cloid": shown_cloid(order.client_id),
    }


def order_with_status(venue: DeskView, order: OrderRecord) -> dict[str, Any]:
    return {
        "order": full_order(venue, order),
        "status": order_status(order.status, order.reason),
        "statusTimestamp": order.status_ms,
    }


def order_update(venue: DeskView, order: OrderRecord) -> dict[str, Any]:
    """What the order stream carries."""
    return {
        "order": plain_order(venue, order),
        "status": order_status(order.status, order.reason),
        "statusTimestamp": order.status_ms,
    }


# -- requests ------------------------------------------------------------------------------------


def open_orders(venue: DeskView, request: Request) -> list[Any]:
    dex, row = dex_of(venue, request), venue.row_of(user_of(request))
    if row < 0:
        return []
    orders = live_orders(venue, row)[0]
    return [plain_order(venue, order) for order in orders if venue.dex_of(order.market) == dex]


def frontend_orders(venue: DeskView, address: str, dex: str = "") -> list[Any]:
    """Open orders of an address on a dex in the long shape; empty for an unknown address."""
    row = venue.row_of(address)
    if row < 0:
        return []
    orders, children = live_orders(venue, row)
    return [
        full_order(venue, order, children.get(order.order_id))
        for order in orders
        if venue.dex_of(order.market) == dex
    ]


def frontend_open_orders(venue: DeskView, request: Request) -> list[Any]:
    return frontend_orders(venue, user_of(request), dex_of(venue, request))


def _wanted_order(venue: DeskView, request: Request, account: int) -> OrderRecord | None:
    oid = request.get("oid")
    if isinstance(oid, str):
        try:
            high, low = parse_cloid(oid)
        except WireError as error:
            raise BadRequest(f"oid: {error}") from None
        client_id = join_client_id(high, low)
        if account < 0 or not client_id or slice_of(high, low):
            return None
        for order in live_orders(venue, account)[0]:
            if order.client_id == client_id:
                return order
        return venue.history.order(account, client_id=client_id)
    order_id = _order_id_of(whole_of(request, "oid"))
    if account < 0 or not order_id:
        return None
    return live_order(venue, account, order_id) or venue.history.order(account, order_id=order_id)


def order_by_id(venue: DeskView, request: Request) -> dict[str, Any]:
    order = _wanted_order(venue, request, venue.row_of(user_of(request)))
    if order is None:
        return {"status": "unknownOid"}
    return {"status": "order", "order": order_with_status(venue, order)}


def order_history(venue: DeskView, address: str) -> list[Any]:
    """Orders of an address with their latest status, newest first; empty for an unknown one."""
    row = venue.row_of(address)
    if row < 0:
        return []
    return [order_with_status(venue, order) for order in venue.history.orders(row, MOST_ORDERS)]


def historical_orders(venue: DeskView, request: Request) -> list[Any]:
    return order_history(venue, user_of(request))
