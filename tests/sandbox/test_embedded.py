"""A venue inside a Python program: ``seawall.sandbox``."""

import urllib.request
from pathlib import Path

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
    with pytest.raises(SeawallError, match="--seed 1"), sandbox(seed=1, data=tmp_path):
        raise AssertionError("it started")


def test_options_that_cannot_be_used_are_named() -> None:
    with pytest.raises(SeawallError, match="unknown market 'NOPE'"), sandbox("NOPE"):
        raise AssertionError("it started")


def test_a_client_needs_an_http_address() -> None:
    with pytest.raises(ControlError, match="ftp://x"):
        ControlClient("ftp://x")
