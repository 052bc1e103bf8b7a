"""A seeded stream of adversarial commands under rules of blocks.

Like ``generator``: the same seed and the same answers, the same stream. It sees the machine only
through its view, and knows blocks: most steps of time commit one.
"""

from collections.abc import Callable, Iterator

import numpy as np

from seawall.domain.enums import CommandKind, MarginMode, MarketStatus, OrderFlag, Side
from seawall.domain.instrument import Instrument
from seawall.engine.tables import command_dtype
from tests.simulation.block_commands import USD, BlockOrderCommands, K, Row, View
from tests.simulation.generator import FIRST_USER, HUGE, START_MS

HOUR = 3_600_000
WIDEST = 2**62
NEXT_BLOCK = -1
"""A time that is found when its row is sent."""


class BlockGenerator(BlockOrderCommands):
    """Yields one row of ``command_dtype`` at a time; look at the machine between two rows."""

    def __init__(
        self,
        seed: int,
        instruments: list[Instrument],
        view: View,
        prices: list[int],
        accounts: int,
        wildness: float,
    ) -> None:
        self.random = np.random.default_rng([seed, 2])
        self.instruments, self.view = instruments, view
        self.users = list(range(FIRST_USER, FIRST_USER + accounts))
        self.time = START_MS + self.integer(0, 50_000)
        self.wealth = {user: 10 ** self.random.uniform(2.0, 5.5) for user in self.users}
        self.start = [price * self.random.uniform(0.8, 1.2) for price in prices]
        self.anchor = list(self.start)
        self.queue: list[Row] = []
        self.actions: list[tuple[float, Callable[[], Row]]] = [
            (22, self.quote),
            (15, self.take),
            (5, self.reduce),
            (7, self.long_term),
            (5, self.conditional),
            (1.2, self.twap),
            (3, self.replace),
            (4, self.cancel),
            (3, self.cancel_by_id),
            (0.8, self.cancel_all),
            (14, self.oracle_step),
            (1.1, self.crash),
            (4, self.behind),
            (20, self.advance),
            (4, self.cash),
            (0.5, self.feed_fund),
            (1.5, self.personal),
            (0.8, self.fee_matter),
            (0.5, self.status),
            (0.8, self.adopt),
            (100 * wildness, self.nonsense),
        ]
        weights = np.array([weight for weight, _ in self.actions])
        self.chances = weights / weights.sum()

    def rows(self, count: int) -> Iterator[np.void]:
        """``count`` rows after the set-up."""
        for row in self.setup():
            yield self.stamped(row)
        for _ in range(count):
            row = self.queue.pop(0) if self.queue else self.next_action()
            yield self.stamped(row)

    def next_action(self) -> Row:
        return self.actions[int(self.random.choice(len(self.actions), p=self.chances))][1]()

    def stamped(self, row: Row) -> np.void:
        if self.chance(0.3):
            self.time += self.integer(0, 400)
        if row.get("time_ms") == NEXT_BLOCK:
            self.time = max(self.time, self.view.next_block())
            row["time_ms"] = self.time
        row.setdefault("time_ms", self.time)
        rows = np.zeros(1, dtype=command_dtype)
        for name, value in row.items():
            rows[name] = max(-WIDEST, min(WIDEST, value))
        return rows[0]

    def setup(self) -> Iterator[Row]:
        yield {"kind": K.ADVANCE_TIME}
        for place, user in enumerate(self.users):
            parent = FIRST_USER if place == len(self.users) - 1 else -1
            yield {"kind": K.CREATE_ACCOUNT, "other_account": parent}
            yield self.deposit(user, self.wealth[user])
        yield self.deposit(0, 10 ** self.random.uniform(1, 4))
        for market in range(len(self.instruments)):
            if market and self.chance(0.1):
                continue
            yield self.oracle(market, self.anchor[market])

    # prices and time

    def oracle(self, market: int, price: float) -> Row:
        return {"kind": K.SET_ORACLE_PRICE, "market": market, "price": max(1, int(price))}

    def bounded(self, market: int, price: float) -> float:
        return min(max(price, self.start[market] / 20), self.start[market] * 8)

    def oracle_step(self) -> Row:
        market = self.market()
        drift = self.random.normal(0, self.random.choice([0.001, 0.004, 0.015]))
        self.anchor[market] = self.bounded(market, self.reference(market) * (1 + drift))
        return self.oracle(market, self.anchor[market])

    def crash(self) -> Row:
        """A fall, a rise or a crash of 5 to 40 percent in a few blocks, and what follows."""
        market = self.market()
        depth = self.random.uniform(0.05, 0.4) * (-1 if self.chance(0.6) else 1)
        steps = int(self.pick([1, 2, 5]))
        price = float(self.reference(market))
        rows: list[Row] = []
        for _ in range(steps):
            price = self.bounded(market, price * (1 + depth / steps))
            rows.append(self.oracle(market, price))
            rows += [self.cushion(market, price) for _ in range(self.integer(0, 4))]
            rows.append(self.next_block())
        for _ in range(int(self.pick([0, 2, 6]))):
            rows.append(self.next_block())
        self.anchor[market] = price
        self.queue += rows[1:]
        return rows[0]

    def behind(self) -> Row:
        market = self.market()
        return self.cushion(market, self.reference(market))

    def cushion(self, market: int, price: float) -> Row:
        """A rich account's bid or ask behind a moving price: whom liquidations may meet."""
        user = max(self.pick(self.users), self.pick(self.users), key=lambda u: self.wealth[u])
        side = self.pick([Side.BUY, Side.SELL])
        away = self.random.uniform(0.0, 0.05) * (-1 if side == Side.BUY else 1)
        size = self.size_of(market, self.wealth[user] * self.random.uniform(0.1, 2))
        row = self.order(user, market, side, price * (1 + away), size)
        row["flags"] = int(OrderFlag.SHORT_TERM)
        return row

    def next_block(self) -> Row:
        return {"kind": K.ADVANCE_TIME, "time_ms": NEXT_BLOCK}

    def advance(self) -> Row:
        jumps = [1, 1_000, 3_000, 30_000, 300_000, 4 * HOUR]
        jump = int(self.random.choice(jumps, p=[0.02, 0.7, 0.17, 0.099, 0.01, 0.001]))
        self.time = max(self.time, self.view.next_block()) + self.integer(0, jump + 1)
        return {"kind": K.ADVANCE_TIME, "time_ms": self.time}

    # money and margin

    def deposit(self, account: int, dollars: float) -> Row:
        money = int(dollars * USD)
        return {"kind": K.DEPOSIT, "account": account, "money": money, "market": -1}

    def cash(self) -> Row:
        user = self.user()
        if self.chance(0.3):
            return self.deposit(user, self.wealth[user] * self.random.uniform(0.01, 0.3))
        money = int(self.wealth[user] * self.random.uniform(0.01, 0.9) * USD)
        kind = self.pick([K.WITHDRAW, K.TRANSFER])
        return {"kind": kind, "account": user, "other_account": self.user(), "money": money}

    def feed_fund(self) -> Row:
        row = self.deposit(0, 10 ** self.random.uniform(0, 3.5))
        row["market"] = int(self.pick([-1, *range(len(self.instruments))]))
        return row

    def personal(self) -> Row:
        """An account asks for more margin of itself."""
        user = self.user()
        market = self.home(user)
        least = self.terms(market).fractions.initial_ppm
        row: Row = {"account": user, "market": market}
        if self.chance(0.5):
            most = 10**6 // least
            row |= {"kind": K.SET_LEVERAGE, "leverage": self.integer(1, most + 3)}
            row["mode"] = MarginMode.CROSS if self.chance(0.95) else MarginMode.ISOLATED
            return row
        ppm = min(10**6, least + int(10 ** self.random.uniform(0, 6)) - 1)
        return row | {"kind": K.SET_INITIAL_FRACTION, "leverage": ppm - self.integer(0, 2)}

    def fee_matter(self) -> Row:
        if self.chance(0.6):
            staked = int(10 ** self.random.uniform(8, 13))
            return {
                "kind": K.SET_FEE_STANDING, "account": self.user(), "money": staked,
                "flags": self.integer(0, 2), "status": int(self.chance(0.1)),
            }  # fmt: skip
        first = self.time + int(self.pick([-5_000, 0, 2_000]))
        return {
            "kind": K.SET_MARKET_DISCOUNT, "market": self.market(), "price": first,
            "trigger_price": first + int(self.pick([3_000, 30_000, HOUR])),
            "leverage": int(self.pick([0, 250_000, 333_333, 999_999])),
        }  # fmt: skip

    def status(self) -> Row:
        """Halts, post-only times and new beginnings; the market opens again soon."""
        market = self.market()
        row: Row = {"kind": K.SET_MARKET_STATUS, "market": market}
        first = self.pick([MarketStatus.HALTED, MarketStatus.POST_ONLY_ONLY])
        stations = [first]
        if self.chance(0.5):
            stations.append(MarketStatus.INITIALIZING)
        if self.chance(0.15):
            stations = [MarketStatus.FINAL_SETTLEMENT, MarketStatus.INITIALIZING]
        for station in stations[1:]:
            self.queue += [self.next_action() for _ in range(4)]
            self.queue.append({**row, "status": int(station)})
        self.queue += [self.next_action() for _ in range(4)]
        self.queue.append({**row, "status": int(MarketStatus.OPEN)})
        return row | {"status": int(stations[0])}

    def adopt(self) -> Row:
        user = self.user()
        market = self.home(user)
        size = self.size_of(market, self.stake(user))
        away = 1 + self.random.normal(0, 0.02)
        worth = self.reference(market) * 10.0 ** self.terms(market).value_exponent * size
        return {
            "kind": K.ADOPT_POSITION, "account": user, "market": market,
            "side": self.pick([Side.BUY, Side.SELL]), "order_size": size,
            "money": max(1, int(worth * away)),
        }  # fmt: skip

    def nonsense(self) -> Row:
        """A reasonable command with one absurd field, or of a kind that is not offered."""
        makers = [
            self.quote, self.take, self.long_term, self.conditional, self.twap, self.cash,
            self.adopt, self.reduce, self.personal, self.fee_matter, self.cancel_by_id,
        ]  # fmt: skip
        row = self.pick_row(makers)
        kinds = [*list(CommandKind), 0, 25, -1]
        row["kind"] = int(self.pick([row["kind"]] * 30 + kinds))
        wide = ("price", "order_size", "trigger_price", "order_id", "money", "client_id_low")
        narrow = (
            "account", "market", "side", "flags", "time_in_force", "leverage", "mode", "status",
            "other_account",
        )  # fmt: skip
        if self.chance(0.5):
            row[str(self.pick(wide))] = int(self.pick(HUGE))
        else:
            values = [-(2**31), -1, 0, 2, 3, 4, 7, 16, 99, 2**20, 2**31 - 1]
            row[str(self.pick(narrow))] = int(self.pick(values))
        if self.chance(0.05):
            row["time_ms"] = self.time - self.integer(1, 10**9)
        if row["kind"] in (K.ADVANCE_TIME, K.SET_MARKET_STATUS):
            row["time_ms"], row["status"] = self.time, row.get("status", 0) % 3
        return row
