"""Shocks: what the valuation says and what the machine does are one answer."""

import math
from fractions import Fraction

import numpy as np
import pytest

from seawall.domain.events import CROSS_POOL
from seawall.domain.mark_steps import LARGEST_STEP, mark_steps
from seawall.domain.units import MICRO
from seawall.lab.market.liquidity import Depth
from seawall.lab.simulation.incidents import IncidentKind
from seawall.lab.stress.aftermath import MOST_MARKS, Aftermath, StressMachine, _shares
from seawall.lab.stress.betas import GIVEN, ITSELF, UNKNOWN, betas_of
from seawall.lab.stress.grid import (
    Cell,
    MoveKind,
    against,
    alone,
    stress_cell,
    stress_grid,
    together,
    usual_moves,
    with_betas,
)
from seawall.lab.stress.result import DEFAULT_SHOCKS, shock_sizes
from tests.lab.stress_worlds import BACKSTOP, PRICES, RULEBOOKS, World, one_position, random_world

# The first account in this process compiles the machine.
pytestmark = pytest.mark.timeout(600)

SEEDS = range(12)
SIZES = shock_sizes(DEFAULT_SHOCKS)
BETAS = {name: each.value for name, each in betas_of(PRICES, {}).items()}


def grid(world: World) -> list[Cell]:
    valuation = world.valuation()
    moves = usual_moves(valuation, BETAS)
    return stress_grid(valuation, world.machine(), moves, SIZES)


@pytest.mark.parametrize("rulebook", RULEBOOKS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_machine_liquidates_what_the_valuation_says(seed: int, rulebook: str) -> None:
    """Every cell of the grid, those in which nothing is liquidated too: on the way to its prices
    nothing is found under maintenance that stands there, so a hedge counts."""
    world = random_world(seed, rulebook)
    machine = world.machine()
    for cell in grid(world):
        after = cell.aftermath or machine.after(cell.prices)
        assert set(after.started) == set(cell.liquidated), (cell.move.name, cell.size)
        # All positions and all money of buckets that stand are untouched.
        for bucket, value in cell.buckets.items():
            if not cell.liquidated:
                assert after.buckets[bucket] == value.equity


@pytest.mark.parametrize("rulebook", RULEBOOKS)
def test_what_is_left_is_what_the_stages_leave(rulebook: str) -> None:
    seen: set[IncidentKind] = set()
    for seed in SEEDS[:5]:
        for cell in grid(random_world(seed, rulebook)):
            after = cell.aftermath
            if after is None:
                assert cell.left == cell.equity
                continue
            assert cell.left == after.equity == sum(after.buckets.values())
            shocked = sum(max(0, each.equity) for each in cell.buckets.values())
            assert cell.cost == shocked - sum(max(0, each) for each in after.buckets.values())
            assert cell.lost == cell.before - after.equity
            assert bool(after.sold) == bool(
                {IncidentKind.LIQUIDATED, IncidentKind.PARTLY_LIQUIDATED} & set(after.stages)
            )
            assert after.first is not None
            seen |= set(after.stages)
    assert IncidentKind.PARTLY_LIQUIDATED in seen
    assert (IncidentKind.BACKSTOP in seen) == (rulebook == "hyperliquid")


@pytest.mark.parametrize("instant", [False, True])
def test_a_liquidation_in_the_book_by_hand(instant: bool) -> None:
    """Long 1 BTC at 100,000 with 10,000; 8.95 % down leaves 1,050 of 1,138.125 needed.

    The notional of 91,050 is below 100,000, so one order closes all of it, in a book of 2 % of 20 M
    USD around the price: 400,000 within 50 bp. The taker fee is 0.045 %. In steps of at most 1 %
    it is the tenth mark that gets there; nine leave 91,393.1, where 1,142.4 are needed of 1,393.1.
    """
    world = one_position("long", "10000")
    valuation = world.valuation()
    move = alone(valuation, 0)
    before = 10_000 * MICRO
    cell = stress_cell(valuation, world.machine(instant=instant), move, Fraction("-0.0895"), before)
    assert cell.prices == (910_500,)
    assert cell.equity == 1_050 * MICRO
    assert cell.worst.maintenance_margin == 1_138_125_000
    assert cell.liquidated == (CROSS_POOL,)
    after = cell.aftermath
    assert after is not None
    assert after.stages == (IncidentKind.LIQUIDATED,)
    assert after.positions == {}
    assert after.taken == after.deleveraged == 0
    fee = after.sold * 45 // 100_000
    slippage = 91_050 * MICRO - after.sold
    # The spread is 20 times as wide (10 bp a side) and the quotes reach 25 bp for this size.
    assert 91_050 * MICRO * 10 // 10_000 <= slippage <= 91_050 * MICRO * 30 // 10_000
    assert abs(cell.cost - fee - slippage) <= 2


def test_a_fall_and_a_jump_by_hand() -> None:
    """Long 1 BTC at 100,000 with 10,000, 30 % down.

    In steps the mark after 91,393.1 is 100,000 x e^-0.1 = 90,483.7: 483.7 are left of 1,131.05
    needed, and the book closes it. In one step it is below zero at once, and deleveraged at the
    mark before: at the 100,000 at which it was bought.
    """
    world = one_position("long", "10000")
    valuation = world.valuation()
    move, before = alone(valuation, 0), 10_000 * MICRO

    def after(instant: bool) -> Aftermath:
        machine = world.machine(instant=instant)
        found = stress_cell(valuation, machine, move, Fraction("-0.3"), before)
        assert found.liquidated == (CROSS_POOL,)
        assert found.aftermath is not None
        assert found.left == found.aftermath.equity
        return found.aftermath

    fall, jump = after(instant=False), after(instant=True)
    assert fall.stages == (IncidentKind.LIQUIDATED,)
    assert abs(fall.equity - (fall.sold - 90_000 * MICRO - fall.sold * 45 // 100_000)) <= 2
    slippage = 90_483_700_000 - fall.sold
    assert 90_483_700_000 * 10 // 10_000 <= slippage <= 90_483_700_000 * 30 // 10_000
    assert jump.stages == (IncidentKind.DELEVERAGED_LOSER,)
    assert (jump.deleveraged, jump.equity) == (100_000 * MICRO, before)


@pytest.mark.parametrize(
    "moves", [[-0.3], [-0.3, 0.4], [0.5, -0.02], [-0.999, 2.0], [10.0], [-0.01]]
)
def test_marks_on_the_way_are_small_and_end_at_the_prices(moves: list[float]) -> None:
    shares = _shares(np.asarray(moves))
    prices = 1.0 + np.asarray(moves) * np.asarray([0.0, *shares])[:, None]
    steps = np.abs(np.diff(np.log(prices), axis=0))
    longest = max(abs(math.log1p(each)) for each in moves)
    assert steps.max() <= max(LARGEST_STEP, longest / MOST_MARKS) + 1e-12
    assert shares[-1] == 1.0
    assert sorted(shares) == shares
    assert len(shares) <= 2 * MOST_MARKS
    if len(moves) == 1 and longest < MOST_MARKS * LARGEST_STEP:
        assert len(shares) == mark_steps(1.0 + moves[0])


def test_a_thin_book_costs_more() -> None:
    world = one_position("long", "10000")
    valuation = world.valuation()
    usual = world.machine()
    depths = {
        name: Depth(each.usd_within_50bp / 10, each.spread_bp)
        for name, each in usual.depths.items()
    }
    thin = StressMachine(world.plan, world.book, world.instruments, depths, world.prices, BACKSTOP)
    prices = alone(valuation, 0).prices(world.prices, Fraction("-0.0895"))
    assert thin.after(prices).equity < usual.after(prices).equity


def test_the_same_shock_gives_the_same_result() -> None:
    world = random_world(0, "hyperliquid")
    prices = together(world.valuation()).prices(world.prices, Fraction(-3, 20))
    assert world.machine().after(prices) == world.machine().after(prices)


def test_moves() -> None:
    world = random_world(0, "hyperliquid")
    valuation = world.valuation()
    down = Fraction(-1, 10)
    assert alone(valuation, 1).prices(world.prices, down) == tuple(
        round(price * Fraction(9, 10)) if market == 1 else price
        for market, price in enumerate(world.prices)
    )
    assert together(valuation).prices(world.prices, down) == tuple(
        round(price * Fraction(9, 10)) for price in world.prices
    )
    betas = with_betas(valuation, BETAS).prices(world.prices, down)
    for each, now, then in zip(world.instruments, world.prices, betas, strict=True):
        assert then == round(now * (1 - BETAS[each.name] / 10))
    for position in world.plan.positions:
        moved = against(valuation).prices(world.prices, Fraction(1, 10))[position.market]
        assert (moved < world.prices[position.market]) == (position.signed_size > 0)


def test_a_price_never_reaches_zero() -> None:
    world = random_world(0, "hyperliquid")
    betas = dict.fromkeys(PRICES, Fraction(2))
    move = with_betas(world.valuation(), betas)
    assert set(move.prices(world.prices, Fraction(-3, 5))) == {1}


def test_one_market_alone_is_no_joint_move() -> None:
    valuation = one_position("long", "10000").valuation()
    kinds = [each.kind for each in usual_moves(valuation, BETAS)]
    assert kinds == [MoveKind.ALONE]


def test_betas_have_sources() -> None:
    found = betas_of(["BTC", "ETH", "HYPE", "BNB", "NEWCOIN"], {"ETH": Fraction("1.2")})
    lead, given, young, august, unknown = (each.source for each in found.values())
    assert (lead, given, unknown) == (ITSELF, GIVEN, UNKNOWN)
    assert "2024-09 to 2025-07" in young
    assert "2024-08-09" in august
    assert found["ETH"].value == Fraction("1.2")
    assert found["HYPE"].value == Fraction("1.67")
