"""Money as this venue's JSON carries it.

Money comes as the text of a binary double (``"3155203.7660619998"``), although the venue counts
in whole micro-USD. The integer is recovered exactly: the nearest one, if no further away than a
double can be.
"""

from seawall.domain.units import MAX_MONEY, MONEY_DECIMALS, UnitError, from_units, to_units
from seawall.venues.raw_json import VenueDataError

StateError = VenueDataError
"""A message of this venue that cannot be used."""

_FINE_DECIMALS = 18
"""Decimals to which a printed double is read before it is rounded to micro-USD."""
_FINE_PER_MICRO = 10**12
_NOISE = 2**50
"""A double is off by less than its value over this: four units in the last place."""
_PRINTED = 10**9
"""What printing to ten (once eight) decimals can add, in fine units."""


def exact_money(path: str, text: str, least: int = -MAX_MONEY) -> int:
    """Micro-USD of a printed double. Raises StateError naming ``path``."""
    try:
        fine = to_units(_cut(text), _FINE_DECIMALS, MAX_MONEY * _FINE_PER_MICRO)
    except UnitError as error:
        raise StateError(f"{path}: {error}; must be USD as finite decimal text") from None
    micro = (fine + _FINE_PER_MICRO // 2) // _FINE_PER_MICRO
    if abs(fine - micro * _FINE_PER_MICRO) > abs(fine) // _NOISE + _PRINTED:
        raise StateError(f"{path}: {text!r} has more than {MONEY_DECIMALS} decimals of USD")
    if micro < least:
        raise StateError(f"{path}: {text!r} must not be below {from_units(least, MONEY_DECIMALS)}")
    return micro


def optional_money(path: str, text: str | None) -> int | None:
    """``exact_money`` of a field that may be absent."""
    return None if text is None else exact_money(path, text)


def _cut(text: str) -> str:
    """Without digits beyond what a double can carry, which ``to_units`` would refuse."""
    whole, dot, fraction = text.strip().partition(".")
    return whole + dot + fraction[:_FINE_DECIMALS] if fraction.isdigit() else text
