"""What ``seawall explain`` shows: tables, steps, and accounts at the edges."""

import json
from fractions import Fraction
from typing import Any

import pytest

from seawall.domain.instrument import MarginTier
from seawall.venues.hyperliquid.account.explain import (
    AccountReport,
    account_report,
    decimal_text,
    derivation,
)
from seawall.venues.hyperliquid.account.sheets import explanation
from seawall.venues.hyperliquid.account.user import user_states
from seawall.venues.hyperliquid.instruments import instruments_from_meta
from seawall.venues.rulebook_file import load_rulebook
from tests.command_line import seawall
from tests.shared_files import ROOT

USD = 10**6


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "examples" / name).read_text())
    return found


def report_of(message: dict[str, Any], meta: dict[str, Any] | None = None) -> AccountReport:
    instruments = None
    if meta is not None:
        markets = instruments_from_meta(json.dumps(meta).encode())
        instruments = {market.name: market for market in markets}
    (user,) = user_states(json.dumps(message).encode(), instruments)
    return account_report(user, load_rulebook())


def position(coin: str, size: str, value: str, leverage: int, maximum: int) -> dict[str, Any]:
    return {
        "position": {
            "coin": coin,
            "szi": size,
            "leverage": {"type": "cross", "value": leverage},
            "positionValue": value,
            "maxLeverage": maximum,
        }
    }


def shown(*arguments: str) -> str:
    result = seawall("explain", *arguments, folder=ROOT)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("name", ["account_hybrid.json", "account_large.json"])
def test_examples_agree_with_themselves(name: str) -> None:
    report = report_of(example(name))
    assert report.warnings == ()
    assert report.withdrawable is not None


def test_tables() -> None:
    lines = shown("examples/account_hybrid.json").splitlines()
    btc = next(line for line in lines if line.split()[:1] == ["BTC"])
    assert btc.split() == [
        *("BTC", "long", "cross", "20x", "of", "40", "0.5", "64,000", "-375"),
        *("31,625", "1,581.25", "395.3125"),
        *("50,474.653164557", "50,474.653164557", "20.20", "%"),
    ]
    assert any(
        line.split() == ["isolated", "HYPE", "1,504.292", "405", "1,099.292"] for line in lines
    )
    assert any(line.split() == ["withdrawable", "2,924.48", "2,924.48"] for line in lines)


def test_steps() -> None:
    text = shown("examples/account_large.json", "--steps", "ETH")
    assert "own maintenance, tier 2" in text
    assert "maintenance on the line of tier 1" in text
    assert "1,938.7755102041" in text
    report = report_of(example("account_large.json"))
    steps = {step.name: step for step in derivation(report.positions[0], load_rulebook())}
    prices = [
        Fraction(*steps[name].value) / 10 ** steps[name].decimals
        for name in ("liquidation price", "backstop price", "bankruptcy price")
    ]
    assert [round(float(price), 4) for price in prices] == [1938.7755, 1925.6757, 1900.0]


def test_no_backstop_line_without_a_backstop() -> None:
    book = load_rulebook(overrides={"liquidation.stages": '["book", "deleverage"]'})
    report = report_of(example("account_hybrid.json"))
    names = [step.name for step in derivation(report.positions[0], book)]
    assert "backstop price" not in names


def test_under_water() -> None:
    """Equity below zero: the liquidation price lies behind the mark, nothing is withdrawable."""
    message = {
        "crossMarginSummary": {"accountValue": "-50.0", "totalRawUsd": "-6050.0"},
        "assetPositions": [position("BTC", "0.06", "6000.0", 20, 40)],
    }
    report = report_of(message)
    assert report.withdrawable == 0
    assert report.account_value == -50 * USD
    first = report.positions[0]
    assert first.distance is not None
    assert first.distance < 0
    # 6050 / (0.06 x (1 - 1.25 %)): where the position is worth its debt and its maintenance.
    assert first.liquidation_price == decimal_text((605_000_000, 5925), 0)


def test_leverage_above_the_maximum() -> None:
    """The market's maximum was lowered under the position: margin at the chosen leverage."""
    message = {
        "crossMarginSummary": {"accountValue": "1000.0", "totalRawUsd": "-5000.0"},
        "assetPositions": [position("FISH", "6000.0", "6000.0", 20, 10)],
    }
    report = report_of(message)
    assert report.positions[0].margin_used == 300 * USD
    assert report.positions[0].maintenance_margin == 300 * USD
    assert report.withdrawable == 400 * USD


def test_no_position() -> None:
    summary = {"accountValue": "5.0", "totalNtlPos": "0.0", "totalRawUsd": "5.0"}
    empty = {"marginSummary": summary, "crossMarginSummary": summary, "assetPositions": []}
    report = report_of(empty)
    explained = explanation([report], load_rulebook())
    found = explained.findings().plain_object()
    assert {name: found[name] for name in ("account", "positions")} == {
        "account": {
            "account_value": "5",
            "cross_maintenance_margin": "0",
            "total_margin_used": "0",
            "withdrawable": "5",
        },
        "positions": [],
    }


def test_tiers_are_the_coins_only_at_its_maximum_leverage() -> None:
    meta = {
        "universe": [{"name": "ETH", "szDecimals": 4, "maxLeverage": 25, "marginTableId": 90}],
        "marginTables": [
            [
                90,
                {
                    "marginTiers": [
                        {"lowerBound": "0.0", "maxLeverage": 25},
                        {"lowerBound": "1000.0", "maxLeverage": 5},
                    ]
                },
            ]
        ],
    }
    pool = {"crossMarginSummary": {"accountValue": "9000.0", "totalRawUsd": "3000.0"}}
    own = {**pool, "assetPositions": [position("ETH", "3.0", "6000.0", 20, 25)]}
    assert report_of(own, meta).positions[0].maintenance_margin == (600 - 80) * USD
    assert report_of(own).positions[0].maintenance_margin == 120 * USD
    vault = {**pool, "assetPositions": [position("ETH", "3.0", "6000.0", 20, 50)]}
    report = report_of(vault, meta)
    assert report.positions[0].tiers == (MarginTier(0, 50),)
    assert report.positions[0].maintenance_margin == 60 * USD


def test_differences_are_told() -> None:
    message = example("account_hybrid.json")
    message["assetPositions"][0]["position"]["liquidationPx"] = "50474.7"
    message["assetPositions"][2]["position"]["liquidationPx"] = None
    message["withdrawable"] = "2900.0"
    warnings = report_of(message).warnings
    assert len(warnings) == 3
    assert "they may hold 24.48" in warnings[0]
    assert warnings[1].startswith("BTC: liquidation price 50474.653164557 here, 50474.7 at the")
    assert "unified" in warnings[1]
    assert warnings[2] == "HYPE: liquidation price 34.7142526316 here, none at the venue"
    message["crossMaintenanceMarginUsed"] = "549.3526"
    text = "cross maintenance margin: 549.3525 here, 549.3526 at the venue"
    assert text in report_of(message).warnings


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        ((1000, 1), 0, "1000.0"),
        ((1, 3), 0, "0.3333333333"),
        ((2, 3), 0, "0.6666666667"),
        ((-1, 8), 1, "-0.0125"),
        ((95_000_000, 49_000), 0, "1938.7755102041"),
        ((1, 10**12), 0, "0.0"),
    ],
)
def test_decimal_text(value: tuple[int, int], decimals: int, text: str) -> None:
    assert decimal_text(value, decimals) == text
    assert abs(Fraction(text) - Fraction(*value) / 10**decimals) <= Fraction(1, 2 * 10**10)
