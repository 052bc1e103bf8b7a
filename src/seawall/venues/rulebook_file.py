"""Reading a ``rulebook.toml``: a venue's rules as data, each number with its source.

A top-level ``clock = "blocks"`` says that the rules settle in blocks and makes a
``BlockRulebook``; without it (or with ``"continuous"``) the file is a ``Rulebook``. Every entry is
an inline table (``domain/sourced.py``)::

    [order]
    minimum_value = { value = "10", unit = "USD", source = "docs: order types",
                      as_of = "2026-08-22", mark = "documented" }

(on one line in the file).

Decimals are text, so that no binary fraction comes between the file and the machine; fractions
become integers of 1e-9, funding numbers of 1e-12, USD micro-USD, each exactly or not at all.
Whole numbers, ppm and times in ms are TOML integers, choices are the lower-case names of the
domain's vocabularies. Every key of ``domain/rulebook.py`` must be there and no other
(``rulebook_keys.py``).
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, overload

from seawall.domain.errors import InputError
from seawall.domain.rulebook import AnyRulebook, Rulebook
from seawall.domain.sourced import Sourced, check_date, sourced
from seawall.venues.registry import DEFAULT_VENUE, VENUES
from seawall.venues.rulebook_keys import CLOCKS, TEXT_UNITS, Kind, Sections

_HEAD_KEYS = {"name", "as_of", "clock"}


class RulebookError(InputError):
    """A rulebook that cannot be used: its file, the key, the value and what would be right."""


@overload
def load_rulebook(*, overrides: Mapping[str, str] | None = None) -> Rulebook: ...


@overload
def load_rulebook(
    name_or_path: str | Path, overrides: Mapping[str, str] | None = None
) -> AnyRulebook: ...


def load_rulebook(
    name_or_path: str | Path = DEFAULT_VENUE, overrides: Mapping[str, str] | None = None
) -> AnyRulebook:
    """The rulebook of a shipped venue or of a file; the file's ``clock`` decides which kind.

    ``overrides`` replaces values by dotted key, written as in the file without quotes:
    ``{"order.price_band_rate": "0.95", "liquidation.stages": '["book", "deleverage"]'}``.

    Raises RulebookError.
    """
    path = _path_of(name_or_path)
    document, sections = _read(path)
    entries = _entries(path, document, sections)
    for key, text in (overrides or {}).items():
        if key not in entries:
            near = ", ".join(k for k in entries if k.split(".")[-1] == key.split(".")[-1])
            raise RulebookError(
                f"{path.name}: {key}: unknown rule" + (f"; did you mean {near}?" if near else "")
            )
        section, _, rule = key.partition(".")
        value = _override_value(sections.kinds[section][rule], text)
        entries[key] = entries[key]._replace(value=value)
    policies: dict[str, Any] = {}
    for section, policy in sections.policies.items():
        values = {}
        for rule, kind in sections.kinds[section].items():
            key = f"{section}.{rule}"
            values[rule] = _converted(path, key, kind, entries[key].value)
        policies[section] = policy(**values)
    book: AnyRulebook = sections.book(name=document["name"], as_of=document["as_of"], **policies)
    for wrong, message in sections.problems(book):
        if wrong:
            raise RulebookError(f"{path.name}: {message}")
    return book


def rulebook_sources(name_or_path: str | Path = DEFAULT_VENUE) -> dict[str, Sourced]:
    """Every rule by dotted key with its value as written, its mark, its source and its date.

    Raises RulebookError.
    """
    path = _path_of(name_or_path)
    return _entries(path, *_read(path))


def _path_of(name_or_path: str | Path) -> Path:
    if str(name_or_path) in VENUES:
        return VENUES[str(name_or_path)].rulebook
    return Path(name_or_path)


def _read(path: Path) -> tuple[dict[str, Any], Sections]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(VENUES)
        raise RulebookError(
            f"{path}: cannot be read ({error.strerror}); name a file or one of: {known}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulebookError(f"{path}: not a TOML file: {error}") from None
    for key in ("name", "as_of"):
        if not isinstance(document.get(key), str):
            raise RulebookError(f"{path.name}: {key}: missing or not text")
    check_date(f"{path.name}: as_of", document["as_of"], RulebookError)
    clock = document.get("clock", "continuous")
    if not isinstance(clock, str) or clock not in CLOCKS:
        raise RulebookError(f"{path.name}: clock: {clock!r}: one of {', '.join(CLOCKS)}")
    sections = CLOCKS[clock]
    unknown = sorted(set(document) - set(sections.kinds) - _HEAD_KEYS)
    if unknown:
        raise RulebookError(
            f"{path.name}: {unknown[0]}: unknown section; known are {', '.join(sections.kinds)}"
            f" (clock = {clock!r})"
        )
    return document, sections


def _entries(path: Path, document: dict[str, Any], sections: Sections) -> dict[str, Sourced]:
    entries: dict[str, Sourced] = {}
    for section, kinds in sections.kinds.items():
        table = document.get(section)
        if not isinstance(table, dict):
            raise RulebookError(f"{path.name}: [{section}]: missing section")
        for rule in table:
            if rule not in kinds:
                raise RulebookError(
                    f"{path.name}: {section}.{rule}: unknown rule; known are {', '.join(kinds)}"
                )
        for rule, kind in kinds.items():
            key = f"{section}.{rule}"
            if rule not in table:
                raise RulebookError(f"{path.name}: {key}: missing")
            where = f"{path.name}: {key}"
            entries[key] = sourced(where, table[rule], RulebookError, kind.unit)
    return entries


def _override_value(kind: Kind, text: str) -> Any:
    """The text of an override as the file would hold it: decimals and names stay text."""
    try:
        return tomllib.loads(f"value = {text}")["value"] if kind.unit not in TEXT_UNITS else text
    except (tomllib.TOMLDecodeError, KeyError):
        return text


def _converted(path: Path, key: str, kind: Kind, value: Any) -> Any:
    try:
        return kind.convert(value)
    except ValueError as error:
        raise RulebookError(f"{path.name}: {key}: {value!r}: must be {error}") from None
