"""Seeded streams of adversarial commands through the machine, audited after every command.

    python -m tests.simulation.simulate --seeds 0-199 --commands 5000 [--rulebook dydx]

The exit status is 1 at the first violation, which is printed with its seed, its command and the
events: the seed alone repeats it. ``docs/machine/testing.md`` tells the rest.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import numpy as np

from seawall.domain.enums import CommandKind, EventKind, Reason
from seawall.engine.engine import Engine
from seawall.engine.invariants import SENTENCES
from tests.rulebooks import RULEBOOKS
from tests.simulation.block_worlds import BLOCKS
from tests.simulation.books import Command, Fact, Violation
from tests.simulation.coverage import block_reasons
from tests.simulation.echo import Echo
from tests.simulation.plays import play_of

ECHO_EVERY = 5
"""Every such seed is also replayed, and forked in the middle."""
STAGES = ("BACKSTOP_TAKEN_OVER", "INSURANCE_PAID", "DELEVERAGED", "DELEVERAGING_STALLED")


class Saboteur:
    """Breaks the machine on purpose; a canary is one that does."""

    def before(self, engine: Engine, number: int, command: Command) -> None:
        """Called before a command is applied."""

    def after(self, engine: Engine, number: int, facts: list[Fact]) -> list[Fact]:
        """Called after it; what it returns is what the auditor is told."""
        return facts


@dataclass
class Result:
    seed: int
    commands: int = 0
    events: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    """Why orders were cancelled."""
    checks: int = 0
    state_hash: str = ""
    violation: str = ""
    number: int = 0
    """Of the violated invariant."""


class Simulation:
    """One seed. ``every``: how often the machine's own invariants are asked."""

    def __init__(
        self,
        seed: int,
        count: int,
        rulebook: str = "all",
        saboteur: Saboteur | None = None,
        every: int = 1,
    ) -> None:
        self.play = play_of(seed, rulebook)
        self.world, self.engine = self.play.world, self.play.engine
        self.seed, self.count, self.every = seed, count, every
        self.auditor = self.play.auditor
        self.saboteur = saboteur or Saboteur()
        self.result = Result(seed)
        names = self.engine.tables["control"].dtype.fields or {}
        self.sequence_bytes = slice(names["sequence"][1], names["sequence"][1] + 8)
        self.last: tuple[Command, list[Fact]] | None = None
        echoes = seed % ECHO_EVERY == 0 and saboteur is None
        self.echo = Echo(self.engine) if echoes else None

    def run(self) -> Result:
        try:
            for rows in self.play.stream(self.seed, self.world, self.engine, self.count):
                if self.echo is not None:
                    self.echo.note(self.engine, rows, self.count // 2)
                self.step(rows)
            if self.echo is not None:
                self.echo.check(self.engine)
        except Violation as violation:
            self.result.violation = self.describe(violation.number, violation.message)
        except Exception:
            self.result.violation = self.describe(0, traceback.format_exc())
        self.result.state_hash = self.engine.state_hash()
        return self.result

    def step(self, rows: np.ndarray) -> None:
        number = self.engine.sequence + 1
        before = self.engine.buffer.copy()
        command = Command(*rows[0].tolist())
        self.saboteur.before(self.engine, number, command)
        self.last = command, []
        _, events = self.engine.apply_rows(rows)
        facts = [Fact(*event) for event in events.tolist()]
        facts = self.saboteur.after(self.engine, number, facts)
        self.last = command, facts
        self.note(command, facts)
        if self.engine.sequence != number:
            raise Violation(17, f"{self.engine.sequence} commands are counted after {number}")
        if facts and facts[0].kind == EventKind.COMMAND_REJECTED:
            self.require_unchanged(before)
        self.auditor.audit(command, facts)
        self.auditor.compare(self.engine.tables)
        if number % self.every == 0:
            self.result.checks += 1
            broken = int(self.play.broken(self.engine))
            if broken:
                raise Violation(broken, SENTENCES[broken])

    def require_unchanged(self, before: np.ndarray) -> None:
        now = self.engine.buffer
        before[self.sequence_bytes] = now[self.sequence_bytes]
        if not np.array_equal(before, now):
            places = np.flatnonzero(before != now)[:8].tolist()
            where = ", ".join(sorted({self.name_of(place) for place in places}))
            raise Violation(14, f"a rejected command changed {where}")

    def name_of(self, place: int) -> str:
        """The table, row and field of a byte."""
        for name, table in self.engine.tables.items():
            start = table.ctypes.data - self.engine.buffer.ctypes.data
            if start <= place < start + table.nbytes:
                row, rest = divmod(place - start, table.dtype.itemsize)
                fields = (table.dtype.fields or {}).items()
                inside = [n for n, f in fields if f[1] <= rest < f[1] + f[0].itemsize]
                return f"{name}[{row}].{inside[0]}"
        return f"byte {place}"

    def note(self, command: Command, facts: list[Fact]) -> None:
        result = self.result
        result.commands += 1
        known = command.kind in tuple(CommandKind)
        result.kinds[CommandKind(command.kind).name if known else "UNKNOWN"] += 1
        for fact in facts:
            result.events[EventKind(fact.kind).name] += 1
            if fact.kind == EventKind.COMMAND_REJECTED:
                result.reasons[Reason(fact.reason).name] += 1
            if fact.kind == EventKind.ORDER_CANCELLED:
                result.ends[Reason(fact.reason).name] += 1

    def describe(self, number: int, message: str) -> str:
        """The sentence, and what is needed to repeat and to understand it."""
        self.result.number = number
        lines = [
            f"seed {self.seed}, command {self.engine.sequence}, rulebook "
            f"{self.world.rulebook.name}: invariant {number}: {message}"
        ]
        if self.last is not None:
            command, facts = self.last
            lines.append(f"  command: {shown(command)}")
            lines += [f"  event: {shown(fact)}" for fact in facts[-12:]]
        lines.append(
            f"  repeat: python -m tests.simulation.simulate --seeds {self.seed} "
            f"--commands {self.count} --rulebook '{self.play.option}'"
        )
        return "\n".join(lines)


def shown(row: Command | Fact) -> str:
    """The fields that are not zero, the kind by name."""
    family = CommandKind if isinstance(row, Command) else EventKind
    fields = {name: value for name, value in row._asdict().items() if value}
    if row.kind in tuple(family):
        fields["kind"] = family(row.kind).name
    return " ".join(f"{name}={value}" for name, value in fields.items())


def run_seed(seed: int, count: int, rulebook: str = "all", every: int = 1) -> Result:
    return Simulation(seed, count, rulebook, every=every).run()


def run_seeds(
    seeds: list[int], count: int, rulebook: str = "all", workers: int = 1
) -> Iterator[Result]:
    """Results in the order of the seeds."""
    if workers == 1:
        for seed in seeds:
            yield run_seed(seed, count, rulebook)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(run_seed, seed, count, rulebook) for seed in seeds]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def interpreted_hashes(seeds: list[int], count: int, rulebook: str = "all") -> dict[int, str]:
    """Final state hashes of the same seeds, uncompiled, in a process where overflow is an error."""
    arguments = [sys.executable, "-m", "tests.simulation.simulate", "--print-hashes"]
    arguments += ["--seeds", ",".join(map(str, seeds)), "--commands", str(count)]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.run(
        [*arguments, "--rulebook", rulebook],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if process.returncode:
        raise Violation(17, f"interpreted:\n{process.stdout[-3000:]}{process.stderr[-3000:]}")
    return {int(seed): found for seed, found in json.loads(process.stdout).items()}


def print_hashes(seeds: list[int], count: int, rulebook: str) -> int:
    np.seterr(over="raise")
    hashes = {}
    for seed in seeds:
        result = run_seed(seed, count, rulebook, every=25)
        if result.violation:
            print(result.violation)
            return 1
        hashes[seed] = result.state_hash
    print(json.dumps(hashes))
    return 0


def parse_seeds(text: str) -> list[int]:
    """``3``, ``0-199`` or a list of these with commas."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def summary(results: list[Result], seconds: float, rulebook: str = "all") -> str:
    events, reasons, kinds, ends = (Counter[str]() for _ in range(4))
    for result in results:
        events += result.events
        reasons += result.reasons
        kinds += result.kinds
        ends += result.ends
    commands = sum(result.commands for result in results)
    known = {r.name for r in Reason if 0 < r < 500}
    if rulebook == BLOCKS:
        known = block_reasons()
        unseen = sorted(known - set(reasons) - set(ends))
    else:
        unseen = sorted(known - set(reasons))

    def listed(counter: Counter[str]) -> str:
        return ", ".join(f"{name} {count:,}" for name, count in counter.most_common()) or "none"

    return "\n".join(
        [
            f"{len(results)} seeds, {commands:,} commands, {events.total():,} events in "
            f"{seconds:.0f} s ({1000 * seconds / max(1, commands):.2f} ms a command)",
            f"commands: {listed(kinds)}",
            f"events: {listed(events)}",
            f"rejections: {listed(reasons)}",
            f"orders ended: {listed(ends)}",
            f"reasons not met: {', '.join(unseen) or 'none'}",
            "liquidations: " + ", ".join(
                f"{name} {events[name]:,}" for name in ("LIQUIDATION_STARTED", *STAGES)
            ),
            f"{len(SENTENCES)} invariants of the state checked {sum(r.checks for r in results):,} "
            f"times, those of events with each of the {commands:,} commands",
        ]
    )  # fmt: skip


def check_interpreted(seeds: list[int], count: int, rulebook: str) -> int:
    """Compiled and interpreted end in the same bytes."""
    found = interpreted_hashes(seeds, count, rulebook)
    different = [s for s in seeds if run_seed(s, count, rulebook).state_hash != found[s]]
    print(f"compiled and interpreted: {len(seeds)} seeds of {count} commands, "
          f"{len(different)} differ {different or ''}")  # fmt: skip
    return 1 if different else 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.simulate")
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("0-9"), help="like 0-199")
    parser.add_argument("--commands", type=int, default=1000, help="of each seed")
    parser.add_argument("--rulebook", default="all", choices=["all", *RULEBOOKS, BLOCKS])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--interpreted", type=int, default=0, metavar="K", help="first K seeds")
    parser.add_argument("--journal", action="store_true", help="kill journals at many bytes")
    parser.add_argument("--canary", action="store_true", help="broken machines must be found")
    parser.add_argument("--print-hashes", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.print_hashes:
        return print_hashes(chosen.seeds, chosen.commands, chosen.rulebook)
    if chosen.canary:
        if chosen.rulebook == BLOCKS:
            from tests.simulation.block_canaries import run_block_canaries

            return run_block_canaries(chosen.seeds[0], chosen.commands)
        from tests.simulation.canaries import run_canaries

        return run_canaries(chosen.seeds[0], chosen.commands)
    if chosen.journal:
        from tests.simulation.faults import run_journals

        return run_journals(chosen.seeds, chosen.commands)
    return simulate(chosen)


def simulate(chosen: Any) -> int:
    start = told = time.monotonic()
    results: list[Result] = []
    for result in run_seeds(chosen.seeds, chosen.commands, chosen.rulebook, chosen.workers):
        results.append(result)
        if result.violation:
            print(summary(results, time.monotonic() - start, chosen.rulebook), flush=True)
            print(f"VIOLATION\n{result.violation}", flush=True)
            return 1
        if time.monotonic() - told > 10:
            told = time.monotonic()
            share = f"{len(results)} of {len(chosen.seeds)} seeds"
            print(f"{share}, {told - start:.0f} s, no violation", flush=True)
    print(summary(results, time.monotonic() - start, chosen.rulebook), flush=True)
    if chosen.interpreted:
        first = chosen.seeds[: chosen.interpreted]
        return check_interpreted(first, chosen.commands, chosen.rulebook)
    return 0


if __name__ == "__main__":
    sys.exit(main())
