"""What a venue's folder holds, and how a venue comes back from it.

    journal-0001.swj      every command, in order          (docs/machine/journal.md)
    directory-0001.swd    every record of the directory    (directory_log.py)
    snapshot-0001-<sequence>.sws and .swp                  engine and directory at one sequence
    base-0002.sws and .swp                                 where generation 2 begins
    points/<name>.sws and .swp                             named save points
    base-0002.sqlite, points/<name>.sqlite                 the history at those moments
    history.sqlite                                         can be rebuilt from the journals
    lock                                                   held while a venue runs

A **generation** is one journal with its directory log. A revert starts the next generation: its
base is the save point that was reverted to, and its journal goes on from the base's sequence. The
new journal is created last and in one step, so a crash during a revert leaves the old generation
or the new one. Recovery takes the highest generation: its newest usable snapshot (or its base, or
nothing for the first generation), then the tail of its journal and of its directory log. Older
generations are kept: each can be replayed by itself, base and journal, which is how a session with
reverts is replayed.
"""

import logging
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from msgspec import Struct, structs

from seawall.engine.engine import Engine
from seawall.engine.journal import (
    JournalReader,
    JournalWriter,
    checksum,
    digest_of_rules,
    write_whole_file,
)
from seawall.engine.snapshot import (
    RecoveryError,
    Snapshot,
    SnapshotError,
    load_snapshot,
    recover,
    save_snapshot,
)
from seawall.sandbox.directory_log import DirectoryLog
from seawall.venues.port import Directory

log = logging.getLogger(__name__)

_HEADER = struct.Struct("<8sIIqqqq16s")
"""Magic, version, generation, sequence, last group of the log, time, length, digest of rules."""
_MAGIC = b"SEAWALLP"
_VERSION = 1
_SUM = 8
KEPT_SNAPSHOTS = 2


class Moment(Struct, frozen=True):
    """Engine and directory at one sequence of one generation.

    ``frame``: number of the last group of the directory's log that is in it. ``time_ms``: the
    venue's clock. ``engine`` is empty where only the directory's half was read.
    """

    generation: int
    sequence: int
    frame: int
    time_ms: int
    directory: bytes
    engine: bytes = b""


def journal_path(folder: Path, generation: int) -> Path:
    return folder / f"journal-{generation:04d}.swj"


def directory_log_path(folder: Path, generation: int) -> Path:
    return folder / f"directory-{generation:04d}.swd"


def base_path(folder: Path, generation: int) -> Path:
    return folder / f"base-{generation:04d}.sws"


def snapshot_path(folder: Path, generation: int, sequence: int) -> Path:
    return folder / f"snapshot-{generation:04d}-{sequence:012d}.sws"


def latest_generation(folder: Path) -> int:
    """0 for a folder in which no venue ever ran."""
    found = [
        int(match[1])
        for path in folder.iterdir()
        if (match := re.fullmatch(r"journal-(\d{4,})\.swj", path.name))
    ]
    return max(found, default=0)


def snapshots_of(folder: Path, generation: int) -> list[Path]:
    """Newest first."""
    return sorted(folder.glob(f"snapshot-{generation:04d}-*.sws"), reverse=True)


def save_moment(path: Path, moment: Moment, rules: bytes) -> None:
    """Write both halves durably; the engine's half, whose existence counts, last."""
    fixed = _HEADER.pack(
        _MAGIC, _VERSION, moment.generation, moment.sequence, moment.frame, moment.time_ms,
        len(moment.directory), digest_of_rules(rules),
    )  # fmt: skip
    body = moment.directory
    write_whole_file(path.with_suffix(".swp"), [fixed, body, checksum(fixed, body)])
    save_snapshot(path, np.frombuffer(moment.engine, np.uint8), rules, compress=True)


def load_directory_half(path: Path, rules: bytes) -> Moment:
    """The directory's half of a moment. Raises SnapshotError, OSError."""
    content = path.read_bytes()
    head, rest = content[: _HEADER.size], content[_HEADER.size :]
    body, found = rest[:-_SUM], rest[-_SUM:]
    if len(found) < _SUM or head[:8] != _MAGIC or checksum(head, body) != found:
        raise SnapshotError(f"{path} is damaged")
    _, version, generation, sequence, frame, time_ms, length, digest = _HEADER.unpack(head)
    if version != _VERSION or length != len(body) or digest != digest_of_rules(rules):
        raise SnapshotError(f"{path} has another format or other rules")
    return Moment(generation, sequence, frame, time_ms, body)


def load_moment(path: Path, rules: bytes) -> Moment:
    """Both halves, which must be of one sequence. Raises SnapshotError, OSError."""
    snapshot = load_snapshot(path, rules)
    half = load_directory_half(path.with_suffix(".swp"), rules)
    if half.sequence != snapshot.sequence:
        raise SnapshotError(
            f"{path} is of command {snapshot.sequence}, its directory of {half.sequence}"
        )
    return structs.replace(half, engine=snapshot.state.tobytes())


def drop_old_snapshots(folder: Path, generation: int) -> None:
    """Keep the newest few of a generation, and none of the ones before."""
    for path in folder.glob("snapshot-*.sws"):
        if path not in snapshots_of(folder, generation)[:KEPT_SNAPSHOTS]:
            path.unlink(missing_ok=True)
            path.with_suffix(".swp").unlink(missing_ok=True)


class Recovered(Struct, frozen=True):
    engine: Engine
    generation: int
    journal: JournalWriter
    directory_log: DirectoryLog
    last_ms: int
    """The last time that the files know, 0 for none."""


def _moments(folder: Path, generation: int, rules: bytes) -> Iterator[Moment | None]:
    """What recovery may start from, best first; None is the empty machine."""
    for path in snapshots_of(folder, generation):
        try:
            yield load_moment(path, rules)
        except (SnapshotError, OSError) as error:
            log.warning("%s; trying an older one", error)
    if generation > 1:
        yield load_moment(base_path(folder, generation), rules)
    else:
        yield None


def start_of_generation(folder: Path, generation: int, rules: bytes) -> Snapshot | None:
    """The machine's state where a generation's journal begins; None is the empty machine.

    Raises SnapshotError, OSError.
    """
    return load_snapshot(base_path(folder, generation), rules) if generation > 1 else None


def recover_folder(
    folder: Path, rules: bytes, create: Callable[[], Engine], directory: Directory
) -> Recovered:
    """Engine and directory as the files say, ready to go on.

    ``directory`` must be as new. Raises JournalError, SnapshotError, RecoveryError,
    DirectoryLogError, OSError; the message names the file.
    """
    generation = max(1, latest_generation(folder))
    journal = JournalWriter(journal_path(folder, generation), rules)
    try:
        if journal.repaired is not None:
            log.warning("%s: cut off a torn tail: %s", journal.path, journal.repaired.why)
        found = next(_moments(folder, generation, rules))
        engine, frame, last_ms = create(), 0, 0
        if found is not None:
            engine.restore(found.engine)
            directory.restore(found.directory)
            frame, last_ms = found.frame, found.time_ms
        recover(None, JournalReader(journal.path, rules), lambda _: engine)
        records = DirectoryLog(
            directory_log_path(folder, generation), rules, journal.durable_sequence, frame
        )
    except BaseException:
        journal.close()
        raise
    if records.dropped_bytes:
        log.warning("%s: cut off %d bytes", records.path, records.dropped_bytes)
    last_ms = max(engine.clock_ms, last_ms)
    for group in records.groups(frame):
        for time_ms, record in zip(group.times_ms, group.records, strict=True):
            directory.apply(record, time_ms)
            last_ms = max(last_ms, time_ms)
    if records.number < frame:
        raise RecoveryError(f"{records.path} ends before the snapshot's group {frame}")
    return Recovered(engine, generation, journal, records, last_ms)


def begin_generation(
    folder: Path, generation: int, moment: Moment, rules: bytes
) -> tuple[JournalWriter, DirectoryLog]:
    """A new generation whose base is ``moment``. The journal's creation makes it count."""
    save_moment(base_path(folder, generation), moment, rules)
    directory_log_path(folder, generation).unlink(missing_ok=True)
    records = DirectoryLog(
        directory_log_path(folder, generation), rules, moment.sequence, moment.frame
    )
    journal = JournalWriter(journal_path(folder, generation), rules, moment.sequence + 1)
    return journal, records
