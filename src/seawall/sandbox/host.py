"""The host: a running venue in one process, on one event loop.

``writer`` does the work (see there for what is durable when); ``storage`` and ``recovery`` keep
it; this is what a dialect, the control and the agents hold in their hands.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from seawall.domain.commands import AdvanceTime
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.sandbox.clock import Clock
from seawall.sandbox.prehistory import Before
from seawall.sandbox.storage import FolderOptions, FolderStorage, Storage, check_name
from seawall.sandbox.writer import HostStopped, Writer
from seawall.venues.port import Directory, Done, History, Listener, Plan, Planner, Refusal

__all__ = ["Host", "HostOptions", "HostStopped"]


class HostOptions(Struct, frozen=True, kw_only=True):
    """``max_waiting``: work in the queue before "busy"; a quarter more for what uses the reserve.
    ``snapshot_every``: commands between automatic snapshots. ``tick_ms``: venue time between two
    AdvanceTime commands, 0 for none. ``folder``: how its folder is kept."""

    max_waiting: int = 8192
    snapshot_every: int = 200_000
    tick_ms: int = 250
    folder: FolderOptions | None = None


class Host:
    """A running venue; implements ``seawall.venues.port.Desk``.

    ``open``, ``await start()``, ``await stop()``, all on one event loop.
    """

    def __init__(self, storage: Storage, clock: Clock, options: HostOptions | None = None) -> None:
        self._storage = storage
        self._clock = clock
        self._options = options or HostOptions()
        self._work = Writer(
            storage, clock.now_ms, self._options.max_waiting, self._options.snapshot_every
        )
        self._writer: asyncio.Task[None] | None = None
        self._ticker: asyncio.Task[None] | None = None

    @classmethod
    def open(
        cls,
        folder: str | Path | None,
        rulebook: AnyRulebook,
        instruments: Sequence[Instrument],
        limits: Limits,
        make_directory: Callable[[], Directory],
        clock: Clock,
        options: HostOptions | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> "Host":
        """A new venue, or the one that ``folder`` holds, recovered; without a folder nothing lasts.

        ``about``: what a new folder's log says of how the venue is made. Raises as
        ``FolderStorage``.
        """

        def create() -> Engine:
            return Engine.create(rulebook, list(instruments), limits)

        if folder is None:
            storage = Storage(create, make_directory)
        else:
            kept = options.folder if options else None
            storage = FolderStorage(
                Path(folder), rulebook, instruments, limits, create, make_directory, about, kept
            )
        clock.begin(storage.last_ms)
        return cls(storage, clock, options)

    # -- what a dialect sees --------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        return self._work.engine

    @property
    def instruments(self) -> Sequence[Instrument]:
        return self._work.engine.instruments

    @property
    def directory(self) -> Any:
        return self._storage.directory

    @property
    def history(self) -> History:
        return self._storage.history

    def begin_history(self, before: Before) -> None:
        """Let the history tell what was before the venue began, too; it is not stored."""
        self._storage.history.before = before

    def now_ms(self) -> int:
        """The venue's clock."""
        return self._work.now_ms()

    async def submit(
        self, planner: Planner, alone: bool = False, uses_reserve: bool = False
    ) -> Done:
        """Plan, make durable, apply, answer. Raises Refusal with nothing changed.

        ``alone``: the planner sees every command before it applied, at the price of a wait for
        the disk of its own; for plans whose records must agree with what their commands will do.
        ``uses_reserve``: it may take the room in the queue that is kept back. Raises HostStopped
        when the host does not run or stops before it is durable.
        """
        self._check_started()
        return await self._work.submit(planner, alone, uses_reserve)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` after each piece of work; returns how to stop that."""
        listeners = self._work.listeners
        listeners.append(listener)

        def stop() -> None:
            with suppress(ValueError):
                listeners.remove(listener)

        return stop

    # -- what the process that runs the venue sees ----------------------------------------------

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def writer(self) -> "asyncio.Task[None]":
        """The task to watch: should it end with an exception, the process must end too."""
        return self._check_started()

    @property
    def waiting(self) -> int:
        """Work in the queue."""
        return self._work.waiting

    async def start(self) -> None:
        """Begin to take work, and to let time pass."""
        if self._writer is not None:
            raise HostStopped("a host starts once")
        self._writer = asyncio.create_task(self._work.run(), name="seawall-writer")
        if self._options.tick_ms:
            self._ticker = asyncio.create_task(self._tick(), name="seawall-ticker")

    async def stop(self) -> None:
        """Finish what waits, take a snapshot, close. Raises what stopped the writer, if it did."""
        if self._ticker is not None:
            self._ticker.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticker
        self._work.stop()
        try:
            if self._writer is not None:
                await self._writer
                if self.engine.sequence != self._work.snapshot_sequence:
                    await self._work.snapshot()
        finally:
            self._work.close()
            self._storage.close()

    async def advance(self, ms: int, step_ms: int = 60_000) -> int:
        """Move the clock by ``ms``, a step at a time, and let what becomes due happen.

        Returns the new time. Raises Refusal when the host is busy.
        """
        target = self.now_ms() + ms
        while (now := self.now_ms()) < target:
            self._clock.advance(min(step_ms, target - now))
            await self.submit(_advance_time, uses_reserve=True)
        return self.now_ms()

    async def save_point(self, name: str) -> int:
        """Remember this moment under ``name``; its sequence. Lasts as long as the folder does.

        Raises InputError for a name that is not 1 to 64 letters, digits, dashes or underscores.
        """

        async def save() -> int:
            moment = self._work.moment()
            await self._work.on_disk(self._storage.save_point, name, moment)
            return moment.position.sequence

        self._check_started()
        check_name(name)
        result: int = await self._work.between_groups(save)
        return result

    async def revert(self, name: str) -> int:
        """Go back to a save point; its sequence. Everything since then has not happened.

        The log goes on from there (see ``log``), and the history becomes what it was. A clock in
        real time stays where it is, any other goes back too. Raises InputError for an unknown name.
        """

        async def go_back() -> int:
            moment = await self._work.on_disk(self._storage.revert, name)
            self.engine.restore(moment.engine)
            self.directory.restore(moment.directory)
            self._storage.history.reverted(self.engine)
            self._clock.reset(moment.position.time_ms)
            self._work.last_ms = self.engine.clock_ms
            self._work.snapshot_sequence = moment.position.sequence
            return int(moment.position.sequence)

        self._check_started()
        if name not in (points := self.save_points()):
            known = ", ".join(points) or "none"
            raise InputError.of("", "name", name, f"a save point; there are: {known}")
        result: int = await self._work.between_groups(go_back)
        return result

    def save_points(self) -> list[str]:
        """Names, sorted."""
        return self._storage.save_points()

    def _check_started(self) -> "asyncio.Task[None]":
        if self._writer is None:
            raise HostStopped("the host was not started")
        return self._writer

    async def _tick(self) -> None:
        """One AdvanceTime per tick of venue time; none while the clock stands still."""
        last = 0
        while True:
            speed = self._clock.speed
            pause = self._options.tick_ms / speed / 1000 if speed else 0.05
            await asyncio.sleep(min(max(pause, 0.01), 1.0))
            now = self.now_ms()
            if self._clock.manual or self._clock.paused or now <= last:
                continue
            try:
                last = (await self.submit(_advance_time, uses_reserve=True)).time_ms
            except Refusal:
                continue  # busy: the next tick makes up for it
            except HostStopped:
                return


def _advance_time(time_ms: int) -> Plan:
    return Plan([AdvanceTime(time_ms)])
