"""Between the structs of ``domain`` and the rows the kernels read and write.

One command row is 104 bytes, one event row 80 (``command_dtype``, ``event_dtype``). Assigning the
fields of a NumPy record costs about 100 ns each, so rows are packed and unpacked whole with
``struct``. What goes into which column is data (``COMMAND_COLUMNS``, ``EVENT_COLUMNS``); from it
one expression per kind is compiled at import, which is three times faster than a loop over the
fields and cannot disagree with the page a reader looks at.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from seawall.domain.commands import COMMAND_COLUMNS, Command
from seawall.domain.errors import SeawallError
from seawall.domain.events import EVENT_COLUMNS, Event
from seawall.engine.tables import command_dtype, event_dtype

Buffer = bytearray | memoryview
_Encode = Callable[[Any, Any, int], None]
_Decode = Callable[[tuple[int, ...]], Any]

_CODES = {"<i8": "q", "<i4": "i"}


class CodecError(SeawallError):
    """A value that does not fit its column, or a row that is no known command or event."""


class _Members(dict[int, int]):
    """Members of an enum by value: a dictionary answers five times faster than the class."""

    def __init__(self, family: type[int]) -> None:
        super().__init__((int(member), member) for member in family.__members__.values())  # type: ignore[attr-defined]
        self.family = family
        self.all_bits = sum(self)

    def __missing__(self, value: int) -> int:
        if issubclass(self.family, IntEnum):
            raise CodecError(f"{value} is not a {self.family.__name__}")
        member = self.family(value)
        if 0 <= value <= self.all_bits:
            self[value] = member
        return member


class _Layout:
    """The packed form of one row dtype and the compiled expressions of its kinds."""

    def __init__(
        self, dtype: np.dtype[Any], columns: Mapping[type[Any], str], always: tuple[str, str]
    ) -> None:
        assert dtype.names is not None and dtype.fields is not None
        self.names = dtype.names
        self.codes = [_CODES[dtype.fields[name][0].str] for name in self.names]
        self.row = struct.Struct("<" + "".join(self.codes))
        sizes = [struct.calcsize(f"<{code}") for code in self.codes]
        offsets = [dtype.fields[name][1] for name in self.names]
        packed_offsets = [sum(sizes[:index]) for index in range(len(sizes))]
        if self.row.size != dtype.itemsize or offsets != packed_offsets:
            raise AssertionError(f"the packed row does not match {dtype}")
        self.kind_column = self.names.index(always[1])
        self.encoders: dict[type[Any], _Encode] = {}
        self.decoders: dict[int, _Decode] = {}
        for family, spec in columns.items():
            pairs = self._pairs(family, f"{always[0]} {spec}")
            self.encoders[family] = self._encoder(family, pairs, always[1])
            self.decoders[int(family.kind)] = self._decoder(family, pairs)

    def _pairs(self, family: type[Struct], spec: str) -> dict[str, str]:
        """Column by field. AssertionError if a field is missing or two share a column."""
        pairs = dict((word.split("=") * 2)[:2] for word in spec.split())
        fields = {field.name for field in structs.fields(family)}
        if pairs.keys() != fields or len(set(pairs.values())) != len(fields):
            raise AssertionError(f"{family.__name__}: columns {pairs} for fields {fields}")
        return pairs

    def _encoder(self, family: type[Any], pairs: dict[str, str], kind_name: str) -> _Encode:
        """``(value, buffer, offset)`` writes one row; unnamed columns are padding, hence zero."""
        values = {"account": "-1", "market": "-1"}  # no row, where the kind names none
        values |= {column: f"value.{field}" for field, column in pairs.items()}
        values[kind_name] = str(int(family.kind))
        used = [name in values for name in self.names]
        pads = [f"{struct.calcsize(f'<{code}')}x" for code in self.codes]
        format_text = "".join(
            code if is_used else pad
            for code, pad, is_used in zip(self.codes, pads, used, strict=True)
        )
        packer = struct.Struct("<" + format_text)
        arguments = ", ".join(values[name] for name in self.names if name in values)
        text = f"lambda value, buffer, offset: pack(buffer, offset, {arguments})"
        return eval(text, {"pack": packer.pack_into})  # type: ignore[no-any-return]

    def _decoder(self, family: type[Struct], pairs: dict[str, str]) -> _Decode:
        """``(unpacked row)`` gives the struct."""
        names: dict[str, Any] = {"family": family}
        arguments = []
        for field in structs.fields(family):
            text = f"row[{self.names.index(pairs[field.name])}]"
            if field.type is not int:
                names[f"members_of_{field.name}"] = _Members(field.type)
                text = f"members_of_{field.name}[{text}]"
            arguments.append(text)
        return eval(f"lambda row: family({', '.join(arguments)})", names)  # type: ignore[no-any-return]

    def encode(self, value: Any, buffer: Buffer, offset: int) -> None:
        try:
            self.encoders[type(value)](value, buffer, offset)
        except KeyError:
            raise CodecError(f"{type(value).__name__} has no row") from None
        except (struct.error, TypeError) as error:
            raise CodecError(f"{value!r}: {error}") from None

    def decode(self, row: tuple[int, ...]) -> Any:
        try:
            return self.decoders[row[self.kind_column]](row)
        except KeyError:
            raise CodecError(f"unknown kind {row[self.kind_column]}") from None


_COMMANDS = _Layout(command_dtype, COMMAND_COLUMNS, ("time_ms", "kind"))
_EVENTS = _Layout(event_dtype, EVENT_COLUMNS, ("sequence", "kind"))

COMMAND_BYTES = _COMMANDS.row.size
EVENT_BYTES = _EVENTS.row.size


def encode_command(command: Command, buffer: Buffer, offset: int = 0) -> None:
    """Write one row of ``command_dtype`` at ``offset`` bytes. Raises CodecError.

    On an error the row's bytes are undefined.
    """
    _COMMANDS.encode(command, buffer, offset)


def encode_commands(commands: Iterable[Command]) -> NDArray[Any]:
    """Rows of ``command_dtype``, shape (number of commands,), writable. Raises CodecError."""
    items = list(commands)
    buffer = bytearray(len(items) * COMMAND_BYTES)
    for index, command in enumerate(items):
        _COMMANDS.encode(command, buffer, index * COMMAND_BYTES)
    return np.frombuffer(buffer, command_dtype)


def decode_command(buffer: Buffer | bytes, offset: int = 0) -> Command:
    """The command in the row at ``offset`` bytes. Raises CodecError."""
    return _COMMANDS.decode(_COMMANDS.row.unpack_from(buffer, offset))  # type: ignore[no-any-return]


def decode_commands(rows: NDArray[Any]) -> list[Command]:
    """The commands of rows of ``command_dtype``. Raises CodecError."""
    _require_dtype(rows, command_dtype)
    return [_COMMANDS.decode(row) for row in _COMMANDS.row.iter_unpack(rows.tobytes())]


def encode_event(event: Event, buffer: Buffer, offset: int = 0) -> None:
    """Write one row of ``event_dtype`` at ``offset`` bytes. Raises CodecError."""
    _EVENTS.encode(event, buffer, offset)


def decode_event(buffer: Buffer | bytes, offset: int = 0) -> Event:
    """The event in the row at ``offset`` bytes. Raises CodecError."""
    return _EVENTS.decode(_EVENTS.row.unpack_from(buffer, offset))  # type: ignore[no-any-return]


def decode_events(buffer: Buffer, count: int) -> list[Event]:
    """The first ``count`` events of a byte view on rows of ``event_dtype``. Raises CodecError."""
    decoders = _EVENTS.decoders
    unpack = _EVENTS.row.unpack_from
    kind = _EVENTS.kind_column
    events: list[Event] = []
    try:
        for offset in range(0, count * EVENT_BYTES, EVENT_BYTES):
            row = unpack(buffer, offset)
            events.append(decoders[row[kind]](row))
    except KeyError:
        raise CodecError(f"unknown kind {row[kind]}") from None
    except struct.error as error:
        raise CodecError(f"fewer than {count} rows: {error}") from None
    return events


def decode_event_rows(rows: NDArray[Any]) -> list[Event]:
    """The events of rows of ``event_dtype``. Raises CodecError."""
    _require_dtype(rows, event_dtype)
    return decode_events(bytearray(rows.tobytes()), len(rows))


def _require_dtype(rows: NDArray[Any], dtype: np.dtype[Any]) -> None:
    if rows.dtype != dtype:
        raise CodecError(f"rows of {rows.dtype}, not of {dtype}")
