"""Liquidation after a block: the worst first, a little of each, into the book."""

from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from seawall.domain.enums import (
    EventKind,
    FillFlag,
    MarketStatus,
    Reason,
    Side,
    StartingOffset,
)

from .arithmetic import fill_quote, mul_ppm, oracle_ticks, size_worth, tick_value, to_step, value_of
from .fees import fee_of, fee_ppm
from .matching import Match, book_match, end_order, fill_maker, judge_match
from .state import FIRST_USER, INSURANCE_FUND, PPM, Account, Order, State
from .updates import maintenance_of, risk_of
from .validity import MAX_PRICE


class Trial(NamedTuple):
    """The order that an account under maintenance would send now."""

    market: int
    delta: int
    price: int


def first_of(s: State, offset: StartingOffset, count: int) -> int:
    """Where a rotation over ``count`` begins; the venue draws it at random."""
    return s.height % count if offset == StartingOffset.BLOCK_HEIGHT and count else 0


def position_in_turn(s: State, account: Account) -> int | None:
    """The first market of the rotation without a liquidation order in this block."""
    markets = sorted(account.positions)
    start = first_of(s, s.rules.liquidation.position_offset, len(markets))
    for market in markets[start:] + markets[:start]:
        if account.liquidated.get(market) != s.next_height:
            return market
    return None


def limits_left(s: State, account: Account) -> tuple[int, int]:
    """(notional, insurance) that the account's liquidations may still use in this block."""
    rules = s.rules.liquidation
    if account.used_block != s.next_height:
        return rules.account_notional, rules.account_insurance
    left = rules.account_notional - account.used_notional
    return left, rules.account_insurance - account.used_insurance


def size_to_close(s: State, account: Account, market: int) -> int:
    """Signed; 0 where the account's limit of the block is exceeded."""
    rules, row, size = s.rules.liquidation, s.markets[market], account.size(market)
    step = row.terms.size_step
    notional = abs(value_of(row, size))
    low = min(rules.position_minimum, notional)
    high = max(low, mul_ppm(notional, rules.position_portion_ppm, up=False))
    left, _ = limits_left(s, account)
    if left < 0:
        return 0
    limit = min(high, left)
    if notional <= limit or abs(size) <= step:
        return -size
    part = min(max(to_step(size_worth(row, limit), step), step), abs(size))
    return -part if size > 0 else part


def fillable_price(s: State, account: Account, market: int) -> int:
    """The limit in ticks: beyond the oracle by the share of maintenance that is lost."""
    rules, row, size = s.rules.liquidation, s.markets[market], account.size(market)
    total = risk_of(s, account)
    lost = 1 - Fraction(total.net, total.maintenance)
    share = Fraction(rules.bankruptcy_adjustment_ppm, PPM) * lost
    share = min(max(share, Fraction(0)), Fraction(1))
    spread = share * rules.spread_to_maintenance_ppm / PPM * maintenance_of(row, size)
    price = (value_of(row, size) - spread) / size / tick_value(row)
    return min(max(ceil(price) if size > 0 else floor(price), 1), MAX_PRICE)


def trial_of(s: State, account: Account) -> Trial | None:
    if not risk_of(s, account).is_liquidatable:
        return None
    market = position_in_turn(s, account)
    if market is None:
        return None
    delta = size_to_close(s, account, market)
    if delta == 0:
        return None
    return Trial(market, delta, fillable_price(s, account, market))


def bankruptcy_quote(s: State, account: Account, market: int, delta: int) -> int:
    """What the account must receive for ``delta`` to keep net collateral for the rest."""
    row, size = s.markets[market], account.size(market)
    value = value_of(row, size + delta) - value_of(row, size)
    freed = abs(maintenance_of(row, size + delta) - maintenance_of(row, size))
    total = risk_of(s, account)
    share = floor(Fraction(total.net * freed, total.maintenance)) if total.maintenance else 0
    return -value - share


def severity(s: State, trial: Trial) -> tuple[Fraction, int]:
    """How far the limit lies from the oracle price, then how large the order is."""
    row = s.markets[trial.market]
    oracle = oracle_ticks(row)
    return abs(trial.price - oracle) / oracle, fill_quote(row, abs(trial.delta), trial.price)


def report(s: State, kind: EventKind, account: Account, pool: int) -> None:
    risk = risk_of(s, account)
    s.emit(kind, account=account.number, market=pool, money=risk.net, profit=risk.maintenance)


def candidates(s: State) -> list[Account]:
    users = s.accounts[FIRST_USER:]
    found = [a for a in users if a.positions and risk_of(s, a).is_liquidatable]
    start = first_of(s, s.rules.liquidation.account_offset, len(found))
    return found[start:] + found[:start]


def liquidate(s: State, found: list[Account]) -> list[tuple[Account, int]]:
    """One order for each account, worst first; returns those that nobody in the book took."""
    chosen = found[: s.rules.liquidation.liquidations_per_block]
    trials = [(account, trial_of(s, account)) for account in chosen]
    ranked = [(account, severity(s, trial)) for account, trial in trials if trial is not None]
    ranked.sort(key=lambda pair: (-pair[1][0], -pair[1][1], pair[0].number))
    unfilled = []
    for account, _ in ranked:
        trial = trial_of(s, account)
        if trial is None:
            continue
        filled = 0
        if s.markets[trial.market].status == MarketStatus.OPEN:
            pool = s.own_market(account)
            report(s, EventKind.LIQUIDATION_STARTED, account, pool)
            filled = send(s, account, trial)
            report(s, EventKind.LIQUIDATION_ENDED, account, pool)
        if not filled:
            unfilled.append((account, trial.market))
    return unfilled


def send(s: State, account: Account, trial: Trial) -> int:
    """The order meets the book; returns the size that was filled."""
    account.liquidated[trial.market] = s.next_height
    side = Side.SELL if trial.delta < 0 else Side.BUY
    sign = 1 if side == Side.BUY else -1
    left = abs(trial.delta)
    for maker in s.book(trial.market, 1 - side):
        if left <= 0 or sign * (trial.price - maker.price) < 0:
            break
        if maker.account == account.number:
            end_order(s, maker, Reason.SELF_TRADE_CANCELLED)
            continue
        size = min(left, maker.remaining)
        traded, stop = fill_with(s, account, trial.market, maker, sign * size)
        left -= traded
        if stop:
            break
    return abs(trial.delta) - left


def fund_gain(s: State, account: Account, market: int, delta: int, price: int) -> int:
    """What a fill brings to the fund: the surplus over bankruptcy, capped; or what it pays."""
    quote = fill_quote(s.markets[market], abs(delta), price)
    received = quote if delta < 0 else -quote
    surplus = received - bankruptcy_quote(s, account, market, delta)
    if surplus <= 0:
        return surplus
    return min(mul_ppm(quote, s.rules.liquidation.maximum_fee_ppm, up=False), surplus)


def fill_with(
    s: State, account: Account, market: int, maker: Order, delta: int
) -> tuple[int, bool]:
    """(size traded, whether the liquidation must stop)."""
    row, size = s.markets[market], abs(delta)
    gain = fund_gain(s, account, market, delta, maker.price)
    notional = abs(value_of(row, delta))
    notional_left, insurance_left = limits_left(s, account)
    if gain < 0 and (s.fund(market) + gain < 0 or -gain > insurance_left):
        return 0, True
    if notional > notional_left:
        return 0, True
    quote = fill_quote(row, size, maker.price)
    owner = s.accounts[maker.account]
    fee = max(0, fee_of(quote, fee_ppm(s, owner, market, False)))
    paid = quote if delta > 0 else -quote
    match = Match(market, owner, account, maker.price, delta, paid, fee, gain)
    maker_reason, own_reason = judge_match(s, match)
    if maker_reason:
        end_order(s, maker, maker_reason)
    if maker_reason or own_reason:
        return 0, False
    book_match(s, match, maker.order_id, 0, FillFlag.LIQUIDATED, gain)
    count_limits(s, account, notional, gain)
    s.add_to_pool(s.pool_of_trades(market), -gain)
    s.add_to_fund(market, gain)
    if gain > 0:
        s.emit(EventKind.LIQUIDATION_FEE_PAID, account=account.number, market=market, money=gain)
    elif gain < 0:
        s.emit(
            EventKind.INSURANCE_PAID,
            account=account.number,
            market=market,
            money=-gain,
            counterparty=INSURANCE_FUND,
        )
    fill_maker(s, maker, size)
    return size, False


def count_limits(s: State, account: Account, notional: int, gain: int) -> None:
    if account.used_block != s.next_height:
        account.used_block = s.next_height
        account.used_notional = account.used_insurance = 0
    account.used_notional += notional
    account.used_insurance += max(0, -gain)
