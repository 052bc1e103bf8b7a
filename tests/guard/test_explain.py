"""What a journal tells: every action with its cause and what became of it."""

from pathlib import Path
from typing import Any

import pytest

from seawall.domain.errors import InputError
from seawall.guard.explain import _done, _said, explain_journal
from seawall.guard.journal import Decided, JournalError, read_journal
from tests.guard.journals import Played, fallen, played, shown_entries, write_journal
from tests.shared_files import ROOT

SHOWN = ROOT / "examples" / "guard" / "fall.journal"


def explained(path: Path, play: Played):  # type: ignore[no-untyped-def]
    write_journal(path, play.entries)
    return explain_journal(path)


def test_a_close_whose_answer_is_lost_is_told_to_its_end(tmp_path: Path) -> None:
    found = explained(tmp_path / "j", played())
    rows = [(each.what, each.became) for each in found.done if each.rule == "out"]
    assert rows == [
        ("close", "no answer"), ("ask for an order", "refused"), ("ask for an order", "refused"),
        ("ask for an order", "accepted"), ("close", "accepted"),
    ]  # fmt: skip
    (out,) = [each for each in found.episodes if each.rule == "out"]
    assert (out.orders, out.accepted, out.end) == (1, 1, "accepted")
    assert out.why == "margin ratio of cross is 45.95%"
    assert [each.why for each in found.failed] == ["account: cannot be read"]
    assert len(found.runs) == 2
    assert not any(each.is_warning for each in found.findings().words)


def test_an_order_that_was_never_answered_is_a_warning(tmp_path: Path) -> None:
    play = played()
    last = max(n for n, each in enumerate(play.entries) if "immediate" in str(each))
    play.entries = play.entries[: last + 1]
    found = explained(tmp_path / "j", play)
    assert found.done[-1].became == "not known"
    warnings = [each.text for each in found.findings().words if each.is_warning]
    assert warnings == ["out in BTC: what became of its last order is not known."]


def test_what_a_guard_that_is_not_armed_would_have_done_is_not_sent(tmp_path: Path) -> None:
    found = explained(tmp_path / "j", fallen(is_armed=False))
    assert [each.armed for each in found.runs] == ["no"]
    assert found.not_done == found.done
    assert {each.became for each in found.done} == {"not sent"}


def test_an_alert_lasts_as_long_as_its_cause(tmp_path: Path) -> None:
    found = explained(tmp_path / "j", played())
    (moved,) = [each for each in found.said if "beyond liquidation" in each.text]
    assert moved.until_ms is not None
    assert moved.until_ms - moved.time_ms == 4000


class Looked(list[Any]):
    """Counts what is taken out of it again, beside going through it."""

    count = 0

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        self.count += len(found) if isinstance(place, slice) else 1
        return found


def test_a_long_journal_is_gone_through_once() -> None:
    entries = Looked(played().entries * 10)
    decided = Looked(each for each in entries if isinstance(each, Decided))
    once = list(_done(played().entries))
    assert len(list(_done(entries))) == 10 * len(once)
    assert len(list(_said(decided))) > 10
    assert entries.count <= len(entries)
    assert decided.count <= len(decided)


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        explain_journal(tmp_path / "nothing")
    (tmp_path / "text").write_text("text\n")
    with pytest.raises(InputError, match="no journal"):
        explain_journal(tmp_path / "text")
    path = tmp_path / "j"
    explained(path, fallen())
    path.write_bytes(path.read_bytes().replace(b"half out", b"half oui", 1))
    with pytest.raises(JournalError, match="is damaged"):
        explain_journal(path)


def test_the_journal_of_the_documentation_is_what_a_guard_writes() -> None:
    assert list(read_journal(SHOWN)) == shown_entries()
