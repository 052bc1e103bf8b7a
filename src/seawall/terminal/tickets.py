"""Tickets as the machine's commands, and what became of them.

Prices and sizes are checked for their decimals here; everything else is the machine's to refuse.
Each function that makes commands takes the venue's time and reads the scene as it is then.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from msgspec import structs

from seawall.domain.block_events import OrderQueued
from seawall.domain.commands import CancelOrder, Command, ModifyOrder, PlaceOrder
from seawall.domain.enums import FillFlag, OrderFlag, Reason, Side, TimeInForce
from seawall.domain.errors import InputError
from seawall.domain.events import (
    CommandRejected,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderWaiting,
)
from seawall.domain.holdings import OpenOrder
from seawall.domain.quantities import number
from seawall.domain.units import (
    MAX_MONEY,
    MAX_PRICE,
    MAX_SIZE,
    MONEY_DECIMALS,
    UnitError,
    from_units,
    to_units,
)
from seawall.engine.account_view import account_margins
from seawall.engine.holding_view import Holding, holdings
from seawall.engine.placement import worst_trigger_price
from seawall.sandbox.markets import to_tick
from seawall.terminal import protocol
from seawall.terminal.account import break_even_price, held_by, is_orphaned, order_kind
from seawall.terminal.market import average_text, open_orders, orders_of
from seawall.terminal.past import reason_text
from seawall.terminal.scene import Scene
from seawall.venues.port import Applied

MOST_SLIPPAGE = 0.5
MOST_ORDERS = 50
"""Of a scale."""
TIMES_IN_FORCE = {
    "limit": TimeInForce.GOOD_TIL_CANCEL,
    "scale": TimeInForce.GOOD_TIL_CANCEL,
    "post_only": TimeInForce.POST_ONLY,
    "immediate": TimeInForce.IMMEDIATE_OR_CANCEL,
    "fill_or_kill": TimeInForce.FILL_OR_KILL,
    "market": TimeInForce.IMMEDIATE_OR_CANCEL,
}
TRIGGERS = {
    "stop_market": OrderFlag.TRIGGER_MARKET,
    "stop_limit": OrderFlag.NO_FLAG,
    "take_market": OrderFlag.TRIGGER_MARKET | OrderFlag.TAKE_PROFIT,
    "take_limit": OrderFlag.TAKE_PROFIT,
}
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
OPPOSITE = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


# -- numbers -------------------------------------------------------------------------------------


def _units(field: str, text: str | None, decimals: int, most: int, what: str) -> int:
    """Raises InputError."""
    expected = f"{what} above 0 and up to {from_units(most, decimals)} with at most {decimals} "
    expected += "decimals"
    try:
        found = to_units(text or "", decimals, most)
    except UnitError:
        raise InputError.of("", field, text, expected) from None
    if found <= 0:
        raise InputError.of("", field, text, expected)
    return found


def price_units(scene: Scene, market: int, field: str, text: str | None) -> int:
    """Raises InputError."""
    of = scene.instruments[market]
    tick = int(of.price_unit * 10**of.tick_decimals)
    return _whole(field, text, of.tick_decimals, tick, MAX_PRICE * tick, "a price")


def size_units(scene: Scene, market: int, text: str | None) -> int:
    """Raises InputError."""
    of, step = scene.instruments[market], scene.size_step(market)
    fine = 10 ** (of.size_decimals - of.step_decimals)
    most = MAX_SIZE // fine
    return _whole("size", text, of.step_decimals, step // fine, most, "a size") * step


def _whole(field: str, text: str | None, decimals: int, step: int, most: int, what: str) -> int:
    """How many steps, each of so many of the last decimal. Raises InputError."""
    found = _units(field, text, decimals, most, what)
    if found % step:
        raise InputError.of("", field, text, f"{what} in steps of {from_units(step, decimals)}")
    return found // step


def margin_amount(text: str) -> int:
    """Micro-USD to move into an isolated bucket, negative out of it. Raises InputError."""
    try:
        return to_units(text, MONEY_DECIMALS, MAX_MONEY)
    except UnitError:
        expected = f"USD with at most {MONEY_DECIMALS} decimals, such as 250 or -100"
        raise InputError.of("", "amount", text, expected) from None


def tick(scene: Scene, market: int, units: float, *, up: bool = False) -> int:
    """The next price that an order may have."""
    decimals = scene.instruments[market].price_decimals
    return to_tick(units, scene.significant_figures, decimals, up=up)


def market_price(scene: Scene, market: int, side: Side, slippage: float) -> int:
    """The worst price of an order at market, price units. Raises InputError."""
    expected = f"a share from 0 to {MOST_SLIPPAGE:g}, like 0.05"
    share = float(number("slippage", slippage, least=0, most=MOST_SLIPPAGE, expected=expected))
    is_buy = side == Side.BUY
    return tick(
        scene, market, scene.middle(market) * (1 + (share if is_buy else -share)), up=is_buy
    )


# -- commands ------------------------------------------------------------------------------------


def commands_of(
    scene: Scene, account: int, ticket: protocol.Ticket, time_ms: int
) -> list[PlaceOrder]:
    """The orders of a ticket, those of its bracket last. Raises InputError."""
    market = scene.market(ticket.market)
    if ticket.kind == "scale":
        if ticket.take_profit or ticket.stop_loss:
            expected = "left out of a scale: place them once it is filled"
            raise InputError.of("", "takeProfit", ticket.take_profit or "", expected)
        return list(_scale(scene, account, market, ticket, time_ms))
    main = _one(scene, account, market, ticket, time_ms)
    children = list(_bracket(scene, market, main, ticket))
    if children and scene.in_blocks:
        expected = "left out: these rules know no brackets, place it once there is a position"
        field = "takeProfit" if ticket.take_profit else "stopLoss"
        raise InputError.of("", field, ticket.take_profit or ticket.stop_loss, expected)
    if children and main.flags & OrderFlag.TRIGGER:
        expected = "left out of a stop or take-profit: they belong to an order that opens"
        raise InputError.of("", "takeProfit", ticket.take_profit or "", expected)
    return [main, *children]


def _one(
    scene: Scene, account: int, market: int, ticket: protocol.Ticket, time_ms: int
) -> PlaceOrder:
    side, kind = SIDES[ticket.side], ticket.kind
    flags = OrderFlag.REDUCE_ONLY if ticket.reduce_only else OrderFlag.NO_FLAG
    trigger = 0
    if kind in TRIGGERS:
        flags |= OrderFlag.TRIGGER | TRIGGERS[kind]
        if not scene.in_blocks or flags & OrderFlag.TRIGGER_MARKET:
            # Triggers only close; under block rules those with a limit may rest and open.
            flags |= OrderFlag.REDUCE_ONLY
        trigger = price_units(scene, market, "triggerPrice", ticket.trigger_price)
    elif kind == "market":
        flags |= OrderFlag.MARKET
    size = size_units(scene, market, ticket.size)
    if kind == "market":
        price = market_price(scene, market, side, ticket.slippage)
    elif kind in ("stop_market", "take_market"):
        price = _worst(scene, market, side, trigger)
    else:
        price = price_units(scene, market, "price", ticket.price)
    in_force = TIMES_IN_FORCE.get(kind, TimeInForce.GOOD_TIL_CANCEL)
    if scene.in_blocks and flags & OrderFlag.TRIGGER_MARKET:
        in_force = TimeInForce.IMMEDIATE_OR_CANCEL
    return PlaceOrder(
        time_ms, account, market, side, price, size, in_force, flags, trigger_price=trigger
    )


def _worst(scene: Scene, market: int, side: Side, trigger: int) -> int:
    order = OpenOrder(
        market=market, side=side, size=1, price=0, trigger_price=trigger, take_profit=False,
        reduce_only=True,
    )  # fmt: skip
    return worst_trigger_price(order, lambda at, units: tick(scene, at, units))


def trigger_order(
    scene: Scene, main: PlaceOrder, trigger: int, *, takes: bool, flags: OrderFlag
) -> PlaceOrder:
    """A trigger at market that closes what ``main`` opens."""
    side = OPPOSITE[main.side]
    kind = OrderFlag.TRIGGER | OrderFlag.TRIGGER_MARKET | OrderFlag.REDUCE_ONLY
    if takes:
        kind |= OrderFlag.TAKE_PROFIT
    until = TimeInForce.GOOD_TIL_CANCEL
    return structs.replace(
        main,
        side=side,
        price=_worst(scene, main.market, side, trigger),
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL if scene.in_blocks else until,
        flags=kind | flags,
        trigger_price=trigger,
    )


def _bracket(
    scene: Scene, market: int, main: PlaceOrder, ticket: protocol.Ticket
) -> Iterator[PlaceOrder]:
    siblings = 0
    for field, text in (("takeProfit", ticket.take_profit), ("stopLoss", ticket.stop_loss)):
        if text is None:
            continue
        trigger = price_units(scene, market, field, text)
        takes = field == "takeProfit"
        order = trigger_order(scene, main, trigger, takes=takes, flags=OrderFlag.CHILD)
        yield structs.replace(order, siblings=siblings)
        siblings += 1


def _scale(
    scene: Scene, account: int, market: int, ticket: protocol.Ticket, time_ms: int
) -> Iterator[PlaceOrder]:
    """Orders of equal size at equal distances from ``price`` to ``scale_to``."""
    count = ticket.scale_count
    if not 2 <= count <= MOST_ORDERS:
        raise InputError.of("", "scaleCount", count, f"from 2 to {MOST_ORDERS}")
    first = price_units(scene, market, "price", ticket.price)
    last = price_units(scene, market, "scaleTo", ticket.scale_to)
    step = scene.size_step(market)
    steps = size_units(scene, market, ticket.size) // step
    if steps < count:
        expected = f"at least {scene.size_text(market, count * step)} for {count} orders"
        raise InputError.of("", "size", ticket.size, expected)
    for place in range(count):
        price = first + Fraction((last - first) * place, count - 1)
        is_buy = SIDES[ticket.side] == Side.BUY
        part = steps // count + (1 if place < steps % count else 0)
        yield PlaceOrder(
            time_ms, account, market, SIDES[ticket.side],
            tick(scene, market, float(price), up=not is_buy), part * step,
            flags=OrderFlag.REDUCE_ONLY if ticket.reduce_only else OrderFlag.NO_FLAG,
        )  # fmt: skip


def position_in(scene: Scene, account: int, market: int) -> Holding:
    """Raises InputError without a position."""
    margins = account_margins(scene.engine, account)
    for each in holdings(scene.engine, account, margins):
        if each.market == market:
            return each
    name = scene.instruments[market].name
    raise InputError.of("", "market", name, "a market in which the account has a position")


def closing_order(
    scene: Scene, account: int, held: Holding, share: float, slippage: float, time_ms: int
) -> PlaceOrder:
    """A share of a position at market. Raises InputError."""
    expected = "a share above 0 and up to 1, like 0.5"
    exact = number("share", share, least=0, most=1, above=True, expected=expected)
    step = scene.size_step(held.market)
    size = abs(held.signed_size)
    if exact < 1:
        size = max(step, int(size * exact) // step * step)
    side = Side.SELL if held.signed_size > 0 else Side.BUY
    return PlaceOrder(
        time_ms, account, held.market, side, market_price(scene, held.market, side, slippage),
        size, TimeInForce.IMMEDIATE_OR_CANCEL, OrderFlag.REDUCE_ONLY | OrderFlag.MARKET,
    )  # fmt: skip


def reversing_order(
    scene: Scene, account: int, held: Holding, slippage: float, time_ms: int
) -> PlaceOrder:
    """Twice the position at market, against it. Raises InputError."""
    closing = closing_order(scene, account, held, 1.0, slippage, time_ms)
    return structs.replace(closing, size=2 * closing.size, flags=OrderFlag.MARKET)


def break_even_stop(scene: Scene, account: int, held: Holding, time_ms: int) -> list[Command]:
    """Cancels the position's stops and places one at its break-even. Raises InputError."""
    market, is_long = held.market, held.signed_size > 0
    even = float(break_even_price(scene, account, held))
    trigger = tick(scene, market, even, up=is_long)
    mark = scene.mark(market)
    if (trigger >= mark) if is_long else (trigger <= mark):
        expected = f"{'below' if is_long else 'above'} the mark {scene.price_text(market, mark)}: "
        expected += "the position does not gain enough yet"
        raise InputError.of("", "breakEven", scene.price_text(market, trigger), expected)
    stops = [
        order for order in orders_of(scene, account, market)
        if order_kind(int(order["flags"]), int(order["time_in_force"])).startswith("stop")
    ]  # fmt: skip
    opening = PlaceOrder(
        time_ms, account, market, Side.BUY if is_long else Side.SELL, 1, abs(held.signed_size)
    )
    attached = OrderFlag.NO_FLAG if scene.in_blocks else OrderFlag.POSITION_ATTACHED
    stop = trigger_order(scene, opening, trigger, takes=False, flags=attached)
    cancels = [CancelOrder(time_ms, account, market, int(each["order_id"])) for each in stops]
    return [*cancels, stop]


def order_of(scene: Scene, account: int, text: str) -> Any:
    """The row of an open order. Raises InputError."""
    for order in open_orders(scene, account):
        if str(int(order["order_id"])) == text:
            return order
    raise InputError.of("", "order", text, "an open order of the account")


def moved_order(
    scene: Scene, account: int, request: protocol.ModifyOrder, time_ms: int
) -> list[Command]:
    """Raises InputError."""
    order = order_of(scene, account, request.order)
    market, flags = int(order["market"]), OrderFlag(int(order["flags"]))
    side, trigger = Side(int(order["side"])), int(order["trigger_price"])
    price = int(order["price"])
    if request.trigger_price is not None:
        trigger = price_units(scene, market, "triggerPrice", request.trigger_price)
        if flags & OrderFlag.TRIGGER_MARKET:
            price = _worst(scene, market, side, trigger)
    if request.price is not None:
        price = price_units(scene, market, "price", request.price)
    size = int(order["remaining_size"])
    if request.size is not None:
        size = size_units(scene, market, request.size)
    number, in_force = int(order["order_id"]), TimeInForce(int(order["time_in_force"]))
    if scene.in_blocks:
        return [
            CancelOrder(time_ms, account, market, number),
            PlaceOrder(time_ms, account, market, side, price, size, in_force, flags, trigger),
        ]
    return [
        ModifyOrder(time_ms, account, market, number, side, price, size, in_force, flags, trigger)
    ]


def orphaned(scene: Scene, account: int) -> list[Any]:
    """The rows of reduce-only triggers without a position that they could close."""
    sizes = {each.market: each.signed_size for each in held_by(scene, account).positions}
    return [
        order
        for order in open_orders(scene, account)
        if is_orphaned(order, sizes.get(int(order["market"]), 0))
    ]


# -- what became of them -------------------------------------------------------------------------


def results(scene: Scene, applied: Sequence[Applied]) -> tuple[protocol.OrderResult, ...]:
    """One for each order that was placed or moved."""
    return tuple(
        result_of(scene, each)
        for each in applied
        if isinstance(each.command, PlaceOrder | ModifyOrder)
    )


def result_of(scene: Scene, applied: Applied) -> protocol.OrderResult:
    """What became of an order. Orders that fire in the same command have lower ids."""
    command: Any = applied.command
    market = command.market
    own: list[Any] = [event for event in applied.events if _is_own(event, command)]
    for event in own:
        if isinstance(event, CommandRejected):
            return protocol.OrderResult("", "refused", "0", None, reason_text(event.reason))
    order_id = max((event.order_id for event in own), default=0)
    last = [event for event in own if event.order_id == order_id]
    fills = [e for e in last if isinstance(e, OrderFilled) and e.flags & FillFlag.TAKER]
    size = sum(fill.size for fill in fills)
    paid = sum(scene.value(market, fill.size, fill.price) for fill in fills)
    average = average_text(scene, market, paid, size)
    filled = scene.size_text(market, size)
    kinds = {type(event) for event in last}
    reason = Reason.NO_REASON
    if OrderWaiting in kinds:
        status = "waiting"
    elif OrderQueued in kinds:
        status = "queued"
    elif OrderAccepted in kinds:
        status = "partly_filled" if size else "resting"
    elif size == command.size:
        status = "filled"
    else:
        ends = [event for event in last if isinstance(event, OrderCancelled)]
        reason = ends[-1].reason if ends else Reason.NO_REASON
        status = "partly_filled" if size else "refused"
    return protocol.OrderResult(str(order_id), status, filled, average, reason_text(reason))  # type: ignore[arg-type]


def _is_own(event: Any, command: Any) -> bool:
    kinds = (
        CommandRejected, OrderAccepted, OrderQueued, OrderWaiting, OrderFilled, OrderCancelled,
    )  # fmt: skip
    if not isinstance(event, kinds):
        return False
    if isinstance(event, OrderFilled) and event.flags & FillFlag.LIQUIDATED:
        return False
    return (event.account, event.market) == (command.account, command.market)
