"""What happened to each trader in one simulation: liquidation, who closed what, funding."""

from collections.abc import Callable
from enum import IntFlag

import numpy as np
from msgspec import Struct

from seawall.domain.enums import EventKind, FillFlag
from seawall.domain.units import MICRO
from seawall.engine.placement import Rows
from seawall.lab.arrays import Integers
from seawall.lab.simulation.observer import Observer, Snapshot, valuation_prices
from seawall.lab.simulation.reader import quote_of
from seawall.lab.simulation.simulation import Batch, Simulation

OWN = 0
"""The account under study, as the number of a trader; the population is 1, 2 ..."""
NO_TRADER = -1


class Closed(IntFlag):
    """Who closed a position or a part of it, or paid for it."""

    BOOK = 1
    BACKSTOP = 2
    INSURANCE = 4
    """It paid what was missing."""
    DELEVERAGED = 8
    """Closed against winners."""
    WON = 16
    """Closed as a winner, for the loss of another account."""


_NAMES = {
    Closed.BOOK: "book",
    Closed.BACKSTOP: "backstop",
    Closed.INSURANCE: "insurance fund",
    Closed.DELEVERAGED: "deleveraged",
    Closed.WON: "deleveraged as a winner",
}


def closed_by(flags: int) -> list[str]:
    """``book``, ``backstop`` ...; empty where nothing was closed."""
    return [name for flag, name in _NAMES.items() if flags & flag]


def _notional(rows: Rows) -> Integers:
    found: Integers = np.abs(rows["position_size"]) * rows["price"]
    return found


_CLOSING: tuple[tuple[EventKind, bool | None, Closed, Callable[[Rows], Integers]], ...] = (
    (EventKind.ORDER_FILLED, True, Closed.BOOK, quote_of),
    (EventKind.BACKSTOP_TAKEN_OVER, None, Closed.BACKSTOP, _notional),
    (EventKind.INSURANCE_PAID, None, Closed.INSURANCE, lambda rows: rows["money"]),
    (EventKind.DELEVERAGED, True, Closed.DELEVERAGED, quote_of),
    (EventKind.DELEVERAGED, False, Closed.WON, quote_of),
)
"""Event, whether of an account in liquidation (None: both), what it says, micro-USD of rows."""


class Liquidation(Struct, frozen=True):
    """A bucket found under maintenance: trader, market or cross pool of the event; micro-USD."""

    trader: int
    account: int
    market: int
    equity: int
    maintenance: int


class Record:
    """Reads one simulation. Arrays are by trader, whose numbers are the same under all rules.

    ``trader_of``: by account of the engine, NO_TRADER for the venue and makers. ``liquidated_ms``:
    when first found under maintenance, 0 for never; ``closed``: flags of ``Closed``; ``funding``:
    received, micro-USD. ``totals``: USD of the population by flag. ``equity``: micro-USD of the
    account under study, and ``marks``: units by market that equity counts with, at each moment.
    """

    def __init__(self, rulebook: str, simulation: Simulation) -> None:
        assert simulation.account is not None
        self.rulebook = rulebook
        self.simulation = simulation
        self.account = simulation.account
        count = 1 + len(simulation.population)
        self.trader_of = np.full(len(simulation.engine.tables["accounts"]), NO_TRADER, np.int64)
        self.trader_of[simulation.population] = np.arange(1, count)
        self.trader_of[self.account.accounts] = OWN
        self.liquidated_ms, self.closed, self.funding = np.zeros((3, count), np.int64)
        self.totals = dict.fromkeys(Closed, 0.0)
        self.equity: list[int] = []
        self.marks: list[Integers] = []

    def read(self, batch: Batch) -> list[Liquidation]:
        """The traders of one batch that are liquidated for the first time."""
        assert batch.account is not None
        self.equity.append(batch.account.equity)
        self.marks.append(valuation_prices(self.simulation.engine).copy())
        owners = batch.events["account"]
        traders = np.where(owners >= 0, self.trader_of[owners], NO_TRADER)
        known = traders >= 0
        if not known.any():
            return []
        events, traders = batch.events[known], traders[known]
        kinds = np.ascontiguousarray(events["kind"])
        others = traders != OWN
        forced = events["flags"] & FillFlag.LIQUIDATED != 0
        paid = kinds == EventKind.FUNDING_PAID
        np.add.at(self.funding, traders[paid], events["money"][paid])
        for kind, of_liquidation, flag, amount in _CLOSING:
            found = kinds == kind
            if of_liquidation is not None:
                found &= forced == of_liquidation
            if found.any():
                np.bitwise_or.at(self.closed, traders[found], int(flag))
                self.totals[flag] += float(amount(events[found & others]).sum()) / MICRO
        return self._liquidations(batch.time_ms, events, traders)

    def _liquidations(self, time_ms: int, events: Rows, traders: Integers) -> list[Liquidation]:
        found = []
        for number in np.flatnonzero(events["kind"] == EventKind.LIQUIDATION_STARTED).tolist():
            trader, row = int(traders[number]), events[number]
            if not self.liquidated_ms[trader]:
                self.liquidated_ms[trader] = time_ms
                figures = ("account", "market", "money", "closed_profit")
                found.append(Liquidation(trader, *(int(row[name]) for name in figures)))
        return found

    def snapshot(self, trader: int, time_ms: int) -> Snapshot:
        """A trader now, with its child accounts."""
        simulation = self.simulation
        if trader == OWN:
            return simulation.observer.snapshot(time_ms)
        account = int(simulation.population[trader - 1])
        return Observer(simulation.engine, account).snapshot(time_ms)

    def equities(self, time_ms: int) -> Integers:
        """Micro-USD of all traders now."""
        traders = range(len(self.closed))
        return np.asarray([self.snapshot(each, time_ms).equity for each in traders], np.int64)
