"""What a scenario file may say: each check names the field, the value and what would be right."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from seawall.lab.market.candle_file import MAXIMUM_PRICE, PathError

if TYPE_CHECKING:
    from seawall.lab.market.scenario import Crowd, Scenario, ScenarioMarket, Waypoints

MAXIMUM_SCENARIO_STEPS = 200_000
LARGEST_PERCENT = 100_000
LEAST_DEPTH = 0.1
LARGEST_PREMIUM_BP = 5_000
LONGEST_LAG_SECONDS = 86_400
LONGS, SHORTS = "longs", "shorts"
"""Names of the groups that the account decides: the markets in which it is long, and short."""


def check_scenario(where: str, scenario: "Scenario") -> None:
    """Raises PathError."""
    _check_head(where, scenario)
    _check_groups(where, scenario)
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
        _check_crowd(f"{where}: crowd {number} ({crowd.market})", crowd)
    if not 0 <= scenario.backstop.capital <= 1e10:
        raise PathError(
            f"{where}: backstop: capital: {scenario.backstop.capital:g} is not an amount"
        )


def _check_head(where: str, scenario: "Scenario") -> None:
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


def _check_groups(where: str, scenario: "Scenario") -> None:
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


def _check_market(where: str, market: "ScenarioMarket", scenario: "Scenario") -> None:
    is_group = market.name in scenario.group or market.name in (LONGS, SHORTS)
    if market.price is not None:
        if is_group:
            raise PathError(f"{where}: price: {market.price:g} cannot be that of a whole group")
        if not 0 < market.price <= MAXIMUM_PRICE:
            raise PathError(f"{where}: price: {market.price:g} should be above 0")
    if not 0 <= market.wobble_bp <= 1000:
        raise PathError(f"{where}: wobble_bp: {market.wobble_bp:g} should be 0 to 1000")
    points = market.waypoints
    if len(points) < 2 or not _rises_from_zero(points):
        raise PathError(f"{where}: waypoints: need two or more, minutes rising from 0")
    _check_length(f"{where}: waypoints", points, scenario.step_seconds)
    for minute, percent in points:
        if not 0 < percent <= LARGEST_PERCENT:
            raise PathError(
                f"{where}: waypoints: {percent:g} % at minute {minute:g} should be above 0"
            )
    _check_conditions(where, market, scenario.step_seconds)


def _rises_from_zero(points: "Waypoints") -> bool:
    minutes = [minute for minute, _ in points]
    return minutes[0] == 0 and minutes == sorted(set(minutes))


def _check_length(where: str, points: "Waypoints", step_seconds: float) -> None:
    last = points[-1][0]
    if not last * 60 / step_seconds <= MAXIMUM_SCENARIO_STEPS:
        raise PathError(f"{where}: {last:g} minutes are more than {MAXIMUM_SCENARIO_STEPS:,} steps")


def _check_conditions(where: str, given: "Scenario | ScenarioMarket", step_seconds: float) -> None:
    """The waypoints of what is not a price, of the whole scenario or of one market."""
    limits = (
        ("depth_percent", given.depth_percent, LEAST_DEPTH, 100.0),
        ("premium_bp", given.premium_bp, -LARGEST_PREMIUM_BP, LARGEST_PREMIUM_BP),
        ("oracle_lag_seconds", given.oracle_lag_seconds, 0.0, LONGEST_LAG_SECONDS),
    )
    for name, points, lowest, highest in limits:
        if points is None:
            continue
        if not points or not _rises_from_zero(points):
            raise PathError(f"{where}: {name}: need one or more [minute, value], rising from 0")
        _check_length(f"{where}: {name}", points, step_seconds)
        for minute, value in points:
            if not lowest <= value <= highest:
                raise PathError(
                    f"{where}: {name}: {value:g} at minute {minute:g} should be {lowest:g} to "
                    f"{highest:g}"
                )
    for left, right in _pairs(given.oracle_lag_seconds or ()):
        if right[1] - left[1] > (right[0] - left[0]) * 60 + 1e-9:
            raise PathError(
                f"{where}: oracle_lag_seconds: {right[1]:g} at minute {right[0]:g} should be at "
                f"most {left[1] + (right[0] - left[0]) * 60:g}: a price that stands still falls "
                "behind by 60 seconds a minute"
            )


def _pairs(
    points: Sequence[tuple[float, float]],
) -> Iterable[tuple[tuple[float, float], tuple[float, float]]]:
    return zip(points[:-1], points[1:], strict=True)


def _check_crowd(where: str, crowd: "Crowd") -> None:
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
