"""The journal: what is written is read again, damage is found, and a torn end is cut off."""

import subprocess
import sys
from pathlib import Path

import pytest

from seawall.guard.actions import Alert
from seawall.guard.journal import Acted, Decided, Entry, Journal, JournalError, Opened, read_journal
from seawall.guard.memory import Memory
from seawall.venues.gateway_port import Accepted, Refused, Unknown

OPENED = Opened(
    time_ms=1, address="0xaa", network="sandbox", policy="p", version=7, ledger_from_ms=5,
    is_armed=True,
)  # fmt: skip
ENTRIES: list[Entry] = [
    OPENED,
    Decided(time_ms=2, memory=Memory(time_ms=2), actions=(Alert(key="k", level="info", text="t"),)),
    Acted(time_ms=2, number=0, outcome=Refused("no", was_sent=False)),
    Acted(time_ms=2, number=1, outcome=Unknown("late")),
    Decided(time_ms=3, memory=Memory(time_ms=3, raised=("a",))),
    Acted(time_ms=3, number=0, outcome=Accepted("filled", 9)),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "guard.journal"
    journal = Journal(found)
    journal.write(*ENTRIES[:2])
    for each in ENTRIES[2:]:
        journal.write(each)
    journal.close()
    return found


def test_what_is_written_is_read_again(path: Path) -> None:
    assert list(read_journal(path)) == ENTRIES
    assert path.stat().st_mode & 0o777 == 0o600
    journal = Journal(path)
    last = journal.last()
    assert last is not None
    assert last.memory == Memory(time_ms=3, raised=("a",))
    assert journal.ledger_from_ms() == 5
    journal.write(OPENED)
    journal.close()
    assert list(read_journal(path)) == [*ENTRIES, OPENED]


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_a_torn_end_is_cut_off_and_the_journal_goes_on(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    journal = Journal(path)
    journal.write(OPENED)
    journal.close()
    assert list(read_journal(path)) == [*ENTRIES[:-1], OPENED]


def test_a_line_that_is_changed_missing_or_moved_is_found(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    changed = [*lines[:1], lines[1].replace(b'"time_ms":2', b'"time_ms":9'), *lines[2:]]
    for damaged in (changed, lines[1:], lines[:2] + lines[3:], [lines[1], lines[0], *lines[2:]]):
        path.write_bytes(b"".join(damaged))
        with pytest.raises(JournalError, match=r"line \d is damaged"):
            Journal(path)
        with pytest.raises(JournalError, match=r"line \d is damaged"):
            list(read_journal(path))


def test_two_guards_cannot_hold_one_journal(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(JournalError, match="another guard holds"):
        Journal(path)
    code = f"from seawall.guard.journal import *; Journal(Path({str(path)!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "another guard holds" in other.stderr
    journal.close()
    Journal(path).close()


def test_a_place_where_none_can_be(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="No such file"):
        Journal(tmp_path / "none" / "guard.journal")
