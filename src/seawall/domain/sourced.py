"""A number with its source, as rulebooks and presets write every one of theirs::

    delay_ms = { value = 1000, source = "docs: prices of a block hold from the next one on",
                 as_of = "2026-08-22", mark = "documented" }

(on one line in the file). ``mark`` says how far to trust it:

* ``documented``: stated by the venue, or where the number was published;
* ``observed``: not stated, but recomputed exactly from recorded data;
* ``assumed``: neither; a choice that can be overridden, with the reason in ``source``.
"""

import re
from typing import Any, NamedTuple

from seawall.domain.errors import InputError

MARKS = ("documented", "observed", "assumed")
_KEYS = ("value", "unit", "source", "as_of", "mark")
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


class Sourced(NamedTuple):
    """One entry as its file gives it. ``value`` is not converted; ``as_of``: YYYY-MM-DD."""

    value: Any
    mark: str
    source: str
    as_of: str


def sourced(
    where: str, raw: Any, error: type[InputError], unit: str = "", as_of: str = ""
) -> Sourced:
    """The entry that stands at ``where``. Raises ``error``, which names the part.

    ``unit``: the one that the entry may state. ``as_of``: what counts where it states no date.
    """
    if not isinstance(raw, dict):
        raise error(f"{where}: {raw!r}: write {{ value, source, as_of, mark }}")
    raw = {"as_of": as_of, **raw} if as_of else raw
    for name in raw:
        if name not in _KEYS:
            raise error(f"{where}.{name}: unknown; known are {', '.join(_KEYS)}")
    for name in ("value", "source", "as_of", "mark"):
        if name not in raw:
            raise error(f"{where}.{name}: missing")
    if not isinstance(raw["source"], str) or not raw["source"].strip():
        raise error(f"{where}.source: {raw['source']!r}: say where the value is from")
    if raw["mark"] not in MARKS:
        raise error(f"{where}.mark: {raw['mark']!r}: one of {', '.join(MARKS)}")
    if "unit" in raw and raw["unit"] != unit:
        wanted = f"write {unit!r}" if unit else "this number has no unit"
        raise error(f"{where}.unit: {raw['unit']!r}: {wanted}")
    check_date(f"{where}.as_of", raw["as_of"], error)
    return Sourced(raw["value"], raw["mark"], raw["source"], raw["as_of"])


def check_date(where: str, value: Any, error: type[InputError]) -> None:
    """Raises ``error`` for what is no date as text."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise error(f"{where}: {value!r}: a date as text, like '2026-08-22'")
