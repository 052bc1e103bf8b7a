"""Section "Accounts" of the machine: equity, requirements, holds, free margin, withdrawable."""

from fractions import Fraction
from math import trunc

from seawall.domain.enums import OrderFlag, OrderState, Side

from .state import Account, Order, Position, State, divide

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


def cross_markets(account: Account) -> list[int]:
    return [m for m, p in account.positions.items() if p.size and not p.isolated]


def cross_equity(s: State, account: Account) -> int:
    return account.cash + sum(
        account.positions[m].size * s.markets[m].mark for m in cross_markets(account)
    )


def isolated_equity(s: State, position: Position, market: int) -> int:
    return position.isolated_cash + position.size * s.markets[market].mark


def cross_initial(s: State, account: Account) -> int:
    return sum(initial(s, account.positions[m], m) for m in cross_markets(account))


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


def holds(s: State, account: Account, market: int = -1, extra: dict[int, int] | None = None) -> int:
    """Over all markets; ``extra`` is added to the sides of ``market``."""
    total = 0
    for number in range(len(s.markets)):
        total += hold(s, account, number, extra if number == market else None)
    return total


def free_margin(
    s: State, account: Account, market: int = -1, extra: dict[int, int] | None = None
) -> int:
    return cross_equity(s, account) - cross_initial(s, account) - holds(s, account, market, extra)


def floor_margin(s: State, position: Position, market: int) -> int:
    return divide(notional(s, position, market) * s.rules.margin.transfer_floor_rate, RATE_ONE)


def withdrawable(s: State, account: Account) -> int:
    floor = sum(floor_margin(s, account.positions[m], m) for m in cross_markets(account))
    requirement = max(cross_initial(s, account), floor)
    return max(0, cross_equity(s, account) - requirement - holds(s, account))


# A bucket is (account number, market) when isolated and (account number, None) when cross.


def bucket_markets(s: State, bucket: tuple[int, int | None]) -> list[int]:
    number, market = bucket
    account = s.accounts[number]
    if market is None:
        return sorted(cross_markets(account))
    position = account.positions.get(market)
    return [market] if position and position.size and position.isolated else []


def bucket_equity(s: State, bucket: tuple[int, int | None]) -> int:
    number, market = bucket
    account = s.accounts[number]
    if market is None:
        return cross_equity(s, account)
    return isolated_equity(s, account.positions[market], market)


def bucket_maintenance(s: State, bucket: tuple[int, int | None]) -> int:
    account = s.accounts[bucket[0]]
    return sum(maintenance(s, account.positions[m], m) for m in bucket_markets(s, bucket))


def bucket_of(account: Account, market: int) -> tuple[int, int | None]:
    position = account.positions[market]
    return (account.number, market if position.isolated else None)
