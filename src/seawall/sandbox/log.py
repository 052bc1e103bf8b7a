"""The venue's log: everything that was acknowledged, in one chain of frames.

    log-0001.swj, log-0002.swj ...      segments: journals (docs/machine/journal.md) with notes
    lock                                held while a venue runs; how far the log was acknowledged

A frame holds the machine's commands and, as its note, an ``Entry``: what the dialect remembers
beside them, so both are durable with one wait for the disk or not at all. A segment's header notes
an ``Opening``: how the venue was made, and the position that the segment goes on from. The next
segment begins where the last one has grown long, or where a revert goes back to; so the commands
that count are the chain of segments that leads to the newest one's end. A new segment is created
in one step: a crash during a revert leaves the venue before it or after it.

The end of a file cannot show that more was there. So after every group the file ``lock`` is
written with how far the log has got, without a wait: a log that ends before that has lost
acknowledged work, and is refused. After a power failure the file may say less than the log holds,
never more.
"""

import logging
import os
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct

from seawall.domain.errors import SeawallError
from seawall.engine.journal import Frame, JournalCorrupt, JournalReader, JournalWriter
from seawall.venues.port import Record

log = logging.getLogger(__name__)

_MARK = struct.Struct("<8sqqI")
_MARK_SUM = struct.Struct("<I")
_MARK_MAGIC = b"SEAWALLM"
OLD_FILES = ("journal-*.swj", "directory-*.swd", "sandbox.json")
"""Of versions with a log in two files."""
HISTORY = "history.sqlite"
"""The history's file in a venue's folder; derived."""


class LogError(SeawallError):
    """The log cannot be used; the message names the file, why, and what can be done."""


class Position(Struct, frozen=True):
    """The end of a frame of a segment. ``link``: its checksum; frame 0 is the segment's header."""

    segment: int
    frame: int
    link: int
    sequence: int
    time_ms: int


class Opening(Struct, frozen=True, omit_defaults=True):
    """What a segment's header notes. ``origin``: what it goes on from, None for the empty machine.

    ``points``: save points so far, by name. ``upgraded``: what came before was replayed under
    other rules or by another program. ``retired``: segments up to this number may be gone.
    """

    about: dict[str, Any]
    origin: Position | None = None
    points: dict[str, Position] = {}
    upgraded: bool = False
    retired: int = 0


class StateHash(Struct, frozen=True):
    """The state after an entry's records and before its commands; ``program``: who computed it."""

    engine: str
    directory: str
    program: str


class Entry(Struct, frozen=True, omit_defaults=True):
    """What a frame notes. ``point``: this moment, before the frame, got a name."""

    time_ms: int
    records: Sequence[Record] = ()
    state: StateHash | None = None
    point: str = ""


decode_entry = msgspec.json.Decoder(Entry).decode
_encode = msgspec.json.Encoder().encode
_decode_opening = msgspec.json.Decoder(Opening).decode


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"log-{number:04d}.swj"


def segments_of(folder: Path) -> list[int]:
    """Numbers of the segments that are there, ascending."""
    found = (re.fullmatch(r"log-(\d{4,})\.swj", path.name) for path in folder.iterdir())
    return sorted(int(match[1]) for match in found if match)


class Segment:
    """A segment to read. Raises LogError, JournalError, OSError."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.path = segment_path(folder, number)
        try:
            self.reader = JournalReader(self.path)
        except FileNotFoundError:
            raise LogError(f"{self.path} is missing: {RESTORE}") from None
        except JournalCorrupt as error:
            raise LogError(f"{error}: {RESTORE}") from None
        self.opening = _decode_opening(self.reader.note)


RESTORE = "restore it from a backup of this folder"


def about_of(folder: Path) -> dict[str, Any] | None:
    """How the venue of a folder was made; None where none ever ran. Raises as ``Segment``."""
    numbers = segments_of(folder) if folder.is_dir() else []
    return Segment(folder, numbers[-1]).opening.about if numbers else None


class Piece(Struct, frozen=True):
    """A part of the chain: the frames of a segment up to ``end``. ``origin``: before its first."""

    end: Position
    origin: Position | None
    upgraded: bool

    @property
    def segment(self) -> int:
        return self.end.segment


def chain_to(folder: Path, end: Position) -> list[Piece]:
    """What leads to a position, oldest first. It ends early at segments that were retired.

    Raises as ``Segment``.
    """
    pieces: list[Piece] = []
    place: Position | None = end
    retired = 0
    while place is not None and not (place.segment <= retired and _is_gone(folder, place.segment)):
        opening = Segment(folder, place.segment).opening
        retired = max(retired, opening.retired)
        pieces.append(Piece(place, opening.origin, opening.upgraded))
        place = opening.origin
    return pieces[::-1]


def _is_gone(folder: Path, segment: int) -> bool:
    return not segment_path(folder, segment).exists()


class Mark(Struct, frozen=True):
    """How far a log was acknowledged: everything up to this frame."""

    segment: int = 0
    frame: int = 0
    link: int = 0

    def write(self, descriptor: int) -> None:
        body = _MARK.pack(_MARK_MAGIC, self.segment, self.frame, self.link)
        os.pwrite(descriptor, body + _MARK_SUM.pack(crc32(body)), 0)


def read_mark(descriptor: int) -> Mark:
    """The mark in an open file; that of segment 0 where there is none, or none that is whole."""
    text = os.pread(descriptor, _MARK.size + _MARK_SUM.size, 0)
    body, found = text[: _MARK.size], text[_MARK.size :]
    if len(found) < _MARK_SUM.size or _MARK_SUM.unpack(found)[0] != crc32(body):
        return Mark()
    magic, *fields = _MARK.unpack(body)
    return Mark(*fields) if magic == _MARK_MAGIC else Mark()


class Log:
    """The one writer of a folder's log; opens what is there, or begins it.

    ``lock``: the open file of that name, locked. ``witnesses``: by segment, a frame that is known
    to have been written. Raises LogError, JournalError, OSError; then nothing was changed.
    """

    def __init__(
        self,
        folder: Path,
        rules: bytes,
        about: Mapping[str, Any],
        lock: int,
        witnesses: Mapping[int, int] | None = None,
    ) -> None:
        self.folder = folder
        self.mark = read_mark(lock)
        self._lock = lock
        self._last_ms = 0
        known = dict(witnesses or {})
        known[self.mark.segment] = max(known.get(self.mark.segment, 0), self.mark.frame)
        numbers = segments_of(folder)
        if not numbers:
            self._refuse_traces(known)
            numbers = [1]
        self.segment = numbers[-1]
        if max(known) > self.segment:
            missing = segment_path(folder, max(known))
            raise LogError(f"{missing} is missing, which was acknowledged: {RESTORE}")
        opening = Opening(dict(about))
        self._journal = self._opened(rules, opening, known.get(self.segment, 0))
        segment = Segment(folder, self.segment)
        self.rules = segment.reader.rules
        self.opening = segment.opening
        self.points = dict(segment.opening.points)

    def _refuse_traces(self, known: Mapping[int, int]) -> None:
        """Raise LogError for a folder that held a log once."""
        if old := [path.name for name in OLD_FILES for path in self.folder.glob(name)]:
            raise LogError(
                f"{self.folder} was written by an earlier version, with its log in two files "
                f"({', '.join(sorted(old))}): move it away and begin a new one; the accounts' keys "
                "follow from the seed"
            )
        if max(known) > 0 or (self.folder / HISTORY).is_file():
            raise LogError(f"{segment_path(self.folder, 1)} is missing: {RESTORE}")

    def _opened(self, rules: bytes, opening: Opening, least_frames: int) -> JournalWriter:
        path = segment_path(self.folder, self.segment)
        if path.exists():  # it goes on under its own rules, whatever the present ones are
            rules = JournalReader(path).rules
        try:
            return JournalWriter(
                path, rules, note=_encode(opening), least_frames=least_frames, lock=False
            )
        except JournalCorrupt as error:
            raise LogError(
                f"{error}. {RESTORE.capitalize()}, or go on without what was lost: --accept-loss"
            ) from None

    # -- reading --------------------------------------------------------------------------------

    @property
    def position(self) -> Position:
        """The end of the last frame."""
        journal = self._journal
        return Position(
            self.segment, journal.frame, journal.link, journal.durable_sequence, self._last_ms
        )

    @property
    def repaired(self) -> str:
        """What a crash left behind the last frame and was cut off; empty for nothing."""
        torn = self._journal.repaired
        return f"{self._journal.path}: {torn.dropped_bytes} bytes, {torn.why}" if torn else ""

    @property
    def segment_bytes(self) -> int:
        return self._journal.end

    # -- writing --------------------------------------------------------------------------------

    def replayed(self, frame: Frame, entry: Entry, before: Position) -> None:
        """A frame of the newest segment was read: take what concerns the log itself.

        Raises LogError where it is not the one that was acknowledged.
        """
        is_marked = (before.segment, frame.number) == (self.mark.segment, self.mark.frame)
        if is_marked and frame.link != self.mark.link:
            path = segment_path(self.folder, before.segment)
            raise LogError(f"{path} is another log than the one acknowledged: {RESTORE}")
        self._last_ms = entry.time_ms
        if entry.point:
            self.points[entry.point] = before

    def append(self, entry: Entry, rows: bytes | bytearray) -> None:
        """Make a group durable with one wait for the disk. A failure ends the log."""
        if rows:
            self._journal.append_bytes(rows)
        self._journal.commit(_encode(entry))
        self._last_ms = entry.time_ms
        self._acknowledge()

    def _acknowledge(self) -> None:
        journal = self._journal
        self.mark = Mark(self.segment, journal.frame, journal.link)
        try:
            self.mark.write(self._lock)
        except OSError as error:  # the log itself has everything
            log.warning("%s could not be written: %s", self.folder / "lock", error)

    def name_point(self, name: str, at: Position) -> None:
        """Give the present position a name, durably."""
        self.append(Entry(at.time_ms, point=name), b"")
        self.points[name] = at

    def begin_segment(
        self, origin: Position, rules: bytes, upgraded: bool = False, retired: int = 0
    ) -> None:
        """Go on from ``origin`` in a new segment. Where it fails, nothing has changed."""
        opening = Opening(
            self.opening.about, origin, dict(self.points), upgraded,
            max(retired, self.opening.retired),
        )  # fmt: skip
        path = segment_path(self.folder, self.segment + 1)
        try:
            journal = JournalWriter(
                path, rules, origin.sequence + 1, note=_encode(opening), lock=False
            )
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._journal.close()
        self._journal = journal
        self.segment += 1
        self.opening, self.rules = opening, rules
        self._last_ms = origin.time_ms
        self._acknowledge()

    def close(self) -> None:
        self._journal.close()


def cut_damage(folder: Path, lock: int) -> list[str]:
    """Keep of a damaged log what can be read; sentences that say what was set aside.

    The newest segment is cut behind its last whole frame, with the damaged file beside it. The mark
    in ``lock``, and snapshots behind the end, are forgotten. Raises OSError, and JournalError where
    even the header is damaged.
    """
    done: list[str] = []
    numbers = segments_of(folder)
    if not numbers:
        return done
    path = segment_path(folder, numbers[-1])
    reader = JournalReader(path)
    is_damaged = False
    try:
        for _ in reader.frames():
            pass
    except JournalCorrupt:
        is_damaged = True
    if is_damaged or reader.torn_tail is not None:
        aside = path.with_name(f"{path.name}.damaged")
        aside.write_bytes(path.read_bytes())
        os.truncate(path, reader.end)
        done.append(f"{path.name} ends with command {reader.last_sequence}; before: {aside.name}")
    Mark().write(lock)
    for snapshot in folder.glob(f"snapshot-{numbers[-1]:04d}-*"):
        if int(snapshot.stem.rsplit("-", 1)[1]) > reader.frame:
            snapshot.unlink()
            done.append(f"{snapshot.name} was of a later moment and is gone")
    return done
