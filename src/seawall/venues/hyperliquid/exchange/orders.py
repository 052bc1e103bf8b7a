"""Placing orders: an action of n orders is one piece of work of n commands at most.

What the machine cannot hold (a price with too many decimals) is answered in its place;
the rest is answered from the events of its command.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, structs

from seawall.domain.commands import PlaceOrder
from seawall.domain.enums import FillFlag, OrderFlag, Reason, Side, TimeInForce
from seawall.domain.events import (
    CommandRejected,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderWaiting,
)
from seawall.domain.instrument import Instrument
from seawall.venues.hyperliquid.exchange import action_types as shape
from seawall.venues.hyperliquid.exchange import builder_fees
from seawall.venues.hyperliquid.exchange.request import (
    Answer,
    BatchRefusal,
    Request,
    Turn,
    statuses,
)
from seawall.venues.hyperliquid.instruments import assets_of
from seawall.venues.hyperliquid.wire.error_texts import (
    BAD_PRICE,
    BAD_SIZE,
    BAD_TICK,
    EMPTY_BATCH,
    MAIN_IS_TRIGGER,
    NO_BUILDER_APPROVAL,
    NOT_REDUCE_ONLY,
    TEXTS,
    with_asset,
)
from seawall.venues.hyperliquid.wire.reasons import order_text
from seawall.venues.hyperliquid.wire.values import (
    TooFine,
    WireError,
    average_price_text,
    cloid_text,
    parse_cloid,
    parse_price,
    parse_size,
    size_text,
)
from seawall.venues.port import Applied, Done, Plan, Refusal

WAITING_FOR_FILL = "waitingForFill"
WAITING_FOR_TRIGGER = "waitingForTrigger"
_TIMES_IN_FORCE = {
    "Gtc": TimeInForce.GOOD_TIL_CANCEL,
    "Ioc": TimeInForce.IMMEDIATE_OR_CANCEL,
    "Alo": TimeInForce.POST_ONLY,
    "FrontendMarket": TimeInForce.IMMEDIATE_OR_CANCEL,
}


async def order(request: Request, action: shape.Order) -> Answer:
    """``order``: statuses in the order of the batch."""
    slots: list[PlaceOrder | str] = []
    charges = action.builder is not None and action.builder.f > 0
    unsettled: set[object] = request.desk.directory.unsettled
    token = object()

    def make(turn: Turn) -> Plan:
        check_batch(action, turn)
        check_builder(action, turn)
        slots[:] = planned(action, turn)
        if charges:
            unsettled.add(token)
        return Plan([slot for slot in slots if not isinstance(slot, str)])

    try:
        done = await request.run(make, count=max(1, len(action.orders)))
        if charges:
            await asyncio.shield(_charge(request, action, done))
    finally:
        unsettled.discard(token)
    return statuses("order", _found(request, action, slots, done))


async def _charge(request: Request, action: shape.Order, done: Done) -> None:
    """Begin to charge the builder's fee for the orders that rest or were filled."""
    engine, instruments = request.desk.engine, request.desk.instruments
    order_ids: dict[str, list[int]] = {}
    for applied in done.applied:
        command: Any = applied.command
        status = status_of(engine, instruments, applied)
        placed = status.get("resting") or status.get("filled")
        if placed:
            order_ids.setdefault(instruments[command.market].group, []).append(placed["oid"])
    assert action.builder is not None
    builder = shape.address_of(action.builder.b)
    for of_dex in order_ids.values():
        charge = builder_fees.Charge(command.account, builder, action.builder.f)
        await builder_fees.begin(request.desk, charge, of_dex, done.time_ms)


def _found(
    request: Request, action: shape.Order, slots: Sequence[PlaceOrder | str], done: Done
) -> list[Any]:
    """One status for each order of the batch."""
    applied = iter(done.applied)
    instruments = request.desk.instruments
    found: list[Any] = []
    for slot in slots:
        if isinstance(slot, str):
            found.append({"error": slot})
            continue
        status = status_of(request.desk.engine, instruments, next(applied))
        is_grouped = action.grouping in ("normalTpsl", "positionTpsl")
        if is_grouped and slot.flags & OrderFlag.TRIGGER and "resting" in status:
            waits = action.grouping == "normalTpsl" and "resting" in found[0]
            found.append(WAITING_FOR_FILL if waits else WAITING_FOR_TRIGGER)
        else:
            found.append(status)
    return found


def check_batch(action: shape.Order, turn: Turn) -> None:
    """What refuses the whole batch at once. Raises Refusal."""
    if not action.orders:
        raise Refusal(EMPTY_BATCH)
    for wire in action.orders:
        turn.market(wire.a)
    first = action.orders[0]
    if action.grouping == "normalTpsl" and first.t.trigger is not UNSET:
        raise BatchRefusal(with_asset(MAIN_IS_TRIGGER, first.a))
    grouped = action.orders if action.grouping == "positionTpsl" else []
    for wire in action.orders[1:] if action.grouping == "normalTpsl" else grouped:
        if wire.t.trigger is UNSET:
            raise BatchRefusal(with_asset(TEXTS[Reason.INVALID_FLAGS], wire.a))
    for wire in action.orders:
        if wire.t.trigger is not UNSET and not wire.r:
            raise BatchRefusal(with_asset(NOT_REDUCE_ONLY, wire.a))


def check_builder(action: shape.Order, turn: Turn) -> None:
    """A builder that charges must have been approved. Raises Refusal."""
    if action.builder and action.builder.f:
        approved = turn.master.builders.get(shape.address_of(action.builder.b), 0)
        if action.builder.f > approved:
            raise Refusal(NO_BUILDER_APPROVAL)


def planned(action: shape.Order, turn: Turn) -> list[PlaceOrder | str]:
    """For each order its command, or the error that keeps it from becoming one."""
    made: list[PlaceOrder | str] = []
    for place, wire in enumerate(action.orders):
        extra = OrderFlag.NO_FLAG
        if action.grouping == "positionTpsl":
            extra = OrderFlag.POSITION_ATTACHED
        elif action.grouping == "normalTpsl" and place:
            if isinstance(made[0], str):
                # The machine would look for a parent in what happened before this batch.
                made.append(with_asset(TEXTS[Reason.PARENT_NOT_PLACED], wire.a))
                continue
            extra = OrderFlag.CHILD
        command = command_of(wire, turn, extra)
        if extra == OrderFlag.CHILD and not isinstance(command, str):
            siblings = sum(not isinstance(sibling, str) for sibling in made[1:])
            command = structs.replace(command, siblings=siblings)
        made.append(command)
    return made


def command_of(
    wire: shape.OrderWire, turn: Turn, extra: OrderFlag = OrderFlag.NO_FLAG
) -> PlaceOrder | str:
    """An order as a command, or the error text that it gets instead. Raises Refusal."""
    market = turn.market(wire.a)
    decimals = turn.engine.instruments[market].size_decimals
    flags = extra | (OrderFlag.REDUCE_ONLY if wire.r else OrderFlag.NO_FLAG)
    time_in_force, trigger_price = TimeInForce.GOOD_TIL_CANCEL, 0
    try:
        price = parse_price(wire.p, decimals)
        if wire.t.trigger is not UNSET:
            trigger = wire.t.trigger
            trigger_price = parse_price(trigger.trigger_px, decimals)
            flags |= OrderFlag.TRIGGER
            flags |= OrderFlag.TAKE_PROFIT if trigger.tpsl == "tp" else OrderFlag.NO_FLAG
            flags |= OrderFlag.TRIGGER_MARKET if trigger.is_market else OrderFlag.NO_FLAG
        elif wire.t.limit is not UNSET:
            time_in_force = _TIMES_IN_FORCE[wire.t.limit.tif]
            if wire.t.limit.tif == "FrontendMarket":
                flags |= OrderFlag.MARKET
    except TooFine:
        return with_asset(BAD_TICK, wire.a)
    except WireError:
        return with_asset(BAD_PRICE, wire.a)
    try:
        size = parse_size(wire.s, decimals)
    except WireError:
        return with_asset(BAD_SIZE, wire.a)
    if flags & OrderFlag.POSITION_ATTACHED and size == 0:
        flags |= OrderFlag.WHOLE_POSITION
    high, low = parse_cloid(wire.c) if wire.c else (0, 0)
    return PlaceOrder(
        time_ms=turn.time_ms,
        account=turn.account.row,
        market=market,
        side=Side.BUY if wire.b else Side.SELL,
        price=price,
        size=size,
        time_in_force=time_in_force,
        flags=flags,
        trigger_price=trigger_price,
        client_id_high=high,
        client_id_low=low,
    )


def status_of(engine: Any, instruments: Sequence[Instrument], applied: Applied) -> dict[str, Any]:
    """One status of a placed or replaced order: resting, filled or error."""
    command: Any = applied.command
    asset = assets_of(instruments).of(command.market)
    own: list[Any] = [event for event in applied.events if _is_own(event, command)]
    for event in own:
        if isinstance(event, CommandRejected):
            return {"error": order_text(engine, event.reason, command.market, asset, command.flags)}
    order_id = max(event.order_id for event in own)
    body: dict[str, Any] = {"oid": order_id}
    cloid = cloid_text(command.client_id_high, command.client_id_low)
    if cloid:
        body["cloid"] = cloid
    last = [event for event in own if event.order_id == order_id]
    if any(isinstance(event, OrderAccepted | OrderWaiting) for event in last):
        return {"resting": body}
    fills = [e for e in last if isinstance(e, OrderFilled) and e.flags & FillFlag.TAKER]
    if fills:
        decimals = instruments[command.market].size_decimals
        size = sum(fill.size for fill in fills)
        notional = sum(fill.size * fill.price for fill in fills)
        filled = {
            "totalSz": size_text(size, decimals),
            "avgPx": average_price_text(notional, size, decimals),
        }
        return {"filled": {**filled, **body}}
    reason = next(event.reason for event in last if isinstance(event, OrderCancelled))
    return {"error": order_text(engine, reason, command.market, asset, command.flags)}


def _is_own(event: Event, command: Any) -> bool:
    """Whether an event may concern the order of a command.

    Orders that fire or end in the same command were placed earlier: their ids are lower.
    """
    kinds = (CommandRejected, OrderAccepted, OrderWaiting, OrderFilled, OrderCancelled)
    if not isinstance(event, kinds):
        return False
    if isinstance(event, OrderFilled) and event.flags & FillFlag.LIQUIDATED:
        return False
    return (event.account, event.market) == (command.account, command.market)
