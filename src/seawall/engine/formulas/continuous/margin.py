"""How much equity an account or bucket has, and how much it must have.

Money in micro-USD. Truncations are per position, before summing.
"""

from seawall.domain.codes import CROSS
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.shared.fixed_point import divide, rate_of
from seawall.engine.formulas.shared.groups import cash_of, group_of
from seawall.engine.tables import (
    PositionRow,
    State,
    account_at,
    market_at,
    position_at,
    rules,
    schedule_at,
    tier_at,
)


@inline
def tier_of(s: State, schedule: int, notional: int) -> int:
    """The last tier whose lower bound the notional reaches."""
    row = schedule_at(s, schedule)
    tier = row.first_tier
    last = tier + row.tier_count - 1
    while tier < last and tier_at(s, tier + 1).lower_bound <= notional:
        tier += 1
    return tier


@inline
def lowest_maximum_leverage(s: State, schedule: int) -> int:
    """The maximum leverage of the last tier, which no other is below."""
    row = schedule_at(s, schedule)
    return tier_at(s, row.first_tier + row.tier_count - 1).maximum_leverage


@inline
def maintenance_margin(s: State, schedule: int, notional: int) -> int:
    """(notional x rate - deduction) of the notional's tier, truncated."""
    tier = tier_at(s, tier_of(s, schedule, notional))
    scaled = notional * tier.maintenance_numerator - tier.deduction_numerator
    return divide(scaled, tier.maintenance_denominator)


@inline
def initial_margin(notional: int, leverage: int) -> int:
    """Notional over the chosen leverage, truncated."""
    return divide(notional, leverage)


@inline
def transfer_floor(s: State, notional: int) -> int:
    """Margin of a position that withdrawals and transfers must leave."""
    return rate_of(notional, rules(s).transfer_floor_rate)


@inline
def position_notional(s: State, position: PositionRow) -> int:
    """|size| x mark of a position row."""
    return abs(position.signed_size) * market_at(s, position.market).mark_price


@inline
def bucket_equity(s: State, position: PositionRow) -> int:
    """Equity of an isolated bucket: its cash plus the position at mark."""
    return position.isolated_cash + position.signed_size * market_at(s, position.market).mark_price


@inline
def hold_after_credit(
    signed_size: int, mode: int, buy_hold: int, sell_hold: int, initial: int, equity: int
) -> int:
    """The margin that resting orders of one market hold.

    The closing side earns a credit: closing frees the position's margin, which then also
    carries the position opened the other way. The larger side counts.
    """
    if signed_size != 0:
        credit = 2 * initial if mode == CROSS else initial + max(0, equity)
        if signed_size > 0:
            sell_hold = max(0, sell_hold - credit)
        else:
            buy_hold = max(0, buy_hold - credit)
    return max(buy_hold, sell_hold)


@inline
def is_in_pool(s: State, position: PositionRow, group: int) -> bool:
    """Whether a position row is open in a group's cross pool."""
    if position.signed_size == 0 or position.mode != CROSS:
        return False
    return group_of(s, position.account, position.market) == group


@inline
def pool_without(s: State, account: int, group: int, skipped: int) -> tuple[int, int, int]:
    """(equity, initial margin, holds) of a group's cross pool, leaving one position row out.

    ``skipped`` is a position row or -1. Isolated positions add their holds only.
    """
    equity = cash_of(s, account, group)
    initial = 0
    holds = 0
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if index != skipped and group_of(s, account, position.market) == group:
            size = position.signed_size
            if size != 0 or position.buy_hold != 0 or position.sell_hold != 0:
                value = size * market_at(s, position.market).mark_price
                margin = initial_margin(abs(value), position.leverage) if size != 0 else 0
                if position.mode == CROSS:
                    equity += value
                    initial += margin
                holds += hold_after_credit(
                    size,
                    position.mode,
                    position.buy_hold,
                    position.sell_hold,
                    margin,
                    position.isolated_cash + value,
                )
        index = position.next_of_account
    return equity, initial, holds


@kernel
def free_margin(s: State, account: int, group: int) -> int:
    """Equity of a group's cross pool less initial margins and holds."""
    equity, initial, holds = pool_without(s, account, group, -1)
    return equity - initial - holds


@kernel
def cross_risk(s: State, account: int, group: int) -> tuple[int, int, int, int]:
    """(equity, initial margin, maintenance margin, transfer floor) of a group's cross pool."""
    equity = cash_of(s, account, group)
    initial = 0
    maintenance = 0
    floor = 0
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if is_in_pool(s, position, group):
            value = position.signed_size * market_at(s, position.market).mark_price
            notional = abs(value)
            equity += value
            initial += initial_margin(notional, position.leverage)
            maintenance += maintenance_margin(s, position.schedule, notional)
            floor += transfer_floor(s, notional)
        index = position.next_of_account
    return equity, initial, maintenance, floor


@kernel
def pool_solvency(s: State, account: int, group: int) -> tuple[int, int]:
    """(equity, maintenance margin) of a group's cross pool: what a liquidation check needs."""
    equity = cash_of(s, account, group)
    maintenance = 0
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if is_in_pool(s, position, group):
            value = position.signed_size * market_at(s, position.market).mark_price
            equity += value
            maintenance += maintenance_margin(s, position.schedule, abs(value))
        index = position.next_of_account
    return equity, maintenance


@inline
def bucket_solvency(s: State, index: int) -> tuple[int, int]:
    """(equity, maintenance margin) of one isolated bucket."""
    position = position_at(s, index)
    value = position.signed_size * market_at(s, position.market).mark_price
    return position.isolated_cash + value, maintenance_margin(s, position.schedule, abs(value))


@kernel
def isolated_risk(s: State, index: int) -> tuple[int, int, int, int]:
    """(equity, initial margin, maintenance margin, transfer floor) of one isolated bucket."""
    position = position_at(s, index)
    notional = position_notional(s, position)
    return (
        bucket_equity(s, position),
        initial_margin(notional, position.leverage),
        maintenance_margin(s, position.schedule, notional),
        transfer_floor(s, notional),
    )


@kernel
def withdrawable(s: State, account: int, group: int) -> int:
    """What may leave the pool: equity less the larger of initial margin and floor, less holds."""
    equity, initial, _, floor = cross_risk(s, account, group)
    _, _, holds = pool_without(s, account, group, -1)
    return max(0, equity - max(initial, floor) - holds)


@kernel
def has_cross_position(s: State, account: int, group: int) -> bool:
    """Whether the account holds an open position in a group's cross pool."""
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if is_in_pool(s, position, group):
            return True
        index = position.next_of_account
    return False
