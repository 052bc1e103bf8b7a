"""A watchdog of its own process: it says when a guard stops coming round, and when it is back.

It looks at the lock on the journal and at the age of the status beside it, so it needs no venue and
no key, and goes on when the guard is killed, hangs or cannot reach the venue. It sends nothing to a
venue: cancelling all orders would cancel the exits that protect the account.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from seawall.domain.errors import InputError
from seawall.guard.actions import Alert
from seawall.guard.requests import is_held
from seawall.guard.status import Status, read_status
from seawall.report.kinds import duration

SILENT_MS = 15_000
"""A guard that has not come round for so long is taken to hang."""
AGAIN_MS = 15 * 60_000
"""What lasts is said again after so long."""
RUNS = "runs"


class Condition(NamedTuple):
    """How a guard is: ``runs``, ``ended`` (by itself or as it was asked), ``killed``, ``silent``
    or ``blind`` (it comes round and can decide nothing)."""

    name: str
    level: str
    text: str


def condition_of(
    status: Status | None, now_ms: int, *, is_running: bool, silent_ms: int = SILENT_MS
) -> Condition:
    """How a guard is. ``is_running``: whether a process holds its journal; ``now_ms``: by this
    computer's clock."""
    if status is None:
        return Condition("killed", "critical", "no guard has run on this journal")
    if not is_running and status.ended:
        return Condition("ended", "critical", f"the guard has ended: {status.ended}")
    if not is_running:
        text = "the guard has ended without a reason: it was killed, or its computer has failed"
        return Condition("killed", "critical", text)
    silent = now_ms - status.looked_ms
    if silent > silent_ms:
        text = f"the guard has not come round for {duration(silent / 1000)}"
        return Condition("silent", "critical", text)
    blind = now_ms - max(status.decided_ms, status.started_ms)
    if blind > silent_ms:
        why = status.trouble or held_up(status) or "it has no account that it can read"
        text = f"the guard has decided nothing for {duration(blind / 1000)}: {why}"
        return Condition("blind", "critical", text)
    return Condition(RUNS, "info", "the guard runs")


def held_up(status: Status) -> str:
    """Why the decisions of a guard decide nothing; empty where they do."""
    memory = status.memory
    if memory is None:
        return ""
    if memory.stopped:
        return f"it has stopped: {memory.stopped}"
    return "inputs are missing or old" if memory.deferred_ms else ""


class Watchdog:
    """Looks at the guard of a journal. ``hear``: is given what has changed, as alerts.

    Raises InputError where no guard has run on the journal.
    """

    def __init__(
        self, journal: Path, hear: Callable[[Alert], None], silent_ms: int = SILENT_MS
    ) -> None:
        self._journal, self._hear, self._silent_ms = journal, hear, silent_ms
        self._last, self._said_ms = RUNS, 0
        is_held(journal)
        if read_status(journal) is None:
            raise InputError(f"{journal}: no guard has run on it, so there is none to watch")

    def look(self, now_ms: int) -> Condition:
        """How the guard is now; a change is said, and what lasts is said again."""
        try:
            is_running, status = is_held(self._journal), read_status(self._journal)
        except InputError as error:
            found = Condition("unreadable", "critical", str(error))
        else:
            found = condition_of(status, now_ms, is_running=is_running, silent_ms=self._silent_ms)
        is_due = found.name != RUNS and now_ms - self._said_ms >= AGAIN_MS
        if found.name != self._last or is_due:
            self._last, self._said_ms = found.name, now_ms
            self._hear(Alert(key=f"watchdog {found.name}", level=found.level, text=found.text))
        return found
