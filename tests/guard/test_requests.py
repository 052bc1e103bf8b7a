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
    drop,
    is_held,
    requests_path,
)


def said(found: list[Request]) -> list[tuple[str, str]]:
    return [(each.what, each.name) for each in found]


def test_requests_stay_in_their_order_until_they_are_dropped(tmp_path: Path) -> None:
    journal = tmp_path / "guard.journal"
    assert asked(journal) == []
    drop(journal, {"x"})
    for name in ("drawdown from peak", "out", "out"):
        ask(journal, Request(RESET, name))
    ask(journal, Request(STOP))
    assert requests_path(journal).stat().st_mode & 0o777 == 0o600
    found = asked(journal)
    names = [(RESET, "drawdown from peak"), (RESET, "out"), (RESET, "out"), (STOP, "")]
    assert said(found) == names
    assert len({each.token for each in found}) == 4, "the same asked twice is asked twice"
    drop(journal, {found[1].token, found[3].token})
    assert asked(journal) == [found[0], found[2]]
    drop(journal, {found[0].token, found[2].token})
    assert asked(journal) == []
    assert requests_path(journal).read_bytes() == b""


def test_what_no_command_of_ours_has_written_is_left_out(tmp_path: Path) -> None:
    journal = tmp_path / "guard.journal"
    ask(journal, Request(STOP))
    with requests_path(journal).open("ab") as file:
        file.write(b'reset everything\n\xff\n{"what":"stop"}\n')
    assert said(asked(journal)) == [(STOP, "")]


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "guard.journal"
    ask(journal, Request(STOP))
    requests_path(journal).chmod(0o622)
    with pytest.raises(InputError, match="chmod 600"):
        asked(journal)
    with pytest.raises(InputError, match="chmod 600"):
        drop(journal, {"x"})
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
