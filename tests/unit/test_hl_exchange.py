"""Orders over the exchange endpoint: real signatures, a real machine, wire-exact answers."""

import pytest

from seawall.domain.commands import CreateAccount, SetMarketStatus
from seawall.domain.enums import MarketStatus, Side
from seawall.domain.units import MICRO
from seawall.venues.hyperliquid.exchange import handle
from seawall.venues.hyperliquid.wire.signing import recover_connection
from tests.unit.hl_desk import (
    ALT,
    BTC,
    ETH,
    OK,
    Client,
    FakeDesk,
    ready_desk,
    stop,
    wire,
)

CLOID = "0x000000000000000000000000000000ff"
IMMEDIATE = "Order could not immediately match against any resting orders. asset=0"
GONE = "Order was never placed, already canceled, or filled. asset=0"


@pytest.fixture
def desk() -> FakeDesk:
    return ready_desk()


@pytest.fixture
def alice(desk) -> Client:
    return Client(desk)


@pytest.fixture
def bob(desk) -> Client:
    return Client(desk, "bob")


def resting(status) -> int:
    return status["resting"]["oid"]


def test_a_resting_order(alice):
    (status,) = alice.order(wire(BTC, True, "59000", "0.01"))
    assert set(status) == {"resting"}
    assert set(status["resting"]) == {"oid"}
    assert 0 < resting(status) < 2**53


def test_a_client_id_comes_back(alice):
    rests, fills = alice.order(
        wire(BTC, True, "59000", "0.01", cloid=CLOID),
        wire(BTC, True, "61000", "0.01", cloid=CLOID[:-1] + "0"),
    )
    assert rests["resting"]["cloid"] == CLOID
    assert fills["filled"]["cloid"] == CLOID[:-1] + "0"


def test_a_filled_order_with_its_average(desk, alice):
    # 1 at 60010.0, 1 at 60020.0 and half at 60030.0.
    (status,) = alice.order(wire(BTC, True, "60030", "2.5", tif="Ioc"))
    assert status["filled"]["totalSz"] == "2.5"
    assert status["filled"]["avgPx"] == "60018.0"
    assert desk.position("alice", BTC) == 250_000


def test_partly_filled_and_resting_is_resting(desk, alice):
    (status,) = alice.order(wire(BTC, True, "60010", "1.5"))
    assert set(status) == {"resting"}
    assert desk.position("alice", BTC) == 100_000


def test_partly_filled_immediate_is_filled(alice):
    (status,) = alice.order(wire(BTC, True, "60010", "1.5", tif="Ioc"))
    assert status["filled"]["totalSz"] == "1.0"


def test_the_client_s_own_order_action(desk, alice):
    from hyperliquid.utils.signing import order_request_to_order_wire, order_wires_to_order_action

    request = {
        "coin": "BTC", "is_buy": True, "sz": 0.2, "limit_px": 60010.0, "reduce_only": False,
        "order_type": {"limit": {"tif": "Ioc"}},
    }  # fmt: skip
    action = order_wires_to_order_action([order_request_to_order_wire(request, BTC)])
    assert alice.l1(action)["response"]["data"]["statuses"][0]["filled"]["avgPx"] == "60010.0"


def test_both_networks_are_accepted(desk, alice):
    action = {"type": "order", "orders": [wire(BTC, True, "59000", "0.01")], "grouping": "na"}
    for mainnet in (True, False):
        assert "resting" in alice.l1(action, mainnet=mainnet)["response"]["data"]["statuses"][0]


def test_a_known_signer_is_recovered_once(desk, alice, monkeypatch):
    """The network that the last client named is tried first."""
    tried = []

    def counted(source, connection, signature):
        tried.append(source)
        return recover_connection(source, connection, signature)

    monkeypatch.setattr(handle, "recover_connection", counted)
    for mainnet, expected in ((False, "b"), (True, "ba"), (True, "a"), (False, "ab"), (False, "b")):
        tried.clear()
        assert alice.l1({"type": "noop"}, mainnet=mainnet)["status"] == "ok"
        assert "".join(tried) == expected


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (wire(BTC, True, "59000.55", "0.01"), "Price must be divisible by tick size. asset=0"),
        (wire(BTC, True, "59000.1", "0.01"), "Price must be divisible by tick size. asset=0"),
        (wire(BTC, True, "59000", "0.000001"), "Order has invalid size. asset=0"),
        (wire(BTC, True, "59000", "0"), "Order has zero size. asset=0"),
        (wire(BTC, True, "59000", "-1"), "Order has invalid size. asset=0"),
        (wire(BTC, True, "0", "1"), "Order has invalid price. asset=0"),
        (wire(BTC, True, "-59000", "1"), "Order has invalid price. asset=0"),
        (wire(BTC, True, "9" * 40, "1"), "Order has invalid price. asset=0"),
        (wire(BTC, True, "59000", "9" * 40), "Order has invalid size. asset=0"),
        (wire(BTC, True, "59000", "0.0001"), "Order must have minimum value of $10. asset=0"),
        (
            wire(BTC, True, "5000", "1"),
            "Order price cannot be more than 80% away from the reference price",
        ),
        (wire(BTC, True, "59000", "6000"), "Order value too large. Max is $300000000."),
        (
            wire(BTC, True, "61000", "600", tif="FrontendMarket"),
            "Order value too large. Max is $30000000.",
        ),
        (wire(BTC, True, "59000", "100"), "Insufficient margin to place order. asset=0"),
        (
            wire(BTC, False, "61000", "1", reduce=True),
            "Reduce only order would increase position. asset=0",
        ),
        (
            wire(BTC, True, "60020", "1", tif="Alo"),
            "Post only order would have immediately matched, bbo was 59990.0@60010.0. asset=0",
        ),
        (wire(BTC, True, "59000", "1", tif="Ioc"), IMMEDIATE),
        (
            wire(ETH, True, "3100", "1", tif="FrontendMarket"),
            "No liquidity available for market order. asset=1",
        ),
        (
            wire(BTC, False, "50000", "1", reduce=True, trigger=stop("61000")),
            "Invalid TP/SL price. asset=0",
        ),
        (
            wire(BTC, False, "50000", "1", reduce=True, trigger=stop("5.55555")),
            "Price must be divisible by tick size. asset=0",
        ),
    ],
)
def test_errors_of_orders(desk, alice, order, text):
    before = desk.engine.tables["accounts"].tobytes()
    assert alice.order(order) == [{"error": text}]
    assert desk.engine.tables["accounts"].tobytes() == before


def test_errors_stand_in_their_places(alice):
    found = alice.order(
        wire(BTC, True, "59000", "0.01"),
        wire(BTC, True, "59000.555", "0.01"),
        wire(BTC, True, "59000", "0.0001"),
        wire(BTC, True, "60010", "0.01", tif="Ioc"),
    )
    assert [next(iter(status)) for status in found] == ["resting", "error", "error", "filled"]


def test_a_client_id_is_not_used_twice(alice):
    alice.order(wire(BTC, True, "59000", "0.01", cloid=CLOID))
    (status,) = alice.order(wire(BTC, True, "59000", "0.01", cloid=CLOID))
    assert "client order id" in status["error"]


def test_halted_and_post_only_markets(desk, alice):
    desk.do(SetMarketStatus(desk.time_ms, BTC, MarketStatus.HALTED))
    assert alice.order(wire(BTC, True, "59000", "0.01")) == [
        {"error": "Trading is halted. asset=0"}
    ]
    desk.do(SetMarketStatus(desk.time_ms, BTC, MarketStatus.POST_ONLY_ONLY))
    (status,) = alice.order(wire(BTC, True, "59000", "0.01"))
    assert status["error"].startswith("Only post-only orders allowed")


def test_a_market_with_a_stale_feed_takes_reduce_only_orders(desk, alice):
    alice.order(wire(BTC, True, "60010", "0.01", tif="Ioc"))
    (rests,) = alice.order(wire(BTC, True, "59000", "0.01"))
    desk.do(SetMarketStatus(desk.time_ms, BTC, MarketStatus.REDUCE_ONLY_ONLY))
    (status,) = alice.order(wire(BTC, True, "59000", "0.01"))
    assert status["error"] == (
        "Only reduce-only orders are accepted while the price feed of this market is stale. asset=0"
    )
    (refused,) = alice.order(wire(BTC, False, "59990", "0.01", tif="Ioc"))
    assert refused == status
    found = alice.l1({"type": "cancel", "cancels": [{"a": BTC, "o": resting(rests)}]})
    assert found["response"]["data"]["statuses"] == ["success"]
    (closed,) = alice.order(wire(BTC, False, "59990", "0.01", tif="Ioc", reduce=True))
    assert closed["filled"]["totalSz"] == "0.01"


def test_a_taker_that_meets_only_itself(desk, alice):
    desk2 = FakeDesk()
    desk2.advance(0)
    desk2.fund(alice.address, 1_000)
    desk2.price(BTC, 600_000)
    alone = Client(desk2)
    (rests,) = alone.order(wire(BTC, False, "60000", "0.01"))
    (status,) = alone.order(wire(BTC, True, "60000", "0.01", tif="Ioc"))
    assert status == {"error": IMMEDIATE}
    found = alone.l1({"type": "cancel", "cancels": [{"a": BTC, "o": resting(rests)}]})
    assert found["response"]["data"]["statuses"] == [{"error": GONE}]


# -- whole batches ------------------------------------------------------------------------------


def test_an_empty_batch(alice):
    action = {"type": "order", "orders": [], "grouping": "na"}
    assert alice.l1(action) == {"status": "err", "response": "Orders are empty."}


def test_an_unknown_asset(alice):
    action = {"type": "order", "orders": [wire(9, True, "1", "1")], "grouping": "na"}
    assert alice.l1(action) == {"status": "err", "response": "Asset does not exist. asset=9"}


def test_priority_is_taken_and_means_nothing(alice):
    (status,) = alice.order(wire(BTC, True, "60010", "0.1", tif="Ioc"), grouping={"p": 5})
    assert "filled" in status


def test_triggers_only_reduce(alice):
    found = alice.order(
        wire(BTC, True, "59000", "0.01"), wire(BTC, True, "62000", "1", trigger=stop("61000"))
    )
    assert found == [{"error": "Trigger order is not reduce only. asset=0"}]


def test_the_main_order_is_no_trigger(alice):
    order = wire(BTC, False, "50000", "1", reduce=True, trigger=stop("59000"))
    found = alice.order(order, order, grouping="normalTpsl")
    assert found == [{"error": "Main order cannot be trigger order. asset=0"}]


def bracket(price: str, tif: str = "Gtc"):
    return (
        wire(BTC, True, price, "0.5", tif=tif),
        wire(BTC, False, "62000", "0.5", reduce=True, trigger=stop("62000", tpsl="tp")),
        wire(BTC, False, "50000", "0.5", reduce=True, trigger=stop("58000")),
    )


def test_children_of_a_resting_order_wait_for_it(alice):
    parent, *children = alice.order(*bracket("59000"), grouping="normalTpsl")
    assert "resting" in parent
    assert children == ["waitingForFill", "waitingForFill"]


def test_children_of_a_filled_order_wait_for_their_triggers(desk, alice):
    parent, *children = alice.order(*bracket("60010", "Ioc"), grouping="normalTpsl")
    assert "filled" in parent
    assert children == ["waitingForTrigger", "waitingForTrigger"]
    desk.price(BTC, 575_000)
    assert desk.position("alice", BTC) == 0


def test_children_without_a_parent(alice):
    alice.order(wire(BTC, True, "59000", "0.5"))
    for price in ("59000.555", "1"):
        parent, *children = alice.order(*bracket(price), grouping="normalTpsl")
        assert "error" in parent
        assert children == [{"error": "Main order was not placed. asset=0"}] * 2


def test_stops_of_the_whole_position(desk, alice):
    alice.order(wire(BTC, True, "60010", "0.5"))
    found = alice.order(
        wire(BTC, False, "50000", "0", reduce=True, trigger=stop("58000")),
        wire(BTC, False, "62000", "0.1", reduce=True, trigger=stop("62000", tpsl="tp")),
        grouping="positionTpsl",
    )
    assert found == ["waitingForTrigger", "waitingForTrigger"]
    desk.price(BTC, 575_000)
    assert desk.position("alice", BTC) == 0
    limit = wire(BTC, False, "62000", "0.1", reduce=True)
    assert alice.order(limit, grouping="positionTpsl") == [
        {"error": "Order has invalid type. asset=0"}
    ]


def test_a_lone_trigger_rests(desk, alice):
    alice.order(wire(BTC, True, "60010", "0.5"))
    (status,) = alice.order(wire(BTC, False, "50000", "0.5", reduce=True, trigger=stop("58000")))
    assert "resting" in status


def test_builders_are_approved_first(alice):
    builder = "0x6530512A6c89C7cfCEbC3BA7fcD9aDa5f30827a6"
    order = {"type": "order", "orders": [wire(BTC, True, "59000", "0.01")], "grouping": "na"}
    with_fee = {**order, "builder": {"b": builder.lower(), "f": 10}}
    assert alice.l1({**order, "builder": {"b": builder, "f": 0}})["status"] == "ok"
    assert alice.l1(with_fee) == {
        "status": "err", "response": "Builder fee has not been approved.",
    }  # fmt: skip
    approval = {"type": "approveBuilderFee", "maxFeeRate": "0.01%", "builder": builder}
    assert alice.message(approval) == OK
    assert alice.l1(with_fee)["status"] == "ok"
    assert alice.l1({**order, "builder": {"b": builder, "f": 11}})["status"] == "err"


# -- cancelling and modifying -------------------------------------------------------------------


def test_cancels(alice):
    oid = resting(alice.order(wire(BTC, True, "59000", "0.01"))[0])
    action = {"type": "cancel", "cancels": [{"a": ETH, "o": oid}, {"a": BTC, "o": 1}]}
    found = [{"error": GONE[:-1] + asset} for asset in "10"]
    assert alice.l1(action)["response"] == {"type": "cancel", "data": {"statuses": found}}
    action = {"type": "cancel", "cancels": [{"a": BTC, "o": oid}, {"a": BTC, "o": oid}]}
    assert alice.l1(action)["response"]["data"]["statuses"] == ["success", {"error": GONE}]


def test_cancels_by_client_id(alice):
    alice.order(wire(BTC, True, "59000", "0.01", cloid=CLOID))
    action = {"type": "cancelByCloid", "cancels": [{"asset": BTC, "cloid": CLOID}] * 2}
    answer = alice.l1(action)["response"]
    assert answer == {"type": "cancel", "data": {"statuses": ["success", {"error": GONE}]}}


def test_a_fast_cancel_leaves_triggers(alice):
    alice.order(wire(BTC, True, "60010", "0.5"))
    oids = [
        resting(status)
        for status in alice.order(
            wire(BTC, True, "59000", "0.5"),
            wire(BTC, False, "50000", "0.5", reduce=True, trigger=stop("58000")),
        )
    ]
    action = {"type": "cancel", "cancels": [{"a": BTC, "o": oid} for oid in oids], "f": True}
    assert alice.l1(action)["response"]["data"]["statuses"] == ["success", {"error": GONE}]


def test_modify(alice):
    oid = resting(alice.order(wire(BTC, True, "59000", "0.01", cloid=CLOID))[0])
    order = wire(BTC, True, "59100", "0.02", cloid=CLOID)
    assert alice.l1({"type": "modify", "oid": oid, "order": order}) == OK
    assert alice.l1({"type": "modify", "oid": CLOID, "order": order}) == OK
    gone = {"status": "err", "response": "Cannot modify canceled or filled order"}
    assert alice.l1({"type": "modify", "oid": oid, "order": order}) == gone
    other = {"type": "modify", "oid": CLOID[:-1] + "e", "order": order}
    assert alice.l1(other) == gone


def test_replacements_must_rest(desk, alice):
    oid = resting(alice.order(wire(BTC, True, "59000", "0.01"))[0])
    refused = {"error": "Attempted to modify to invalid new order"}
    for order in (
        wire(BTC, True, "60100", "0.01"),
        wire(BTC, True, "60100", "0.01", tif="Alo"),
        wire(BTC, True, "60100", "0.01", tif="Ioc"),
        wire(BTC, False, "50000", "0.01", reduce=True, trigger=stop("58000")),
    ):
        action = {"type": "batchModify", "modifies": [{"oid": oid, "order": order}]}
        assert alice.l1(action)["response"] == {"type": "order", "data": {"statuses": [refused]}}
    order = wire(BTC, True, "60100", "0.01")
    action = {"type": "batchModify", "modifies": [{"oid": oid, "order": order}], "a": True}
    assert "filled" in alice.l1(action)["response"]["data"]["statuses"][0]


def test_a_resting_replacement_is_post_only(desk, alice, bob):
    oid = resting(alice.order(wire(BTC, True, "59000", "0.01"))[0])
    changes = [
        {"oid": oid, "order": wire(BTC, True, "59500", "0.01")},
        {"oid": oid, "order": wire(BTC, True, "59600", "0.01")},
    ]
    found = alice.l1({"type": "batchModify", "modifies": changes})["response"]["data"]["statuses"]
    assert resting(found[0]) > oid
    assert found[1] == {"error": "Cannot modify canceled or filled order"}
    orders = desk.engine.tables["orders"]
    row = orders[orders["order_id"] == resting(found[0])]
    assert int(row["time_in_force"][0]) == 3


def test_a_market_without_a_price(desk, alice):
    bare = FakeDesk()
    bare.do(CreateAccount(bare.time_ms))
    bare.directory.state.next_row += 1
    bare.fund(alice.address, 1_000)
    (status,) = Client(bare).order(wire(ALT, True, "1", "100"))
    assert status == {"error": "Trading is halted. asset=2"}


def test_many_orders_cost_as_many_requests(desk, alice):
    alice.order(*[wire(BTC, True, str(59000 + n), "0.001") for n in range(7)])
    assert desk.directory.holder(alice.address).requests == 7
    assert desk.cash(desk.directory.row_of(alice.address)) == 100_000 * MICRO


def test_makers_are_other_accounts(desk, alice, bob):
    alice.order(wire(ETH, False, "3000", "1"))
    (status,) = bob.order(wire(ETH, True, "3100", "1", tif="Ioc"))
    assert status["filled"]["avgPx"] == "3000.0"
    assert (desk.position("alice", ETH), desk.position("bob", ETH)) == (-10_000, 10_000)
    assert Side.BUY == 0
