"""The order flow on this tree against an earlier commit, in one run.

    python -m benchmarks.against COMMIT [--messages N] [--rounds N]

Two processes, one for each tree, run the very same flow in turns; what counts is the median of
the ratios of neighbouring rounds, in processor time. Above 1 this tree is slower.
"""

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import median

WORKER = """
import sys, time
import numpy as np
from benchmarks import venue
from benchmarks.flow import generate
from seawall.engine.tables import event_dtype
flow = generate(int(sys.argv[1]), markets=4)
machine = venue.machine_for(flow)
rows, _ = venue.resolve(flow, machine.fork())
events = np.zeros(1 << 16, event_dtype)
venue.run_rows(machine.fork(), rows, events)
print("ready", flush=True)
for _ in sys.stdin:
    engine = machine.fork()
    start = time.process_time()
    venue.run_rows(engine, rows, events)
    print(time.process_time() - start, flush=True)
"""


def unpack(commit: str, folder: Path) -> None:
    """The sources of a commit. Raises SystemExit for a commit that git does not know."""
    done = subprocess.run(
        ["git", "archive", commit, "src", "benchmarks"], capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{commit!r} is not a commit here: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


@contextmanager
def worker(tree: Path, messages: int) -> Iterator["subprocess.Popen[str]"]:
    """A process that has compiled the kernels of a tree and waits to be told to run."""
    path = os.pathsep.join([str(tree / "src"), str(tree)])
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(messages)],
        cwd=tree, env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise SystemExit(f"the flow did not run on {tree}")
        yield process
    finally:
        process.terminate()
        process.wait()


def seconds(process: "subprocess.Popen[str]") -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("commit")
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        before = Path(name)
        unpack(chosen.commit, before)
        with (
            worker(before, chosen.messages) as old,
            worker(Path.cwd(), chosen.messages) as new,
        ):
            pairs = []
            for number in range(chosen.rounds):
                pairs.append((seconds(old), seconds(new)))
                print(f"round {number + 1} of {chosen.rounds}", file=sys.stderr, flush=True)
    ratio = median([new_time / old_time for old_time, new_time in pairs])
    best = min(new_time for _, new_time in pairs) / min(old_time for old_time, _ in pairs)
    print(f"{chosen.messages} messages: median of paired ratios {ratio:.3f}, of minima {best:.3f}")


if __name__ == "__main__":
    main()
