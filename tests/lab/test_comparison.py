"""The modes of an account: which there are, hedges, what is compared, and what it comes to."""

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from seawall.lab.compare.comparison import Comparison, compare_modes, contagion_of
from seawall.lab.compare.figures import mode_bars
from seawall.lab.compare.modes import hedges_of, isolated_markets, split_modes, usual_modes
from seawall.lab.compare.recommendation import recommendation
from seawall.lab.market.price_models import ModelOptions
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
    assert hedge.hedges == [("BTC", "ETH")]
    assert hedge.choice.mode == "cross"
    assert hedge.splits == []
    cross, isolated = hedge.result("cross"), hedge.result("isolated")
    assert cross.statistics.liquidated.high < isolated.statistics.liquidated.low
    assert cross.capital is not None
    assert isolated.capital is not None
    assert cross.capital < isolated.capital / 2
    words = " ".join(recommendation(hedge))
    assert "Recommended: cross (as given): BTC and ETH in the cross pool." in words
    assert "BTC and ETH hedge each other" in words


def test_a_wild_position_belongs_in_a_bucket(wild: Comparison) -> None:
    assert wild.choice.mode == "isolated"
    cross, isolated = wild.result("cross"), wild.result("isolated")
    btc = wild.markets.index("BTC")
    assert cross.touched[btc].low > isolated.touched[btc].high
    assert (
        cross.statistics.loss.shortfalls[0.95].low > isolated.statistics.loss.shortfalls[0.95].high
    )
    words = " ".join(recommendation(wild))
    assert "Recommended: isolated: BTC and DOGE in buckets of their own." in words
    assert "Against the account as given: the worst 5 % of paths lose" in words


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


def test_the_core_stays_together_beside_the_wild_one(tmp_path: Path) -> None:
    """The ETH short hedges BTC; it correlates with DOGE, too, but takes nothing off its risk."""
    setup = wild_setup(tmp_path, (position("ETH", "short", 40_000, 4),))
    found = compare_modes(setup, TARGET, HERE)
    assert found.hedges == [("BTC", "ETH")]
    assert found.choice.mode == "hybrid"
    assert found.recommended.mode.isolated == ("DOGE",)
    words = " ".join(recommendation(found))
    assert (
        "Recommended: hybrid: BTC and ETH in the cross pool, DOGE in a bucket of its own" in words
    )


def test_every_mode_has_the_same_money(wild: Comparison, hedge: Comparison) -> None:
    for found in (wild, hedge):
        equities = [each.statistics.start_equity for each in found.modes]
        assert equities == pytest.approx([equities[0]] * len(equities), abs=1e-4)


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        (("cross", "cross"), [("cross", ()), ("isolated", ("BTC", "SOL"))]),
        (("isolated", "isolated"), [("isolated", ("BTC", "SOL")), ("cross", ())]),
        (
            ("cross", "isolated"),
            [("as given", ("SOL",)), ("cross", ()), ("isolated", ("BTC", "SOL"))],
        ),
    ],
)
def test_the_mode_as_given_comes_first(
    tmp_path: Path, modes: tuple[str, str], expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    setup = setup_of(
        tmp_path, 30_000,
        [position("BTC", "long", 60_000, 10, modes[0]),
         position("SOL", "long", 30_000, 10, modes[1])],
        ModelOptions(), **RUN,
    )  # fmt: skip
    found = usual_modes(setup, ["BTC", "SOL"])
    assert [(each.name, each.isolated) for each in found] == expected
    assert [each.is_given for each in found] == [True] + [False] * (len(expected) - 1)
    assert found[0].holdings == setup.account.holdings


FOUR = [("BTC", "long"), ("ETH", "long"), ("SOL", "long"), ("DOGE", "long")]


def test_every_combination_of_single_positions_is_a_split(tmp_path: Path) -> None:
    setup = setup_of(
        tmp_path, 30_000, [position(name, side, 20_000, 10) for name, side in FOUR],
        ModelOptions(), **RUN,
    )  # fmt: skip
    markets = list(setup.task().account.markets)
    found = [each.isolated for each in split_modes(setup, markets, [])]
    # One or two apart; with three the fourth would be alone in the pool.
    assert len(found) == len(set(found)) == 4 + 6
    # A hedge is never split: only the others may leave.
    assert [each.isolated for each in split_modes(setup, markets, [("BTC", "ETH")])] == [
        ("SOL",), ("DOGE",), ("SOL", "DOGE"),
    ]  # fmt: skip
    assert split_modes(setup, markets, [("BTC", "ETH", "SOL", "DOGE")]) == []
    assert isolated_markets(setup) == []


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        # A short that moves with the long.
        ([("BTC", "long", 100), ("ETH", "short", 60)], [("BTC", "ETH")]),
        # Too small to take a tenth off its risk.
        ([("BTC", "long", 100), ("ETH", "short", 2)], []),
        # Both fall together.
        ([("BTC", "long", 100), ("ETH", "long", 60)], []),
        # One short for two longs.
        ([("BTC", "long", 50), ("ETH", "long", 50), ("SOL", "short", 90)], [("BTC", "ETH", "SOL")]),
        # What a small bet beside a balanced hedge adds is its own.
        ([("BTC", "long", 100), ("ETH", "short", 66), ("DOGE", "long", 10)], [("BTC", "ETH")]),
    ],
)
def test_hedges(
    tmp_path: Path, positions: list[tuple[str, str, int]], expected: list[tuple[str, ...]]
) -> None:
    held = [position(name, side, 1_000 * size, 5) for name, side, size in positions]
    setup = setup_of(tmp_path, 100_000, held, ModelOptions(), **RUN)
    assert hedges_of(setup.task()) == expected


def test_a_position_gains_where_its_hedge_loses(hedge: Comparison) -> None:
    """By itself and never liquidated; no figure depends on how money is divided."""
    btc, eth = hedge.positions
    assert (btc.market, btc.is_long, btc.hedges) == ("BTC", True, ("ETH",))
    assert (eth.market, eth.is_long, eth.hedges) == ("ETH", False, ("BTC",))
    assert (btc.notional, eth.notional) == pytest.approx((100_000, 80_000), rel=1e-3)
    worst = hedge.given.statistics.loss.shortfalls[0.95]
    # Funding and the rare liquidation apart, the legs add up to what the account loses.
    assert btc.loss.value + eth.loss.value == pytest.approx(worst.value, rel=0.1)


def test_the_horizon_is_said_where_it_changes_the_answer(wild: Comparison) -> None:
    shorter, longer = wild.horizons
    assert (shorter.hours, longer.hours) == pytest.approx((24, 28 * 24), rel=0.01)
    for each in wild.horizons:
        assert len(each.statistics) == len(wild.modes)
    assert shorter.statistics[0].ruin.value < longer.statistics[0].ruin.value
    assert recommendation(wild)[-1].startswith("The horizon does not change that: the same over")
    other = [structs.replace(shorter, mode="cross"), longer]
    words = recommendation(structs.replace(wild, horizons=other))[-1]
    assert words == "The horizon changes the answer: over 24 hours it is cross (as given)."


def test_capital_needed_is_enough_on_other_paths(hedge: Comparison) -> None:
    for result in hedge.modes:
        assert result.capital is not None
        assert result.search.leverage is not None
        assert result.capital * result.search.leverage == pytest.approx(hedge.notional, rel=1e-3)
        again = point_at(hedge.setup, result.mode.holdings, result.search.leverage, HERE)
        assert again.statistics.start_equity == pytest.approx(result.capital, rel=1e-3)
        interval = again.statistics.liquidated
        assert abs(interval.value - (1 - TARGET)) < interval.high - interval.low


def test_one_position_has_nothing_to_compare(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, 40_000, [position("BTC", "long", 100_000, 10)],
                     ModelOptions(), **{**RUN, "paths": 512})  # fmt: skip
    found = compare_modes(setup, TARGET, HERE)
    assert found.choice.mode == "cross"
    cross, isolated = found.modes
    assert cross.statistics.ruin == isolated.statistics.ruin
    words = recommendation(found)[0]
    assert words.startswith("Recommended: cross (as given): BTC in the cross pool. The other modes")
    assert "differ in nothing on these paths" in words


def test_a_mode_that_no_capital_saves_says_so_in_the_picture() -> None:
    row = {"mode": "cross", "survival": 0.9, "ruin": 0.1, "shortfall_95": 20.0}
    picture = str(mode_bars([row | {"capital_needed": None}, row | {"capital_needed": 5e4}]))
    assert "'label': 'none is enough'" in picture
    assert "nan" not in picture


def test_the_same_comparison_twice(hedge: Comparison) -> None:
    again = compare_modes(hedge.setup, TARGET, HERE)
    assert again.choice == hedge.choice
    assert again.positions == hedge.positions
    assert [each.statistics for each in again.modes] == [each.statistics for each in hedge.modes]
