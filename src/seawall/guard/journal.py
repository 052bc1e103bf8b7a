"""The journal of a guard: every decision and every outcome, in the order in which they happened.

A line is JSON: an entry, and a checksum over it and the line before. A decision is on the disk
before any of its actions is sent. A line that was torn by a crash is the last one and is cut off; a
line that was changed or is missing anywhere else is an error, because what follows would be read
against another history. One process at a time holds a journal.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct

from seawall.domain.errors import InputError
from seawall.guard.actions import Action
from seawall.guard.memory import Memory
from seawall.venues.gateway_port import Outcome

_FORMAT = 1
_DIGITS = 16


class Opened(Struct, frozen=True, kw_only=True, tag="opened"):
    """A guard was started. ``ledger_from_ms``: since when cash flows are counted, in every run of
    this journal; ``policy``: its name, ``version`` its digest."""

    time_ms: int
    address: str
    network: str
    policy: str
    version: int
    ledger_from_ms: int
    is_armed: bool
    format: int = _FORMAT


class Decided(Struct, frozen=True, kw_only=True, tag="decided"):
    """What was known after a decision, and what it was to do. ``seen``: figures of the view;
    ``taken``: tokens of the requests that it has carried out."""

    time_ms: int
    memory: Memory
    actions: tuple[Action, ...] = ()
    seen: dict[str, Any] = {}
    taken: tuple[str, ...] = ()


class Acted(Struct, frozen=True, kw_only=True, tag="acted"):
    """What became of one action; ``number``: its place in the decision before, from 0."""

    time_ms: int
    number: int
    outcome: Outcome


class Failed(Struct, frozen=True, kw_only=True, tag="failed"):
    """What kept the guard from deciding, as a sentence."""

    time_ms: int
    why: str


Entry = Opened | Decided | Acted | Failed


class _Line(Struct):
    sum: str
    entry: Raw


class JournalError(InputError):
    """A journal that cannot be used; names the file and the line."""


class Journal:
    """A journal file, held for writing. Raises JournalError for one that is held by another
    process or that is damaged. The file is its owner's alone."""

    def __init__(self, path: Path) -> None:
        self.path, self._failure = path, ""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise JournalError(f"{path}: another guard holds this journal") from None
        try:
            self._sum, end = _last(path)
        except JournalError:
            os.close(self._file)
            raise
        os.ftruncate(self._file, end)
        os.fsync(self._file)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def write(self, *entries: Entry) -> None:
        """Append entries; they are on the disk when this returns. Raises JournalError, and from
        then on again: behind a line that is torn nothing could be read."""
        if self._failure:
            raise JournalError(self._failure)
        lines = []
        for each in entries:
            body = msgspec.json.encode(each)
            self._sum = _sum_of(self._sum, body)
            lines.append(msgspec.json.encode(_Line(self._sum, Raw(body))) + b"\n")
        data = b"".join(lines)
        try:
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        except OSError as error:
            self._failure = f"{self.path}: cannot be written: {error.strerror}"
            raise JournalError(self._failure) from None

    def entries(self) -> Iterator[Entry]:
        """All entries, oldest first."""
        return read_journal(self.path)

    def last(self, *, armed_only: bool = False) -> Decided | None:
        """The last decision; None before there was one. ``armed_only``: of armed runs, because
        what one that is not armed has decided was never done."""
        found, is_armed = None, True
        for each in self.entries():
            if isinstance(each, Opened):
                is_armed = each.is_armed
            elif isinstance(each, Decided) and (is_armed or not armed_only):
                found = each
        return found

    def taken(self) -> set[str]:
        """Tokens of the requests that were carried out, in all runs."""
        decided = (each for each in self.entries() if isinstance(each, Decided))
        return {token for each in decided for token in each.taken}

    def ledger_from_ms(self) -> int | None:
        """Since when cash flows are counted; None in a new journal."""
        for each in self.entries():
            if isinstance(each, Opened):
                return each.ledger_from_ms
        return None

    def close(self) -> None:
        os.close(self._file)


def read_journal(path: Path) -> Iterator[Entry]:
    """The entries of a journal, oldest first; it may be held by a running guard.

    Raises JournalError for a line that is damaged and not the last.
    """
    for number, _, body, _ in _lines(path):
        try:
            yield msgspec.json.decode(body, type=Entry)
        except msgspec.MsgspecError as error:
            raise JournalError(f"{path}: line {number}: {error}") from None


def _lines(path: Path) -> Iterator[tuple[int, str, bytes, int]]:
    """(number, checksum, entry, end in bytes) of each line that is whole. Raises JournalError."""
    known, end = "", 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            found = _read_line(known, line)
            if found is None:
                if file.read(1):
                    raise JournalError(
                        f"{path}: line {number} is damaged, or a line before it is missing; the "
                        "journal is no longer that of this account: keep it, and begin another"
                    )
                return
            known, body = found
            end += len(line)
            yield number, known, body, end


def _read_line(known: str, line: bytes) -> tuple[str, bytes] | None:
    """The checksum and the entry of a line; None where it is not whole."""
    if not line.endswith(b"\n"):
        return None
    try:
        read = msgspec.json.decode(line, type=_Line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    body = bytes(read.entry)
    return (read.sum, body) if read.sum == _sum_of(known, body) else None


def _last(path: Path) -> tuple[str, int]:
    """The checksum of the last line that is whole, and where it ends."""
    known, end = "", 0
    for _, known, _, end in _lines(path):  # noqa: B007 (the last one is wanted)
        pass
    return known, end


def _sum_of(known: str, body: bytes) -> str:
    return hashlib.sha256(known.encode() + body).hexdigest()[:_DIGITS]
