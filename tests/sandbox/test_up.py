"""``seawall up`` and ``seawall control`` as a user runs them, in processes of their own."""

import json
import socket
import subprocess
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from seawall.sandbox.accounts import seed_phrase, user_keys
from seawall.sandbox.announcement import announcement, announcement_object, clients_named
from seawall.sandbox.venue import VenueError, VenueOptions, open_venue, running_venue
from seawall.venues.registry import DEFAULT_VENUE, wire_of
from tests.command_line import running, seawall
from tests.waiting import PATIENCE_S

WIRE = wire_of(DEFAULT_VENUE)
UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
QUIET = ["--no-agents", "--feed", "manual", "--speed", "manual", "--markets", "BTC=50000"]


def up(*arguments: str) -> AbstractContextManager[tuple[dict[str, Any], "subprocess.Popen[str]"]]:
    """A venue in another process."""
    return running("up", "--port", "0", *arguments, environment=UNBUFFERED)


def ask(venue: dict[str, Any], kind: str, **body: Any) -> Any:
    raw = json.dumps({"type": kind, **body}).encode()
    request = urllib.request.Request(
        venue["url"] + "/info", raw, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def test_a_venue_with_a_living_book_is_up_steered_and_stopped() -> None:
    with up("--seed", "7") as (venue, _):
        assert venue["websocket"] == venue["url"].replace("http", "ws") + "/ws"
        assert venue["accounts"] == [
            {"address": key.address, "privateKey": key.private_key}
            for key in user_keys(WIRE, venue["seedPhrase"])
        ]
        assert len(venue["markets"]) >= 6
        mids = ask(venue, "allMids")
        for name, price in venue["markets"].items():
            assert float(mids[name]) == pytest.approx(float(price), rel=0.02)
        book = ask(venue, "l2Book", coin="BTC")["levels"]
        assert len(book[0]) >= 10
        assert len(book[1]) >= 10
        state = ask(venue, "clearinghouseState", user=venue["accounts"][0]["address"])
        assert float(state["withdrawable"]) == 100_000
        url = ["--url", venue["url"]]
        assert seawall("control", "shock", "BTC", "-10%", "--instant", *url).returncode == 0
        status = json.loads(seawall("control", "status", "--json", *url).stdout)
        bitcoin = next(market for market in status["markets"] if market["name"] == "BTC")
        assert float(bitcoin["mark"]) < 0.93 * float(venue["markets"]["BTC"])
        listed = json.loads(seawall("control", "accounts", "--json", *url).stdout)
        assert listed["accounts"] == venue["accounts"]
        shown = seawall("control", "status", *url).stdout
        assert "BTC" in shown
        wrong = seawall("control", "shock", "BTC", "a lot", *url)
        assert wrong.returncode == 2
        assert "control shock: move: 'a lot' should be a share" in wrong.stderr
        wrong = seawall("control", "shock", "BTC", "1%", "--rebound-seconds", "soon", *url)
        assert "control shock: --rebound-seconds: 'soon' should be seconds" in wrong.stderr


def test_a_data_folder_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = str(tmp_path / "venue")
    address = "0x" + "5" * 40
    with up("--data", folder, *QUIET) as (venue, _):
        url = ["--url", venue["url"]]
        assert seawall("control", "fund", address, "123.45", *url).returncode == 0
        assert seawall("control", "price", "BTC", "41234", *url).returncode == 0
        assert seawall("control", "save", "here", *url).returncode == 0
        assert seawall("control", "advance", "60", *url).returncode == 0
        before = json.loads(seawall("control", "status", "--json", *url).stdout)
    with up("--data", folder, "--no-agents", "--feed", "manual", "--speed", "manual") as (venue, _):
        assert venue["data"] == folder
        url = ["--url", venue["url"]]
        after = json.loads(seawall("control", "status", "--json", *url).stdout)
        assert after["timeMs"] == before["timeMs"]
        assert after["savePoints"] == ["here", "start"]
        assert after["accounts"] == before["accounts"]
        assert after["markets"][0]["oracle"] == "41234"
        state = ask(venue, "clearinghouseState", user=address)
        assert float(state["withdrawable"]) == 123.45
    for wrong in (["--seed", "99"], ["--markets", "ETH"]):
        refused = seawall("up", "--port", "0", "--data", folder, *wrong)
        assert refused.returncode == 2
        assert "was made with" in refused.stderr


def test_prices_follow_a_file_of_candles(tmp_path: Path) -> None:
    path = tmp_path / "BTC_1m.csv"
    rows = ["date,open,high,low,close"]
    for minute in range(10):
        low, high = 100 - minute, 101 - minute
        rows.append(f"2025-10-10T21:{minute:02}:00,{high},{high},{low},{low}")
    path.write_text("\n".join(rows) + "\n")
    quiet = ["--no-agents", "--speed", "manual"]
    with up("--feed", str(path), "--markets", "BTC", *quiet) as (venue, _):
        assert float(venue["markets"]["BTC"]) == 101
        url = ["--url", venue["url"]]
        assert seawall("control", "advance", "570", *url).returncode == 0
        status = json.loads(seawall("control", "status", "--json", *url).stdout)
        assert float(status["markets"][0]["oracle"]) == pytest.approx(91.5, abs=0.6)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--speed", "fast"], "x20"),
        (["--speed", "0"], "manual"),
        (["--markets", "NOPE"], "unknown market"),
        (["--markets", "BTC=cheap"], "a price is a number"),
        (["--feed-from", "2025-10-10"], "--feed-from: '2025-10-10' should be left out"),
        (["--markets", "44"], "there are 1 to 43"),
        (["--feed", "nowhere.csv"], "--feed: 'nowhere.csv' should be synthetic, manual, "),
        (["--markets", "xyz:GOLD=3000"], "at least one market must be the venue's own"),
        (["--markets", "BTC,xyz:GOLD"], "xyz:GOLD needs a price to begin at"),
        (["--mode", "portfolio"], "standard or unified"),
        (["--rulebook", "nobody"], "nobody"),
        (["--rulebook", "dydx"], "--rulebook: 'dydx' should be a continuous one"),
        (["--host", "203.0.113.7"], "--host: '203.0.113.7' should be this computer's"),
        (["--clients", "java"], "--clients: 'java' should be python, javascript, freqtrade, all"),
        (["--port", "70000"], "--port: 70000 should be a port from 0 to 65535"),
    ],
)
def test_bad_options_are_refused_in_one_line(arguments: list[str], hint: str) -> None:
    port = [] if "--port" in arguments else ["--port", "0"]
    found = seawall("up", *port, *arguments)
    assert found.returncode == 2
    assert found.stderr.count("\n") <= 2
    assert hint in found.stderr


def test_control_without_a_venue_says_how_to_start_one() -> None:
    found = seawall("control", "status", "--url", "http://127.0.0.1:9")
    assert found.returncode == 2
    assert "--url: 'http://127.0.0.1:9' should be" in found.stderr
    assert "seawall up" in found.stderr


def test_a_port_in_use_is_named() -> None:
    import asyncio

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(VenueError, match=f"127.0.0.1:{port}"):
            asyncio.run(open_venue(VenueOptions(port=port)))


def test_keys_follow_from_the_phrase_alone() -> None:
    phrase = seed_phrase(1)
    key = WIRE.user_key(phrase, 0)
    assert key == WIRE.user_key(phrase, 0)
    assert len({each.address for each in user_keys(WIRE, phrase)}) == 10
    assert WIRE.agent_address(phrase, "noise BTC") != WIRE.agent_address(phrase, "noise ETH")
    account = Account.from_key(key.private_key)
    assert account.address.lower() == key.address


def test_python_snippets_compile_and_are_five_lines() -> None:
    from seawall.venues.hyperliquid.snippets import client_snippets

    key = WIRE.user_key(seed_phrase(1), 0)
    found = client_snippets("http://x", key.address, key.private_key, "BTC", "0.003")
    assert {snippet.kind for snippet in found} == {"python", "javascript", "freqtrade"}
    for snippet in found:
        assert key.private_key in snippet.code
        if snippet.kind == "python":
            compile(snippet.code, snippet.client, "exec")
            assert len(snippet.code.strip().splitlines()) == 5


def test_lines_are_printed_for_the_clients_that_are_asked_for() -> None:
    import asyncio

    async def texts() -> tuple[str, str, list[dict[str, str]]]:
        quiet = VenueOptions(markets=("BTC=50000",), agents=False, feed="manual", speed=0)
        async with running_venue(quiet) as venue:
            clients = announcement_object(venue)["clients"]
            return announcement(venue), announcement(venue, clients_named(["all"])), clients

    usual, whole, clients = asyncio.run(texts())
    assert len(clients) >= 4
    for client in clients:
        assert client["code"].rstrip() in whole
        assert (client["code"].rstrip() in usual) == (client["kind"] == "python")
