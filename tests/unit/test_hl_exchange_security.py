"""What must be refused, and must leave nothing behind."""

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.venues.hyperliquid.directory.nonces import DAY_MS
from seawall.venues.hyperliquid.exchange.handle import ACTIONS
from seawall.venues.hyperliquid.wire.error_texts import UNPROCESSABLE
from seawall.venues.hyperliquid.wire.signing import USER_SIGNED
from seawall.venues.port import Refusal
from tests.unit.hl_desk import (
    ADDRESSES,
    BTC,
    KEYS,
    NOW,
    OK,
    Client,
    FakeDesk,
    l1_body,
    post,
    ready_desk,
    signed_body,
    wire,
)

AGENT_KEY = "0x" + "a9" * 32
ORDER = {"type": "order", "orders": [wire(BTC, True, "60010", "0.1")], "grouping": "na"}
NOOP = {"type": "noop"}


@pytest.fixture
def desk() -> FakeDesk:
    return ready_desk()


@pytest.fixture
def alice(desk) -> Client:
    return Client(desk)


def state(desk: FakeDesk) -> tuple[str, int, bytes, int]:
    """Everything that a request could have changed."""
    return (
        desk.engine.state_hash(), desk.engine.sequence, desk.directory.snapshot(),
        len(desk.records),
    )  # fmt: skip


def refused(desk: FakeDesk, body: Any) -> str:
    """The error of a request that must change nothing."""
    before = state(desk)
    status, answer = post(desk, body)
    assert state(desk) == before
    assert status == 200, answer
    assert answer["status"] == "err", answer
    text: str = answer["response"]
    return text


# -- signatures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signature",
    [
        {},
        {"r": "0x0", "s": "0x0", "v": 27},
        {"r": "0x1", "s": "0x1", "v": 5},
        {"r": 1, "s": 2, "v": 27},
    ],
)
def test_no_signature(desk, signature):
    body = {**l1_body(KEYS["alice"], ORDER, NOW), "signature": signature}
    assert refused(desk, body) == "Unable to recover signer."


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": NOW + 1}, {"vaultAddress": "0x" + "11" * 20}, {"expiresAfter": NOW * 2},
        {"action": {**ORDER, "orders": [wire(BTC, False, "60010", "0.1")]}},
        {"action": dict(reversed(ORDER.items()))},
    ],
)  # fmt: skip
def test_a_changed_request_is_somebody_else_s(desk, change):
    body = {**l1_body(KEYS["alice"], ORDER, NOW), **change}
    assert "does not exist." in refused(desk, body)


def test_a_message_signed_by_somebody_else(desk, alice):
    action = {"type": "withdraw3", "destination": alice.address, "amount": "10", "time": NOW}
    body = signed_body(KEYS["carol"], action, NOW)
    text = f"Must deposit before performing actions. User: {ADDRESSES['carol']}"
    assert refused(desk, body) == text
    body["action"]["amount"] = "11"
    assert refused(desk, body).startswith("Must deposit before performing actions.")


@pytest.mark.parametrize("kind", ["withdraw3", "usdSend", "spotSend"])
def test_agents_move_no_money(desk, alice, kind):
    agent = Client(desk, key=AGENT_KEY)
    approval = {"type": "approveAgent", "agentAddress": agent.address, "agentName": ""}
    assert alice.message(approval) == OK
    action = {"type": kind, "destination": agent.address, "amount": "10", "time": NOW}
    if kind == "spotSend":
        action["token"] = "USDC:0x6d"
    text = f"Must deposit before performing actions. User: {agent.address}"
    assert refused(desk, signed_body(AGENT_KEY, action, NOW)) == text
    approval = {**approval, "agentAddress": "0x" + "78" * 20, "nonce": NOW}
    assert refused(desk, signed_body(AGENT_KEY, approval, NOW)) == text


def test_an_expired_agent(desk, alice):
    agent = Client(desk, key=AGENT_KEY)
    name = f"bot valid_until {desk.time_ms + 1000}"
    approval = {"type": "approveAgent", "agentAddress": agent.address, "agentName": name}
    assert alice.message(approval) == OK
    desk.advance(1001)
    text = f"User or API Wallet {agent.address} does not exist."
    assert refused(desk, l1_body(AGENT_KEY, ORDER, NOW)) == text


# -- accounts of others -------------------------------------------------------------------------


def test_sub_accounts_of_others(desk, alice):
    sub = alice.l1({"type": "createSubAccount", "name": "one"})["response"]["data"]
    text = f"Vault not registered: {sub}"
    assert refused(desk, l1_body(KEYS["bob"], ORDER, NOW, sub)) == text
    steal = {"type": "subAccountTransfer", "subAccountUser": sub, "isDeposit": False, "usd": 1}
    assert refused(desk, l1_body(KEYS["bob"], steal, NOW)) == text
    rename = {"type": "subAccountModify", "subAccountUser": sub, "name": "mine"}
    assert refused(desk, l1_body(KEYS["bob"], rename, NOW)) == text
    for vault in (ADDRESSES["alice"], "0x" + "77" * 20):
        assert refused(desk, l1_body(KEYS["bob"], ORDER, NOW, vault)).startswith("Vault not")
    move = {"type": "usdClassTransfer", "toPerp": False, "nonce": NOW}
    move["amount"] = f"1 subaccount:{sub}"
    assert refused(desk, signed_body(KEYS["bob"], move, NOW)) == text


def test_orders_of_others(desk, alice):
    cloid = "0x" + "0" * 31 + "7"
    (status,) = alice.order(wire(BTC, True, "59000", "0.01", cloid=cloid))
    oid = status["resting"]["oid"]
    bob = Client(desk, "bob")
    gone = {"error": "Order was never placed, already canceled, or filled. asset=0"}
    cancels = {"type": "cancel", "cancels": [{"a": BTC, "o": oid}]}
    assert bob.l1(cancels)["response"]["data"]["statuses"] == [gone]
    cancels = {"type": "cancelByCloid", "cancels": [{"asset": BTC, "cloid": cloid}]}
    assert bob.l1(cancels)["response"]["data"]["statuses"] == [gone]
    for name in (oid, cloid):
        action = {"type": "modify", "oid": name, "order": wire(BTC, True, "58000", "0.01")}
        assert bob.l1(action)["response"] == "Cannot modify canceled or filled order"
    orders = desk.engine.tables["orders"]
    row = orders[orders["order_id"] == oid]
    assert int(row["price"][0]) == 590_000


# -- nonces and time ----------------------------------------------------------------------------


def test_replays(desk, alice):
    body = l1_body(KEYS["alice"], ORDER, NOW)
    assert post(desk, body)[1]["status"] == "ok"
    assert refused(desk, body) == f"Invalid nonce: duplicate nonce {NOW}"
    action = {"type": "withdraw3", "destination": alice.address, "amount": "10", "time": NOW + 5}
    body = signed_body(KEYS["alice"], action, NOW + 5)
    assert post(desk, body)[1] == OK
    assert refused(desk, body) == f"Invalid nonce: duplicate nonce {NOW + 5}"


def test_a_rejected_action_spends_its_nonce_and_a_refused_one_does_not(desk):
    poor = {"type": "order", "orders": [wire(BTC, True, "59000", "900")], "grouping": "na"}
    body = l1_body(KEYS["alice"], poor, NOW)
    assert "error" in post(desk, body)[1]["response"]["data"]["statuses"][0]
    assert refused(desk, body).startswith("Invalid nonce: duplicate")
    claim = l1_body(KEYS["alice"], {"type": "claimRewards"}, NOW + 1)
    assert refused(desk, claim) == refused(desk, claim) == "No rewards to claim"


def test_nonces_of_other_times(desk):
    assert "too low" in refused(desk, l1_body(KEYS["alice"], NOOP, 1))
    earliest = min(NOW, time.time_ns() // 1_000_000) - 2 * DAY_MS
    assert "too low" in refused(desk, l1_body(KEYS["alice"], NOOP, earliest - 60_000))
    latest = max(NOW, time.time_ns() // 1_000_000) + DAY_MS
    assert "too high" in refused(desk, l1_body(KEYS["alice"], NOOP, latest + 60_000))
    assert post(desk, l1_body(KEYS["alice"], NOOP, NOW))[1] == OK
    assert post(desk, l1_body(KEYS["alice"], NOOP, time.time_ns() // 1_000_000))[1] == OK


def test_the_nonce_of_a_message_is_inside_too(desk, alice):
    action = {"type": "withdraw3", "destination": alice.address, "amount": "10", "time": NOW}
    body = {**signed_body(KEYS["alice"], action, NOW), "nonce": NOW + 1}
    assert refused(desk, body).startswith("Invalid nonce")


def test_requests_expire(desk):
    desk.time_ms = max(NOW, time.time_ns() // 1_000_000)
    late = min(NOW, time.time_ns() // 1_000_000) - 1000
    body = l1_body(KEYS["alice"], NOOP, desk.time_ms, None, late)
    # The request is charged for; nothing else changes.
    before = desk.engine.state_hash()
    assert post(desk, body) == (200, {"status": "err", "response": "Action already expired"})
    assert desk.engine.state_hash() == before
    body = l1_body(KEYS["alice"], NOOP, desk.time_ms + 1, None, desk.time_ms + 1000)
    assert post(desk, body)[1] == OK


# -- shapes -------------------------------------------------------------------------------------


def unprocessable(desk: FakeDesk, body: Any) -> None:
    before = state(desk)
    assert post(desk, body) == (422, UNPROCESSABLE)
    assert state(desk) == before


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b"1", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000,
        b'{"action":{}}', b"{}", b'{"action":null,"nonce":1,"signature":{}}', b"NaN",
        b'{"action":{"type":"noop"},"nonce":1e400,"signature":{}}',
    ],
    ids=range(14),
)  # fmt: skip
def test_bodies(desk, body):
    unprocessable(desk, body)


@pytest.mark.parametrize(
    "action",
    [
        {}, {"type": None}, {"type": 5}, {"type": []}, {"type": "unknown"}, {"type": "multiSig"},
        {"type": "order"}, {**ORDER, "orders": None}, {**ORDER, "orders": {}},
        {**ORDER, "grouping": "x"}, {**ORDER, "orders": [wire(BTC, True, "1", "1")] * 1001},
        {**ORDER, "orders": [{**ORDER["orders"][0], "a": -1}]},
        {**ORDER, "orders": [{**ORDER["orders"][0], "a": "0"}]},
        {**ORDER, "orders": [{**ORDER["orders"][0], "a": True}]},
        {**ORDER, "orders": [{**ORDER["orders"][0], "b": 1}]},
        {**ORDER, "orders": [{**ORDER["orders"][0], "p": 1}]},
        {**ORDER, "orders": [{**ORDER["orders"][0], "p": "1e3"}]},
        {**ORDER, "orders": [{**ORDER["orders"][0], "p": "NaN"}]},
        {**ORDER, "orders": [{**ORDER["orders"][0], "s": ""}]},
        {**ORDER, "orders": [{**ORDER["orders"][0], "c": "0x1"}]},
        {**ORDER, "orders": [{**ORDER["orders"][0], "t": {}}]},
        {**ORDER, "orders": [{**ORDER["orders"][0], "t": {"limit": {"tif": "Fok"}}}]},
        {**ORDER, "orders": [{**ORDER["orders"][0], "t": {"limit": {}, "trigger": {}}}]},
        {"type": "cancel", "cancels": [{"a": 0, "o": 1}], "f": False},
        {"type": "cancel", "cancels": [{"a": 0, "o": 2**64}]},
        {"type": "modify", "oid": -1, "order": ORDER["orders"][0]},
        {"type": "modify", "oid": 1, "order": ORDER["orders"][0], "a": False},
        {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": "5"},
        {"type": "updateIsolatedMargin", "asset": 0, "isBuy": True, "ntli": 1.5},
        {"type": "createSubAccount", "name": ""}, {"type": "createSubAccount", "name": "x" * 17},
        {"type": "subAccountTransfer", "subAccountUser": "0x1", "isDeposit": True, "usd": 1},
    ],
)  # fmt: skip
def test_actions(desk, action):
    unprocessable(desk, {"action": action, "nonce": NOW, "signature": {"r": "0x1"}})


def test_vaults_are_addresses(desk):
    body = {**l1_body(KEYS["alice"], NOOP, NOW), "vaultAddress": "0x12"}
    unprocessable(desk, body)


def test_a_full_host(desk):
    async def submit(planner: Any, alone: bool = False, uses_reserve: bool = False) -> Any:
        raise Refusal("busy")

    desk.submit = submit
    assert post(desk, l1_body(KEYS["alice"], NOOP, NOW)) == (429, None)


LEAF = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["0", "1.5", "-1", "0x", "0x" + "1" * 40, "Gtc", "na", "order", "USDC"])
)  # fmt: skip
JSON = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "p", "s", "r", "t", "limit", "oid"]), inner)
    ),
    max_leaves=10,
)
WHOLE: list[dict[str, Any]] = [
    ORDER, {"type": "cancel", "cancels": [{"a": 0, "o": 1}]},
    {"type": "modify", "oid": 1, "order": ORDER["orders"][0]},
    {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 5},
    {"type": "twapOrder", "twap": {"a": 0, "b": True, "s": "1", "r": False, "m": 5, "t": False}},
    {"type": "topUpIsolatedOnlyMargin", "asset": 0, "leverage": "2.5"},
    {"type": "scheduleCancel", "time": NOW},
]  # fmt: skip


def paths(value: Any, way: tuple[Any, ...] = ()) -> Any:
    """Every place inside a JSON value."""
    yield way
    inside: Any = ()
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in inside:
        yield from paths(inner, (*way, key))


def replaced(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    if not way:
        return new
    copy = json.loads(json.dumps(value))
    target = copy
    for key in way[:-1]:
        target = target[key]
    target[way[-1]] = new
    return copy


DESK = ready_desk()


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_fuzzed_actions_are_answered(data):
    """Well signed, oddly filled: always an answer, and the machine's books stay balanced."""
    whole = data.draw(st.sampled_from(WHOLE))
    action = replaced(whole, data.draw(st.sampled_from(list(paths(whole))[1:])), data.draw(JSON))
    body = {"action": action, "nonce": NOW + data.draw(st.integers(0, 10**6)), "signature": {}}
    try:
        body = l1_body(KEYS["alice"], action, body["nonce"])
        raw = json.dumps(body, allow_nan=False).encode()
    except (ValueError, OverflowError, TypeError):
        raw = json.dumps(body).encode()
    status, answer = post(DESK, raw)
    assert status in (200, 422)
    assert answer == UNPROCESSABLE or answer["status"] in ("ok", "err")
    json.dumps(answer, allow_nan=False)


def test_every_message_type_has_an_action():
    assert set(ACTIONS) >= USER_SIGNED
