"""A rehearsal: one account in the engine along a market path.

The sum of all cash at the end equals what was deposited less what was withdrawn, exactly, and the
same input gives the same state hash.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from seawall.domain.enums import MarginGrouping
from seawall.domain.events import is_pool
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import MICRO
from seawall.engine.layout import Limits
from seawall.lab.market.assumption_sheets import Used
from seawall.lab.market.liquidity import Depth, depth_multipliers
from seawall.lab.market.market_path import MarketPath
from seawall.lab.market.scenario import Neighbours, Scenario
from seawall.lab.simulation.agents import path_makers
from seawall.lab.simulation.incidents import Incident, IncidentKind, IncidentLog, Surroundings
from seawall.lab.simulation.observer import Bucket, Snapshot
from seawall.lab.simulation.population import population_of
from seawall.lab.simulation.setup import SimulationSetup, grid_of, price_units
from seawall.lab.simulation.simulation import Simulation, steps
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent

WARNINGS = (0.5, 0.8)
"""Margin ratios that give a warning when passed; at 1 the engine starts a liquidation."""
REARM = 0.9
"""A warning is given again after the ratio has been below this share of it."""
STEPS_SHOWN = 20
"""Progress is shown after every so many steps."""


class Series(Struct):
    """n steps. ``ratio``: maintenance margin over equity, by bucket (market or cross pool), NaN
    where it has no position. ``equity``: by bucket, micro-USD. ``mark``: price units by market."""

    times_ms: NDArray[np.int64]
    equity: dict[int, NDArray[np.int64]]
    ratio: dict[int, NDArray[np.float64]]
    mark: NDArray[np.int64]
    signed_size: NDArray[np.int64]

    @property
    def total_equity(self) -> NDArray[np.int64]:
        total: NDArray[np.int64] = np.sum(list(self.equity.values()), axis=0, dtype=np.int64)
        return total


class Rehearsal(Answer, frozen=True, kw_only=True):
    """What a rehearsal came to. Money in micro-USD."""

    name: str
    source: str = ""
    """Where the account comes from."""
    scenario: Scenario | None = None
    """What the path was made of; None for candles."""
    journal: Path | None = None
    rulebook: AnyRulebook
    instruments: tuple[Instrument, ...]
    account: int
    children: Mapping[int, int]
    """Under block rules: account numbers of what is called isolated, with their markets."""
    pools: tuple[int, ...]
    """The cross pool that each market draws on."""
    grouping: MarginGrouping
    """Which markets share a cross pool."""
    path: MarketPath
    start: Snapshot
    liquidation_prices: dict[int, float | None]
    end: Snapshot
    added: int
    """Micro-USD that top-ups brought."""
    end_liquidation_prices: dict[int, float | None]
    series: Series
    incidents: list[Incident]
    others: Surroundings
    deposits: int
    withdrawals: int
    cash: int
    isolated_cash: int
    is_conserved: bool
    """Whether all cash adds up to deposits less withdrawals."""
    state_hash: str
    commands: int
    recorded_funding: int | None
    depths: Mapping[str, Depth]
    backstop: int
    """Micro-USD of it, or of the insurance fund, at the start."""
    used: Used | None = None
    """What was read of the assumptions, where the question read them."""
    notes: tuple[str, ...] = ()

    @property
    def untouched_equity(self) -> NDArray[np.float64]:
        """What the account would be worth at each step, USD, if its positions had stayed open.

        Without funding. An isolated bucket that reaches zero stays there; a cross pool is held
        on whatever happens.
        """
        steps = len(self.series.times_ms)
        worth = {
            bucket: np.full(steps, float(b.equity)) for bucket, b in self.start.buckets.items()
        }
        for market, holding in self.start.holdings.items():
            moved = self.series.mark[market] - holding.mark_price
            worth[holding.bucket] += holding.signed_size * moved.astype(np.float64)
        for bucket, each in worth.items():
            if not is_pool(bucket):
                each[np.logical_or.accumulate(each <= 0)] = 0.0
        result: NDArray[np.float64] = np.sum(list(worth.values()), axis=0) / MICRO
        return result

    @property
    def funding(self) -> int:
        """Signed micro-USD received, and what has come due and waits to be settled."""
        paid = sum(each.money for each in self.incidents if each.kind == IncidentKind.FUNDING)
        return paid + self.end.unsettled_funding

    @property
    def in_blocks(self) -> bool:
        """Whether the rules settle in blocks."""
        return isinstance(self.rulebook, BlockRulebook)

    @property
    def has_children(self) -> bool:
        """Whether isolated positions are in child accounts."""
        return bool(self.children)

    @property
    def price_word(self) -> str:
        """What positions are valued at: the mark, or the oracle price."""
        return "oracle" if self.in_blocks else "mark"

    def findings(self) -> Findings:
        from seawall.lab.rehearse.sheets import rehearsal_findings

        return rehearsal_findings(self)


def run_path(
    path: MarketPath,
    plan: Holdings,
    rulebook: AnyRulebook,
    instruments: Sequence[Instrument],
    depths: Mapping[str, Depth],
    neighbours: Neighbours = Neighbours(),  # noqa: B008 (frozen)
    progress: Progress = silent,
    journal: Path | None = None,
) -> Rehearsal:
    """Simulate the whole path. ``instruments``: exactly the path's markets, in the plan's order.

    ``journal``: a new file for every command. Raises PathError, PlacementError, JournalError.
    """
    setup = rehearsal_setup(path, plan, rulebook, instruments, depths, neighbours)
    simulation = Simulation(setup, path_makers, surroundings=True, journal=journal)
    start, log, account = simulation.start, simulation.log, simulation.account
    assert start is not None and log is not None and account is not None
    prices = simulation.observer.liquidation_prices(start)
    recorder = _Recorder(simulation, log, start)
    end = start
    for (batch,) in steps([simulation]):
        assert batch.account is not None
        end = batch.account
        recorder.record(batch.last, end)
        if batch.last % STEPS_SHOWN == 0:
            progress("steps", batch.last, len(path.times_ms))
    placement = simulation.placement
    cash, isolated_cash = placement.cash()
    return Rehearsal(
        name=plan.name,
        rulebook=rulebook,
        instruments=setup.instruments,
        account=account.account,
        children=account.children,
        pools=account.pools,
        grouping=plan.grouping,
        path=path,
        start=start,
        liquidation_prices=prices,
        end=end,
        added=simulation.added,
        end_liquidation_prices=simulation.observer.liquidation_prices(end),
        series=recorder.series,
        incidents=log.incidents,
        others=log.others,
        deposits=placement.deposits,
        withdrawals=placement.withdrawals,
        cash=cash,
        isolated_cash=isolated_cash,
        is_conserved=placement.is_conserved(),
        state_hash=simulation.engine.state_hash(),
        commands=placement.commands,
        recorded_funding=_recorded_funding(path, setup, recorder.series),
        depths=depths,
        backstop=setup.backstop,
        journal=journal,
        notes=(*path.notes, *_rejections(log.others)),
    )


def rehearsal_setup(
    path: MarketPath,
    plan: Holdings,
    rulebook: AnyRulebook,
    instruments: Sequence[Instrument],
    depths: Mapping[str, Depth],
    neighbours: Neighbours,
) -> SimulationSetup:
    """The account on the path, among its neighbours. Raises PathError."""
    grid = grid_of(path, instruments)
    # A thin book that is part of the path and one that prices explain are the same book.
    moved = [depth_multipliers(middle, path.times_ms) for middle in grid.middle.T]
    grid = structs.replace(grid, depth=np.minimum(np.stack(moved, axis=1), grid.depth))
    first = price_units(instruments, grid.oracle[0])
    # Tables just large enough: copying and hashing them costs time.
    traders = sum(crowd.accounts for crowd in neighbours.crowds)
    return SimulationSetup(
        rulebook=rulebook,
        instruments=tuple(instruments),
        grid=grid,
        depths=tuple(depths[each.name] for each in instruments),
        holdings=plan,
        population=population_of(neighbours.crowds, instruments, first),
        backstop=neighbours.backstop,
        limits=Limits(accounts=64 + traders, positions=256 + 2 * traders),
    )


def _rejections(others: Surroundings) -> list[str]:
    if not others.maker_rejections:
        return []
    return [
        f"{others.maker_rejections} of the maker's orders were rejected "
        f"({others.maker_reason}): the book was thinner than asked for"
    ]


def _recorded_funding(path: MarketPath, setup: SimulationSetup, series: Series) -> int | None:
    """What the path's recorded rates would have paid on the positions held, micro-USD."""
    if not path.funding:
        return None
    total = 0.0
    oracle = price_units(setup.instruments, setup.grid.oracle)
    for market, instrument in enumerate(setup.instruments):
        recorded = path.funding.get(instrument.name)
        if recorded is None:
            continue
        at = np.searchsorted(path.times_ms, recorded.times_ms, side="left")
        at = np.clip(at - 1, 0, len(path.times_ms) - 1)
        value = series.signed_size[market, at] * oracle[at, market]
        total -= float((value * recorded.rates).sum())
    return round(total)


class _Recorder:
    """What the account looked like after each step, and the warnings that follow from it."""

    def __init__(self, simulation: Simulation, log: IncidentLog, start: Snapshot) -> None:
        self._log = log
        count, markets = simulation.grid.oracle.shape
        self._marks = simulation.engine.tables["markets"]["mark_price"][:markets]
        buckets = list(start.buckets)
        self.series = Series(
            times_ms=simulation.grid.times_ms,
            equity={bucket: np.zeros(count, np.int64) for bucket in buckets},
            ratio={bucket: np.full(count, np.nan) for bucket in buckets},
            mark=np.zeros((markets, count), np.int64),
            signed_size=np.zeros((markets, count), np.int64),
        )
        self._armed = {(b, w): True for b in buckets for w in WARNINGS}

    def record(self, number: int, now: Snapshot) -> None:
        """The account after step ``number``."""
        started = self._log.started
        self.series.mark[:, number] = self._marks
        for market, holding in now.holdings.items():
            self.series.signed_size[market, number] = holding.signed_size
        for market, bucket in now.buckets.items():
            self.series.equity[market][number] = bucket.equity
            # What the engine saw when it began a liquidation is worse than what it left.
            ratio = max(bucket.ratio, started.get(market, 0.0))
            if bucket.maintenance_margin or market in started:
                self.series.ratio[market][number] = ratio
            self._warn(now, bucket)

    def _warn(self, now: Snapshot, bucket: Bucket) -> None:
        """The highest newly passed threshold, once until the ratio has come back."""
        passed = 0.0
        for threshold in WARNINGS:
            key = (bucket.market, threshold)
            if bucket.ratio >= threshold and self._armed.get(key, False):
                self._armed[key] = False
                passed = threshold
            elif bucket.ratio < threshold * REARM:
                self._armed[key] = True
        if passed and bucket.market not in self._log.started:
            self._log.incidents.append(
                Incident(
                    time_ms=now.time_ms,
                    kind=IncidentKind.MARGIN_WARNING,
                    market=bucket.market,
                    isolated=not is_pool(bucket.market),
                    money=bucket.equity,
                    maintenance_margin=bucket.maintenance_margin,
                    margin_ratio=bucket.ratio,
                    threshold=passed,
                    equity=now.equity,
                )
            )
