"""A snapshot: the whole state in one file, so that a restart replays only the journal's tail.

The state is one contiguous buffer of bytes, control row first. The file is a header (format,
layout of all tables, capacities, rules, sequence, a note of the caller) with its own checksum, the
bytes, plain or compressed, and a checksum of everything. It is written beside its place and
renamed, so a crash leaves the old snapshot or the new one, never half of one.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.errors import SeawallError
from seawall.engine.journal import (
    JournalReader,
    checksum,
    differing_rules,
    layout_digest,
    write_whole_file,
)
from seawall.engine.tables import DTYPES, TABLE_NAMES, control_dtype

FORMAT_VERSION = 2
PLAIN, COMPRESSED = 0, 1

_MAGIC = b"SEAWALLS"
_HEADER = struct.Struct("<8sIIqq8sIIQ")
"""Magic, format version, encoding, sequence, state bytes, layout, lengths of capacities, rules and
note."""
_HEADER_CHECKSUM_BYTES = 8
_CHECKSUM_BYTES = 16
_CHUNK = 1 << 22


class SnapshotError(SeawallError):
    """The snapshot cannot be used; the message names the file."""


class SnapshotMismatch(SnapshotError):
    """Another format, layout, other capacities or rules: the message names both."""


class SnapshotCorrupt(SnapshotError):
    """The file is cut short or damaged."""


class RecoveryError(SeawallError):
    """Snapshot and journal do not belong together."""


class Snapshot(Struct, frozen=True):
    """``state``: writable uint8 of shape (state bytes,). ``capacities``: rows by table name.
    ``note``: bytes that belong to the caller."""

    sequence: int
    rules: bytes
    capacities: dict[str, int]
    state: NDArray[Any]
    note: bytes = b""


def state_layout() -> bytes:
    """8 bytes that change when any table's layout does."""
    return layout_digest(control_dtype, *(DTYPES[name] for name in TABLE_NAMES))


def _control_row(state: NDArray[Any]) -> Any:
    return np.frombuffer(state[: control_dtype.itemsize], control_dtype)[0]


def capacities_of(state: NDArray[Any]) -> dict[str, int]:
    """Rows of each table, from the state's own control row."""
    row = _control_row(state)
    return {name: int(row[f"{name}_capacity"]) for name in TABLE_NAMES}


def save_snapshot(
    path: str | os.PathLike[str],
    state: NDArray[Any],
    rules: bytes,
    compress: bool = False,
    note: bytes = b"",
) -> None:
    """Write ``state`` (uint8, contiguous) durably to ``path``, replacing what is there.

    ``rules``: the text of ``describe_rules``. ``note``: what the caller wants kept with it. Raises
    ValueError for what is no state, OSError.
    """
    if state.dtype != np.uint8 or state.ndim != 1 or not state.flags.c_contiguous:
        raise ValueError("a state is one contiguous array of bytes")
    if len(state) < control_dtype.itemsize:
        raise ValueError(f"{len(state)} bytes are too few for a state")
    capacities = msgspec.json.encode(capacities_of(state))
    header = _HEADER.pack(
        _MAGIC, FORMAT_VERSION, COMPRESSED if compress else PLAIN,
        int(_control_row(state)["sequence"]), len(state), state_layout(),
        len(capacities), len(rules), len(note),
    )  # fmt: skip
    header += capacities + rules + note
    header += checksum(header)
    body = state.data
    write_whole_file(Path(path), _with_checksum(header, _deflated(body) if compress else [body]))


def _deflated(body: memoryview) -> Iterator[bytes]:
    packer = zlib.compressobj(1)
    for start in range(0, len(body), _CHUNK):
        yield packer.compress(body[start : start + _CHUNK])
    yield packer.flush()


def _with_checksum(header: bytes, body: Any) -> Iterator[bytes | memoryview]:
    digest = hashlib.blake2b(header, digest_size=_CHECKSUM_BYTES)
    yield header
    for part in body:
        digest.update(part)
        yield part
    yield digest.digest()


def load_snapshot(
    path: str | os.PathLike[str],
    rules: bytes | None = None,
    capacities: Mapping[str, int] | None = None,
) -> Snapshot:
    """Read and verify a snapshot; given rules and capacities must be the ones it was taken with.

    Raises SnapshotMismatch, SnapshotCorrupt, OSError.
    """
    path = Path(path)
    with path.open("rb") as file:
        header, fields, found_capacities, found_rules, note = _read_header(file, path)
        _, _, encoding, sequence, state_bytes, *_ = fields
        if rules is not None and rules != found_rules:
            raise SnapshotMismatch(
                f"{path} was taken under other rules: {differing_rules(found_rules, rules)}"
            )
        if capacities is not None and dict(capacities) != found_capacities:
            raise SnapshotMismatch(
                f"{path} has capacities {found_capacities}; these are {dict(capacities)}"
            )
        stored = os.fstat(file.fileno()).st_size - len(header) - _CHECKSUM_BYTES
        if stored < 0 or (encoding == PLAIN and stored != state_bytes):
            raise SnapshotCorrupt(f"{path} holds {stored} bytes of a state of {state_bytes}")
        state = np.empty(state_bytes, np.uint8)
        digest = hashlib.blake2b(header, digest_size=_CHECKSUM_BYTES)
        filled = _read_body(file, stored, encoding, state.data, digest)
        if digest.digest() != file.read(_CHECKSUM_BYTES) or filled != state_bytes:
            raise SnapshotCorrupt(f"{path} is damaged: its checksum is wrong")
    return Snapshot(sequence, found_rules, found_capacities, state, note)


def _read_header(
    file: BinaryIO, path: Path
) -> tuple[bytes, tuple[Any, ...], dict[str, int], bytes, bytes]:
    """The header's bytes with its checksum, its fixed fields, capacities, rules and note."""
    fixed = file.read(_HEADER.size)
    if len(fixed) < _HEADER.size or fixed[: len(_MAGIC)] != _MAGIC:
        raise SnapshotCorrupt(f"{path} does not begin as a snapshot does")
    fields = _HEADER.unpack(fixed)
    if fields[1] != FORMAT_VERSION:
        raise SnapshotMismatch(
            f"{path} has format {fields[1]}; this program reads {FORMAT_VERSION}"
        )
    limit = os.fstat(file.fileno()).st_size
    texts = [file.read(min(size, limit)) for size in fields[6:9]]
    found = file.read(_HEADER_CHECKSUM_BYTES)
    if found != checksum(fixed, *texts):
        raise SnapshotCorrupt(f"{path}: the header is damaged")
    if fields[5] != state_layout():
        raise SnapshotMismatch(
            f"{path} has state layout {fields[5].hex()}; this program has {state_layout().hex()}"
        )
    capacities = msgspec.json.decode(texts[0], type=dict[str, int])
    return b"".join((fixed, *texts, found)), fields, capacities, texts[1], texts[2]


def _read_body(file: BinaryIO, stored: int, encoding: int, state: memoryview, digest: Any) -> int:
    """Fill ``state`` from the next ``stored`` bytes; returns how many bytes the body held."""
    unpacker = zlib.decompressobj() if encoding == COMPRESSED else None
    filled = 0
    while stored > 0 and (chunk := file.read(min(stored, _CHUNK))):
        stored -= len(chunk)
        digest.update(chunk)
        try:
            # One byte of room too many shows a body that is longer than the state.
            room = len(state) - filled + 1
            part = chunk if unpacker is None else unpacker.decompress(chunk, room)
        except zlib.error:
            return -1
        end = filled + len(part)
        if end > len(state):
            return -1
        state[filled:end] = part
        filled = end
    return filled


class Replayable(Protocol):
    """What ``recover`` needs of an engine."""

    @property
    def sequence(self) -> int: ...

    def apply_rows(self, rows: NDArray[Any]) -> Any: ...


Machine = TypeVar("Machine", bound=Replayable)


def recover(
    snapshot: Snapshot | None,
    journal: JournalReader,
    restore: Callable[[Snapshot | None], Machine],
) -> Machine:
    """The machine after everything the journal holds: the snapshot, then the commands behind it.

    ``restore`` makes a machine from the snapshot, or a fresh one from None. The result equals a
    replay of the whole journal. Raises RecoveryError when the two do not fit together, and what
    reading the journal raises.
    """
    if snapshot is not None and snapshot.rules != journal.rules:
        raise RecoveryError(
            "snapshot and journal have other rules: "
            f"{differing_rules(snapshot.rules, journal.rules)}"
        )
    machine = restore(snapshot)
    start = machine.sequence
    if snapshot is not None and start != snapshot.sequence:
        raise RecoveryError(f"restored at command {start}, not at {snapshot.sequence}")
    if journal.first_sequence > start + 1:
        raise RecoveryError(
            f"the journal begins with command {journal.first_sequence}; "
            f"commands {start + 1} to {journal.first_sequence - 1} are missing"
        )
    for rows in journal:
        behind = journal.last_sequence - start
        if behind <= 0:
            continue
        machine.apply_rows(rows[-behind:] if behind < len(rows) else rows)
        if machine.sequence != journal.last_sequence:
            raise RecoveryError(
                f"after command {journal.last_sequence} the engine counts {machine.sequence}"
            )
    if journal.last_sequence < start:
        raise RecoveryError(
            f"the journal ends with command {journal.last_sequence}, before the snapshot's {start}"
        )
    return machine
