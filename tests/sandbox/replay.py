"""What a folder's journals say by themselves, read without the sandbox's own recovery."""

from pathlib import Path

from seawall.engine.codec import decode_commands
from seawall.engine.engine import Engine
from seawall.engine.journal import read_journal
from seawall.engine.snapshot import load_snapshot
from seawall.venues.rulebook_file import load_rulebook
from tests.sandbox.venue import LIMITS, MARKETS


def replayed(folder: Path) -> Engine:
    """The machine after the latest generation's journal, from its very beginning."""
    newest = max(folder.glob("journal-*.swj"))
    engine = Engine.create(load_rulebook(), MARKETS, LIMITS)
    base = folder / newest.name.replace("journal", "base").replace(".swj", ".sws")
    if base.exists():
        engine.restore(load_snapshot(base).state.tobytes())
    for rows in read_journal(newest):
        for command in decode_commands(rows):
            engine.apply(command)
    return engine


def replayed_hash(folder: Path) -> str:
    return replayed(folder).state_hash()
