"""Other order books in Python, driven on the same flow as the engine.

None of them knows accounts, margin, fees or events: they do less work than the engine for each
message. Each contender takes a prepared list of native Python tuples, so no conversion is timed.

``SortedBook`` is the honest baseline: a book as a careful Python programmer writes it. Levels in
a ``SortedDict``, the best price remembered, orders in a deque for each level, constant-time cancel
by marking the order dead and dropping it when it reaches the front. ``HeapBook`` is the same over
a plain dict and a heap of prices. ``NaiveBook`` validates both.
"""

from collections import deque
from heapq import heappop, heappush

from sortedcontainers import SortedDict

BUY, SELL = 0, 1
PASSIVE, CANCEL, MARKETABLE = 0, 1, 2
FAR = 1 << 62
"""Best key of an empty side."""

Fills = list[tuple[int, int, int]]
Message = tuple[int, int, int, int, int, int]

# An order is a list [remaining, number, price]: building one costs a third of an instance with
# slots, and a live order is changed in place. Remaining 0 marks it dead.


class SortedSide:
    """Levels by key, best first; keys of the bid side are negated prices.

    A level whose orders were all cancelled stays until matching meets it: that saves the search
    for its key, and the key often comes back.
    """

    __slots__ = ("best", "levels")

    def __init__(self) -> None:
        self.levels = SortedDict()
        self.best = FAR

    def rest(self, key: int, order: list[int]) -> None:
        level = self.levels.get(key)
        if level is None:
            self.levels[key] = deque((order,))
            if key < self.best:
                self.best = key
        else:
            level.append(order)

    def drop_best(self) -> None:
        del self.levels[self.best]
        self.best = self.levels.peekitem(0)[0] if self.levels else FAR


class HeapSide:
    """The same with a dict of levels and a heap of their keys; a key leaves both together."""

    __slots__ = ("best", "heap", "levels")

    def __init__(self) -> None:
        self.levels: dict[int, deque[list[int]]] = {}
        self.heap: list[int] = []
        self.best = FAR

    def rest(self, key: int, order: list[int]) -> None:
        level = self.levels.get(key)
        if level is None:
            self.levels[key] = deque((order,))
            heappush(self.heap, key)
            self.best = self.heap[0]
        else:
            level.append(order)

    def drop_best(self) -> None:
        del self.levels[heappop(self.heap)]
        self.best = self.heap[0] if self.heap else FAR


class SortedBook:
    """Price-time priority over two sides."""

    __slots__ = ("orders", "sides")
    side_class: type[SortedSide] | type[HeapSide] = SortedSide

    def __init__(self) -> None:
        self.sides = (self.side_class(), self.side_class())
        self.orders: dict[int, list[int]] = {}

    def add(self, number: int, side: int, price: int, size: int) -> Fills:
        """Match, rest what remains; fills as (maker's number, price, size)."""
        fills: Fills = []
        limit, key = (price, -price) if side == BUY else (-price, price)
        other = self.sides[1 - side]
        if other.best <= limit:
            size = self._match(other, limit, size, fills)
        if size:
            order = [size, number, price]
            self.sides[side].rest(key, order)
            self.orders[number] = order
        return fills

    def _match(self, side: SortedSide | HeapSide, limit: int, size: int, fills: Fills) -> int:
        orders = self.orders
        while side.best <= limit:
            level = side.levels[side.best]
            while level:
                order = level[0]
                remaining, number, price = order
                if remaining > size:
                    if size:
                        order[0] = remaining - size
                        fills.append((number, price, size))
                    return 0
                level.popleft()
                if remaining:
                    size -= remaining
                    del orders[number]
                    fills.append((number, price, remaining))
            side.drop_best()
        return size

    def cancel(self, number: int) -> None:
        self.orders.pop(number)[0] = 0

    def best_live(self, side: int) -> int | None:
        """Best price of a side, after dropping what is dead in front of it."""
        half = self.sides[side]
        while half.best < FAR:
            level = half.levels[half.best]
            while level and not level[0][0]:
                level.popleft()
            if level:
                return -half.best if side == BUY else half.best
            half.drop_best()
        return None


class HeapBook(SortedBook):
    __slots__ = ()
    side_class = HeapSide


class NaiveBook:
    """Lists scanned from the start: slow, and too simple to be wrong. It validates the others."""

    def __init__(self) -> None:
        self.resting: list[list[int]] = []

    def add(self, number: int, side: int, price: int, size: int) -> Fills:
        fills = []
        sign = 1 if side == BUY else -1
        while size:
            makers = [o for o in self.resting if o[1] != side and sign * o[2] <= sign * price]
            if not makers:
                self.resting.append([number, side, price, size])
                break
            maker = min(makers, key=lambda order: sign * order[2])  # the earliest of equals
            traded = min(size, maker[3])
            fills.append((maker[0], maker[2], traded))
            size -= traded
            maker[3] -= traded
            if not maker[3]:
                self.resting.remove(maker)
        return fills

    def cancel(self, number: int) -> None:
        self.resting = [order for order in self.resting if order[0] != number]


def drive(book_class, messages: list[Message], markets: int) -> None:
    """The timed loop of our own books: (kind, market, number or target, side, price, size)."""
    books = [book_class() for _ in range(markets)]
    for kind, market, number, side, price, size in messages:
        if kind == CANCEL:
            books[market].cancel(number)
        else:
            books[market].add(number, side, price, size)


def drive_counting(book_class, messages: list[Message], markets: int) -> tuple[int, int, Fills]:
    """``drive`` with the sum of what it did: fills, traded quantity, and every fill."""
    books = [book_class() for _ in range(markets)]
    fills: Fills = []
    for kind, market, number, side, price, size in messages:
        if kind == CANCEL:
            books[market].cancel(number)
        else:
            fills += books[market].add(number, side, price, size)
    return len(fills), sum(fill[2] for fill in fills), fills


def light_messages(messages: list[Message]) -> list[tuple]:
    """The flow in lightmatchingengine's words: its order ids count its own placements from 1."""
    ids: dict[int, int] = {}
    result = []
    for kind, market, number, side, price, size in messages:
        if kind == CANCEL:
            result.append((True, market, ids[number], 0, 0))
        else:
            ids[number] = len(ids) + 1
            result.append((False, market, price, size, side + 1))
    return result


def drive_light(messages: list[tuple]) -> None:
    """The timed loop of lightmatchingengine."""
    from lightmatchingengine.lightmatchingengine import LightMatchingEngine

    engine = LightMatchingEngine()
    for is_cancel, market, price_or_id, size, side in messages:
        if is_cancel:
            engine.cancel_order(price_or_id, market)
        else:
            engine.add_order(market, price_or_id, size, side)


def drive_light_counting(messages: list[tuple]) -> tuple[int, int]:
    """``drive_light`` with its fills and traded quantity, counted on the maker's side."""
    from lightmatchingengine.lightmatchingengine import LightMatchingEngine

    engine = LightMatchingEngine()
    fills = quantity = 0
    for is_cancel, market, price_or_id, size, side in messages:
        if is_cancel:
            assert engine.cancel_order(price_or_id, market) is not None
            continue
        order, trades = engine.add_order(market, price_or_id, size, side)
        for trade in trades:
            if trade.order_id != order.order_id:
                fills += 1
                quantity += trade.trade_qty
    return fills, quantity
