"""A venue inside a Python program: ``seawall.sandbox``."""

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


def test_a_venue_lasts_as_long_as_its_block() -> None:
    with sandbox("BTC=60000", seed=7, speed=0) as venue:
        assert venue.markets == ("BTC",)
        assert float(venue.mark("BTC")) == pytest.approx(60_000, rel=1e-3)
        venue.shock("BTC", "-10%")
        venue.advance(5)
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 70_000}, "port: 70000 should be a port from 0 to 65535"),
        ({"port": -1}, "port: -1 should be a port from 0 to 65535"),
        ({"speed": -1}, "speed: -1 should be venue seconds per second, from 0 to 1000"),
        ({"feed": "dreams"}, "feed: 'dreams' should be synthetic, manual or"),
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
        venue.shock("BTC", Fraction(1, 10))
        assert venue.mark("BTC") == "55000.6"
