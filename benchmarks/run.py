"""All measurements, one table.

    python -m benchmarks.run [--quick] [--only matching,dispatch,...] [--write FILE]

Run from the root of the checkout. Prints Markdown and writes nothing unless asked to.
"""

import argparse
import importlib
import os
import platform
import sys
from pathlib import Path

from benchmarks.common import Result, table

MEASUREMENTS = ("matching", "dispatch", "sweep", "startup")


def machine() -> str:
    """What the figures were taken on, without naming the machine."""
    from importlib.metadata import version

    model = "unknown processor"
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return (
        f"{os.cpu_count()} processors ({model}), CPython {platform.python_version()}, "
        f"NumPy {version('numpy')}, Numba {version('numba')}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds: a smoke run")
    parser.add_argument("--only", default=",".join(MEASUREMENTS), help="names, comma separated")
    parser.add_argument("--write", type=Path, help="also write the table to this file")
    chosen = parser.parse_args()
    names = chosen.only.split(",")
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(MEASUREMENTS)}")
    results: list[Result] = []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        results += importlib.import_module(f"benchmarks.{name}").measure(chosen.quick)
    text = f"{machine()}\n\n{table(results)}\n"
    print(text, end="")
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
