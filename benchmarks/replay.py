"""P11: a recorded book through the engine, against hftbacktest on the same events.

    python -m benchmarks.replay RECORDING.parquet [--quick] [--peer PYTHON]

The recording is one of full-depth changes and trades (``docs/commands/vet.md``). Each recorded row
is one event. Ours: the plan of the commands and the engine that applies them (three accounts with
margin, positions, fees and events), reading of the file left out. The peer's: hftbacktest's replay
with its market maker, the strategy of its README example with a decision every 100 ms, in an
environment of its own (``--peer`` is its Python, with hftbacktest and pyarrow), because its pins
are not ours. It keeps no margin. Both run in processes of their own and tell processor time, after
one run that compiles; rounds are interleaved.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.common import Result, interleave, median, median_ratio, processor_seconds, table
from seawall.lab.market.book_replay import Replay
from seawall.lab.market.book_replay_file import Recording, read_recording

PEER_BOOKS = {"vector": "its book a vector of ticks", "map": "its book a hash map"}
PEER = Path(__file__).with_name("replay_peer.py")


def ours(recording: Recording) -> float:
    """Processor time per event, ns; the machine is made before."""
    replay = Replay(recording)
    return processor_seconds(replay.run) / len(recording.kinds) * 1e9


class Peer:
    """hftbacktest in a process that answers a line with the cost of one run."""

    def __init__(self, python: Path, recording: Path, folder: Path) -> None:
        # Its environment must not see this project's packages.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        self._process = subprocess.Popen(
            [python, PEER, recording, folder / "events.npz"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self.about = self._ask()

    def _ask(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the peer ended; see its complaint above")
        answer: dict[str, float] = json.loads(line)
        return answer

    def nanoseconds(self, book: str) -> float:
        """Processor time per event of one run with one of its books."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{book}\n")
        self._process.stdin.flush()
        return self._ask()["ns"]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def measure(path: Path, quick: bool = False, peer_python: Path | None = None) -> list[Result]:
    rounds = 3 if quick else 9
    recording = read_recording(path, "BTC")
    replay = Replay(recording)
    reached = replay.run()
    contenders: dict[str, Callable[[], float]] = {"ours": lambda: ours(recording)}
    with tempfile.TemporaryDirectory(prefix="seawall-") as name:
        peer = None if peer_python is None else Peer(peer_python, path, Path(name))
        if peer is not None:
            for book in PEER_BOOKS:
                contenders[book] = partial(peer.nanoseconds, book)
        costs = interleave(contenders, rounds)
        if peer is not None:
            peer.close()
    cost = median(costs["ours"])
    results = [
        Result(
            "", "a recorded book through the engine, plan and machine", "", "",
            f"{cost:.0f} ns an event, {1e3 / cost:.1f} million events a second",
        ),
        Result(
            "", "that recording", "", "",
            f"{len(recording.kinds):,} events, {replay.commands:,} commands, {replay.events:,} "
            f"events of the machine, {reached.share:.1%} of {reached.trades:,} trades met the book",
        ),
    ]  # fmt: skip
    if peer is not None:
        for number, (book, words) in enumerate(PEER_BOOKS.items()):
            ratio = median_ratio(costs[book], costs["ours"])
            results.insert(
                number,
                Result(
                    "P11", f"events per second against hftbacktest's market maker, {words}",
                    "≥ 0.5x", "≥ 1x",
                    f"{ratio:.2f}x ({cost:.0f} against {median(costs[book]):.0f} ns an event)",
                    ratio >= 0.5, ratio >= 1,
                ),
            )  # fmt: skip
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--peer", type=Path, help="Python of an environment with hftbacktest")
    chosen = parser.parse_args()
    if not chosen.recording.is_file():
        sys.exit(f"{chosen.recording}: no such file")
    print(table(measure(chosen.recording, chosen.quick, chosen.peer)))


if __name__ == "__main__":
    main()
