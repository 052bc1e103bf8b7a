"""A shocked price liquidates an account that the official client opened, bucket by bucket.

One account holds a cross position at 20x and an isolated one. A shock of the cross coin must take
the cross side and leave the isolated bucket as it is; a shock of the isolated coin the reverse.
"""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.hyperliquid.books import Books, books_of
from tests.conformance.hyperliquid.listener import Heard, Listener
from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.trader import GTC, Maker, Trader, done, filled, resting

pytestmark = pytest.mark.conformance

CROSS, ISOLATED = "ETH", "SOL"
PRICES = {CROSS: 2000.0, ISOLATED: 80.0}
CASH = 2_000
SMALL_SHOCK = 0.955
"""Below maintenance, above two thirds of it."""


@pytest.fixture(autouse=True)
def _books(venue: Venue, maker: Maker) -> None:
    for coin, price in PRICES.items():
        venue.settle(coin, price, maker)


@pytest.fixture
def victim(venue: Venue, poor: Trader) -> Trader:
    """2,000 USD: a cross long of about 30,000 USD and an isolated long of 2,000 USD at 5x."""
    venue.control.fund(poor.address, CASH)
    done(poor.exchange.update_leverage(20, CROSS, is_cross=True))
    done(poor.exchange.update_leverage(5, ISOLATED, is_cross=False))
    filled(poor.exchange.market_open(ISOLATED, True, 25.0))
    filled(poor.exchange.market_open(CROSS, True, 14.0))
    return poor


@pytest.fixture
def listener(venue: Venue) -> Iterator[Listener]:
    found = Listener(venue.url)
    yield found
    found.close()


@pytest.fixture
def events(listener: Listener, victim: Trader) -> Heard:
    return listener.subscribe(type="userEvents", user=victim.address)


@pytest.fixture
def updates(listener: Listener, victim: Trader) -> Heard:
    return listener.subscribe(type="orderUpdates", user=victim.address)


def liquidation_event(heard: Heard) -> dict[str, Any]:
    found: dict[str, Any] = heard.next(lambda data: "liquidation" in data)["liquidation"]
    return found


def ledger(trader: Trader) -> list[dict[str, Any]]:
    entries = trader.info.user_non_funding_ledger_updates(trader.address, 0)
    return [entry["delta"] for entry in entries if entry["delta"]["type"] == "liquidation"]


def forced(trader: Trader, coin: str) -> list[dict[str, Any]]:
    return [entry for entry in trader.fills() if entry["coin"] == coin and "liquidation" in entry]


def shock(venue: Venue, coin: str, price: float, maker: Maker) -> None:
    """The price moves first and the market maker follows, as after a real jump."""
    maker.clear(coin)
    for is_buy, factor in ((True, 0.9995), (False, 1.0005)):
        maker.exchange.order(coin, is_buy, 2_000_000 // price, round(price * factor, 1), GTC)
    venue.control.shock(coin, price / PRICES[coin] - 1)
    venue.control.advance(3_000)


def forced_orders(trader: Trader, coin: str) -> list[int]:
    """The order ids of the forced fills, each found by itself, in the list and as it was done."""
    listed = {e["order"]["oid"]: e for e in trader.info.historical_orders(trader.address)}
    sizes: defaultdict[int, Decimal] = defaultdict(Decimal)
    for fill in forced(trader, coin):
        sizes[fill["oid"]] += Decimal(fill["sz"])
    for oid, size in sizes.items():
        found = trader.info.query_order_by_oid(trader.address, oid)
        assert found["status"] == "order", oid
        order = found["order"]["order"]
        assert listed[oid] == found["order"]
        assert (order["coin"], order["oid"]) == (coin, oid)
        assert (order["tif"], order["orderType"]) == ("LiquidationMarket", "Market")
        assert order["reduceOnly"] is True
        assert Decimal(order["origSz"]) - Decimal(order["sz"]) == size
        status = "filled" if Decimal(order["sz"]) == 0 else "canceled"
        assert found["order"]["status"] == status
    assert 0 not in sizes
    return list(sizes)


def closed(trader: Trader) -> Books:
    """The trader's own books, which must be the venue's to the last unit."""
    books = books_of(trader.info, trader.address)
    assert books.differences(trader.state()) == []
    return books


def test_cross_side_is_liquidated_and_the_isolated_bucket_survives(
    venue: Venue, victim: Trader, maker: Maker, events: Heard, updates: Heard
) -> None:
    order = resting(victim.exchange.order(CROSS, True, 0.01, 1800, GTC))
    before = victim.held(ISOLATED)
    size = Decimal(victim.held(CROSS)["szi"])
    limit = Decimal(victim.held(CROSS)["liquidationPx"])
    to = float(limit) * 0.998
    shock(venue, CROSS, to, maker)
    assert victim.position(CROSS) is None
    fills = forced(victim, CROSS)
    assert fills
    assert sum(Decimal(entry["sz"]) for entry in fills) == size
    for entry in fills:
        assert entry["dir"] == "Liquidated Cross Long"
        assert entry["crossed"] is True
        assert entry["liquidation"]["liquidatedUser"] == victim.address.lower()
        assert entry["liquidation"]["method"] == "market"
        assert Decimal(entry["liquidation"]["markPx"]) < limit
        assert Decimal(entry["fee"]) > 0  # an ordinary taker fee and no other
    theirs = [e for e in forced(maker, CROSS) if e["tid"] == fills[0]["tid"]]
    assert theirs[0]["liquidation"] == fills[0]["liquidation"]
    assert victim.order_status(order) == "liquidatedCanceled"
    (entry,) = ledger(victim)
    assert entry["leverageType"] == "Cross"
    assert entry["liquidatedPositions"] == [{"coin": CROSS, "szi": "14.0"}]
    assert Decimal(entry["liquidatedNtlPos"]) > 25_000
    seen = liquidation_event(events)
    assert seen["liquidated_user"] == victim.address.lower()
    assert Decimal(seen["liquidated_ntl_pos"]) == Decimal(entry["liquidatedNtlPos"])
    after = victim.held(ISOLATED)
    assert after["szi"] == before["szi"]
    assert after["leverage"] == before["leverage"]
    assert after["marginUsed"] == before["marginUsed"]
    cross = Decimal(victim.state()["crossMarginSummary"]["accountValue"])
    assert cross >= 0  # what was left over stays with the user
    (oid,) = forced_orders(victim, CROSS)
    update = updates.next(lambda data: data[-1]["order"]["oid"] == oid)[-1]
    assert update["status"] == "filled"
    closed(victim)


def test_isolated_bucket_is_liquidated_and_the_cross_side_survives(
    venue: Venue, victim: Trader, maker: Maker, events: Heard
) -> None:
    order = resting(victim.exchange.order(CROSS, True, 0.01, 1800, GTC))
    before = victim.held(CROSS)
    cross_before = Decimal(victim.state()["crossMarginSummary"]["totalRawUsd"])
    limit = Decimal(victim.held(ISOLATED)["liquidationPx"])
    to = float(limit) * 0.998
    shock(venue, ISOLATED, to, maker)
    assert victim.position(ISOLATED) is None
    fills = forced(victim, ISOLATED)
    assert {entry["dir"] for entry in fills} == {"Liquidated Isolated Long"}
    assert sum(Decimal(entry["sz"]) for entry in fills) == 25
    (entry,) = ledger(victim)
    assert entry["leverageType"] == "Isolated"
    assert entry["liquidatedPositions"] == [{"coin": ISOLATED, "szi": "25.0"}]
    assert liquidation_event(events)["liquidated_user"] == victim.address.lower()
    after = victim.held(CROSS)
    assert (after["szi"], after["entryPx"]) == (before["szi"], before["entryPx"])
    assert victim.order_status(order) == "open"
    left = Decimal(victim.state()["crossMarginSummary"]["totalRawUsd"]) - cross_before
    assert 0 <= left < 100  # only what the bucket still held came back
    assert len(forced_orders(victim, ISOLATED)) == 1
    closed(victim)


def test_deep_shock_goes_to_the_backstop(venue: Venue, victim: Trader, maker: Maker) -> None:
    """Without anybody to trade with, the liquidator takes positions and margin over."""
    isolated = victim.held(ISOLATED)
    limit = Decimal(victim.held(CROSS)["liquidationPx"])
    maker.clear(CROSS)
    venue.control.shock(CROSS, float(limit) * 0.985 / PRICES[CROSS] - 1)
    venue.control.advance(3_000)
    assert victim.position(CROSS) is None
    cross = victim.state()["crossMarginSummary"]
    assert cross["accountValue"] == "0.0"
    assert victim.held(ISOLATED)["szi"] == isolated["szi"]
    (fill,) = forced(victim, CROSS)
    assert fill["liquidation"]["method"] == "backstop"
    mark = Decimal(fill["liquidation"]["markPx"])
    assert Decimal(fill["px"]) < mark  # the margin went with the position
    assert (fill["fee"], fill["crossed"]) == ("0.0", True)
    assert len(forced_orders(victim, CROSS)) == 1
    books = closed(victim)
    assert books.methods == {"backstop": 1}


def test_isolated_bucket_goes_to_the_backstop(venue: Venue, victim: Trader, maker: Maker) -> None:
    """A bucket at 5x falls below two thirds of its maintenance margin and nothing else is lost."""
    cross = victim.state()["crossMarginSummary"]["totalRawUsd"]
    limit = Decimal(victim.held(ISOLATED)["liquidationPx"])
    maker.clear(ISOLATED)
    venue.control.shock(ISOLATED, float(limit) * 0.98 / PRICES[ISOLATED] - 1)
    venue.control.advance(3_000)
    assert victim.position(ISOLATED) is None
    (fill,) = forced(victim, ISOLATED)
    assert (fill["dir"], fill["liquidation"]["method"]) == ("Liquidated Isolated Long", "backstop")
    assert len(forced_orders(victim, ISOLATED)) == 1
    assert victim.state()["crossMarginSummary"]["totalRawUsd"] == cross
    closed(victim)


@pytest.mark.parametrize("is_buy", [True, False])
def test_bankrupt_account_is_deleveraged(
    venue: Venue, poor: Trader, other: Trader, maker: Maker, listener: Listener, is_buy: bool
) -> None:
    """A jump beyond the account's equity closes it against the holders of the other side."""
    venue.control.fund(poor.address, CASH)
    done(poor.exchange.update_leverage(20, CROSS, is_cross=True))
    maker.clear(CROSS)
    resting(other.exchange.order(CROSS, not is_buy, 14.0, PRICES[CROSS], GTC))
    filled(poor.exchange.order(CROSS, is_buy, 14.0, PRICES[CROSS], GTC))
    heard = listener.subscribe(type="orderUpdates", user=other.address)
    venue.control.shock(CROSS, -0.2 if is_buy else 0.2)
    venue.control.advance(3_000)
    assert poor.position(CROSS) is None
    (oid,) = forced_orders(poor, CROSS)
    taken = forced(poor, CROSS)
    assert sum(Decimal(fill["sz"]) for fill in taken) == 14
    theirs = forced(other, CROSS)
    assert theirs
    for fill in theirs:
        assert (fill["dir"], fill["crossed"]) == ("Auto-Deleveraging", True)
        assert fill["liquidation"]["liquidatedUser"] == poor.address.lower()
        (pair,) = [each for each in taken if each["tid"] == fill["tid"]]
        assert fill["liquidation"] == pair["liquidation"]
        assert fill["liquidation"]["markPx"] != fill["px"]
    ids = forced_orders(other, CROSS)
    assert len(ids) == len(theirs)
    assert oid not in ids
    told = heard.next(lambda data: data[-1]["order"]["oid"] == ids[0])
    assert [entry["status"] for entry in told] == ["filled"]
    assert closed(poor).methods == {"backstop": len(taken)}
    assert closed(other).methods["deleveraged"] == len(theirs)


def test_large_position_is_liquidated_in_parts(venue: Venue, poor: Trader, maker: Maker) -> None:
    """Above 100,000 USD only a fifth is sent at first, and all of it within the cool-down."""
    venue.control.fund(poor.address, 20_000)
    done(poor.exchange.update_leverage(20, CROSS, is_cross=True))
    filled(poor.exchange.market_open(CROSS, True, 160.0))
    limit = float(poor.held(CROSS)["liquidationPx"])
    shock(venue, CROSS, limit * 0.9995, maker)
    fills = forced(poor, CROSS)
    first = max(entry["time"] for entry in fills if entry["startPosition"] == "160.0")
    sizes = [Decimal(e["sz"]) for e in fills if e["time"] == first]
    assert sum(sizes) in (Decimal(32), Decimal(160))
    assert Decimal(fills[-1]["startPosition"]) == 160
