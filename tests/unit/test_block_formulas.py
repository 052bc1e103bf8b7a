"""Conversions, margin fractions and standings against exact fractions, ties and signs included."""

from fractions import Fraction
from math import ceil, floor, trunc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.domain.enums import Reason
from seawall.engine import plain_arithmetic
from seawall.engine.compile import INTERPRETED
from tests.scalar_formulas import ask

LARGEST = 2**62
PPM = 10**6

numbers = st.integers(-(10**17), 10**17)
amounts = st.integers(0, 10**17)
positives = st.integers(1, 10**17)
exponents = st.integers(-18, 18)
ppms = st.integers(0, PPM)
flags = st.sampled_from([0, 1])


@pytest.fixture(scope="module", autouse=True)
def _compiled_before_anything_is_timed() -> None:
    ask("compare_products", 0, 0, 0, 0)


def power(exponent: int) -> Fraction:
    return Fraction(10) ** exponent


def sign(value: Fraction | int) -> int:
    return (value > 0) - (value < 0)


@given(numbers, numbers, st.integers(-36, 18))
def test_scaling_rounds_once(a: int, b: int, exponent: int) -> None:
    exact = a * b * power(exponent)
    if abs(exact) >= LARGEST or (exponent < -18 and abs(a * b) >= LARGEST * 10**18):
        return
    assert ask("scaled_floor", a, b, exponent) == floor(exact)
    assert ask("scaled_toward_zero", a, b, exponent) == trunc(exact)


@pytest.mark.parametrize(
    ("a", "b", "exponent", "down", "toward_zero"),
    [
        (-9, 1, -1, -1, 0),
        (-10, 1, -1, -1, -1),
        (-11, 1, -1, -2, -1),
        (11, -1, -1, -2, -1),
        (-1, 1, -36, -1, 0),
        (1, 1, -36, 0, 0),
        (-(10**18), 10**18, -36, -1, -1),
        (-(10**18) - 1, 10**18, -36, -2, -1),
        (0, 5, 18, 0, 0),
        (-3, 7, 0, -21, -21),
        (3, 7, 17, 21 * 10**17, 21 * 10**17),
    ],
)
def test_scaling_by_hand(a: int, b: int, exponent: int, down: int, toward_zero: int) -> None:
    assert ask("scaled_floor", a, b, exponent) == down
    assert ask("scaled_toward_zero", a, b, exponent) == toward_zero


@given(numbers, st.integers(-4 * PPM, 4 * PPM), flags)
def test_parts_per_million_round_toward_the_infinities(value: int, ppm: int, up: int) -> None:
    exact = Fraction(value * ppm, PPM)
    assert ask("mul_ppm", value, ppm, up) == (ceil(exact) if up else floor(exact))


def test_half_a_rebate_becomes_nothing() -> None:
    assert ask("mul_ppm", -1, 500_000, 1) == 0
    assert ask("mul_ppm", -1, 500_000, 0) == -1
    assert ask("mul_ppm", 2, 500_000, 0) == ask("mul_ppm", 2, 500_000, 1) == 1


@given(numbers, positives, exponents)
def test_a_size_is_truncated_by_the_power_and_then_by_the_price(
    quote: int, price: int, exponent: int
) -> None:
    exact = trunc(Fraction(trunc(quote * power(-exponent)), price))
    if abs(exact) < LARGEST:
        assert ask("size_worth", quote, price, exponent) == exact


def test_size_worth_by_hand() -> None:
    assert ask("size_worth", 29_001_000_000, 2_900_100_000, -9) == 10**10
    assert ask("size_worth", -99, 1, 1) == -9
    assert ask("size_worth", 10**9, 0, 0) == 0


@given(positives, positives, exponents)
def test_average_price_and_fill_quote_undo_each_other(
    size: int, subticks: int, exponent: int
) -> None:
    quote = size * subticks * power(exponent)
    if quote.denominator > 1 or max(quote * power(18), size * power(18)) >= LARGEST:
        return
    assert ask("fill_quote", size, subticks, exponent) == quote
    assert Fraction(*ask("average_price", int(quote), size, exponent)) == subticks


@given(st.integers(1, 10**9), st.integers(-9, 9))
def test_the_oracle_price_in_subticks_is_exact(price: int, exponent: int) -> None:
    exact = price * power(exponent)
    assert Fraction(*ask("oracle_in_subticks", price, exponent)) == exact
    assert ask("subticks_to_oracle", price, exponent) == floor(price * power(-exponent))


@given(numbers, st.integers(-(10**9), 10**9).filter(bool), flags)
def test_ratios_round_as_asked(numerator: int, denominator: int, up: int) -> None:
    exact = Fraction(numerator, denominator)
    assert ask("rounded_ratio", numerator, denominator, up) == (ceil(exact) if up else floor(exact))
    assert ask("divide_ceil", numerator, denominator) == ceil(exact)
    step = abs(denominator)
    near = ask("multiple_of", numerator, step, up)
    assert near % step == 0
    assert 0 <= (near - numerator if up else numerator - near) < step


@given(ppms, amounts, amounts, amounts)
def test_the_initial_fraction_grows_between_the_caps(
    initial: int, open_interest: int, one: int, other: int
) -> None:
    lower, upper = sorted((one, other))
    scaled = ask("scaled_initial_ppm", initial, open_interest, lower, upper)
    if upper == 0 or open_interest <= lower:
        assert scaled == initial
    elif open_interest >= upper:
        assert scaled == PPM
    else:
        share = Fraction(open_interest - lower, upper - lower)
        assert scaled == initial + floor((PPM - initial) * share)


def test_the_initial_fraction_at_the_caps() -> None:
    at = [ask("scaled_initial_ppm", 200_000, n, 1000, 2000) for n in (999, 1000, 1001, 1999, 2000)]
    assert at == [200_000, 200_000, 200_800, 999_200, 1_000_000]
    assert ask("scaled_initial_ppm", 200_000, 1000, 1000, 1000) == 200_000
    assert ask("scaled_initial_ppm", 200_000, 1001, 1000, 1000) == 1_000_000


@given(amounts, ppms, ppms)
def test_requirements_round_up_twice(notional: int, initial: int, maintenance: int) -> None:
    needed = ceil(Fraction(notional * initial, PPM))
    assert ask("initial_requirement", notional, initial) == needed
    kept = ask("maintenance_requirement", notional, initial, maintenance)
    assert kept == ceil(Fraction(needed * maintenance, PPM))


def test_both_products_of_a_maintenance_requirement_round() -> None:
    assert ask("maintenance_requirement", 50_000 * PPM, 20_000, 600_000) == 600 * PPM
    assert ask("maintenance_requirement", 1, 1, 1) == 1


@given(st.integers(0, 2**32 - 1), ppms, ppms)
def test_the_bound_of_funding_rounds_down(factor: int, initial: int, maintenance: int) -> None:
    kept = floor(Fraction(initial * maintenance, PPM))
    assert ask("maintenance_ppm", initial, maintenance) == kept
    bound = ask("clamp_bound_ppm", factor, initial, maintenance)
    assert bound == floor(Fraction(factor * (initial - kept), PPM))


def test_reaching_a_requirement_is_enough() -> None:
    assert [ask("covers_initial", net, 10) for net in (9, 10, 11)] == [False, True, True]
    assert [ask("covers_maintenance", net, 10) for net in (9, 10, 11)] == [False, True, True]
    assert [ask("is_under_maintenance", net, 10) for net in (9, 10, 11)] == [True, False, False]
    assert not ask("is_under_maintenance", -1, 0)


standings = st.tuples(st.integers(-LARGEST, LARGEST), st.integers(0, LARGEST))


@given(standings, standings)
def test_standings_compare_by_their_exact_ratio(a: tuple[int, int], b: tuple[int, int]) -> None:
    order = ask("compare_standing", *a, *b)
    assert order == -ask("compare_standing", *b, *a)
    if a[1] and b[1] and Fraction(*a) != Fraction(*b):
        assert order == sign(Fraction(*b) - Fraction(*a))


def test_ratios_that_floating_point_cannot_tell_apart() -> None:
    first, second = (LARGEST, LARGEST - 1), (LARGEST - 1, LARGEST - 2)
    assert ask("compare_standing", *first, *second) == 1
    assert ask("compare_standing", *first, *first) == 0


def test_equal_standings_are_told_apart_by_requirement_then_by_collateral() -> None:
    assert ask("compare_standing", 1, 2, 2, 4) == -1
    assert ask("compare_standing", 0, 50, 0, 100) == -1
    assert ask("compare_standing", 100, 50, 0, 0) == 1
    assert ask("compare_standing", -2, 0, -1, 0) == 1
    assert ask("compare_standing", -1, 0, -1, 0) == 0


@pytest.mark.parametrize(
    ("now", "then", "reason"),
    [
        ((10, 10, 8), (5, 6, 4), Reason.NO_REASON),
        ((10, 10, 8), (4, 6, 5), Reason.NEWLY_UNDERCOLLATERALIZED),
        ((9, 10, 8), (4, 6, 5), Reason.STILL_UNDERCOLLATERALIZED),
        ((9, 10, 8), (9, 10, 8), Reason.NO_REASON),
        ((9, 10, 8), (100, 101, 9), Reason.STILL_UNDERCOLLATERALIZED),
        ((-8, 10, 8), (-4, 6, 4), Reason.NO_REASON),
        ((-8, 10, 8), (-5, 6, 4), Reason.STILL_UNDERCOLLATERALIZED),
        ((-8, 10, 8), (-1, 0, 0), Reason.STILL_UNDERCOLLATERALIZED),
        ((-2, 0, 0), (-1, 0, 0), Reason.NO_REASON),
        ((-1, 0, 0), (-1, 0, 0), Reason.STILL_UNDERCOLLATERALIZED),
        ((0, 0, 0), (-1, 0, 0), Reason.NEWLY_UNDERCOLLATERALIZED),
    ],
)
def test_an_account_below_its_requirement_may_only_improve(
    now: tuple[int, int, int], then: tuple[int, int, int], reason: Reason
) -> None:
    assert Reason(ask("improvement_rejection", *now, *then)) is reason


signed = st.integers(-(2**63) + 1, 2**63 - 1)
unsigned = st.integers(0, 2**63 - 1)


@given(signed, signed, signed, signed)
def test_products_compare_exactly(a: int, b: int, c: int, d: int) -> None:
    assert ask("compare_products", a, b, c, d) == sign(a * b - c * d)
    assert ask("compare_products", a, b, b, a) == 0


@given(st.lists(unsigned, min_size=12, max_size=12))
def test_sums_of_products_compare_exactly(f: list[int]) -> None:
    a, b, c = (f[n] * f[n + 1] * f[n + 2] * f[n + 3] for n in (0, 4, 8))
    assert ask("compare_sums", *f) == sign(a + b - c)


def test_sums_at_the_edge_of_64_bits() -> None:
    most = 2**63 - 1
    assert ask("compare_sums", *[most] * 12) == 1
    assert ask("compare_sums", *[most] * 4, *[0] * 4, *[most] * 4) == 0
    assert ask("compare_sums", *[most] * 3, most - 1, most, most, most, 1, *[most] * 4) == 0
    assert ask("compare_sums", *[most] * 3, most - 1, most, most, 1, 1, *[most] * 4) == -1


def test_results_saturate_in_64_bits_and_nowhere_else() -> None:
    wide = plain_arithmetic.wide_divide(2**80, 2**80, 3)
    assert wide == divmod(2**160, 3)
    assert [type(part) for part in wide] == [int, int]
    bound = plain_arithmetic.wide_divide(np.int64(2**61), 2**61, 1)
    assert bound == (LARGEST, 0)
    assert plain_arithmetic.product_fits(2**80, 2**80)
    assert not plain_arithmetic.product_fits(np.int64(2**61), 2**61)


@pytest.mark.parametrize("exponent", [-40, -37, -19, 19, 37, 40])
def test_formulas_know_powers_beyond_the_table_when_nothing_ends(exponent: int) -> None:
    if not INTERPRETED:
        pytest.skip("compiled numbers end at 64 bits")
    a, b = -(10**45) - 1, 7
    assert ask("scaled_floor", a, b, exponent) == floor(a * b * power(exponent))
    assert ask("scaled_toward_zero", a, b, exponent) == trunc(a * b * power(exponent))
    assert ask("size_worth", a, b, exponent) == trunc(Fraction(trunc(a * power(-exponent)), b))


@given(numbers, numbers, st.integers(0, 18))
def test_what_passes_64_bits_loses_no_sign(a: int, b: int, exponent: int) -> None:
    exact = a * b * 10**exponent
    bounded = exact if abs(exact) < 2**63 else sign(exact) * LARGEST
    assert ask("scaled_floor", a, b, exponent) == (exact if INTERPRETED else bounded)
