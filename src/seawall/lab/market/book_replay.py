"""A recorded book through the machine: level by level the same, trades as orders that take.

The machine's market is made for the recording: its prices count the recording's own decimals, and
rules of a venue about ticks, order values and the number of orders are switched off, because the
recording obeyed those of another venue. Margins, fees and funding are those of the rulebook.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from seawall.domain.commands import Command, CreateAccount, Deposit, SetOraclePrice
from seawall.domain.enums import EventKind
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.rulebook import Rulebook, ValueCap
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import MAX_NOTIONAL, MICRO, RATE_ONE
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.engine.tables import command_dtype, event_dtype
from seawall.lab.market import book_replay_plan as plan
from seawall.lab.market.book_replay_file import Recording
from seawall.venues.rulebook_file import load_rulebook

Rows = NDArray[np.void]

DEPOSIT = 30_000_000_000 * MICRO
"""Of each of the three accounts: what rests in a whole book holds margin."""
LEVERAGE = 50
BATCH = 4_096
GROUPS_AT_ONCE = 256
EVENTS_PER_COMMAND = 4
TICK_ROOM = 1 << 24
"""Ticks between the lowest and the highest recorded price; 24 bytes each, most never touched."""


class ReplayError(InputError):
    """A recording that the machine cannot replay; the message says what would be right."""


class Reached(NamedTuple):
    """How many recorded trades met a resting level at their price or better.

    ``at_once``: in the book as it was then. ``near``: not, but in that of the update before or
    after. Updates come about every 50 ms, trades at once, so a price can be new since the last one.
    """

    trades: int
    at_once: int
    near: int

    @property
    def share(self) -> float:
        return self.at_once / self.trades if self.trades else 1.0

    @property
    def share_near(self) -> float:
        return (self.at_once + self.near) / self.trades if self.trades else 1.0


def replay_rules(book: Rulebook, orders: int) -> Rulebook:
    """The rulebook without its rules about the shape and the number of orders."""
    order = structs.replace(
        book.order,
        minimum_value=0,
        price_band_rate=RATE_ONE,
        maximum_significant_figures=0,
        market_value_caps=(ValueCap(0, MAX_NOTIONAL // book.order.limit_value_factor),),
        open_orders_base=orders,
        open_orders_maximum=orders,
    )
    return structs.replace(book, order=order)


class Replay:
    """One recording on one machine; ``run`` or ``updates``, once.

    Raises ReplayError where the recording does not fit a machine.
    """

    def __init__(self, recording: Recording, rulebook: Rulebook | None = None) -> None:
        self.recording = recording
        ticks = recording.ticks
        if not len(recording.starts) - 1:
            raise ReplayError(f"{recording.name}: no book to replay")
        self._base = int(ticks.min())
        span = int(ticks.max()) - self._base + 1
        if span > TICK_ROOM:
            raise ReplayError(f"{recording.name}: prices span {span:,} ticks, most {TICK_ROOM:,}")
        levels = len(np.unique(ticks[recording.kinds == plan.UPDATE])) + 64
        self.engine = self._machine(rulebook, levels)
        self._head = np.zeros(plan.HEAD_FIELDS, np.int64)
        self._head[[plan.BEST_BID, plan.BID_BEFORE]] = -1
        self._head[[plan.BEST_ASK, plan.ASK_BEFORE]] = span
        self._head[plan.BASE] = self._base
        accounts = (plan.BID_ACCOUNT, plan.ASK_ACCOUNT, plan.TAKER_ACCOUNT)
        self._head[list(accounts)] = np.arange(FIRST_USER, FIRST_USER + len(accounts))
        self._head[plan.ORACLE_MS] = int(recording.times_ms[0])
        self._book = np.zeros(span, plan.book_dtype)
        self._free = np.zeros(levels + 64, np.int64)
        # A trade touches a level once; between two updates at most every level of a side each.
        self._touched = np.zeros(levels + len(recording.starts), np.int64)
        self._reached = np.zeros(len(ticks), np.int64)
        largest = int(np.diff(recording.starts).max())
        self._rows = np.zeros(2 * largest + BATCH + len(self._touched), command_dtype)
        self._ends = np.zeros(len(recording.starts), np.int64)
        room = 2 * levels + 8 * self.engine.rulebook.liquidation.fills_per_command + 64  # type: ignore[union-attr]
        self._events = np.zeros(2 * room + EVENTS_PER_COMMAND * BATCH, event_dtype)
        self.commands = 0
        self.events = 0
        self.time_ms = int(recording.times_ms[0])

    def _machine(self, rulebook: Rulebook | None, levels: int) -> Engine:
        recording = self.recording
        instrument = Instrument(
            name=recording.market,
            size_decimals=recording.size_decimals,
            tiers=(MarginTier(0, LEVERAGE),),
        )
        book = load_rulebook() if rulebook is None else rulebook
        if not isinstance(book, Rulebook):
            raise ReplayError(f"{book.name}: settles in blocks, a replay needs rules of stages")
        engine = Engine.create(
            replay_rules(book, levels),
            [instrument],
            Limits(accounts=16, positions=64, orders=levels, levels=levels + 64, nodes=5 * levels),
        )
        now = int(recording.times_ms[0])
        middle = recording.middle_tick()
        commands: list[Command] = [
            *[CreateAccount(now) for _ in range(3)],
            *[Deposit(now, FIRST_USER + number, DEPOSIT) for number in range(3)],
            SetOraclePrice(now, 0, middle),
        ]
        for command in commands:
            engine.apply(command)
        return engine

    def run(self) -> Reached:
        """The whole recording, in batches. Raises ReplayError."""
        for _, used in self._pieces():
            self._apply(0, used)
        self.time_ms = int(self.recording.times_ms[-1])
        return self.reached()

    def updates(self) -> Iterator[int]:
        """The time (ms) of each update, when the machine's book is as recorded after it.

        Trades before it have taken. Raises ReplayError.
        """
        starts, kinds = self.recording.starts, self.recording.kinds
        for first, used in self._pieces():
            done, last = 0, int(self._next)
            for group in range(first, last):
                end = int(self._ends[group])
                if kinds[starts[group]] == plan.UPDATE:
                    self._apply(done, end)
                    done = end
                    self.time_ms = int(self.recording.times_ms[starts[group]])
                    yield self.time_ms
            self._apply(done, used)

    def reached(self) -> Reached:
        """Of the trades so far."""
        found = self._reached[self.recording.kinds == plan.TRADE]
        counts = np.bincount(found, minlength=3)
        return Reached(len(found), int(counts[plan.AT_ONCE]), int(counts[plan.NEAR]))

    def _pieces(self) -> Iterator[tuple[int, int]]:
        """Plan some groups at a time: (first of them, rows)."""
        recording = self.recording
        self._next, groups = 0, len(recording.starts) - 1
        while self._next < groups:
            first = self._next
            last = min(groups, first + GROUPS_AT_ONCE)
            self._next, used = plan.plan_groups(
                recording.starts, first, last, recording.kinds, recording.sides, recording.ticks,
                recording.sizes, recording.times_ms, self._head, self._book, self._free,
                self._touched, self._reached, self._rows, self._ends,
            )  # fmt: skip
            if self._head[plan.CROSSED]:
                raise ReplayError(
                    f"{recording.name}: the recorded book is crossed after an update; updates may "
                    "be missing"
                )
            yield first, int(used)

    def _apply(self, start: int, stop: int) -> None:
        """Rows of the plan through the machine. Raises ReplayError where one is rejected."""
        while start < stop:
            rows = self._rows[start : min(stop, start + BATCH)]
            done, events = self.engine.apply_rows(rows, self._events)
            rejected = events["kind"] == EventKind.COMMAND_REJECTED
            if rejected.any() or not done:
                raise ReplayError(f"{self.recording.name}: {_refused(rows, events[rejected])}")
            start += done
            self.commands += done
            self.events += len(events)


def _refused(rows: Rows, events: Any) -> str:
    if not len(events):
        return f"the outbox is too small for a command of kind {int(rows[0]['kind'])}"
    event = events[0]
    return f"the engine refuses a level at {int(event['price'])}, reason {int(event['reason'])}"
