"""Legs of time-weighted orders: their size, their price, and which orders are accepted."""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import ceil, floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.domain.enums import Reason, Side
from seawall.engine.formulas.blocks import twap
from tests.unit.block_state import (
    DAY_MS,
    FIRST_USER,
    HOUR_MS,
    START_MS,
    BlockState,
    asked,
    block_market,
    block_rulebook,
    obeyed,
)

BUY, SELL = Side.BUY, Side.SELL


@cache
def ask(name: str) -> Callable[..., Any]:
    return asked(getattr(twap, name))


@cache
def rejection() -> Callable[..., Any]:
    return obeyed(twap.twap_rejection)


@pytest.mark.parametrize(
    ("remaining", "left", "expected"),
    [
        (1_000, 6, 165),
        (1_000, 5, 200),
        (1_000, 2, 500),
        (1_000, 1, 500),
        (503, 1, 500),
        (499, 1, 495),
        (9, 2, 5),
        (8, 2, 0),
        (4, 1, 0),
        (0, 1, 0),
    ],
)
def test_what_remains_is_spread_but_a_leg_catches_up_only_so_far(
    remaining: int, left: int, expected: int
) -> None:
    """Of 1000 in six legs: each of 167, at most three times that, in steps of five."""
    assert ask("leg_size")(1_000, remaining, left, 6, 5, 3) == expected


@given(
    st.integers(1, 10**15), st.integers(0, 10**15), st.integers(1, 2_880), st.integers(1, 2_880),
    st.integers(1, 10**10), st.integers(1, 10),
)  # fmt: skip
def test_a_leg_is_its_share_in_whole_steps(
    total: int, remaining: int, left: int, legs: int, step: int, factor: int
) -> None:
    most = factor * ceil(Fraction(total, legs))
    share = min(ceil(Fraction(remaining, left)), most)
    assert ask("leg_size")(total, remaining, left, legs, step, factor) == share - share % step


@pytest.mark.parametrize(
    ("oracle", "exponent", "tolerance", "side", "expected"),
    [
        (1_000, 0, 25_000, BUY, 103),
        (1_000, 0, 25_000, SELL, 97),
        (1_000, 0, 500_000, SELL, 50),
        (1_000, 0, 0, BUY, 100),
        (1_001, 0, 0, BUY, 101),
        (1_001, 0, 0, SELL, 101),
        (1_001, 0, 1, SELL, 100),
        (10_005, -1, 0, SELL, 100),
        (10_005, -1, 0, BUY, 100),
        (10_019, -1, 0, BUY, 101),
        (7, 2, 0, BUY, 70),
        (7, 0, 999_999, SELL, 0),
    ],
)
def test_prices_are_cut_to_a_unit_before_they_are_moved_to_a_tick(
    oracle: int, exponent: int, tolerance: int, side: Side, expected: int
) -> None:
    assert ask("leg_price")(0, oracle, exponent, tolerance, int(side), 10) == expected
    assert ask("leg_price")(88, oracle, exponent, tolerance, int(side), 10) == 88


@given(
    st.integers(1, 10**12), st.integers(-9, 3), st.integers(0, 999_999), st.sampled_from([0, 1]),
    st.integers(1, 10**6),
)  # fmt: skip
def test_prices_of_legs_are_the_moved_oracle(
    oracle: int, exponent: int, tolerance: int, side: int, step: int
) -> None:
    signed = tolerance if side == BUY else -tolerance
    moved = floor(oracle * Fraction(10) ** exponent * (10**6 + signed) / 10**6)
    ticks = Fraction(moved, step)
    expected = ceil(ticks) if signed >= 0 else floor(ticks)
    assert ask("leg_price")(0, oracle, exponent, tolerance, side, step) == expected


def world() -> BlockState:
    market = block_market("A", size_step=5, price_step=10, value_exponent=-4, quote_exponent=-6)
    return BlockState(block_rulebook(), [market])


def test_the_next_leg_of_an_order_is_read_from_its_rows() -> None:
    state = world()
    order, plan = state.tables["orders"][3:4], state.tables["block_orders"][3:4]
    order["original_size"], order["remaining_size"], order["side"] = 1_000, 1_000, SELL
    plan["legs_left"], plan["legs_total"], plan["tolerance_ppm"] = 5, 6, 25_000
    state.tables["markets"]["oracle_price"][0] = 10
    assert ask("next_leg")(state.state, 3) == (200, 97)
    order["price"] = 80
    assert ask("next_leg")(state.state, 3) == (200, 80)
    assert ask("leg_good_til")(state.state) == START_MS + 3_000
    plan["legs_left"] = 0
    assert ask("next_leg")(state.state, 3) == (0, 0)


GOOD = {
    "account": FIRST_USER,
    "market": 0,
    "order_size": 60,
    "trigger_price": 360_000,
    "order_id": 30_000,
    "leverage": 999_999,
}


@pytest.mark.parametrize(
    ("columns", "accepted"),
    [
        ({}, True),
        ({"order_size": 59}, False),
        ({"order_size": 0}, False),
        ({"leverage": 1_000_000}, False),
        ({"leverage": 0}, True),
        ({"leverage": -1}, False),
        ({"order_id": 29_999}, False),
        ({"order_id": 31_000}, False),
        ({"order_id": 0}, False),
        ({"order_id": -30_000}, False),
        ({"trigger_price": 300_000}, True),
        ({"trigger_price": 270_000}, False),
        ({"trigger_price": 0}, False),
        ({"trigger_price": DAY_MS, "order_id": HOUR_MS, "order_size": 120}, True),
        ({"trigger_price": DAY_MS, "order_id": HOUR_MS, "order_size": 119}, False),
        ({"trigger_price": DAY_MS, "order_id": 2 * HOUR_MS, "order_size": 120}, False),
        ({"trigger_price": DAY_MS + HOUR_MS, "order_id": HOUR_MS, "order_size": 10**6}, False),
    ],
)
def test_orders_whose_legs_break_a_rule_are_refused(
    columns: dict[str, int], accepted: bool
) -> None:
    state = world()
    reason = rejection()(state.state, state.command(**GOOD | columns))
    assert reason == (Reason.NO_REASON if accepted else Reason.INVALID_TWAP)
