"""What a liquidation costs: an account in the engine at shocked prices.

Makers with their ladders and the backstop with its capital are there as in a rehearsal.
All prices are at their shocked level before the first liquidation, so that a hedge counts, and
stand still for a minute: parts are closed, cooldowns pass. The makers' depth and spread are those
of the stress rule of ``liquidity`` after such a move, and what they buy moves their next quotes.
The mark stands still too: it is the shocked price that is asked about. Open orders are left out: a
shock jumps over them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MICRO
from seawall.engine.layout import Limits
from seawall.engine.placement import marked_at_oracle
from seawall.lab.market.liquidity import Depth, depth_multipliers
from seawall.lab.simulation.agents import path_makers
from seawall.lab.simulation.incidents import STAGES, Incident, IncidentKind
from seawall.lab.simulation.observer import Snapshot
from seawall.lab.simulation.setup import Grid, SimulationSetup
from seawall.lab.simulation.simulation import Simulation, steps

BACKSTOP_CAPITAL = 10_000_000 * MICRO
"""Assumed, micro-USD: of the backstop, or of the insurance fund under block rules."""
START_MS = 600_000
"""Ten minutes past an hour: no funding is due within the minute."""
STEP_MS = 3_000
MINUTE_MS = 60_000


class Aftermath(Struct, frozen=True, kw_only=True):
    """The account a minute after a shock. Money in micro-USD.

    ``started``: buckets found under maintenance at once; ``later``: those found in the rest of the
    minute. ``first``: the market whose position was touched first, None where nothing was.
    ``sold`` and ``deleveraged``: notional closed in the book and against other traders.
    ``taken``: equity that the backstop took with what it took over. ``cost``: equity at the
    shocked prices less equity in the end, a bucket below zero counting as nothing: fees, slippage
    and what was taken; what a bucket owes is borne by others and makes nothing cheaper.
    ``unfinished``: buckets still under maintenance in the end.
    """

    equity: int
    buckets: Mapping[int, int]
    started: tuple[int, ...]
    later: tuple[int, ...]
    first: int | None
    sold: int
    taken: int
    deleveraged: int
    cost: int
    unfinished: tuple[int, ...]
    positions: Mapping[int, int]
    """Signed size left by market, size units; closed ones are missing."""
    stages: tuple[IncidentKind, ...]
    """What happened to positions, in order of first appearance."""


class StressMachine:
    """Builds a fresh simulation for every set of shocked prices, which gives the same again."""

    def __init__(
        self,
        plan: Holdings,
        rulebook: AnyRulebook,
        instruments: Sequence[Instrument],
        depths: Mapping[str, Depth],
        now: Sequence[int],
    ) -> None:
        """``now``: price units before the shock; ``depths``: of calm markets, by name."""
        self.depths = depths
        self._now = tuple(now)
        self._setup = SimulationSetup(
            rulebook=marked_at_oracle(rulebook),
            instruments=tuple(instruments),
            grid=self._still(instruments, now),
            depths=tuple(depths[each.name] for each in instruments),
            holdings=structs.replace(plan, orders=()),
            population=None,
            backstop=BACKSTOP_CAPITAL,
            limits=Limits(accounts=64, positions=256),
        )

    def after(self, prices: Sequence[int]) -> Aftermath:
        """The account a minute after prices (units) jumped there. Raises PlacementError."""
        grid = self._still(self._setup.instruments, prices)
        simulation = Simulation(structs.replace(self._setup, grid=grid), path_makers)
        end = simulation.start
        for (batch,) in steps([simulation]):
            end = batch.account
        assert simulation.start is not None
        assert end is not None
        in_blocks = simulation.placement.in_blocks
        return _aftermath(simulation.start, end, simulation.incidents, in_blocks=in_blocks)

    def _still(self, instruments: Sequence[Instrument], prices: Sequence[int]) -> Grid:
        """A minute at these prices, with the depth that a jump there leaves."""
        times = np.arange(START_MS, START_MS + MINUTE_MS + 1, STEP_MS, dtype=np.int64)
        levels = [
            np.full(len(times), price / 10**each.price_decimals)
            for each, price in zip(instruments, prices, strict=True)
        ]
        still = np.stack(levels, axis=1)
        jumps = zip(self._now, prices, levels, strict=True)
        depth = [
            np.minimum(depth_multipliers(level, times), _after_jump(before, after, times))
            for before, after, level in jumps
        ]
        return Grid(
            times_ms=times, oracle=still, outside=still, middle=still,
            depth=np.stack(depth, axis=1),
        )  # fmt: skip


def _after_jump(before: int, after: int, times_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Factors of depth at these times after a jump at the first of them."""
    prices = np.concatenate([[float(before)], np.full(len(times_ms), float(after))])
    times = np.concatenate([[times_ms[0] - STEP_MS], times_ms])
    return depth_multipliers(prices, times)[1:]


def _aftermath(
    shocked: Snapshot, end: Snapshot, incidents: Sequence[Incident], *, in_blocks: bool
) -> Aftermath:
    started = [each for each in incidents if each.kind == IncidentKind.LIQUIDATION_STARTED]
    # Under block rules the first block after the quotes comes with the second step.
    first_ms = START_MS + (STEP_MS if in_blocks else 0)
    at_once = dict.fromkeys(each.market for each in started if each.time_ms == first_ms)
    later = dict.fromkeys(each.market for each in started if each.market not in at_once)
    closing = [each for each in incidents if each.kind in STAGES]
    in_book = (IncidentKind.PARTLY_LIQUIDATED, IncidentKind.LIQUIDATED)
    taken = [each for each in closing if each.kind == IncidentKind.BACKSTOP]
    return Aftermath(
        equity=end.equity,
        buckets={bucket: each.equity for bucket, each in end.buckets.items()},
        started=tuple(at_once),
        later=tuple(later),
        first=closing[0].market if closing else None,
        sold=sum(each.notional for each in closing if each.kind in in_book),
        taken=sum(each.money + each.before * each.price for each in taken),
        deleveraged=sum(
            each.notional for each in closing if each.kind == IncidentKind.DELEVERAGED_LOSER
        ),
        cost=_above_zero(shocked) - _above_zero(end),
        unfinished=tuple(bucket for bucket, each in end.buckets.items() if each.is_under),
        positions={market: each.signed_size for market, each in end.holdings.items()},
        stages=tuple(dict.fromkeys(each.kind for each in closing)),
    )


def _above_zero(account: Snapshot) -> int:
    """Micro-USD of all buckets that are worth something."""
    return sum(max(0, each.equity) for each in account.buckets.values())
