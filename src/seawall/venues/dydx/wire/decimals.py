"""Exact decimals of any scale, as this venue needs them: its units may be coarser than one.

A number of ``decimals`` decimals counts units of 10^-decimals; negative decimals are units of tens,
hundreds and so on (one base quantum of a market can be ten coins).
"""

from seawall.domain.units import UnitError, to_units
from seawall.venues.raw_json import VenueDataError

LIMIT = 2**62
"""What the machine's integers hold."""


def exact_units(path: str, value: str | int, decimals: int, limit: int = LIMIT) -> int:
    """``"1.25"`` with 2 decimals is 125; ``"120"`` with -1 is 12. Exact.

    Raises VenueDataError naming ``path`` for text that is no decimal number, has digits finer than
    one unit, or is larger than ``limit`` units.
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
    return units


def units_text(units: int, decimals: int) -> str:
    """The shortest exact decimal text: 1250 with 3 decimals is ``"1.25"``, 12 with -1 ``"120"``."""
    sign = "-" if units < 0 else ""
    if decimals <= 0:
        return f"{sign}{abs(units) * 10**-decimals}"
    whole, fraction = divmod(abs(units), 10**decimals)
    return f"{sign}{whole}.{fraction:0{decimals}d}".rstrip("0").rstrip(".")


def decimals_shown(text: str) -> int:
    """Decimals that the number needs: 2 for ``"1.250"``. 0 for what is no number."""
    mantissa, _, exponent = text.strip().lower().partition("e")
    fraction = mantissa.partition(".")[2].rstrip("0")
    try:
        return max(0, len(fraction) - int(exponent or "0"))
    except ValueError:
        return 0


def _grain(decimals: int) -> str:
    return f"a multiple of {units_text(1, decimals)}"
