"""A day of the past: vaults auctioned in lots as an hourly oracle passes their prices.

Vaults' liquidation prices are spread evenly below the price at the start, so that each new low of
the published price liquidates in proportion to the fall. Each lot is a liquidation of its own, by
bids that rise for a time; some keepers' programs pay no more than a fixed price of gas.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np
from msgspec import Struct, structs

from seawall.accounts.markets import shipped_markets
from seawall.domain.errors import InputError
from seawall.domain.sourced import Sourced
from seawall.domain.units import MICRO, PPM
from seawall.lab.arrays import Floats, Integers
from seawall.lab.keepers.crowd import UNLIMITED
from seawall.lab.keepers.gas import gas_prices, load_gas
from seawall.lab.keepers.liquidation import Bucket, Keeper, Party, liquidate
from seawall.lab.keepers.mechanism import Mechanism, load_mechanism
from seawall.lab.market.named_scenarios import load
from seawall.lab.market.scenario import scenario_path
from seawall.lab.oracle.preset import load_preset
from seawall.lab.oracle.publish import publish
from seawall.lab.sourced_file import names_in, read_sourced

SCENARIO, MARKET = "crash_2020_03_12", "ETH"
GAS, ORACLE, MECHANISM = "ethereum_2020", "maker_like", "maker_2020"
STEP_MS = 60_000
WINDOW = 121
"""Steps of one lot: two hours."""
ALWAYS = 10**15
"""Maintenance margin of a vault that is in auction, whatever the true price does: micro-USD."""
_FOLDER = files("seawall.lab.keepers.days")


class DayError(InputError):
    """A day that cannot be used: its file, the field, the value and what would be right."""


class Day(Struct, frozen=True, kw_only=True):
    """What is known and assumed of the day; the last three are what was published of it."""

    name: str
    title: str
    sources: Mapping[str, Sourced]
    auctioned_micro_usd: int
    lot_micro_coins: int
    start_micro_usd: int
    ratio_ppm: int
    start_ms: int
    depth_micro_usd: int
    bid_keepers: int
    free_keepers: int
    highest_limit_micro_gwei: int
    lowest_limit_micro_gwei: int
    keeper_micro_usd: int
    margin_ppm: int
    zero_ppm: int
    zero_micro_usd: int
    debt_micro_usd: int


class DayOutcome(Struct, frozen=True, kw_only=True):
    """One run of a day. Micro-USD. ``zero``: lots won at zero; ``zero_worth``: what they were
    worth; ``debt``: what is left uncovered; ``is_conserved``: whether the money of all lots adds
    up."""

    seed: int
    bid_ms: int
    lots: int
    zero: int
    unsold: int
    auctioned: int
    zero_worth: int
    debt: int
    keepers: int
    gas: int
    owners: int
    stuck: int
    is_conserved: bool

    @property
    def zero_share(self) -> float:
        """Of all lots."""
        return self.zero / max(1, self.lots)


def day_names() -> tuple[str, ...]:
    """The days that come with Seawall, sorted."""
    return names_in(_FOLDER)


def load_day(name_or_path: str | Path) -> Day:
    """A shipped day by name, or a file's. Raises DayError."""
    found = read_sourced("day", _FOLDER, name_or_path, DayError)
    made = found.into(Day)
    may_be_none = ("bid_keepers", "free_keepers", "margin_ppm")
    found.check_whole({each: (int(each not in may_be_none), 10**15) for each in found.values})
    return made


def run_day(day: Day, seed: int, bid_ms: int | None = None) -> DayOutcome:
    """The day once. ``bid_ms``: another time for bids than that of the mechanism."""
    times, true = _prices(day)
    shown = publish(times, true[:, None], load_preset(ORACLE), seed).taken[:, 0]
    gas = load_gas(GAS)
    prices = gas_prices(times, true, gas, seed)
    mechanism = _mechanism(bid_ms)
    totals = dict.fromkeys(("zero", "unsold", "auctioned", "zero_worth", "stuck"), 0)
    money = dict.fromkeys(Party, 0)
    conserved = True
    starts = _lots(day, shown)
    window = WINDOW + mechanism.numbers["bid_ms"] // STEP_MS
    for number, (step, feed) in enumerate(starts):
        part = slice(step, step + window)
        bucket = _lot(day, times[part], true[part], feed)
        found = liquidate(
            bucket, mechanism, gas, prices[part], _keepers(day), 0, seed * 1_000_003 + number
        )
        conserved &= found.is_conserved
        worth = int(bucket.notional[found.takes[0].step if found.takes else -1, 0])
        totals["auctioned"] += worth
        totals["stuck"] += found.stuck
        totals["unsold"] += not found.takes
        if found.takes and found.takes[0].is_zero_bid:
            totals["zero"] += 1
            totals["zero_worth"] += worth
        for party in Party:
            money[party] += found.money[party]
    return DayOutcome(
        seed=seed,
        bid_ms=mechanism.numbers["bid_ms"],
        lots=len(starts),
        debt=-money[Party.LENDERS],
        keepers=money[Party.KEEPERS],
        gas=money[Party.NETWORK],
        owners=money[Party.ACCOUNT],
        is_conserved=conserved,
        **totals,
    )


def _prices(day: Day) -> tuple[Integers, Floats]:
    """The true price a minute of the day, USD, and two more hours at the last one."""
    instrument = shipped_markets()[MARKET]
    start = {instrument.name: day.start_micro_usd / MICRO}
    path = scenario_path(load(SCENARIO), [instrument.name], start)
    end = int(path.times_ms[-1]) + 8 * 3_600_000
    times = np.arange(int(path.times_ms[0]), end, STEP_MS, dtype=np.int64)
    return times, np.interp(times, path.times_ms, path.oracle[instrument.name])


def _mechanism(bid_ms: int | None) -> Mechanism:
    found = load_mechanism(MECHANISM)
    if bid_ms is None:
        return found
    return structs.replace(found, numbers={**found.numbers, "bid_ms": bid_ms})


def _lots(day: Day, shown: Floats) -> list[tuple[int, float]]:
    """Step and published price of each lot: evenly over the falls of the lowest published price."""
    lowest = np.minimum.accumulate(shown)
    falls = -np.diff(lowest, prepend=lowest[0])
    # Lots of so many coins, worth what is auctioned together.
    coins = day.lot_micro_coins / MICRO
    worth = float((falls * lowest).sum() / max(1e-9, falls.sum())) * coins
    count = round(day.auctioned_micro_usd / MICRO / worth)
    ends = np.cumsum(falls)
    marks = (np.arange(count) + 0.5) / count * ends[-1]
    steps = np.searchsorted(ends, marks)
    first = np.searchsorted(steps, steps, "left")
    several = np.searchsorted(steps, steps, "right") - first
    # Starting an auction takes a transaction as well: those of one price follow one another.
    later = (np.arange(count) - first) * (day.start_ms // STEP_MS) // several
    begin = np.minimum(steps + later, len(shown) - 1 - WINDOW)
    return [
        (at, float(shown[step])) for at, step in zip(begin.tolist(), steps.tolist(), strict=True)
    ]


def _lot(day: Day, times: Integers, true: Floats, feed: float) -> Bucket:
    coins = day.lot_micro_coins
    worth: Integers = np.rint(coins * true).astype(np.int64)[:, None]
    debt = round(coins * feed * PPM / day.ratio_ppm)
    return Bucket(
        times_ms=times,
        equity=worth[:, 0] - debt,
        maintenance=np.full(len(times), ALWAYS, np.int64),
        notional=worth,
        depth=np.full(worth.shape, day.depth_micro_usd / MICRO),
        index=true,
    )


def _keepers(day: Day) -> list[Keeper]:
    """Those whose programs pay a fixed price of gas, from the lowest to the highest, and others."""
    span = day.highest_limit_micro_gwei - day.lowest_limit_micro_gwei
    steps = max(1, day.bid_keepers - 1)
    limits = [day.lowest_limit_micro_gwei + span * each // steps for each in range(day.bid_keepers)]
    limits += [UNLIMITED] * day.free_keepers
    return [
        Keeper(
            money=day.keeper_micro_usd,
            gas_limit=limit,
            margin_ppm=day.margin_ppm * (1 + place % 3) // 3,
        )
        for place, limit in enumerate(limits)
    ]
