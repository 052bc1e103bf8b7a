"""What a run leaves: prices, books, liquidations and funds at every decision."""

import numpy as np
from msgspec import Struct

from seawall.domain.enums import EventKind, OrderState
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT, INSURANCE_FUND
from seawall.domain.units import MICRO
from seawall.engine.account_view import account_cash
from seawall.engine.engine import Engine
from seawall.engine.placement import Rows
from seawall.lab.arrays import Floats, Integers
from seawall.lab.simulation.observer import positions_of
from seawall.lab.simulation.simulation import Batch, Simulation

NEAR = 0.005
"""Depth is counted within this share of the middle of the book."""


class Series(Struct, kw_only=True):
    """n decisions, m markets; USD. ``depth``: of both sides within 50 bp, by what really rests.

    Flows of liquidated positions in one decision: ``sold_to_book``, ``to_backstop``,
    ``deleveraged`` (closed against winners). ``liquidated``: accounts whose first liquidation
    began. ``insurance`` and ``backstop``: balance of the fund and equity of the backstop.
    """

    times_ms: Integers
    fundamental: Floats
    oracle: Floats
    mark: Floats
    bid: Floats
    ask: Floats
    depth: Floats
    sold_to_book: Floats
    to_backstop: Floats
    deleveraged: Floats
    liquidated: Integers
    insurance: Floats
    backstop: Floats
    own_equity: Floats

    @property
    def flow(self) -> Floats:
        """(decisions, markets): USD of liquidated positions in all stages."""
        return self.sold_to_book + self.to_backstop + self.deleveraged


class Recorder:
    """Writes the series; what did not change since the last batch is carried forward."""

    def __init__(self, simulation: Simulation) -> None:
        self._engine = engine = simulation.engine
        grid = simulation.grid
        self._scale = np.asarray([10.0**each.price_decimals for each in engine.instruments])
        count, markets = grid.middle.shape

        def empty() -> Floats:
            return np.zeros((count, markets))

        self.series = Series(
            times_ms=grid.times_ms, fundamental=grid.middle, oracle=simulation.oracle,
            mark=empty(), bid=empty(), ask=empty(), depth=empty(),
            sold_to_book=empty(), to_backstop=empty(),
            deleveraged=empty(), liquidated=np.zeros(count, np.int64), insurance=np.zeros(count),
            backstop=np.zeros(count), own_equity=np.zeros(count),
        )  # fmt: skip
        self.was_liquidated = np.zeros(len(engine.tables["accounts"]), np.bool_)
        """(accounts,): whether a liquidation ever began."""

    def write(self, batch: Batch) -> None:
        """The decisions of a batch."""
        series, tables, totals = self.series, self._engine.tables, batch.totals
        first, last = batch.first, batch.last
        here = slice(first, last + 1)
        marks = tables["markets"]["mark_price"] / self._scale
        series.mark[here] = marks if first == last else self._marks_between(batch)
        bid, ask, depth = book_of(tables, len(self._scale))
        series.bid[here] = bid / self._scale
        series.ask[here] = ask / self._scale
        series.depth[here] = depth
        series.sold_to_book[last] = totals.sold_to_book
        series.to_backstop[last] = totals.taken_over
        series.deleveraged[last] = totals.deleveraged
        if len(totals.started):
            new = totals.started[~self.was_liquidated[totals.started]]
            self.was_liquidated[new] = True
            series.liquidated[last] = len(new)
        series.insurance[here] = account_cash(self._engine, INSURANCE_FUND) / MICRO
        series.backstop[here] = backstop_equity(self._engine) / MICRO
        if batch.account is not None:
            series.own_equity[here] = batch.account.equity / MICRO

    def _marks_between(self, batch: Batch) -> Floats:
        """Marks of quiet decisions, from the prices' own events."""
        first, count = batch.first, batch.last - batch.first + 1
        rows = batch.events[batch.events["kind"] == EventKind.PRICE_UPDATED]
        base = self._engine.sequence - batch.sent
        place = (rows["sequence"] - base - 1) // (batch.sent // count)
        found = np.full((count, len(self._scale)), np.nan)
        found[place, rows["market"]] = rows["price"] / self._scale[rows["market"]]
        found[0] = np.where(np.isnan(found[0]), self.series.mark[first - 1], found[0])
        known = np.where(np.isnan(found), 0, np.arange(len(found))[:, None])
        return np.take_along_axis(found, np.maximum.accumulate(known, axis=0), axis=0)


def book_of(tables: dict[str, Rows], markets: int) -> tuple[Floats, Floats, Floats]:
    """(best bid, best ask) in price units, NaN for none, and USD within 50 bp of both sides."""
    rows = tables["markets"]
    prices = tables["levels"]["price"]
    sides = []
    for name in ("bid_level", "ask_level"):
        level = rows[name]
        sides.append(np.where(level >= 0, prices[np.maximum(level, 0)], np.nan))
    bid, ask = sides
    used = int(tables["control"]["orders_used"][0])
    orders = tables["orders"][:used]
    orders = orders[orders["state"] == int(OrderState.RESTING)]
    # Where one side is gone, the other stands for the middle.
    middle = (np.where(np.isnan(bid), ask, bid) + np.where(np.isnan(ask), bid, ask)) / 2
    market, price = orders["market"], orders["price"]
    far = np.abs(price / middle[market] - 1.0)
    near = far <= NEAR
    usd = (price[near] * orders["remaining_size"][near]) / MICRO
    depth: Floats = np.asarray(np.bincount(market[near], usd, markets), np.float64)
    return bid, ask, depth


def backstop_equity(engine: Engine) -> int:
    """Micro-USD: cash and positions at mark of the backstop."""
    marks = engine.tables["markets"]["mark_price"]
    return account_cash(engine, BACKSTOP_ACCOUNT) + sum(
        int(each["signed_size"]) * int(marks[each["market"]]) + int(each["isolated_cash"])
        for each in positions_of(engine.tables, BACKSTOP_ACCOUNT)
    )
