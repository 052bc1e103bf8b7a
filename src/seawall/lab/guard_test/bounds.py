"""The bounds of ``guard/quiet.py`` of many paths at once.

A path within its bounds needs no decision: ``decide`` would only carry the smoothed losses forward.
What is compared in floats is compared with some room to the safe side, so that ``decide`` itself
judges what is near.
"""

import numpy as np

from seawall.domain.units import PPM
from seawall.guard.memory import Memory
from seawall.guard.policy import DISTANCE, TAKE_PROFIT, Policy
from seawall.guard.quiet import HIGH, LOW
from seawall.guard.view import View
from seawall.lab.arrays import Integers, Mask
from seawall.lab.guard_test.moment import Moment, Terms, liquidation_prices

ROOM = 3.0
"""Parts per million, or price units, of room."""


class Bounds:
    """Those of n paths; of a path that has none every moment is outside."""

    def __init__(self, terms: Terms, policy: Policy, paths: int) -> None:
        markets, buckets = len(terms.account.price), len(terms.account.cash)
        self._terms, self._policy = terms, policy
        self.until = np.full(paths, LOW)
        self.equity = np.full(paths, LOW)
        self.marks = _open(markets, paths)
        self.ratios = _open(buckets, paths).astype(np.float64)
        self.distances = _open(buckets, paths).astype(np.float64)
        self.near = np.full((markets, paths), -np.inf)
        self.liquidation = np.full((markets, paths), np.inf)
        self._stops = [each for each in policy.stops if each.kind != TAKE_PROFIT]
        self._needs_prices = (
            any(each.measure == DISTANCE for each in policy.steps)
            or bool(self._stops)
            or any(each.warn_distance is not None for each in policy.pairs)
        )

    def keep(self, path: int, memory: Memory, view: View) -> None:
        """The bounds of a path after a decision."""
        quiet = memory.quiet
        if quiet is None:
            self.until[path] = LOW
            return
        self.until[path], self.equity[path] = quiet.until_ms, quiet.least_equity
        self.near[:, path], self.liquidation[:, path] = -np.inf, np.inf
        names = list(self._terms.account.markets)
        for market, bounds in zip(view.markets, quiet.marks, strict=True):
            self.marks[:, names.index(market.name), path] = bounds
        buckets = list(self._terms.account.buckets)
        self.ratios[:, :, path] = np.array([[LOW], [HIGH]])
        self.distances[:, :, path] = np.array([[LOW], [HIGH]])
        for bucket, ratio, distance in zip(
            view.buckets, quiet.ratios, quiet.distances, strict=True
        ):
            place = buckets.index(bucket.name)
            self.ratios[:, place, path] = ratio
            if distance is not None:
                self.distances[:, place, path] = distance
        for leg_of, least in quiet.near:
            place = names.index(leg_of)
            self.near[place, path] = max(self.near[place, path], least)
        for leg in quiet.legs:
            stop = self._policy.stops[leg.stop]
            share = (stop.slippage + stop.clearance) / PPM
            place = names.index(leg.market)
            sign = 1 if view.position[leg.market].signed_size > 0 else -1
            # Where the liquidation price would push the stop: level = price x (1 +- share).
            at = sign * (leg.level - sign) / (1 + sign * share) - ROOM
            self.liquidation[place, path] = min(self.liquidation[place, path], at)

    def outside(self, now: Moment, time_ms: int, has_lost: Mask) -> Mask:
        """(n,) whether a path has left its bounds; ``has_lost``: whether a drawdown is at a limit.

        A new peak is none of them, as it is for ``decide``: the caller carries peaks forward.
        """
        found: Mask = time_ms >= self.until
        found |= now.whole <= self.equity
        found |= has_lost
        held = now.units != 0
        found |= (held & ((now.marks <= self.marks[0]) | (now.marks >= self.marks[1]))).any(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = PPM * now.maintenance / now.equity
        ratios[(now.equity <= 0) & (now.maintenance > 0)] = np.inf
        ratios[now.maintenance <= 0] = 0.0
        is_in = (ratios > self.ratios[0] + ROOM) & (ratios < self.ratios[1] - ROOM)
        found |= ((now.maintenance > 0) & ~is_in).any(axis=0)
        if self._needs_prices:
            found |= self._moved(now, held)
        return found

    def _moved(self, now: Moment, held: Mask) -> Mask:
        """(n,) whether a liquidation price has come too near, to the mark or to a stop."""
        price = liquidation_prices(self._terms, now)
        sign = np.sign(now.units)
        away = PPM * sign * (now.marks - price) / now.marks
        away = np.where(np.isnan(away), 100.0 * PPM, np.maximum(away, 0.0))
        found: Mask = np.asarray((held & (away <= self.near + ROOM)).any(axis=0))
        beyond = np.where(np.isnan(price), -np.inf, sign * price)
        found |= (held & (beyond >= self.liquidation)).any(axis=0)
        for bucket, holds in enumerate(self._terms.holds):
            own = np.where(held[holds], away[holds], 100.0 * PPM).min(axis=0, initial=100.0 * PPM)
            low, high = self.distances[:, bucket]
            found |= held[holds].any(axis=0) & ((own <= low + ROOM) | (own >= high - ROOM))
        return found


def _open(rows: int, paths: int) -> Integers:
    """(2, rows, paths) bounds that nothing reaches."""
    made = np.empty((2, rows, paths), np.int64)
    made[0], made[1] = LOW, HIGH
    return made
