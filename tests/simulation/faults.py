"""Journals that are killed on purpose: what was acknowledged must be there, and nothing else.

A file is cut at many bytes, with rubbish behind or without; a writing process is killed by the
system. Each time the recovered machine must be, to the byte, what the live one was.
"""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path

import numpy as np

from seawall.engine.engine import Engine
from seawall.engine.journal import JournalWriter, describe_rules, read_journal
from seawall.engine.snapshot import Snapshot, load_snapshot, recover, save_snapshot
from tests.simulation.worlds import EXTRA_TIERS, World, engine_of, stream, world_of

LONGEST_GROUP = 40
AHEAD = 4
"""Groups that a child writes beyond those whose acknowledgement was read."""


class Recording:
    """The commands of a seed and the state hash after each of them; index 0 is the fresh state."""

    def __init__(self, seed: int, count: int) -> None:
        self.seed = seed
        self.world = world_of(seed)
        self.rules = rules_of(self.world)
        engine = engine_of(self.world)
        self.hashes = [engine.state_hash()]
        rows = []
        for row in stream(seed, self.world, engine, count):
            engine.apply_rows(row)
            rows.append(row)
            self.hashes.append(engine.state_hash())
        self.rows = np.concatenate(rows)

    def restore(self, snapshot: Snapshot | None) -> Engine:
        engine = engine_of(self.world)
        if snapshot is not None:
            engine.restore(snapshot.state.tobytes())
        return engine

    def require(self, engine: Engine, expected: int, story: str) -> None:
        """The machine stands at a command and is what the live one was there."""
        if engine.sequence != expected or engine.state_hash() != self.hashes[expected]:
            raise AssertionError(
                f"seed {self.seed}, {story}: recovered command {engine.sequence}, acknowledged "
                f"{expected}; hash {engine.state_hash()} instead of {self.hashes[expected]}"
            )


def rules_of(world: World) -> bytes:
    return describe_rules(
        rulebook=world.rulebook,
        instruments=world.instruments,
        limits=world.limits,
        extra=EXTRA_TIERS,
    )


def groups(random: np.random.Generator, count: int) -> list[int]:
    """Sizes of group commits; the last three are small, so that every byte can be tried."""
    sizes: list[int] = []
    while (left := count - sum(sizes) - 6) > 0:
        sizes.append(min(left, int(random.integers(1, LONGEST_GROUP + 1))))
    return [*sizes, 3, 1, 2]


class KilledJournal:
    """A journal written in groups, with the offset and the sequence each commit acknowledged."""

    def __init__(self, recording: Recording, folder: Path) -> None:
        self.recording, self.folder = recording, folder
        self.random = np.random.default_rng(recording.seed + 7_000)
        self.path = folder / "journal"
        self.acknowledged: list[tuple[int, int]] = []
        engine = engine_of(recording.world)
        snapshot_at = int(self.random.integers(1, len(recording.rows) - 6))
        self.snapshot: Snapshot | None = None
        done = 0
        with JournalWriter(self.path, recording.rules) as writer:
            self.acknowledged.append((writer.end, 0))
            for size in groups(self.random, len(recording.rows)):
                rows = recording.rows[done : done + size]
                writer.append(rows)
                self.acknowledged.append((0, writer.commit()))
                self.acknowledged[-1] = (writer.end, self.acknowledged[-1][1])
                engine.apply_rows(rows)
                done += size
                if self.snapshot is None and done >= snapshot_at:
                    self.snapshot = self.take_snapshot(engine)
        self.content = self.path.read_bytes()
        recording.require(engine, len(recording.rows), "applied in groups")

    def take_snapshot(self, engine: Engine) -> Snapshot:
        path = self.folder / "snapshot"
        compress = bool(self.recording.seed % 2)
        save_snapshot(path, engine.buffer, self.recording.rules, compress)
        return load_snapshot(path, self.recording.rules)

    def cuts(self, samples: int, step: int) -> list[int]:
        """Bytes of the last three frames, all bytes around every frame's end, and some more."""
        ends = [offset for offset, _ in self.acknowledged]
        near = {end + distance for end in ends for distance in range(-2, 3)}
        chosen = near | set(range(ends[-4], ends[-1] + 1, step))
        chosen |= set(self.random.integers(ends[0], ends[-1], samples).tolist())
        return sorted(cut for cut in chosen if ends[0] <= cut <= ends[-1])

    def expected_at(self, cut: int) -> int:
        return max(sequence for offset, sequence in self.acknowledged if offset <= cut)

    def recover_cut(self, cut: int, rubbish: bytes) -> None:
        """The file ends at a byte, perhaps with rubbish behind: nothing acknowledged is lost."""
        path = self.folder / "cut"
        path.write_bytes(self.content[:cut] + rubbish)
        expected = self.expected_at(cut)
        snapshot = self.snapshot
        if snapshot is not None and (snapshot.sequence > expected or cut % 7 == 0):
            snapshot = None
        reader = read_journal(path, self.recording.rules)
        engine = recover(snapshot, reader, self.recording.restore)
        self.recording.require(engine, expected, f"cut at byte {cut} with {len(rubbish)} behind")

    def go_on(self, cut: int) -> None:
        """A writer repairs the cut file and goes on as if nothing had been."""
        path = self.folder / "continued"
        path.write_bytes(self.content[:cut])
        rows, rules = self.recording.rows, self.recording.rules
        engine = recover(None, read_journal(path, rules), self.recording.restore)
        with JournalWriter(path, rules) as writer:
            writer.append(rows[writer.sequence :])
        engine.apply_rows(rows[engine.sequence :])
        again = recover(self.snapshot, read_journal(path, rules), self.recording.restore)
        for one in (engine, again):
            self.recording.require(one, len(rows), f"continued after a cut at byte {cut}")
        path.unlink()

    def run(self, samples: int, step: int = 1) -> int:
        """How many cuts were recovered. Raises AssertionError."""
        cuts = self.cuts(samples, step)
        for cut in cuts:
            length = int(self.random.integers(0, 300)) if cut % 3 == 0 else 0
            self.recover_cut(cut, self.random.bytes(length))
        for cut in self.random.integers(self.acknowledged[0][0], len(self.content), 5).tolist():
            self.go_on(cut)
        first, again = (
            recover(None, read_journal(self.path, self.recording.rules), self.recording.restore)
            for _ in range(2)
        )
        self.recording.require(first, len(self.recording.rows), "replayed")
        self.recording.require(again, len(self.recording.rows), "replayed twice")
        return len(cuts)


def kill_children(recording: Recording, folder: Path, rounds: int = 3) -> list[int]:
    """Children that write the journal are killed by the system in the middle of their work."""
    random = np.random.default_rng(recording.seed + 8_000)
    rows = folder / "rows"
    rows.write_bytes(recording.rows.tobytes())
    path = folder / "killed"
    arguments = [sys.executable, "-m", "tests.simulation.faults", str(path), str(rows)]
    environment = {**os.environ, "SEAWALL_INTERPRETED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(part for part in sys.path if part)
    survived = []
    for number in range(rounds):
        process = subprocess.Popen(
            [*arguments, str(recording.seed), str(number)],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            with suppress(BrokenPipeError):
                process.stdin.write(".")
                process.stdin.flush()
            if len(lines) > random.integers(3, 12):
                break
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        with suppress(BrokenPipeError):
            process.stdin.close()
        told = [line.split() for line in lines if line.endswith("\n")]
        if not told and (not survived or survived[-1] < len(recording.rows)):
            raise AssertionError("the child acknowledged nothing")
        for sequence, found in told:
            if recording.hashes[int(sequence)] != found:
                raise AssertionError(f"the child's state after command {sequence} is another")
        engine = recover(None, read_journal(path, recording.rules), recording.restore)
        if told and engine.sequence < int(told[-1][0]):
            raise AssertionError(f"acknowledged {told[-1][0]}, recovered {engine.sequence}")
        recording.require(engine, engine.sequence, "after a kill")
        survived.append(engine.sequence)
    return survived


def write_until_killed(path: Path, rows_path: Path, seed: int, number: int) -> None:
    """The child: recover, then commit, apply and acknowledge group after group.

    It waits for the reader, so that it never has the end of its rows behind it before the kill.
    """
    from seawall.engine.tables import command_dtype

    rows = np.frombuffer(bytearray(rows_path.read_bytes()), command_dtype)
    random = np.random.default_rng([seed, number])
    world = world_of(seed)
    engine = engine_of(world)
    with JournalWriter(path, rules_of(world)) as writer:
        recover(None, read_journal(path, rules_of(world)), lambda _: engine)
        for done in count():
            if writer.sequence == len(rows):
                return
            if done >= AHEAD:
                sys.stdin.read(1)
            size = int(random.integers(1, 8))
            group = rows[writer.sequence : writer.sequence + size]
            writer.append(group)
            writer.commit()
            engine.apply_rows(group)
            print(engine.sequence, engine.state_hash(), flush=True)


def run_journals(seeds: list[int], count: int) -> int:
    """Every seed's journal cut and killed; 1 and the story at the first loss."""
    for seed in seeds:
        with tempfile.TemporaryDirectory() as name:
            try:
                recording = Recording(seed, count)
                cuts = KilledJournal(recording, Path(name)).run(samples=200)
                survived = kill_children(recording, Path(name))
            except AssertionError as error:
                print(f"VIOLATION seed {seed}: {error}")
                return 1
        print(f"seed {seed}: {count} commands, {cuts} cuts recovered, killed at {survived}")
    return 0


if __name__ == "__main__":
    journal, commands, *numbers = sys.argv[1:]
    write_until_killed(Path(journal), Path(commands), *map(int, numbers))
