"""One account along one price path in the real machine, with a book of one level per market.

The mark is the oracle price, all markets move at once, and the book shows what it is told to show:
so a path means the same to the machine as to the path kernel. Every decision is the machine's.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.commands import (
    ALL_MARKETS,
    AdoptPosition,
    AdvanceTime,
    CancelAll,
    Command,
    CreateAccount,
    Deposit,
    SetLeverage,
    SetOraclePrice,
)
from seawall.domain.enums import (
    CommandKind,
    EventKind,
    FillFlag,
    MarginMode,
    MarkMethod,
    Reason,
    Side,
    TimeInForce,
)
from seawall.domain.events import AccountCreated, CommandRejected
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook, ValueCap
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.engine.tables import command_dtype
from tests.lab.naive_paths import POOL, Order
from tests.rulebooks import changed

BACKSTOP = 2
PLENTY = 10**16
START_MS = 86_400_000 * 20_000
TAKING = (EventKind.ORDER_FILLED, EventKind.BACKSTOP_TAKEN_OVER, EventKind.DELEVERAGED)


def path_rulebook(rulebook: Rulebook, hourly_rate: int = 0) -> Rulebook:
    """The rules without what would keep the book or the mark from a path.

    Any price may be quoted, and funding is ``hourly_rate`` (1e-12 of notional) whatever the book
    looks like. Nothing about margin or liquidation changes.
    """
    intervals = rulebook.funding.intervals_per_period
    return changed(
        rulebook,
        "along a path",
        mark={"method": MarkMethod.ORACLE_ONLY},
        order={
            "maximum_significant_figures": 0,
            "minimum_value": 0,
            "market_value_caps": (ValueCap(0, PLENTY),),
        },
        funding={"interest": hourly_rate * intervals, "clamp": 10**12, "cap": 10**12},
    )


class PathMachine:
    """The machine with a maker and a backstop; ``begin`` puts one account into it, afresh."""

    def __init__(self, rulebook: Rulebook, instruments: Sequence[Instrument]) -> None:
        limits = Limits(accounts=16, positions=64, orders=64, levels=256, nodes=256)
        self.engine = Engine.create(rulebook, list(instruments), limits)
        self._hold = self.engine.tables["rules"]["liquidations_per_command"]
        self._most = int(self._hold[0])
        self._send(AdvanceTime(time_ms=START_MS))
        self._send(Deposit(time_ms=START_MS, account=BACKSTOP, amount=PLENTY))
        self.maker = self._open(PLENTY)
        for market in range(len(instruments)):
            # At leverage 1 no margin tier limits what is quoted.
            self._send(
                SetLeverage(
                    time_ms=START_MS,
                    account=self.maker,
                    market=market,
                    leverage=1,
                    mode=MarginMode.CROSS,
                )
            )
        self._empty = self.engine.snapshot()
        markets = len(instruments)
        self._rows = np.zeros(markets + 1, command_dtype)
        self._rows["market"][:markets] = np.arange(markets)
        self._rows["kind"][:markets] = int(CommandKind.SET_ORACLE_PRICE)
        self._rows["kind"][markets] = int(CommandKind.ADVANCE_TIME)
        self._rows["account"] = self._rows["market"][markets] = -1

    def begin(self, plan: Holdings, marks: Sequence[int]) -> None:
        """Only the maker, the backstop and this account, at these prices."""
        self.engine.restore(self._empty)
        for market, mark in enumerate(marks):
            self._send(
                SetOraclePrice(
                    time_ms=START_MS, market=market, oracle_price=mark, outside_price=mark
                )
            )
        self.account = self._open(plan.collateral)
        for each in plan.positions:
            self._send(
                AdoptPosition(
                    time_ms=START_MS,
                    account=self.account,
                    market=each.market,
                    side=Side.BUY if each.signed_size > 0 else Side.SELL,
                    size=abs(each.signed_size),
                    entry_notional=each.entry_notional,
                    leverage=each.leverage,
                    mode=each.mode,
                    isolated_cash=each.isolated_margin,
                )
            )
        self.first: dict[int, int] = {}
        self.touched: dict[int, int] = {}
        self.funding = self.cost = 0

    def step(self, number: int, now_ms: int, marks: Sequence[int], orders: Sequence[Order]) -> None:
        """All prices at once, then the book, then funding and liquidations.

        ``orders``: what the account is expected to send, each with the price that it finds.
        """
        time_ms = START_MS + now_ms
        rows = self._rows
        rows["time_ms"] = time_ms
        rows["price"][:-1] = rows["trigger_price"][:-1] = marks
        # Prices come one by one; nobody is looked at before all of them are there.
        self._hold[0] = 0
        self._apply(rows[:-1])
        if orders:
            self._apply(self._quotes(time_ms, orders))
        self._hold[0] = self._most
        self._read(number, self._apply(rows[-1:]), marks)
        if orders:
            self._send(CancelAll(time_ms=time_ms, account=self.maker, market=ALL_MARKETS))

    def equity(self, marks: Sequence[int]) -> dict[int, int]:
        """Micro-USD at these prices: the pool and every bucket that was ever there."""
        account = self.engine.tables["accounts"][self.account]
        result = {POOL: int(account["cash"])}
        index = int(account["first_position"])
        while index >= 0:
            row = self.engine.tables["positions"][index]
            index, market = int(row["next_of_account"]), int(row["market"])
            bucket = market if row["mode"] == MarginMode.ISOLATED else POOL
            value = int(row["signed_size"]) * marks[market] + int(row["isolated_cash"])
            result[bucket] = result.get(bucket, 0) + value
        return result

    def sizes(self) -> dict[int, int]:
        """Signed size by market."""
        result = {}
        index = int(self.engine.tables["accounts"]["first_position"][self.account])
        while index >= 0:
            row = self.engine.tables["positions"][index]
            index = int(row["next_of_account"])
            result[int(row["market"])] = int(row["signed_size"])
        return result

    def _quotes(self, time_ms: int, orders: Sequence[Order]) -> NDArray[Any]:
        rows = np.zeros(len(orders), command_dtype)
        rows["time_ms"] = time_ms
        rows["kind"] = int(CommandKind.PLACE_ORDER)
        rows["account"] = self.maker
        rows["market"] = [each.market for each in orders]
        rows["side"] = [int(Side.BUY if o.side == Side.SELL else Side.SELL) for o in orders]
        rows["price"] = [each.price for each in orders]
        # More than is expected: how much is sold is the machine's decision.
        rows["order_size"] = [10 * each.size for each in orders]
        rows["time_in_force"] = int(TimeInForce.GOOD_TIL_CANCEL)
        return rows[rows["price"] > 0]

    def _read(self, number: int, events: NDArray[Any], marks: Sequence[int]) -> None:
        for row in events[events["account"] == self.account]:
            kind, market = int(row["kind"]), int(row["market"])
            if kind == EventKind.LIQUIDATION_STARTED:
                self.first.setdefault(market, number)
            elif kind == EventKind.FUNDING_PAID:
                self.funding -= int(row["money"])
            elif kind in TAKING:
                self.touched.setdefault(market, number)
            if kind == EventKind.ORDER_FILLED:
                sign = -1 if int(row["flags"]) & FillFlag.BUYER else 1
                lost = sign * (marks[market] - int(row["price"])) * int(row["order_size"])
                self.cost += lost + int(row["money"])

    def _apply(self, rows: NDArray[Any]) -> NDArray[Any]:
        _, events = self.engine.apply_rows(rows)
        refused = events[events["kind"] == EventKind.COMMAND_REJECTED]
        assert not len(refused), Reason(int(refused["reason"][0])).name
        return events

    def _send(self, command: Command) -> list[Any]:
        events = self.engine.apply(command)
        for event in events:
            assert not isinstance(event, CommandRejected), event.reason.name
        return events

    def _open(self, money: int) -> int:
        events = self._send(CreateAccount(time_ms=START_MS))
        account = next(e.account for e in events if isinstance(e, AccountCreated))
        self._send(Deposit(time_ms=START_MS, account=account, amount=money))
        return account
