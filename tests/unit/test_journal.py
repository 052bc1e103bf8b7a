"""The journal in good weather: what goes in comes out, and only for the right reader."""

import hashlib
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine import journal
from seawall.engine.journal import (
    ROW_BYTES,
    JournalCorrupt,
    JournalError,
    JournalLocked,
    JournalMismatch,
    JournalWriter,
    describe_rules,
    read_journal,
)
from seawall.engine.tables import command_dtype
from tests.unit.journal_files import RULES, rows_from, sequences, write


@given(st.lists(st.lists(st.integers(0, 5), max_size=4), max_size=5), st.integers(1, 10**9))
@settings(max_examples=40, deadline=None)
def test_what_is_committed_is_read_back(tmp_path_factory, batches, first):
    path = tmp_path_factory.mktemp("journal") / "j"
    expected = []
    with JournalWriter(path, RULES, first) as writer:
        for batch in batches:
            for size in batch:
                rows = rows_from(writer.sequence + 1, size)
                assert writer.append(rows) == writer.sequence
                expected.append(rows.tobytes())
            assert writer.commit() == writer.sequence == writer.durable_sequence
    reader = read_journal(path, RULES)
    assert b"".join(rows.tobytes() for rows in reader) == b"".join(expected)
    assert reader.first_sequence == first
    assert reader.last_sequence == first - 1 + sum(map(sum, batches))
    assert reader.torn_tail is None


def test_one_commit_is_one_frame_and_appending_alone_writes_nothing(tmp_path):
    path = tmp_path / "j"
    with JournalWriter(path, RULES) as writer:
        empty = path.stat().st_size
        for first in (1, 3, 5):
            writer.append(rows_from(first, 2))
        assert path.stat().st_size == empty
        writer.commit()
        assert [len(rows) for rows in read_journal(path)] == [6]


def test_a_commit_larger_than_a_frame_takes_several(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "MAX_FRAME_ROWS", 4)
    path = tmp_path / "j"
    write(path, [10])
    assert [len(rows) for rows in read_journal(path)] == [4, 4, 2]
    assert sequences(path)[0] == list(range(1, 11))


def test_rows_read_are_writable_and_iterating_again_starts_over(tmp_path):
    path = tmp_path / "j"
    write(path, [2, 3])
    reader = read_journal(path)
    for rows in reader:
        rows["money"] = 1
    assert [len(rows) for rows in reader] == [2, 3]
    assert reader.last_sequence == 5


def test_a_writer_goes_on_where_the_last_one_stopped(tmp_path):
    path = tmp_path / "j"
    for size in (3, 1, 4):
        write(path, [size])
    assert sequences(path)[0] == list(range(1, 9))


def test_only_rows_of_commands_are_taken(tmp_path):
    with JournalWriter(tmp_path / "j", RULES) as writer:
        with pytest.raises(ValueError, match="rows of int64"):
            writer.append(np.zeros(13, np.int64))
        with pytest.raises(ValueError, match="not whole rows"):
            writer.append_bytes(b"x" * (ROW_BYTES + 1))
        assert writer.sequence == 0


def test_leaving_with_an_error_drops_what_was_not_committed(tmp_path):
    path = tmp_path / "j"

    def fail():
        with JournalWriter(path, RULES) as writer:
            writer.append(rows_from(1, 2))
            writer.commit()
            writer.append(rows_from(3, 2))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert sequences(path)[0] == [1, 2]


def test_the_file_is_what_the_documentation_says(tmp_path):
    """Written a second time from docs/machine/journal.md: a change needs a new version."""
    path = tmp_path / "j"
    with JournalWriter(path, RULES, 7, b"made by a test") as writer:
        for first, count, note in ((7, 2, b""), (9, 1, b"a note"), (10, 0, b"alone")):
            writer.append(rows_from(first, count))
            writer.commit(note)
    header = b"SEAWALLJ" + struct.pack("<IIq", 2, command_dtype.itemsize, 7)
    header += journal.layout_digest(command_dtype)
    header += hashlib.blake2b(RULES, digest_size=16).digest()
    header += struct.pack("<II", len(RULES), 14) + RULES + b"made by a test"
    digest = hashlib.blake2b(header, digest_size=8).digest()
    expected = header + digest
    previous = zlib.crc32(digest)
    for first, count, note in ((7, 2, b""), (9, 1, b"a note"), (10, 0, b"alone")):
        head = b"\x8dSWF" + struct.pack("<IIqI", count, len(note), first, previous)
        content = rows_from(first, count).tobytes() + note
        previous = zlib.crc32(head + content)
        expected += head + struct.pack("<I", previous) + content
    assert path.read_bytes() == expected


def test_notes_are_read_back_with_their_frames(tmp_path):
    path = tmp_path / "j"
    with JournalWriter(path, RULES, note=b"header") as writer:
        writer.append(rows_from(1, 3))
        writer.commit(b"with rows")
        assert writer.commit(b"alone") == 3
        assert writer.commit() == 3
        assert writer.frame == 2
    reader = read_journal(path, RULES)
    assert reader.note == b"header"
    found = [(frame.number, frame.last_sequence, frame.note) for frame in reader.frames()]
    assert found == [(1, 3, b"with rows"), (2, 3, b"alone")]
    assert [len(rows) for rows in reader] == [3]
    with JournalWriter(path, RULES) as writer:
        assert (writer.frame, writer.link) == (2, reader.link)


def test_zeros_that_are_missing_at_the_end_are_missing(tmp_path):
    """The checksum of what is there, with zeros for the rest, would be right."""
    path = tmp_path / "j"
    with JournalWriter(path, RULES) as writer:
        writer.append(np.zeros(2, command_dtype))
        writer.commit(bytes(40))
    content = path.read_bytes()
    for missing in (1, 39, 41, 200):
        path.write_bytes(content[:-missing])
        reader = read_journal(path, RULES)
        assert list(reader) == []
        assert reader.torn_tail is not None


def test_a_note_is_in_one_frame_with_its_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "MAX_FRAME_ROWS", 4)
    with JournalWriter(tmp_path / "j", RULES) as writer:
        writer.append(rows_from(1, 5))
        with pytest.raises(ValueError, match="no one frame"):
            writer.commit(b"note")
        assert writer.durable_sequence == 0
        assert writer.commit() == 5


def test_a_journal_with_fewer_frames_than_were_durable_is_left_as_it_is(tmp_path):
    path = tmp_path / "j"
    ends = write(path, [1, 1, 1])
    content = path.read_bytes()
    for cut in (ends[2], ends[2] + 5, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(JournalCorrupt, match=r"ends with frame 2 .* 3 frames were durable"):
            JournalWriter(path, RULES, least_frames=3)
        assert path.read_bytes() == content[:cut]
    path.write_bytes(content)
    JournalWriter(path, RULES, least_frames=3).close()


@pytest.mark.parametrize(
    "other",
    [
        [("a", "<i8"), ("c", "<i4"), ("d", "<i4", (2,))],
        [("a", "<i8"), ("b", "<u4"), ("d", "<i4", (2,))],
        [("a", "<i8"), ("d", "<i4", (2,)), ("b", "<i4")],
        [("a", "<i8"), ("b", "<i4"), ("d", "<i4", (3,))],
        [("a", "<i8"), ("b", "<i4")],
    ],
    ids=["name", "type", "order", "shape", "missing"],
)
def test_the_layout_digest_sees_every_change(other):
    base = np.dtype([("a", "<i8"), ("b", "<i4"), ("d", "<i4", (2,))])
    assert journal.layout_digest(base) == journal.layout_digest(np.dtype(base.descr))
    assert journal.layout_digest(base) != journal.layout_digest(np.dtype(other))


def test_other_rules_are_refused_and_both_are_named(tmp_path):
    path = tmp_path / "j"
    write(path, [1])
    other = describe_rules(rulebook={"name": "test"}, limits=[1, 3])
    for attempt in (read_journal, JournalWriter):
        with pytest.raises(JournalMismatch) as caught:
            attempt(path, other)
        assert "other rules: limits[1] is 2, here 3" in str(caught.value)
    assert read_journal(path).rules == RULES


def test_rules_are_equal_when_their_parts_are(tmp_path):
    assert describe_rules(a={"x": 1, "y": 2}, b=3) == describe_rules(b=3, a={"y": 2, "x": 1})
    assert describe_rules(a=1) != describe_rules(a=2) != describe_rules(b=2)


def test_another_format_is_refused_and_both_are_named(tmp_path, monkeypatch):
    path = tmp_path / "j"
    monkeypatch.setattr(journal, "FORMAT_VERSION", 7)
    write(path, [1])
    monkeypatch.undo()
    with pytest.raises(JournalMismatch, match="format 7; this program reads 2"):
        read_journal(path)


def test_another_row_layout_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "j"
    other = np.dtype(
        [("renamed" if n == "money" else n, command_dtype[n]) for n in command_dtype.names]
    )
    monkeypatch.setattr(journal, "_LAYOUT", journal.layout_digest(other))
    write(path, [1])
    monkeypatch.undo()
    with pytest.raises(JournalMismatch, match="command layout"):
        read_journal(path)


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path):
    path = tmp_path / "j"
    first = JournalWriter(path, RULES)
    first.append(rows_from(1, 1))
    first.commit()
    with pytest.raises(JournalLocked, match="another writer"):
        JournalWriter(path, RULES)
    assert sequences(path)[0] == [1], "reading needs no lock"
    first.close()
    with JournalWriter(path, RULES) as second:
        assert second.durable_sequence == 1


def test_a_writer_that_could_not_open_lets_go_of_the_lock(tmp_path):
    path = tmp_path / "j"
    write(path, [1])
    with pytest.raises(JournalMismatch):
        JournalWriter(path, b"other")
    write(path, [1])


def test_a_closed_writer_takes_no_commit(tmp_path):
    writer = JournalWriter(tmp_path / "j", RULES)
    writer.close()
    writer.close()
    with pytest.raises(JournalError, match="closed"):
        writer.commit()
