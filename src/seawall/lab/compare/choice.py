"""Which mode is recommended, by what hurts.

1. The mean loss of the worst 5 % of paths and the probability of ruin, both: a mode that is worse
   than the best in either is out.
2. Of those that are left, in this order: the probability of a drawdown beyond the maximum, the loss
   in the named scenarios, paths without a liquidation, capital needed.
3. The mode as given, if it is among the last; else the one with the smallest worst 5 %.

A tie is no reason. A tie with the best estimate reaches half the way to the upper end of its 95 %
interval, so that a tie on these paths seldom lies outside the whole interval on others, and at
least as far as the smallest difference that matters.

**Where the two criteria under 1 contradict each other**, no mode is best in both, and this is said.
The worst 5 % decide: what is ruined is among them, so they count how often the account loses much
as well as how much, and they do not hang on where the risk capital is set.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import Struct

from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.statistics import PathStatistics

WORST = 0.95
GIVEN = "as given"
OVER_LEVERAGED = 0.05
"""Probability of ruin in every mode from which no mode is the answer."""
TIE = 0.5
"""Share of the way to the upper end of the best estimate's interval that is a tie."""
SMALLEST_LOSS = 0.005
"""Of the least mean loss of the worst 5 %."""
SMALLEST_SHARE = 0.01
"""Of paths, or of the equity: smaller differences of the later criteria are ties."""
SMALLEST_CAPITAL = 0.1
"""Of the least capital needed; what is no more than the equity is a tie, too."""


class Judged(Struct, frozen=True, kw_only=True, eq=False):
    """What a mode is judged by. ``scenario_loss``: USD, the largest; None where none is run.

    ``scenario``: the title of the one that costs so much. ``capital``: USD needed for the survival
    that is asked for, infinite where none is enough; None where it is not searched.
    """

    name: str
    is_given: bool
    statistics: PathStatistics
    scenario_loss: float | None = None
    scenario: str = ""
    capital: float | None = None

    @property
    def title(self) -> str:
        """Its name, and whether the account is held so."""
        return f"{self.name} ({GIVEN})" if self.is_given and self.name != GIVEN else self.name


class Criterion(NamedTuple):
    """What is compared, less being better. ``value``: None where it was not computed.

    ``smallest``: difference from the best that matters, by the best and the equity.
    """

    name: str
    value: Callable[[Judged], Estimate | None]
    smallest: Callable[[float, float], float]

    def is_better(self, one: Judged, other: Judged | None) -> bool:
        """Whether the value of one is less than that of another; True without another."""
        mine, theirs = self.value(one), None if other is None else self.value(other)
        return mine is None or theirs is None or mine.value < theirs.value

    def tied(self, modes: Sequence[Judged]) -> list[Judged]:
        """Those that are no worse than the best; all where it was not computed."""
        found = [self.value(each) for each in modes]
        known = [each for each in found if each is not None]
        if len(known) < len(modes):
            return list(modes)
        best = min(known, key=lambda each: each.value)
        if math.isinf(best.value):
            return list(modes)
        room = TIE * (best.high - best.value)
        room = max(room, self.smallest(best.value, modes[0].statistics.start_equity))
        # Sums of floats differ in their last digits where the modes do not.
        most = best.value + room + 1e-9 * abs(best.value)
        pairs = zip(modes, known, strict=True)
        return [mode for mode, each in pairs if each.value <= most]


class Choice(Struct, frozen=True, kw_only=True):
    """``mode``: the name of the recommended one.

    ``reasons``: the criteria by which the mode as given is out; empty where it is recommended.

    ``contradicts``: the names of the best mode by the worst 5 % and of the best by ruin, where no
    mode is among the best in both. ``against``: the criteria in which others are better.
    """

    mode: str
    reasons: tuple[str, ...]
    contradicts: tuple[str, str] | None
    against: tuple[str, ...]


def _nothing(best: float, equity: float) -> float:
    return 0.0


def _of_loss(best: float, equity: float) -> float:
    return SMALLEST_LOSS * abs(best)


def _of_paths(best: float, equity: float) -> float:
    return SMALLEST_SHARE


def _of_equity(best: float, equity: float) -> float:
    return SMALLEST_SHARE * equity


def _of_capital(best: float, equity: float) -> float:
    # What the account has anyway is no reason to change it.
    return max(SMALLEST_CAPITAL * best, equity - best)


def _exact(value: float | None) -> Estimate | None:
    return None if value is None else Estimate(value, value, value)


WORST_LOSS = Criterion("worst 5 %", lambda each: each.statistics.loss.shortfalls[WORST], _of_loss)
RUIN = Criterion("ruin", lambda each: each.statistics.ruin, _nothing)
DRAWDOWN = Criterion("drawdown", lambda each: each.statistics.drawdown, _of_paths)
SCENARIO = Criterion("scenario", lambda each: _exact(each.scenario_loss), _of_equity)
LIQUIDATED = Criterion("liquidation", lambda each: each.statistics.liquidated, _of_paths)
CAPITAL = Criterion("capital", lambda each: _exact(each.capital), _of_capital)
FIRST = (WORST_LOSS, RUIN)
LATER = (DRAWDOWN, SCENARIO, LIQUIDATED, CAPITAL)
CRITERIA = {each.name: each for each in (*FIRST, *LATER)}


def choose(modes: Sequence[Judged]) -> Choice:
    """The recommended one of the modes, which have different names."""
    left, contradicts = _by_what_hurts(modes)
    out = [] if _given(left) else [each for each in FIRST if not _given(each.tied(modes))]
    for criterion in LATER:
        fewer = criterion.tied(left)
        if _given(left) and not _given(fewer):
            out.append(criterion)
        left = fewer
    chosen = _given(left) or min(left, key=_worst)
    # Of two criteria that contradict each other, the one that was given up is no reason.
    reasons = [each.name for each in out if each.is_better(chosen, _given(modes))]
    against = [each.name for each in (*FIRST, *LATER) if chosen not in each.tied(modes)]
    return Choice(
        mode=chosen.name, reasons=tuple(reasons), contradicts=contradicts, against=tuple(against)
    )


def is_over_leveraged(modes: Sequence[Judged]) -> bool:
    """Whether ruin is more probable than ``OVER_LEVERAGED`` in every mode."""
    return min(each.statistics.ruin.value for each in modes) > OVER_LEVERAGED


def _worst(each: Judged) -> float:
    return each.statistics.loss.shortfalls[WORST].value


def _by_what_hurts(modes: Sequence[Judged]) -> tuple[list[Judged], tuple[str, str] | None]:
    """Those tied with the best in both first criteria, or where there are none in the first and
    then the other; and the best of each where they contradict."""
    worst, ruin = (each.tied(modes) for each in FIRST)
    both = [each for each in worst if each in ruin]
    if both:
        return both, None
    names = min(worst, key=_worst).name, min(ruin, key=lambda e: e.statistics.ruin.value).name
    return RUIN.tied(worst), names


def _given(modes: Sequence[Judged]) -> Judged | None:
    """The mode as given, where it is among them."""
    return next((each for each in modes if each.is_given), None)
