"""Events become rows: one batch gathers what changed and writes it in one transaction.

Rows that change (orders, candles of a minute, entries of positions) are read when a batch first
touches them, changed in memory and written back once.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import apsw
import msgspec
from msgspec import Struct, structs

from seawall.domain.block_events import FundingIndexMoved, OrderQueued
from seawall.domain.commands import (
    Command,
    ModifyOrder,
    PlaceOrder,
    PlaceTwapOrder,
    join_client_id,
)
from seawall.domain.enums import OrderFlag, Reason, Side, TimeInForce
from seawall.domain.events import (
    CommandRejected,
    Event,
    FundingPaid,
    LiquidationOrderEnded,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderTriggered,
    OrderWaiting,
    PositionAdopted,
)
from seawall.domain.units import FUNDING_ONE, PPM
from seawall.sandbox.history_schema import (
    COLUMNS,
    CandleRow,
    OrderRow,
    client_number,
    client_text,
    fill_row,
)
from seawall.venues.fills import fills_of
from seawall.venues.ledger import ledger_records
from seawall.venues.port import Applied, Fill

MINUTE_MS = 60_000
_NAMES_ORDER = OrderAccepted | OrderWaiting | OrderQueued | OrderFilled | OrderCancelled
_FIRST_END_REASON = 500
"""Reasons from here on end an order that lived; those below refuse one."""

_encode = msgspec.json.Encoder().encode


class Happened(Struct, frozen=True, gc=False):
    """One command that took effect. ``rates``: (market, rate, premium) of a funding settlement."""

    sequence: int
    command: Command
    events: Sequence[Event]
    rates: Sequence[tuple[int, int, int]]


class Batch:
    """Rows of a number of commands, to be written together."""

    def __init__(self, database: apsw.Cursor) -> None:
        self._database = database
        self._orders: dict[int, OrderRow | None] = {}
        self._candles: dict[tuple[int, int], CandleRow] = {}
        self._entries: dict[tuple[int, int], tuple[int, int]] = {}
        self._new: defaultdict[str, list[Sequence[Any]]] = defaultdict(list)
        """Rows that do not change, by table."""
        self.accounts: set[int] = set()
        """Whose orders or fills grew."""

    def add(self, happened: Happened) -> None:
        """Events in their order: what an event says may rest on the one before."""
        time_ms = happened.command.time_ms
        if isinstance(happened.command, PlaceOrder | ModifyOrder | PlaceTwapOrder):
            self._placed(happened, happened.command)
        applied = Applied(time_ms, happened.command, happened.events)
        self._add_fills(applied)
        for record in ledger_records(applied):
            *columns, body = structs.astuple(record)
            self._new["ledger"].append((happened.sequence, *columns, _encode(body).decode()))
        for event in happened.events:
            if isinstance(event, OrderFilled):
                if event.order_id:
                    self._order_filled(event, time_ms)
            elif isinstance(event, OrderAccepted | OrderWaiting):
                self._order_stands(event, time_ms)
            elif isinstance(event, OrderCancelled):
                self._order_ended(event, time_ms)
            elif isinstance(event, LiquidationOrderEnded):
                self._forced_order(event, time_ms, event.remaining_size)
            elif isinstance(event, OrderTriggered):
                if (row := self._order(event.order_id)) is not None:
                    row.status, row.status_ms = "triggered", time_ms
            elif isinstance(event, FundingPaid):
                self._new["funding"].append(
                    (event.sequence, time_ms, event.account, event.market, event.amount,
                     event.position_size, event.rate)
                )  # fmt: skip
            elif isinstance(event, FundingIndexMoved):
                rate = event.rate_ppm * FUNDING_ONE // PPM
                self._new["funding_rates"].append((time_ms, event.market, rate, rate))
        self._new["funding_rates"] += [(time_ms, *each) for each in happened.rates]

    # -- orders ---------------------------------------------------------------------------------

    def _placed(
        self, happened: Happened, command: PlaceOrder | ModifyOrder | PlaceTwapOrder
    ) -> None:
        """The new order is the newest one of its account that the events name.

        A refused one never had an id: its row has minus the command's sequence instead.
        """
        refused = next((e for e in happened.events if isinstance(e, CommandRejected)), None)
        order_id = -happened.sequence
        if refused is None:
            ids = [
                event.order_id
                for event in happened.events
                if isinstance(event, _NAMES_ORDER) and event.account == command.account
            ]
            order_id = max(ids, default=0)
            if not order_id:
                return
        trigger, in_force = 0, TimeInForce.GOOD_TIL_CANCEL
        if not isinstance(command, PlaceTwapOrder):
            trigger, in_force = command.trigger_price, command.time_in_force
        client_id = join_client_id(command.client_id_high, command.client_id_low)
        self._orders[order_id] = OrderRow(
            order_id, happened.sequence, command.account, command.market, client_text(client_id),
            int(command.side), command.price, trigger, command.size, command.size,
            int(command.flags), int(in_force), command.time_ms,
            "open" if refused is None else "rejected",
            0 if refused is None else int(refused.reason), command.time_ms,
        )  # fmt: skip
        self.accounts.add(command.account)

    def _order(self, order_id: int) -> OrderRow | None:
        if order_id not in self._orders:
            found = self._stored("orders", "order_id = ?", order_id)
            self._orders[order_id] = OrderRow(*found) if found else None
        return self._orders[order_id]

    def _client_id(self, order_id: int) -> int:
        row = self._order(order_id)
        return client_number(row.client_id) if row is not None else 0

    def _order_stands(self, event: OrderAccepted | OrderWaiting, time_ms: int) -> None:
        if (row := self._order(event.order_id)) is None:
            return
        waits = isinstance(event, OrderWaiting)
        row.remaining_size = event.size if isinstance(event, OrderWaiting) else event.remaining_size
        row.status, row.status_ms = "waiting" if waits else "open", time_ms

    def _order_filled(self, event: OrderFilled, time_ms: int) -> None:
        if (row := self._order(event.order_id)) is None:
            return
        row.remaining_size -= event.size
        row.status_ms = time_ms
        if row.remaining_size <= 0:
            row.remaining_size, row.status = 0, "filled"

    def _order_ended(self, event: OrderCancelled, time_ms: int) -> None:
        if (row := self._order(event.order_id)) is None:
            return
        refused = event.reason < _FIRST_END_REASON and row.sequence == event.sequence
        row.status = "rejected" if refused else "canceled"
        row.reason, row.status_ms = int(event.reason), time_ms
        row.remaining_size = event.remaining_size

    def _forced_order(
        self, done: LiquidationOrderEnded | Fill, time_ms: int, remaining: int = 0
    ) -> None:
        """The row of an order of the machine's own, which no event named before it was done."""
        reason = Reason.IMMEDIATE_REMAINDER if remaining else Reason.NO_REASON
        self._orders[done.order_id] = OrderRow(
            done.order_id, done.sequence, done.account, done.market, "",
            int(done.side), done.price, 0, done.size, remaining,
            int(OrderFlag.LIQUIDATION | OrderFlag.REDUCE_ONLY),
            int(TimeInForce.IMMEDIATE_OR_CANCEL), time_ms,
            "canceled" if remaining else "filled", int(reason), time_ms,
        )  # fmt: skip
        self.accounts.add(done.account)

    # -- fills, candles, entries ----------------------------------------------------------------

    def _add_fills(self, applied: Applied) -> None:
        for fill in fills_of(applied, self._client_id):
            fill = self._with_entry(fill)
            self._new["fills"].append(fill_row(fill))
            self.accounts.add(fill.account)
            if fill.is_taker and fill.origin in ("order", "liquidation"):
                self._traded(fill)
            if fill.order_id and _is_order(fill):
                self._forced_order(fill, fill.time_ms)
        for event in applied.events:
            if isinstance(event, PositionAdopted):
                signed = event.entry_notional if event.position_size > 0 else -event.entry_notional
                self._entries[event.account, event.market] = event.position_size, signed

    def _entry(self, account: int, market: int) -> tuple[int, int]:
        key = account, market
        if key not in self._entries:
            *_, size, cost = self._stored("entries", "account = ? AND market = ?", *key) or (0, 0)
            self._entries[key] = size, cost
        return self._entries[key]

    def _with_entry(self, fill: Fill) -> Fill:
        """Keep what a position cost; what the backstop closed follows from it and is filled in.

        An event's closed profit tells exactly which part of the cost the machine took off. The
        backstop's position begins at the mark: the margin that came with it is profit at once.
        """
        size, cost = self._entry(fill.account, fill.market)
        is_backstop = fill.origin == "backstop" and not fill.is_taker
        if is_backstop:
            fill = structs.replace(fill, position_before=size)
        before = fill.position_before
        if before == 0:
            cost = 0
        price = fill.mark_price if is_backstop else fill.price
        profit = 0 if is_backstop else fill.closed_profit
        sign = 1 if fill.side == Side.BUY else -1
        closing = min(abs(before), fill.size) if before * sign < 0 else 0
        proceeds = -sign * closing * price
        if is_backstop and closing:
            part = abs(cost) * closing // abs(before)
            profit = proceeds - (part if cost > 0 else -part)
            fill = structs.replace(fill, closed_profit=fill.closed_profit + profit)
        cost -= proceeds - profit
        cost += sign * (fill.size - closing) * price
        after = before + sign * fill.size
        self._entries[fill.account, fill.market] = after, cost if after else 0
        return fill

    def _traded(self, fill: Fill) -> None:
        opened_ms = fill.time_ms - fill.time_ms % MINUTE_MS
        key = fill.market, opened_ms
        price = fill.price
        if key not in self._candles:
            found = self._stored("candles", "market = ? AND opened_ms = ?", *key)
            self._candles[key] = CandleRow(*found or (*key, price, price, price, price, 0, 0, 0))
        row = self._candles[key]
        row.high, row.low, row.close = max(row.high, price), min(row.low, price), price
        row.volume += fill.size
        row.notional += fill.size * price
        row.trades += 1

    # -- writing --------------------------------------------------------------------------------

    def write(self) -> None:
        """Inside a transaction of the caller's."""
        changed: dict[str, list[Sequence[Any]]] = {
            "orders": [structs.astuple(row) for row in self._orders.values() if row is not None],
            "candles": list(map(structs.astuple, self._candles.values())),
            "entries": [(*key, *value) for key, value in self._entries.items()],
        }
        for table, rows in {**self._new, **changed}.items():
            marks = ", ".join("?" for _ in COLUMNS[table].split(","))
            text = f"INSERT OR REPLACE INTO {table} ({COLUMNS[table]}) VALUES ({marks})"
            self._database.executemany(text, rows)

    def _stored(self, table: str, where: str, *values: int) -> Sequence[Any]:
        """The one row that was written before, or nothing."""
        text = f"SELECT {COLUMNS[table]} FROM {table} WHERE {where}"
        return next(iter(self._database.execute(text, values)), ())


def _is_order(fill: Fill) -> bool:
    """Whether no event but that of its fill names an order."""
    if fill.origin == "backstop":
        return fill.is_taker
    return fill.origin == "deleveraging" and not fill.is_taker
