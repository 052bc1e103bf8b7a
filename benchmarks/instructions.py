"""Machine instructions per message: a measure that a noisy neighbour cannot change.

    python -m benchmarks.instructions [--messages N] [--functions N]

Runs the order flow under valgrind's callgrind and counts only while compiled kernels run; the
figure repeats within a few in a thousand, so a regression of 2 % is visible where a clock shows
nothing. With ``--functions`` the counts are also split by compiled function.

Valgrind knows no AVX-512, so kernels are compiled for an older processor and kept in a cache of
their own. Counting is switched on and off by valgrind's client request, a sequence of
instructions that does nothing outside valgrind.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from seawall.engine.kernel_code import SYMBOL, LoadedCode

START, STOP = 0x43540004, 0x43540005
"""callgrind's requests to start and stop instrumentation."""
OLDER_PROCESSOR = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx2,+bmi,+bmi2,+fma,+lzcnt,+popcnt,+sse4.2,+cx16",
}


def make_request() -> Any:
    """A compiled function that sends one client request to valgrind."""
    import llvmlite.binding
    import numba
    import numpy as np
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    llvmlite.binding.initialize_native_asmparser()

    @intrinsic
    def send(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            i64 = ir.IntType(64)
            code = (
                "rolq $$3, %rdi\nrolq $$13, %rdi\nrolq $$61, %rdi\nrolq $$51, %rdi\n"
                "xchgq %rbx, %rbx"
            )
            kind = ir.FunctionType(i64, [i64, i64])
            constraints = "={rdx},{rax},0,~{cc},~{memory}"
            assembly = ir.InlineAsm(kind, code, constraints, side_effect=True)
            return builder.call(assembly, [arguments[0], ir.Constant(i64, 0)])

        return types.int64(types.int64), generate

    @numba.njit(numba.int64(numba.int64))
    def request(address):
        return send(address)

    words = np.zeros(6, np.uint64)

    def tell(code: int) -> None:
        words[0] = code
        request(words.ctypes.data)

    return tell


def child(messages: int, folder: Path) -> None:
    """What runs under valgrind."""
    import numpy as np

    from benchmarks import venue
    from benchmarks.flow import generate
    from seawall.engine.tables import event_dtype

    saved = folder / "rows.npy"
    if not saved.exists():
        flow = generate(messages)
        rows, _ = venue.resolve(flow, venue.machine_for(flow))
        np.save(saved, rows)
        save_offsets(folder / "offsets")
        return
    rows = np.load(saved)
    engine = venue.machine_for(generate(messages))
    events = np.zeros(venue.EVENT_ROOM, event_dtype)
    warm = len(rows) // 10 // venue.BATCH * venue.BATCH
    venue.run_rows(engine, rows[:warm], events)
    (folder / "start").write_text(str(entry().address))
    tell = make_request()
    tell(START)
    venue.run_rows(engine, rows[warm:], events)
    tell(STOP)
    print(f"counted {len(rows) - warm}")


def entry() -> LoadedCode:
    from seawall.engine.transitions.continuous import apply

    return apply.apply_rows.load()  # type: ignore[attr-defined,no-any-return]


def save_offsets(path: Path) -> None:
    """Write where each compiled function lies relative to the entry, its size and name."""
    with tempfile.NamedTemporaryFile(suffix=".o") as file:
        file.write(entry().code)
        file.flush()
        listing = subprocess.run(
            ["nm", "-S", "--defined-only", file.name], capture_output=True, text=True, check=True
        ).stdout
    symbols = {}
    for line in listing.splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "tTwW":
            symbols[words[3]] = (int(words[0], 16), int(words[1], 16))
    start = symbols[SYMBOL][0]
    path.write_text(
        "".join(f"{at - start} {size} {name}\n" for name, (at, size) in symbols.items())
    )


def split_by_function(folder: Path) -> Counter[str]:
    """Instructions by compiled function, its own only."""
    base = int((folder / "start").read_text())
    functions = []
    for line in (folder / "offsets").read_text().splitlines():
        offset, size, name = line.split()
        start = base + int(offset)
        functions.append((start, start + int(size), readable(name)))
    counts: Counter[str] = Counter()
    after_call = False
    for line in (folder / "callgrind.out").read_text().splitlines():
        if line.startswith("calls="):
            after_call = True
            continue
        match = re.match(r"0x([0-9a-f]+) \d+ (\d+)$", line)
        if match and not after_call:
            address = int(match[1], 16)
            names = (name for start, stop, name in functions if start <= address < stop)
            counts[next(names, "outside kernels")] += int(match[2])
        after_call = False
    return counts


def readable(symbol: str) -> str:
    """The Python name inside Numba's mangled one: module and function."""
    names: list[str] = []
    place = symbol.find("N") + 1
    while match := re.match(r"\d+", symbol[place:]):
        place += len(match[0])
        names.append(symbol[place : place + int(match[0])])
        place += int(match[0])
    return ".".join(names[-2:]) or symbol[:60]


def count(messages: int, folder: Path, functions: int) -> float:
    """Instructions per message; prints the split when asked for."""
    environment = {**os.environ, **OLDER_PROCESSOR, "SEAWALL_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "benchmarks.instructions", "--child", str(folder)]
    command += ["--messages", str(messages)]
    (folder / "rows.npy").unlink(missing_ok=True)
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    out = folder / "callgrind.out"
    result = subprocess.run(
        [
            "valgrind", "--tool=callgrind", "--instr-atstart=no", "--dump-instr=yes",
            "--compress-pos=no", f"--callgrind-out-file={out}", *command,
        ],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    if result.returncode:
        raise SystemExit(result.stdout + result.stderr)
    total = int(re.search(r"Collected : (\d+)", result.stderr)[1])
    counted = int(re.search(r"counted (\d+)", result.stdout)[1])
    split = split_by_function(folder).most_common(functions) if functions else []
    for name, own in split:
        print(f"{own / counted:8.1f}  {name}")
    return total / counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--functions", type=int, default=0)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--keep", type=Path, help="a folder that keeps the compiled kernels")
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.messages, chosen.child)
        return
    if not shutil.which("valgrind"):
        raise SystemExit("valgrind is not installed")
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{count(chosen.messages, folder, chosen.functions):.1f} instructions a message")


if __name__ == "__main__":
    main()
