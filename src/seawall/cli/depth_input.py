"""The depth of order books that a command is given, for all markets or for one."""

from collections.abc import Sequence

from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.lab.market.liquidity import Depth, depths

GREATEST_DEPTH = 1e9


def read_depths(listed: Sequence[Instrument], wishes: Sequence[str]) -> dict[str, Depth]:
    """Calm depth of every market, by name. Raises InputError.

    ``listed``: as their venue lists them; what is not said follows from the leverage granted there.
    """
    everywhere: float | None = None
    named: dict[str, float] = {}
    names = [each.name for each in listed]
    for wish in wishes:
        name, equals, amount = wish.rpartition("=")
        try:
            usd = float(amount)
        except ValueError:
            usd = -1.0
        if not 1 <= usd <= GREATEST_DEPTH:
            raise InputError(f"--depth: {wish!r} should be 1 to {GREATEST_DEPTH:,.0f} USD")
        if not equals:
            everywhere = usd
        elif name in names:
            named[name] = usd
        else:
            raise InputError(f"--depth: {name!r} is not one of the markets: {', '.join(names)}")
    return depths(listed, named, everywhere)
