"""The naive account with orders of its own: limit orders, triggers, closes before funding, top-ups.

Written from the machine's rules, as ``naive_paths``. It also says what the book must show when a
trigger fires: a level for what is filled, and behind it one that is worse than the order takes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from seawall.domain.enums import Side
from tests.lab.naive_paths import POOL, RATE, Held, NaiveAccount, Order, book_price


@dataclass
class Waiting:
    """``number``: among all of the account's. ``price``: of a limit order, or the worst it takes.

    ``trigger``: 0 for a limit order. ``rate``: of a close before funding, 1e-12 of notional.
    ``money``, ``cost``, ``steps``: of a top-up, and after how many steps it is there.
    """

    number: int
    kind: str
    market: int
    side: Side
    size: int = 0
    price: int = 0
    trigger: int = 0
    rises: bool = False
    rate: int = 0
    money: int = 0
    cost: int = 0
    steps: int = 0


@dataclass
class Sent:
    """What the machine needs of one step: the book of each trigger in the order in which they fire,
    the level that it fills against first, and orders and money that the account sends.
    """

    fired: list[tuple[Waiting, list[Order]]] = field(default_factory=list)
    before_funding: list[tuple[Waiting, Order]] = field(default_factory=list)
    money: list[Waiting] = field(default_factory=list)


@dataclass
class AccountWithOrders(NaiveAccount):
    """``acted``: by order, the step at which it was filled, below zero where it ended unfilled."""

    waiting: list[Waiting] = field(default_factory=list)
    leverage: dict[int, int] = field(default_factory=dict)
    acted: dict[int, int] = field(default_factory=dict)
    order_cost: int = 0
    order_fills: int = 0
    added: int = 0
    sent: Sent = field(default_factory=Sent)
    used: dict[int, int] = field(default_factory=dict)
    """By market, what market orders of this step took from the book."""
    coming: dict[int, Waiting] = field(default_factory=dict)
    """By number, top-ups that were sent; ``steps`` is the step at which they are there."""

    def quote(self, market: int, *, is_bid: bool) -> int:
        """The best price of one side of the book."""
        half = self.depths[self.instruments[market].name].spread_bp * 1e-4 / 2
        mark = self.marks[market]
        return math.floor(mark * (1 - half)) if is_bid else math.ceil(mark * (1 + half))

    def act_orders(self, number: int, hours: int, hourly_rate: int) -> None:
        self.sent, self.used = Sent(), {}
        self._limits(number)
        for market in range(len(self.instruments)):
            for order in list(self._fired(market)):
                self._fire(number, order)
        if hours:
            self._before_funding(number, hourly_rate)

    def top_up(self, number: int) -> None:
        """After the step's liquidations."""
        waiting = {each.number: each for each in self.waiting if each.kind == "top-up"}
        for _, order in sorted({**waiting, **self.coming}.items()):
            if order.number in waiting and self._has_reached(order, self.marks[order.market]):
                self.waiting.remove(order)
                if self._held(order):
                    self.coming[order.number] = replace(order, steps=number + order.steps)
            sent = self.coming.get(order.number)
            if sent is not None and sent.steps == number:
                del self.coming[order.number]
                self._arrive(number, order)

    def _arrive(self, number: int, order: Waiting) -> None:
        """Into the bucket of the position, or the pool where that is gone or has too little."""
        held = next(each for each in self.held if each.market == order.market)
        self.acted[order.number] = number
        self.added += order.money + order.cost
        self.sent.money.append(order)
        self.seen["topped up"] += 1
        self.seen["topped up late"] += order.steps > 0
        self.seen["topped up too late"] += held.size == 0
        if held.bucket == POOL:
            self.pool += order.money
        elif held.size and self._is_pool_free():
            held.cash += order.money
        else:
            self.pool += order.money
            self.acted[order.number] = -number
            self.seen["money kept by the pool"] += 1

    def _is_pool_free(self) -> bool:
        """Whether the pool has what must stay when money leaves it."""
        initial = floor = 0
        for each in self.of_bucket(POOL):
            notional = abs(each.size) * self.marks[each.market]
            initial += notional // self.leverage[each.market]
            floor += notional * self.rulebook.margin.transfer_floor_rate // RATE
        return self.equity(POOL) >= max(initial, floor)

    def cancel_orders(self, bucket: int) -> None:
        own = {each.market for each in self.of_bucket(bucket)}
        gone = [each for each in self.waiting if each.market in own and each.kind != "top-up"]
        for each in gone:
            self.waiting.remove(each)
            self.seen["cancelled by liquidation"] += 1

    def _held(self, order: Waiting) -> Held | None:
        return next((e for e in self.held if e.market == order.market and e.size), None)

    def _has_reached(self, order: Waiting, mark: int) -> bool:
        return mark >= order.trigger if order.rises else mark <= order.trigger

    def _limits(self, number: int) -> None:
        limits = [each for each in self.waiting if each.kind == "limit"]
        limits.sort(key=lambda e: e.price if e.side == Side.SELL else -e.price)
        for order in limits:
            is_sale = order.side == Side.SELL
            quote = self.quote(order.market, is_bid=is_sale)
            if quote >= order.price if is_sale else quote <= order.price:
                self.waiting.remove(order)
                if held := self._held(order):
                    self._filled(number, order, held, self._capped(order, held, order.price))

    def _fired(self, market: int) -> Iterator[Waiting]:
        """Those that wait for a fall first, the nearest first."""
        own = [e for e in self.waiting if e.kind == "trigger" and e.market == market]
        own.sort(key=lambda e: (e.rises, e.trigger if e.rises else -e.trigger))
        yield from (each for each in own if self._has_reached(each, self.marks[market]))

    def _fire(self, number: int, order: Waiting) -> None:
        self.waiting.remove(order)
        held = self._held(order)
        if held is None:
            self.seen["fired without a position"] += 1
            self.sent.fired.append((order, []))
            return
        used = self.used.get(order.market, 0)
        most = min(order.size, abs(held.size))
        size = self._within(order, used, most)
        self.seen["filled in part"] += 0 < size < most
        self.seen["capped by the position"] += most < order.size
        self.seen["several of a market in a step"] += used > 0
        fill = Order(order.market, order.side, size, self._price(order, used + size))
        worse = -1 if order.side == Side.SELL else 1
        beyond = Order(order.market, order.side, abs(held.size) + 1, order.price + worse)
        self.sent.fired.append((order, [fill, beyond] if size else [beyond]))
        if size:
            self._filled(number, order, held, fill)
        else:
            self.acted[order.number] = -number
            self.seen["nothing within the worst price"] += 1

    def _price(self, order: Waiting, size: int) -> int:
        name = self.instruments[order.market].name
        mark, is_sale = self.marks[order.market], order.side == Side.SELL
        return book_price(mark, size, self.depths[name], self.impact, is_sale=is_sale)

    def _within(self, order: Waiting, used: int, size: int) -> int:
        """The largest part that is filled no worse than the order's price."""

        def is_within(part: int) -> bool:
            price = self._price(order, used + part)
            return price >= order.price if order.side == Side.SELL else price <= order.price

        if is_within(size):
            return size
        low, high = 0, size
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if is_within(middle) else (low, middle)
        return low

    def _before_funding(self, number: int, rate: int) -> None:
        for order in [each for each in self.waiting if each.kind == "before funding"]:
            held = self._held(order)
            if held is None:
                self.waiting.remove(order)
                continue
            if (rate if held.size > 0 else -rate) > max(0, order.rate):
                self.waiting.remove(order)
                fill = self._capped(order, held, 0)
                fill.price = self._price(order, self.used.get(order.market, 0) + fill.size)
                self.sent.before_funding.append((order, fill))
                self._filled(number, order, held, fill)

    def _capped(self, order: Waiting, held: Held, price: int) -> Order:
        return Order(order.market, order.side, min(order.size, abs(held.size)), price)

    def _filled(self, number: int, order: Waiting, held: Held, fill: Order) -> bool:
        fees = self.rulebook.fee.tiers[0]
        is_limit = order.kind == "limit"
        lost = self.close(held, fill, fees.maker_rate if is_limit else fees.taker_rate, True)
        if lost is None:
            self.acted[order.number] = -number
            self.seen["refused below zero by an order"] += 1
            return False
        self.acted[order.number] = number
        self.order_fills += 1
        if not is_limit:
            self.used[order.market] = self.used.get(order.market, 0) + fill.size
        self.seen[f"{order.kind} filled"] += 1
        sign = 1 if order.side == Side.SELL else -1
        slippage = sign * fill.size * (self.marks[order.market] - fill.price)
        self.order_cost += lost - (slippage if is_limit else 0)
        return True
