"""A rehearsal: one account taken through a market path inside the machine.

The sum of all cash equals what was deposited at the end, exactly, and the same input gives the
same state hash.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from seawall.domain.events import CROSS_POOL
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import MICRO
from seawall.lab.market.liquidity import Depth
from seawall.lab.market.market_path import MarketPath
from seawall.lab.market.scenario import Neighbours
from seawall.lab.simulation.block_observer import watch
from seawall.lab.simulation.incidents import Incident, IncidentKind, Surroundings
from seawall.lab.simulation.observer import Bucket, Snapshot
from seawall.lab.simulation.setting import Setting

WARNINGS = (0.5, 0.8)
"""Margin ratios that are told when passed; at 1 the machine itself starts a liquidation."""
REARM = 0.9
"""A warning is told again after the ratio has been below this share of it."""
Progress = Callable[[int], None]


class Series(Struct):
    """n steps. ``ratio``: maintenance margin over equity, by bucket (market or CROSS_POOL), NaN
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


class Rehearsal(Struct, kw_only=True):
    """The whole result. Money in micro-USD."""

    name: str
    rulebook: AnyRulebook
    instruments: tuple[Instrument, ...]
    account: int
    children: dict[int, int]
    """Under rules of blocks: account numbers of what is called isolated, with their markets."""
    path: MarketPath
    start: Snapshot
    liquidation_prices: dict[int, float | None]
    end: Snapshot
    end_liquidation_prices: dict[int, float | None]
    series: Series
    incidents: list[Incident]
    others: Surroundings
    deposits: int
    cash: int
    isolated_cash: int
    state_hash: str
    commands: int
    recorded_funding: int | None
    depths: Mapping[str, Depth]
    notes: list[str] = field(default_factory=list)

    @property
    def is_conserved(self) -> bool:
        return self.cash + self.isolated_cash == self.deposits

    @property
    def untouched_equity(self) -> NDArray[np.float64]:
        """What the account would be worth at each step, USD, had nobody closed its positions.

        Without funding. An isolated bucket that reaches zero stays there; the cross pool is held
        on whatever happens.
        """
        steps = len(self.series.times_ms)
        worth = {
            bucket: np.full(steps, float(b.equity)) for bucket, b in self.start.buckets.items()
        }
        for market, holding in self.start.holdings.items():
            moved = self.series.mark[market] - holding.mark_price
            bucket = market if holding.isolated else CROSS_POOL
            worth[bucket] += holding.signed_size * moved.astype(np.float64)
        for bucket, each in worth.items():
            if bucket != CROSS_POOL:
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


def rehearse(
    path: MarketPath,
    plan: Holdings,
    rulebook: AnyRulebook,
    instruments: Sequence[Instrument],
    depths: Mapping[str, Depth],
    neighbours: Neighbours = Neighbours(),  # noqa: B008 (frozen)
    progress: Progress | None = None,
    journal: Path | None = None,
) -> Rehearsal:
    """Run the whole path. ``instruments``: exactly the path's markets, in the plan's order.

    ``progress`` is called with the number of steps done; ``journal``: a new file for every command.
    Raises PathError, RehearsalError, JournalError.
    """
    setting = Setting(path, plan, rulebook, instruments, depths, neighbours, journal)
    recorder = _Recorder(setting)
    start = recorder.observer.snapshot(int(path.times_ms[0]))
    prices = recorder.observer.liquidation_prices(start)
    for number in range(len(path.times_ms)):
        setting.step(number)
        if number == 0:
            setting.place_orders()
        recorder.record(number)
        if progress is not None:
            progress(number + 1)
    setting.close_journal()
    end = recorder.observer.snapshot(int(path.times_ms[-1]))
    tables = setting.engine.tables
    notes = list(path.notes)
    others = setting.story.others
    if others.maker_rejections:
        notes.append(
            f"{others.maker_rejections} of the maker's orders were rejected "
            f"({others.maker_reason}): the book was thinner than asked for"
        )
    return Rehearsal(
        name=plan.name,
        rulebook=rulebook,
        instruments=setting.instruments,
        account=setting.account,
        children=setting.children,
        path=path,
        start=start,
        liquidation_prices=prices,
        end=end,
        end_liquidation_prices=recorder.observer.liquidation_prices(end),
        series=recorder.series,
        incidents=setting.story.incidents,
        others=others,
        deposits=setting.deposits,
        cash=_sum(tables["accounts"]["cash"]),
        isolated_cash=_sum(tables["positions"]["isolated_cash"]),
        state_hash=setting.engine.state_hash(),
        commands=setting.commands,
        recorded_funding=recorder.recorded_funding(),
        depths=depths,
        notes=notes,
    )


def _sum(column: NDArray[np.int64]) -> int:
    """Exact: Python integers, because a sum of many int64 may pass 2^63."""
    return sum(int(value) for value in column[column != 0])


class _Recorder:
    """What the account looked like after each step, and the warnings that follow from it."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.observer = watch(setting.engine, setting.account, setting.children)
        steps, markets = len(setting.path.times_ms), len(setting.instruments)
        isolated = [each.market for each in setting.plan.positions if each.isolated_margin]
        self._buckets = [CROSS_POOL, *isolated]
        self.series = Series(
            times_ms=setting.path.times_ms,
            equity={bucket: np.zeros(steps, np.int64) for bucket in self._buckets},
            ratio={bucket: np.full(steps, np.nan) for bucket in self._buckets},
            mark=np.zeros((markets, steps), np.int64),
            signed_size=np.zeros((markets, steps), np.int64),
        )
        self._armed = {(b, w): True for b in self._buckets for w in WARNINGS}
        self._told = 0

    def record(self, number: int) -> None:
        time_ms = int(self.series.times_ms[number])
        now = self.observer.snapshot(time_ms)
        story = self.setting.story
        self.series.mark[:, number] = self.setting.engine.tables["markets"]["mark_price"][
            : len(self.setting.instruments)
        ]
        for market, holding in now.holdings.items():
            self.series.signed_size[market, number] = holding.signed_size
        for market, bucket in now.buckets.items():
            self.series.equity[market][number] = bucket.equity
            # What the machine saw when it began a liquidation is worse than what it left.
            ratio = max(bucket.ratio, story.started.get(market, 0.0))
            self.series.ratio[market][number] = ratio if bucket.maintenance_margin else np.nan
            if market in story.started:
                self.series.ratio[market][number] = ratio
            self._warn(time_ms, bucket)
        for incident in story.incidents[self._told :]:
            incident.equity = now.equity
        self._told = len(story.incidents)

    def _warn(self, time_ms: int, bucket: Bucket) -> None:
        """The highest newly passed threshold, once until the ratio has come back."""
        story = self.setting.story
        passed = 0.0
        for threshold in WARNINGS:
            key = (bucket.market, threshold)
            if bucket.ratio >= threshold and self._armed.get(key, False):
                self._armed[key] = False
                passed = threshold
            elif bucket.ratio < threshold * REARM:
                self._armed[key] = True
        if passed and bucket.market not in story.started:
            story.incidents.append(
                Incident(
                    time_ms=time_ms,
                    kind=IncidentKind.MARGIN_WARNING,
                    market=bucket.market,
                    isolated=bucket.market != CROSS_POOL,
                    money=bucket.equity,
                    maintenance_margin=bucket.maintenance_margin,
                    margin_ratio=bucket.ratio,
                    threshold=passed,
                )
            )

    def recorded_funding(self) -> int | None:
        """What the path's recorded rates would have paid on the positions held, micro-USD."""
        path = self.setting.path
        if not path.funding:
            return None
        total = 0.0
        for market, instrument in enumerate(self.setting.instruments):
            recorded = path.funding.get(instrument.name)
            if recorded is None:
                continue
            steps = np.searchsorted(path.times_ms, recorded.times_ms, side="left")
            steps = np.clip(steps - 1, 0, len(path.times_ms) - 1)
            value = self.series.signed_size[market, steps] * self.setting.oracle[market][steps]
            total -= float((value * recorded.rates).sum())
        return round(total)
