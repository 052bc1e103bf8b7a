"""Files of numbers with sources: presets of oracles, mechanisms of liquidation, gas.

A TOML file with ``title``, ``as_of`` and, for every field that its kind asks for, one line::

    delay_ms = { value = 1000, source = "docs: prices of a block hold from the next one on",
                 mark = "documented" }

``mark``: ``documented``, ``observed`` or ``assumed``, as for rulebooks. Numbers are whole.
"""

import datetime
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from seawall.domain.errors import InputError

SUFFIX = ".toml"


class Source(Struct, frozen=True, kw_only=True):
    """Where one number of a file comes from."""

    field: str
    value: int | tuple[int, ...]
    source: str
    mark: str


class Sourced(Struct, frozen=True, kw_only=True):
    """What a file states. ``name``: that of the file, without its ending."""

    name: str
    title: str
    kind: str
    values: dict[str, Any]
    sources: tuple[Source, ...]


class _Entry(Struct, frozen=True, forbid_unknown_fields=True):
    value: int | tuple[int, ...]
    source: str
    mark: Literal["documented", "observed", "assumed"]


def number_text(source: Source) -> str:
    """The value as people read it."""
    value = source.value
    return ", ".join(map(str, value)) if isinstance(value, tuple) else f"{value:,}"


def names_in(folder: Traversable) -> tuple[str, ...]:
    """The files of a folder by name, sorted."""
    found = [each.name for each in folder.iterdir() if each.name.endswith(SUFFIX)]
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found))


def read_sourced(
    option: str,
    folder: Traversable,
    name_or_path: str | Path,
    fields: Sequence[str] | Mapping[str, Sequence[str]],
    error: type[InputError],
    lists: Sequence[str] = ("source_weights",),
) -> Sourced:
    """A file of ``folder`` by name, or any file. Raises ``error``, which names the field.

    ``option``: what the input is called. ``fields``: all that have to be there; by ``kind``, which
    the file then states. ``lists``: those whose value is a list.
    """
    where, text = _text(option, folder, name_or_path, error)
    place = f"{option}: {where}"
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as fault:
        raise error(f"{place}: not valid TOML: {fault}") from None
    kind, head = "", ["title", "as_of"]
    if isinstance(fields, Mapping):
        kind = data.get("kind", "")
        if kind not in fields:
            raise error.of(place, "kind", kind, f"one of {', '.join(fields)}")
        head.append("kind")
        fields = fields[kind]
    known = (*head, *fields)
    for field in data:
        if field not in known:
            raise error.of(place, "field", field, f"one of {', '.join(known)}")
    for field in known:
        if field not in data:
            raise error(f"{place}: {field}: is missing")
    if not isinstance(data["title"], str):
        raise error.of(place, "title", data["title"], "text")
    try:
        datetime.date.fromisoformat(data["as_of"])
    except (TypeError, ValueError):
        raise error.of(place, "as_of", data["as_of"], "a date such as 2026-12-01") from None
    sources = []
    for field in fields:
        try:
            entry = msgspec.convert(data[field], _Entry)
        except msgspec.ValidationError as fault:
            raise error(f"{place}: {field}: {fault}") from None
        if isinstance(entry.value, tuple) is not (field in lists):
            expected = "a list of whole numbers" if field in lists else "a whole number"
            raise error.of(place, field, data[field]["value"], expected)
        sources.append(Source(field=field, value=entry.value, source=entry.source, mark=entry.mark))
    return Sourced(
        name=where.removesuffix(SUFFIX),
        title=data["title"],
        kind=kind,
        values={each.field: each.value for each in sources},
        sources=tuple(sources),
    )


def _text(
    option: str, folder: Traversable, name_or_path: str | Path, error: type[InputError]
) -> tuple[str, str]:
    """The name of a file, and its text."""
    name, known = str(name_or_path).replace("-", "_"), names_in(folder)
    if name in known:
        return name, folder.joinpath(name + SUFFIX).read_text("utf-8")
    path = Path(name_or_path)
    if path.suffix != SUFFIX:
        expected = f"a {SUFFIX} file or one of {', '.join(known)}"
        raise InputError.of("", option, str(name_or_path), expected)
    try:
        return path.name, path.read_text(encoding="utf-8")
    except OSError as fault:
        raise error(f"{option}: {path}: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise error(f"{option}: {path}: not a text file") from None
