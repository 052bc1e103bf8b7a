"""The flows of four clients against a venue that runs as a user starts it."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from eth_account import Account

from tests.conformance.hyperliquid.clients.environments import node_with, python_with
from tests.conformance.hyperliquid.clients.freqtrade import run_bot
from tests.conformance.hyperliquid.clients.talk import Report, run_script
from tests.conformance.hyperliquid.clients.venue import LocalVenue

SCRIPTS = Path(__file__).parent / "scripts"
CCXT_JS = ("ccxt@4.5.84",)
NOMEIDA = ("hyperliquid@1.7.7", "ws@8.18.3")
NAUTILUS = (">=3.12,<3.15", "nautilus_trader==1.231.0")
FREQTRADE = (">=3.11,<3.15", "freqtrade==2026.9")
CANDLES = 500
"""How many candles of a minute a venue must have at its start."""
USD = 1_000.0
STEPS = ("connect", "history", "trade", "reconcile", "liquidated", "reconnect")
"""What every client must get through, in this order."""


def _about(venue: LocalVenue) -> dict[str, Any]:
    """A fresh account with money, and where the venue is."""
    account = Account.create()
    venue.control.fund(account.address, USD)
    return {
        "address": account.address.lower(),
        "key": "0x" + account.key.hex().removeprefix("0x"),
        "url": venue.url,
        "websocket": venue.websocket_url,
        "candles": CANDLES,
    }


def _node(
    venue: LocalVenue, script: str, packages: Sequence[str], more: Mapping[str, str], report: Report
) -> None:
    folder = node_with(*packages)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        for each in (script, "talk.mjs"):
            shutil.copy(SCRIPTS / each, name)
        command = ["node", script, json.dumps(_about(venue))]
        run_script(command, Path(name), {**os.environ, **more}, venue, report)


def ccxt_js(venue: LocalVenue, report: Report) -> None:
    """ccxt for JavaScript, REST and websocket."""
    _node(venue, "ccxt_js.mjs", CCXT_JS, {}, report)


def nomeida(venue: LocalVenue, report: Report) -> None:
    """hyperliquid of npm through the proxy: its hosts are fixed."""
    with venue.proxy() as proxy:
        led = {
            "SEAWALL_PROXY": proxy["proxy"],
            "SEAWALL_HOSTS": ",".join(proxy["hosts"]),
            "NODE_EXTRA_CA_CERTS": proxy["authority"],
            "NODE_OPTIONS": f"--require {proxy['node_hosts']}",
        }
        _node(venue, "nomeida.mjs", NOMEIDA, led, report)


def nautilus(venue: LocalVenue, report: Report) -> None:
    """NautilusTrader's adapter through the proxy: its REST hosts are fixed, its websocket's not."""
    python = python_with(*NAUTILUS)
    with venue.proxy() as proxy, tempfile.TemporaryDirectory() as folder:
        led = {"HTTPS_PROXY": proxy["proxy"], "SSL_CERT_FILE": proxy["authority"]}
        about = _about(venue)
        for part in ("trade", "reconcile"):
            words = [json.dumps({**about, "run": part, "size": 0.2})]
            command = [str(python), str(SCRIPTS / "nautilus.py"), *words]
            run_script(command, Path(folder), {**os.environ, **led}, venue, report)


def freqtrade(venue: LocalVenue, report: Report, *, dry: bool, mode: str) -> None:
    """freqtrade, pointed at the venue by its configuration."""
    program = python_with(*FREQTRADE).with_name("freqtrade")
    run_bot(program, venue, _about(venue), report, dry=dry, mode=mode)


FLOWS: dict[str, Callable[[LocalVenue, Report], None]] = {
    "ccxt-js": ccxt_js,
    "nomeida": nomeida,
    "nautilus": nautilus,
    "freqtrade-dry-isolated": partial(freqtrade, dry=True, mode="isolated"),
    "freqtrade-dry-cross": partial(freqtrade, dry=True, mode="cross"),
    "freqtrade-live-isolated": partial(freqtrade, dry=False, mode="isolated"),
    "freqtrade-live-cross": partial(freqtrade, dry=False, mode="cross"),
}
QUICK = ("ccxt-js", "nomeida")
"""Those that the suite runs: under a minute each, with a start of the venue."""
