"""A scenario: a market path made from waypoints, and the traders and funds around the account.

The file is TOML; ``lab/examples`` holds one. Top level: ``name``, ``about``, ``source``, ``start``
(UTC), ``step_seconds``, ``seed``. Each ``[[market]]`` has ``name``, ``price`` (USD at the start),
``waypoints`` (``[minute, percent of the starting price]``) and ``wobble_bp``. ``[other]`` names the
market whose shape any market takes that is not listed. Each ``[[crowd]]`` is a group of equal
positions of other traders: ``market``, ``side``, ``accounts``, ``notional`` (USD each), ``mode``
and ``leverage`` (``[lowest, highest]``, spread evenly; the account owns just its margin).
``[backstop]`` has ``capital`` in USD.

The path is deterministic: the wobble is a walk of random signs, seeded per market, tied to zero at
every waypoint.
"""

import random
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from seawall.lab.candle_file import MAXIMUM_PRICE, PathError, Prices
from seawall.lab.market_path import MarketPath

MAXIMUM_SCENARIO_STEPS = 200_000


class ScenarioMarket(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    price: float
    waypoints: list[tuple[float, float]]
    wobble_bp: float = 0.0


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


class Other(Struct, frozen=True, forbid_unknown_fields=True):
    like: str


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    start: str
    step_seconds: float
    market: list[ScenarioMarket]
    about: str = ""
    source: str = ""
    seed: int = 0
    other: Other | None = None
    crowd: list[Crowd] = []
    backstop: Backstop = Backstop()

    @property
    def start_ms(self) -> int:
        moment = datetime.fromisoformat(self.start)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)

    def shape_of(self, market: str) -> ScenarioMarket | None:
        shapes = {each.name: each for each in self.market}
        return shapes.get(market) or (shapes.get(self.other.like) if self.other else None)


def parse_scenario(text: str, where: str) -> Scenario:
    """Raises PathError that names the field."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise PathError(f"{where}: not valid TOML: {error}") from None
    try:
        scenario = msgspec.convert(data, Scenario)
    except msgspec.ValidationError as error:
        raise PathError(f"{where}: {error}") from None
    _check(where, scenario)
    return scenario


def _check(where: str, scenario: Scenario) -> None:
    try:
        start_ms = scenario.start_ms
    except ValueError:
        raise PathError(f"{where}: start: {scenario.start!r} is not a time") from None
    if not 0 < start_ms < 2**45:
        raise PathError(f"{where}: start: {scenario.start!r} is not a time after 1970")
    if not 0.001 <= scenario.step_seconds <= 3600:
        raise PathError(f"{where}: step_seconds: {scenario.step_seconds:g} should be 0.001 to 3600")
    if not scenario.market:
        raise PathError(f"{where}: market: no [[market]] given")
    for market in scenario.market:
        _check_market(f"{where}: market {market.name}", market, scenario.step_seconds)
    if scenario.other and scenario.other.like not in {m.name for m in scenario.market}:
        raise PathError(f"{where}: other: like: {scenario.other.like!r} is not one of the markets")
    for number, crowd in enumerate(scenario.crowd, start=1):
        _check_crowd(f"{where}: crowd {number} ({crowd.market})", crowd)
    if not 0 <= scenario.backstop.capital <= 1e10:
        raise PathError(
            f"{where}: backstop: capital: {scenario.backstop.capital:g} is not an amount"
        )


def _check_market(where: str, market: ScenarioMarket, step_seconds: float) -> None:
    if not 0 < market.price <= MAXIMUM_PRICE:
        raise PathError(f"{where}: price: {market.price:g} should be above 0")
    if not 0 <= market.wobble_bp <= 1000:
        raise PathError(f"{where}: wobble_bp: {market.wobble_bp:g} should be 0 to 1000")
    minutes = [minute for minute, _ in market.waypoints]
    if len(minutes) < 2 or minutes[0] != 0 or minutes != sorted(set(minutes)):
        raise PathError(f"{where}: waypoints: need two or more, minutes rising from 0")
    if not minutes[-1] * 60 / step_seconds <= MAXIMUM_SCENARIO_STEPS:
        raise PathError(
            f"{where}: waypoints: {minutes[-1]:g} minutes are more than "
            f"{MAXIMUM_SCENARIO_STEPS:,} steps"
        )
    for minute, percent in market.waypoints:
        if not 0 < percent <= 100_000:
            raise PathError(
                f"{where}: waypoints: {percent:g} % at minute {minute:g} should be above 0"
            )


def _check_crowd(where: str, crowd: Crowd) -> None:
    if crowd.side not in ("long", "short"):
        raise PathError(f'{where}: side: {crowd.side!r} should be "long" or "short"')
    if crowd.mode not in ("cross", "isolated"):
        raise PathError(f'{where}: mode: {crowd.mode!r} should be "cross" or "isolated"')
    if not 1 <= crowd.accounts <= 1000:
        raise PathError(f"{where}: accounts: {crowd.accounts} should be 1 to 1000")
    if not 10 <= crowd.notional <= 1e9:
        raise PathError(f"{where}: notional: {crowd.notional:g} should be 10 to 1e9 USD")
    if not 1 <= crowd.leverage[0] <= crowd.leverage[1] <= 1000:
        raise PathError(f"{where}: leverage: {list(crowd.leverage)} should rise from 1 or more")


def scenario_path(
    scenario: Scenario, markets: Sequence[str], start_prices: Mapping[str, float]
) -> MarketPath:
    """The path of ``markets``; ``start_prices`` replace the scenario's own. Raises PathError."""
    step_ms = round(scenario.step_seconds * 1000)
    shapes: dict[str, ScenarioMarket] = {}
    for market in markets:
        shape = scenario.shape_of(market)
        if shape is None:
            known = ", ".join(each.name for each in scenario.market)
            raise PathError(f"{scenario.name}: no prices of {market}; it has {known}")
        shapes[market] = shape
    minutes = min(shape.waypoints[-1][0] for shape in shapes.values())
    times = np.arange(0, round(minutes * 60_000) + 1, step_ms, dtype=np.int64)
    prices: dict[str, Prices] = {}
    notes = []
    for market, shape in shapes.items():
        price = start_prices.get(market)
        if price is None and shape.name != market:
            raise PathError(
                f"{scenario.name}: the price of {market} at the start is not known: give the "
                "position an entry"
            )
        prices[market] = _price_of(scenario, market, shape, times) * (price or shape.price)
        if shape.name != market:
            notes.append(f"{market} takes the shape of {shape.name}")
    return MarketPath(
        name=scenario.name,
        step_ms=step_ms,
        times_ms=scenario.start_ms + times,
        oracle=prices,
        outside=prices,
        funding={},
        notes=tuple(notes),
    )


def _price_of(scenario: Scenario, market: str, shape: ScenarioMarket, times: Any) -> Prices:
    """Factors of the starting price, one per time (ms after the start)."""
    knots = np.asarray([minute * 60_000 for minute, _ in shape.waypoints])
    levels = np.asarray([percent / 100 for _, percent in shape.waypoints])
    factors = np.interp(times, knots, levels)
    # Text seeds are hashed by the generator itself, the same on every machine.
    signs = random.Random(f"{scenario.seed} {market}")
    walk = np.cumsum([1.0 if signs.random() < 0.5 else -1.0 for _ in range(len(times))])
    tied = walk - np.interp(times, knots, np.interp(knots, times, walk))
    return np.asarray(factors * (1.0 + tied * shape.wobble_bp * 1e-4), dtype=np.float64)
