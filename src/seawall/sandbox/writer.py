"""The one writer: takes what waits, plans it, makes it durable, lets it take effect, answers.

Work waits in a bounded queue. The writer takes what is there, lets each planner say what it
wants, in order, and writes the whole group, the directory's records and the machine's commands,
with one wait for the disk. Only then do the commands take effect, as the very rows that were
written; listeners hear of them, and callers get their answers. A quick disk is waited for here, a
slow one in a thread, so that the loop can go on reading. Records take effect on the directory while
the group is planned, so that the next planner sees nonces and new accounts; commands of the same
group it does not see yet. Work that must see them is submitted with ``alone``.

A funding settlement that is due gets a command and a group of its own, at exactly its time,
before anything later: so a settlement's rate is in the tables when its command has taken effect.

A write to the log that fails stops everything: what the disk has is then unknown. A snapshot that
fails is tried again later.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec import Struct

from seawall.domain.commands import AdvanceTime
from seawall.domain.errors import InputError, SeawallError
from seawall.domain.events import Event
from seawall.engine.codec import COMMAND_BYTES, encode_command
from seawall.sandbox.recovery import Moment
from seawall.sandbox.storage import Storage
from seawall.venues.port import Applied, Done, Listener, Plan, Planner, Record, Refusal

log = logging.getLogger(__name__)

MAX_GROUP = 256
MAX_COMMANDS = 4096
"""A group takes no more work once it has this many commands; a plan has no more."""
LONGEST_WAIT_S = 0.002
"""A disk that is slower is waited for in a thread: the hand-over costs less than the loop loses."""
WAIT_WEIGHT = 0.1
PASSES = 4
"""Of the loop between two groups: a request that has come meanwhile takes as many from the socket
to the queue, so it shares the next wait for the disk with the others that came with it."""
MAX_LATE_SETTLEMENTS = 200
"""After a longer gap the machine catches up many settlements in one command."""


class HostStopped(RuntimeError):
    """The host does not run (any more). The message says why; nothing was acknowledged."""


class _Work(Struct, eq=False):
    planner: Planner
    answer: "asyncio.Future[Done]"
    alone: bool


class _Job(Struct, eq=False):
    """Something that the writer does between two groups: a snapshot, a revert."""

    run: Callable[[], Awaitable[Any]]
    answer: "asyncio.Future[Any]"


class _Group:
    """What one wait for the disk makes durable."""

    def __init__(self, time_ms: int) -> None:
        self.time_ms = time_ms
        self.planned: list[tuple[Plan, asyncio.Future[Done] | None]] = []
        """With who waits for the answer; None where the writer itself asked."""
        self.rows = bytearray()
        """Of ``command_dtype``, all commands in order."""
        self.records: list[Record] = []
        self.commands = 0

    def add(self, plan: Plan, answer: "asyncio.Future[Done] | None") -> None:
        """Raises CodecError or ValueError, with nothing added, for a bad plan."""
        commands, end = plan.commands, len(self.rows)
        if len(commands) > MAX_COMMANDS:
            raise ValueError(f"a plan of {len(commands)} commands; {MAX_COMMANDS} are allowed")
        self.rows.extend(bytes(len(commands) * COMMAND_BYTES))
        try:
            for place, command in enumerate(commands):
                if command.time_ms != self.time_ms:
                    raise ValueError(f"{command} is not of the time {self.time_ms} of its plan")
                encode_command(command, self.rows, end + place * COMMAND_BYTES)
        except BaseException:
            del self.rows[end:]
            raise
        self.commands += len(commands)
        self.planned.append((plan, answer))
        self.records.extend(plan.records)


class Writer:
    """The queue and the loop. ``now_ms``: the venue's clock; may be asked at any time."""

    def __init__(
        self,
        storage: Storage,
        now_ms: Callable[[], int],
        max_waiting: int,
        snapshot_every: int,
    ) -> None:
        self.engine = storage.engine
        self.last_ms = storage.last_ms
        self.listeners: list[Listener] = []
        self.stopping = False
        self.snapshot_sequence = storage.engine.sequence
        self._storage = storage
        self._directory = storage.directory
        self._now_ms = now_ms
        self._max_waiting = max_waiting
        self._snapshot_every = snapshot_every
        self._waiting: deque[_Work | _Job] = deque()
        self._arrived = asyncio.Event()
        self._failure: BaseException | None = None
        rules = storage.engine.tables["rules"]
        self._period_ms = max(int(rules["funding_settlement_ms"][0]), 1)
        self._disk = ThreadPoolExecutor(1, "seawall-disk")
        self._snapshots = ThreadPoolExecutor(1, "seawall-snapshot")
        self._snapshot: asyncio.Future[None] | None = None
        self._disk_wait_s = 0.0
        """What a group's wait for the disk takes lately."""

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def now_ms(self) -> int:
        return max(self._now_ms(), self.last_ms)

    async def submit(self, planner: Planner, alone: bool, uses_reserve: bool = False) -> Done:
        """``uses_reserve``: a quarter more than ``max_waiting`` may wait before it is refused."""
        self.check_running()
        most = self._max_waiting + (self._max_waiting // 4 if uses_reserve else 0)
        if len(self._waiting) >= most:
            raise Refusal("busy")
        answer: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._put(_Work(planner, answer, alone))
        return await answer

    async def between_groups(self, run: Callable[[], Awaitable[Any]]) -> Any:
        """What ``run`` returns, called by the writer when nothing is under way.

        An InputError of it is the answer: it has changed nothing. Anything else that it raises
        stops the host: it may have left anything half done.
        """
        self.check_running()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(_Job(run, answer))
        return await answer

    def stop(self) -> None:
        """Take no more work; ``run`` returns when what waits is done."""
        self.stopping = True
        self._arrived.set()

    def close(self) -> None:
        self._disk.shutdown(wait=True)
        self._snapshots.shutdown(wait=True)

    def check_running(self) -> None:
        if self._failure is not None:
            raise HostStopped(f"the venue has stopped: {self._failure!r}") from self._failure
        if self.stopping:
            raise HostStopped("the venue is stopping")

    def _put(self, item: _Work | _Job) -> None:
        self._waiting.append(item)
        self._arrived.set()

    async def on_disk(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call something that waits for the disk, on the one thread that does."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, function, *arguments)

    def moment(self) -> Moment:
        """Engine and directory as they are now."""
        return self._storage.moment(self.now_ms())

    async def snapshot(self) -> None:
        """Save the present moment, so that a restart replays only what follows. Trading goes on
        meanwhile; one that fails is said and tried again later."""
        moment = self.moment()
        self.snapshot_sequence = moment.position.sequence
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._snapshots, self._storage.save_snapshot, moment
            )
        except (OSError, SeawallError) as error:
            log.warning("no snapshot could be saved: %s", error)

    async def snapshots_done(self) -> None:
        """Return once no snapshot is being saved."""
        if self._snapshot is not None:
            await asyncio.wait([self._snapshot])

    def _begin_segment(self) -> None:
        try:
            self._storage.begin_segment_if_long()
        except OSError as error:
            log.warning("the log could not go on in a new file: %s", error)

    async def run(self) -> None:
        """Until ``stop``, or until something fails: then all that wait are refused."""
        try:
            while self._waiting or not self.stopping:
                if not self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
                elif isinstance(self._waiting[0], _Job):
                    await self._run_job(self._waiting.popleft())
                else:
                    await self._run_group()
        except BaseException as error:
            self._failure = error
            log.critical("the venue stops: %r", error)
            while self._waiting:
                _reject(self._waiting.popleft().answer, _stopped(error))
            raise

    async def _run_job(self, job: Any) -> None:
        try:
            result = await job.run()
        except InputError as error:
            _reject(job.answer, error)
            return
        except BaseException as error:
            _reject(job.answer, _stopped(error))
            raise
        if not job.answer.done():
            job.answer.set_result(result)

    async def _run_group(self) -> None:
        group = self._settlement_due() or self._plan_group()
        try:
            await self._write(group)
            self._take_effect(group)
        except BaseException as error:
            for _, answer in group.planned:
                if answer is not None:
                    _reject(answer, _stopped(error))
            raise
        if self._snapshot is not None and self._snapshot.done():
            self._snapshot = None
            self._begin_segment()
        is_due = self.engine.sequence - self.snapshot_sequence >= self._snapshot_every
        if is_due and self._snapshot is None:
            self._snapshot = asyncio.ensure_future(self.snapshot())
        for _ in range(PASSES):
            await asyncio.sleep(0)

    async def _write(self, group: _Group) -> None:
        if not self._storage.is_durable or not (group.commands or group.records):
            return
        if self._disk_wait_s < LONGEST_WAIT_S and not self._storage.is_hash_due:
            spent = self._write_now(group)
        else:
            spent = await self.on_disk(self._write_now, group)
        self._disk_wait_s += (spent - self._disk_wait_s) * WAIT_WEIGHT

    def _write_now(self, group: _Group) -> float:
        """Seconds that it took."""
        start = time.perf_counter()
        self._storage.write(group.time_ms, group.records, group.rows)
        return time.perf_counter() - start

    def _settlement_due(self) -> _Group | None:
        due = int(self.engine.tables["control"]["next_settlement_ms"][0])
        now = self.now_ms()
        if not due or due >= now or now - due > MAX_LATE_SETTLEMENTS * self._period_ms:
            return None
        self.last_ms = max(due, self.last_ms)
        group = _Group(self.last_ms)
        group.add(Plan([AdvanceTime(self.last_ms)]), None)
        return group

    def _plan_group(self) -> _Group:
        self.last_ms = self.now_ms()
        group = _Group(self.last_ms)
        for _ in range(MAX_GROUP):
            if not self._waiting or group.commands >= MAX_COMMANDS:
                break
            work = self._waiting[0]
            if isinstance(work, _Job) or (work.alone and group.planned):
                break
            self._waiting.popleft()
            if not work.answer.done():  # otherwise the caller has gone
                self._plan_one(group, work)
        return group

    def _plan_one(self, group: _Group, work: _Work) -> None:
        try:
            plan = work.planner(group.time_ms)
            group.add(plan, work.answer)
        except Refusal as refusal:
            _reject(work.answer, refusal)
            return
        except Exception:
            log.exception("a planner failed; its work is refused")
            _reject(work.answer, Refusal("internal error"))
            return
        for record in plan.records:
            self._directory.apply(record, group.time_ms)

    def _take_effect(self, group: _Group) -> None:
        sequence = self.engine.sequence
        caused = self._apply(group) if group.commands else []
        done = 0
        for plan, answer in group.planned:
            applied = []
            for command in plan.commands:
                events = caused[done]
                done += 1
                self._storage.history.record(self.engine, sequence + done, command, events)
                applied.append(Applied(group.time_ms, command, events))
            if applied:
                self._tell(applied)
            if answer is not None and not answer.done():
                answer.set_result(Done(group.time_ms, applied))

    def _apply(self, group: _Group) -> list[list[Event]]:
        """The events of each command of a group."""
        before = self.engine.sequence + 1
        caused: list[list[Event]] = [[] for _ in range(group.commands)]
        for event in self.engine.apply_encoded(group.rows):
            caused[event.sequence - before].append(event)
        return caused

    def _tell(self, applied: Sequence[Applied]) -> None:
        for listener in list(self.listeners):
            try:
                listener(applied)
            except Exception:
                log.exception("a listener failed")


def _stopped(error: BaseException) -> HostStopped:
    return HostStopped(f"the venue has stopped and this was not acknowledged: {error!r}")


def _reject(answer: "asyncio.Future[Any]", error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
