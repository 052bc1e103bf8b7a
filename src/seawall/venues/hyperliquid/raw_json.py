"""Decoding the venue's JSON strictly, with errors that name the field.

Money comes as the text of a binary double (``"3155203.7660619998"``), although the venue counts
in whole micro-USD. The integer is recovered exactly: the nearest one, if no further away than a
double can be.
"""

import re
from typing import TypeVar

import msgspec

from seawall.domain.units import MAX_MONEY, MONEY_DECIMALS, UnitError, from_units, to_units

T = TypeVar("T")

_FINE_DECIMALS = 18
"""Decimals to which a printed double is read before it is rounded to micro-USD."""
_FINE_PER_MICRO = 10**12
_NOISE = 2**50
"""A double is off by less than its value over this: four units in the last place."""
_PRINTED = 10**9
"""What printing to ten (once eight) decimals can add, in fine units."""
_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]*)`")
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:')


class StateError(ValueError):
    """A venue message that cannot be used; names the field, the value and what would be right."""


def decode(kind: type[T], raw: bytes) -> T:
    """The JSON text as a msgspec type. Raises StateError with the path of the field."""
    if not raw.strip():
        raise StateError("the message is empty; expected a JSON object")
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise StateError(_field_message(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StateError(_malformed_message(str(error), raw)) from None


def _field_message(text: str) -> str:
    found = _AT.match(text)
    assert found is not None
    path = (found["path"] or "$").removeprefix("$").lstrip(".")
    missing = _MISSING.match(found["what"])
    if missing:
        return f"{path}.{missing['field']}".lstrip(".") + ": missing"
    what = found["what"].replace("`str | null`", "`str`")
    what = what.replace("`str`", "text (a number in quotes)").replace("`", "")
    return f"{path or 'the message'}: {what[:1].lower()}{what[1:]}"


def _malformed_message(text: str, raw: bytes) -> str:
    """Where it stopped, by the last key before the place."""
    found = re.search(r"byte (\d+)", text)
    end = int(found[1]) if found else len(raw)
    keys = _KEY.findall(raw[:end])
    after = f" after {keys[-1].decode('utf-8', 'replace')!r}" if keys else ""
    reason = text.split(": ", 1)[-1]
    bare = re.search(rb"NaN|Infinity", raw[max(0, end - 3) : end + 10])
    hint = f"; {bare[0].decode()} is not a JSON number" if bare else ""
    return f"not JSON: {reason}{after}{hint}"


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


def whole_number(path: str, value: int, least: int, most: int) -> int:
    """The value itself. Raises StateError outside the bounds."""
    if not least <= value <= most:
        raise StateError(f"{path}: {value} must be a whole number from {least} to {most}")
    return value


def _cut(text: str) -> str:
    """Without digits beyond what a double can carry, which ``to_units`` would refuse."""
    whole, dot, fraction = text.strip().partition(".")
    return whole + dot + fraction[:_FINE_DECIMALS] if fraction.isdigit() else text
