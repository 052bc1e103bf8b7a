"""Section "Accounts" of the machine: equity, requirements, holds, free margin, withdrawable."""

from fractions import Fraction
from math import trunc

from seawall.domain.enums import OrderFlag, OrderState, Side

from .state import Account, Bucket, Order, Position, State, divide

RATE_ONE = 10**9


def notional(s: State, position: Position, market: int) -> int:
    return abs(position.size) * s.markets[market].mark


def maintenance_of(s: State, schedule: int, value: int) -> int:
    """Each slice of notional between two bounds costs 1 / (2 x the leverage of its tier)."""
    tiers = s.schedules[schedule]
    total = Fraction(0)
    for index, tier in enumerate(tiers):
        above = tiers[index + 1].lower_bound if index + 1 < len(tiers) else value
        slice_of_tier = min(value, above) - tier.lower_bound
        if slice_of_tier > 0:
            total += Fraction(slice_of_tier, 2 * tier.maximum_leverage)
    return trunc(total)


def maintenance(s: State, position: Position, market: int) -> int:
    return maintenance_of(s, position.schedule, notional(s, position, market))


def tier_leverage(s: State, position: Position, value: int) -> int:
    """The maximum leverage of the last tier whose lower bound is not above ``value``."""
    reached = [tier for tier in s.schedules[position.schedule] if tier.lower_bound <= value]
    return reached[-1].maximum_leverage


def initial(s: State, position: Position, market: int) -> int:
    return divide(notional(s, position, market), position.leverage)


def cross_markets(s: State, account: Account, group: int) -> list[int]:
    """Those with a position in the cross pool of a margin group."""
    return [
        m
        for m, p in account.positions.items()
        if p.size and not p.isolated and s.group(account, m) == group
    ]


def cross_equity(s: State, account: Account, group: int) -> int:
    markets = cross_markets(s, account, group)
    return account.cash[group] + sum(account.positions[m].size * s.markets[m].mark for m in markets)


def isolated_equity(s: State, position: Position, market: int) -> int:
    return position.isolated_cash + position.size * s.markets[market].mark


def cross_initial(s: State, account: Account, group: int) -> int:
    return sum(initial(s, account.positions[m], m) for m in cross_markets(s, account, group))


def order_hold(s: State, order: Order, position: Position) -> int:
    """A resting order that may increase holds its remaining value / leverage."""
    if order.state != OrderState.RESTING or order.has(OrderFlag.REDUCE_ONLY):
        return 0
    return divide(order.remaining * order.price, position.leverage)


def side_holds(s: State, account: Account, market: int) -> dict[int, int]:
    position = s.look(account, market)
    sums = {int(Side.BUY): 0, int(Side.SELL): 0}
    for order in s.open_orders(account.number, market):
        sums[order.side] += order_hold(s, order, position)
    return sums


def hold(s: State, account: Account, market: int, extra: dict[int, int] | None = None) -> int:
    """The greater side, after the closing credit on the side that closes the position."""
    sums = side_holds(s, account, market)
    for side, amount in (extra or {}).items():
        sums[side] += amount
    position = s.look(account, market)
    if position.size:
        requirement = initial(s, position, market)
        if position.isolated:
            credit = requirement + max(0, isolated_equity(s, position, market))
        else:
            credit = 2 * requirement
        closing = Side.SELL if position.size > 0 else Side.BUY
        sums[closing] = max(0, sums[closing] - credit)
    return max(sums.values())


def holds(
    s: State, account: Account, group: int, market: int = -1, extra: dict[int, int] | None = None
) -> int:
    """Over all markets of a margin group; ``extra`` is added to the sides of ``market``."""
    total = 0
    for number in range(len(s.markets)):
        if s.group(account, number) == group:
            total += hold(s, account, number, extra if number == market else None)
    return total


def free_margin(
    s: State, account: Account, group: int, market: int = -1, extra: dict[int, int] | None = None
) -> int:
    left = cross_equity(s, account, group) - cross_initial(s, account, group)
    return left - holds(s, account, group, market, extra)


def floor_margin(s: State, position: Position, market: int) -> int:
    return divide(notional(s, position, market) * s.rules.margin.transfer_floor_rate, RATE_ONE)


def withdrawable(s: State, account: Account, group: int) -> int:
    markets = cross_markets(s, account, group)
    floor = sum(floor_margin(s, account.positions[m], m) for m in markets)
    requirement = max(cross_initial(s, account, group), floor)
    return max(0, cross_equity(s, account, group) - requirement - holds(s, account, group))


def bucket_markets(s: State, bucket: Bucket) -> list[int]:
    number, market, group = bucket
    account = s.accounts[number]
    if market is None:
        return sorted(cross_markets(s, account, group))
    position = account.positions.get(market)
    return [market] if position and position.size and position.isolated else []


def bucket_equity(s: State, bucket: Bucket) -> int:
    number, market, group = bucket
    account = s.accounts[number]
    if market is None:
        return cross_equity(s, account, group)
    return isolated_equity(s, account.positions[market], market)


def bucket_maintenance(s: State, bucket: Bucket) -> int:
    account = s.accounts[bucket.account]
    return sum(maintenance(s, account.positions[m], m) for m in bucket_markets(s, bucket))


def bucket_of(s: State, account: Account, market: int) -> Bucket:
    isolated = account.positions[market].isolated
    return Bucket(account.number, market if isolated else None, s.group(account, market))
