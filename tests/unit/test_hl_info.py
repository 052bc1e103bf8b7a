"""Answers to questions: from the state of a real machine, in the venue's shapes."""

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from seawall.domain.commands import (
    CancelOrder,
    Command,
    CreateAccount,
    PlaceOrder,
    SetLeverage,
    SetMarketStatus,
    SetOraclePrice,
    SettleMarket,
    Transfer,
)
from seawall.domain.enums import MarginMode, MarketStatus, OrderFlag, Side, TimeInForce
from seawall.domain.units import MICRO
from seawall.engine.book_view import book_level_dtype, book_levels
from seawall.venues.hyperliquid.account.explain import account_report
from seawall.venues.hyperliquid.account.user import user_states
from seawall.venues.hyperliquid.directory.twaps import slice_client_id
from seawall.venues.hyperliquid.info import trades
from seawall.venues.hyperliquid.info.answer import ANSWERS, EMPTY_ANSWERS, answer_info
from seawall.venues.hyperliquid.info.base import BadRequest
from seawall.venues.hyperliquid.info.market import _coarser
from seawall.venues.hyperliquid.instruments import instruments_from_meta
from seawall.venues.port import Plan, Record
from seawall.venues.rulebook_file import load_rulebook
from tests.unit.hl_venue import (
    ALICE,
    BOB,
    BTC,
    DOGE,
    ETH,
    NOBODY,
    START_MS,
    Sandbox,
    instruments,
    with_sandbox,
)
from tools.write_compatibility import page as compatibility_page

ROOT = Path(__file__).resolve().parents[2]
SUB = "0x" + "5b" * 20
FIELDS: dict[str, Any] = {
    "coin": "ETH",
    "dex": "",
    "startTime": 0,
    "endTime": None,
    "builder": BOB,
    "source": BOB,
    "oid": 1,
    "req": {"coin": "ETH", "interval": "1m", "startTime": 0, "endTime": None},
}
OWN_FIELDS: dict[str, dict[str, Any]] = {
    "marginTable": {"id": 56},
    "tokenDetails": {"tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054"},
}
Body = Callable[[Sandbox], Awaitable[None]]


async def mixed_account(s: Sandbox) -> None:
    """Alice: long ETH and short DOGE cross, long BTC isolated at 10x."""
    row = s.row(ALICE)
    await s.do(lambda now: SetLeverage(now, row, BTC, 10, MarginMode.ISOLATED))
    await s.do(lambda now: SetLeverage(now, row, DOGE, 10, MarginMode.CROSS))
    await s.trade(ALICE, BOB, ETH, 250_000, 3_000_000)
    await s.trade(ALICE, BOB, BTC, 1_000_000, 30_000, taker=ALICE)
    await s.trade(BOB, ALICE, DOGE, 200_000, 250_000)


# -- accounts ------------------------------------------------------------------------------------


def test_account_is_what_explain_computes_from_it() -> None:
    async def body(s: Sandbox) -> None:
        await mixed_account(s)
        await s.do(lambda now: SetOraclePrice(now, ETH, 249_123))
        await s.do(lambda now: SetOraclePrice(now, BTC, 1_002_345))
        await s.advance(3_700_000)
        book = load_rulebook("hyperliquid")
        markets = {market.name: market for market in instruments()}
        for address in (ALICE, BOB):
            shown = s.ask("clearinghouseState", user=address)
            (user,) = user_states(json.dumps(shown).encode(), markets)
            report = account_report(user, book)
            assert report.warnings == ()
            assert report.withdrawable is not None
            entries = [entry["position"] for entry in shown["assetPositions"]]
            assert [entry["coin"] for entry in entries] == ["BTC", "ETH", "DOGE"]
            for entry, position in zip(entries, report.positions, strict=True):
                assert (entry["liquidationPx"] is None) == (position.liquidation_price is None)
                if position.liquidation_price is not None:
                    assert entry["liquidationPx"] == position.liquidation_price
        isolated = s.ask("clearinghouseState", user=ALICE)["assetPositions"][0]["position"]
        assert isolated["leverage"]["type"] == "isolated"
        assert isolated["liquidationPx"] is not None
        assert set(isolated["leverage"]) == {"type", "value", "rawUsd"}
        assert Decimal(isolated["cumFunding"]["sinceOpen"]) > 0

    with_sandbox(body)


def test_unknown_users_have_empty_accounts() -> None:
    async def body(s: Sandbox) -> None:
        state = s.ask("clearinghouseState", user=NOBODY.upper().replace("0X", "0x"))
        assert state["assetPositions"] == []
        assert state["marginSummary"] == {
            "accountValue": "0.0",
            "totalNtlPos": "0.0",
            "totalRawUsd": "0.0",
            "totalMarginUsed": "0.0",
        }
        assert state["withdrawable"] == "0.0"
        assert s.ask("spotClearinghouseState", user=NOBODY) == {"balances": []}
        assert s.ask("userRole", user=NOBODY) == {"role": "missing"}
        assert s.ask("subAccounts", user=NOBODY) is None
        assert s.ask("orderStatus", user=NOBODY, oid=1) == {"status": "unknownOid"}
        for kind in "openOrders userFills historicalOrders userFunding twapHistory".split():
            assert s.ask(kind, user=NOBODY) == []

    with_sandbox(body)


def test_what_an_account_can_trade() -> None:
    async def body(s: Sandbox) -> None:
        fresh = s.ask("activeAssetData", user=ALICE, coin="ETH")
        assert fresh["leverage"] == {"type": "cross", "value": 20}
        assert fresh["availableToTrade"] == ["100000.0", "100000.0"]
        assert fresh["maxTradeSzs"] == ["800.0", "800.0"]
        assert s.ask("activeAssetData", user=ALICE, coin="DOGE")["leverage"]["value"] == 10
        await s.trade(ALICE, BOB, ETH, 250_000, 1_000_000)
        buy, sell = s.ask("activeAssetData", user=ALICE, coin="ETH")["availableToTrade"]
        assert Decimal(sell) - Decimal(buy) == 2 * 250_000 // 20
        stranger = s.ask("activeAssetData", user=NOBODY, coin="ETH")
        assert stranger["maxTradeSzs"] == ["0.0", "0.0"]

    with_sandbox(body)


# -- orders --------------------------------------------------------------------------------------


def test_open_orders_in_both_shapes() -> None:
    async def body(s: Sandbox) -> None:
        await s.place(ALICE, ETH, Side.BUY, 240_000, 5000, client_id=77)
        plain = s.ask("openOrders", user=ALICE)
        assert set(plain[0]) == {
            "coin", "side", "limitPx", "sz", "oid", "timestamp", "origSz", "cloid",
        }  # fmt: skip
        assert plain[0]["cloid"] == f"0x{77:032x}"
        assert (plain[0]["side"], plain[0]["limitPx"], plain[0]["sz"]) == ("B", "2400.0", "0.5")
        full = s.ask("frontendOpenOrders", user=ALICE)[0]
        assert full["tif"] == "Gtc"
        assert full["triggerCondition"] == "N/A"
        assert full["triggerPx"] == "0.0"
        assert full["children"] == []
        assert full["orderType"] == "Limit"
        by_cloid = s.ask("orderStatus", user=ALICE, oid=plain[0]["cloid"])
        assert by_cloid == s.ask("orderStatus", user=ALICE, oid=plain[0]["oid"])
        assert by_cloid["order"]["status"] == "open"
        assert s.ask("orderStatus", user=BOB, oid=plain[0]["oid"]) == {"status": "unknownOid"}

    with_sandbox(body)


def test_triggers_and_children_of_an_order() -> None:
    stop = OrderFlag.TRIGGER | OrderFlag.REDUCE_ONLY | OrderFlag.TRIGGER_MARKET

    async def body(s: Sandbox) -> None:
        row = s.row(ALICE)

        def parent(now: int) -> Command:
            return PlaceOrder(now, row, ETH, Side.BUY, 240_000, 5000)

        def child(now: int) -> Command:
            flags = stop | OrderFlag.CHILD
            return PlaceOrder(
                now, row, ETH, Side.SELL, 220_000, 5000, TimeInForce.GOOD_TIL_CANCEL, flags, 230_000
            )

        await s.do(parent, child)
        orders = s.ask("frontendOpenOrders", user=ALICE)
        assert [order["orderType"] for order in orders] == ["Limit"]
        assert [order["orderType"] for order in orders[0]["children"]] == ["Stop Market"]
        assert orders[0]["children"][0]["triggerCondition"] == "Price below 2300"
        await s.trade(ALICE, BOB, BTC, 1_000_000, 10_000)
        await s.place(
            ALICE, BTC, Side.SELL, 1_100_000, 10_000,
            flags=stop | OrderFlag.TAKE_PROFIT, trigger=1_100_000,
        )  # fmt: skip
        profit = s.ask("frontendOpenOrders", user=ALICE)[0]
        assert profit["orderType"] == "Take Profit Market"
        assert profit["triggerCondition"] == "Price above 110000"
        assert profit["tif"] is None
        assert profit["isTrigger"] is True

    with_sandbox(body)


def test_ended_orders_keep_their_status() -> None:
    async def body(s: Sandbox) -> None:
        await s.place(ALICE, ETH, Side.BUY, 240_000, 5000)
        row, oid = s.row(ALICE), s.ask("openOrders", user=ALICE)[0]["oid"]
        await s.do(lambda now: CancelOrder(now, row, ETH, oid))
        await s.place(ALICE, ETH, Side.BUY, 240_000, 1)
        await s.trade(ALICE, BOB, ETH, 250_000, 1000)
        history = s.ask("historicalOrders", user=ALICE)
        assert [entry["status"] for entry in history] == [
            "filled", "minTradeNtlRejected", "canceled",
        ]  # fmt: skip
        assert s.ask("orderStatus", user=ALICE, oid=oid)["order"]["status"] == "canceled"
        refused = history[1]["order"]["oid"]
        assert 0 < refused < 2**53
        found = s.ask("orderStatus", user=ALICE, oid=refused)
        assert found["order"]["status"] == "minTradeNtlRejected"
        assert history[0]["order"]["sz"] == "0.0"

    with_sandbox(body)


# -- fills, funding, ledger ----------------------------------------------------------------------


def test_directions_of_fills() -> None:
    async def body(s: Sandbox) -> None:
        await s.trade(ALICE, BOB, ETH, 250_000, 1000)
        await s.trade(BOB, ALICE, ETH, 251_000, 400)
        await s.trade(BOB, ALICE, ETH, 251_000, 1000)
        await s.trade(ALICE, BOB, ETH, 250_000, 1000)
        ours = [fill["dir"] for fill in s.ask("userFills", user=ALICE)]
        assert ours == ["Short > Long", "Long > Short", "Close Long", "Open Long"]
        theirs = [fill["dir"] for fill in s.ask("userFills", user=BOB)]
        assert theirs == ["Long > Short", "Short > Long", "Close Short", "Open Short"]
        forward = s.ask("userFillsByTime", user=ALICE, startTime=0, endTime=None)
        assert forward == s.ask("userFills", user=ALICE)[::-1]
        closed = s.ask("userFills", user=ALICE)[2]
        assert (closed["closedPnl"], closed["startPosition"]) == ("0.4", "0.1")
        assert closed["crossed"] is True
        tids = [fill["tid"] for fill in s.ask("userFills", user=BOB)]
        assert tids == [fill["tid"] for fill in s.ask("userFills", user=ALICE)]
        trades = s.ask("recentTrades", coin="ETH")
        assert [entry["tid"] for entry in trades] == tids
        assert trades[-1]["users"] == [ALICE, BOB]

    with_sandbox(body)


def test_fills_of_one_order_and_time_are_joined() -> None:
    async def body(s: Sandbox) -> None:
        await s.place(BOB, ETH, Side.SELL, 250_000, 1000)
        await s.place(BOB, ETH, Side.SELL, 251_000, 1000)
        await s.place(ALICE, ETH, Side.BUY, 252_000, 2000, client_id=9)
        assert len(s.ask("userFills", user=ALICE)) == 2
        joined = s.ask("userFills", user=ALICE, aggregateByTime=True)
        assert [(fill["px"], fill["sz"]) for fill in joined] == [("2505.0", "0.2")]
        assert joined[0]["cloid"] == f"0x{9:032x}"
        fees = [Decimal(fill["fee"]) for fill in s.ask("userFills", user=ALICE)]
        assert Decimal(joined[0]["fee"]) == sum(fees)

    with_sandbox(body)


def test_slices_of_time_weighted_orders() -> None:
    async def body(s: Sandbox) -> None:
        high, low = slice_client_id(5, 0)
        row = s.row(ALICE)
        await s.place(BOB, ETH, Side.SELL, 250_000, 1000)
        await s.do(
            lambda now: PlaceOrder(
                now, row, ETH, Side.BUY, 252_000, 1000, TimeInForce.IMMEDIATE_OR_CANCEL,
                OrderFlag.NO_FLAG, 0, high, low,
            )
        )  # fmt: skip
        fill = s.ask("userFills", user=ALICE)[0]
        assert fill["twapId"] == 5
        assert "cloid" not in fill
        assert fill["hash"] == "0x" + "0" * 64
        assert s.ask("userTwapSliceFills", user=ALICE) == [{"fill": fill, "twapId": 5}]
        assert s.ask("historicalOrders", user=ALICE)[0]["order"]["orderType"] == "Twap Slice"

    with_sandbox(body)


def test_funding_that_was_paid() -> None:
    async def body(s: Sandbox) -> None:
        await s.trade(ALICE, BOB, ETH, 250_000, 100_000)
        await s.advance(3_700_000)
        paid = s.ask("userFunding", user=ALICE, startTime=0, endTime=None)
        assert paid[0]["delta"] == {
            "type": "funding",
            "coin": "ETH",
            "usdc": "-0.3125",
            "szi": "10.0",
            "fundingRate": "0.0000125",
            "nSamples": None,
        }
        assert s.ask("userFunding", user=BOB)[0]["delta"]["usdc"] == "0.3125"
        rates = s.ask("fundingHistory", coin="ETH", startTime=START_MS)
        assert [row["fundingRate"] for row in rates] == ["0.0000125"]
        assert rates[0]["time"] == START_MS + 3_600_000
        state = s.ask("clearinghouseState", user=ALICE)
        assert state["assetPositions"][0]["position"]["cumFunding"]["allTime"] == "0.3125"

    with_sandbox(body)


async def _with_spot(s: Sandbox, address: str, usd: int) -> None:
    """Open the spot row of an address and move some USDC there."""
    row, spot = s.row(address), s.host.directory.next_row
    await s.host.submit(
        lambda now: Plan(
            [CreateAccount(now), Transfer(now, row, spot, usd * MICRO)],
            [Record("spot", {"address": address})],
        )
    )


def test_ledger_in_the_words_of_the_venue() -> None:
    async def body(s: Sandbox) -> None:
        await s.open(SUB, 0, master=ALICE, name="sub")
        alice, bob, sub = s.row(ALICE), s.row(BOB), s.row(SUB)
        await s.do(lambda now: Transfer(now, alice, bob, 7 * MICRO))
        await s.do(lambda now: Transfer(now, alice, sub, 8 * MICRO))
        await _with_spot(s, ALICE, 9)
        await _with_spot(s, BOB, 1)
        spots = [s.host.directory.spot_row_of(address) for address in (ALICE, BOB)]
        await s.do(lambda now: Transfer(now, spots[0], spots[1], 2 * MICRO))
        await s.do(lambda now: Transfer(now, spots[0], alice, 3 * MICRO))
        await s.withdraw(ALICE, 5)
        deltas = [entry["delta"] for entry in s.ask("userNonFundingLedgerUpdates", user=ALICE)]
        by_type: dict[str, list[Any]] = {}
        for delta in deltas:
            by_type.setdefault(delta.pop("type"), []).append(delta)
        assert by_type["deposit"] == [{"usdc": "100000.0"}]
        assert by_type["internalTransfer"] == [
            {"usdc": "7.0", "user": ALICE, "destination": BOB, "fee": "0.0"}
        ]
        assert by_type["subAccountTransfer"] == [{"usdc": "8.0", "user": ALICE, "destination": SUB}]
        assert by_type["accountClassTransfer"] == [
            {"usdc": "9.0", "toPerp": False},
            {"usdc": "3.0", "toPerp": True},
        ]
        assert by_type["spotTransfer"][0]["amount"] == "2.0"
        assert by_type["withdraw"][0]["usdc"] == "4.0"
        assert by_type["withdraw"][0]["fee"] == "1.0"
        received = s.ask("userNonFundingLedgerUpdates", user=SUB)
        assert [entry["delta"]["type"] for entry in received] == ["subAccountTransfer"]
        spot = s.ask("spotClearinghouseState", user=ALICE)["balances"][0]
        assert (spot["coin"], spot["total"]) == ("USDC", "4.0")

    with_sandbox(body)


def test_a_liquidation_is_told() -> None:
    async def body(s: Sandbox) -> None:
        row = s.row(ALICE)
        await s.do(lambda now: SetLeverage(now, row, ETH, 25, MarginMode.ISOLATED))
        await s.trade(ALICE, BOB, ETH, 250_000, 300_000, taker=ALICE)
        await s.place(BOB, ETH, Side.BUY, 244_000, 1_000_000)
        await s.place(BOB, ETH, Side.SELL, 244_200, 1_000_000)
        await s.do(lambda now: SetOraclePrice(now, ETH, 244_000))
        fills = s.ask("userFills", user=ALICE)
        assert fills[0]["dir"] == "Liquidated Isolated Long"
        assert fills[0]["liquidation"]["liquidatedUser"] == ALICE
        assert fills[0]["liquidation"]["method"] == "market"
        assert s.ask("userFills", user=BOB)[0]["liquidation"]["liquidatedUser"] == ALICE
        lines = [
            entry["delta"]
            for entry in s.ask("userNonFundingLedgerUpdates", user=ALICE)
            if entry["delta"]["type"] == "liquidation"
        ]
        assert lines
        assert lines[0]["leverageType"] == "Isolated"
        assert lines[0]["liquidatedPositions"][0]["coin"] == "ETH"
        assert Decimal(lines[0]["liquidatedPositions"][0]["szi"]) > 0

    with_sandbox(body)


# -- markets -------------------------------------------------------------------------------------


def test_meta_is_read_back_as_the_same_markets() -> None:
    async def body(s: Sandbox) -> None:
        meta = s.ask("meta", dex="")
        assert instruments_from_meta(json.dumps(meta).encode()) == tuple(instruments())
        assert meta["marginTables"][0][0] == 50
        assert meta["universe"][BTC]["marginTableId"] == 56
        assert "isDelisted" not in meta["universe"][BTC]
        assert s.ask("allPerpMetas") == [meta]
        assert s.ask("metaAndAssetCtxs")[0] == meta

    with_sandbox(body)


def test_contexts_and_mids() -> None:
    async def body(s: Sandbox) -> None:
        assert s.ask("allMids") == {"BTC": "100000.0", "ETH": "2500.0", "DOGE": "0.2"}
        empty = s.ask("metaAndAssetCtxs")[1][ETH]
        assert (empty["midPx"], empty["impactPxs"], empty["premium"]) == (None, None, None)
        await s.place(BOB, ETH, Side.BUY, 249_900, 1_000_000)
        await s.place(BOB, ETH, Side.SELL, 250_110, 1_000_000)
        context = s.ask("metaAndAssetCtxs")[1][ETH]
        assert context["midPx"] == "2500.05"
        assert context["impactPxs"] == ["2499.0", "2501.1"]
        assert context["oraclePx"] == "2500.0"
        assert set(context) == {
            "funding", "openInterest", "prevDayPx", "dayNtlVlm", "premium", "oraclePx", "markPx",
            "midPx", "impactPxs", "dayBaseVlm",
        }  # fmt: skip
        await s.place(ALICE, ETH, Side.BUY, 250_110, 1000)
        after = s.ask("metaAndAssetCtxs")[1][ETH]
        assert (after["dayBaseVlm"], after["dayNtlVlm"]) == ("0.1", "250.11")
        assert after["openInterest"] == "0.1"

    with_sandbox(body)


def test_the_book_and_its_coarser_views() -> None:
    async def body(s: Sandbox) -> None:
        for step in range(30):
            await s.place(BOB, BTC, Side.BUY, 999_990 - 10 * step, 100)
            await s.place(BOB, BTC, Side.SELL, 1_000_010 + 10 * step, 100)
        fine = s.ask("l2Book", coin="BTC", nSigFigs=None, mantissa=None)
        assert [len(side) for side in fine["levels"]] == [20, 20]
        assert fine["levels"][0][0] == {"px": "99999.0", "sz": "0.001", "n": 1}
        coarse = s.ask("l2Book", coin="BTC", nSigFigs=4)["levels"]
        assert [level["px"] for level in coarse[0]] == ["99990.0", "99980.0", "99970.0"]
        assert [level["n"] for level in coarse[0]] == [10, 10, 10]
        assert coarse[1] == [{"px": "100100.0", "sz": "0.03", "n": 30}]
        assert s.ask("l2Book", coin="NOPE") is None
        for bad in ({"nSigFigs": 1}, {"nSigFigs": 3, "mantissa": 2}, {"nSigFigs": "5"}):
            with pytest.raises(BadRequest):
                s.ask("l2Book", coin="BTC", **bad)

    with_sandbox(body)


def test_levels_are_put_together_like_one_by_one() -> None:
    chance = np.random.default_rng(7)
    for _ in range(50):
        prices = np.unique(chance.integers(95_000, 105_000, 300))
        rows = np.zeros(len(prices), book_level_dtype)
        rows["price"], rows["total_size"], rows["count"] = prices, prices % 97 + 1, 1
        for up in (False, True):
            ordered = rows if up else rows[::-1]
            for figures, mantissa in ((2, 1), (4, 1), (5, 1), (5, 2), (5, 5)):
                naive: dict[int, list[int]] = {}
                for row in ordered:
                    price = int(row["price"])
                    digits = len(str(price))
                    step = 10 ** (digits - figures) * mantissa if digits > figures else 1
                    price = -(-price // step) * step if up else price // step * step
                    level = naive.setdefault(price, [0, 0])
                    level[0] += int(row["total_size"])
                    level[1] += int(row["count"])
                expected = [(price, *level) for price, level in naive.items()][:20]
                assert _coarser(ordered, figures, mantissa, up) == expected


def test_levels_come_from_the_ladders_best_first() -> None:
    async def body(s: Sandbox) -> None:
        prices = (240_000, 249_000, 245_500, 249_000)
        for price in prices:
            await s.place(BOB, ETH, Side.BUY, price, 1000)
        bids, asks = book_levels(s.host.engine, ETH, 2)
        assert bids == [(249_000, 2000, 2), (245_500, 1000, 1)]
        assert asks == []
        before = s.host.engine.state_hash()
        book_levels(s.host.engine, ETH, 50)
        assert s.host.engine.state_hash() == before

    with_sandbox(body)


def test_candles_of_every_interval() -> None:
    async def body(s: Sandbox) -> None:
        for price in (250_000, 252_000, 248_000):
            await s.trade(ALICE, BOB, ETH, price, 1000)
            await s.advance(40_000)
        asked = {"coin": "ETH", "startTime": START_MS, "endTime": None}
        for interval in trades.INTERVALS:
            rows = s.ask("candleSnapshot", req={**asked, "interval": interval})
            assert sum(row["n"] for row in rows) == 3, interval
            assert rows[-1]["c"] == "2480.0"
        minutes = s.ask("candleSnapshot", req={**asked, "interval": "1m"})
        assert [(row["o"], row["h"], row["l"], row["c"]) for row in minutes] == [
            ("2500.0", "2520.0", "2500.0", "2520.0"),
            ("2480.0", "2480.0", "2480.0", "2480.0"),
        ]
        assert minutes[0]["T"] - minutes[0]["t"] == 59_999
        month = s.ask("candleSnapshot", req={**asked, "interval": "1M"})[0]
        assert (month["o"], month["h"], month["l"]) == ("2500.0", "2520.0", "2480.0")
        assert month["T"] - month["t"] + 1 == 31 * 86_400_000

    with_sandbox(body)


def test_a_delisted_market_and_a_capped_one() -> None:
    async def body(s: Sandbox) -> None:
        await s.trade(ALICE, BOB, ETH, 250_000, 10_000)
        await s.do(lambda now: SetMarketStatus(now, ETH, MarketStatus.OPEN, 1000 * MICRO))
        await s.do(lambda now: SettleMarket(now, DOGE, 200_000))
        assert s.ask("perpsAtOpenInterestCap") == ["ETH"]
        assert s.ask("meta")["universe"][DOGE]["isDelisted"] is True

    with_sandbox(body)


# -- people --------------------------------------------------------------------------------------


def test_roles_agents_and_approvals() -> None:
    async def body(s: Sandbox) -> None:
        await s.open(SUB, 0, master=ALICE, name="sub")
        agent = "0x" + "a9" * 20
        until = START_MS + 1000
        await s.note("agent", master=ALICE, address=agent, name="bot", valid_until=until)
        await s.note("builder", address=ALICE, builder=BOB, rate=10)
        await s.note("referrer", address=ALICE, code="CODE")
        assert s.ask("userRole", user=ALICE) == {"role": "user"}
        assert s.ask("userRole", user=SUB) == {"role": "subAccount", "data": {"master": ALICE}}
        assert s.ask("userRole", user=agent) == {"role": "agent", "data": {"user": ALICE}}
        assert s.ask("extraAgents", user=ALICE) == [
            {"address": agent, "name": "bot", "validUntil": until}
        ]
        assert s.ask("maxBuilderFee", user=ALICE, builder=BOB) == 10
        assert s.ask("approvedBuilders", user=ALICE) == [BOB]
        assert s.ask("referral", user=ALICE)["referredBy"]["code"] == "CODE"
        subs = s.ask("subAccounts", user=ALICE)
        assert [(sub["name"], sub["subAccountUser"]) for sub in subs] == [("sub", SUB)]
        assert subs[0]["clearinghouseState"]["assetPositions"] == []
        await s.advance(5000)
        assert s.ask("userRole", user=agent) == {"role": "missing"}

    with_sandbox(body)


def test_fees_and_volumes() -> None:
    async def body(s: Sandbox) -> None:
        await s.trade(ALICE, BOB, ETH, 250_000, 10_000)
        fees = s.ask("userFees", user=BOB)
        assert (fees["userCrossRate"], fees["userAddRate"]) == ("0.00045", "0.00015")
        assert fees["dailyUserVlm"][-1]["userCross"] == "2500.0"
        assert fees["dailyUserVlm"][-1]["exchange"] == "2500.0"
        assert len(fees["feeSchedule"]["tiers"]["vip"]) == 6
        await s.advance(86_400_000)
        later = s.ask("userFees", user=BOB)["dailyUserVlm"]
        assert [day["userCross"] for day in later[-2:]] == ["2500.0", "0.0"]
        assert s.ask("userRateLimit", user=BOB)["nRequestsCap"] == 12_500

    with_sandbox(body)


# -- every type ----------------------------------------------------------------------------------


def test_every_type_answers_for_everybody() -> None:
    async def body(s: Sandbox) -> None:
        await mixed_account(s)
        for kind in {**ANSWERS, **EMPTY_ANSWERS}:
            for address in (ALICE, NOBODY):
                fields = {**FIELDS, **OWN_FIELDS.get(kind, {}), "user": address}
                answer = answer_info(s.venue, {"type": kind, **fields})
                msgspec.json.encode(answer)

    with_sandbox(body)


def test_what_is_no_question_is_refused() -> None:
    bad: list[Any] = [
        None, [], "meta", 3, {}, {"type": None}, {"type": "nothing"}, {"type": ["meta"]},
        {"type": "meta", "dex": "other"}, {"type": "clearinghouseState"},
        {"type": "clearinghouseState", "user": "0x12"}, {"type": "clearinghouseState", "user": 5},
        {"type": "userFillsByTime", "user": ALICE}, {"type": "l2Book", "coin": None},
        {"type": "userFillsByTime", "user": ALICE, "startTime": -1},
        {"type": "userFillsByTime", "user": ALICE, "startTime": 1.5},
        {"type": "userFillsByTime", "user": ALICE, "startTime": 2**80},
        {"type": "userFills", "user": ALICE, "aggregateByTime": "yes"},
        {"type": "candleSnapshot", "req": {"coin": "ETH", "interval": "7m", "startTime": 0}},
        {"type": "candleSnapshot", "req": []}, {"type": "orderStatus", "user": ALICE},
        {"type": "orderStatus", "user": ALICE, "oid": "0x1"}, {"type": "marginTable", "id": 999},
        {"type": "activeAssetData", "user": ALICE, "coin": "NOPE"},
        {"type": "borrowLendReserveState", "token": 0},
    ]  # fmt: skip

    async def body(s: Sandbox) -> None:
        for request in bad:
            with pytest.raises(BadRequest):
                answer_info(s.venue, request)

    with_sandbox(body)


def test_answers_change_nothing() -> None:
    async def body(s: Sandbox) -> None:
        await mixed_account(s)
        before = s.host.engine.state_hash()
        for kind in {**ANSWERS, **EMPTY_ANSWERS}:
            fields = {**FIELDS, **OWN_FIELDS.get(kind, {}), "user": ALICE}
            answer_info(s.venue, {"type": kind, **fields})
        assert s.host.engine.state_hash() == before

    with_sandbox(body)


def test_compatibility_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "venue" / "compatibility.md").read_text(encoding="utf-8")
    assert page == compatibility_page(), "run tools/write_compatibility.py"
