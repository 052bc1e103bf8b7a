"""One account through one crisis: every command tells the same story of it."""

from collections.abc import Callable
from typing import Any

import pytest

import seawall as sw
from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.report.findings import Answer

# The first account in this process compiles the engine.
pytestmark = pytest.mark.timeout(600)

EVENING = "crash_2025_10_10"
ALTCOINS = b"""
name = "altcoins"
collateral = 20000
[[position]]
market = "AVAX"
side = "long"
size = 1000
entry = 20
leverage = 2
[[position]]
market = "LINK"
side = "long"
size = 1000
entry = 20
leverage = 2
"""
"""Twice the money in two altcoins, which fell by 68 and 61 % that evening."""
CARELESS = 0.1
"""At most so much is left of the account where it was liquidated."""


def rehearsed(account: Account) -> tuple[Answer, list[tuple[str, float]]]:
    answer = sw.rehearse(account, path=EVENING)
    started = [each for each in answer.incidents if each.kind.name == "LIQUIDATION_STARTED"]
    return answer, [("rehearse", answer.end.equity / answer.start.equity if started else 1.0)]


def crises(account: Account) -> tuple[Answer, list[tuple[str, float]]]:
    answer = sw.crises(account, crises=EVENING, population=60, workers=1)
    return answer, [
        (f"{each.rulebook} {each.mode} {each.depth}", each.end / each.start)
        for each in answer.outcomes
        if each.liquidated
    ]


def cascade(account: Account) -> tuple[Answer, list[tuple[str, float]]]:
    answer = sw.cascade(account, scenario=EVENING, accounts=60, minutes=40)
    start, end = answer.run.own_start, answer.run.own_end
    assert start is not None
    assert end is not None
    return answer, [("cascade", end.equity / start.equity)]


def compared(account: Account) -> tuple[Answer, list[tuple[str, float]]]:
    answer = sw.compare(account, scenarios=EVENING, paths=64, hours=2, step_seconds=600, workers=1)
    return answer, [
        (each.mode.name, line.end / line.start)
        for each in answer.comparison.modes
        for line in each.scenarios
        if line.liquidated
    ]


def stressed(account: Account) -> tuple[Answer, list[tuple[str, float]]]:
    answer = sw.stress(account, scenarios=EVENING, shocks=0.05)
    return answer, [
        (each.scenario.name, each.end / each.start) for each in answer.scenarios if each.liquidated
    ]


COMMANDS: dict[str, tuple[Callable[[Account], tuple[Answer, list[tuple[str, float]]]], int]] = {
    "rehearse": (rehearsed, 1),
    # Two rulebooks, three modes, two books.
    "crises": (crises, 12),
    "cascade": (cascade, 1),
    "compare": (compared, 2),
    "stress": (stressed, 1),
}
"""How a command is asked, and how many outcomes it has at least: in all the account is lost."""


@pytest.mark.parametrize("command", COMMANDS)
def test_altcoins_at_twice_the_money_are_liquidated_in_every_command(command: str) -> None:
    ask, outcomes = COMMANDS[command]
    answer, left = ask(load_account(ALTCOINS))
    assert len(left) >= outcomes
    assert max(share for _, share in left) < CARELESS, left
    rows: Any = answer.sheet("price_paths").plain()
    assert [
        (each["market"], round(float(each["lowest"]), 1), each["kind"], each["source"])
        for each in rows
    ] == [
        ("AVAX", -68.1, "recorded", "marks of Binance USD-M, candles of 1 h"),
        ("LINK", -60.7, "recorded", "marks of Binance USD-M, candles of 1 h"),
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_market_without_a_record_is_named_in_every_command(command: str) -> None:
    text = ALTCOINS.replace(b"LINK", b"FARTCOIN")
    answer, left = COMMANDS[command][0](load_account(text))
    assert left
    (row,) = [each for each in answer.sheet("price_paths").plain() if each["market"] == "FARTCOIN"]
    assert row["kind"] == "median of its group"
    assert (
        row["source"] == "median of memes (DOGE, kPEPE, kSHIB), marks and trades of Binance USD-M"
    )
    assert -66 < float(row["lowest"]) < -60
