"""What a watcher is shown, and what the watchdog says when a guard stops coming round."""

from pathlib import Path

import pytest
from msgspec import structs

from seawall.domain.errors import InputError
from seawall.guard.actions import Alert
from seawall.guard.journal import Journal
from seawall.guard.status import Status, read_status, status_path, write_status
from seawall.guard.watch import CELLS, WatchFrame, bar, frame_of
from seawall.guard.watchdog import AGAIN_MS, SILENT_MS, Watchdog
from seawall.report.values import json_object
from tests.guard.journals import fallen, write_guarded
from tests.guard.venue import price


@pytest.fixture(scope="module")
def status() -> Status:
    return fallen().status()


def frame(status: Status, later_ms: int = 0, *, is_running: bool = True) -> WatchFrame:
    return frame_of(status, status.looked_ms + later_ms, is_running=is_running)


def test_a_bar_is_full_at_its_whole_and_marks_what_fires() -> None:
    assert bar(0, 100) == "·" * CELLS
    assert bar(1, 100).count("█") == 1, "a little is not nothing"
    assert bar(100, 100) == bar(900, 100) == "█" * CELLS
    assert bar(50, 100, [75]) == "█" * 10 + "·" * 5 + "|" + "·" * 4


def test_the_nearest_is_first_and_fires_at_the_price_that_is_said(status: Status) -> None:
    found = frame(status)
    moves = [abs(each.move) for each in found.next if each.move is not None]
    assert moves == sorted(moves)
    assert found.problems == ()
    assert found.findings().verdict[-1].text.startswith("Next: stop (sell) when BTC is at 834.071")
    steps = {each.rule: each for each in found.next if "cross" in each.rule}
    assert steps["half out (cross)"].state == "again in 10 min"
    (out,) = [each for each in found.next if each.rule == "out (cross)"]
    assert (out.state, out.action) == ("armed", "flatten")
    # What is said is what happens: a mark just above it does nothing, one just below fires.
    for past, fired in ((1.0, False), (-1.0, True)):
        play = fallen()
        play.venue.orders.clear()
        play.go([float(out.fires_at or 0) + past])
        assert any("text='out: margin" in str(each) for each in play.entries) == fired


def test_a_distance_and_a_ratio_are_those_of_the_account(status: Status) -> None:
    found = frame(status)
    (margin,), (held,) = found.margins, found.held
    assert (margin.equity, str(held.size), str(held.mark)) == (600_000_000, "5", "850")
    assert margin.bar.count("|") == 1, "only the step that is armed"
    assert held.liquidation is not None
    assert held.distance == pytest.approx(float(1 - held.liquidation / held.mark), abs=1e-5)


def test_a_bucket_without_equity_is_shown_as_that() -> None:
    play = fallen()
    play.venue.cash["cross"] -= 2_000_000_000
    play.look()
    found = frame(play.status())
    (margin,) = found.margins
    assert margin.ratio is None
    assert margin.bar == "█" * CELLS or margin.bar.count("|") == 1
    shown = str(json_object(found.findings(), ""))
    assert "000000%" not in shown + " ".join(play.said)
    assert "out: cross has no equity" in play.said


def test_a_limit_that_has_latched_is_said(status: Status) -> None:
    assert status.memory is not None
    assert status.memory.account is not None
    account = structs.replace(status.memory.account, latched="drawdown from peak")
    memory = structs.replace(status.memory, account=account, stopped="account: missing")
    found = frame(structs.replace(status, memory=memory))
    assert [each.state for each in found.limits] == ["latched"]
    assert [each.split(":")[0] for each in found.problems] == [
        "The guard has stopped", "Latched until it is reset",
    ]  # fmt: skip


def test_what_is_wrong_with_a_guard_is_said_first(status: Status) -> None:
    late = SILENT_MS + 1
    assert "not come round" in frame(status, late).problems[0]
    blind = structs.replace(status, looked_ms=status.looked_ms + late)
    assert "decided nothing" in frame(blind).problems[0]
    assert status.memory is not None
    for memory, why in (
        (structs.replace(status.memory, deferred_ms=1), "inputs are missing or old"),
        (structs.replace(status.memory, stopped="prices: missing"), "it has stopped: prices"),
    ):
        assert why in frame(structs.replace(blind, memory=memory)).problems[0]
    assert "killed" in frame(status, is_running=False).problems[0]
    ended = structs.replace(status, ended="stopped as was asked")
    assert frame(ended, is_running=False).problems == (
        "The guard has ended: stopped as was asked.",
    )
    # One that has ended before and runs again is not said to have ended.
    assert frame(ended).problems == ()


def test_a_status_is_its_owners_alone_and_is_read_as_it_was(tmp_path: Path) -> None:
    play = write_guarded(tmp_path / "j")
    assert read_status(tmp_path / "j") == play.status()
    assert status_path(tmp_path / "j").stat().st_mode & 0o777 == 0o600
    status_path(tmp_path / "j").write_text("{}")
    with pytest.raises(InputError, match="no status of a guard"):
        read_status(tmp_path / "j")


def test_the_watchdog_says_each_change_once_and_what_lasts_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    play = write_guarded(path)
    status, said = play.status(), list[Alert]()
    now = status.looked_ms
    journal = Journal(path)
    dog = Watchdog(path, said.append)
    assert dog.look(now).name == "runs"
    assert said == []
    assert dog.look(now + SILENT_MS + 1).name == "silent"
    dog.look(now + SILENT_MS + 2)
    assert [each.key for each in said] == ["watchdog silent"]
    dog.look(now + SILENT_MS + 1 + AGAIN_MS)
    assert len(said) == 2
    now += SILENT_MS + 2 + AGAIN_MS
    write_status(path, structs.replace(status, looked_ms=now, decided_ms=now))
    assert dog.look(now).name == "runs"
    journal.close()
    assert dog.look(now + 1).name == "killed"
    write_status(path, structs.replace(status, looked_ms=now, ended="the disk is full"))
    assert dog.look(now + 2).text == "the guard has ended: the disk is full"
    path.unlink()
    assert dog.look(now + 3).name == "unreadable"
    assert [each.level for each in said[2:]] == ["info", "critical", "critical", "critical"]


def test_a_journal_without_a_guard_cannot_be_watched(tmp_path: Path) -> None:
    Journal(tmp_path / "j").close()
    with pytest.raises(InputError, match="no guard has run"):
        Watchdog(tmp_path / "j", [].append)


def test_prices_are_in_the_units_of_their_market(status: Status) -> None:
    assert status.view is not None
    assert status.view.market["BTC"].mark == price(850.0)
