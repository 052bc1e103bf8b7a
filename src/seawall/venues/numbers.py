"""Numbers in a venue's JSON, read exactly or refused with the name of the field.

A number of ``decimals`` decimals counts units of 10^-decimals; negative decimals are units of tens,
hundreds and so on (one base quantum of a market can be ten coins).
"""

from collections.abc import Callable
from typing import TypeVar

from seawall.domain.units import MAX_MONEY, MONEY_DECIMALS, UnitError, from_units, to_units
from seawall.venues.raw_json import VenueDataError

Read = TypeVar("Read")
LIMIT = 2**62
"""What the machine's integers hold."""

_FINE_DECIMALS = 18
"""Decimals to which a printed double is read before it is rounded to micro-USD."""
_FINE_PER_MICRO = 10**12
_NOISE = 2**50
"""A double is off by less than its value over this: four units in the last place."""
_PRINTED = 10**9
"""What printing to ten (once eight) decimals can add, in fine units."""

_PLAIN_DECIMALS = 36
_PLAIN_LIMIT = 10**60


def whole_number(path: str, value: int, least: int, most: int) -> int:
    """The value itself. Raises VenueDataError outside the bounds."""
    if not least <= value <= most:
        raise VenueDataError(f"{path}: {value} must be a whole number from {least} to {most}")
    return value


def printed_number(text: str, most: int) -> int:
    """The number that is printed as this very text, from 0 to ``most``; -1 for any other text."""
    if not text.isdecimal() or len(text) > len(str(most)) or str(int(text)) != text:
        return -1
    return int(text) if int(text) <= most else -1


def exact_units(
    path: str, value: str | int, decimals: int, limit: int = LIMIT, *, signed: bool = True
) -> int:
    """``"1.25"`` with 2 decimals is 125; ``"120"`` with -1 is 12. Exact.

    Raises VenueDataError naming ``path`` for text that is no decimal number, has digits finer than
    one unit, or is larger than ``limit`` units; unless ``signed``, for one below zero.
    """
    text = str(value).strip()
    try:
        units = to_units(text, max(0, decimals), 10**80)
    except UnitError as error:
        raise VenueDataError(f"{path}: {error}; must be decimal text, {_grain(decimals)}") from None
    if decimals < 0:
        units, rest = divmod(units, 10**-decimals)
        if rest:
            raise VenueDataError(f"{path}: {text!r} must be {_grain(decimals)}")
    if abs(units) > limit:
        raise VenueDataError(f"{path}: {text!r} must be at most {units_text(limit, decimals)}")
    if units < 0 and not signed:
        raise VenueDataError(f"{path}: {value!r} must not be negative")
    return units


def units_text(units: int, decimals: int) -> str:
    """The shortest exact decimal text: 1250 with 3 decimals is ``"1.25"``, 12 with -1 ``"120"``."""
    return from_units(units * 10 ** max(0, -decimals), max(0, decimals))


def decimals_shown(text: str) -> int:
    """Decimals that the number needs: 2 for ``"1.250"``. 0 for what is no number."""
    mantissa, _, exponent = text.strip().lower().partition("e")
    fraction = mantissa.partition(".")[2].rstrip("0")
    try:
        return max(0, len(fraction) - int(exponent or "0"))
    except ValueError:
        return 0


def plain_number(path: str, text: str, *, signed: bool = True) -> float:
    """Decimal text as a float. Raises VenueDataError naming ``path``."""
    try:
        units = to_units(text, _PLAIN_DECIMALS, _PLAIN_LIMIT)
    except UnitError as error:
        raise VenueDataError(f"{path}: {error}") from None
    if units < 0 and not signed:
        raise VenueDataError(f"{path}: {text!r} must not be negative")
    return float(text)


def exact_money(path: str, text: str, least: int = -MAX_MONEY) -> int:
    """Micro-USD of money that is printed as a binary double (``"3155203.7660619998"``).

    The integer is recovered exactly: the nearest one, if no further away than a double can be.
    Raises VenueDataError naming ``path``.
    """
    try:
        fine = to_units(_cut(text), _FINE_DECIMALS, MAX_MONEY * _FINE_PER_MICRO)
    except UnitError as error:
        raise VenueDataError(f"{path}: {error}; must be USD as finite decimal text") from None
    micro = (fine + _FINE_PER_MICRO // 2) // _FINE_PER_MICRO
    if abs(fine - micro * _FINE_PER_MICRO) > abs(fine) // _NOISE + _PRINTED:
        raise VenueDataError(f"{path}: {text!r} has more than {MONEY_DECIMALS} decimals of USD")
    if micro < least:
        bound = from_units(least, MONEY_DECIMALS)
        raise VenueDataError(f"{path}: {text!r} must not be below {bound}")
    return micro


def optional_money(path: str, text: str | None, least: int = -MAX_MONEY) -> int | None:
    """``exact_money`` of a field that may be absent."""
    return None if text is None else exact_money(path, text, least)


def readable(read: Callable[[str, str], Read], path: str, text: str | None) -> Read | None:
    """A field that is shown and nothing more: None where it is absent or cannot be read.

    What is computed from the rest of the answer must not fail with it.
    """
    try:
        return None if text is None else read(path, text)
    except VenueDataError:
        return None


def _cut(text: str) -> str:
    """Without digits beyond what a double can carry, which ``to_units`` would refuse."""
    whole, dot, fraction = text.strip().partition(".")
    return whole + dot + fraction[:_FINE_DECIMALS] if fraction.isdigit() else text


def _grain(decimals: int) -> str:
    return f"a multiple of {units_text(1, decimals)}"
