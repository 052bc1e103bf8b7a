"""Round trips of orders: with a given clock, at a sandbox, and refused where money is real."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from eth_account import Account
from hyperliquid.utils.signing import sign_l1_action

from seawall.domain.errors import InputError
from seawall.lab.vet import vet
from seawall.lab.vet.latency import order_latency, round_trips
from seawall.sandbox.embedded import Sandbox, sandbox
from seawall.venues.hyperliquid.resting_order import DistantOrder
from seawall.venues.hyperliquid.wire.signing import (
    SOURCES,
    action_hash,
    recover_connection,
    sign_connection,
)
from seawall.venues.kept_connection import KeptConnection
from seawall.venues.public_api import PublicApi, PublicApiError
from seawall.venues.raw_json import VenueDataError
from seawall.venues.registry import VENUES
from seawall.venues.venue import RestingOrder, Venue
from tests.conformance.hyperliquid.signer import Signer

# A sandbox compiles the machine where no process has done so before.
pytestmark = pytest.mark.timeout(900)

TESTNET = "https://api.hyperliquid-testnet.xyz"
KEY = "0x" + "4e" * 32


@pytest.fixture(scope="module")
def venue() -> Iterator[Sandbox]:
    with sandbox("BTC=60000", "ETH=2345.67", feed="manual", speed=0) as found:
        yield found


class Clocked(RestingOrder):
    """Each request takes what is given; what was asked for is remembered."""

    def __init__(self) -> None:
        self.now, self.asked = 0, list[str]()

    def ask(self) -> None:
        self._take("ask", 1)

    def place(self) -> None:
        self._take("place", 5 + len(self.asked))

    def cancel(self) -> None:
        self._take("cancel", 3)

    def close(self) -> None:
        self.asked.append("close")

    def _take(self, what: str, ms: int) -> None:
        self.asked.append(what)
        self.now += ms * 1_000_000


def test_round_trips_by_a_given_clock() -> None:
    order, slept = Clocked(), list[float]()
    question, placed, cancelled = round_trips(order, 3, lambda: order.now, slept.append)
    assert order.asked == ["ask", "place", "cancel"] * 4
    assert len(slept) == 4
    # The first round opens the connection and does not count.
    assert (question.ms, cancelled.ms) == ((1.0,) * 3, (3.0,) * 3)
    assert placed.ms == (5.0 + 4, 5.0 + 7, 5.0 + 10)
    assert (placed.least, placed.median, placed.most) == (9.0, 12.0, 15.0)
    assert placed.high == pytest.approx(14.7)


# The signature


def test_a_signature_is_its_signers_on_the_test_network_only() -> None:
    signer = Signer(KEY)
    action = {"type": "cancel", "cancels": [{"a": 0, "o": 5}]}
    connection = action_hash(action, 7, None, None)
    made = sign_connection("b", connection, PrivateKey(bytes.fromhex(KEY[2:])))
    assert recover_connection("b", connection, made) == signer.address
    assert recover_connection("a", connection, made) != signer.address
    assert SOURCES == ("a", "b")
    theirs = signer.sign(action, 7)
    assert {name: int(str(made[name]), 0) for name in ("r", "s")} == {
        name: int(theirs[name], 0) for name in ("r", "s")
    }


def test_the_sdk_signs_the_same() -> None:
    action = {"type": "cancel", "cancels": [{"a": 3, "o": 123456}]}
    theirs = sign_l1_action(Account.from_key(KEY), action, None, 99, None, False)
    ours = sign_connection(
        "b", action_hash(action, 99, None, None), PrivateKey(bytes.fromhex(KEY[2:]))
    )
    assert {"r": theirs["r"], "s": theirs["s"], "v": theirs["v"]} == ours


# A sandbox


@pytest.mark.parametrize("market", ["BTC", "ETH"])
def test_an_order_rests_and_is_cancelled(venue: Sandbox, market: str) -> None:
    user = venue.accounts()["accounts"][0]
    order = DistantOrder(KeptConnection(venue.url), user["privateKey"], market)
    api = PublicApi(venue.url)

    def resting() -> list[dict[str, Any]]:
        asked = {"type": "openOrders", "user": user["address"]}
        found: list[dict[str, Any]] = json.loads(api.post("/info", asked))
        return found

    order.ask()
    order.place()
    (one,) = resting()
    half = float(venue.mark(market)) / 2
    assert one["coin"] == market
    assert half * 0.999 < float(one["limitPx"]) <= half
    assert 10 < float(one["limitPx"]) * float(one["sz"]) < 80
    order.cancel()
    assert not resting()
    order.place()
    order.close()
    assert not resting()


def test_the_latency_of_a_sandbox(venue: Sandbox) -> None:
    found = order_latency(venue.url, "hyperliquid", "BTC", None, 4)
    assert [each.what for each in found.times] == ["question", "order", "cancel"]
    assert all(len(each.ms) == 4 and each.least > 0 for each in found.times)
    result = vet(at=venue.url, seconds=10, latency=2, market="BTC")
    assert result.latency is not None
    rows = result.sheet("latency").numbers()
    assert [row["count"] for row in rows] == [2, 2, 2]
    assert any("An order rests" in each.text for each in result.findings().verdict)


def test_a_sandbox_is_started_where_there_is_none() -> None:
    found = order_latency(None, "hyperliquid", "SOL", None, 1)
    assert found.source.startswith("SOL at http://127.0.0.1:")


# Refused


def test_no_order_goes_where_money_is_real(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> bytes:
        raise PublicApiError("nothing there")

    monkeypatch.setattr(PublicApi, "get", refused)
    monkeypatch.setattr(PublicApi, "post", refused)
    for base in ("https://api.hyperliquid.xyz", "https://example.org", TESTNET + ".example.org"):
        with pytest.raises(InputError, match=r"at: .* should be a sandbox or a test network"):
            order_latency(base, "hyperliquid", "BTC", None, 1)
    with pytest.raises(InputError, match=r"key: should be env:NAME or file:PATH, of an account at"):
        order_latency(TESTNET, "hyperliquid", "BTC", None, 1)


def test_a_key_is_read_as_the_guard_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that others may read, a place that is none, and a key in place of its place."""
    path = tmp_path / "test.key"
    path.write_text(KEY)
    path.chmod(0o644)
    monkeypatch.delenv("TESTNET_KEY", raising=False)
    for source, message in (
        (f"file:{path}", "let others at it"),
        (f"file:{tmp_path / 'none.key'}", "No such file"),
        ("env:TESTNET_KEY", "'TESTNET_KEY' is not set"),
        (str(path), "env:NAME or file:PATH"),
        (KEY, "never the key itself"),
    ):
        with pytest.raises(InputError, match=f"^key: .*{message}") as refusal:
            order_latency(TESTNET, "hyperliquid", "BTC", source, 1)
        assert refusal.value.field == "key"
        assert KEY[4:20] not in str(refusal.value)


def test_the_key_at_its_place_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches the venue's order is the text that stands there."""
    given: list[str] = []

    def kept(_: Venue, base: str, key: str, market: str) -> RestingOrder:
        given.append(key)
        return Clocked()

    monkeypatch.setattr(type(VENUES["hyperliquid"]), "resting_order", kept)
    monkeypatch.setenv("TESTNET_KEY", f" {KEY}\n")
    order_latency(TESTNET, "hyperliquid", "BTC", "env:TESTNET_KEY", 1)
    assert given == [KEY]


def test_a_key_is_no_part_of_an_error(venue: Sandbox) -> None:
    for key in (KEY[:-1], KEY + "zz", ""):
        with pytest.raises(InputError, match="64 hexadecimal digits") as refusal:
            DistantOrder(KeptConnection(venue.url), key, "BTC")
        assert KEY[4:20] not in str(refusal.value)


def test_what_the_venue_refuses_is_said(venue: Sandbox) -> None:
    # A key without an account.
    order = DistantOrder(KeptConnection(venue.url), KEY, "BTC")
    with pytest.raises(VenueDataError, match=r"the action is refused|does not rest"):
        order.place()
    with pytest.raises(VenueDataError, match="NOPE is none of its markets"):
        DistantOrder(KeptConnection(venue.url), KEY, "NOPE")
    with pytest.raises(InputError, match="left out at a sandbox") as refusal:
        order_latency(venue.url, "hyperliquid", "BTC", KEY, 1)
    assert KEY[4:20] not in str(refusal.value)
    with pytest.raises(PublicApiError, match="status 404"):
        KeptConnection(venue.url).post("/nothing", {})
    with pytest.raises(PublicApiError, match="cannot be reached"):
        KeptConnection("http://127.0.0.1:9").post("/info", {})


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"latency": 5, "ccxt": "binance", "market": "BTC/USDT:USDT"}, "latency: 5 belongs to"),
        ({"latency": 0}, "latency: '?0'? should be a whole number of orders"),
        ({"latency": "1.5"}, "latency: '1.5' should be"),
        ({"key": "env:A"}, "^key: belongs to a latency"),
    ],
)
def test_bad_options(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        vet(**asked)
