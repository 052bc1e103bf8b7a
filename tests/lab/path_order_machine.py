"""The machine of ``path_machine`` with an account that has orders of its own.

Of a step, all prices come first and fire nothing. Then the same prices once more fire triggers, one
at a time, so that each finds a book made for it; and once more with all the work that a command may
do, so that whatever else should fire does. Whether an order acts, how much of it is filled and what
it costs is the machine's decision.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.commands import (
    ALL_MARKETS,
    AdjustIsolatedMargin,
    CancelAll,
    Deposit,
)
from seawall.domain.enums import (
    CommandKind,
    EventKind,
    FillFlag,
    OrderFlag,
    Reason,
    Side,
    TimeInForce,
)
from seawall.domain.events import CommandRejected
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook
from seawall.engine.tables import command_dtype
from tests.lab.naive_orders import AccountWithOrders, Waiting
from tests.lab.naive_paths import POOL, Order
from tests.lab.path_machine import START_MS, PathMachine

UNFILLED = (Reason.NO_LIQUIDITY_FOR_MARKET_ORDER, Reason.MARGIN_CANCELLED)
FLAGS = OrderFlag.REDUCE_ONLY | OrderFlag.TRIGGER | OrderFlag.TRIGGER_MARKET


class OrderMachine(PathMachine):
    """``acted``, ``order_cost``, ``added``: as the twin counts them."""

    def __init__(self, rulebook: Rulebook, instruments: Sequence[Instrument]) -> None:
        super().__init__(rulebook, instruments)
        self._visits = self.engine.tables["rules"]["fills_per_command"]
        self._most_visits = int(self._visits[0])

    def begin_with(self, plan: Holdings, marks: Sequence[int], orders: Sequence[Waiting]) -> None:
        """The account with its orders."""
        self.begin(plan, marks)
        self.acted: dict[int, int] = {}
        self.order_cost = self.added = 0
        self._numbers: dict[int, int] = {}
        for each in orders:
            if each.kind in ("limit", "trigger"):
                rises = each.rises == (each.side == Side.SELL)
                take_profit = OrderFlag.TAKE_PROFIT if rises else OrderFlag.NO_FLAG
                flags = FLAGS | take_profit if each.trigger else OrderFlag.REDUCE_ONLY
                self._place(each, 0, START_MS, each.price, flags, TimeInForce.GOOD_TIL_CANCEL)

    def step_with(
        self, number: int, now_ms: int, marks: Sequence[int], orders: Sequence[Order],
        twin: AccountWithOrders,
    ) -> None:  # fmt: skip
        """A step, with what the twin says of the account's own orders."""
        time_ms = START_MS + now_ms
        self._hold[0] = self._visits[0] = 0
        rows = self._rows[:-1]
        rows["time_ms"] = time_ms
        rows["price"] = rows["trigger_price"] = marks
        markets = self.engine.tables["markets"]
        self._apply(rows)
        before = markets["previous_mark_price"].copy()
        self._visits[0] = self._most_visits
        if self.engine.tables["accounts"]["open_orders"][self.account]:
            self._cross(number, time_ms, marks, twin)
            for order, levels in twin.sent.fired:
                self._show(time_ms, levels)
                # One visit is that of the order, one that of the level that fills it.
                self._visits[0] = max(1, len(levels))
                self._read_orders(number, self._apply(rows[[order.market]]), marks)
                self._visits[0] = self._most_visits
                self._cancel(time_ms)
            self._read_orders(number, self._apply(rows), marks)
            markets["previous_mark_price"] = before
        for order, fill in twin.sent.before_funding:
            self._show(time_ms, [fill])
            worst = fill.price // 2 if order.side == Side.SELL else fill.price * 3 // 2
            events = self._place(
                order,
                number,
                time_ms,
                worst,
                OrderFlag.REDUCE_ONLY,
                TimeInForce.IMMEDIATE_OR_CANCEL,
            )
            self._read_orders(number, events, marks)
            self._cancel(time_ms)
        self._again(number, time_ms, marks, orders)
        for each in twin.sent.money:
            self._send(Deposit(time_ms=time_ms, account=self.account, amount=each.money))
            self.acted[each.number], self.added = number, self.added + each.money + each.cost
            if next(h for h in twin.held if h.market == each.market).bucket != POOL:
                moved = AdjustIsolatedMargin(
                    time_ms=time_ms, account=self.account, market=each.market, amount=each.money
                )
                events = self.engine.apply(moved)
                if any(isinstance(event, CommandRejected) for event in events):
                    self.acted[each.number] = -number

    def _again(
        self, number: int, time_ms: int, marks: Sequence[int], orders: Sequence[Order]
    ) -> None:
        """The rest of a step, with prices already there."""
        if orders:
            self._apply(self._quotes(time_ms, orders))
        self._hold[0] = self._most
        self._rows[-1:]["time_ms"] = time_ms
        self._read(number, self._apply(self._rows[-1:]), marks)
        if orders:
            self._cancel(time_ms)

    def _cross(
        self, number: int, time_ms: int, marks: Sequence[int], twin: AccountWithOrders
    ) -> None:
        """The best quotes come to wherever limit orders of the account rest."""
        quotes = [
            Order(
                market, Side.SELL if size > 0 else Side.BUY, 10 * abs(size),
                twin.quote(market, is_bid=size > 0),
            )
            for market, size in self.sizes().items()
            if size
        ]  # fmt: skip
        self._read_orders(number, self._show(time_ms, quotes), marks)
        self._cancel(time_ms)

    def _show(self, time_ms: int, levels: Sequence[Order]) -> NDArray[Any]:
        """The events of quotes that orders of the account would meet."""
        rows = np.zeros(len(levels), command_dtype)
        rows["time_ms"], rows["kind"] = time_ms, int(CommandKind.PLACE_ORDER)
        rows["account"] = self.maker
        rows["market"] = [each.market for each in levels]
        rows["side"] = [int(Side.BUY if e.side == Side.SELL else Side.SELL) for e in levels]
        rows["price"] = [each.price for each in levels]
        rows["order_size"] = [each.size for each in levels]
        return self._apply(rows[rows["price"] > 0])

    def _cancel(self, time_ms: int) -> None:
        self._send(CancelAll(time_ms=time_ms, account=self.maker, market=ALL_MARKETS))

    def _place(
        self, order: Waiting, number: int, time_ms: int, price: int, flags: OrderFlag,
        lasting: TimeInForce,
    ) -> NDArray[Any]:  # fmt: skip
        """The events of one of the account's orders; ``number``: the step."""
        row = np.zeros(1, command_dtype)
        row["time_ms"], row["kind"] = time_ms, int(CommandKind.PLACE_ORDER)
        row["account"], row["market"], row["side"] = self.account, order.market, int(order.side)
        row["price"], row["order_size"] = price, order.size
        row["flags"], row["time_in_force"] = int(flags), int(lasting)
        row["trigger_price"] = order.trigger if flags & OrderFlag.TRIGGER else 0
        _, events = self.engine.apply_rows(row)
        for event in events[events["account"] == self.account]:
            if event["kind"] == EventKind.COMMAND_REJECTED:
                assert event["reason"] == Reason.INSUFFICIENT_MARGIN
                self.acted[order.number] = -number
            self._numbers.setdefault(int(event["order_id"]), order.number)
        return events

    def _read_orders(self, number: int, events: NDArray[Any], marks: Sequence[int]) -> None:
        for row in events[events["account"] == self.account]:
            kind, order = int(row["kind"]), self._numbers.get(int(row["order_id"]), -1)
            if kind == EventKind.ORDER_FILLED:
                flags, size = int(row["flags"]), int(row["order_size"])
                sign = -1 if flags & FillFlag.BUYER else 1
                slippage = sign * (marks[int(row["market"])] - int(row["price"])) * size
                self.order_cost += int(row["money"]) + (slippage if flags & FillFlag.TAKER else 0)
                self.acted[order] = number
            elif kind == EventKind.ORDER_CANCELLED and int(row["reason"]) in UNFILLED:
                self.acted.setdefault(order, -number)
