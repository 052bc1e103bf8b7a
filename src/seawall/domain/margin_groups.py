"""Which margin group a market belongs to, by its number, before there is an engine."""

from collections.abc import Sequence

from seawall.domain.enums import MarginGrouping
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook


def margin_groups(rulebook: AnyRulebook, instruments: Sequence[Instrument]) -> dict[str, str]:
    """The collateral of each margin group by its name, in the order of their numbers.

    Under block rules all markets are one group. Raises InputError where a group has two
    collaterals.
    """
    if isinstance(rulebook, BlockRulebook):
        return {instruments[0].group: instruments[0].collateral}
    found: dict[str, str] = {}
    for each in instruments:
        collateral = found.setdefault(each.group, each.collateral)
        if collateral != each.collateral:
            raise InputError(
                f"{each.name}: collateral {each.collateral!r}; its margin group {each.group!r} "
                f"has {collateral!r}, and a group has one"
            )
    return found


def account_groups(
    rulebook: AnyRulebook, instruments: Sequence[Instrument], grouping: MarginGrouping
) -> list[int]:
    """The margin group of each market in an account of this grouping."""
    if isinstance(rulebook, BlockRulebook):
        return [0] * len(instruments)
    groups = margin_groups(rulebook, instruments)
    names, collaterals = list(groups), list(groups.values())
    if grouping == MarginGrouping.SHARED:
        return [collaterals.index(each.collateral) for each in instruments]
    return [names.index(each.group) for each in instruments]
