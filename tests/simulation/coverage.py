"""Which kinds of commands, events and reasons a run has reached."""

import ast
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from seawall.domain.enums import CommandKind, Reason

OF_OTHER_RULES = {"MARGIN_CANCELLED", "PARENT_CANCELLED", "POSITION_CLOSED", "SIBLING_FILLED"}
"""Named in files that both kinds of rules use, but only for the others."""


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


def block_reasons() -> set[str]:
    """Every reason that the source of the machine under rules of blocks names."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = ["seawall.engine.transitions.blocks.apply"]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in ast.walk(ast.parse(_source(import_module(name)))):
            if isinstance(node, ast.ImportFrom) and node.module:
                if node.module.startswith(
                    ("seawall.engine.transitions", "seawall.engine.formulas")
                ):
                    waiting.append(node.module)
                found |= {alias.name for alias in node.names if alias.name in Reason.__members__}
    return found - {"NO_REASON"} - OF_OTHER_RULES


def _source(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text()
