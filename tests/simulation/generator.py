"""A seeded stream of adversarial commands: the same seed and the same answers, the same stream.

The generator sees the machine only through ``View``, so that it can cancel orders that exist and
close positions that are open. It visits quiet trading, crashes, funding boundaries, days, halts
and nonsense; ``Coverage`` tells which kinds and reasons a run has reached.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from seawall.domain.enums import (
    CommandKind,
    MarginGrouping,
    MarginMode,
    MarketMargin,
    MarketStatus,
    OrderFlag,
    Side,
    TimeInForce,
)
from seawall.domain.instrument import Instrument
from seawall.engine.tables import command_dtype
from tests.simulation.coverage import Coverage
from tests.simulation.order_commands import USD, K, OrderCommands, Row, View

START_MS = 1_767_225_600_000
"""A UTC midnight: day and funding boundaries are where they are on a real venue."""
FIRST_USER = 5
HUGE = (-(2**62), -1, 0, 2**30, 2**31, 2**53, 2**62)


class Generator(OrderCommands):
    """Yields one row of ``command_dtype`` at a time; look at the machine between two rows."""

    def __init__(
        self,
        seed: int,
        instruments: list[Instrument],
        view: View,
        accounts: int = 6,
        wildness: float = 0.03,
    ) -> None:
        self.random = np.random.default_rng(seed)
        self.instruments = instruments
        collaterals = {one.group: one.collateral for one in instruments}
        self.collaterals = list(collaterals.values())
        """Of each margin group."""
        self.first_groups = [self.collaterals.index(one) for one in dict.fromkeys(self.collaterals)]
        self.view = view
        self.users = list(range(FIRST_USER, FIRST_USER + accounts))
        self.wildness = wildness
        self.time = START_MS
        self.wealth = {user: 10 ** self.random.uniform(3.0, 6.0) for user in self.users}
        self.anchor = [self.start_price(i) for i in instruments]
        self.queue: list[Row] = []
        self.coverage = Coverage()
        self.actions: list[tuple[float, Callable[[], Row]]] = [
            (30, self.quote),
            (16, self.take),
            (5, self.reduce),
            (4, self.trigger),
            (2, self.bracket),
            (6, self.cancel),
            (4, self.modify),
            (1, self.cancel_by_client_id),
            (1, self.cancel_all),
            (16, self.oracle_step),
            (1.2, self.crash),
            (8, self.advance),
            (4, self.leverage),
            (3, self.isolated_margin),
            (4, self.cash),
            (1, self.schedule),
            (0.6, self.venue_matter),
            (0.6, self.adopt),
            (100 * wildness, self.nonsense),
        ]
        if len(self.collaterals) > 1:
            self.actions += [(4, self.transfer_between_groups), (1, self.regroup)]
        weights = np.array([weight for weight, _ in self.actions])
        self.chances = weights / weights.sum()

    def rows(self, count: int) -> Iterator[np.void]:
        """``count`` rows after the set-up."""
        for row in self.setup():
            yield self.stamped(row)
        for _ in range(count):
            row = self.queue.pop(0) if self.queue else self.next_action()
            yield self.stamped(row)

    def closing(self) -> Iterator[np.void]:
        """Every market is delisted near its oracle price; then a day passes."""
        for market in range(len(self.instruments)):
            price = self.snap(market, self.reference(market) * self.random.normal(1, 0.01))
            yield self.stamped({"kind": K.SETTLE_MARKET, "market": market, "price": price})
        self.time += 86_400_000
        yield self.stamped({"kind": K.ADVANCE_TIME})

    def next_action(self) -> Row:
        return self.actions[int(self.random.choice(len(self.actions), p=self.chances))][1]()

    def stamped(self, row: Row) -> np.void:
        if self.random.random() < 0.5:
            self.time += int(self.random.integers(0, 2_000))
        row.setdefault("time_ms", self.time)
        rows = np.zeros(1, dtype=command_dtype)
        for name, value in row.items():
            rows[name] = value
        return rows[0]

    def setup(self) -> Iterator[Row]:
        yield {"kind": K.ADVANCE_TIME}
        for place, user in enumerate(self.users):
            parent = FIRST_USER if place == len(self.users) - 1 else -1
            yield {"kind": K.CREATE_ACCOUNT, "other_account": parent}
            yield self.deposit(user, self.wealth[user])
        yield self.deposit(0, 10 ** self.random.uniform(2, 5))
        yield self.deposit(2, 10 ** self.random.uniform(2, 6))
        if len(self.collaterals) > 1:
            yield from self.setup_groups()
        for market in range(len(self.instruments)):
            yield self.oracle(market, self.anchor[market])

    def setup_groups(self) -> Iterator[Row]:
        """Money in most groups of the accounts, half of which share theirs."""
        for user in self.users:
            for group in range(1, len(self.collaterals)):
                if self.chance(0.8):
                    dollars = self.wealth[user] * self.random.uniform(0.02, 1)
                    yield {**self.deposit(user, dollars), "status": group}
            if self.chance(0.5):
                yield self.grouping(user, MarginGrouping.SHARED)
        for group in self.first_groups[1:]:
            yield {**self.deposit(0, 10 ** self.random.uniform(1, 4)), "status": group}
            yield {**self.deposit(2, 10 ** self.random.uniform(2, 6)), "status": group}

    # prices and time

    def oracle_step(self) -> Row:
        market = self.market()
        drift = self.random.normal(0, self.random.choice([0.001, 0.004, 0.015]))
        self.anchor[market] = self.bounded(market, self.reference(market) * (1 + drift))
        return self.oracle(market, self.anchor[market])

    def crash(self) -> Row:
        """A fall, a rise or a crash of 10 to 40 percent, sometimes in several steps."""
        market = self.market()
        depth = self.random.uniform(0.1, 0.4) * (-1 if self.chance(0.6) else 1)
        steps = self.pick([1, 2, 5])
        price = float(self.reference(market))
        rows = []
        for _ in range(steps):
            price = self.bounded(market, price * (1 + depth / steps))
            rows.append(self.oracle(market, price))
            if self.chance(0.4):
                rows.append({"kind": K.ADVANCE_TIME})
        self.anchor[market] = price
        self.queue += rows[1:]
        return rows[0]

    def bounded(self, market: int, price: float) -> float:
        start = self.start_price(self.instruments[market])
        return min(max(price, start / 20), start * 8)

    def advance(self) -> Row:
        hour = 3_600_000
        jumps = [1_000, 30_000, hour, 5 * hour, 26 * hour]
        jump = self.random.choice(jumps, p=[0.5, 0.3, 0.14, 0.04, 0.02])
        self.time += int(self.random.integers(1, int(jump) + 1))
        if self.chance(0.1):
            self.time += hour - self.time % hour
        return {"kind": K.ADVANCE_TIME, "time_ms": self.time}

    # margin and money

    def leverage(self) -> Row:
        market = self.market()
        instrument = self.instruments[market]
        any_mode = instrument.margin == MarketMargin.ANY_MODE
        cross = self.chance(0.6 if any_mode else 0.05)
        return {
            "kind": K.SET_LEVERAGE,
            "account": self.user(),
            "market": market,
            "leverage": int(self.random.integers(1, instrument.maximum_leverage + 2)),
            "mode": MarginMode.CROSS if cross else MarginMode.ISOLATED,
        }

    def isolated_margin(self) -> Row:
        user, market, _ = self.holder()
        if self.chance(0.3):
            leverage = int(self.random.integers(1, 20))
            kind = K.TOP_UP_ISOLATED_MARGIN
            return {"kind": kind, "account": user, "market": market, "leverage": leverage}
        money = int(self.random.normal(0, 0.1) * self.wealth[user] * USD)
        kind = K.ADJUST_ISOLATED_MARGIN
        return {"kind": kind, "account": user, "market": market, "money": money}

    def cash(self) -> Row:
        user = self.user()
        money = int(self.wealth[user] * self.random.uniform(0.01, 0.6) * USD)
        kind = self.pick([K.DEPOSIT, K.WITHDRAW, K.TRANSFER])
        if self.chance(0.1):
            row = self.deposit(self.pick([0, 2]), 10 ** self.random.uniform(1, 4))
            return self.in_groups(row, self.first_groups)
        row = {"kind": kind, "account": user, "other_account": self.user(), "money": money}
        return self.in_groups(row, range(len(self.collaterals)))

    def in_groups(self, row: Row, groups: Sequence[int]) -> Row:
        """The row with a margin group, where there are several; a transfer has two."""
        if len(self.collaterals) > 1:
            row["status"] = self.pick(groups)
            if row["kind"] == K.TRANSFER:
                row["leverage"] = row["status"] if self.chance(0.5) else self.pick(groups)
        return row

    def transfer_between_groups(self) -> Row:
        user = self.user()
        money = int(self.wealth[user] * self.random.uniform(0.001, 0.3) * USD)
        group = self.pick(range(len(self.collaterals)))
        others = [other for other in range(len(self.collaterals)) if other != group]
        return {
            "kind": K.TRANSFER,
            "account": user,
            "other_account": user,
            "money": money,
            "status": group,
            "leverage": self.pick(others),
        }

    def grouping(self, user: int, grouping: int) -> Row:
        return {"kind": K.SET_MARGIN_GROUPING, "account": user, "mode": grouping}

    def regroup(self) -> Row:
        """A switch of the grouping, half of the time after all positions were sent to the book."""
        user = self.user()
        row = self.grouping(user, self.pick(list(MarginGrouping)))
        if self.chance(0.5):
            return row
        for market in range(len(self.instruments)):
            size = self.view.position(user, market)
            if size:
                side = Side.SELL if size > 0 else Side.BUY
                price = self.reference(market) * (0.8 if size > 0 else 1.2)
                exit_order = self.order(user, market, side, price, abs(size))
                exit_order["time_in_force"] = TimeInForce.IMMEDIATE_OR_CANCEL
                exit_order["flags"] = int(OrderFlag.REDUCE_ONLY)
                self.queue.append(exit_order)
        self.queue.append(row)
        return {"kind": K.CANCEL_ALL, "account": user, "market": -1}

    def schedule(self) -> Row:
        delay = int(self.random.integers(1_000, 60_000))
        money = 0 if self.chance(0.2) else self.time + delay
        return {"kind": K.SCHEDULE_CANCEL, "account": self.user(), "money": money}

    def adopt(self) -> Row:
        user, market = self.user(), self.market()
        size = self.size_of(market, self.stake(user))
        away = 1 + self.random.normal(0, 0.02)
        any_mode = self.instruments[market].margin == MarketMargin.ANY_MODE
        entry = int(size * self.reference(market) * away)
        leverage = int(self.random.integers(1, self.instruments[market].maximum_leverage + 1))
        if self.view.open_orders(user):
            return {"kind": K.CANCEL_ALL, "account": user, "market": -1}
        return {
            "kind": K.ADOPT_POSITION,
            "account": user,
            "market": market,
            "side": self.pick([Side.BUY, Side.SELL]),
            "order_size": size,
            "money": entry,
            "leverage": leverage,
            "mode": MarginMode.CROSS if any_mode and self.chance(0.5) else MarginMode.ISOLATED,
            "trigger_price": entry // leverage,
        }

    def venue_matter(self) -> Row:
        """Discounts, schedules, halts and caps; a halted market opens again soon."""
        market = self.market()
        if self.chance(0.3):
            rates = [int(self.random.choice([0, 5, 10, 40, 100])) * 10**7 for _ in range(2)]
            kind = K.SET_FEE_DISCOUNTS
            return {
                "kind": kind, "account": self.user(), "price": rates[0], "trigger_price": rates[1]
            }  # fmt: skip
        if self.chance(0.2):
            kind = K.SET_MARGIN_SCHEDULE
            leverage = int(self.random.integers(0, 4))
            return {"kind": kind, "account": self.user(), "market": market, "leverage": leverage}
        closed = [MarketStatus.HALTED, MarketStatus.POST_ONLY_ONLY, MarketStatus.REDUCE_ONLY_ONLY]
        status = self.pick([*closed, MarketStatus.OPEN])
        cap = 0 if self.chance(0.5) else int(10 ** self.random.uniform(3, 6) * USD)
        row = {"kind": K.SET_MARKET_STATUS, "market": market, "status": status, "money": cap}
        self.queue += [self.next_action() for _ in range(3)]
        self.queue.append({**row, "status": MarketStatus.OPEN, "money": 0})
        return row

    def nonsense(self) -> Row:
        """A reasonable command with one absurd field."""
        makers = [self.quote, self.take, self.leverage, self.cash, self.adopt, self.reduce]
        if len(self.collaterals) > 1:
            makers += [self.transfer_between_groups, self.regroup]
        row = self.pick_row(makers)
        kind = self.pick([row["kind"]] * 4 + [*list(CommandKind)[1:19], 0, 21, -1])
        row["kind"] = kind
        wide = ("price", "order_size", "trigger_price", "order_id", "money")
        narrow = ["account", "market", "side", "flags", "time_in_force", "leverage", "mode"]
        narrow += ["status"] * (len(self.collaterals) > 1)
        if self.chance(0.5):
            row[wide[int(self.random.integers(len(wide)))]] = self.pick(HUGE)
        else:
            name = narrow[int(self.random.integers(len(narrow)))]
            row[name] = self.pick([-(2**31), -1, 3, 99, 2**31 - 1])
        if self.chance(0.05):
            row["time_ms"] = self.time - int(self.random.integers(1, 10**9))
        return row
