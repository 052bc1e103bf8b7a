"""ccxt, unmodified, with a unified account and a builder's dex."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.conformance.hyperliquid.ccxt_client import client
from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.trader import Maker, Trader, filled

pytestmark = pytest.mark.conformance

GOLD, BTC = "XYZ-GOLD/USDC:USDC", "BTC/USDC:USDC"


@pytest.fixture(autouse=True)
def _books(dex_venue: Venue, dex_maker: Maker) -> None:
    for coin, price in (("BTC", 60_000.0), ("xyz:GOLD", 3_000.0)):
        dex_venue.settle(coin, price, dex_maker)


@pytest.fixture
def trader(new_dex_trader: Callable[[float], Trader]) -> Trader:
    return new_dex_trader(10_000)


@pytest.fixture
def exchange(dex_venue: Venue, trader: Trader) -> Iterator[Any]:
    found = client(dex_venue.url, trader.address, trader.key)
    found.set_user_abstraction("unifiedAccount")
    found.load_markets()
    yield found
    found.close()


def test_markets_of_every_kind(exchange: Any) -> None:
    assert {GOLD, BTC, "PURR/USDC"} <= set(exchange.markets)
    market = exchange.market(GOLD)
    assert (market["swap"], market["settle"], int(market["baseId"])) == (True, "USDC", 110_000)
    assert exchange.market("PURR/USDC")["spot"] is True
    assert exchange.fetch_order_book(GOLD)["bids"][0][0] < 3_000
    assert exchange.fetch_order_book("PURR/USDC")["bids"] == []
    assert exchange.fetch_ticker(GOLD)["close"] == pytest.approx(3_000, rel=0.01)


def test_a_unified_account_on_two_dexes(exchange: Any, trader: Trader) -> None:
    balance = exchange.fetch_balance()["USDC"]
    assert (balance["total"], balance["used"], balance["free"]) == (10_000, 0, 10_000)
    exchange.set_leverage(10, GOLD)
    opened = exchange.create_order(GOLD, "market", "buy", 2, 3_000)
    assert opened["filled"] == 2.0
    filled(trader.exchange.market_open("BTC", False, 0.1))
    (position,) = exchange.fetch_positions([GOLD])
    mine = trader.held("xyz:GOLD")
    assert (position["symbol"], position["contracts"], position["leverage"]) == (GOLD, 2.0, 10.0)
    assert position["liquidationPrice"] == (
        float(mine["liquidationPx"]) if mine["liquidationPx"] else None
    )
    assert [each["symbol"] for each in exchange.fetch_positions([BTC])] == [BTC]
    order = exchange.create_order(GOLD, "limit", "buy", 1, 2_500)
    (shown,) = exchange.fetch_open_orders(GOLD)
    assert (shown["id"], shown["symbol"], shown["price"]) == (order["id"], GOLD, 2_500.0)
    moved = exchange.edit_order(order["id"], GOLD, "limit", "buy", 1, 2_400)
    (balance,) = trader.info.spot_user_state(trader.address)["balances"]
    found = exchange.fetch_balance()["USDC"]
    assert (found["total"], found["used"]) == (float(balance["total"]), float(balance["hold"]))
    assert found["free"] == pytest.approx(
        float(Decimal(balance["total"]) - Decimal(balance["hold"]))
    )
    assert found["used"] == pytest.approx(240 + 600 + 300, rel=0.01)
    exchange.cancel_order(moved["id"], GOLD)
    assert exchange.fetch_open_orders(GOLD) == []
    trades = exchange.fetch_my_trades(GOLD)
    assert [trade["order"] for trade in trades] == [opened["id"]]
    closing = {"reduceOnly": True}
    exchange.create_order(GOLD, "market", "sell", 2, 3_000, closing)
    assert exchange.fetch_positions([GOLD]) == []


def test_transfers_of_a_unified_account(exchange: Any, trader: Trader) -> None:
    with pytest.raises(ccxt.ExchangeError, match="Action disabled when unified account is active"):
        exchange.transfer("USDC", 30, "swap", "spot")
    exchange.create_sub_account("desk")
    sub = trader.info.query_sub_accounts(trader.address)[0]["subAccountUser"]
    exchange.transfer("USDC", 500, "main", sub)
    assert exchange.fetch_balance()["USDC"]["total"] == 9_500
    exchange.transfer("USDC", 100, sub, "main")
    assert exchange.fetch_balance()["USDC"]["total"] == 9_600
    exchange.withdraw("USDC", 25, trader.address)
    assert exchange.fetch_balance()["USDC"]["total"] == 9_575
    exchange.set_user_abstraction("disabled")


def test_spot_orders_are_refused(exchange: Any) -> None:
    with pytest.raises(ccxt.ExchangeError, match="Spot orders are not offered"):
        exchange.create_order("PURR/USDC", "limit", "buy", 100, 0.2)
