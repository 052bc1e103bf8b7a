"""A seeded stream of adversarial commands under rules of blocks.

Quiet trading with replacements and cancels, crashes, thin books, empty funds, markets that end;
and some nonsense. The stream depends on the seed and on what the twin answers.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from math import floor
from random import Random

import numpy as np

from seawall.domain.enums import CommandKind as K
from seawall.domain.enums import EventKind, MarketStatus, OrderFlag, TimeInForce
from seawall.domain.instrument import Instrument
from seawall.engine.tables import command_dtype
from tests.naive_blocks.arithmetic import oracle_ticks, size_worth
from tests.naive_blocks.machine import NaiveBlockMachine
from tests.naive_blocks.state import FIRST_USER, Event

START_MS = 1_767_225_600_000
"""A UTC midnight."""
USD = 10**6
ORACLES = {
    "BTC": 50_000_00,
    "ETH": 2_000_000,
    "CROWDED": 2_000_000,
    "DOGE": 120_000,
    "UNEVEN": 5_000_012_345,
}
HUGE = (-(2**31), -1, 0, 2**30, 2**31 - 1)
Row = dict[str, int]


class BlockGenerator:
    """Yields one row of ``command_dtype`` at a time; the twin has done the one before."""

    def __init__(
        self, seed: str, instruments: list[Instrument], view: NaiveBlockMachine, accounts: int = 6
    ) -> None:
        self.random = Random(seed)
        self.instruments = instruments
        self.view = view
        self.users = list(range(FIRST_USER, FIRST_USER + accounts))
        self.time = START_MS
        self.kinds: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.actions: list[tuple[float, Callable[[], Row]]] = [
            (26, self.quote),
            (14, self.take),
            (6, self.long_term),
            (5, self.conditional),
            (2, self.twap),
            (4, self.cancel),
            (4, self.cancel_by_id),
            (1, self.cancel_all),
            (12, self.oracle),
            (3, self.crash),
            (18, self.advance),
            (5, self.cash),
            (2, self.fraction),
            (1, self.standing),
            (2, self.adopt),
            (3, self.venue),
            (2, self.nonsense),
        ]

    def rows(self, count: int) -> Iterator[np.void]:
        for row in self.setup():
            yield self.stamped(row)
        chances = [weight for weight, _ in self.actions]
        choices = [action for _, action in self.actions]
        for _ in range(count):
            yield self.stamped(self.random.choices(choices, chances)[0]())

    def note(self, kind: int, events: list[Event]) -> None:
        self.kinds[K(kind).name if kind in tuple(K) else "UNKNOWN"] += 1
        for event in events:
            self.events[event.kind.name] += 1
            if event.kind in (EventKind.COMMAND_REJECTED, EventKind.ORDER_CANCELLED):
                self.reasons[event.reason.name] += 1

    def stamped(self, row: Row) -> np.void:
        if self.random.random() < 0.4:
            self.time += self.random.randrange(0, 700)
        row.setdefault("time_ms", self.time)
        rows = np.zeros(1, dtype=command_dtype)
        for name, value in row.items():
            rows[name] = value
        return rows[0]  # type: ignore[no-any-return]

    def setup(self) -> Iterator[Row]:
        yield {"kind": K.ADVANCE_TIME}
        for place, user in enumerate(self.users):
            parent = FIRST_USER if place == len(self.users) - 1 else -1
            yield {"kind": K.CREATE_ACCOUNT, "other_account": parent}
            yield self.deposit(user, 10 ** self.random.uniform(2.5, 4.5))
        yield self.deposit(0, 10 ** self.random.uniform(0.5, 3))
        for market, instrument in enumerate(self.instruments):
            price = ORACLES[instrument.name]
            yield {"kind": K.SET_ORACLE_PRICE, "market": market, "price": price}
            if self.random.random() < 0.5:
                yield {**self.deposit(0, 10 ** self.random.uniform(0.5, 3)), "market": market}

    # what orders are made of

    def user(self) -> int:
        return self.random.choice(self.users)

    def market(self) -> int:
        return self.random.randrange(len(self.instruments))

    def price(self, market: int, side: int, deviation: float) -> int:
        """Ticks around the oracle; a negative deviation crosses it."""
        exact = oracle_ticks(self.view.state.markets[market])
        away = abs(self.random.gauss(0, abs(deviation))) * (1 if deviation > 0 else -1)
        return max(1, floor(exact * round(10**6 * (1 - away if side == 0 else 1 + away)) / 10**6))

    def size(self, market: int, user: int) -> int:
        """Worth some part of what the account could hold."""
        row = self.view.state.markets[market]
        step = row.terms.size_step
        wealth = max(50 * USD, abs(self.view.cash(user)))
        worth = size_worth(row, int(wealth * 10 ** self.random.uniform(-1.3, 0.8)))
        return max(1, worth // step) * step

    def order(self, user: int, market: int, side: int, deviation: float) -> Row:
        return {
            "kind": K.PLACE_ORDER,
            "account": user,
            "market": market,
            "side": side,
            "price": self.price(market, side, deviation),
            "order_size": self.size(market, user),
            "client_id_low": self.random.choice((0, 0, 0, 1, 2, 3)),
        }

    def height_after(self) -> int:
        return self.view.height() + 1 + self.random.choice((0, 1, 2, 3, 4, 5, 6, 6, 7, -1))

    def quote(self) -> Row:
        row = self.order(self.user(), self.market(), self.random.randrange(2), 0.004)
        row["flags"] = OrderFlag.SHORT_TERM
        row["money"] = self.random.choice((0, self.height_after(), self.height_after()))
        if self.random.random() < 0.25:
            row["time_in_force"] = TimeInForce.POST_ONLY
        return row

    def take(self) -> Row:
        user, market = self.user(), self.market()
        side = self.random.randrange(2)
        row = self.order(user, market, side, self.random.choice((-0.01, -0.004, -0.03)))
        row["time_in_force"] = TimeInForce.IMMEDIATE_OR_CANCEL
        held = self.view.state.accounts[user].size(market)
        if held and self.random.random() < 0.4:
            row["side"] = int(held > 0)
            row["price"] = self.price(market, row["side"], -0.02)
            row["flags"] = OrderFlag.REDUCE_ONLY
            if self.random.random() < 0.5:
                row["order_size"] = abs(held)
        elif self.random.random() < 0.2:
            row["time_in_force"] = TimeInForce.POST_ONLY
            row["flags"] = OrderFlag.SHORT_TERM
        return row

    def long_term(self) -> Row:
        deviation = self.random.choice((0.004, 0.01, -0.005))
        row = self.order(self.user(), self.market(), self.random.randrange(2), deviation)
        row["money"] = self.random.choice((0, self.time + self.random.randrange(-900, 45_000)))
        if self.random.random() < 0.3:
            row["time_in_force"] = TimeInForce.POST_ONLY
        row["client_id_low"] = self.random.choice((0, 0, 3, 4, 5))
        return row

    def conditional(self) -> Row:
        row = self.long_term()
        row["flags"] = OrderFlag.TRIGGER
        if self.random.random() < 0.5:
            row["flags"] |= OrderFlag.TAKE_PROFIT
        if self.random.random() < 0.6 and not row.get("time_in_force"):
            row["flags"] |= OrderFlag.TRIGGER_MARKET
            if self.random.random() < 0.5:
                row["flags"] |= OrderFlag.REDUCE_ONLY
        wanted = self.random.randrange(2)
        row["trigger_price"] = self.price(row["market"], wanted, 0.008)
        return row

    def twap(self) -> Row:
        row = self.order(self.user(), self.market(), self.random.randrange(2), -0.003)
        interval = self.random.choice((2_000, 3_000, 4_000, 1_000))
        row.update(
            kind=K.PLACE_TWAP_ORDER,
            trigger_price=interval * self.random.choice((2, 3, 5)),
            order_id=interval,
            leverage=self.random.choice((0, 3_000, 20_000)),
        )
        if self.random.random() < 0.6:
            row["price"] = 0
        return row

    def cancel(self) -> Row:
        orders = list(self.view.state.orders.values())
        if not orders:
            return self.advance()
        order = self.random.choice(orders)
        user = order.account if self.random.random() < 0.95 else self.user()
        return {"kind": K.CANCEL_ORDER, "account": user, "order_id": order.order_id}

    def cancel_by_id(self) -> Row:
        return {
            "kind": K.CANCEL_BY_CLIENT_ID,
            "account": self.user(),
            "market": self.market(),
            "client_id_low": self.random.choice((0, 1, 1, 2, 2, 3, 3, 4, 5)),
            "money": self.random.choice((0, *[self.height_after()] * 3, self.time + 20_000)),
        }

    def cancel_all(self) -> Row:
        market = self.random.choice((-1, self.market()))
        return {"kind": K.CANCEL_ALL, "account": self.user(), "market": market}

    # prices, time, money, the venue

    def oracle(self) -> Row:
        return self.moved(self.random.choice((0.0008, 0.003, 0.01)))

    def crash(self) -> Row:
        return self.moved(self.random.choice((0.04, 0.08, 0.15)))

    def moved(self, deviation: float) -> Row:
        market = self.market()
        first = ORACLES[self.instruments[market].name]
        now = self.view.state.markets[market].oracle
        price = int(now * (1 + self.random.gauss(0, deviation)))
        price = min(max(price, first // 3), first * 3)
        return {"kind": K.SET_ORACLE_PRICE, "market": market, "price": price}

    def advance(self) -> Row:
        pause = self.random.choice((0, 300, 1_000, 1_000, 2_000, 7_000))
        if self.random.random() < 0.015:
            pause = self.random.choice((30_000, 60_000))
        self.time += pause
        return {"kind": K.ADVANCE_TIME}

    def deposit(self, user: int, dollars: float) -> Row:
        money = int(dollars * USD)
        return {"kind": K.DEPOSIT, "account": user, "money": money, "market": -1}

    def cash(self) -> Row:
        user = self.user()
        wealth = max(10 * USD, abs(self.view.cash(user)))
        money = int(wealth * 10 ** self.random.uniform(-2, 0.1))
        choice = self.random.randrange(4)
        if choice == 0:
            return self.deposit(user, money / USD)
        if choice == 1:
            return {"kind": K.WITHDRAW, "account": user, "money": money}
        other = self.user()
        return {"kind": K.TRANSFER, "account": user, "other_account": other, "money": money}

    def fraction(self) -> Row:
        row: Row = {"account": self.user(), "market": self.market()}
        if self.random.random() < 0.5:
            leverage = self.random.choice((1, 2, 3, 5, 7, 10, 30))
            return {**row, "kind": K.SET_LEVERAGE, "leverage": leverage}
        ppm = self.random.choice((33_333, 100_000, 250_000, 1_000_000, 1_000_001))
        return {**row, "kind": K.SET_INITIAL_FRACTION, "leverage": ppm}

    def standing(self) -> Row:
        if self.random.random() < 0.5:
            until = self.time + self.random.randrange(1, 60_000)
            ppm = self.random.choice((0, 333_333, 500_000, 1_000_000))
            return {
                "kind": K.SET_MARKET_DISCOUNT,
                "market": self.market(),
                "leverage": ppm,
                "price": self.time,
                "trigger_price": until,
            }
        return {
            "kind": K.SET_FEE_STANDING,
            "account": self.user(),
            "money": self.random.choice((0, 10, 15, 50)) * USD,
            "flags": self.random.choice((0, 0, 1)),
            "status": self.random.choice((0, 0, 0, 1)),
        }

    def adopt(self) -> Row:
        user, market = self.user(), self.market()
        row = self.view.state.markets[market]
        worth = int(max(50 * USD, abs(self.view.cash(user))) * self.random.uniform(0.5, 8))
        return {
            "kind": K.ADOPT_POSITION,
            "account": user,
            "market": market,
            "side": self.random.randrange(2),
            "order_size": max(1, size_worth(row, worth) // row.terms.size_step)
            * row.terms.size_step,
            "money": int(worth * self.random.uniform(0.8, 1.2)),
            "leverage": 1,
        }

    def venue(self) -> Row:
        """A market that is not open opens again, an ended one by way of its start."""
        market, status = self.market(), self.random.choice((0, 0, 1, 2, 4, 5))
        closed = [m for m in self.view.state.markets if m.status != MarketStatus.OPEN]
        if closed:
            market = closed[0].number
            ended = closed[0].status == MarketStatus.FINAL_SETTLEMENT
            status = MarketStatus.INITIALIZING if ended else MarketStatus.OPEN
        return {"kind": K.SET_MARKET_STATUS, "market": market, "status": status}

    def nonsense(self) -> Row:
        row = self.order(self.user(), self.market(), self.random.randrange(2), 0.002)
        for _ in range(self.random.randrange(1, 4)):
            name = self.random.choice(
                "kind account market side flags time_in_force price order_size order_id "
                "leverage status mode other_account money trigger_price".split()
            )
            row[name] = self.random.choice((*HUGE, self.random.randrange(0, 30)))
        if row["kind"] == K.ADVANCE_TIME or row["account"] == 2:
            return self.advance()
        row["time_ms"] = self.time
        return row
