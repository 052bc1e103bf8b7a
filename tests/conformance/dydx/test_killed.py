"""A venue that is killed goes on where it was: sequences, orders and balances stay."""

import asyncio
import base64
import json
import urllib.request
from pathlib import Path
from typing import Any

from seawall.venues.registry import wire_of
from tests.command_line import running, seawall
from tests.conformance.dydx.killed import LEAST, kill_repeatedly
from tests.conformance.dydx.signer import LONG_TERM, Signer
from tests.waiting import PATIENCE_S

QUIET = ["--speed", "manual", "--no-agents", "--feed", "manual"]


def ask(url: str, body: Any = None) -> Any:
    raw = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, raw, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def broadcast(venue: dict[str, Any], raw: bytes) -> int:
    body = {"tx_bytes": base64.b64encode(raw).decode()}
    url = f"http://127.0.0.1:{venue['ports']['rest']}/cosmos/tx/v1beta1/txs"
    return int(ask(url, body)["tx_response"]["code"])


def seen(venue: dict[str, Any], address: str) -> Any:
    """What a client can know of an account."""
    rest = f"http://127.0.0.1:{venue['ports']['rest']}/cosmos"
    return [
        ask(f"{rest}/auth/v1beta1/account_info/{address}"),
        ask(f"{rest}/bank/v1beta1/balances/{address}"),
        [
            {key: value for key, value in each.items() if not key.startswith("updated")}
            for each in ask(f"{venue['url']}/v4/orders?address={address}&subaccountNumber=0")
        ],
        [
            (each["subaccountNumber"], each["equity"])
            for each in ask(f"{venue['url']}/v4/addresses/{address}")["subaccounts"]
        ],
    ]


def test_a_killed_venue_keeps_sequences_orders_and_balances(tmp_path: Path) -> None:
    user = wire_of("dydx").user_key("seawall test only 1", 0)
    signer = Signer(user.address, user.private_key, 0)
    made = ["up", "--venue", "dydx", "--port", "0", "--data", str(tmp_path / "venue")]
    try:
        with running(*made, *QUIET, "--markets", "BTC=60000") as (venue, process):
            ask(f"{venue['url']}/control/time/advance", {"seconds": 2, "stepSeconds": 1})
            now = int(ask(f"{venue['url']}/v4/time")["epoch"])
            messages = [
                signer.order(1, LONG_TERM, 1, 50_000, 10, now + 3600),
                signer.transfer(7, 123_456_789),
                signer.withdraw(0, 1_000_000),
                signer.order(2, LONG_TERM, 2, 70_000, 10, now + 3600),
            ]
            for sequence, message in enumerate(messages):
                assert broadcast(venue, signer.signed(message, sequence=sequence)) == 0
            before = seen(venue, user.address)
            process.kill()
            process.wait()
            raise InterruptedError
    except InterruptedError:
        pass
    report = seawall("check", tmp_path / "venue")
    assert report.returncode == 0, report.stdout
    with running(made[0], *made[3:], *QUIET) as (venue, _):  # the folder says whose it is
        assert seen(venue, user.address) == before
        assert before[0]["info"]["sequence"] == "4"
        assert [each["status"] for each in before[2]] == ["OPEN", "OPEN"]
        replay = signer.signed(messages[2], sequence=2)
        assert broadcast(venue, replay) == 32
        assert broadcast(venue, signer.signed(messages[2], sequence=4)) == 0


def test_nothing_acknowledged_under_load_is_lost_or_doubled(tmp_path: Path) -> None:
    """The whole of it is ``python -m tests.conformance.dydx.killed``."""
    counts = asyncio.run(kill_repeatedly(tmp_path, count=2, seed=7))
    assert counts["acknowledged"] >= LEAST
    assert min(counts[kind] for kind in ("short", "long", "cancel", "transfer")) > 0
    assert counts["fills told"] > 0
