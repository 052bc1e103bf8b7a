"""The durable journal: every command, in order, before it takes effect.

A file is one header and then frames. The header names the rules the commands were meant for, so
a journal is never replayed under others. One ``commit`` is one frame, one write and one
``fdatasync``; the next frame is written only after that returned. Hence the argument the reader
rests on: **only the last frame can be torn by a crash**. A bad frame with nothing good after it is
the torn tail and holds nothing that was ever acknowledged as durable; a bad frame with a good one
after it is damage, and is an error.

Header and frames may carry a note: bytes that belong to the caller, such as what a host remembers
beside the commands. Rows and note of a frame are durable together or not at all.

The file of a running writer goes on in zeros behind the last frame: room made ahead, so that a
commit changes neither the file's length nor its map and the disk has less to wait for. No frame
begins with a zero, and closing cuts the room off.

Sequence numbers count commands from 1, frame numbers frames. The header's checksum is 8 bytes of
BLAKE2b. A frame's is the CRC-32 of its head and content, as write-ahead logs have it (five times
faster, and it finds every damage of up to 32 bits in a row); each frame repeats the one before it,
so a frame cannot be lost, doubled or swapped unnoticed.
"""

import fcntl
import hashlib
import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Self
from zlib import crc32

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.errors import SeawallError
from seawall.engine.tables import command_dtype

FORMAT_VERSION = 2
ROW_BYTES = command_dtype.itemsize
MAX_FRAME_ROWS = 1 << 16
MAX_NOTE_BYTES = 1 << 28

_MAGIC = b"SEAWALLJ"
_HEADER = struct.Struct("<8sIIq8s16sII")
"""Magic, format version, row bytes, first sequence, row layout, rules digest, rules and note
length."""
_FRAME = struct.Struct("<4sIIqI")
"""Marker, rows, note length, first sequence, checksum of the frame (or header) before."""
_MARKER = b"\x8dSWF"
_CHECKSUM_BYTES = 8
_FRAME_SUM = struct.Struct("<I")
_FRAME_BYTES = _FRAME.size + _FRAME_SUM.size
_SHOWN_DIFFERENCES = 3
_LEAST_ROOM, _MOST_ROOM = 1 << 16, 1 << 20
"""Bytes of zeros made ahead at a time: as many as the file has, between these."""


class JournalError(SeawallError):
    """The journal cannot be used; the message names the file and why."""


class JournalMismatch(JournalError):
    """Another format version, another row layout or other rules: the message names both."""


class JournalCorrupt(JournalError):
    """Damage that no crash explains. ``offset``: bytes from the start of the file."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class JournalLocked(JournalError):
    """Another writer holds the journal."""


class TornTail(Struct, frozen=True):
    """What a crash left behind the last whole frame: ``dropped_bytes`` from ``offset`` on."""

    offset: int
    dropped_bytes: int
    why: str


def checksum(*parts: bytes | bytearray | memoryview) -> bytes:
    """8 bytes of BLAKE2b over the parts."""
    state = hashlib.blake2b(digest_size=_CHECKSUM_BYTES)
    for part in parts:
        state.update(part)
    return state.digest()


def describe_rules(**parts: Any) -> bytes:
    """JSON text of what decides an outcome (rulebook, instruments, limits): equal iff they are."""
    return msgspec.json.encode(parts, order="sorted")


def digest_of_rules(rules: bytes) -> bytes:
    """16 bytes that stand for the text of ``describe_rules``."""
    return hashlib.blake2b(rules, digest_size=16).digest()


def differing_rules(found: bytes, expected: bytes) -> str:
    """The first differences of two texts of ``describe_rules``, to be read."""
    try:
        differences = list(_differences("", *map(msgspec.json.decode, (found, expected))))
    except msgspec.DecodeError:
        return f"rules {digest_of_rules(found).hex()}, not {digest_of_rules(expected).hex()}"
    shown = "; ".join(differences[:_SHOWN_DIFFERENCES])
    more = len(differences) - _SHOWN_DIFFERENCES
    return f"{shown}; and {more} more" if more > 0 else shown


def _differences(path: str, found: Any, expected: Any) -> Iterator[str]:
    if found == expected:
        return
    if isinstance(found, dict) and isinstance(expected, dict):
        for name in {**found, **expected}:
            place = f"{path}.{name}" if path else name
            yield from _differences(place, found.get(name), expected.get(name))
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for index, pair in enumerate(zip(found, expected, strict=True)):
            name = pair[0].get("name", index) if isinstance(pair[0], dict) else index
            yield from _differences(f"{path}[{name}]", *pair)
    else:
        yield f"{path} is {_shown(found)}, here {_shown(expected)}"


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def layout_digest(*dtypes: np.dtype[Any]) -> bytes:
    """8 bytes that change when a name, type or offset of a field does."""
    text = []
    for dtype in dtypes:
        for name, (kind, start, *_) in (dtype.fields or {}).items():
            text.append((name, kind.base.str, kind.shape, start))
        text.append(("", "", (), dtype.itemsize))
    return checksum(repr(text).encode())


_LAYOUT = layout_digest(command_dtype)


class _Header(Struct, frozen=True):
    first_sequence: int
    rules: bytes
    note: bytes
    checksum: bytes
    end: int
    """Offset of the first frame."""

    @property
    def link(self) -> int:
        """What the first frame repeats."""
        return crc32(self.checksum)


def _header_bytes(rules: bytes, first_sequence: int, note: bytes) -> bytes:
    fixed = _HEADER.pack(
        _MAGIC, FORMAT_VERSION, ROW_BYTES, first_sequence, _LAYOUT, digest_of_rules(rules),
        len(rules), len(note),
    )  # fmt: skip
    return fixed + rules + note + checksum(fixed, rules, note)


def _read_header(file: BinaryIO, path: Path, expected_rules: bytes | None) -> _Header:
    fixed = file.read(_HEADER.size)
    if fixed[: len(_MAGIC)] != _MAGIC:
        raise JournalCorrupt(f"{path} does not begin as a journal does", 0)
    if len(fixed) < _HEADER.size:
        raise JournalCorrupt(f"{path}: the header is cut short at {len(fixed)} bytes", 0)
    _, version, row_bytes, first_sequence, layout, digest, *lengths = _HEADER.unpack(fixed)
    if version != FORMAT_VERSION:
        raise JournalMismatch(f"{path} has format {version}; this program reads {FORMAT_VERSION}")
    limit = os.fstat(file.fileno()).st_size
    rules, note = (file.read(min(length, limit)) for length in lengths)
    found = file.read(_CHECKSUM_BYTES)
    if found != checksum(fixed, rules, note) or digest != digest_of_rules(rules):
        raise JournalCorrupt(f"{path}: the header is damaged", 0)
    if (layout, row_bytes) != (_LAYOUT, ROW_BYTES):
        raise JournalMismatch(
            f"{path} has command layout {layout.hex()} ({row_bytes} bytes); "
            f"this program has {_LAYOUT.hex()} ({ROW_BYTES} bytes)"
        )
    if expected_rules is not None and expected_rules != rules:
        raise JournalMismatch(
            f"{path} was written under other rules: {differing_rules(rules, expected_rules)}"
        )
    end = _HEADER.size + sum(lengths) + _CHECKSUM_BYTES
    return _Header(first_sequence, rules, note, found, end)


class Frame(Struct, frozen=True):
    """What one commit made durable. ``number`` counts from 1, ``last_sequence`` is that of its
    last command (of the one before it, where it has no rows), ``link`` its checksum; ``rows`` of
    ``command_dtype``, writable."""

    number: int
    last_sequence: int
    link: int
    rows: NDArray[Any]
    note: bytes


class JournalReader:
    """Iterates over the commands of a journal, frame by frame, as writable row arrays.

    Reads only, so it may run beside a writer; it ends at the last whole frame. After the
    iteration ``last_sequence`` is the last command read, ``frame`` the number of the last frame,
    ``end`` the offset behind it and ``torn_tail`` what lies beyond, or None. Iterating anew starts
    from the beginning.

    Raises JournalMismatch at once for another format, layout or (if ``rules`` is given) other
    rules; JournalCorrupt, at once or on the way, for damage; OSError from the file.
    """

    def __init__(self, path: str | os.PathLike[str], rules: bytes | None = None) -> None:
        self.path = Path(path)
        with self.path.open("rb") as file:
            self._header = _read_header(file, self.path, rules)
        self.first_sequence = self._header.first_sequence
        self._restart()

    @property
    def rules(self) -> bytes:
        """The text of ``describe_rules`` the journal was created with."""
        return self._header.rules

    @property
    def note(self) -> bytes:
        """What the caller that created the journal had it say."""
        return self._header.note

    def _restart(self) -> None:
        self.frame = 0
        self.end = self._header.end
        self.last_sequence = self.first_sequence - 1
        self.link = self._header.link
        self.torn_tail: TornTail | None = None

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (frame.rows for frame in self.frames() if len(frame.rows))

    def frames(self) -> Iterator[Frame]:
        """Every whole frame, in order, with its note."""
        self._restart()
        with self.path.open("rb") as file:
            while (found := self._next_frame(file)) is not None:
                yield found

    def _next_frame(self, file: BinaryIO) -> Frame | None:
        head, payload, why = _frame_at(file, self.end)
        if payload is None and head and not _only_zeros(file, self.end):
            size = os.fstat(file.fileno()).st_size
            following = _next_whole_frame(file, self.end + 1)
            if following is None:
                self.torn_tail = TornTail(self.end, size - self.end, why)
                return None
            # Beside a running writer the frame may be whole by now; otherwise it is damaged.
            head, payload, why = _frame_at(file, self.end)
            if payload is None:
                raise JournalCorrupt(
                    f"{self.path}: the frame at byte {self.end} is damaged ({why}), but a whole "
                    f"one follows at byte {following}; the last good command is "
                    f"{self.last_sequence}",
                    self.end,
                )
        if payload is None:
            return None
        _, count, _, first_sequence, previous = _FRAME.unpack_from(head)
        if previous != self.link or first_sequence != self.last_sequence + 1:
            raise JournalCorrupt(
                f"{self.path}: the frame at byte {self.end} begins with command {first_sequence} "
                f"and does not follow command {self.last_sequence}: frames were lost or moved",
                self.end,
            )
        self.frame += 1
        self.end += _FRAME_BYTES + len(payload)
        self.last_sequence += count
        (self.link,) = _FRAME_SUM.unpack_from(head, _FRAME.size)
        rows = np.frombuffer(payload, command_dtype, count)
        note = bytes(memoryview(payload)[count * ROW_BYTES :])
        return Frame(self.frame, self.last_sequence, self.link, rows, note)


def _frame_at(file: BinaryIO, offset: int) -> tuple[bytes, bytearray | None, str]:
    """Head and payload of the frame at ``offset``; no payload and why if it is not whole.

    At the end of the file the head is empty.
    """
    file.seek(offset)
    head = file.read(_FRAME_BYTES)
    if len(head) < _FRAME_BYTES:
        return head, None, "its head is cut short"
    marker, count, note, _, _ = _FRAME.unpack_from(head)
    if marker != _MARKER or count > MAX_FRAME_ROWS or note > MAX_NOTE_BYTES:
        return head, None, "no frame begins here"
    length = count * ROW_BYTES + note
    if offset + _FRAME_BYTES + length > os.fstat(file.fileno()).st_size:
        return head, None, "its rows are cut short"
    payload = bytearray(length)
    if file.readinto(payload) < length:  # type: ignore[attr-defined]
        return head, None, "its rows are cut short"
    found = crc32(payload, crc32(memoryview(head)[: _FRAME.size]))
    if found != _FRAME_SUM.unpack_from(head, _FRAME.size)[0]:
        return head, None, "its checksum is wrong"
    return head, payload, ""


def _only_zeros(file: BinaryIO, start: int) -> bool:
    """Whether nothing but a writer's room is there from ``start`` on."""
    file.seek(start)
    while part := file.read(_MOST_ROOM):
        if part.count(0) < len(part):
            return False
    return True


def _next_whole_frame(file: BinaryIO, start: int) -> int | None:
    """Offset of the first whole frame at or after ``start``."""
    if start >= os.fstat(file.fileno()).st_size:
        return None
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        found = view.find(_MARKER, start)
        while found >= 0:
            if _frame_at(file, found)[1] is not None:
                return found
            found = view.find(_MARKER, found + 1)
    return None


def read_journal(path: str | os.PathLike[str], rules: bytes | None = None) -> JournalReader:
    """The journal at ``path``, read only. See ``JournalReader``."""
    return JournalReader(path, rules)


def write_whole_file(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Create or replace ``path`` in one step: it has the old content or all of the new, durably."""
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_file(path: Path) -> int:
    """An exclusive lock on ``path``, created if missing, until the descriptor is closed.

    Raises JournalLocked when another process holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise JournalLocked(f"{path} is held by another writer") from None
    return descriptor


class JournalWriter:
    """The one writer of a journal: creates it, or repairs and continues it.

    A torn tail is cut off on opening; ``repaired`` says what was dropped. ``end``: the offset
    behind the last frame. ``first_sequence`` and ``note`` count only when the file is created.
    ``least_frames``: how many frames are known to have been durable; a journal with fewer has lost
    some and is left as it is. ``lock``: False for a caller that holds a lock of its own. As a
    context manager it commits on a clean exit and drops what is not committed when an exception
    passes through.

    Raises JournalLocked, JournalMismatch, JournalCorrupt, OSError.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        rules: bytes,
        first_sequence: int = 1,
        note: bytes = b"",
        least_frames: int = 0,
        lock: bool = True,
    ) -> None:
        self.path = Path(path)
        self._file = -1
        self._pending: list[bytes | bytearray] = []
        self._pending_rows = 0
        self._failed = False
        self._lock = lock_file(self.path.with_name(self.path.name + ".lock")) if lock else -1
        try:
            if not self.path.exists():
                write_whole_file(self.path, [_header_bytes(rules, first_sequence, note)])
            self._open(rules, least_frames)
        except BaseException:
            self.close()
            raise

    def _open(self, rules: bytes, least_frames: int) -> None:
        reader = JournalReader(self.path, rules)
        for _ in reader.frames():
            pass
        if reader.frame < least_frames:
            raise JournalCorrupt(
                f"{self.path} ends with frame {reader.frame} (command {reader.last_sequence}), "
                f"but {least_frames} frames were durable: the end of the file was lost",
                reader.end,
            )
        self.repaired = reader.torn_tail
        self.durable_sequence = reader.last_sequence
        self.frame = reader.frame
        self.link = reader.link
        self.end = self._room_end = reader.end
        self._file = os.open(self.path, os.O_RDWR)
        os.ftruncate(self._file, self.end)
        os.lseek(self._file, self.end, os.SEEK_SET)
        # What a killed process wrote last may still be in memory only.
        os.fsync(self._file)
        sync_folder(self.path.parent)

    @property
    def sequence(self) -> int:
        """The last command appended, durable or not."""
        return self.durable_sequence + self._pending_rows

    def append(self, rows: NDArray[Any]) -> int:
        """Hold rows of ``command_dtype``, shape (n,), for the next commit.

        Returns the sequence of the last one. Raises ValueError for another dtype.
        """
        if rows.dtype != command_dtype:
            raise ValueError(f"rows of {rows.dtype}, not of {command_dtype}")
        return self.append_bytes(rows.tobytes())

    def append_bytes(self, rows: bytes | bytearray) -> int:
        """As ``append``, for rows that are bytes already, and stay as they are until the commit."""
        count, rest = divmod(len(rows), ROW_BYTES)
        if rest:
            raise ValueError(f"{len(rows)} bytes are not whole rows of {ROW_BYTES}")
        self._pending.append(rows)
        self._pending_rows += count
        return self.sequence

    def commit(self, note: bytes = b"") -> int:
        """Write what was appended, and ``note`` with it, and wait until the disk has it.

        Returns the sequence of the last durable command. When it raises, nothing since the last
        commit may be acknowledged, and the writer is of no more use: open a new one. Raises
        ValueError, with nothing written, for a note with more rows than one frame has.
        """
        if self._failed or self._file < 0:
            raise JournalError(f"{self.path}: this writer failed or is closed; open a new one")
        if not self._pending_rows and not note:
            return self.durable_sequence
        if note and (self._pending_rows > MAX_FRAME_ROWS or len(note) > MAX_NOTE_BYTES):
            raise ValueError(f"{len(note)} bytes and {self._pending_rows} rows are no one frame")
        # After a failed write or sync the kernel's pages cannot be trusted, so there is no retry.
        self._failed = True
        whole = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        payload = memoryview(whole)
        for start in range(0, max(len(payload), 1), MAX_FRAME_ROWS * ROW_BYTES):
            self._write_frame(payload[start : start + MAX_FRAME_ROWS * ROW_BYTES], note)
        self._failed = False
        self._pending.clear()
        return self.durable_sequence

    def _write_frame(self, rows: memoryview, note: bytes) -> None:
        count = len(rows) // ROW_BYTES
        head = _FRAME.pack(_MARKER, count, len(note), self.durable_sequence + 1, self.link)
        link = crc32(note, crc32(rows, crc32(head)))
        parts = (head, _FRAME_SUM.pack(link), rows, note)
        length = _FRAME_BYTES + len(rows) + len(note)
        if self.end + length > self._room_end:
            self._make_room(length)
        written = os.writev(self._file, parts)
        if written < length:
            rest = memoryview(b"".join(parts))[written:]
            while rest:
                rest = rest[os.write(self._file, rest) :]
        getattr(os, "fdatasync", os.fsync)(self._file)  # not every system has the first
        self.end += length
        self.link = link
        self.frame += 1
        self.durable_sequence += count
        # Keeps ``sequence`` right when a commit of several frames fails half way.
        self._pending_rows -= count

    def _make_room(self, length: int) -> None:
        """Write zeros ahead for the next frames, durable with the first of them."""
        room = length + min(max(self.end, _LEAST_ROOM), _MOST_ROOM)
        with suppress(OSError):  # on a full disk the frame alone may still fit
            os.pwrite(self._file, bytes(room), self.end)
        self._room_end = max(self.end + length, os.fstat(self._file).st_size)

    def close(self) -> None:
        """Release file and lock. What was appended after the last commit is dropped."""
        if self._file >= 0 and not self._failed:
            with suppress(OSError):  # a reader knows room from frames
                os.ftruncate(self._file, self.end)
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        try:
            if kind is None and not self._failed:
                self.commit()
        finally:
            self.close()
