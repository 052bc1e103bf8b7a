"""A third client, from npm: its own response schemas hold the venue to the wire format.

The schemas are made from the package's types with ``additionalProperties: false`` and its patterns
for numbers, so an extra key, a number where text belongs or a wrong decimal is found. The package
is installed by its lock file into the user's cache folder; without node or a registry the tests
are skipped.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import eth_account
import pytest

from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.trader import Maker, Trader

pytestmark = pytest.mark.conformance

HERE = Path(__file__).parent / "nktkas"
SCRIPTS = (
    "package.json", "package-lock.json", "schemas.mjs", "client.mjs", "check.mjs", "unified.mjs",
)  # fmt: skip
COIN, ISOLATED = "ETH", "SOL"
PRICE, ISOLATED_PRICE = 2000.0, 80.0
OLDEST_NODE = (20, 19)
LEAST = {"info": 40, "exchange": 20, "subscription": 20}


def node_or_skip() -> None:
    """Skip where there is no node that the package runs on."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs node and npm for @nktkas/hyperliquid")
    shown = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    version = tuple(int(part) for part in shown.stdout.strip().lstrip("v").split(".")[:2])
    if version < OLDEST_NODE:
        pytest.skip(f"@nktkas/hyperliquid needs node 20.19 or newer, not {shown.stdout.strip()}")


def install(folder: Path) -> None:
    """The locked packages and the schemas made from them. Skips where there is no registry."""
    for script in SCRIPTS:
        shutil.copy(HERE / script, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=200)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        text = (error.stderr or b"").decode(errors="replace")[-300:]
        pytest.skip(f"npm cannot install @nktkas/hyperliquid: {text}")
    subprocess.run(["node", "schemas.mjs", "schemas.json"], cwd=folder, check=True, timeout=100)
    (folder / "complete").touch()


def installed() -> Path:
    """The folder with the scripts and the locked packages. Skips where they cannot be had."""
    made_of = (HERE / name for name in ("package-lock.json", "schemas.mjs"))
    lock = hashlib.sha256(b"".join(path.read_bytes() for path in made_of)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "seawall" / "nktkas" / lock
    if not (folder / "complete").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        name = tempfile.mkdtemp(dir=folder.parent)
        try:
            install(Path(name))
            with suppress(OSError):  # somebody else was quicker
                Path(name).rename(folder)
        finally:
            shutil.rmtree(name, ignore_errors=True)
    for script in SCRIPTS:
        shutil.copy(HERE / script, folder)
    return folder


@pytest.fixture(scope="module")
def outcomes(venue: Venue, maker: Maker) -> list[dict[str, Any]]:
    """One run of the script: [{kind, method, errors}]."""
    node_or_skip()
    folder = installed()
    for coin, price in ((COIN, PRICE), (ISOLATED, ISOLATED_PRICE)):
        venue.settle(coin, price, maker)
    keys = [eth_account.Account.create() for _ in range(3)]
    for account in keys[:2]:
        venue.control.fund(account.address, 200_000)
    traders = [Trader(venue.url, account.key.hex()) for account in keys[:2]]
    universe = [asset["name"] for asset in maker.info.meta()["universe"]]
    about = {
        "url": venue.url,
        "ws": venue.websocket_url,
        "key": "0x" + keys[0].key.hex().removeprefix("0x"),
        "address": keys[0].address,
        "otherKey": "0x" + keys[1].key.hex().removeprefix("0x"),
        "other": keys[1].address,
        "agent": keys[2].address,
        "coin": COIN,
        "asset": universe.index(COIN),
        "price": PRICE,
        "large": "550",
        "isolated": universe.index(ISOLATED),
        "isolatedPrice": str(ISOLATED_PRICE * 1.02),
        "isolatedSize": "10",
        "marginTable": maker.info.meta()["marginTables"][0][0],
        "now": venue.now_ms(),
    }
    found = run(folder, "check.mjs", about)
    for trader in traders:
        trader.go_flat()
    return found


def run(folder: Path, script: str, about: dict[str, Any]) -> list[dict[str, Any]]:
    """The outcomes of one of the scripts."""
    ended = subprocess.run(
        ["node", script, json.dumps(about)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads(ended.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("kind", LEAST)
def test_every_answer_fits_the_schemas(outcomes: list[dict[str, Any]], kind: str) -> None:
    mine = [outcome for outcome in outcomes if outcome["kind"] in (kind, "script")]
    wrong = {o["method"]: o["errors"] for o in mine if o["errors"]}
    assert not wrong, json.dumps(wrong, indent=1)
    assert len({outcome["method"] for outcome in mine}) >= LEAST[kind]


def test_a_unified_account_on_two_dexes(
    dex_venue: Venue, dex_maker: Maker, new_dex_trader: Callable[[float], Trader]
) -> None:
    """Mode, orders, transfers and every answer about them fit the schemas."""
    node_or_skip()
    folder = installed()
    for coin, price in (("BTC", 60_000.0), ("xyz:GOLD", 3_000.0)):
        dex_venue.settle(coin, price, dex_maker)
    traders = [new_dex_trader(10_000) for _ in range(2)]
    about = {
        "url": dex_venue.url,
        "ws": dex_venue.websocket_url,
        "key": "0x" + traders[0].key.removeprefix("0x"),
        "address": traders[0].address,
        "other": traders[1].address,
        "coin": "xyz:GOLD",
        "dex": "xyz",
        "asset": 110_000,
        "price": "3060",
        "low": "2500",
    }
    outcomes = run(folder, "unified.mjs", about)
    wrong = {outcome["method"]: outcome["errors"] for outcome in outcomes if outcome["errors"]}
    assert not wrong, json.dumps(wrong, indent=1)
    assert len(outcomes) >= 25
