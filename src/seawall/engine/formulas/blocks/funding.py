"""Funding as an index: premiums of votes and samples, the rate, what is owed since an index.

Premiums and rates are ppm, a rate of one funding period. The index is micro-USD x 10^6 for one
size unit: what a long has paid since the beginning. Votes and samples lie in tables of their own;
``first`` and ``count`` say which rows, and ``zeros`` more premiums of 0 count beside them.
"""

from seawall.domain.units import PPM
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.scaling import MOST, POWERS, mul_ppm, scaled_toward_zero
from seawall.engine.formulas.shared.fixed_point import (
    divide_toward_zero,
    mul_div_floor,
    mul_div_toward_zero,
    product_fits,
)
from seawall.engine.tables import (
    State,
    account_at,
    block_market_at,
    block_position_at,
    position_at,
    sample_at,
    vote_at,
)

VOTES = 0
SAMPLES = 1


@kernel
def premium_at(s: State, table: int, place: int) -> int:
    """The premium in a row of the votes or of the samples, ppm."""
    if table == VOTES:
        return vote_at(s, place).value
    return sample_at(s, place).value


@kernel
def _rank(s: State, table: int, first: int, count: int, zeros: int, place: int) -> int:
    """How many premiums sort before that of row ``place``; of equal ones the earlier row."""
    value = premium_at(s, table, place)
    before = zeros if value > 0 else 0
    for other in range(first, first + count):
        compared = premium_at(s, table, other)
        if compared < value or (compared == value and other < place):
            before += 1
    return before


@kernel
def premium_of_rank(s: State, table: int, first: int, count: int, zeros: int, rank: int) -> int:
    """The premium that ``rank`` others sort before: selected by counting, nothing is moved."""
    for place in range(first, first + count):
        if _rank(s, table, first, count, zeros, place) == rank:
            return premium_at(s, table, place)
    return 0


@kernel
def median_of_votes(s: State, first: int, count: int, zeros: int) -> tuple[bool, int]:
    """(there is one, median premium): nothing has no median, which is not a median of 0.

    Of an even number it is the mean of the middle two, rounded away from zero.
    """
    total = count + zeros
    if total == 0:
        return False, 0
    middle = premium_of_rank(s, VOTES, first, count, zeros, total // 2)
    if total % 2 == 1:
        return True, middle
    both = middle + premium_of_rank(s, VOTES, first, count, zeros, total // 2 - 1)
    if both < 0:
        return True, -((1 - both) // 2)
    return True, (both + 1) // 2


@kernel
def kept_samples(total: int, tail_ppm: int) -> tuple[int, int]:
    """(lowest removed, kept) of so many premiums when ``tail_ppm`` is removed at each end.

    Both ends together are rounded down; an odd one is taken from the top. Nothing is removed
    when that would remove everything.
    """
    removed = mul_ppm(total, 2 * tail_ppm, 0)
    if removed >= total:
        return 0, total
    return removed // 2, total - removed


@kernel
def kept_sample(s: State, first: int, count: int, zeros: int, tail_ppm: int, place: int) -> int:
    """One of the premiums kept by ``kept_samples``: ascending, or as stored if none is removed."""
    lowest, kept = kept_samples(count + zeros, tail_ppm)
    if kept < count + zeros:
        return premium_of_rank(s, SAMPLES, first, count, zeros, lowest + place)
    if place < count:
        return premium_at(s, SAMPLES, first + place)
    return 0


@kernel
def average_of_samples(s: State, first: int, count: int, zeros: int, tail_ppm: int) -> int:
    """Mean premium without the tails, truncated toward zero; 0 of none."""
    _, kept = kept_samples(count + zeros, tail_ppm)
    if kept == 0:
        return 0
    total = 0
    for place in range(kept):
        total += kept_sample(s, first, count, zeros, tail_ppm, place)
    return divide_toward_zero(total, kept)


@kernel
def funding_rate(premium: int, default_ppm: int, bound: int) -> int:
    """Rate of a funding period: premium and default together, within +- ``bound``; all ppm."""
    return max(-bound, min(bound, premium + default_ppm))


@kernel
def index_delta(
    price: int, value_exponent: int, rate_ppm: int, time_ms: int, period_ms: int
) -> int:
    """How far a rate moves the index in ``time_ms``, truncated toward zero.

    The rule values time x rate as if it were a size, then divides by the funding period, with
    two truncations; together they are one, which needs no large number in between.
    """
    due = time_ms * rate_ppm
    if -MOST <= value_exponent <= MOST:
        above = POWERS[max(value_exponent, 0)]
        below = POWERS[max(-value_exponent, 0)]
        if product_fits(price, above) and product_fits(period_ms, below):
            return mul_div_toward_zero(due, price * above, period_ms * below)
    return divide_toward_zero(scaled_toward_zero(due, price, value_exponent), period_ms)


@kernel
def settlement_terms(index_now: int, index_then: int, size: int) -> tuple[int, int]:
    """(micro-USD rounded down, rest in 10^-6) that a signed size receives since ``index_then``.

    Apart, because their sum in 10^-6 micro-USD can pass 2^63. Longs pay when the index has grown.
    """
    fallen = index_then - index_now
    rest = (fallen % PPM) * (size % PPM) % PPM
    return mul_div_floor(fallen, size, PPM), rest


@kernel
def position_funding(s: State, index: int) -> tuple[int, int]:
    """What a position would receive now, as ``settlement_terms``."""
    position = position_at(s, index)
    return settlement_terms(
        block_market_at(s, position.market).funding_index,
        block_position_at(s, index).funding_index,
        position.signed_size,
    )


@kernel
def unsettled_funding(s: State, account: int) -> int:
    """Micro-USD that settling all positions of an account would bring: the sum rounded down."""
    money = 0
    rests = 0
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if position.signed_size != 0:
            whole, rest = position_funding(s, index)
            money += whole
            rests += rest
        index = position.next_of_account
    return money + rests // PPM
