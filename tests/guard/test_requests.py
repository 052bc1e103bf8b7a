"""What a person asks of a guard: taken once, by the guard of that journal, from its owner only."""

from pathlib import Path

import pytest

from seawall.domain.errors import InputError
from seawall.guard.journal import Journal
from seawall.guard.requests import (
    RESET,
    STOP,
    Request,
    ask,
    asked,
    is_held,
    requests_path,
    take,
)


def test_requests_are_taken_once_in_their_order(tmp_path: Path) -> None:
    journal = tmp_path / "guard.journal"
    assert take(journal) == []
    found = [Request(RESET, "drawdown from peak"), Request(RESET, "out"), Request(STOP)]
    for each in found:
        ask(journal, each)
    assert requests_path(journal).stat().st_mode & 0o777 == 0o600
    assert asked(journal) == found
    assert take(journal) == found
    assert (take(journal), asked(journal)) == ([], [])


def test_what_no_command_of_ours_has_written_is_left_out(tmp_path: Path) -> None:
    journal = tmp_path / "guard.journal"
    ask(journal, Request(STOP))
    with requests_path(journal).open("ab") as file:
        file.write(b"reset everything\n\xff\n")
    assert take(journal) == [Request(STOP)]


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "guard.journal"
    ask(journal, Request(STOP))
    requests_path(journal).chmod(0o622)
    with pytest.raises(InputError, match="chmod 600"):
        take(journal)
    requests_path(journal).unlink()
    requests_path(journal).symlink_to(tmp_path / "other")
    with pytest.raises(InputError):
        ask(journal, Request(STOP))


def test_a_journal_is_held_while_a_guard_has_it(tmp_path: Path) -> None:
    path = tmp_path / "guard.journal"
    with pytest.raises(InputError, match="No such file"):
        is_held(path)
    journal = Journal(path)
    assert is_held(path)
    journal.close()
    assert not is_held(path)
