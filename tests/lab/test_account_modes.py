"""The same positions on two dexes, standard and unified: every question follows the groups."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import seawall as sw
from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.domain.enums import MarginGrouping
from seawall.domain.errors import InputError
from seawall.lab.stress.result import StressResult
from tests.command_line import seawall
from tests.shared_files import ROOT

PAGE = ROOT / "docs" / "start" / "account_modes.md"
MODES = ("standard", "unified")


def example(mode: str) -> Path:
    return ROOT / "examples" / f"account_dexes_{mode}.json"


@pytest.fixture(scope="module", params=MODES)
def account(request: pytest.FixtureRequest) -> Account:
    return load_account(example(request.param))


@pytest.fixture(scope="module")
def stressed() -> dict[str, StressResult]:
    shocks = ["-30%", "-15%"]
    return {mode: sw.stress(load_account(example(mode)), shocks=shocks) for mode in MODES}


def explained(mode: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(seawall("explain", str(example(mode)), "--json").stdout)
    return found


@pytest.mark.parametrize("mode", MODES)
def test_reverse_stress_agrees_with_explain_to_the_price_unit(
    mode: str, stressed: dict[str, StressResult]
) -> None:
    rows = {row["market"]: row for row in stressed[mode].sheet("liquidation_prices").plain()}
    for position in explained(mode)["positions"]:
        row, price = rows[position["coin"]], Fraction(position["liquidation_price"])
        safe, over = Fraction(row["last_safe"]), Fraction(row["first_liquidating"])
        assert min(safe, over) <= price <= max(safe, over)
        decimals = len(row["first_liquidating"].partition(".")[2])
        assert abs(safe - over) == Fraction(1, 10**decimals)
        assert position["liquidation_price"] == position["venue_liquidation_price"]


@pytest.mark.parametrize("mode", MODES)
def test_the_library_says_the_same_price(mode: str) -> None:
    account = load_account(example(mode))
    repriced = account.replace(reported=None)
    for position in explained(mode)["positions"]:
        coin = position["coin"]
        assert str(account.liquidation_price(coin)) == position["liquidation_price"]
        assert str(repriced.liquidation_price(coin)) == position["liquidation_price"]


def test_the_page_says_what_the_engine_finds(stressed: dict[str, StressResult]) -> None:
    page = PAGE.read_text()
    left: dict[tuple[str, str, str], str] = {}
    for mode, result in stressed.items():
        for row in result.sheet("shocks").plain():
            left[mode, row["move"], f"{row['price_change']:+.0f}%"] = row["left"]
    assert left["standard", "BTC", "-15%"] == left["standard", "BTC", "-30%"] == "12000"
    assert left["unified", "BTC", "-15%"] == "8000"
    assert round(float(left["unified", "BTC", "-30%"]), -1) == 2150
    assert left["standard", "all together", "-30%"] == "33600"
    assert left["unified", "all together", "-30%"] == "11600"
    for figure in ("12,000 left", "8,000 left", "2,150 left", "33,600 left", "11,600 left"):
        assert figure in page
    for mode in MODES:
        for position in explained(mode)["positions"]:
            whole, _, rest = position["liquidation_price"].partition(".")
            assert f"{int(whole):,}.{rest}" in page
    against = [
        row for row in stressed["unified"].sheet("smallest_moves").plain()
        if row["move"] == "each against its position"
    ]  # fmt: skip
    assert [f"{row['price_change']:.2f}" for row in against] == ["11.80"]
    assert "11.80 %" in page


def test_every_question_takes_a_unified_account() -> None:
    account = load_account(example("unified"))
    assert account.source.endswith("(unified account)")
    assert account.holdings.grouping == MarginGrouping.SHARED
    paths = sw.paths(account, paths=64, days=1, seed=1)
    assert 0 <= paths.liquidated.value <= 1
    assert sw.compare(account, paths=64, days=1, seed=1).sheets
    assert sw.crises(account, population=20, depths="calm", workers=1).is_conserved
    assert sw.size(account, "xyz:GOLD").advice
    assert sw.carry(account).sheets
    rehearsal = sw.rehearse(account)
    assert list(rehearsal.start.buckets) == [-1]
    assert rehearsal.start.equity == 26_000_000_000
    assert rehearsal.is_conserved
    assert not rehearsal.others.maker_rejections


def test_a_standard_account_has_a_pool_for_each_dex() -> None:
    account = load_account(example("standard"))
    rehearsal = sw.rehearse(account)
    assert {bucket: each.equity for bucket, each in rehearsal.start.buckets.items()} == {
        -1: 14_000_000_000,
        -2: 12_000_000_000,
    }
    assert rehearsal.is_conserved
    for question in (sw.paths, sw.compare, sw.crises):
        with pytest.raises(InputError, match="they stand on cross pool main and cross pool xyz"):
            question(account)


def test_a_portfolio_margin_account_says_what_is_not_counted() -> None:
    document = json.loads(example("unified").read_text())
    document["abstraction"] = "portfolioMargin"
    account = load_account(json.dumps(document).encode())
    assert "the venue liquidates it at a margin ratio of 0.95" in account.source


def test_what_was_deposited_is_counted_over_the_dexes(account: Account) -> None:
    assert account.collateral == 28_000


def test_other_rules_have_one_pool(account: Account) -> None:
    moved = account.with_rulebook("dydx")
    assert moved.holdings.grouping == MarginGrouping.SEPARATE
    assert moved.holdings.collateral == sum(
        [account.holdings.collateral, *account.holdings.other_collateral.values()]
    )
    assert moved.liquidation_price("BTC") is not None
