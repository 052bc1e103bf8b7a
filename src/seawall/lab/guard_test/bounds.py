"""The bounds of a path after its guard has decided, for ``watch`` to compare.

They are those of ``guard/quiet.py``. What has no effect on a path is left out of the memory first:
alerts that last, and until when entries are cancelled, which the account does not have.
"""

from typing import NamedTuple

import numpy as np
from msgspec import structs

from seawall.domain.units import PPM
from seawall.guard.assess import Assessment
from seawall.guard.memory import LegMemory, Memory
from seawall.guard.policy import DISTANCE, EVERY_MARKET, TAKE_PROFIT, TRAILING, Policy, Stop
from seawall.guard.quiet import HIGH, LOW, quiet_after
from seawall.guard.stops import leg_key, level_of, wanted_level
from seawall.guard.view import PositionView, View
from seawall.lab.guard_test.moment import Terms
from seawall.lab.guard_test.watch import LARGE, ROOM, Limits, Watched

STEADY = 0.9
"""Of the least move of a stop that liquidation pushes, and of its mark, within which it stays."""


class Range(NamedTuple):
    """Of a liquidation price times the sign of its position."""

    low: float
    high: float


def forgetful(memory: Memory) -> Memory:
    """A memory without what has no effect on a path."""
    return structs.replace(memory, raised=(), no_entries={}, quiet=None)


def limits_of(policy: Policy | None, calls_at: float) -> Limits:
    """What of a policy is the same on every path; ``calls_at``: as of ``Limits``."""
    none = np.zeros(0, np.int64)
    if policy is None:
        return Limits(calls_at, False, LARGE, LARGE, 0, 0, LARGE, LARGE, False, none, none)
    trailing = [each for each in policy.stops if each.kind == TRAILING]
    drawdown, account = policy.drawdown, policy.account
    needs_prices = any(each.measure == DISTANCE for each in policy.steps) or any(
        each.kind != TAKE_PROFIT for each in policy.stops
    )
    return Limits(
        calls_at=calls_at,
        guarded=True,
        from_peak=LARGE if drawdown.from_peak is None else drawdown.from_peak,
        from_day=LARGE if drawdown.from_day_start is None else drawdown.from_day_start,
        capital=account.risk_capital,
        smoothing_ms=drawdown.smoothing_ms,
        leverage=LARGE if account.max_leverage is None else account.max_leverage,
        market_leverage=(
            LARGE if account.max_leverage_market is None else account.max_leverage_market
        ),
        needs_prices=needs_prices,
        distance=np.array([each.distance for each in trailing], np.int64),
        move=np.array([each.move for each in trailing], np.int64),
    )


class Bounds:
    """Those of n paths, in ``watched``."""

    def __init__(self, terms: Terms, policy: Policy, watched: Watched) -> None:
        self._policy, self._watched = policy, watched
        self._markets = {name: place for place, name in enumerate(terms.account.markets)}
        self._buckets = {name: place for place, name in enumerate(terms.account.buckets)}
        self._trailing = [each for each in policy.stops if each.kind == TRAILING]

    def none(self, path: int) -> None:
        """Every moment is outside."""
        self._watched.until[path] = LOW

    def keep(self, path: int, memory: Memory, view: View) -> None:
        """The bounds of a path after a decision that has done nothing."""
        found = Assessment(faults=(), profit=view.profit, has_funding=True, disagreeing={})
        # Where nothing is on its way nothing waits for an answer either.
        calm = structs.replace(forgetful(memory), asked={})
        quiet = quiet_after(self._policy, calm, view, found, carried=True)
        watched = self._watched
        if quiet is None:
            self.none(path)
            return
        watched.until[path], watched.equity[path] = quiet.until_ms, quiet.least_equity
        watched.liquidation[0, :, path], watched.liquidation[1, :, path] = -LARGE, LARGE
        watched.level[:, :, path] = 0
        for market, bounds in zip(view.markets, quiet.marks, strict=True):
            watched.marks[:, self._markets[market.name], path] = bounds
        watched.ratios[:, :, path] = watched.distances[:, :, path] = np.array([[LOW], [HIGH]])
        for bucket, ratio, distance in zip(
            view.buckets, quiet.ratios, quiet.distances, strict=True
        ):
            place = self._buckets[bucket.name]
            watched.ratios[:, place, path] = ratio
            if distance is not None:
                watched.distances[:, place, path] = distance
        for position in view.position.values():
            for stop in self._policy.stops:
                if stop.kind != TAKE_PROFIT and stop.market in (position.market, EVERY_MARKET):
                    leg = memory.legs.get(leg_key(stop, position.market))
                    if leg is not None and not leg.is_spent:
                        self._keep_leg(path, view, stop, position, leg)

    def _keep_leg(
        self, path: int, view: View, stop: Stop, position: PositionView, leg: LegMemory
    ) -> None:
        """Where the liquidation price of a position would move a stop of it."""
        watched, place, sign = self._watched, self._markets[position.market], position.sign
        level, is_moved = level_of(self._policy, view, stop, position, leg.extreme)
        found = Range(-LARGE, _pushes(stop, sign, level))
        if is_moved and stop.kind == TRAILING:
            self.none(path)
            return
        if stop.kind == TRAILING:
            number = self._trailing.index(stop)
            watched.extreme[number, place, path] = leg.extreme
            watched.level[number, place, path] = leg.level
        elif is_moved:
            # It stays where it is while its bound is at most a move behind it.
            market = view.market[position.market]
            mark = market.mark
            wanted = wanted_level(stop, position, market, leg.extreme)
            behind = leg.level - sign * STEADY * STEADY * stop.move * mark / PPM
            least = max(_pushes(stop, sign, behind), _pushes(stop, sign, wanted))
            found = Range(least + 3 * ROOM, _pushes(stop, sign, leg.level))
            wide = round(STEADY * mark), round(mark / STEADY)
            nearest = (leg.level, HIGH) if sign > 0 else (LOW, leg.level)
            low, high = watched.marks[:, place, path]
            watched.marks[:, place, path] = (
                max(low, wide[0], nearest[0]), min(high, wide[1], nearest[1]),
            )  # fmt: skip
        low, high = watched.liquidation[:, place, path]
        watched.liquidation[:, place, path] = max(low, found.low), min(high, found.high)


def _pushes(stop: Stop, sign: int, level: float) -> float:
    """The liquidation price, times the sign, from which on a stop at a level is moved."""
    share = (stop.slippage + stop.clearance) / PPM
    return sign * (level - sign) / (1 + sign * share) - ROOM
