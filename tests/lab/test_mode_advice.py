"""Advice is a claim: the recommended mode on paths that the recommendation has not seen.

A few accounts on few paths; ``python -m tests.lab.mode_advice`` takes 200 of them on many.
"""

import pytest
from msgspec import structs

from seawall.accounts.load import load_account
from seawall.lab.compare.choice import choose
from seawall.lab.compare.comparison import at_horizon, compare_modes
from seawall.lab.compare.recommendation import recommendation
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.setup import path_setup
from tests.lab.mode_accounts import KINDS, random_account
from tests.lab.mode_advice import HERE, TARGET, Judgement, advice, summary

# The first run on a machine compiles the kernels.
pytestmark = pytest.mark.timeout(660)


def test_the_recommended_mode_is_the_best_on_fresh_paths() -> None:
    given = [advice(number, paths=1_024, days=7, step_seconds=3_600) for number in range(12)]
    for each in given:
        if each.is_contradiction:
            continue
        for judged in each.judgements:
            assert not judged.is_clearly_worse, (each.account, judged)
    assert len({each.account.split()[0] for each in given}) == len(KINDS)
    assert any(not each.found.recommended.mode.is_given for each in given)
    # What is said first of an over-leveraged account is true of every mode.
    for each in given:
        assert each.found.is_over_leveraged == all(
            mode.statistics.ruin.value > 0.05 for mode in each.found.modes
        )
    assert next(summary(given)).startswith("12 accounts, ")


def test_no_sentence_is_against_the_table() -> None:
    ties = 0
    for number in range(24):
        setup = path_setup(random_account(number), paths=256, days=3, step_seconds=3_600)
        found = compare_modes(setup, TARGET, HERE)
        figures = [
            (each.statistics.loss.shortfalls[0.95].value, each.statistics.ruin.value)
            for each in found.modes
        ]
        least = tuple(map(min, zip(*figures, strict=True)))
        own = figures[found.modes.index(found.recommended)]
        text = " ".join(recommendation(found))
        assert "is ruined less often." not in text or own == least, setup.account.name
        ties += "is ruined less often, beyond what these paths can tell." in text
    assert ties


def test_a_horizon_is_judged_by_the_same_criteria() -> None:
    """Where two modes differ by the capital alone, it decides over every horizon."""
    text = (
        b'collateral = 200000\n[[position]]\nmarket = "BTC"\nside = "long"\nsize = 1\nleverage = 5'
    )
    account = load_account(text, prices={"BTC": 100_000})
    setup = path_setup(account, paths=256, days=3, step_seconds=3_600)
    given, isolated = compare_modes(setup, TARGET, HERE).modes
    modes = structs.replace(given, capital=900_000.0), structs.replace(isolated, capital=300_000.0)
    assert choose([each.judged for each in modes]).mode == "isolated"
    assert at_horizon(setup, 1.0, modes, HERE).mode == "isolated"


def test_worse_is_beyond_the_interval_of_the_best() -> None:
    best = Estimate(10, 9, 11)
    judged = [Judgement(Estimate(at, at - 1, at + 1), best, "cross") for at in (10.5, 11.5, 12.5)]
    assert [each.is_worse for each in judged] == [False, True, True]
    assert [each.is_clearly_worse for each in judged] == [False, False, True]


def test_accounts_span_the_leverages() -> None:
    leverages = []
    for number in range(60):
        account = random_account(number)
        notional = sum(each.entry_notional for each in account.holdings.positions)
        leverages.append(notional / account.holdings.collateral)
    assert min(leverages) < 1.5
    assert 15 < max(leverages) <= 25
    assert random_account(7).holdings == random_account(7).holdings
