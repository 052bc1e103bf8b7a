"""What a liquidation costs: an account dropped into the machine at shocked prices.

Everybody is in place as in a rehearsal: makers with their ladders, the backstop with its capital.
All prices are at their shocked level before the first liquidation, so that a hedge counts, and
stand still for a minute: parts are closed, cooldowns pass. The makers' depth and spread are those
of the stress rule of ``liquidity`` after such a move, and their pressure is felt by later fills.
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
from seawall.lab.market.liquidity import Depth, depth_multipliers
from seawall.lab.market.market_path import MarketPath
from seawall.lab.market.scenario import Neighbours
from seawall.lab.simulation.block_observer import watch
from seawall.lab.simulation.incidents import STAGES, Incident, IncidentKind
from seawall.lab.simulation.observer import Bucket, Snapshot
from seawall.lab.simulation.setting import Setting
from seawall.lab.simulation.valuation import marked_at_oracle

BACKSTOP_CAPITAL = 10_000_000 * MICRO
"""Assumed, micro-USD: of the backstop, or of the insurance fund under rules of blocks."""
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
    """Builds a fresh machine for every set of shocked prices; the same input, the same result."""

    def __init__(
        self,
        plan: Holdings,
        rulebook: AnyRulebook,
        instruments: Sequence[Instrument],
        depths: Mapping[str, Depth],
        now: Sequence[int],
        backstop: int = BACKSTOP_CAPITAL,
    ) -> None:
        """``now``: price units before the shock; ``depths``: of calm markets, by name."""
        self.plan = structs.replace(plan, orders=())
        self.rulebook = marked_at_oracle(rulebook)
        self.instruments = tuple(instruments)
        self.depths = depths
        self.now = tuple(now)
        self.neighbours = Neighbours(backstop=backstop)

    def after(self, prices: Sequence[int]) -> Aftermath:
        """The account a minute after prices (units) jumped there. Raises PathError."""
        setting = Setting(
            self._still_path(prices),
            self.plan,
            self.rulebook,
            self.instruments,
            self.depths,
            self.neighbours,
        )
        observer = watch(setting.engine, setting.account, setting.children)
        shocked = observer.snapshot(START_MS)
        for number in range(len(setting.path.times_ms)):
            setting.step(number)
        end = observer.snapshot(int(setting.path.times_ms[-1]))
        return _aftermath(shocked, end, setting.story.incidents, in_blocks=setting.in_blocks)

    def _still_path(self, prices: Sequence[int]) -> MarketPath:
        times = np.arange(START_MS, START_MS + MINUTE_MS + 1, STEP_MS, dtype=np.int64)
        levels = {
            each.name: np.full(len(times), price / 10**each.price_decimals)
            for each, price in zip(self.instruments, prices, strict=True)
        }
        jumps = zip(self.instruments, self.now, prices, strict=True)
        depth = {each.name: _after_jump(before, after, times) for each, before, after in jumps}
        return MarketPath(
            name="a minute at shocked prices",
            step_ms=STEP_MS,
            times_ms=times,
            oracle=levels,
            outside=levels,
            funding={},
            depth=depth,
        )


def _after_jump(before: int, after: int, times_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Factors of depth at these times after a jump at the first of them."""
    prices = np.concatenate([[float(before)], np.full(len(times_ms), float(after))])
    times = np.concatenate([[times_ms[0] - STEP_MS], times_ms])
    return depth_multipliers(prices, times)[1:]


def _aftermath(
    shocked: Snapshot, end: Snapshot, incidents: Sequence[Incident], *, in_blocks: bool
) -> Aftermath:
    started = [each for each in incidents if each.kind == IncidentKind.LIQUIDATION_STARTED]
    # Under rules of blocks the first block after the quotes comes with the second step.
    first_ms = START_MS + (STEP_MS if in_blocks else 0)
    at_once = dict.fromkeys(each.market for each in started if each.time_ms == first_ms)
    later = dict.fromkeys(each.market for each in started if each.market not in at_once)
    closing = [each for each in incidents if each.kind in STAGES]
    in_book = (IncidentKind.PARTLY_LIQUIDATED, IncidentKind.LIQUIDATED)
    takeovers = [each for each in closing if each.kind == IncidentKind.BACKSTOP]
    return Aftermath(
        equity=end.equity,
        buckets={bucket: each.equity for bucket, each in end.buckets.items()},
        started=tuple(at_once),
        later=tuple(later),
        first=closing[0].market if closing else None,
        sold=sum(each.notional for each in closing if each.kind in in_book),
        taken=sum(each.money + each.before * each.price for each in takeovers),
        deleveraged=sum(
            each.notional for each in closing if each.kind == IncidentKind.DELEVERAGED_LOSER
        ),
        cost=_above_zero(shocked) - _above_zero(end),
        unfinished=tuple(
            bucket for bucket, each in end.buckets.items() if _is_under(each, in_blocks=in_blocks)
        ),
        positions={market: each.signed_size for market, each in end.holdings.items()},
        stages=tuple(dict.fromkeys(each.kind for each in closing)),
    )


def _above_zero(account: Snapshot) -> int:
    """Micro-USD of all buckets that are worth something."""
    return sum(max(0, each.equity) for each in account.buckets.values())


def _is_under(bucket: Bucket, *, in_blocks: bool) -> bool:
    """As ``Valuation`` says it; a bucket without positions needs nothing."""
    if in_blocks and bucket.maintenance_margin <= 0:
        return False
    return bucket.maintenance_margin > 0 and bucket.equity < bucket.maintenance_margin
