"""Rows and structs: there and back for every kind, and the columns named in ``domain``."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from seawall.domain import commands, enums, events
from seawall.domain.commands import COMMAND_COLUMNS, join_client_id, split_client_id
from seawall.domain.events import EVENT_COLUMNS
from seawall.engine import codec
from seawall.engine.tables import command_dtype, event_dtype

WIDE = st.integers(-(2**63), 2**63 - 1)
NARROW = st.integers(-(2**31), 2**31 - 1)


def columns_of(family: type, page: dict[Any, str], always: str) -> dict[str, str]:
    words = [word.split("=") for word in f"{always} {page[family]}".split()]
    return {word[0]: word[-1] for word in words}


def values(family: type, page: dict[Any, str], dtype: np.dtype, always: str) -> st.SearchStrategy:
    """Any value of one struct, as large as its columns hold."""
    columns = columns_of(family, page, always)
    fields = {}
    for field in structs.fields(family):
        if field.type is not int:
            members = list(field.type)
            if issubclass(field.type, enums.IntFlag):
                everything = sum(int(member) for member in members)
                fields[field.name] = st.integers(0, everything).map(field.type)
            else:
                fields[field.name] = st.sampled_from(members)
        else:
            wide = dtype[columns[field.name]].itemsize == 8
            fields[field.name] = WIDE if wide else NARROW
    return st.builds(family, **fields)


any_command = st.sampled_from(list(COMMAND_COLUMNS)).flatmap(
    lambda family: values(family, COMMAND_COLUMNS, command_dtype, "time_ms")
)
any_event = st.sampled_from(list(EVENT_COLUMNS)).flatmap(
    lambda family: values(family, EVENT_COLUMNS, event_dtype, "sequence")
)


def test_every_kind_has_a_struct():
    assert {family.kind for family in COMMAND_COLUMNS} == set(enums.CommandKind)
    assert {family.kind for family in EVENT_COLUMNS} == set(enums.EventKind)
    assert set(commands.Command.__args__) == set(COMMAND_COLUMNS)
    assert set(events.Event.__args__) == set(EVENT_COLUMNS)


@pytest.mark.parametrize("family", [*COMMAND_COLUMNS, *EVENT_COLUMNS], ids=lambda f: f.__name__)
def test_names_follow_the_vocabulary(family):
    """``PlaceOrder`` is PLACE_ORDER, and its tag in text is the same word."""
    assert family.__struct_config__.tag == family.kind.name.lower()
    assert family.__name__ == family.kind.name.title().replace("_", "")
    assert family.__doc__


@given(any_command)
def test_a_command_survives_its_row(command):
    row = codec.encode_commands([command])
    assert row.dtype == command_dtype
    assert codec.decode_commands(row) == [command]
    (found,) = codec.decode_commands(row)
    assert [type(value) for value in structs.astuple(found)] == [
        type(value) for value in structs.astuple(command)
    ]


@given(any_event)
def test_an_event_survives_its_row(event):
    buffer = bytearray(codec.EVENT_BYTES)
    codec.encode_event(event, buffer)
    found = codec.decode_event(buffer)
    assert found == event
    assert [type(value) for value in structs.astuple(found)] == [
        type(value) for value in structs.astuple(event)
    ]


@given(any_command)
def test_a_command_fills_the_columns_its_page_names_and_no_other(command):
    """NumPy, which knows nothing of the packed form, finds each value where the page says."""
    (row,) = codec.encode_commands([command])
    columns = columns_of(type(command), COMMAND_COLUMNS, "time_ms")
    expected = dict.fromkeys(command_dtype.names, 0)
    expected |= {"kind": int(command.kind), "account": -1, "market": -1}
    for field, column in columns.items():
        expected[column] = int(getattr(command, field))
    assert {name: int(row[name]) for name in command_dtype.names} == expected


@given(any_event)
def test_an_event_is_read_from_the_columns_its_page_names(event):
    row = np.zeros(1, event_dtype)
    row["kind"] = event.kind
    for field, column in columns_of(type(event), EVENT_COLUMNS, "sequence").items():
        row[column] = getattr(event, field)
    assert codec.decode_event_rows(row) == [event]


@given(any_event, any_event)
def test_columns_an_event_does_not_name_are_not_read(event, noise):
    """The kernels leave what they like there."""
    buffer = bytearray(codec.EVENT_BYTES)
    codec.encode_event(noise, buffer)
    row = np.frombuffer(buffer, event_dtype)
    row["kind"] = event.kind
    for field, column in columns_of(type(event), EVENT_COLUMNS, "sequence").items():
        row[column] = getattr(event, field)
    assert codec.decode_event(buffer) == event


@given(st.lists(any_command, max_size=5))
def test_a_row_lands_at_its_offset_and_clears_what_was_there(batch):
    buffer = bytearray(b"\xff" * (codec.COMMAND_BYTES * (len(batch) + 1)))
    for index, command in enumerate(batch):
        codec.encode_command(command, memoryview(buffer), index * codec.COMMAND_BYTES)
    assert buffer[-codec.COMMAND_BYTES :] == b"\xff" * codec.COMMAND_BYTES
    found = [codec.decode_command(buffer, i * codec.COMMAND_BYTES) for i in range(len(batch))]
    assert found == batch
    assert bytes(buffer[: -codec.COMMAND_BYTES]) == codec.encode_commands(batch).tobytes()


@given(st.lists(any_event, max_size=6), st.integers(0, 6))
def test_only_the_counted_events_are_decoded(batch, spare):
    buffer = bytearray(codec.EVENT_BYTES * (len(batch) + spare))
    for index, event in enumerate(batch):
        codec.encode_event(event, buffer, index * codec.EVENT_BYTES)
    assert codec.decode_events(memoryview(buffer), len(batch)) == batch


@given(any_command)
def test_a_command_survives_as_text(command):
    decoder = msgspec.json.Decoder(commands.Command)
    assert decoder.decode(msgspec.json.encode(command)) == command


@given(any_event)
def test_an_event_survives_as_text(event):
    decoder = msgspec.json.Decoder(events.Event)
    assert decoder.decode(msgspec.json.encode(event)) == event


@given(st.integers(0, 2**128 - 1))
def test_a_client_id_survives_its_halves(client_id):
    high, low = split_client_id(client_id)
    assert all(-(2**63) <= half < 2**63 for half in (high, low))
    assert join_client_id(high, low) == client_id


@pytest.mark.parametrize("client_id", [-1, 2**128])
def test_a_client_id_beyond_128_bits_is_refused(client_id):
    with pytest.raises(ValueError, match="128 bits"):
        split_client_id(client_id)


@pytest.mark.parametrize(
    "command",
    [
        commands.Deposit(0, 5, 2**63),
        commands.Deposit(0, 2**31, 1),
        commands.Deposit(0, 5, 1.5),
        commands.Deposit(0, 5, None),
        events.Deposited(0, 5, 1),
        "deposit",
    ],
    ids=["too wide", "too wide for 4 bytes", "a float", "nothing", "an event", "a word"],
)
def test_what_does_not_fit_a_row_is_an_error(command):
    with pytest.raises(codec.CodecError):
        codec.encode_command(command, bytearray(codec.COMMAND_BYTES))


def test_rows_that_mean_nothing_are_errors():
    row = np.zeros(1, command_dtype)
    with pytest.raises(codec.CodecError, match="unknown kind 0"):
        codec.decode_commands(row)
    with pytest.raises(codec.CodecError, match="unknown kind 0"):
        codec.decode_events(memoryview(bytearray(codec.EVENT_BYTES)), 1)
    one = bytearray(codec.EVENT_BYTES)
    codec.encode_event(events.Deposited(1, 5, 1), one)
    with pytest.raises(codec.CodecError, match="fewer than 2 rows"):
        codec.decode_events(memoryview(one), 2)
    row["kind"] = enums.CommandKind.PLACE_ORDER
    row["side"] = 7
    with pytest.raises(codec.CodecError, match="7 is not a Side"):
        codec.decode_commands(row)
    with pytest.raises(codec.CodecError, match="rows of int64"):
        codec.decode_commands(np.zeros(1, np.int64))


def test_unknown_flags_are_shown_not_refused():
    """The engine rejects such a command, and an explanation of it must still be possible."""
    row = np.zeros(1, command_dtype)
    row["kind"] = enums.CommandKind.PLACE_ORDER
    row["flags"] = 1 << 20
    (command,) = codec.decode_commands(row)
    assert command.flags == 1 << 20
