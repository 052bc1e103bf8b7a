"""Where a host keeps what must last: a folder, or memory where nothing must."""

import logging
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw
from numpy.typing import NDArray

from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.engine.engine import Engine
from seawall.engine.journal import describe_rules, lock_file
from seawall.engine.layout import Limits
from seawall.engine.snapshot import SnapshotError
from seawall.sandbox import recovery
from seawall.sandbox.history import HistoryError, SqlHistory, open_copy
from seawall.sandbox.recovery import Moment
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

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.generation = 1
        self.last_ms = 0
        self.history = SqlHistory(None, engine)
        self._points: dict[str, tuple[Moment, Any]] = {}

    @property
    def frame(self) -> int:
        """Number of the last group of records."""
        return 0

    def write(self, time_ms: int, records: Sequence[Record], rows: NDArray[Any] | None) -> None:
        """Make a group durable: records first, then commands."""

    def save_snapshot(self, moment: Moment) -> None:
        """So that a restart replays only what follows."""

    def save_point(self, name: str, moment: Moment) -> None:
        """Remember a moment and the history of it under a name. Raises InputError."""
        self._points[name] = moment, self.history.save_copy(None)

    def save_points(self) -> list[str]:
        """Names, sorted."""
        return sorted(self._points)

    def revert(self, name: str) -> Moment:
        """The save point, which what is written from now on follows; so does the history.

        ``name`` must be one of ``save_points``. Raises InputError, with nothing changed, where it
        cannot be read.
        """
        moment, copy = self._points[name]
        self.history.load_copy(copy, self.generation)
        return moment

    def close(self) -> None:
        self.history.close()


class FolderStorage(Storage):
    """A folder as ``recovery`` describes it; opening it recovers what it holds.

    Raises JournalLocked when another process has it, and what ``recover_folder`` raises.
    """

    is_durable = True

    def __init__(
        self,
        folder: Path,
        rulebook: AnyRulebook,
        instruments: Sequence[Instrument],
        limits: Limits,
        create: Callable[[], Engine],
        directory: Directory,
    ) -> None:
        self.folder = folder
        self._create = create
        (folder / "points").mkdir(parents=True, exist_ok=True)
        self._rules = describe_rules(
            rulebook=rulebook, instruments=list(instruments), limits=limits
        )
        self._lock = lock_file(folder / "lock")
        try:
            found = recovery.recover_folder(folder, self._rules, create, directory)
        except BaseException:
            os.close(self._lock)
            raise
        self.engine = found.engine
        self.generation = found.generation
        self.last_ms = found.last_ms
        self._journal = found.journal
        self._records = found.directory_log
        try:
            self.history = self._open_history()
        except BaseException:
            self._close_files()
            raise

    def _open_history(self) -> SqlHistory:
        """The history, with everything that the journals hold."""
        try:
            history = SqlHistory(self.folder / "history.sqlite", self.engine)
        except HistoryError as error:
            log.warning("%s; it is made anew from the journals", error)
            for path in self.folder.glob("history.sqlite*"):
                path.unlink()
            history = SqlHistory(self.folder / "history.sqlite", self.engine)
        try:
            self._bring_up(history, self.engine.sequence)
        except BaseException:
            history.close()
            raise
        history.reverted(self.engine)
        return history

    def _bring_up(self, history: SqlHistory, end: int) -> None:
        """Let the history hold the generation up to the command ``end``, and nothing else."""
        copy = self._base_history()
        if history.generation != self.generation and copy.exists():
            try:
                history.load_copy(open_copy(copy), self.generation)
            except apsw.Error as error:
                log.warning("%s: %s; it is made anew from the journals", copy, error)
        lacking = catch_up(self.folder, self.generation, end, self._rules, self._create, history)
        if lacking:
            log.info("the history lacked %d commands and has them now", lacking)

    def _base_history(self) -> Path:
        return recovery.base_path(self.folder, self.generation).with_suffix(".sqlite")

    @property
    def frame(self) -> int:
        return self._records.number

    def write(self, time_ms: int, records: Sequence[Record], rows: NDArray[Any] | None) -> None:
        before = self._journal.durable_sequence
        if records:
            after = before + (0 if rows is None else len(rows))
            self._records.append(before, after, [time_ms] * len(records), records)
        if rows is not None:
            self._journal.append(rows)
            self._journal.commit()

    def save_snapshot(self, moment: Moment) -> None:
        path = recovery.snapshot_path(self.folder, self.generation, moment.sequence)
        recovery.save_moment(path, moment, self._rules)
        recovery.drop_old_snapshots(self.folder, self.generation)

    def save_point(self, name: str, moment: Moment) -> None:
        path = self.folder / "points" / f"{name}.sws"
        try:
            self.history.save_copy(path.with_suffix(".sqlite")).close()
            recovery.save_moment(path, moment, self._rules)
        except (OSError, apsw.Error) as error:
            expected = f"saved in {path.parent}, but that failed ({error})"
            raise InputError.of("", "name", name, expected) from None

    def save_points(self) -> list[str]:
        return sorted(path.stem for path in (self.folder / "points").glob("*.sws"))

    def revert(self, name: str) -> Moment:
        """What was written since stays in the files of the old generation."""
        path = self.folder / "points" / f"{name}.sws"
        try:
            moment = recovery.load_moment(path, self._rules)
        except (SnapshotError, OSError) as error:
            expected = f"a save point that can be read ({error})"
            raise InputError.of("", "name", name, expected) from None
        self._journal.close()
        self._records.close()
        self.generation += 1
        copy = self._base_history()
        copy.unlink(missing_ok=True)
        if path.with_suffix(".sqlite").exists():
            os.link(path.with_suffix(".sqlite"), copy)
        self._journal, self._records = recovery.begin_generation(
            self.folder, self.generation, moment, self._rules
        )
        self._bring_up(self.history, moment.sequence)
        return moment

    def close(self) -> None:
        try:
            self.history.close()
        finally:
            self._close_files()

    def _close_files(self) -> None:
        self._journal.close()
        self._records.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
