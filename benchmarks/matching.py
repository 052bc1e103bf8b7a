"""P1, P2, P3: the full engine on the order flow, against Python books, scale and the journal.

    python -m benchmarks.matching [--quick]

P1 drives the same flow through the engine (margin checks, positions, fees, events; journal off;
batches of 4,096 into one reused outbox), through the books of ``peers``, which only match, and
through the C++ twin of ``twin.cpp``, which does the flow's whole work and makes the same events.
P2 is the engine alone with 8 markets and 1,000,000 accounts, where nearly every message meets
cold memory. P3 puts the durable journal before the engine, batches of 256; the disk's own rate
counts as reached within 5 %.
"""

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers, venue
from benchmarks.common import Result, interleave, main_of, median, median_ratio, processor_seconds
from benchmarks.flow import Flow, generate
from benchmarks.twin import Twin, compiler, start_of
from seawall.engine.engine import Engine
from seawall.engine.tables import command_dtype, event_dtype

JOURNAL_BATCH = 256
JOURNAL_MESSAGES = 100 * JOURNAL_BATCH
"""Short runs, so that the disk's moods meet both sides of a round."""
NAIVE_PREFIX = 4_000


class Prepared:
    """A flow, its finished rows, and a machine that stands before its first message."""

    def __init__(self, flow: Flow, warm: float = 0.0) -> None:
        self.flow = flow
        self.engine = venue.machine_for(flow)
        self.rows, self.counts = venue.resolve(flow, self.engine.fork())
        if (self.counts["fills"], self.counts["quantity"]) != (flow.fills, flow.quantity):
            raise AssertionError(f"the engine made {self.counts}, the model {flow.fills} fills")
        self.events = np.zeros(venue.EVENT_ROOM, event_dtype)
        self.start = int(len(flow) * warm)
        venue.run_rows(self.engine, self.rows[: self.start], self.events)
        self.timed = self.rows[self.start :]

    def nanoseconds(self) -> float:
        """Processor time per message of one run; taking the copy is not timed."""
        engine = self.engine.fork()
        seconds = processor_seconds(lambda: venue.run_rows(engine, self.timed, self.events))
        return seconds / len(self.timed) * 1e9


def check_peers(flow: Flow, messages: list[peers.Message], light: list[tuple[Any, ...]]) -> None:
    """All contenders make the same fills; the sorted book agrees with the naive one on each."""
    prefix = messages[:NAIVE_PREFIX]
    naive = peers.drive_counting(peers.NaiveBook, prefix, flow.markets)
    for book in (peers.SortedBook, peers.HeapBook):
        if peers.drive_counting(book, prefix, flow.markets) != naive:
            raise AssertionError(f"{book.__name__} does not match like the naive book")
        if peers.drive_counting(book, messages, flow.markets)[:2] != (flow.fills, flow.quantity):
            raise AssertionError(f"{book.__name__} made other fills")
    if peers.drive_light_counting(light) != (flow.fills, flow.quantity):
        raise AssertionError("lightmatchingengine made other fills")


def twin_of(prepared: Prepared) -> Twin | None:
    """The C++ twin before the flow, shown to make the same events; None without a compiler."""
    if compiler() is None:
        return None
    twin = Twin(start_of(prepared.flow, prepared.engine))
    twin.check(prepared.engine.fork(), prepared.rows)
    return twin


def against_twin(prepared: Prepared, costs: dict[str, list[float]]) -> Result:
    if "twin" not in costs:
        return Result("P1", "full engine against its C++ twin", "≤ 2.2x", "", "no C++ compiler")
    ratio, cost = median_ratio(costs["engine"], costs["twin"]), median(costs["twin"])
    return Result(
        "P1", f"full engine against its C++ twin, {prepared.counts['events']:,} equal events",
        "≤ 2.2x", "≤ 1.5x",
        f"{ratio:.2f}x ({median(costs['engine']):.0f} against {cost:.0f} ns)",
        ratio <= 2.2, ratio <= 1.5,
    )  # fmt: skip


def measure_p1(quick: bool, rounds: int) -> tuple[list[Result], Prepared]:
    flow = generate(100_000 if quick else 500_000)
    messages = flow.tuples()
    light = peers.light_messages(messages)
    check_peers(flow, messages, light)
    prepared = Prepared(flow)
    twin = twin_of(prepared)
    per_message = 1e9 / len(flow)
    costs = interleave(
        {
            **({} if twin is None else {"twin": lambda: twin.nanoseconds(prepared.rows)}),
            "engine": prepared.nanoseconds,
            "light": lambda: processor_seconds(lambda: peers.drive_light(light)) * per_message,
            "sorted": lambda: processor_seconds(
                lambda: peers.drive(peers.SortedBook, messages, 1)
            ) * per_message,
            "heap": lambda: processor_seconds(
                lambda: peers.drive(peers.HeapBook, messages, 1)
            ) * per_message,
        },
        rounds,
    )  # fmt: skip
    ratios = {name: median_ratio(costs[name], costs["engine"]) for name in costs}
    cost = {name: median(values) for name, values in costs.items()}
    counts = prepared.counts
    results = [
        Result(
            "P1", "full engine against lightmatchingengine, one market, 10,000 accounts",
            "≥ 25x", "≥ 60x",
            f"{ratios['light']:.1f}x ({cost['engine']:.0f} against {cost['light']:.0f} ns)",
            ratios["light"] >= 25, ratios["light"] >= 60,
        ),
        Result(
            "P1", "full engine against a careful sortedcontainers book", "≥ 8x", "≥ 20x",
            f"{ratios['sorted']:.1f}x ({cost['engine']:.0f} against {cost['sorted']:.0f} ns)",
            ratios["sorted"] >= 8, ratios["sorted"] >= 20,
        ),
        against_twin(prepared, costs),
        Result(
            "", "full engine against the same book over a dict and a heap", "", "",
            f"{ratios['heap']:.1f}x ({cost['heap']:.0f} ns)",
        ),
        Result(
            "", "that flow", "", "",
            f"{len(flow):,} messages, {counts['fills']:,} fills, {counts['events']:,} events, "
            f"{counts['rejected']:,} rejected",
        ),
    ]  # fmt: skip
    return results, prepared


def measure_p2(quick: bool, rounds: int, small: Prepared) -> list[Result]:
    messages, accounts = (100_000, 50_000) if quick else (2_000_000, 1_000_000)
    large = Prepared(generate(messages, markets=8, accounts=accounts), warm=0.5)
    costs = interleave({"large": large.nanoseconds, "small": small.nanoseconds}, rounds)
    ratio = median_ratio(costs["large"], costs["small"])
    large_cost, small_cost = median(costs["large"]), median(costs["small"])
    return [
        Result(
            "P2", f"eight markets and {accounts:,} accounts, per message against P1",
            "≤ 4x", "≤ 2x", f"{ratio:.2f}x ({large_cost:.0f} against {small_cost:.0f} ns)",
            ratio <= 4, ratio <= 2,
        )
    ]  # fmt: skip


def journaled_rate(prepared: Prepared, folder: Path) -> float:
    """Messages per second of wall time, each batch durable before it is applied.

    Commands wait in a queue; one thread commits group after group, the other applies them.
    """
    from seawall.engine.journal import JournalWriter, describe_rules

    engine = prepared.engine.fork()
    rows = prepared.timed[:JOURNAL_MESSAGES]
    path = folder / "journal"
    path.unlink(missing_ok=True)
    with (
        JournalWriter(path, describe_rules(name="benchmark")) as writer,
        ThreadPoolExecutor(1) as pool,
    ):

        def commit(start: int) -> None:
            writer.append(rows[start : start + JOURNAL_BATCH])
            writer.commit()

        begin = time.perf_counter()
        starts = range(0, len(rows), JOURNAL_BATCH)
        durable = [pool.submit(commit, start) for start in starts]
        for start, done in zip(starts, durable, strict=True):
            done.result()
            batch = rows[start : start + JOURNAL_BATCH]
            venue.run_rows(engine, batch, prepared.events, JOURNAL_BATCH)
        seconds = time.perf_counter() - begin
    return len(rows) / seconds


def disk_rate(prepared: Prepared, folder: Path) -> float:
    """Messages per second the disk takes in durable groups: the same bytes, write and sync only."""
    path = folder / "raw"
    path.unlink(missing_ok=True)
    rows = prepared.timed[:JOURNAL_MESSAGES]
    starts = range(0, len(rows), JOURNAL_BATCH)
    batches = [rows[start : start + JOURNAL_BATCH].tobytes() for start in starts]
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        begin = time.perf_counter()
        for batch in batches:
            os.write(descriptor, batch)
            os.fdatasync(descriptor)
        return len(rows) / (time.perf_counter() - begin)
    finally:
        os.close(descriptor)


def unjournaled_rate(prepared: Prepared) -> float:
    engine: Engine = prepared.engine.fork()
    rows = prepared.timed[:JOURNAL_MESSAGES]
    begin = time.perf_counter()
    venue.run_rows(engine, rows, prepared.events)
    return len(rows) / (time.perf_counter() - begin)


def measure_p3(rounds: int, prepared: Prepared) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="seawall-") as name:
        folder = Path(name)
        rates = interleave(
            {
                "journaled": lambda: journaled_rate(prepared, folder),
                "disk": lambda: disk_rate(prepared, folder),
                "engine": lambda: unjournaled_rate(prepared),
            },
            4 * rounds,
        )
    of_disk = median_ratio(rates["journaled"], rates["disk"])
    of_engine = median_ratio(rates["journaled"], rates["engine"])
    speed = {key: median(values) / 1e6 for key, values in rates.items()}
    return [
        Result(
            "P3", f"with the durable journal, batches of {JOURNAL_BATCH}, "
            f"{command_dtype.itemsize}-byte commands, wall time",
            "≥ 60 % of P1's rate, or the disk's own rate if lower", "",
            f"{of_engine:.0%} of P1's rate, {of_disk:.0%} of the disk's "
            f"({speed['journaled']:.2f} against {speed['engine']:.2f} and {speed['disk']:.2f} "
            "million a second)",
            of_engine >= 0.6 or of_disk >= 0.95,
        )
    ]  # fmt: skip


def measure(quick: bool = False) -> list[Result]:
    rounds = 3 if quick else 7
    results, prepared = measure_p1(quick, rounds)
    return results + measure_p2(quick, rounds, prepared) + measure_p3(rounds, prepared)


if __name__ == "__main__":
    main_of(measure, __doc__)
