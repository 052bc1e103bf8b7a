"""A recorded journal on the stage: the same page, played, stopped, stepped and gone through.

All of it is replayed once when it is opened, to know what happened when; after that a moment is
reached from the nearest copy of the machine before it.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.commands import AdvanceTime
from seawall.domain.enums import CommandKind, EventKind, MarginGrouping
from seawall.domain.errors import InputError
from seawall.domain.quantities import number
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.codec import decode_event_rows
from seawall.engine.engine import Engine
from seawall.lab.compare_rules.journal import read_journal
from seawall.terminal import protocol
from seawall.terminal.cascade import CascadeLog
from seawall.terminal.guard import GuardView
from seawall.terminal.preview import Copy
from seawall.terminal.questions import QUESTIONS, answer_to
from seawall.terminal.recorded_history import RecordedHistory
from seawall.terminal.scene import SYSTEM_NAMES, Name, Scene
from seawall.terminal.stage import Listeners, Looking, view_of
from seawall.venues.port import Applied

Rows = NDArray[Any]
COPIES = 24
"""Of the machine, over the length of a recording."""
FRAME_S = 0.1
FASTEST = 3600.0
FIRST_SPEED = 60.0
MOST_MOMENTS = 300
SHOWN = {
    EventKind.LIQUIDATION_STARTED: "liquidation began",
    EventKind.BACKSTOP_TAKEN_OVER: "the backstop took a position",
    EventKind.DELEVERAGED: "deleveraged",
    EventKind.LIQUIDATION_ENDED: "liquidation ended",
}
HEARD = (
    *SHOWN, EventKind.LIQUIDATION_ORDER_ENDED, EventKind.INSURANCE_PAID,
    EventKind.DELEVERAGING_STALLED, EventKind.ORDER_FILLED, EventKind.ORDER_TRIGGERED,
    EventKind.FUNDING_PAID,
)  # fmt: skip
"""What notices and the cascade are made of."""


class RecordedNames:
    """Accounts are called by their row; ``own``: the one that was rehearsed."""

    def __init__(self, engine: Engine, own: int, makers: set[int]) -> None:
        self._engine = engine
        self._own = own
        self._makers = makers

    def row(self, address: str) -> int:
        digits = address.rpartition(" ")[2]
        return int(digits) if digits.isdecimal() and self.of(int(digits)).address == address else -1

    def of(self, row: int) -> Name:
        if row < FIRST_USER:
            return Name("", SYSTEM_NAMES[row], "system")
        if row == self._own:
            return Name(f"account {row}", "the account", "test")
        label = "makers" if row in self._makers else "trader"
        return Name(f"{label} {row}", f"{label} {row}", "agent")

    def shown(self) -> Sequence[int]:
        used = int(self._engine.tables["control"]["accounts_used"][0])
        others = (row for row in range(FIRST_USER, used) if row != self._own)
        return [self._own, *others] if self._own < used else list(others)


class Recording(Listeners):
    """Implements ``stage.Stage`` for a journal that begins with its first command.

    ``clock``: seconds, for playing.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises InputError."""
        super().__init__()
        recorded = read_journal(path)
        frames = list(recorded.frames())
        if not frames:
            raise InputError.of("", "recording", str(path), "a journal with commands in it")
        self._path = path
        self._clock = clock
        self._rows: Rows = np.concatenate(frames)
        self._engine = Engine.create(recorded.book, recorded.instruments, recorded.limits)
        self._copies: list[tuple[int, bytes]] = [(0, self._engine.snapshot())]
        self._events, self._times = self._replayed()
        self._row = len(self._rows)
        """How many commands have taken effect."""
        adopted = self._rows[self._rows["kind"] == CommandKind.ADOPT_POSITION]["account"]
        placed = self._rows[self._rows["kind"] == CommandKind.PLACE_ORDER]["account"]
        users = [*adopted.tolist(), *placed.tolist(), FIRST_USER]
        self._own: int = next(row for row in users if row >= FIRST_USER)
        makers = set(placed.tolist()) - set(adopted.tolist())
        history = RecordedHistory(self._events, self._times, lambda: self._engine.sequence)
        names = RecordedNames(self._engine, self._own, makers - {self._own})
        self.scene = Scene(self._engine, history, names, lambda: self._now_ms)
        self.cascade = CascadeLog(self.scene)
        self.guard = GuardView(None)
        self.epoch = 0
        self._copy = Copy(self.scene)
        opened = self._rows["kind"] == CommandKind.ADVANCE_TIME
        begun = self._rows["time_ms"][opened & (self._rows["account"] == -1)]
        self.start_ms = int(begun[0]) if len(begun) else int(self._rows["time_ms"][0])
        self.end_ms = int(self._rows["time_ms"][-1])
        self._now_ms = self.end_ms
        self.moments = self._shown_moments()
        self._speed, self._is_playing = FIRST_SPEED, False
        self._stirred = asyncio.Event()
        self.go_to(self.start_ms)

    def _replayed(self) -> tuple[Rows, Rows]:
        """All events with their times; copies of the machine are made on the way."""
        events, times = [], []
        length = -(-len(self._rows) // COPIES)
        for first in range(0, len(self._rows), length):
            part = self._rows[first : first + length]
            before = self._engine.sequence
            _, found = self._engine.apply_rows(part)
            events.append(found.copy())
            times.append(part["time_ms"][found["sequence"] - before - 1])
            self._copies.append((first + len(part), self._engine.snapshot()))
        return np.concatenate(events), np.concatenate(times)

    def _shown_moments(self) -> tuple[tuple[int, str], ...]:
        """What is worth a jump: what happened to the account, then the first liquidations."""
        kinds = np.isin(self._events["kind"], [int(kind) for kind in SHOWN])
        own = kinds & (self._events["account"] == self._own)
        first = np.flatnonzero(self._events["kind"] == EventKind.LIQUIDATION_STARTED)[:1]
        places = sorted({*first.tolist(), *np.flatnonzero(own)[:MOST_MOMENTS].tolist()})
        found: dict[int, str] = {}
        for place in places:
            row, at = self._events[place], int(self._times[place])
            who = "" if int(row["account"]) == self._own else " of another account"
            found.setdefault(at, SHOWN[EventKind(int(row["kind"]))] + who)
        return tuple(found.items())

    # -- what is shown ---------------------------------------------------------------------------

    def snapshot(self) -> protocol.Snapshot:
        scene = self.scene
        shared = int(MarginGrouping.SHARED)
        is_shared = int(scene.tables["accounts"]["grouping"][self._own]) == shared
        return protocol.Snapshot(
            self.epoch,
            f"recording {self._path.name}",
            "unified" if is_shared else "standard",
            f"{scene.rulebook.name} as of {scene.rulebook.as_of}",
            tuple(scene.market_info(row) for row in range(len(scene.instruments))),
            tuple(scene.account_info(row, may_trade=False) for row in scene.names.shown()),
            "recording",
            scene.offered(),
            None,
        )

    def twaps(self, account: int) -> protocol.Twaps:
        """None: a journal has the machine's commands, and not what a venue keeps beside them."""
        return protocol.Twaps(self.scene.names.of(account).address, ())

    def venue(self, looking: Looking) -> protocol.Venue:
        return protocol.Venue(
            self._now_ms,
            self._speed,
            not self._is_playing,
            self._path.name,
            0,
            self._engine.sequence,
            "",
            (),
            (),
            view_of(self.scene, looking),
            protocol.Playback(
                self.start_ms,
                self.end_ms,
                self._now_ms,
                self._speed,
                self._is_playing,
                self.moments,
            ),
        )

    def first_account(self) -> int:
        return self._own

    # -- going through it ------------------------------------------------------------------------

    def go_to(self, now_ms: int) -> None:
        """Stand at this time, or at the nearest end: everything up to it has happened."""
        now_ms = min(max(now_ms, self.start_ms), self.end_ms)
        target = int(np.searchsorted(self._rows["time_ms"], now_ms, side="right"))
        if now_ms < self._now_ms:
            row, state = next(each for each in reversed(self._copies) if each[0] <= target)
            self._engine.restore(state)
            self._row = row
            self.epoch += 1
            self.cascade.clear()
            self.cascade.add(list(self._heard_between(0, self._engine.sequence)))
        self._now_ms = now_ms
        before = self._engine.sequence
        if target > self._row:
            self._engine.apply_rows(self._rows[self._row : target])
            self._row = target
        batch = list(self._heard_between(before, self._engine.sequence))
        self.cascade.add(batch)
        if batch:
            self.tell(batch)
        self.tell(())

    def _heard_between(self, after: int, until: int) -> Iterator[Applied]:
        """What happened from one command to another, as the machine's events."""
        first, last = np.searchsorted(self._events["sequence"], [after, until], side="right")
        rows, times = self._events[first:last], self._times[first:last]
        kept = np.isin(rows["kind"], [int(kind) for kind in HEARD])
        events = decode_event_rows(np.ascontiguousarray(rows[kept]))
        for event, at in zip(events, times[kept].tolist(), strict=True):
            yield Applied(at, AdvanceTime(at), [event])

    async def run(self) -> None:
        """Play, while it is played."""
        last = self._clock()
        while True:
            if not self._is_playing:
                self._stirred.clear()
                await self._stirred.wait()
                last = self._clock()
            await asyncio.sleep(FRAME_S)
            now = self._clock()
            self.go_to(self._now_ms + round((now - last) * 1000 * self._speed))
            last = now
            if self._now_ms >= self.end_ms:
                self._is_playing = False

    async def act(self, request: protocol.AnyRequest, looking: Looking) -> protocol.Answer:
        if isinstance(request, QUESTIONS):
            return await answer_to(self.scene, self._copy, request, looking.account)
        if not isinstance(request, protocol.Play):
            name = type(request).__name__
            raise InputError.of("", "type", name, "asked of a running venue; this is a recording")
        return self._play(request)

    def _play(self, request: protocol.Play) -> protocol.Done:
        """Raises InputError, with nothing changed."""
        if request.speed is not None:
            expected = f"recorded seconds per second, above 0 and up to {FASTEST:g}"
            found = number(
                "speed", request.speed, least=0, most=FASTEST, above=True, expected=expected
            )
            self._speed = float(found)
        if request.to_ms is not None:
            self.go_to(request.to_ms)
        if request.step:
            self._step(request.step)
        if request.is_playing is not None:
            self._is_playing = request.is_playing
            self._stirred.set()
        return protocol.Done("playing" if self._is_playing else "standing")

    def _step(self, count: int) -> None:
        """So many moments on, or back; to an end where there are not as many."""
        times = [at for at, _ in self.moments]
        if count > 0:
            later = [at for at in times if at > self._now_ms]
            self.go_to(later[count - 1] if len(later) >= count else self.end_ms)
        else:
            earlier = [at for at in times if at < self._now_ms]
            self.go_to(earlier[count] if len(earlier) >= -count else self.start_ms)
