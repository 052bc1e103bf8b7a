"""Which kinds of commands, events and reasons a run has reached."""

from collections import Counter
from typing import Any

from seawall.domain.enums import CommandKind, Reason


class Coverage:
    """How often each kind of command was accepted and each reason was given."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.rejections: Counter[str] = Counter()
        self.events: Counter[str] = Counter()

    def note(self, kind: int, events: list[Any]) -> None:
        """``events``: anything with ``kind`` and ``reason``."""
        named = kind in tuple(CommandKind)
        self.kinds[CommandKind(kind).name if named else "unknown"] += 1
        for event in events:
            self.events[event.kind.name] += 1
            if event.reason != Reason.NO_REASON:
                self.rejections[Reason(event.reason).name] += 1

    def report(self) -> str:
        parts = [
            f"{title}: " + ", ".join(f"{name} {count}" for name, count in counter.most_common())
            for title, counter in (
                ("commands", self.kinds),
                ("events", self.events),
                ("reasons", self.rejections),
            )
        ]
        unseen = sorted({r.name for r in Reason} - set(self.rejections) - {"NO_REASON"})
        return "\n".join([*parts, "reasons not seen: " + ", ".join(unseen)])
