"""What the measurements share: interleaved rounds, medians, and how a result is shown."""

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Contender = Callable[[], float]
"""Runs once and returns what it cost, in its own unit. Preparation is not part of the cost."""


@dataclass(frozen=True)
class Result:
    """One row of the table. ``met`` is None for a figure that has no target."""

    number: str
    what: str
    target: str
    stretch: str
    measured: str
    met: bool | None = None
    stretch_met: bool = False

    def verdict(self) -> str:
        if self.met is None:
            return ""
        return "stretch" if self.met and self.stretch_met else "yes" if self.met else "**no**"


def interleave(contenders: Mapping[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Costs by contender, one per round, each round running every contender once.

    A shared machine changes its speed by the minute; within one round it changes little, so
    ratios are taken round by round. The first round warms caches and is dropped.
    """
    costs: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            gc.collect()
            cost = contender()
            if number:
                costs[name].append(cost)
    return costs


def median_ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Median of the ratios of each round."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def processor_seconds(work: Callable[[], object]) -> float:
    """Processor time of this thread, so that neighbours on the machine count little."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def all_threads_seconds(work: Callable[[], object]) -> float:
    """Processor time of the whole process: of two threads, the sum."""
    start = time.process_time()
    work()
    return time.process_time() - start


def wall_seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def table(results: Sequence[Result]) -> str:
    """All results as one Markdown table."""
    lines = [
        "| # | what | target | stretch | measured | met? |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.number} | {r.what} | {r.target} | {r.stretch} | {r.measured} | {r.verdict()} |"
        for r in results
    ]
    return "\n".join(lines)


def main_of(measure: Callable[[bool], list[Result]], text: str | None) -> None:
    """The command line of one measurement."""
    parser = argparse.ArgumentParser(description=(text or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer messages and rounds")
    print(table(measure(parser.parse_args().quick)))
