"""The account in the modes that the crises try: cross, isolated and hybrid, with the same money."""

from collections.abc import Mapping, Sequence

from msgspec import structs

from seawall.domain.enums import MarginMode
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.lab.crises.setup import Mode, Rules
from seawall.lab.paths.variants import as_cross, as_isolated, hybrid, notional_at

CROSS, ISOLATED, HYBRID = "cross", "isolated", "hybrid"
MODES = (CROSS, ISOLATED, HYBRID)


def possible_modes(plan: Holdings) -> tuple[str, ...]:
    """One position cannot be divided."""
    return MODES if len(plan.positions) > 1 else (CROSS, ISOLATED)


def mode_of(name: str, plan: Holdings, rules: Sequence[Rules], prices: Mapping[str, str]) -> Mode:
    """One of ``MODES`` under every rulebook. Raises InputError where it has no equity for it."""
    plans = []
    for each in rules:
        if name == CROSS:
            plans.append(as_cross(plan, each.instruments))
        elif name == ISOLATED:
            plans.append(as_isolated(plan, each.instruments, prices))
        else:
            plans.append(_hybrid(plan, each.instruments, prices))
    return Mode(name=name, plans=tuple(plans))


def settled(plan: Holdings, rules: Sequence[Rules]) -> Holdings:
    """The account with leverage set no higher than each rulebook allows in its markets.

    Where leverage is a setting it bounds what may be opened, not when a position is liquidated.
    """
    most = [
        min(each.maximum_leverage for each in several)
        for several in zip(*(each.instruments for each in rules), strict=True)
    ]
    return structs.replace(
        plan,
        positions=tuple(
            structs.replace(each, leverage=max(1, min(each.leverage, most[each.market])))
            for each in plan.positions
        ),
    )


def _hybrid(
    plan: Holdings, instruments: Sequence[Instrument], prices: Mapping[str, str]
) -> Holdings:
    """As it stands where it is mixed; else all but its core in buckets of their own."""
    if is_mixed(plan):
        return plan
    core = core_of(plan, instruments, prices)
    apart = [instruments[each.market].name for each in plan.positions if each.market not in core]
    return hybrid(plan, instruments, prices, apart)


def core_of(
    plan: Holdings, instruments: Sequence[Instrument], prices: Mapping[str, str]
) -> set[int]:
    """The largest position and, where a third is left to stand apart, its largest hedge."""
    sized = sorted(
        plan.positions,
        key=lambda each: (-notional_at(each, instruments[each.market], prices), each.market),
    )
    first = sized[0]
    hedges = [each for each in sized[1:] if (each.signed_size > 0) != (first.signed_size > 0)]
    core = {first.market}
    if hedges and len(sized) > 2:
        core.add(hedges[0].market)
    return core


def is_mixed(plan: Holdings) -> bool:
    """Whether it has positions of both kinds, so that hybrid is how it stands."""
    return {each.mode for each in plan.positions} == {MarginMode.CROSS, MarginMode.ISOLATED}
