"""The unmodified ``dydx-v4-client`` in an environment of its own, flow by flow."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.command_line import running
from tests.conformance.hyperliquid.clients.environments import CannotInstall, python_with
from tests.waiting import PATIENCE_S

CLIENT = "dydx-v4-client==1.1.5"
SCRIPT = Path(__file__).with_name("client.py")
QUIET = ["--speed", "manual", "--no-agents", "--feed", "manual", "--markets", "BTC=60000,ETH=2000"]
FLOWS = (
    "market", "limit_short_term", "limit_long_term", "conditional", "cancel", "batch_cancel",
    "money", "streams", "liquidation", "isolated_child", "queries",
)  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Why each flow failed; empty for one that did not."""
    try:
        python = python_with(">=3.11,<3.14", CLIENT)
    except CannotInstall as reason:
        pytest.skip(str(reason))
    about = tmp_path_factory.mktemp("venue") / "about.json"
    with running("up", "--venue", "dydx", "--port", "0", *QUIET, quiet=True) as (venue, _):
        about.write_text(json.dumps(venue))
        done = subprocess.run(
            [str(python), str(SCRIPT), str(about)], capture_output=True, text=True,
            timeout=3 * PATIENCE_S, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["flow"]: line["why"] for line in lines}


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_of_the_client(flow: str, outcomes: dict[str, str]) -> None:
    assert outcomes[flow] == ""


def test_every_flow_is_looked_at(outcomes: dict[str, str]) -> None:
    assert tuple(outcomes) == FLOWS
