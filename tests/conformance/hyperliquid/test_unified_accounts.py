"""Recorded accounts whose equity is not in their perp answer: prices and figures are the venue's.

Unified accounts and one in portfolio margin mode, through the command as a user would call it. A
price from which the recording's balance was inferred proves nothing and is not compared.
"""

import copy
import json
from fractions import Fraction
from typing import Any

import pytest

from seawall.domain.enums import MarginMode
from seawall.venues.hyperliquid.account.rules import account_rules
from seawall.venues.rulebook_file import load_rulebook
from tests.command_line import seawall
from tests.facts import hyperliquid, tables
from tests.facts.hyperliquid_words import unified_accounts
from tests.shared_files import shared_file

SAME = Fraction(1, 10**8)
LAST_DIGITS = Fraction(1, 10**10)
PRINTED = Fraction(1, 2 * 10**10)
"""Half the last decimal of a printed price."""
OTHER_MOMENT = ("U03",)
"""Accounts whose perp and spot answer are of different moments, which moves the cross equity."""


def accounts() -> dict[str, dict[str, Any]]:
    return {account["id"]: account for account in hyperliquid.recorded_unified_accounts()}


def explained(document: Any, *options: str) -> dict[str, Any]:
    result = seawall("explain", "-", "--json", *options, stdin=json.dumps(document).encode())
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def positions_of(document: Any) -> list[dict[str, Any]]:
    return [row["position"] for row in document["clearinghouseState"]["assetPositions"]]


def compare_prices(document: Any, shown: dict[str, Any], within: Fraction) -> int:
    """Compares all positions whose price does not define the input. Returns how many."""
    compared = 0
    listed = positions_of(document)
    assert [each["coin"] for each in shown["positions"]] == [each["coin"] for each in listed]
    for ours, theirs in zip(shown["positions"], listed, strict=True):
        if theirs["coin"] == document.get("inferred_from"):
            continue
        compared += 1
        if theirs["liquidationPx"] is None:
            assert ours["liquidation_price"] is None, ours
            continue
        venue = Fraction(theirs["liquidationPx"])
        difference = abs(Fraction(ours["liquidation_price"]) - venue)
        assert difference <= within * venue + PRINTED, ours
    return compared


def figures(shown: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["figure"], row["of"]): row for row in shown["figures_compared"]}


# -- prices --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [case for case in accounts() if case not in OTHER_MOMENT])
def test_prices_of_unified_accounts_are_the_venues(case: str) -> None:
    document = accounts()[case]
    shown = explained(document)
    assert shown["mode"]["name"] == "unified"
    compare_prices(document, shown, SAME)


def test_how_many_prices_are_compared() -> None:
    """Five positions whose price is not that of an inferred balance; U03 has four more."""
    counts = {case: len(positions_of(document)) for case, document in accounts().items()}
    inferred = [case for case, each in accounts().items() if "inferred_from" in each]
    assert counts == {"U01": 1, "U02": 1, "U03": 4, "U04": 3, "U05": 1}
    assert inferred == ["U04", "U05"]


@pytest.mark.parametrize("case", ["U01", "U02"])
def test_isolated_prices_have_the_venues_last_digits(case: str) -> None:
    document = accounts()[case]
    assert compare_prices(document, explained(document), LAST_DIGITS) == 1


def test_last_digits_follow_the_time_of_the_state() -> None:
    """Positions of 2026 are printed from a margin that is not cut; those of 2024 from a cut one."""
    cut = []
    for row in hyperliquid.read_modes()["isolated"]:
        position = {
            "coin": row["coin"],
            "szi": row["signed_size"],
            "positionValue": row["value"],
            "marginUsed": row["margin_used"],
            "leverage": {
                "type": "isolated", "value": row["leverage"], "rawUsd": row["raw_usd"]
            },
            "maxLeverage": row["maximum_leverage"],
            "liquidationPx": row["liquidation_price"],
        }  # fmt: skip
        state = {"assetPositions": [{"position": position}], "time": row["time_ms"]}
        (shown,) = explained(state)["positions"]
        assert shown["liquidation_price"] == row["liquidation_price"]
        assert shown["exact"] is True
        (older,) = explained({**state, "time": 1_727_000_000_000})["positions"]
        cut.append(older["liquidation_price"] != row["liquidation_price"])
        (untimed,) = explained({"assetPositions": state["assetPositions"]})["positions"]
        assert untimed["liquidation_price"] == row["liquidation_price"]
        assert untimed["exact"] is not cut[-1]
    # The margin of the second has six decimals by itself.
    assert cut == [True, False]
    rules = load_rulebook().liquidation
    assert not rules.truncates(MarginMode.ISOLATED, None)
    assert rules.truncates(MarginMode.ISOLATED, 1_735_689_599_999)
    assert rules.truncates(MarginMode.CROSS, None)


# -- equity and figures --------------------------------------------------------------------------


def test_everything_of_a_unified_account_of_one_moment_is_exact() -> None:
    shown = explained(accounts()["U01"])
    assert shown["exact"] is True
    (group,) = shown["groups"]
    assert (group["name"], group["collateral"]) == ("USDC", "USDC")
    assert group["cross_equity"] == "172.99725228"
    assert group["moment_difference"] == "0"
    found = figures(shown)
    assert len(found) == 5
    for row in found.values():
        assert Fraction(row["difference"]) == 0, row
    assert "2.10613124 HYPE in spot balances" in shown["not_counted"]
    assert shown["moments"]["apart_ms"] == 1245


def test_answers_of_two_moments_differ_by_what_moved() -> None:
    """U02: the mark fell by 0.0059 between the answers, 0.0885 of an isolated short of 15."""
    shown = explained(accounts()["U02"])
    assert (shown["mode"]["basis"], shown["mode"]["stated"]) == ("inferred", None)
    (group,) = shown["groups"]
    assert group["cross_equity"] == "182.3617693"
    available = figures(shown)["available after maintenance", "USDC"]
    assert available["difference"] == available["moment_difference"] == "0.0885"
    for side in ("buy", "sell"):
        assert figures(shown)[f"largest size {side}", "HYPE"]["difference"] == "0"
        assert figures(shown)[f"available to trade {side}", "HYPE"]["difference"] == "0"
    assert shown["exact"] is False
    assert shown["positions"][0]["exact"] is True


def test_a_portfolio_of_two_moments_agrees_within_them() -> None:
    document = accounts()["U03"]
    shown = explained(document)
    assert shown["mode"]["name"] == "portfolio_margin"
    (group,) = shown["groups"]
    moved = Fraction(group["moment_difference"])
    assert moved == Fraction("5085.5372939999")
    found = figures(shown)
    assert len(found) == 18
    for row in found.values():
        assert abs(Fraction(row["difference"])) <= Fraction(row["moment_difference"]), row
    for coin in ("ETH", "NEAR"):
        for side in ("buy", "sell"):
            assert found[f"largest size {side}", coin]["difference"] == "0"
    eth, *others = shown["positions"]
    venue = Fraction(positions_of(document)[0]["liquidationPx"])
    # What moved is equity, which a price passes on by size x (1 - 1 / 50).
    allowed = moved / (12_500 * Fraction(49, 50))
    assert abs(Fraction(eth["liquidation_price"]) - venue) <= allowed
    assert [each["liquidation_price"] for each in others] == [None] * 3
    assert {each["exact"] for each in shown["positions"]} == {False}
    assert any("5085.5372939999 USDC" in reason for reason in eth["reasons"])


def test_margins_of_unified_accounts_are_the_venues() -> None:
    for document in accounts().values():
        shown = explained(document)
        for ours, theirs in zip(shown["positions"], positions_of(document), strict=True):
            assert round(Fraction(ours["margin_used"]) * 10**6) == round(
                Fraction(theirs["marginUsed"]) * 10**6
            )
        stated = document["clearinghouseState"].get("crossMaintenanceMarginUsed")
        if stated is not None:
            ours = Fraction(shown["account"]["cross_maintenance_margin"])
            assert round(ours * 10**6) == round(Fraction(stated) * 10**6)


# -- what is missing -----------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["U04", "U05"])
def test_the_perp_answer_alone_tells_the_mode_and_the_equity_by_a_price(case: str) -> None:
    """Without mode and balances: one price gives the equity, and the others agree with it."""
    document = accounts()[case]
    shown = explained(document["clearinghouseState"])
    assert (shown["mode"]["name"], shown["mode"]["basis"]) == ("unified", "inferred")
    (group,) = shown["groups"]
    total = Fraction(document["spotClearinghouseState"]["balances"][0]["total"])
    assert abs(Fraction(group["cross_equity"]) - total) < Fraction(1, 10**6)
    assert group["inferred_from"] in [each["coin"] for each in positions_of(document)]
    assert group["exact"] is False
    assert shown["missing"][:2] == ["userAbstraction", "spotClearinghouseState"]
    assert {each["exact"] for each in shown["positions"]} == {False}
    compare_prices(document, shown, SAME)


def test_the_mode_is_inferred_where_it_is_not_stated() -> None:
    for case, name in (("U01", "unified"), ("U03", "portfolio_margin"), ("U04", "unified")):
        for changed in ({"abstraction": None}, {}):
            document = {**accounts()[case], **changed}
            if not changed:
                del document["abstraction"]
            shown = explained(document)
            assert (shown["mode"]["name"], shown["mode"]["basis"]) == (name, "inferred")


def test_a_stated_mode_against_the_answers_is_not_exact() -> None:
    for stated in ("default", "disabled", "dexAbstraction"):
        document = {**accounts()["U04"], "abstraction": stated}
        shown = explained(document)
        assert (shown["mode"]["name"], shown["mode"]["stated"]) == ("standard", stated)
        assert shown["exact"] is False
        assert {each["exact"] for each in shown["positions"]} == {False}


def test_a_price_that_defines_the_balance_is_named() -> None:
    shown = explained(accounts()["U04"])
    exact = {each["coin"]: each["exact"] for each in shown["positions"]}
    assert exact == {"ETH": True, "APT": True, "AAVE": False}


# -- portfolio margin ----------------------------------------------------------------------------


def test_portfolio_figures_follow_from_balance_and_collateral() -> None:
    """Available is equity less maintenance, the ratio maintenance over equity, without an offset.

    Further collateral counts with what is supplied, its price and 0.5 + 0.5 LTV; the venue's price
    of it is within a thousandth of the perpetual's mark.
    """
    rules = account_rules().portfolio_margin
    for row in hyperliquid.read_modes()["portfolio_margin"]:
        maintenance = Fraction(row["cross_maintenance"])
        equity = Fraction(row["available"]) + maintenance
        assert abs(maintenance / equity - Fraction(row["ratio"])) < Fraction(1, 10**9)
        extra = equity - Fraction(row["total"])
        other = row["collateral"]
        if other is None:
            assert abs(extra) < Fraction(1, 10**6)
            continue
        share = rules.collateral_share(Fraction(other["loan_to_value"]))
        price = extra / (Fraction(other["supplied"]) * share)
        mark = Fraction(other["mark_value"]) / Fraction(other["mark_size"])
        assert abs(price / mark - 1) < Fraction(1, 1000)
        assert rules.tokens[other["token"]].ltv == other["loan_to_value"]


def test_collateral_and_borrowing_are_counted_and_marked() -> None:
    """100 UBTC-like units of collateral and a loan: documented, at the mark, and not exact."""
    document = copy.deepcopy(accounts()["U03"])
    usdc, hype = document["spotClearinghouseState"]["balances"][0], None
    value = Fraction(document["clearinghouseState"]["marginSummary"]["accountValue"])
    usdc |= {"total": "4001762.727651", "supplied": "0.0", "borrowed": "100000.0"}
    assert Fraction(usdc["total"]) == round(value, 6) - 100_000
    for row in document["spotClearinghouseState"]["balances"]:
        if row["coin"] == "HYPE":
            hype = row
    assert hype is not None
    hype |= {"total": "1000.0", "supplied": "1000.0"}
    document["activeAssetData"]["HYPE"] = {
        "coin": "HYPE", "leverage": {"type": "cross", "value": 10}, "markPx": "80.0",
        "maxTradeSzs": ["1.0", "1.0"], "availableToTrade": ["8.0", "8.0"],
    }  # fmt: skip
    shown = explained(document)
    (group,) = shown["groups"]
    assert group["moment_difference"] == "0"
    # 1000 x 80 x (0.5 + 0.5 x 0.65)
    assert Fraction(group["cross_equity"]) == Fraction(usdc["total"]) + 66_000
    reasons = " ".join(group["reasons"])
    assert "100000 USDC is borrowed" in reasons
    assert "assumed" in reasons
    assert shown["exact"] is False
    del document["activeAssetData"]["HYPE"]
    (group,) = explained(document)["groups"]
    assert Fraction(group["cross_equity"]) == Fraction(usdc["total"])
    assert any("1000 HYPE is collateral and not counted" in each for each in group["reasons"])


# -- a wrong digit is found ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "path", "value"),
    [
        ("U01", ("clearinghouseState", "liquidationPx"), "0.0208842316"),
        ("U02", ("clearinghouseState", "liquidationPx"), "97.3120925556"),
        ("U04", ("clearinghouseState", "liquidationPx"), "14005.5659794802"),
        ("U04", ("spotClearinghouseState", "total"), "547.788990"),
    ],
)
def test_a_wrong_digit_is_found(case: str, path: tuple[str, str], value: str) -> None:
    document = copy.deepcopy(accounts()[case])
    if path[1] == "total":
        document["spotClearinghouseState"]["balances"][0]["total"] = value
    else:
        positions_of(document)[0]["liquidationPx"] = value
    with pytest.raises(AssertionError):
        compare_prices(document, explained(document), SAME)
    assert explained(document)["exact"] is False


def test_a_wrong_available_figure_is_found() -> None:
    document = copy.deepcopy(accounts()["U01"])
    document["spotClearinghouseState"]["tokenToAvailableAfterMaintenance"][0][1] = "172.99735228"
    shown = explained(document)
    assert shown["exact"] is False
    assert Fraction(figures(shown)["available after maintenance", "USDC"]["difference"]) != 0


@pytest.mark.shared
def test_the_facts_are_the_recorded_accounts() -> None:
    recorded = json.loads(shared_file("vectors/hyperliquid_unified_accounts.json").read_text())
    assert tables.read(hyperliquid.UNIFIED_FILE)["accounts"] == unified_accounts(recorded)
    for document, original in zip(accounts().values(), recorded, strict=True):
        assert {**document, "source": original["source"], "note": original["note"]} == original
