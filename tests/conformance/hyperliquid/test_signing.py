"""The actions of the official client's own signing tests: the venue recovers who signed them.

The client's twelve tests fix the bytes that are signed. Here the very same actions go to the
running venue over HTTP, signed for either network; the venue must name the signer, which it can
only do by packing and hashing the action exactly as the client did.
"""

from typing import Any

import eth_account
import pytest
from hyperliquid.utils import signing
from hyperliquid.utils.types import Cloid

from seawall.venues.hyperliquid.wire.signing import (
    action_hash,
    recover_connection,
    recover_user_signed,
)
from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.wire import post_exchange

pytestmark = pytest.mark.conformance

KEY = "0x0123456789012345678901234567890123456789012345678901234567890123"
SIGNER = "0x14791697260e4c9a71f18484c9f997b308e59325"
VAULT = "0x1719884eb866cb12b2287399b15f7db5e7d775ea"
DESTINATION = "0x5e9ee1089755c3435139848e47e6635505d5a13a"


def order_action(size: float, price: float, kind: Any, asset: int, cloid: Any = None) -> Any:
    request = {
        "coin": "ETH",
        "is_buy": True,
        "sz": size,
        "limit_px": price,
        "reduce_only": False,
        "order_type": kind,
        "cloid": cloid,
    }
    wire = signing.order_request_to_order_wire(request, asset)
    return signing.order_wires_to_order_action([wire])


GTC = {"limit": {"tif": "Gtc"}}
STOP = {"trigger": {"triggerPx": 103, "isMarket": True, "tpsl": "sl"}}
ONE = Cloid.from_str("0x00000000000000000000000000000001")
DUMMY = {"type": "dummy", "num": signing.float_to_int_for_hashing(1000)}
SUB_TRANSFER = {
    "type": "subAccountTransfer",
    "subAccountUser": "0x1d9470d4b963f552e6f671a81619d395877bf409",
    "isDeposit": True,
    "usd": 10,
}
L1_ACTIONS: dict[str, tuple[Any, str | None, int]] = {
    "production order": (
        order_action(0.0147, 1670.1, {"limit": {"tif": "Ioc"}}, 4),
        None,
        1677777606040,
    ),
    "dummy": (DUMMY, None, 0),
    "dummy with vault": (DUMMY, VAULT, 0),
    "order": (order_action(100, 100, GTC, 1), None, 0),
    "order with cloid": (order_action(100, 100, GTC, 1, ONE), None, 0),
    "stop order": (order_action(100, 100, STOP, 1), None, 0),
    "create sub-account": ({"type": "createSubAccount", "name": "example"}, None, 0),
    "sub-account transfer": (SUB_TRANSFER, None, 0),
    "schedule cancel": ({"type": "scheduleCancel"}, None, 0),
    "schedule cancel at": ({"type": "scheduleCancel", "time": 123456789}, None, 0),
}
USER_ACTIONS = {
    "usd transfer": ("usdSend", signing.sign_usd_transfer_action),
    "withdraw": ("withdraw3", signing.sign_withdraw_from_bridge_action),
}


@pytest.mark.parametrize("is_mainnet", [True, False], ids=["mainnet", "testnet"])
@pytest.mark.parametrize("name", L1_ACTIONS)
def test_l1_signer_is_recovered(name: str, is_mainnet: bool) -> None:
    action, vault, nonce = L1_ACTIONS[name]
    wallet = eth_account.Account.from_key(KEY)
    signature = signing.sign_l1_action(wallet, action, vault, nonce, None, is_mainnet)
    digest = action_hash(action, nonce, vault, None)
    own, other = ("a", "b") if is_mainnet else ("b", "a")
    assert recover_connection(own, digest, signature) == SIGNER
    assert recover_connection(other, digest, signature) != SIGNER


@pytest.mark.parametrize("is_mainnet", [True, False], ids=["mainnet", "testnet"])
@pytest.mark.parametrize("name", [name for name in L1_ACTIONS if "dummy" not in name])
def test_venue_recovers_the_l1_signer(venue: Venue, name: str, is_mainnet: bool) -> None:
    """A signer with an account gets as far as the nonce, which is years old; others do not."""
    venue.control.fund(SIGNER, 1_000)
    action, _vault, nonce = L1_ACTIONS[name]
    wallet = eth_account.Account.from_key(KEY)
    signature = signing.sign_l1_action(wallet, action, None, nonce, None, is_mainnet)
    status, answer = post_exchange(venue.url, action, nonce, signature)
    assert (status, answer["status"]) == (200, "err")
    assert answer["response"].startswith("Invalid nonce")
    status, answer = post_exchange(venue.url, action, nonce + 1, signature)
    assert (status, answer["status"]) == (200, "err")
    assert "does not exist" in answer["response"]


@pytest.mark.parametrize("is_mainnet", [True, False], ids=["mainnet", "testnet"])
@pytest.mark.parametrize("name", USER_ACTIONS)
def test_venue_recovers_the_user_who_signed(venue: Venue, name: str, is_mainnet: bool) -> None:
    venue.control.fund(SIGNER, 1_000)
    kind, sign = USER_ACTIONS[name]
    wallet = eth_account.Account.from_key(KEY)
    action = {"destination": DESTINATION, "amount": "1", "time": 1687816341423, "type": kind}
    signature = sign(wallet, action, is_mainnet)
    assert recover_user_signed(action, signature) == SIGNER
    status, answer = post_exchange(venue.url, action, 1687816341423, signature)
    assert (status, answer["status"]) == (200, "err")
    assert answer["response"].startswith("Invalid nonce")


@pytest.mark.parametrize("is_mainnet", [True, False], ids=["mainnet", "testnet"])
def test_actions_of_the_signing_tests_are_accepted(venue: Venue, is_mainnet: bool) -> None:
    """With funds and a fresh nonce the same actions take effect for the same address."""
    venue.control.fund(SIGNER, 1_000_000)
    wallet = eth_account.Account.from_key(KEY)
    accepted = {
        "order": order_action(100, 100, GTC, 1),
        "order with cloid": order_action(100, 100, GTC, 1, Cloid.from_int(7 if is_mainnet else 8)),
    }
    for action in accepted.values():
        nonce = venue.nonce()
        signature = signing.sign_l1_action(wallet, action, None, nonce, None, is_mainnet)
        status, answer = post_exchange(venue.url, action, nonce, signature)
        assert (status, answer["status"]) == (200, "ok"), answer
    for kind, sign in USER_ACTIONS.values():
        nonce = venue.nonce()
        action = {"destination": DESTINATION, "amount": "2", "time": nonce, "type": kind}
        signature = sign(wallet, action, is_mainnet)
        status, answer = post_exchange(venue.url, action, nonce, signature)
        assert (status, answer) == (200, {"status": "ok", "response": {"type": "default"}})
