"""Unmodified clients, each in a process or an environment of its own, flow by flow."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import running
from tests.conformance.hyperliquid.clients.environments import CannotInstall, node_with, python_with
from tests.waiting import PATIENCE_S

CLIENT = "dydx-v4-client==1.1.5"
HERE = Path(__file__).parent
STILL = ["--no-agents", "--no-quotas", "--feed", "manual", "--markets", "BTC=60000,ETH=2000"]
QUIET = ["--speed", "manual", *STILL]
FLOWS = (
    "market", "limit_short_term", "limit_long_term", "conditional", "cancel", "batch_cancel",
    "money", "streams", "liquidation", "isolated_child", "queries",
)  # fmt: skip
JS_CLIENT = "@dydxprotocol/v4-client-js@3.6.0"
JS_FLOWS = ("short_term", "long_term", "conditional", "money", "socket")
CCXT_FLOWS = ("public", "orders", "money", "refused", "streams")
OLDER_CCXT = ("ccxt==4.5.60", "coincurve==21.0.0", "protobuf==5.29.5", "pycryptodome==3.23.0")
"""With what its dYdX class imports and does not ask for."""


def outcomes_of(
    python: Path | str, script: str, folder: Path, options: Sequence[str] = QUIET,
    environment: Mapping[str, str] | None = None,
) -> dict[str, str]:  # fmt: skip
    """Why each flow of a script failed; empty for one that did not."""
    about = folder / "about.json"
    with running("up", "--venue", "dydx", "--port", "0", *options, quiet=True) as (venue, _):
        about.write_text(json.dumps(venue))
        done = subprocess.run(
            [str(python), str(HERE / script), str(about)], capture_output=True, text=True,
            timeout=3 * PATIENCE_S, check=False, env={**os.environ, **(environment or {})},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines: list[Any] = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["flow"]: line["why"] for line in lines}


def client_python() -> Path:
    """A Python that has the official client; skips where it cannot be installed."""
    try:
        return python_with(">=3.11,<3.14", CLIENT)
    except CannotInstall as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return outcomes_of(client_python(), "client.py", tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="module")
def ccxt_outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return outcomes_of(sys.executable, "ccxt_client.py", tmp_path_factory.mktemp("ccxt"))


@pytest.fixture(scope="module")
def older_ccxt_outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    try:
        python = python_with(">=3.11,<3.14", *OLDER_CCXT)
    except CannotInstall as reason:
        pytest.skip(str(reason))
    return outcomes_of(python, "ccxt_client.py", tmp_path_factory.mktemp("ccxt"))


@pytest.fixture(scope="module")
def js_outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """In real time: this client polls for its transactions."""
    try:
        folder = node_with(JS_CLIENT)
    except CannotInstall as reason:
        pytest.skip(str(reason))
    return outcomes_of(
        "node", "client.cjs", tmp_path_factory.mktemp("js"),
        STILL, {"NODE_PATH": str(folder / "node_modules")},
    )  # fmt: skip


@pytest.mark.parametrize("flow", JS_FLOWS)
def test_a_flow_of_the_javascript_client(flow: str, js_outcomes: dict[str, str]) -> None:
    assert js_outcomes[flow] == ""


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_of_the_official_client(flow: str, outcomes: dict[str, str]) -> None:
    assert outcomes[flow] == ""


@pytest.mark.parametrize("flow", CCXT_FLOWS)
def test_a_flow_of_ccxt(flow: str, ccxt_outcomes: dict[str, str]) -> None:
    assert ccxt_outcomes[flow] == ""


@pytest.mark.parametrize("flow", CCXT_FLOWS)
def test_a_flow_of_the_older_ccxt(flow: str, older_ccxt_outcomes: dict[str, str]) -> None:
    assert older_ccxt_outcomes[flow] == ""


def test_every_flow_is_looked_at(outcomes: dict[str, str], ccxt_outcomes: dict[str, str]) -> None:
    assert tuple(outcomes) == FLOWS
    assert tuple(ccxt_outcomes) == CCXT_FLOWS


def test_the_printed_lines_trade_at_a_living_venue() -> None:
    python = client_python()
    with running("up", "--venue", "dydx", "--port", "0", "--markets", "ETH") as (venue, _):
        (found,) = venue["clients"]
        assert found["kind"] == "python"
        done = subprocess.run(
            [str(python), "-c", found["code"]], capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "'market': 'ETH-USD', 'status': 'OPEN', 'side': 'LONG'" in done.stdout
