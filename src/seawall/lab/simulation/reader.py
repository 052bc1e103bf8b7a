"""Event rows read as arrays: who traded how much with whom, without an object per event."""

from typing import Any

import numpy as np
from msgspec import Struct, field

from seawall.domain.enums import EventKind, FillFlag, Reason
from seawall.domain.units import MICRO
from seawall.engine.placement import Rows
from seawall.lab.arrays import Floats, Integers

_KINDS = 64


class StepTotals(Struct, kw_only=True):
    """What happened in one batch; USD by market (m,).

    ``bought``: by takers from makers, signed. ``taken``: from makers, by either side. ``started``:
    accounts whose liquidation began. ``counts``: events by kind.
    """

    bought: Floats
    taken: Floats
    sold_to_book: Floats
    taken_over: Floats
    deleveraged: Floats
    insurance: float = 0.0
    fees: float = 0.0
    started: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    counts: Integers = field(default_factory=lambda: np.zeros(_KINDS, np.int64))


class EventReader:
    """Reads batches of ``event_dtype``. ``makers``, ``takers``: account numbers.

    ``exact``: ``bought`` is summed in whole micro-USD over every fill of a maker, also where its
    new quote takes an order; otherwise over orders that were resting, without those of makers.
    ``holding`` (takers, m): USD that each taker account bought so far.
    """

    def __init__(
        self,
        markets: int,
        accounts: int,
        makers: Integers,
        takers: Any = (),
        *,
        exact: bool = False,
    ) -> None:
        self._markets = markets
        self._exact = exact
        self._role = np.zeros(accounts, np.int8)
        self._role[makers] = 1
        self._role[np.asarray(takers, np.int64)] = 2 + np.arange(len(takers))
        self.holding = np.zeros((len(takers), markets))
        self.rejected: dict[str, int] = {}

    def read(self, events: Rows) -> StepTotals:
        """The totals of one batch."""
        kinds = np.ascontiguousarray(events["kind"])
        counts = np.bincount(kinds, minlength=_KINDS)
        zeros = np.zeros(self._markets)
        found = StepTotals(
            bought=zeros, taken=zeros, sold_to_book=zeros, taken_over=zeros, deleveraged=zeros,
            counts=counts,
        )  # fmt: skip

        def of(kind: EventKind) -> Rows:
            rows: Rows = events[kinds == kind]
            return rows

        if counts[EventKind.ORDER_FILLED]:
            self._fills(of(EventKind.ORDER_FILLED), found)
        if counts[EventKind.LIQUIDATION_STARTED]:
            accounts = of(EventKind.LIQUIDATION_STARTED)["account"]
            found.started = np.unique(accounts).astype(np.int64)
        if counts[EventKind.BACKSTOP_TAKEN_OVER]:
            rows = of(EventKind.BACKSTOP_TAKEN_OVER)
            usd = np.abs(rows["position_size"]) * rows["price"] / MICRO
            found.taken_over = self._by_market(rows, usd)
        if counts[EventKind.DELEVERAGED]:
            rows = of(EventKind.DELEVERAGED)
            rows = rows[rows["flags"] & FillFlag.LIQUIDATED != 0]
            found.deleveraged = self._by_market(rows, quote_of(rows) / MICRO)
        found.insurance = float(of(EventKind.INSURANCE_PAID)["money"].sum()) / MICRO
        found.fees = float(of(EventKind.LIQUIDATION_FEE_PAID)["money"].sum()) / MICRO
        if counts[EventKind.COMMAND_REJECTED]:
            reasons = of(EventKind.COMMAND_REJECTED)["reason"]
            for reason, count in zip(*np.unique(reasons, return_counts=True), strict=True):
                name = Reason(int(reason)).name
                self.rejected[name] = self.rejected.get(name, 0) + int(count)
        return found

    def _fills(self, fills: Rows, found: StepTotals) -> None:
        quote = fills["price"] * fills["order_size"]
        usd = quote / MICRO
        flags = fills["flags"]
        is_buyer = flags & FillFlag.BUYER != 0
        signed = np.where(is_buyer, usd, -usd)
        role = self._role[fills["account"]]
        with_maker = (
            (role == 1) & (flags & FillFlag.TAKER == 0) & (self._role[fills["counterparty"]] != 1)
        )
        makers = fills[with_maker]
        found.bought = -self._by_market(makers, signed[with_maker])
        found.taken = self._by_market(makers, usd[with_maker])
        if self._exact:
            whole = np.zeros(self._markets, np.int64)
            own = role == 1
            np.add.at(whole, fills["market"][own], np.where(is_buyer, -quote, quote)[own])
            found.bought = whole / MICRO
        forced = flags & FillFlag.LIQUIDATED != 0
        if forced.any():
            found.sold_to_book = self._by_market(fills[forced], usd[forced])
        taking = role > 1
        if taking.any():
            np.add.at(self.holding, (role[taking] - 2, fills["market"][taking]), signed[taking])

    def _by_market(self, rows: Rows, usd: Any) -> Floats:
        found: Floats = np.asarray(np.bincount(rows["market"], usd, self._markets), np.float64)
        return found


def quote_of(rows: Rows) -> Integers:
    """Unsigned micro-USD of fills; a total that is no whole price is given itself."""
    found: Integers = np.where(
        rows["price"] == 0, np.abs(rows["money"]), rows["price"] * rows["order_size"]
    )
    return found
