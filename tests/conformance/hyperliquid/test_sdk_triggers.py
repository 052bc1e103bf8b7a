"""Take profit, stop loss, grouped orders, TWAP and scheduled cancels with the official client."""

from decimal import Decimal
from typing import Any

import pytest
from hyperliquid.utils.signing import (
    get_timestamp_ms,
    order_request_to_order_wire,
    sign_l1_action,
)

from tests.conformance.hyperliquid.running import DAY_MS, Venue
from tests.conformance.hyperliquid.trader import (
    GTC,
    Maker,
    Trader,
    done,
    error,
    filled,
    only,
    resting,
    statuses,
)

pytestmark = pytest.mark.conformance

COIN = "SOL"
ASSET = 2
PRICE = 80.0


@pytest.fixture(autouse=True)
def _book(venue: Venue, maker: Maker) -> None:
    venue.settle(COIN, PRICE, maker)


def trigger(price: float, kind: str, *, market: bool = True) -> dict[str, Any]:
    return {"trigger": {"triggerPx": price, "isMarket": market, "tpsl": kind}}


def request(is_buy: bool, size: float, price: float, kind: Any, reduce: bool) -> dict[str, Any]:
    return {
        "coin": COIN,
        "is_buy": is_buy,
        "sz": size,
        "limit_px": price,
        "order_type": kind,
        "reduce_only": reduce,
    }


def bracket(size: float = 10.0, entry: float = PRICE * 1.02) -> list[dict[str, Any]]:
    """A long with a take profit 10% above and a stop loss 10% below."""
    return [
        request(True, size, entry, GTC, False),
        request(False, size, 88.0, trigger(88.0, "tp"), True),
        request(False, size, 65.0, trigger(72.0, "sl"), True),
    ]


def test_stop_order_is_shown_and_cancelled(trader: Trader) -> None:
    filled(trader.exchange.market_open(COIN, True, 10.0))
    order = trader.exchange.order(COIN, False, 10.0, 65.0, trigger(72.0, "sl"), reduce_only=True)
    oid = resting(order)
    (shown,) = trader.info.frontend_open_orders(trader.address)
    assert shown["oid"] == oid
    assert shown["isTrigger"] is True
    assert shown["orderType"] == "Stop Market"
    assert shown["triggerPx"] == "72.0"
    assert shown["triggerCondition"] == "Price below 72"
    assert shown["reduceOnly"] is True
    assert shown["tif"] is None
    assert only(trader.exchange.cancel(COIN, oid)) == "success"
    assert trader.info.frontend_open_orders(trader.address) == []


def test_trigger_on_the_wrong_side_of_the_mark(trader: Trader) -> None:
    filled(trader.exchange.market_open(COIN, True, 10.0))
    late = trader.exchange.order(COIN, False, 10.0, 65.0, trigger(90.0, "sl"), reduce_only=True)
    assert "Invalid TP/SL price." in error(late)


@pytest.mark.parametrize(("kind", "level", "to"), [("sl", 72.0, 70.0), ("tp", 88.0, 90.0)])
def test_trigger_fires(
    venue: Venue, trader: Trader, maker: Maker, kind: str, level: float, to: float
) -> None:
    filled(trader.exchange.market_open(COIN, True, 10.0))
    limit = 60.0 if kind == "sl" else 85.0
    oid = resting(
        trader.exchange.order(COIN, False, 10.0, limit, trigger(level, kind), reduce_only=True)
    )
    venue.settle(COIN, to, maker)
    assert trader.position(COIN) is None
    assert trader.info.frontend_open_orders(trader.address) == []
    last = trader.fills()[0]
    assert last["dir"] == "Close Long"
    assert abs(Decimal(last["px"]) - Decimal(to)) < 1
    assert trader.order_status(oid) in ("filled", "triggered")
    history = {e["status"] for e in trader.info.historical_orders(trader.address)}
    assert history & {"triggered", "filled"}


def test_bracket_waits_for_its_position(venue: Venue, trader: Trader, maker: Maker) -> None:
    parent, *children = statuses(trader.exchange.bulk_orders(bracket(), grouping="normalTpsl"))
    assert parent["filled"]["totalSz"] == "10.0"
    assert children == ["waitingForTrigger", "waitingForTrigger"]
    shown = trader.info.frontend_open_orders(trader.address)
    assert {order["orderType"] for order in shown} == {"Take Profit Market", "Stop Market"}
    venue.settle(COIN, 90.0, maker)
    assert trader.position(COIN) is None
    assert trader.info.frontend_open_orders(trader.address) == []
    ended = {e["order"]["orderType"]: e for e in trader.info.historical_orders(trader.address)}
    assert ended["Stop Market"]["status"] in ("siblingFilledCanceled", "reduceOnlyCanceled")


def test_bracket_of_a_resting_order(trader: Trader) -> None:
    orders = bracket(entry=70.0)
    orders[2] = request(False, 10.0, 55.0, trigger(60.0, "sl"), True)
    parent, *children = statuses(trader.exchange.bulk_orders(orders, grouping="normalTpsl"))
    assert children == ["waitingForFill", "waitingForFill"]
    assert only(trader.exchange.cancel(COIN, parent["resting"]["oid"])) == "success"
    assert trader.info.frontend_open_orders(trader.address) == []


def levels(trader: Trader) -> list[str]:
    """The trigger prices of what is open, orders that wait for another's fill included."""
    shown = trader.info.frontend_open_orders(trader.address)
    flat = [each for order in shown for each in (order, *order["children"])]
    return sorted(order["triggerPx"] for order in flat if order["isTrigger"])


@pytest.mark.parametrize("refused", ["70", "88.00001"])
@pytest.mark.parametrize(("entry", "waits"), [(81.6, "Trigger"), (70.5, "Fill")])
def test_bracket_keeps_the_valid_child(
    trader: Trader, refused: str, entry: float, waits: str
) -> None:
    """A take profit below the mark, or with too many decimals, is refused; the stop stays."""
    orders = bracket(entry=entry)
    wires = [order_request_to_order_wire(order, ASSET) for order in orders]
    wires[1]["t"]["trigger"]["triggerPx"] = refused
    wires[2]["t"]["trigger"]["triggerPx"] = "60"
    action = {"type": "order", "orders": wires, "grouping": "normalTpsl"}
    parent, profit, stop = statuses(l1(trader, action))
    assert "error" not in parent
    assert ("Invalid TP/SL price." if refused == "70" else "tick size") in profit["error"]
    assert stop == f"waitingFor{waits}"
    assert levels(trader) == ["60.0"]
    words = [e["status"] for e in trader.info.historical_orders(trader.address)]
    assert words.count("badTriggerPxRejected") == (refused == "70")
    assert "rejected" not in words


def test_bracket_of_a_refused_order(trader: Trader) -> None:
    orders = bracket(size=50_000.0)
    parent, *children = statuses(trader.exchange.bulk_orders(orders, grouping="normalTpsl"))
    assert "Insufficient margin" in parent["error"]
    assert [child["error"] for child in children] == [
        f"Main order was not placed. asset={ASSET}"
    ] * 2
    assert levels(trader) == []


def test_position_tpsl_keeps_the_valid_one(trader: Trader) -> None:
    filled(trader.exchange.market_open(COIN, True, 10.0))
    orders = bracket()[1:]
    orders[0] = request(False, 10.0, 70.0, trigger(70.0, "tp"), True)
    profit, stop = statuses(trader.exchange.bulk_orders(orders, grouping="positionTpsl"))
    assert "Invalid TP/SL price." in profit["error"]
    assert stop == "waitingForTrigger"
    assert levels(trader) == ["72.0"]


def test_position_tpsl_follows_the_position(venue: Venue, trader: Trader, maker: Maker) -> None:
    filled(trader.exchange.market_open(COIN, True, 10.0))
    stop = request(False, 0.0, 60.0, trigger(72.0, "sl"), True)
    statuses(trader.exchange.bulk_orders([stop], grouping="positionTpsl"))
    (shown,) = trader.info.frontend_open_orders(trader.address)
    assert shown["isPositionTpsl"] is True
    filled(trader.exchange.market_open(COIN, True, 5.0))
    venue.settle(COIN, 70.0, maker)
    assert trader.position(COIN) is None


def l1(trader: Trader, action: dict[str, Any]) -> Any:
    """An action that the official client can sign but has no method for."""
    nonce = get_timestamp_ms()
    signature = sign_l1_action(trader.wallet, action, None, nonce, None, False)
    return trader.exchange._post_action(action, signature, nonce)


def twap(size: str, minutes: int, reduce: bool = False) -> dict[str, Any]:
    wire = {"a": ASSET, "b": True, "s": size, "r": reduce, "m": minutes, "t": False}
    return {"type": "twapOrder", "twap": wire}


def test_twap_buys_in_slices(venue: Venue, trader: Trader) -> None:
    answer = done(l1(trader, twap("100", 5)))
    assert answer["type"] == "twapOrder"
    number = answer["data"]["status"]["running"]["twapId"]
    venue.control.advance(150_000)
    half = Decimal(trader.held(COIN)["szi"])
    assert Decimal("30") <= half <= Decimal("70")
    slices = trader.info.user_twap_slice_fills(trader.address)
    assert {entry["twapId"] for entry in slices} == {number}
    assert all(set(entry["fill"]["hash"][2:]) == {"0"} for entry in slices)
    venue.control.advance(200_000)
    assert Decimal(trader.held(COIN)["szi"]) == Decimal("100")
    history = trader.info.post("/info", {"type": "twapHistory", "user": trader.address})
    assert history[0]["status"]["status"] == "finished"
    assert history[0]["state"]["executedSz"] == "100.0"


def test_twap_is_cancelled(venue: Venue, trader: Trader) -> None:
    number = done(l1(trader, twap("100", 30)))["data"]["status"]["running"]["twapId"]
    venue.control.advance(90_000)
    answer = done(l1(trader, {"type": "twapCancel", "a": ASSET, "t": number}))
    assert answer == {"type": "twapCancel", "data": {"status": "success"}}
    bought = Decimal(trader.held(COIN)["szi"])
    assert 0 < bought < 100
    venue.control.advance(120_000)
    assert Decimal(trader.held(COIN)["szi"]) == bought
    again = done(l1(trader, {"type": "twapCancel", "a": ASSET, "t": number}))
    text = again["data"]["status"]["error"]
    assert text.startswith("TWAP was never placed, already canceled, or filled.")


def test_twap_that_is_too_short(trader: Trader) -> None:
    answer = done(l1(trader, twap("100", 1)))
    assert answer["data"]["status"]["error"].startswith("Invalid TWAP duration: 1 min(s)")


def test_scheduled_cancel_needs_volume(venue: Venue, trader: Trader) -> None:
    resting(trader.exchange.order(COIN, True, 10.0, 60.0, GTC))
    refused = trader.exchange.schedule_cancel(venue.now_ms() + 10_000)
    assert refused["status"] == "err"
    assert refused["response"].startswith(
        "Cannot set scheduled cancel time until enough volume traded. Required: $1000000."
    )


def test_scheduled_cancel(venue: Venue, trader: Trader, maker: Maker) -> None:
    venue.control.fund(trader.address, 1_000_000)
    filled(trader.exchange.market_open(COIN, True, 7_000.0))
    filled(trader.exchange.market_close(COIN))
    # Volume counts from the end of its day on, at the latest.
    venue.control.advance(DAY_MS - venue.now_ms() % DAY_MS + 1_000, step_ms=600_000)
    oid = resting(trader.exchange.order(COIN, True, 10.0, 60.0, GTC))
    early = trader.exchange.schedule_cancel(venue.now_ms() + 1_000)
    assert early["response"].startswith("Scheduled cancel time too early")
    assert done(trader.exchange.schedule_cancel(venue.now_ms() + 10_000)) == {"type": "default"}
    venue.control.advance(8_000)
    assert trader.order_status(oid) == "open"
    venue.control.advance(4_000)
    assert trader.order_status(oid) == "scheduledCancel"
    assert trader.open_orders() == []
    oid = resting(trader.exchange.order(COIN, True, 10.0, 60.0, GTC))
    done(trader.exchange.schedule_cancel(venue.now_ms() + 10_000))
    done(trader.exchange.schedule_cancel(None))
    venue.control.advance(15_000)
    assert trader.order_status(oid) == "open"
