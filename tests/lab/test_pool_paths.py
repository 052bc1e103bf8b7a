"""Paths of accounts in portfolio margin: the kernel against Black-76 and the scenario engine."""

import math

import numpy as np
import pytest
from msgspec import structs

from seawall.engine.compile import INTERPRETED
from seawall.lab.options.black76 import greeks, price
from seawall.lab.options.pool import Rule
from seawall.lab.options.portfolio import Future, Options, Portfolio
from seawall.lab.paths.kernels.compiled import entry
from seawall.lab.paths.kernels.option_value import (
    LEAST_SPREAD,
    call_delta,
    call_value,
    logarithm,
    option_value,
)
from seawall.lab.paths.kernels.philox import LANES
from seawall.lab.paths.kernels.pool_step import PoolRun
from seawall.lab.paths.kernels.simulate import margin_fan, simulate_chunk
from tests.lab.path_accounts import path_account
from tests.lab.pool_books import (
    HOUR,
    PRESETS,
    Book,
    account_of,
    engine_total,
    random_book,
    rule_of,
    task_of,
)

NEAREST = 4e-12
"""Of the lesser of forward and strike: the error of a value."""
SWINGS = ((0.0, 0.0), (-1.5, 0.3))
"""How volatilities move with prices, and before them."""
takes_long = pytest.mark.skipif(INTERPRETED, reason="hundreds of paths in plain Python take long")


@entry
def logarithms(values, found):
    for number in range(len(values)):
        found[number] = logarithm(values[number])


@entry
def options_of(is_call, forward, strike, spread, found):
    for number in range(len(found)):
        own = max(spread[number], LEAST_SPREAD)
        distance = math.log(forward[number] / strike[number])
        call = call_value(forward[number], strike[number], distance, own, 1.0 / own)
        found[number] = option_value(call, forward[number], strike[number], is_call[number])


@entry
def deltas_of(distance, spread, found):
    for number in range(len(found)):
        found[number] = call_delta(distance[number], spread[number], 1.0 / spread[number])


def test_the_logarithm() -> None:
    values = np.exp(np.random.default_rng(1).uniform(-20, 20, 20_000))
    values[:4] = 1.0, np.nextafter(1.0, 2.0), math.sqrt(2.0), math.sqrt(0.5)
    found = np.zeros_like(values)
    logarithms(values, found)
    error = np.abs(found - [math.log(each) for each in values.tolist()])
    assert (error <= np.maximum(1e-15, 4e-16 * np.abs(found))).all()


def test_options_are_worth_what_black_76_says() -> None:
    dice, count = np.random.default_rng(2), 20_000
    forward = np.exp(dice.uniform(0, 12, count))
    strike = forward * np.exp(dice.uniform(-3, 3, count))
    volatility, years = dice.uniform(0, 5, count), dice.uniform(0, 4, count)
    # Without time, without volatility, at the money, and both.
    years[:10], volatility[5:15], strike[8:20] = 0.0, 0.0, forward[8:20]
    spread, worth = volatility * np.sqrt(years), {}
    for is_call in (True, False):
        found = np.zeros(count)
        options_of(np.full(count, float(is_call)), forward, strike, spread, found)
        expected = price(is_call, forward, strike, volatility, years)
        rounding = 4e-16 * np.maximum(forward, strike)
        assert (np.abs(found - expected) <= NEAREST * np.minimum(forward, strike) + rounding).all()
        worth[is_call] = found
    parity = worth[True] - worth[False] - (forward - strike)
    assert (np.abs(parity) <= NEAREST * np.minimum(forward, strike) + 4e-16 * strike).all()


def test_deltas_of_calls() -> None:
    dice = np.random.default_rng(3)
    distance, spread = dice.uniform(-3, 3, 5_000), dice.uniform(0.01, 5, 5_000)
    found = np.zeros(5_000)
    deltas_of(distance, spread, found)
    expected = greeks(True, np.exp(distance), 1.0, spread, 1.0).delta
    assert np.abs(found - expected).max() <= NEAREST


def money_for(rule: Rule, book: Book) -> float:
    """So much that some paths are liquidated."""
    return 1.5 * rule.total(book, 0.0).maintenance + 20_000.0


@takes_long
@pytest.mark.parametrize("swings", SWINGS)
@pytest.mark.parametrize("name", PRESETS)
def test_margin_on_the_way_is_that_of_the_scenario_engine(
    name: str, swings: tuple[float, float]
) -> None:
    """Before, between and after expiries, and within the last half hour of one."""
    beta, change = swings
    rule, book = rule_of(name), random_book(1)
    account = account_of(
        rule, book, money_for(rule, book), volatility_beta=beta, volatility_change=change
    )
    task = task_of(account, steps=20_000, step_seconds=360.0)
    last = min(float(each.options.years.min()) for each in book.values()) / HOUR
    run = PoolRun(task, 0)
    for step in sorted((1, int(10 * last) - 2, int(10 * last) + 3, 2_000, 12_000)):
        run.advance(step)
        found = run.maintenance
        alive = np.flatnonzero(run.block.alive)
        assert len(alive) > 10
        for lane in alive[:: len(alive) // 8].tolist():
            total = engine_total(rule, account, book, run.price[:, lane], 0.1 * step, change)
            assert found[lane] == pytest.approx(total.maintenance, abs=1e-6)


@takes_long
@pytest.mark.parametrize("swings", SWINGS)
@pytest.mark.parametrize("name", PRESETS)
def test_the_bound_changes_nothing(name: str, swings: tuple[float, float]) -> None:
    """The same paths are liquidated in the same steps as with a scan in every step."""
    beta, change = swings
    rule, hit = rule_of(name), 0
    for seed in range(4):
        book = random_book(seed)
        account = account_of(
            rule, book, money_for(rule, book), volatility_beta=beta, volatility_change=change
        )
        task = task_of(account)
        bounded, always = PoolRun(task, 0), PoolRun(task, 0)
        for numbers in (always.bound.rise, always.bound.fall, always.bound.slope):
            numbers[:] = np.inf
        for run in (bounded, always):
            run.advance(task.steps)
        assert np.array_equal(bounded.block.first, always.block.first)
        assert np.array_equal(bounded.block.equity, always.block.equity)
        assert np.array_equal(bounded.block.course, always.block.course)
        # And a look is taken in every step of the other, yet seldom here.
        assert always.block.scans[0] >= always.block.alive.sum() * task.steps
        assert bounded.block.scans[0] < 0.1 * always.block.scans[0]
        hit += int((bounded.block.first > 0).sum())
    assert hit > 10


@takes_long
@pytest.mark.parametrize("name", PRESETS)
def test_no_scan_passes_its_bound(name: str) -> None:
    """Of many books at some moments, what is needed is within what it is at most."""
    rule, nearest = rule_of(name), np.inf
    for seed in range(30):
        book = random_book(seed, options=3)
        account = account_of(rule, book, 1e9, volatility_beta=-1.0)
        task = task_of(account, seed=seed, step_seconds=1800.0)
        run = PoolRun(task, 0)
        for step in (1, 7, 30, 80, 200):
            run.advance(step)
            # What it is at most, by scans of any age.
            most = run.block.needed.copy()
            nearest = min(nearest, float((most / run.maintenance).min()))
    assert 1.0 <= nearest < 1.01


def call_on(spot: float, size: float, hours: float, is_call: bool = True) -> Book:
    row = (is_call, spot, hours * HOUR, 0.6, spot, size)
    return {"BTC": Portfolio(spot=spot, options=Options.of([row]))}


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize("size", [2.0, -2.0])
def test_an_option_that_expires_pays_what_exercising_brings(size: float, is_call: bool) -> None:
    """At the price of the first step at or after its expiry, and nothing moves from then on."""
    account = account_of(rule_of("derive-pm2"), call_on(100_000.0, size, 3.5, is_call), 1e9)
    run = PoolRun(task_of(account, steps=6), 0)
    run.advance(4)
    gain = run.price[0] - 100_000.0 if is_call else 100_000.0 - run.price[0]
    paid = account.money + size * np.maximum(0.0, gain)
    assert run.equity[0] == pytest.approx(paid)
    assert (run.equity[0] != account.money).any()
    run.advance(6)
    assert run.equity[0] == pytest.approx(paid)
    assert not run.maintenance.any()


def test_prices_are_those_of_an_account_of_perpetuals() -> None:
    """The same seed, the same paths: only what is held differs."""
    book = {
        name: Portfolio(spot=spot, futures=(Future(size=0.1, price=spot),))
        for name, spot in (("BTC", 100_000.0), ("ETH", 4_000.0))
    }
    pool = task_of(account_of(rule_of("paradex-scan"), book, 1e9), steps=30, paths=LANES)
    plain = structs.replace(pool, account=path_account([100_000.0, 4_000.0], [0.1, 0.1], [1e9]))
    own, other = simulate_chunk(pool, 0), simulate_chunk(plain, 0)
    assert np.array_equal(own.final_price, other.final_price)
    assert own.funding == pytest.approx(other.funding, rel=1e-12)
    assert own.equity[:, 0] - 1e9 == pytest.approx(
        (other.final_price - [100_000.0, 4_000.0]).sum(axis=1) * 0.1 - own.funding, abs=1e-5
    )


@takes_long
def test_a_liquidation_closes_all_at_its_values_less_the_cost() -> None:
    rule, book = rule_of("derive-pm2"), random_book(2)
    account = account_of(rule, book, 1.05 * rule.total(book, 0.0).maintenance, cost=0.03)
    task = task_of(account)
    run, before = PoolRun(task, 0), np.zeros(LANES)
    seen = short = 0
    for step in range(1, 60):
        run.advance(step)
        block = run.block
        fell = np.flatnonzero(block.first[0] == step)
        for lane in fell.tolist():
            held = [
                abs(each.futures_size)
                + np.abs(each.options.size[each.options.years > step * HOUR + 1e-12]).sum()
                for each in book.values()
            ]
            cost = 0.03 * float(run.price[:, lane] @ held)
            assert block.cost[lane] == pytest.approx(cost)
            total = engine_total(rule, account, book, run.price[:, lane], step, 0.0)
            equity = account.money - before[lane] + _held_value(book, run.price[:, lane], step)
            assert block.taken[lane] == pytest.approx(min(0.0, equity - cost), abs=2_000)
            assert equity < total.maintenance + 2_000
            assert block.equity[lane] == max(0.0, block.equity[lane])
            assert (block.touched[:, lane] == step).all()
            seen, short = seen + 1, short + (block.taken[lane] < 0)
        assert (block.alive[fell] == 0.0).all()
    assert seen > 50
    # What is left stays as it is, and nothing is needed any more.
    gone = run.block.first[0] > 0
    kept = run.equity[0].copy()
    run.advance(task.steps)
    assert np.array_equal(run.equity[0][gone], kept[gone])
    assert not run.maintenance[run.block.alive == 0.0].any()


def _held_value(book: Book, prices: np.ndarray, hours: float) -> float:
    """USD of everything held, perpetuals at their whole value."""
    from seawall.lab.options.held import moved

    value = 0.0
    for each, price_now in zip(book.values(), prices.tolist(), strict=True):
        there = moved(each, price_now / each.spot - 1.0, years=hours * HOUR)
        value += there.equity + each.futures_size * each.spot
    return value


@takes_long
def test_the_fan_and_the_chunk_are_the_same_paths() -> None:
    rule, book = rule_of("deribit-spm"), random_book(3)
    account = account_of(rule, book, money_for(rule, book))
    task = task_of(account, steps=48, paths=400)
    fan, whole = margin_fan(task, paths=300, points=12), simulate_chunk(task, 0)
    assert np.array_equal(fan.equity[:, -1], whole.equity[:300, 0])
    assert np.array_equal(fan.lowest[:, -1], whole.lowest[:300])
    assert fan.ratio[:, 0] == pytest.approx(
        rule.total(book, 0.0).maintenance / account.equity_now, rel=1e-9
    )
    assert ((fan.ratio[:, -1] == 1.0) == (whole.first[:300, 0] > 0)).all()
    # Equity never was below the lowest of all steps.
    assert (fan.lowest[:, -1] <= fan.equity.min(axis=1) + 1e-9).all()


def test_mirrored_paths_differ_and_average() -> None:
    rule, book = rule_of("paradex-scan"), call_on(100_000.0, 1.0, 500.0)
    task = structs.replace(task_of(account_of(rule, book, 1e9), steps=3), antithetic=True)
    found = simulate_chunk(task, 0).final_price[:, 0]
    moves = np.log(found / 100_000.0).reshape(-1, 2)
    # What is left of the pair is the half variance of both, three hours at 80 %.
    assert np.median(moves.sum(axis=1)) == pytest.approx(-(0.8**2) * 3 / 8760, rel=0.1)
    assert (moves[:, 0] != moves[:, 1]).all()
