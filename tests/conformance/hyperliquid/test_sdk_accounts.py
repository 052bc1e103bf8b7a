"""Leverage, isolated margin, agents, sub-accounts, transfers, fees, with the official client."""

from decimal import Decimal
from typing import Any

import eth_account
import pytest
from hyperliquid.utils.signing import get_timestamp_ms, sign_l1_action

from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.trader import (
    GTC,
    Maker,
    Trader,
    done,
    fee,
    filled,
    only,
    resting,
    truncated,
)

pytestmark = pytest.mark.conformance

COIN = "ETH"
PRICE = 2000.0
DEFAULT = {"type": "default"}
BUILDER = "0x8c967E73E7B15087c42A10D344cFf4c96D877f1D"


@pytest.fixture(autouse=True)
def _book(venue: Venue, maker: Maker) -> None:
    venue.settle(COIN, PRICE, maker)


def spot_usdc(trader: Trader, address: str | None = None) -> Decimal:
    balances = trader.info.spot_user_state(address or trader.address)["balances"]
    found = [Decimal(entry["total"]) for entry in balances if entry["coin"] == "USDC"]
    return sum(found, Decimal(0))


def ledger(trader: Trader, kind: str) -> list[dict[str, Any]]:
    entries = trader.info.user_non_funding_ledger_updates(trader.address, 0)
    return [entry["delta"] for entry in entries if entry["delta"]["type"] == kind]


def refused(result: Any) -> str:
    assert result["status"] == "err", result
    return str(result["response"])


def test_leverage(trader: Trader) -> None:
    assert done(trader.exchange.update_leverage(21, COIN)) == DEFAULT
    found = trader.info.post(
        "/info", {"type": "activeAssetData", "user": trader.address, "coin": COIN}
    )
    assert found["leverage"] == {"type": "cross", "value": 21}
    filled(trader.exchange.market_open(COIN, True, 1.0))
    assert trader.held(COIN)["leverage"] == {"type": "cross", "value": 21}
    value = Decimal(trader.held(COIN)["positionValue"])
    assert Decimal(trader.held(COIN)["marginUsed"]) == truncated(value / 21)
    text = refused(trader.exchange.update_leverage(10, COIN, is_cross=False))
    assert text == "Cannot switch leverage type with open position."
    assert refused(trader.exchange.update_leverage(26, COIN)) == "Invalid leverage value"
    assert refused(trader.exchange.update_leverage(0, COIN)) == "Invalid leverage value"


def test_isolated_margin(trader: Trader) -> None:
    done(trader.exchange.update_leverage(10, COIN, is_cross=False))
    part = filled(trader.exchange.market_open(COIN, True, 1.0))
    paid = Decimal(part["avgPx"])
    charged = fee(part["avgPx"], "1.0")
    held = trader.held(COIN)
    assert held["leverage"]["type"] == "isolated"
    assert held["leverage"]["value"] == 10
    margin = truncated(paid / 10) - charged
    assert Decimal(held["leverage"]["rawUsd"]) == margin - paid
    assert Decimal(held["marginUsed"]) == margin - paid + Decimal(held["positionValue"])
    before = trader.withdrawable()
    assert done(trader.exchange.update_isolated_margin(50.0, COIN)) == DEFAULT
    assert Decimal(trader.held(COIN)["leverage"]["rawUsd"]) == margin - paid + 50
    assert trader.withdrawable() == before - 50
    assert done(trader.exchange.update_isolated_margin(-20.0, COIN)) == DEFAULT
    assert Decimal(trader.held(COIN)["leverage"]["rawUsd"]) == margin - paid + 30
    text = refused(trader.exchange.update_isolated_margin(-500.0, COIN))
    assert text == "Position does not have sufficient margin for reduction."
    text = refused(trader.exchange.update_isolated_margin(10_000_000.0, COIN))
    assert text == "Account does not have sufficient margin available for increase."
    filled(trader.exchange.market_close(COIN))
    assert trader.position(COIN) is None
    text = refused(trader.exchange.update_isolated_margin(10.0, COIN))
    assert text == "Cannot update margin for empty position."


def test_isolated_liquidation_price(trader: Trader) -> None:
    """Section 10's formula, on the venue's own figures."""
    done(trader.exchange.update_leverage(10, COIN, is_cross=False))
    filled(trader.exchange.market_open(COIN, True, 2.0))
    held = trader.held(COIN)
    size, value = Decimal(held["szi"]), Decimal(held["positionValue"])
    rate = 1 / (2 * Decimal(held["maxLeverage"]))
    mark = value / size
    room = Decimal(held["marginUsed"]) - truncated(value * rate)
    expected = mark - room / size / (1 - rate)
    assert abs(Decimal(held["liquidationPx"]) - expected) < Decimal("1e-6")


def test_agent(venue: Venue, trader: Trader) -> None:
    result, key = trader.exchange.approve_agent()
    assert done(result) == DEFAULT
    agent = Trader(venue.url, key, account=trader.address)
    oid = resting(agent.exchange.order(COIN, True, 0.2, 1000, GTC))
    assert [order["oid"] for order in trader.open_orders()] == [oid]
    assert only(agent.exchange.cancel(COIN, oid)) == "success"
    role = trader.info.user_role(agent.wallet.address)
    assert role == {"role": "agent", "data": {"user": trader.address.lower()}}
    assert trader.info.user_role(trader.address) == {"role": "user"}
    result, named = trader.exchange.approve_agent("persist")
    assert done(result) == DEFAULT
    second = Trader(venue.url, named, account=trader.address)
    resting(second.exchange.order(COIN, True, 0.2, 1000, GTC))
    (listed,) = trader.info.extra_agents(trader.address)
    assert listed["name"] == "persist"
    assert listed["address"] == second.wallet.address.lower()
    assert listed["validUntil"] > venue.now_ms()
    result, _replacing = trader.exchange.approve_agent()
    done(result)
    text = refused(agent.exchange.order(COIN, True, 0.2, 1000, GTC))
    assert agent.wallet.address.lower() in text.lower()
    assert "does not exist" in text


def test_sub_account(venue: Venue, maker: Maker, other: Trader) -> None:
    filled(other.exchange.market_open(COIN, True, 30.0))  # the venue asks for volume first
    filled(other.exchange.market_close(COIN))
    created = done(other.exchange.create_sub_account("example123"))
    assert created["type"] == "createSubAccount"
    (listed,) = other.info.query_sub_accounts(other.address)
    assert listed["name"] == "example123"
    assert listed["subAccountUser"] == created["data"]
    assert listed["master"] == other.address.lower()
    before = other.value()
    assert done(other.exchange.sub_account_transfer(created["data"], True, 500_000_000)) == DEFAULT
    assert other.value() == before - 500
    sub = Trader(venue.url, other.key, vault=created["data"])
    assert sub.value() == 500
    filled(sub.exchange.market_open(COIN, True, 0.5))
    assert Decimal(sub.held(COIN)["szi"]) == Decimal("0.5")
    assert other.position(COIN) is None
    assert sub.info.user_role(sub.address)["role"] == "subAccount"
    filled(sub.exchange.market_close(COIN))
    assert done(other.exchange.sub_account_transfer(created["data"], False, 100_000_000)) == DEFAULT
    assert other.value() == before - 400
    assert refused(other.exchange.sub_account_transfer(created["data"], False, 10**12))


def test_spot_and_perpetual_balances(trader: Trader, other: Trader) -> None:
    before, spot = trader.value(), spot_usdc(trader)
    assert done(trader.exchange.usd_class_transfer(250.5, False)) == DEFAULT
    assert trader.value() == before - Decimal("250.5")
    assert spot_usdc(trader) == spot + Decimal("250.5")
    assert done(trader.exchange.usd_class_transfer(50.5, True)) == DEFAULT
    assert trader.value() == before - 200
    moves = ledger(trader, "accountClassTransfer")
    assert {(move["usdc"], move["toPerp"]) for move in moves} == {("250.5", False), ("50.5", True)}
    assert refused(trader.exchange.usd_class_transfer(1e9, False))
    token = "USDC:0x6d1e7cde53ba9467b783cb7c530ce054"
    theirs = spot_usdc(other)
    assert done(trader.exchange.spot_transfer(75.0, other.address, token)) == DEFAULT
    assert spot_usdc(other) == theirs + 75
    assert spot_usdc(trader) == spot + 125
    assert refused(trader.exchange.spot_transfer(1e9, other.address, token))


def test_send_asset_between_spot_and_perpetuals(trader: Trader, other: Trader) -> None:
    before = other.value()
    token = "USDC:0x6d1e7cde53ba9467b783cb7c530ce054"
    assert done(trader.exchange.usd_class_transfer(100.0, False)) == DEFAULT
    spot = spot_usdc(trader)
    sent = trader.exchange.send_asset(other.address, "spot", "", token, 40.0)
    assert done(sent) == DEFAULT
    assert other.value() == before + 40
    assert spot_usdc(trader) == spot - 40


def test_usd_transfer(trader: Trader, other: Trader) -> None:
    mine, theirs = trader.value(), other.value()
    assert done(trader.exchange.usd_transfer(123.45, other.address)) == DEFAULT
    assert trader.value() == mine - Decimal("123.45")
    assert other.value() == theirs + Decimal("123.45")
    (out,) = ledger(trader, "internalTransfer")
    assert out["usdc"] == "123.45"
    assert out["destination"] == other.address.lower()
    assert out["user"] == trader.address.lower()
    (came,) = ledger(other, "internalTransfer")
    assert came["user"] == trader.address.lower()
    assert refused(trader.exchange.usd_transfer(1e9, other.address))
    assert refused(trader.exchange.usd_transfer(-5.0, other.address))


def test_transfer_to_a_new_address_costs_one_usd(trader: Trader) -> None:
    stranger = eth_account.Account.create().address
    before = trader.value()
    assert done(trader.exchange.usd_transfer(50.0, stranger)) == DEFAULT
    assert trader.info.user_state(stranger)["marginSummary"]["accountValue"] in ("49.0", "50.0")
    assert before - trader.value() in (50, 51)


def test_withdraw(trader: Trader) -> None:
    before = trader.value()
    assert done(trader.exchange.withdraw_from_bridge(100.0, trader.address)) == DEFAULT
    assert trader.value() == before - 100
    (entry,) = ledger(trader, "withdraw")
    assert Decimal(entry["usdc"]) + Decimal(entry["fee"]) == 100
    assert entry["fee"] == "1.0"
    text = refused(trader.exchange.withdraw_from_bridge(1e9, trader.address))
    assert "Insufficient balance for withdrawal" in text


def test_withdrawal_leaves_margin(trader: Trader) -> None:
    """What a position needs, or a tenth of its notional, cannot be withdrawn."""
    filled(trader.exchange.market_open(COIN, True, 2.0))
    state = trader.state()
    value = Decimal(state["marginSummary"]["accountValue"])
    floor = Decimal(state["marginSummary"]["totalNtlPos"]) / 10
    assert Decimal(state["withdrawable"]) == truncated(value - floor)
    text = refused(trader.exchange.withdraw_from_bridge(float(value) - 1.0, trader.address))
    assert "Insufficient balance for withdrawal" in text


def test_builder_fee(trader: Trader) -> None:
    order = {"b": BUILDER, "f": 10}
    unapproved = trader.exchange.market_open(COIN, True, 1.0, builder=dict(order))
    assert unapproved["status"] == "err" or "error" in only(unapproved)
    assert done(trader.exchange.approve_builder_fee(BUILDER, "0.01%")) == DEFAULT
    request = {"type": "maxBuilderFee", "user": trader.address, "builder": BUILDER}
    assert trader.info.post("/info", request) == 10
    part = filled(trader.exchange.market_open(COIN, True, 1.0, builder=dict(order)))
    (entry,) = trader.fills()
    share = truncated(Decimal(part["avgPx"]) * Decimal("0.0001"))
    assert Decimal(entry["builderFee"]) == share
    assert Decimal(entry["fee"]) == fee(part["avgPx"], "1.0") + share
    too_much = trader.exchange.market_open(COIN, True, 1.0, builder={"b": BUILDER, "f": 11})
    assert too_much["status"] == "err" or "error" in only(too_much)


def test_referrer(trader: Trader, other: Trader) -> None:
    register = {"type": "registerReferrer", "code": "SEAWALL"}
    nonce = get_timestamp_ms()
    signature = sign_l1_action(other.wallet, register, None, nonce, None, False)
    filled(other.exchange.market_open(COIN, True, 10.0))  # a code needs 10,000 USD of volume
    answer = other.exchange._post_action(register, signature, nonce)
    assert done(answer) == DEFAULT
    assert done(trader.exchange.set_referrer("SEAWALL")) == DEFAULT
    state = trader.info.query_referral_state(trader.address)
    assert state["referredBy"] == {"referrer": other.address.lower(), "code": "SEAWALL"}


def test_abstraction_and_noop(venue: Venue, trader: Trader) -> None:
    assert done(trader.exchange.user_set_abstraction(trader.address, "disabled")) == DEFAULT
    assert trader.info.query_user_abstraction_state(trader.address) == "disabled"
    assert done(trader.exchange.agent_set_abstraction("i")) == DEFAULT
    nonce = venue.nonce()
    assert done(trader.exchange.noop(nonce)) == DEFAULT
    assert refused(trader.exchange.noop(nonce)) == f"Invalid nonce: duplicate nonce {nonce}"


def test_rates_and_limits(trader: Trader) -> None:
    rates = trader.info.user_fees(trader.address)
    assert (rates["userCrossRate"], rates["userAddRate"]) == ("0.00045", "0.00015")
    before = trader.info.user_rate_limit(trader.address)
    resting(trader.exchange.order(COIN, True, 0.2, 1100, GTC))
    after = trader.info.user_rate_limit(trader.address)
    assert after["nRequestsUsed"] == before["nRequestsUsed"] + 1
    assert after["nRequestsCap"] >= 10_000
    filled(trader.exchange.market_open(COIN, True, 1.0))
    volume = Decimal(trader.info.user_rate_limit(trader.address)["cumVlm"])
    assert volume > 1900
