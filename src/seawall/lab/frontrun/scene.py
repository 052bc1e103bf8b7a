"""One market about to be hit: the account, makers' quotes, a searcher; played again and again.

Everything that happens is a command to the engine, so that fills, fees, margin, the limit of a
liquidation order and the money of all are the venue's own. Every try is a fork of the same state.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.domain.enums import (
    CommandKind,
    EventKind,
    FillFlag,
    MarginMode,
    OrderFlag,
    Side,
    TimeInForce,
)
from seawall.domain.holdings import OpenOrder
from seawall.domain.units import MAX_PRICE
from seawall.engine.account_view import cash_by_group
from seawall.engine.engine import Engine
from seawall.engine.placement import Placement, Rows, price_rows, rows_of
from seawall.lab.arrays import Integers
from seawall.lab.market.liquidity import Depth, Ladder, Ticks, tick_rules
from seawall.lab.simulation.setup import market_limits

START_MS = 1_800_000_060_000
"""A minute after a full hour: no funding falls into a scene."""
STEP_MS = 1_000
MARKS = 3
"""Of the venue, after a sale, that a stop may fire at."""
MOST_STEPS = 20
"""Of one liquidation: block rules take a part in each block."""
CAPITAL = 10**15
"""Micro-USD of makers and of the searcher, so that none is refused for margin."""


class Party(StrEnum):
    """Whose money it is."""

    ACCOUNT = "account"
    SEARCHER = "searcher"
    OTHERS = "others"
    MAKERS = "makers"
    VENUE = "venue"


Money = dict[Party, int]


class Fills(Struct, frozen=True, kw_only=True):
    """What one account traded in a market: size in units of the market, value in micro-USD."""

    size: int = 0
    value: int = 0

    @property
    def price(self) -> float | None:
        """Price units, on average."""
        return self.value / self.size if self.size else None


class Played(Struct, frozen=True, kw_only=True):
    """One order of events. ``money``: micro-USD that each gained, all positions at the same prices.

    ``account``: what was sold of the account in the market; ``sold``, ``bought``: by the searcher;
    ``bid``: price units of its resting order, 0 for none.
    """

    money: Money
    account: Fills
    sold: Fills = Fills()
    bought: Fills = Fills()
    bid: int = 0

    @property
    def is_conserved(self) -> bool:
        """Whether what all gained together is nothing."""
        return sum(self.money.values()) == 0


class Level(Struct, frozen=True):
    """Of the makers' book. ``price``: units; ``size``: units at that price."""

    price: int
    size: int


class Scene:
    """A fork for every try. Words are those of a long that is sold; a short is the mirror image.

    ``before``, ``after``: price units of all markets; quotes are around ``after``. ``market`` is
    the one in which the searcher acts, ``side`` that of what hits the book there.
    """

    def __init__(
        self, account: Account, depths: Sequence[Depth], left: float, market: int, side: Side,
        before: Integers, after: Integers, others: int = 0,
    ) -> None:  # fmt: skip
        """``left``: share of the calm depth that is quoted. ``others``: size units of the market
        that another account holds on the account's side."""
        instruments = list(account.instruments)
        self.market, self.side, self.after = market, side, after
        self._instruments = instruments
        engine = Engine.create(account.rulebook, instruments, market_limits(len(instruments), None))
        self._engine = engine
        place = Placement(engine)
        place.prices(START_MS, before, before)
        holdings = structs.replace(account.holdings, orders=(), top_ups=())
        self.account = place.account(START_MS, holdings)
        count = len(instruments)
        self._makers = place.open_shared(START_MS, np.full(count, CAPITAL), "makers")
        self._searcher, self._others = place.open_shared(
            START_MS, np.full(2, CAPITAL), "the searcher"
        ).tolist()
        place.set_leverage(START_MS, self._makers, np.arange(count))
        own = np.asarray([self._searcher, self._others])
        place.set_leverage(START_MS, own, np.full(2, market))
        if others:
            self._adopt(place, others)
        self._ticks = Ticks(instruments, *tick_rules(account.rulebook))
        self._ladder = Ladder(self._makers, depths, self._ticks)
        self._left = np.full(count, left)
        self._scale = np.asarray([10.0**-each.price_decimals for each in instruments])
        self._time = START_MS
        rows = self._quotes(START_MS)
        self.levels = self._levels(rows)
        place.send(rows)
        if place.in_blocks:
            # Orders reach the book with a block.
            self._time += STEP_MS
            place.send(price_rows(self._time, before, before))

    def _adopt(self, place: Placement, size: int) -> None:
        signed = size if self.side == Side.SELL else -size
        columns = {
            "market": np.asarray([self.market]),
            "signed_size": np.asarray([signed]),
            "entry_notional": np.asarray([size * int(self.after[self.market])]),
            "leverage": np.asarray([1]),
            "mode": np.asarray([int(MarginMode.CROSS)]),
            "isolated_margin": np.asarray([0]),
        }
        place.adopt(START_MS, np.asarray([self._others]), columns, "positions of others")

    def _quotes(self, time_ms: int) -> Rows:
        """Quotes of all markets around the prices after."""
        where = np.arange(len(self._instruments))
        rows, usable = self._ladder.quotes(time_ms, self.after * self._scale, self._left, where)
        found: Rows = rows[usable]
        return found

    def _levels(self, rows: Rows) -> tuple[Level, ...]:
        """The makers' orders that what is sold meets, the best first."""
        resting = Side.BUY if self.side == Side.SELL else Side.SELL
        mine = rows[
            (rows["kind"] == CommandKind.PLACE_ORDER)
            & (rows["market"] == self.market)
            & (rows["side"] == resting)
        ]
        sizes: dict[int, int] = {}
        for price, size in zip(mine["price"].tolist(), mine["order_size"].tolist(), strict=True):
            sizes[price] = sizes.get(price, 0) + size
        ordered = sorted(sizes, reverse=self.side == Side.SELL)
        return tuple(Level(price, sizes[price]) for price in ordered if sizes[price])

    def just_before(self, level: Level) -> int:
        """The nearest price that is hit before a level, on a tick."""
        sells = self.side == Side.SELL
        units = np.asarray([float(level.price + (1 if sells else -1))])
        decimals = self._ticks.decimals[self.market]
        return int(self._ticks.round(units, decimals, up=sells)[0])

    def on_tick(self, price: int) -> int:
        """Price units, rounded down to a tick."""
        return self._ticks.one(self.market, price)

    def liquidation(self, first: int = 0, bid: int = 0, bid_size: int = 0) -> Played:
        """The prices go from before to after; the searcher sells ``first`` units ahead of it.

        Its own order rests at ``bid`` then, for ``bid_size``. What it has not bought back from the
        liquidation it buys from quotes that are renewed around the same prices.
        """
        run = _Run(self)
        run.ahead(first, bid, bid_size)
        quiet = 0
        for _ in range(MOST_STEPS):
            quiet = 0 if run.step() else quiet + 1
            if quiet == 2:
                break
        return run.closed(bid)

    def stops(
        self, first: int, bid: int, bid_size: int, own: int, others: int, worst: int
    ) -> Played:
        """The searcher sells ``first`` units; then stops of ``own`` and ``others`` units are sold.

        ``worst``: price units, the worst that they take.
        """
        run = _Run(self)
        run.ahead(first, bid, bid_size)
        owner = self.account.owner_of(self.market)
        for account, size in ((owner, own), (self._others, others)):
            if size:
                run.take(account, self.side, size, worst, reduce_only=True)
        return run.closed(bid)

    def fires(self, trigger: OpenOrder, first: int) -> bool:
        """Whether the venue's own mark reaches a stop of the account after the searcher has sold.

        The oracle and other venues stay where they are.
        """
        run = _Run(self)
        run.place.orders(run.time, self.account, [trigger], self._ticks.one)
        run.ahead(first, 0, 0)
        # Several marks, a second each: averages have time to follow.
        fired = [run.step() for _ in range(MARKS)]
        return any(fired)


class _Run:
    """One try in a fork."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._engine = scene._engine.fork()
        self.place = Placement(self._engine)
        self.time = scene._time
        self._events: list[Rows] = []
        self._first = self._worth()

    def ahead(self, first: int, bid: int, bid_size: int) -> None:
        """The searcher sells, then its order rests."""
        scene = self._scene
        if first:
            self.take(scene._searcher, scene.side, first, self._far(scene.side))
        if bid and bid_size:
            row = self._order(scene._searcher, _opposite(scene.side), bid_size, bid)
            self._send(row)
        if self.place.in_blocks and (first or bid_size):
            self._send(price_rows(self._next(), *[self._oracle()] * 2))

    def take(
        self, account: int, side: Side, size: int, limit: int, *, reduce_only: bool = False
    ) -> None:
        """An immediate order."""
        row = self._order(account, side, size, limit)
        row["time_in_force"] = int(TimeInForce.IMMEDIATE_OR_CANCEL)
        if reduce_only:
            row["flags"] = int(OrderFlag.REDUCE_ONLY)
        self._send(row)
        if self.place.in_blocks:
            self._send(price_rows(self._next(), *[self._oracle()] * 2))

    def step(self) -> bool:
        """The prices after, and the time; whether anything of the account was traded."""
        events = self._send(price_rows(self._next(), *[self._scene.after] * 2))
        mine = np.isin(events["account"], self._scene.account.accounts)
        fills = (events["kind"] == EventKind.ORDER_FILLED) & mine
        ends = (events["kind"] == EventKind.BACKSTOP_TAKEN_OVER) & mine
        return bool((fills | ends).any())

    def closed(self, bid: int) -> Played:
        """The searcher's order is cancelled, makers quote anew, and it closes what it has."""
        scene = self._scene
        searcher, makers = scene._searcher, scene._makers
        row = rows_of(CommandKind.CANCEL_ALL, 1, self.time)
        row["account"], row["market"] = searcher, scene.market
        self._send(row)
        held = self._held(searcher)
        if held:
            self._send(scene._quotes(self.time))
            if self.place.in_blocks:
                self._send(price_rows(self._next(), *[scene.after] * 2))
            side = Side.SELL if held > 0 else Side.BUY
            self.take(searcher, side, abs(held), self._far(side))
        worth = self._worth()
        groups = {
            Party.ACCOUNT: scene.account.accounts,
            Party.SEARCHER: [searcher],
            Party.OTHERS: [scene._others],
            Party.MAKERS: makers.tolist(),
        }
        change = {number: worth[number] - self._first[number] for number in worth}
        money = {party: sum(change[each] for each in numbers) for party, numbers in groups.items()}
        known = {each for numbers in groups.values() for each in numbers}
        money[Party.VENUE] = sum(gain for number, gain in change.items() if number not in known)
        return Played(
            money=money,
            account=self._fills(scene.account.accounts, scene.side),
            sold=self._fills([searcher], scene.side),
            bought=self._fills([searcher], _opposite(scene.side)),
            bid=bid,
        )

    def _order(self, account: int, side: Side, size: int, price: int) -> Rows:
        row = rows_of(CommandKind.PLACE_ORDER, 1, self.time)
        row["account"], row["market"] = account, self._scene.market
        row["side"], row["price"], row["order_size"] = int(side), price, size
        return row

    def _send(self, rows: Rows) -> Rows:
        rows["time_ms"] = np.maximum(rows["time_ms"], self.time)
        events = self.place.send(rows).copy()
        self._events.append(events)
        return events

    def _next(self) -> int:
        self.time += STEP_MS
        return self.time

    def _oracle(self) -> Integers:
        """The prices that are in force."""
        markets = self._engine.tables["markets"]["oracle_price"]
        found: Integers = markets[: len(self._scene.after)].copy()
        return found

    def _far(self, side: Side) -> int:
        """A limit beyond the farthest quote, on a tick."""
        scene = self._scene
        price = int(scene.after[scene.market])
        far = price * 93 // 100 if side == Side.SELL else min(MAX_PRICE, price * 107 // 100)
        return scene._ticks.one(scene.market, far)

    def _held(self, account: int) -> int:
        """Signed size units in the market."""
        positions = self._engine.tables["positions"]
        mine = (positions["account"] == account) & (positions["market"] == self._scene.market)
        return int(positions["signed_size"][mine].sum())

    def _fills(self, accounts: Sequence[int], side: Side) -> Fills:
        """What these accounts traded in the market on one side."""
        size = value = 0
        for events in self._events:
            mine = (
                (events["kind"] == EventKind.ORDER_FILLED)
                & np.isin(events["account"], accounts)
                & (events["market"] == self._scene.market)
                & (((events["flags"] & FillFlag.BUYER) != 0) == (side == Side.BUY))
            )
            size += int(events["order_size"][mine].sum())
            value += int((events["order_size"][mine] * events["price"][mine]).sum())
        return Fills(size=size, value=value)

    def _worth(self) -> dict[int, int]:
        """Cash and positions of every account, at the prices after. Micro-USD.

        What lies in markets' own insurance funds is the venue's, as its first account's is.
        """
        tables, after = self._engine.tables, self._scene.after.tolist()
        used = int(tables["control"]["accounts_used"][0])
        found = dict(enumerate(cash_by_group(tables, slice(used)).sum(axis=1).tolist()))
        positions = tables["positions"][: int(tables["control"]["positions_used"][0])]
        for row in positions[positions["account"] >= 0]:
            found[int(row["account"])] += int(row["isolated_cash"])
            found[int(row["account"])] += int(row["signed_size"]) * after[int(row["market"])]
        if self.place.in_blocks:
            found[0] += int(tables["block_markets"]["insurance_cash"].sum())
        return found


def _opposite(side: Side) -> Side:
    return Side.BUY if side == Side.SELL else Side.SELL
