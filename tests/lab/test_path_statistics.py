"""Path statistics: intervals that cover the truth, the same on any workers, leverage that holds."""

import math
import multiprocessing
import os
import signal
from pathlib import Path
from statistics import NormalDist
from typing import Unpack

import numpy as np
import pytest
from distributed import LocalCluster
from msgspec import structs

from seawall.accounts.load import load_account
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount
from seawall.lab.market.price_models import ModelOptions
from seawall.lab.paths.estimates import (
    Estimate,
    expected_shortfall,
    mean,
    quantile,
    share,
    standard_error,
    wilson,
)
from seawall.lab.paths.kernels.simulate import simulate_chunk
from seawall.lab.paths.kernels.task import BelowZero, Diffusion, Outcomes, PathTask, StageRules
from seawall.lab.paths.leverage import (
    highest_allowed,
    leverage_curve,
    liquidation_of,
    point_at,
    ruin_of,
    search_leverage,
)
from seawall.lab.paths.limits import read_limits
from seawall.lab.paths.monitoring import monitoring_bias
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import (
    PathOptions,
    path_setup,
    steps_of,
    under_maintenance,
    usual_step,
)
from seawall.lab.paths.sheets import notes_of
from seawall.lab.paths.statistics import first_liquidation, losses, path_statistics
from tests.lab.path_setups import STEADY, account_of, position, setup_of
from tests.shared_files import ROOT

# The first run on a machine compiles the kernels.
pytestmark = pytest.mark.timeout(660)

HERE = Runner(workers=1)
RUNS = 200
SMALL = 2048
"""Paths enough for the worst 5 % to be a sample: of 512, intervals of it cover 91 %."""
VOLATILITY = 0.8
YEARS = 1 / 365
NORMAL = NormalDist()


def test_wilson_by_the_book() -> None:
    # Newcombe 1998, table I: 81 of 263, and 0 of 20 and 1 of 29.
    for hits, count, low, high in ((81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611),
                                   (1, 29, 0.0061, 0.1718)):  # fmt: skip
        found = wilson(hits / count, count)
        assert found.low == pytest.approx(low, abs=5e-5)
        assert found.high == pytest.approx(high, abs=5e-5)
    assert wilson(1.0, 10).high == 1.0


def test_pairs_count_as_what_they_are() -> None:
    draw = np.random.default_rng(1)
    half = draw.standard_normal(4_000)
    mirrored = np.stack([half, -half], axis=1).reshape(-1)
    assert standard_error(mirrored, paired=True) == pytest.approx(0.0, abs=1e-12)
    repeated = np.repeat(half, 2)
    assert standard_error(repeated, paired=True) == pytest.approx(half.std(ddof=1) / 4_000**0.5)
    alone = share(half > 1, paired=False)
    twice = share(repeated > 1, paired=True)
    assert twice.value == alone.value
    assert twice.high - twice.low == pytest.approx(alone.high - alone.low, rel=0.01)
    # Nothing was hit: a pair is judged as one path, for they may have gone together.
    assert share(repeated > 99, paired=True).high == pytest.approx(
        share(half > 99, paired=False).high
    )


def test_figures_of_a_known_sample() -> None:
    values = np.arange(1.0, 1001.0)
    assert mean(values, paired=False).value == 500.5
    edge = quantile(values, 0.95, paired=False)
    assert edge.value == pytest.approx(950.05)
    assert edge.low < edge.value < edge.high
    worst = expected_shortfall(values, 0.95, paired=False)
    assert worst.value == pytest.approx(values[950:].mean(), rel=1e-4)


def one_long(folder: Path, leverage: float, **options: Unpack[PathOptions]) -> PathTask:
    """One long position, one step: what it ends with has a closed form."""
    model = structs.replace(STEADY, volatility=VOLATILITY, drift="30%")
    held = [position("BTC", "long", 100_000, 40)]
    return setup_of(
        folder, round(100_000 / leverage), held, model, days=1, step_seconds=86_400, **options
    ).task()


def truths() -> dict[str, float]:
    """Of one day in one step: S = exp((m - s^2 / 2) t + s sqrt(t) z), z a standard normal."""
    scale = VOLATILITY * math.sqrt(YEARS)
    centre = (0.3 - VOLATILITY**2 / 2) * YEARS

    def loss(tail: float) -> float:
        return 100_000 * (1 - math.exp(centre + scale * NORMAL.inv_cdf(tail)))

    mean_below = math.exp(0.3 * YEARS) * NORMAL.cdf(NORMAL.inv_cdf(0.05) - scale) / 0.05
    # Equity under maintenance margin: 100,000 / 20 + 100,000 (S - 1) < 100,000 S / 80.
    barrier = (1 - 1 / 20) / (1 - 1 / 80)
    return {
        "mean": 100_000 * (1 - math.exp(0.3 * YEARS)),
        "quantile": loss(0.05),
        "shortfall": 100_000 * (1 - mean_below),
        "liquidated": NORMAL.cdf((math.log(barrier) - centre) / scale),
    }


@pytest.mark.parametrize("antithetic", [False, True])
def test_intervals_cover_the_closed_form(tmp_path: Path, antithetic: bool) -> None:
    calm, bold = (
        one_long(tmp_path, leverage, paths=SMALL, antithetic=antithetic) for leverage in (1.0, 20.0)
    )
    true = truths()
    covered = dict.fromkeys(true, 0)
    for seed in range(RUNS):
        outcomes = simulate_chunk(structs.replace(calm, seed=seed), 0)
        lost = losses(calm, outcomes)
        assert not outcomes.first.any()
        hit = first_liquidation(simulate_chunk(structs.replace(bold, seed=seed), 0)) > 0
        found = {
            "mean": mean(lost, paired=antithetic),
            "quantile": quantile(lost, 0.95, paired=antithetic),
            "shortfall": expected_shortfall(lost, 0.95, paired=antithetic),
            "liquidated": share(hit, paired=antithetic),
        }
        for name, each in found.items():
            covered[name] += each.low <= true[name] <= each.high
    # 95 % of 200 is 190, with a standard deviation of 3.1.
    for name, count in covered.items():
        assert 180 <= count <= 199, (name, count)


def test_mirrored_paths_tell_more(tmp_path: Path) -> None:
    widths = []
    for antithetic in (False, True):
        task = one_long(tmp_path, 1.0, paths=4_096, antithetic=antithetic)
        found = mean(losses(task, simulate_chunk(task, 0)), paired=antithetic)
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 5


def same(left: Outcomes, right: Outcomes) -> bool:
    return all(
        np.array_equal(getattr(left, name), getattr(right, name))
        for name in Outcomes.__struct_fields__
    )


@pytest.mark.parametrize(("antithetic", "workers"), [(False, 3), (True, 2)])
def test_the_same_on_any_number_of_workers(
    tmp_path: Path, antithetic: bool, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))
    setup = setup_of(
        tmp_path, 20_000,
        [position("BTC", "long", 150_000, 10), position("SOL", "short", 60_000, 10, "isolated")],
        ModelOptions(), hours=4, step_seconds=120, paths=20_000, antithetic=antithetic,
    )  # fmt: skip
    task = setup.task()
    assert task.chunks == 3
    one, others = (Runner(workers=each).outcomes(task, "paths") for each in (1, workers))
    assert same(one, others)
    assert len(one.equity) == 20_000
    assert (one.first > 0).any()
    fewer = Runner(workers=1).outcomes(structs.replace(task, paths=100), "paths")
    assert np.array_equal(fewer.equity, one.equity[:100])
    other_seed = structs.replace(task, seed=2, paths=100)
    assert not np.array_equal(Runner(workers=1).outcomes(other_seed, "").equity, fewer.equity)


def busy_task(folder: Path) -> PathTask:
    """Six chunks."""
    held = [position("BTC", "long", 150_000, 10)]
    options: PathOptions = {"hours": 2, "step_seconds": 60, "paths": 48_000}
    return setup_of(folder, 15_000, held, ModelOptions(), **options).task()


def test_a_worker_killed_in_mid_run_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))
    task = busy_task(tmp_path)
    killed: list[int] = []

    def progress(what: str, done: int = 0, whole: int = 0, /) -> None:
        if done and not killed:
            worker = multiprocessing.active_children()[0]
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
            killed.append(done)

    made = Runner(workers=2, progress=progress).outcomes(task, "")
    assert killed == [1]
    assert same(made, HERE.outcomes(task, ""))


def test_a_cluster_simulates_the_same_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))
    monkeypatch.chdir(tmp_path)
    task = busy_task(tmp_path)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
        dashboard_address=None, silence_logs=40,
    ) as cluster:  # fmt: skip
        made = Runner(cluster=cluster.scheduler_address).outcomes(task, "")
    assert same(made, HERE.outcomes(task, ""))


def test_several_tasks_are_shared_out_and_kept_apart(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, 20_000, [position("BTC", "long", 150_000, 10)], hours=2, paths=9_000)
    task = setup.task()
    tasks = [task, structs.replace(task, seed=5), structs.replace(task, paths=10)]
    shown: list[tuple[str, int, int]] = []
    runner = Runner(workers=1, progress=lambda *each: shown.append(each))
    together = runner.all_outcomes(tasks, "three")
    assert [each for each in shown if each[2]] == [("three", done, 5) for done in range(6)]
    for each, found in zip(tasks, together, strict=True):
        assert same(found, HERE.outcomes(each, ""))


def test_statistics_of_outcomes(tmp_path: Path) -> None:
    setup = setup_of(
        tmp_path, 30_000,
        [position("BTC", "long", 100_000, 10), position("ETH", "long", 50_000, 10, "isolated")],
        hours=1, step_seconds=900, paths=4,
    )  # fmt: skip
    task = setup.task()
    made = Outcomes(
        equity=np.array([[25_000.0, 5_000.0], [0.0, 6_000.0], [20_000.0, 0.0], [0.0, 0.0]]),
        first=np.array([[0, 0], [4, 0], [0, 2], [3, 1]], np.int32),
        touched=np.zeros((4, 2), np.int32),
        funding=np.array([1.0, 2.0, 3.0, 4.0]),
        cost=np.array([0.0, 10.0, 20.0, 30.0]),
        taken=np.array([0.0, 0.0, 0.0, 7.0]),
        final_price=np.ones((4, 2)),
        lowest=np.array([20_000.0, 6_000.0, 15_000.0, 0.0]),
        drawdown=np.array([0.3, 0.8, 0.5, 1.0]),
        lacking=np.zeros((4, 0)),
        acted=np.zeros((4, 0), np.int32),
        order_cost=np.zeros(4),
        added=np.array([0.0, 0.0, 1_000.0, 0.0]),
    )
    found = path_statistics(task, made, setup.limits)
    # Half of the 30,000; the second and the last have lost more, the third just as much.
    assert found.ruin.value == 0.75
    # More than 30 %, not 30 %.
    assert found.drawdown.value == 0.75
    assert first_liquidation(made).tolist() == [0, 4, 2, 1]
    assert found.liquidated.value == 0.75
    assert [each.value for each in found.by_bucket] == [0.5, 0.5]
    assert found.curve_hours == (0.25, 0.5, 0.75, 1.0)
    assert [each.value for each in found.curve] == [0.25, 0.5, 0.5, 0.75]
    assert found.median_hours == 0.5
    assert found.loss.mean.value == pytest.approx((0 + 24_000 + 11_000 + 30_000) / 4)
    assert found.loss.worst == pytest.approx(30_000)
    assert found.costs_if_liquidated == 20.0
    assert (found.funding.value, found.closed_out.value) == (2.5, 0.25)
    assert (found.order_costs.value, found.added.value) == (0.0, 250.0)


def test_coarse_steps_miss_what_the_correction_says(tmp_path: Path) -> None:
    shares, expected = [], []
    for step in (30, 3_600):
        held = [position("BTC", "long", 100_000, 20)]
        task = setup_of(tmp_path, 5_000, held, days=2, paths=40_000, step_seconds=step).task()
        found = monitoring_bias(task)
        assert found is not None
        assert found.bucket == "cross"
        expected.append(found)
        hit = first_liquidation(HERE.outcomes(task, "")) > 0
        shares.append(float(hit.mean()))
    assert expected[0].missed < 0.02
    assert expected[1].missed > 0.04
    fine = shares[0] / (1 - expected[0].missed)
    # About a fifth of 40,000 paths is hit: a standard error of 1 % of each share.
    assert shares[1] / fine == pytest.approx(1 - expected[1].missed, abs=0.04)


def test_more_leverage_more_liquidation(tmp_path: Path) -> None:
    setup = setup_of(
        tmp_path, 30_000,
        [position("BTC", "long", 100_000, 10), position("ETH", "long", 30_000, 10)],
        ModelOptions(), days=7, step_seconds=300, paths=4_096,
    )  # fmt: skip
    points, missing = leverage_curve(setup, setup.account.holdings, [20, 3, 5, 8, 12, 900], HERE)
    assert [point.leverage for point in points] == [3, 5, 8, 12, 20]
    assert len(missing) == 1
    assert missing[0].startswith("900x is not allowed: ")
    shares = [point.statistics.liquidated.value for point in points]
    # On the same paths: more money never hurts.
    assert shares == sorted(shares)
    assert shares[0] < 0.01 < 0.2 < shares[-1]
    assert points[1].statistics.start_equity == pytest.approx(130_000 / 5, rel=1e-4)


def test_the_leverage_of_a_ruin_holds_on_other_paths(tmp_path: Path) -> None:
    accepted = 0.05
    setup = setup_of(tmp_path, 30_000, [position("BTC", "long", 100_000, 10)], ModelOptions(),
                     days=2, step_seconds=300, paths=16_384)  # fmt: skip
    holdings = setup.account.holdings
    found = search_leverage(setup, holdings, accepted, liquidation_of, HERE)
    assert found.leverage is not None
    assert found.point is not None
    assert found.above is not None
    assert found.point.statistics.liquidated.value <= accepted
    assert found.leverage < found.above
    again = point_at(structs.replace(setup, seed=99), holdings, found.leverage, HERE)
    interval = again.statistics.liquidated
    # The found one is a sample too: two intervals' worth of room.
    assert abs(interval.value - accepted) < interval.high - interval.low
    twice = point_at(structs.replace(setup, seed=99), holdings, 1.3 * found.leverage, HERE)
    assert twice.statistics.liquidated.low > accepted


def test_the_leverage_of_a_ruin_keeps_the_risk_capital_on_other_paths(tmp_path: Path) -> None:
    accepted = 0.05
    setup = setup_of(tmp_path, 30_000, [position("BTC", "long", 100_000, 10)], ModelOptions(),
                     days=2, step_seconds=300, paths=16_384, risk_capital="20%")  # fmt: skip
    holdings = setup.account.holdings
    found = search_leverage(setup, holdings, accepted, ruin_of, HERE)
    assert found.leverage is not None
    assert found.probability is not None
    assert found.probability.value <= accepted
    # A fifth of the money is lost long before something is liquidated.
    assert found.point is not None
    assert found.point.statistics.liquidated.value < found.probability.value / 10
    again = point_at(structs.replace(setup, seed=99), holdings, found.leverage, HERE)
    interval = again.statistics.ruin
    assert abs(interval.value - accepted) < interval.high - interval.low


@pytest.mark.parametrize(
    ("given", "share"),
    [("50%", 0.5), ("25000", 0.25), (25_000, 0.25), (1.0, 1e-5), ("100%", 1.0)],
)
def test_risk_capital_is_usd_or_a_share_of_the_equity(given: Amount, share: float) -> None:
    found = read_limits(given, "30%", 100_000)
    assert found.risk_capital == pytest.approx(share)
    assert found.max_drawdown == 0.3


@pytest.mark.parametrize("given", ["0", "0.5", 0.5, "100001", "101%", "-5%", "much"])
def test_risk_capital_that_cannot_be(given: Amount) -> None:
    with pytest.raises(InputError, match=r"^risk_capital: .* should be "):
        read_limits(given, "30%", 100_000)


def test_a_bucket_that_is_lost_is_no_ruin(tmp_path: Path) -> None:
    """A tenth of the money is in the bucket; nothing else is at risk."""
    setup = setup_of(tmp_path, 50_000, [position("SOL", "long", 100_000, 20, "isolated")],
                     ModelOptions(), days=7, step_seconds=600, paths=2_048)  # fmt: skip
    task = setup.task()
    found = path_statistics(task, HERE.outcomes(task, ""), setup.limits)
    assert found.liquidated.value > 0.5
    assert found.ruin.value == 0
    tight = structs.replace(setup, limits=read_limits("2000", "30%", 50_000))
    assert path_statistics(task, HERE.outcomes(task, ""), tight.limits).ruin.value > 0.5


def test_ruin_at_the_ends(tmp_path: Path) -> None:
    calm = structs.replace(STEADY, volatility="1%")
    setup = setup_of(tmp_path, 50_000, [position("BTC", "long", 100_000, 10)], calm,
                     hours=1, paths=512)  # fmt: skip
    found = search_leverage(setup, setup.account.holdings, 0.01, liquidation_of, HERE)
    assert found.is_limit
    assert found.leverage == pytest.approx(40, rel=0.01)
    assert highest_allowed(setup, setup.account.holdings) == found.leverage
    wild = structs.replace(STEADY, volatility="2000%")
    setup = setup_of(tmp_path, 50_000, [position("BTC", "short", 100_000, 10)], wild,
                     days=30, step_seconds=3600, paths=512)  # fmt: skip
    assert search_leverage(setup, setup.account.holdings, 0.01, ruin_of, HERE).point is None


def test_rules_of_blocks_are_simulated_as_well(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, 10_500, [position("BTC", "long", 100_000, 10)], ModelOptions(),
                     hours=12, step_seconds=300, paths=2_048, rulebook="dydx")  # fmt: skip
    task = setup.task()
    found = path_statistics(task, HERE.outcomes(task, ""), setup.limits)
    assert found.liquidated.low > 0
    assert isinstance(task.model, Diffusion)


def test_steps_suit_the_horizon() -> None:
    assert usual_step(7 * 86_400) == 60
    assert usual_step(3600) == 3
    assert usual_step(365 * 86_400) == 3600
    assert steps_of(7 * 86_400, 60) == 10_080
    assert steps_of(100, 60) == 2
    assert Estimate(1, 0, 2).interval == (0, 2)


@pytest.mark.parametrize(("step", "kept"), [(3.0, True), (5.0, True), (10.0, False), (60.0, False)])
def test_a_long_step_gives_nothing_back(tmp_path: Path, step: float, kept: bool) -> None:
    """The mark before a bucket jumped below zero is that of seconds ago, not of a minute ago."""
    model = structs.replace(STEADY, volatility="600%")
    setup = setup_of(tmp_path, 5_000, [position("BTC", "long", 200_000, 40)], model,
                     hours=2 * step / 60, step_seconds=step, paths=8_000)  # fmt: skip
    rules = setup.path_account().rules
    expected = BelowZero.CLOSED_AT_PREVIOUS if kept else BelowZero.CLOSED_AT_ZERO
    assert isinstance(rules, StageRules)
    assert rules.below_zero == expected
    outcomes = HERE.outcomes(setup.task(), "")
    owed = outcomes.taken < 0
    if not kept:
        assert owed.any()
        # A tick of the last fill, times the coins held.
        assert outcomes.equity[owed].sum(axis=1).max() <= 0.1 * 2


def test_a_bucket_that_is_over_already_is_named(tmp_path: Path) -> None:
    held = [position("BTC", "long", 100_000, 40) + "entry = 100000\n",
            position("ETH", "short", 40_000, 25, "isolated") + "entry = 4000\n"]  # fmt: skip
    for prices, over in ((["BTC=100000", "ETH=4000"], []), (["BTC=100000", "ETH=4300"], ["ETH"]),
                         (["BTC=98000", "ETH=4000"], ["cross"])):  # fmt: skip
        setup = path_setup(account_of(tmp_path, 4_600, held, prices), model=STEADY, paths=10)
        assert under_maintenance(setup.path_account()) == over
        assert len(notes_of(setup)) == len(over)


def test_money_that_a_top_up_brings_is_no_gain_in_ruin_and_drawdown() -> None:
    """Far from liquidation a top-up changes neither how much is lost nor how deep."""
    plain = b"""
        collateral = 20000
        [[position]]
        market = "BTC"
        side = "long"
        size = 0.1
        entry = 117000
        leverage = 5
        """
    topped = (
        plain
        + b"""
        [[top_up]]
        market = "BTC"
        price = 116500
        amount = 5000
        """
    )
    found = []
    for text in (plain, topped):
        setup = path_setup(load_account(text), paths=512, hours=24, step_seconds=600)
        found.append(simulate_chunk(setup.task(), 0))
    without, with_money = found
    assert with_money.added.max() == 5_000.0
    assert 0.2 < (with_money.added > 0).mean() < 1.0
    np.testing.assert_allclose(with_money.lowest, without.lowest, rtol=0, atol=1e-6)
    # Later falls start from a peak that the new money is not part of.
    np.testing.assert_allclose(with_money.drawdown, without.drawdown, rtol=0, atol=1e-9)
