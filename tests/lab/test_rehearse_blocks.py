"""``seawall rehearse`` under rules of blocks: children instead of buckets, a little each block."""

import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from seawall.domain.rulebook import BlockRulebook
from seawall.venues.rulebook_file import load_rulebook
from tests.lab.commands import CANDLES, SECONDS, made, refused, seawall
from tests.shared_files import ROOT

pytestmark = pytest.mark.timeout(SECONDS + 60)

BLOCKS = ("--rulebook", "dydx")
ACCOUNT = """
collateral = 20000
[[position]]
market = "BTC"
side = "long"
notional = 150000
leverage = 10
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "account.toml").write_text(ACCOUNT)
    (tmp_path / "BTC.csv").write_text(CANDLES)
    return tmp_path


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The built-in account in the built-in crash."""
    return made(tmp_path_factory.mktemp("example"), "rehearse", *BLOCKS)


def of_kind(result: dict[str, Any], kind: str, market: str) -> list[dict[str, Any]]:
    return [e for e in result["incidents"] if e["what"] == kind and e.get("market") == market]


def test_the_isolated_bet_is_a_child_account(example: dict[str, Any]) -> None:
    assert example["child_accounts"] == {"SOL": example["account_number"] + 1}
    modes = {each["market"]: each["mode"] for each in example["positions_at_start"]}
    assert modes == {"BTC": "cross", "ETH": "cross", "SOL": "child"}
    assert example["equity_at_start"] == "100000"
    assert example["conservation"]["equal"]


def test_liquidation_prices_are_those_of_the_requirements(example: dict[str, Any]) -> None:
    """Net collateral meets 1.2 % (BTC, ETH) and 5 % (SOL) of notional, worked by hand."""
    prices = {each["market"]: each for each in example["positions_at_start"]}
    sizes = {name: Fraction(each["size"]) for name, each in prices.items()}
    marks = {name: Fraction(each["mark_price"]) for name, each in prices.items()}
    large, small = Fraction(12, 1000), Fraction(5, 100)
    hedge = abs(sizes["ETH"]) * marks["ETH"] * large
    # The pool holds what the isolated bet was not given: a tenth of its notional.
    cash = 100_000 - sizes["SOL"] * marks["SOL"] / 10
    btc = (sizes["BTC"] * marks["BTC"] - cash + hedge) / (sizes["BTC"] * (1 - large))
    sol = marks["SOL"] * Fraction(9, 10) / (1 - small)
    assert abs(btc - Fraction(str(prices["BTC"]["liquidation_price"]))) <= Fraction(1, 10)
    assert abs(sol - Fraction(str(prices["SOL"]["liquidation_price"]))) <= Fraction(1, 1000)


def test_a_block_liquidates_a_tenth_at_most(example: dict[str, Any]) -> None:
    book = load_rulebook("dydx")
    assert isinstance(book, BlockRulebook)
    share = Fraction(book.liquidation.position_portion_ppm, 10**6)
    left = {p["market"]: abs(Fraction(p["size"])) for p in example["positions_at_start"]}
    seen = 0
    for each in example["incidents"]:
        if each["what"] not in ("partly_liquidated", "liquidated"):
            continue
        name, size = each["market"], Fraction(each["size"])
        least = Fraction(book.liquidation.position_minimum, 10**6) / Fraction(each["price"])
        # The least notional is at the oracle price, the fill a little off it.
        assert size <= max(left[name] * share, least * Fraction(11, 10))
        left[name] -= size
        seen += 1
    assert seen > 10


def test_liquidations_pay_a_fee_to_the_insurance_fund(example: dict[str, Any]) -> None:
    sold = sum(
        Decimal(e["size"]) * Decimal(e["price"])
        for e in example["incidents"]
        if e["what"] in ("partly_liquidated", "liquidated")
    )
    fees = -sum(Decimal(e["money"]) for e in example["incidents"] if e["what"] == "liquidation_fee")
    assert 0 < fees <= sold * Decimal("0.01501")


def test_every_incident_names_the_account_it_happened_to(example: dict[str, Any]) -> None:
    bet = [e for e in example["incidents"] if e["market"] == "SOL"]
    assert {e["what"] for e in bet} >= {"liquidation_started", "liquidation_fee"}
    assert {e["bucket"] for e in bet} == {"child"}
    whole = [e for e in example["incidents"] if e["what"] in ("funding", "transfers_gated")]
    assert {e["bucket"] for e in whole} == {None}


def test_every_loss_is_listed(example: dict[str, Any]) -> None:
    """What was closed, paid and received is what the account lost, to a micro-USD a line."""
    told = sum(
        Decimal(e["money"])
        for e in example["incidents"]
        if e["what"] not in ("margin_warning", "liquidation_started", "transfers_gated")
    )
    assert example["positions_at_end"] == []
    lost = Decimal(example["equity_at_end"]) - Decimal(example["equity_at_start"])
    assert abs(told - lost) <= Decimal("0.001")


def test_the_report_has_the_words_of_the_rules(tmp_path: Path) -> None:
    result = seawall(tmp_path, "rehearse", *BLOCKS)
    assert result.returncode == 0, result.stderr
    text = " ".join(result.stdout.split())
    for words in (
        "at most 10 % of a position (or 1,000 USD) and 100,000 USD of an account",
        "a fee of at most 1.5 % of each fill to the insurance fund",
        "SOL child account: below maintenance margin, liquidation begins",
        "liquidation fee",
        "no withdrawal and no transfer for 50 blocks, about 50 s",
        "in a child account lost",
        "was liquidated with the oracle at",
    ):
        assert words in text
    assert "SOL isolated" not in text
    assert "backstop takes" not in text
    assert (tmp_path / "out" / "rehearsal.png").stat().st_size > 100_000


def test_the_words_follow_the_numbers(files: Path) -> None:
    shipped = Path(load_rulebook.__code__.co_filename).parent / "dydx" / "rulebook.toml"
    text = shipped.read_text().replace(
        "position_portion_ppm = { value = 100000", "position_portion_ppm = { value = 250000"
    )
    (files / "mine.toml").write_text(text)
    arguments = ("account.toml", "--path", "BTC.csv", "--rulebook", "mine.toml")
    result = seawall(files, "rehearse", *arguments)
    assert result.returncode == 0, result.stderr
    assert "at most 25 % of a position" in " ".join(result.stdout.split())


def test_the_same_input_gives_the_same_state(files: Path) -> None:
    arguments = ("account.toml", "--path", "BTC.csv", *BLOCKS, "--depth", "BTC=300000")
    compiled = made(files, "rehearse", *arguments)
    assert compiled == made(files, "rehearse", *arguments)
    assert compiled == made(files, "rehearse", *arguments, SEAWALL_INTERPRETED="1")


def test_an_isolated_loss_stays_in_its_account(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        'collateral = 50000\n[[position]]\nmarket = "SOL"\nside = "long"\nnotional = 200000\n'
        'mode = "isolated"\nleverage = 10\n'
    )
    result = made(tmp_path, "rehearse", "a.toml", *BLOCKS)
    assert result["positions_at_end"] == []
    assert 30_000 <= float(result["equity_at_end"]) < 40_000


def test_a_stop_gets_out_before_the_liquidation(files: Path) -> None:
    stop = '[[order]]\nmarket = "BTC"\nside = "sell"\nnotional = 149000\nstop = 97000\n'
    (files / "stop.toml").write_text(ACCOUNT + stop)
    result = made(files, "rehearse", "stop.toml", "--path", "BTC.csv", *BLOCKS)
    told = [incident["what"] for incident in result["incidents"]]
    assert told[:2] == ["order_triggered", "order_filled"]
    assert "liquidation_started" not in told
    assert float(result["equity_at_end"]) > 12_000


def test_the_stop_of_a_child_is_the_childs(files: Path) -> None:
    bet = ACCOUNT.replace("leverage = 10", 'leverage = 10\nmode = "isolated"')
    stop = '[[order]]\nmarket = "BTC"\nside = "sell"\nnotional = 149000\nstop = 97000\n'
    (files / "stop.toml").write_text(bet + stop)
    result = made(files, "rehearse", "stop.toml", "--path", "BTC.csv", *BLOCKS)
    filled = of_kind(result, "order_filled", "BTC")
    assert filled
    assert {each["bucket"] for each in filled} == {"child"}


def test_many_markets_need_several_makers(tmp_path: Path) -> None:
    markets = ("BTC", "ETH", "SOL", "XRP", "DOGE")
    (tmp_path / "short.toml").write_text(_short_scenario(markets))
    result = made(
        tmp_path, "rehearse", *BLOCKS, "--path", "short.toml",
        *(word for name in markets for word in ("--market", name)),
    )  # fmt: skip
    assert result["warnings"] == []
    assert result["account_number"] == 7


def _short_scenario(markets: tuple[str, ...]) -> str:
    rows = [
        f'[[market]]\nname = "{name}"\nprice = {price}\nwaypoints = [[0, 100.0], [5, 97.0]]\n'
        for name, price in zip(markets, (116970, 4014, 207.06, 2.69, 0.23), strict=True)
    ]
    return 'name = "a dip"\nstart = "2025-10-10T20:45"\nstep_seconds = 3\n' + "".join(rows)


def test_leverage_is_no_setting_but_of_children(files: Path) -> None:
    (files / "cross.toml").write_text(ACCOUNT.replace("leverage = 10", "leverage = 900"))
    result = made(files, "rehearse", "cross.toml", "--path", "BTC.csv", *BLOCKS)
    assert result["positions_at_start"][0]["leverage"] is None
    bet = ACCOUNT.replace("leverage = 10", 'leverage = 51\nmode = "isolated"')
    (files / "bet.toml").write_text(bet)
    refused(
        seawall(files, "rehearse", "bet.toml", "--path", "BTC.csv", *BLOCKS),
        "rehearse",
        "leverage: 51 is more than BTC allows (1 to 50)",
    )


def test_a_resting_order_that_only_reduces_is_refused(files: Path) -> None:
    order = (
        '[[order]]\nmarket = "BTC"\nside = "sell"\nsize = 1\nprice = 130000\nreduce_only = true\n'
    )
    (files / "order.toml").write_text(ACCOUNT + order)
    refused(
        seawall(files, "rehearse", "order.toml", "--path", "BTC.csv", *BLOCKS),
        "rehearse",
        "order 1 (BTC): the engine rejects it: REDUCE_ONLY_NEEDS_IMMEDIATE",
    )


def test_an_account_of_the_venue_itself(tmp_path: Path) -> None:
    """Its own rules without being asked; liquidation prices as ``explain`` derives them."""
    parent = ROOT / "examples" / "account_parent.json"
    result = made(tmp_path, "rehearse", parent)
    explained = made(tmp_path, "explain", parent)
    assert result["rulebook"]["name"] == "dydx"
    assert result["equity_at_start"] == explained["account"]["net_collateral"]
    told = {each["market"].partition("-")[0]: each for each in explained["positions"]}
    for position in result["positions_at_start"]:
        other = told[position["market"]]
        assert Decimal(position["size"]) == Decimal(other["size"])
        assert position["mode"] == ("cross" if other["mode"] == "cross" else "child")
        # Both are whole units of the oracle price, whose decimals differ.
        distance = float(other["liquidation_price"]) / position["liquidation_price"] - 1
        assert abs(distance) < 3e-6
    assert set(result["child_accounts"]) == {"FISH", "SOL"}
    other_rules = made(tmp_path, "rehearse", parent, "--rulebook", "hyperliquid")
    modes = {each["market"]: each["mode"] for each in other_rules["positions_at_start"]}
    assert modes == {"BTC": "cross", "ETH": "cross", "FISH": "isolated", "SOL": "isolated"}


def changed_parent(change: Callable[[dict[str, Any], list[dict[str, Any]]], None]) -> str:
    document = json.loads((ROOT / "examples" / "account_parent.json").read_text())
    change(document, document["subaccount"]["childSubaccounts"])
    return json.dumps(document)


def _second_position(_: dict[str, Any], children: list[dict[str, Any]]) -> None:
    children[1]["openPerpetualPositions"] |= children[2]["openPerpetualPositions"]


def _same_market(_: dict[str, Any], children: list[dict[str, Any]]) -> None:
    children[2]["openPerpetualPositions"] = {
        "BTC-USD": children[0]["openPerpetualPositions"]["BTC-USD"]
    }


def _no_equity(_: dict[str, Any], children: list[dict[str, Any]]) -> None:
    children[1]["assetPositions"]["USDC"]["size"] = "17001"


def _no_markets(document: dict[str, Any], _: list[dict[str, Any]]) -> None:
    del document["markets"]


BAD_PARENTS = [
    (_second_position, "subaccount 128: has 2 positions; a child that is rehearsed has one"),
    (_same_market, "subaccount 256: a second position in BTC"),
    (_no_equity, "subaccount 128: has no equity: -1 USD"),
    (_no_markets, "markets: missing"),
]


@pytest.mark.parametrize(("change", "message"), BAD_PARENTS, ids=[m for _, m in BAD_PARENTS])
def test_accounts_that_cannot_be_rehearsed(tmp_path: Path, change: Any, message: str) -> None:
    (tmp_path / "parent.json").write_text(changed_parent(change))
    refused(seawall(tmp_path, "rehearse", "parent.json"), "rehearse", message)


def test_markets_may_come_from_a_file(tmp_path: Path) -> None:
    document = json.loads((ROOT / "examples" / "account_subaccount.json").read_text())
    markets = {"markets": document.pop("markets")}
    (tmp_path / "account.json").write_text(json.dumps(document))
    (tmp_path / "markets.json").write_text(json.dumps(markets))
    result = made(tmp_path, "rehearse", "account.json", "--markets", "markets.json")
    (position,) = result["positions_at_start"]
    assert position["liquidation_price"] == 45546.5
