"""P12: an hour of a whole market: 100,000 accounts, 20 markets, a decision of every agent a second.

    python -m benchmarks.cascade [--quick] [--calm] [--profile N] [--accounts N] [--rulebook NAME]
    python -m benchmarks.cascade --rulebook dydx --against hyperliquid [--rounds N]

Prices fall by a tenth to a third within the hour and come back in part, so that tens of thousands
of accounts are liquidated; ``--calm`` leaves them flat. Markets beyond those that ship are copies
of those under other names. Time is processor time of one thread, with the kernels loaded; memory
is the largest resident set of the process and the bytes of the machine's state. The profile is
taken in a second run of the same market, because it costs time itself. ``--against``: the same
market under another rulebook too, one after the other in each round, and the median of ratios.

The hot path must hold no Python per event: the profile's calls of functions of the package are
shown per second simulated and per event.
"""

import argparse
import cProfile
import pstats
import resource
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import structs

from seawall.accounts.markets import markets_under, shipped_markets
from seawall.domain.instrument import Instrument
from seawall.lab.cascade.setup import NO_HOLDINGS, MarketSetup
from seawall.lab.cascade.simulate import CascadeRun, simulate
from seawall.lab.market.assumptions import INTEREST, assumptions_of, leverages_of
from seawall.lab.market.liquidity import depths
from seawall.lab.simulation.assumptions import TradingAssumptions
from seawall.lab.simulation.population import Distribution
from seawall.lab.simulation.setup import Grid
from seawall.venues.rulebook_file import load_rulebook

ACCOUNTS = 100_000
MARKETS = 20
SECONDS = 3600
PRICES = {
    "BTC": 117_000.0, "ETH": 4_000.0, "SOL": 207.0, "BNB": 1_200.0, "HYPE": 45.0, "XRP": 2.7,
    "LTC": 130.0, "DOGE": 0.23, "AVAX": 28.0, "LINK": 21.0,
}  # fmt: skip
START_MS = 1_760_126_400_000
SHAPE = ((0.0, 0.0), (0.1, 0.0), (0.35, 0.5), (0.45, 0.3), (0.6, 1.0), (0.75, 0.5), (1.0, 0.45))
"""Share of the hour, share of the fall."""


class Figures(NamedTuple):
    """What one run cost and did."""

    processor_seconds: float
    wall_seconds: float
    megabytes: float
    run: CascadeRun


def market(accounts: int, markets: int, seconds: int, rulebook: str, *, calm: bool) -> MarketSetup:
    """The market of this measurement."""
    book = load_rulebook(rulebook)
    shipped = shipped_markets()
    listed: list[Instrument] = []
    for number in range(markets):
        one = shipped[list(PRICES)[number % len(PRICES)]]
        copy = number // len(PRICES)
        listed.append(structs.replace(one, name=f"{one.name}{copy}") if copy else one)
    names = [each.name for each in listed]
    first = np.asarray([PRICES[name.rstrip("0123456789")] for name in names])
    fall = np.asarray([0.0 if calm else 0.1 + 0.25 * n / markets for n in range(markets)])
    shares, depths_of_fall = zip(*SHAPE, strict=True)
    way = np.interp(np.linspace(0.0, 1.0, seconds), shares, depths_of_fall)
    wobble = np.cumsum(
        np.random.Generator(np.random.Philox(7)).normal(0, 1e-5, (seconds, markets)), 0
    )
    prices = first * (1.0 - way[:, None] * fall) * (1.0 if calm else np.exp(wobble))
    calm_book = depths(listed)
    interest = assumptions_of().values(INTEREST, leverages_of(listed))
    return MarketSetup(
        name="an hour",
        rulebook=book,
        instruments=tuple(markets_under(book, listed, shipped)),
        grid=Grid(
            times_ms=START_MS + 1000 * np.arange(seconds, dtype=np.int64),
            oracle=prices, outside=prices, middle=prices, depth=np.ones_like(prices),
        ),
        plan=NO_HOLDINGS,
        depths=tuple(calm_book[name] for name in names),
        open_interest=tuple(interest[name] for name in names),
        distribution=Distribution(accounts=accounts),
        assumptions=TradingAssumptions(),
    )  # fmt: skip


def measure(setup: MarketSetup) -> Figures:
    """One run."""
    wall, processor = time.perf_counter(), time.thread_time()
    run = simulate(setup)
    processor = time.thread_time() - processor
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Figures(processor, time.perf_counter() - wall, largest, run)


def table(figures: Figures) -> str:
    """What is reported."""
    run, seconds = figures.run, figures.processor_seconds
    simulated = len(run.series.times_ms)
    rows = [
        (
            "accounts, markets, seconds",
            f"{len(run.accounts):,}, {len(run.setup.markets)}, {simulated:,}",
        ),
        ("processor time, wall time", f"{seconds:.1f} s, {figures.wall_seconds:.1f} s"),
        ("faster than the market", f"{simulated / seconds:,.0f} x"),
        (
            "resident at most, state",
            f"{figures.megabytes:,.0f} MB, {run.state_bytes / 1e6:,.0f} MB",
        ),
        ("commands, a second", f"{run.commands:,}, {run.commands / seconds:,.0f}"),
        ("events, a second", f"{run.events:,}, {run.events / seconds:,.0f}"),
        ("calls of the machine", f"{run.batches:,}"),
        ("accounts liquidated", f"{int(run.is_liquidated.sum()):,}"),
        ("to the book, backstop, deleveraged, USD", ", ".join(
            f"{getattr(run.series, name).sum() / 1e6:,.0f}M"
            for name in ("sold_to_book", "to_backstop", "deleveraged"))),
        ("money conserved", str(run.is_conserved)),
        ("state hash", run.state_hash),
    ]  # fmt: skip
    return "\n".join(["| what | figure |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def profile(setup: MarketSetup, lines: int) -> str:
    """Where the time of a second run goes, by own time, and how often Python was called."""
    profiler = cProfile.Profile()
    run = profiler.runcall(simulate, setup)
    found = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in found.values())
    ranked = sorted(found.items(), key=lambda item: -item[1][2])[:lines]
    rows = [
        f"| {Path(file).name}:{name} | {calls:,} | {own:.2f} s | {100 * own / total:.1f} % |"
        for (file, _, name), (_, calls, own, _, _) in ranked
    ]
    ours = sum(calls for (file, _, _), (_, calls, _, _, _) in found.items() if "seawall" in file)
    seconds = len(run.series.times_ms)
    return "\n".join(
        [
            "", "| function | calls | own time | share |", "|---|---|---|---|", *rows, "",
            f"Calls of the package's functions: {ours / seconds:,.0f} a simulated second, "
            f"{ours / run.events:.3f} an event.",
        ]
    )  # fmt: skip


def compare(setups: list[MarketSetup], rounds: int) -> str:
    """Both markets in each round, by processor time; the first against the second."""
    names = [setup.rulebook.name for setup in setups]
    lines = [f"| round | {names[0]} | {names[1]} | ratio |", "|---|---|---|---|"]
    ratios = []
    for number in range(1, rounds + 1):
        one, other = (measure(setup).processor_seconds for setup in setups)
        ratios.append(one / other)
        lines.append(f"| {number} | {one:.1f} s | {other:.1f} s | {ratios[-1]:.2f} |")
    return "\n".join([*lines, f"| median | | | {np.median(ratios):.2f} |"])


def main() -> None:
    """Run the measurement and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2,000 accounts, 5 minutes")
    parser.add_argument("--calm", action="store_true", help="flat prices")
    parser.add_argument("--profile", type=int, default=16, help="lines of the profile, 0 for none")
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--rulebook", default="hyperliquid")
    parser.add_argument("--against", help="another rulebook, to compare with")
    parser.add_argument("--rounds", type=int, default=3, help="of a comparison")
    wishes = parser.parse_args()
    accounts, seconds = (2_000, 300) if wishes.quick else (wishes.accounts, SECONDS)
    books = [wishes.rulebook, wishes.against] if wishes.against else [wishes.rulebook]
    setups = [market(accounts, MARKETS, seconds, book, calm=wishes.calm) for book in books]
    for book in books:
        simulate(market(50, 2, 30, book, calm=False))
    if wishes.against:
        print(compare(setups, wishes.rounds))
        return
    setup = setups[0]
    print(table(measure(setup)))
    if wishes.profile:
        print(profile(setup, wishes.profile))


if __name__ == "__main__":
    main()
