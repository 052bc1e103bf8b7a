"""Advice is a claim: the recommended mode on paths that the recommendation has not seen.

A few accounts on few paths; ``python -m tests.lab.mode_advice`` takes 200 of them on many.
"""

import pytest

from seawall.lab.paths.estimates import Estimate
from tests.lab.mode_accounts import KINDS, random_account
from tests.lab.mode_advice import Judgement, advice, summary

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
