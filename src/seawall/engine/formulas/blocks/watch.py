"""How far prices may move before an account can have another standing at maintenance.

Moves are parts of ``MOVE_ONE`` of the price before, added up from one change of prices to the next,
each time that of the market that moved most. After moves of m in all, no position's value has
changed by more than e^m - 1 of itself; so net collateral, and what it is above or below
maintenance, have changed by at most (e^m - 1) x exposure, the exposure being all notionals and
their maintenance. That is less than the margin to the next standing while
m <= ln(1 + margin / exposure), and margin / (margin + exposure) is less still.
"""

from seawall.domain.units import NEVER, RATE_ONE
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.standing import is_under_maintenance
from seawall.engine.formulas.blocks.valuation import position_value
from seawall.engine.formulas.shared.fixed_point import mul_div_ceil, mul_div_floor
from seawall.engine.tables import State, account_at, position_at

MOVE_ONE = RATE_ONE
UNBOUNDED = NEVER
"""A move after which nothing is known of any account."""

# Parts of an account's standing; none of them: it covers maintenance.
UNDER_MAINTENANCE = 1
NEGATIVE = 2
"""Net collateral is below 0, with a requirement or without."""

ROUNDING = 8
"""Micro-USD of one position: two values and two requirements, rounded twice, are off by less."""
MOST_EXPOSED = 2**58
"""Micro-USD up to which no value can saturate before the moves are used up."""


@kernel
def price_move(old: int, new: int) -> int:
    """The move from one price to another, rounded up; without a price before, ``UNBOUNDED``."""
    if old <= 0:
        return UNBOUNDED
    return mul_div_ceil(abs(new - old), MOVE_ONE, old)


@kernel
def standing_at_maintenance(net: int, maintenance: int) -> int:
    """UNDER_MAINTENANCE, NEGATIVE, both or 0."""
    standing = UNDER_MAINTENANCE if is_under_maintenance(net, maintenance) else 0
    return standing | NEGATIVE if net < 0 else standing


@kernel
def open_notional(s: State, account: int) -> tuple[int, int]:
    """(sum of notionals in micro-USD, number) of the account's open positions."""
    notional = 0
    count = 0
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if position.signed_size != 0:
            notional += abs(position_value(s, position.market, position.signed_size))
            count += 1
        index = position.next_of_account
    return notional, count


@kernel
def _margin_to_next_standing(net: int, maintenance: int) -> int:
    """Micro-USD by which net collateral, or it less maintenance, may change, rounding apart.

    A negative account is under maintenance while it has a requirement at all.
    """
    if not is_under_maintenance(net, maintenance):
        return net - maintenance
    return min(-net, maintenance) if net < 0 else min(net, maintenance - net)


@kernel
def lasting_moves(net: int, maintenance: int, notional: int, count: int) -> int:
    """The moves after which an account still has its standing at maintenance, rounded down.

    As long as its cash, its sizes and the funding indices stay. 0 where there are none, or where
    the account is so large that its values might saturate.
    """
    if count == 0:
        return NEVER
    margin = _margin_to_next_standing(net, maintenance) - ROUNDING * count
    exposure = notional + maintenance + ROUNDING * count
    if margin <= 0 or max(abs(net), exposure) > MOST_EXPOSED:
        return 0
    return mul_div_floor(margin, MOVE_ONE, margin + exposure)
