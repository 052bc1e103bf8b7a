"""Verifying a venue's folder, offline: every file, what links them, and what can be done.

The log is read frame by frame and replayed from its first command under the rules in its own
header: each state hash on the way must be met, each snapshot must equal the state at its frame, and
the history must equal one that is made anew. Nothing in the folder is written.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from seawall.domain.errors import InputError, SeawallError
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import decode_rulebook
from seawall.engine.engine import Engine
from seawall.engine.journal import JournalError, describe_rules
from seawall.engine.layout import Limits
from seawall.report.progress import Progress, silent
from seawall.sandbox import recovery
from seawall.sandbox.check_history import Comparison, Stored
from seawall.sandbox.check_result import Checked, FolderCheck
from seawall.sandbox.log import (
    HISTORY,
    OLD_FILES,
    RESTORE,
    LogError,
    Mark,
    Opening,
    Piece,
    Position,
    Segment,
    chain_to,
    decode_entry,
    read_mark,
    segment_path,
    segments_of,
)
from seawall.sandbox.recovery import Moment, Rebuilt
from seawall.sandbox.timeline import is_on
from seawall.sandbox.venue import directory_of
from seawall.venues.port import Directory

ACCEPT = "or go on without what was lost: seawall up --accept-loss"
MADE_AGAIN = "nothing: it is made again"
_OURS = re.compile(r"snapshot-\d{4,}-\d{12}\.(sws|sqlite)")
_BESIDE = (".sqlite-wal", ".sqlite-shm", ".sqlite-digest")
"""What belongs to a database."""


class _Rules(Struct):
    rulebook: msgspec.Raw
    instruments: list[Instrument]
    limits: Limits


class _Read(Struct):
    """What a segment holds. ``links`` and ``sequences``: at the end of each frame, of the header
    first. ``fault``: why it cannot be read on."""

    number: int
    size: int
    opening: Opening | None = None
    rules: bytes = b""
    links: list[int] = []
    sequences: list[int] = []
    points: dict[str, Position] = {}
    last_ms: int = 0
    torn: str = ""
    fault: str = ""

    @property
    def end(self) -> Position:
        last = len(self.links) - 1
        return Position(self.number, last, self.links[last], self.sequences[last], self.last_ms)

    def has(self, frame: int, link: int) -> bool:
        return frame < len(self.links) and self.links[frame] == link


def check_folder(
    folder: Path,
    make_directory: Callable[[], Directory] | None = None,
    progress: Progress = silent,
) -> FolderCheck:
    """Every file of a venue's folder, verified. ``make_directory``: in place of the directory of
    the venue that the log names.

    Raises InputError for what holds no venue, or one that runs, and OSError.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name that of seawall up --data")
    with _left_alone(folder):
        return _Check(folder, make_directory, progress).result()


@contextmanager
def _left_alone(folder: Path) -> Iterator[None]:
    """No venue starts meanwhile. Raises InputError where one runs."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY)
    except FileNotFoundError:
        yield
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"a venue runs in {folder}: stop it, or check a copy, made by seawall backup "
                f"{folder} COPY"
            ) from None
        yield
    finally:
        os.close(descriptor)


class _Check:
    def __init__(
        self, folder: Path, make_directory: Callable[[], Directory] | None, progress: Progress
    ) -> None:
        self.folder = folder
        self.progress = progress
        self.rows: dict[str, Checked] = {}
        self._make_directory = make_directory
        self._accounts: int | None = None
        self._moments: dict[tuple[int, int], Moment] = {}
        self._histories: list[Stored] = []

    def result(self) -> FolderCheck:
        numbers = segments_of(self.folder)
        names = {path.name for path in self.folder.iterdir()}
        snapshots = recovery.snapshots_of(self.folder)
        if not numbers and not snapshots and HISTORY not in names:
            if any(path for name in OLD_FILES for path in self.folder.glob(name)):
                raise InputError(f"{self.folder} was written by an earlier version: use that one")
            raise InputError(f"{self.folder} holds no venue; name the folder of seawall up --data")
        segments = {number: self._read(number) for number in numbers}
        self._check_links(segments)
        mark = self._check_mark(segments)
        points = segments[numbers[-1]].points if numbers else {}
        witnesses = [mark.segment, *(segment for segment, _ in snapshots)]
        self._check_missing(segments, witnesses, {place.segment for place in points.values()})
        for segment, frame in snapshots:
            self._check_snapshot(segments, segment, frame)
        newest = segments[numbers[-1]] if numbers else None
        with tempfile.TemporaryDirectory(prefix="seawall-check-") as scratch:
            self._check_databases(segments, points, Path(scratch))
            if newest is not None:
                self._verify(segments, newest, Path(scratch))
        self._name_others()
        end = newest.end if newest and newest.links else Position(0, 0, 0, 0, 0)
        return FolderCheck(
            folder=str(self.folder), commands=end.sequence, time_ms=end.time_ms,
            segments=len(numbers), save_points=sorted(points), accounts=self._accounts,
            files=[self.rows[name] for name in sorted(self.rows)],
        )  # fmt: skip

    def note(self, path: Path, status: str, meaning: str, action: str = "") -> None:
        """A fault stays; anything else may be said better later."""
        before = self.rows.get(path.name)
        if before is None or not before.is_fault:
            size = path.stat().st_size if path.is_file() else 0
            self.rows[path.name] = Checked(path.name, size, status, meaning, action)

    # -- the log --------------------------------------------------------------------------------

    def _read(self, number: int) -> _Read:
        path = segment_path(self.folder, number)
        read = _Read(number, path.stat().st_size)
        try:
            segment = Segment(self.folder, number)
            reader = segment.reader
            read.opening, read.rules = segment.opening, reader.rules
            read.points = dict(segment.opening.points)
            origin = segment.opening.origin
            read.last_ms = origin.time_ms if origin else 0
            read.links, read.sequences = [reader.link], [reader.first_sequence - 1]
            for frame in reader.frames():
                entry = decode_entry(frame.note)
                if entry.point:
                    read.points[entry.point] = read.end
                read.links.append(frame.link)
                read.sequences.append(frame.last_sequence)
                read.last_ms = entry.time_ms
                if frame.number % 1000 == 0:
                    self.progress(f"reading {path.name}", reader.end, read.size)
            if reader.torn_tail is not None:
                read.torn = f"{reader.torn_tail.dropped_bytes} bytes, {reader.torn_tail.why}"
        except (SeawallError, msgspec.MsgspecError, OSError) as error:
            read.fault = str(error).removeprefix(f"{path}").removesuffix(RESTORE).strip(": ")
        if read.fault:
            self.note(path, "damaged", read.fault, f"{RESTORE}, {ACCEPT}")
        elif read.torn:
            meaning = f"{_commands(read)}; then {read.torn}: what a crash left, never acknowledged"
            self.note(path, "unfinished", meaning, "nothing: it is cut off at the next start")
        else:
            self.note(path, "sound", _commands(read))
        return read

    def _check_links(self, segments: dict[int, _Read]) -> None:
        """What a segment goes on from, and every save point, must be there."""
        newest = max(segments, default=0)
        for read in segments.values():
            if read.opening and read.opening.origin:
                name = segment_path(self.folder, read.number).name
                self._need(segments, read.opening.origin, f"{name} goes on from")
            for name, place in read.points.items() if read.number == newest else ():
                self._need(segments, place, f"save point {name} is of")
        for read in segments.values():
            if read.torn and read.number != newest:
                # Another segment began only once this one was whole.
                self.note(segment_path(self.folder, read.number), "damaged",
                          f"its end was lost ({read.torn}), which no other file needs",
                          RESTORE)  # fmt: skip

    def _need(self, segments: dict[int, _Read], place: Position, why: str) -> None:
        read = segments.get(place.segment)
        if read is not None and not read.fault and not read.has(place.frame, place.link):
            self._lost(read, f"{why} frame {place.frame} (command {place.sequence})")

    def _lost(self, read: _Read, why: str) -> None:
        path = segment_path(self.folder, read.number)
        meaning = f"ends with frame {read.end.frame} (command {read.end.sequence}), but {why}"
        self.note(path, "damaged", meaning, f"{RESTORE}, {ACCEPT}")
        read.fault = meaning

    def _check_mark(self, segments: dict[int, _Read]) -> Mark:
        path = self.folder / "lock"
        if not path.exists():
            self.note(path, "missing", "how far the log was acknowledged", MADE_AGAIN)
            return Mark()
        descriptor = os.open(path, os.O_RDONLY)
        try:
            mark = read_mark(descriptor)
        finally:
            os.close(descriptor)
        if not mark.segment:
            self.note(path, "damaged", "does not say how far the log was acknowledged", MADE_AGAIN)
            return mark
        self.note(path, "sound", f"the log was acknowledged to frame {mark.frame} of segment "
                  f"{mark.segment}")  # fmt: skip
        read = segments.get(mark.segment)
        if read is not None and not read.fault and not read.has(mark.frame, mark.link):
            self._lost(read, f"frame {mark.frame} was acknowledged")
        return mark

    def _check_missing(
        self, segments: dict[int, _Read], witnesses: Sequence[int], named: set[int]
    ) -> None:
        """Segments that others go on from, that hold a save point, or that were acknowledged."""
        openings = [read.opening for read in segments.values() if read.opening]
        retired = max((each.retired for each in openings), default=0)
        needed = named | {each.origin.segment for each in openings if each.origin}
        newest = max(segments, default=0)
        needed |= {number for number in witnesses if number > newest} | ({1} - {*segments})
        for number in sorted(needed - {*segments}):
            if number > retired:
                path = segment_path(self.folder, number)
                self.note(path, "missing", "commands that were acknowledged", RESTORE)

    # -- snapshots and history ------------------------------------------------------------------

    def _check_snapshot(self, segments: dict[int, _Read], segment: int, frame: int) -> None:
        place = Position(segment, frame, 0, 0, 0)
        path = recovery.snapshot_path(self.folder, place)
        try:
            moment = recovery.load_moment(self.folder, segment, frame, None)
        except (SeawallError, msgspec.MsgspecError, OSError) as error:
            self.note(path, "damaged", str(error).replace(str(path), "it"), MADE_AGAIN)
            return
        read = segments.get(segment)
        if read is not None and not read.fault and not read.has(frame, moment.position.link):
            if frame >= len(read.links):
                self._lost(read, f"{path.name} was taken after frame {frame}")
            else:
                self.note(path, "damaged", "is of another log", MADE_AGAIN)
            return
        sequence = moment.position.sequence
        self.note(path, "unverified", f"whole, after command {sequence:,}; the log that leads to "
                  "it cannot be replayed")  # fmt: skip
        self._moments[segment, frame] = moment

    def _check_databases(
        self, segments: dict[int, _Read], points: dict[str, Position], scratch: Path
    ) -> None:
        """The history, and the snapshot and history of each save point, by themselves."""
        history = self.folder / HISTORY
        self._open(history, scratch, "what the log holds", None)
        for name, place in points.items():
            snapshot = recovery.snapshot_path(self.folder, place)
            if not snapshot.exists():
                self.note(snapshot, "missing", f"save point {name}", MADE_AGAIN)
            copy = recovery.history_copy_path(self.folder, place)
            self._open(copy, scratch, f"save point {name}", place)
        newest = segments[max(segments)] if segments else None
        for stored in self._histories:
            if stored.path == history and newest is not None and not newest.fault:
                end = newest.end
                if (stored.generation, stored.sequence) > (end.segment, end.sequence):
                    self._lost(newest, f"the history knows command {stored.sequence}")

    def _open(self, path: Path, scratch: Path, what: str, place: Position | None) -> None:
        if not path.exists():
            self.note(path, "missing", f"the history of {what}", MADE_AGAIN)
            return
        self.progress(f"reading {path.name}")
        stored = Stored(path, scratch)
        if not stored.fault and place is not None and stored.sequence != place.sequence:
            stored.fault = f"is of command {stored.sequence}, not {place.sequence}"
        if stored.fault:
            self.note(path, "damaged", stored.fault, MADE_AGAIN)
            return
        self.note(path, "unverified", f"whole, up to command {stored.sequence:,}; the log that "
                  "leads to it cannot be replayed")  # fmt: skip
        self._histories.append(stored)

    # -- the replay -----------------------------------------------------------------------------

    def _verify(self, segments: dict[int, _Read], newest: _Read, scratch: Path) -> None:
        """Compare everything with a replay of the log, and of the branches that reverts left."""
        if newest.fault or not (create := self._engine_of(newest)):
            return
        make = self._make_directory or directory_of(newest.opening.about)  # type: ignore[union-attr]
        used: set[int] = set()
        ends = [newest.end]
        ends += [moment.position for _, moment in sorted(self._moments.items(), reverse=True)]
        for number, end in enumerate(ends):
            if number and (end.segment, end.frame) not in self._moments:
                continue  # it lay on a chain that was replayed
            try:
                pieces = chain_to(self.folder, end)
                used |= set() if number else {piece.segment for piece in pieces}
                if any(segments[piece.segment].fault for piece in pieces):
                    continue
                self._replay(pieces, newest.rules, create, make)
                self._compare_histories(pieces, newest.rules, create, scratch)
            except (LogError, JournalError, KeyError):
                continue  # what is missing or damaged was said
            except SeawallError as error:
                path = segment_path(self.folder, end.segment)
                self.note(path, "damaged", str(error).removeprefix(f"{path}: "), "see there")
        for read in segments.values():
            if read.number not in used and not read.fault:
                path = segment_path(self.folder, read.number)
                self.note(path, "sound", f"{_commands(read)}, which a revert undid")

    def _engine_of(self, newest: _Read) -> Callable[[], Engine] | None:
        """How the machine of the log is made; None where its rules cannot be read."""
        path = segment_path(self.folder, newest.number)
        try:
            rules = msgspec.json.decode(newest.rules, type=_Rules)
            book = decode_rulebook(rules.rulebook)
        except msgspec.MsgspecError as error:
            self.note(path, "unverified", f"its rules are of another version ({error})",
                      "check it with the version that wrote it")  # fmt: skip
            return None
        here = describe_rules(rulebook=book, instruments=rules.instruments, limits=rules.limits)
        if here != newest.rules:
            self.note(path, "unverified", "its rules have parts that this version does not know",
                      "check it with the version that wrote it")  # fmt: skip
            return None
        return lambda: Engine.create(book, rules.instruments, rules.limits)

    def _replay(
        self,
        pieces: Sequence[Piece],
        rules: bytes,
        create: Callable[[], Engine],
        make_directory: Callable[[], Directory],
    ) -> None:
        """From the first command that is there. Raises RecoveryError where a hash is not met."""
        origin = pieces[0].origin
        if origin is not None and not recovery.has_start(self.folder, pieces, rules):
            self.note(segment_path(self.folder, origin.segment), "missing",
                      "archived or dropped, and no snapshot after it is whole",
                      "put the archived segments back")  # fmt: skip
            return
        rebuilt = Rebuilt(create(), make_directory())
        whole = pieces[-1].end.sequence

        def reached(segment: int, frame: int) -> None:
            self._compare(segment, frame, rebuilt)
            if frame % 200 == 0:
                self.progress("replaying the log", rebuilt.engine.sequence, whole)

        recovery.replay(
            self.folder, pieces, rules, rebuilt, reached=reached, from_scratch=origin is None
        )
        if self._accounts is None:
            self._check_accounts(rebuilt, pieces[-1])

    def _compare(self, segment: int, frame: int, rebuilt: Rebuilt) -> None:
        moment = self._moments.pop((segment, frame), None)
        if moment is None:
            return
        path = recovery.snapshot_path(self.folder, moment.position)
        same = moment.engine == rebuilt.engine.snapshot()
        if same and moment.directory == rebuilt.directory.snapshot():
            sequence = moment.position.sequence
            self.note(path, "sound", f"equals the log's state after command {sequence:,}")
        else:
            self.note(path, "damaged", "holds another state than the log leads to",
                      "remove it: it is made again")  # fmt: skip

    def _check_accounts(self, rebuilt: Rebuilt, last: Piece) -> None:
        """The accounts that the directory knows are those that the machine has."""
        used = int(rebuilt.engine.tables["control"]["accounts_used"][0])
        self._accounts = used
        known: Any = getattr(rebuilt.directory, "next_row", used)
        if known != used:
            self.note(segment_path(self.folder, last.segment), "damaged",
                      f"the addresses are of {known} accounts, the machine has {used}",
                      RESTORE)  # fmt: skip

    def _compare_histories(
        self, pieces: Sequence[Piece], rules: bytes, create: Callable[[], Engine], scratch: Path
    ) -> None:
        on_it = [h for h in self._histories if is_on(pieces, h.generation, h.sequence)]
        if not on_it or pieces[0].origin is not None:
            return
        comparison = Comparison(scratch / "anew.sqlite", create, on_it, self.progress)
        for stored, tables in comparison.run(self.folder, pieces, rules):
            self._histories.remove(stored)
            lacks = pieces[-1].end.sequence - stored.sequence
            if tables:
                self.note(stored.path, "damaged", f"differs from the log in {', '.join(tables)}",
                          "remove it: it is made again")  # fmt: skip
            elif lacks and stored.path.name == HISTORY:
                self.note(stored.path, "behind", f"lacks the last {lacks:,} commands of the log",
                          "nothing: it is brought up at the next start")  # fmt: skip
            else:
                self.note(stored.path, "sound", "equals what the log gives, to command "
                          f"{stored.sequence:,}")  # fmt: skip

    def _name_others(self) -> None:
        for path in self.folder.iterdir():
            if path.name in self.rows or path.name.endswith(_BESIDE):
                continue
            if path.name.endswith(".damaged"):
                meaning = "a damaged part of the log, set aside by --accept-loss"
            elif path.name.startswith("history-damaged"):
                meaning = "a damaged history, set aside"
            elif path.name.endswith(".part"):
                meaning = "an unfinished file that a crash left"
            elif _OURS.fullmatch(path.name):
                meaning = "of a moment that has no name any more"
            else:
                meaning = "no file of a venue"
            self.note(path, "unknown", meaning, "harmless; it may be removed")


def _commands(read: _Read) -> str:
    first, last = read.sequences[0] + 1, read.sequences[-1]
    frames = f"{len(read.links) - 1:,} frames"
    return (
        f"commands {first:,} to {last:,}, {frames}" if last >= first else f"no commands, {frames}"
    )
