"""Liquidation after a block, case by case on a state built by hand.

    SEAWALL_INTERPRETED=1 python -m tests.unit.test_block_liquidation

The kernels asked here are helpers of compiled entries and have no Python wrapper of their own, so
the cases run where kernels are plain Python, all in one process that the test starts.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from seawall.domain.enums import (
    EventKind,
    FillFlag,
    MarketStatus,
    Reason,
    Side,
    StartingOffset,
)
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.compile import INTERPRETED
from seawall.engine.formulas.blocks.liquidation import (
    FILL_ALLOWED,
    FUND_TOO_SMALL,
    INSURANCE_SPENT,
    NOTIONAL_SPENT,
    bankruptcy_quote,
    closes,
    fillable_ticks,
    insurance_can_pay,
    insurance_delta,
    liquidation_fill,
    liquidation_size,
    position_to_liquidate,
    severity,
)
from seawall.engine.transitions.blocks.deleveraging import deleverage_position
from seawall.engine.transitions.blocks.liquidation import liquidate_block
from seawall.engine.transitions.shared.positions import position_of
from tests.shared_files import ROOT
from tests.unit.block_liquidation_world import USD, VISITS, World

ORACLE_TICKS = 10_000
FUND = 0
OUTSIDE = 4
RICH = 10**6 * USD


def a_surplus_of_nothing_is_neither_fee_nor_payment() -> None:
    assert insurance_delta(1_000, 1_000, 15_000) == 0
    assert insurance_delta(1_000, 999, 15_000) == 1
    assert insurance_delta(1_000, 900, 15_000) == 15
    assert insurance_delta(1_000, 1_001, 15_000) == -1
    assert insurance_delta(-1_000, -1_100, 15_999) == 15
    assert insurance_can_pay(-5, 0)
    assert insurance_can_pay(-5, 1)
    assert not insurance_can_pay(4, -5)
    assert insurance_can_pay(5, -5)


def a_fill_at_the_bankruptcy_price_needs_no_insurance() -> None:
    """Neither the fund nor what the account has used of it is asked when nothing is paid."""
    world = World(account_insurance=0, account_notional=10**12)
    account = world.account(-990 * USD, 1_000)
    row = position_of(world.state, account, 0)
    world.tables["accounts"]["cash"][FUND] = -USD
    world.rules["account_insurance"] = -1
    assert bankruptcy_quote(world.state, account, row, -1_000) == 990 * USD
    assert liquidation_fill(world.state, account, row, -1_000, 9_900) == (0, FILL_ALLOWED)
    gain, verdict = liquidation_fill(world.state, account, row, -1_000, 9_899)
    assert (gain, verdict) == (-1_000 * 100, FUND_TOO_SMALL)
    world.tables["accounts"]["cash"][FUND] = 10 * USD
    assert liquidation_fill(world.state, account, row, -1_000, 9_899)[1] == INSURANCE_SPENT
    world.rules["account_notional"] = 1_000 * USD - 1
    assert liquidation_fill(world.state, account, row, -1_000, 9_899)[1] == NOTIONAL_SPENT


def a_delta_closes_at_most_the_position() -> None:
    assert closes(5, -5)
    assert closes(-5, 1)
    for size, delta in ((5, -6), (5, 1), (5, 0), (0, 1), (0, 0), (-5, 6), (-5, -1)):
        assert not closes(size, delta)


def the_limit_lies_at_most_the_spread_from_the_oracle() -> None:
    """A lost requirement is 1.5 x 5 % of the price; half of it half of that."""
    world = World()
    row = position_of(world.state, world.account(-1_000 * USD, 1_000), 0)
    assert fillable_ticks(world.state, 5, row) == 9_250
    row = position_of(world.state, world.account(-975 * USD, 1_000), 0)
    assert fillable_ticks(world.state, 6, row) == 9_625
    row = position_of(world.state, world.account(1_020 * USD, -1_000), 0)
    assert fillable_ticks(world.state, 7, row) == 10_450
    row = position_of(world.state, world.account(-975 * USD - 1, 1_000), 0)
    assert fillable_ticks(world.state, 8, row) == 9_625
    row = position_of(world.state, world.account(1_020 * USD + 1, -1_000), 0)
    assert fillable_ticks(world.state, 9, row) == 10_449
    assert severity(world.state, 0, 9_625) == 375 * 10**14


def one_block_takes_a_share_and_a_fee() -> None:
    world = World()
    maker = world.account(RICH)
    account = world.account(-19_200 * USD, 20_000)
    world.rest(maker, Side.BUY, 9_900, 50_000)
    before = world.money()
    world.block()
    assert world.liquidated_fills() == [(account, 9_900, 2_000)]
    (fee,) = world.told(EventKind.LIQUIDATION_FEE_PAID)
    assert int(fee["money"]) == 1_980 * USD * 15_000 // 10**6
    assert world.cash(FUND) == int(fee["money"])
    assert world.cash(account) == -19_200 * USD + 1_980 * USD - int(fee["money"])
    taker, made = world.told(EventKind.ORDER_FILLED)[::-1]
    assert int(taker["money"]) == 0
    assert int(made["money"]) == 1_980 * 100
    assert world.money() == before
    assert world.pools_hold_the_cash_of_users()
    assert len(world.told(EventKind.LIQUIDATION_STARTED)) == 1
    assert len(world.told(EventKind.LIQUIDATION_ENDED)) == 1
    world.block()
    assert world.size(account) == 20_000 - 2_000 - 1_800


def a_rebate_is_not_paid_for_liquidations() -> None:
    world = World()
    world.tables["volume_tiers"]["maker_ppm"] = -100
    maker = world.account(RICH)
    world.account(-19_200 * USD, 20_000)
    world.rest(maker, Side.BUY, 9_900, 50_000)
    world.block()
    assert world.cash(maker) == RICH - 1_980 * USD


def a_fill_below_bankruptcy_is_paid_by_the_fund() -> None:
    world = World()
    world.tables["accounts"]["cash"][FUND] = 1_000 * USD
    maker = world.account(RICH)
    account = world.account(-995 * USD, 1_000)
    world.rest(maker, Side.BUY, 9_800, 50_000)
    before = world.money()
    world.block()
    (paid,) = world.told(EventKind.INSURANCE_PAID)
    assert (int(paid["money"]), int(paid["counterparty"])) == (15 * USD, FUND)
    assert world.cash(FUND) == 985 * USD
    assert (world.cash(account), world.size(account)) == (0, 0)
    assert not world.told(EventKind.LIQUIDATION_FEE_PAID)
    assert int(world.tables["block_accounts"]["insurance_lost"][account]) == 15 * USD
    assert world.money() == before
    assert world.pools_hold_the_cash_of_users()


def an_empty_fund_leads_to_deleveraging_of_the_negative_only() -> None:
    """A fund that cannot pay stops the order; what has equity waits, what has none is closed."""
    world = World()
    maker = world.account(RICH)
    short = world.account(RICH, -3_000)
    positive = world.account(-995 * USD, 1_000)
    negative = world.account(-1_010 * USD, 1_000)
    world.rest(maker, Side.BUY, 9_800, 50_000)
    before = world.money()
    world.block()
    assert not world.liquidated_fills()
    assert world.size(positive) == 1_000
    assert (world.cash(negative), world.size(negative)) == (0, 0)
    assert (world.cash(short), world.size(short)) == (RICH - 1_010 * USD, -2_000)
    taken, other = world.told(EventKind.DELEVERAGED)
    assert (int(taken["price"]), int(taken["order_size"])) == (0, 1_000)
    assert (int(taken["closed_profit"]), int(other["closed_profit"])) == (10 * USD, -10 * USD)
    assert (abs(int(taken["money"])), int(taken["flags"]) & FillFlag.LIQUIDATED) == (
        1_010 * USD,
        FillFlag.LIQUIDATED,
    )
    assert not world.told(EventKind.TRANSFERS_GATED)
    assert world.money() == before
    assert world.pools_hold_the_cash_of_users()
    assert int(world.rules["must_look"]) == 1


def a_market_with_its_own_pool_has_its_own_fund() -> None:
    world = World(own_pool=True)
    world.tables["accounts"]["cash"][FUND] = 1_000 * USD
    world.tables["block_markets"]["insurance_cash"][0] = 14 * USD
    maker = world.account(RICH, 1)
    account = world.account(-995 * USD, 1_000)
    world.account(1_010 * USD, -1_001)
    world.rest(maker, Side.BUY, 9_800, 50_000)
    before = world.money()
    world.block()
    assert not world.liquidated_fills()
    world.tables["block_markets"]["insurance_cash"][0] = 15 * USD
    world.block()
    assert world.liquidated_fills() == [(account, 9_800, 1_000)]
    assert int(world.tables["block_markets"]["insurance_cash"][0]) == 0
    assert world.cash(FUND) == 1_000 * USD
    assert world.money() == before + USD
    assert world.pools_hold_the_cash_of_users()


def limits_of_the_account_stop_the_order() -> None:
    """Three fills of 400 USD: the third would pass the notional of the block."""
    world = World(account_notional=1_000 * USD, position_portion_ppm=10**6)
    account = world.account(-1_920 * USD, 2_000)
    for _ in range(3):
        world.rest(world.account(RICH), Side.BUY, 9_900, 400)
    world.block()
    assert [size for _, _, size in world.liquidated_fills()] == [400, 400, 200]
    assert int(world.tables["block_accounts"]["liquidated_notional"][account]) == 1_000 * USD
    world = World(account_insurance=4 * USD, position_portion_ppm=10**6)
    world.tables["accounts"]["cash"][FUND] = 1_000 * USD
    account = world.account(-995 * USD, 1_000)
    for _ in range(3):
        world.rest(world.account(RICH), Side.BUY, 9_900, 400)
    world.block()
    assert [size for _, _, size in world.liquidated_fills()] == [400, 400]
    assert int(world.tables["block_accounts"]["insurance_lost"][account]) == 4 * USD
    assert world.size(account) == 200


def what_a_block_has_used_is_forgotten_in_the_next() -> None:
    world = World(account_notional=1_000 * USD, position_portion_ppm=10**6)
    account = world.account(-4_900 * USD, 5_000)
    world.rest(world.account(RICH), Side.BUY, 9_900, 10_000)
    world.block()
    world.block()
    assert world.size(account) == 3_000
    assert position_to_liquidate(world.state, account) == -1
    world.rules["height"] += 1
    assert position_to_liquidate(world.state, account) == position_of(world.state, account, 0)


def positions_take_turns_by_market() -> None:
    world = World(markets=3, position_offset=StartingOffset.BLOCK_HEIGHT)
    account = world.account(-2_990 * USD)
    rows = {market: world.hold(account, 1_000, market) for market in (2, 0, 1)}
    for height, market in ((9, 0), (10, 1), (11, 2), (12, 0)):
        world.rules["height"] = height
        assert position_to_liquidate(world.state, account) == rows[market]
    world.tables["block_positions"]["liquidated_height"][rows[0]] = 13
    assert position_to_liquidate(world.state, account) == rows[1]


def the_worst_comes_first_then_the_largest_then_the_oldest() -> None:
    world = World(liquidations_per_block=3)
    maker = world.account(RICH)
    mild = world.account(-960 * USD, 1_000)
    older = world.account(-995 * USD, 1_000)
    younger = world.account(-995 * USD, 1_000)
    larger = world.account(-1_990 * USD, 2_000)
    world.rest(maker, Side.BUY, ORACLE_TICKS, 50_000)
    world.block()
    assert [fill[0] for fill in world.liquidated_fills()] == [older, younger, mild]
    assert world.size(larger) == 2_000
    world = World()
    maker = world.account(RICH)
    mild = world.account(-960 * USD, 1_000)
    older = world.account(-995 * USD, 1_000)
    younger = world.account(-995 * USD, 1_000)
    larger = world.account(-1_990 * USD, 2_000)
    world.rest(maker, Side.BUY, ORACLE_TICKS, 50_000)
    world.block()
    assert [fill[0] for fill in world.liquidated_fills()] == [older, younger, larger, mild]


def the_search_may_begin_elsewhere() -> None:
    world = World(liquidations_per_block=2, account_offset=StartingOffset.BLOCK_HEIGHT)
    maker = world.account(RICH)
    accounts = [world.account(-960 * USD, 1_000) for _ in range(5)]
    world.rest(maker, Side.BUY, ORACLE_TICKS, 50_000)
    world.rules["height"] = 13
    world.block()
    assert [fill[0] for fill in world.liquidated_fills()] == [accounts[0], accounts[4]]


def makers_are_judged_and_passed_over() -> None:
    """One that cannot carry the fill goes, one's own order goes, the next one trades."""
    world = World()
    poor = world.account(0)
    account = world.account(-960 * USD, 1_000)
    maker = world.account(RICH)
    world.rest(poor, Side.BUY, 9_990, 1_000)
    world.rest(account, Side.BUY, 9_980, 1_000)
    world.rest(maker, Side.BUY, 9_900, 600)
    world.rest(maker, Side.BUY, 9_850, 600)
    world.rest(maker, Side.BUY, 9_849, 600)
    world.block()
    assert world.liquidated_fills() == [(account, 9_900, 600), (account, 9_850, 400)]
    reasons = [int(row["reason"]) for row in world.told(EventKind.ORDER_CANCELLED)]
    assert reasons == [Reason.NEWLY_UNDERCOLLATERALIZED, Reason.SELF_TRADE_CANCELLED]
    assert int(world.tables["markets"]["bid_level"][0]) >= 0
    assert int(world.tables["levels"]["total_size"].max()) == 600


def nothing_happens_where_nothing_moved() -> None:
    world = World()
    account = world.account(-951 * USD, 1_000)
    world.rest(world.account(RICH), Side.BUY, 9_990, 1_000)
    world.rules["must_look"] = 0
    world.block()
    assert not world.liquidated_fills()
    world.rules["must_look"] = 1
    world.block()
    assert world.size(account) == 0
    world.block()
    assert int(world.rules["must_look"]) == 0


def equality_with_maintenance_is_safe() -> None:
    world = World()
    world.account(-950 * USD, 1_000)
    world.block()
    assert not world.told(EventKind.LIQUIDATION_STARTED)
    assert int(world.rules["must_look"]) == 0


def a_negative_account_that_nobody_takes_closes_the_gate() -> None:
    world = World()
    negative = world.account(-1_010 * USD, 1_000)
    unable = world.account(990 * USD, -1_000)
    world.block()
    assert (world.size(negative), world.size(unable)) == (1_000, -1_000)
    (stalled,) = [
        row for row in world.told(EventKind.DELEVERAGING_STALLED) if int(row["account"]) == negative
    ]
    assert int(stalled["position_size"]) == 1_000
    (gated,) = world.told(EventKind.TRANSFERS_GATED)
    assert (int(gated["account"]), int(gated["market"])) == (unable, -1)
    assert int(world.rules["cross_gated_height"]) == int(world.rules["height"]) + 1
    assert not world.tables["candidates"]["account"].any()
    world = World(own_pool=True)
    world.account(-1_010 * USD, 1_000)
    world.account(990 * USD, -1_000)
    world.block()
    assert int(world.tables["block_markets"]["gated_height"][0]) == int(world.rules["height"]) + 1
    assert int(world.rules["cross_gated_height"]) == 0


def deleveraging_is_limited_and_rotates() -> None:
    world = World(
        counterparties_per_deleveraging=2, counterparty_offset=StartingOffset.BLOCK_HEIGHT
    )
    negative = world.account(-1_010 * USD, 1_000)
    shorts = [world.account(RICH, -400) for _ in range(3)]
    row = position_of(world.state, negative, 0)
    world.rules["height"] = 5
    world.tables["control"]["visits_left"] = VISITS
    assert deleverage_position(world.state, row, -1_000, 1) == -200
    assert [world.size(short) for short in shorts] == [0, -400, 0]
    world = World(deleveragings_per_block=2)
    negatives = [world.account(-1_010 * USD, 1_000) for _ in range(3)]
    world.account(RICH, -3_000)
    world.block()
    assert [world.size(account) for account in negatives] == [0, 0, 1_000]
    (gated,) = world.told(EventKind.TRANSFERS_GATED)
    assert int(gated["account"]) == negatives[2]


def the_world_outside_takes_what_nobody_else_does() -> None:
    """Account 4 mirrors adopted positions; it is asked last and not judged."""
    world = World()
    negative = world.account(-1_010 * USD, 1_000)
    short = world.account(RICH, -400)
    world.hold(OUTSIDE, -600)
    world.block()
    assert [world.size(account) for account in (negative, short, OUTSIDE)] == [0, 0, 0]
    assert world.cash(OUTSIDE) == -606 * USD
    assert not world.told(EventKind.DELEVERAGING_STALLED)


def a_market_that_ends_is_closed_pairwise_at_the_oracle() -> None:
    """Two attempts in each block, a negative account at its bankruptcy price."""
    world = World(deleveragings_per_block=2)
    longs = [world.account(1_000 * USD, 1_000) for _ in range(3)]
    negative = world.account(-1_010 * USD, 1_000)
    short = world.account(RICH, -4_000)
    world.tables["markets"]["status"][0] = MarketStatus.FINAL_SETTLEMENT
    world.rest(world.account(RICH), Side.BUY, ORACLE_TICKS, 50_000)
    before = world.money()
    world.block()
    assert [world.size(account) for account in longs] == [0, 1_000, 1_000]
    assert (world.cash(longs[0]), world.cash(negative)) == (2_000 * USD, 0)
    world.block()
    assert [world.size(account) for account in longs] == [0, 0, 0]
    assert (world.size(short), world.size(negative)) == (0, 0)
    assert world.cash(short) == RICH - 4_010 * USD
    assert world.money() == before
    assert int(world.tables["markets"]["open_interest"][0]) == 0
    assert not world.told(EventKind.LIQUIDATION_STARTED)


def work_of_a_command_ends_with_its_visits() -> None:
    world = World()
    negative = world.account(-1_010 * USD, 1_000)
    world.account(RICH, -1_000)
    world.rules["height"] += 1
    for visits, size in ((0, 1_000), (1, 1_000), (3, 0)):
        world.tables["control"]["visits_left"] = visits
        liquidate_block(world.state)
        assert world.size(negative) == size, visits
        assert int(world.rules["must_look"]) == 1
        world.rules["height"] += 1


def a_part_is_whole_steps_and_at_least_one() -> None:
    world = World(position_minimum=0, position_portion_ppm=100_000)
    row = position_of(world.state, world.account(-960 * USD, 1_000), 0)
    for step, part in ((1, 100), (30, 90), (100, 100), (300, 300), (1_000, 1_000)):
        world.tables["block_markets"]["size_step"][0] = step
        assert liquidation_size(world.state, FIRST_USER, row) == -part


CASES: dict[str, Callable[[], None]] = {
    case.__name__: case
    for case in (
        a_surplus_of_nothing_is_neither_fee_nor_payment,
        a_fill_at_the_bankruptcy_price_needs_no_insurance,
        a_delta_closes_at_most_the_position,
        the_limit_lies_at_most_the_spread_from_the_oracle,
        one_block_takes_a_share_and_a_fee,
        a_rebate_is_not_paid_for_liquidations,
        a_fill_below_bankruptcy_is_paid_by_the_fund,
        an_empty_fund_leads_to_deleveraging_of_the_negative_only,
        a_market_with_its_own_pool_has_its_own_fund,
        limits_of_the_account_stop_the_order,
        what_a_block_has_used_is_forgotten_in_the_next,
        positions_take_turns_by_market,
        the_worst_comes_first_then_the_largest_then_the_oldest,
        the_search_may_begin_elsewhere,
        makers_are_judged_and_passed_over,
        nothing_happens_where_nothing_moved,
        equality_with_maintenance_is_safe,
        a_negative_account_that_nobody_takes_closes_the_gate,
        deleveraging_is_limited_and_rotates,
        the_world_outside_takes_what_nobody_else_does,
        a_market_that_ends_is_closed_pairwise_at_the_oracle,
        work_of_a_command_ends_with_its_visits,
        a_part_is_whole_steps_and_at_least_one,
    )
}


def outcome(case: Callable[[], None]) -> str:
    """Empty when the case holds, else where and how it does not."""
    try:
        case()
    except Exception:
        return traceback.format_exc()
    return ""


@cache
def outcomes() -> dict[str, str]:
    """What went wrong in each case, all run in one process in which kernels are plain Python."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.unit.test_block_liquidation"],
        cwd=ROOT,
        env={
            **os.environ,
            "SEAWALL_INTERPRETED": "1",
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    assert not outcomes()[name], outcomes()[name]


if __name__ == "__main__":
    assert INTERPRETED, "set SEAWALL_INTERPRETED=1"
    np.seterr(over="raise")
    json.dump({name: outcome(case) for name, case in CASES.items()}, sys.stdout)
