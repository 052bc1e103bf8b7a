"""Which mode for which position, and why, in sentences."""

from collections.abc import Sequence

from seawall.lab.compare.comparison import WORST, Comparison, PoolEffect, VariantResult
from seawall.report import kinds


def recommendation(found: Comparison) -> list[str]:
    """The split, its reasons, and what it changes: a sentence or two each."""
    alone = {each.market: each.alone.value for each in found.contagion}
    effects = final_effects(found)
    significant = [each for each in effects if _is_significant(each)]
    words = [_split(found), *(_reason(each, alone[each.market]) for each in significant)]
    others = tuple(each.market for each in effects if not _is_significant(each))
    if others:
        words.append(_no_difference(others))
    if found.isolated_only:
        words.append(f"{listed(found.isolated_only)}: the market allows a bucket of its own only.")
    change = _change(found)
    return [*words, change] if change else words


def recommended_mode(found: Comparison) -> str:
    """The recommended mode: ``cross``, ``isolated`` or ``hybrid``."""
    if len(found.markets) == 1 and not found.isolated_only:
        return "cross"
    if not found.bets and not found.isolated_only:
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
            "these paths. In the pool, new money protects it at once; in a bucket, what is added "
            "to the account later stays safe."
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


def _reason(each: PoolEffect, alone: float) -> str:
    shares = [kinds.probability(part) for part in (each.pool_without, each.pool_with)]
    without = f"{shares[0]} of paths without it, {shares[1]}"
    if each.is_bet:
        return (
            f"{each.market} is a single bet: the rest of the pool is liquidated on {without} with "
            f"it, and the worst 5 % of paths lose {kinds.short_usd(each.worst.value)} more with it "
            f"there. Its own bucket goes on {kinds.probability(alone)} of paths and takes nothing "
            "else along."
        )
    if each.protects:
        return (
            f"{each.market} protects the others: the rest of the pool, with its share of the "
            f"money, is liquidated on {without} with it."
        )
    if each.money >= 0.5:
        return (
            f"{each.market} strains the pool ({without} with it), but it holds "
            f"{kinds.percent(each.money, 0)} of the money: it is the core, and in a bucket it "
            "would go sooner."
        )
    return (
        f"{each.market} strains the pool ({without} with it), but apart it would spare the "
        "account nothing in its worst 5 % of paths that stands out from noise."
    )


def _is_significant(each: PoolEffect) -> bool:
    """Whether its effect on the others is larger than its confidence interval."""
    return each.is_bet or each.protects or each.pool.low > 0


def _no_difference(names: Sequence[str]) -> str:
    one = len(names) == 1
    return (
        f"{listed(names)} {'makes' if one else 'make'} no difference to the others that "
        f"stands out from noise: {'it stays' if one else 'they stay'} in the pool, where free "
        f"money protects {'it' if one else 'them'}."
    )


def _change(found: Comparison) -> str:
    """The recommended variant beside plain cross or, if that is it, beside isolated."""
    chosen = recommended_mode(found)
    names = {"cross": ("cross", "isolated"), "isolated": ("isolated", "cross")}
    best, other = (found.result(name) for name in names.get(chosen, ("suggested", "cross")))
    if best is None or other is None or len(found.markets) == 1:
        return ""
    return (
        f"With it something is liquidated on {_liquidated(best)} of paths and the worst 5 % lose "
        f"{_worst(best)}; {other.variant.name}: {_liquidated(other)} and {_worst(other)}."
    )


def _liquidated(result: VariantResult) -> str:
    return kinds.probability(result.statistics.liquidated.value)


def _worst(result: VariantResult) -> str:
    return kinds.short_usd(result.statistics.loss.shortfalls[WORST].value)
