"""Settings, agents, sub-accounts and money over the exchange endpoint."""

from typing import Any

import pytest

from seawall.domain.enums import MarginMode
from seawall.domain.units import MICRO
from seawall.venues.hyperliquid.directory.directory import AGENT_LIFE_MS
from seawall.venues.hyperliquid.wire.error_texts import UNSUPPORTED_MODE
from tests.unit.hl_desk import (
    ADDRESSES,
    ALT,
    BTC,
    KEYS,
    NOW,
    OK,
    Client,
    FakeDesk,
    ready_desk,
    wire,
)

START = 100_000 * MICRO
STRANGER = "0x" + "5e" * 20
AGENT_KEY = "0x" + "a9" * 32
INSUFFICIENT = "Insufficient balance for withdrawal"


@pytest.fixture
def desk() -> FakeDesk:
    return ready_desk()


@pytest.fixture
def alice(desk) -> Client:
    return Client(desk)


def error(text: str) -> dict[str, str]:
    return {"status": "err", "response": text}


def perp(desk: FakeDesk, address: str) -> int:
    return desk.cash(desk.directory.row_of(address))


def spot(desk: FakeDesk, address: str) -> int:
    return desk.directory.spot_balance(desk.engine, address)


def leverage(asset: int, value: int, cross: bool = True) -> dict[str, Any]:
    return {"type": "updateLeverage", "asset": asset, "isCross": cross, "leverage": value}


# -- leverage and isolated margin ---------------------------------------------------------------


def test_leverage(desk, alice):
    assert alice.l1(leverage(BTC, 7, cross=False)) == OK
    rows = desk.engine.tables["positions"]
    own = rows[(rows["account"] == desk.directory.row_of(alice.address)) & (rows["leverage"] == 7)]
    assert int(own["mode"][0]) == MarginMode.ISOLATED
    assert alice.l1(leverage(BTC, 0)) == error("Invalid leverage value")
    assert alice.l1(leverage(BTC, 41)) == error("Invalid leverage value")
    assert alice.l1(leverage(BTC, 2**40)) == error("Invalid leverage value")
    assert alice.l1(leverage(9, 5)) == error("Asset does not exist. asset=9")


def test_leverage_with_a_position(alice):
    alice.order(wire(BTC, True, "60010", "1"))
    assert alice.l1(leverage(BTC, 5, cross=False)) == error(
        "Cannot switch leverage type with open position."
    )
    alice.order(wire(BTC, True, "60020", "1"))
    alice.order(wire(BTC, True, "59000", "20"))
    assert alice.l1(leverage(BTC, 1))["response"].startswith("Cross position does not have")


def test_isolated_margin(desk, alice):
    margin = {"type": "updateIsolatedMargin", "asset": BTC, "isBuy": True, "ntli": 0}
    assert alice.l1(margin) == error("Update to isolated margin cannot be zero.")
    margin["ntli"] = 5
    assert alice.l1(margin) == error("Cannot update margin for empty position.")
    alice.l1(leverage(BTC, 10, cross=False))
    alice.order(wire(BTC, True, "60010", "1"))
    before = perp(desk, alice.address)
    assert alice.l1({**margin, "ntli": 1_000 * MICRO}) == OK
    assert perp(desk, alice.address) == before - 1_000 * MICRO
    assert alice.l1({**margin, "ntli": -900 * MICRO}) == OK
    assert alice.l1({**margin, "ntli": -900 * MICRO}) == error(
        "Position does not have sufficient margin for reduction."
    )
    assert alice.l1({**margin, "ntli": 200_000 * MICRO}) == error(
        "Account does not have sufficient margin available for increase."
    )


@pytest.mark.parametrize("target", ["5", "5.0", "2.5"])
def test_top_up(desk, alice, target):
    alice.l1(leverage(BTC, 10, cross=False))
    alice.order(wire(BTC, True, "60010", "1"))
    top_up = {"type": "topUpIsolatedOnlyMargin", "asset": BTC, "leverage": target}
    assert alice.l1(top_up) == OK
    rows = desk.engine.tables["positions"]
    own = rows[(rows["account"] == desk.directory.row_of(alice.address)) & (rows["market"] == BTC)]
    mark = int(desk.engine.tables["markets"]["mark_price"][BTC])
    notional = int(own["signed_size"][0]) * mark
    assert int(own["isolated_cash"][0]) + notional == notional * 10 // int(float(target) * 10)
    before = perp(desk, alice.address)
    assert alice.l1({**top_up, "leverage": "9.5"}) == OK
    assert perp(desk, alice.address) == before
    for wrong in ("0", "-1", "0.0000000000001", "9" * 40):
        assert alice.l1({**top_up, "leverage": wrong}) == error("Invalid leverage value")
    assert alice.l1({**top_up, "asset": ALT}) == error("Cannot update margin for empty position.")


# -- schedule -----------------------------------------------------------------------------------


def test_schedule_cancel(desk, alice):
    volume = desk.engine.tables["account_histories"]["total_volume"]
    later = {"type": "scheduleCancel", "time": desk.time_ms + 6_000}
    assert alice.l1(later) == error(
        "Cannot set scheduled cancel time until enough volume traded. "
        "Required: $1000000. Traded: $0.00."
    )
    volume[desk.directory.row_of(alice.address)] = 2_000_000 * MICRO
    for time in (desk.time_ms + 4_999, 0):
        assert alice.l1({**later, "time": time}) == error(
            "Scheduled cancel time too early, must be at least 5 seconds from now."
        )
    alice.order(wire(BTC, True, "59000", "0.01"))
    assert alice.l1(later) == OK
    assert alice.l1({"type": "scheduleCancel"}) == OK
    desk.advance(7_000)
    rows = desk.engine.tables["accounts"]
    assert int(rows["open_orders"][desk.directory.row_of(alice.address)]) == 1
    assert alice.l1({**later, "time": desk.time_ms + 6_000}) == OK
    desk.advance(6_000)
    assert int(rows["open_orders"][desk.directory.row_of(alice.address)]) == 0


# -- agents -------------------------------------------------------------------------------------


def approve(agent: Client, name: str = "") -> dict[str, Any]:
    return {"type": "approveAgent", "agentAddress": agent.address, "agentName": name}


def test_an_agent_trades_for_its_master(desk, alice):
    agent = Client(desk, key=AGENT_KEY)
    order = {"type": "order", "orders": [wire(BTC, True, "60010", "0.1")], "grouping": "na"}
    assert agent.l1(order) == error(f"User or API Wallet {agent.address} does not exist.")
    assert alice.message(approve(agent)) == OK
    assert "filled" in agent.l1(order)["response"]["data"]["statuses"][0]
    assert desk.position("alice", BTC) == 10_000
    assert alice.message(approve(agent)) == error("Extra agent already used.")
    assert Client(desk, "bob").message(approve(agent)) == error("Extra agent already used.")


def test_an_agent_is_replaced_and_removed(desk, alice):
    agents = [Client(desk, key="0x" + f"{n:064x}") for n in (90, 91, 92)]
    for agent in agents:
        assert alice.message(approve(agent, "bot")) == OK
    noop = {"type": "noop"}
    assert [agent.l1(noop)["status"] for agent in agents] == ["err", "err", "ok"]
    removal = {"type": "approveAgent", "agentAddress": "0x" + "0" * 40, "agentName": "bot"}
    assert alice.message(removal) == OK
    assert agents[2].l1(noop)["status"] == "err"


def test_an_agent_expires(desk, alice):
    agent = Client(desk, key=AGENT_KEY)
    until = desk.time_ms + 60_000
    assert alice.message(approve(agent, f"bot valid_until {until}")) == OK
    (found,) = desk.directory.agents_of(alice.address, desk.time_ms)
    assert (found.name, found.valid_until) == ("bot", until)
    assert agent.l1({"type": "noop"}) == OK
    desk.advance(60_001)
    assert agent.l1({"type": "noop"}) == error(
        f"User or API Wallet {agent.address} does not exist."
    )


@pytest.mark.parametrize(
    "name", ["x" * 17, f"bot valid_until {NOW}", f"bot valid_until {NOW + AGENT_LIFE_MS + 10**6}"]
)
def test_agents_that_are_not_approved(desk, alice, name):
    before = desk.directory.snapshot()
    assert alice.message(approve(Client(desk, key=AGENT_KEY), name))["status"] == "err"
    assert desk.directory.snapshot() == before


# -- sub-accounts -------------------------------------------------------------------------------


def test_a_sub_account_trades_with_its_own_money(desk, alice):
    answer = alice.l1({"type": "createSubAccount", "name": "one"})["response"]
    assert answer["type"] == "createSubAccount"
    sub = answer["data"]
    assert desk.directory.role(sub, NOW) == ("subAccount", alice.address)
    move = {"type": "subAccountTransfer", "subAccountUser": sub, "isDeposit": True}
    assert alice.l1({**move, "usd": 1_000 * MICRO}) == OK
    assert (perp(desk, sub), perp(desk, alice.address)) == (1_000 * MICRO, START - 1_000 * MICRO)
    alice.vault = sub
    assert "filled" in alice.order(wire(BTC, True, "60010", "0.01"))[0]
    alice.vault = sub[2:]
    assert "filled" in alice.order(wire(BTC, False, "59990", "0.01"))[0]
    alice.vault = None
    assert desk.position("alice", BTC) == 0
    move["isDeposit"] = False
    assert alice.l1({**move, "usd": 2_000 * MICRO}) == error(INSUFFICIENT)
    assert alice.l1({**move, "usd": 900 * MICRO}) == OK
    assert alice.l1({**move, "usd": 0})["status"] == "err"
    rename = {"type": "subAccountModify", "subAccountUser": sub, "name": "two"}
    assert alice.l1(rename) == OK
    assert desk.directory.holder(sub).name == "two"


def test_the_agent_of_the_master_acts_for_the_sub_account(desk, alice):
    sub = alice.l1({"type": "createSubAccount", "name": "one"})["response"]["data"]
    agent = Client(desk, key=AGENT_KEY)
    alice.message(approve(agent))
    agent.vault = sub
    assert agent.l1({"type": "noop"}) == OK
    agent.vault = None
    for action in (
        {"type": "createSubAccount", "name": "two"},
        {"type": "subAccountTransfer", "subAccountUser": sub, "isDeposit": True, "usd": 1},
    ):
        assert agent.l1(action) == error("Agents do not have permission to perform this action.")


def test_too_many_sub_accounts(alice):
    names = [f"s{n}" for n in range(11)]
    found = [alice.l1({"type": "createSubAccount", "name": name}) for name in names]
    assert [answer["status"] for answer in found] == ["ok"] * 10 + ["err"]
    assert found[-1] == error("Too many sub-accounts.")


# -- money --------------------------------------------------------------------------------------


def test_between_perp_and_spot(desk, alice):
    move = {"type": "usdClassTransfer", "amount": "1.5", "toPerp": True}
    assert alice.message(move) == error(INSUFFICIENT)
    assert alice.message({**move, "amount": "100", "toPerp": False}) == OK
    assert (perp(desk, alice.address), spot(desk, alice.address)) == (
        START - 100 * MICRO, 100 * MICRO,
    )  # fmt: skip
    assert alice.message(move) == OK
    assert spot(desk, alice.address) == 98_500_000
    assert alice.message({**move, "amount": "99"}) == error(INSUFFICIENT)
    assert alice.message({**move, "amount": "0"})["status"] == "err"
    sub = alice.l1({"type": "createSubAccount", "name": "one"})["response"]["data"]
    alice.l1({"type": "subAccountTransfer", "subAccountUser": sub, "isDeposit": True, "usd": 7})
    amount = f"0.000005 subaccount:{sub}"
    assert alice.message({**move, "amount": amount, "toPerp": False}) == OK
    assert (perp(desk, sub), spot(desk, sub)) == (2, 5)
    spot_move = {"type": "subAccountSpotTransfer", "subAccountUser": sub, "isDeposit": True}
    assert alice.l1({**spot_move, "token": "USDC:0x6d", "amount": "1"}) == OK
    assert spot(desk, sub) == 5 + MICRO


def test_usd_send(desk, alice):
    send = {"type": "usdSend", "destination": ADDRESSES["bob"], "amount": "10.000001"}
    assert alice.message(send) == OK
    assert perp(desk, ADDRESSES["bob"]) == START + 10_000_001
    assert alice.message({**send, "destination": STRANGER}) == OK
    assert perp(desk, STRANGER) == 10_000_001
    assert alice.message({**send, "destination": alice.address})["status"] == "err"
    assert alice.message({**send, "amount": "0.0000001"})["status"] == "err"
    before = desk.directory.next_row
    other = "0x" + "ee" * 20
    assert alice.message({**send, "destination": other, "amount": "1000000"}) == error(INSUFFICIENT)
    assert desk.directory.next_row == before
    agent = Client(desk, key=AGENT_KEY)
    alice.message(approve(agent))
    assert alice.message({**send, "destination": agent.address})["status"] == "err"


def test_spot_send(desk, alice):
    alice.message({"type": "usdClassTransfer", "amount": "100", "toPerp": False})
    send = {"type": "spotSend", "destination": STRANGER, "token": "USDC:0x6d", "amount": "40"}
    assert alice.message(send) == OK
    assert (spot(desk, STRANGER), perp(desk, STRANGER)) == (40 * MICRO, 0)
    assert alice.message(send) == OK
    assert alice.message(send) == error("Insufficient balance for token transfer")
    assert alice.message({**send, "token": "PURR:0x1"}) == error(
        "Insufficient balance for token transfer"
    )
    assert desk.directory.is_spot_row(desk.directory.next_row - 1)


def test_withdraw(desk, alice):
    out = {"type": "withdraw3", "destination": alice.address, "amount": "1000"}
    assert alice.message(out) == OK
    assert perp(desk, alice.address) == START - 1_000 * MICRO
    assert alice.message({**out, "amount": "99001"}) == error(INSUFFICIENT)
    assert alice.message({**out, "amount": "1"})["status"] == "err"
    alice.order(wire(BTC, True, "60010", "1"))
    assert alice.message({**out, "amount": "98000"}) == error(INSUFFICIENT)


def test_send_asset(desk, alice):
    send = {
        "type": "sendAsset", "destination": alice.address, "sourceDex": "",
        "destinationDex": "spot", "token": "USDC", "amount": "50", "fromSubAccount": "",
    }  # fmt: skip
    assert alice.message(send) == OK
    assert spot(desk, alice.address) == 50 * MICRO
    assert alice.message({**send, "destinationDex": ""})["status"] == "err"
    onward = {**send, "sourceDex": "spot", "destinationDex": "", "destination": ADDRESSES["bob"]}
    assert alice.message(onward) == OK
    assert perp(desk, ADDRESSES["bob"]) == START + 50 * MICRO
    assert alice.message(onward) == error("Insufficient balance for token transfer")
    assert alice.message({**send, "sourceDex": "xyz"}) == error("Invalid dex: xyz")
    sub = alice.l1({"type": "createSubAccount", "name": "one"})["response"]["data"]
    alice.l1({"type": "subAccountTransfer", "subAccountUser": sub, "isDeposit": True, "usd": MICRO})
    assert alice.message({**send, "amount": "1", "fromSubAccount": sub}) == OK
    assert (perp(desk, sub), spot(desk, alice.address)) == (0, MICRO)


# -- the rest -----------------------------------------------------------------------------------


def test_names_codes_and_modes(desk, alice):
    bob = Client(desk, "bob")
    assert alice.l1({"type": "setReferrer", "code": "CCXT1"}) == OK
    assert alice.l1({"type": "registerReferrer", "code": "ALICE"}) == OK
    assert bob.l1({"type": "registerReferrer", "code": "ALICE"})["status"] == "err"
    assert alice.l1({"type": "reserveRequestWeight", "weight": 5}) == OK
    assert alice.l1({"type": "claimRewards"}) == error("No rewards to claim")
    mode = {"type": "userSetAbstraction", "user": alice.address, "abstraction": "disabled"}
    assert alice.message(mode) == OK
    holder = desk.directory.holder(alice.address)
    assert (holder.referrer, holder.referral_code, holder.abstraction) == (
        "CCXT1", "ALICE", "disabled",
    )  # fmt: skip
    assert holder.reserved_requests == 5
    refused = error(UNSUPPORTED_MODE)
    assert alice.message({**mode, "abstraction": "portfolioMargin"}) == refused
    assert alice.message({**mode, "user": ADDRESSES["bob"]})["status"] == "err"
    assert alice.l1({"type": "agentSetAbstraction", "abstraction": "i"}) == OK
    assert alice.l1({"type": "agentSetAbstraction", "abstraction": "p"}) == refused
    assert KEYS["alice"] == alice.key
