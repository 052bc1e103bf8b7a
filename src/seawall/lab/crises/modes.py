"""The account in the modes that are compared: cross, isolated and hybrid, with the same money."""

from collections.abc import Mapping, Sequence

from msgspec import structs

from seawall.domain.enums import MarginMode
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.lab.paths.variants import as_cross, as_isolated, hybrid, notional_at

CROSS, ISOLATED, HYBRID = "cross", "isolated", "hybrid"
MODES = (CROSS, ISOLATED, HYBRID)
Instruments = Sequence[Instrument]


def in_mode(
    mode: str, holdings: Holdings, instruments: Instruments, prices: Mapping[str, str]
) -> Holdings:
    """The account in one of ``MODES``. Raises InputError where it has no equity for it.

    Hybrid is a mixed account as it stands, any other with its core cross and the rest isolated.
    """
    if mode == CROSS:
        return as_cross(holdings, instruments)
    if mode == ISOLATED:
        return as_isolated(holdings, instruments, prices)
    if is_mixed(holdings):
        return holdings
    core = core_of(holdings, instruments, prices)
    apart = [
        instruments[each.market].name for each in holdings.positions if each.market not in core
    ]
    return hybrid(holdings, instruments, prices, apart)


def is_mixed(holdings: Holdings) -> bool:
    """Whether it has cross and isolated positions."""
    return {each.mode for each in holdings.positions} == {MarginMode.CROSS, MarginMode.ISOLATED}


def core_of(holdings: Holdings, instruments: Instruments, prices: Mapping[str, str]) -> set[int]:
    """The market of the largest position and, where a third is left, of its largest hedge."""
    first, *others = sorted(
        holdings.positions,
        key=lambda each: (-notional_at(each, instruments[each.market], prices), each.market),
    )
    hedges = [each.market for each in others if each.signed_size * first.signed_size < 0]
    return {first.market, *(hedges[:1] if len(others) > 1 else ())}


def with_allowed_leverage(holdings: Holdings, markets: Sequence[Instruments]) -> Holdings:
    """The account with leverage set no higher than each rulebook allows in its markets.

    Where leverage is a setting it bounds what may be opened, not when a position is liquidated.
    ``markets``: the instruments of each rulebook.
    """
    most = [min(each.maximum_leverage for each in same) for same in zip(*markets, strict=True)]
    positions = (
        structs.replace(each, leverage=max(1, min(each.leverage, most[each.market])))
        for each in holdings.positions
    )
    return structs.replace(holdings, positions=tuple(positions))
