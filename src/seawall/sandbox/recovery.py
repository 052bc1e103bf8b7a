"""How a venue comes back from its folder, and what makes that quick.

    snapshot-0001-000000001234.sws      engine and directory after a frame of a segment
    snapshot-0001-000000001234.sqlite   the history then, where the moment is a save point

All of it is derived from the log. A snapshot is used only if it is whole, was taken under these
rules and lies on the chain with the log's own checksum; otherwise an older one is, or the log from
its first frame. A save point is a name in the log: its snapshot, too, can be made again.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from seawall.domain.errors import SeawallError
from seawall.engine.compile import ENGINE_SOURCES, sources_digest
from seawall.engine.engine import Engine
from seawall.engine.journal import Frame
from seawall.engine.snapshot import SnapshotError, load_snapshot, save_snapshot
from seawall.sandbox.log import (
    RESTORE,
    Entry,
    LogError,
    Piece,
    Position,
    Segment,
    StateHash,
    decode_entry,
    segment_path,
)
from seawall.venues.port import Directory

log = logging.getLogger(__name__)

KEPT_SNAPSHOTS = 2
UPGRADE = "--upgrade goes on from the state that this program computes"


class RecoveryError(SeawallError):
    """The log leads to another state than the one that was acknowledged."""


class Moment(Struct, frozen=True):
    """Engine and directory at one position."""

    position: Position
    directory: bytes
    engine: bytes


class _Note(Struct, frozen=True):
    """What a snapshot notes."""

    position: Position
    directory: bytes


def snapshot_path(folder: Path, position: Position) -> Path:
    return folder / f"snapshot-{position.segment:04d}-{position.frame:012d}.sws"


def history_copy_path(folder: Path, position: Position) -> Path:
    return snapshot_path(folder, position).with_suffix(".sqlite")


def snapshots_of(folder: Path) -> list[tuple[int, int]]:
    """(segment, frame) of each snapshot by its name, newest first."""
    found = (
        re.fullmatch(r"snapshot-(\d{4,})-(\d{12})\.sws", path.name) for path in folder.iterdir()
    )
    return sorted(((int(match[1]), int(match[2])) for match in found if match), reverse=True)


def save_moment(folder: Path, moment: Moment, rules: bytes) -> None:
    """Write a snapshot durably. Raises OSError; then what was there is still there."""
    save_snapshot(
        snapshot_path(folder, moment.position),
        np.frombuffer(moment.engine, np.uint8),
        rules,
        compress=True,
        note=msgspec.msgpack.encode(_Note(moment.position, moment.directory)),
    )


def load_moment(folder: Path, segment: int, frame: int, rules: bytes | None) -> Moment:
    """The moment of a snapshot. Raises SnapshotError, OSError."""
    path = snapshot_path(folder, Position(segment, frame, 0, 0, 0))
    snapshot = load_snapshot(path, rules)
    note = msgspec.msgpack.decode(snapshot.note, type=_Note)
    place = note.position
    if (place.segment, place.frame, place.sequence) != (segment, frame, snapshot.sequence):
        raise SnapshotError(f"{path} is of another moment: {place}")
    return Moment(place, note.directory, snapshot.state.tobytes())


def drop_snapshots(folder: Path, kept: Sequence[Position]) -> None:
    """Keep the newest few, and those of ``kept``."""
    wanted = {(place.segment, place.frame) for place in kept}
    for number, (segment, frame) in enumerate(snapshots_of(folder)):
        if number >= KEPT_SNAPSHOTS and (segment, frame) not in wanted:
            name = snapshot_path(folder, Position(segment, frame, 0, 0, 0)).stem
            for path in folder.glob(f"{name}.*"):  # the history's copy may have files beside it
                path.unlink(missing_ok=True)


class Rebuilt:
    """An engine and a directory that are brought along the chain, frame by frame."""

    def __init__(self, engine: Engine, directory: Directory) -> None:
        self.engine = engine
        self.directory = directory
        self.last_ms = 0
        self.program = ""
        """Who computed the latest state hash on the way."""

    def restore(self, moment: Moment) -> None:
        self.engine.restore(moment.engine)
        self.directory.restore(moment.directory)
        self.last_ms = moment.position.time_ms

    def take(self, frame: Frame, entry: Entry, where: Path, checked: bool) -> None:
        """Apply a frame. ``checked``: its state hash must be met. Raises RecoveryError."""
        for record in entry.records:
            self.directory.apply(record, entry.time_ms)
        if checked and entry.state is not None:
            self._compare(entry.state, frame, where)
        self.engine.apply_rows(frame.rows)
        self.last_ms = max(self.last_ms, entry.time_ms)
        if self.engine.sequence != frame.last_sequence:
            raise RecoveryError(
                f"{where}: after frame {frame.number} the engine counts {self.engine.sequence} "
                f"commands, the log {frame.last_sequence}"
            )

    def _compare(self, then: StateHash, frame: Frame, where: Path) -> None:
        now = state_hash(self.engine, self.directory)
        parts = [
            name
            for name, was, here in (
                ("accounts, positions and orders", then.engine, now.engine),
                ("addresses, agents and nonces", then.directory, now.directory),
            )
            if was != here
        ]
        if not parts:
            return
        other = "another" if then.program != now.program else "this very"
        raise RecoveryError(
            f"{where}: {' and '.join(parts)} after command {self.engine.sequence} (frame "
            f"{frame.number}) differ from what was acknowledged by {other} version of the program: "
            f"a rule of it has changed. Run that version, or {UPGRADE}"
        )


def state_hash(engine: Engine, directory: Directory) -> StateHash:
    """Digests of the whole state, and of the program's sources."""
    text = hashlib.blake2b(directory.snapshot(), digest_size=16).hexdigest()
    return StateHash(engine.state_hash(), text, program())


@cache
def program() -> str:
    """Stands for the sources of the engine."""
    return sources_digest(*ENGINE_SOURCES)


def replay(
    folder: Path,
    pieces: Sequence[Piece],
    rules: bytes,
    rebuilt: Rebuilt,
    seen: Callable[[Frame, Entry, Position], None] | None = None,
    reached: Callable[[int, int], None] | None = None,
    from_scratch: bool = False,
    checked: bool = True,
) -> None:
    """Bring an engine and a directory, both new, to the end of a chain.

    ``seen`` is called for each frame of the last piece, with the position before it; ``reached``
    with segment and frame wherever the two stand. ``from_scratch``: without snapshots.
    ``checked``: the log's state hashes must be met. Raises LogError, RecoveryError, JournalError,
    OSError.
    """
    start = None if from_scratch else start_of(folder, pieces, rules)
    if start is not None:
        rebuilt.restore(start)
    elif pieces[0].origin is not None:
        missing = segment_path(folder, pieces[0].origin.segment)
        raise LogError(
            f"{missing} was archived or dropped, and no snapshot after it can be used: put the "
            "archived segments back"
        )
    upgraded = [n for n, piece in enumerate(pieces) if piece.upgraded]
    first = (start.position.segment, start.position.frame) if start is not None else (0, 0)
    for number, piece in enumerate(pieces):
        is_last = number == len(pieces) - 1
        if piece.segment < first[0] and not is_last:
            continue
        is_checked = checked and number >= max(upgraded, default=0)
        if reached is not None and (piece.segment, 0) >= first:
            reached(piece.segment, 0)
        for frame, entry, before in frames_of(folder, piece):
            if is_last and seen is not None:
                seen(frame, entry, before)
            if entry.state is not None:
                rebuilt.program = entry.state.program
            if (piece.segment, frame.number) > first:
                rebuilt.take(frame, entry, segment_path(folder, piece.segment), is_checked)
                if reached is not None:
                    reached(piece.segment, frame.number)


def start_of(folder: Path, pieces: Sequence[Piece], rules: bytes) -> Moment | None:
    """The latest moment on a chain that a snapshot holds."""
    return _newest_usable(folder, pieces, rules) or moment_of(folder, pieces[0].origin, rules)


def has_start(folder: Path, pieces: Sequence[Piece], rules: bytes) -> bool:
    """Whether a chain can be replayed: from its first command, or from a snapshot."""
    return pieces[0].origin is None or start_of(folder, pieces, rules) is not None


def _newest_usable(folder: Path, pieces: Sequence[Piece], rules: bytes) -> Moment | None:
    ends = {piece.segment: piece for piece in pieces}
    for segment, frame in snapshots_of(folder):
        piece = ends.get(segment)
        if piece is not None and frame <= piece.end.frame:
            moment = usable(folder, piece, frame, rules)
            if moment is not None:
                return moment
    return None


def usable(folder: Path, piece: Piece, frame: int, rules: bytes) -> Moment | None:
    """The moment of a snapshot, if it is whole and the log has the frame it was taken after."""
    return _linked(folder, piece.segment, frame, rules, lambda: _link_at(folder, piece, frame))


def moment_of(folder: Path, place: Position | None, rules: bytes) -> Moment | None:
    """The moment of a position by its snapshot alone, whatever became of its segment."""
    if place is None or not snapshot_path(folder, place).exists():
        return None
    return _linked(folder, place.segment, place.frame, rules, lambda: place.link)


def _linked(
    folder: Path, segment: int, frame: int, rules: bytes, link: Callable[[], int]
) -> Moment | None:
    """The moment of a snapshot that is whole and has the log's checksum at its frame."""
    try:
        moment = load_moment(folder, segment, frame, rules)
    except (SnapshotError, msgspec.MsgspecError, OSError) as error:
        log.warning("%s; it is not used", error)
        return None
    if moment.position.link != link():
        path = snapshot_path(folder, moment.position)
        log.warning("%s does not belong to this log; it is not used", path)
        return None
    return moment


def _link_at(folder: Path, piece: Piece, frame: int) -> int:
    reader = Segment(folder, piece.segment).reader
    if frame == 0:
        return reader.link
    return next(found.link for found in reader.frames() if found.number == frame)


def frames_of(folder: Path, piece: Piece) -> Iterator[tuple[Frame, Entry, Position]]:
    """Each frame of a piece with its entry and the position before it.

    Raises LogError where the segment lacks frames that the chain needs, and JournalError.
    """
    segment = Segment(folder, piece.segment)
    origin, end = segment.opening.origin, piece.end
    time_ms = origin.time_ms if origin else 0
    before = Position(
        piece.segment, 0, segment.reader.link, segment.reader.first_sequence - 1, time_ms
    )
    for frame in segment.reader.frames() if end.frame else ():
        entry = decode_entry(frame.note)
        yield frame, entry, before
        before = Position(
            piece.segment, frame.number, frame.link, frame.last_sequence, entry.time_ms
        )
        if frame.number == end.frame:
            break
    if (before.frame, before.link) != (end.frame, end.link):
        raise LogError(
            f"{segment.path} ends with frame {before.frame} (command {before.sequence}), but the "
            f"log went on from frame {end.frame} (command {end.sequence}): {RESTORE}"
        )
