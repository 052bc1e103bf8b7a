"""The journal under crashes and damage: nothing acknowledged is lost, nothing goes unsaid."""

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap

import pytest

from seawall.engine import journal
from seawall.engine.journal import (
    JournalCorrupt,
    JournalError,
    JournalMismatch,
    JournalWriter,
    read_journal,
)
from tests.unit.journal_files import RULES, rows_from, sequences, write


@pytest.fixture
def quick_disk(monkeypatch):
    """For hundreds of files in one test: the order of bytes matters there, not the waiting."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)


# --- crashes


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\0" * 200, b"\xa5" * 37, journal._MARKER * 40],
    ids=["cut", "zeros behind", "rubbish behind", "markers behind"],
)
def test_a_kill_at_every_byte_keeps_exactly_the_frames_before_it(tmp_path, quick_disk, garbage):
    """The file ends anywhere, with or without rubbish behind: whole frames stay, no row more."""
    whole = tmp_path / "whole"
    sizes = [1, 3, 2]
    ends = write(whole, sizes)
    content = whole.read_bytes()
    path = tmp_path / "j"
    for cut in range(ends[0], len(content) + 1):
        path.write_bytes(content[:cut] + garbage)
        kept = sum(end <= cut for end in ends[1:])
        rows = sum(sizes[:kept])
        found, reader = sequences(path)
        assert found == list(range(1, rows + 1))
        tail = path.read_bytes()[ends[kept] :]
        left = len(tail) if any(tail) else 0  # zeros are the room that a writer made
        assert (reader.torn_tail is None) == (left == 0)
        with JournalWriter(path, RULES) as writer:
            assert writer.durable_sequence == rows
            if left:
                assert (writer.repaired.offset, writer.repaired.dropped_bytes) == (ends[kept], left)
            else:
                assert writer.repaired is None
            assert path.stat().st_size == ends[kept]
            writer.append(rows_from(rows + 1, 1))
        found, reader = sequences(path)
        assert found == list(range(1, rows + 2))
        assert reader.torn_tail is None


def test_a_killed_writer_leaves_room_that_is_no_damage(tmp_path, quick_disk):
    """Frames have room ahead, a close cuts it off, and without a close nothing is missed."""
    path, killed = tmp_path / "j", tmp_path / "k"
    with JournalWriter(path, RULES) as writer:
        for first in (1, 3):
            writer.append(rows_from(first, 2))
            writer.commit()
        assert path.stat().st_size > writer.end + 1000
        killed.write_bytes(path.read_bytes())
    assert path.stat().st_size == writer.end
    assert sequences(killed)[0] == [1, 2, 3, 4]
    assert sequences(killed)[1].torn_tail is None
    with JournalWriter(killed, RULES) as again:
        assert again.repaired is None
        again.append(rows_from(5, 1))
    assert sequences(killed)[0] == [1, 2, 3, 4, 5]


def test_a_disk_without_room_ahead_still_takes_frames(tmp_path, quick_disk, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "pwrite", full)
    write(tmp_path / "j", [1, 2, 3])
    assert sequences(tmp_path / "j")[0] == [1, 2, 3, 4, 5, 6]


def test_frames_larger_than_the_room_are_whole(tmp_path, quick_disk, monkeypatch):
    monkeypatch.setattr(journal, "_LEAST_ROOM", 1)
    monkeypatch.setattr(journal, "_MOST_ROOM", 300)
    write(tmp_path / "j", [1, 9, 1, 1, 1, 9])
    assert sequences(tmp_path / "j")[0] == list(range(1, 23))


def test_a_file_that_ends_in_its_header_is_refused(tmp_path, quick_disk):
    """Creation is atomic, so no crash leaves this: somebody cut it."""
    path = tmp_path / "j"
    (end,) = write(path, [])
    content = path.read_bytes()
    for cut in range(end):
        path.write_bytes(content[:cut])
        with pytest.raises(JournalCorrupt):
            read_journal(path)
        with pytest.raises(JournalCorrupt):
            JournalWriter(path, RULES)


def test_a_killed_creation_leaves_no_journal_behind(tmp_path, monkeypatch):
    path = tmp_path / "j"

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        JournalWriter(path, RULES)
    monkeypatch.undo()
    assert not path.exists()
    write(path, [1])
    assert sequences(path)[0] == [1]


CHILD = """
    import sys
    import numpy as np
    from seawall.engine.journal import JournalWriter
    from seawall.engine.tables import command_dtype

    writer = JournalWriter(sys.argv[1], bytes.fromhex(sys.argv[2]))
    size = int(sys.argv[3])
    while True:
        first = writer.sequence + 1
        rows = np.zeros(size, command_dtype)
        rows["order_id"] = np.arange(first, first + size)
        writer.append(rows)
        print(writer.commit(), flush=True)
"""


def test_a_killed_process_loses_no_acknowledged_row(tmp_path):
    """Twenty writers in turn on one journal, each killed in the middle of its work."""
    path = tmp_path / "j"
    environment = {
        **os.environ,
        "SEAWALL_INTERPRETED": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    acknowledged = 0
    for turn in range(20):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), path, RULES.hex(), str(1 + turn * 40)],
            stdout=subprocess.PIPE,
            env=environment,
        )
        for _ in range(3 + turn):
            line = child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        lines = [line, *child.stdout.read().splitlines(keepends=True)]
        child.wait()
        child.stdout.close()
        told = int([line for line in lines if line.endswith(b"\n")][-1])
        assert told > acknowledged
        acknowledged = told
        found, reader = sequences(path)
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= acknowledged
        acknowledged = len(found)
    assert reader.last_sequence == len(found)


def test_a_failed_write_is_never_acknowledged_and_ends_the_writer(tmp_path, monkeypatch):
    """Half the frame reaches the disk, then it is full."""
    path = tmp_path / "j"
    write_for_real = os.writev
    writer = JournalWriter(path, RULES)
    writer.append(rows_from(1, 2))
    writer.commit()
    writer.append(rows_from(3, 4))

    def write_half(descriptor, parts):
        whole = b"".join(parts)
        return write_for_real(descriptor, [whole[: len(whole) // 2]])

    def full(*_):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "writev", write_half)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="no space"):
        writer.commit()
    monkeypatch.undo()
    assert writer.durable_sequence == 2
    with pytest.raises(JournalError, match="failed"):
        writer.commit()
    writer.close()
    with JournalWriter(path, RULES) as writer:
        assert writer.repaired is not None
        assert writer.durable_sequence == 2


def test_a_write_that_takes_several_calls_is_whole(tmp_path, monkeypatch):
    write_for_real = os.writev
    first = JournalWriter(tmp_path / "a", RULES)
    second = JournalWriter(tmp_path / "b", RULES)
    first.append(rows_from(1, 3))
    first.commit(b"note")

    def write_some(descriptor, parts):
        return write_for_real(descriptor, [b"".join(parts)[:11]])

    monkeypatch.setattr(os, "writev", write_some)
    second.append(rows_from(1, 3))
    second.commit(b"note")
    for writer in (first, second):
        writer.close()
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()


def test_a_failed_sync_is_never_acknowledged(tmp_path, monkeypatch):
    writer = JournalWriter(tmp_path / "j", RULES)
    writer.append(rows_from(1, 1))

    def fail(_):
        raise OSError(errno.EIO, "disk gone")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(OSError, match="disk gone"):
        writer.commit()
    monkeypatch.undo()
    assert writer.durable_sequence == 0
    with pytest.raises(JournalError, match="failed"):
        writer.commit()
    writer.close()


def test_what_was_synced_before_a_failure_counts(tmp_path, monkeypatch):
    """A commit of three frames whose second sync fails: four rows are durable, ten appended."""
    monkeypatch.setattr(journal, "MAX_FRAME_ROWS", 4)
    calls = []

    def fail_second(_):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(errno.EIO, "disk gone")

    writer = JournalWriter(tmp_path / "j", RULES)
    writer.append(rows_from(1, 10))
    monkeypatch.setattr(os, "fdatasync", fail_second)
    with pytest.raises(OSError, match="disk gone"):
        writer.commit()
    assert (writer.durable_sequence, writer.sequence) == (4, 10)
    writer.close()


def test_a_commit_returns_only_after_the_disk_has_the_bytes(tmp_path, monkeypatch):
    done = []

    def record(name):
        real = getattr(os, name)

        def call(descriptor, *rest):
            kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
            done.append(f"{name} {kind}")
            return real(descriptor, *rest)

        monkeypatch.setattr(os, name, call)

    for name in ("writev", "fdatasync", "fsync"):
        record(name)
    journal.write_whole_file(tmp_path / "any", [b"content"])
    assert done == ["fsync file", "fsync folder"]
    for _ in range(2):
        done.clear()
        writer = JournalWriter(tmp_path / "j", RULES)
        assert done[-2:] == ["fsync file", "fsync folder"], "at creation and at each opening"
        done.clear()
        for _ in range(3):
            writer.append(rows_from(writer.sequence + 1, 2))
            writer.commit()
        writer.commit()
        assert done == ["writev file", "fdatasync file"] * 3
        writer.close()


# --- damage


def test_every_flipped_bit_is_noticed(tmp_path, quick_disk):
    """In the header or before the last frame: an error. In the last frame: a torn tail, told."""
    whole = tmp_path / "whole"
    sizes = [2, 1, 2]
    ends = write(whole, sizes)
    content = whole.read_bytes()
    path = tmp_path / "j"
    for offset in range(len(content)):
        damaged = bytearray(content)
        damaged[offset] ^= 1 << (offset % 8)
        path.write_bytes(damaged)
        if offset >= ends[-2]:
            found, reader = sequences(path)
            assert found == [1, 2, 3]
            assert reader.torn_tail.offset == ends[-2]
            assert reader.torn_tail.dropped_bytes == len(content) - ends[-2]
            continue
        frame = max((end for end in ends if end <= offset), default=0)
        expected = JournalMismatch if 8 <= offset < 12 else JournalCorrupt
        with pytest.raises(expected) as caught:
            sequences(path)
        if expected is JournalCorrupt:
            assert caught.value.offset == frame
            assert f"{frame}" in str(caught.value) or frame == 0
        with pytest.raises(expected):
            JournalWriter(path, RULES)
        assert path.read_bytes() == damaged, "damage is left as it was found"


@pytest.mark.parametrize("lost", [range(1), range(1, 2), range(2)])
def test_a_lost_frame_is_noticed(tmp_path, lost):
    path = tmp_path / "j"
    ends = write(path, [2, 2, 2])
    content = path.read_bytes()
    path.write_bytes(content[: ends[lost.start]] + content[ends[lost.stop] :])
    with pytest.raises(JournalCorrupt, match="lost or moved") as caught:
        sequences(path)
    assert caught.value.offset == ends[lost.start]


def test_swapped_and_repeated_frames_are_noticed(tmp_path):
    path = tmp_path / "j"
    ends = write(path, [2, 2, 2])
    content = path.read_bytes()
    head, one, two, three = (
        content[start:end] for start, end in zip([0, *ends], ends, strict=False)
    )
    for order in ([two, one, three], [one, three, two], [one, one, two, three], [one, two, two]):
        path.write_bytes(b"".join([head, *order]))
        with pytest.raises(JournalCorrupt, match="lost or moved"):
            sequences(path)


def test_a_frame_of_another_journal_is_noticed(tmp_path):
    """Same place, same sequence numbers, whole in itself: only the chain tells."""
    path, other = tmp_path / "j", tmp_path / "other"
    ends = write(path, [2, 2])
    with JournalWriter(other, RULES) as writer:
        for _ in range(2):
            rows = rows_from(writer.sequence + 1, 2)
            rows["money"] = 7
            writer.append(rows)
            writer.commit()
    content, foreign = path.read_bytes(), other.read_bytes()
    path.write_bytes(content[: ends[1]] + foreign[ends[1] :])
    with pytest.raises(JournalCorrupt, match="lost or moved"):
        sequences(path)


def test_a_gap_in_the_sequence_is_noticed(tmp_path):
    """Chained and whole, but written by a program that miscounted."""
    path = tmp_path / "j"
    with JournalWriter(path, RULES) as writer:
        writer.append(rows_from(1, 2))
        writer.commit()
        writer.durable_sequence += 1
        writer.append(rows_from(4, 1))
    with pytest.raises(JournalCorrupt, match="begins with command 4 and does not follow command 2"):
        sequences(path)


def test_a_reader_beside_a_writer_does_not_call_a_running_write_damage(tmp_path, monkeypatch):
    """The frame is half there when read, and whole, with another behind it, a moment later."""
    whole, path = tmp_path / "whole", tmp_path / "j"
    ends = write(whole, [2, 2, 2])
    content = whole.read_bytes()
    path.write_bytes(content[: ends[2] - 5])
    search = journal._next_whole_frame

    def go_on(file, start):
        path.write_bytes(content)
        return search(file, start)

    monkeypatch.setattr(journal, "_next_whole_frame", go_on)
    assert sequences(path)[0] == list(range(1, 7))
