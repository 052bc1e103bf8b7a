"""Deleveraging: a bankrupt bucket is closed against the most profitable, most leveraged others."""

from fractions import Fraction
from math import ceil, floor

from seawall.domain.enums import DeleveragingPrice, EventKind

from .fills import apply_free_trade, tried
from .margin import RATE_ONE, bucket_equity, bucket_markets, bucket_of, cross_markets, notional
from .state import BACKSTOP, FIRST_USER_ACCOUNT, OUTSIDE, Account, Bucket, State, sign


def deleverage(s: State, bucket: Bucket, markets: list[int]) -> None:
    """Closes the positions in the given order, as far as others can take them."""
    account = s.accounts[bucket.account]
    cash = account.cash[bucket.group]
    for market in markets:
        price = closing_price(s, bucket, market)
        for other in ranked(s, account, market):
            size = account.positions[market].size
            if size == 0:
                break
            taken = min(abs(size), bearable(s, other, market, price))
            if taken > 0:
                close_against(s, account, other, market, taken, price)
        if account.positions[market].size != 0:
            s.emit(EventKind.DELEVERAGING_STALLED, account=account.number, market=market)
    if bucket.market is not None:
        bear(s, account, bucket.group, cash)
    bear_empty_pool(s, account, bucket.group)


def bear_empty_pool(s: State, account: Account, group: int) -> None:
    if not cross_markets(s, account, group):
        bear(s, account, group, 0)


def bear(s: State, account: Account, group: int, least: int) -> None:
    """Account 2 bears, in the same collateral, what an emptied bucket or pool still owes."""
    if account.number >= FIRST_USER_ACCOUNT:
        missing = max(0, least - account.cash[group])
        account.cash[group] += missing
        s.accounts[BACKSTOP].cash[s.shared(group)] -= missing
        if missing:
            s.emit(EventKind.INSURANCE_PAID, account=account.number, money=missing)


def previous_mark(s: State, market: int) -> int:
    """The price that deleveraging starts from, by the rulebook."""
    row = s.markets[market]
    if s.rules.deleveraging.price == DeleveragingPrice.PREVIOUS_MARK:
        return row.previous_mark or row.mark
    return row.mark


def closing_price(s: State, bucket: Bucket, market: int) -> int:
    """The previous mark, moved by what the bucket is missing at the previous marks."""
    number, bucket_market, group = bucket
    account = s.accounts[number]
    worth = account.cash[group]
    if bucket_market is not None:
        worth = account.positions[bucket_market].isolated_cash
    for held in bucket_markets(s, bucket):
        worth += account.positions[held].size * previous_mark(s, held)
    size = account.positions[market].size
    moved = ceil(Fraction(max(0, -worth), abs(size)))
    return max(1, previous_mark(s, market) + sign(size) * moved)


def ranked(s: State, account: Account, market: int) -> list[Account]:
    """Opposite positions, the highest rank first, ties by lower account; the world outside last.

    Ranks are compared in steps of 1e-9.
    """
    side = sign(account.positions[market].size)
    found = []
    for other in s.accounts:
        position = other.positions.get(market)
        if position is None or sign(position.size) != -side:
            continue
        equity = bucket_equity(s, bucket_of(s, other, market))
        if other.number == OUTSIDE:
            found.append((Fraction(1), other.number, other))
            continue
        if equity <= 0 or other is account:
            continue
        mark = s.markets[market].mark
        gain = Fraction(mark * abs(position.size), max(1, abs(position.entry)))
        if position.size < 0:
            gain = 1 / gain
        leverage = Fraction(notional(s, position, market), equity)
        rank = Fraction(floor(floor(gain * RATE_ONE) * leverage))
        found.append((-rank, other.number, other))
    return [other for _, _, other in sorted(found, key=lambda row: row[:2])]


def bearable(s: State, other: Account, market: int, price: int) -> int:
    """How much of its position the counterparty can close at ``price`` and stay at 0 or above."""
    position = other.positions[market]
    whole = abs(position.size)
    if other.number == OUTSIDE:
        return whole
    mark = s.markets[market].mark
    loss = (mark - price) * sign(position.size)
    if loss <= 0:
        return whole
    equity = bucket_equity(s, bucket_of(s, other, market))
    most = min(whole, max(0, equity) // loss)
    if position.isolated and most:
        after = tried(s, other, market, -sign(position.size) * most, price, 0)
        group = s.group(other, market)
        return most if after.cash[group] >= other.cash[group] else 0
    return most


def close_against(
    s: State, account: Account, other: Account, market: int, size: int, price: int
) -> None:
    change = sign(account.positions[market].size) * size
    for number, signed in ((account.number, -change), (other.number, change)):
        apply_free_trade(s, number, market, signed, price)
        s.emit(EventKind.DELEVERAGED, account=number, market=market, price=price, size=signed)
