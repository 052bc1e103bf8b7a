"""Why a mode is recommended, and what speaks against it, in sentences."""

import math
from collections.abc import Iterator, Sequence

from msgspec import Struct

from seawall.lab.compare.choice import (
    CAPITAL,
    CRITERIA,
    DRAWDOWN,
    LIQUIDATED,
    RUIN,
    SCENARIO,
    WORST_LOSS,
    Choice,
    Criterion,
    Judged,
)
from seawall.lab.paths.limits import RiskLimits
from seawall.report import kinds


class ChoiceWords(Struct, frozen=True, kw_only=True, eq=False):
    """The sentences of a choice. ``modes``: that as given first. ``target``: of the capital.

    ``part``: what is liquidated in the recommended mode more often than the account, if anything.
    """

    modes: Sequence[Judged]
    choice: Choice
    limits: RiskLimits
    target: float
    part: str = ""

    @property
    def chosen(self) -> Judged:
        """The recommended mode."""
        return self._of(self.choice.mode)

    def reasons(self) -> Iterator[str]:
        """What the recommended mode has before the account as given."""
        given = self.modes[0]
        if self.chosen is given:
            return
        better = [
            f"{self.measured(self.chosen, CRITERIA[name])} instead of "
            f"{figure(given, CRITERIA[name])}"
            for name in self.choice.reasons
        ]
        first = {each.name for each in (WORST_LOSS, RUIN)}
        tied = "" if first & {*self.choice.reasons} else " The worst 5 % and ruin are ties."
        yield f"Against the account as given: {'; '.join(better)}.{tied}"

    def contradiction(self) -> Iterator[str]:
        """Where no mode is best in both first criteria."""
        if self.choice.contradicts is None:
            return
        worst, ruin = (self._of(name) for name in self.choice.contradicts)
        yield (
            f"No mode is best in both criteria: {worst.title} loses least in the worst 5 %, "
            f"{figure(worst, WORST_LOSS)} against {figure(ruin, WORST_LOSS)}; {ruin.title} is "
            f"ruined least often, {figure(ruin, RUIN)} against {figure(worst, RUIN)}. The worst "
            "5 % decide."
        )

    def against(self) -> Iterator[str]:
        """What other modes are better in; the scenario in a sentence of its own."""
        against = [name for name in self.choice.against if name != SCENARIO.name]
        if len(against) < len(self.choice.against):
            yield f"The paths and the scenario disagree: {self._better(SCENARIO)}."
        if against:
            part = ""
            if LIQUIDATED.name in against and self.part:
                part = f" What is liquidated here more often is {self.part}, not the account."
            better = "; ".join(self._better(CRITERIA[name]) for name in against)
            yield f"Against it: {better}.{part}"

    def no_better(self) -> str:
        """That no other mode is better than the one as given, where that is so."""
        if self.choice.contradicts is not None:
            return ""
        better = any(
            min(value(each, criterion) for each in self.modes) < value(self.chosen, criterion)
            for criterion in (WORST_LOSS, RUIN)
        )
        noise = ", beyond what these paths can tell" if better else ""
        return f" No other mode loses less in the worst 5 % or is ruined less often{noise}."

    def measured(self, mode: Judged, criterion: Criterion) -> str:
        """A criterion of a mode in words, with its figure."""
        limit = kinds.short_percent(self.limits.max_drawdown)
        words = {
            WORST_LOSS.name: "the worst 5 % of paths lose {} on average",
            RUIN.name: "the risk capital is lost on {} of the paths",
            DRAWDOWN.name: f"a drawdown above {limit} comes on {{}} of the paths",
            SCENARIO.name: f"{mode.scenario} costs {{}}",
            LIQUIDATED.name: "something is liquidated on {} of the paths",
            CAPITAL.name: f"{kinds.short_percent(self.target)} without a liquidation take {{}}",
        }
        return words[criterion.name].format(figure(mode, criterion))

    def _better(self, criterion: Criterion) -> str:
        """The best of a criterion beside the recommended mode."""
        best = min(self.modes, key=lambda each: value(each, criterion))
        return (
            f"{self.measured(best, criterion)} in {best.title}, {figure(self.chosen, criterion)} "
            "here"
        )

    def _of(self, name: str) -> Judged:
        return next(each for each in self.modes if each.name == name)


def figure(mode: Judged, criterion: Criterion) -> str:
    """The figure of a criterion as text."""
    found = value(mode, criterion)
    if math.isinf(found):
        return "more than any amount"
    if criterion.name in (WORST_LOSS.name, SCENARIO.name, CAPITAL.name):
        return kinds.short_usd(found)
    return kinds.probability(found)


def value(mode: Judged, criterion: Criterion) -> float:
    """The value of a criterion, infinite where it was not computed."""
    found = criterion.value(mode)
    return math.inf if found is None else found.value
