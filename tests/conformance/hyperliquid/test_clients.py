"""Clients in environments of their own, against a venue as a user starts it.

The quick flows run here; all of them by ``python -m tests.conformance.hyperliquid.clients``. The
lines that ``seawall up`` prints run as they are printed.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.hyperliquid.clients.environments import CannotInstall, node_with
from tests.conformance.hyperliquid.clients.flows import CCXT_JS, FLOWS, QUICK, STEPS
from tests.conformance.hyperliquid.clients.venue import LocalVenue
from tests.waiting import PATIENCE_S

pytestmark = [pytest.mark.conformance, pytest.mark.slow]


@pytest.fixture(scope="module")
def local_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalVenue]:
    running = LocalVenue(tmp_path_factory.mktemp("venue"))
    yield running
    running.close()


@pytest.mark.parametrize("client", QUICK)
def test_a_client_gets_through_its_flow(client: str, local_venue: LocalVenue) -> None:
    got_through: list[str] = []

    def report(step: str, detail: Any) -> None:
        got_through.append(step)

    try:
        FLOWS[client](local_venue, report)
    except CannotInstall as reason:
        pytest.skip(f"{client} cannot be installed here: {reason}")
    assert tuple(got_through) == STEPS


def code(venue: LocalVenue, kind: str) -> list[str]:
    """What is printed for clients of a kind."""
    return [each["code"] for each in venue.about["clients"] if each["kind"] == kind]


def test_the_printed_python_runs(local_venue: LocalVenue) -> None:
    for text in code(local_venue, "python"):
        run = subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert run.returncode == 0, run.stderr
        assert "error" not in run.stdout


def test_the_printed_javascript_runs(local_venue: LocalVenue, tmp_path: Path) -> None:
    try:
        folder = node_with(*CCXT_JS)
    except CannotInstall as reason:
        pytest.skip(f"ccxt cannot be installed here: {reason}")
    (text,) = code(local_venue, "javascript")
    (tmp_path / "node_modules").symlink_to(folder / "node_modules")
    (tmp_path / "printed.mjs").write_text(text)
    run = subprocess.run(
        ["node", "printed.mjs"],
        cwd=tmp_path,
        env={**os.environ, "NODE_OPTIONS": "--preserve-symlinks"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert run.returncode == 0, run.stderr
    average, bid = (json.loads(line) for line in run.stdout.splitlines())
    assert average == pytest.approx(bid[0], rel=0.05)
