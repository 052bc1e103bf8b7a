"""Cancelling and modifying orders, by order id or client order id."""

from typing import Any

import numpy as np
from msgspec import UNSET

from seawall.domain.commands import CancelByClientId, CancelOrder, ModifyOrder, PlaceOrder
from seawall.domain.enums import OrderState, Reason, TimeInForce
from seawall.venues.hyperliquid.exchange import action_types as shape
from seawall.venues.hyperliquid.exchange.orders import command_of, status_of
from seawall.venues.hyperliquid.exchange.request import (
    Answer,
    Request,
    Turn,
    default,
    failure,
    statuses,
)
from seawall.venues.hyperliquid.wire.error_texts import (
    CANNOT_MODIFY,
    EMPTY_BATCH,
    INVALID_REPLACEMENT,
    NOT_FOUND,
    with_asset,
)
from seawall.venues.hyperliquid.wire.reasons import rejection
from seawall.venues.hyperliquid.wire.values import parse_cloid
from seawall.venues.port import Applied, Plan, Refusal

SUCCESS = "success"
_SLOT_BITS = 22


async def cancel(request: Request, action: shape.Cancel) -> Answer:
    """``cancel``: by order id."""

    def make(turn: Turn) -> Plan:
        if not action.cancels:
            raise Refusal(EMPTY_BATCH)
        commands = []
        for wire in action.cancels:
            market = turn.market(wire.a)
            order_id = _in_market(turn, wire, market, action)
            commands.append(CancelOrder(turn.time_ms, turn.account.row, market, order_id))
        return Plan(commands)

    done = await request.run(make, count=len(action.cancels))
    found = zip(action.cancels, done.applied, strict=True)
    return statuses("cancel", [_cancelled(wire.a, applied) for wire, applied in found])


async def cancel_by_cloid(request: Request, action: shape.CancelByCloid) -> Answer:
    """``cancelByCloid``."""

    def make(turn: Turn) -> Plan:
        if not action.cancels:
            raise Refusal(EMPTY_BATCH)
        commands = []
        for wire in action.cancels:
            market, (high, low) = turn.market(wire.asset), parse_cloid(wire.cloid)
            commands.append(CancelByClientId(turn.time_ms, turn.account.row, market, high, low))
        return Plan(commands)

    done = await request.run(make, count=len(action.cancels))
    found = zip(action.cancels, done.applied, strict=True)
    return statuses("cancel", [_cancelled(wire.asset, applied) for wire, applied in found])


def _in_market(turn: Turn, wire: shape.CancelWire, market: int, action: shape.Cancel) -> int:
    """The order id, or 0 where the order is of another market or not to be cancelled fast."""
    orders = turn.engine.tables["orders"]
    slot = wire.o & (1 << _SLOT_BITS) - 1
    if slot >= len(orders) or orders["order_id"][slot] != wire.o:
        return wire.o
    waits = orders["state"][slot] in (OrderState.WAITING_FOR_TRIGGER, OrderState.WAITING_FOR_FILL)
    if orders["market"][slot] != market or (action.f is not UNSET and waits):
        return 0
    return wire.o


def _cancelled(asset: int, applied: Applied) -> Any:
    if rejection(applied.events) is None:
        return SUCCESS
    return {"error": with_asset(NOT_FOUND, asset)}


async def modify(request: Request, action: shape.Modify) -> Answer:
    """``modify``: one order, answered with ``default`` or an error of its own."""
    found = await _replaced(request, [shape.ModifyWire(action.oid, action.order)], action)
    error = found[0].get("error")
    return failure(error) if error else default()


async def batch_modify(request: Request, action: shape.BatchModify) -> Answer:
    """``batchModify``: answered like the orders that it places."""
    return statuses("order", await _replaced(request, action.modifies, action))


async def _replaced(
    request: Request,
    modifies: list[shape.ModifyWire],
    action: shape.Modify | shape.BatchModify,
) -> list[dict[str, Any]]:
    """One status for each replacement."""
    slots: list[ModifyOrder | str] = []
    always = action.a is True

    def make(turn: Turn) -> Plan:
        if not modifies:
            raise Refusal(EMPTY_BATCH)
        for wire in modifies:
            turn.market(wire.order.a)
        slots[:] = [_replacement(turn, wire, always) for wire in modifies]
        return Plan([slot for slot in slots if not isinstance(slot, str)])

    done = await request.run(make, count=max(1, len(modifies)))
    applied = iter(done.applied)
    found = []
    for slot in slots:
        if isinstance(slot, str):
            found.append({"error": slot})
        else:
            found.append(_modified(request, next(applied), always))
    return found


def _modified(request: Request, applied: Applied, always: bool) -> dict[str, Any]:
    reason = rejection(applied.events)
    if reason == Reason.ORDER_NOT_FOUND:
        return {"error": CANNOT_MODIFY}
    if reason == Reason.CANNOT_MODIFY:
        return {"error": INVALID_REPLACEMENT}
    if reason == Reason.POST_ONLY_WOULD_MATCH and not always:
        return {"error": INVALID_REPLACEMENT}
    return status_of(request.desk.engine, request.desk.instruments, applied)


def _replacement(turn: Turn, wire: shape.ModifyWire, always: bool) -> ModifyOrder | str:
    """The command of one replacement, or the error text it gets instead.

    Unless any replacement is allowed, it must rest: it is post-only, or is made so.
    """
    placed = command_of(wire.order, turn)
    if isinstance(placed, str):
        return placed
    time_in_force = placed.time_in_force
    if not always:
        if wire.order.t.trigger is not UNSET:
            return INVALID_REPLACEMENT
        if time_in_force == TimeInForce.IMMEDIATE_OR_CANCEL:
            return INVALID_REPLACEMENT
        time_in_force = TimeInForce.POST_ONLY
    order_id = wire.oid
    if isinstance(order_id, str):
        order_id = order_with_cloid(turn.engine, turn.account.row, order_id)
    return _modification(placed, order_id, time_in_force)


def _modification(placed: PlaceOrder, order_id: int, time_in_force: TimeInForce) -> ModifyOrder:
    return ModifyOrder(
        time_ms=placed.time_ms,
        account=placed.account,
        market=placed.market,
        order_id=order_id,
        side=placed.side,
        price=placed.price,
        size=placed.size,
        time_in_force=time_in_force,
        flags=placed.flags,
        trigger_price=placed.trigger_price,
        client_id_high=placed.client_id_high,
        client_id_low=placed.client_id_low,
    )


def order_with_cloid(engine: Any, account: int, cloid: str) -> int:
    """The id of the account's open order with this client id, or 0."""
    high, low = parse_cloid(cloid)
    if high == 0 and low == 0:
        return 0
    orders = engine.tables["orders"][: int(engine.tables["control"]["orders_used"][0])]
    found = np.flatnonzero(
        (orders["client_id_low"] == low)
        & (orders["client_id_high"] == high)
        & (orders["account"] == account)
        & (orders["state"] != OrderState.FREE)
    )
    return int(orders["order_id"][found[0]]) if len(found) else 0
