"""The question of ``seawall keepers``: who takes an account over, when, and when none does."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from msgspec import Struct

from seawall.accounts.account import Account
from seawall.accounts.valuation import Valuation, valuation_of
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount, number, several, usd
from seawall.domain.units import MICRO, PPM
from seawall.lab.crises.crisis import Crisis, even_grid
from seawall.lab.crises.question import HIGHEST_SEED, one_crisis
from seawall.lab.keepers.crowd import Crowd, draw_keepers
from seawall.lab.keepers.day import Day, DayOutcome, load_day, run_day
from seawall.lab.keepers.gas import Gas, gas_prices, load_gas
from seawall.lab.keepers.liquidation import Bucket, Liquidation, Party, liquidate, slippage
from seawall.lab.keepers.mechanism import (
    WHOLE,
    Mechanism,
    Standing,
    load_mechanism,
    mechanism_names,
)
from seawall.lab.market.assumptions import Assume, assumptions_of
from seawall.lab.market.liquidity import depth_multipliers
from seawall.lab.market.named_scenarios import DEFAULT
from seawall.lab.paths.variants import sole_pool
from seawall.lab.simulation.setup import Grid, price_units
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent

USUAL = Crowd()
GAS = "rollup"
TRIALS, MOST_TRIALS = 20, 2_000
MOST_KEEPERS = 500
LONGEST_BIDS_MS = (600_000, 21_600_000)
"""Of a day: as it was, and as it was changed to."""
DAY_SEEDS = 3
UNDER = 0.05
"""Equity of the example of costs, below maintenance margin, as a share of it."""
LATER_MS = 1_800_000


class Trials(Struct, frozen=True, kw_only=True):
    """One bucket under one mechanism: a liquidation for every seed."""

    mechanism: str
    bucket: int
    found: tuple[Liquidation, ...]
    minutes: tuple[float | None, ...]
    """From the moment at which it is liquidatable to the last take; None where none acts."""

    @property
    def began(self) -> int:
        """How many are liquidatable at all."""
        return sum(each.began is not None for each in self.found)

    @property
    def untouched(self) -> int:
        """How many are liquidatable and no keeper ever acts."""
        return sum(each.began is not None and not each.takes for each in self.found)

    def mean(self, party: Party) -> int:
        """Micro-USD at the end."""
        return sum(each.money[party] for each in self.found) // len(self.found)


class Cost(Struct, frozen=True, kw_only=True):
    """What makes a keeper act on a position that has just fallen below maintenance margin.

    ``calm``, ``busy``: micro-USD of one transaction. ``discount``: of what is taken, as a share,
    at once and after half an hour; ``smallest``, ``smallest_busy``: micro-USD of the smallest
    position for which the discount pays for gas then, without slippage; None where none does.
    ``largest``: micro-USD that may be sold at once before slippage in the calm book of the
    account's largest market takes all of the discount; None where nothing has to be sold or
    no size does.
    """

    mechanism: str
    calm: int
    busy: int
    discount: float
    later: float
    smallest: int | None
    smallest_busy: int | None
    largest: int | None


class KeepersAnswer(Answer, frozen=True, kw_only=True):
    """What ``keepers`` found. ``fund``: micro-USD of it at the start of each liquidation."""

    account: Account
    valuation: Valuation
    crisis: Crisis
    mechanisms: tuple[Mechanism, ...]
    gas: Gas
    crowd: Crowd
    fund: int
    trials: tuple[Trials, ...]
    costs: tuple[Cost, ...]
    gas_minutes: tuple[tuple[float, float], ...]
    """Minutes and gwei of the first seed."""
    day: Day | None
    day_outcomes: tuple[DayOutcome, ...]
    seed: int

    @property
    def is_conserved(self) -> bool:
        trials = all(found.is_conserved for each in self.trials for found in each.found)
        return trials and all(each.is_conserved for each in self.day_outcomes)

    def findings(self) -> Findings:
        from seawall.lab.keepers.sheets import findings

        return findings(self)


def keepers(
    account: Account,
    *,
    mechanisms: str | Path | Iterable[str | Path] = (),
    gas: str | Path = GAS,
    crisis: str | Path = DEFAULT,
    keepers: int = USUAL.count,
    money: Amount = USUAL.money,
    fixed_gas: Amount = USUAL.fixed_gas,
    margin: Amount = USUAL.margin,
    fund: Amount = 0,
    trials: int = TRIALS,
    day: str | Path | None = None,
    seed: int = 1,
    assume: Assume = None,
    progress: Progress = silent,
) -> KeepersAnswer:
    """An account in a crisis under mechanisms by which keepers liquidate.

    ``mechanisms``: by name, or files; without any all that ship. ``gas``: a price of gas by name,
    or a file. ``keepers``: how many, with ``money`` USD each about; ``fixed_gas``: the share of
    them whose programs do not follow the price of gas; ``margin``: the largest profit that one asks
    for, of what it takes over. ``fund``: USD of the insurance fund. ``trials``: each with its own
    keepers and gas, from ``seed`` on. ``day``: a day of the past to run beside it.

    Raises SeawallError for input that cannot be used.
    """
    _check_counts(trials=trials, keepers=keepers, seed=seed)
    crowd = Crowd(
        count=keepers,
        money=usd("money", money) / MICRO,
        fixed_gas=_share("fixed_gas", fixed_gas),
        margin=_share("margin", margin),
    )
    wanted = list(several(mechanisms)) or list(mechanism_names())
    chosen = tuple(load_mechanism(each) for each in dict.fromkeys(wanted))
    price = load_gas(gas)
    known = None if day is None else load_day(day)
    if not account.positions:
        raise InputError(f"{account.source}: position: the account has none")
    sole_pool(account.holdings, account.rulebook, account.instruments)
    found = one_crisis(crisis, account, assumptions_of(assume))
    valuation = valuation_of(account)
    grid = even_grid(found.path, account.instruments)
    reserve = 0 if fund == 0 else usd("fund", fund)
    progress("liquidations")
    buckets = bucket_paths(valuation, grid, found)
    made, shown = _trials(chosen, price, crowd, buckets, reserve, trials, seed)
    outcomes = () if known is None else tuple(_day_runs(known, seed, progress))
    calm = _calm_depth(valuation, found)
    return KeepersAnswer(
        account=account,
        valuation=valuation,
        crisis=found,
        mechanisms=chosen,
        gas=price,
        crowd=crowd,
        fund=reserve,
        trials=tuple(made),
        costs=tuple(_cost(each, price, _maintenance_ratio(valuation), calm) for each in chosen),
        gas_minutes=shown,
        day=known,
        day_outcomes=outcomes,
        seed=seed,
    )


def _check_counts(**counts: int) -> None:
    """Raises InputError for one out of range."""
    bounds = {"trials": (1, MOST_TRIALS), "keepers": (0, MOST_KEEPERS), "seed": (0, HIGHEST_SEED)}
    for field, value in counts.items():
        least, most = bounds[field]
        if not least <= value <= most:
            raise InputError.of("", field, value, f"{least} to {most:,}")


def _day_runs(day: Day, seed: int, progress: Progress) -> Iterator[DayOutcome]:
    """The day with bids as long as they were, and as they were changed to."""
    runs = list(product(LONGEST_BIDS_MS, range(seed, seed + DAY_SEEDS)))
    for done, (bid_ms, each) in enumerate(runs):
        progress("the day", done, len(runs))
        yield run_day(day, each, bid_ms)


def _share(field: str, value: Amount) -> float:
    return float(number(field, value, least=0, most=1, expected="0% to 100%, such as 50%"))


def bucket_paths(valuation: Valuation, grid: Grid, crisis: Crisis) -> dict[int, Bucket]:
    """Every bucket with a position along the true prices of a crisis, all positions open."""
    units = price_units(valuation.instruments, grid.oracle)
    rows = [valuation.at(row) for row in units.tolist()]
    sizes = np.zeros(len(valuation.instruments), np.int64)
    for each in valuation.plan.positions:
        sizes[each.market] = abs(each.signed_size)
    thin = np.stack([depth_multipliers(each, grid.times_ms) for each in grid.oracle.T], axis=1)
    calm = np.asarray([each.usd_within_50bp for each in crisis.depths])
    depth = calm * np.minimum(thin, grid.depth)
    found = {}
    for bucket, markets in valuation.buckets.items():
        held = [market for market in markets if sizes[market]]
        if not held:
            continue
        notional = units[:, held] * sizes[held]
        largest = held[int(notional[0].argmax())]
        found[bucket] = Bucket(
            times_ms=grid.times_ms,
            equity=np.asarray([row[bucket].equity for row in rows], np.int64),
            maintenance=np.asarray([row[bucket].maintenance_margin for row in rows], np.int64),
            notional=notional,
            depth=depth[:, held],
            index=grid.oracle[:, largest],
        )
    return found


def _trials(
    mechanisms: Sequence[Mechanism], gas: Gas, crowd: Crowd, buckets: dict[int, Bucket],
    fund: int, trials: int, seed: int,
) -> tuple[list[Trials], tuple[tuple[float, float], ...]]:  # fmt: skip
    """The same keepers and prices of gas for every mechanism, by seed."""
    made = []
    shown: tuple[tuple[float, float], ...] = ()
    for bucket, path in buckets.items():
        seeds = range(seed, seed + trials)
        prices = [gas_prices(path.times_ms, path.index, gas, each) for each in seeds]
        crowds = [draw_keepers(crowd, gas, each) for each in seeds]
        minutes = (path.times_ms - path.times_ms[0]) / 60_000
        if not shown:
            shown = tuple(zip(minutes.tolist(), (prices[0] / MICRO).tolist(), strict=True))
        for mechanism in mechanisms:
            found = tuple(
                liquidate(path, mechanism, gas, price, who, fund, each)
                for price, who, each in zip(prices, crowds, seeds, strict=True)
            )
            waits = tuple(
                float(minutes[each.takes[-1].step] - minutes[each.began])
                if each.takes and each.began is not None
                else None
                for each in found
            )
            made.append(Trials(mechanism=mechanism.name, bucket=bucket, found=found, minutes=waits))
    return made, shown


def _maintenance_ratio(valuation: Valuation) -> float:
    """Maintenance margin over notional of the whole account now."""
    needs = sum(each.maintenance_margin for each in valuation.at(valuation.prices).values())
    held = sum(
        abs(each.signed_size) * valuation.prices[each.market] for each in valuation.plan.positions
    )
    return needs / max(1, held)


def _calm_depth(valuation: Valuation, crisis: Crisis) -> float:
    """USD within 50 bp of the market with the largest position."""
    largest = max(
        valuation.plan.positions,
        key=lambda each: abs(each.signed_size) * valuation.prices[each.market],
    )
    return crisis.depths[largest.market].usd_within_50bp


def largest_at_once(discount: float, depth: float) -> int | None:
    """Micro-USD whose slippage in one go is at most the discount; None where all of it is.

    ``depth``: USD within 50 bp.
    """
    if discount <= 0:
        return 0

    def pays(micro: int) -> bool:
        return slippage(np.asarray([micro]), np.asarray([depth])) <= discount * micro

    low, high = 0, 100 * round(depth * MICRO)
    if pays(high):
        # More than the last order of the book costs on average.
        return None
    while high - low > MICRO:
        middle = (low + high) // 2
        low, high = (middle, high) if pays(middle) else (low, middle)
    return low


def _cost(mechanism: Mechanism, gas: Gas, ratio: float, depth: float) -> Cost:
    """Of a position as large as any, whose equity is a little below maintenance margin."""
    units = mechanism.numbers["gas_units"]
    calm = gas.cost(units, gas.base_micro_gwei)
    busy = gas.cost(units, round(gas.base_micro_gwei * gas.peak_ppm / PPM))
    notional = 10**12
    needs = round(notional * ratio)
    standing = Standing(
        equity=round(needs * (1 - UNDER)), maintenance=needs, notional=notional,
        start_equity=PPM * needs, first_notional=notional,
    )  # fmt: skip

    def offered(elapsed_ms: int) -> tuple[float, float]:
        """Discount, and most that may be taken, as shares."""
        if mechanism.kind == "rising_bid":
            return 0.0, 1.0
        offer = mechanism.offer(standing, elapsed_ms)
        return offer.discount / notional, offer.most / WHOLE

    def smallest(cost: int) -> int | None:
        gains = [discount * most for discount, most in map(offered, (0, LATER_MS))]
        best = max(gains)
        return round(cost / best) if best > 0 else None

    return Cost(
        mechanism=mechanism.name,
        calm=calm,
        busy=busy,
        discount=offered(0)[0],
        later=offered(LATER_MS)[0],
        smallest=smallest(calm),
        smallest_busy=smallest(busy),
        largest=(
            largest_at_once(max(0.0, offered(0)[0], offered(LATER_MS)[0]), depth)
            if mechanism.numbers["funding_ppm"] and mechanism.kind != "rising_bid"
            else None
        ),
    )
