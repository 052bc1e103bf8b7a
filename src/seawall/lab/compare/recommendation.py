"""Which mode, and why, in sentences: over-leverage first, then the mode, then what speaks against
it."""

from collections.abc import Iterator, Sequence

from seawall.domain.units import MICRO
from seawall.lab.compare.choice import (
    LIQUIDATED,
    OVER_LEVERAGED,
    RUIN,
    SCENARIO,
    WORST_LOSS,
    Judged,
)
from seawall.lab.compare.choice_words import ChoiceWords
from seawall.lab.compare.comparison import Comparison, Horizon, ModeResult, PositionLoss
from seawall.lab.paths.sheets import risk_capital_words
from seawall.report import kinds


def recommendation(found: Comparison) -> list[str]:
    """The sentences, the most important first."""
    words = _words(found)
    return [
        *_over_leveraged(found), _mode(found, words), *words.reasons(), *words.contradiction(),
        *words.against(), *_hedges(found), *_isolated_only(found),
        horizon_words(found.choice.mode, found.horizons, found.judged),
    ]  # fmt: skip


def _words(found: Comparison) -> ChoiceWords:
    return ChoiceWords(
        modes=found.judged, choice=found.choice,
        limits=found.setup.limits, target=found.target,
        part="a bucket" if found.recommended.mode.isolated else "",
    )  # fmt: skip


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
    return f"{result.judged.title}: {', '.join(where)}"


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
        f"({found.recommended.judged.title}); now it is {kinds.TIMES.text(found.notional / start)}."
    )


def _mode(found: Comparison, words: ChoiceWords) -> str:
    if _is_same_everywhere(found):
        return (
            f"Recommended: {mode_words(found, found.given)}. The other modes differ in nothing on "
            "these paths. Money that is added later protects the positions in the pool, and is not "
            "at risk for those in buckets."
        )
    best = found.recommended
    said = f"Recommended: {mode_words(found, best)}."
    return said + (words.no_better() if best is found.given else _bucket_money(found, best))


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


def horizon_words(mode: str, horizons: Sequence[Horizon], modes: Sequence[Judged]) -> str:
    """Over which horizons another of the modes would be recommended."""
    titles = {each.name: each.title for each in modes}
    spans = [(kinds.long_duration(3600 * each.hours), each.mode) for each in horizons]
    other = [(span, name) for span, name in spans if name != mode]
    if not other:
        return f"The horizon does not change that: the same over {listed([s for s, _ in spans])}."
    parts = [f"over {span} it is {titles[name]}" for span, name in other]
    return f"The horizon changes the answer: {listed(parts)}."
