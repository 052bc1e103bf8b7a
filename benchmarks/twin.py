"""The C++ twin of ``twin.cpp``: compiled where there is a compiler, and shown to do the same.

    python -m benchmarks.twin    # its instructions per message, counted by valgrind

It is the limit to measure against: what a compiler makes of the flow's own work, without the rules
that the flow never meets. Before it is timed, its events are compared with the engine's, byte by
byte.
"""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import venue
from benchmarks.common import processor_seconds
from benchmarks.flow import PRICE_UNITS_PER_TICK, START_TICK, Flow, generate
from seawall.domain.enums import CommandKind, EventKind, FillFlag, Reason, Side, TimeInForce
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.engine import Engine
from seawall.engine.tables import command_dtype, event_dtype

SOURCE = Path(__file__).with_name("twin.cpp")
COMPILERS = ("g++", "clang++")
FLAGS = ("-O3", "-std=c++17", "-shared", "-fPIC")
OLDER, NATIVE = "-march=haswell", "-march=native"
"""Valgrind knows no AVX-512."""
COUNTED = 400_000
COUNTING = "SEAWALL_TWIN_IS_COUNTED"
COUNTED_SO = {
    COUNTING: "1",
    "SEAWALL_INTERPRETED": "1",
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
}
CODES = (
    CommandKind.PLACE_ORDER, CommandKind.CANCEL_ORDER, EventKind.ORDER_ACCEPTED,
    EventKind.ORDER_FILLED, EventKind.ORDER_CANCELLED, EventKind.COMMAND_REJECTED,
    Reason.CANCELLED_BY_USER, Reason.IMMEDIATE_REMAINDER, TimeInForce.IMMEDIATE_OR_CANCEL,
    FillFlag.TAKER, FillFlag.BUYER, Side.BUY, Reason.INSUFFICIENT_MARGIN, Reason.ORDER_NOT_FOUND,
    Reason.PRICE_NOT_ON_TICK, Reason.BELOW_MINIMUM_VALUE,
)  # fmt: skip
"""In the order of ``Codes`` in the source."""
_COMMAND = (
    "time_ms price order_size trigger_price order_id client_id_high client_id_low money",
    "kind account market side flags time_in_force leverage mode other_account status",
)
_EVENT = ("sequence order_id price order_size money closed_profit position_size",
          "kind reason account market counterparty flags")  # fmt: skip
_Int, _Pointer = ctypes.c_int64, ctypes.c_void_p


def compiler() -> str | None:
    """A C++ compiler of this computer."""
    return next((each for each in COMPILERS if shutil.which(each)), None)


@cache
def _library() -> Any:
    """The compiled source. Raises RuntimeError without a compiler or where the rows differ."""
    found = compiler()
    if found is None:
        raise RuntimeError(f"no C++ compiler: one of {', '.join(COMPILERS)}")
    for row, (long, short) in ((command_dtype, _COMMAND), (event_dtype, _EVENT)):
        plain = [(name, "<i8") for name in long.split()] + [(name, "<i4") for name in short.split()]
        if row != np.dtype(plain):
            raise RuntimeError(f"{SOURCE.name} has other rows than the engine: {row}")
    folder = tempfile.mkdtemp()
    target = Path(folder) / "twin.so"
    try:
        processor = OLDER if os.environ.get(COUNTING) else NATIVE
        subprocess.run([found, *FLAGS, processor, "-o", str(target), str(SOURCE)], check=True)
        library = ctypes.CDLL(str(target))
    finally:
        shutil.rmtree(folder)
    library.twin_create.restype = library.twin_fork.restype = _Pointer
    library.twin_create.argtypes = [_Pointer, *[_Int] * 8]
    library.twin_fork.argtypes = library.twin_free.argtypes = [_Pointer]
    library.twin_run.restype = _Int
    library.twin_run.argtypes = [_Pointer, _Pointer, _Int, _Pointer]
    return library


class Start(NamedTuple):
    """What a machine stands on before the first message."""

    markets: int
    accounts: int
    maker_rate: int
    taker_rate: int
    sequence: int


def start_of(flow: Flow, engine: Engine) -> Start:
    user = engine.tables["accounts"][FIRST_USER]
    rates = int(user["maker_rate"]), int(user["taker_rate"])
    return Start(flow.markets, flow.accounts, *rates, engine.sequence)


class Twin:
    """A machine in C++ that stands before the first message of a flow."""

    def __init__(self, start: Start) -> None:
        codes = np.array([int(each) for each in CODES], np.int64)
        self._start = _library().twin_create(
            codes.ctypes.data, start.markets, START_TICK * PRICE_UNITS_PER_TICK, FIRST_USER,
            start.accounts, venue.DEPOSIT, start.maker_rate, start.taker_rate, start.sequence,
        )  # fmt: skip

    def __del__(self) -> None:
        _library().twin_free(self._start)

    def check(self, engine: Engine, rows: venue.Rows) -> int:
        """Run the rows on both, and compare all events; returns their number. ``engine`` is used
        up. Raises AssertionError at the first difference."""
        machine = _library().twin_fork(self._start)
        mine = np.zeros(venue.EVENT_ROOM, event_dtype)
        theirs = mine.copy()
        done = seen = 0
        while done < len(rows):
            count, events = engine.apply_rows(rows[done : done + venue.BATCH], theirs)
            batch = rows[done : done + count]
            made = self._run(machine, batch, mine)
            if made != len(events) or mine[:made].tobytes() != events.tobytes():
                raise AssertionError(_difference(events, mine[:made]))
            done, seen = done + count, seen + made
        _library().twin_free(machine)
        return seen

    def nanoseconds(self, rows: venue.Rows) -> float:
        """Processor time per message of one run."""
        return self.seconds(rows) / len(rows) * 1e9

    def seconds(self, rows: venue.Rows) -> float:
        """Processor time of one run; taking the copy is not timed."""
        machine = _library().twin_fork(self._start)
        events = np.zeros(venue.EVENT_ROOM, event_dtype)
        seconds = processor_seconds(lambda: self._all(machine, rows, events))
        _library().twin_free(machine)
        return seconds

    def _all(self, machine: int, rows: venue.Rows, events: venue.Rows) -> None:
        for start in range(0, len(rows), venue.BATCH):
            self._run(machine, rows[start : start + venue.BATCH], events)

    def _run(self, machine: int, rows: venue.Rows, events: venue.Rows) -> int:
        made: int = _library().twin_run(machine, rows.ctypes.data, len(rows), events.ctypes.data)
        return made


def _difference(wanted: venue.Rows, found: venue.Rows) -> str:
    for number in range(min(len(wanted), len(found))):
        if wanted[number] != found[number]:
            names = event_dtype.names or ()
            rows = [{name: int(row[number][name]) for name in names} for row in (wanted, found)]
            return f"event {number}: the engine {rows[0]}, the twin {rows[1]}"
    return f"the engine made {len(wanted)} events, the twin {len(found)}"


def instructions() -> float:
    """Of one message: what a pass takes beside one without messages, copying the machine too."""
    flow = generate(COUNTED)
    engine = venue.machine_for(flow)
    start = start_of(flow, engine)
    rows, _ = venue.resolve(flow, engine)
    tool = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    found = []
    with tempfile.TemporaryDirectory(prefix="seawall-") as folder:
        np.save(Path(folder) / "rows.npy", rows)
        for messages in (0, COUNTED):
            words = [folder, str(messages), *map(str, start)]
            done = subprocess.run(
                [*tool, sys.executable, "-m", "benchmarks.twin", *words],
                env={**os.environ, **COUNTED_SO},
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            counted = re.search(r"I +refs: +([\d,]+)", done.stderr)
            assert counted is not None, done.stderr
            found.append(int(counted[1].replace(",", "")))
    return (found[1] - found[0]) / COUNTED


def main() -> None:
    if len(sys.argv) == 1:
        print(f"{instructions():,.0f} instructions a message")
        return
    folder, messages, *start = sys.argv[1:]
    twin, rows = Twin(Start(*map(int, start))), np.load(Path(folder) / "rows.npy")
    twin.seconds(rows[: int(messages)])


if __name__ == "__main__":
    main()
