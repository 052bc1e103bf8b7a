"""Replaying what counts of a venue's life, across reverts, into its history.

A history that is at command s of segment n holds the chain that leads to n, up to s.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from seawall.engine.codec import decode_commands
from seawall.engine.engine import Engine
from seawall.sandbox.history import SqlHistory
from seawall.sandbox.log import Piece
from seawall.sandbox.recovery import Moment, frames_of, snapshots_of, usable

log = logging.getLogger(__name__)


def catch_up(
    folder: Path,
    pieces: Sequence[Piece],
    rules: bytes,
    create: Callable[[], Engine],
    history: SqlHistory,
) -> int:
    """Bring the history to the end of a chain; how many commands it lacked.

    A history that lies on no part of the chain begins anew. Of commands that were archived or
    dropped it can tell nothing. Raises what reading the log raises.
    """
    end = pieces[-1].end
    if not is_on(pieces, history.generation, history.last_sequence):
        history.start_over(end.segment)
    lacking = end.sequence - history.last_sequence
    if lacking > 0:
        _replay(folder, pieces, rules, create, history)
        history.flush()
    history.set_generation(end.segment)
    return lacking


def is_on(pieces: Sequence[Piece], segment: int, sequence: int) -> bool:
    """Whether a history at a command of a segment is of a moment of a chain."""
    return any(piece.segment == segment and sequence <= piece.end.sequence for piece in pieces)


def _replay(
    folder: Path,
    pieces: Sequence[Piece],
    rules: bytes,
    create: Callable[[], Engine],
    history: SqlHistory,
) -> None:
    engine = create()
    start = _nearest(folder, pieces, rules, history.last_sequence)
    if start is not None:
        engine.restore(start.engine)
        if start.position.sequence > history.last_sequence:
            log.warning("the history begins with command %d", start.position.sequence + 1)
    history.reverted(engine)
    for piece in pieces:
        for frame, _, _ in frames_of(folder, piece):
            behind = frame.last_sequence - engine.sequence
            if behind <= 0:
                continue
            for command in decode_commands(frame.rows[-behind:]):
                events = engine.apply(command)
                if engine.sequence > history.last_sequence:
                    history.record(engine, engine.sequence, command, events)
                else:
                    history.reverted(engine)


def _nearest(folder: Path, pieces: Sequence[Piece], rules: bytes, sequence: int) -> Moment | None:
    """The latest usable snapshot that is not beyond ``sequence``; None for the empty machine.

    Where the log's first segments are gone, the earliest one.
    """
    found = None
    for piece in reversed(pieces):
        for segment, frame in snapshots_of(folder):
            if segment == piece.segment and frame <= piece.end.frame:
                found = usable(folder, piece, frame, rules) or found
                if found is not None and found.position.sequence <= sequence:
                    return found
    return found if pieces[0].origin is not None else None
