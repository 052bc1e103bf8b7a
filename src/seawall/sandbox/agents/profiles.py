"""Figures of a market's liquidity and traffic, read from ``profiles.toml`` (with its sources)."""

import math
import tomllib
from functools import cache
from pathlib import Path
from random import Random

from msgspec import Struct, convert

Curve = tuple[tuple[float, float], ...]
_DAY_S = 86_400.0


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of market; the fields are those of the file."""

    source: str
    spread_bp: float
    depth: Curve
    order_usd: Curve
    daily_usd: float
    yearly_volatility: float

    def depth_usd(self, distance_bp: float) -> float:
        """USD on one side up to a distance from the middle."""
        before, held = 0.0, 0.0
        for bp, usd in self.depth:
            if distance_bp < bp:
                return held + (usd - held) * (distance_bp - before) / (bp - before)
            before, held = bp, usd
        return held

    def draw_order_usd(self, random: Random) -> float:
        """The size of one taker order."""
        share = random.random()
        low, usd = self.order_usd[0]
        for high, next_usd in self.order_usd[1:]:
            if share <= high:
                part = (share - low) / (high - low)
                return float(usd * (next_usd / usd) ** part)
            low, usd = high, next_usd
        return usd

    @property
    def mean_order_usd(self) -> float:
        """Of ``draw_order_usd``."""
        return self._moment(1)

    @property
    def order_scatter(self) -> float:
        """The variance of ``draw_order_usd`` over the square of its mean."""
        return self._moment(2) / self.mean_order_usd**2 - 1.0

    def _moment(self, power: int) -> float:
        """The mean of a power of ``draw_order_usd``: the integral of each log-linear piece."""
        total = 0.0
        for (low, usd), (high, next_usd) in zip(self.order_usd, self.order_usd[1:], strict=False):
            first, last = usd**power, next_usd**power
            same = math.isclose(first, last)
            mean = first if same else (last - first) / math.log(last / first)
            total += (high - low) * mean
        return total

    @property
    def orders_per_second(self) -> float:
        return self.daily_usd / _DAY_S / self.mean_order_usd


@cache
def profiles() -> dict[str, Profile]:
    """All profiles by name, deepest first."""
    path = Path(__file__).with_name("profiles.toml")
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    # A whole number in the file may stand where a fraction is meant.
    return convert(raw, dict[str, Profile], strict=False)
