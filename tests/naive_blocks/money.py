"""Money, margin settings, adopted positions and the status of markets."""

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from seawall.domain.enums import (
    EventKind,
    MarginMode,
    MarketStatus,
    Reason,
    Side,
    UpdateKind,
)
from seawall.domain.units import MAX_DEPOSITS, MAX_MONEY, MAX_NOTIONAL

from .fees import show_rates
from .matching import end_order
from .state import CROSS_POOL, FIRST_USER, INSURANCE_FUND, OUTSIDE, PPM, Account, Market, State
from .updates import (
    Update,
    apply_updates,
    breaks_isolation,
    is_gated,
    judge,
    judge_pools,
    risk_of,
    settle,
)
from .validity import refuse_if

if TYPE_CHECKING:
    from .machine import Command

MAX_ORACLE = 10**17
MAX_SIZE = 10**17


def create_account(s: State, c: "Command") -> None:
    parent = c.other_account
    if parent != -1:
        refuse_if(not FIRST_USER <= parent < len(s.accounts), Reason.UNKNOWN_ACCOUNT)
        refuse_if(s.accounts[parent].parent >= 0, Reason.UNKNOWN_ACCOUNT)
    account = Account(len(s.accounts), parent)
    s.accounts.append(account)
    s.emit(EventKind.ACCOUNT_CREATED, account=account.number, counterparty=parent)
    show_rates(s, account)


def check_amount(amount: int) -> None:
    refuse_if(amount <= 0, Reason.AMOUNT_NOT_POSITIVE)
    refuse_if(amount > MAX_MONEY, Reason.VALUE_OUT_OF_RANGE)


def check_group(group: int) -> None:
    """All markets are one margin group."""
    refuse_if(group != 0, Reason.UNKNOWN_MARGIN_GROUP)


def deposit(s: State, c: "Command") -> None:
    check_group(c.status)
    check_amount(c.money)
    account = s.accounts[c.account]
    refuse_if(account.cash + c.money > MAX_MONEY, Reason.VALUE_OUT_OF_RANGE)
    refuse_if(s.money_outside + c.money > MAX_DEPOSITS, Reason.VALUE_OUT_OF_RANGE)
    if account.is_system:
        refuse_if(not -1 <= c.market < len(s.markets), Reason.UNKNOWN_MARKET)
        fund_gains(s, c.market, c.money)
    else:
        refuse_if(is_gated(s, account), Reason.TRANSFERS_BLOCKED)
        settle(s, account)
        account.cash += c.money
        s.add_to_pool(s.own_market(account), c.money)
    s.money_outside += c.money
    number, market = (INSURANCE_FUND, c.market) if account.is_system else (c.account, -1)
    s.emit(EventKind.DEPOSITED, account=number, market=market, money=c.money)


def fund_gains(s: State, market: int, amount: int) -> None:
    """Money for the insurance fund of a market with its own pool, or for the common one."""
    if market != CROSS_POOL:
        s.add_to_fund(market, amount)
    else:
        s.accounts[INSURANCE_FUND].cash += amount


def withdraw(s: State, c: "Command") -> None:
    check_group(c.status)
    check_amount(c.money)
    account = s.accounts[c.account]
    update = Update(account, cash=-c.money)
    judge_all(s, UpdateKind.WITHDRAWAL_UPDATE, [update])
    pool = s.own_market(account)
    refuse_if(s.pool(pool) < c.money, Reason.POOL_TOO_SMALL)
    s.add_to_pool(pool, -c.money)
    apply_updates(s, [update])
    s.money_outside -= c.money
    s.emit(EventKind.WITHDRAWN, account=c.account, money=c.money)


def transfer(s: State, c: "Command") -> None:
    refuse_if(not FIRST_USER <= c.other_account < len(s.accounts), Reason.UNKNOWN_ACCOUNT)
    nowhere = c.other_account == c.account and c.leverage == c.status
    refuse_if(nowhere, Reason.TRANSFER_TO_SAME_ACCOUNT)
    check_group(c.leverage)
    check_group(c.status)
    check_amount(c.money)
    sender, target = s.accounts[c.account], s.accounts[c.other_account]
    refuse_if(target.cash + c.money > MAX_MONEY, Reason.VALUE_OUT_OF_RANGE)
    updates = [Update(sender, cash=-c.money), Update(target, cash=c.money)]
    judge_all(s, UpdateKind.TRANSFER_UPDATE, updates)
    source, goal = s.own_market(sender), s.own_market(target)
    refuse_if(source != goal and s.pool(source) < c.money, Reason.POOL_TOO_SMALL)
    s.add_to_pool(source, -c.money)
    s.add_to_pool(goal, c.money)
    apply_updates(s, updates)
    s.emit(
        EventKind.TRANSFERRED,
        account=c.account,
        money=c.money,
        counterparty=c.other_account,
    )


def judge_all(s: State, kind: UpdateKind, updates: list[Update]) -> None:
    for reason in judge(s, kind, updates):
        refuse_if(bool(reason), reason)


def adopt_position(s: State, c: "Command") -> None:
    """A position held elsewhere; account 4 takes the other side. Collateral is not judged."""
    account, outside = s.accounts[c.account], s.accounts[OUTSIDE]
    refuse_if(account.size(c.market) != 0, Reason.POSITION_ALREADY_OPEN)
    refuse_if(c.side not in (Side.BUY, Side.SELL), Reason.INVALID_FLAGS)
    plain = c.mode == MarginMode.CROSS and c.trigger_price == 0
    refuse_if(not plain, Reason.COMMAND_NOT_OFFERED)
    refuse_if(c.order_size <= 0, Reason.ZERO_SIZE)
    fits = c.order_size <= MAX_SIZE and 0 < c.money <= MAX_NOTIONAL
    refuse_if(not fits, Reason.VALUE_OUT_OF_RANGE)
    refuse_if(s.markets[c.market].oracle <= 0, Reason.NO_REFERENCE_PRICE)
    sign = 1 if c.side == Side.BUY else -1
    size, entry = sign * c.order_size, sign * c.money
    updates = [
        Update(account, {c.market: size}, -entry, -entry),
        Update(outside, {c.market: -size}, entry, entry),
    ]
    refuse_if(breaks_isolation(s, updates[0]), Reason.ISOLATED_MARKET_RULE)
    reason = judge_pools(s, updates)[0]
    refuse_if(bool(reason), reason)
    apply_updates(s, updates)
    s.emit(
        EventKind.POSITION_ADOPTED,
        account=c.account,
        market=c.market,
        size=c.order_size,
        money=c.money,
        position=size,
    )


def check_fraction(s: State, c: "Command", ppm: int, wrong: Reason) -> None:
    """At least the market's own; the account must cover it, other settings left out."""
    least = s.markets[c.market].terms.fractions.initial_ppm
    refuse_if(not max(1, least) <= ppm <= PPM, wrong)
    risk = risk_of(s, s.accounts[c.account], fractions={c.market: ppm})
    refuse_if(risk.net < risk.initial, Reason.LEVERAGE_UNDERCOLLATERALIZED)


def set_initial_fraction(s: State, c: "Command") -> None:
    check_fraction(s, c, c.leverage, Reason.INVALID_INITIAL_FRACTION)
    s.accounts[c.account].fractions[c.market] = c.leverage
    s.emit(EventKind.INITIAL_FRACTION_SET, account=c.account, market=c.market, size=c.leverage)


def set_leverage(s: State, c: "Command") -> None:
    """A whole multiple stands for the fraction 1 / leverage, rounded up."""
    refuse_if(c.mode != MarginMode.CROSS, Reason.COMMAND_NOT_OFFERED)
    refuse_if(c.leverage < 1, Reason.INVALID_LEVERAGE)
    ppm = ceil(Fraction(PPM, c.leverage))
    check_fraction(s, c, ppm, Reason.INVALID_LEVERAGE)
    s.accounts[c.account].fractions[c.market] = ppm
    s.accounts[c.account].leverage[c.market] = min(c.leverage, 1000)
    s.emit(EventKind.LEVERAGE_SET, account=c.account, market=c.market, size=c.leverage)


def take_price(s: State, market: Market, price: int) -> None:
    market.oracle = price
    s.emit(EventKind.PRICE_UPDATED, market=market.number, price=price, money=price)


def set_oracle_price(s: State, c: "Command") -> None:
    """From the next block on; a market's first price at once."""
    refuse_if(not 0 < c.price <= MAX_ORACLE, Reason.INVALID_PRICE)
    market = s.markets[c.market]
    if market.oracle <= 0:
        take_price(s, market, c.price)
    else:
        market.pending = c.price


def take_pending_prices(s: State) -> None:
    """All but those that differ by less than the market's minimum change."""
    for market in s.markets:
        price, market.pending = market.pending, 0
        change = abs(price - market.oracle)
        least = market.oracle * market.terms.minimum_price_change_ppm
        if price and change and change * PPM >= least:
            take_price(s, market, price)


def set_market_status(s: State, c: "Command") -> None:
    market = s.markets[c.market]
    not_offered = (MarketStatus.DELISTED, MarketStatus.REDUCE_ONLY_ONLY)
    known = c.status in tuple(MarketStatus) and c.status not in not_offered
    refuse_if(not known, Reason.INVALID_FLAGS)
    now, wanted = market.status, c.status
    allowed = now == wanted or now != MarketStatus.DELISTED
    if now == MarketStatus.FINAL_SETTLEMENT and now != wanted:
        allowed = wanted == MarketStatus.INITIALIZING
    elif wanted == MarketStatus.INITIALIZING and now == MarketStatus.OPEN:
        allowed = False
    refuse_if(not allowed, Reason.MARKET_HALTED)
    market.status = wanted
    if wanted == MarketStatus.FINAL_SETTLEMENT:
        for order in list(s.orders.values()):
            if order.market == c.market:
                end_order(s, order, Reason.DELISTED_CANCELLED)
    s.emit(EventKind.MARKET_STATUS_SET, market=c.market, flags=wanted)
