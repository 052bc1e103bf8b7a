"""Fee tiers by trailing volume and share, discounts, rounding, and the evaluation by the clock."""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.domain.enums import EventKind, Reason
from seawall.domain.rulebook import StakingLevel, VolumeTier
from seawall.engine.formulas.blocks import fees as fee_schedule
from seawall.engine.transitions.blocks import fees as fee_standing
from tests.unit.block_state import (
    DAY_MS,
    FIRST_USER,
    HOUR_MS,
    START_MS,
    BlockState,
    asked,
    block_rulebook,
    obeyed,
)

ALICE, BOB, CARL = FIRST_USER, FIRST_USER + 1, FIRST_USER + 2
TAKER, MAKER = 1, 0
TIERS = (
    VolumeTier("1", 0, 0, 0, 500, 100),
    VolumeTier("2", 1_000, 0, 0, 450, 100),
    VolumeTier("3", 5_000, 0, 0, 400, 50),
    VolumeTier("4", 5_000, 5_000, 0, 350, 0),
    VolumeTier("5", 5_000, 5_000, 1_000, 300, -50),
    VolumeTier("6", 6_000, 0, 0, 250, -111),
)
LEVELS = (
    StakingLevel("1", 3_000, 250_000),
    StakingLevel("1", 20_000, 500_000),
    StakingLevel("3", 100, 1_000_000),
)


@cache
def ask(name: str) -> Callable[..., Any]:
    return asked(getattr(fee_schedule, name))


@cache
def obey(name: str) -> Callable[..., Any]:
    return obeyed(getattr(fee_standing, name))


@cache
def evaluation() -> Callable[..., Any]:
    return asked(fee_standing.evaluate_fees)


def world(**choices: Any) -> BlockState:
    return BlockState(block_rulebook(**{"tiers": TIERS, "staking_levels": LEVELS} | choices))


def tier(
    state: BlockState, taker: int, maker: int, total: int, vault: int = 0, ref: int = 0
) -> int:
    return int(ask("volume_tier_of")(state.state, taker, maker, total, vault, ref))


def rate(state: BlockState, account: int, market: int, is_taker: int) -> int:
    return int(ask("fee_ppm")(state.state, account, market, is_taker))


@pytest.mark.parametrize(
    ("taker", "maker", "total", "expected"),
    [
        (0, 0, 0, 0),
        (999, 0, 10**9, 0),
        (1_000, 0, 10**9, 1),
        (500, 500, 10**9, 1),
        (5_000, 0, 10**9, 2),
        (5_000, 0, 1_000_199, 3),
        (5_000, 0, 1_000_200, 2),
        (5_999, 0, 1_000, 3),
        (4_999, 1, 1_999, 4),
        (4_999, 1, 2_000, 3),
        (4_000, 1_999, 1_000, 4),
        (4_000, 2_000, 1_000, 5),
        (6_000, 0, 10**9, 2),
    ],
)  # fmt: skip
def test_tiers_are_climbed_to_the_first_unmet_one(
    taker: int, maker: int, total: int, expected: int
) -> None:
    """The share of the fourth tier: 0.5 % of 1 000 199 is 5 000, of 1 000 200 it is 5 001."""
    assert tier(world(), taker, maker, total) == expected


@given(
    st.integers(0, 10**17),
    st.integers(0, 10**17),
    st.integers(0, 10**18),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
def test_shares_are_of_the_amount_rounded_down(
    taker: int, maker: int, total: int, share: int, maker_share: int
) -> None:
    state = SHARES
    state.tables["volume_tiers"]["total_share_ppm"][1] = share
    state.tables["volume_tiers"]["maker_share_ppm"][1] = maker_share
    met = taker + maker >= total * share // 10**6 and maker >= total * maker_share // 10**6
    assert tier(state, taker, maker, total) == int(met)


SHARES = world(tiers=TIERS[:1] * 2, staking_levels=())


def test_a_vault_has_the_last_tier_and_a_referred_account_at_least_its_own() -> None:
    state = world(referred_tier=2)
    assert tier(state, 0, 0, 10**9, vault=1) == 5
    assert tier(state, 0, 0, 10**9, ref=1) == 2
    assert tier(state, 5_000, 0, 1_000, ref=1) == 3
    assert tier(world(referred_tier=9), 0, 0, 10**9, ref=1) == 5


def test_the_highest_level_of_the_same_tier_counts() -> None:
    state = world()
    found = {
        (place, staked): int(ask("staking_discount_ppm")(state.state, place, staked))
        for place in (0, 1, 2)
        for staked in (0, 99, 2_999, 3_000, 19_999, 20_000, 10**15)
    }
    assert [found[0, s] for s in (2_999, 3_000, 19_999, 20_000)] == [0, 250_000, 250_000, 500_000]
    assert found[1, 10**15] == 0
    assert (found[2, 99], found[2, 2_999]) == (0, 1_000_000)


def test_market_discounts_make_fees_and_rebates_smaller_toward_zero() -> None:
    state = world()
    state.tables["block_accounts"]["vault"][ALICE] = 1
    obey("set_market_discount")(
        state.state,
        state.command(market=1, leverage=333_333, price=START_MS, trigger_price=START_MS + HOUR_MS),
    )
    rates = {}
    for offset in (-1, 0, HOUR_MS - 1, HOUR_MS):
        state.control["clock_ms"] = START_MS + offset
        rates[offset] = [rate(state, ALICE, 1, taker) for taker in (TAKER, MAKER)]
    assert rates == {
        -1: [250, -111], 0: [83, -36], HOUR_MS - 1: [83, -36], HOUR_MS: [250, -111]
    }  # fmt: skip
    state.control["clock_ms"] = START_MS
    assert [rate(state, ALICE, 0, taker) for taker in (TAKER, MAKER)] == [250, -111]


def test_staking_discounts_follow_the_market_discount_and_spare_rebates() -> None:
    state = world(tiers=(VolumeTier("1", 0, 0, 0, 501, -101),), staking_levels=LEVELS[:2])
    state.tables["block_accounts"]["staked"][ALICE] = 3_000
    assert [rate(state, ALICE, 0, side) for side in (TAKER, MAKER)] == [375, -101]
    markets = state.tables["block_markets"]
    markets["charge_ppm"][0], markets["charge_until_ms"][0] = 500_000, START_MS + 1
    assert [rate(state, ALICE, 0, side) for side in (TAKER, MAKER)] == [187, -50]
    assert [rate(state, BOB, 0, side) for side in (TAKER, MAKER)] == [250, -50]


@given(st.integers(0, 10**16), st.integers(-(10**6), 10**6))
def test_fees_and_rebates_are_rounded_up(quote: int, ppm: int) -> None:
    assert ask("charged_fee")(quote, ppm) == ceil(Fraction(quote * ppm, 10**6))


def test_half_a_rebate_is_none() -> None:
    assert ask("charged_fee")(5_000, -100) == 0
    assert ask("charged_fee")(5_001, 100) == 1


def test_the_lowest_maker_rate_is_that_of_any_tier() -> None:
    assert ask("lowest_maker_ppm")(world().state) == -111
    assert ask("lowest_maker_ppm")(world(tiers=TIERS[2::-1], staking_levels=()).state) == 50


def test_a_window_is_today_and_its_days_and_a_child_has_its_roots() -> None:
    state = world(history_days=2)
    state.accounts["parent"][BOB] = ALICE
    state.accounts["day_taker_volume"][[ALICE, BOB]] = 1, 10
    state.accounts["day_maker_volume"][[ALICE, BOB]] = 2, 20
    state.histories["taker_days"][ALICE, :3] = 100, 200, 4_000
    state.histories["maker_days"][ALICE, :3] = 300, 400, 8_000
    state.histories["taker_days"][BOB, 0] = 10**6
    volumes = [tuple(map(int, ask("fee_volumes")(state.state, a))) for a in (ALICE, BOB, CARL)]
    assert volumes == [(301, 702), (311, 722), (0, 0)]
    state.tables["block_accounts"]["staked"][ALICE] = 3_000
    assert rate(state, BOB, 0, TAKER) == rate(state, ALICE, 0, TAKER) == 450
    state.histories["taker_days"][ALICE, 0] = 0
    assert rate(state, ALICE, 0, TAKER) == 375
    assert rate(state, BOB, 0, TAKER) == 375


def test_the_first_evaluation_only_schedules() -> None:
    state = world()
    state.control["clock_ms"] = START_MS + 5
    evaluation()(state.state)
    assert state.rules["next_evaluation_ms"] == START_MS + HOUR_MS
    assert state.told() == []
    state.accounts["day_taker_volume"][ALICE] = 1_000
    state.control["clock_ms"] = START_MS + HOUR_MS - 1
    evaluation()(state.state)
    assert (state.told(), state.rules["total_taker_volume"]) == ([], 0)
    state.control["clock_ms"] = START_MS + 3 * HOUR_MS + 7
    evaluation()(state.state)
    assert state.rules["next_evaluation_ms"] == START_MS + 4 * HOUR_MS
    assert state.rules["total_taker_volume"] == 1_000


def evaluated(state: BlockState, clock_ms: int) -> dict[int, tuple[int, int]]:
    """The rates told at an evaluation, by account."""
    state.control["clock_ms"] = clock_ms
    evaluation()(state.state)
    events = state.told()
    assert {int(event["kind"]) for event in events} <= {EventKind.FEE_RATES_SET}
    return {int(e["account"]): (int(e["price"]), int(e["money"])) for e in events}


def test_evaluations_set_rates_for_views_and_move_the_days() -> None:
    state = world(history_days=2)
    state.accounts["parent"][BOB] = ALICE
    base = (500_000, 100_000)
    evaluation()(state.state)
    assert evaluated(state, START_MS + HOUR_MS) == dict.fromkeys((ALICE, BOB, CARL), base)
    state.accounts["day_maker_volume"][[ALICE, BOB]] = 400, 600
    state.accounts["day_taker_volume"][CARL] = 999
    second = (450_000, 100_000)
    assert evaluated(state, START_MS + 2 * HOUR_MS) == {ALICE: second, BOB: second}
    assert state.accounts["day_maker_volume"].tolist()[ALICE : CARL + 1] == [1_000, 0, 0]
    assert (state.rules["total_taker_volume"], state.rules["total_maker_volume"]) == (999, 1_000)
    assert evaluated(state, START_MS + DAY_MS) == {}
    assert state.histories["maker_days"][ALICE, :3].tolist() == [1_000, 0, 0]
    assert state.histories["taker_days"][CARL, :3].tolist() == [999, 0, 0]
    assert state.histories["total_volume"].tolist()[ALICE : CARL + 1] == [1_000, 0, 999]
    state.accounts["day_taker_volume"][CARL] = 1
    assert evaluated(state, START_MS + 2 * DAY_MS) == {CARL: second}
    assert state.histories["taker_days"][CARL, :3].tolist() == [1, 999, 0]
    assert evaluated(state, START_MS + 3 * DAY_MS) == {ALICE: base, BOB: base, CARL: base}
    assert state.rules["total_maker_volume"] == 0
    assert evaluated(state, START_MS + 100 * DAY_MS) == {}
    assert not state.histories["taker_days"].any()


def test_standing_belongs_to_the_root_and_is_told() -> None:
    state = world(referred_tier=2)
    state.accounts["parent"][BOB] = ALICE
    command = state.command(account=BOB, money=100, flags=1, status=0)
    assert obey("set_fee_standing")(state.state, command) == Reason.NO_REASON
    standing = state.tables["block_accounts"][["staked", "referred", "vault"]]
    assert standing[ALICE].tolist() == (100, 1, 0)
    assert standing[BOB].tolist() == (0, 0, 0)
    told, rates = state.told()
    assert (told["kind"], told["account"], told["money"]) == (EventKind.FEE_STANDING_SET, BOB, 100)
    assert (told["flags"], told["counterparty"]) == (1, 0)
    assert (rates["account"], rates["price"], rates["money"]) == (BOB, 400_000, 50_000)
    assert [rate(state, a, 0, TAKER) for a in (ALICE, BOB, CARL)] == [0, 0, 500]


@pytest.mark.parametrize(
    "columns",
    [
        {"money": -1}, {"money": 10**17 + 1}, {"flags": 2}, {"flags": -1}, {"status": 2},
        {"status": -1},
    ],
)  # fmt: skip
def test_standing_out_of_range_changes_nothing(columns: dict[str, int]) -> None:
    state = world()
    before = state.buffer.copy()
    command = state.command(account=ALICE, **columns)
    assert obey("set_fee_standing")(state.state, command) == Reason.VALUE_OUT_OF_RANGE
    assert (state.buffer == before).all()


@pytest.mark.parametrize(
    "columns",
    [
        {"leverage": -1},
        {"leverage": 1_000_001},
        {"price": -1},
        {"trigger_price": 7},
        {"trigger_price": 2**46 + 1},
    ],
)
def test_a_discount_out_of_range_changes_nothing(columns: dict[str, int]) -> None:
    state = world()
    before = state.buffer.copy()
    good = {"market": 0, "leverage": 500_000, "price": 7, "trigger_price": 8}
    command = state.command(**good | columns)
    assert obey("set_market_discount")(state.state, command) == Reason.VALUE_OUT_OF_RANGE
    assert (state.buffer == before).all()


def test_a_discount_is_told() -> None:
    state = world()
    command = state.command(market=1, leverage=0, price=7, trigger_price=8)
    assert obey("set_market_discount")(state.state, command) == Reason.NO_REASON
    (told,) = state.told()
    assert (told["kind"], told["market"]) == (EventKind.MARKET_DISCOUNT_SET, 1)
    assert (told["order_size"], told["price"], told["money"]) == (0, 7, 8)
