"""Where a host keeps what must last: a folder, or memory where nothing must."""

import logging
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import apsw
from msgspec import Struct

from seawall.domain.errors import InputError, SeawallError
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.engine.engine import Engine
from seawall.engine.journal import (
    JournalLocked,
    JournalMismatch,
    describe_rules,
    differing_rules,
    lock_file,
)
from seawall.engine.layout import Limits
from seawall.sandbox import recovery
from seawall.sandbox.history import HistoryError, SqlHistory
from seawall.sandbox.history_file import open_copy
from seawall.sandbox.log import (
    HISTORY,
    RESTORE,
    Entry,
    Log,
    LogError,
    Piece,
    Position,
    StateHash,
    chain_to,
    cut_damage,
    segment_path,
    segments_of,
)
from seawall.sandbox.recovery import UPGRADE, Moment, Rebuilt, RecoveryError, state_hash
from seawall.sandbox.timeline import catch_up
from seawall.venues.port import Directory, Record

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_name(name: str) -> str:
    """Raises InputError for what is no name of a save point."""
    if not _NAME.fullmatch(name):
        raise InputError.of("", "name", name, "1 to 64 letters, digits, dashes or underscores")
    return name


class Storage:
    """Where a host keeps its state, here in memory: save points last as long as the host.

    ``last_ms``: the last time that is known, 0 for none. All methods may block; the host calls
    them on its disk thread.
    """

    is_durable = False

    def __init__(
        self, create: Callable[[], Engine], make_directory: Callable[[], Directory]
    ) -> None:
        self.engine = create()
        self.directory = make_directory()
        self.last_ms = 0
        self.history = SqlHistory(None, self.engine)
        self._points: dict[str, tuple[Moment, Any]] = {}

    @property
    def is_hash_due(self) -> bool:
        """Whether the next ``write`` computes a state hash, which takes some time."""
        return False

    def write(self, time_ms: int, records: Sequence[Record], rows: bytearray) -> None:
        """Make a group durable: what the directory has taken already, and rows not yet applied."""

    def moment(self, time_ms: int) -> Moment:
        """Engine and directory as they are now."""
        place = Position(1, 0, 0, self.engine.sequence, time_ms)
        return Moment(place, self.directory.snapshot(), self.engine.snapshot())

    def save_snapshot(self, moment: Moment) -> None:
        """So that a restart replays only what follows; in any thread. Raises OSError."""

    def begin_segment_if_long(self) -> None:
        """Let the log go on in a new file where its last one has grown long; old ones are archived
        or dropped, if the options say so. Raises OSError, with nothing changed."""

    def save_point(self, name: str, moment: Moment) -> None:
        """Remember the present moment, and the history of it, under a name.

        Raises InputError, with nothing changed, where that fails.
        """
        self._points[name] = moment, self.history.save_copy(None)

    def save_points(self) -> list[str]:
        """Names, sorted."""
        return sorted(self._points)

    def revert(self, name: str) -> Moment:
        """The save point, which what is written from now on follows; so does the history.

        ``name`` must be one of ``save_points``. Raises InputError, with nothing changed, where it
        cannot be gone back to.
        """
        moment, copy = self._points[name]
        self.history.load_copy(copy, 1)
        return moment

    def close(self) -> None:
        self.history.close()


class FolderOptions(Struct, frozen=True, kw_only=True):
    """``hash_every``: commands between two state hashes. ``segment_bytes``: a longer segment ends
    at the next snapshot. ``old_segments``: keep, drop, or a folder to archive them in, once two
    snapshots follow them. ``upgrade``: go on under other rules, or as another program computes.
    ``accept_loss``: go on with what can be read of a damaged log."""

    hash_every: int = 20_000
    segment_bytes: int = 64 * 1024 * 1024
    old_segments: str | Path = "keep"
    upgrade: bool = False
    accept_loss: bool = False


class FolderStorage(Storage):
    """A folder as ``log`` and ``recovery`` describe it; opening it recovers what it holds.

    ``about``: how the venue is made, for a folder where none ever ran. Raises JournalLocked when
    another process has it, LogError, RecoveryError, JournalError, OSError; the message names the
    file.
    """

    is_durable = True

    def __init__(
        self,
        folder: Path,
        rulebook: AnyRulebook,
        instruments: Sequence[Instrument],
        limits: Limits,
        create: Callable[[], Engine],
        make_directory: Callable[[], Directory],
        about: Mapping[str, Any] | None = None,
        options: FolderOptions | None = None,
    ) -> None:
        self.folder = folder
        self._options = options or FolderOptions()
        self._create = create
        self._make_directory = make_directory
        self._rules = describe_rules(
            rulebook=rulebook, instruments=list(instruments), limits=limits
        )
        # The usual snapshots have a thread of their own; a save point may be of the same moment.
        self._one_snapshot = Lock()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock = lock_file(folder / "lock")
        except JournalLocked:
            raise JournalLocked(
                f"a venue runs in {folder} already: stop it, or choose another folder"
            ) from None
        try:
            self._open(about or {})
        except BaseException:
            os.close(self._lock)
            raise

    def _open(self, about: Mapping[str, Any]) -> None:
        if self._options.accept_loss:
            for sentence in cut_damage(self.folder, self._lock):
                log.warning("%s", sentence)
        self._log = Log(self.folder, self._rules, about, self._lock, self._witnesses())
        try:
            if self._log.repaired:
                log.warning(
                    "a crash left an unfinished frame, which is cut off: %s", self._log.repaired
                )
            self._recover()
            self.history = self._open_history()
        except BaseException:
            self._log.close()
            raise

    def _witnesses(self) -> dict[int, int]:
        """By segment, the latest frame that a snapshot was taken after."""
        found: dict[int, int] = {}
        for segment, frame in recovery.snapshots_of(self.folder):
            found.setdefault(segment, frame)
        return found

    # -- coming back ----------------------------------------------------------------------------

    def _recover(self) -> None:
        if self._log.rules != self._rules and not self._options.upgrade:
            difference = differing_rules(self._log.rules, self._rules)
            raise JournalMismatch(
                f"{self.folder} was written under other rules: {difference}. Start it with those, "
                f"or {UPGRADE}"
            )
        rebuilt = self._replayed(from_scratch=self._options.upgrade)
        if rebuilt.program not in ("", recovery.program()) and not self._options.upgrade:
            rebuilt = self._verified(rebuilt)
        self.engine, self.directory = rebuilt.engine, rebuilt.directory
        self.last_ms = max(self.engine.clock_ms, rebuilt.last_ms)
        self._hashed: int | None = None
        if self._options.upgrade:
            self._log.begin_segment(self._log.position, self._rules, upgraded=True)

    def _pieces(self) -> list[Piece]:
        return chain_to(self.folder, self._log.position)

    def _replayed(self, from_scratch: bool) -> Rebuilt:
        rebuilt = Rebuilt(self._create(), self._make_directory())
        recovery.replay(
            self.folder,
            self._pieces(),
            self._rules,
            rebuilt,
            seen=self._log.replayed,
            from_scratch=from_scratch,
            checked=not self._options.upgrade,
        )
        return rebuilt

    def _verified(self, rebuilt: Rebuilt) -> Rebuilt:
        """Another version of the program wrote the log: its state hashes must be met from the
        first command on, and the snapshots with them."""
        log.info("another version wrote %s: its whole log is replayed once", self.folder)
        try:
            whole = self._replayed(from_scratch=True)
        except LogError as error:
            log.warning("the log cannot be verified from its first command: %s", error)
            return rebuilt
        here, there = (state_hash(each.engine, each.directory) for each in (whole, rebuilt))
        if here != there:
            raise RecoveryError(
                f"{self.folder}: the log leads to another state than its snapshots, which another "
                "version of the program took: a rule of it has changed. Run that version, or "
                f"{UPGRADE}"
            )
        return whole

    def _open_history(self) -> SqlHistory:
        """The history, with everything that the log holds."""
        history = SqlHistory(self.folder / HISTORY, self.engine)
        try:
            self._bring_up(history)
        except BaseException:
            history.close()
            raise
        return history

    def _bring_up(self, history: SqlHistory) -> None:
        """Let the history hold the chain up to its end, and nothing else."""
        pieces = self._pieces()
        end = pieces[-1].end
        knows_more = (history.generation, history.last_sequence) > (end.segment, end.sequence)
        if knows_more and not self._options.accept_loss:
            raise LogError(
                f"{segment_path(self.folder, end.segment)} ends with command {end.sequence}, but "
                f"command {history.last_sequence} was acknowledged: {RESTORE}, or go on without "
                "what was lost: --accept-loss"
            )
        lacking = catch_up(self.folder, pieces, self._rules, self._create, history)
        if lacking:
            log.info("the history lacked %d commands and has them now", lacking)
        history.reverted(self.engine)

    # -- going on -------------------------------------------------------------------------------

    def write(self, time_ms: int, records: Sequence[Record], rows: bytearray) -> None:
        self._log.append(Entry(time_ms, records, self._hash_if_due()), rows)

    def _hash_if_due(self) -> StateHash | None:
        if not self.is_hash_due:
            return None
        self._hashed = self.engine.sequence
        return state_hash(self.engine, self.directory)

    @property
    def is_hash_due(self) -> bool:
        sequence = self.engine.sequence
        return self._hashed is None or sequence - self._hashed >= self._options.hash_every

    def moment(self, time_ms: int) -> Moment:
        place = self._log.position
        at = Position(place.segment, place.frame, place.link, place.sequence, time_ms)
        return Moment(at, self.directory.snapshot(), self.engine.snapshot())

    def save_snapshot(self, moment: Moment) -> None:
        with self._one_snapshot:
            recovery.save_moment(self.folder, moment, self._rules)
            self._drop_snapshots()

    def _drop_snapshots(self) -> None:
        recovery.drop_snapshots(self.folder, list(self._log.points.values()))

    def begin_segment_if_long(self) -> None:
        if self._log.segment_bytes < self._options.segment_bytes:
            return
        old = self._options.old_segments
        kept = recovery.snapshots_of(self.folder)[: recovery.KEPT_SNAPSHOTS]
        retired = 0
        if old != "keep" and len(kept) == recovery.KEPT_SNAPSHOTS:
            retired = kept[-1][0] - 1
        self._log.begin_segment(self._log.position, self._rules, retired=retired)
        self._hashed = None
        self.history.set_generation(self._log.segment)
        for number in segments_of(self.folder):
            if number <= retired:
                path = segment_path(self.folder, number)
                if old != "drop":
                    Path(old).mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, Path(old) / path.name)
                path.unlink()

    def save_point(self, name: str, moment: Moment) -> None:
        copy = recovery.history_copy_path(self.folder, moment.position)
        try:
            self.history.save_copy(copy).close()
            with self._one_snapshot:
                recovery.save_moment(self.folder, moment, self._rules)
        except (OSError, SeawallError) as error:
            with suppress(OSError):
                copy.unlink(missing_ok=True)
            expected = f"saved in {self.folder}, but that failed ({error})"
            raise InputError.of("", "name", name, expected) from None
        self._log.name_point(name, moment.position)
        self._drop_snapshots()

    def save_points(self) -> list[str]:
        return sorted(self._log.points)

    def revert(self, name: str) -> Moment:
        """What was written since stays in the segments of before."""
        place = self._log.points[name]
        try:
            moment = self._moment_at(place)
            self._log.begin_segment(place, self._rules)
        except (SeawallError, OSError) as error:
            expected = f"a save point that can be gone back to ({error})"
            raise InputError.of("", "name", name, expected) from None
        self._hashed = None
        try:
            copy = open_copy(recovery.history_copy_path(self.folder, place))
            try:
                self.history.load_copy(copy, self._log.segment)
            finally:
                copy.close()
        except (apsw.Error, HistoryError, OSError) as error:
            log.warning("the history of save point %s: %s; it is made anew", name, error)
            self.history.start_over(self._log.segment)
        try:
            catch_up(self.folder, self._pieces(), self._rules, self._create, self.history)
        except (SeawallError, OSError) as error:
            self.history.lacks(f"what the log before the save point says: {error}")
        return moment

    def _moment_at(self, place: Position) -> Moment:
        """Engine and directory at a position: its snapshot, or a replay up to it."""
        moment = recovery.moment_of(self.folder, place, self._rules)
        if moment is not None:
            return moment
        rebuilt = Rebuilt(self._create(), self._make_directory())
        recovery.replay(self.folder, chain_to(self.folder, place), self._rules, rebuilt)
        return Moment(place, rebuilt.directory.snapshot(), rebuilt.engine.snapshot())

    def close(self) -> None:
        try:
            self.history.close()
        finally:
            self._log.close()
            self.release()

    def release(self) -> None:
        """Let go of the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
