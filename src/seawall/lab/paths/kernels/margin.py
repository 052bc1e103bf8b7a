"""Equity, maintenance margin and funding of a bucket, in all lanes of a block at once.

Maintenance margin is exact, and cheap: one tier is taken for all lanes, that of the position at the
start, and only where some lane's notional lies outside it are all tiers tried.
"""

from typing import NamedTuple

import numpy as np

from seawall.engine.compile import inline, inline_disjoint
from seawall.lab.arrays import Floats, Integers, Singles
from seawall.lab.paths.kernels.compiled import fused
from seawall.lab.paths.kernels.philox import LANES
from seawall.lab.paths.kernels.process import PAID, RIGHT, SHOCKS, TILE
from seawall.lab.paths.kernels.task import PathAccount

LOWER, UPPER, RATE, DEDUCTION, SIDE = range(5)
SUMS = 3
EQUITY, MAINTENANCE, OWED = (number * LANES for number in range(SUMS))
"""Where the rows of a bucket begin in its flat sums."""


class Holdings(NamedTuple):
    """The account for the watching of lanes. m markets, b buckets.

    ``bucket``: (m,). ``tile_bucket``: that of whole tiles of markets, or -1. ``size``: (m,) at
    the start. ``usual``: (m, 5) the tier there: lower and upper bound, rate, deduction; the side,
    1 or -1, which a position keeps while it lasts. ``deduction``: (b,) that of all positions of a
    bucket. ``tiers``: (3, m, t) all of them, without the upper bound.
    """

    bucket: Integers
    tile_bucket: Integers
    size: Floats
    usual: Floats
    deduction: Floats
    tiers: Floats


def holdings_of(account: PathAccount) -> Holdings:
    tiers = np.array(account.tiers, np.float64, order="C")
    markets = len(account.price)
    notional = np.abs(account.size * account.price)
    usual = np.zeros((markets, 5))
    for market in range(markets):
        tier = max(0, int((tiers[0, market] <= notional[market]).sum()) - 1)
        following = tiers[0, market, tier + 1 :]
        upper = following[0] if len(following) else np.inf
        side = -1.0 if account.size[market] < 0.0 else 1.0
        usual[market] = tiers[0, market, tier], upper, *tiers[1:, market, tier], side
    buckets = len(account.cash)
    return Holdings(
        bucket=np.array(account.bucket, np.int64),
        tile_bucket=_tile_buckets(account.bucket),
        size=np.array(account.size, np.float64),
        usual=usual,
        deduction=np.bincount(account.bucket, usual[:, DEDUCTION], buckets).astype(np.float64),
        tiers=tiers,
    )


def _tile_buckets(bucket: Integers) -> Integers:
    tiles = [bucket[first : first + TILE] for first in range(0, len(bucket), TILE)]
    is_whole = [len(tile) == TILE and len(set(tile.tolist())) == 1 for tile in tiles]
    return np.array([t[0] if whole else -1 for t, whole in zip(tiles, is_whole, strict=True)])


@inline_disjoint
def start_bucket(sums: Floats, cash: Floats, floor: Floats, deduction: float) -> None:
    for lane in range(LANES):
        sums[EQUITY + lane] = cash[lane]
        sums[MAINTENANCE + lane] = floor[lane] - deduction


@inline
def _strays(value: float, bounds: tuple[float, float, float]) -> np.int64:
    """Below zero where a position of this value lies outside its usual tier."""
    lower, upper, side = bounds
    below = np.float64(value * side - lower).view(np.int64)
    return below | ~np.float64(value * side - upper).view(np.int64)


@inline
def _bounds(usual: Floats) -> tuple[float, float, float]:
    return usual[LOWER], usual[UPPER], usual[SIDE]


@inline_disjoint
def add_position(sums: Floats, price: Floats, size: Floats, usual: Floats) -> np.int64:
    """Adds a position to the bucket; below zero where some lane is outside the usual tier."""
    bounds = _bounds(usual)
    rate = usual[SIDE] * usual[RATE]
    signs = np.int64(0)
    for lane in range(LANES):
        value = size[lane] * price[lane]
        sums[EQUITY + lane] += value
        sums[MAINTENANCE + lane] = fused(value, rate, sums[MAINTENANCE + lane])
        signs |= _strays(value, bounds)
    return signs


@inline_disjoint
def grow_and_add(
    sums: Floats, changes: Singles, before: Floats, price: Floats, size: Floats, usual: Floats
) -> np.int64:
    """Prices after short returns, and the same."""
    bounds = _bounds(usual)
    rate = usual[SIDE] * usual[RATE]
    signs = np.int64(0)
    for lane in range(LANES):
        now = fused(before[lane], np.float64(changes[lane]), before[lane])
        price[lane] = now
        value = size[lane] * now
        sums[EQUITY + lane] += value
        sums[MAINTENANCE + lane] = fused(value, rate, sums[MAINTENANCE + lane])
        signs |= _strays(value, bounds)
    return signs


@inline_disjoint
def grow_and_add_tile(
    sums: Floats, changes: Singles, before: Floats, price: Floats, size: Floats, start: Floats,
    usual: Floats, is_whole: bool, has_tiers: bool,
) -> np.int64:  # fmt: skip
    """The same for TILE markets of one bucket, flat.

    ``is_whole``: every lane still holds what it held at the ``start``; ``has_tiers``: some market
    has more than one.
    """
    u0, u1, u2, u3 = usual[0], usual[1], usual[2], usual[3]
    bounds_0, bounds_1, bounds_2, bounds_3 = _bounds(u0), _bounds(u1), _bounds(u2), _bounds(u3)
    r0, r1, r2, r3 = (
        u0[SIDE] * u0[RATE], u1[SIDE] * u1[RATE], u2[SIDE] * u2[RATE], u3[SIDE] * u3[RATE]
    )  # fmt: skip
    s0, s1, s2, s3 = start[0], start[1], start[2], start[3]
    signs = np.int64(0)
    for lane in range(LANES):
        b0, b1 = before[lane], before[LANES + lane]
        b2, b3 = before[2 * LANES + lane], before[3 * LANES + lane]
        p0 = fused(b0, np.float64(changes[lane]), b0)
        p1 = fused(b1, np.float64(changes[LANES + lane]), b1)
        p2 = fused(b2, np.float64(changes[2 * LANES + lane]), b2)
        p3 = fused(b3, np.float64(changes[3 * LANES + lane]), b3)
        price[lane], price[LANES + lane] = p0, p1
        price[2 * LANES + lane], price[3 * LANES + lane] = p2, p3
        v0 = p0 * (s0 if is_whole else size[lane])
        v1 = p1 * (s1 if is_whole else size[LANES + lane])
        v2 = p2 * (s2 if is_whole else size[2 * LANES + lane])
        v3 = p3 * (s3 if is_whole else size[3 * LANES + lane])
        sums[EQUITY + lane] += (v0 + v1) + (v2 + v3)
        margin = fused(v1, r1, fused(v0, r0, sums[MAINTENANCE + lane]))
        sums[MAINTENANCE + lane] = fused(v3, r3, fused(v2, r2, margin))
        if has_tiers:
            signs |= _strays(v0, bounds_0) | _strays(v1, bounds_1)
            signs |= _strays(v2, bounds_2) | _strays(v3, bounds_3)
    return signs


@inline_disjoint
def correct_tiers(
    rows: Floats, sums: Floats, price: Floats, size: Floats, usual: Floats, tiers: Floats,
    market: int,
) -> None:  # fmt: skip
    """The maintenance margin of each lane's own tier instead of the usual one's."""
    rate, deduction = tiers[1, market, 0], tiers[2, market, 0]
    for lane in range(LANES):
        rows[RIGHT + lane] = fused(abs(size[lane] * price[lane]), rate, -deduction)
    for tier in range(1, tiers.shape[2]):
        lower = tiers[0, market, tier]
        rate, deduction = tiers[1, market, tier], tiers[2, market, tier]
        if lower == np.inf:
            break
        for lane in range(LANES):
            notional = abs(size[lane] * price[lane])
            margin = fused(notional, rate, -deduction)
            rows[RIGHT + lane] = margin if notional >= lower else rows[RIGHT + lane]
    for lane in range(LANES):
        taken = fused(abs(size[lane] * price[lane]), usual[RATE], -usual[DEDUCTION])
        sums[MAINTENANCE + lane] += rows[RIGHT + lane] - taken


@inline_disjoint
def owe(rows: Floats, sums: Floats, price: Floats, size: Floats, rate: float, std: float) -> None:
    """Funding of one position."""
    for lane in range(LANES):
        value = size[lane] * price[lane]
        paid = fused(std, rows[SHOCKS + lane], rate)
        sums[OWED + lane] = fused(value, paid, sums[OWED + lane])


@inline_disjoint
def owe_recorded(
    sums: Floats, price: Floats, size: Floats, recorded: Floats, row: Integers, market: int
) -> None:
    for lane in range(LANES):
        value = size[lane] * price[lane]
        sums[OWED + lane] = fused(value, recorded[row[lane], market], sums[OWED + lane])


@inline_disjoint
def pay(rows: Floats, sums: Floats, cash: Floats) -> None:
    """What the bucket owes, out of its cash."""
    for lane in range(LANES):
        owed = sums[OWED + lane]
        cash[lane] -= owed
        sums[EQUITY + lane] -= owed
        rows[PAID + lane] += owed


@inline
def lanes_under(sums: Floats) -> int:
    """In how many lanes the bucket is under maintenance margin."""
    under = 0
    for lane in range(LANES):
        under += sums[EQUITY + lane] < sums[MAINTENANCE + lane]
    return under


@inline
def clear_owed(sums: Floats) -> None:
    for lane in range(LANES):
        sums[OWED + lane] = 0.0
