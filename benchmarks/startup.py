"""P7: what a first and a later start cost, as whole processes, against ``import numba``.

    python -m benchmarks.startup [--quick]

Cold: compiling every kernel into an empty cache. Warm: ``seawall explain`` of an example account.
Processor time of the child, user and system, from its exit status.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import Result, interleave, main_of, median, median_ratio

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "account_hybrid.json"
IMPORT_NUMBA = "import numba"
EXPLAIN = "from seawall.cli.main import main; main()"
COMPILE_ALL = """
import importlib, pkgutil
import seawall.engine
for module in pkgutil.walk_packages(seawall.engine.__path__, "seawall.engine."):
    for value in list(vars(importlib.import_module(module.name)).values()):
        if type(value).__name__ == "_LazyEntry":
            value.load()
"""


def child_seconds(code: str, *arguments: str, cache: Path | None = None) -> float:
    """Processor time of ``python -c code arguments``."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT / "src"), *filter(None, [environment.get("PYTHONPATH")])]
    )
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
            "≤ 100x", "≤ 50x",
            f"{compile_ratio:.0f}x ({median(first['cold']):.1f} s against "
            f"{median(first['numba']):.2f} s)",
            compile_ratio <= 100, compile_ratio <= 50,
        ),
        Result(
            "P7", "warm `seawall explain`, whole process, against `import numba`",
            "≤ 2x", "≤ 1.2x",
            f"{explain_ratio:.2f}x ({median(warm['explain']):.2f} s against "
            f"{median(warm['numba']):.2f} s)",
            explain_ratio <= 2, explain_ratio <= 1.2,
        ),
        Result(
            "", "loading all kernels from a warm cache, whole process", "", "",
            f"{cached_ratio:.2f}x ({median(warm['cached']):.2f} s)",
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    main_of(measure, __doc__)
