"""The liquidation price by search: fractions, slices of notional, and a straight line between
the knots where the margin tier changes. Nothing is shared with the formula it checks."""

from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import NamedTuple

Tiers = tuple[tuple[int, int], ...]
"""(lower bound, maximum leverage), ascending from 0."""


class Bucket(NamedTuple):
    size: int
    mark: int
    equity: int
    others: int
    tiers: Tiers


def maintenance(tiers: Tiers, notional: Fraction) -> Fraction:
    """Each slice of notional between two bounds costs 1 / (2 x the leverage of its tier)."""
    total = Fraction(0)
    for index, (bound, leverage) in enumerate(tiers):
        end = tiers[index + 1][0] if index + 1 < len(tiers) else notional
        total += max(Fraction(0), min(notional, Fraction(end)) - bound) / (2 * leverage)
    return total


def dropped(bucket: Bucket) -> Fraction:
    """What truncation takes off the maintenance margin at the mark."""
    exact = maintenance(bucket.tiers, Fraction(abs(bucket.size) * bucket.mark))
    return exact - floor(exact)


def slack(bucket: Bucket, price: Fraction, share: Fraction = Fraction(1)) -> Fraction:
    """Equity less the share of maintenance margin, with the margin line through today's."""
    own = maintenance(bucket.tiers, abs(bucket.size) * price) - dropped(bucket)
    equity = bucket.equity + bucket.size * (price - bucket.mark)
    return equity - share * (bucket.others + own)


def truncated_slack(bucket: Bucket, price: int) -> int:
    """The same at a whole price as a ledger of whole micro-USD has it."""
    own = floor(maintenance(bucket.tiers, Fraction(abs(bucket.size) * price)))
    return bucket.equity + bucket.size * (price - bucket.mark) - bucket.others - own


def solution(bucket: Bucket, share: Fraction = Fraction(1)) -> Fraction | None:
    """The positive price at which ``slack`` is zero."""
    knots = [Fraction(bound, abs(bucket.size)) for bound, _ in bucket.tiers]
    knots += [knots[-1] + 1, knots[-1] + 2]
    for low, high in pairwise(knots):
        at_low, at_high = slack(bucket, low, share), slack(bucket, high, share)
        zero = low - at_low * (high - low) / (at_high - at_low)
        if zero > 0 and low <= zero and (zero <= high or high == knots[-1]):
            return zero
    return None
