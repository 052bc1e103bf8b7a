"""``seawall guard run`` as a process of its own, at a running venue."""

import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seawall.guard.journal import Acted, Decided, Opened, read_journal
from seawall.guard.status import read_status, status_path
from seawall.venues.gateway_port import Accepted
from tests.command_line import seawall
from tests.conformance.hyperliquid.running import ROOT, Venue, lines_of
from tests.conformance.hyperliquid.trader import Maker, Trader, filled
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.conformance

COIN, PRICE, FALLEN = "ETH", 2000.0, 1985.0
POLICY = """
name = "run"
[account]
risk_capital = 10_000
[drawdown]
from_peak = "90%"
[[step]]
name = "half"
action = "close"
trigger = "30%"
rearm = "5%"
share = "50%"
verify_after = "1h"
"""
CODE = "from seawall.cli.main import main; main()"


class Process:
    """A command that goes on, and the lines that it has printed."""

    def __init__(self, *arguments: str | Path, key: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CODE, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "AGENT_KEY": key},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self._lines = lines_of(self.process.stdout)
        self.said: list[str] = []

    def until(self, text: str) -> str:
        """The first line from now on that holds a text."""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE_S)
            except queue.Empty:
                line = ""
            assert line, f"{text!r} was not said: {self.said}"
            self.said.append(line)
            if text in line:
                return line

    def ended(self) -> int:
        status = self.process.wait(PATIENCE_S)
        while line := self._lines.get(timeout=PATIENCE_S):
            self.said.append(line)
        return status

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


class Setting:
    """An account with a position, a policy file, and the processes that were started."""

    def __init__(self, venue: Venue, trader: Trader, folder: Path) -> None:
        self.venue, self.trader, self.folder = venue, trader, folder
        self.policy, self.journal = folder / "run.toml", folder / "run.journal"
        self.policy.write_text(POLICY)
        _, self.key = trader.exchange.approve_agent()
        self.processes: list[Process] = []

    def run(self, *options: str) -> Process:
        words = ["guard", "run", self.policy, self.trader.address, "--at", self.venue.url]
        made = Process(*words, "--journal", self.journal, *options, key=self.key)
        self.processes.append(made)
        return made

    def size(self) -> Decimal:
        position = self.trader.position(COIN)
        return Decimal(0) if position is None else Decimal(position["szi"])

    def written(self) -> str:
        return "".join(each.read_text() for each in self.folder.iterdir() if each.is_file())


@pytest.fixture
def setting(
    venue: Venue, maker: Maker, new_trader: Callable[[float], Trader], tmp_path: Path
) -> Iterator[Setting]:
    venue.settle(COIN, PRICE, maker)
    found = Setting(venue, new_trader(10_000), tmp_path)
    filled(found.trader.exchange.market_open(COIN, True, 70.0))
    yield found
    for each in found.processes:
        each.close()


ARMED = ("--arm", "--key", "env:AGENT_KEY")


def decisions(journal: Path) -> list[Any]:
    return [
        action
        for entry in read_journal(journal)
        if isinstance(entry, Decided)
        for action in entry.actions
    ]


def test_armed_it_acts_once_and_stops_when_it_is_asked(setting: Setting, maker: Maker) -> None:
    guard = setting.run(*ARMED)
    assert "armed" in guard.until("guarding")
    setting.venue.settle(COIN, FALLEN, maker)
    guard.until("sell 35 ETH")
    wait_until(lambda: setting.size() == 35)
    stopped = seawall("guard", "stop", setting.journal)
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert guard.ended() == 0
    assert "stopped as was asked" in guard.said[-1]
    again = seawall("guard", "stop", setting.journal)
    assert (again.returncode, "no guard runs on it" in again.stderr) == (2, True)
    status = read_status(setting.journal)
    assert status is not None
    assert status.ended == "stopped as was asked"
    assert status_path(setting.journal).stat().st_mode & 0o777 == 0o600
    # It goes on where it was, and does nothing again, though its step would fire at once.
    more = setting.run(*ARMED)
    more.until("guarding")
    assert more.interrupt() == 0
    assert setting.size() == 35
    opened = [each for each in read_journal(setting.journal) if isinstance(each, Opened)]
    assert [each.is_armed for each in opened] == [True, True]
    assert setting.key.removeprefix("0x") not in setting.written() + "".join(guard.said)


def test_without_arm_it_only_says_what_it_would_do(setting: Setting, maker: Maker) -> None:
    guard = setting.run("--key", "env:AGENT_KEY")
    assert "not armed" in guard.until("guarding")
    setting.venue.settle(COIN, FALLEN, maker)
    guard.until("would sell 35 ETH")
    assert guard.interrupt() == 0
    assert setting.size() == 70
    accepted = [
        each for each in read_journal(setting.journal)
        if isinstance(each, Acted) and isinstance(each.outcome, Accepted) and each.outcome.order_id
    ]  # fmt: skip
    assert accepted == []


def test_it_is_not_armed_where_steps_would_fire_at_once(setting: Setting, maker: Maker) -> None:
    setting.venue.settle(COIN, FALLEN, maker)
    guard = setting.run(*ARMED)
    assert guard.ended() == 1
    said = "".join(guard.said)
    assert "these steps would fire at once" in said
    assert "USD, ETH: margin ratio of cross" in said
    assert setting.size() == 70
    assert decisions(setting.journal) == []
    guard = setting.run(*ARMED, "--fire-at-once")
    guard.until("sell 35 ETH")
    wait_until(lambda: setting.size() == 35)
    assert guard.interrupt() == 0


def test_it_is_not_armed_with_a_key_that_the_venue_would_refuse(
    setting: Setting, new_trader: Callable[[float], Trader]
) -> None:
    stranger = new_trader(100)
    setting.key = stranger.key
    guard = setting.run(*ARMED)
    assert guard.ended() == 1
    said = "".join(guard.said)
    assert "has not approved as an agent" in said
    assert stranger.key.removeprefix("0x") not in said + setting.written()
    assert decisions(setting.journal) == []


def test_a_reset_reaches_a_running_guard_and_one_that_starts_later(setting: Setting) -> None:
    guard = setting.run(*ARMED)
    guard.until("guarding")
    wrong = seawall("guard", "reset", setting.journal, "haf")
    assert (wrong.returncode, "'haf' should be" in wrong.stderr) == (2, True)
    assert seawall("guard", "reset", setting.journal, "half").returncode == 0
    guard.until("half was reset")
    assert guard.interrupt() == 0
    later = seawall("guard", "reset", setting.journal, "half")
    assert (later.returncode, "when the guard starts" in later.stdout) == (0, True)
    guard = setting.run()
    guard.until("half was reset")
    assert guard.interrupt() == 0


def test_a_journal_is_of_one_account_and_one_guard(
    setting: Setting, new_trader: Callable[[float], Trader]
) -> None:
    guard = setting.run()
    guard.until("guarding")
    second = setting.run()
    assert second.ended() == 2
    assert "another guard holds this journal" in "".join(second.said)
    assert guard.interrupt() == 0
    setting.trader = new_trader(100)
    other = setting.run()
    assert other.ended() == 2
    assert "each account has its own" in "".join(other.said)
