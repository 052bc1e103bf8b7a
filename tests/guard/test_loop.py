"""The loop: from which journal it goes on, when a reset is gone, what is said after a restart."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from seawall.domain.units import MICRO
from seawall.guard.actions import Alert
from seawall.guard.journal import Decided, Journal, JournalError, Opened, read_journal
from seawall.guard.loop import Guard
from seawall.guard.memory import Memory
from seawall.guard.policy import Policy
from tests.guard.reading import ADDRESS, KeepingWriter, StillReader
from tests.guard.venue import START_MS, policy

OUT = """
[[step]]
name = "out"
on = "cross"
action = "flatten"
trigger = "{}"
rearm = "1%"
"""
"""The pool of the account has a margin ratio of 8 %."""
FIRES, CALM = policy(OUT.format("5%")), policy(OUT.format("50%"))


def opened(is_armed: bool) -> Opened:
    return Opened(
        time_ms=START_MS, address=ADDRESS, network="sandbox", policy="test", version=1,
        ledger_from_ms=1, is_armed=is_armed,
    )  # fmt: skip


class Looking:
    """One run of a guard, a few looks long."""

    def __init__(self, path: Path, made: Policy, *, is_armed: bool) -> None:
        self.said: list[str] = []
        self.reader, self.writer = StillReader(), KeepingWriter()
        self.journal = Journal(path)
        self.journal.write(opened(is_armed))
        hear: Callable[[Alert], None] = lambda alert: self.said.append(alert.text)  # noqa: E731
        self.guard = Guard(
            made, self.reader, self.reader.observer(), self.journal,
            self.writer if is_armed else None, hear,
        )  # fmt: skip

    def look(self, times: int = 1) -> "Looking":
        for _ in range(times):
            asyncio.run(self._look())
        return self

    async def _look(self) -> None:
        await self.guard.look()
        self.reader.time_ms += 3_000

    def end(self) -> None:
        self.journal.close()


def markets(run: Looking) -> set[str]:
    return {each.market for each in run.writer.placed}


def test_what_was_decided_without_arms_is_not_done_by_an_armed_run(tmp_path: Path) -> None:
    """It would have flattened; when it is armed the danger is over."""
    first = Looking(tmp_path / "j", FIRES, is_armed=False).look(4)
    assert first.guard._memory is not None
    assert set(first.guard._memory.works) == {"BTC", "ETH"}
    first.end()
    armed = Looking(tmp_path / "j", CALM, is_armed=True).look(6)
    assert armed.writer.placed == []
    assert armed.reader.asked == []
    armed.end()
    # What an armed run has decided goes on in the next one, a run without arms between them or not.
    third = Looking(tmp_path / "j", FIRES, is_armed=True).look(2)
    assert markets(third) == {"BTC", "ETH"}
    third.end()
    Looking(tmp_path / "j", CALM, is_armed=False).look(2).end()
    fourth = Looking(tmp_path / "j", CALM, is_armed=True).look(2)
    assert fourth.guard._memory is not None
    assert set(fourth.guard._memory.works) == {"BTC", "ETH"}
    fourth.end()


def decided(path: Path) -> Sequence[Decided]:
    return [each for each in read_journal(path) if isinstance(each, Decided)]


def test_a_reset_is_gone_once_it_is_in_the_journal(tmp_path: Path) -> None:
    run = Looking(tmp_path / "j", CALM, is_armed=True)
    run.guard.reset("out", "one")
    run.guard.reset("haf", "two")
    assert run.guard.resets == [("out", "one"), ("haf", "two")]
    run.look()
    assert run.guard.resets == []
    assert "out was reset" in run.said
    assert "nothing is called 'haf': nothing was reset" in run.said
    run.look(2)
    assert [each.taken for each in decided(run.journal.path) if each.taken] == [("one", "two")]
    assert run.journal.taken() == {"one", "two"}
    # Where it cannot be written it is not gone.
    run.guard.reset("out", "three")
    run.end()
    with pytest.raises(JournalError, match="cannot be written"):
        run.look()
    assert run.guard.resets == [("out", "three")]


def test_a_reset_waits_for_an_account_that_can_be_read(tmp_path: Path) -> None:
    run = Looking(tmp_path / "j", CALM, is_armed=True)
    whole, run.reader.raw = run.reader.raw, b"{}"
    run.guard.reset("out", "one")
    run.look(2)
    assert run.guard.resets == [("out", "one")]
    run.reader.raw = whole
    run.look()
    assert run.guard.resets == []
    run.end()


EMPTY = {
    "marginSummary": {
        "accountValue": "8000.0", "totalNtlPos": "0.0", "totalRawUsd": "8000.0",
        "totalMarginUsed": "0.0",
    },
    "crossMaintenanceMarginUsed": "0.0", "withdrawable": "8000.0", "assetPositions": [],
    "time": 1_790_000_000_000,
}  # fmt: skip
EMPTY["crossMarginSummary"] = EMPTY["marginSummary"]


def test_an_account_that_holds_nothing_any_more_is_seen(tmp_path: Path) -> None:
    """As after a flatten; the policy names no market."""
    run = Looking(tmp_path / "j", CALM, is_armed=True).look()
    run.reader.raw = json.dumps(EMPTY).encode()
    run.look(2)
    view = run.guard._observer.view()
    assert view is not None
    assert (view.equity, view.positions) == (8_000 * MICRO, ())
    assert [each for each in run.said if "nothing is decided" in each] == []
    run.end()


@pytest.mark.parametrize(("ago_ms", "again"), [(1_000, True), (600_000, False)])
def test_what_was_said_last_before_a_restart_is_said_again(
    tmp_path: Path, ago_ms: int, again: bool
) -> None:
    """The guard may have been killed before it was sent."""
    journal = Journal(tmp_path / "j")
    alert = Alert(key="out/cross", level="critical", text="out: margin ratio of cross is 60%")
    at_ms = START_MS - ago_ms
    journal.write(opened(True), Decided(time_ms=at_ms, memory=Memory(), actions=(alert,)))
    journal.close()
    run = Looking(tmp_path / "j", CALM, is_armed=True).look(2)
    text = "before the restart: out: margin ratio of cross is 60%"
    assert (text in run.said) == again
    assert run.said.count(text) == int(again)
    run.end()


def test_behind_a_torn_line_nothing_is_written(tmp_path: Path) -> None:
    """The disk is full in the middle of a line, then has room again: the journal stays whole."""
    import resource

    path = tmp_path / "j"
    journal = Journal(path)
    journal.write(opened(True))
    size, most = path.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, most[1]))
    try:
        with pytest.raises(JournalError, match="cannot be written"):
            journal.write(opened(True))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert path.stat().st_size == size + 10
    with pytest.raises(JournalError, match="cannot be written"):
        journal.write(opened(False))
    journal.close()
    again = Journal(path)
    again.write(opened(False))
    again.close()
    assert list(read_journal(path)) == [opened(True), opened(False)]
