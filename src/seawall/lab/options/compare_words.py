"""How to hold an account in portfolio margin, and why, in sentences."""

from collections.abc import Iterator, Sequence

from seawall.lab.compare.choice_words import ChoiceWords
from seawall.lab.compare.recommendation import horizon_words, listed
from seawall.lab.options.compare import (
    LACKS_MARGIN,
    SPLITS_A_HEDGE,
    PooledComparison,
    UnderPreset,
    WayResult,
)
from seawall.lab.options.pooled_words import missing_words
from seawall.lab.options.ways import POOLED
from seawall.lab.paths.sheets import risk_capital_words
from seawall.report import kinds
from seawall.report.findings import Words


def recommendation(found: PooledComparison) -> Iterator[Words]:
    """The sentences, the most important first."""
    yield from missing_words(found.pool)
    yield from _over_leveraged(found)
    undivided = [each for each in found.presets if len(each.results) == 1]
    if undivided:
        yield Words(
            f"Under {_titles(found, undivided)} there is nothing to divide: the account has one "
            "leg in one market, or its coins are the money of its perpetuals."
        )
        yield from map(Words, (text for each in undivided for text in _short(found, each)))
    for group in _groups([each for each in found.presets if len(each.results) > 1]):
        yield from map(Words, _of_group(found, group))


def _titles(found: PooledComparison, group: Sequence[UnderPreset]) -> str:
    if len(group) == len(found.presets) > 1:
        return "every preset"
    return listed([each.rule.preset.title for each in group])


def _groups(presets: Sequence[UnderPreset]) -> list[list[UnderPreset]]:
    """Presets with the same recommendation."""
    found: dict[str, list[UnderPreset]] = {}
    for each in presets:
        found.setdefault(each.choice.mode, []).append(each)
    return list(found.values())


def _of_group(found: PooledComparison, group: Sequence[UnderPreset]) -> Iterator[str]:
    """A recommendation with its figures under the strictest preset of the group."""
    shown = found.strictest if found.strictest in group else group[0]
    words = ChoiceWords(
        modes=shown.judged, choice=shown.choice, limits=found.setup.limits, target=found.target,
        part="" if shown.choice.mode == POOLED else "a part",
    )  # fmt: skip
    said = f"Recommended under {_titles(found, group)}: {words.chosen.title}."
    if shown.choice.mode != POOLED:
        said += _money(shown)
    elif len(shown.judged) > 1:
        said += words.no_better()
    if len(group) > 1:
        said += f" The figures that follow are of {shown.rule.preset.title}."
    yield said
    yield from words.reasons()
    yield from words.contradiction()
    yield from words.against()
    yield from _short(found, shown)
    for each in shown.results:
        yield from _out(each)
    yield from _carried(shown)
    if len(shown.judged) > 1:
        yield horizon_words(shown.choice.mode, shown.horizons, shown.judged)


def _money(shown: UnderPreset) -> str:
    equity = shown.results[0].statistics.start_equity
    parts = [
        f"{each.name} {kinds.short_usd(each.share * equity)}"
        for each in shown.recommended.way.parts
    ]
    return f" Money of the parts: {listed(parts)}."


def _out(result: WayResult) -> Iterator[str]:
    """Why a way is not recommended."""
    statistics, held = result.statistics, result.way.held.capitalize()
    if result.out == LACKS_MARGIN:
        yield (
            f"{held} is out: its initial margins ask {kinds.short_usd(result.initial)} of "
            f"{kinds.short_usd(statistics.start_equity)}, so that it cannot be opened."
        )
    if result.out == SPLITS_A_HEDGE:
        yield (
            f"{held} is out: its parts hedge each other, and each is liquidated by the move that "
            f"the other wins; one is on {kinds.probability(statistics.liquidated.value)} of the "
            "paths."
        )


def _carried(shown: UnderPreset) -> Iterator[str]:
    """What the pool keeps and what it takes along."""
    for held in dict.fromkeys(held for held, _ in shown.contagion):
        parts = [each for way, each in shown.contagion if way == held]
        kept = [f"{e.market} on {kinds.probability(e.carried.value)}" for e in parts]
        along = [
            f"{e.market} on {kinds.probability(e.taken_along.value)}"
            for e in parts
            if e.taken_along.value > 0
        ]
        taken = f" It takes along what {held} survives: {listed(along)}." if along else ""
        yield (
            f"The pool carries what {held} would be liquidated: {listed(kept)} of the paths.{taken}"
        )


def _short(found: PooledComparison, shown: UnderPreset) -> Iterator[str]:
    """That the money is less than what the survival asked for takes."""
    needed, equity = shown.recommended.capital, found.pool.held.equity
    if needed > equity:
        yield (
            f"Under {shown.rule.preset.title} {kinds.short_percent(found.target)} of the paths "
            f"without a liquidation take {kinds.short_usd(needed)}; the account has "
            f"{kinds.short_usd(equity)}."
        )


def _over_leveraged(found: PooledComparison) -> Iterator[Words]:
    over = [each for each in found.presets if each.is_over_leveraged]
    if not over:
        return
    ruins = [way.statistics.ruin.value for each in over for way in each.judged]
    low, high = (kinds.probability(end(ruins)) for end in (min, max))
    span = low if low == high else f"{low} to {high}"
    capital = risk_capital_words(found.setup, found.pool.held.equity)
    least = min(way.capital for each in over for way in each.results if not way.out)
    yield Words(
        f"Over-leveraged under {_titles(found, over)}, however it is held: {span} of the paths "
        f"lose the risk capital of {capital}. Smaller positions or more money mend that: "
        f"{kinds.short_percent(found.target)} without a liquidation take at least "
        f"{kinds.short_usd(least)}.",
        is_warning=True,
    )
