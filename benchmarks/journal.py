"""Durable rows per second: the journal against a bare file with fdatasync, in the same run.

    python benchmarks/journal.py [folder] [--rounds 7] [--seconds 0.5]

For each batch size the two take turns commit by commit, so that a busy disk disturbs both alike;
figures are medians of the rounds, the ratio too. The bare file writes the same rows in one write
and waits for ``fdatasync``: the disk's own rate of group commits. The last column is the journal's
work without the wait.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.engine.journal import JournalWriter, describe_rules, read_journal
from seawall.engine.tables import command_dtype

BATCHES = (1, 64, 256)
Commit = Callable[[], object]


def bare_commit(folder: Path, content: bytes) -> tuple[Commit, Commit]:
    """Write ``content`` and sync; and what closes the file."""
    path = folder / "bare"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)

    def commit() -> None:
        os.write(descriptor, content)
        os.fdatasync(descriptor)

    def close() -> None:
        os.close(descriptor)
        path.unlink()

    return commit, close


def journal_commit(folder: Path, rows: NDArray[Any]) -> tuple[Commit, Commit]:
    path = folder / "journal"
    writer = JournalWriter(path, describe_rules(benchmark=True))
    encoded = bytearray(rows.tobytes())  # as a host has them

    def commit() -> None:
        writer.append_bytes(encoded)
        writer.commit()

    def close() -> None:
        writer.close()
        path.unlink()

    return commit, close


def measure(folder: Path, batch: int, rounds: int, seconds: float) -> list[tuple[float, float]]:
    """Rows per second of (bare file, journal), one pair a round; single commits take turns."""
    rows = np.zeros(batch, command_dtype)
    found = []
    for _ in range(rounds):
        pairs = [bare_commit(folder, rows.tobytes()), journal_commit(folder, rows)]
        spent = [0.0, 0.0]
        count = 0
        while sum(spent) < 2 * seconds:
            for place, (commit, _close) in enumerate(pairs):
                start = time.perf_counter()
                commit()
                spent[place] += time.perf_counter() - start
            count += batch
        for _commit, close in pairs:
            close()
        found.append((count / spent[0], count / spent[1]))
    return found


def own_work(folder: Path, batch: int, rounds: int, seconds: float) -> float:
    """Microseconds of processor time of a commit without the wait for the disk."""
    rows = np.zeros(batch, command_dtype)
    sync, os.fdatasync = os.fdatasync, lambda _: None  # type: ignore[assignment]
    try:
        found = []
        for _ in range(rounds):
            commit, close = journal_commit(folder, rows)
            count = int(seconds * 5_000)
            start = time.process_time()
            for _ in range(count):
                commit()
            found.append((time.process_time() - start) / count * 1e6)
            close()
    finally:
        os.fdatasync = sync
    return statistics.median(found)


def reading_rate(folder: Path) -> float:
    """Rows per second of reading a journal of frames of 256 back, checksums verified."""
    path = folder / "journal"
    with JournalWriter(path, b"") as writer:
        for _ in range(500):
            writer.append(np.zeros(256, command_dtype))
            writer.commit()
    start = time.perf_counter()
    count = sum(len(rows) for rows in read_journal(path))
    return count / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", nargs="?", help="where to write; default: the temporary folder")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        print("| batch | bare file, rows/s | journal, rows/s | ratio | own work, µs a commit |")
        print("|--:|--:|--:|--:|--:|")
        for batch in BATCHES:
            pairs = measure(folder, batch, options.rounds, options.seconds)
            bare, journal = (statistics.median(side) for side in zip(*pairs, strict=True))
            ratio = statistics.median(journal / bare for bare, journal in pairs)
            work = own_work(folder, batch, options.rounds, options.seconds)
            print(f"| {batch} | {bare:,.0f} | {journal:,.0f} | {ratio:.2f} | {work:.1f} |")
        print(f"\nread back: {reading_rate(folder):,.0f} rows/s")


if __name__ == "__main__":
    main()
