"""The path kernel: random numbers, models, the margin check, and that splits do not matter."""

import os
import platform
import subprocess
import sys
import zlib
from math import erfc, exp, sqrt

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from seawall.engine.compile import INTERPRETED
from seawall.lab.paths.kernels import draws
from seawall.lab.paths.kernels.compiled import entry
from seawall.lab.paths.kernels.course import DRAWDOWN, LOWEST, NOW, follow, start_course
from seawall.lab.paths.kernels.philox import LANES, LOWER, ROUNDS, fill_blocks, key_of, philox
from seawall.lab.paths.kernels.process import square_root
from seawall.lab.paths.kernels.simulate import join, margin_fan, simulate_chunk
from seawall.lab.paths.kernels.step import Run
from seawall.lab.paths.kernels.task import (
    PATHS_PER_CHUNK,
    SECONDS_PER_YEAR,
    Bootstrap,
    FundingRate,
    Outcomes,
    PathTask,
)
from seawall.lab.simulation.trials import run_trials
from tests.lab.path_accounts import diffusion, path_account, path_task
from tests.shared_files import ROOT

pytestmark = pytest.mark.skipif(INTERPRETED, reason="a million draws take the compiled kernel")
Floats = NDArray[np.float64]


@entry
def normals(rows, count, key, purpose, slot, path, mirrored):  # type: ignore[no-untyped-def]
    if mirrored:
        draws.fill_mirrored(rows, count, key, purpose, slot, path)
    else:
        draws.fill_normals(rows, count, key, purpose, slot, path)


def drawn(
    count: int, slot: int = 0, path: int = 0, mirrored: bool = False, purpose: int = 0
) -> Floats:
    """(4 count, LANES)."""
    rows = np.zeros(4 * count * LANES, np.float32)
    normals(rows, count, np.array([11, 12], np.uint64), purpose, slot, path, mirrored)
    return rows.reshape(4 * count, LANES).astype(np.float64)


@entry
def words(counters, keys, rounds, found):  # type: ignore[no-untyped-def]
    for row in range(len(counters)):
        a, b, c, d = counters[row, 0], counters[row, 1], counters[row, 2], counters[row, 3]
        block = philox((a, b, c, d), (keys[row, 0], keys[row, 1]), rounds)
        for place in range(4):
            found[row, place] = block[place] & LOWER


@entry
def blocks(rows, key, purpose, slot, path):  # type: ignore[no-untyped-def]
    fill_blocks(rows, LANES, key, purpose, slot, path)


PI = "243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0"
KNOWN_ANSWERS = {
    7: ("5f6fb709 0d893f64 4f121f81 4f730a48", "5207ddc2 45165e59 4d8ee751 8c52f662",
        "4dfccaba 190a87f0 c47362ba b6b5242a"),
    10: ("6627e8d5 e169c58d bc57ac4c 9b00dbd8", "408f276d 41c83b0e a20bc7c6 6d5451fd",
         "d16cfe09 94fdcceb 5001e420 24126ea1"),
}  # fmt: skip
"""Of Random123's ``kat_vectors``: counter and key all zeros, all ones, the digits of pi."""


def hexadecimal(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize("rounds", KNOWN_ANSWERS)
def test_words_are_the_published_ones(rounds: int) -> None:
    given = np.array([[0] * 6, [0xFFFFFFFF] * 6, hexadecimal(PI)], np.uint64)
    found = np.zeros((3, 4), np.uint64)
    words(given[:, :4].copy(), given[:, 4:].copy(), np.int64(rounds), found)
    assert found.tolist() == [hexadecimal(answer) for answer in KNOWN_ANSWERS[rounds]]


def test_lanes_draw_the_words_of_their_counters() -> None:
    """Path, slot and purpose are the words of a counter; upper halves of words do not matter."""
    key = key_of(5)
    rows = np.zeros(4 * LANES, np.float32)
    blocks(rows, key, 3, 2**32 - 2, 2**32 - LANES)
    counters = np.zeros((LANES, 4), np.uint64)
    counters[:, 0] = np.arange(2**32 - LANES, 2**32, dtype=np.uint64)
    counters[:, 1:3] = 2**32 - 2, 3
    found = np.zeros((LANES, 4), np.uint64)
    dirt = np.uint64(0xABCD << 32)
    words(counters | dirt, np.tile(key, (LANES, 1)), np.int64(ROUNDS), found)
    drawn_words = rows.view(np.uint32).reshape(4, LANES)[[0, 2, 1, 3]]
    assert np.array_equal(found.T, drawn_words)


def same(left: Outcomes, right: Outcomes) -> bool:
    return all(
        np.array_equal(getattr(left, name), getattr(right, name))
        for name in Outcomes.__struct_fields__
    )


def simulate(task: PathTask) -> Outcomes:
    return join([simulate_chunk(task, chunk) for chunk in range(task.chunks)], task.paths)


def hedged(**changes: object) -> PathTask:
    """Three markets, a pool and an isolated position, jumps, moving volatility and funding."""
    account = path_account(
        [100.0, 50.0, 10.0], [2.0, -3.0, 20.0], [-30.0, -185.0], bucket=[0, 0, 1],
        fee=np.full(3, 4e-4), spread=np.full(3, 2e-4), impact=0.005,
    )  # fmt: skip
    correlation = np.array([[1.0, 0.7, 0.5], [0.7, 1.0, 0.4], [0.5, 0.4, 1.0]])
    model = diffusion(
        3, correlation=correlation, volatility_of_volatility=0.4, jump_rate=40.0,
        jump_mean=-0.02, jump_std=0.05,
    )  # fmt: skip
    rate = np.full(3, 2e-5)
    funding = FundingRate(rate=-rate, mean=rate, std=rate)
    return msgspec.structs.replace(path_task(account, model, funding=funding), **changes)


def test_normals_have_the_moments_and_tails_of_the_normal_distribution() -> None:
    sample = np.concatenate([drawn(32, slot=32 * n).ravel() for n in range(64)])
    count = len(sample)
    assert count == 2**21
    right = {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96), 6: (15, 10170)}
    for power, (moment, variance) in right.items():
        off = ((sample**power).mean() - moment) / sqrt(variance / count)
        assert abs(off) < 4.5, (power, off)
    for limit in (1.0, 2.0, 3.0, 4.0, 5.0):
        for tail in (sample > limit, sample < -limit):
            expected = count * erfc(limit / sqrt(2.0)) / 2.0
            assert abs(np.count_nonzero(tail) - expected) < 4.5 * sqrt(expected) + 1.0, limit
    inner = np.sort(sample)[:: 2**10]
    rank = np.array([erfc(-x / sqrt(2.0)) / 2.0 for x in inner])
    distance = np.abs(rank - np.arange(len(inner)) * 2**10 / count).max()
    assert distance * sqrt(count) < 1.95, "Kolmogorov and Smirnov, one in a thousand"


def test_normals_do_not_depend_on_each_other() -> None:
    sample = np.array([drawn(2, slot=2 * n) for n in range(1024)])
    limit = 4.5 / sqrt(sample[:, 0].size)

    def related(left: Floats, right: Floats) -> None:
        for power in (1, 2):
            pair = np.corrcoef(left.ravel() ** power, right.ravel() ** power)
            assert abs(pair[0, 1]) < limit * 1.05

    related(sample[:, 0], sample[:, 2])  # of the same two words
    related(sample[:, 0], sample[:, 1])  # of the same block
    related(sample[:, 0], sample[:, 4])
    related(sample[:, :, :-1], sample[:, :, 1:])  # neighbouring paths
    related(sample[:-1], sample[1:])  # following steps
    related(sample[:, :, :128], sample[:, :, 128:])


def test_every_path_slot_and_purpose_has_a_block_of_its_own() -> None:
    """Chunks, steps and draws never share a number."""
    taken = [
        drawn(4, slot, path, purpose=purpose)
        for slot in (0, 4, 2**31)
        for path in range(0, 2**13, LANES)
        for purpose in (0, 1)
    ]
    sample = np.concatenate(taken).reshape(-1, 4, LANES)
    of_blocks = np.moveaxis(sample, 1, 2).reshape(-1, 4)
    assert len(np.unique(of_blocks, axis=0)) == len(of_blocks) == 3 * 2**13 * 2 * 4
    moved = drawn(8, slot=8, path=LANES)
    assert np.isin(moved, drawn(8)).mean() < 0.002, "of 2**24 or so single numbers"
    assert np.array_equal(drawn(8, slot=0, path=64)[:, :-64], drawn(8)[:, 64:])


HASHED_RUN = """
import zlib
from tests.lab.test_path_kernel import drawn
print(zlib.crc32(drawn(64, slot=2**20).tobytes()), zlib.crc32(drawn(8, mirrored=True).tobytes()))
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names its processors")
def test_a_processor_with_narrow_vectors_draws_the_same_numbers() -> None:
    """haswell has no vectors of 512 bits and no 64-bit product in those of 256."""
    environment = os.environ | {
        "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+fma,+avx2",
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
    }  # fmt: skip
    found = subprocess.run(
        [sys.executable, "-c", HASHED_RUN], env=environment, capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    plain, mirrored = drawn(64, slot=2**20), drawn(8, mirrored=True)
    assert [int(word) for word in found.stdout.split()] == [
        zlib.crc32(plain.tobytes()), zlib.crc32(mirrored.tobytes()),
    ]  # fmt: skip


def test_mirrored_lanes_take_the_opposite() -> None:
    rows, plain = drawn(3, mirrored=True), drawn(3)
    assert np.array_equal(rows[:, : LANES // 2], plain[:, : LANES // 2])
    assert np.array_equal(rows[:, LANES // 2 :], -rows[:, : LANES // 2])


@entry
def elementary(values, logarithms, exponentials):  # type: ignore[no-untyped-def]
    for number in range(len(values)):
        logarithms[number] = draws.minus_logarithm(values[number])
        exponentials[number] = draws.exponential(np.log(values[number]))


@entry
def single_functions(short, long, returns, exponentials):  # type: ignore[no-untyped-def]
    for number in range(len(short)):
        returns[number] = draws.short_return(short[number])
        exponentials[number] = draws.single_exponential(long[number])


@entry
def pairs(words, others, lengths, normals):  # type: ignore[no-untyped-def]
    for number in range(len(words)):
        lengths[number] = draws.radius(words[number], others[number])
        normals[0, number], normals[1, number] = draws.normal_pair(words[number], others[number])


def test_functions_are_as_exact_as_they_say() -> None:
    values = np.exp(np.linspace(-27.7, 20.0, 20_001))
    found = np.zeros((2, 20_001))
    elementary(values, *found)
    rough = np.abs(np.log(values)) > 1e-9
    assert np.abs(found[0] / -np.log(values) - 1.0)[rough].max() < 5e-9
    assert np.abs(found[1] / np.exp(np.log(values)) - 1.0).max() < 3e-14


def test_single_functions_are_exact_but_for_their_rounding() -> None:
    rounding = 2.0**-24
    short = np.linspace(-0.125, 0.125, 20_000).astype(np.float32)
    long = np.linspace(-80.0, 80.0, 20_000).astype(np.float32)
    found = np.zeros((2, 20_000), np.float32)
    single_functions(short, long, *found)
    off = found[0] / np.expm1(short.astype(np.float64)) - 1.0
    assert np.abs(off).max() < 4e-9 + 2 * rounding
    assert abs(off.mean()) < 4e-9, "nothing is gained or lost on average"
    assert np.abs(found[1] / np.exp(long.astype(np.float64)) - 1.0).max() < 2e-9 + 2 * rounding


def test_normals_are_those_of_box_and_muller() -> None:
    random = np.random.default_rng(7)
    first, second = random.integers(0, 2**32, (2, 20_000), dtype=np.uint32)
    first[:4] = 0, 1, 2, 2**32 - 1
    second[:4] = 0, 2**32 - 1, 2**31, 2**31 - 1
    lengths, found = np.zeros(20_000, np.float32), np.zeros((2, 20_000), np.float32)
    pairs(first, second, lengths, found)
    low = (second & np.uint32(511) | np.uint32(1)) / 512
    # Rounded to single precision, and again with what is added.
    upper = (first >> np.uint32(1)).astype(np.float32).astype(np.float64)
    uniform = (upper + low).astype(np.float32).astype(np.float64) / 2.0**31
    length = np.sqrt(-2.0 * np.log(uniform))
    np.testing.assert_allclose(lengths, length, rtol=2e-7)
    half = ((second << np.uint32(1)) & np.uint32(0xFFFFFC00) | np.uint32(0x200)).view(np.int32)
    angle = np.pi * half / 2.0**32
    sign = np.where(second >> np.uint32(31), -1.0, 1.0)
    np.testing.assert_allclose(found[0], sign * length * np.cos(angle), atol=3e-7 * 7.5)
    np.testing.assert_allclose(found[1], length * np.sin(angle), atol=3e-7 * 7.5)
    assert 7.4 < lengths.max() < 7.5
    assert np.isfinite(found).all()


def test_returns_have_the_models_mean_volatility_and_correlation() -> None:
    correlation = np.array([[1.0, 0.8, -0.3], [0.8, 1.0, 0.1], [-0.3, 0.1, 1.0]])
    wide = np.eye(9)
    wide[np.ix_([0, 4, 8], [0, 4, 8])] = correlation
    drift, volatility = np.linspace(-1.0, 2.0, 9), np.linspace(0.3, 1.5, 9)
    account = path_account([1.0] * 9, [0.0] * 9, [1.0])
    model = diffusion(9, correlation=wide, drift=drift, volatility=volatility)
    task = path_task(account, model, steps=24 * 30, paths=65_536)
    change = np.log(simulate(task).final_price)
    years = 30 / 365
    error = volatility * sqrt(years / task.paths)
    assert np.all(np.abs(change.mean(0) - (drift - volatility**2 / 2) * years) < 4.5 * error)
    spread = change.std(0) / (volatility * sqrt(years)) - 1.0
    assert np.all(np.abs(spread) < 4.5 / sqrt(2 * task.paths))
    assert np.all(np.abs(np.corrcoef(change.T) - wide) < 4.5 / sqrt(task.paths))


def test_jumps_add_what_the_model_says() -> None:
    account = path_account([1.0, 1.0], [0.0, 0.0], [1.0])
    model = diffusion(
        2, volatility=1e-6, jump_rate=60.0, jump_mean=-0.05, jump_std=0.02,
        jump_beta=np.array([1.0, 2.0]),
    )  # fmt: skip
    task = path_task(account, model, steps=24 * 10, paths=65_536)
    change = np.log(simulate(task).final_price)
    expected = 60.0 * 10 / 365
    still = exp(-expected)
    share = (np.abs(change[:, 0]) < 1e-4).mean()
    assert abs(share - still) < 4.5 * sqrt(still * (1 - still) / task.paths)
    variance = expected * (0.05**2 + 0.02**2)
    assert abs(change[:, 0].mean() + expected * 0.05) < 4.5 * sqrt(variance / task.paths)
    assert change[:, 0].var() == pytest.approx(variance, rel=0.03)
    np.testing.assert_allclose(change[:, 1], 2 * change[:, 0], atol=1e-4)


def test_volatility_moves_around_its_mean() -> None:
    account = path_account([1.0], [0.0], [1.0])
    model = diffusion(1, volatility_of_volatility=0.5, volatility_half_life_days=0.25)
    task = path_task(account, model, steps=24 * 20, paths=65_536)
    change = np.log(simulate(task).final_price)[:, 0]
    years = 20 / 365
    # Its square averages to that of the model; only the first hours are calmer.
    assert change.var() == pytest.approx(0.8**2 * years, rel=0.04)
    first = np.log(simulate(msgspec.structs.replace(task, steps=1)).final_price)[:, 0]
    assert first.std() == pytest.approx(0.8 * exp(-0.25) * sqrt(1 / 8760), rel=0.012)
    step = msgspec.structs.replace(task, steps=24)
    daily = np.log(simulate(step).final_price)[:, 0]
    kurtosis = ((daily - daily.mean()) ** 4).mean() / daily.var() ** 2
    assert kurtosis > 3.2, "moving volatility has fat tails"


@pytest.mark.parametrize("step_seconds", [900.0, 3600.0, 9000.0])
def test_funding_is_paid_by_longs_at_every_hour(step_seconds: float) -> None:
    account = path_account([100.0, 100.0], [3.0, -1.0], [1e6])
    funding = FundingRate(
        rate=np.array([4e-5, 1e-5]), mean=np.full(2, 1e-5), std=np.zeros(2), half_life_hours=2.0
    )
    still = diffusion(2, volatility=1e-9)
    task = path_task(
        account, still, funding=funding, steps=int(36_000 // step_seconds),
        step_seconds=step_seconds, paths=256,
    )  # fmt: skip
    hours = np.arange(1, 11)
    right = 300.0 * (1e-5 + 3e-5 * 0.5 ** (hours / 2.0)).sum() - 100.0 * 1e-5 * 10
    outcome = simulate(task)
    np.testing.assert_allclose(outcome.funding, right, rtol=1e-6)
    np.testing.assert_allclose(outcome.equity[:, 0], account.equity[0] - right, rtol=1e-9)


def test_funding_rates_keep_their_spread() -> None:
    account = path_account([1.0], [1.0], [1e6])
    funding = FundingRate(rate=np.zeros(1), mean=np.zeros(1), std=np.ones(1), half_life_hours=3.0)
    task = path_task(account, diffusion(1, 1e-9), funding=funding, steps=100, paths=65_536)
    one_more = msgspec.structs.replace(task, steps=101)
    last_rate = simulate(one_more).funding - simulate(task).funding
    assert last_rate.std() == pytest.approx(1.0, rel=0.015)
    assert abs(last_rate.mean()) < 4.5 / sqrt(task.paths)


def recorded(rows: int, markets: int) -> Bootstrap:
    returns = np.random.default_rng(3).normal(0.0, 0.01, (rows, markets))
    return Bootstrap(returns=returns, block_steps=5)


def walked(task: PathTask) -> Floats:
    """(steps + 1, m, LANES) prices of the first paths."""
    run = Run(task, 0)
    prices = [run.price.copy()]
    for step in range(1, task.steps + 1):
        run.advance(step)
        prices.append(run.price.copy())
    return np.array(prices)


def test_recorded_blocks_stay_whole_and_every_row_comes_as_often() -> None:
    model = recorded(37, 2)
    account = path_account([10.0, 20.0], [0.0, 0.0], [1.0])
    task = path_task(account, model, steps=500)
    change = np.diff(np.log(walked(task)), axis=0)
    row = np.argmin(np.abs(change[:, 0, :, None] - model.returns[:, 0]), axis=-1)
    np.testing.assert_allclose(change[:, 0], model.returns[row, 0], atol=1e-12)
    np.testing.assert_allclose(change[:, 1], model.returns[row, 1], atol=1e-12)
    follows = (row[1:] - row[:-1]) % 37 == 1
    inside = np.arange(1, 500) % 5 != 0
    assert follows[inside].all()
    assert follows[~inside].mean() < 0.1
    count = np.bincount(row.ravel(), minlength=37)
    # Rows of one block come together, so the count of one varies like that of 100 * LANES blocks.
    chi = ((count - count.mean()) ** 2 / (5 * count.mean())).sum()
    assert chi < 80.0
    starts = np.bincount(row[::5].ravel(), minlength=37)
    assert ((starts - starts.mean()) ** 2 / starts.mean()).sum() < 80.0


def test_recorded_funding_comes_with_its_row() -> None:
    model = recorded(11, 1)
    rates = np.arange(11.0)[:, None] * 1e-5
    model = msgspec.structs.replace(model, returns=0.0 * model.returns, funding=rates)
    account = path_account([100.0], [-2.0], [1e6])
    task = path_task(account, model, steps=1, step_seconds=300.0, paths=LANES)
    found = np.unique(np.round(simulate(task).funding / -200.0 * 1e5, 9))
    np.testing.assert_allclose(found, np.arange(11.0), atol=1e-9)


def test_antithetic_paths_have_the_same_mean_and_vary_less() -> None:
    account = path_account([1.0, 1.0], [1.0, 0.5], [100.0])
    task = path_task(account, diffusion(2, jump_rate=50.0, jump_std=0.05), paths=65_536)
    plain, pairs = simulate(task), simulate(msgspec.structs.replace(task, antithetic=True))
    left = plain.equity[:, 0].reshape(-1, 2).mean(1)
    right = pairs.equity[:, 0].reshape(-1, 2).mean(1)
    error = sqrt((left.var() + right.var()) / len(left))
    assert abs(left.mean() - right.mean()) < 4.5 * error
    assert right.var() < 0.2 * left.var()
    log_price = np.log(pairs.final_price[:, 0]).reshape(-1, 2)
    assert np.corrcoef(log_price.T)[0, 1] < -0.99


def naive_sums(task: PathTask, price: Floats, bucket: int) -> tuple[Floats, Floats]:
    """(LANES,) equity and maintenance margin of a bucket that holds what it held at the start."""
    account = task.account
    equity, maintenance = np.full(LANES, account.cash[bucket]), np.zeros(LANES)
    for market in np.flatnonzero(account.bucket == bucket):
        value = account.size[market] * price[market]
        equity += value
        for lane, notional in enumerate(np.abs(value)):
            lower, rate, deduction = account.tiers[:, market]
            tier = np.flatnonzero(lower <= notional)[-1]
            maintenance[lane] += notional * rate[tier] - deduction[tier]
    return equity, maintenance


@pytest.mark.parametrize("in_turn", [True, False], ids=["tiles", "one by one"])
@pytest.mark.parametrize("tiered", [{0, 2, 3}, {0}, {2}, {3}], ids=str)
def test_every_bucket_has_the_sums_and_the_first_step_of_the_naive_way(
    in_turn: bool, tiered: set[int]
) -> None:
    """Tiers on both sides of the positions, whole tiles of markets and single ones.

    The pool holds nothing, because it is given what other buckets release.
    """
    tiers = [
        [(0.0, 0.01, 0.0), (1900.0, 0.02, 19.0), (2100.0, 0.05, 82.0)],
        [(0.0, 0.01, 0.0)],
        [(0.0, 0.02, 0.0), (990.0, 0.04, 19.8)],
        [(0.0, 0.01, 0.0), (790.0, 0.03, 15.8), (3000.0, 0.05, 75.8)],
        [(0.0, 0.01, 0.0)],
    ]
    tiers = [line if market in tiered else line[:1] for market, line in enumerate(tiers)]
    account = path_account(
        [100.0] * 5, [20.0, 7.0, -10.0, -8.0, 1.0], [0.0, -700.0, 1130.0, -90.0], tiers=tiers,
        bucket=[1, 1, 1, 1, 3] if in_turn else [1, 1, 2, 1, 3],
    )  # fmt: skip
    if not in_turn:
        account.cash[1] = -1700.0
    task = path_task(account, diffusion(5), steps=120, paths=LANES)
    run = Run(task, 0)
    right = np.zeros((4, LANES), np.int64)
    for step in range(1, task.steps + 1):
        intact = run.block.first == 0
        run.advance(step)
        for bucket in np.unique(account.bucket):
            equity, maintenance = naive_sums(task, run.price, bucket)
            found = run.block.sums.reshape(4, -1, LANES)[bucket][:, intact[bucket]]
            np.testing.assert_allclose(found[0], equity[intact[bucket]], rtol=1e-12, atol=1e-9)
            np.testing.assert_allclose(found[1], maintenance[intact[bucket]], rtol=1e-12, atol=1e-9)
            right[bucket, (right[bucket] == 0) & (equity < maintenance)] = step
    assert np.array_equal(run.block.first, right)
    held = np.unique(account.bucket)
    assert np.all((right[held] > 0).mean(axis=1) > 0.1)
    assert np.all((right[held] == 0).mean(axis=1) > 0.1)


def test_a_chunk_is_the_same_alone_and_in_any_longer_run() -> None:
    task = hedged(paths=3 * PATHS_PER_CHUNK)
    whole = simulate(task)
    alone = simulate_chunk(task, 1)
    assert same(alone, join([simulate_chunk(task, 1)], PATHS_PER_CHUNK))
    assert np.array_equal(whole.equity[PATHS_PER_CHUNK : 2 * PATHS_PER_CHUNK], alone.equity)
    fewer = simulate(msgspec.structs.replace(task, paths=PATHS_PER_CHUNK + 300))
    assert len(fewer.equity) == PATHS_PER_CHUNK + 300
    assert np.array_equal(fewer.equity, whole.equity[: PATHS_PER_CHUNK + 300])
    assert abs(np.corrcoef(whole.equity[:PATHS_PER_CHUNK, 0], alone.equity[:, 0])[0, 1]) < 0.05
    other = simulate_chunk(msgspec.structs.replace(task, seed=6), 1)
    assert not np.isin(other.final_price, alone.final_price).any()
    with pytest.raises(IndexError, match="the task has 3"):
        simulate_chunk(task, 3)


@pytest.mark.parametrize("antithetic", [False, True])
def test_stops_on_the_way_change_nothing(antithetic: bool) -> None:
    task = hedged(paths=600, antithetic=antithetic)
    straight, fan = simulate(task), margin_fan(task, 600, points=7)
    assert fan.steps[0] == 0
    assert fan.steps[-1] == task.steps
    assert np.array_equal(fan.equity[:, -1], straight.equity.sum(axis=1))
    assert np.all(fan.equity[:, 0] == task.account.equity.sum())
    assert np.all((fan.ratio >= 0.0) & (fan.ratio <= 1.0))
    pool = (200.0 + 150.0) * 0.01 / (-30.0 + 50.0)
    isolated = 200.0 * 0.01 / 15.0
    assert fan.ratio[:, 0] == pytest.approx(max(pool, isolated))
    closed = straight.touched[:, 2] > 0
    assert 0.02 < closed.mean() < 0.98
    assert np.all(fan.ratio[closed, -1] == 1.0)
    # What happened between two moments is in the course so far.
    assert np.array_equal(fan.lowest[:, -1], straight.lowest)
    assert np.array_equal(fan.drawdown[:, -1], straight.drawdown)
    assert np.any(fan.lowest[:, -1] < fan.equity.min(axis=1))


@pytest.mark.parametrize("antithetic", [False, True])
def test_lowest_equity_and_drawdown_are_those_of_every_step(antithetic: bool) -> None:
    """The fan stops at each step and reads what each bucket has then, after liquidations."""
    task = hedged(paths=600, antithetic=antithetic)
    outcomes, fan = simulate(task), margin_fan(task, 600, points=task.steps)
    assert fan.equity.shape == (600, task.steps + 1)
    np.testing.assert_allclose(outcomes.lowest, fan.equity.min(axis=1), rtol=1e-12, atol=1e-9)
    peak = np.maximum.accumulate(fan.equity, axis=1)
    deepest = (1 - fan.equity / peak).max(axis=1)
    np.testing.assert_allclose(outcomes.drawdown, deepest, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fan.lowest, np.minimum.accumulate(fan.equity, axis=1), atol=1e-9)
    so_far = np.maximum.accumulate(1 - fan.equity / peak, axis=1)
    np.testing.assert_allclose(fan.drawdown, so_far, rtol=1e-9, atol=1e-12)
    liquidated = (outcomes.first > 0).any(axis=1)
    assert 0.02 < liquidated.mean() < 0.98
    # Something was lost on the way that the end no longer shows.
    assert np.any(outcomes.lowest < outcomes.equity.sum(axis=1) - 1)


@entry
def followed(course, added):  # type: ignore[no-untyped-def]
    follow(course, added)


def test_of_no_equity_no_share_is_lost() -> None:
    course = start_course(0.0)
    for equity in (0.0, -5.0):
        course[NOW : NOW + LANES] = equity
        followed(course, np.zeros(LANES))
    assert np.all(course[LOWEST : LOWEST + LANES] == -5.0)
    assert np.all(course[DRAWDOWN : DRAWDOWN + LANES] == 0.0)


def test_one_process_and_two_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))
    task = hedged(paths=3 * PATHS_PER_CHUNK)
    alone, together = (
        run_trials(simulate_chunk, task, task.chunks, workers=workers) for workers in (1, 2)
    )
    assert all(same(a, b) for a, b in zip(alone, together, strict=True))


def test_read_only_arrays_are_taken() -> None:
    """Workers may be handed memory that they must not write."""
    task = hedged(paths=300)
    for values in (task.account.bucket, task.account.size, task.model.drift, task.funding.rate):
        values.flags.writeable = False
    assert same(simulate(task), simulate(hedged(paths=300)))


INTERPRETED_RUN = """
import numpy as np
from seawall.lab.paths.kernels.simulate import simulate_chunk
from tests.lab.test_path_kernel import hedged
print(*simulate_chunk(hedged(paths=3, steps=3), 0).equity.ravel().tolist())
"""


def test_the_source_runs_without_the_compiler() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERPRETED_RUN],
        env=os.environ | {"SEAWALL_INTERPRETED": "1", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = np.array([float(word) for word in done.stdout.split()])
    compiled = simulate_chunk(hedged(paths=3, steps=3), 0).equity.ravel()
    np.testing.assert_allclose(found, compiled, rtol=1e-9)


def test_impossible_correlations_are_refused() -> None:
    with pytest.raises(ValueError, match="not positive semi-definite"):
        square_root(np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]]))
    ones = np.ones((3, 3))
    root = square_root(ones)
    np.testing.assert_allclose(root @ root.T, ones)


def test_steps_shorter_than_a_millisecond_are_refused() -> None:
    task = path_task(path_account([1.0], [1.0], [1.0]), step_seconds=0.0001)
    with pytest.raises(ValueError, match="step_seconds"):
        simulate_chunk(task, 0)


def test_hours_of_a_year_are_the_units_of_the_model() -> None:
    """A year of volatility in one step."""
    account = path_account([1.0], [0.0], [1.0])
    model = diffusion(1, 0.5)
    task = path_task(account, model, steps=1, step_seconds=SECONDS_PER_YEAR, paths=65_536)
    change = np.log(simulate(task).final_price)
    assert change.std() == pytest.approx(0.5, rel=0.01)
