"""All subscriptions of the official Python client, each fed by something that really happened."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from tests.conformance.hyperliquid.listener import Listener
from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.trader import GTC, Maker, Trader, filled, resting
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.conformance

COIN = "LINK"
PRICE = 10.0


@pytest.fixture(autouse=True)
def _book(venue: Venue, maker: Maker) -> None:
    venue.settle(COIN, PRICE, maker, notional=400_000.0)


@pytest.fixture(scope="module")
def closing() -> Iterator[list[Listener]]:
    """The client's threads: its own select may sleep ten seconds more, so all end together."""
    opened: list[Listener] = []
    yield opened
    for each in opened:
        each.threads.join(PATIENCE_S)
        assert not each.threads.is_alive()


@pytest.fixture
def new_listener(venue: Venue, closing: list[Listener]) -> Iterator[Callable[[], Listener]]:
    opened: list[Listener] = []

    def make() -> Listener:
        opened.append(Listener(venue.url))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
    closing += opened


@pytest.fixture
def listener(new_listener: Callable[[], Listener]) -> Listener:
    return new_listener()


def test_all_mids(listener: Listener, trader: Trader, venue: Venue, maker: Maker) -> None:
    heard = listener.subscribe(type="allMids")
    first = heard.next()["mids"]
    assert set(first) >= set(trader.info.all_mids())
    venue.settle(COIN, PRICE * 1.01, maker, notional=400_000.0)
    assert float(heard.next(lambda d: d["mids"][COIN] != first[COIN])["mids"][COIN]) > PRICE


def test_book(listener: Listener, trader: Trader) -> None:
    heard = listener.subscribe(type="l2Book", coin=COIN)
    assert [len(side) > 0 for side in heard.next()["levels"]] == [True, True]
    resting(trader.exchange.order(COIN, True, 77.7, 9.0, GTC))
    bids = heard.next(lambda d: any(level["px"] == "9.0" for level in d["levels"][0]))["levels"][0]
    assert {"px": "9.0", "sz": "77.7", "n": 1} in bids
    assert bids == trader.info.l2_snapshot(COIN)["levels"][0]


def test_best_bid_and_offer(listener: Listener, trader: Trader) -> None:
    heard = listener.subscribe(type="bbo", coin=COIN)
    best = float(heard.next()["bbo"][0]["px"])
    higher = round(best + 0.0001, 4)
    resting(trader.exchange.order(COIN, True, 50.0, higher, {"limit": {"tif": "Alo"}}))
    seen = heard.next(lambda d: float(d["bbo"][0]["px"]) == higher)
    assert seen["coin"] == COIN
    assert seen["bbo"][0] == {"px": str(higher), "sz": "50.0", "n": 1}


def test_trades_and_candles(listener: Listener, trader: Trader) -> None:
    trades = listener.subscribe(type="trades", coin=COIN)
    candles = listener.subscribe(type="candle", coin=COIN, interval="1m")
    part = filled(trader.exchange.market_open(COIN, True, 12.3))
    (mine,) = trader.fills()
    seen = trades.next(lambda d: any(trade["tid"] == mine["tid"] for trade in d))
    (trade,) = [trade for trade in seen if trade["tid"] == mine["tid"]]
    assert (trade["px"], trade["sz"], trade["side"]) == (mine["px"], "12.3", "B")
    assert trader.address.lower() in trade["users"]
    candle = candles.next(lambda d: d["t"] <= mine["time"] <= d["T"] and float(d["v"]) >= 12.3)
    assert (candle["s"], candle["i"]) == (COIN, "1m")
    assert candle["T"] == candle["t"] + 59_999
    assert Decimal(candle["l"]) <= Decimal(part["avgPx"]) <= Decimal(candle["h"])
    known = trader.info.candles_snapshot(COIN, "1m", candle["t"], candle["T"])
    assert known[-1]["n"] >= candle["n"]


def test_fills_orders_and_events_of_a_user(listener: Listener, trader: Trader) -> None:
    fills = listener.subscribe(type="userFills", user=trader.address)
    updates = listener.subscribe(type="orderUpdates", user=trader.address)
    events = listener.subscribe(type="userEvents", user=trader.address)
    snapshot = fills.next()
    assert snapshot["isSnapshot"] is True
    assert snapshot["fills"] == []
    filled(trader.exchange.market_open(COIN, True, 20.0))
    (mine,) = trader.fills()
    later = fills.next(lambda d: d["fills"])
    assert later["user"] == trader.address.lower()
    assert not later.get("isSnapshot", False)
    assert later["fills"] == [mine]
    assert events.next(lambda d: "fills" in d)["fills"] == [mine]
    update = updates.next(lambda d: any(entry["order"]["oid"] == mine["oid"] for entry in d))
    assert update[-1]["status"] == "filled"
    oid = resting(trader.exchange.order(COIN, True, 20.0, 9.0, GTC))
    update = updates.next(lambda d: any(entry["order"]["oid"] == oid for entry in d))
    assert update[-1]["status"] == "open"
    trader.exchange.cancel(COIN, oid)
    update = updates.next(lambda d: any(entry["status"] == "canceled" for entry in d))
    assert update[-1]["order"]["oid"] == oid


def test_ledger_of_a_user(listener: Listener, trader: Trader) -> None:
    heard = listener.subscribe(type="userNonFundingLedgerUpdates", user=trader.address)
    assert heard.next()["isSnapshot"] is True
    trader.exchange.usd_class_transfer(12.5, False)
    later = heard.next(lambda d: not d.get("isSnapshot"))
    deltas = [entry["delta"] for entry in later["nonFundingLedgerUpdates"]]
    assert {"type": "accountClassTransfer", "usdc": "12.5", "toPerp": False} in deltas


def test_funding_of_a_user(listener: Listener, trader: Trader, venue: Venue) -> None:
    heard = listener.subscribe(type="userFundings", user=trader.address)
    events = listener.subscribe(type="userEvents", user=trader.address)
    assert heard.next()["isSnapshot"] is True
    filled(trader.exchange.market_open(COIN, True, 1000.0))
    venue.control.advance(3_600_000, step_ms=60_000)
    later = heard.next(lambda d: not d.get("isSnapshot") and d["fundings"])
    (entry,) = [entry for entry in later["fundings"] if entry["coin"] == COIN]
    assert entry["szi"] == "1000.0"
    assert Decimal(entry["usdc"]) != 0
    (known,) = trader.info.user_funding_history(trader.address, 0)
    assert known["delta"]["usdc"] == entry["usdc"]
    assert known["delta"]["fundingRate"] == entry["fundingRate"]
    event = events.next(lambda d: "funding" in d)["funding"]
    assert event["coin"] == COIN
    history = trader.info.funding_history(COIN, entry["time"])
    assert history[-1]["fundingRate"] == entry["fundingRate"]
    expected = -1000 * Decimal(entry["fundingRate"]) * Decimal(PRICE)
    assert abs(Decimal(entry["usdc"]) - expected) < abs(expected) / 50
    assert trader.held(COIN)["cumFunding"]["sinceOpen"] == str(-Decimal(entry["usdc"]))


def test_context_of_a_coin(listener: Listener, trader: Trader, venue: Venue, maker: Maker) -> None:
    heard = listener.subscribe(type="activeAssetCtx", coin=COIN)
    first = heard.next()
    assert first["coin"] == COIN
    fields = "funding openInterest prevDayPx dayNtlVlm premium oraclePx markPx midPx impactPxs"
    assert set(fields.split()) <= set(first["ctx"])
    venue.settle(COIN, PRICE * 1.02, maker, notional=400_000.0)
    later = heard.next(lambda d: float(d["ctx"]["oraclePx"]) > PRICE * 1.01)
    _meta, contexts = trader.info.meta_and_asset_ctxs()
    place = trader.info.coin_to_asset[COIN]
    assert contexts[place]["oraclePx"] == later["ctx"]["oraclePx"]


def test_data_of_a_user_and_a_coin(listener: Listener, trader: Trader) -> None:
    heard = listener.subscribe(type="activeAssetData", user=trader.address, coin=COIN)
    assert heard.next()["leverage"]["type"] == "cross"
    trader.exchange.update_leverage(3, COIN, is_cross=False)
    later = heard.next(lambda d: d["leverage"]["type"] == "isolated")
    assert later["leverage"]["value"] == 3
    assert later["user"] == trader.address.lower()


def test_everything_of_a_user(listener: Listener, trader: Trader) -> None:
    heard = listener.subscribe(type="webData2", user=trader.address)
    first = heard.next()
    assert first["user"] == trader.address.lower()
    assert len(first["assetCtxs"]) == len(first["meta"]["universe"])
    filled(trader.exchange.market_open(COIN, True, 20.0))
    later = heard.next(lambda d: d["clearinghouseState"]["assetPositions"])
    assert later["clearinghouseState"]["assetPositions"][0]["position"]["coin"] == COIN


def test_unsubscribed_is_silent(new_listener: Callable[[], Listener], trader: Trader) -> None:
    left, stayed = new_listener(), new_listener()
    heard, still = (each.subscribe(type="bbo", coin=COIN) for each in (left, stayed))
    heard.next()
    left.unsubscribe(heard)
    before = heard.messages.qsize()
    resting(trader.exchange.order(COIN, True, 50.0, PRICE, GTC))
    still.next(lambda data: float(data["bbo"][0]["px"]) == PRICE)
    left.subscribe(type="allMids").next()  # What was sent before this has arrived too.
    assert heard.messages.qsize() == before
