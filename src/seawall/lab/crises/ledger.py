"""What happened to each trader in one simulation: liquidation, who took what, funding."""

from enum import IntFlag
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.enums import EventKind, FillFlag
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import MICRO
from seawall.lab.simulation.reader import quote_of
from seawall.lab.simulation.simulation import Batch, Simulation

Integers = NDArray[np.int64]

_LIQUIDATED = np.int32(int(FillFlag.LIQUIDATED))


OWN = 0
"""The account under study, as the number of a trader; the population is 1, 2 ..."""
NO_TRADER = -1


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
    """A bucket found under maintenance: trader, market or CROSS_POOL of the event; micro-USD."""

    trader: int
    account: int
    market: int
    equity: int
    maintenance: int


class Ledger:
    """Reads one simulation. Arrays are by trader, whose numbers are the same under all rules.

    ``trader_of``: by account of the engine, NO_TRADER for the venue and makers. ``fell_ms``: when
    first found under maintenance, 0 for never; ``takers``: flags of ``Taker``; ``funding``:
    received, micro-USD.
    """

    def __init__(self, name: str, simulation: Simulation) -> None:
        """``name``: of the rulebook."""
        assert simulation.account is not None
        self.name = name
        self.simulation = simulation
        self.account = simulation.account
        count = 1 + len(simulation.population)
        accounts = len(simulation.engine.tables["accounts"])
        self.trader_of = np.full(accounts, NO_TRADER, np.int64)
        self.trader_of[simulation.population] = np.arange(1, count)
        self.trader_of[self.account.accounts] = OWN
        self.trader_of[:FIRST_USER] = NO_TRADER
        self.fell_ms = np.zeros(count, np.int64)
        self.takers = np.zeros(count, np.int64)
        self.funding = np.zeros(count, np.int64)
        self.sold_to_book = self.taken_over = self.deleveraged = self.insurance = 0.0

    def read(self, batch: Batch) -> list[Fall]:
        """One batch; who fell in it for the first time."""
        events = batch.events
        traders = np.where(events["account"] >= 0, self.trader_of[events["account"]], NO_TRADER)
        known = traders >= 0
        if not known.any():
            return []
        events, traders = events[known], traders[known]
        kinds = np.ascontiguousarray(events["kind"])
        forced = events["flags"] & _LIQUIDATED != 0

        def of(kind: EventKind, forced_only: bool | None = None) -> Any:
            found = kinds == kind
            return found if forced_only is None else found & (forced == forced_only)

        paid = of(EventKind.FUNDING_PAID)
        if paid.any():
            np.add.at(self.funding, traders[paid], events["money"][paid])
        sold = of(EventKind.ORDER_FILLED, forced_only=True)
        if sold.any():
            self._mark(traders[sold], Taker.BOOK)
            self.sold_to_book += float(quote_of(events[sold]).sum()) / MICRO
        taken = of(EventKind.BACKSTOP_TAKEN_OVER)
        if taken.any():
            self._mark(traders[taken], Taker.BACKSTOP)
            rows = events[taken]
            self.taken_over += float((np.abs(rows["position_size"]) * rows["price"]).sum()) / MICRO
        covered = of(EventKind.INSURANCE_PAID)
        if covered.any():
            self._mark(traders[covered], Taker.INSURANCE)
            self.insurance += float(events["money"][covered].sum()) / MICRO
        lost = of(EventKind.DELEVERAGED, forced_only=True)
        if lost.any():
            self._mark(traders[lost], Taker.DELEVERAGED)
            self.deleveraged += float(quote_of(events[lost]).sum()) / MICRO
        won = of(EventKind.DELEVERAGED, forced_only=False)
        self._mark(traders[won], Taker.WON)
        return self._falls(batch.time_ms, events, traders, of(EventKind.LIQUIDATION_STARTED))

    def _mark(self, traders: Integers, taker: Taker) -> None:
        np.bitwise_or.at(self.takers, traders, int(taker))

    def _falls(self, time_ms: int, events: Any, traders: Integers, started: Any) -> list[Fall]:
        found = []
        for row, trader in zip(events[started], traders[started].tolist(), strict=True):
            if self.fell_ms[trader]:
                continue
            self.fell_ms[trader] = time_ms
            found.append(
                Fall(
                    trader, int(row["account"]), int(row["market"]), int(row["money"]),
                    int(row["closed_profit"]),
                )
            )  # fmt: skip
        return found

    @property
    def fallen(self) -> int:
        """How many of the population."""
        return int((self.fell_ms[1:] > 0).sum())
