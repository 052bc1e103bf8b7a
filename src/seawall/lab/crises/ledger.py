"""What happened to everybody in one market: when they fell, who took it, what funding they got."""

from enum import IntFlag
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.enums import EventKind, FillFlag
from seawall.domain.units import MICRO
from seawall.lab.simulation.reader import quote_of
from seawall.lab.simulation.world import Rows

Integers = NDArray[np.int64]

_LIQUIDATED = np.int32(int(FillFlag.LIQUIDATED))


class Taker(IntFlag):
    """Who took a position, or a part of it, away."""

    BOOK = 1
    BACKSTOP = 2
    INSURANCE = 4
    """It paid what was missing."""
    DELEVERAGED = 8
    """Closed against winners."""
    WON = 16
    """Closed as a winner, for the loss of another."""


TAKER_WORDS = {
    Taker.BOOK: "book",
    Taker.BACKSTOP: "backstop",
    Taker.INSURANCE: "insurance fund",
    Taker.DELEVERAGED: "deleveraged",
    Taker.WON: "deleveraged as a winner",
}


def taker_words(takers: int) -> str:
    """``book, backstop``; empty where nothing was taken."""
    return ", ".join(words for flag, words in TAKER_WORDS.items() if takers & flag)


class Fall(Struct, frozen=True):
    """A bucket found under maintenance: somebody, market or CROSS_POOL of the event; micro-USD."""

    somebody: int
    account: int
    market: int
    equity: int
    maintenance: int


class Ledger:
    """Reads events of one market. Arrays are by somebody: 0 the account under study, then people.

    ``fell_ms``: when first found under maintenance, 0 for never; ``takers``: flags of ``Taker``;
    ``funding``: received, micro-USD.
    """

    def __init__(self, somebody: Integers) -> None:
        self._somebody = somebody
        count = int(somebody.max()) + 1
        self.fell_ms = np.zeros(count, np.int64)
        self.takers = np.zeros(count, np.int64)
        self.funding = np.zeros(count, np.int64)
        self.sold_to_book = self.taken_over = self.deleveraged = self.insurance = 0.0

    def read(self, time_ms: int, events: Rows) -> list[Fall]:
        """One batch; who fell in it for the first time."""
        who = np.where(events["account"] >= 0, self._somebody[events["account"]], -1)
        known = who >= 0
        if not known.any():
            return []
        events, who = events[known], who[known]
        kinds = np.ascontiguousarray(events["kind"])
        forced = events["flags"] & _LIQUIDATED != 0

        def of(kind: EventKind, forced_only: bool | None = None) -> Any:
            found = kinds == kind
            return found if forced_only is None else found & (forced == forced_only)

        paid = of(EventKind.FUNDING_PAID)
        if paid.any():
            np.add.at(self.funding, who[paid], events["money"][paid])
        sold = of(EventKind.ORDER_FILLED, forced_only=True)
        if sold.any():
            self._mark(who[sold], Taker.BOOK)
            self.sold_to_book += float(quote_of(events[sold]).sum()) / MICRO
        taken = of(EventKind.BACKSTOP_TAKEN_OVER)
        if taken.any():
            self._mark(who[taken], Taker.BACKSTOP)
            rows = events[taken]
            self.taken_over += float((np.abs(rows["position_size"]) * rows["price"]).sum()) / MICRO
        covered = of(EventKind.INSURANCE_PAID)
        if covered.any():
            self._mark(who[covered], Taker.INSURANCE)
            self.insurance += float(events["money"][covered].sum()) / MICRO
        lost = of(EventKind.DELEVERAGED, forced_only=True)
        if lost.any():
            self._mark(who[lost], Taker.DELEVERAGED)
            self.deleveraged += float(quote_of(events[lost]).sum()) / MICRO
        won = of(EventKind.DELEVERAGED, forced_only=False)
        self._mark(who[won], Taker.WON)
        return self._falls(time_ms, events, who, of(EventKind.LIQUIDATION_STARTED))

    def _mark(self, who: Integers, taker: Taker) -> None:
        np.bitwise_or.at(self.takers, who, int(taker))

    def _falls(self, time_ms: int, events: Rows, who: Integers, started: Any) -> list[Fall]:
        found = []
        for row, somebody in zip(events[started], who[started].tolist(), strict=True):
            if self.fell_ms[somebody]:
                continue
            self.fell_ms[somebody] = time_ms
            found.append(
                Fall(
                    somebody, int(row["account"]), int(row["market"]), int(row["money"]),
                    int(row["closed_profit"]),
                )
            )  # fmt: skip
        return found

    @property
    def fallen(self) -> int:
        """How many of the people, the account under study left out."""
        return int((self.fell_ms[1:] > 0).sum())
