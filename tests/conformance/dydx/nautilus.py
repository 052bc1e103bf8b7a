"""NautilusTrader's dYdX adapter at a local venue: what it reaches, step by step.

    python -m tests.conformance.dydx.nautilus

Needs Python 3.12 or later for the adapter's environment, which is made once.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from tests.command_line import running
from tests.conformance.dydx.signer import SHORT_TERM, Signer
from tests.conformance.hyperliquid.clients.environments import python_with
from tests.shared_files import ROOT

PACKAGE = "nautilus_trader==1.231.0"
STEPS = ("instruments", "account", "reports", "quotes", "orders")
BUY, SELL, PRICE = 1, 2, 60_000


class Outside:
    """Other clients of the venue, and the venue's control."""

    def __init__(self, venue: dict[str, Any]) -> None:
        self._venue = venue
        self._rest = f"http://127.0.0.1:{venue['ports']['rest']}/cosmos"

    def ask(self, url: str, body: Any = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, raw, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    @property
    def height(self) -> int:
        return int(self.ask(f"{self._venue['url']}/v4/height")["height"])

    def signer(self, number: int) -> Signer:
        user = self._venue["accounts"][number]
        info = self.ask(f"{self._rest}/auth/v1beta1/account_info/{user['address']}")["info"]
        numbers = int(info["account_number"]), int(info["sequence"])
        return Signer(user["address"], user["privateKey"], *numbers)

    def send(self, number: int, client_id: int, side: int, steps: int, usd: int = PRICE) -> None:
        """A short-term order of a user."""
        signer, until = self.signer(number), self.height + 15
        raw = signer.signed(signer.order(client_id, SHORT_TERM, side, usd, steps, until))
        body = {"tx_bytes": base64.b64encode(raw).decode()}
        found = self.ask(f"{self._rest}/tx/v1beta1/txs", body)["tx_response"]
        assert found["code"] == 0, found


def main() -> int:
    """0 where every step was reached."""
    python = python_with(">=3.12,<3.15", PACKAGE)
    made = ["--no-agents", "--feed", "manual", "--markets", f"BTC={PRICE},ETH=2000"]
    reached = []
    with (
        running("up", "--venue", "dydx", "--port", "0", *made) as (venue, _),
        tempfile.TemporaryDirectory() as folder,
    ):
        outside = Outside(venue)
        outside.send(1, 1, SELL, 2000)
        outside.send(0, 1, BUY, 2000)
        about = Path(folder) / "about.json"
        about.write_text(json.dumps(venue))
        script = Path(__file__).with_name("nautilus_client.py")
        with subprocess.Popen(
            [str(python), str(script), str(about)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process:  # fmt: skip
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                _, mark, text = line.partition("@@")
                if not mark:
                    continue
                # The adapter's log goes to the same stream by threads of its own.
                step, _ = json.JSONDecoder().raw_decode(text)
                print(json.dumps(step), flush=True)
                reached.append(step["step"])
                if step["step"] == "reports":
                    outside.send(2, 1, BUY, 1000, PRICE - 500)
                    outside.send(3, 1, SELL, 1000, PRICE + 500)
        if tuple(reached) != STEPS:
            print("".join(said[-60:]), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
