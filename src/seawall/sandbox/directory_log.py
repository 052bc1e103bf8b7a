"""The directory's durable log: records beside the machine's commands, in groups.

One group is one frame, one write and one ``fdatasync``, written before the group's commands go
to the journal. A frame names the journal's sequence before and after its group, so after a crash
a frame whose commands never reached the journal is known, and dropped: it was never acknowledged.
Checksums chain the frames as in the journal, with the same argument: only the last frame can be
torn by a crash, so a bad frame with a good one after it is damage.

Numbers are little-endian. Header: magic, version, number of the frame before the first, digest of
the rules, checksum. Frame: marker, length of the body, number, sequence before, sequence after,
checksum of the frame before (or the header), checksum of all that and the body; the body is JSON.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from seawall.domain.errors import SeawallError
from seawall.engine.journal import checksum, digest_of_rules, sync_folder, write_whole_file
from seawall.venues.port import Record

_MAGIC = b"SEAWALLD"
_VERSION = 1
_HEADER = struct.Struct("<8sI4xq16s")
_FRAME = struct.Struct("<4sIqqq8s")
_MARKER = b"\x8dSWD"
_SUM = 8
_HEADER_BYTES = _HEADER.size + _SUM
_FRAME_BYTES = _FRAME.size + _SUM
MAX_BODY = 1 << 28


class DirectoryLogError(SeawallError):
    """The log cannot be used; the message names the file and why."""


class Group(Struct, frozen=True):
    """The records of one group. ``before``/``after``: the journal's sequence around its commands.

    ``times_ms`` has one time for each record.
    """

    number: int
    before: int
    after: int
    times_ms: Sequence[int]
    records: Sequence[Record]


class _Body(Struct, frozen=True):
    times_ms: list[int]
    records: list[Record]


_decode = msgspec.json.Decoder(_Body).decode
_encode = msgspec.json.Encoder().encode


class DirectoryLog:
    """The one writer of a log, and its reader; creates the file, or repairs and continues it.

    ``first_number``: number of the last frame before this file, used when it is created.
    ``durable_sequence``: what the journal holds; a last frame beyond it is cut off, as a torn tail
    is. ``dropped_bytes`` says how much that was. Only the holder of the journal's lock may open it.
    Raises DirectoryLogError, OSError.
    """

    def __init__(
        self, path: Path, rules: bytes, durable_sequence: int, first_number: int = 0
    ) -> None:
        self.path = path
        if not path.exists():
            fixed = _HEADER.pack(_MAGIC, _VERSION, first_number, digest_of_rules(rules))
            write_whole_file(path, [fixed + checksum(fixed)])
        self._rules = rules
        self.number = first_number
        self._end = 0
        self._checksum = b""
        for _ in self._scan(durable_sequence):
            pass
        self._file = os.open(path, os.O_RDWR | os.O_APPEND)
        self.dropped_bytes = os.fstat(self._file).st_size - self._end
        if self.dropped_bytes:
            os.ftruncate(self._file, self._end)
        os.fsync(self._file)
        sync_folder(path.parent)
        self._failed = False

    def groups(self, behind: int = 0) -> list[Group]:
        """Every group whose number is above ``behind``, in order."""
        return [
            Group(number, before, after, body.times_ms, body.records)
            for number, before, after, text in self._scan(2**62)
            if number > behind
            for body in (_decode(text),)
        ]

    def _scan(self, durable_sequence: int) -> Iterator[tuple[int, int, int, bytes]]:
        """Number, sequences before and after, and body of each frame."""
        content = self.path.read_bytes()
        self._read_header(content)
        while (found := _frame_at(content, self._end)) is not None:
            head, body = found
            _, _, number, before, after, previous = _FRAME.unpack_from(head)
            if previous != self._checksum or number != self.number + 1:
                raise DirectoryLogError(
                    f"{self.path}: the frame at byte {self._end} does not follow the one before"
                )
            if after > durable_sequence:
                break
            self.number = number
            self._checksum = head[_FRAME.size :]
            self._end += len(head) + len(body)
            yield number, before, after, body
        self._refuse_damage(content, found)

    def _read_header(self, content: bytes) -> None:
        head = content[: _HEADER.size]
        found = content[_HEADER.size : _HEADER_BYTES]
        if len(found) < _SUM or head[:8] != _MAGIC or checksum(head) != found:
            raise DirectoryLogError(f"{self.path} does not begin as a directory's log does")
        _, version, number, digest = _HEADER.unpack(head)
        if version != _VERSION or digest != digest_of_rules(self._rules):
            raise DirectoryLogError(
                f"{self.path} has format {version} and rules {digest.hex()}; this program reads "
                f"{_VERSION} and has {digest_of_rules(self._rules).hex()}"
            )
        self.number, self._checksum, self._end = number, found, _HEADER_BYTES

    def _refuse_damage(self, content: bytes, dropped: tuple[bytes, bytes] | None) -> None:
        """A whole frame behind the place where reading ended is no crash's doing."""
        start = self._end + 1
        if dropped is not None:
            start = self._end + len(dropped[0]) + len(dropped[1])
        place = content.find(_MARKER, start)
        while place >= 0:
            if _frame_at(content, place) is not None:
                raise DirectoryLogError(
                    f"{self.path}: the frame at byte {self._end} is damaged or was never in the "
                    f"journal, but a whole one follows at byte {place}"
                )
            place = content.find(_MARKER, place + 1)

    def append(
        self, before: int, after: int, times_ms: Sequence[int], records: Sequence[Record]
    ) -> int:
        """Write one group and wait until the disk has it; its number.

        When it raises, the log is of no more use: open a new one.
        """
        if self._failed:
            raise DirectoryLogError(f"{self.path}: this log failed before; open a new one")
        body = _encode(_Body(list(times_ms), list(records)))
        if len(body) > MAX_BODY:
            raise DirectoryLogError(f"a group of {len(body)} bytes is too long for one frame")
        head = _FRAME.pack(_MARKER, len(body), self.number + 1, before, after, self._checksum)
        digest = checksum(head, body)
        # After a failed write or sync the kernel's pages cannot be trusted, so there is no retry.
        self._failed = True
        frame = memoryview(head + digest + body)
        while frame:
            frame = frame[os.write(self._file, frame) :]
        os.fdatasync(self._file)
        self._failed = False
        self._checksum = digest
        self.number += 1
        return self.number

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


def _frame_at(content: bytes, offset: int) -> tuple[bytes, bytes] | None:
    """Head and body of the whole frame at ``offset``, or None."""
    head = content[offset : offset + _FRAME_BYTES]
    if len(head) < _FRAME_BYTES:
        return None
    marker, length, *_ = _FRAME.unpack_from(head)
    if marker != _MARKER or length > MAX_BODY:
        return None
    body = content[offset + _FRAME_BYTES : offset + _FRAME_BYTES + length]
    if len(body) < length or checksum(head[: _FRAME.size], body) != head[_FRAME.size :]:
        return None
    return head, body
