"""Room in the tables that is kept back from what only adds risk, for what may not be refused.

Of a table of 1,024 rows or more a 64th is kept back: half of it from all but reduce-only orders,
the other half also from those that may rest. A reduce-only order that never rests may take the
last row, which it gives back in the same command. Position rows are kept back for the backstop.
"""

from seawall.engine.compile import inline

KEPT_FROM_RESTING_CLOSES = 1
KEPT_FROM_ALL_OTHERS = 2
"""Halves of what is kept back."""
_LEAST_ROWS = 1024
_PART = 128


@inline
def most_kept_back(capacity: int) -> int:
    """A quick upper bound of the rows of a table that are kept back."""
    return capacity // (_PART // KEPT_FROM_ALL_OTHERS)


@inline
def kept_back(capacity: int, halves: int) -> int:
    """How many rows of a table are kept back; ``halves`` of the share that is."""
    return halves * (capacity // _PART) if capacity >= _LEAST_ROWS else 0
