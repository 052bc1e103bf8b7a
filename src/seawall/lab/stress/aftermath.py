"""What a liquidation leaves: an account in the engine while prices move to their shocked level.

Makers with their ladders and the backstop with its capital are there as in a rehearsal. The account
stands at the prices of now; then all prices go along a straight line to their shocked level, in
marks of ``MARK_MS`` that move no price by more than ``LARGEST_STEP``, and stand still there for a
minute: parts are closed on the way, cooldowns pass. An instant shock goes all the way in one mark.

Of a mark, the prices by which the account gains are sent first: so a hedge counts, and a bucket is
found under maintenance only where it is so at the prices of that mark. The makers' depth and spread
are those of the stress rule of ``liquidity`` along the way, and what they buy moves their next
quotes. The mark is the shocked price that is asked about. The account's orders are placed at the
prices of now and act on the way, as do its top-ups.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct, structs

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.mark_steps import LARGEST_STEP, MARK_MS
from seawall.domain.rulebook import AnyRulebook
from seawall.engine.layout import Limits
from seawall.engine.placement import marked_at_oracle
from seawall.lab.arrays import Floats, Integers
from seawall.lab.market.liquidity import Depth, depth_multipliers
from seawall.lab.simulation.agents import path_makers
from seawall.lab.simulation.incidents import STAGES, Incident, IncidentKind
from seawall.lab.simulation.observer import Snapshot
from seawall.lab.simulation.setup import Grid, SimulationSetup
from seawall.lab.simulation.simulation import Simulation, steps

START_MS = 600_000
"""Ten minutes past an hour: no funding is due before the end."""
MINUTE_MS = 60_000
STILL_MARKS = 2
"""Marks at the prices of now, so that there are quotes."""
MOST_MARKS = 490
"""Of a move of one price; a longer one has larger steps, or it would last past the hour."""


class Aftermath(Struct, frozen=True, kw_only=True):
    """The account a minute after a shock. Money in micro-USD.

    ``started``: buckets found under maintenance until all prices had arrived; ``later``: those
    found in the minute after. ``first``: the market whose position was touched first, None where
    nothing was. ``sold`` and ``deleveraged``: notional closed in the book and against other
    traders. ``taken``: equity that the backstop took with what it took over. ``unfinished``:
    buckets still under maintenance in the end. ``ordered``: notional that the account's own orders
    traded; ``added``: what its top-ups brought.
    """

    equity: int
    buckets: Mapping[int, int]
    started: tuple[int, ...]
    later: tuple[int, ...]
    first: int | None
    sold: int
    taken: int
    deleveraged: int
    ordered: int
    added: int
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
        backstop: int,
        *,
        instant: bool = False,
    ) -> None:
        """``now``: price units before the shock; ``depths``: of calm markets, by name.

        ``backstop``: micro-USD of it, or of the insurance fund under block rules.
        ``instant``: a shock is one mark step.
        """
        self.depths = depths
        self.instant = instant
        self.has_orders = bool(plan.orders or plan.top_ups)
        """Whether the account does anything itself on the way."""
        self._now = np.asarray(now, np.int64)
        self._sides = {each.market: each.signed_size for each in plan.positions}
        self._setup = SimulationSetup(
            rulebook=marked_at_oracle(rulebook),
            instruments=tuple(map(_any_change, instruments)),
            grid=self._grid(instruments, self._path(self._now)),
            depths=tuple(depths[each.name] for each in instruments),
            holdings=plan,
            population=None,
            backstop=backstop,
            limits=Limits(accounts=64, positions=256),
        )

    @property
    def acts(self) -> str:
        """What the account does itself on the way, as a phrase."""
        if not self.has_orders:
            return "the account does nothing on the way"
        return (
            "the account's orders rest from now on and act on the way, and so does money that it "
            "adds; what would survive is computed without them"
        )

    def after(self, prices: Sequence[int]) -> Aftermath:
        """The account a minute after prices (units) went there. Raises PlacementError."""
        path = self._path(np.asarray(prices, np.int64))
        setup = structs.replace(
            self._setup,
            grid=self._grid(self._setup.instruments, path),
            price_order=self._gains_first(prices),
        )
        simulation = Simulation(setup, path_makers)
        end = simulation.start
        for (batch,) in steps([simulation]):
            end = batch.account
        assert end is not None
        # Under block rules the block after a mark's prices comes with the next one.
        marks = len(path) - 1 + simulation.placement.in_blocks
        arrived_ms = START_MS + MARK_MS * marks
        return _aftermath(end, simulation.incidents, arrived_ms, simulation.added)

    def _path(self, prices: Integers) -> Integers:
        """Price units (marks, m) from now to these, each mark's no farther than allowed."""
        moves = prices / self._now - 1.0
        shares = [0.0] * STILL_MARKS
        if moves.any():
            shares += [1.0] if self.instant else _shares(moves)
        path = self._now + np.asarray(shares)[:, None] * (prices - self._now)
        units: Integers = np.rint(path).astype(np.int64)
        return units

    def _gains_first(self, prices: Sequence[int]) -> tuple[int, ...]:
        """The markets, those first in which the account gains."""
        gains = [
            self._sides.get(market, 0) * (price - int(self._now[market]))
            for market, price in enumerate(prices)
        ]
        return tuple(sorted(range(len(gains)), key=lambda market: gains[market] <= 0))

    def _grid(self, instruments: Sequence[Instrument], path: Integers) -> Grid:
        """The path and a minute at its end, with the depth that such a move leaves."""
        still = np.repeat(path[-1:], MINUTE_MS // MARK_MS, axis=0)
        scale = np.asarray([10.0**each.price_decimals for each in instruments])
        usd = np.concatenate([path, still]) / scale
        times = START_MS + MARK_MS * np.arange(len(usd), dtype=np.int64)
        depth = np.stack([depth_multipliers(each, times) for each in usd.T], axis=1)
        return Grid(times_ms=times, oracle=usd, outside=usd, middle=usd, depth=depth)


def _any_change(instrument: Instrument) -> Instrument:
    """A market whose oracle price follows every change under block rules, however small."""
    terms = instrument.block_terms
    if terms is None:
        return instrument
    terms = structs.replace(terms, minimum_price_change_ppm=0)
    return structs.replace(instrument, block_terms=terms)


def _shares(moves: Floats) -> list[float]:
    """How much of a move has happened at each mark, up to all of it."""
    farthest = float(np.abs(np.log1p(moves)).max())
    step = max(LARGEST_STEP, farthest / MOST_MARKS)
    moved = moves[moves != 0]
    # A rise by ``step`` and a fall by it, as shares of the price.
    most = np.where(moved > 0, np.expm1(step), -np.expm1(-step))
    found = [0.0]
    while found[-1] < 1.0 - 1e-12:
        left = (1.0 + moved * found[-1]) / np.abs(moved)
        found.append(min(1.0, found[-1] + float((most * left).min())))
    return [*found[1:-1], 1.0]


def _aftermath(
    end: Snapshot, incidents: Sequence[Incident], arrived_ms: int, added: int
) -> Aftermath:
    started = [each for each in incidents if each.kind == IncidentKind.LIQUIDATION_STARTED]
    on_the_way = dict.fromkeys(each.market for each in started if each.time_ms <= arrived_ms)
    later = dict.fromkeys(each.market for each in started if each.market not in on_the_way)
    closing = [each for each in incidents if each.kind in STAGES]
    in_book = (IncidentKind.PARTLY_LIQUIDATED, IncidentKind.LIQUIDATED)
    taken = [each for each in closing if each.kind == IncidentKind.BACKSTOP]
    return Aftermath(
        equity=end.equity,
        buckets={bucket: each.equity for bucket, each in end.buckets.items()},
        started=tuple(on_the_way),
        later=tuple(later),
        first=closing[0].market if closing else None,
        sold=sum(each.notional for each in closing if each.kind in in_book),
        taken=sum(each.money + each.before * each.price for each in taken),
        deleveraged=sum(
            each.notional for each in closing if each.kind == IncidentKind.DELEVERAGED_LOSER
        ),
        ordered=sum(e.notional for e in incidents if e.kind == IncidentKind.ORDER_FILLED),
        added=added,
        unfinished=tuple(bucket for bucket, each in end.buckets.items() if each.is_under),
        positions={market: each.signed_size for market, each in end.holdings.items()},
        stages=tuple(dict.fromkeys(each.kind for each in closing)),
    )
