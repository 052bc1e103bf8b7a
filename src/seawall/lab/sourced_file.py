"""Files of numbers with sources: rules of portfolio margin, oracles, mechanisms, gas, days.

A TOML file with ``title``, ``as_of`` and an entry for every number (``domain/sourced.py``), at the
top or in sections. An entry without a date of its own is of the file's. A shipped file is called by
its name, ``-`` or ``_`` in it alike; any other by its path.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.sourced import Sourced, check_date, sourced

SUFFIX = ".toml"
Kind = TypeVar("Kind", bound=Struct)


class SourcedFile(Struct, frozen=True, kw_only=True):
    """What a file states. ``name``: that of the file, without its ending.

    ``head``: its text about all numbers. ``values``: as written, by field, or by section and field;
    ``sources``: the same with their sources, by dotted key. Methods raise ``error``, which names
    the file, the field, the value and what would be right.
    """

    place: str
    name: str
    head: Mapping[str, Any]
    values: Mapping[str, Any]
    sources: Mapping[str, Sourced]
    error: type[InputError]

    def into(self, kind: type[Kind]) -> Kind:
        """The numbers as a struct, whose fields are those of the file, ``name`` and ``sources``."""
        fields = [each.name for each in msgspec.structs.fields(kind)]
        own = {"name": self.name, "sources": self.sources} | dict(self.head)
        needed = [
            each.name
            for each in msgspec.structs.fields(kind)
            if each.required and each.name not in own
        ]
        self.check_names([each for each in fields if each not in own], needed)
        try:
            return msgspec.convert(
                {each: own[each] for each in own if each in fields} | dict(self.values), kind
            )
        except msgspec.ValidationError as fault:
            raise self.error(f"{self.place}: {_said(fault)}") from None

    def check_names(self, known: Sequence[str], needed: Iterable[str]) -> None:
        """Raises for a field that is unknown, or missing."""
        for field in self.values:
            if field not in known:
                raise self.error.of(self.place, "field", field, f"one of {', '.join(known)}")
        for field in needed:
            if field not in self.values:
                raise self.error(f"{self.place}: {field}: is missing")

    def check_whole(self, bounds: Mapping[str, tuple[int, int]]) -> None:
        """Raises for a field that is no whole number within its least and its most."""
        for field, (least, most) in bounds.items():
            value = self.values[field]
            if type(value) is not int or not least <= value <= most:
                expected = f"a whole number from {least:,} to {most:,}"
                raise self.error.of(self.place, field, value, expected)


def names_in(folder: Traversable) -> tuple[str, ...]:
    """The files of a folder by name, sorted."""
    found = [each.name for each in folder.iterdir() if each.name.endswith(SUFFIX)]
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found))


def read_sourced(
    option: str,
    folder: Traversable,
    name_or_path: str | Path,
    error: type[InputError],
    head: Mapping[str, type] = {},
) -> SourcedFile:
    """A file of ``folder`` by name, or any file. Raises ``error``, which names the field.

    ``option``: what the input is called. ``head``: what stands at the top beside ``title`` and
    ``as_of``, and its type.
    """
    where, text = _text(option, folder, name_or_path, error)
    place = f"{option}: {where}"
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as fault:
        raise error(f"{place}: not valid TOML: {fault}") from None
    said = {}
    for field, kind in {"title": str, "as_of": str, **head}.items():
        if field not in data:
            raise error(f"{place}: {field}: is missing")
        value = said[field] = data.pop(field)
        if not isinstance(value, kind):
            raise error.of(place, field, value, "text" if kind is str else "a list of texts")
    check_date(f"{place}: as_of", said["as_of"], error)
    sources: dict[str, Sourced] = {}
    values = {
        field: _values(each, field, place, error, said["as_of"], sources)
        for field, each in data.items()
    }
    return SourcedFile(
        place=place, name=where.removesuffix(SUFFIX), head=said, values=values, sources=sources,
        error=error,
    )  # fmt: skip


def _values(
    raw: Any, key: str, place: str, error: type[InputError], as_of: str,
    sources: dict[str, Sourced],
) -> Any:  # fmt: skip
    """Sections with each entry's value alone; the entries are collected."""
    if isinstance(raw, dict) and "value" not in raw:
        return {
            name: _values(each, f"{key}.{name}", place, error, as_of, sources)
            for name, each in raw.items()
        }
    sources[key] = sourced(f"{place}: {key}", raw, error, as_of=as_of)
    return sources[key].value


def _text(
    option: str, folder: Traversable, name_or_path: str | Path, error: type[InputError]
) -> tuple[str, str]:
    """The name of a file, and its text."""
    shipped = {name.replace("-", "_"): name for name in names_in(folder)}
    found = shipped.get(str(name_or_path).replace("-", "_"))
    if found is not None:
        return found, folder.joinpath(found + SUFFIX).read_text("utf-8")
    path = Path(name_or_path)
    if path.suffix != SUFFIX:
        expected = f"a {SUFFIX} file or one of {', '.join(shipped.values())}"
        raise error.of("", option, str(name_or_path), expected)
    try:
        return path.name, path.read_text(encoding="utf-8")
    except OSError as fault:
        raise error(f"{option}: {path}: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise error(f"{option}: {path}: not a text file") from None


def _said(fault: msgspec.ValidationError) -> str:
    """What is wrong, with the field before it."""
    said, _, place = str(fault).partition(" - at ")
    field = place.strip("`").removeprefix("$").removeprefix(".")
    return f"{field}: {said}" if field else said
