"""What a venue's answer about a book says, before anybody judges it."""

from collections.abc import Sequence
from typing import NamedTuple

from seawall.domain.units import UnitError, to_units
from seawall.venues.raw_json import VenueDataError

_DECIMALS = 18
_HIGHEST = 10**36


class BookLevels(NamedTuple):
    """Pairs of price (USD) and size (coins), in the venue's order, which is best first.

    ``market``: the coin; None where the answer does not say. ``time_ms``: likewise.
    """

    market: str | None
    time_ms: int | None
    bids: Sequence[tuple[float, float]]
    asks: Sequence[tuple[float, float]]


def number(path: str, text: object) -> float:
    """Decimal text as a float, not negative. Raises VenueDataError naming ``path``."""
    if not isinstance(text, str):
        raise VenueDataError(f"{path}: {text!r} should be text (a number in quotes)")
    try:
        units = to_units(text, _DECIMALS, _HIGHEST)
    except UnitError as error:
        raise VenueDataError(f"{path}: {error}") from None
    if units < 0:
        raise VenueDataError(f"{path}: {text!r} must not be negative")
    return float(text)
