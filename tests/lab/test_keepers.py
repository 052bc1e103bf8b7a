"""Keepers and auctions: known figures, money as an equality, and a day of the past."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import seawall as sw
from seawall.accounts.load import load_account
from seawall.accounts.valuation import valuation_of
from seawall.lab.crises.crisis import crisis_of, even_grid
from seawall.lab.keepers.crowd import UNLIMITED, Crowd, draw_keepers
from seawall.lab.keepers.day import load_day, run_day
from seawall.lab.keepers.gas import Gas, gas_names, gas_prices, load_gas
from seawall.lab.keepers.liquidation import (
    Bucket,
    Keeper,
    Liquidation,
    Party,
    liquidate,
    slippage,
)
from seawall.lab.keepers.mechanism import (
    KINDS,
    WHOLE,
    Mechanism,
    MechanismError,
    Standing,
    bid_share,
    falling_price,
    freed_share,
    largest_bid,
    load_mechanism,
    mechanism_names,
)
from seawall.lab.keepers.question import bucket_paths, keepers, largest_at_once
from seawall.lab.oracle.moves import Prices

USD = 10**6
MINUTE = 60_000
HOUR = 60 * MINUTE
RICH = Keeper(money=10**15, gas_limit=UNLIMITED)


def standing(equity: int, maintenance: int, notional: int, start: int = 0) -> Standing:
    return Standing(
        equity=equity, maintenance=maintenance, notional=notional, start_equity=start,
        first_notional=notional,
    )  # fmt: skip


# Known figures


def test_a_falling_price_begins_above_and_falls_in_steps() -> None:
    """MIP45: a starting price of 1,000 x 1.2 = 1,200, and x 0.99 a step of 90 seconds."""
    numbers = load_mechanism("maker_like").numbers
    at = [falling_price(numbers, 1000 * USD, ms) for ms in (0, 89_999, 90_000, 180_000)]
    assert at == [1200 * USD, 1200 * USD, 1188 * USD, 1_176_120_000]


def test_a_bid_for_a_portfolio() -> None:
    """liquidationTests.json, Test1: d 0.98, b 0.2."""
    equity, margin = 119_306_330, -103_090_619
    share = largest_bid(equity, margin, 980_000, 200_000)
    assert round(share / WHOLE, 6) == 0.557941
    assert round(share / WHOLE * equity * 0.98) == pytest.approx(65_234_609, abs=1)
    buffered = margin + Fraction(1, 5) * (margin - equity)
    assert float(buffered) == pytest.approx(-147_570_009, abs=1)


def test_bids_fall_fast_and_then_slowly() -> None:
    numbers = load_mechanism("derive_like").numbers
    shares = [bid_share(numbers, ms * MINUTE) for ms in (0, 15, 15 + 360, 15 + 720, 2_000)]
    assert shares == [950_000, 700_000, 350_000, 0, 0]
    insolvent = standing(-10 * USD, 50 * USD, 1000 * USD)
    mechanism = load_mechanism("derive_like")
    paid = [mechanism.offer(insolvent, ms * MINUTE).discount for ms in (0, 30, 60, 90)]
    assert paid == [0, 25 * USD, 50 * USD, 50 * USD]


@pytest.mark.parametrize(
    ("collateral", "leverage", "entry", "fee", "price"),
    [
        ("1938.8", 45, "4.7781798348", "0", "4.682616238104"),
        ("50", 100, "20000", "1", "19824"),
    ],
)
def test_positions_closed_at_nine_tenths_of_the_collateral(
    collateral: str, leverage: int, entry: str, fee: str, price: str
) -> None:
    """gTrade: entry - entry (0.9 collateral - fees) / collateral / leverage."""
    mechanism = load_mechanism("gtrade_like")
    own, start, fees, level = map(Fraction, (collateral, entry, fee, price))
    assert start - start * (own * Fraction(9, 10) - fees) / own / leverage == level

    def at(now: Fraction) -> Standing:
        worth = own * leverage * now / start
        equity = own - fees + worth - own * leverage
        return standing(
            int(equity * USD // 1), 0, round(worth * USD), round(own * USD)
        )  # fmt: skip

    assert mechanism.is_liquidatable(at(level * Fraction(999_999, 1_000_000)))
    assert not mechanism.is_liquidatable(at(level * Fraction(1_000_001, 1_000_000)))


def test_the_fillable_price() -> None:
    """(PNNV - ABR SMMR PMMR) / PS; without equity the spread is 1.5 of the requirement."""
    mechanism = load_mechanism("dydx_like")
    half = mechanism.offer(standing(25 * USD, 50 * USD, 1000 * USD), 0)
    assert half.discount == Fraction(1, 2) * Fraction(3, 2) * 50 * USD
    empty = mechanism.offer(standing(-5 * USD, 50 * USD, 1000 * USD), 0)
    assert (empty.discount, empty.fee) == (75 * USD, 0)
    assert empty.most == WHOLE // 10
    assert mechanism.offer(standing(49 * USD, 50 * USD, 1000 * USD), 0).fee == 15 * USD


def test_a_part_grows_with_time() -> None:
    mechanism = load_mechanism("drift_like")
    short = standing(400 * USD, 500 * USD, 10_000 * USD)
    # 100 short of 500; each USD taken frees 5 % less 2 %: 3,333 of 10,000.
    needed = -(-WHOLE * 100 // 300)
    assert freed_share(mechanism.numbers, short, HOUR) == needed
    assert freed_share(mechanism.numbers, short, 0) == WHOLE // 10
    assert freed_share(mechanism.numbers, short, 6_000) == WHOLE // 5
    small = standing(460 * USD, 500 * USD, 10_000 * USD)
    assert freed_share(mechanism.numbers, small, 0) == -(-WHOLE * 40 // 300)


@given(
    maintenance=st.integers(200 * USD, 10**12), short=st.integers(1, 900), ratio=st.integers(3, 40)
)
@settings(max_examples=200, deadline=None)
def test_the_needed_part_covers_the_shortage(maintenance: int, short: int, ratio: int) -> None:
    mechanism = load_mechanism("drift_like")
    numbers = mechanism.numbers
    before = standing(maintenance * (1000 - short) // 1000, maintenance, maintenance * 100 // ratio)
    share = freed_share(numbers, before, HOUR)
    costs = numbers["bonus_ppm"] + numbers["fund_fee_ppm"]
    equity = before.equity - Fraction(share * before.notional * costs, WHOLE * 10**6)
    needs = maintenance * Fraction(WHOLE - share, WHOLE)
    assert equity >= needs or share == WHOLE
    if share < WHOLE:
        assert equity - needs < maintenance * Fraction(2, WHOLE) + 2


def test_every_number_has_its_source() -> None:
    for name in mechanism_names():
        mechanism = load_mechanism(name)
        assert set(mechanism.sources) == set(mechanism.numbers)
        assert set(KINDS[mechanism.kind]) < set(mechanism.numbers)
    for name in gas_names():
        assert "base_micro_gwei" in load_gas(name).sources


# Gas and slippage


def test_gas_follows_the_fall_of_the_market() -> None:
    gas = structs.replace(load_gas("ethereum_2020"), spread_ppm=0)
    times = MINUTE * np.arange(5, dtype=np.int64)
    prices = np.asarray([100.0, 95.0, 90.0, 80.0, 100.0])
    found = gas_prices(times, prices, gas, 1)
    base = gas.base_micro_gwei
    assert found.tolist() == [base, round(base * 6**0.5), 6 * base, 6 * base, base]
    later = gas_prices(times, np.append(prices[:3], [1.0, 1.0]), gas, 1)
    assert later[:3].tolist() == found[:3].tolist()
    # 80 gwei at 150 USD: 200,000 units are 2.40 USD.
    assert gas.cost(200_000, 80_000_000) == 2_400_000


def test_slippage_is_that_of_the_ladder() -> None:
    """A fifth within 10 bp, half within 25, all within 50: 25 bp on average for all of it."""
    depth = np.asarray([1e6])
    assert slippage(np.asarray([200_000 * USD]), depth) == 200_000 * USD * 5 // 10_000
    assert slippage(np.asarray([10**6 * USD]), depth) == 10**6 * USD * 25 // 10_000
    assert slippage(np.asarray([0]), depth) == 0


def test_the_largest_sale_that_a_discount_pays_for() -> None:
    """All that lies within 50 bp costs 25 bp; nothing costs more than the last order's 4 %."""
    assert largest_at_once(0.0025, 1e6) == pytest.approx(10**6 * USD, abs=2 * USD)
    assert largest_at_once(0.0, 1e6) == 0
    assert largest_at_once(0.05, 1e6) is None


# One liquidation


def bucket(prices: Any, cash: int = -9_000, coins: int = 100, ratio: float = 0.05) -> Bucket:
    """One long of ``coins`` at ``prices`` (USD), a step each minute."""
    levels = np.asarray(prices, np.float64)
    worth = np.rint(levels * coins * USD).astype(np.int64)
    return Bucket(
        times_ms=MINUTE * np.arange(len(levels), dtype=np.int64),
        equity=worth + cash * USD,
        maintenance=np.rint(worth * ratio).astype(np.int64),
        notional=worth[:, None],
        depth=np.full((len(levels), 1), 1e6),
        index=levels,
    )


def run(
    mechanism: str | Mechanism, path: Bucket, who: list[Keeper], gas: Gas | None = None,
    fund: int = 0, seed: int = 1,
) -> Liquidation:  # fmt: skip
    rules = load_mechanism(mechanism) if isinstance(mechanism, str) else mechanism
    price = gas or load_gas("none")
    prices = gas_prices(path.times_ms, path.index, price, seed)
    return liquidate(path, rules, price, prices, who, fund, seed)


FALL = np.concatenate([np.linspace(100, 80, 40), np.full(200, 80.0)])


@pytest.mark.parametrize("name", mechanism_names())
@pytest.mark.parametrize("gas", gas_names())
def test_money_is_conserved_and_no_keeper_loses(name: str, gas: str) -> None:
    for seed in range(1, 9):
        price = load_gas(gas)
        crowd = structs.replace(Crowd(), money=3_000 * seed)
        for fund in (0, 500 * USD):
            found = run(name, bucket(FALL), draw_keepers(crowd, price, seed), price, fund, seed)
            assert found.is_conserved
            assert sum(found.money.values()) == found.first_money
            assert all(each.profit > 0 for each in found.takes)
            assert found.money[Party.KEEPERS] == sum(each.profit for each in found.takes)
            assert found.money[Party.NETWORK] == sum(each.gas for each in found.takes)
            assert found.money[Party.ACCOUNT] >= 0
            assert found.money[Party.FUND] >= 0
            assert found.money[Party.LENDERS] <= 0
            assert 0 <= found.left <= WHOLE
            assert found.left + sum(each.share for each in found.takes) == WHOLE


@given(
    steps=st.lists(st.floats(-0.08, 0.08), min_size=5, max_size=60),
    name=st.sampled_from(mechanism_names()),
    seed=st.integers(0, 1000),
    fund=st.integers(0, 10**10),
)
@settings(max_examples=150, deadline=None)
def test_money_is_conserved_on_any_path(
    steps: list[float], name: str, seed: int, fund: int
) -> None:
    path = bucket(100 * np.exp(np.cumsum(steps)))
    gas = load_gas("ethereum")
    found = run(name, path, draw_keepers(Crowd(), gas, seed), gas, fund, seed)
    assert found.is_conserved
    assert all(each.profit > 0 for each in found.takes)


@pytest.mark.parametrize("name", mechanism_names())
def test_without_keepers_nothing_is_taken(name: str) -> None:
    found = run(name, bucket(FALL), [])
    assert found.takes == ()
    assert found.began is not None
    # 100 coins at 80 less 9,000: the lenders lose a thousand.
    assert found.money[Party.ACCOUNT] == 0
    assert found.money[Party.LENDERS] == -1000 * USD


def test_a_fixed_bonus_is_taken_at_once() -> None:
    path = bucket(np.append(np.full(5, 100.0), np.full(5, 94.0)))
    found = run("fixed_bonus", path, [RICH])
    assert found.began == 5
    first = found.takes[0]
    assert (first.step, first.share) == (5, WHOLE // 2)
    assert first.discount == 4_700 * USD * 5 // 100


def test_a_fixed_price_of_gas_is_stuck() -> None:
    gas = load_gas("ethereum_2020")
    slow = structs.replace(RICH, gas_limit=gas.base_micro_gwei)
    path = bucket(np.append(np.linspace(100, 94, 10), np.full(20, 85.0)))
    found = run("fixed_bonus", path, [slow], structs.replace(gas, spread_ppm=0))
    assert found.takes == ()
    assert found.stuck > 0
    assert run("fixed_bonus", path, [RICH], gas).takes


def test_a_small_position_is_worth_no_transaction() -> None:
    path = bucket(np.append(np.full(5, 100.0), np.full(5, 94.0)), cash=-90, coins=1)
    gas = structs.replace(load_gas("ethereum"), spread_ppm=0)
    assert run("fixed_bonus", path, [RICH], load_gas("none")).takes
    assert run("fixed_bonus", path, [RICH], gas).takes == ()


def test_what_slippage_leaves_of_the_discount_has_to_pay_for_gas() -> None:
    """Of 47 USD: 2.35 of discount less about 1.8 of slippage are less than 1 of gas."""
    path = bucket(np.append(np.full(5, 100.0), [94.0]), cash=-90, coins=1)
    thin = structs.replace(path, depth=np.ones_like(path.depth))
    gas = structs.replace(load_gas("none"), base_micro_gwei=1_000_000, native_micro_usd=2_000 * USD)
    assert gas.cost(load_mechanism("fixed_bonus").numbers["gas_units"], 1_000_000) == USD
    (free,) = run("fixed_bonus", thin, [RICH]).takes
    assert 0 < free.profit < USD < free.discount
    assert run("fixed_bonus", thin, [RICH], gas).takes == ()
    assert run("fixed_bonus", path, [RICH], gas).takes


def test_a_keeper_takes_what_its_money_allows() -> None:
    path = bucket(np.append(np.full(5, 100.0), [94.0]))
    poor = structs.replace(RICH, money=940 * USD)
    (take,) = run("fixed_bonus", path, [poor]).takes
    assert take.share == WHOLE // 10


def test_one_keeper_wins_at_zero_and_two_bid_each_other_up() -> None:
    path = bucket(np.append(np.full(5, 100.0), np.full(20, 94.0)))
    alone = run("maker_2020", path, [RICH])
    assert alone.takes[0].is_zero_bid
    assert alone.money[Party.LENDERS] == -9_000 * USD
    asking = structs.replace(RICH, margin_ppm=10_000)
    both = run("maker_2020", path, [RICH, asking])
    assert not both.takes[0].is_zero_bid
    assert both.money[Party.LENDERS] == 0
    assert both.takes[0].profit >= 94 * USD
    # Bids run for ten minutes from the moment at which it is liquidatable.
    assert both.takes[0].step == 5 + 10


def test_a_falling_price_waits_until_it_pays() -> None:
    path = bucket(np.append(np.full(5, 100.0), np.full(120, 94.0)))
    found = run("maker_like", path, [RICH])
    numbers = load_mechanism("maker_like").numbers
    first = found.takes[0]
    waited = (first.step - 5) * MINUTE
    paid = falling_price(numbers, 9_400 * USD, waited)
    assert paid < 9_400 * USD <= falling_price(numbers, 9_400 * USD, waited - 2 * 90_000)
    # The debt with its penalty is more than the positions are worth: all is sold.
    assert found.left == 0


# The day


@pytest.mark.timeout(300)
def test_black_thursday_with_its_parameters() -> None:
    """36 % at zero, worth 8.32 million, 5.67 million of debt: on average over ten seeds.

    One number is chosen so that the share is reproduced: the highest price of gas that programs
    pay. What the debt is of the value won at zero does not depend on it.
    """
    day = load_day("black_thursday")
    found = [run_day(day, seed) for seed in range(1, 11)]
    assert all(each.is_conserved for each in found)
    share = np.mean([each.zero_share for each in found])
    worth = np.mean([each.zero_worth for each in found])
    debt = np.mean([each.debt for each in found])
    assert share == pytest.approx(0.36, abs=0.04)
    assert worth == pytest.approx(8.32e12, rel=0.15)
    assert debt == pytest.approx(5.67e12, rel=0.15)
    assert debt / worth == pytest.approx(5.67 / 8.32, rel=0.05)
    # As it was changed afterwards: with six hours every lot finds a rival.
    longer = run_day(day, 1, 6 * HOUR)
    assert longer.zero == longer.debt == 0


# The command


def test_buckets_are_valued_as_everywhere() -> None:
    account = load_account()
    valuation = valuation_of(account)
    crisis = crisis_of("crash_2025_10_10", account)
    grid = even_grid(crisis.path, account.instruments)
    first = Prices(valuation).first(grid.oracle)
    paths = bucket_paths(valuation, grid, crisis)
    begins = {
        each: int((path.equity < path.maintenance).argmax())
        for each, path in paths.items()
        if (path.equity < path.maintenance).any()
    }
    assert begins == first
    now = valuation.at(account.prices)
    for each, path in paths.items():
        assert path.equity[0] == now[each].equity
        assert path.maintenance[0] == now[each].maintenance_margin


def test_the_answer_adds_up() -> None:
    answer = sw.keepers(load_account(), trials=3, fund=1000, day="black_thursday")
    assert answer.is_conserved
    rows = answer.sheet("trials").numbers()
    firsts = {each.found[0].first_money / USD for each in answer.trials}
    assert all(
        any(abs(sum(row[party.value] for party in Party) - each) < 0.01 for each in firsts)
        for row in rows
    )
    assert len(answer.day_outcomes) == 6
    again = sw.keepers(load_account(), trials=3, fund=1000)
    assert again.trials == answer.trials


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mechanisms": "none.toml"}, "mechanism: none.toml: No such file"),
        ({"mechanisms": "none"}, "mechanism: 'none' should be a .toml file or one of derive_like"),
        ({"gas": "oil"}, "gas: 'oil' should be a .toml file or one of ethereum"),
        ({"day": "friday"}, "day: 'friday' should be a .toml file or one of black_thursday"),
        ({"crisis": "tulips"}, "crises: tulips: is no .toml file"),
        ({"trials": 0}, "trials: 0 should be 1 to 2,000"),
        ({"keepers": -1}, "keepers: -1 should be 0 to 500"),
        ({"money": "much"}, "money: 'much' should be USD above 0"),
        ({"fixed_gas": "200%"}, "fixed_gas: '200%' should be 0% to 100%"),
        ({"fund": -1}, "fund: -1 should be USD above 0"),
    ],
)
def test_bad_input_is_named(given: Mapping[str, Any], message: str) -> None:
    with pytest.raises(sw.SeawallError) as caught:
        keepers(load_account(), **given)
    assert message in str(caught.value)


def test_a_file_is_a_mechanism(tmp_path: Any) -> None:
    fields = ("lost_ppm", "funding_ppm", "gas_units", *KINDS["fixed_bonus"])
    lines = [f'{each} = {{ value = 1, source = "mine", mark = "assumed" }}' for each in fields]
    head = ['title = "mine"', 'kind = "fixed_bonus"', 'as_of = "2026-12-01"']
    path = tmp_path / "mine.toml"
    path.write_text("\n".join([*head, *lines]))
    assert load_mechanism(path).numbers == dict.fromkeys(fields, 1)
    path.write_text("\n".join([*head, *lines]).replace("fixed_bonus", "lottery"))
    with pytest.raises(MechanismError, match="kind: 'lottery' should be one of fixed_bonus"):
        load_mechanism(path)
