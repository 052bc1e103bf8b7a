"""The orders of the random stream: quotes, takers, exits, triggers, brackets, cancels, changes."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from seawall.domain.enums import CommandKind, OrderFlag, Side, TimeInForce
from seawall.domain.instrument import Instrument

USD = 1_000_000
K = CommandKind
BRACKET = OrderFlag.REDUCE_ONLY | OrderFlag.TRIGGER | OrderFlag.TRIGGER_MARKET | OrderFlag.CHILD
Row = dict[str, int]


class View(Protocol):
    """What the generator may know about the machine."""

    def open_orders(self, account: int) -> list[int]: ...
    def oracle(self, market: int) -> int: ...
    def position(self, account: int, market: int) -> int: ...


class OrderCommands:
    """Needs the attributes below; ``Generator`` sets them."""

    random: np.random.Generator
    instruments: list[Instrument]
    view: View
    users: list[int]
    wealth: dict[int, float]
    anchor: list[float]
    queue: list[Row]

    # small helpers

    def pick(self, values: Any) -> int:
        return int(values[int(self.random.integers(len(values)))])

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def user(self) -> int:
        return self.pick(self.users)

    def market(self) -> int:
        return int(self.random.integers(len(self.instruments)))

    def start_price(self, instrument: Instrument) -> float:
        dollars = {5: 100_000.0, 4: 4_000.0, 2: 38.0, 0: 0.1}.get(instrument.size_decimals, 100.0)
        return float(dollars * 10**instrument.price_decimals * self.random.uniform(0.8, 1.2))

    def snap(self, market: int, price: float) -> int:
        """A price of at most five significant figures, or an integer."""
        unit = 10 ** self.instruments[market].price_decimals
        whole = max(1, round(price))
        step = 10 ** max(0, len(str(whole)) - 5)
        return max(1, whole // min(step, unit) * min(step, unit))

    def reference(self, market: int) -> int:
        return self.view.oracle(market) or int(self.anchor[market])

    def size_of(self, market: int, dollars: float) -> int:
        return max(1, int(dollars * USD / self.reference(market)))

    def deposit(self, account: int, dollars: float) -> Row:
        return {"kind": K.DEPOSIT, "account": account, "money": int(dollars * USD)}

    def oracle(self, market: int, price: float) -> Row:
        row: Row = {"kind": K.SET_ORACLE_PRICE, "market": market, "price": self.snap(market, price)}
        if self.chance(0.3):
            row["trigger_price"] = self.snap(market, price * self.random.normal(1.0, 0.001))
        return row

    def order(self, account: int, market: int, side: int, price: float, size: int) -> Row:
        return {
            "kind": K.PLACE_ORDER,
            "account": account,
            "market": market,
            "side": side,
            "price": self.snap(market, price),
            "order_size": size,
        }

    def stake(self, user: int) -> float:
        """Dollars of an order: often modest, sometimes as much as leverage allows."""
        spread = self.random.choice([0.01, 0.1, 1.0, 5.0, 20.0], p=[0.25, 0.3, 0.25, 0.15, 0.05])
        return max(11.0, self.wealth[user] * spread * self.random.uniform(0.5, 1.5))

    # orders

    def quote(self) -> Row:
        """A passive order near the oracle."""
        user, market = self.user(), self.market()
        side = self.pick([Side.BUY, Side.SELL])
        away = abs(self.random.normal(0, 0.004)) * (-1 if side == Side.BUY else 1)
        price = self.reference(market) * (1 + away)
        row = self.order(user, market, side, price, self.size_of(market, self.stake(user)))
        row["time_in_force"] = self.pick(
            [TimeInForce.GOOD_TIL_CANCEL] * 3 + [TimeInForce.POST_ONLY]
        )
        if self.chance(0.1):
            row["client_id_high"], row["client_id_low"] = 1, int(self.random.integers(1, 6))
        return row

    def take(self) -> Row:
        """An aggressive order, sometimes a market order."""
        user, market = self.user(), self.market()
        side = self.pick([Side.BUY, Side.SELL])
        away = self.random.uniform(0, 0.02) * (1 if side == Side.BUY else -1)
        price = self.reference(market) * (1 + away)
        row = self.order(user, market, side, price, self.size_of(market, self.stake(user)))
        row["time_in_force"] = self.pick(list(TimeInForce)[:3])
        if row["time_in_force"] == TimeInForce.IMMEDIATE_OR_CANCEL and self.chance(0.3):
            row["flags"] = int(OrderFlag.MARKET)
        if self.chance(0.05):
            row["account"] = 2
        return row

    def holder(self) -> tuple[int, int, int]:
        """An account with a position, if one is found soon: (account, market, signed size)."""
        for _ in range(8):
            user, market = self.user(), self.market()
            size = self.view.position(user, market)
            if size:
                return user, market, size
        return self.user(), self.market(), 0

    def reduce(self) -> Row:
        user, market, size = self.holder()
        side = Side.SELL if size > 0 else Side.BUY
        price = self.reference(market) * (1 + self.random.normal(0, 0.005))
        share = self.random.choice([0.3, 1.0, 1.0, 1.7])
        row = self.order(user, market, side, price, max(1, int(abs(size) * share)))
        row["time_in_force"] = self.pick(list(TimeInForce))
        row["flags"] = int(OrderFlag.REDUCE_ONLY) if self.chance(0.8) else 0
        return row

    def trigger(self) -> Row:
        user, market, size = self.holder()
        side = Side.SELL if size > 0 else Side.BUY
        reference = self.reference(market)
        profit = self.chance(0.5)
        above = (side == Side.BUY) != profit
        away = abs(self.random.normal(0, 0.02)) * (1 if above else -1)
        slip = 0.1 if side == Side.BUY else -0.1
        row = self.order(user, market, side, reference * (1 + away) * (1 + slip), max(1, abs(size)))
        row["trigger_price"] = self.snap(market, reference * (1 + away))
        flags = OrderFlag.REDUCE_ONLY | OrderFlag.TRIGGER
        flags |= OrderFlag.TAKE_PROFIT if profit else OrderFlag.NO_FLAG
        flags |= OrderFlag.TRIGGER_MARKET if self.chance(0.6) else OrderFlag.NO_FLAG
        if self.chance(0.4):
            flags |= OrderFlag.POSITION_ATTACHED
            if self.chance(0.6):
                flags |= OrderFlag.WHOLE_POSITION
                row["order_size"] = 0
        row["flags"] = int(flags)
        return row

    def bracket(self) -> Row:
        """A parent now, its stop and take-profit next."""
        parent = self.quote() if self.chance(0.5) else self.take()
        market, side = parent["market"], parent["side"]
        exit_side = Side.SELL if side == Side.BUY else Side.BUY
        for siblings, profit in enumerate((False, True)):
            above = (exit_side == Side.BUY) != profit
            # Some triggers are beyond the mark: those children are refused.
            above ^= parent["order_size"] % 7 == siblings
            away = self.random.uniform(0.005, 0.03) * (1 if above else -1)
            price = self.reference(market) * (1 + away)
            row = self.order(parent["account"], market, exit_side, price, parent["order_size"])
            row["trigger_price"] = row["price"]
            row["status"] = siblings
            row["flags"] = int(BRACKET | (OrderFlag.TAKE_PROFIT if profit else 0))
            if self.chance(0.3):
                row["flags"] &= ~int(OrderFlag.TRIGGER_MARKET)
            self.queue.append(row)
        return parent

    def own_order(self) -> tuple[int, int]:
        for _ in range(8):
            user = self.user()
            orders = self.view.open_orders(user)
            if orders:
                return user, self.pick(orders)
        return self.user(), int(self.random.integers(1, 2**40))

    def cancel(self) -> Row:
        user, order_id = self.own_order()
        if self.chance(0.1):
            user = self.user()
        return {"kind": K.CANCEL_ORDER, "account": user, "order_id": order_id}

    def modify(self) -> Row:
        user, order_id = self.own_order()
        row = self.pick_row([self.quote, self.quote, self.take, self.reduce])
        row.update(kind=K.MODIFY_ORDER, account=user, order_id=order_id)
        return row

    def pick_row(self, makers: list[Callable[[], Row]]) -> Row:
        return makers[int(self.random.integers(len(makers)))]()

    def cancel_by_client_id(self) -> Row:
        low = int(self.random.integers(1, 6))
        kind = K.CANCEL_BY_CLIENT_ID
        return {"kind": kind, "account": self.user(), "client_id_high": 1, "client_id_low": low}

    def cancel_all(self) -> Row:
        market = -1 if self.chance(0.3) else self.market()
        return {"kind": K.CANCEL_ALL, "account": self.user(), "market": market}
