"""A venue inside a Python program: ``seawall.sandbox``."""

import json
import socket
import threading
import urllib.request
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from seawall.domain.errors import InputError, SeawallError
from seawall.sandbox.client import ControlClient, ControlError
from seawall.sandbox.embedded import sandbox

START_MS = 1_796_000_000_000
"""Prices follow from the seed and from when the venue begins."""


def test_a_venue_lasts_as_long_as_its_block() -> None:
    with sandbox("BTC=60000", seed=7, speed=0, start_ms=START_MS) as venue:
        assert venue.markets == ("BTC",)
        assert float(venue.mark("BTC")) == pytest.approx(60_000, rel=1e-3)
        over = venue.shock("BTC", "-10%")
        venue.advance((over["untilMs"] - over["timeMs"]) / 1000)
        assert float(venue.mark("BTC")) == pytest.approx(54_000, rel=5e-3)
        request = urllib.request.Request(
            f"{venue.url}/info",
            b'{"type": "clearinghouseState", "user": "%s"}' % venue.users[0].address.encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            assert b"accountValue" in answer.read()
        with pytest.raises(ControlError, match=r"market: 'DOGE' .* BTC"):
            venue.price("DOGE", 1)
        with pytest.raises(InputError, match=r"market: 'DOGE' .* BTC"):
            venue.mark("DOGE")
    with pytest.raises(ControlError, match="no venue answers"):
        venue.status()


def ask(url: str, kind: str, **fields: Any) -> Any:
    body = json.dumps({"type": kind, **fields}).encode()
    request = urllib.request.Request(f"{url}/info", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_builders_markets_live_and_accounts_begin_unified() -> None:
    """Agents quote and trade on every dex, with one balance each."""
    stranger = "0x" + "5a" * 20
    with sandbox("xyz:GOLD=3000", "BTC=60000", seed=7, speed=0, mode="unified") as venue:
        assert venue.markets == ("BTC", "xyz:GOLD")
        bids, asks = ask(venue.url, "l2Book", coin="xyz:GOLD")["levels"]
        assert min(len(bids), len(asks)) >= 10
        venue.advance(600)
        assert ask(venue.url, "recentTrades", coin="xyz:GOLD")
        venue.shock("xyz:GOLD", "-10%", instant=True)
        assert float(venue.mark("xyz:GOLD")) == pytest.approx(2_700, rel=0.05)
        assert float(venue.mark("BTC")) == pytest.approx(60_000, rel=0.05)
        venue.fund(stranger, 250)
        for address, total in ((venue.users[0].address, "100000.0"), (stranger, "250.0")):
            assert ask(venue.url, "userAbstraction", user=address) == "unifiedAccount"
            state = ask(venue.url, "spotClearinghouseState", user=address)
            assert state["balances"][0]["total"] == total


def test_accounts_begin_standard_unless_said_otherwise() -> None:
    with sandbox("BTC=60000", "xyz:GOLD=3000", speed=0, feed="manual", agents=False) as venue:
        address = venue.users[0].address
        assert ask(venue.url, "userAbstraction", user=address) == "default"
        assert ask(venue.url, "spotClearinghouseState", user=address) == {"balances": []}
        values = [
            ask(venue.url, "clearinghouseState", user=address, dex=dex)["withdrawable"]
            for dex in ("", "xyz")
        ]
        assert values == ["100000.0", "0.0"]
        assert venue.mark("xyz:GOLD") == "3000"


def test_a_folder_is_continued_without_its_options(tmp_path: Path) -> None:
    with sandbox("BTC=60000", seed=7, speed=0, agents=False, data=tmp_path) as venue:
        users = venue.users
        venue.advance(60)
        left = venue.status()["timeMs"]
    with sandbox(speed=0, agents=False, data=tmp_path) as venue:
        assert (venue.users, venue.markets) == (users, ("BTC",))
        assert venue.status()["timeMs"] == left
    with pytest.raises(SeawallError, match=r"^seed: 1 should be 7"), sandbox(seed=1, data=tmp_path):
        raise AssertionError("it started")
    with (
        pytest.raises(SeawallError, match=r"^mode: 'unified' should be standard"),
        sandbox(mode="unified", data=tmp_path),
    ):
        raise AssertionError("it started")


def test_dexes_and_modes_are_kept(tmp_path: Path) -> None:
    markets = ("xyz:GOLD=3000", "BTC=60000")
    quiet: dict[str, Any] = {"speed": 0.0, "agents": False, "feed": "manual", "data": tmp_path}
    with sandbox(*markets, mode="unified", **quiet) as venue:
        address = venue.users[3].address
        venue.fund(address, 250)
        before = ask(venue.url, "spotClearinghouseState", user=address)
    with sandbox(**quiet) as venue:
        assert venue.markets == ("BTC", "xyz:GOLD")
        assert venue.mark("xyz:GOLD") == "3000"
        assert ask(venue.url, "userAbstraction", user=address) == "unifiedAccount"
        assert ask(venue.url, "spotClearinghouseState", user=address) == before
        venue.fund("0x" + "5b" * 20, 10)
        assert ask(venue.url, "userAbstraction", user="0x" + "5b" * 20) == "unifiedAccount"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 70_000}, "port: 70000 should be a port from 0 to 65535"),
        ({"port": -1}, "port: -1 should be a port from 0 to 65535"),
        ({"speed": -1}, "speed: -1 should be venue seconds per second, from 0 to 1000"),
        ({"feed": "dreams"}, "feed: 'dreams' should be synthetic, manual, "),
        ({"rulebook": "dydx"}, "rulebook: 'dydx' should be a continuous one, such as hyperliquid"),
        ({"data": "/dev/null/venue"}, "data: '/dev/null/venue' should be a folder"),
    ],
)
def test_options_that_cannot_be_used_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SeawallError) as refused, sandbox("BTC", **options):
        raise AssertionError("it started")
    assert str(refused.value).startswith(message)


def test_a_market_that_is_unknown_is_named() -> None:
    with pytest.raises(SeawallError, match="unknown market 'NOPE'"), sandbox("NOPE"):
        raise AssertionError("it started")


def test_a_client_needs_an_http_address() -> None:
    with pytest.raises(ControlError, match=r"^url: 'ftp://x' should be an HTTP address"):
        ControlClient("ftp://x")


def test_what_is_no_venue_is_said_to_be_none() -> None:
    """A server of something else, which does not even speak HTTP."""

    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"SSH-2.0-other\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer)
        thread.start()
        client = ControlClient(f"http://127.0.0.1:{listening.getsockname()[1]}")
        with pytest.raises(ControlError, match=r"^url: .* no venue answers there"):
            client.status()
        thread.join()


def test_arguments_are_named_as_the_client_names_them() -> None:
    with sandbox("BTC=60000", speed=0, agents=False, feed="manual") as venue:
        with pytest.raises(ControlError, match=r"^hold: 'x' should be seconds from 0"):
            venue.shock("BTC", "-1%", hold="x")
        with pytest.raises(ControlError, match=r"^factor: 1001 should be .* from 0 to 1000"):
            venue.speed(1001)
        venue.price("BTC", Decimal("50000.5"))
        assert venue.mark("BTC") == "50000.5"
        venue.shock("BTC", Fraction(1, 10), instant=True)
        assert venue.mark("BTC") == "55000.6"
