"""One stream, many ways to apply it: compiled or not, in batches, forked, restored, replayed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seawall.engine.engine import Engine, EngineError
from seawall.engine.journal import JournalWriter, read_journal
from seawall.engine.layout import Limits
from seawall.engine.snapshot import load_snapshot, recover, save_snapshot
from seawall.engine.tables import event_dtype
from tests.simulation.faults import Recording
from tests.simulation.simulate import interpreted_hashes, run_seed
from tests.simulation.worlds import engine_of

COMMANDS = 400


@pytest.fixture(scope="module", params=[0, 3, 17])
def recording(request: pytest.FixtureRequest) -> Recording:
    return Recording(request.param, COMMANDS)


def split(rows: np.ndarray, sizes: Iterator[int]) -> Iterator[np.ndarray]:
    done = 0
    while done < len(rows):
        size = next(sizes)
        yield rows[done : done + size]
        done += size


def forever(seed: int, most: int) -> Iterator[int]:
    random = np.random.default_rng(seed)
    while True:
        yield int(random.integers(1, most + 1))


def test_compiled_and_interpreted_end_in_the_same_bytes() -> None:
    seeds = [6, 12]
    assert interpreted_hashes(seeds, 120) == {s: run_seed(s, 120).state_hash for s in seeds}


@pytest.mark.parametrize("most", [2, 50, 10_000])
def test_batches_of_any_size_are_the_single_commands(recording: Recording, most: int) -> None:
    single, batched = engine_of(recording.world), engine_of(recording.world)
    for rows in split(recording.rows, forever(most, most)):
        expected = [single.apply_rows(rows[i : i + 1])[1].copy() for i in range(len(rows))]
        count, events = batched.apply_rows(rows)
        assert count == len(rows)
        assert events.tobytes() == np.concatenate(expected).tobytes()
        assert batched.state_hash() == recording.hashes[batched.sequence]
    assert single.state_hash() == batched.state_hash() == recording.hashes[-1]


def test_a_small_outbox_only_splits_the_batch(recording: Recording) -> None:
    engine, told = engine_of(recording.world), engine_of(recording.world)
    outbox = np.zeros(20_000, event_dtype)
    parts, done = [], 0
    while done < len(recording.rows):
        count, events = engine.apply_rows(recording.rows[done:], outbox)
        assert count > 0
        parts.append(events.copy())
        done += count
    _, expected = told.apply_rows(recording.rows)
    assert np.concatenate(parts).tobytes() == expected.tobytes()
    assert engine.state_hash() == recording.hashes[-1]


def test_a_fork_is_independent(recording: Recording) -> None:
    middle = len(recording.rows) // 2
    engine = engine_of(recording.world)
    engine.apply_rows(recording.rows[:middle])
    fork = engine.fork()
    assert fork.state_hash() == engine.state_hash()
    engine.apply_rows(recording.rows[middle:])
    assert fork.state_hash() == recording.hashes[middle]
    fork.apply_rows(recording.rows[middle:])
    assert fork.state_hash() == engine.state_hash() == recording.hashes[-1]
    fork.apply_rows(recording.rows[:1])
    assert engine.state_hash() == recording.hashes[-1]


def test_a_snapshot_goes_on_where_it_was_taken(recording: Recording) -> None:
    middle = len(recording.rows) * 2 // 3
    engine = engine_of(recording.world)
    engine.apply_rows(recording.rows[:middle])
    taken = engine.snapshot()
    engine.apply_rows(recording.rows[middle:])
    other = engine_of(recording.world)
    other.apply_rows(recording.rows[:10])
    other.restore(taken)
    assert other.state_hash() == recording.hashes[middle]
    other.apply_rows(recording.rows[middle:])
    assert other.state_hash() == engine.state_hash() == recording.hashes[-1]


def test_a_snapshot_of_another_machine_is_refused(recording: Recording) -> None:
    engine = engine_of(recording.world)
    bigger = recording.world._replace(limits=Limits(accounts=32))
    with pytest.raises(EngineError):
        engine.restore(engine_of(bigger).snapshot())
    assert engine.state_hash() == recording.hashes[0]


def test_replay_is_live_also_from_a_snapshot(recording: Recording, tmp_path: Path) -> None:
    cut = len(recording.rows) // 3
    live = engine_of(recording.world)
    with JournalWriter(tmp_path / "journal", recording.rules) as writer:
        for rows in split(recording.rows, forever(4, 30)):
            writer.append(rows)
            writer.commit()
            live.apply_rows(rows)
            if live.sequence >= cut and not (tmp_path / "snapshot").exists():
                save_snapshot(tmp_path / "snapshot", live.buffer, recording.rules)
    snapshot = load_snapshot(tmp_path / "snapshot", recording.rules)
    for start in (None, None, snapshot):
        journal = read_journal(tmp_path / "journal", recording.rules)
        recovered: Engine = recover(start, journal, recording.restore)
        assert recovered.state_hash() == live.state_hash() == recording.hashes[-1]
