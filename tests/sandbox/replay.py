"""What a folder's log says by itself, read without the sandbox's own recovery."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from seawall.domain.commands import Command
from seawall.domain.instrument import Instrument
from seawall.engine.codec import decode_commands
from seawall.engine.engine import Engine
from seawall.engine.journal import JournalReader
from seawall.engine.layout import Limits
from seawall.venues.rulebook_file import load_rulebook
from tests.sandbox.venue import LIMITS, MARKETS


def replayed(
    folder: Path, instruments: Sequence[Instrument] = MARKETS, limits: Limits = LIMITS
) -> Engine:
    """The machine after the newest segment's end, from the very first command that counts."""
    engine = Engine.create(load_rulebook(), list(instruments), limits)
    for command in commands_of(folder):
        engine.apply(command)
    return engine


def commands_of(folder: Path) -> list[Command]:
    """The commands that count, in order."""
    return [command for rows in rows_of(folder) for command in decode_commands(rows)]


def rows_of(folder: Path) -> Iterator[Any]:
    """The rows of every frame that counts, in order."""
    newest = max(folder.glob("log-*.swj"))
    for path, until in _chain(newest, 2**62):
        for frame in JournalReader(path).frames():
            if frame.number <= until:
                yield frame.rows


def _chain(path: Path, until: int) -> list[tuple[Path, int]]:
    """Segments and how many of their frames count, oldest first."""
    origin = msgspec.json.decode(JournalReader(path).note).get("origin")
    before = []
    if origin:
        before = _chain(path.with_name(f"log-{origin['segment']:04d}.swj"), origin["frame"])
    return [*before, (path, until)]


def replayed_hash(folder: Path) -> str:
    return replayed(folder).state_hash()
