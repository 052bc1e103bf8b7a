"""What may happen to one lane between two steps, for a caller that acts there itself.

``lab/guard_test`` lets the kernel move prices and pay funding, and calls these in an order of its
own.
"""

from seawall.lab.paths.kernels.compiled import borrowed, entry
from seawall.lab.paths.kernels.stages import liquidate_lane
from seawall.lab.paths.kernels.stages_state import Rules, State, book_close


@entry
def liquidate_between(
    rules: Rules, state: State, lane: int, from_ms: int, now_ms: int, step: int
) -> None:
    """The liquidations of one lane, as ``stages.liquidate_lane``."""
    rules, state = borrowed((rules, state))
    liquidate_lane(rules, state, lane, from_ms, now_ms, step)


@entry
def close_between(
    rules: Rules, state: State, lane: int, market: int, lots: int, part: int, price: float
) -> None:
    """Closes ``part`` of a position's ``lots`` at ``price`` USD, with the taker's fee."""
    rules, state = borrowed((rules, state))
    book_close(rules, state, lane, market, lots, part, price, rules.fee[market], False)
