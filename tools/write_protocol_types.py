"""Writes ``web/src/protocol.ts``: the terminal's messages as TypeScript types.

Run it after changing them; a test fails when it was forgotten.
"""

import inspect
import typing
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal

import msgspec
from msgspec import Struct

from seawall.terminal import protocol

TARGET = Path(__file__).resolve().parents[1] / "web" / "src" / "protocol.ts"
HEAD = "// Written by tools/write_protocol_types.py from seawall.terminal.protocol.\n"
SIMPLE = {str: "string", int: "number", float: "number", bool: "boolean", NoneType: "null"}
BASES = (protocol.Message, protocol.Part, protocol.Request)


def named() -> dict[str, Any]:
    """The unions and choices of the page, by name."""
    return {
        name: value
        for name, value in vars(protocol).items()
        if typing.get_origin(value) in (Literal, UnionType)
    }


def structs() -> list[type[Struct]]:
    """The messages and their parts, in the order of the page."""
    return [
        value
        for value in vars(protocol).values()
        if isinstance(value, type) and issubclass(value, Struct) and value not in (*BASES, Struct)
    ]


def text_of(kind: Any) -> str:
    """A type as TypeScript writes it. Raises TypeError for one that it does not know."""
    names = {id(value): name for name, value in named().items()}
    if id(kind) in names:
        return names[id(kind)]
    if kind in SIMPLE:
        return SIMPLE[kind]
    if kind is msgspec.Raw:
        return "Record<string, unknown>"
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind.__name__
    if isinstance(kind, typing.ForwardRef | str):
        return kind if isinstance(kind, str) else kind.__forward_arg__
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        for name, value in named().items():
            if value == kind:
                return name
        return " | ".join(f'"{each}"' for each in inner)
    if origin in (UnionType, typing.Union):
        return " | ".join(map(text_of, inner))
    if origin is tuple:
        if inner[-1] is Ellipsis:
            each = text_of(inner[0])
            return f"({each})[]" if " | " in each else f"{each}[]"
        return f"[{', '.join(map(text_of, inner))}]"
    if origin is dict:
        return f"Record<string, {text_of(inner[1])}>"
    raise TypeError(f"no TypeScript type for {kind!r}")


def comment(text: str | None, indent: str = "") -> Iterator[str]:
    """A docstring as a comment."""
    lines = inspect.cleandoc(text or "").splitlines()
    if len(lines) == 1:
        yield f"{indent}/** {lines[0]} */"
    elif lines:
        yield f"{indent}/**"
        yield from (f"{indent} * {line}".rstrip() for line in lines)
        yield f"{indent} */"


def interface(kind: type[Struct]) -> Iterator[str]:
    """One message; a field with a default may be left out of what the page sends."""
    yield ""
    own = kind.__dict__.get("__doc__")
    yield from comment(own)
    yield f"export interface {kind.__name__} {{"
    config = kind.__struct_config__
    if config.tag is not None:
        yield f'  {config.tag_field}: "{config.tag}";'
    hints = typing.get_type_hints(kind)
    is_asked = issubclass(kind, protocol.Request) or kind in (protocol.Ask, protocol.Ticket)
    for field in msgspec.structs.fields(kind):
        mark = "?" if is_asked and not field.required else ""
        yield f"  {field.encode_name}{mark}: {text_of(hints[field.name])};"
    yield "}"


def union(name: str, kind: Any) -> Iterator[str]:
    yield ""
    inner = typing.get_args(kind)
    is_words = typing.get_origin(kind) is Literal
    each = [f'"{one}"' if is_words else text_of(one) for one in inner]
    yield f"export type {name} ="
    yield from (f"  | {one}" for one in each[:-1])
    yield f"  | {each[-1]};"


def stub() -> str:
    """The text of the file."""
    lines = [HEAD.rstrip()]
    for name, kind in named().items():
        lines += union(name, kind)
    for struct in structs():
        lines += interface(struct)
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(stub())
    print(f"wrote {TARGET.name}")
