"""P5 and P6: finding who can be liquidated after a mark-price tick, among 1,000,000 accounts.

    python -m benchmarks.sweep [--quick]

The accounts are built by the machine's own commands (CREATE_ACCOUNT, DEPOSIT, ADOPT_POSITION):
each holds 1, 2 or 3 cross positions (a quarter, a half, a quarter) in eight markets, long or
short, of 1,000 to 100,000 USD in all (evenly in the logarithm). Leverage at entry is a whole
number from 1 to 20, evenly; entries lie evenly within 4 % of the mark, so today's leverage is
spread around that. An account that would start within 0.2 % of its maintenance margin entered at
the mark instead.

The rulebook is the shipped one with the oracle as the mark, so that a tick is exactly as large as
it says, and without liquidation stages: a liquidatable account is reported by its
LIQUIDATION_STARTED event and stays as it is, so what the tick finds can be compared with the full
sweep after every single tick. Those accounts are found again on each later tick; their number is
shown, since finding them is part of the cost.
"""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks import venue
from benchmarks.common import (
    Result,
    all_threads_seconds,
    interleave,
    main_of,
    median,
    median_ratio,
    processor_seconds,
    wall_seconds,
)
from seawall.domain.enums import CommandKind, EventKind, MarkMethod
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.engine.tables import event_dtype
from seawall.venues.rulebook_file import load_rulebook

MARKETS = 8
START_PRICE = 600_000
MAINTENANCE = 0.01
"""Half of 1 / 50, the first tier of ``venue.TIERS``."""
TICKS = 20
"""Ticks in one round."""
THREADS = 2


def rulebook():
    """The shipped rulebook, except that nothing is done about a liquidatable account."""
    book = load_rulebook("hyperliquid")
    return msgspec.structs.replace(
        book,
        mark=msgspec.structs.replace(book.mark, method=MarkMethod.ORACLE_ONLY),
        liquidation=msgspec.structs.replace(
            book.liquidation, stages=(), liquidations_per_command=10**6
        ),
    )


def holdings(accounts: int, seed: int = 1) -> dict[str, NDArray[np.int64]]:
    """One entry for each position (account, market, signed size, entry, leverage), and deposits."""
    random = np.random.default_rng(seed)
    count = random.choice([1, 2, 3], accounts, p=[0.25, 0.5, 0.25])
    owner = np.repeat(np.arange(accounts), count)
    first = np.repeat(random.integers(0, MARKETS, accounts), count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    leverage = random.integers(1, 21, accounts)
    notional = 10 ** random.uniform(9, 11, accounts) / count
    size = np.maximum(1, (notional / START_PRICE).astype(np.int64))[owner]
    sign = random.choice([-1, 1], len(owner))
    entry_price = START_PRICE * (1 + random.uniform(-0.04, 0.04, len(owner)))
    profit = sign * size * (START_PRICE - entry_price)
    deposit = np.bincount(owner, size * entry_price) / leverage
    equity = deposit + np.bincount(owner, profit)
    is_thin = equity < 1.002 * MAINTENANCE * np.bincount(owner, size * START_PRICE)
    entry_price[is_thin[owner]] = START_PRICE
    deposit = np.bincount(owner, size * entry_price) / leverage
    return {
        "owner": owner,
        "market": (first + place) % MARKETS,
        "size": size,
        "side": (sign < 0).astype(np.int64),
        "entry": (size * entry_price).astype(np.int64),
        "leverage": leverage[owner],
        "deposit": deposit.astype(np.int64),
    }


def build(accounts: int) -> Engine:
    held = holdings(accounts)
    positions = len(held["owner"]) + 2 * MARKETS
    engine = Engine.create(
        rulebook(),
        venue.markets(MARKETS),
        limits=Limits(
            accounts=accounts + FIRST_USER, positions=positions, levels=400_000, nodes=100_000
        ),
    )
    venue.apply_all(engine, venue.oracle_rows(MARKETS, START_PRICE))
    venue.add_accounts(engine, accounts, held["deposit"])
    rows = venue.blank_rows(len(held["owner"]), CommandKind.ADOPT_POSITION)
    rows["account"] = held["owner"] + FIRST_USER
    rows["market"] = held["market"]
    rows["side"] = held["side"]
    rows["order_size"] = held["size"]
    rows["money"] = held["entry"]
    rows["leverage"] = held["leverage"]
    venue.apply_all(engine, rows)
    return engine


class Ticks:
    """A seeded walk of all marks by steps of a fixed size, one market at a time."""

    def __init__(self, engine: Engine, basis_points: int) -> None:
        self.engine = engine
        self.step = START_PRICE * basis_points // 10_000
        self.random = np.random.default_rng(basis_points)
        used = int(engine.tables["control"]["positions_used"][0])
        self.events = np.zeros(4 * used + 4_100_000 + venue.EVENT_ROOM, event_dtype)
        self.found: NDArray[np.int64] = np.zeros(0, np.int64)
        self.compared = 0
        self.next_market = 0

    def one(self) -> float:
        """Processor time in µs of one tick as the caller of ``apply_rows`` sees it."""
        market = self.next_market
        self.next_market = (market + 1) % MARKETS
        price = int(self.engine.tables["markets"]["oracle_price"][market])
        row = venue.blank_rows(1, CommandKind.SET_ORACLE_PRICE)
        row["market"] = market
        row["price"] = price + self.step * int(self.random.choice([-1, 1]))
        views = []
        seconds = processor_seconds(lambda: views.append(self.engine.apply_rows(row, self.events)))
        ((done, view),) = views
        assert done == 1, "the outbox of the benchmark is too small"
        started = view[view["kind"] == EventKind.LIQUIDATION_STARTED]
        self.found = np.sort(started["account"])
        return seconds * 1e6

    def compared_one(self) -> float:
        """A tick whose findings must be exactly those of the full sweep."""
        cost = self.one()
        swept = np.sort(self.engine.full_sweep(1)["account"])
        if not np.array_equal(swept, self.found):
            raise AssertionError(f"the tick found {len(self.found)}, the sweep {len(swept)}")
        self.compared += 1
        return cost

    def round(self) -> float:
        return float(np.mean([self.compared_one() for _ in range(TICKS)]))


def read_bytes(engine: Engine, pool: ThreadPoolExecutor) -> int:
    """Sum every word of what the sweep reads, in as many threads; returns the bytes."""
    control = engine.tables["control"]
    total = 0
    for name, used in (("accounts", "accounts_used"), ("positions", "positions_used")):
        table = engine.tables[name][: int(control[used][0])]
        words = table.view(np.uint8).view(np.int64)
        list(pool.map(np.add.reduce, np.array_split(words, THREADS)))
        total += words.nbytes
    return total


def measure(quick: bool = False) -> list[Result]:
    accounts, rounds = (50_000, 3) if quick else (1_000_000, 7)
    engine = build(accounts)
    walks = {size: Ticks(engine, size) for size in (1, 5)}
    first = walks[1].compared_one()
    with ThreadPoolExecutor(THREADS) as pool:
        costs = interleave(
            {
                "sweep": lambda: processor_seconds(lambda: engine.full_sweep(1)) * 1e6,
                "1 bp": walks[1].round,
                "5 bp": walks[5].round,
                "two threads": lambda: (
                    all_threads_seconds(lambda: engine.full_sweep(THREADS)) * 1e3
                ),
                "read": lambda: all_threads_seconds(lambda: read_bytes(engine, pool)) * 1e3,
                "wall": lambda: wall_seconds(lambda: engine.full_sweep(THREADS)) * 1e3,
                "read wall": lambda: wall_seconds(lambda: read_bytes(engine, pool)) * 1e3,
            },
            rounds,
        )
        read = read_bytes(engine, pool)
    cost = {name: median(values) for name, values in costs.items()}
    faster = {size: median_ratio(costs["sweep"], costs[f"{size} bp"]) for size in (1, 5)}
    over_read = median_ratio(costs["two threads"], costs["read"])
    compared = sum(walk.compared for walk in walks.values())
    return [
        Result(
            "P5", f"mark tick of 1 bp over {accounts:,} accounts, against the full sweep",
            "≥ 60x faster, same set on every tick", "≥ 200x",
            f"{faster[1]:.0f}x ({cost['1 bp']:.0f} against {cost['sweep']:,.0f} µs); "
            f"same set on {compared} of {compared} ticks",
            faster[1] >= 60, faster[1] >= 200,
        ),
        Result(
            "", "the same at 5 bp; the first tick, which examines every account; "
            "liquidatable at the end", "", "",
            f"{faster[5]:.0f}x ({cost['5 bp']:.0f} µs); {first / 1e3:,.0f} ms; "
            f"{len(walks[5].found):,}",
        ),
        Result(
            "P6", f"full sweep with two threads, against reading its {read / 1e6:,.0f} MB with two",
            "≤ 2.5x", "≤ 1.5x",
            f"{over_read:.1f}x ({cost['two threads']:.1f} against {cost['read']:.1f} ms of both "
            f"threads; wall {cost['wall']:.1f} against {cost['read wall']:.1f} ms)",
            over_read <= 2.5, over_read <= 1.5,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    main_of(measure, __doc__)
