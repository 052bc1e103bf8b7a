"""P10: simulated price paths with liquidation inside, against NumPy and against drawing alone.

    python -m benchmarks.paths [--quick]

Eight correlated markets with stochastic volatility and common jumps, one cross account of four
longs and four shorts at six times leverage, hourly steps; every step moves all prices and compares
equity with maintenance margin, and an account under it is closed at its book price. Funding is
off in P10 and on, with a rate that moves, in the row below it.

NumPy does the same on all paths at once: one array operation a thing, SFC64, normals by ziggurat,
in batches small enough for its caches. Both must find liquidations at the same rate, within four
standard errors of each other, or the measurement stops.

Drawing alone is the kernel's own generator filling the same number of normals into the same rows,
and nothing else.
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Result, all_threads_seconds, interleave, main_of, median, median_ratio
from seawall.lab.paths.kernels.compiled import borrowed, entry
from seawall.lab.paths.kernels.draws import PER_BLOCK, fill_normals
from seawall.lab.paths.kernels.philox import LANES, key_of
from seawall.lab.paths.kernels.process import aligned
from seawall.lab.paths.kernels.simulate import simulate_chunk
from seawall.lab.paths.kernels.task import (
    PATHS_PER_CHUNK,
    SECONDS_PER_YEAR,
    Diffusion,
    FundingRate,
    PathAccount,
    PathTask,
    StageRules,
)

MARKETS = 8
LEVERAGE = 6.0
STEP_SECONDS = 3600.0
FUNDING = 1.25e-5
Floats = NDArray[np.float64]


def account() -> PathAccount:
    """8,000 USD in all, evenly; maintenance margin 1.25 %."""
    price = np.linspace(10.0, 80.0, MARKETS)
    size = np.where(np.arange(MARKETS) % 2 == 0, 1.0, -1.0) * 1000.0 / price
    names = tuple(f"M{number}" for number in range(MARKETS))
    return PathAccount(
        markets=names, buckets=("cross",), price=price, size=size,
        lot=np.full(MARKETS, 1e-6), bucket=np.zeros(MARKETS, np.int64),
        cash=np.array([MARKETS * 1000.0 / LEVERAGE - (size * price).sum()]),
        tiers=np.array([[[each]] * MARKETS for each in (0.0, 0.0125, 0.0)]),
        depth=np.full(MARKETS, 1e6),
        spread=np.full(MARKETS, 1e-4), impact=0.005, fee=np.full(MARKETS, 4.5e-4),
        rules=StageRules(backstop_ratio=2 / 3),
    )  # fmt: skip


def task(steps: int, paths: int, funding: float = 0.0, seed: int = 1) -> PathTask:
    correlation = np.full((MARKETS, MARKETS), 0.6) + 0.4 * np.eye(MARKETS)
    return PathTask(
        account=account(),
        model=Diffusion(
            drift=np.zeros(MARKETS), volatility=np.linspace(0.5, 1.2, MARKETS),
            correlation=correlation, volatility_of_volatility=0.4, jump_rate=12.0,
            jump_mean=-0.02, jump_std=0.05, jump_beta=np.linspace(0.8, 1.5, MARKETS),
        ),
        funding=FundingRate(
            rate=np.full(MARKETS, funding), mean=np.full(MARKETS, funding),
            std=np.full(MARKETS, 2 * funding),
        ),
        steps=steps, step_seconds=STEP_SECONDS, paths=paths, seed=seed,
    )  # fmt: skip


def numpy_paths(given: PathTask, paths: int, seed: int) -> NDArray[np.bool_]:
    """Which paths were liquidated, in the same model, all ``paths`` at once."""
    random = np.random.Generator(np.random.SFC64(seed))
    model, held = given.model, given.account
    years = given.step_seconds / SECONDS_PER_YEAR
    decay = 0.5 ** (given.step_seconds / 86_400 / model.volatility_half_life_days)
    shock = model.volatility_of_volatility * np.sqrt(1 - decay**2)
    mix = np.linalg.cholesky(model.correlation) * (model.volatility * np.sqrt(years))[:, None]
    half_variance = model.volatility[:, None] ** 2 * years / 2
    rate_decay = 0.5 ** (1 / given.funding.half_life_hours)
    rate_shock = np.sqrt(1 - rate_decay**2)
    has_funding = bool(given.funding.std.any())
    price = np.repeat(held.price[:, None], paths, axis=1)
    size = np.repeat(held.size[:, None], paths, axis=1)
    cash = np.full(paths, held.cash[0])
    volatility, rate = np.zeros(paths), np.zeros(paths)
    is_liquidated = np.zeros(paths, bool)
    for _ in range(given.steps):
        factor = np.exp(volatility - model.volatility_of_volatility**2)
        change = mix @ random.standard_normal((MARKETS, paths))
        change *= factor
        change -= half_variance * (factor * factor)
        jumping = np.flatnonzero(random.random(paths) < model.jump_rate * years)
        if len(jumping):
            jump = random.normal(model.jump_mean, model.jump_std, len(jumping))
            change[:, jumping] += model.jump_beta[:, None] * jump
        price *= np.exp(change)
        volatility = decay * volatility + shock * random.standard_normal(paths)
        value = size * price
        if has_funding:
            rate = rate_decay * rate + rate_shock * random.standard_normal(paths)
            cash -= (value * (given.funding.mean[:, None] + given.funding.std[:, None] * rate)).sum(
                axis=0
            )
        equity = cash + value.sum(axis=0)
        notional = np.abs(value)
        maintenance = (notional * held.tiers[1]).sum(axis=0)
        under = np.flatnonzero(equity < maintenance)
        if len(under):
            is_liquidated[under] = True
            away = held.spread[:, None] / 2
            away = away + held.impact * np.sqrt(notional[:, under] / held.depth[:, None])
            cost = (notional[:, under] * (away + held.fee[:, None])).sum(axis=0)
            cash[under] = np.maximum(0.0, equity[under] - cost)
            size[:, under] = 0.0
    return is_liquidated


@entry
def draw_alone(rows, key, steps):
    """The normals of a kernel's steps: eight, and a ninth of a block that four steps share."""
    rows, key = borrowed((rows, key))
    for step in range(steps):
        fill_normals(rows, MARKETS // PER_BLOCK, key, 0, step * MARKETS // PER_BLOCK, 0)
        if step % PER_BLOCK == 0:
            fill_normals(rows[MARKETS * LANES :], 1, key, 1, step // PER_BLOCK, 0)


def measure(quick: bool = False) -> list[Result]:
    rounds, steps = (3, 120) if quick else (9, 720)
    kernel_task = task(steps, PATHS_PER_CHUNK)
    funded = task(steps, PATHS_PER_CHUNK, FUNDING)
    batch = 2048
    path_steps = PATHS_PER_CHUNK * steps
    rows = aligned(np.zeros((MARKETS + PER_BLOCK) * LANES, np.float32))
    found: dict[str, list[NDArray[np.bool_]]] = {"kernel": [], "numpy": []}
    seeds = iter(range(1, 10**6))

    def cost(work: object, count: int) -> float:
        return all_threads_seconds(work) / count * 1e9  # type: ignore[arg-type]

    def simulate() -> None:
        own = task(steps, PATHS_PER_CHUNK, seed=next(seeds))
        found["kernel"].append(simulate_chunk(own, 0).first[:, 0] > 0)

    def in_numpy() -> None:
        found["numpy"].append(numpy_paths(kernel_task, batch, next(seeds)))

    def draw() -> None:
        for _ in range(PATHS_PER_CHUNK // LANES):
            draw_alone(rows, key_of(1), steps)

    costs = interleave(
        {
            "kernel": lambda: cost(simulate, path_steps),
            "draw": lambda: cost(draw, path_steps),
            "numpy": lambda: cost(in_numpy, batch * steps),
            "funded": lambda: cost(lambda: simulate_chunk(funded, 0), path_steps),
            "numpy funded": lambda: cost(
                lambda: numpy_paths(funded, batch, next(seeds)), batch * steps
            ),
        },
        rounds,
    )
    share = _compared(found)
    at = {name: median(values) for name, values in costs.items()}
    faster = median_ratio(costs["numpy"], costs["kernel"])
    over_drawing = median_ratio(costs["kernel"], costs["draw"])
    return [
        Result(
            "P10", f"simulated paths of {MARKETS} markets with jumps and liquidation, per "
            "path-step, against vectorised NumPy of the same model", "≥ 12x",
            "≥ 25x and within 2x of drawing alone",
            f"{faster:.1f}x ({at['kernel']:.1f} against {at['numpy']:.0f} ns, "
            f"{1e3 / at['kernel']:.0f} million path-steps a second); {over_drawing:.2f}x of "
            f"drawing its {MARKETS + 1} normals alone ({at['draw']:.1f} ns); {share}",
            faster >= 12, faster >= 25 and over_drawing <= 2,
        ),
        Result(
            "", "the same with a funding rate that moves, paid every step", "", "",
            f"{median_ratio(costs['numpy funded'], costs['funded']):.1f}x "
            f"({at['funded']:.1f} against {at['numpy funded']:.0f} ns)",
        ),
    ]  # fmt: skip


def _compared(found: dict[str, list[NDArray[np.bool_]]]) -> str:
    """Shares of liquidated paths, which must agree."""
    own, other = (np.concatenate(found[name]) for name in ("kernel", "numpy"))
    error = np.sqrt(own.var() / len(own) + other.var() / len(other))
    if abs(own.mean() - other.mean()) > 4 * error:
        raise AssertionError(f"liquidated: {own.mean():.4f} of the kernel's, {other.mean():.4f}")
    return f"{own.mean():.1%} of its paths liquidated, {other.mean():.1%} of NumPy's"


if __name__ == "__main__":
    main_of(measure, __doc__)
