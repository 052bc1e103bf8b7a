"""Preset files: a rule of portfolio margin as data, each number with its source.

A preset is a TOML file of the sections of ``preset.py``. Every entry is a table::

    [volatility]
    least = { value = 0.4, source = "docs: ...", as_of = "2026-01-21", mark = "documented" }

``mark``: ``documented`` (the venue says it), ``observed`` (recomputed from what the venue shows) or
``assumed`` (neither). A shipped preset is called by its name; any other by its file.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.lab.options.preset import ScenarioPreset

SUFFIX = ".toml"
_FOLDER = files("seawall.lab.options.presets")
_HEAD = ("name", "title", "about", "missing", "as_of")


class PresetError(InputError):
    """A preset that cannot be used: its file, the field, the value and what would be right."""

    field = "preset"


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number of a file, as it is written there."""

    value: Any
    source: str
    as_of: str
    mark: Literal["documented", "observed", "assumed"]


class Read(NamedTuple):
    """A preset and its entries by dotted key, such as ``volatility.least``."""

    preset: ScenarioPreset
    entries: Mapping[str, Entry]


def shipped() -> tuple[str, ...]:
    """The names of the presets that come with Seawall, sorted."""
    found = [each.name for each in _FOLDER.iterdir() if each.name.endswith(SUFFIX)]
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found))


def read_preset(name_or_path: str | Path) -> Read:
    """A shipped preset by name, or a file's. Raises PresetError."""
    name = str(name_or_path)
    if name in shipped():
        return _shipped(name)
    path = Path(name_or_path)
    if path.suffix != SUFFIX:
        raise PresetError.of(
            "", "preset", name, f"one of {', '.join(shipped())}, or a {SUFFIX} file"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise PresetError(f"preset: {name}: {reason}") from None
    return parsed(text, name)


@cache
def _shipped(name: str) -> Read:
    return parsed(_FOLDER.joinpath(name + SUFFIX).read_text("utf-8"), name + SUFFIX)


def parsed(text: str, where: str) -> Read:
    """The preset of a file's text. Raises PresetError."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise PresetError(f"preset: {where}: not valid TOML: {error}") from None
    entries: dict[str, Entry] = {}
    plain = {
        name: value if name in _HEAD else _values(value, name, where, entries)
        for name, value in data.items()
    }
    try:
        return Read(msgspec.convert(plain, ScenarioPreset), entries)
    except msgspec.ValidationError as error:
        raise PresetError(f"preset: {where}: {_place(error)}") from None


def _values(value: Any, place: str, where: str, entries: dict[str, Entry]) -> Any:
    """Sections with each entry's value alone; the entries are collected."""
    if not isinstance(value, dict):
        raise PresetError(
            f"preset: {where}: {place}: write {{ value = {value!r}, source, as_of, mark }}"
        )
    if "value" not in value:
        return {
            name: _values(each, f"{place}.{name}", where, entries) for name, each in value.items()
        }
    try:
        entries[place] = msgspec.convert(value, Entry)
    except msgspec.ValidationError as error:
        raise PresetError(f"preset: {where}: {place}: {_place(error)}") from None
    return entries[place].value


def _place(error: msgspec.ValidationError) -> str:
    """What is wrong, with the place before it."""
    said, _, place = str(error).partition(" - at ")
    key = place.strip("`").removeprefix("$").removeprefix(".")
    return f"{key}: {said}" if key else said
