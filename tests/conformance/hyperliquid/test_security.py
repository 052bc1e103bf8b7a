"""Requests that must change nothing: forged, replayed, late, foreign, oversized, malformed."""

import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import eth_account
import pytest
from hyperliquid.utils.signing import sign_l1_action, sign_withdraw_from_bridge_action

from tests.conformance.hyperliquid.running import DAY_MS, Venue
from tests.conformance.hyperliquid.signer import Signer, order_action
from tests.conformance.hyperliquid.trader import (
    GTC,
    Maker,
    Trader,
    done,
    error,
    filled,
    only,
    resting,
)
from tests.conformance.hyperliquid.wire import envelope, post, post_exchange

pytestmark = pytest.mark.conformance

COIN = "BTC"
PRICE = 70_000.0
ORDER = order_action(0, True, "50000", "0.01")


@pytest.fixture(autouse=True)
def _book(venue: Venue, maker: Maker) -> None:
    venue.settle(COIN, PRICE, maker)


def figures(trader: Trader) -> dict[str, Any]:
    """All that an account shows, without the time."""
    state = trader.state()
    state.pop("time")
    return {
        "state": state,
        "spot": trader.info.spot_user_state(trader.address),
        "orders": trader.info.frontend_open_orders(trader.address),
        "agents": trader.info.extra_agents(trader.address),
    }


@contextmanager
def nothing_changes(venue: Venue, *traders: Trader) -> Iterator[None]:
    """No command reaches the machine and no account looks different afterwards."""
    before = [figures(trader) for trader in traders]
    sequence = venue.control.status()["sequence"]
    yield
    assert venue.control.status()["sequence"] == sequence
    assert [figures(trader) for trader in traders] == before


def refused(answer: tuple[int, Any]) -> str:
    status, body = answer
    assert status == 200, body
    assert body["status"] == "err", body
    return str(body["response"])


def signed(trader: Trader, action: Any, nonce: int, vault: str | None = None) -> Any:
    return sign_l1_action(trader.wallet, action, vault, nonce, None, False)


def test_the_fast_signer_signs_what_the_client_signs(trader: Trader) -> None:
    nonce = 1_700_000_000_000
    ours = Signer(trader.key).sign(ORDER, nonce)
    theirs = signed(trader, ORDER, nonce)
    assert {k: int(str(v), 0) for k, v in ours.items()} == {
        k: int(str(v), 0) for k, v in theirs.items()
    }


@pytest.mark.parametrize(
    "signature",
    [
        None,
        {},
        "0x",
        {"r": "0x1", "s": "0x1", "v": 27},
        {"r": "0x" + "f" * 64, "s": "0x" + "f" * 64, "v": 28},
        {"r": "0x" + "0" * 64, "s": "0x" + "0" * 64, "v": 27},
        {"r": 1, "s": 2, "v": "27"},
        {"r": "0x1", "s": "0x1", "v": 99},
    ],
    ids=str,
)
def test_unsigned(venue: Venue, trader: Trader, signature: Any) -> None:
    with nothing_changes(venue, trader):
        status, body = post_exchange(venue.url, ORDER, venue.nonce(), signature)
        assert status in (200, 400, 422)
        assert status != 200 or body["status"] == "err"


def test_signed_for_other_content(venue: Venue, trader: Trader) -> None:
    """Each change after signing makes it somebody else's, who does not exist."""
    nonce = venue.nonce()
    signature = signed(trader, ORDER, nonce)
    larger = order_action(0, True, "50000", "0.02")
    with nothing_changes(venue, trader):
        for answer in (
            post_exchange(venue.url, larger, nonce, signature),
            post_exchange(venue.url, ORDER, nonce + 1, signature),
            post_exchange(venue.url, ORDER, nonce, signature, vault=trader.address),
            post_exchange(venue.url, ORDER, nonce, signature, expires=nonce + 60_000),
            post_exchange(venue.url, dict(reversed(ORDER.items())), nonce, signature),
            post_exchange(venue.url, ORDER, nonce, {**signature, "v": 55 - signature["v"]}),
        ):
            assert "does not exist" in refused(answer)


def test_unknown_wallet(venue: Venue, trader: Trader) -> None:
    stranger = eth_account.Account.create()
    nonce = venue.nonce()
    signature = sign_l1_action(stranger, ORDER, None, nonce, None, False)
    with nothing_changes(venue, trader):
        text = refused(post_exchange(venue.url, ORDER, nonce, signature))
    assert stranger.address.lower() in text.lower()


def test_replay(venue: Venue, trader: Trader) -> None:
    nonce = venue.nonce()
    signature = signed(trader, ORDER, nonce)
    status, body = post_exchange(venue.url, ORDER, nonce, signature)
    assert (status, body["status"]) == (200, "ok")
    assert "resting" in body["response"]["data"]["statuses"][0]
    with nothing_changes(venue, trader):
        text = refused(post_exchange(venue.url, ORDER, nonce, signature))
        assert text == f"Invalid nonce: duplicate nonce {nonce}"
    assert len(trader.open_orders()) == 1


@pytest.mark.parametrize("away", [-3 * DAY_MS, 2 * DAY_MS], ids=["old", "early"])
def test_nonce_out_of_its_window(venue: Venue, trader: Trader, away: int) -> None:
    """The window is around both the venue's clock, which tests move, and the computer's."""
    clocks = (venue.now_ms(), int(time.time() * 1000))
    nonce = (min(clocks) if away < 0 else max(clocks)) + away
    with nothing_changes(venue, trader):
        answer = post_exchange(venue.url, ORDER, nonce, signed(trader, ORDER, nonce))
        assert refused(answer).startswith("Invalid nonce")


def test_nonce_below_the_kept_ones(venue: Venue, trader: Trader) -> None:
    """Only the hundred highest are kept; below them nothing is accepted."""
    start = venue.now_ms()
    noop = {"type": "noop"}
    for nonce in range(start, start + 100):
        status, body = post_exchange(venue.url, noop, nonce, signed(trader, noop, nonce))
        assert (status, body["status"]) == (200, "ok")
    with nothing_changes(venue, trader):
        late = start - 1
        text = refused(post_exchange(venue.url, ORDER, late, signed(trader, ORDER, late)))
        assert text.startswith("Invalid nonce: nonce too low")


def test_expired_agent(venue: Venue, trader: Trader) -> None:
    until = venue.now_ms() + 60_000
    result, key = trader.exchange.approve_agent(f"bot valid_until {until}")
    done(result)
    agent = Trader(venue.url, key, account=trader.address)
    resting(agent.exchange.order(COIN, True, 0.01, 50_000, GTC))
    venue.control.advance(61_000)
    with nothing_changes(venue, trader):
        text = error(agent.exchange.order(COIN, True, 0.01, 50_000, GTC))
        assert "does not exist" in text


def test_agent_has_no_rights_elsewhere(venue: Venue, trader: Trader, other: Trader) -> None:
    result, key = trader.exchange.approve_agent()
    done(result)
    agent = Trader(venue.url, key, account=trader.address)
    nonce = venue.nonce()
    theirs = sign_l1_action(agent.wallet, ORDER, other.address, nonce, None, False)
    with nothing_changes(venue, trader, other):
        refused(post_exchange(venue.url, ORDER, nonce, theirs, vault=other.address))
        nonce = venue.nonce()
        action = {"type": "withdraw3", "destination": agent.wallet.address}
        action |= {"amount": "10", "time": nonce}
        signature = sign_withdraw_from_bridge_action(agent.wallet, action, False)
        refused(post_exchange(venue.url, action, nonce, signature))
        for result in (
            agent.exchange.usd_transfer(10.0, other.address),
            agent.exchange.usd_class_transfer(10.0, False),
            agent.exchange.approve_builder_fee(other.address, "0.01%"),
            agent.exchange.approve_agent("mine")[0],
        ):
            assert result["status"] == "err"


def test_orders_of_others(venue: Venue, trader: Trader, other: Trader) -> None:
    oid = resting(trader.exchange.order(COIN, True, 0.01, 50_000, GTC))
    shown = figures(trader)
    assert "never placed" in error(other.exchange.cancel(COIN, oid))
    modified = other.exchange.modify_order(oid, COIN, True, 0.02, 50_000, GTC)
    assert "Cannot modify canceled or filled order" in error(modified)
    nonce = venue.nonce()
    action = {"type": "cancel", "cancels": [{"a": 0, "o": oid}]}
    signature = signed(other, action, nonce, trader.address)
    refused(post_exchange(venue.url, action, nonce, signature, vault=trader.address))
    assert figures(trader) == shown
    assert only(trader.exchange.cancel(COIN, oid)) == "success"


def test_sub_accounts_of_others(venue: Venue, trader: Trader, other: Trader) -> None:
    filled(other.exchange.market_open(COIN, True, 1.0))
    filled(other.exchange.market_close(COIN))
    sub = done(other.exchange.create_sub_account("safe"))["data"]
    done(other.exchange.sub_account_transfer(sub, True, 1_000_000_000))
    thief = Trader(venue.url, trader.key, vault=sub)
    with nothing_changes(venue, other, Trader(venue.url, other.key, vault=sub)):
        assert thief.exchange.order(COIN, True, 0.01, 50_000, GTC)["status"] == "err"
        taken = trader.exchange.sub_account_transfer(sub, False, 1_000_000)
        assert taken["status"] == "err"


BAD_BODIES: dict[str, bytes] = {
    "empty": b"",
    "null": b"null",
    "number": b"7",
    "array": b"[]",
    "text": b'"order"',
    "no type": b"{}",
    "unknown type": b'{"type":"nothingLikeThis"}',
    "type is a list": b'{"type":[]}',
    "cut off": b'{"type":"meta"',
    "trailing": b'{"type":"meta"} {}',
    "not text": b"\xff\xfe\x00\x01",
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "duplicate keys": b'{"type":"l2Book","type":"nothing"}',
    "lone surrogate": b'{"type":"l2Book","coin":"\\ud800"}',
    "big number": b'{"type":"orderStatus","user":"0x0","oid":' + b"9" * 5000 + b"}",
    "infinity": b'{"type":"candleSnapshot","req":{"coin":"BTC","startTime":1e999}}',
    "user of the wrong kind": b'{"type":"clearinghouseState","user":{"a":1}}',
    "coin of the wrong kind": b'{"type":"l2Book","coin":["BTC"]}',
}


@pytest.mark.parametrize("path", ["/info", "/exchange"])
@pytest.mark.parametrize("name", BAD_BODIES)
def test_malformed_body(venue: Venue, trader: Trader, name: str, path: str) -> None:
    with nothing_changes(venue, trader):
        status, text = post(venue.url, path, BAD_BODIES[name])
    assert 200 <= status < 500, text
    assert "Traceback" not in text
    if name not in ("duplicate keys", "big number", "lone surrogate"):
        assert status in (400, 413, 422), (status, text)


def test_unknown_info_type_is_unprocessable(venue: Venue) -> None:
    status, text = post(venue.url, "/info", {"type": "nothingLikeThis"})
    assert status == 422
    assert "Failed to deserialize the JSON body into the target type" in text


@pytest.mark.parametrize("path", ["/info", "/exchange"])
def test_oversized_body(venue: Venue, trader: Trader, path: str) -> None:
    body = json.dumps({"type": "meta", "padding": "x" * 20_000_000}).encode()
    before = venue.resident_bytes()
    with nothing_changes(venue, trader):
        try:
            status, _text = post(venue.url, path, body)
        except OSError:  # closed while the body was still on its way
            status = 413
    assert status == 413
    assert venue.resident_bytes() - before < 64_000_000


@pytest.mark.parametrize(
    "change",
    [
        {"a": -1},
        {"a": 99_999},
        {"a": "0"},
        {"a": True},
        {"b": 1},
        {"p": 50_000},
        {"p": "NaN"},
        {"p": "-50000"},
        {"p": "1e5"},
        {"p": "9" * 400},
        {"s": ""},
        {"s": "-0.01"},
        {"s": "0x10"},
        {"s": "99999999999999999999"},
        {"r": None},
        {"t": {}},
        {"t": {"limit": {"tif": "Never"}}},
        {"t": {"trigger": {"isMarket": True, "triggerPx": "inf", "tpsl": "sl"}}},
        {"c": "0x12"},
        {"c": 7},
    ],
    ids=str,
)
def test_well_signed_nonsense(venue: Venue, trader: Trader, change: dict[str, Any]) -> None:
    """The signature is right and the order is not: an error, and no order."""
    (order,) = ORDER["orders"]
    action = {**ORDER, "orders": [{**order, **change}]}
    nonce = venue.nonce()
    signature = Signer(trader.key).sign(action, nonce)
    before = figures(trader)
    status, text = post(venue.url, "/exchange", envelope(action, nonce, signature))
    assert status in (200, 400, 422), text
    assert "resting" not in text
    assert "filled" not in text
    assert figures(trader) == before


def test_the_control_api_hears_no_other_origin(venue: Venue) -> None:
    """A page of another site cannot steer the venue of whoever visits it."""
    import urllib.error
    import urllib.request

    request = urllib.request.Request(
        f"{venue.url}/control/fund", b"{}", {"Origin": "https://example.com"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=120)
    assert caught.value.code == 403


def test_a_client_that_is_gone_before_its_websocket_is_there(venue: Venue) -> None:
    """The venue's log stays empty: a flood of such clients fills no disk."""
    at = urlsplit(venue.url)
    assert at.hostname is not None
    upgrade = (
        f"GET /ws HTTP/1.1\r\nHost: {at.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    for _ in range(20):
        with socket.create_connection((at.hostname, at.port or 0)) as client:
            # Closed at once with a reset, without reading.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(upgrade.encode())
    assert venue.now_ms() > 0
    assert "Traceback" not in venue.complaints(), venue.complaints()
