"""A scenario: a market path made from waypoints, and the traders and funds around the account.

The file is TOML; ``lab/market/scenarios`` holds those that come with Seawall. Top level: ``name``,
``about``, ``source``, ``start`` (UTC), ``step_seconds``, ``seed``. Each ``[[market]]`` has
``name``, ``price`` (USD at the start, where the account says none), ``waypoints`` (``[minute,
percent of the starting price]``) and ``wobble_bp``. The name is a market's, or that of a group of
``[group]`` (``majors = ["BTC", "ETH"]``), or ``longs`` or ``shorts``: whatever the account is long,
or short, in. A market takes the shape of its own name, else of its side, else of its group, else of
``[other]``, ``like = "a name"``.

``[[recorded]]`` holds levels of many markets from one source: ``venue``, ``prices`` ("marks" or
"trades"), ``candles`` (their length) and ``levels``, by market the percent of the starting price at
each of the scenario's ``minutes``; ``wobble_bp`` at the top is theirs. Where it is used, a market
without levels and without a shape takes the median of its group (``groups.toml``).
``[start_prices]``: USD at the start, by market. ``[[beside]]``: what is known of other venues.

Three more lists of waypoints change the conditions, at the top for all markets or in one
``[[market]]`` for those of its shape; before the first and after the last minute the value stands:

* ``depth_percent``: percent of the normal depth of the book, 0.1 to 100. Makers leave as well when
  prices move (``lab/market/liquidity``); the lesser depth of the two holds.
* ``premium_bp``: how far the book, and the perpetual traded elsewhere, lie above the spot market
  that the oracle reads. Funding follows by the venue's own formula.
* ``oracle_lag_seconds``: by how much the prices that the venue publishes (its oracle, and the
  outside perpetual) come late; the book knows the present. A lag that grows by 60 s a minute is a
  price that stands still.

Each ``[[crowd]]`` is a group of equal positions of other traders: ``market``, ``side``,
``accounts``, ``notional`` (USD each), ``mode`` and ``leverage`` (``[lowest, highest]``, spread
evenly; the account owns just its margin). ``[backstop]`` has ``capital`` in USD.

The path is deterministic: the wobble is a walk of random signs, seeded per market, tied to zero at
every waypoint. A waypoint between two steps is a step of its own, so that no low is missed. Steps
over which a price moves by more than 0.25 % are divided, down to 3 s, for the reason that
``market_path`` gives.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from seawall.domain.units import MICRO
from seawall.lab.market.candle_file import PathError, Prices, iso_ms
from seawall.lab.market.groups import like
from seawall.lab.market.market_path import MarketPath, Origin, PathKind, refine
from seawall.report.kinds import percent

MAXIMUM_SCENARIO_STEPS = 200_000
LONGS, SHORTS = "longs", "shorts"
"""Names of the groups that the account decides: the markets in which it is long, and short."""
MARKS, TRADES = "marks", "trades"
MOST_NAMED = 6
"""Members of a group that are named; of more, only how many they are."""
BP = 1e-4
Waypoints = list[tuple[float, float]]


class ScenarioMarket(Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of one market or of a group of them."""

    name: str
    waypoints: Waypoints
    price: float | None = None
    wobble_bp: float = 0.0
    depth_percent: Waypoints | None = None
    premium_bp: Waypoints | None = None
    oracle_lag_seconds: Waypoints | None = None


class Recorded(Struct, frozen=True, forbid_unknown_fields=True):
    """Levels of markets at the scenario's minutes, all of one source."""

    venue: str
    prices: str
    candles: str
    levels: dict[str, list[float]]

    @property
    def source(self) -> str:
        """Such as ``marks of Binance, candles of 1 h``."""
        return f"{self.prices} of {self.venue}, candles of {self.candles}"


class Beside(Struct, frozen=True, forbid_unknown_fields=True):
    """Another venue on the same day: lowest known price of deleveraging, in percent of the start.

    Deleveraging is at the venue's mark, so that its mark went as low or lower.
    """

    venue: str
    deleveraged_at: dict[str, float]


class Shape(ScenarioMarket, frozen=True):
    """The shape that a market takes, and where it comes from."""

    origin: Origin = Origin(PathKind.SCENARIO, "")


class Crowd(Struct, frozen=True, forbid_unknown_fields=True):
    """``accounts`` traders with ``notional`` USD each."""

    market: str
    side: str
    accounts: int
    notional: float
    leverage: tuple[int, int]
    mode: str = "cross"

    @property
    def is_long(self) -> bool:
        return self.side == "long"

    @property
    def is_isolated(self) -> bool:
        return self.mode == "isolated"

    def leverage_of(self, number: int) -> int:
        """Leverage of trader ``number`` (from 0)."""
        low, high = self.leverage
        return low + (high - low) * number // max(1, self.accounts - 1)


class Backstop(Struct, frozen=True, forbid_unknown_fields=True):
    capital: float = 0.0


class Neighbours(Struct, frozen=True):
    """Who else is there: other traders and the capital of the backstop (micro-USD)."""

    crowds: tuple[Crowd, ...] = ()
    backstop: int = 0

    def accounts_in(self, markets: Sequence[str]) -> int:
        """How many other traders are in these markets."""
        return sum(each.accounts for each in self.crowds if each.market in markets)


class Other(Struct, frozen=True, forbid_unknown_fields=True):
    like: str


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """``group``: markets by the name of their shape."""

    name: str
    start: str
    step_seconds: float
    market: list[ScenarioMarket] = []
    minutes: list[float] = []
    wobble_bp: float = 0.0
    recorded: list[Recorded] = []
    beside: list[Beside] = []
    start_prices: dict[str, float] = {}
    about: str = ""
    source: str = ""
    seed: int = 0
    group: dict[str, list[str]] = {}
    other: Other | None = None
    depth_percent: Waypoints | None = None
    premium_bp: Waypoints | None = None
    oracle_lag_seconds: Waypoints | None = None
    crowd: list[Crowd] = []
    backstop: Backstop = Backstop()

    @property
    def start_ms(self) -> int:
        return iso_ms(self.start)

    @property
    def neighbours(self) -> Neighbours:
        """Who else is there, for the machine."""
        return Neighbours(tuple(self.crowd), round(self.backstop.capital * MICRO))

    @property
    def levels(self) -> dict[str, list[float]]:
        """The recorded levels by market, at ``minutes``."""
        return {name: each for source in self.recorded for name, each in source.levels.items()}

    def shape_of(self, market: str, side: int = 0) -> Shape | None:
        """``side``: 1 where the account is long in the market, -1 short, 0 neither."""
        for source in self.recorded:
            if market in source.levels:
                origin = Origin(PathKind.RECORDED, source.source, self._beside(market))
                return self._leveled(market, source.levels[market], origin)
        shapes = {each.name: each for each in self.market}
        names = [market, *([LONGS] if side > 0 else [SHORTS] if side < 0 else [])]
        names += [group for group, members in self.group.items() if market in members]
        names += [self.other.like] if self.other else []
        found = next((shapes[name] for name in names if name in shapes), None)
        if found is not None:
            text = "levels of its own" if found.name == market else f"the shape of {found.name}"
            return Shape(**structs.asdict(found), origin=Origin(PathKind.SCENARIO, text))
        return self._median_of(market) if self.recorded else None

    def _beside(self, market: str) -> str:
        return ", ".join(
            f"{each.venue} deleveraged at {percent(level / 100 - 1, 1, signed=True)} or lower"
            for each in self.beside
            if (level := each.deleveraged_at.get(market)) is not None
        )

    def _leveled(self, name: str, levels: Sequence[float], origin: Origin) -> Shape:
        points = list(zip(self.minutes, levels, strict=True))
        return Shape(name=name, waypoints=points, wobble_bp=self.wobble_bp, origin=origin)

    def _median_of(self, market: str) -> Shape:
        """The median of what is recorded of the market's group."""
        levels = self.levels
        group, members = like(market, list(levels))
        if not members:
            text = f"stands still: nothing like {group} markets was recorded"
            return self._leveled(market, [100.0] * len(self.minutes), Origin(PathKind.STILL, text))
        median = np.median([levels[each] for each in members], axis=0).tolist()
        names = ", ".join(members) if len(members) <= MOST_NAMED else f"{len(members)} recorded"
        used = [each for each in self.recorded if set(members) & set(each.levels)]
        kinds: dict[str, dict[str, None]] = {}
        for each in used:
            kinds.setdefault(each.venue, {})[each.prices] = None
        prices = ", ".join(f"{' and '.join(found)} of {venue}" for venue, found in kinds.items())
        text = f"median of {group} ({names}), {prices}"
        return self._leveled(market, median, Origin(PathKind.MEDIAN, text))

    def price_of(self, market: str) -> float | None:
        """USD at the start, if the scenario knows it."""
        own = next((each.price for each in self.market if each.name == market), None)
        return self.start_prices.get(market) if own is None else own


def scenario_path(
    scenario: Scenario,
    markets: Sequence[str],
    start_prices: Mapping[str, float],
    sides: Mapping[str, int] | None = None,
) -> MarketPath:
    """The path of ``markets``; ``start_prices`` replace the scenario's own.

    ``sides``: 1 where the account is long in a market, -1 where it is short. Raises PathError.
    """
    step_ms = round(scenario.step_seconds * 1000)
    shapes = _shapes(scenario, markets, sides or {})
    grid = _grid(scenario, list(shapes.values()), step_ms)
    prices: dict[str, Prices] = {}
    for market, shape in shapes.items():
        price = start_prices.get(market) or scenario.price_of(market)
        if price is None:
            raise PathError(
                f"{scenario.name}: the price of {market} at the start is not known: give the "
                "position an entry"
            )
        prices[market] = _price_of(scenario, market, shape, grid) * price
    times, (prices,) = refine(grid, [prices], MAXIMUM_SCENARIO_STEPS)
    oracle, outside, middle, depth = {}, {}, {}, {}
    for market, shape in shapes.items():
        premium = shape.premium_bp or scenario.premium_bp
        lag = shape.oracle_lag_seconds or scenario.oracle_lag_seconds
        factor = 1.0 if premium is None else 1.0 + _values(times, premium) * BP
        middle[market] = prices[market] * factor
        # What is published is what was true so many seconds ago.
        known = times if lag is None else times - _values(times, lag) * 1000
        oracle[market] = np.interp(known, times, prices[market])
        outside[market] = np.interp(known, times, middle[market])
        thinned = shape.depth_percent or scenario.depth_percent
        if thinned is not None:
            depth[market] = _values(times, thinned) / 100
    return MarketPath(
        name=scenario.name,
        step_ms=step_ms,
        times_ms=scenario.start_ms + times,
        oracle=oracle,
        outside=outside,
        middle=middle,
        depth=depth,
        funding={},
        origins={market: shape.origin for market, shape in shapes.items()},
    )


def _shapes(
    scenario: Scenario, markets: Sequence[str], sides: Mapping[str, int]
) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    for market in markets:
        shape = scenario.shape_of(market, sides.get(market, 0))
        if shape is None:
            known = ", ".join(each.name for each in scenario.market)
            raise PathError(f"{scenario.name}: no prices of {market}; it has {known}")
        shapes[market] = shape
    return shapes


def _grid(scenario: Scenario, shapes: Sequence[Shape], step_ms: int) -> NDArray[np.int64]:
    """Times (ms after the start) of every step and every waypoint, until the first market ends.

    A waypoint between two steps is a step of its own: a low there has to be met.
    """
    end = min(_ms(shape.waypoints[-1][0]) for shape in shapes)
    points = [shape.waypoints for shape in shapes]
    given: list[Scenario | ScenarioMarket] = [scenario, *shapes]
    for each in given:
        conditions = (each.depth_percent, each.premium_bp, each.oracle_lag_seconds)
        points += [found for found in conditions if found is not None]
    known = {_ms(minute) for found in points for minute, _ in found}
    steps = np.arange(0, end + 1, step_ms, dtype=np.int64)
    return np.union1d(steps, np.asarray([each for each in known if each <= end], dtype=np.int64))


def _ms(minute: float) -> int:
    return round(minute * 60_000)


def _price_of(scenario: Scenario, market: str, shape: Shape, times: Any) -> Prices:
    """Factors of the starting price, one per time (ms after the start)."""
    knots = np.asarray([_ms(minute) for minute, _ in shape.waypoints])
    levels = np.asarray([percent / 100 for _, percent in shape.waypoints])
    factors = np.interp(times, knots, levels)
    # Text seeds are hashed by the generator itself, the same on every machine.
    signs = random.Random(f"{scenario.seed} {market}")
    walk = np.cumsum([1.0 if signs.random() < 0.5 else -1.0 for _ in range(len(times))])
    tied = walk - np.interp(times, knots, np.interp(knots, times, walk))
    return np.asarray(factors * (1.0 + tied * shape.wobble_bp * BP), dtype=np.float64)


def _values(times: Any, points: Waypoints) -> Prices:
    """Waypoints at times (ms after the start), the ends held."""
    minutes, values = zip(*points, strict=True)
    return np.asarray(np.interp(times, np.asarray(minutes) * 60_000, values), dtype=np.float64)
