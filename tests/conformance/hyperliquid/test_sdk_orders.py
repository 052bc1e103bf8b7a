"""The official Python client's order flows, each checked on the state that they leave."""

from decimal import Decimal
from typing import Any

import pytest
from hyperliquid.utils.types import Cloid

from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.trader import (
    ALO,
    GTC,
    IOC,
    MAKER,
    TAKER,
    Maker,
    Trader,
    error,
    fee,
    filled,
    only,
    resting,
    statuses,
    truncated,
)

pytestmark = pytest.mark.conformance

COIN = "ETH"
ASSET = 1
PRICE = 2000.0


@pytest.fixture(autouse=True)
def _book(venue: Venue, maker: Maker) -> None:
    venue.settle(COIN, PRICE, maker)


def levels(trader: Trader) -> tuple[list[Any], list[Any]]:
    bids, asks = trader.info.l2_snapshot(COIN)["levels"]
    return bids, asks


def test_limit_order_rests_and_is_cancelled(trader: Trader) -> None:
    before = trader.withdrawable()
    oid = resting(trader.exchange.order(COIN, True, 0.2, 1100, GTC))
    (shown,) = trader.open_orders()
    assert {key: shown[key] for key in ("coin", "side", "limitPx", "sz", "oid", "origSz")} == {
        "coin": COIN,
        "side": "B",
        "limitPx": "1100.0",
        "sz": "0.2",
        "oid": oid,
        "origSz": "0.2",
    }
    assert "cloid" not in shown
    assert before - trader.withdrawable() == Decimal("220") / 20  # limit price over leverage
    assert trader.state()["marginSummary"]["totalMarginUsed"] == "0.0"
    (frontend,) = trader.info.frontend_open_orders(trader.address)
    assert frontend["orderType"] == "Limit"
    assert frontend["tif"] == "Gtc"
    assert frontend["cloid"] is None
    assert frontend["triggerCondition"] == "N/A"
    assert trader.order_status(oid) == "open"
    assert only(trader.exchange.cancel(COIN, oid)) == "success"
    assert trader.open_orders() == []
    assert trader.order_status(oid) == "canceled"
    assert trader.withdrawable() == before
    again = error(trader.exchange.cancel(COIN, oid))
    assert again == f"Order was never placed, already canceled, or filled. asset={ASSET}"


def test_best_bid_is_seen_by_everybody(trader: Trader, other: Trader) -> None:
    better = round(float(levels(trader)[0][0]["px"]) + 0.1, 1)
    resting(trader.exchange.order(COIN, True, 0.5, better, ALO))
    bids, asks = levels(other)
    assert bids[0] == {"px": str(better), "sz": "0.5", "n": 1}
    assert float(asks[0]["px"]) > better
    mids = other.info.all_mids()
    assert float(mids[COIN]) == pytest.approx((better + float(asks[0]["px"])) / 2)


def test_order_with_client_id(trader: Trader) -> None:
    cloid = Cloid.from_str("0x00000000000000000000000000000001")
    status = only(trader.exchange.order(COIN, True, 0.2, 1100, GTC, cloid=cloid))
    assert status["resting"]["cloid"] == cloid.to_raw()
    found = trader.info.query_order_by_cloid(trader.address, cloid)
    assert found["status"] == "order"
    assert found["order"]["order"]["cloid"] == cloid.to_raw()
    assert found["order"]["order"]["oid"] == status["resting"]["oid"]
    assert trader.open_orders()[0]["cloid"] == cloid.to_raw()
    assert only(trader.exchange.cancel_by_cloid(COIN, cloid)) == "success"
    assert trader.open_orders() == []
    unknown = Cloid.from_str("0x00000000000000000000000000000099")
    assert trader.info.query_order_by_cloid(trader.address, unknown) == {"status": "unknownOid"}


def test_market_open_and_close(trader: Trader) -> None:
    start = trader.value()
    ask = levels(trader)[1][0]["px"]
    part = filled(trader.exchange.market_open(COIN, True, 0.5))
    assert part["totalSz"] == "0.5"
    assert Decimal(part["avgPx"]) == Decimal(ask)
    (opening,) = trader.fills()
    charged = fee(ask, "0.5")
    assert opening["dir"] == "Open Long"
    assert opening["side"] == "B"
    assert opening["crossed"] is True
    assert opening["startPosition"] == "0.0"
    assert Decimal(opening["fee"]) == charged
    assert opening["feeToken"] == "USDC"
    held = trader.held(COIN)
    assert Decimal(held["szi"]) == Decimal("0.5")
    assert Decimal(held["entryPx"]) == Decimal(ask)
    assert held["leverage"] == {"type": "cross", "value": 20}
    unrealized = Decimal(held["positionValue"]) - Decimal(ask) * Decimal("0.5")
    assert Decimal(held["unrealizedPnl"]) == unrealized
    assert trader.value() == start - charged + unrealized
    bid = levels(trader)[0][0]["px"]
    part = filled(trader.exchange.market_close(COIN))
    assert trader.position(COIN) is None
    closing = trader.fills()[0]
    assert closing["dir"] == "Close Long"
    assert Decimal(closing["closedPnl"]) == (Decimal(bid) - Decimal(ask)) * Decimal("0.5")
    assert trader.value() == start - charged - fee(bid, "0.5") + Decimal(closing["closedPnl"])
    assert trader.exchange.market_close(COIN) is None


def test_maker_is_charged_less(trader: Trader, other: Trader) -> None:
    best = float(levels(trader)[0][0]["px"])
    oid = resting(trader.exchange.order(COIN, True, 1.0, best + 0.1, ALO))
    filled(other.exchange.order(COIN, False, 1.0, best + 0.1, IOC))
    made, taken = trader.fills()[0], other.fills()[0]
    assert (made["oid"], made["crossed"], taken["crossed"]) == (oid, False, True)
    assert made["tid"] == taken["tid"]
    assert made["hash"] == taken["hash"]
    assert Decimal(made["fee"]) == fee(made["px"], "1.0", MAKER)
    assert Decimal(taken["fee"]) == fee(taken["px"], "1.0", TAKER)
    assert trader.order_status(oid) == "filled"
    trades = other.info.post("/info", {"type": "recentTrades", "coin": COIN})
    assert trades[0]["tid"] == taken["tid"]
    assert trades[0]["users"] == [trader.address.lower(), other.address.lower()]
    assert trades[0]["side"] == "A"


def test_partly_filled_order_rests(trader: Trader, other: Trader) -> None:
    best = float(levels(trader)[0][0]["px"])
    resting(trader.exchange.order(COIN, True, 0.3, best + 0.1, ALO))
    oid = resting(other.exchange.order(COIN, False, 1.0, best + 0.1, GTC))
    (shown,) = other.open_orders()
    assert (shown["oid"], shown["sz"], shown["origSz"]) == (oid, "0.7", "1.0")
    assert Decimal(other.held(COIN)["szi"]) == Decimal("-0.3")


def test_flip_through_zero(trader: Trader) -> None:
    filled(trader.exchange.market_open(COIN, True, 0.5))
    filled(trader.exchange.market_open(COIN, False, 1.5))
    assert Decimal(trader.held(COIN)["szi"]) == Decimal("-1")
    flips = [entry for entry in trader.fills() if entry["dir"] == "Long > Short"]
    assert len(flips) == 1
    assert flips[0]["startPosition"] == "0.5"


def test_modify(trader: Trader) -> None:
    cloid = Cloid.from_str("0x00000000000000000000000000000002")
    oid = resting(trader.exchange.order(COIN, True, 0.2, 1100, GTC, cloid=cloid))
    new = resting(trader.exchange.modify_order(oid, COIN, True, 0.1, 1105, GTC, cloid=cloid))
    assert new != oid
    (shown,) = trader.open_orders()
    assert (shown["oid"], shown["limitPx"], shown["sz"]) == (new, "1105.0", "0.1")
    assert trader.order_status(oid) == "canceled"
    newer = resting(trader.exchange.modify_order(cloid, COIN, True, 0.1, 1106, GTC))
    assert [order["oid"] for order in trader.open_orders()] == [newer]
    crossing = trader.exchange.modify_order(newer, COIN, True, 0.1, PRICE * 1.02, GTC)
    assert "invalid new order" in error(crossing)
    gone = error(trader.exchange.modify_order(oid, COIN, True, 0.1, 1100, GTC))
    assert "Cannot modify canceled or filled order" in gone


REFUSED = {
    "tick": ((True, 0.2, 1100.123), GTC, f"Price must be divisible by tick size. asset={ASSET}"),
    "value": ((True, 0.005, 1100), GTC, f"Order must have minimum value of $10. asset={ASSET}"),
    "size": ((True, 0.12345, 1100), GTC, f"Order has invalid size. asset={ASSET}"),
    "zero": ((True, 0.0, 1100), GTC, f"Order has zero size. asset={ASSET}"),
    "margin": ((True, 4000, 1990), GTC, f"Insufficient margin to place order. asset={ASSET}"),
    "no match": (
        (True, 0.2, 1100),
        IOC,
        f"Order could not immediately match against any resting orders. asset={ASSET}",
    ),
    "band": ((True, 1.0, 300), GTC, "Order price cannot be more than 80% away"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_order(trader: Trader, name: str) -> None:
    (is_buy, size, price), kind, text = REFUSED[name]
    before = trader.state()
    assert text in error(trader.exchange.order(COIN, is_buy, size, price, kind))
    after = trader.state()
    before.pop("time"), after.pop("time")
    assert before == after
    assert trader.open_orders() == []


def test_post_only_that_would_match(trader: Trader) -> None:
    bids, asks = levels(trader)
    text = error(trader.exchange.order(COIN, True, 0.2, PRICE * 1.01, ALO))
    bbo = f"{bids[0]['px']}@{asks[0]['px']}"
    assert text.startswith(f"Post only order would have immediately matched, bbo was {bbo}.")


def test_reduce_only(trader: Trader) -> None:
    refused = trader.exchange.order(COIN, True, 0.2, PRICE, GTC, reduce_only=True)
    assert error(refused) == f"Reduce only order would increase position. asset={ASSET}"
    filled(trader.exchange.market_open(COIN, True, 0.5))
    part = filled(trader.exchange.order(COIN, False, 0.8, PRICE * 0.98, IOC, reduce_only=True))
    assert part["totalSz"] == "0.5"
    assert trader.position(COIN) is None


def test_batch_keeps_its_order(trader: Trader) -> None:
    def request(price: float, size: float) -> dict[str, Any]:
        return {
            "coin": COIN,
            "is_buy": True,
            "sz": size,
            "limit_px": price,
            "order_type": GTC,
            "reduce_only": False,
        }

    result = trader.exchange.bulk_orders(
        [request(1100, 0.2), request(1100, 0.001), request(1200, 0.3)]
    )
    first, second, third = statuses(result)
    assert "resting" in first
    assert "resting" in third
    assert "minimum value of $10" in second["error"]
    oids = {order["oid"] for order in trader.open_orders()}
    assert oids == {first["resting"]["oid"], third["resting"]["oid"]}
    cancels = [{"coin": COIN, "oid": oid} for oid in (*oids, 1)]
    *good, bad = statuses(trader.exchange.bulk_cancel(cancels))
    assert good == ["success", "success"]
    assert "never placed" in bad["error"]


def test_own_orders_never_match(trader: Trader) -> None:
    best = float(levels(trader)[0][0]["px"])
    mine = resting(trader.exchange.order(COIN, True, 0.5, best + 0.1, GTC))
    fills = len(trader.fills())
    part = only(trader.exchange.order(COIN, False, 0.5, best, IOC))
    assert trader.order_status(mine) == "selfTradeCanceled"
    assert part["filled"]["totalSz"] == "0.5"  # against the market maker behind
    assert len(trader.fills()) == fills + 1


def test_expired_request(venue: Venue, trader: Trader) -> None:
    """The venue's clock decides, also where it was moved on past that of this computer."""
    venue.control.advance(5_000)
    trader.exchange.set_expires_after(venue.now_ms() - 1_000)
    refused = trader.exchange.order(COIN, True, 0.2, 1100, GTC)
    assert refused["status"] == "err"
    assert trader.open_orders() == []
    trader.exchange.set_expires_after(venue.now_ms() + 60_000)
    resting(trader.exchange.order(COIN, True, 0.2, 1100, GTC))


def test_historical_orders(trader: Trader) -> None:
    oid = resting(trader.exchange.order(COIN, True, 0.2, 1100, GTC))
    trader.exchange.cancel(COIN, oid)
    filled(trader.exchange.market_open(COIN, True, 0.1))
    found = {
        entry["order"]["oid"]: entry for entry in trader.info.historical_orders(trader.address)
    }
    assert found[oid]["status"] == "canceled"
    assert sorted(entry["status"] for entry in found.values())[-1] == "filled"


def test_rounding_of_account_figures(trader: Trader) -> None:
    """Money is booked in millionths, toward zero."""
    filled(trader.exchange.market_open(COIN, True, 0.0123))
    held = trader.held(COIN)
    value = Decimal(held["positionValue"])
    assert Decimal(held["marginUsed"]) == truncated(value / 20)
