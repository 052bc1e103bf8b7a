"""One stream of commands through both machines, compared after each command."""

from itertools import chain
from typing import Any

import numpy as np

from seawall.domain.enums import EventKind, OrderState, Reason, Side
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook
from seawall.engine.tables import command_dtype
from tests.naive.machine import NaiveMachine
from tests.naive.state import FIRST_USER_ACCOUNT, Event
from tests.scenarios.engine_adapter import EngineMachine

TOGETHER = {
    Reason.CANCELLED_BY_USER: "all orders go",
    Reason.PARENT_CANCELLED: "all orders go",
    Reason.SCHEDULED_CANCEL: "all orders go",
    Reason.LIQUIDATED_CANCELLED: "all orders go",
    Reason.DELISTED_CANCELLED: "all orders go",
    Reason.POSITION_CLOSED: "the position went",
    Reason.REDUCE_ONLY_CANCELLED: "the position went",
}
"""Reasons that depend on who is looked at first when several orders go at once."""


class Difference(AssertionError):
    """The machines disagree; the message names the command and both answers."""


class Comparison:
    """Order ids differ between the machines; ``engine_ids`` maps the twin's to the engine's."""

    def __init__(self, rulebook: Rulebook, instruments: list[Instrument]) -> None:
        self.naive = NaiveMachine(rulebook, instruments)
        self.engine = EngineMachine(rulebook, instruments)
        self.instruments = instruments
        self.engine_ids: dict[int, int] = {}
        self.count = 0

    def apply(self, row: Any) -> list[Event]:
        """Applies one row of ``command_dtype`` whose ids are the twin's; returns its events."""
        rows = np.zeros(1, dtype=command_dtype)
        rows[0] = row
        rows["order_id"] = self.engine_ids.get(int(row["order_id"]), int(row["order_id"]))
        before = set(self.engine.order_rows()["order_id"].tolist())
        engine_events = self.engine.apply_row(rows)
        for market in range(len(self.instruments)):
            self.naive.override_mark(market, self.engine.mark(market))
            premium = self.engine.market_number(market, "last_premium")
            self.naive.override_premium(market, premium)
        known = set(self.naive.state.orders)
        naive_events = self.naive.apply(row)
        self.count += 1
        self.compare_reasons(naive_events, engine_events)
        self.learn_ids(known, before)
        self.compare_state()
        return naive_events

    def learn_ids(self, known: set[int], before: set[int]) -> None:
        """At most one new order rests or waits after a command."""
        new = [order_id for order_id in self.naive.state.orders if order_id not in known]
        found = [int(i) for i in self.engine.order_rows()["order_id"] if int(i) not in before]
        self.same("number of new open orders", len(new), len(found))
        for naive_id, engine_id in zip(sorted(new), sorted(found), strict=True):
            self.engine_ids[naive_id] = engine_id

    def same(self, what: str, naive: Any, engine: Any) -> None:
        if naive != engine:
            raise Difference(f"{what}: twin {naive}, engine {engine}")

    def compare_reasons(self, naive: list[Event], engine: list[Event]) -> None:
        reasons = [
            [e.reason.name for e in events if e.kind == EventKind.COMMAND_REJECTED]
            for events in (naive, engine)
        ]
        self.same("rejection", reasons[0], reasons[1])
        for kind in (
            EventKind.ORDER_CANCELLED,
            EventKind.LIQUIDATION_STARTED,
            EventKind.BACKSTOP_TAKEN_OVER,
            EventKind.INSURANCE_PAID,
            EventKind.DELEVERAGED,
            EventKind.DELEVERAGING_STALLED,
            EventKind.ORDER_TRIGGERED,
        ):
            self.same(kind.name, told(naive, kind), told(engine, kind))

    def compare_state(self) -> None:
        naive, engine = self.naive, self.engine
        self.same("accounts", naive.accounts(), engine.accounts())
        for market in range(len(self.instruments)):
            self.same(f"mark of {market}", naive.mark(market), engine.mark(market))
            interest = naive.open_interest(market), engine.open_interest(market)
            self.same(f"open interest of {market}", *interest)
            for side in (Side.BUY, Side.SELL):
                levels = naive.levels(market, side), engine.levels(market, side)
                self.same(f"{side.name} levels of {market}", *levels)
        self.compare_positions()
        self.compare_cash()
        self.compare_orders()
        for account in naive.state.accounts[FIRST_USER_ACCOUNT:]:
            row = engine.engine.tables["accounts"][account.number]
            rates = (account.taker_rate, account.maker_rate)
            expected = (int(row["taker_rate"]), int(row["maker_rate"]))
            self.same(f"fee rates of {account.number}", rates, expected)

    def compare_cash(self) -> None:
        """Of every margin group of every account, and what came in from outside."""
        naive, engine = self.naive, self.engine
        groups = naive.state.groups
        for account in range(naive.accounts()):
            for group in range(len(groups)):
                cash = naive.cash(account, group), engine.cash(account, group)
                self.same(f"cash of {account} in group {group}", *cash)
            grouping = naive.grouping(account), engine.grouping(account)
            self.same(f"grouping of {account}", *grouping)
        rows = engine.engine.tables["margin_groups"]["money_outside"]
        for collateral in {group.collateral for group in groups}:
            outside = naive.state.money_outside[collateral]
            first = naive.state.first_of(collateral)
            self.same(f"money outside in {collateral}", outside, int(rows[first]))

    def compare_positions(self) -> None:
        seen = set()
        for row in self.engine.position_rows():
            account, market = int(row["account"]), int(row["market"])
            seen.add((account, market))
            engine = self.engine.position_numbers(account, market)
            naive = self.naive.position_numbers(account, market)
            if account < FIRST_USER_ACCOUNT:
                naive, engine = naive._replace(mode=0), engine._replace(mode=0)
            self.same(f"position of {account} in {market}", naive, engine)
        for account in self.naive.state.accounts:
            for market, position in account.positions.items():
                if (account.number, market) not in seen:
                    where = f"position of {account.number} in {market}"
                    self.same(where, position.size, 0)

    def compare_orders(self) -> None:
        rows = {int(row["order_id"]): row for row in self.engine.order_rows()}
        self.same("number of open orders", len(self.naive.state.orders), len(rows))
        for order in self.naive.state.orders.values():
            row = rows.get(self.engine_ids[order.order_id])
            if row is None:
                raise Difference(f"order {order}: the engine does not have it")
            numbers = (order.account, order.market, order.side, order.price, order.remaining)
            names = ("account", "market", "side", "price", "remaining_size")
            found = tuple(int(row[name]) for name in names)
            self.same(f"order {order.order_id}", numbers, found)
            state = OrderState(int(row["state"]))
            self.same(f"state of order {order.order_id}", order.state, state)


def told(events: list[Event], kind: EventKind) -> list[Any]:
    """What the events of one kind say, without the ids that differ and without an order."""
    rows = [e for e in events if e.kind == kind]
    if kind == EventKind.ORDER_CANCELLED:
        return sorted(
            (e.account, e.market, TOGETHER.get(e.reason, e.reason.name))
            for e in rows
            if e.reason != Reason.IMMEDIATE_REMAINDER
        )
    if kind == EventKind.INSURANCE_PAID:
        return sorted((e.account, e.money) for e in rows)
    if kind in (EventKind.ORDER_TRIGGERED, EventKind.DELEVERAGING_STALLED):
        return sorted((e.account, e.market) for e in rows)
    return sorted((e.account, e.market, abs(e.size) if e.size else 0) for e in rows)


def run(comparison: Comparison, generator: Any, count: int) -> None:
    """Feeds ``count`` commands and the closing; a difference names the command and its fields."""
    for number, row in enumerate(chain(generator.rows(count), generator.closing())):
        try:
            events = comparison.apply(row)
        except Difference as difference:
            fields = {n: int(row[n]) for n in row.dtype.names if int(row[n]) != 0}
            raise Difference(f"command {number} {fields}: {difference}") from None
        generator.coverage.note(int(row["kind"]), events)
