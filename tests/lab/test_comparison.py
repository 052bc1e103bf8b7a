"""Cross, isolated and split: the recommendation where the answer is known, and its figures."""

from pathlib import Path

import numpy as np
import pytest

from seawall.lab.compare.comparison import (
    Comparison,
    PoolEffect,
    compare_modes,
    contagion_of,
    pool_effects,
    variants_of,
)
from seawall.lab.compare.figures import mode_bars
from seawall.lab.compare.recommendation import recommendation, recommended_mode
from seawall.lab.market.price_models import ModelOptions
from seawall.lab.paths.estimates import Estimate, shortfall_influence
from seawall.lab.paths.leverage import point_at
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathOptions, PathSetup
from tests.lab.path_setups import position, setup_of

# The first run on a machine compiles the kernels.
pytestmark = pytest.mark.timeout(660)

HERE = Runner(workers=1)
RUN: PathOptions = {"days": 7, "step_seconds": 600, "paths": 4_096}
TARGET = 0.99


@pytest.fixture(scope="module")
def hedge(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """A long and a short that move together: each alone is far more dangerous than both."""
    setup = setup_of(
        tmp_path_factory.mktemp("hedge"), 20_000,
        [position("BTC", "long", 100_000, 10), position("ETH", "short", 80_000, 10)],
        ModelOptions(), **RUN,
    )  # fmt: skip
    return compare_modes(setup, TARGET, HERE)


def wild_setup(folder: Path, extra: tuple[str, ...] = ()) -> PathSetup:
    """A sound core and a small wild bet that could take it along."""
    return setup_of(
        folder, 42_000,
        [position("BTC", "long", 120_000, 4), position("DOGE", "long", 60_000, 10), *extra],
        ModelOptions(volatility=["DOGE=250%"]), **RUN,
    )  # fmt: skip


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compare_modes(wild_setup(tmp_path_factory.mktemp("wild")), TARGET, HERE)


def test_hedges_belong_in_one_pool(hedge: Comparison) -> None:
    assert recommended_mode(hedge) == "cross"
    assert hedge.core == ("BTC", "ETH")
    assert all(each.protects for each in hedge.effects)
    cross, isolated = hedge.result("cross"), hedge.result("isolated")
    assert cross is not None
    assert isolated is not None
    assert cross.statistics.liquidated.high < isolated.statistics.liquidated.low
    assert cross.capital is not None
    assert isolated.capital is not None
    assert cross.capital < isolated.capital / 2
    words = " ".join(recommendation(hedge))
    assert "Recommended: cross. Keep BTC and ETH in one pool." in words
    assert "ETH protects the others" in words


def test_a_wild_bet_belongs_in_a_bucket(wild: Comparison) -> None:
    assert recommended_mode(wild) == "isolated"
    assert (wild.bets, wild.core) == (("DOGE",), ("BTC",))
    cross, isolated = wild.result("cross"), wild.result("isolated")
    assert cross is not None
    assert isolated is not None
    btc = wild.markets.index("BTC")
    assert cross.touched[btc].low > isolated.touched[btc].high
    assert (
        cross.statistics.loss.shortfalls[0.99].low > isolated.statistics.loss.shortfalls[0.99].high
    )
    words = " ".join(recommendation(wild))
    assert "Recommended: isolated. A bucket of its own for DOGE" in words
    assert "DOGE is a single bet" in words
    # Most of the money is no bet, even though the bet beside it is better off without it, too.
    (core,) = [each for each in wild.effects if each.market == "BTC"]
    assert core.money > 0.5
    assert not core.is_bet


def test_contagion_is_counted_on_the_same_paths(wild: Comparison) -> None:
    by_market = {each.market: each for each in wild.contagion}
    assert by_market["BTC"].taken_along.low > 0.02
    assert by_market["BTC"].carried.value == 0
    assert by_market["DOGE"].carried.low > 0.5
    assert wild.contagion_any.value >= by_market["BTC"].taken_along.value
    pooled = np.array([True, True, False, False])
    alone = np.array([True, False, True, False])
    found = contagion_of("X", pooled, alone, wild.setup)
    assert (found.in_pool.value, found.alone.value) == (0.5, 0.5)
    assert (found.taken_along.value, found.carried.value) == (0.25, 0.25)


def test_the_core_stays_together_beside_the_bet(tmp_path: Path) -> None:
    found = compare_modes(
        wild_setup(tmp_path, (position("ETH", "short", 40_000, 4),)), TARGET, HERE
    )
    assert recommended_mode(found) == "hybrid"
    assert found.bets == ("DOGE",)
    assert found.core == ("BTC", "ETH")
    suggested = found.result("suggested")
    assert suggested is not None
    assert suggested.variant.isolated == ("DOGE",)
    words = " ".join(recommendation(found))
    assert (
        "Recommended: hybrid. BTC and ETH in the cross pool, DOGE in a bucket of its own" in words
    )
    # Under the name that the table has.
    assert "Suggested: something is liquidated on " in words


def test_every_variant_has_the_same_money(wild: Comparison, hedge: Comparison) -> None:
    for found in (wild, hedge):
        equities = [each.statistics.start_equity for each in found.variants]
        assert equities == pytest.approx([equities[0]] * len(equities), abs=1e-4)


def test_an_account_that_is_split_is_shown_as_given(tmp_path: Path) -> None:
    setup = setup_of(
        tmp_path, 30_000,
        [position("BTC", "long", 60_000, 10), position("SOL", "long", 30_000, 10, "isolated")],
        ModelOptions(), **RUN,
    )  # fmt: skip
    names = [(each.name, each.isolated) for each in variants_of(setup, ["BTC", "SOL"], (), ())]
    assert names == [("cross", ()), ("isolated", ("BTC", "SOL")), ("as given", ("SOL",))]


def test_capital_needed_is_enough_on_other_paths(hedge: Comparison) -> None:
    for result in hedge.variants:
        assert result.capital is not None
        assert result.search.leverage is not None
        assert result.capital * result.search.leverage == pytest.approx(hedge.notional, rel=1e-3)
        again = point_at(hedge.setup, result.variant.holdings, result.search.leverage, HERE)
        assert again.statistics.start_equity == pytest.approx(result.capital, rel=1e-3)
        interval = again.statistics.liquidated
        assert abs(interval.value - (1 - TARGET)) < interval.high - interval.low


def test_weighing_takes_a_position_out_with_its_money(tmp_path: Path) -> None:
    setup = wild_setup(tmp_path).with_paths(2_048)
    btc, doge = pool_effects(setup, ["BTC", "DOGE"], [], 1, HERE)
    assert (btc.market, doge.market) == ("BTC", "DOGE")
    # Initial margins of 30,000 and 6,000.
    assert (btc.money, doge.money) == pytest.approx((5 / 6, 1 / 6), rel=1e-3)
    assert btc.pool_with == doge.pool_with
    assert doge.pool.value == pytest.approx(doge.pool_with - doge.pool_without)
    values = np.arange(1.0, 101.0)
    assert shortfall_influence(values, 0.95).mean() == pytest.approx(98, abs=0.1)


def test_what_holds_most_of_the_money_is_no_bet() -> None:
    up, none = Estimate(0.05, 0.01, 0.09), Estimate(0.0, -0.1, 0.1)
    judged = [
        PoolEffect(market="X", round=1, money=money, pool_with=0.1, pool_without=0.05, pool=pool,
                worst=worst)
        for money, pool, worst in (
            (0.4, up, up), (0.6, up, up), (0.4, none, up), (0.4, up, none),
        )
    ]  # fmt: skip
    assert [each.is_bet for each in judged] == [True, False, False, False]
    assert not any(each.protects for each in judged)


def test_one_position_has_nothing_to_compare(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, 20_000, [position("BTC", "long", 100_000, 10)],
                     ModelOptions(), **{**RUN, "paths": 512})  # fmt: skip
    found = compare_modes(setup, TARGET, HERE)
    assert found.effects == []
    assert recommended_mode(found) == "cross"
    assert recommendation(found)[0].startswith("One position: ")
    cross, isolated = found.variants
    assert cross.statistics.liquidated == isolated.statistics.liquidated


def test_a_mode_that_no_capital_saves_says_so_in_the_picture() -> None:
    row = {"mode": "cross", "survival": 0.9, "loss_median": 10.0, "shortfall_95": 20.0}
    picture = str(mode_bars([row | {"capital_needed": None}, row | {"capital_needed": 5e4}]))
    assert "'label': 'none is enough'" in picture
    assert "nan" not in picture


def test_the_same_comparison_twice(hedge: Comparison) -> None:
    again = compare_modes(hedge.setup, TARGET, HERE)
    assert again.effects == hedge.effects
    assert [each.statistics for each in again.variants] == [
        each.statistics for each in hedge.variants
    ]
