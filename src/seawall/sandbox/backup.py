"""Copying the folder of a venue that may be running, so that the copy is a venue of one moment.

The log only grows, so what is derived from it is copied first and the log last, up to its last
whole frame: the copy is the venue as it was after that frame, and nothing in it is of a later
moment. A log that goes on in a new segment, or retires an old one, while it is copied costs another
try. The copy is made beside its place, read back, and renamed: it is there whole, or not at all.
"""

import os
import shutil
import tempfile
from pathlib import Path

import apsw
from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.engine.journal import JournalError, JournalReader, sync_folder
from seawall.report.progress import Progress, silent
from seawall.sandbox.log import (
    HISTORY,
    LogError,
    Mark,
    Piece,
    Position,
    Segment,
    chain_to,
    read_mark,
    segment_path,
    segments_of,
)
from seawall.sandbox.recovery import frames_of, has_start

TRIES = 5


class BackupError(InputError):
    """A copy that could not be made; the message says why. Nothing is left of it."""


class Backup(Struct, frozen=True):
    """What a copy holds: the venue after ``commands`` commands, at ``time_ms``. ``lacks``: what
    could not be copied, and is made again from its log."""

    folder: str
    commands: int
    time_ms: int
    save_points: list[str]
    files: int
    bytes: int
    lacks: list[str]


class _Moved(Exception):
    """The venue changed files in a way that the copy under way does not fit; try again."""


def back_up(folder: Path, target: Path, progress: Progress = silent) -> Backup:
    """Copy the folder of a venue, running or not, to ``target``, which must be new or empty.

    Raises BackupError, OSError.
    """
    _check_places(folder, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        copy, lacks = _copied(folder, beside / "venue", progress)
        progress("reading the copy back")
        made = _verified(copy, target, lacks)
        for path in copy.iterdir():
            _sync(path)
        sync_folder(copy)
        os.replace(copy, target)
        sync_folder(target.parent)
    except (LogError, JournalError) as error:
        said = str(error).replace(str(beside / "venue"), str(folder))
        raise BackupError(f"{said}. What can be done: seawall check {folder}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return made


def _check_places(folder: Path, target: Path) -> None:
    if not folder.is_dir() or not segments_of(folder):
        raise BackupError.of("", "folder", str(folder), "one that holds a venue's log")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError.of("", "target", str(target), "a new or an empty folder")
    inside, outside = target.resolve(), folder.resolve()
    if inside.is_relative_to(outside) or outside.is_relative_to(inside):
        raise BackupError.of("", "target", str(target), f"a folder apart from {folder}")


def _copied(folder: Path, copy: Path, progress: Progress) -> tuple[Path, list[str]]:
    for _ in range(TRIES):
        copy.mkdir()
        numbers = segments_of(folder)
        try:
            lacks = _copy_derived(folder, copy, progress)
            _copy_log(folder, copy, progress)
            # Snapshots may rest on segments that were retired since.
            if segments_of(folder) != numbers and not _can_start(copy):
                raise _Moved
        except _Moved:
            shutil.rmtree(copy)
        else:
            return copy, lacks
    raise BackupError(f"{folder} retires its log faster than it can be copied; try again")


def _copy_derived(folder: Path, copy: Path, progress: Progress) -> list[str]:
    """Snapshots, copies of save points and the history; what could not be copied."""
    lacks = []
    for path in [*sorted(folder.glob("snapshot-*.s*")), folder / HISTORY]:
        progress(f"copying {path.name}")
        try:
            if path.suffix == ".sqlite":
                _copy_database(path, copy / path.name)
            elif path.suffix == ".sws":
                shutil.copyfile(path, copy / path.name)
        except FileNotFoundError:
            continue  # newer ones have taken its place
        except apsw.Error as error:
            (copy / path.name).unlink(missing_ok=True)
            if path.exists():
                lacks.append(f"{path.name} ({error}); it is made anew")
    return lacks


def _copy_database(path: Path, copy: Path) -> None:
    """A consistent copy while another process may write it. Raises apsw.Error."""
    source = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    made = apsw.Connection(str(copy))
    try:
        source.set_busy_timeout(10_000)
        with made.backup("main", source, "main") as job:
            job.step()
        if (fault := made.pragma("quick_check")) != "ok":
            raise apsw.CorruptError(fault)
    finally:
        made.close()
        source.close()


def _copy_log(folder: Path, copy: Path, progress: Progress) -> None:
    """Every segment up to its last whole frame, and the mark of the newest one's end."""
    acknowledged = _mark_of(folder)
    numbers = segments_of(folder)
    for number in numbers:
        progress(f"copying {segment_path(folder, number).name}")
        try:
            shutil.copyfile(segment_path(folder, number), segment_path(copy, number))
        except FileNotFoundError:
            raise _Moved from None
        reader = JournalReader(segment_path(copy, number))
        for _ in reader.frames():
            pass
        os.truncate(reader.path, reader.end)
        if number == acknowledged.segment and reader.frame < acknowledged.frame:
            raise LogError(
                f"{segment_path(folder, number)} ends with frame {reader.frame}, but frame "
                f"{acknowledged.frame} was acknowledged"
            )
    if acknowledged.segment > numbers[-1]:
        raise LogError(
            f"{segment_path(folder, acknowledged.segment)} is missing, which was acknowledged"
        )
    with (copy / "lock").open("wb") as file:
        Mark(numbers[-1], reader.frame, reader.link).write(file.fileno())


def _chain(copy: Path) -> tuple[Segment, list[Piece]]:
    """The newest segment, and what leads to the end of a copy."""
    mark = _mark_of(copy)
    end = Position(mark.segment, mark.frame, mark.link, 0, 0)
    return Segment(copy, mark.segment), chain_to(copy, end)


def _can_start(copy: Path) -> bool:
    try:
        newest, pieces = _chain(copy)
    except LogError:
        return False
    return has_start(copy, pieces, newest.reader.rules)


def _mark_of(folder: Path) -> Mark:
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY)
    except OSError:
        return Mark()
    try:
        return read_mark(descriptor)
    finally:
        os.close(descriptor)


def _verified(copy: Path, target: Path, lacks: list[str]) -> Backup:
    """What a copy holds, read back from it. Raises LogError, JournalError."""
    newest, pieces = _chain(copy)
    if not has_start(copy, pieces, newest.reader.rules):
        raise LogError(f"{copy} begins after its first command, and no snapshot can be used")
    points = dict(newest.opening.points)
    commands = time_ms = 0
    for piece in pieces:
        for frame, entry, before in frames_of(copy, piece):
            commands, time_ms = frame.last_sequence, max(time_ms, entry.time_ms)
            if entry.point and piece.segment == newest.number:
                points[entry.point] = before
    files = list(copy.iterdir())
    size = sum(path.stat().st_size for path in files)
    return Backup(str(target), commands, time_ms, sorted(points), len(files), size, lacks)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
