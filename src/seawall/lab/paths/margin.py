"""Equity, maintenance margin and funding of a bucket, in all lanes of a block at once.

Maintenance margin is exact, and cheap: one tier is taken for all lanes, that of the position at the
start, and only where some lane's notional lies outside it are all tiers tried.
"""

from typing import NamedTuple

import numpy as np

from seawall.lab.paths.compiled import fused, inline
from seawall.lab.paths.draws import LANES, short_exponential
from seawall.lab.paths.task import Floats, Ints, PathAccount
from seawall.lab.paths.walk import (
    EQUITY,
    LOWEST,
    MAINTENANCE,
    OWED,
    PAID,
    RIGHT,
    SHOCKS,
    TOTAL,
)

LOWER, UPPER, RATE, DEDUCTION, SIDE = range(5)


class Holdings(NamedTuple):
    """The account for the watching of lanes. m markets, b buckets.

    ``order``: (m,) markets bucket by bucket; ``begin``: (b + 1,) where each bucket's begin in it.
    ``usual``: (m, 5) the tier at the start: lower and upper bound, rate, deduction; the side, 1 or
    -1, which a position keeps while it lasts.
    ``deduction``: (b,) that of all positions of a bucket.
    ``tiers``: (3, m, t) all of them, without the upper bound.
    """

    order: Ints
    begin: Ints
    usual: Floats
    deduction: Floats
    tiers: Floats


def holdings_of(account: PathAccount) -> Holdings:
    tiers = np.array([account.tier_from, account.tier_rate, account.tier_deduction], np.float64)
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
        order=np.argsort(account.bucket, kind="stable"),
        begin=np.searchsorted(np.sort(account.bucket), np.arange(buckets + 1)),
        usual=usual,
        deduction=np.bincount(account.bucket, usual[:, DEDUCTION], minlength=buckets),
        tiers=tiers,
    )


@inline
def start_bucket(rows, cash, floor, deduction):
    for lane in range(LANES):
        rows[EQUITY + lane] = cash[lane]
        rows[MAINTENANCE + lane] = floor[lane] - deduction


@inline
def _add(rows, lane, price, size, line, signs, has_tiers):
    """Adds a position to its bucket's sums; the sign turns where its tier is another."""
    value = size * price
    rows[EQUITY + lane] += value
    rows[MAINTENANCE + lane] = fused(value, line[RATE], rows[MAINTENANCE + lane])
    if has_tiers:
        notional = value * line[SIDE]
        below = np.float64(notional - line[LOWER]).view(np.int64)
        signs |= below | ~np.float64(notional - line[UPPER]).view(np.int64)
    return signs


@inline
def _line(usual):
    """Of the usual tier, with the side in its rate; its deduction is counted by the bucket."""
    side = usual[SIDE]
    return usual[LOWER], usual[UPPER], side * usual[RATE], 0.0, side


@inline
def add_position(rows, price, size, usual):
    """All lanes; below zero where some lane's tier is another than the usual one."""
    line = _line(usual)
    signs = np.int64(0)
    for lane in range(LANES):
        signs = _add(rows, lane, price[lane], size[lane], line, signs, True)
    return signs


@inline
def grow_and_add(rows, changes, before, price, size, usual, has_tiers):
    """A short step of the price, and the same."""
    line = _line(usual)
    signs = np.int64(0)
    for lane in range(LANES):
        now = before[lane] * short_exponential(changes[lane])
        price[lane] = now
        signs = _add(rows, lane, now, size[lane], line, signs, has_tiers)
    return signs


@inline
def correct_tiers(rows, price, size, usual, tiers, market):
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
        rows[MAINTENANCE + lane] += rows[RIGHT + lane] - taken


@inline
def owe(rows, price, size, rate, std):
    """Funding of one position."""
    for lane in range(LANES):
        value = size[lane] * price[lane]
        paid = fused(std, rows[SHOCKS + lane], rate)
        rows[OWED + lane] = fused(value, paid, rows[OWED + lane])


@inline
def owe_recorded(rows, price, size, recorded, row, market):
    for lane in range(LANES):
        value = size[lane] * price[lane]
        rows[OWED + lane] = fused(value, recorded[row[lane], market], rows[OWED + lane])


@inline
def pay(rows, cash):
    """What the bucket owes, out of its cash."""
    for lane in range(LANES):
        owed = rows[OWED + lane]
        cash[lane] -= owed
        rows[EQUITY + lane] -= owed
        rows[PAID + lane] += owed


@inline
def finish_bucket(rows, is_first):
    """Adds the bucket to the account; returns in how many lanes it is under maintenance margin."""
    under = 0
    for lane in range(LANES):
        equity = rows[EQUITY + lane]
        rows[TOTAL + lane] = equity if is_first else rows[TOTAL + lane] + equity
        under += equity < rows[MAINTENANCE + lane]
    return under


@inline
def remember_lowest(rows):
    for lane in range(LANES):
        total = rows[TOTAL + lane]
        lowest = rows[LOWEST + lane]
        rows[LOWEST + lane] = total if total < lowest else lowest


@inline
def clear(rows, first):
    for lane in range(LANES):
        rows[first + lane] = 0.0
