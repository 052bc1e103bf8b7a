"""Black-76 against closed forms, finite differences and parity."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.lab.options.black76 import greeks, normal, price

FORWARDS = st.floats(100, 200_000)
MONEYNESS = st.floats(0.2, 5)
VOLATILITIES = st.floats(0.05, 3)
YEARS = st.floats(1 / 365, 3)
RATES = st.floats(0, 0.2)


def test_the_normal_distribution() -> None:
    # Abramowitz and Stegun, table 26.1 and 26.2.
    assert normal([0.0, 1.0, -1.0, 2.0, -5.0]) == pytest.approx(
        [0.5, 0.8413447460685429, 0.15865525393145707, 0.9772498680518208, 2.866515718791939e-07],
        rel=1e-14,
    )


def test_at_the_money() -> None:
    # F (2 N(v sqrt(T) / 2) - 1), and discounted.
    expected = 100_000 * (2 * float(normal(0.3)) - 1)
    assert float(price(True, 100_000, 100_000, 0.6, 1.0)) == pytest.approx(expected, rel=1e-14)
    discounted = float(price(False, 100_000, 100_000, 0.6, 1.0, 0.05))
    assert discounted == pytest.approx(math.exp(-0.05) * expected, rel=1e-14)


def test_hull() -> None:
    # Hull, Options, Futures and Other Derivatives, example 18.6 of edition 9: a European put on
    # crude oil futures, F = K = 60, r = 9 %, v = 25 %, four months: 3.35.
    assert float(price(False, 60, 60, 0.25, 4 / 12, 0.09)) == pytest.approx(3.35, abs=0.005)


@pytest.mark.parametrize(
    ("is_call", "forward", "worth"),
    [(True, 120.0, 20.0), (True, 90.0, 0.0), (False, 90.0, 10.0), (False, 120.0, 0.0)],
)
@pytest.mark.parametrize(("volatility", "years"), [(0.6, 0.0), (0.0, 1.0)])
def test_what_cannot_move_is_worth_its_exercise(
    is_call: bool, forward: float, worth: float, volatility: float, years: float
) -> None:
    assert float(price(is_call, forward, 100.0, volatility, years)) == worth
    found = greeks(is_call, forward, 100.0, volatility, years)
    assert abs(float(found.delta)) == float(worth > 0)
    assert (float(found.gamma), float(found.vega), float(found.theta)) == (0, 0, 0)


@given(FORWARDS, MONEYNESS, VOLATILITIES, YEARS, RATES)
def test_put_call_parity(f: float, m: float, v: float, years: float, rate: float) -> None:
    strike = f * m
    call, put = (float(price(kind, f, strike, v, years, rate)) for kind in (True, False))
    assert call - put == pytest.approx(math.exp(-rate * years) * (f - strike), abs=1e-12 * f)
    assert max(0.0, math.exp(-rate * years) * (f - strike)) <= call * (1 + 1e-12) + 1e-12 * f
    assert call <= f


@given(st.booleans(), FORWARDS, st.floats(0.6, 1.6), st.floats(0.2, 2), st.floats(0.02, 2), RATES)
def test_greeks_are_the_differences_of_the_price(
    is_call: bool, f: float, m: float, v: float, years: float, rate: float
) -> None:
    strike = f * m
    found = greeks(is_call, f, strike, v, years, rate)

    def worth(forward: float, volatility: float, left: float, interest: float) -> float:
        return float(price(is_call, forward, strike, volatility, left, interest))

    def slope(name: str, h: float) -> float:
        at = {"forward": f, "volatility": v, "left": years, "interest": rate}
        high, low = worth(**{**at, name: at[name] + h}), worth(**{**at, name: at[name] - h})
        return (high - low) / (2 * h)

    assert float(found.delta) == pytest.approx(slope("forward", 1e-5 * f), abs=1e-6)
    assert float(found.vega) == pytest.approx(slope("volatility", 1e-5), abs=1e-5 * f)
    assert float(found.theta) == pytest.approx(-slope("left", 1e-5 * years), abs=1e-4 * f)
    h = 1e-4 * f
    up, down = (float(greeks(is_call, f + s, strike, v, years, rate).delta) for s in (h, -h))
    assert float(found.gamma) * f == pytest.approx((up - down) / (2 * h) * f, abs=1e-4)


def test_arrays_have_the_shape_that_numpy_gives_them() -> None:
    strikes = np.array([90.0, 100.0, 110.0])
    found = price(True, 100.0, strikes, np.array([[0.5], [0.6]]), 0.5)
    assert found.shape == (2, 3)
    assert found[1, 2] == float(price(True, 100.0, 110.0, 0.6, 0.5))
