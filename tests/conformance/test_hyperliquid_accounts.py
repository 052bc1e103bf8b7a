"""Recorded accounts of the venue: our liquidation prices and margins equal its own.

Every account goes through the command as a user would call it, and once more past it.
"""

import json
from fractions import Fraction
from subprocess import CompletedProcess
from typing import Any

import pytest

from seawall.domain.events import CROSS_POOL
from seawall.engine.account_view import account_margins
from seawall.venues.hyperliquid.account.explain import account_report, position_tiers
from seawall.venues.hyperliquid.account.margins import ACCOUNT, rebuilt
from seawall.venues.hyperliquid.account.sheets import explanation
from seawall.venues.hyperliquid.account.state import account_state
from seawall.venues.hyperliquid.account.user import user_states
from seawall.venues.raw_json import VenueDataError
from seawall.venues.rulebook_file import load_rulebook
from tests.command_line import seawall
from tests.facts import hyperliquid

MET = ("S00", "S01", "S03", "S04", "S08", "S09", "S14", "S15", "S20")
UNMET = {
    "S02": "recorded in March 2023: no maxLeverage in the message, other rules at the venue",
    "S05": "an account whose spot balance counts as collateral, which the message does not show",
}
HELD_BY_ORDERS = ("S03", "S04")
"""Open orders, which the message does not list, hold margin: withdrawable is the venue's own."""

SAME = Fraction(1, 10**8)


def accounts() -> dict[str, Any]:
    return {account["id"]: account["state"] for account in hyperliquid.recorded_accounts()}


def by_command(state: Any) -> "CompletedProcess[str]":
    return seawall("explain", "-", "--json", stdin=json.dumps(state).encode())


def in_process(state: Any) -> dict[str, Any]:
    (user,) = user_states(json.dumps(state).encode())
    book = load_rulebook()
    return explanation([account_report(user, book)], book).findings().plain_object()


def check_prices(state: Any, shown: dict[str, Any]) -> None:
    listed = [row["position"] for row in state["assetPositions"]]
    assert [p["coin"] for p in shown["positions"]] == [p["coin"] for p in listed]
    for ours, theirs in zip(shown["positions"], listed, strict=True):
        assert ours["venue_liquidation_price"] == theirs["liquidationPx"]
        if theirs["liquidationPx"] is None:
            assert ours["liquidation_price"] is None, ours
        else:
            venue = Fraction(theirs["liquidationPx"])
            assert abs(Fraction(ours["liquidation_price"]) - venue) <= SAME * venue, ours
        assert ours["mode"] == theirs["leverage"]["type"]
        assert micro(ours["margin_used"]) == micro(theirs["marginUsed"])


def check_figures(case: str, state: Any, account: dict[str, Any]) -> None:
    """Account figures, where the message has them, to the micro-USD."""
    total = state.get("marginSummary", {})
    theirs = {
        "account_value": total.get("accountValue"),
        "total_margin_used": total.get("totalMarginUsed"),
        "cross_maintenance_margin": state.get("crossMaintenanceMarginUsed"),
        "withdrawable": state.get("withdrawable"),
    }
    assert account.keys() == theirs.keys()
    for name, value in theirs.items():
        if value is not None:
            assert micro(account[name]) == micro(value), name
    if not total:
        assert set(account.values()) == {None}


def micro(text: str) -> int:
    """The nearest micro-USD: the venue prints doubles."""
    return round(Fraction(text) * 10**6)


def test_every_recorded_account_is_named() -> None:
    assert set(accounts()) == {*MET, *UNMET}


@pytest.mark.parametrize("case", MET)
def test_command_equals_the_venue(case: str) -> None:
    state = accounts()[case]
    result = by_command(state)
    assert result.returncode == 0, result.stderr
    shown = json.loads(result.stdout)
    check_prices(state, shown)
    check_figures(case, state, shown["account"])


@pytest.mark.parametrize("case", MET)
def test_in_process_equals_the_venue(case: str) -> None:
    state = accounts()[case]
    shown = in_process(state)
    check_prices(state, shown)
    check_figures(case, state, shown["account"])


@pytest.mark.parametrize("case", [case for case in MET if case not in ("S04", "S14", "S15")])
def test_the_machine_itself_agrees(case: str) -> None:
    """The account rebuilt in a machine has the venue's equity, margins and buckets."""
    raw = accounts()[case]
    state = account_state(json.dumps(raw).encode())
    tiers = [position_tiers(position, None) for position in state.positions]
    engine = rebuilt(state, tiers, load_rulebook())
    margins = account_margins(engine, ACCOUNT)
    pool = margins.pop(CROSS_POOL)
    assert pool.equity == state.cross_equity()
    if state.cross_maintenance is not None:
        assert pool.maintenance_margin == state.cross_maintenance
    if state.cross is not None:
        assert pool.equity == state.cross.account_value
        assert pool.initial_margin == state.cross.margin_used
    if case not in HELD_BY_ORDERS:
        assert pool.free == state.withdrawable
    for market, position in enumerate(state.positions):
        if not position.is_cross:
            assert margins[market].equity == position.venue_margin_used


LAST_DIGITS = {
    "S14": "a state of 2024 without a time: its last digits are those of prices of today",
    "S15": "the price is rounded to four decimals where it was published",
}
"""Accounts whose prices are not equal to 1e-10, and why."""


@pytest.mark.parametrize("case", [case for case in MET if case not in LAST_DIGITS])
def test_last_digits_are_the_venues(case: str) -> None:
    state = accounts()[case]
    for ours, row in zip(in_process(state)["positions"], state["assetPositions"], strict=True):
        printed = row["position"]["liquidationPx"]
        if printed is not None:
            # Recordings of 2024 have eight decimals.
            half = Fraction(1, 2 * 10 ** min(10, max(8, len(printed.partition(".")[2]))))
            difference = abs(Fraction(ours["liquidation_price"]) - Fraction(printed))
            assert difference <= Fraction(printed) / 10**10 + half, ours


def test_how_many_prices_are_compared() -> None:
    prices = [
        row["position"]["liquidationPx"]
        for case, state in accounts().items()
        if case in MET
        for row in state["assetPositions"]
    ]
    assert len([price for price in prices if price is not None]) == 16
    assert len([price for price in prices if price is None]) == 8


def test_old_account_is_refused_by_field() -> None:
    with pytest.raises(
        VenueDataError, match=r"assetPositions\[0\]\.position\.maxLeverage: missing"
    ):
        in_process(accounts()["S02"])


def test_unified_account_is_told_by_its_price() -> None:
    """S05: the perp answer's own equity gives another price than the venue's; no spot answer.

    The margins are the venue's, so its price tells the equity, which proves nothing about it.
    """
    state = accounts()["S05"]
    shown = in_process(state)
    (position,) = shown["positions"]
    assert position["liquidation_price"] == position["venue_liquidation_price"] == "120.0648965588"
    assert (shown["mode"]["name"], shown["mode"]["basis"]) == ("unified", "inferred")
    assert shown["groups"][0]["inferred_from"] == "HYPE"
    assert (shown["exact"], position["exact"]) == (False, False)
    assert micro(shown["account"]["total_margin_used"]) == micro(
        state["marginSummary"]["totalMarginUsed"]
    )
    result = by_command(state)
    assert "unified" in result.stderr
    assert result.returncode == 0


def test_vault_with_its_own_maximum_leverage() -> None:
    """A recorded vault: 50x on every coin, so one tier of 1 %, also where the coin allows 5x."""
    case = next(c for c in hyperliquid.read()["account_state"] if "positions" in c)
    given = case["given"]
    rows = [
        {
            "position": {
                "coin": row["coin"],
                "szi": row["signed_size"],
                "leverage": {"type": "cross", "value": given["leverage"]},
                "positionValue": row["value"],
                "marginUsed": row["margin_used"],
                "maxLeverage": given["maximum_leverage"],
                "liquidationPx": case["expect"][f"{row['coin']}.liquidation_price"],
            }
        }
        for row in case["positions"]
    ]
    state = {
        "crossMarginSummary": {
            "accountValue": given["account_value"],
            "totalNtlPos": given["total_notional"],
            "totalMarginUsed": given["total_margin_used"],
        },
        "crossMaintenanceMarginUsed": given["cross_maintenance"],
        "assetPositions": rows,
    }
    check_prices(state, in_process(state))
