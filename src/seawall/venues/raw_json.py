"""Decoding a venue's JSON strictly, with errors that name the field."""

import re
from typing import TypeVar

import msgspec

from seawall.domain.errors import InputError

T = TypeVar("T")

_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]*)`")
_TEXT = "text (a number in quotes)"
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:')


class VenueDataError(InputError):
    """A venue message that cannot be used; names the field, the value and what would be right."""


class MarketListError(VenueDataError):
    """A venue's list of markets that cannot be used."""


def decode(kind: type[T], raw: bytes, prefix: str = "") -> T:
    """The JSON text as a msgspec type. Raises VenueDataError with the path of the field.

    ``prefix`` is where the text stands in a larger message; the path begins with it.
    """
    if not raw.strip():
        raise VenueDataError("the message is empty; expected a JSON object")
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise VenueDataError(_field_message(str(error), prefix)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise VenueDataError(_malformed_message(str(error), raw)) from None


def _field_message(text: str, prefix: str) -> str:
    found = _AT.match(text)
    assert found is not None
    inside = (found["path"] or "$").removeprefix("$").lstrip(".")
    path = ".".join(part for part in (prefix, inside) if part).replace(".[", "[")
    missing = _MISSING.match(found["what"])
    if missing:
        return f"{path}.{missing['field']}".lstrip(".") + ": missing"
    what = found["what"].replace(" | null`", "`").replace("`int | str`", f"`int` or {_TEXT}")
    what = what.replace("`str`", _TEXT).replace("`", "")
    return f"{path or 'the message'}: {what[:1].lower()}{what[1:]}"


def _malformed_message(text: str, raw: bytes) -> str:
    """The error with the last key before the place where decoding stopped."""
    found = re.search(r"byte (\d+)", text)
    end = int(found[1]) if found else len(raw)
    keys = _KEY.findall(raw[:end])
    after = f" after {keys[-1].decode('utf-8', 'replace')!r}" if keys else ""
    reason = text.split(": ", 1)[-1]
    bare = re.search(rb"NaN|Infinity", raw[max(0, end - 3) : end + 10])
    hint = f"; {bare[0].decode()} is not a JSON number" if bare else ""
    return f"not JSON: {reason}{after}{hint}"
