"""Builder fees: the builder of an order is paid for its fills by a transfer.

A fill owes trunc(price * size * f / 100000), micro-USD. A settlement reads the fills of an order
from the history, pays them with one transfer, as far as the account can spare it, and records in
the same plan what was paid for which trade; so what a fill shows is what was charged. The first
settlement follows the action itself; ``FeeRunner`` does those of later fills. An order that has
ended is forgotten.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct

from seawall.domain.commands import Command, Transfer
from seawall.domain.enums import MarginGrouping, OrderState
from seawall.domain.events import OrderCancelled, OrderFilled, pool_of_group
from seawall.engine.account_view import account_margins
from seawall.venues.hyperliquid.directory.builders import BuilderFees, BuilderOrder
from seawall.venues.hyperliquid.directory.directory import VenueDirectory
from seawall.venues.hyperliquid.directory.pools import group_of
from seawall.venues.hyperliquid.wire.reasons import rejection
from seawall.venues.port import Applied, Desk, Fill, History, Plan, Record, Refusal

log = logging.getLogger(__name__)

FEE_SCALE = 100_000
"""A fee is given in tenths of a basis point."""
MOST_FILLS = 20_000
_SLOT_MASK = (1 << 22) - 1
_PAUSES = (0.0, 0.02, 0.1, 0.5, 2.0)
"""Seconds before each try of a settlement that the host was too busy for."""
_RETRY_S = 0.1


class Charge(Struct, frozen=True):
    """What one account owes one builder for any fill of some orders."""

    account: int
    builder: str
    tenths: int

    def fee(self, fill: Fill) -> int:
        """Micro-USD."""
        return fill.price * fill.size * self.tenths // FEE_SCALE


async def begin(desk: Desk, charge: Charge, order_ids: Collection[int], since_ms: int) -> None:
    """Settle the orders of an action that was just applied and remember those that are open.

    They are of one dex: a fee is paid on the side where the fill was.
    """
    orders = [
        BuilderOrder(order_id, charge.account, charge.builder, charge.tenths, since_ms)
        for order_id in order_ids
    ]
    for pause in _PAUSES:
        await asyncio.sleep(pause)
        with suppress(Refusal):
            await settle(desk, charge, orders, since_ms)
            return
    log.error("no builder fee for orders %s: the host is too busy", list(order_ids))


async def settle(desk: Desk, charge: Charge, orders: Sequence[BuilderOrder], start_ms: int) -> None:
    """Pay for the fills of these orders since ``start_ms``. Raises Refusal when the host does."""
    made: list[Plan] = []

    def planner(time_ms: int) -> Plan:
        made[:] = [settlement(desk, charge, orders, start_ms, time_ms)]
        return made[0]

    done = await desk.submit(planner, alone=True)
    if any(rejection(applied.events) is not None for applied in done.applied):
        body = {**made[0].records[-1].body, "settled_ms": done.time_ms}
        await _note_unpaid(desk, Record("builder_unpaid", body))


async def _note_unpaid(desk: Desk, record: Record) -> None:
    for pause in _PAUSES:
        await asyncio.sleep(pause)
        with suppress(Refusal):
            await desk.submit(lambda time_ms: Plan(records=(record,)))
            return
    log.error("a builder fee is shown that was not paid: the host is too busy")


def settlement(
    desk: Desk, charge: Charge, orders: Sequence[BuilderOrder], start_ms: int, time_ms: int
) -> Plan:
    """The plan of one settlement; empty where nothing has changed."""
    known = _fees(desk).orders
    orders = [known.get(order.order_id, order) for order in orders]
    is_open = {order.order_id: _is_open(desk.engine, order.order_id) for order in orders}
    fills = unsettled(desk.history, charge.account, orders, start_ms)
    unchanged = all(is_open[order.order_id] == (order.order_id in known) for order in orders)
    if not fills and unchanged:
        return Plan()
    records, commands, recipient, unified = _recipient(desk, charge, time_ms)
    group = group_of(desk.engine, charge.account, fills[0].market) if fills else 0
    pool = account_margins(desk.engine, charge.account)[pool_of_group(group)]
    free = pool.free if recipient >= 0 else 0
    paid: list[tuple[int, int]] = []
    for fill in fills:
        fee = charge.fee(fill)
        if 0 < fee <= free:
            free -= fee
            paid.append((fill.trade_id, fee))
    if paid:
        total = sum(fee for _, fee in paid)
        into = 0 if unified else group
        commands.append(Transfer(time_ms, charge.account, recipient, total, group, into))
    else:
        records, commands = [], []
    latest = max(order.settled for order in orders)
    body = {
        "account": charge.account,
        "builder": charge.builder,
        "tenths": charge.tenths,
        "open": [order_id for order_id, still in is_open.items() if still],
        "ended": [order_id for order_id, still in is_open.items() if not still],
        "settled": max([latest, *(fill.trade_id for fill in fills)]),
        "paid": [list(entry) for entry in paid],
        "recipient": recipient,
    }
    return Plan(commands, [*records, Record("builder_fees", body)])


def unsettled(
    history: History, account: int, orders: Sequence[BuilderOrder], start_ms: int
) -> list[Fill]:
    """Fills of these orders whose fee is still to be decided, oldest first."""
    settled = {order.order_id: order.settled for order in orders}
    fills = history.fills(account, start_ms, limit=MOST_FILLS)
    return [
        fill
        for fill in reversed(fills)
        if fill.order_id in settled and fill.trade_id > settled[fill.order_id]
    ]


def _recipient(
    desk: Desk, charge: Charge, time_ms: int
) -> tuple[list[Record], list[Command], int, bool]:
    """(records, commands, row, whether unified) of the builder's account, which may be new.

    The row is -1 where there can be none.
    """
    directory: VenueDirectory = desk.directory
    found = directory.holder(charge.builder)
    if found:
        return [], [], found.row if found.row != charge.account else -1, found.is_unified
    if directory.agent(charge.builder, time_ms):
        return [], [], -1, False  # an agent's key can hold nothing
    try:
        record, commands, row = directory.new_account(desk.engine, time_ms, charge.builder)
    except Refusal:
        return [], [], -1, False
    return [record], commands, row, directory.grouping == MarginGrouping.SHARED


def _is_open(engine: Any, order_id: int) -> bool:
    row = engine.tables["orders"][order_id & _SLOT_MASK]
    return int(row["order_id"]) == order_id and row["state"] != OrderState.FREE


def _fees(desk: Desk) -> BuilderFees:
    fees: BuilderFees = desk.directory.state.builder_fees
    return fees


class FeeRunner:
    """Settles what happens to open orders later. After a restart, or when the directory has
    become another one, every open order is looked at once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen: BuilderFees | None = None
        self._due: dict[int, int] = {}
        """Orders to look at, and since when (ms)."""
        self._wake = asyncio.Event()
        self._close = desk.listen(self._heard)
        self._heard(())

    def close(self) -> None:
        self._close()
        self._desk.directory.unsettled.difference_update(self._due)

    async def run(self) -> None:
        """Settle as things happen, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not await self.settle_due():
                asyncio.get_running_loop().call_later(_RETRY_S, self._wake.set)

    async def settle_due(self) -> bool:
        """Look at every order that is due; False where one must be tried again."""
        due, self._due = self._due, {}
        for order_id, start_ms in due.items():
            order = _fees(self._desk).orders.get(order_id)
            try:
                if order is not None:
                    await self._settle(order, max(start_ms, order.since_ms))
            except Refusal:
                self._due[order_id] = min(start_ms, self._due.get(order_id, start_ms))
            except Exception:
                log.exception("a builder fee could not be settled")
            self._desk.directory.unsettled.discard(order_id)
        return not self._due

    async def _settle(self, order: BuilderOrder, start_ms: int) -> None:
        ended = not _is_open(self._desk.engine, order.order_id)
        if ended or unsettled(self._desk.history, order.account, [order], start_ms):
            charge = Charge(order.account, order.builder, order.tenths)
            await settle(self._desk, charge, [order], start_ms)

    def _heard(self, batch: Sequence[Applied]) -> None:
        fees = _fees(self._desk)
        if fees is not self._seen:
            self._seen = fees
            self._desk.directory.unsettled.difference_update(self._due)
            self._due = dict.fromkeys(fees.orders, 0)
        elif fees.orders:
            for applied in batch:
                for event in applied.events:
                    if not isinstance(event, OrderFilled | OrderCancelled):
                        continue
                    if event.order_id in fees.orders:
                        self._due.setdefault(event.order_id, applied.time_ms)
        if self._due:
            self._desk.directory.unsettled.update(self._due)
            self._wake.set()
