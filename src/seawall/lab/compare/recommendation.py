"""Which mode, and why, in sentences: over-leverage first, then the mode, then what speaks against
it."""

import math
from collections.abc import Iterator, Sequence

from seawall.domain.units import MICRO
from seawall.lab.compare.choice import (
    CAPITAL,
    CRITERIA,
    DRAWDOWN,
    LIQUIDATED,
    OVER_LEVERAGED,
    RUIN,
    SCENARIO,
    WORST_LOSS,
    Criterion,
)
from seawall.lab.compare.comparison import Comparison, ModeResult, PositionLoss
from seawall.lab.paths.sheets import risk_capital_words
from seawall.report import kinds


def recommendation(found: Comparison) -> list[str]:
    """The sentences, the most important first."""
    return [
        *_over_leveraged(found), _mode(found), *_reasons(found), *_contradiction(found),
        *_against(found), *_hedges(found), *_isolated_only(found), _horizons(found),
    ]  # fmt: skip


def mode_words(found: Comparison, result: ModeResult) -> str:
    """A mode and where its positions are: ``hybrid: BTC and ETH in the cross pool, ...``."""
    apart = result.mode.isolated
    pooled = [name for name in found.markets if name not in apart]
    where = []
    if pooled:
        where.append(f"{listed(pooled)} in the cross pool")
    if apart:
        buckets = "buckets of their own" if len(apart) > 1 else "a bucket of its own"
        where.append(f"{listed(apart)} in {buckets}")
    return f"{mode_name(result)}: {', '.join(where)}"


def mode_name(result: ModeResult) -> str:
    """Its name in the table, and whether the account is held so."""
    name = result.mode.name
    return f"{name} (as given)" if result.mode.is_given and name != "as given" else name


def listed(names: Sequence[str]) -> str:
    """``BTC, ETH and SOL``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _over_leveraged(found: Comparison) -> Iterator[str]:
    if not found.is_over_leveraged:
        return
    ruins = [each.statistics.ruin.value for each in found.modes]
    low, high = (kinds.probability(end(ruins)) for end in (min, max))
    span = low if low == high else f"{low} to {high}"
    capital = risk_capital_words(found.setup, found.given.statistics.start_equity)
    yield (
        f"Over-leveraged in every mode: {span} of the paths lose the risk capital of {capital}. No "
        f"mode mends that; smaller positions or more money do. {_bearable(found)}"
    )


def _bearable(found: Comparison) -> str:
    """At which leverage ruin is bearable."""
    search, accepted = found.bearable, kinds.short_percent(OVER_LEVERAGED)
    if search is None or search.leverage is None:
        return f"No leverage keeps that within {accepted}."
    start = found.given.statistics.start_equity
    return (
        f"Within {accepted} it stays up to a leverage of {kinds.leverage(search.leverage)} in all "
        f"({mode_name(found.recommended)}); now it is {kinds.TIMES.text(found.notional / start)}."
    )


def _mode(found: Comparison) -> str:
    if _is_same_everywhere(found):
        return (
            f"Recommended: {mode_words(found, found.given)}. The other modes differ in nothing on "
            "these paths. Money that is added later protects the positions in the pool, and is not "
            "at risk for those in buckets."
        )
    best = found.recommended
    words = f"Recommended: {mode_words(found, best)}."
    if best is not found.given:
        return f"{words}{_bucket_money(found, best)}"
    if found.choice.contradicts is not None:
        return words
    better = [name for name in (WORST_LOSS, RUIN) if _is_beaten(found, name)]
    noise = ", beyond what these paths can tell" if better else ""
    return f"{words} No other mode loses less in the worst 5 % or is ruined less often{noise}."


def _is_beaten(found: Comparison, criterion: Criterion) -> bool:
    """Whether the table has a smaller figure of another mode."""
    least = min(_value(each, criterion) for each in found.modes)
    return least < _value(found.recommended, criterion)


def _bucket_money(found: Comparison, result: ModeResult) -> str:
    """How much each bucket of a mode is given."""
    instruments = found.setup.account.instruments
    parts = [
        f"{instruments[each.market].name} {kinds.short_usd(each.isolated_margin / MICRO)}"
        for each in result.mode.holdings.positions
        if instruments[each.market].name in result.mode.isolated
    ]
    return f" Money of the buckets: {listed(parts)}." if parts else ""


def _is_same_everywhere(found: Comparison) -> bool:
    given = found.given.judged
    if not found.recommended.mode.is_given or found.choice.against:
        return False
    return all(
        criterion.value(each.judged) == criterion.value(given)
        for each in found.modes
        for criterion in (WORST_LOSS, RUIN, LIQUIDATED, SCENARIO)
    )


def _reasons(found: Comparison) -> Iterator[str]:
    """What the recommended mode has before the account as given."""
    if found.recommended is found.given:
        return
    better = [
        f"{measured(found, found.recommended, CRITERIA[name])} instead of "
        f"{_figure(found.given, CRITERIA[name])}"
        for name in found.choice.reasons
    ]
    first = {each.name for each in (WORST_LOSS, RUIN)}
    tied = "" if first & {*found.choice.reasons} else " The worst 5 % and ruin are ties."
    yield f"Against the account as given: {'; '.join(better)}.{tied}"


def _contradiction(found: Comparison) -> Iterator[str]:
    if found.choice.contradicts is None:
        return
    worst, ruin = (found.result(name) for name in found.choice.contradicts)
    yield (
        f"No mode is best in both criteria: {mode_name(worst)} loses least in the worst 5 %, "
        f"{_figure(worst, WORST_LOSS)} against {_figure(ruin, WORST_LOSS)}; {mode_name(ruin)} is "
        f"ruined least often, {_figure(ruin, RUIN)} against {_figure(worst, RUIN)}. The worst 5 % "
        "decide."
    )


def _against(found: Comparison) -> Iterator[str]:
    """What other modes are better in; the scenario in a sentence of its own."""
    against = [name for name in found.choice.against if name != SCENARIO.name]
    if len(against) < len(found.choice.against):
        yield f"The paths and the scenario disagree: {_better(found, SCENARIO)}."
    if against:
        bucket = ""
        if LIQUIDATED.name in against and found.recommended.mode.isolated:
            bucket = " What is liquidated here more often is a bucket, not the account."
        better = "; ".join(_better(found, CRITERIA[name]) for name in against)
        yield f"Against it: {better}.{bucket}"


def _better(found: Comparison, criterion: Criterion) -> str:
    """The best of a criterion beside the recommended mode."""
    best = min(found.modes, key=lambda each: _value(each, criterion))
    here = _figure(found.recommended, criterion)
    return f"{measured(found, best, criterion)} in {mode_name(best)}, {here} here"


def measured(found: Comparison, result: ModeResult, criterion: Criterion) -> str:
    """A criterion of a mode in words, with its figure."""
    limit = kinds.short_percent(found.setup.limits.max_drawdown)
    scenario = max(result.scenarios, key=lambda each: each.lost, default=None)
    named = "" if scenario is None else scenario.scenario.name
    words = {
        WORST_LOSS.name: "the worst 5 % of paths lose {} on average",
        RUIN.name: "the risk capital is lost on {} of the paths",
        DRAWDOWN.name: f"a drawdown above {limit} comes on {{}} of the paths",
        SCENARIO.name: f"{named} costs {{}}",
        LIQUIDATED.name: "something is liquidated on {} of the paths",
        CAPITAL.name: f"{kinds.short_percent(found.target)} without a liquidation take {{}}",
    }
    return words[criterion.name].format(_figure(result, criterion))


def _figure(result: ModeResult, criterion: Criterion) -> str:
    value = _value(result, criterion)
    if math.isinf(value):
        return "more than any amount"
    if criterion.name in (WORST_LOSS.name, SCENARIO.name, CAPITAL.name):
        return kinds.short_usd(value)
    return kinds.probability(value)


def _value(result: ModeResult, criterion: Criterion) -> float:
    found = criterion.value(result.judged)
    return math.inf if found is None else found.value


def _hedges(found: Comparison) -> Iterator[str]:
    for hedge in found.hedges:
        yield (
            f"{listed(hedge)} hedge each other{_in_the_worst(found, hedge)}. Splits keep them "
            "together in the pool."
        )


def _in_the_worst(found: Comparison, hedge: Sequence[str]) -> str:
    """What the legs come to in the worst paths."""
    legs = [each for each in found.positions if each.market in hedge]
    if not any(each.loss.value < 0 for each in legs):
        return ""
    return f": in the worst 5 % of paths by itself {listed([_leg(each) for each in legs])}"


def _leg(each: PositionLoss) -> str:
    verb = "loses" if each.loss.value >= 0 else "gains"
    return f"{each.market} {verb} {kinds.short_usd(abs(each.loss.value))}"


def _isolated_only(found: Comparison) -> Iterator[str]:
    if found.isolated_only:
        yield f"{listed(found.isolated_only)}: the market allows a bucket of its own only."


def _horizons(found: Comparison) -> str:
    spans = [(kinds.long_duration(3600 * each.hours), each.mode) for each in found.horizons]
    other = [(span, name) for span, name in spans if name != found.choice.mode]
    if not other:
        return f"The horizon does not change that: the same over {listed([s for s, _ in spans])}."
    parts = [f"over {span} it is {mode_name(found.result(name))}" for span, name in other]
    return f"The horizon changes the answer: {listed(parts)}."
