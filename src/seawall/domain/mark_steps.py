"""How far a mark price may move at once, so that a fall costs what a fall costs.

A venue marks every few seconds, and deleverages at the mark before. A bucket that goes from healthy
to below zero between two marks is therefore closed at a price from before the fall, and keeps
money that no real fall leaves. So a move is taken in steps below the lowest maintenance margin of
any market, 1.25 % of the notional: on the way to nothing at least one mark finds the bucket
liquidatable and worth something.
"""

import math

MARK_MS = 3_000
"""Oracle and mark prices come about this often."""
LARGEST_STEP = 0.01
"""Share of the price, in logarithms, that a mark moves at most."""


def mark_steps(factor: float) -> int:
    """How many marks a move of a price by ``factor`` takes, none beyond ``LARGEST_STEP``."""
    # A hair less: a move of whole steps takes no step more for a rounded logarithm.
    return max(1, math.ceil(abs(math.log(factor)) / LARGEST_STEP - 1e-9))
