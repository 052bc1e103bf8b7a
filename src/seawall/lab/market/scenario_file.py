"""Scenario files: what they may say. Each check names the field, the value and what would be right.

What the fields mean is in ``scenario``.
"""

import tomllib
from itertools import pairwise

import msgspec

from seawall.lab.market.candle_file import MAXIMUM_PRICE, PathError
from seawall.lab.market.scenario import (
    LONGS,
    MARKS,
    MAXIMUM_SCENARIO_STEPS,
    SHORTS,
    TRADES,
    Crowd,
    Scenario,
    ScenarioMarket,
    Waypoints,
)

LARGEST_PERCENT = 100_000
LARGEST_CAPITAL = 1e10
LARGEST_WOBBLE = 1000
_CONDITIONS = (
    ("depth_percent", 0.1, 100.0),
    ("premium_bp", -5_000, 5_000),
    ("oracle_lag_seconds", 0.0, 86_400),
)
"""Waypoints of what is not a price, with the least and the largest value."""


def parse_scenario(text: str, where: str) -> Scenario:
    """The scenario of a file's text. Raises PathError that names the field."""
    try:
        scenario = msgspec.convert(tomllib.loads(text), Scenario)
    except msgspec.ValidationError as error:
        raise PathError(f"{where}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise PathError(f"{where}: not valid TOML: {error}") from None
    _check_head(where, scenario)
    _check_groups(where, scenario)
    _check_recorded(where, scenario)
    names = [market.name for market in scenario.market]
    for market in scenario.market:
        place = f"{where}: market {market.name}"
        if names.count(market.name) > 1:
            raise PathError(f"{place}: name: two [[market]] have it")
        _check_market(place, market, scenario)
    _check_conditions(where, scenario, scenario.step_seconds)
    if scenario.other and scenario.other.like not in names:
        raise PathError(f"{where}: other: like: {scenario.other.like!r} is not one of the markets")
    for number, crowd in enumerate(scenario.crowd, start=1):
        place = f"{where}: crowd {number} ({crowd.market})"
        if all(scenario.shape_of(crowd.market, side) is None for side in (1, -1)):
            raise PathError(
                f"{place}: market: {crowd.market!r} should have prices here, by {', '.join(names)}"
            )
        _check_crowd(place, crowd)
    _check_range(f"{where}: backstop: capital", scenario.backstop.capital, 0, LARGEST_CAPITAL)
    return scenario


def _check_range(where: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise PathError(f"{where}: {value:g} should be {least:g} to {most:g}")


def _check_head(where: str, scenario: Scenario) -> None:
    try:
        start_ms = scenario.start_ms
    except ValueError:
        raise PathError(f"{where}: start: {scenario.start!r} is not a time") from None
    if not 0 < start_ms < 2**45:
        raise PathError(f"{where}: start: {scenario.start!r} is not a time after 1970")
    _check_range(f"{where}: step_seconds", scenario.step_seconds, 0.001, 3600)
    if not scenario.market and not scenario.recorded:
        raise PathError(f"{where}: market: no [[market]] given, and no [[recorded]]")
    _check_range(f"{where}: wobble_bp", scenario.wobble_bp, 0, LARGEST_WOBBLE)
    for name, price in scenario.start_prices.items():
        if not 0 < price <= MAXIMUM_PRICE:
            raise PathError(f"{where}: start_prices: {name}: {price:g} should be above 0")


def _check_recorded(where: str, scenario: Scenario) -> None:
    """Levels that all markets of ``[[recorded]]`` have at the same minutes."""
    if not scenario.recorded:
        if scenario.minutes:
            raise PathError(f"{where}: minutes: are those of [[recorded]] levels; there are none")
        return
    minutes, known = scenario.minutes, [each.name for each in scenario.market]
    if len(minutes) < 2 or not _rises_from_zero(minutes):
        raise PathError(f"{where}: minutes: need two or more, rising from 0")
    _check_length(f"{where}: minutes", minutes[-1], scenario.step_seconds)
    for number, source in enumerate(scenario.recorded, start=1):
        place = f"{where}: recorded {number}"
        if source.prices not in (MARKS, TRADES):
            raise PathError(f'{place}: prices: {source.prices!r} should be "{MARKS}" or "{TRADES}"')
        for name, levels in source.levels.items():
            at = f"{place}: levels: {name}"
            if name in known:
                raise PathError(f"{at}: has prices already; it should have them once")
            known.append(name)
            if len(levels) != len(minutes):
                raise PathError(f"{at}: {len(levels)} levels should be {len(minutes)}, as minutes")
            if levels[0] != 100 or not all(0 < each <= LARGEST_PERCENT for each in levels):
                raise PathError(f"{at}: levels should begin at 100 and stay above 0")


def _check_groups(where: str, scenario: Scenario) -> None:
    shapes = {market.name for market in scenario.market}
    for name, members in scenario.group.items():
        place = f"{where}: group: {name}"
        if name in (LONGS, SHORTS):
            raise PathError(f"{place}: is what the account itself decides; choose another name")
        if name not in shapes:
            raise PathError(f"{place}: no [[market]] has this name and gives its shape")
        if not members:
            raise PathError(f"{place}: has no markets")
        for other, theirs in scenario.group.items():
            common = sorted(set(members) & set(theirs))
            if other != name and common:
                raise PathError(f"{place}: {common[0]} is in {other} as well")


def _check_market(where: str, market: ScenarioMarket, scenario: Scenario) -> None:
    if market.price is not None:
        if market.name in (*scenario.group, LONGS, SHORTS):
            raise PathError(f"{where}: price: {market.price:g} cannot be that of a whole group")
        if not 0 < market.price <= MAXIMUM_PRICE:
            raise PathError(f"{where}: price: {market.price:g} should be above 0")
    _check_range(f"{where}: wobble_bp", market.wobble_bp, 0, LARGEST_WOBBLE)
    points = market.waypoints
    if len(points) < 2 or not _rises_from_zero([minute for minute, _ in points]):
        raise PathError(f"{where}: waypoints: need two or more, minutes rising from 0")
    _check_length(f"{where}: waypoints", points[-1][0], scenario.step_seconds)
    for minute, percent in points:
        if not 0 < percent <= LARGEST_PERCENT:
            raise PathError(
                f"{where}: waypoints: {percent:g} % at minute {minute:g} should be above 0"
            )
    _check_conditions(where, market, scenario.step_seconds)


def _rises_from_zero(minutes: list[float]) -> bool:
    return minutes[0] == 0 and minutes == sorted(set(minutes))


def _check_length(where: str, last: float, step_seconds: float) -> None:
    if not last * 60 / step_seconds <= MAXIMUM_SCENARIO_STEPS:
        raise PathError(f"{where}: {last:g} minutes are more than {MAXIMUM_SCENARIO_STEPS:,} steps")


def _check_conditions(where: str, given: Scenario | ScenarioMarket, step_seconds: float) -> None:
    """The waypoints of what is not a price, of the whole scenario or of one market."""
    for name, least, most in _CONDITIONS:
        points: Waypoints | None = getattr(given, name)
        if points is None:
            continue
        place = f"{where}: {name}"
        if not points or not _rises_from_zero([minute for minute, _ in points]):
            raise PathError(f"{place}: need one or more [minute, value], rising from 0")
        _check_length(place, points[-1][0], step_seconds)
        for minute, value in points:
            if not least <= value <= most:
                raise PathError(
                    f"{place}: {value:g} at minute {minute:g} should be {least:g} to {most:g}"
                )
    for (before, lag), (minute, later) in pairwise(given.oracle_lag_seconds or ()):
        longest = lag + (minute - before) * 60
        if later > longest + 1e-9:
            raise PathError(
                f"{where}: oracle_lag_seconds: {later:g} at minute {minute:g} should be at "
                f"most {longest:g}: a price that stands still falls behind by 60 seconds a minute"
            )


def _check_crowd(where: str, crowd: Crowd) -> None:
    if crowd.side not in ("long", "short"):
        raise PathError(f'{where}: side: {crowd.side!r} should be "long" or "short"')
    if crowd.mode not in ("cross", "isolated"):
        raise PathError(f'{where}: mode: {crowd.mode!r} should be "cross" or "isolated"')
    _check_range(f"{where}: accounts", crowd.accounts, 1, 1000)
    _check_range(f"{where}: notional", crowd.notional, 10, 1e9)
    if not 1 <= crowd.leverage[0] <= crowd.leverage[1] <= 1000:
        raise PathError(f"{where}: leverage: {list(crowd.leverage)} should rise from 1 or more")
