"""A verdict: every measure against two thresholds, and the worst of them decides.

The storm is held against the calm by the worst twentieth of the time of each, because that is when
one has to trade. The thresholds are choices, not laws; they are shown beside every grade. ``good``:
a trader of the middle one of the sizes hardly notices the book. ``fair``: it needs planning.
``poor``: it is the risk itself.
"""

from collections.abc import Iterator, Sequence
from math import inf, isnan, nan
from typing import NamedTuple

from msgspec import Struct

from seawall.lab.vet.measures import PhaseFigures
from seawall.lab.vet.resilience import Recovery
from seawall.lab.vet.tape import CALM, STORM
from seawall.report import kinds

GOOD, FAIR, POOR, UNGRADED = "good", "fair", "poor", "not known"
_ORDER = (UNGRADED, GOOD, FAIR, POOR)

SPREAD_BP = (1.0, 5.0)
SLIPPAGE_BP = (2.0, 10.0)
DOWN_PERCENT = (0.1, 1.0)
HALF_BACK_S = (5.0, 30.0)
DEPTH_LEFT_PERCENT = (50.0, 10.0)
SPREAD_WIDER = (2.0, 10.0)
SLIPPAGE_HIGHER = (2.0, 10.0)
RECOVERED_S = (60.0, 300.0)
"""The bounds of good and of fair; of the depth that is left the least, of all others the most."""

HELD_LEAST = 0.95
"""A size that the storm's book holds less often than this share of the calm's is not held."""

QUIET_STORM_BP = 100.0
"""A storm that moves the price less says little about a crash."""


class Grade(NamedTuple):
    """One measure, with its figure and its bounds as text."""

    state: str
    measure: str
    figure: str
    bounds: str
    grade: str


class Verdict(Struct, frozen=True, kw_only=True):
    """``calm``, ``storm``: the worst grade of each, storm not known where none was seen."""

    calm: str
    storm: str
    grades: tuple[Grade, ...]
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]


def verdict_of(
    phases: Sequence[PhaseFigures], recovery: Recovery | None, size: float, has_shock: bool
) -> Verdict:
    """``size``: the one of the sizes (USD) that is graded."""
    by_name = {each.phase: each for each in phases}
    calm, storm = by_name.get(CALM), by_name.get(STORM)
    grades = list(_calm_grades(calm, size)) if calm is not None else []
    if calm is not None and storm is not None:
        grades += _storm_grades(calm, storm, recovery, size)
    worst = {state: _worst(grades, state) for state in (CALM, STORM)}
    sentences = tuple(_sentence(grades, state, worst[state]) for state in (CALM, STORM))
    return Verdict(
        calm=worst[CALM],
        storm=worst[STORM],
        grades=tuple(grades),
        sentences=tuple(each for each in sentences if each),
        warnings=tuple(_warnings(calm, storm, has_shock)),
    )


def _calm_grades(calm: PhaseFigures, size: float) -> Iterator[Grade]:
    yield _grade(CALM, "median spread", calm.spread.median, SPREAD_BP, "bp")
    cost = next(each for each in calm.costs if each.usd == size)
    slippage = max(cost.buy, cost.sell) if cost.held > 0 else inf
    yield _grade(
        CALM, f"slippage of {kinds.whole(size)} USD, the worse side", slippage, SLIPPAGE_BP, "bp"
    )
    yield _grade(CALM, "time without a usable book", 100 * calm.downtime.share, DOWN_PERCENT, "%")
    back = calm.resilience
    if back is not None and (back.trades or back.unmoved):
        # A book that was back with the next look never was away.
        half = back.half_depth if back.trades else 0.0
        measure = "time until half of what a large trade ate is back"
        yield _grade(CALM, measure, half, HALF_BACK_S, "s")


def _storm_grades(
    calm: PhaseFigures, storm: PhaseFigures, recovery: Recovery | None, size: float
) -> Iterator[Grade]:
    before, now = calm.bands[0], storm.bands[0]
    left = 100 * _ratio(now.low, before.low)
    yield _grade(
        STORM, f"depth within {before.band_bp} bp that is left", left, DEPTH_LEFT_PERCENT, "%"
    )
    wider = _ratio(storm.spread.high, calm.spread.high)
    yield _grade(STORM, "spread, times the calm one", wider, SPREAD_WIDER, "x")
    was, cost = (next(each for each in phase.costs if each.usd == size) for phase in (calm, storm))
    higher = inf if cost.held < was.held * HELD_LEAST else _ratio(cost.high, was.high)
    measure = f"slippage of {kinds.whole(size)} USD, times the calm one"
    yield _grade(STORM, measure, higher, SLIPPAGE_HIGHER, "x")
    down = 100 * storm.downtime.share
    yield _grade(STORM, "time without a usable book", down, DOWN_PERCENT, "%")
    if recovery is not None and recovery.worst_depth < recovery.calm_depth / 2:
        measure = "time until half of the lost depth is back"
        yield _grade(STORM, measure, recovery.half_depth, RECOVERED_S, "s")


def _ratio(over: float, under: float) -> float:
    return over / under if under else nan


def _grade(state: str, measure: str, value: float, bounds: tuple[float, float], unit: str) -> Grade:
    """At most the bounds of good and of fair; at least, where that of good is the larger one."""
    good, fair = bounds
    limit, sign = ("at least", -1) if good > fair else ("at most", 1)
    grade = GOOD if sign * value <= sign * good else FAIR if sign * value <= sign * fair else POOR
    limits = f"{limit} {good:g} {unit}, {fair:g} {unit}"
    return Grade(state, measure, _figure(value, unit), limits, UNGRADED if isnan(value) else grade)


def _figure(value: float, unit: str) -> str:
    if isnan(value):
        return UNGRADED
    if value == inf:
        return "not back" if unit == "s" else "more than the book holds"
    return f"{kinds.short_figure(value)} {unit}"


def _worst(grades: Sequence[Grade], state: str) -> str:
    found = [_ORDER.index(each.grade) for each in grades if each.state == state]
    return _ORDER[max(found, default=0)]


def _sentence(grades: Sequence[Grade], state: str, worst: str) -> str:
    own = [each for each in grades if each.state == state]
    if worst == UNGRADED:
        return ""
    place = f"In {state}" if state == CALM else "In the storm"
    if worst == GOOD:
        return f"{place} it is good: every measure is."
    named = [f"{each.measure} is {each.figure}" for each in own if each.grade == worst]
    return f"{place} it is {worst}: {'; '.join(named)}."


def _warnings(
    calm: PhaseFigures | None, storm: PhaseFigures | None, has_shock: bool
) -> Iterator[str]:
    if storm is not None and not has_shock and storm.range_bp < QUIET_STORM_BP:
        yield (
            f"The storm of this recording moved the price by {kinds.whole(storm.range_bp)} bp "
            "only: what "
            "the venue does in a crash was not seen."
        )
    if calm is None:
        yield "No calm was seen, so nothing can be said about how the storm changed the book."
    elif storm is None:
        yield "Only calm was seen: how the book behaves in a storm is not known."
