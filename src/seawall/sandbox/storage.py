"""Where a host keeps what must last: a folder, or nothing at all."""

import logging
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.engine.engine import Engine
from seawall.engine.journal import describe_rules, lock_file
from seawall.engine.layout import Limits
from seawall.sandbox import recovery
from seawall.sandbox.history import HistoryError, SqlHistory, open_copy
from seawall.sandbox.recovery import Moment
from seawall.sandbox.timeline import catch_up
from seawall.venues.port import Directory, Record

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Storage(Protocol):
    """All methods but the properties may block; the host calls them on its disk thread."""

    engine: Engine
    generation: int
    last_ms: int
    is_durable: bool
    history: SqlHistory

    @property
    def frame(self) -> int:
        """Number of the last group of records."""
        ...

    def write(self, time_ms: int, records: Sequence[Record], rows: NDArray[Any] | None) -> None: ...

    def save_snapshot(self, moment: Moment) -> None: ...

    def save_point(self, name: str, moment: Moment) -> None: ...

    def save_points(self) -> list[str]: ...

    def revert(self, name: str) -> Moment:
        """From now on what is written follows the save point, which is returned.

        The history is that of the save point. ``name`` must be one of ``save_points``.
        """
        ...

    def close(self) -> None: ...


def check_name(name: str) -> str:
    """Raises InputError for what is no name of a save point."""
    if not _NAME.fullmatch(name):
        raise InputError.of("", "name", name, "1 to 64 letters, digits, dashes or underscores")
    return name


class MemoryStorage:
    """Nothing is stored. Save points last as long as the host."""

    is_durable = False

    def __init__(self, engine: Engine, directory: Directory) -> None:
        self.engine = engine
        self.generation = 1
        self.last_ms = 0
        self.frame = 0
        self.history = SqlHistory(None, engine)
        self._points: dict[str, tuple[Moment, Any]] = {}

    def write(self, time_ms: int, records: Sequence[Record], rows: NDArray[Any] | None) -> None:
        """Nothing to do."""

    def save_snapshot(self, moment: Moment) -> None:
        """Nothing to do."""

    def save_point(self, name: str, moment: Moment) -> None:
        self._points[name] = moment, self.history.save_copy(None)

    def save_points(self) -> list[str]:
        return sorted(self._points)

    def revert(self, name: str) -> Moment:
        moment, copy = self._points[name]
        self.history.load_copy(copy, self.generation)
        return moment

    def close(self) -> None:
        self.history.close()


class FolderStorage:
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
            self.history = self._open_history(create)
        except BaseException:
            self._close_files()
            raise

    def _open_history(self, create: Callable[[], Engine]) -> SqlHistory:
        """The history, with everything that the journals hold."""
        try:
            history = SqlHistory(self.folder / "history.sqlite", self.engine)
        except HistoryError as error:
            log.warning("%s; it is made anew from the journals", error)
            for path in self.folder.glob("history.sqlite*"):
                path.unlink()
            history = SqlHistory(self.folder / "history.sqlite", self.engine)
        try:
            copy = self._base_history()
            if history.generation != self.generation and copy.exists():
                history.load_copy(open_copy(copy), self.generation)
            end = self.engine.sequence
            lacking = catch_up(self.folder, self.generation, end, self._rules, create, history)
        except BaseException:
            history.close()
            raise
        if lacking:
            log.info("the history lacked %d commands and has them now", lacking)
        history.reverted(self.engine)
        return history

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
        self.history.save_copy(path.with_suffix(".sqlite")).close()
        recovery.save_moment(path, moment, self._rules)

    def save_points(self) -> list[str]:
        return sorted(path.stem for path in (self.folder / "points").glob("*.sws"))

    def revert(self, name: str) -> Moment:
        """What was written since stays in the files of the old generation."""
        path = self.folder / "points" / f"{name}.sws"
        moment = recovery.load_moment(path, self._rules)
        self._journal.close()
        self._records.close()
        self.generation += 1
        copy = self._base_history()
        copy.unlink(missing_ok=True)
        os.link(path.with_suffix(".sqlite"), copy)
        self._journal, self._records = recovery.begin_generation(
            self.folder, self.generation, moment, self._rules
        )
        self.history.load_copy(open_copy(copy), self.generation)
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
