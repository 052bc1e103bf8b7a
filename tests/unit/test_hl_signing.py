"""Recovery of signers: every recorded signature, what the clients leave out, and what is broken."""

import json
from typing import Any

import msgspec
import pytest
from eth_account import Account
from hyperliquid.utils import signing as client
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.venues.hyperliquid.wire.signing import (
    SOURCES,
    SignatureError,
    action_hash,
    keccak256,
    recover_connection,
    recover_user_signed,
)
from tests.facts.hyperliquid import read_client

KEY = "0x0123456789012345678901234567890123456789012345678901234567890123"
ADDRESS = "0x14791697260e4c9a71f18484c9f997b308e59325"
ORDER = {
    "type": "order",
    "orders": [
        {"a": 1, "b": True, "p": "100", "s": "100", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    ],
    "grouping": "na",
}
MESSAGE_TYPES = {
    "UsdSend": "usdSend",
    "Withdraw": "withdraw3",
    "UsdClassTransfer": "usdClassTransfer",
    "ApproveAgent": "approveAgent",
    "ApproveBuilderFee": "approveBuilderFee",
    "SpotSend": "spotSend",
}
CHAINS = {"mainnet": ("Mainnet", "a"), "testnet": ("Testnet", "b")}


def cases(scheme: str) -> list[dict[str, Any]]:
    return [case for case in read_client()["signing"] if case["scheme"] == scheme]


L1 = cases("l1_phantom_agent")
HASHES = [case for case in (*L1, *cases("action_hash")) if "action_hash" in case]
MESSAGES = cases("user_signed_eip712")


def recover_l1(
    action: Any, nonce: int, vault: str | None, expires_after: int | None, signature: Any
) -> dict[str, str]:
    """The signer for each of ``SOURCES``, at most one of which is meant."""
    connection = action_hash(action, nonce, vault, expires_after)
    return {source: recover_connection(source, connection, signature) for source in SOURCES}


def named(case: dict[str, Any]) -> str:
    return str(case["name"])[:40]


@pytest.mark.parametrize("case", HASHES, ids=named)
def test_hash_of_an_action(case):
    made = action_hash(case["action"], case["nonce"], case["vaultAddress"], case["expiresAfter"])
    assert "0x" + made.hex() == case["action_hash"]
    if "msgpack_hex" in case:
        assert msgspec.msgpack.encode(case["action"]).hex() == case["msgpack_hex"]


@pytest.mark.parametrize("network", CHAINS)
@pytest.mark.parametrize("case", L1, ids=named)
def test_signer_of_an_l1_action(case, network):
    found = recover_l1(
        case["action"], case["nonce"], case["vaultAddress"], case["expiresAfter"], case[network]
    )
    assert found[CHAINS[network][1]] == case["address"].lower()
    assert sorted(found) == list(SOURCES)
    assert len(set(found.values())) == 2


@pytest.mark.parametrize("network", CHAINS)
@pytest.mark.parametrize("case", MESSAGES, ids=named)
def test_signer_of_a_message(case, network):
    action = {
        "type": MESSAGE_TYPES[case["name"].split()[0]],
        "hyperliquidChain": CHAINS[network][0],
        "signatureChainId": case["signatureChainId"],
        **case["message"],
    }
    assert recover_user_signed(action, case[network]) == case["address"].lower()
    if action.get("agentName") == "":
        del action["agentName"]
        assert recover_user_signed(action, case[network]) == case["address"].lower()


def test_every_recorded_case_is_used():
    assert len(L1) == 16
    assert len(HASHES) == 20
    assert len(MESSAGES) == 6


def test_hash_function_is_the_one_of_addresses():
    assert keccak256(b"").hex() == (
        "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=20), inner, max_size=20)
    ),
    max_leaves=40,
)


@settings(max_examples=150, deadline=None)
@given(JSON, st.integers(0, 2**63), st.booleans(), st.none() | st.integers(0, 2**63))
def test_packing_equals_the_client_s(action, nonce, has_vault, expires):
    vault = "0x" + "ab" * 20 if has_vault else None
    text = json.loads(json.dumps(action))
    ours = action_hash(msgspec.json.decode(json.dumps(action)), nonce, vault, expires)
    assert ours == client.action_hash(text, vault, nonce, expires)


def test_floats_stay_floats_and_key_order_counts():
    whole = action_hash({"type": "x", "n": 1}, 0, None, None)
    assert action_hash({"type": "x", "n": 1.0}, 0, None, None) != whole
    assert action_hash({"n": 1, "type": "x"}, 0, None, None) != whole


def signed(nonce: int = 7, vault: str | None = None, expires: int | None = None) -> dict[str, Any]:
    wallet = Account.from_key(KEY)
    found: dict[str, Any] = client.sign_l1_action(wallet, ORDER, vault, nonce, expires, False)
    return found


def test_recovery_byte_may_be_small():
    signature = signed()
    short = {**signature, "v": signature["v"] - 27}
    assert recover_l1(ORDER, 7, None, None, short)["b"] == ADDRESS


def test_halves_may_lack_leading_zeros():
    seen = 0
    for nonce in range(60):
        signature = signed(nonce)
        seen += len(signature["r"]) < 66 or len(signature["s"]) < 66
        assert recover_l1(ORDER, nonce, None, None, signature)["b"] == ADDRESS
        padded = {name: "0x" + signature[name][2:].zfill(64) for name in ("r", "s")}
        assert recover_l1(ORDER, nonce, None, None, {**signature, **padded})["b"] == ADDRESS
    assert seen, "no signature of these nonces is short"


def test_vault_may_come_without_prefix():
    vault = "0x" + "1A" * 20
    signature = signed(vault=vault)
    for text in (vault, vault[2:], vault.lower()):
        assert recover_l1(ORDER, 7, text, None, signature)["b"] == ADDRESS


@pytest.mark.parametrize(
    ("action", "nonce", "vault", "expires"),
    [
        ({**ORDER, "grouping": "normalTpsl"}, 7, None, None),
        (ORDER, 8, None, None),
        (ORDER, 7, "0x" + "11" * 20, None),
        (ORDER, 7, None, 7),
    ],
)
def test_any_other_field_is_another_signer(action, nonce, vault, expires):
    assert ADDRESS not in recover_l1(action, nonce, vault, expires, signed()).values()


GOOD = {"r": "0x1", "s": "0x1", "v": 27}


@pytest.mark.parametrize(
    "signature",
    [
        None, [], "0x", {}, {**GOOD, "r": "1"}, {**GOOD, "r": "0x"}, {**GOOD, "r": "0x" + "1" * 65},
        {**GOOD, "r": 1}, {**GOOD, "s": "0xzz"}, {**GOOD, "s": "0x0"}, {**GOOD, "v": 29},
        {**GOOD, "v": True}, {**GOOD, "v": "27"}, {**GOOD, "v": 27.0},
        {**GOOD, "r": "0x" + "f" * 64},
        {**GOOD, "r": "0x1\n"}, {**GOOD, "v": None},
    ],
)  # fmt: skip
def test_impossible_signatures(signature):
    with pytest.raises(SignatureError):
        recover_l1(ORDER, 7, None, None, signature)


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("action", "nonce", "vault"),
    [
        ({"n": 2**64}, 0, None), ({"n": -(2**63) - 1}, 0, None), (ORDER, -1, None),
        (ORDER, 2**64, None), (ORDER, 0, "0x12"), (ORDER, 0, "0x" + "1" * 41),
        ({"n": nested(3000)}, 0, None), ({"n": object()}, 0, None), ({"n": "\ud800"}, 0, None),
    ],
)  # fmt: skip
def test_what_cannot_be_packed(action, nonce, vault):
    with pytest.raises(SignatureError):
        action_hash(action, nonce, vault, None)


SEND = {
    "type": "usdSend",
    "hyperliquidChain": "Testnet",
    "signatureChainId": "0x66eee",
    "destination": "0x5e9ee1089755c3435139848e47e6635505d5a13a",
    "amount": "1",
    "time": 1687816341423,
}


@pytest.mark.parametrize(
    "change",
    [
        {"type": "order"}, {"signatureChainId": "66eee"}, {"signatureChainId": None},
        {"signatureChainId": 421614}, {"amount": 1}, {"amount": None}, {"time": "1"},
        {"time": True}, {"time": -1}, {"time": 2**64}, {"destination": None},
        {"signatureChainId": "0x" + "f" * 65}, {"amount": "\ud800"},
    ],
)  # fmt: skip
def test_impossible_messages(change):
    with pytest.raises(SignatureError):
        recover_user_signed({**SEND, **change}, GOOD)


def test_text_addresses_are_signed_as_written():
    wallet = Account.from_key(KEY)
    action = {**SEND, "destination": "0x5E9EE1089755c3435139848e47e6635505d5a13a"}
    signature = client.sign_usd_transfer_action(wallet, action, False)
    assert recover_user_signed(action, signature) == ADDRESS
    lower = {**action, "destination": action["destination"].lower()}
    assert recover_user_signed(lower, signature) != ADDRESS
