"""Journals of guards, made by playing them: for tests, and the one that the documentation shows.

python -m tests.guard.journals examples/guard/fall.journal
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from seawall.guard.actions import Action, Alert, PlaceOrder
from seawall.guard.decide import decide
from seawall.guard.journal import Acted, Decided, Entry, Failed, Journal, Opened
from seawall.guard.loop import NOT_ARMED
from seawall.guard.memory import Memory
from seawall.guard.policy import Policy
from seawall.guard.policy_file import parse_policy
from seawall.guard.status import Status, without_books, write_status
from seawall.guard.view import View
from seawall.venues.gateway_port import Accepted, Outcome, Refused, Unknown
from tests.guard.venue import START_MS, Venue, account

ADDRESS = "0x" + "a" * 40
POLICY = """
name = "fall"
[account]
risk_capital = 2000
[drawdown]
from_peak = "95%"
[[step]]
name = "look"
action = "alert"
trigger = "15%"
rearm = "12%"
[[step]]
name = "half out"
action = "close"
trigger = "30%"
rearm = "20%"
share = "50%"
[[step]]
name = "out"
action = "flatten"
trigger = "45%"
rearm = "20%"
[[stop]]
name = "stop"
distance = "24%"
"""


class Played:
    """A guard that is played, and the entries that it would have written."""

    def __init__(self, policy: Policy, venue: Venue, *, is_armed: bool = True) -> None:
        self.policy, self.venue, self.is_armed = policy, venue, is_armed
        self.memory = Memory()
        self.entries: list[Entry] = []
        self.view: View = venue.view()
        self.open()

    @property
    def said(self) -> list[str]:
        decided = [each for each in self.entries if isinstance(each, Decided)]
        return [a.text for each in decided for a in each.actions if isinstance(a, Alert)]

    def open(self) -> None:
        self.entries.append(
            Opened(
                time_ms=self.venue.time_ms,
                address=ADDRESS,
                network="sandbox",
                policy=self.policy.name,
                version=self.policy.version,
                ledger_from_ms=START_MS,
                is_armed=self.is_armed,
            )
        )

    def go(self, marks: Sequence[float], *, outcome: Outcome | None = None) -> None:
        """Look at each mark of BTC; ``outcome``: of every order, instead of the venue's own."""
        for mark in marks:
            self.venue.move(1000, BTC=mark)
            self.look(outcome)

    def look(self, outcome: Outcome | None = None) -> None:
        self.view = self.venue.view()
        self.memory, actions = decide(self.policy, self.memory, self.view)
        if not actions:
            return
        at_ms = self.venue.time_ms
        seen = {
            "equity": self.view.equity,
            "marks": {each.name: each.mark for each in self.view.markets},
            "ratios": {each.name: each.ratio for each in self.view.buckets},
        }
        self.entries.append(
            Decided(time_ms=at_ms, memory=self.memory, actions=tuple(actions), seen=seen)
        )
        if self.is_armed and outcome is None:
            self.venue.apply(actions)
        for number, each in enumerate(actions):
            if not isinstance(each, Alert):
                found = self._outcome(each) if outcome is None else outcome
                self.entries.append(Acted(time_ms=at_ms, number=number, outcome=found))

    def _outcome(self, action: Action) -> Outcome:
        if not self.is_armed:
            return NOT_ARMED
        if isinstance(action, PlaceOrder) and action.kind == "immediate":
            return Accepted("filled", 7)
        return Accepted("resting" if isinstance(action, PlaceOrder) else "", 8)

    def status(self) -> Status:
        memory = structs.replace(self.memory, quiet=None)
        now_ms = self.venue.time_ms
        return Status(
            pid=1, started_ms=START_MS, looked_ms=now_ms, decided_ms=now_ms, address=ADDRESS,
            network="sandbox", url="http://127.0.0.1:3001", is_armed=self.is_armed,
            policy=self.policy, view=without_books(self.view), memory=memory,
        )  # fmt: skip


def fallen(*, is_armed: bool = True) -> Played:
    """A position whose mark falls until half of it is closed; the last step is still armed."""
    policy = structs.replace(parse_policy(POLICY), source="fall.toml")
    found = Played(policy, account(), is_armed=is_armed)
    found.go([1000.0, 960.0, 900.0, 870.0, 868.0, 850.0])
    return found


def played() -> Played:
    """The same and on to the last step: a lost answer, a restart, a refusal, the end."""
    found = fallen()
    found.go([772.0], outcome=Unknown("no answer within 5 s"))
    found.entries.append(Failed(time_ms=found.venue.time_ms, why="account: cannot be read"))
    found.open()
    found.go([772.0] * 3, outcome=Refused("too many requests"))
    found.go([772.0] * 4)
    return found


def write_journal(path: Path, entries: Sequence[Entry]) -> None:
    path.unlink(missing_ok=True)
    journal = Journal(path)
    journal.write(*entries)
    journal.close()


def write_guarded(path: Path) -> Played:
    """The journal of ``fallen`` and the status beside it."""
    found = fallen()
    write_journal(path, found.entries)
    write_status(path, found.status())
    return found


def shown_entries() -> list[Entry]:
    """Those of the documentation: without memories, which only a guard needs."""
    return [
        structs.replace(each, memory=Memory(raised=each.memory.raised))
        if isinstance(each, Decided) else each
        for each in played().entries
    ]  # fmt: skip


if __name__ == "__main__":
    write_journal(Path(sys.argv[1]), shown_entries())
