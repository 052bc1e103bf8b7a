"""P7: what a first and a later start cost, as whole processes, against ``import numba``.

    python -m benchmarks.startup [--quick]
    python -m benchmarks.startup --against COMMIT   # starts only, this tree and an earlier one

Cold: compiling every kernel into an empty cache. Warm: ``seawall explain`` of an example account.
Processor time of the child, user and system, from its exit status; with ``--against`` also
instructions, counted by valgrind, which a busy machine does not change.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.against import unpack
from benchmarks.common import Result, interleave, main_of, median, median_ratio, table

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "account_hybrid.json"
IMPORT_NUMBA = "import numba"
EXPLAIN = "from seawall.cli.main import main; main()"
STARTS = {
    "python -c pass": ("pass",),
    "import seawall": ("import seawall",),
    "seawall --help": (EXPLAIN, "--help"),
    "seawall explain": (EXPLAIN, "explain", str(EXAMPLE)),
}
COMPILE_ALL = """
import importlib, pkgutil
import seawall.engine
for module in pkgutil.walk_packages(seawall.engine.__path__, "seawall.engine."):
    if module.name.endswith((".kernel_compiler", ".row_type")):
        continue  # which import Numba; an entry imports them itself where it is not loaded
    for value in list(vars(importlib.import_module(module.name)).values()):
        if type(value).__name__ == "_Entry":
            value.load()
"""


def child_seconds(
    code: str, *arguments: str, cache: Path | None = None, sources: Path = ROOT / "src"
) -> float:
    """Processor time of ``python -c code arguments``."""
    environment = with_sources(sources)
    if cache is not None:
        environment["SEAWALL_CACHE"] = str(cache)
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the child ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def with_sources(sources: Path) -> dict[str, str]:
    """The environment of a child that finds the package there."""
    paths = [str(sources), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"}


def instructions(code: str, *arguments: str, sources: Path = ROOT / "src") -> int:
    """Instructions of ``python -c code arguments``."""
    tool = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run(
        [*tool, sys.executable, "-c", code, *arguments],
        env=with_sources(sources), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"I +refs: +([\d,]+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1].replace(",", ""))


def against(commit: str, rounds: int = 9) -> list[Result]:
    """Each start on this tree against an earlier one, and against an empty program."""
    with tempfile.TemporaryDirectory(prefix="seawall-") as folder:
        unpack(commit, Path(folder))
        before = Path(folder) / "src"
        results = []
        for name, start in STARTS.items():
            costs = interleave(
                {
                    "empty": lambda: child_seconds("pass"),
                    "now": lambda start=start: child_seconds(*start),
                    "before": lambda start=start: child_seconds(*start, sources=before),
                },
                rounds,
            )
            counted, earlier = instructions(*start), instructions(*start, sources=before)
            results.append(
                Result(
                    "", f"`{name}`, against `python -c pass`; against {commit}", "", "",
                    f"{median_ratio(costs['now'], costs['empty']):.2f}x "
                    f"({median(costs['now']):.3f} against {median(costs['empty']):.3f} s); "
                    f"{median_ratio(costs['now'], costs['before']):.2f}x, in instructions "
                    f"{counted / earlier:.3f}x ({counted / 1e6:,.0f} million)",
                )
            )  # fmt: skip
    return results


def cold() -> float:
    with tempfile.TemporaryDirectory(prefix="seawall-") as folder:
        return child_seconds(COMPILE_ALL, cache=Path(folder))


def measure(quick: bool = False) -> list[Result]:
    rounds = 2 if quick else 7
    numba = lambda: child_seconds(IMPORT_NUMBA)  # noqa: E731
    warm = interleave(
        {
            "numba": numba,
            "explain": lambda: child_seconds(EXPLAIN, "explain", str(EXAMPLE)),
            "cached": lambda: child_seconds(COMPILE_ALL),
        },
        rounds,
    )
    first = interleave({"numba": numba, "cold": cold}, 1 if quick else 3)
    compile_ratio = median_ratio(first["cold"], first["numba"])
    explain_ratio = median_ratio(warm["explain"], warm["numba"])
    cached_ratio = median_ratio(warm["cached"], warm["numba"])
    return [
        Result(
            "P7", "cold compile of all kernels, whole process, against `import numba`",
            "≤ 30x", "",
            f"{compile_ratio:.0f}x ({median(first['cold']):.1f} s against "
            f"{median(first['numba']):.2f} s)",
            compile_ratio <= 30,
        ),
        Result(
            "P7", "warm `seawall explain`, whole process, against `import numba`",
            "≤ 1.2x", "",
            f"{explain_ratio:.2f}x ({median(warm['explain']):.2f} s against "
            f"{median(warm['numba']):.2f} s)",
            explain_ratio <= 1.2,
        ),
        Result(
            "P7", "loading all kernels from a warm cache, whole process, against `import numba`",
            "≤ 1.3x", "",
            f"{cached_ratio:.2f}x ({median(warm['cached']):.2f} s against "
            f"{median(warm['numba']):.2f} s)",
            cached_ratio <= 1.3,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--against"] and len(sys.argv) == 3:
        print(table(against(sys.argv[2])))
    else:
        main_of(measure, __doc__)
