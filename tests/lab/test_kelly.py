"""Kelly fractions and risk of ruin against their textbook values and against simulation."""

from itertools import product
from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.lab.size.kelly import (
    continuous_growth,
    continuous_kelly,
    discrete_growth,
    discrete_kelly,
    fall_bound,
    fall_probability,
    losses_in_a_row,
    multiple_of_kelly,
    reach_first_probability,
    ruin_of_unit_bets,
)


@pytest.mark.parametrize(
    ("win_rate", "payoff", "share"),
    [
        (0.55, 1.0, 0.10),  # Kelly's own: p - q at even money
        (0.53, 1.0, 0.06),  # Thorp 2006, section 2: p = .53
        (0.50, 2.0, 0.25),
        (0.40, 2.0, 0.10),
        (0.50, 1.0, 0.0),
        (1.0, 3.0, 1.0),
        (0.40, 1.0, -0.20),
    ],
)
def test_kelly_of_single_trades(win_rate: float, payoff: float, share: float) -> None:
    assert discrete_kelly(win_rate, payoff) == pytest.approx(share, abs=1e-15)


def test_kelly_of_a_drift() -> None:
    # Thorp 2006, section 7.1: m = .11, s = .15, r = .06 gives f* = 2.22.
    assert continuous_kelly(0.11 - 0.06, 0.15) == pytest.approx(0.05 / 0.0225, rel=1e-15)
    assert continuous_kelly(0.11 - 0.06, 0.15) == pytest.approx(2.22, abs=0.005)
    # The growth there is mu^2 / 2 sigma^2, at twice of it nothing, at half of it three quarters.
    best = 0.05**2 / (2 * 0.0225)
    kelly = continuous_kelly(0.05, 0.15)
    assert continuous_growth(kelly, 0.05, 0.15) == pytest.approx(best, rel=1e-12)
    assert continuous_growth(2 * kelly, 0.05, 0.15) == pytest.approx(0.0, abs=1e-15)
    assert continuous_growth(kelly / 2, 0.05, 0.15) == pytest.approx(0.75 * best, rel=1e-12)


@given(st.floats(0.05, 0.95), st.floats(0.1, 10.0))
def test_kelly_grows_fastest(win_rate: float, payoff: float) -> None:
    share = max(0.0, discrete_kelly(win_rate, payoff))
    best = discrete_growth(share, win_rate, payoff)
    for other in np.linspace(0.0, 0.99, 34).tolist():
        assert discrete_growth(other, win_rate, payoff) <= best + 1e-12


def test_ruin_of_unit_bets() -> None:
    # Feller, chapter XIV, table 1, with an infinitely rich adversary: (q / p)^n.
    assert ruin_of_unit_bets(0.6, 10) == pytest.approx((2 / 3) ** 10, rel=1e-12)
    assert ruin_of_unit_bets(0.55, 20) == pytest.approx((9 / 11) ** 20, rel=1e-12)
    assert ruin_of_unit_bets(0.51, 100) == pytest.approx(0.018305, abs=1e-5)
    assert ruin_of_unit_bets(0.5, 1_000) == 1.0
    assert ruin_of_unit_bets(0.4, 1) == 1.0


@pytest.mark.parametrize(
    ("remaining", "multiple", "probability"),
    [
        (0.5, 1.0, 0.5),  # full Kelly falls to x with probability x
        (0.1, 1.0, 0.1),
        (0.5, 0.5, 0.125),  # half of Kelly: x^3
        (0.5, 1.5, 0.5 ** (1 / 3)),
        (0.5, 2.0, 1.0),
        (0.5, 3.0, 1.0),
        (0.5, 0.0, 0.0),
    ],
)
def test_probability_of_a_fall(remaining: float, multiple: float, probability: float) -> None:
    assert fall_probability(remaining, multiple) == pytest.approx(probability, rel=1e-12)


def test_doubling_before_halving() -> None:
    # Thorp 2006, section 7: with full Kelly 2/3, with half of it 8/9.
    assert reach_first_probability(2.0, 0.5, 1.0) == pytest.approx(2 / 3, rel=1e-12)
    assert reach_first_probability(2.0, 0.5, 0.5) == pytest.approx(8 / 9, rel=1e-12)
    assert reach_first_probability(2.0, 0.5, 2.0) == pytest.approx(0.5, rel=1e-12)
    far = reach_first_probability(1e9, 0.5, 0.5)
    assert far == pytest.approx(1 - fall_probability(0.5, 0.5), rel=1e-9)


def test_the_bound_is_the_root_of_its_equation() -> None:
    bound = fall_bound(0.5, 0.05, 0.55, 1.0)
    r = log(bound) / log(0.5)
    assert 0.55 * 1.05**-r + 0.45 * 0.95**-r == pytest.approx(1.0, abs=1e-12)
    # Small bets are continuous betting.
    share = 1e-4
    multiple = share / discrete_kelly(0.5005, 1.0)
    assert fall_bound(0.5, share, 0.5005, 1.0) == pytest.approx(
        fall_probability(0.5, multiple), rel=1e-3
    )
    assert fall_bound(0.5, 0.3, 0.55, 1.0) == 1.0
    assert fall_bound(0.5, 0.05, 1.0, 1.0) == 0.0
    assert fall_bound(0.5, 0.0, 0.55, 1.0) == 0.0


def exact_fall(remaining: float, share: float, win_rate: float, payoff: float, bets: int) -> float:
    """Probability of a fall within so many bets, by adding up every way."""
    total = 0.0
    for ways in product((True, False), repeat=bets):
        equity, chance, fell = 1.0, 1.0, False
        for won in ways:
            chance *= win_rate if won else 1 - win_rate
            equity *= 1 + payoff * share if won else 1 - share
            fell = fell or equity <= remaining
        total += chance * fell
    return total


@pytest.mark.parametrize(("share", "win_rate", "payoff"), [(0.2, 0.6, 1.0), (0.3, 0.5, 2.0)])
def test_the_bound_is_above_what_happens(share: float, win_rate: float, payoff: float) -> None:
    happens = exact_fall(0.5, share, win_rate, payoff, 14)
    bound = fall_bound(0.5, share, win_rate, payoff)
    assert 0.3 * bound < happens <= bound


def test_losses_in_a_row() -> None:
    assert losses_in_a_row(0.5, 0.02) == pytest.approx(log(0.5) / log(0.98), rel=1e-12)
    assert losses_in_a_row(exp(-1), 1 - exp(-0.1)) == pytest.approx(10.0, rel=1e-12)
    assert losses_in_a_row(0.5, 0.0) == inf
    assert losses_in_a_row(0.5, 1.0) == 1.0
    assert multiple_of_kelly(0.05, 0.10) == 0.5
    assert multiple_of_kelly(0.05, -0.1) == inf
