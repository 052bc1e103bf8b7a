"""Which mode for which position, and why, in sentences."""

from collections.abc import Sequence

from seawall.lab.compare.comparison import WORST, Comparison, Contagion, PoolEffect, VariantResult
from seawall.report import kinds


def recommendation(found: Comparison) -> list[str]:
    """The split, its reasons, and what it changes: a sentence or two each."""
    effects = final_effects(found)
    by_market = {each.market: each for each in found.contagion}
    words = [_split(found)]
    words += [_reason(each, by_market[each.market]) for each in effects if each.is_significant]
    others = [each.market for each in effects if not each.is_significant]
    if others:
        words.append(_no_effect(others))
    if found.isolated_only:
        words.append(f"{listed(found.isolated_only)}: the market allows a bucket of its own only.")
    return [*words, *_change(found)]


def recommended_mode(found: Comparison) -> str:
    """The recommended mode: ``cross``, ``isolated`` or ``hybrid``."""
    if not found.apart:
        return "cross"
    return "isolated" if len(found.core) < 2 else "hybrid"


def final_effects(found: Comparison) -> list[PoolEffect]:
    """The effect of every position: of a bet when it was taken out, of the others the last."""
    last: dict[str, PoolEffect] = {}
    for each in found.effects:
        if each.market not in found.bets or each.is_bet:
            last[each.market] = each
    return [last[name] for name in found.markets if name in last]


def listed(names: Sequence[str]) -> str:
    """``BTC, ETH and SOL``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _split(found: Comparison) -> str:
    if len(found.markets) == 1:
        return (
            "One position: pool and bucket hold the same money, so the mode changes nothing on "
            "these paths. Money that is added to the account later protects the position in the "
            "pool, and is not at risk if the position is in a bucket."
        )
    chosen = recommended_mode(found)
    if chosen == "cross":
        return f"Recommended: cross. Keep {listed(found.core)} in one pool."
    apart = listed(found.apart)
    if chosen == "isolated":
        rest = f"; {found.core[0]} may stay in the pool, alone there" if found.core else ""
        return f"Recommended: isolated. A bucket of its own for {apart}{rest}."
    return (
        f"Recommended: hybrid. {listed(found.core)} in the cross pool, {apart} in "
        f"{'buckets of their own' if len(found.apart) > 1 else 'a bucket of its own'}."
    )


def _reason(each: PoolEffect, alone: Contagion) -> str:
    """Why a position is in the pool or apart, where its effect on the pool is significant."""
    name = each.market
    without, with_it = (kinds.probability(part) for part in (each.pool_without, each.pool_with))
    bucket, pool = (kinds.probability(part.value) for part in (alone.alone, alone.in_pool))
    liquidated = (
        f"the pool is liquidated on {with_it} of paths with it, and on {without} without it and "
        "its share of the money"
    )
    if each.is_bet:
        return (
            f"{name} is a single bet: {liquidated}. The worst 5 % of paths lose "
            f"{kinds.short_usd(each.worst.value)} more with it in the pool. In a bucket of its own "
            f"{name} is liquidated on {bucket} of paths, and the loss stays there."
        )
    if each.protects:
        return f"{name} protects the others: {liquidated}."
    if each.money >= 0.5:
        return (
            f"{name} adds risk to the pool: {liquidated}. But it holds "
            f"{kinds.percent(each.money, 0)} of the money, so it is the core. {name} is liquidated "
            f"on {pool} of paths in the pool and on {bucket} in a bucket of its own."
        )
    return (
        f"{name} adds risk to the pool: {liquidated}. But the worst 5 % of paths do not lose "
        "significantly less with it in a bucket of its own, so it stays."
    )


def _no_effect(names: Sequence[str]) -> str:
    """Of positions whose effect on the others is within its confidence interval."""
    one = len(names) == 1
    return (
        f"{listed(names)} {'has' if one else 'have'} no significant effect on the others and "
        f"{'stays' if one else 'stay'} in the pool, where free money covers every position."
    )


def _change(found: Comparison) -> list[str]:
    """The recommended variant beside plain cross or, if that is it, beside isolated."""
    names = {"cross": ("cross", "isolated"), "isolated": ("isolated", "cross")}
    chosen = names.get(recommended_mode(found), ("suggested", "cross"))
    best, other = (found.result(name) for name in chosen)
    if best is None or other is None or len(found.markets) == 1:
        return []
    return [
        f"{chosen[0].capitalize()}: something is liquidated on {_liquidated(best)} of paths, and "
        f"the worst 5 % lose {_worst(best)} on average. {chosen[1].capitalize()}: "
        f"{_liquidated(other)} and {_worst(other)}."
    ]


def _liquidated(result: VariantResult) -> str:
    return kinds.probability(result.statistics.liquidated.value)


def _worst(result: VariantResult) -> str:
    return kinds.short_usd(result.statistics.loss.shortfalls[WORST].value)
