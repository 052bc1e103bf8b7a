"""Event rows read as arrays: who traded how much with whom, without an object per event."""

from typing import Any

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from seawall.domain.enums import EventKind, FillFlag, Reason
from seawall.domain.units import MICRO
from seawall.lab.simulation.world import Rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_KINDS = 64
_LIQUIDATED = np.int32(int(FillFlag.LIQUIDATED))
_BUYER = np.int32(int(FillFlag.BUYER))
_TAKER = np.int32(int(FillFlag.TAKER))


class StepTotals(Struct, kw_only=True):
    """What happened in one batch; USD by market (m,).

    ``bought``: by takers from makers, signed. ``taken``: from makers, by either side.
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
    """Reads batches of ``event_dtype``. ``role`` (accounts,): 1 for makers, 2 + k for taker k."""

    def __init__(self, markets: int, accounts: int) -> None:
        self._markets = markets
        self.role = np.zeros(accounts, np.int8)
        self.rejected: dict[str, int] = {}
        self.totals = np.zeros(_KINDS, np.int64)

    def read(self, events: Rows, holding: Floats) -> StepTotals:
        """One batch; ``holding`` (takers, m), USD, grows by what the taker accounts bought."""
        kinds = np.ascontiguousarray(events["kind"])
        counts = np.bincount(kinds, minlength=_KINDS)
        self.totals += counts
        zeros = np.zeros(self._markets)
        found = StepTotals(
            bought=zeros, taken=zeros, sold_to_book=zeros, taken_over=zeros, deleveraged=zeros,
            counts=counts,
        )  # fmt: skip
        if counts[EventKind.ORDER_FILLED]:
            self._fills(events[kinds == EventKind.ORDER_FILLED], found, holding)
        if counts[EventKind.LIQUIDATION_STARTED]:
            rows = events["account"][kinds == EventKind.LIQUIDATION_STARTED]
            found.started = np.unique(rows).astype(np.int64)
        if counts[EventKind.BACKSTOP_TAKEN_OVER]:
            rows = events[kinds == EventKind.BACKSTOP_TAKEN_OVER]
            usd = np.abs(rows["position_size"]) * rows["price"] / MICRO
            found.taken_over = self._by_market(rows, usd)
        if counts[EventKind.DELEVERAGED]:
            rows = events[kinds == EventKind.DELEVERAGED]
            rows = rows[rows["flags"] & _LIQUIDATED != 0]
            found.deleveraged = self._by_market(rows, quote_of(rows) / MICRO)
        if counts[EventKind.INSURANCE_PAID]:
            found.insurance = (
                float(events["money"][kinds == EventKind.INSURANCE_PAID].sum()) / MICRO
            )
        if counts[EventKind.LIQUIDATION_FEE_PAID]:
            paid = events["money"][kinds == EventKind.LIQUIDATION_FEE_PAID]
            found.fees = float(paid.sum()) / MICRO
        if counts[EventKind.COMMAND_REJECTED]:
            self._rejections(events[kinds == EventKind.COMMAND_REJECTED])
        return found

    def _fills(self, fills: Rows, found: StepTotals, holding: Floats) -> None:
        usd = fills["price"] * fills["order_size"] / MICRO
        flags = fills["flags"]
        signed = np.where(flags & _BUYER != 0, usd, -usd)
        role = self.role[fills["account"]]
        with_maker = (role == 1) & (flags & _TAKER == 0) & (self.role[fills["counterparty"]] != 1)
        makers = fills[with_maker]
        found.bought = -self._by_market(makers, signed[with_maker])
        found.taken = self._by_market(makers, usd[with_maker])
        forced = flags & _LIQUIDATED != 0
        if forced.any():
            found.sold_to_book = self._by_market(fills[forced], usd[forced])
        own = role > 1
        if own.any():
            np.add.at(holding, (role[own] - 2, fills["market"][own]), signed[own])

    def _by_market(self, rows: Rows, usd: Any) -> Floats:
        found: Floats = np.asarray(np.bincount(rows["market"], usd, self._markets), np.float64)
        return found

    def _rejections(self, rows: Rows) -> None:
        reasons, counts = np.unique(rows["reason"], return_counts=True)
        for reason, count in zip(reasons.tolist(), counts.tolist(), strict=True):
            name = Reason(reason).name
            self.rejected[name] = self.rejected.get(name, 0) + count


def quote_of(rows: Rows) -> Integers:
    """Unsigned micro-USD of fills; a total that is no whole price is told itself."""
    found: Integers = np.where(
        rows["price"] == 0, np.abs(rows["money"]), rows["price"] * rows["order_size"]
    )
    return found
