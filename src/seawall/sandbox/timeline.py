"""Replaying what survives of a venue's life, across reverts, into its history.

Each generation's base says in which generation it was saved and at which sequence, so the
surviving commands are a chain of pieces, one of each generation on the way.
"""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from seawall.engine.codec import decode_commands
from seawall.engine.engine import Engine
from seawall.engine.journal import JournalReader
from seawall.engine.snapshot import Snapshot, SnapshotError, load_snapshot
from seawall.sandbox import recovery
from seawall.sandbox.history import SqlHistory


class Piece(Struct, frozen=True):
    """Commands of one generation, ``behind`` < sequence <= ``until``."""

    generation: int
    behind: int
    until: int


def surviving(folder: Path, generation: int, rules: bytes) -> list[Piece]:
    """Oldest first; together every command that led to the end of ``generation``'s journal."""
    pieces: list[Piece] = []
    until = 2**62
    while generation > 1:
        path = recovery.base_path(folder, generation).with_suffix(".swp")
        base = recovery.load_directory_half(path, rules)
        pieces.append(Piece(generation, base.sequence, until))
        generation, until = base.generation, base.sequence
    pieces.append(Piece(1, 0, until))
    return pieces[::-1]


def catch_up(
    folder: Path,
    generation: int,
    sequence: int,
    rules: bytes,
    create: Callable[[], Engine],
    history: SqlHistory,
) -> int:
    """Bring the history to ``sequence`` of ``generation``; how many commands it lacked.

    A history of another generation, or of commands that the journal no longer has, begins anew.
    Raises what reading journals and snapshots raises.
    """
    if history.generation != generation or history.last_sequence > sequence:
        history.start_over(generation)
    lacking = sequence - history.last_sequence
    if lacking:
        for piece in surviving(folder, generation, rules):
            if piece.until > history.last_sequence:
                _replay(folder, piece, rules, create, history)
        history.flush()
    return lacking


def _replay(
    folder: Path, piece: Piece, rules: bytes, create: Callable[[], Engine], history: SqlHistory
) -> None:
    engine = create()
    start = _nearest(folder, piece, rules, history.last_sequence)
    if start is not None:
        engine.restore(start.state.tobytes())
    history.reverted(engine)
    journal = JournalReader(recovery.journal_path(folder, piece.generation), rules)
    for rows in journal:
        if journal.last_sequence <= engine.sequence:
            continue
        behind = journal.last_sequence - engine.sequence
        for command in decode_commands(rows[-behind:]):
            if engine.sequence >= piece.until:
                return
            events = engine.apply(command)
            if engine.sequence > history.last_sequence:
                history.record(engine, command, events)
            else:
                history.reverted(engine)


def _nearest(folder: Path, piece: Piece, rules: bytes, sequence: int) -> Snapshot | None:
    """The latest snapshot of a piece's generation that is not beyond ``sequence``."""
    for path in recovery.snapshots_of(folder, piece.generation):
        if piece.behind <= int(path.stem.rsplit("-", 1)[1]) <= sequence:
            try:
                return load_snapshot(path, rules)
            except SnapshotError:
                continue
    return recovery.start_of_generation(folder, piece.generation, rules)
