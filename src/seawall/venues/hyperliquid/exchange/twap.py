"""Time-weighted orders: accepted and ended here, run in slices by the host.

A running order sends slice k (from 0) when k intervals have passed: immediate-or-cancel, within 3%
of the middle of the book, of what is missing to (k + 1) / slices of the size, at most three even
parts. Nothing is random. What a slice filled is read from its events, or after a restart from the
history of fills, by the slice's own client id.

As time passes, at most ``MOST_A_PASS`` orders are served at once, in turn, so that many of them
keep nothing else waiting; a slice that comes late is made up for.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct

from seawall.domain.commands import PlaceOrder, join_client_id
from seawall.domain.enums import FillFlag, OrderFlag, Side, TimeInForce
from seawall.domain.events import OrderFilled
from seawall.domain.units import MICRO
from seawall.venues.hyperliquid.directory.directory import VenueDirectory
from seawall.venues.hyperliquid.directory.twaps import Twap, slice_client_id, slice_of
from seawall.venues.hyperliquid.exchange import action_types as shape
from seawall.venues.hyperliquid.exchange.request import (
    Answer,
    BatchRefusal,
    Request,
    Turn,
    answer,
    records,
)
from seawall.venues.hyperliquid.wire.error_texts import (
    BAD_PRICE,
    BAD_SIZE,
    TOO_MANY_TWAPS,
    TWAP_NOT_FOUND,
)
from seawall.venues.hyperliquid.wire.reasons import best_price
from seawall.venues.hyperliquid.wire.values import WireError, parse_price, parse_size
from seawall.venues.port import Applied, Desk, History, Plan, Planner, Record, Refusal
from seawall.venues.twap_port import TwapWanted

SHORTEST_MINUTES = 5
LONGEST_MINUTES = 10_080
MINIMUM_VALUE = 100 * MICRO
SLICE_VALUE = 10 * MICRO
CATCH_UP = 3
MOST_RUNNING = 100
"""Of one account, and of all."""
MOST_RUNNING_ALTOGETHER = 5000
MOST_A_PASS = 32
SLIPPAGE_PERCENT = 3


async def place(request: Request, action: shape.TwapOrder) -> Answer:
    """``twapOrder``: the answer is the id of the running order."""
    made: list[int] = []

    def make(turn: Turn) -> Plan:
        body = planned(turn, action)
        made[:] = [body["twap_id"]]
        return records(("twap", body))

    await request.run(make)
    return answer("twapOrder", {"status": {"running": {"twapId": made[0]}}})


async def cancel(request: Request, action: shape.TwapCancel) -> Answer:
    """``twapCancel``."""

    def make(turn: Turn) -> Plan:
        market, row = turn.market(action.a), turn.account.row
        twap = running(turn.directory, row, action.t)
        if twap.market != market:
            raise BatchRefusal(TWAP_NOT_FOUND)
        return Plan(records=(ended(request.desk.history, twap),))

    await request.run(make)
    return answer("twapCancel", {"status": "success"})


def planned(turn: Turn, action: shape.TwapOrder) -> dict[str, Any]:
    """The body of a new order's record. Raises Refusal."""
    wire, details = action.twap, action.details or shape.TwapDetails()
    market = turn.market(wire.a)
    check_minutes(wire.m)
    decimals = turn.engine.instruments[market].size_decimals
    try:
        size = parse_size(wire.s, decimals)
    except WireError:
        raise BatchRefusal(BAD_SIZE) from None
    try:
        trigger = parse_price(details.t.p, decimals) if details.t else 0
        stop = parse_price(details.s, decimals) if details.s is not None else 0
    except WireError:
        raise BatchRefusal(BAD_PRICE) from None
    wanted = TwapWanted(
        account=turn.account.row,
        market=market,
        side=Side.BUY if wire.b else Side.SELL,
        size=size,
        minutes=wire.m,
        reduce_only=wire.r,
        randomise=wire.t,
        trigger_price=trigger,
        trigger_above=bool(details.t and details.t.a),
        stop_price=stop,
    )
    return new_body(turn.engine, turn.directory, wanted, turn.time_ms)


def check_minutes(minutes: int) -> None:
    """Raises Refusal for a duration that no order may have."""
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise BatchRefusal(f"Invalid TWAP duration: {minutes} min(s)")


def value_of(engine: Any, wanted: TwapWanted) -> int:
    """Micro-USD at the mark."""
    return wanted.size * int(engine.tables["markets"]["mark_price"][wanted.market])


def slices_of(value: int, minutes: int) -> int:
    """How many slices an order of a value (micro-USD) has: one each half minute, or as many as are
    worth enough."""
    return min(2 * minutes + 1, value // SLICE_VALUE)


def new_body(
    engine: Any, directory: VenueDirectory, wanted: TwapWanted, time_ms: int
) -> dict[str, Any]:
    """The body of a new order's record. Raises Refusal."""
    check_minutes(wanted.minutes)
    value = value_of(engine, wanted)
    if value < MINIMUM_VALUE:
        raise BatchRefusal(f"TWAP order value too small. Min is ${MINIMUM_VALUE // MICRO}.")
    own = directory.running_twaps_of(wanted.account)
    if own >= MOST_RUNNING or len(directory.running_twaps()) >= MOST_RUNNING_ALTOGETHER:
        raise BatchRefusal(TOO_MANY_TWAPS)
    waits = wanted.trigger_price > 0
    return {
        "twap_id": directory.state.next_twap,
        "address": directory.address_of(wanted.account),
        "account": wanted.account,
        "market": wanted.market,
        "side": int(wanted.side),
        "size": wanted.size,
        "minutes": wanted.minutes,
        "slices": slices_of(value, wanted.minutes),
        "created_ms": time_ms,
        "reduce_only": wanted.reduce_only,
        "randomize": wanted.randomise,
        "trigger_price": wanted.trigger_price,
        "trigger_above": wanted.trigger_above,
        "stop_price": wanted.stop_price,
        "status": "waitingForTrigger" if waits else "activated",
        "started_ms": 0 if waits else time_ms,
    }


def running(directory: VenueDirectory, account: int, twap_id: int) -> Twap:
    """An account's order that has not ended. Raises Refusal where none has this id."""
    twap = directory.state.twaps.get(twap_id)
    if twap is None or twap.account != account or twap.ended_ms:
        raise BatchRefusal(TWAP_NOT_FOUND)
    return twap


def ended(history: History, twap: Twap) -> Record:
    """The record of an order that its user ends."""
    size, notional = executed(history, twap)
    body = {
        "twap_id": twap.twap_id,
        "status": "terminated",
        "executed_size": size,
        "executed_notional": notional,
    }
    return Record("twap_end", body)


def executed(history: History, twap: Twap) -> tuple[int, int]:
    """(size, notional in micro-USD) filled so far.

    The directory has everything but the fill of the latest slice of a running order.
    """
    size, notional = twap.executed_size, twap.executed_notional
    if twap.slices_sent and not twap.ended_ms:
        index = twap.slices_sent - 1
        wanted = join_client_id(*slice_client_id(twap.twap_id, index))
        # A slice is never early.
        for fill in history.fills(twap.account, twap.started_ms + index * twap.interval_ms):
            if fill.client_id == wanted:
                size += fill.size
                notional += fill.size * fill.price
    return size, notional


class _Progress(Struct):
    """What is known to be filled, and whether a slice is on its way. ``twap``: as it was then; a
    directory that was restored has another one."""

    twap: Twap
    size: int
    notional: int
    waits: bool = False


class TwapRunner:
    """Runs the slices. The host calls ``due`` as its clock advances and submits what it yields."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._progress: dict[int, _Progress] = {}
        self._served = 0
        """The id of the order served last."""
        self.close = desk.listen(self._heard)

    async def run(self, now_ms: int) -> None:
        """Submit what is due, together; a refusal only postpones it."""
        work = [self._desk.submit(planner) for planner in islice(self.due(now_ms), MOST_A_PASS)]
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, Refusal):
                raise outcome

    def due(self, now_ms: int) -> Iterator[Planner]:
        """A planner for each order that has something to do at this time, first for those that
        come after the one served last."""
        running = self._desk.directory.running_twaps()
        if not running:
            self._progress.clear()
        marks = self._desk.engine.tables["markets"]["mark_price"].tolist()
        first = bisect_right(running, self._served, key=lambda twap: twap.twap_id)
        for twap in running[first:] + running[:first]:
            progress = self._progress_of(twap)
            if progress.waits:
                continue
            planner = self._next(twap, progress, now_ms, marks[twap.market])
            if planner is not None:
                self._served = twap.twap_id
                yield planner

    def _next(self, twap: Twap, progress: _Progress, now_ms: int, mark: int) -> Planner | None:
        if not twap.started_ms:
            beyond = (
                mark >= twap.trigger_price if twap.trigger_above else mark <= twap.trigger_price
            )
            return self._recorded(twap, "twap_started", {}) if beyond and mark else None
        if twap.stop_price and _is_stopped(twap, mark):
            return self._ended(twap, progress, "stopped")
        if twap.slices_sent >= twap.slices or progress.size >= twap.size:
            return self._ended(twap, progress, "finished")
        index = min((now_ms - twap.started_ms) // twap.interval_ms, twap.slices - 1)
        return self._slice(twap, progress, index) if index >= twap.slices_sent else None

    def _recorded(self, twap: Twap, kind: str, body: dict[str, Any]) -> Planner:
        def planner(time_ms: int) -> Plan:
            if twap.ended_ms:
                raise Refusal(TWAP_NOT_FOUND)
            return Plan(records=(Record(kind, {"twap_id": twap.twap_id, **body}),))

        return planner

    def _ended(self, twap: Twap, progress: _Progress, status: str) -> Planner:
        body = {
            "status": status,
            "executed_size": progress.size,
            "executed_notional": progress.notional,
        }
        return self._recorded(twap, "twap_end", body)

    def _slice(self, twap: Twap, progress: _Progress, index: int) -> Planner:
        def planner(time_ms: int) -> Plan:
            if twap.ended_ms or index < twap.slices_sent or progress.waits:
                raise Refusal(TWAP_NOT_FOUND)
            record = Record(
                "twap_slice",
                {
                    "twap_id": twap.twap_id,
                    "index": index,
                    "executed_size": progress.size,
                    "executed_notional": progress.notional,
                },
            )
            target = twap.size * (index + 1) // twap.slices
            most = max(1, CATCH_UP * twap.size // twap.slices)
            size = min(target - progress.size, most)
            price = limit_price(self._desk.engine, twap.market, Side(twap.side))
            if size <= 0 or price <= 0:
                return Plan(records=(record,))
            progress.waits = True
            return Plan((_slice_order(twap, index, time_ms, price, size),), (record,))

        return planner

    def _progress_of(self, twap: Twap) -> _Progress:
        found = self._progress.get(twap.twap_id)
        if found is None or found.twap is not twap:
            found = _Progress(twap, *executed(self._desk.history, twap))
            self._progress[twap.twap_id] = found
        return found

    def _heard(self, batch: Sequence[Applied]) -> None:
        """Take in what slices filled."""
        for applied in batch:
            command = applied.command
            if not isinstance(command, PlaceOrder):
                continue
            sliced = slice_of(command.client_id_high, command.client_id_low)
            if sliced is None or sliced[0] not in self._progress:
                continue
            progress = self._progress[sliced[0]]
            progress.waits = False
            for event in applied.events:
                if (
                    isinstance(event, OrderFilled)
                    and event.account == command.account
                    and event.flags & FillFlag.TAKER
                    and event.market == command.market
                ):
                    progress.size += event.size
                    progress.notional += event.size * event.price


def _slice_order(twap: Twap, index: int, time_ms: int, price: int, size: int) -> PlaceOrder:
    high, low = slice_client_id(twap.twap_id, index)
    return PlaceOrder(
        time_ms=time_ms,
        account=twap.account,
        market=twap.market,
        side=Side(twap.side),
        price=price,
        size=size,
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        flags=OrderFlag.REDUCE_ONLY if twap.reduce_only else OrderFlag.NO_FLAG,
        client_id_high=high,
        client_id_low=low,
    )


def _is_stopped(twap: Twap, mark: int) -> bool:
    """A buyer stops above the stop price, a seller below it."""
    return mark >= twap.stop_price if twap.side == Side.BUY else mark <= twap.stop_price


def limit_price(engine: Any, market: int, side: Side) -> int:
    """The worst price of a slice: 3% beyond the middle of the book (the mark if a side is empty),
    on a tick; 0 for none."""
    bid, ask = (best_price(engine, market, each) for each in ("bid_level", "ask_level"))
    table = engine.tables["markets"]
    middle = (bid + ask) // 2 if bid and ask else int(table["mark_price"][market])
    percent = 100 + (SLIPPAGE_PERCENT if side == Side.BUY else -SLIPPAGE_PERCENT)
    figures = int(engine.rulebook.order.maximum_significant_figures)
    price = middle * percent // 100
    step = min(int(10 ** max(0, len(str(price)) - figures)), int(table["price_unit"][market]))
    return price // step * step if side == Side.BUY else -(-price // step) * step
