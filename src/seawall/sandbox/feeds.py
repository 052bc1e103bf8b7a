"""Where prices come from: a synthetic path with jumps, a recorded path, or the control.

A source knows the spot price of each market in USD and nothing of the venue. What the venue makes
of it (shocks, a late oracle, a premium of perpetuals) is in ``world.py``.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from random import Random
from typing import Protocol

from msgspec import Struct

from seawall.domain.units import DAY_MS
from seawall.sandbox.markets import OpenMarket

STEP_MS = 2_000
"""The grid of a synthetic path: prices between two polls do not depend on how often one asks."""
LONGEST_WALK = 600
"""Steps per poll; a longer gap is walked in one stride of the same variance."""
YEAR_MS = 365 * DAY_MS

CORRELATION = 0.75
"""Of each market with the first one; assumed."""
COMMON_JUMPS_A_DAY, COMMON_JUMP = 3.0, 0.012
OWN_JUMPS_A_DAY, OWN_JUMP = 2.0, 0.015
"""How many jumps a day, and the standard deviation of one; assumed."""
FARTHEST = math.log(50.0)
"""A synthetic price wanders within a factor of 50 of where it began."""


class PriceSource(Protocol):
    """Spot prices in USD, by market row."""

    @property
    def name(self) -> str: ...

    def prices(self, now_ms: int) -> Sequence[float]:
        """``now_ms`` does not go back, except after ``begin``."""
        ...

    def move(self, row: int, factor: float) -> None:
        """From now on the market's prices are ``factor`` times what they would have been."""
        ...

    def begin(self, now_ms: int, prices: Sequence[float]) -> None:
        """Go on from these prices at this time, as after a restart or a revert."""
        ...


class ManualSource:
    """Prices stay where they were set."""

    name = "manual"

    def __init__(self, prices: Sequence[float]) -> None:
        self._prices = list(prices)

    def prices(self, now_ms: int) -> Sequence[float]:
        return list(self._prices)

    def move(self, row: int, factor: float) -> None:
        self._prices[row] *= factor

    def begin(self, now_ms: int, prices: Sequence[float]) -> None:
        self._prices = list(prices)


class SyntheticSource:
    """Seeded diffusion with jumps. The first market drags the others along."""

    name = "synthetic"

    def __init__(self, markets: Sequence[OpenMarket], seed: int, calm: float = 1.0) -> None:
        self._seed = seed
        self._volatility = [market.profile.yearly_volatility * calm for market in markets]
        self._start = [math.log(market.to_usd(market.start_price)) for market in markets]
        self._log = list(self._start)
        self._now = -1
        self._random = Random(f"{seed}/feed")

    def begin(self, now_ms: int, prices: Sequence[float]) -> None:
        self._now = now_ms // STEP_MS
        self._random = Random(f"{self._seed}/feed/{self._now}")
        for row, price in enumerate(prices):
            self._put(row, math.log(price))

    def move(self, row: int, factor: float) -> None:
        self._put(row, self._log[row] + math.log(factor))

    def _put(self, row: int, log_price: float) -> None:
        """A price that was set stays: one farther away is where the market begins from now on."""
        self._log[row] = log_price
        if abs(log_price - self._start[row]) > FARTHEST:
            self._start[row] = log_price

    def prices(self, now_ms: int) -> Sequence[float]:
        place = now_ms // STEP_MS
        if self._now < 0:
            self._now = place
        missing = place - self._now
        if missing > LONGEST_WALK:
            self._step(missing * STEP_MS)
        else:
            for _ in range(missing):
                self._step(STEP_MS)
        self._now = max(place, self._now)
        return [math.exp(value) for value in self._log]

    def _step(self, elapsed_ms: int) -> None:
        random = self._random
        common = random.gauss(0, 1)
        common_jump = self._jump(COMMON_JUMPS_A_DAY, COMMON_JUMP, elapsed_ms)
        root = math.sqrt(elapsed_ms / YEAR_MS)
        for row, volatility in enumerate(self._volatility):
            own = random.gauss(0, 1)
            mixed = own if row else common
            if row:
                mixed = CORRELATION * common + math.sqrt(1 - CORRELATION**2) * own
            self._log[row] += volatility * root * mixed + common_jump
            self._log[row] += self._jump(OWN_JUMPS_A_DAY, OWN_JUMP, elapsed_ms)
            low, high = self._start[row] - FARTHEST, self._start[row] + FARTHEST
            self._log[row] = min(high, max(low, self._log[row]))

    def _jump(self, a_day: float, size: float, elapsed_ms: int) -> float:
        """The sum of the jumps in a stretch of time."""
        total, waited = 0.0, self._random.expovariate(a_day / DAY_MS)
        for _ in range(100):
            if waited > elapsed_ms:
                break
            total += self._random.gauss(0, size)
            waited += self._random.expovariate(a_day / DAY_MS)
        return total


class RecordedPath(Struct, frozen=True):
    """Times in ms, ascending, and USD prices at them by market name, joined by straight lines.

    ``before``: the prices up to where this path begins, where they are known.
    """

    name: str
    times_ms: Sequence[int]
    prices: Mapping[str, Sequence[float]]
    before: "RecordedPath | None" = None


class RecordedSource:
    """A recorded path from its begin to its end, where it stays.

    ``began_ms``: the venue's time that is the begin of the path; 0 for the first poll.
    """

    def __init__(
        self, path: RecordedPath, markets: Sequence[OpenMarket], began_ms: int = 0
    ) -> None:
        self.name = path.name
        self._times = [time - path.times_ms[0] for time in path.times_ms]
        self._prices = [path.prices[market.name] for market in markets]
        self._factors = [1.0] * len(markets)
        self._began_ms = began_ms

    def move(self, row: int, factor: float) -> None:
        self._factors[row] *= factor

    def begin(self, now_ms: int, prices: Sequence[float]) -> None:
        self._factors = [1.0] * len(self._prices)
        usual = self.prices(now_ms)
        self._factors = [now / path for now, path in zip(prices, usual, strict=True)]

    def prices(self, now_ms: int) -> Sequence[float]:
        self._began_ms = self._began_ms or now_ms
        passed = max(0, now_ms - self._began_ms)
        right = bisect_right(self._times, passed)
        found = []
        for prices, factor in zip(self._prices, self._factors, strict=True):
            if right >= len(self._times):
                found.append(float(prices[-1]) * factor)
                continue
            before, after = self._times[right - 1], self._times[right]
            share = (passed - before) / (after - before)
            price = prices[right - 1] + (prices[right] - prices[right - 1]) * share
            found.append(float(price) * factor)
        return found
