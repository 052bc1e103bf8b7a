"""Snapshots survive the disk or say that they did not; snapshot + tail = full replay."""

import hashlib
import json
import os
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine import snapshot
from seawall.engine.journal import JournalWriter, describe_rules, read_journal
from seawall.engine.snapshot import (
    RecoveryError,
    SnapshotCorrupt,
    SnapshotMismatch,
    load_snapshot,
    recover,
    save_snapshot,
)
from seawall.engine.tables import TABLE_NAMES, command_dtype, control_dtype

RULES = describe_rules(rulebook="test")


def make_state(sequence=0, spare=40):
    """A control row with distinct capacities, then some bytes."""
    row = np.zeros(1, control_dtype)
    row["sequence"] = sequence
    for number, name in enumerate(TABLE_NAMES, 3):
        row[f"{name}_capacity"] = number
    noise = np.random.default_rng(sequence).integers(0, 256, spare, np.uint8)
    return np.concatenate([row.view(np.uint8), noise])


class Toy:
    """Folds every row into its state; the order and number of rows decide the result."""

    def __init__(self, found=None):
        self.state = make_state(spare=8) if found is None else found.state.copy()
        self.control = self.state[: control_dtype.itemsize].view(control_dtype)
        self.fold = self.state[control_dtype.itemsize :].view("<u8")

    @property
    def sequence(self):
        return int(self.control["sequence"][0])

    def apply_rows(self, rows):
        for row in rows:
            self.control["sequence"] += 1
            self.fold[0] = (int(self.fold[0]) * 31 + int(row["money"])) % 2**64


def rows_of(amounts):
    rows = np.zeros(len(amounts), command_dtype)
    rows["money"] = amounts
    return rows


@pytest.mark.parametrize("compress", [False, True])
@given(st.integers(0, 2**62), st.integers(0, 3000))
@settings(max_examples=25, deadline=None)
def test_a_snapshot_is_read_back(tmp_path_factory, compress, sequence, spare):
    path = tmp_path_factory.mktemp("snapshot") / "s"
    state = make_state(sequence, spare)
    save_snapshot(path, state, RULES, compress)
    capacities = {name: number for number, name in enumerate(TABLE_NAMES, 3)}
    found = load_snapshot(path, RULES, capacities)
    assert found.state.tobytes() == state.tobytes()
    assert found.state.flags.writeable
    assert (found.sequence, found.rules, found.capacities) == (sequence, RULES, capacities)


def test_the_file_is_what_the_documentation_says(tmp_path):
    """Written a second time from docs/machine/journal.md: a change needs a new version."""
    state = make_state(9)
    save_snapshot(tmp_path / "s", state, RULES, note=b"a note")
    capacities = json.dumps(
        {name: number for number, name in enumerate(TABLE_NAMES, 3)}, separators=(",", ":")
    ).encode()
    header = b"SEAWALLS" + struct.pack("<IIqq", 2, 0, 9, len(state)) + snapshot.state_layout()
    header += struct.pack("<IIQ", len(capacities), len(RULES), 6) + capacities + RULES + b"a note"
    header += hashlib.blake2b(header, digest_size=8).digest()
    expected = header + state.tobytes()
    expected += hashlib.blake2b(expected, digest_size=16).digest()
    assert (tmp_path / "s").read_bytes() == expected
    assert load_snapshot(tmp_path / "s").note == b"a note"


@pytest.mark.parametrize("compress", [False, True])
def test_a_state_of_many_chunks_is_read_back(tmp_path, monkeypatch, compress):
    monkeypatch.setattr(snapshot, "_CHUNK", 100)
    state = np.concatenate([make_state(1), np.zeros(5_000, np.uint8), make_state(2)])
    save_snapshot(tmp_path / "s", state, RULES, compress)
    assert (tmp_path / "s").stat().st_size < len(state) or not compress
    assert load_snapshot(tmp_path / "s").state.tobytes() == state.tobytes()


@pytest.mark.parametrize("compress", [False, True])
def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path, compress):
    path = tmp_path / "s"
    save_snapshot(path, make_state(5), RULES, compress)
    content = path.read_bytes()
    for offset in range(len(content)):
        damaged = bytearray(content)
        damaged[offset] ^= 1 << (offset % 8)
        path.write_bytes(damaged)
        with pytest.raises(SnapshotMismatch if 8 <= offset < 12 else SnapshotCorrupt):
            load_snapshot(path)
        path.write_bytes(content[:offset])
        with pytest.raises(SnapshotCorrupt):
            load_snapshot(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(SnapshotCorrupt, match="checksum" if compress else "holds"):
        load_snapshot(path)


def test_other_rules_capacities_layouts_and_formats_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "s"
    save_snapshot(path, make_state(), RULES)
    with pytest.raises(SnapshotMismatch, match="taken under other rules"):
        load_snapshot(path, b"other")
    with pytest.raises(SnapshotMismatch, match="capacities"):
        load_snapshot(path, RULES, {"orders": 9})
    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "state_layout", lambda: b"another!")
        with pytest.raises(SnapshotMismatch, match="state layout"):
            load_snapshot(path)
    monkeypatch.setattr(snapshot, "FORMAT_VERSION", 9)
    with pytest.raises(SnapshotMismatch, match="format 2; this program reads 9"):
        load_snapshot(path)


@pytest.mark.parametrize("stop", ["write", "fsync", "replace"])
def test_an_interrupted_save_leaves_the_old_snapshot(tmp_path, monkeypatch, stop):
    path = tmp_path / "s"
    save_snapshot(path, make_state(1), RULES)

    def fail(*_):
        raise OSError("stop")

    if stop == "write":
        monkeypatch.setattr(snapshot, "_with_checksum", lambda header, body: iter([header, None]))
    else:
        monkeypatch.setattr(os, stop, fail)
    with pytest.raises((OSError, TypeError)):
        save_snapshot(path, make_state(2), RULES)
    monkeypatch.undo()
    assert load_snapshot(path).sequence == 1
    assert os.listdir(tmp_path) == ["s"]


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(8, np.uint8), np.zeros(4096, np.int64), np.zeros(8192, np.uint8)[::2]],
    ids=["too short", "not bytes", "not contiguous"],
)
def test_what_is_no_state_is_not_saved(tmp_path, wrong):
    with pytest.raises(ValueError, match="state"):
        save_snapshot(tmp_path / "s", wrong, RULES)
    assert os.listdir(tmp_path) == []


# --- recovery


@given(
    st.lists(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=5), max_size=6), st.data()
)
@settings(max_examples=40, deadline=None)
def test_a_snapshot_and_the_tail_equal_a_full_replay(tmp_path_factory, frames, data):
    """Wherever the snapshot was taken, also in the middle of a frame."""
    folder = tmp_path_factory.mktemp("recovery")
    amounts = [amount for frame in frames for amount in frame]
    with JournalWriter(folder / "j", RULES) as writer:
        for frame in frames:
            writer.append(rows_of(frame))
            writer.commit()
    live = Toy()
    live.apply_rows(rows_of(amounts))
    assert recover(None, read_journal(folder / "j"), Toy).state.tobytes() == live.state.tobytes()

    cut = data.draw(st.integers(0, len(amounts)))
    early = Toy()
    early.apply_rows(rows_of(amounts[:cut]))
    save_snapshot(folder / "s", early.state, RULES)
    found = recover(load_snapshot(folder / "s"), read_journal(folder / "j"), Toy)
    assert found.state.tobytes() == live.state.tobytes()


def snapshot_at(folder, sequence, rules=RULES):
    save_snapshot(folder / "s", make_state(sequence, 8), rules)
    return load_snapshot(folder / "s")


def test_a_journal_that_begins_after_the_snapshot_is_refused(tmp_path):
    with JournalWriter(tmp_path / "j", RULES, first_sequence=10) as writer:
        writer.append(rows_of([1]))
    reader = read_journal(tmp_path / "j")
    assert recover(snapshot_at(tmp_path, 9), reader, Toy).sequence == 10
    with pytest.raises(RecoveryError, match="commands 9 to 9 are missing"):
        recover(snapshot_at(tmp_path, 8), reader, Toy)
    with pytest.raises(RecoveryError, match="commands 1 to 9 are missing"):
        recover(None, reader, Toy)


def test_a_journal_that_ends_before_the_snapshot_is_refused(tmp_path):
    with JournalWriter(tmp_path / "j", RULES) as writer:
        writer.append(rows_of([1, 2]))
    reader = read_journal(tmp_path / "j")
    assert recover(snapshot_at(tmp_path, 2), reader, Toy).sequence == 2
    with pytest.raises(RecoveryError, match="ends with command 2, before the snapshot's 3"):
        recover(snapshot_at(tmp_path, 3), reader, Toy)


def test_snapshot_and_journal_of_different_rules_are_refused(tmp_path):
    with JournalWriter(tmp_path / "j", RULES):
        pass
    with pytest.raises(RecoveryError, match="other rules"):
        recover(snapshot_at(tmp_path, 0, b"other"), read_journal(tmp_path / "j"), Toy)


def test_a_machine_that_counts_differently_is_noticed(tmp_path):
    class Forgetful(Toy):
        def apply_rows(self, rows):
            super().apply_rows(rows[1:])

    class Stale(Toy):
        def __init__(self, found):
            super().__init__()

    with JournalWriter(tmp_path / "j", RULES) as writer:
        writer.append(rows_of([1, 2]))
    reader = read_journal(tmp_path / "j")
    with pytest.raises(RecoveryError, match="after command 2 the engine counts 1"):
        recover(None, reader, Forgetful)
    with pytest.raises(RecoveryError, match="restored at command 0, not at 1"):
        recover(snapshot_at(tmp_path, 1), reader, Stale)
