"""Simulated paths of an account with options in portfolio margin, against NumPy of the same model.

    python -m benchmarks.option_paths [--quick]

Three perpetuals and twenty options of four expiries, delta-hedged, under the numbers of
``derive-pm2`` (31 scenarios of price and volatility, two of skew, forwards alone; its shocks of ETH
stand for the third market too), a week of hourly steps. Every step moves prices, pays funding,
revalues all options by Black-76 and compares equity with maintenance margin.

NumPy does the same on a batch of paths at once, options and paths in one array: once as it is
usually written, with every scenario in every step, and once with the kernel's own bound, so that it
too scans only the paths that it has to. The normal distribution is SciPy's ``ndtr``, where SciPy is
installed. The twin is given the kernel's prices step by step, so that both must liquidate the same
paths in the same steps and end with the same equity, or the measurement stops; drawing them is in
the kernel's time alone.
"""

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from benchmarks.common import Result, all_threads_seconds, interleave, main_of, median, median_ratio
from seawall.lab.options.path_account import pool_account
from seawall.lab.options.pool import Rule
from seawall.lab.options.portfolio import Future, Options, Portfolio
from seawall.lab.options.preset import ScenarioPreset, load_preset
from seawall.lab.paths.kernels.philox import LANES
from seawall.lab.paths.kernels.pool_account import DOWN, UP
from seawall.lab.paths.kernels.pool_bound import FARTHEST, OF_OTHERS, OF_PRICES, bound_of
from seawall.lab.paths.kernels.pool_step import PoolRun
from seawall.lab.paths.kernels.pool_terms import terms_of
from seawall.lab.paths.kernels.simulate import simulate_chunk
from seawall.lab.paths.kernels.task import SECONDS_PER_YEAR, Diffusion, FundingRate, PathTask

try:
    from scipy.special import ndtr  # type: ignore[import-untyped]

    NORMAL = "SciPy's normal distribution"
except ImportError:
    from seawall.lab.options.black76 import normal as ndtr

    NORMAL = "a normal distribution in Python, as SciPy is not installed"

STEP_SECONDS = 3600.0
SPOTS = {"BTC": 100_000.0, "ETH": 4_000.0, "SOL": 200.0}
DAYS = (3.2, 10.5, 30.0, 75.0)
RATE = 1e-5
EQUITY = 60_000.0
Floats = NDArray[np.float64]


def rule() -> Rule:
    preset = load_preset("derive-pm2")
    assert isinstance(preset, ScenarioPreset)
    market = {**preset.market, "SOL": preset.market["ETH"]}
    return Rule(preset=structs.replace(preset, market=market))


def book() -> dict[str, Portfolio]:
    """Twenty options in three markets, bought and sold, and perpetuals that take their delta."""
    dice = np.random.default_rng(7)
    made = {}
    for (name, spot), count in zip(SPOTS.items(), (8, 7, 5), strict=True):
        rows = []
        for number in range(count):
            strike = spot * (0.75 + 0.5 * number / (count - 1))
            years = DAYS[number % len(DAYS)] / 365
            size = float(dice.choice([-1.0, 1.0])) * float(dice.uniform(0.2, 0.6)) * 1e5 / spot
            forward = spot * float(np.exp(0.08 * years))
            rows.append((number % 2 == 0, strike, years, 0.6 + 0.05 * number, forward, size))
        options = Options.of(rows)
        hedge = -float(options.deltas.sum())
        made[name] = Portfolio(
            spot=spot, options=options, futures=(Future(size=hedge, price=spot),)
        )
    return made


def task(steps: int, paths: int, seed: int = 1) -> PathTask:
    portfolios = book()
    cash = EQUITY - sum(each.equity for each in portfolios.values())
    markets = len(portfolios)
    rates = np.full(markets, RATE)
    return PathTask(
        account=pool_account(rule(), portfolios, cash, np.zeros((3, markets, 1)), cost=0.005),
        model=Diffusion(
            drift=np.zeros(markets), volatility=np.array([0.6, 0.8, 1.0]),
            correlation=np.full((markets, markets), 0.7) + 0.3 * np.eye(markets),
            volatility_of_volatility=0.4, jump_rate=12.0, jump_mean=-0.02, jump_std=0.05,
        ),
        funding=FundingRate(rate=rates, mean=rates, std=0.0 * rates),
        steps=steps, step_seconds=STEP_SECONDS, paths=paths, seed=seed,
    )  # fmt: skip


class Twin:
    """The same account in NumPy, on (paths,) at once. ``skips``: scans only where it has to."""

    def __init__(self, given: PathTask, paths: int, *, skips: bool) -> None:
        self.terms = terms_of(given.account, given.step_seconds / SECONDS_PER_YEAR)  # type: ignore[arg-type]
        self.rules = self.terms.rules
        self.bound = bound_of(self.terms, given.steps) if skips else None
        self.cash = np.full(paths, given.account.money)  # type: ignore[union-attr]
        self.alive = np.ones(paths, bool)
        self.first = np.zeros(paths, np.int64)
        markets = len(self.terms.level)
        self.last = np.zeros((4, markets, paths))
        self.tables = np.zeros((2, 2, markets, paths))
        self.scanned = 0

    def step(self, price: Floats, step: int) -> None:
        """``price``: (m, paths) at its end."""
        terms = self.terms
        paid = (terms.futures[:, None] * price).sum(axis=0) * RATE
        self.cash -= np.where(self.alive, paid, 0.0)
        self._settle(price, step)
        live = np.repeat(terms.ends, np.diff(terms.first)) > step
        self.live = np.flatnonzero(live)
        years = terms.years - step * terms.step_years
        self.years = years[self.live]
        self.market = np.repeat(
            np.repeat(np.arange(len(terms.level)), np.diff(terms.of_market)), np.diff(terms.first)
        )[self.live]
        share = self.years / terms.years[self.live]
        self.log_growth = (terms.carry[self.live] * share)[:, None]
        self.strike = terms.strike[self.live][:, None]
        self.size = terms.size[self.live]
        self.is_put = (terms.is_call[self.live] < 0.5)[:, None]
        self.spread = (terms.volatility[self.live] * np.sqrt(self.years))[:, None]
        keys = np.stack([self.market, self.years])
        self.starts = np.flatnonzero(np.any(np.diff(keys, axis=1, prepend=-1.0) != 0, axis=0))
        alone = price / terms.level[:, None]
        self.log_price = np.log(alone)
        values = self._sums(self._values(price, self.log_price, 0.0, self.spread))
        self.worth = self._of_markets(values, price)
        held = (self.worth + terms.futures[:, None] * price).sum(axis=0)
        self.equity = self.cash + np.where(self.alive, held, 0.0)
        self._liquidate(price, step)

    def _values(self, price: Floats, log_price: Floats, move: float, spread: Floats) -> Floats:
        """(n, paths) USD of a coin of every option, after a move of its forward."""
        forward = price[self.market]
        forward *= np.exp(self.log_growth) * (1.0 + move)
        d1 = log_price[self.market]
        d1 += self.log_growth + np.log1p(move) - np.log(self.strike / self._levels())
        d1 /= spread
        d1 += 0.5 * spread
        found = ndtr(d1)
        found *= forward
        d1 -= spread
        second = ndtr(d1)
        second *= self.strike
        found -= second
        forward -= self.strike
        forward *= self.is_put
        found -= forward
        return np.maximum(found, 0.0, out=found)

    def _levels(self) -> Floats:
        return self.terms.level[self.market][:, None]

    def _settle(self, price: Floats, step: int) -> None:
        terms = self.terms
        for market in range(len(terms.level)):
            for expiry in range(terms.of_market[market], terms.of_market[market + 1]):
                if terms.ends[expiry] == step:
                    for option in range(terms.first[expiry], terms.first[expiry + 1]):
                        gain = price[market] - terms.strike[option]
                        gain = gain if terms.is_call[option] > 0.5 else -gain
                        paid = terms.size[option] * np.maximum(0.0, gain)
                        self.cash += np.where(self.alive, paid, 0.0)
                    self.last[2, market] = 0.0

    def _liquidate(self, price: Floats, step: int) -> None:
        asked = np.flatnonzero(self.alive)
        if self.bound is not None:
            asked = asked[~(self.equity[asked] >= self._most(price, step)[asked])]
        if not len(asked):
            return
        self.scanned += len(asked)
        needed = self._maintenance(price[:, asked], self.log_price[:, asked], asked, step)
        under = asked[self.equity[asked] < needed]
        if len(under):
            held = np.abs(self.terms.futures)
            held = held + np.bincount(self.market, np.abs(self.size), minlength=len(held))
            cost = self.terms.cost * (held[:, None] * price[:, under]).sum(axis=0)
            self.cash[under] = np.maximum(0.0, self.equity[under] - cost)
            self.equity[under] = self.cash[under]
            self.first[under] = step
            self.alive[under] = False

    def _most(self, price: Floats, step: int) -> Floats:
        """What maintenance margin is at most, by the last scan of each path."""
        assert self.bound is not None
        bound, (worst, others, before, worth) = self.bound, self.last
        far, top = np.abs(price - before), np.maximum(price, before)
        grown = [
            top * (bound.coins[which, :, step, None] - self.tables[0, which])
            + (bound.usd[which, :, step, None] - self.tables[1, which])
            for which in (OF_PRICES, OF_OTHERS)
        ]
        slope = np.where(price > before, bound.rise[:, None], bound.fall[:, None])
        most = worst + slope * far + grown[0]
        most += bound.weight[:, None] * np.maximum(0.0, self.worth - worth)
        most = np.maximum(most, others + bound.slope[:, None] * far + grown[1])
        needed = self.rules.maintenance * np.maximum(most, 0.0)
        needed += self._contingency(step)[:, None] * price
        needed[far >= FARTHEST * before] = np.inf
        total: Floats = needed.sum(axis=0)
        return total

    def _contingency(self, step: int) -> Floats:
        terms = self.terms
        naked = np.where(terms.ends > step, terms.naked, 0.0)
        by_market = np.array(
            [naked[a:b].sum() for a, b in zip(terms.of_market, terms.of_market[1:], strict=False)]
        )
        found: Floats = np.abs(terms.futures) * self.rules.perpetual
        return found + by_market * self.rules.short_option

    def _sums(self, values: Floats) -> Floats:
        """(e, paths) of each expiry that is left."""
        return np.add.reduceat(values * self.size[:, None], self.starts, axis=0)

    def _of_markets(self, values: Floats, price: Floats) -> Floats:
        """(m, paths) of all expiries of a market."""
        found, of_market = np.zeros_like(price), self.market[self.starts]
        for market in range(len(price)):
            found[market] = values[of_market == market].sum(axis=0)
        return found

    def _maintenance(
        self, price: Floats, logs: Floats, asked: NDArray[np.int64], step: int
    ) -> Floats:
        terms, rules = self.terms, self.rules
        years = self.years[self.starts][:, None]
        now = self._sums(self._values(price, logs, 0.0, self.spread))
        days = self.years * 365
        power = np.where(days <= 30, rules.volatility[0], rules.volatility[1])
        term = ((30 / np.maximum(days, rules.volatility[2])) ** power)[:, None]
        raised = self.spread * (1.0 + rules.up[self.market][:, None] * term)
        raised = np.maximum(raised, rules.volatility[3] * np.sqrt(self.years)[:, None])
        lowered = self.spread * np.maximum(0.0, 1.0 - rules.down[self.market][:, None] * term)
        by_direction = {UP: raised, DOWN: lowered}
        longs = rules.discount[0] * np.exp(-years * rules.discount[2])
        shorts = np.minimum(1.0, rules.discount[3] * np.exp(years * rules.discount[5]))

        def counted(values: Floats) -> Floats:
            return values * np.where(values >= 0, longs, shorts)

        def of_markets(values: Floats) -> Floats:
            return self._of_markets(values, price)

        exposure = terms.futures[:, None] * price
        worst = np.full_like(price, -np.inf)
        for number, (direction, weight) in enumerate(
            zip(rules.direction, rules.weight, strict=True)
        ):
            # All markets have the same moves here.
            move = float(rules.move[0, number])
            spread = by_direction.get(direction, self.spread)
            profit = of_markets(counted(self._sums(self._values(price, logs, move, spread))) - now)
            profit += exposure * move
            np.maximum(worst, -weight * profit, out=worst)
        others = self._tilted(price, logs, now, counted, of_markets)
        ups, downs = (
            self._sums(self._values(price, logs, float(each), self.spread)) - now
            for each in rules.basis[:2]
        )
        lost = np.minimum(0.0, np.minimum(ups, downs)) * (rules.basis[2] + rules.basis[3] * years)
        others = np.maximum(others, -of_markets(lost))
        if self.bound is not None:
            self.last[:, :, asked] = worst, others, price, of_markets(now)
            self.tables[0][:, :, asked] = self.bound.coins[:, :, step, None]
            self.tables[1][:, :, asked] = self.bound.usd[:, :, step, None]
        worst = np.maximum(worst, others)
        needed = rules.maintenance * np.maximum(worst, 0.0)
        total: Floats = (needed + self._contingency(step)[:, None] * price).sum(axis=0)
        return total

    def _tilted(self, price, logs, now, counted, of_markets):  # type: ignore[no-untyped-def]
        skew, root = self.rules.skew, np.sqrt(self.years)[:, None]
        distance = np.log(self.strike / self._levels()) - logs[self.market] - self.log_growth
        width = np.maximum(skew[4], root * skew[5] * (skew[6] + root * skew[7]))
        worst = np.zeros_like(price)
        for number, k in enumerate((distance, np.abs(distance))):
            cap = skew[2 * number] + skew[2 * number + 1] * root
            bent = np.sign(k) * np.minimum(cap, np.abs(k) * cap / width)
            tilt = self.spread * np.maximum(0.0, 1.0 + bent)
            there = counted(self._sums(self._values(price, logs, 0.0, tilt)))
            worst = np.maximum(worst, skew[8 + number] * of_markets(np.abs(there - now)))
        return worst


def prices_of(given: PathTask, paths: int) -> Floats:
    """(steps, m, paths) the prices that the kernel draws."""
    found = np.zeros((given.steps, len(given.account.price), paths))
    run = PoolRun(given, 0)
    for first in range(0, paths, LANES):
        run.restart(first)
        for step in range(1, given.steps + 1):
            run.advance(step)
            found[step - 1, :, first : first + LANES] = run.price
    return found


def walked(given: PathTask, prices: Floats, *, skips: bool) -> Twin:
    twin = Twin(given, prices.shape[2], skips=skips)
    for number, price in enumerate(prices, start=1):
        twin.step(price, number)
    return twin


def measure(quick: bool = False) -> list[Result]:
    rounds, steps, paths, batch = (3, 48, 2048, 512) if quick else (7, 168, 10_000, 1024)
    given = task(steps, paths)
    prices = prices_of(task(steps, batch), batch)
    kept: dict[str, Twin] = {}

    def in_numpy(name: str, *, skips: bool) -> float:
        def work() -> None:
            kept[name] = walked(given, prices, skips=skips)

        return all_threads_seconds(work) / (batch * steps) * 1e9

    def simulate() -> None:
        for chunk in range(given.chunks):
            simulate_chunk(given, chunk)

    costs = interleave(
        {
            "kernel": lambda: all_threads_seconds(simulate) / (paths * steps) * 1e9,
            "numpy": lambda: in_numpy("numpy", skips=False),
            "numpy skips": lambda: in_numpy("numpy skips", skips=True),
        },
        rounds,
    )
    own = simulate_chunk(task(steps, batch), 0)
    for name, twin in kept.items():
        if not np.array_equal(twin.first, own.first[:, 0]):
            raise AssertionError(f"{name}: liquidates other paths, or in other steps")
        if np.abs(twin.equity - own.equity[:, 0]).max() > 1e-5:
            raise AssertionError(f"{name}: ends with another equity")
    at = {name: median(values) for name, values in costs.items()}
    faster = median_ratio(costs["numpy"], costs["kernel"])
    beside = median_ratio(costs["numpy skips"], costs["kernel"])
    scanned = kept["numpy skips"].scanned / (batch * steps)
    seconds = at["kernel"] * paths * steps / 1e9
    return [
        Result(
            "P10", f"{paths:,} paths of three perpetuals and twenty options in portfolio margin, "
            f"{steps} steps, per path-step, against NumPy of the same model", "≥ 12x", "≥ 50x",
            f"{faster:.0f}x ({at['kernel']:.0f} against {at['numpy']:,.0f} ns; {seconds:.2f} s of "
            f"one core); the same {np.mean(own.first > 0):.1%} of the paths liquidated, in the "
            f"same steps; {NORMAL}", faster >= 12, faster >= 50,
        ),
        Result(
            "", "against NumPy that scans, by the same bound, only where it has to", "", "",
            f"{beside:.1f}x ({at['numpy skips']:,.0f} ns; {scanned:.1%} of the path-steps scanned)",
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    main_of(measure, __doc__)
