"""Answers about an account in what tools save around them: every shape says the same."""

import copy
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seawall.accounts.load import load_account
from seawall.accounts.valuation import Valuation
from seawall.domain.enums import MarginGrouping, Side
from seawall.domain.errors import InputError
from seawall.domain.events import is_pool
from seawall.domain.units import money_text
from seawall.venues.hyperliquid.account.document import documents_of
from seawall.venues.hyperliquid.account.explain import account_report
from seawall.venues.hyperliquid.account.sheets import explain
from seawall.venues.hyperliquid.account.user import user_states
from seawall.venues.raw_json import VenueDataError
from seawall.venues.rulebook_file import load_rulebook
from tests.command_line import seawall
from tests.shared_files import ROOT

HYBRID: dict[str, Any] = json.loads((ROOT / "examples" / "account_hybrid.json").read_text())
PRICES = ["50474.653164557", "3471.5361519608", "34.7142526316"]
EMPTY: dict[str, Any] = {
    "marginSummary": {"accountValue": "0.0", "totalNtlPos": "0.0", "totalRawUsd": "0.0"},
    "crossMarginSummary": {"accountValue": "0.0", "totalNtlPos": "0.0", "totalRawUsd": "0.0"},
    "crossMaintenanceMarginUsed": "0.0",
    "withdrawable": "0.0",
    "assetPositions": [],
}
SPOT: dict[str, Any] = {
    "balances": [
        {"coin": "USDC", "token": 0, "total": "2000.0", "hold": "0.0"},
        {"coin": "USDE", "token": 235, "total": "300.25", "hold": "0.0"},
        {"coin": "PURR", "token": 1, "total": "7.5", "hold": "0.0"},
    ]
}


def shown(document: Any, meta: bytes | None = None) -> dict[str, Any]:
    book = load_rulebook()
    found = explain(json.dumps(document).encode(), meta, book)  # type: ignore[arg-type]
    return found.findings().plain_object()


def prices(document: Any) -> list[str | None]:
    return [each["liquidation_price"] for each in shown(document)["positions"]]


def position(coin: str, size: str, value: str, mode: str = "cross", **more: Any) -> dict[str, Any]:
    leverage = {"type": mode, "value": 5, **more}
    return {
        "type": "oneWay",
        "position": {
            "coin": coin, "szi": size, "leverage": leverage, "positionValue": value,
            "maxLeverage": 10,
        },
    }  # fmt: skip


def state(*positions: dict[str, Any], value: str, cash: str, notional: str) -> dict[str, Any]:
    totals = {"accountValue": value, "totalNtlPos": notional, "totalRawUsd": cash}
    return {
        "marginSummary": totals,
        "crossMarginSummary": totals,
        "assetPositions": list(positions),
    }


def as_text(value: Any) -> Any:
    """As a client that turns every number into text has it."""
    if isinstance(value, dict):
        return {name: as_text(each) for name, each in value.items()}
    if isinstance(value, list):
        return [as_text(each) for each in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


SHAPES: dict[str, Any] = {
    "named": {"clearinghouseState": HYBRID, "abstraction": "default"},
    "named, mode null": {"clearinghouseState": HYBRID, "abstraction": None, "note": "a remark"},
    "by dex": {"clearinghouseState": {"": HYBRID, "xyz": EMPTY}},
    "by the main dex's name": {"clearinghouseState": {"main": HYBRID}},
    "pairs": {"clearinghouseState": [["", HYBRID], ["xyz", EMPTY]]},
    "pairs alone": [["", HYBRID], ["xyz", EMPTY]],
    "all dexes": {"clearinghouseStates": [["", HYBRID], ["xyz", EMPTY]], "user": "0x1"},
    "of the websocket": {"channel": "clearinghouseState", "data": {
        "dex": "", "user": "0x1", "clearinghouseState": HYBRID,
    }},
    "all dexes of the websocket": {"channel": "allDexsClearinghouseState", "data": {
        "user": "0x1", "clearinghouseStates": [["", HYBRID], ["xyz", EMPTY]],
    }},
    "a post": {"channel": "post", "data": {"id": 1, "response": {
        "type": "info", "payload": {"type": "clearinghouseState", "data": HYBRID},
    }}},
    "webData2": {"clearinghouseState": HYBRID, "spotState": SPOT, "openOrders": [], "user": "0x1",
                 "serverTime": 1, "leadingVaults": [], "totalVaultEquity": "0.0"},
    "webData2 of the websocket": {"channel": "webData2", "data": {"clearinghouseState": HYBRID}},
    "a list of one": [HYBRID],
    "a sub-account": [{"name": "one", "subAccountUser": "0x1", "master": "0x2",
                       "clearinghouseState": HYBRID, "spotState": SPOT}],
    "a sub-account of several dexes": [{"name": "one", "dexToClearinghouseState": [["", HYBRID]],
                                        "spotState": SPOT}],
    "answers in a list": [HYBRID, SPOT],
    "answers in a list with the mode": ["disabled", HYBRID, SPOT],
    "frames of the websocket": [
        {"channel": "allDexsClearinghouseState", "data": {
            "user": "0x1", "clearinghouseStates": [["", HYBRID], ["xyz", EMPTY]],
        }},
        {"channel": "spotState", "data": {"user": "0x1", "spotState": SPOT}},
    ],
    "raw in a client's answer": {"info": HYBRID, "USDC": {"free": 1.0}, "timestamp": 5},
    "numbers as text": as_text(HYBRID),
    "numbers as text in a client's answer": {"info": as_text(HYBRID), "free": {}},
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_says_the_same(name: str) -> None:
    assert prices(SHAPES[name]) == PRICES


def test_positions_as_a_client_lists_them() -> None:
    """ccxt's raw rows: leverage as text, no totals, which an isolated position does not need."""
    rows = [{"info": as_text(HYBRID["assetPositions"][2]), "symbol": "HYPE/USDC:USDC"}]
    assert prices(rows) == PRICES[2:]
    rows = [{"info": each} for each in HYBRID["assetPositions"]]
    with pytest.raises(VenueDataError, match=r"crossMarginSummary\.accountValue: missing"):
        shown(rows)


def test_a_position_of_size_zero_is_named_and_not_counted() -> None:
    message = copy.deepcopy(HYBRID)
    message["assetPositions"].append(position("SOL", "0.0", "0.0"))
    found = shown(message)
    assert [each["coin"] for each in found["positions"]] == ["BTC", "ETH", "HYPE"]
    assert found["not_counted"] == ["SOL: a position of size zero"]


def test_other_assets_are_named_and_not_counted() -> None:
    found = shown(SHAPES["webData2"] | {"totalVaultEquity": "5.0", "vaults": [{"equity": "5"}]})
    assert found["not_counted"] == [
        "2000 USDC in spot balances", "300.25 USDE in spot balances", "7.5 PURR in spot balances",
        "vaults is not read",
    ]  # fmt: skip
    text = seawall(
        "explain", "-", stdin=json.dumps(SHAPES["webData2"]).encode(), folder=ROOT
    ).stdout
    assert "Not counted: 2000 USDC in spot balances" in " ".join(text.split())


def test_answers_in_a_list_are_of_one_account() -> None:
    document = unified("150.0", "140.0", position("DOGE", "1000.0", "200.0"))
    frames = [
        {"channel": "clearinghouseState", "data": {
            "dex": "", "clearinghouseState": document["clearinghouseState"],
        }},
        {"channel": "spotState", "data": {"spotState": document["spotClearinghouseState"]}},
    ]  # fmt: skip
    for answers in (frames, [*reversed(frames)], ["unifiedAccount", *frames]):
        found = shown(answers)
        assert found["mode"]["name"] == "unified"
        assert [each["cross_equity"] for each in found["groups"]] == ["150"]


def test_a_balance_needs_no_number_of_its_token() -> None:
    document = unified("150.0", "140.0", position("DOGE", "1000.0", "200.0"))
    del document["spotClearinghouseState"]["balances"][0]["token"]
    assert shown(document)["exact"] is True


def test_several_sub_accounts_are_shown_together() -> None:
    rows = [
        {"name": "one", "clearinghouseState": HYBRID},
        {"name": "two", "clearinghouseState": EMPTY},
        {"name": "three", "clearinghouseState": HYBRID},
    ]
    found = shown(rows)
    assert [each["account"] for each in found["positions"]] == ["one"] * 3 + ["three"] * 3
    assert [each["name"] for each in found["accounts"]] == ["one", "two", "three"]
    assert found["accounts"][0]["account_value"] == "8361.472"
    assert [each["account"] for each in found["modes"]] == ["one", "two", "three"]
    with pytest.raises(InputError, match=r"several sub-accounts hold positions \(one, three\)"):
        load_account(json.dumps(rows).encode())
    assert load_account(json.dumps(rows[:2]).encode()).name == "one"


# -- several dexes -------------------------------------------------------------------------------

MAIN = state(position("DOGE", "1000.0", "200.0"), value="50.0", cash="-150.0", notional="200.0")
STOCKS = state(position("xyz:TSLA", "1.0", "300.0"), value="80.0", cash="-220.0", notional="300.0")
OTHER = state(position("hyna:SOL", "-2.0", "100.0"), value="40.0", cash="140.0", notional="100.0")
DEXES = {"": MAIN, "xyz": STOCKS, "hyna": OTHER}


def test_each_dex_is_its_own_pool_in_standard_mode() -> None:
    found = shown({"clearinghouseState": DEXES, "abstraction": "disabled"})
    groups = found["groups"]
    assert [(each["name"], each["collateral"], each["cross_equity"]) for each in groups] == [
        ("main", "USDC", "50"), ("xyz", "USDC", "80"), ("hyna", "USDE", "40"),
    ]  # fmt: skip
    assert [(each["dex"], each["group"]) for each in found["positions"]] == [
        ("", "main"), ("xyz", "xyz"), ("hyna", "hyna"),
    ]  # fmt: skip
    # 150 / (1000 x 0.95), 220 / 0.95, 140 / (2 x 1.05)
    assert prices({"clearinghouseState": DEXES, "abstraction": "disabled"}) == [
        "0.1578947368", "231.5789473684", "66.6666666667",
    ]  # fmt: skip


def test_dexes_of_one_collateral_share_an_equity_in_unified_mode() -> None:
    document = {
        "clearinghouseState": DEXES,
        "abstraction": "unifiedAccount",
        "spotClearinghouseState": SPOT,
    }  # fmt: skip
    found = shown(document)
    assert [(each["name"], each["dexes"], each["cross_equity"]) for each in found["groups"]] == [
        ("USDC", ["main", "xyz"], "2000"), ("USDE", ["hyna"], "300.25"),
    ]  # fmt: skip
    doge, tsla, sol = found["positions"]
    assert (doge["group"], tsla["group"], sol["group"]) == ("USDC", "USDC", "USDE")
    assert (doge["liquidation_price"], tsla["liquidation_price"]) == (None, None)
    # 300.25 + 100 = 2 p (1 + 1/20), in USDE
    assert (sol["liquidation_price"], sol["collateral"]) == ("190.5952380952", "USDE")
    assert found["account"]["account_value"] == "2000"
    assert found["exact"] is False  # nothing shows that the answers are of one moment
    document["spotClearinghouseState"] = {
        **SPOT, "tokenToAvailableAfterMaintenance": [[0, "1975.0"], [235, "295.25"]],
    }  # fmt: skip
    exact = shown(document)
    assert exact["exact"] is True
    assert [row["difference"] for row in exact["figures_compared"]] == ["0", "0"]
    text = seawall("explain", "-", stdin=json.dumps(document).encode()).stdout
    assert "USDC, USDE" in text


def test_a_dex_without_a_known_collateral_is_assumed_and_said() -> None:
    unknown = state(position("new:X", "1.0", "100.0"), value="50.0", cash="-50.0", notional="100.0")
    document = {"clearinghouseState": {"": EMPTY, "new": unknown}, "abstraction": "disabled"}
    found = shown(document)
    assert found["positions"][0]["exact"] is False
    assert "the collateral token of new is not known" in found["positions"][0]["reasons"][0]
    document["metas"] = {
        "new": {
            "universe": [{"name": "new:X", "szDecimals": 2, "maxLeverage": 10}],
            "collateralToken": 360,
        }
    }
    found = shown(document)
    assert found["positions"][0]["collateral"] == "USDH"
    assert found["positions"][0]["exact"] is True


def test_a_unified_account_becomes_an_account_with_its_equity() -> None:
    document = {
        "clearinghouseState": {"": MAIN, "xyz": STOCKS},
        "abstraction": "unifiedAccount",
        "spotClearinghouseState": SPOT,
    }
    account = load_account(json.dumps(document).encode(), prices={"DOGE": "0.2"})
    assert account.holdings.collateral == 2_000_000_000
    assert account.holdings.grouping == MarginGrouping.SHARED
    assert account.holdings.other_collateral == {}


def test_each_collateral_of_a_unified_account_is_a_pool_of_its_own() -> None:
    document = {
        "clearinghouseState": DEXES,
        "abstraction": "unifiedAccount",
        "spotClearinghouseState": SPOT,
    }
    account = load_account(json.dumps(document).encode(), prices={"DOGE": "0.2"})
    shown_groups = {each["name"]: each["cross_equity"] for each in shown(document)["groups"]}
    valuation = Valuation(account.holdings, account.rulebook, account.instruments, account.prices)
    pools = [each for bucket, each in valuation.at(account.prices).items() if is_pool(bucket)]
    equities = [money_text(each.equity) for each in pools]
    assert equities == [shown_groups["USDC"], shown_groups["USDE"]]


# -- folders -------------------------------------------------------------------------------------


def test_a_folder_of_answers(tmp_path: Path) -> None:
    files = {
        "clearinghouseState.json": MAIN,
        "clearinghouseState_xyz.json": STOCKS,
        "clearinghouseState.hyna.json": OTHER,
        "spotClearinghouseState.json": SPOT,
        "userAbstraction.json": "unifiedAccount",
    }
    for name, value in files.items():
        (tmp_path / name).write_text(json.dumps(value))
    (tmp_path / "README.md").write_text("not an answer")
    order = {"coin": "DOGE", "side": "B", "limitPx": "0.1", "sz": "100.0"}
    for name in ("openOrders.json", "openOrders_xyz.json"):
        (tmp_path / name).write_text(json.dumps([order]))
    active = {
        "coin": "DOGE", "leverage": {"type": "cross", "value": 5}, "markPx": "0.2",
        "maxTradeSzs": ["1.0", "2.0"], "availableToTrade": ["0.04", "0.08"],
    }  # fmt: skip
    (tmp_path / "activeAssetData_DOGE.json").write_text(json.dumps(active))
    result = seawall("explain", str(tmp_path), "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["mode"]["stated"] == "unifiedAccount"
    assert [each["cross_equity"] for each in found["groups"]] == ["2000", "300.25"]
    buy = next(
        row for row in found["figures_compared"] if row["figure"] == "available to trade buy"
    )
    # 2000 less initial margins of 40 and 60, less two orders of 10 at 5x.
    assert buy["here"] == "1896"
    (tmp_path / "clearinghouseState.hyna.json").unlink()
    assert load_account(tmp_path, prices={"DOGE": "0.2"}).holdings.collateral == 2_000_000_000
    (tmp_path / "openOrders.json").write_text("{")
    refused = seawall("explain", str(tmp_path))
    assert refused.returncode == 2
    assert "openOrders.json: not JSON" in refused.stderr


def test_closing_orders_are_taken_over(tmp_path: Path) -> None:
    def order(coin: str, side: str, kind: str, price: str, **more: object) -> dict[str, object]:
        is_trigger = kind not in ("Limit", "Market")
        return {
            "coin": coin, "side": side, "orderType": kind, "isTrigger": is_trigger,
            "limitPx": price, "triggerPx": price if is_trigger else "0.0", "sz": "10.0",
            "reduceOnly": True, "isPositionTpsl": False, **more,
        }  # fmt: skip

    (held,) = [each["position"] for each in MAIN["assetPositions"]]
    size = Decimal(held["szi"])
    mark = Decimal(held["positionValue"]) / abs(size)
    close, opening = ("A", "B") if size > 0 else ("B", "A")
    loss, gain = (str(mark * Decimal(f)) for f in (("0.5", "2") if size > 0 else ("2", "0.5")))
    orders = [
        order(held["coin"], close, "Stop Market", loss),
        order(held["coin"], close, "Take Profit Market", gain, sz="0.0", isPositionTpsl=True),
        order(held["coin"], close, "Limit", gain),
        order(held["coin"], close, "Limit", gain, reduceOnly=False),
        order(held["coin"], opening, "Limit", loss, reduceOnly=False),
        order(held["coin"], close, "Stop Limit", loss),
        order(held["coin"], close, "Stop Market", gain),
        order("BTC", close, "Stop Market", "1.0"),
    ]
    (tmp_path / "clearinghouseState.json").write_text(json.dumps(MAIN))
    (tmp_path / "frontendOpenOrders.json").write_text(json.dumps(orders))
    account = load_account(tmp_path, prices={held["coin"]: str(mark)})
    stop, profit, limit = account.orders
    assert (stop.trigger_price > 0, stop.take_profit, stop.reduce_only) == (True, False, True)
    assert (profit.take_profit, profit.size) == (True, abs(account.positions[0].signed_size))
    assert (limit.trigger_price, limit.reduce_only) == (0, True)
    assert {each.side for each in account.orders} == {Side.SELL if size > 0 else Side.BUY}


# -- what cannot be used -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"spotClearinghouseState": SPOT}, "clearinghouseState: missing; it lists the positions"),
        ({"clearinghouseState": {"": MAIN, "main": MAIN}}, "a second state of the main dex"),
        ({"clearinghouseState": {"assetPositions": 1}}, "clearinghouseState.assetPositions: exp"),
        (
            {"clearinghouseState": [["", MAIN], ["xyz", {"assetPositions": [{}]}]]},
            r"clearinghouseState\[1\]\[1\].assetPositions\[0\].position: missing",
        ),
        ({"clearinghouseState": MAIN, "spotState": {"balances": 1}}, "spotState.balances: expec"),
        ([], "the list is empty"),
        (
            {"clearinghouseState": MAIN, "activeAssetData": {"DOGE": {"coin": "DOGE"}}},
            "activeAssetData.DOGE.leverage: missing",
        ),
    ],
)  # fmt: skip
def test_bad_answers_are_named(document: Any, message: str) -> None:
    with pytest.raises(VenueDataError, match=message):
        shown(document)


def test_envelopes_end_somewhere() -> None:
    document: Any = HYBRID
    for _ in range(12):
        document = {"data": document}
    with pytest.raises(VenueDataError, match="envelopes in envelopes"):
        documents_of(json.dumps(document).encode())


def test_a_pooled_cross_position_without_any_equity_is_refused() -> None:
    bare = {"assetPositions": [position("DOGE", "1000.0", "200.0")]}
    document = {"clearinghouseState": bare, "abstraction": "unifiedAccount"}
    with pytest.raises(VenueDataError, match="spotClearinghouseState: missing"):
        account_report(user_states(json.dumps(document).encode())[0], load_rulebook())


def test_an_unknown_mode_is_named_and_another_one_is_used() -> None:
    found = shown({"clearinghouseState": HYBRID, "abstraction": "somethingNew"})
    assert (found["mode"]["name"], found["mode"]["basis"]) == ("standard", "inferred")
    assert any("'somethingNew' is not known" in each for each in found["warnings"])


# -- moments and doubts --------------------------------------------------------------------------


def unified(total: str, available: str, *positions: dict[str, Any]) -> dict[str, Any]:
    notional = sum(float(each["position"]["positionValue"]) for each in positions)
    return {
        "abstraction": "unifiedAccount",
        "clearinghouseState": state(
            *positions, value="500.0", cash=str(500 - notional), notional=str(notional)
        ),
        "spotClearinghouseState": {
            "balances": [{"coin": "USDC", "token": 0, "total": total, "hold": "500.0"}],
            "tokenToAvailableAfterMaintenance": [[0, available]],
        },
    }


def test_one_cross_position_tells_the_moment_of_the_balance() -> None:
    """The mark rose from 0.2 to 0.21 before the spot answer: 10 of equity, 0.5 of maintenance."""
    long = position("DOGE", "1000.0", "200.0")
    (group,) = shown(unified("160.0", "149.5", long))["groups"]
    assert (group["cross_equity"], group["moment_difference"]) == ("150", "10")
    assert group["exact"] is False
    assert "0.5 USDC of maintenance margin moved between them" in group["reasons"][0]
    short = position("DOGE", "-1000.0", "200.0")
    (group,) = shown(unified("140.0", "129.5", short))["groups"]
    assert (group["cross_equity"], group["moment_difference"]) == ("150", "-10")


def test_several_cross_positions_do_not_tell_it_and_it_is_bounded() -> None:
    held = (position("DOGE", "1000.0", "200.0"), position("SUI", "100.0", "100.0"))
    (group,) = shown(unified("165.0", "149.3", *held))["groups"]
    assert group["cross_equity"] == "165"
    # 165 - 15 - 149.3 = 0.7 of maintenance margin at 1 / 20
    assert group["moment_difference"] == "14"
    assert "is not known" in group["reasons"][0]


def test_prices_that_agree_tell_the_moment_of_the_balance() -> None:
    """150 of equity at the marks of the perp answer, 165 in a balance of another moment."""
    rows = ("DOGE", "-1000.0", "200.0"), ("SUI", "-100.0", "100.0")
    one = shown(unified("150.0", "135.0", *(position(*row) for row in rows)))
    assert one["exact"] is True
    held = []
    for row, each in zip(rows, one["positions"], strict=True):
        held.append(position(*row))
        held[-1]["position"]["liquidationPx"] = each["liquidation_price"]
    found = shown(unified("165.0", "149.3", *held))
    (group,) = found["groups"]
    assert abs(float(group["cross_equity"]) - 150) < 1e-6
    assert abs(float(group["moment_difference"]) - 15) < 1e-6
    assert (group["inferred_from"] in ("DOGE", "SUI"), group["exact"]) == (True, False)
    assert {each["exact"] for each in found["positions"]} == {False}
    held[0]["position"]["liquidationPx"] = "0.4"
    (group,) = shown(unified("165.0", "149.3", *held))["groups"]
    assert (group["cross_equity"], group["inferred_from"]) == ("165", None)


def test_a_mode_that_nothing_tells_is_not_exact() -> None:
    bare = state(position("DOGE", "1000.0", "200.0"), value="50.0", cash="-150.0", notional="200.0")
    found = shown(bare)
    assert (found["mode"]["basis"], found["exact"]) == ("assumed", False)
    assert found["positions"][0]["exact"] is False
    assert "nothing tells the mode" in found["positions"][0]["reasons"][0]
    by_spot = shown({"clearinghouseState": bare, "spotClearinghouseState": SPOT})
    assert (by_spot["mode"]["name"], by_spot["mode"]["basis"]) == ("standard", "inferred")
    assert by_spot["exact"] is True


def test_prices_of_the_venue_confirm_a_stated_mode() -> None:
    found = shown({"clearinghouseState": HYBRID, "abstraction": "dexAbstraction"})
    assert found["exact"] is True
    bare = state(position("DOGE", "1000.0", "200.0"), value="50.0", cash="-150.0", notional="200.0")
    found = shown({"clearinghouseState": bare, "abstraction": "dexAbstraction"})
    assert "dexAbstraction moves collateral" in found["positions"][0]["reasons"][0]


def test_a_negative_balance_takes_the_offset() -> None:
    """Portfolio margin with more borrowed than held: 20 USDC count against it, as documented."""
    document = unified("-100.0", "0.0", position("HYPE", "-1.0", "50.0"))
    document["abstraction"] = "portfolioMargin"
    spot = document["spotClearinghouseState"]
    spot["balances"] = [
        {"coin": "USDC", "token": 0, "total": "-100.0", "hold": "0.0", "borrowed": "600.0"},
        {"coin": "HYPE", "token": 150, "total": "10.0", "hold": "0.0", "supplied": "10.0"},
    ]
    (group,) = shown(document)["groups"]
    # 10 x 50 x (0.5 + 0.5 x 0.65) - 100 - 20; the account value is 500 = -100 + 600
    assert (group["cross_equity"], group["moment_difference"]) == ("292.5", "0")
    assert any("minimum borrow offset is assumed" in each for each in group["reasons"])


def test_a_dex_with_money_and_no_position_is_no_group() -> None:
    document = unified("150.0", "140.0", position("DOGE", "1000.0", "200.0"))
    document["clearinghouseState"] = {
        "": document["clearinghouseState"],
        "hyna": state(value="5.0", cash="5.0", notional="0.0"),
    }
    found = shown(document)
    assert [each["name"] for each in found["groups"]] == ["USDC"]
    assert found["exact"] is True


BROKEN = (
    None, "", "0", "0.0", "-1", "1e300", "nan", 0, -3, 2.5, True, [], {}, "x", "1e-30", [1],
    {"a": 1}, "99999999999999999999", "0.000001",
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    rows: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        rows = enumerate(value)
    for key, each in rows:
        yield (*path, key)
        yield from places(each, (*path, key))


def test_broken_answers_are_read_or_refused_and_never_a_crash() -> None:
    whole = json.loads((ROOT / "examples" / "account_unified.json").read_text())
    chance = random.Random(7)
    read, refused = 0, 0
    for _ in range(400):
        document = copy.deepcopy(whole)
        path = chance.choice(list(places(document)))
        inside = document
        for key in path[:-1]:
            inside = inside[key]
        if chance.random() < 0.3:
            del inside[path[-1]]
        else:
            inside[path[-1]] = chance.choice(BROKEN)
        try:
            shown(document)
            read += 1
        except InputError:
            refused += 1
    assert read > 50
    assert refused > 50
