"""A guard at work, seen in the terminal: its ladder fires, and the page shows what and why."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.pages import browser
from tests.browser.terminal import terminal, venue
from tests.shared_files import ROOT
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.browser

POLICY = """
name = "ladder"
[account]
risk_capital = 100_000
[drawdown]
from_peak = "90%"
[[step]]
name = "half out"
action = "close"
trigger = "30%"
rearm = "5%"
share = "50%"
verify_after = "1h"
"""


@contextmanager
def guard(policy: Path, address: str, key: str, url: str, journal: Path) -> Iterator[None]:
    """An armed guard in a process of its own, until Ctrl-C."""
    code = "from seawall.cli.main import main; main()"
    words = ["guard", "run", str(policy), address, "--at", url, "--journal", str(journal)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words, "--arm", "--key", "env:GUARD_KEY"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "GUARD_KEY": key},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.communicate()


def test_a_ladder_fires_and_is_seen(tmp_path: Path) -> None:
    policy, journal = tmp_path / "ladder.toml", tmp_path / "ladder.journal"
    policy.write_text(POLICY)
    options = ("--feed", "manual", "--seed", "9", "--markets", "BTC=50000,ETH=2000")
    with (
        browser() as opened,
        venue(*options, "--guard", str(journal)) as said,
        terminal(opened, said["url"]) as page,
    ):
        page.choose(account=0, market="ETH")
        page.set_mode("cross", 25)
        page.order("buy", "market", size="600")
        page.wait(lambda: "600.0000" in page.position("ETH"))
        page.open_table("guard")
        assert "No guard" in page.text(".tables .empty")
        account = said["accounts"][0]
        with guard(policy, account["address"], account["privateKey"], said["url"], journal):
            page.wait(lambda: "● armed" in page.text("#guard"))
            page.wait(lambda: "half out" in page.text("#guard"))
            page.page.click("#tab-control")
            page.page.fill("[aria-label=Price]", "1950")
            page.page.get_by_role("button", name="Set price").click()
            page.wait(lambda: "300.0000" in page.position("ETH"))
            page.open_table("guard")
            page.wait(lambda: "half out" in page.text("#guard .right"))
            page.wait(lambda: "accepted" in page.text("#guard .right"))
