"""Every method of ccxt that trades or looks, against real state."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.conformance.hyperliquid.ccxt_client import SYMBOLS, client
from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.trader import IOC, Maker, Trader, filled

pytestmark = pytest.mark.conformance

COIN = "HYPE"
SYMBOL = SYMBOLS[COIN]
PRICE = 60.0


@pytest.fixture(autouse=True)
def _book(venue: Venue, maker: Maker) -> None:
    venue.settle(COIN, PRICE, maker)


@pytest.fixture
def exchange(venue: Venue, trader: Trader) -> Iterator[Any]:
    found = client(venue.url, trader.address, trader.key)
    found.load_markets()
    yield found
    found.close()


def test_loading_with_the_clients_own_defaults(venue: Venue, trader: Trader) -> None:
    """With credentials it approves its builder and sets its referrer before anything else."""
    exchange = client(venue.url, trader.address, trader.key, builder=True)
    exchange.load_markets()
    order = exchange.create_order(SYMBOL, "market", "buy", 5, PRICE)
    (entry,) = trader.fills()
    assert Decimal(entry["builderFee"]) > 0
    assert entry["oid"] == int(order["id"])
    exchange.close()


def test_markets(exchange: Any, venue: Venue) -> None:
    assert set(SYMBOLS.values()) <= set(exchange.markets)
    market = exchange.market(SYMBOL)
    assert (market["swap"], market["linear"], market["settle"]) == (True, True, "USDC")
    assert market["precision"]["amount"] == 0.01
    assert market["limits"]["leverage"]["max"] == 10
    assert exchange.fetch_status()["status"] == "ok"
    assert exchange.fetch_time() == pytest.approx(venue.now_ms(), abs=5_000)
    assert "USDC" in exchange.fetch_currencies()


def test_book_and_tickers(exchange: Any, trader: Trader) -> None:
    book = exchange.fetch_order_book(SYMBOL)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert book["bids"][0][0] == float(trader.info.l2_snapshot(COIN)["levels"][0][0]["px"])
    ticker = exchange.fetch_ticker(SYMBOL)
    assert ticker["close"] == pytest.approx(PRICE, rel=0.01)
    assert SYMBOLS["BTC"] in exchange.fetch_tickers()
    interest = exchange.fetch_open_interests([SYMBOL])[SYMBOL]
    (place,) = [i for i, a in enumerate(trader.info.meta()["universe"]) if a["name"] == COIN]
    contexts = trader.info.meta_and_asset_ctxs()[1]
    assert interest["openInterestAmount"] == float(contexts[place]["openInterest"])
    assert exchange.fetch_open_interest(SYMBOL)["openInterestAmount"] is not None


def test_limit_order_round(exchange: Any, trader: Trader) -> None:
    order = exchange.create_order(SYMBOL, "limit", "buy", 5, 50.0)
    (shown,) = exchange.fetch_open_orders(SYMBOL)
    assert (shown["id"], shown["side"], shown["price"]) == (order["id"], "buy", 50.0)
    assert (shown["amount"], shown["filled"], shown["status"]) == (5.0, 0.0, "open")
    found = exchange.fetch_order(order["id"], SYMBOL)
    assert (found["status"], found["timeInForce"]) == ("open", "GTC")
    edited = exchange.edit_order(order["id"], SYMBOL, "limit", "buy", 6, 51.0)
    assert edited["id"] != order["id"]
    assert [entry["price"] for entry in exchange.fetch_open_orders(SYMBOL)] == [51.0]
    exchange.cancel_order(edited["id"], SYMBOL)
    assert exchange.fetch_open_orders(SYMBOL) == []
    assert exchange.fetch_order(edited["id"], SYMBOL)["status"] == "canceled"
    statuses = {entry["id"]: entry["status"] for entry in exchange.fetch_orders(SYMBOL)}
    assert statuses[edited["id"]] == "canceled"
    assert edited["id"] in [o["id"] for o in exchange.fetch_canceled_orders(SYMBOL)]


def test_client_order_id(exchange: Any) -> None:
    cloid = "0x1234567890abcdef1234567890abcdef"
    exchange.create_order(SYMBOL, "limit", "buy", 5, 50.0, {"clientOrderId": cloid})
    assert exchange.fetch_order(cloid, SYMBOL)["clientOrderId"] == cloid
    exchange.cancel_order("", SYMBOL, {"clientOrderId": cloid})
    assert exchange.fetch_open_orders(SYMBOL) == []


def test_batches(exchange: Any) -> None:
    orders = [
        {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 5, "price": price}
        for price in (50.0, 51.0)
    ]
    placed = exchange.create_orders(orders)
    assert len({order["id"] for order in placed}) == 2
    exchange.cancel_orders([order["id"] for order in placed], SYMBOL)
    assert exchange.fetch_open_orders(SYMBOL) == []


def test_market_order_and_position(exchange: Any, trader: Trader) -> None:
    order = exchange.create_order(SYMBOL, "market", "buy", 5, PRICE)
    assert order["filled"] == 5.0
    position = exchange.fetch_position(SYMBOL)
    mine = trader.held(COIN)
    assert (position["side"], position["contracts"]) == ("long", 5.0)
    assert position["entryPrice"] == float(mine["entryPx"])
    assert position["unrealizedPnl"] == float(mine["unrealizedPnl"])
    assert position["marginMode"] == "cross"
    assert [p["symbol"] for p in exchange.fetch_positions()] == [SYMBOL]
    (trade,) = exchange.fetch_my_trades(SYMBOL)
    assert (trade["order"], trade["amount"], trade["side"]) == (order["id"], 5.0, "buy")
    assert trade["fee"]["cost"] == float(trader.fills()[0]["fee"])
    assert trade["takerOrMaker"] == "taker"
    assert exchange.fetch_trades(SYMBOL)[0]["amount"] == 5.0
    assert order["id"] in [o["id"] for o in exchange.fetch_closed_orders(SYMBOL)]
    since = trade["timestamp"] - 1_000
    assert len(exchange.fetch_my_trades(SYMBOL, since)) == 1
    balance = exchange.fetch_balance()
    assert balance["USDC"]["total"] == pytest.approx(float(trader.value()))
    assert balance["USDC"]["used"] > 0
    closing = {"reduceOnly": True}
    exchange.create_order(SYMBOL, "market", "sell", 5, PRICE, closing)
    assert exchange.fetch_positions() == []


def test_trigger_and_bracket_orders(exchange: Any) -> None:
    exchange.create_order(SYMBOL, "market", "buy", 5, PRICE)
    stop = exchange.create_order(
        SYMBOL, "market", "sell", 5, 50.0, {"stopLossPrice": 55.0, "reduceOnly": True}
    )
    (shown,) = exchange.fetch_open_orders(SYMBOL)
    assert (shown["stopLossPrice"], shown["reduceOnly"]) == (55.0, True)
    exchange.cancel_order(stop["id"], SYMBOL)
    bracket = {"stopLoss": {"triggerPrice": 55.0}, "takeProfit": {"triggerPrice": 66.0}}
    exchange.create_order(SYMBOL, "limit", "buy", 5, PRICE * 1.01, bracket)
    kinds = {order["info"]["orderType"] for order in exchange.fetch_open_orders(SYMBOL)}
    assert kinds == {"Take Profit Limit", "Stop Limit"}  # of the kind of their parent


def test_leverage_and_isolated_margin(exchange: Any, trader: Trader) -> None:
    exchange.set_leverage(7, SYMBOL)
    exchange.set_margin_mode("isolated", SYMBOL, {"leverage": 5})
    exchange.create_order(SYMBOL, "market", "buy", 10, PRICE)
    position = exchange.fetch_position(SYMBOL)
    assert (position["marginMode"], position["leverage"]) == ("isolated", 5.0)
    before = Decimal(trader.held(COIN)["leverage"]["rawUsd"])
    exchange.add_margin(SYMBOL, 10)
    assert Decimal(trader.held(COIN)["leverage"]["rawUsd"]) == before + 10
    exchange.reduce_margin(SYMBOL, 4)
    assert Decimal(trader.held(COIN)["leverage"]["rawUsd"]) == before + 6
    with pytest.raises(ccxt.ExchangeError):
        exchange.set_margin_mode("cross", SYMBOL, {"leverage": 5})


def test_transfers_and_ledger(exchange: Any, trader: Trader) -> None:
    before = trader.value()
    exchange.transfer("USDC", 30, "swap", "spot")
    assert trader.value() == before - 30
    assert exchange.fetch_balance({"type": "spot"})["USDC"]["total"] >= 30.0
    exchange.transfer("USDC", 10, "spot", "swap")
    assert trader.value() == before - 20
    exchange.withdraw("USDC", 25, trader.address)
    assert trader.value() == before - 45
    entries = exchange.fetch_ledger()
    assert {entry["type"] for entry in entries} >= {"transfer"}
    (withdrawal,) = exchange.fetch_withdrawals()
    assert withdrawal["amount"] in (24.0, 25.0)
    assert exchange.fetch_deposits()[0]["amount"] > 0


def test_candles_and_funding(exchange: Any, venue: Venue, trader: Trader) -> None:
    exchange.create_order(SYMBOL, "market", "buy", 5, PRICE)
    candles = exchange.fetch_ohlcv(SYMBOL, "1m", venue.now_ms() - 120_000)
    assert candles[-1][5] >= 5.0
    assert candles[-1][3] <= candles[-1][1] <= candles[-1][2]
    venue.control.advance(3_600_000, step_ms=60_000)
    rate = exchange.fetch_funding_rate(SYMBOL)
    assert rate["markPrice"] == pytest.approx(PRICE, rel=0.02)
    assert SYMBOLS["BTC"] in exchange.fetch_funding_rates()
    history = exchange.fetch_funding_rate_history(SYMBOL, venue.now_ms() - 7_200_000)
    assert history
    (paid,) = exchange.fetch_funding_history(SYMBOL, venue.now_ms() - 7_200_000)
    assert paid["amount"] == pytest.approx(
        float(trader.info.user_funding_history(trader.address, 0)[-1]["delta"]["usdc"])
    )


def test_fees(exchange: Any) -> None:
    fees = exchange.fetch_trading_fee(SYMBOL)
    assert (fees["taker"], fees["maker"]) == (0.00045, 0.00015)


def test_twap(exchange: Any, venue: Venue) -> None:
    order = exchange.create_twap_order(SYMBOL, "buy", 50, 600_000)
    venue.control.advance(120_000)
    assert 0 < exchange.fetch_position(SYMBOL)["contracts"] < 50
    exchange.cancel_twap_order(order["id"], SYMBOL)
    before = exchange.fetch_position(SYMBOL)["contracts"]
    venue.control.advance(120_000)
    assert exchange.fetch_position(SYMBOL)["contracts"] == before


def test_dead_mans_switch(exchange: Any, venue: Venue) -> None:
    ahead = venue.now_ms() - exchange.milliseconds()  # the client knows the computer's time only
    with pytest.raises(ccxt.ExchangeError, match="must be at least 5 seconds from now"):
        exchange.cancel_all_orders_after(ahead + 1_000)
    with pytest.raises(ccxt.ExchangeError, match="enough volume traded"):
        exchange.cancel_all_orders_after(ahead + 60_000)


def test_liquidations(venue: Venue, poor: Trader, maker: Maker) -> None:
    venue.control.fund(poor.address, 200)
    exchange = client(venue.url, poor.address, poor.key)
    exchange.load_markets()
    assert exchange.fetch_my_liquidations(SYMBOL) == []
    exchange.set_leverage(10, SYMBOL)
    exchange.create_order(SYMBOL, "market", "buy", 30, PRICE)
    venue.settle(COIN, PRICE * 0.93, maker)
    (found, *_rest) = exchange.fetch_my_liquidations(SYMBOL)
    assert (found["symbol"], found["side"]) == (SYMBOL, "sell")
    assert exchange.fetch_positions() == []
    exchange.close()


def test_errors_become_the_right_exceptions(exchange: Any, other: Trader) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order(SYMBOL, "limit", "buy", 300_000, 59.0)
    with pytest.raises(ccxt.InvalidOrder):
        exchange.create_order(SYMBOL, "limit", "buy", 0.1, 50.0)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order("123456789", SYMBOL)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("123456789", SYMBOL)
    filled(other.exchange.order(COIN, True, 1.0, PRICE * 1.02, IOC))


def test_sub_account(venue: Venue, exchange: Any, trader: Trader) -> None:
    exchange.create_order(SYMBOL, "market", "buy", 1000, PRICE)
    exchange.create_order(SYMBOL, "market", "sell", 1000, PRICE, {"reduceOnly": True})
    exchange.create_sub_account("desk")
    sub = trader.info.query_sub_accounts(trader.address)[0]["subAccountUser"]
    exchange.transfer("USDC", 500, "main", sub)
    params = {"subAccountAddress": sub}
    assert exchange.fetch_balance({"user": sub})["USDC"]["total"] == 500.0
    exchange.create_order(SYMBOL, "market", "buy", 5, PRICE, params)
    assert exchange.fetch_positions(None, {"user": sub})[0]["contracts"] == 5.0
    assert exchange.fetch_positions() == []
