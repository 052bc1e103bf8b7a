"""Section "Liquidation": who is below maintenance, worst first, and the stages of the rulebook."""

from fractions import Fraction
from math import floor

from seawall.domain.enums import (
    EventKind,
    LiquidationPriceLimit,
    LiquidationStage,
    MarketStatus,
    OrderFlag,
    PriceReference,
    Reason,
    Side,
    TimeInForce,
)

from . import groups
from .deleveraging import deleverage
from .fills import apply_free_trade
from .margin import (
    RATE_ONE,
    bucket_equity,
    bucket_maintenance,
    bucket_markets,
    cross_markets,
    maintenance_of,
    notional,
)
from .matching import match
from .state import BACKSTOP, INSURANCE_FUND, OUTSIDE, Bucket, Order, State, divide


def unhealthy(s: State, bucket: Bucket) -> bool:
    if bucket.account == OUTSIDE or not bucket_markets(s, bucket):
        return False
    if bucket.account == BACKSTOP:
        return bucket_equity(s, bucket) < 0
    return bucket_equity(s, bucket) < bucket_maintenance(s, bucket)


def all_buckets(s: State) -> list[Bucket]:
    buckets: list[Bucket] = []
    for account in s.accounts:
        buckets += [Bucket(account.number, None, group) for group in s.own_groups(account)]
        isolated = [m for m, p in sorted(account.positions.items()) if p.isolated]
        buckets += [Bucket(account.number, m, s.group(account, m)) for m in isolated]
    return buckets


def below_maintenance(s: State) -> list[Bucket]:
    return [bucket for bucket in all_buckets(s) if unhealthy(s, bucket)]


def severity(s: State, bucket: Bucket) -> int:
    """Equity / maintenance in steps of 1e-9: the smaller, the worse."""
    requirement = max(1, bucket_maintenance(s, bucket))
    return floor(Fraction(bucket_equity(s, bucket) * RATE_ONE, requirement))


def liquidate(s: State, candidates: list[Bucket]) -> None:
    """Handles the worst buckets; the rest waits for the next command."""
    ordered = sorted(candidates, key=lambda bucket: severity(s, bucket))
    limit = s.rules.liquidation.liquidations_per_command
    for bucket in ordered[:limit]:
        if unhealthy(s, bucket):
            handle(s, bucket)


def handle(s: State, bucket: Bucket) -> None:
    number = bucket.account
    s.emit(EventKind.LIQUIDATION_STARTED, account=number, market=bucket.told_market)
    cancel_bucket_orders(s, bucket)
    stages = {
        LiquidationStage.BOOK: send_to_book,
        LiquidationStage.BACKSTOP: hand_to_backstop,
        LiquidationStage.INSURANCE: insure,
        LiquidationStage.DELEVERAGE: deleverage_bucket,
    }
    for stage in s.rules.liquidation.stages:
        if stage != LiquidationStage.NO_STAGE and unhealthy(s, bucket):
            stages[stage](s, bucket)
    if not unhealthy(s, bucket):
        ended = EventKind.LIQUIDATION_ENDED
        s.emit(ended, account=number, market=bucket.told_market)


def cancel_bucket_orders(s: State, bucket: Bucket) -> None:
    number, market, group = bucket
    account = s.accounts[number]
    for order in s.open_orders(number, market):
        pooled = not s.look(account, order.market).isolated
        pooled = pooled and s.group(account, order.market) == group
        if order.order_id in s.orders and (market is not None or pooled):
            groups.end_order(s, order, Reason.LIQUIDATED_CANCELLED)


def below_backstop_line(s: State, bucket: Bucket) -> bool:
    policy = s.rules.liquidation
    left = bucket_equity(s, bucket) * policy.backstop_denominator
    return left < bucket_maintenance(s, bucket) * policy.backstop_numerator


def largest_first(s: State, bucket: Bucket) -> list[int]:
    rows = s.accounts[bucket.account].positions
    return sorted(bucket_markets(s, bucket), key=lambda m: (-notional(s, rows[m], m), m))


def send_to_book(s: State, bucket: Bucket) -> None:
    policy = s.rules.liquidation
    number = bucket.account
    if number == BACKSTOP or bucket_equity(s, bucket) < 0:
        return
    if below_backstop_line(s, bucket) and not policy.book_first_below_backstop:
        return
    account = s.accounts[number]
    cooling = s.clock < account.cooldown_until
    for market in largest_first(s, bucket):
        if not unhealthy(s, bucket):
            return
        position = account.positions[market]
        size = abs(position.size)
        partial = notional(s, position, market) > policy.partial_above and not cooling
        if partial:
            size = divide(size * policy.portion_rate, RATE_ONE)
        filled = liquidation_order(s, number, market, size)
        if partial and filled:
            account.cooldown_until = s.clock + policy.cooldown_ms


def liquidation_order(s: State, number: int, market: int, size: int) -> int:
    """An immediate-or-cancel order of the venue at the edge of the price band."""
    row = s.markets[market]
    if row.status in (MarketStatus.HALTED, MarketStatus.DELISTED) or size == 0:
        return 0
    long = s.accounts[number].positions[market].size > 0
    flags = OrderFlag.REDUCE_ONLY
    if s.rules.liquidation.price_limit == LiquidationPriceLimit.BANKRUPTCY:
        flags |= OrderFlag.LIQUIDATION
    s.placed += 1
    order = Order(
        order_id=s.placed,
        account=number,
        market=market,
        side=Side.SELL if long else Side.BUY,
        price=band_edge(s, market, Side.SELL if long else Side.BUY),
        size=size,
        remaining=size,
        flags=int(flags),
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        trigger_price=0,
        client_id=(0, 0),
    )
    match(s, order)
    return order.filled


def band_edge(s: State, market: int, side: int) -> int:
    """The last price that the price band accepts."""
    row = s.markets[market]
    use_mark = s.rules.order.price_band_reference == PriceReference.MARK
    reference = row.mark if use_mark else row.oracle
    kept = RATE_ONE - s.rules.order.price_band_rate
    if side == Side.SELL:
        return kept * reference // RATE_ONE + 1
    return reference * RATE_ONE // kept


def hand_to_backstop(s: State, bucket: Bucket) -> None:
    if bucket.account == BACKSTOP or bucket_equity(s, bucket) < 0:
        return
    if not below_backstop_line(s, bucket):
        return
    if not backstop_can_take(s, bucket):
        return
    take_over(s, bucket)


def backstop_can_take(s: State, bucket: Bucket) -> bool:
    """Account 2's equity afterwards must not be below its maintenance margin.

    Both of its pool of the bucket's collateral: it shares all groups of one.
    """
    number, bucket_market, group = bucket
    account, backstop = s.accounts[number], s.accounts[BACKSTOP]
    shared = s.shared(group)
    sizes = {m: backstop.positions[m].size for m in cross_markets(s, backstop, shared)}
    for market in bucket_markets(s, bucket):
        sizes[market] = sizes.get(market, 0) + account.positions[market].size
    cash = account.cash[group]
    if bucket_market is not None:
        cash = account.positions[bucket_market].isolated_cash
    value = sum(size * s.markets[m].mark for m, size in sizes.items())
    equity = backstop.cash[shared] + cash + value
    requirement = sum(
        maintenance_of(s, s.look(backstop, m).schedule, abs(size) * s.markets[m].mark)
        for m, size in sizes.items()
    )
    return equity >= requirement


def take_over(s: State, bucket: Bucket) -> None:
    """All positions of the bucket with all its cash go to account 2 at mark."""
    number, bucket_market, group = bucket
    account, backstop = s.accounts[number], s.accounts[BACKSTOP]
    cash_before = account.cash[group]
    for market in largest_first(s, bucket):
        size, mark = account.positions[market].size, s.markets[market].mark
        apply_free_trade(s, number, market, -size, mark)
        apply_free_trade(s, BACKSTOP, market, size, mark)
        s.emit(EventKind.BACKSTOP_TAKEN_OVER, account=number, market=market, price=mark, size=size)
    left = account.cash[group]
    if bucket_market is not None:
        left -= cash_before
    account.cash[group] -= left
    backstop.cash[s.shared(group)] += left


def insure(s: State, bucket: Bucket) -> None:
    """The fund fills the hole, then the bucket goes to account 2 at mark."""
    number, market, group = bucket
    missing = -bucket_equity(s, bucket)
    fund, shared = s.accounts[INSURANCE_FUND], s.shared(group)
    if number == BACKSTOP or missing <= 0 or fund.cash[shared] < missing:
        return
    fund.cash[shared] -= missing
    if market is None:
        s.accounts[number].cash[group] += missing
    else:
        s.accounts[number].positions[market].isolated_cash += missing
    s.emit(EventKind.INSURANCE_PAID, account=number, money=missing)
    take_over(s, bucket)


def deleverage_bucket(s: State, bucket: Bucket) -> None:
    if bucket_equity(s, bucket) < 0:
        deleverage(s, bucket, largest_first(s, bucket))
