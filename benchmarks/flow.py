"""The order flow that every contender of ``matching`` is driven on.

60 % of the messages are passive limit orders within 20 ticks of the touch, 30 % cancel a random
live order, 10 % are marketable. A marketable order never exceeds what the book offers within its
limit, and its account is never the maker of an order it hits: so nothing of it rests, no order is
cancelled for self-trade, and books that know no accounts make the very same fills. Its size grows
with the book, which keeps about ``TARGET_LIVE`` orders alive in each market.

The flow is drawn once, with the plain book of ``peers`` as its model. Messages are numbered by
their place; a cancel names the number of the placement it ends. ``resolve`` runs the engine over
the flow once, untimed, and writes the engine's own order ids (read from its ORDER_ACCEPTED
events) into the cancels, so that the timed run is nothing but ``apply_rows`` on finished rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import BUY, CANCEL, MARKETABLE, PASSIVE, SELL, SortedBook

TICKS_FROM_TOUCH = 20
TARGET_LIVE = 2_000
LARGEST_PASSIVE = 10
"""Lots of a passive order: 1 to this, evenly."""
MEAN_MARKETABLE = 18
"""Lots of a marketable order when the book has its target size: about 3.9 fills."""
SEED_ORDERS = 400
"""Passive orders that open each market before the mix starts, counted as messages."""

START_TICK = 60_000
PRICE_UNITS_PER_TICK = 10
"""Price decimals 1 and a whole-dollar tick: legal under a rule of five significant figures."""
SIZE_UNITS_PER_LOT = 1_000
"""With 5 size decimals a lot is 0.01, so one lot is about 600 USD."""

Tuples = list[tuple[int, int, int, int, int, int]]


@dataclass
class Flow:
    """Columns of one message each; ``number`` is the message's own or, in a cancel, its target."""

    markets: int
    accounts: int
    kind: NDArray[np.int64]
    market: NDArray[np.int64]
    account: NDArray[np.int64]
    number: NDArray[np.int64]
    side: NDArray[np.int64]
    price: NDArray[np.int64]
    size: NDArray[np.int64]
    fills: int
    quantity: int

    def __len__(self) -> int:
        return len(self.kind)

    def tuples(self) -> Tuples:
        """For the peers: (kind, market, number, side, price, size) as native integers."""
        columns = (self.kind, self.market, self.number, self.side, self.price, self.size)
        return list(zip(*(column.tolist() for column in columns), strict=True))


class _MarketModel:
    """A book and what the draw needs besides: live orders to pick from, owners, last touch."""

    def __init__(self) -> None:
        self.book = SortedBook()
        self.numbers: list[int] = []
        self.bid = START_TICK - 1
        self.ask = START_TICK

    def touch(self) -> tuple[int, int]:
        """Best bid and ask; a side that ran empty keeps its last price."""
        bid, ask = self.book.best_live(BUY), self.book.best_live(SELL)
        self.bid = self.bid if bid is None else bid
        self.ask = self.ask if ask is None else ask
        if self.bid >= self.ask:
            self.bid = self.ask - 1
        return self.bid, self.ask

    def random_live(self, draw: float) -> int:
        """A live order, evenly. Dead numbers met on the way are dropped from the list."""
        while self.numbers:
            place = int(draw * len(self.numbers))
            number = self.numbers[place]
            if number in self.book.orders:
                return number
            self.numbers[place] = self.numbers[-1]
            self.numbers.pop()
            draw = (draw * 7919.0) % 1.0
        return -1


def generate(messages: int, markets: int = 1, accounts: int = 10_000, seed: int = 1) -> Flow:
    """Draw the flow. Deterministic in its arguments."""
    random = np.random.default_rng(seed)
    mix = random.random(messages).tolist()
    pick = random.random(messages).tolist()
    distance = random.integers(1, TICKS_FROM_TOUCH + 1, messages).tolist()
    lots = random.integers(1, LARGEST_PASSIVE + 1, messages).tolist()
    side = random.integers(0, 2, messages).tolist()
    market = random.integers(0, markets, messages).tolist()
    account = random.integers(0, accounts, messages).tolist()
    models = [_MarketModel() for _ in range(markets)]
    rows: Tuples = []
    fills = quantity = 0
    for i in range(messages):
        model = models[market[i]]
        opening = i < SEED_ORDERS * markets
        kind = PASSIVE if mix[i] < 0.6 or opening else CANCEL if mix[i] < 0.9 else MARKETABLE
        if kind == CANCEL:
            number = model.random_live(pick[i])
            if number >= 0:
                account[i] = account[number]
                _, _, _, placed_side, placed_price, _ = rows[number]
                rows.append((CANCEL, market[i], number, placed_side, placed_price, 0))
                model.book.cancel(number)
                continue
            kind = PASSIVE
        if kind == MARKETABLE:
            taken = _take(model, i, side[i], pick[i], account, accounts)
            if taken is not None:
                price, size, made = taken
                rows.append((MARKETABLE, market[i], i, side[i], price, size))
                fills += made
                quantity += size
                continue
        bid, ask = model.touch()
        price = ask - distance[i] if side[i] == BUY else bid + distance[i]
        model.book.add(i, side[i], price, lots[i])
        model.numbers.append(i)
        rows.append((PASSIVE, market[i], i, side[i], price, lots[i]))
    return _columns(rows, account, markets, accounts, fills, quantity)


def _take(
    model: _MarketModel, number: int, side: int, draw: float, account: list[int], accounts: int
) -> tuple[int, int, int] | None:
    """Trade a marketable order in the model: (limit price, size, fills), or None on no orders."""
    live = len(model.book.orders)
    wanted = 1 + int(draw * 2 * MEAN_MARKETABLE * min(4.0, live / TARGET_LIVE))
    limit = 1 << 40 if side == BUY else 1
    if model.book.best_live(1 - side) is None:
        return None
    fills = model.book.add(number, side, limit, wanted)
    if number in model.book.orders:
        model.book.cancel(number)
    makers = {account[fill[0]] for fill in fills}
    while account[number] in makers:
        account[number] = (account[number] * 31 + 17) % accounts
    return fills[-1][1], sum(fill[2] for fill in fills), len(fills)


def _columns(
    rows: Tuples, account: list[int], markets: int, accounts: int, fills: int, quantity: int
) -> Flow:
    table = np.array(rows, dtype=np.int64)
    kind, market, number, side, tick, lots = (table[:, column].copy() for column in range(6))
    return Flow(
        markets=markets,
        accounts=accounts,
        kind=kind,
        market=market,
        account=np.array(account, dtype=np.int64),
        number=number,
        side=side,
        price=tick * PRICE_UNITS_PER_TICK,
        size=lots * SIZE_UNITS_PER_LOT,
        fills=fills,
        quantity=quantity * SIZE_UNITS_PER_LOT,
    )
