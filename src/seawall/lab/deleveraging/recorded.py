"""The recorded day: what was measured of the deleveraging of 10 October 2025, wave by wave.

Two public sets of files; docs/commands/deleveraging.md says which, and where they are published.

The winners of each wave with their positions are in neither. **Stand-ins** take their place:
accounts of the second set in random order, until they could pay what the paper's winners could
(``total_cap``). Each stands with what was deleveraged of it that day: notional, profit, and as
equity the cash it had plus that profit; all as shorts in one market of price 1, since the fall of
that evening made shorts win. Close price and later price are those at which the whole wave, closed
in full, needs and loses what was measured: the average of all its markets.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from seawall.lab.arrays import Floats
from seawall.lab.deleveraging.wave import DeleveragingWave, WaveError, Winners
from seawall.lab.market.table_file import Table

OUTPUTS = "paper_outputs"
WAVES = "h0_two_pass_equity_delta_by_wave.csv"
GAPS = "h0_two_pass_wave_coin_gap_per_contract.csv"
PUBLISHED = "policy_per_wave_metrics.csv"
USERS = "adl_by_user_REALTIME.parquet"
USER_COLUMNS = ("adl_notional", "closed_pnl", "account_value_realtime")
MARKETS = "adl_net_volume_full_12min.csv"

MEASURED = {
    "deficit": "deficit_usd", "worst": "max_loss_usd", "needed": "budget_needed_usd",
    "production": "budget_prod_usd",
}  # fmt: skip
"""Fields of a wave, and their columns."""

COUNTERPARTS = {
    "rank_queue": "prod",
    "pro_rata_contracts": "contract_pr",
    "pro_rata_profit": "pr",
    "pro_rata_equity": "eq_pr",
    "projection": "vector",
}
"""Our policy and the columns of the published table that are about the same idea."""


class PublishedLine(Struct, frozen=True, kw_only=True):
    """``budget``: USD raised; ``max_pct``: the largest haircut over equity, cut at 1."""

    budget: float
    max_pct: float


class RecordedWave(Struct, frozen=True, kw_only=True):
    """One wave as measured. USD.

    ``deficit``: what the bankrupt were below zero; ``worst``: the largest of them. ``needed``: sum
    over fills of |mark - price| x size. ``production``: what the winners had less at the end of the
    wave than without deleveraging. ``capacity``: what the paper's winners could pay at most.
    ``closed``: notional of the wave's fills, at each market's average price of the day.
    ``published``: by the column's name.
    """

    number: int
    deficit: float
    worst: float
    needed: float
    production: float
    capacity: float
    closed: float
    published: Mapping[str, PublishedLine]

    @property
    def overshoot(self) -> float:
        return self.production - self.needed


class RecordedDay(Struct, frozen=True, kw_only=True, eq=False):
    """``notional``, ``profit``, ``equity``: USD of the n accounts, shape (n,)."""

    waves: Sequence[RecordedWave]
    notional: Floats
    profit: Floats
    equity: Floats


def read_recorded_day(folder: Path) -> RecordedDay:
    """Raises WaveError, where a file or a column is missing."""
    outputs = folder / OUTPUTS
    if not outputs.is_dir():
        raise WaveError(
            f"{folder}: a folder without {OUTPUTS}; give a file of waves, or the folder of the "
            "recorded day as docs/commands/deleveraging.md describes it"
        )
    closed = _closed_notional(outputs / GAPS, folder / MARKETS)
    waves, lines = (Table.read(outputs / name, WaveError, ()) for name in (WAVES, PUBLISHED))
    numbers, published = (each.integers(each.first_of("wave")).tolist() for each in (waves, lines))
    measured = {field: _column(waves, column) for field, column in MEASURED.items()}
    capacity = _column(lines, "total_cap")
    policies = {
        name: (_column(lines, f"budget_{name}"), _column(lines, f"max_pct_{name}"))
        for name in (each.removeprefix("budget_") for each in lines.columns)
        if {f"budget_{name}", f"max_pct_{name}"} <= set(lines.columns)
    }
    found = []
    for row, number in enumerate(numbers):
        if number not in published:
            raise lines.fail(f"wave {number} is missing")
        if closed.get(number, 0.0) <= 0:
            raise WaveError(f"{outputs / GAPS}: wave {number}: no market with a price")
        at = published.index(number)
        found.append(
            RecordedWave(
                number=number,
                capacity=float(capacity[at]),
                closed=closed[number],
                published={
                    policy: PublishedLine(budget=float(budget[at]), max_pct=float(most[at]))
                    for policy, (budget, most) in policies.items()
                },
                **{field: float(values[row]) for field, values in measured.items()},
            )
        )
    users = Table.parquet(folder / USERS, WaveError, USER_COLUMNS)
    notional, profit, cash = (_column(users, name) for name in USER_COLUMNS)
    return RecordedDay(waves=found, notional=notional, profit=profit, equity=cash + profit)


def stand_in_waves(day: RecordedDay, seed: int) -> list[DeleveragingWave]:
    """The day's waves with stand-ins for their winners; the same for the same seed."""
    random = np.random.default_rng(seed)
    can_pay = np.flatnonzero((day.profit > 0) & (day.equity > 0) & (day.notional > 0))
    return [_stand_in(day, wave, random.permutation(can_pay)) for wave in day.waves]


def _stand_in(day: RecordedDay, wave: RecordedWave, order: np.ndarray) -> DeleveragingWave:
    chosen = _chosen(np.minimum(day.profit, day.equity), order, wave.capacity)
    capacity = np.minimum(day.profit[chosen], day.equity[chosen]).sum()
    # What is missing to the capacity, a small part, is made up by all alike.
    scale = wave.capacity / capacity
    notional, profit = scale * day.notional[chosen], scale * day.profit[chosen]
    return DeleveragingWave(
        name=str(wave.number),
        winners=Winners(
            size=notional,
            entry_price=1 + profit / notional,
            equity=scale * day.equity[chosen],
        ),
        closes_longs=True,
        size=wave.closed,
        mark_price=1.0,
        close_price=1 + wave.needed / wave.closed,
        later_price=1 + (wave.needed - wave.production) / wave.closed,
        needed_usd=wave.needed,
        deficit_usd=wave.deficit,
        largest_deficit_usd=wave.worst,
    )


def _chosen(capacity: Floats, order: np.ndarray, most: float) -> np.ndarray:
    """Accounts in order as long as they fit; at least one."""
    chosen, total = [], 0.0
    for index in order:
        if total + capacity[index] <= most:
            chosen.append(index)
            total += capacity[index]
    return np.array(chosen or [order[np.argmin(capacity[order])]])


def _closed_notional(gaps: Path, markets: Path) -> dict[int, float]:
    """USD by wave: contracts that were deleveraged, at each market's average price."""
    prices, fills = (Table.read(path, WaveError, ()) for path in (markets, gaps))
    names = prices.columns[prices.first_of("ticker")]
    price = dict(zip(names, _column(prices, "avg_price").tolist(), strict=True))
    closed: dict[int, float] = {}
    waves = fills.integers(fills.first_of("wave")).tolist()
    coins = fills.columns[fills.first_of("coin")]
    contracts = _column(fills, "qty_contracts").tolist()
    for wave, coin, size in zip(waves, coins, contracts, strict=True):
        closed[wave] = closed.get(wave, 0.0) + size * price.get(coin, 0.0)
    return closed


def _column(table: Table, name: str) -> Floats:
    return table.numbers(table.first_of(name))
