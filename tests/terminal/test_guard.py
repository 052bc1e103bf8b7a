"""A guard on the venue is shown from its journal: what is armed, what fires next, what was done."""

from pathlib import Path

from seawall.terminal import protocol
from seawall.terminal.guard import GuardView
from tests.guard.journals import ADDRESS, write_guarded, write_journal
from tests.terminal.page import Page, with_page


def test_its_rules_and_decisions_are_shown(tmp_path: Path) -> None:
    journal = tmp_path / "fall.journal"
    played = write_guarded(journal)

    async def play(page: Page) -> None:
        shown = await page.surface(protocol.Guard, lambda g: g.is_present)
        assert (shown.name, shown.address, shown.is_armed) == ("fall", ADDRESS, True)
        by_rule = {each.rule: each for each in shown.rules}
        assert set(by_rule) >= {"look (cross)", "half out (cross)", "out (cross)", "stop"}
        last = by_rule["out (cross)"]
        assert (last.state, last.action, last.fires_at) == ("armed", "flatten", "772.942")
        assert -0.1 < (last.move or 0) < 0
        assert by_rule["look (cross)"].state.startswith("again in")
        assert shown.decisions[0].time_ms >= shown.decisions[-1].time_ms
        assert any(
            each.rule == "half out" and each.became == "accepted" for each in shown.decisions
        )
        assert shown.problems  # it does not run any more
        assert not shown.is_running
        # What it does next is read as soon as it is written.
        played.go([772.0])
        write_journal(journal, played.entries)
        count = len(shown.decisions)
        more = await page.surface(protocol.Guard, lambda g: len(g.decisions) > count)
        assert more.decisions[0].why

    with_page(play, guard=journal)


def test_a_journal_that_is_not_there_is_said(tmp_path: Path) -> None:
    shown = GuardView(tmp_path / "none").shown(0)
    assert not shown.is_present
    assert "none" in shown.problems[0]
    assert GuardView(None).shown(0).problems == ()
