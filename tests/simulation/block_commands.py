"""The orders of the random stream under rules of blocks: all kinds, ids, windows and cancels."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from seawall.domain.enums import CommandKind, OrderFlag, Side, TimeInForce
from seawall.domain.instrument import BlockTerms, Instrument

USD = 1_000_000
K = CommandKind
Row = dict[str, int]
SHORT_KIND, STATE_KINDS = (0,), (1, 2, 3)


class View(Protocol):
    """What the generator may know about the machine."""

    def orders(self, account: int, kinds: tuple[int, ...] = ...) -> list[Any]: ...
    def oracle(self, market: int) -> int: ...
    def position(self, account: int, market: int) -> int: ...
    def height(self) -> int: ...
    def last_block(self) -> int: ...
    def next_block(self) -> int: ...


class BlockOrderCommands:
    """Needs the attributes below; ``BlockGenerator`` sets them."""

    random: np.random.Generator
    instruments: list[Instrument]
    view: View
    users: list[int]
    wealth: dict[int, float]
    anchor: list[float]
    queue: list[Row]
    time: int

    def pick(self, values: Any) -> Any:
        return values[int(self.random.integers(len(values)))]

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def integer(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high))

    def user(self) -> int:
        return int(self.pick(self.users))

    def market(self) -> int:
        return self.integer(0, len(self.instruments))

    def terms(self, market: int) -> BlockTerms:
        terms = self.instruments[market].block_terms
        assert terms is not None
        return terms

    def reference(self, market: int) -> int:
        return self.view.oracle(market) or int(self.anchor[market])

    def ticks(self, market: int, price: float) -> int:
        """An oracle price as an order price."""
        terms = self.terms(market)
        power = terms.value_exponent - terms.quote_exponent
        return max(1, round(price * 10.0**power / terms.price_step))

    def size_of(self, market: int, dollars: float) -> int:
        terms = self.terms(market)
        one = self.reference(market) * 10.0**terms.value_exponent
        return max(1, int(dollars * USD / one / terms.size_step)) * terms.size_step

    def stake(self, user: int) -> float:
        """Dollars of an order: often modest, sometimes more than the account can carry."""
        spread = self.random.choice([0.01, 0.1, 1.0, 5.0, 20.0], p=[0.2, 0.3, 0.28, 0.17, 0.05])
        return max(11.0, self.wealth[user] * float(spread) * self.random.uniform(0.5, 1.5))

    def home(self, user: int) -> int:
        """The market of an account: some keep to one with its own pool."""
        own = [m for m in range(len(self.instruments)) if self.terms(m).own_pool]
        cross = [m for m in range(len(self.instruments)) if not self.terms(m).own_pool]
        if self.chance(0.1) or not own or not cross:
            return self.market()
        return int(own[user % len(own)] if user % 3 == 0 else self.pick(cross))

    def order(self, user: int, market: int, side: int, price: float, size: int) -> Row:
        return {
            "kind": K.PLACE_ORDER, "account": user, "market": market, "side": side,
            "price": self.ticks(market, price), "order_size": size,
        }  # fmt: skip

    def identify(self, row: Row, low: int, high: int) -> Row:
        row["client_id_high"], row["client_id_low"] = 7, self.integer(low, high)
        return row

    def short_until(self) -> int:
        height = self.view.height()
        if self.chance(0.3):
            return 0
        near = self.pick([height + 1, height + 2, height + 5, height + self.integer(1, 42)])
        return int(near) if self.chance(0.96) else height + self.integer(-2, 60)

    def long_until(self) -> int:
        last = self.view.last_block()
        if self.chance(0.4):
            return 0
        return last + int(self.pick([1, 1_000, 5_000, 60_000, 3_600_000, 10**10, -5]))

    # orders

    def quote(self) -> Row:
        """A passive short-term order near the oracle."""
        user = self.user()
        market, side = self.home(user), self.pick([Side.BUY, Side.SELL])
        away = abs(self.random.normal(0, 0.004)) * (-1 if side == Side.BUY else 1)
        size = self.size_of(market, self.stake(user))
        row = self.order(user, market, side, self.reference(market) * (1 + away), size)
        row["time_in_force"] = self.pick([0, 0, 0, TimeInForce.POST_ONLY])
        row["flags"] = int(OrderFlag.SHORT_TERM)
        row["money"] = self.short_until()
        return self.identify(row, 1, 12) if self.chance(0.5) else row

    def take(self) -> Row:
        """An aggressive short-term order, often immediate."""
        user = self.user()
        market, side = self.home(user), self.pick([Side.BUY, Side.SELL])
        away = self.random.uniform(0, 0.02) * (1 if side == Side.BUY else -1)
        size = self.size_of(market, self.stake(user))
        row = self.order(user, market, side, self.reference(market) * (1 + away), size)
        row["time_in_force"] = self.pick([0, 1, 1])
        row["flags"] = int(OrderFlag.SHORT_TERM)
        if row["time_in_force"] == TimeInForce.IMMEDIATE_OR_CANCEL:
            row["flags"] = int(self.pick([0, OrderFlag.SHORT_TERM, OrderFlag.MARKET]))
        row["money"] = self.short_until()
        return self.identify(row, 1, 12) if self.chance(0.3) else row

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
        away = self.random.normal(0.005, 0.01) * (1 if side == Side.BUY else -1)
        step = self.terms(market).size_step
        amount = max(step, int(abs(size) * self.pick([0.3, 1.0, 1.0, 1.7])) // step * step)
        row = self.order(user, market, side, self.reference(market) * (1 + away), amount)
        row["time_in_force"] = TimeInForce.IMMEDIATE_OR_CANCEL
        row["flags"] = int(OrderFlag.REDUCE_ONLY) if self.chance(0.8) else 0
        if self.chance(0.05):
            row["time_in_force"] = self.pick([0, 3])
        return row

    def long_term(self) -> Row:
        row = self.quote() if self.chance(0.7) else self.take()
        if self.chance(0.95):
            row["time_in_force"] = self.pick([0, 0, TimeInForce.POST_ONLY])
        row["flags"] = int(OrderFlag.LONG_TERM) if self.chance(0.7) else 0
        row["money"] = self.long_until()
        return self.identify(row, 20, 60)

    def conditional(self) -> Row:
        user, market, size = self.holder()
        if not size or self.chance(0.3):
            market = self.home(user)
        side = Side.SELL if size > 0 else Side.BUY
        profit = self.chance(0.5)
        away = abs(self.random.normal(0, 0.01)) * (1 if (side == Side.BUY) != profit else -1)
        slip = 0.05 if side == Side.BUY else -0.05
        price = self.reference(market) * (1 + away)
        amount = abs(size) or self.size_of(market, self.stake(user))
        step = self.terms(market).size_step
        amount = max(step, amount // step * step)
        row = self.order(user, market, side, price * (1 + slip), amount)
        row["trigger_price"] = self.ticks(market, price)
        flags = OrderFlag.TRIGGER | (OrderFlag.TAKE_PROFIT if profit else OrderFlag.NO_FLAG)
        if self.chance(0.5):
            flags |= OrderFlag.TRIGGER_MARKET
            flags |= OrderFlag.REDUCE_ONLY if self.chance(0.6) else OrderFlag.NO_FLAG
        else:
            row["time_in_force"] = self.pick([0, 0, 1, 3])
        row["flags"], row["money"] = int(flags), self.long_until()
        return self.identify(row, 60, 90) if self.chance(0.6) else row

    def twap(self) -> Row:
        user = self.user()
        market, side = self.home(user), self.pick([Side.BUY, Side.SELL])
        slip = 1.03 if side == Side.BUY else 0.97
        size = self.size_of(market, self.stake(user) * 2)
        row = self.order(user, market, side, self.reference(market) * slip, size)
        row["kind"] = K.PLACE_TWAP_ORDER
        if self.chance(0.7):
            row["price"] = 0
        interval = int(self.pick([30_000, 30_000, 60_000, 300_000, 25_000]))
        row["order_id"] = interval
        row["trigger_price"] = interval * self.integer(5, 20) + (7 if self.chance(0.03) else 0)
        row["leverage"] = int(self.pick([0, 5_000, 50_000, 999_999]))
        return self.identify(row, 90, 100) if self.chance(0.5) else row

    def replace(self) -> Row:
        """A resting short-term order again, later and otherwise; sometimes what may not be."""
        user = self.user()
        found = [o for o in self.view.orders(user, SHORT_KIND) if o["client_id_low"]]
        if not found:
            return self.quote()
        old = self.pick(found)
        row: Row = {
            "kind": K.PLACE_ORDER, "account": user, "flags": int(OrderFlag.SHORT_TERM),
            "money": old["good_til"] + self.integer(0, 6),
        }  # fmt: skip
        for name in ("market", "side", "price", "time_in_force"):
            row[name] = old[name]
        for name in ("client_id_high", "client_id_low"):
            row[name] = old[name]
        step = self.terms(row["market"]).size_step
        grown = int(old["remaining_size"] * self.random.uniform(0.3, 3)) // step * step
        row["order_size"] = max(step, grown)
        row["price"] = max(1, int(row["price"] * (1 + self.random.normal(0, 0.004))))
        if self.chance(0.1):
            row[str(self.pick(["side", "time_in_force"]))] = self.integer(0, 2)
        return row

    # cancels

    def own_order(self) -> Row:
        for _ in range(6):
            user = self.user()
            found = self.view.orders(user)
            if found:
                return {**self.pick(found), "account": user}
        return {"account": self.user(), "order_id": self.integer(1, 2**40), "market": 0,
                "client_id_high": 7, "client_id_low": 3, "good_til": 0, "kind": 0}  # fmt: skip

    def cancel(self) -> Row:
        one = self.own_order()
        user = one["account"] if self.chance(0.93) else self.user()
        order_id = one["order_id"]
        return {"kind": K.CANCEL_ORDER, "account": user, "order_id": order_id, "market": 0}

    def cancel_by_id(self) -> Row:
        one = self.own_order()
        low = one["client_id_low"] if self.chance(0.7) else self.integer(0, 14)
        row: Row = {
            "kind": K.CANCEL_BY_CLIENT_ID, "account": one["account"], "market": one["market"],
            "client_id_high": 7 if low else 0, "client_id_low": low,
        }  # fmt: skip
        if one["kind"] == 0:
            row["money"] = self.short_until() if self.chance(0.8) else self.view.height() + 3
        elif self.chance(0.7):
            row["money"] = max(0, one["good_til"] + int(self.pick([0, 1_000, -1])))
        if low and self.chance(0.5):
            self.queue.append(self.again(row))
        return row

    def again(self, cancel: Row) -> Row:
        """An order under the id of a cancel; sometimes the same cancel once more."""
        if self.chance(0.2):
            return dict(cancel)
        names = ("account", "client_id_high", "client_id_low")
        row = self.quote() | {name: cancel[name] for name in names}
        row["money"] = self.view.height() + self.integer(1, 3)
        return row

    def cancel_all(self) -> Row:
        market = -1 if self.chance(0.3) else self.market()
        return {"kind": K.CANCEL_ALL, "account": self.user(), "market": market}

    def pick_row(self, makers: list[Callable[[], Row]]) -> Row:
        return makers[self.integer(0, len(makers))]()
