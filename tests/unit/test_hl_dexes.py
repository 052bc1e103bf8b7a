"""Builder dexes: asset ids, what each answer shows of them, and money between their sides."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from seawall.domain.commands import CancelOrder, Deposit, SetLeverage, Transfer
from seawall.domain.enums import MarginMode, Side
from seawall.domain.events import CommandRejected, OrderAccepted
from seawall.domain.units import MICRO
from seawall.venues.hyperliquid.directory.pools import cash_of
from seawall.venues.hyperliquid.info.base import BadRequest
from seawall.venues.hyperliquid.instruments import Assets, builder_instrument
from seawall.venues.hyperliquid.stream.channels import CHANNELS, topic_of
from tests.unit.hl_desk import (
    ADDRESSES,
    INSTRUMENTS,
    OK,
    Client,
    FakeDesk,
    wire,
)
from tests.unit.hl_venue import ALICE, BOB, BTC, Sandbox, with_sandbox

GOLD, SILVER, COPPER = 3, 4, 5
GOLD_ASSET, SILVER_ASSET, COPPER_ASSET = 110_000, 110_001, 120_000


def market(name: str, price: str) -> Any:
    made = builder_instrument(name, price)
    assert made is not None
    return made


OTHERS = (
    (market("xyz:GOLD", "3000"), 300_000),
    (market("xyz:SILVER", "40"), 400_000),
    (market("abc:COPPER", "5"), 500_000),
)


def on_dexes(body: Callable[[Sandbox], Awaitable[None]]) -> None:
    with_sandbox(body, OTHERS)


def test_terms_of_a_builders_market():
    gold = market("xyz:GOLD", "3000")
    assert (gold.group, gold.collateral, gold.size_decimals) == ("xyz", "USDC", 4)
    sizes = [market("xyz:A", price).size_decimals for price in ("1234567.5", "86", "0.103", "")]
    assert sizes == [5, 2, 0, 0]
    for name in ("GOLD", "xyz:gold", "XYZ:GOLD", "xyz:", ":GOLD", "x:GOLD", "xyz:GO LD"):
        assert builder_instrument(name, "1") is None


def test_asset_ids():
    # A dex's markets need not stand together: the order within it is what counts.
    listed = [*INSTRUMENTS, OTHERS[0][0], OTHERS[2][0], OTHERS[1][0]]
    assets = Assets(listed)
    assert assets.dexes == ("", "xyz", "abc")
    ids = [assets.of(row) for row in range(6)]
    assert ids == [0, 1, 2, GOLD_ASSET, COPPER_ASSET, SILVER_ASSET]
    assert [assets.market(asset) for asset in ids] == [0, 1, 2, 3, 4, 5]
    for asset in (3, 4, 10_000, 100_000, 110_002, 120_001, 130_000):
        assert assets.market(asset) is None


def test_lists_and_prices_by_dex():
    async def body(s: Sandbox) -> None:
        dexes = s.ask("perpDexs")
        assert dexes[0] is None
        assert [dex["name"] for dex in dexes[1:]] == ["xyz", "abc"]
        metas = s.ask("allPerpMetas")
        assert metas == [s.ask("meta", dex=dex) for dex in ("", "xyz", "abc")]
        names = [[asset["name"] for asset in meta["universe"]] for meta in metas]
        assert names == [["BTC", "ETH", "DOGE"], ["xyz:GOLD", "xyz:SILVER"], ["abc:COPPER"]]
        assert s.ask("metaAndAssetCtxs") == [metas[0], s.ask("metaAndAssetCtxs")[1]]
        meta, contexts = s.ask("metaAndAssetCtxs", dex="xyz")
        assert meta == metas[1]
        assert [context["oraclePx"] for context in contexts] == ["3000.0", "40.0"]
        assert s.ask("allMids", dex="abc") == {"abc:COPPER": "5.0"}
        assert set(s.ask("allMids")) == {"BTC", "ETH", "DOGE"}
        assert s.ask("perpsAtOpenInterestCap", dex="xyz") == []
        assert [row[0] for row in s.ask("predictedFundings")] == ["BTC", "ETH", "DOGE"]
        for kind in ("meta", "metaAndAssetCtxs", "allMids", "perpsAtOpenInterestCap"):
            for dex in ("GOLD", "xy", 0, False, ["xyz"]):
                with pytest.raises(BadRequest):
                    s.ask(kind, dex=dex)

    on_dexes(body)


def test_a_standard_account_has_a_side_on_each_dex():
    async def body(s: Sandbox) -> None:
        for address in (ALICE, BOB):
            row = s.row(address)
            await s.do(lambda now, row=row: Deposit(now, row, 10_000 * MICRO, group=1))
            await s.do(lambda now, row=row: SetLeverage(now, row, SILVER, 5, MarginMode.ISOLATED))
        await s.trade(ALICE, BOB, GOLD, 300_000, 20_000)
        await s.trade(ALICE, BOB, SILVER, 400_000, 1_000)
        await s.trade(ALICE, BOB, BTC, 1_000_000, 10_000)
        await s.place(ALICE, GOLD, Side.BUY, 250_000, 10_000)
        await s.place(ALICE, BTC, Side.BUY, 900_000, 1_000)
        states = dict(s.ask("allDexsClearinghouseState", user=ALICE)["clearinghouseStates"])
        assert list(states) == ["", "xyz", "abc"]
        for dex, state in states.items():
            assert state == s.ask("clearinghouseState", user=ALICE, dex=dex)
        assert states["abc"]["marginSummary"]["accountValue"] == "0.0"
        coins = {
            dex: [entry["position"]["coin"] for entry in state["assetPositions"]]
            for dex, state in states.items()
        }
        assert coins == {"": ["BTC"], "xyz": ["xyz:GOLD", "xyz:SILVER"], "abc": []}
        own, other = states[""], states["xyz"]
        # 100,000 less the maker's fee of 10,000 USD; 10,000 less those of 6,000 and 400, the
        # latter out of the bucket of 80.
        assert own["crossMarginSummary"]["accountValue"] == "99998.5"
        assert other["crossMarginSummary"]["accountValue"] == "9919.1"
        assert other["marginSummary"]["accountValue"] == "9999.04"
        assert other["crossMarginSummary"]["totalMarginUsed"] == "300.0"
        assert other["crossMaintenanceMarginUsed"] == "150.0"
        # Less the tenth of the notional that stays, and 2,500 USD at 20x on order.
        assert other["withdrawable"] == "9194.1"
        (order,) = s.ask("openOrders", user=ALICE, dex="xyz")
        assert (order["coin"], order["limitPx"]) == ("xyz:GOLD", "2500.0")
        assert [o["coin"] for o in s.ask("frontendOpenOrders", user=ALICE, dex="xyz")] == [
            "xyz:GOLD"
        ]
        assert [o["coin"] for o in s.ask("openOrders", user=ALICE)] == ["BTC"]
        active = s.ask("activeAssetData", user=ALICE, coin="xyz:GOLD")
        # Selling may use what the buy order holds, and twice the margin of the position.
        assert active["availableToTrade"] == ["9494.1", str(9494.1 + 125 + 600)]
        most = int(Decimal(active["maxTradeSzs"][1]) * 10**4)
        for size, kind in ((most + 1, CommandRejected), (most, OrderAccepted)):
            done = await s.place(ALICE, GOLD, Side.SELL, 300_000, size)
            (event,) = done.applied[0].events
            assert isinstance(event, kind)
        await s.do(lambda now: CancelOrder(now, s.row(ALICE), GOLD, event.order_id))
        assert s.ask("activeAssetData", user=ALICE, coin="abc:COPPER")["availableToTrade"] == [
            "0.0", "0.0"
        ]  # fmt: skip
        assert {fill["coin"] for fill in s.ask("userFills", user=ALICE)} == {
            "BTC", "xyz:GOLD", "xyz:SILVER"
        }  # fmt: skip
        assert s.ask("perpDexStatus") == {"totalNetDeposit": "220000.0"}
        with pytest.raises(BadRequest):
            s.ask("perpDexStatus", dex="xyz")

    on_dexes(body)


def test_streams_name_the_dex():
    async def body(s: Sandbox) -> None:
        await s.place(ALICE, BTC, Side.BUY, 900_000, 1_000)

        def first(kind: str, **fields: Any) -> Any:
            topic = topic_of(s.venue, {"type": kind, **fields})
            show = CHANNELS[kind].first
            assert show is not None
            return show(s.venue, topic)

        mids = {dex: s.ask("allMids", dex=dex) for dex in ("", "xyz")}
        assert first("allMids", dex="xyz") == {"dex": "xyz", "mids": mids["xyz"]}
        assert first("allMids") == {"mids": mids[""]}
        for kind, field in (("clearinghouseState", "clearinghouseState"), ("openOrders", "orders")):
            for dex in ("", "xyz"):
                shown = first(kind, user=ALICE, dex=dex)
                assert (shown["dex"], shown["user"]) == (dex, ALICE)
                asked = "frontendOpenOrders" if kind == "openOrders" else kind
                assert shown[field] == s.ask(asked, user=ALICE, dex=dex)
        assert first("allDexsClearinghouseState", user=ALICE) == s.ask(
            "allDexsClearinghouseState", user=ALICE
        )
        assert [name for name, _ in first("allDexsAssetCtxs")["ctxs"]] == ["", "xyz", "abc"]
        assert len(first("assetCtxs", dex="xyz")["ctxs"]) == 2
        assert len(first("webData3", user=ALICE)["perpDexStates"]) == 3
        with pytest.raises(BadRequest):
            topic_of(s.venue, {"type": "openOrders", "user": ALICE, "dex": "nope"})

    on_dexes(body)


def test_the_ledger_names_the_dexes():
    async def body(s: Sandbox) -> None:
        alice, bob = s.row(ALICE), s.row(BOB)
        await s.do(lambda now: Transfer(now, alice, alice, 5 * MICRO, 0, 1))
        await s.do(lambda now: Transfer(now, alice, bob, 2 * MICRO, 1, 1))
        await s.do(lambda now: Transfer(now, alice, bob, 1 * MICRO, 0, 0))
        seen = {}
        for address in (ALICE, BOB):
            deltas = [row["delta"] for row in s.ask("userNonFundingLedgerUpdates", user=address)]
            seen[address] = [
                (
                    d["type"],
                    d.get("amount") or d["usdc"],
                    d.get("sourceDex"),
                    d.get("destinationDex"),
                )
                for d in deltas
                if d["type"] != "deposit"
            ]
        shared = [("send", "2.0", "xyz", "xyz"), ("internalTransfer", "1.0", None, None)]
        assert seen[ALICE] == [("send", "5.0", "", "xyz"), *shared]
        assert seen[BOB] == shared

    on_dexes(body)


# -- actions -------------------------------------------------------------------------------------


@pytest.fixture
def desk() -> FakeDesk:
    made = FakeDesk([*INSTRUMENTS, *(each for each, _ in OTHERS)])
    made.advance(0)
    for name in ("alice", "bob"):
        row = made.fund(ADDRESSES[name], 100_000)
        made.do(Deposit(made.time_ms, row, 10_000 * MICRO, group=1))
    for row, price in ((0, 600_000), (1, 300_000), (2, 2_000_000)):
        made.price(row, price)
    for row, (_, price) in enumerate(OTHERS, GOLD):
        made.price(row, price)
    return made


@pytest.fixture
def alice(desk: FakeDesk) -> Client:
    return Client(desk)


def test_orders_by_asset_id(desk: FakeDesk, alice: Client) -> None:
    (placed,) = alice.order(wire(GOLD_ASSET, True, "2900", "0.5"))
    oid = placed["resting"]["oid"]
    order = desk.engine.tables["orders"][oid & (1 << 22) - 1]
    assert (int(order["market"]), int(order["price"])) == (GOLD, 290_000)
    assert alice.order(wire(GOLD_ASSET, True, "2900", "0.0001")) == [
        {"error": f"Order must have minimum value of $10. asset={GOLD_ASSET}"}
    ]
    assert alice.order(wire(GOLD_ASSET, True, "2900.123", "1")) == [
        {"error": f"Price must be divisible by tick size. asset={GOLD_ASSET}"}
    ]
    modify = {"oid": oid, "order": wire(GOLD_ASSET, True, "2800", "0.5")}
    answer = alice.l1({"type": "batchModify", "modifies": [modify]})
    oid = answer["response"]["data"]["statuses"][0]["resting"]["oid"]

    def cancel(asset: int) -> Any:
        answer = alice.l1({"type": "cancel", "cancels": [{"a": asset, "o": oid}]})
        return answer["response"]["data"]["statuses"]

    missing = "Order was never placed, already canceled, or filled."
    assert cancel(SILVER_ASSET) == [{"error": f"{missing} asset={SILVER_ASSET}"}]
    assert cancel(GOLD_ASSET) == ["success"]
    cloid = "0x" + "00" * 15 + "07"
    alice.order(wire(COPPER_ASSET, True, "4.9", "100", cloid=cloid))
    assert alice.order(wire(SILVER_ASSET, True, "39", "10", cloid=cloid))[0]["resting"]
    by_cloid = {"type": "cancelByCloid", "cancels": [{"asset": SILVER_ASSET, "cloid": cloid}]}
    assert alice.l1(by_cloid)["response"]["data"]["statuses"] == ["success"]


@pytest.mark.parametrize("asset", [3, 110_002, 130_000, 10_001 * 10_000])
def test_an_asset_that_is_not_there(alice: Client, asset: int) -> None:
    action = {"type": "order", "orders": [wire(asset, True, "1", "10")], "grouping": "na"}
    expected = {"status": "err", "response": f"Asset does not exist. asset={asset}"}
    assert alice.l1(action) == expected
    leverage = {"type": "updateLeverage", "asset": asset, "isCross": True, "leverage": 2}
    assert alice.l1(leverage) == expected


def test_spot_orders_are_refused(alice: Client) -> None:
    action = {"type": "order", "orders": [wire(10_000, True, "1", "10")], "grouping": "na"}
    assert alice.l1(action) == {
        "status": "err",
        "response": "Spot orders are not offered by this venue. asset=10000",
    }


def test_leverage_and_isolated_margin_by_asset_id(desk: FakeDesk, alice: Client) -> None:
    isolated = {"type": "updateLeverage", "asset": GOLD_ASSET, "isCross": False, "leverage": 10}
    assert alice.l1(isolated) == OK
    bob = desk.directory.row_of(ADDRESSES["bob"])
    desk.rest(bob, GOLD, Side.SELL, 300_000, 10_000)
    assert "filled" in alice.order(wire(GOLD_ASSET, True, "3000", "1", "Ioc"))[0]
    update = {
        "type": "updateIsolatedMargin",
        "asset": GOLD_ASSET,
        "isBuy": True,
        "ntli": 50 * MICRO,
    }
    assert alice.l1(update) == OK
    assert alice.l1({"type": "topUpIsolatedOnlyMargin", "asset": GOLD_ASSET, "leverage": "5"}) == OK
    row = desk.engine.tables["positions"]
    own = row[(row["account"] == desk.directory.row_of(alice.address)) & (row["market"] == GOLD)]
    # 600 USD of 3,000 at 5x, the top-up; the mark is the price of the trade.
    assert int(own["isolated_cash"][0]) == (600 - 3_000) * MICRO
    assert desk.cash(desk.directory.row_of(alice.address)) == 100_000 * MICRO


def test_twap_by_asset_id(desk: FakeDesk, alice: Client) -> None:
    twap = {"a": GOLD_ASSET, "b": True, "s": "1", "r": False, "m": 5, "t": False}
    answer = alice.l1({"type": "twapOrder", "twap": twap})
    number = answer["response"]["data"]["status"]["running"]["twapId"]
    assert desk.directory.state.twaps[number].market == GOLD
    missing = {"type": "twapCancel", "a": SILVER_ASSET, "t": number}
    assert "error" in alice.l1(missing)["response"]["data"]["status"]
    found = alice.l1({"type": "twapCancel", "a": GOLD_ASSET, "t": number})
    assert found["response"]["data"]["status"] == "success"


def send(source: str, target: str, amount: str, to: str) -> dict[str, Any]:
    return {
        "type": "sendAsset", "destination": to, "sourceDex": source, "destinationDex": target,
        "token": "USDC:0x6d1e7cde53ba9467b783cb7c530ce054", "amount": amount,
        "fromSubAccount": "", "signatureChainId": "0x66eee", "hyperliquidChain": "Testnet",
    }  # fmt: skip


def group_cash(desk: FakeDesk, name: str, group: int) -> int:
    return cash_of(desk.engine, desk.directory.row_of(ADDRESSES[name]), group) // MICRO


def test_send_asset_between_dexes(desk: FakeDesk, alice: Client) -> None:
    me, bob = alice.address, ADDRESSES["bob"]
    assert alice.message(send("", "abc", "100", me)) == OK
    assert [group_cash(desk, "alice", group) for group in range(3)] == [99_900, 10_000, 100]
    assert alice.message(send("xyz", "spot", "10", me)) == OK
    assert alice.message(send("spot", "abc", "4", me)) == OK
    assert alice.message(send("xyz", "xyz", "7", bob)) == OK
    assert [group_cash(desk, "alice", group) for group in range(3)] == [99_900, 9_983, 104]
    assert desk.directory.spot_balance(desk.engine, me) == 6 * MICRO
    assert group_cash(desk, "bob", 1) == 10_007

    def refusal(action: dict[str, Any]) -> str:
        answer = alice.message(action)
        assert answer["status"] == "err"
        return str(answer["response"])

    assert refusal(send("xyz", "xyz", "7", me)) == "Cannot self-transfer."
    assert refusal(send("xyz", "nope", "7", me)) == "Invalid dex: nope"
    assert refusal(send("abc", "", "105", me)) == "Insufficient balance for token transfer"


def test_what_carries_a_position_stays_on_its_dex(desk: FakeDesk, alice: Client) -> None:
    bob = desk.directory.row_of(ADDRESSES["bob"])
    desk.rest(bob, GOLD, Side.SELL, 300_000, 100_000)
    alice.order(wire(GOLD_ASSET, True, "3000", "10", "Ioc"))
    # 10,000 less the fee of 13.50, less the tenth of 30,000.
    too_much = alice.message(send("xyz", "", "6986.51", alice.address))
    assert too_much["response"] == "Insufficient balance for token transfer"
    assert alice.message(send("xyz", "", "6986.5", alice.address)) == OK


def test_a_builders_fee_is_paid_on_the_side_of_the_fill(desk: FakeDesk, alice: Client) -> None:
    builder = "0x" + "bd" * 20
    approve = {
        "type": "approveBuilderFee", "maxFeeRate": "0.1%", "builder": builder,
        "signatureChainId": "0x66eee", "hyperliquidChain": "Testnet",
    }  # fmt: skip
    assert alice.message(approve) == OK
    bob = desk.directory.row_of(ADDRESSES["bob"])
    desk.rest(bob, GOLD, Side.SELL, 300_000, 10_000)
    desk.rest(bob, 0, Side.SELL, 600_000, 10_000)
    before = [group_cash(desk, "alice", group) for group in (0, 1)]
    orders = [
        wire(asset, True, price, "0.1", "Ioc")
        for asset, price in ((GOLD_ASSET, "3000"), (0, "60000"))
    ]
    answer = alice.order(*orders, builder={"b": builder, "f": 100})
    assert all("filled" in status for status in answer)
    row = desk.directory.row_of(builder)
    assert [cash_of(desk.engine, row, group) for group in (0, 1)] == [6 * MICRO, 3 * MICRO // 10]
    assert before == [100_000, 10_000]
