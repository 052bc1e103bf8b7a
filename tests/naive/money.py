"""Deposits, withdrawals, transfers, leverage, isolated margin, adoption, settlement."""

from typing import TYPE_CHECKING

from seawall.domain.enums import (
    EventKind,
    MarginGrouping,
    MarginMode,
    MarketMargin,
    MarketStatus,
    Reason,
    Side,
)
from seawall.domain.units import MAX_DEPOSITS, MAX_MONEY, MAX_NOTIONAL, MAX_PRICE, MAX_SIZE

from .deleveraging import bear, bear_empty_pool
from .fees import set_rates
from .fills import apply_free_trade
from .margin import (
    RATE_ONE,
    cross_markets,
    floor_margin,
    free_margin,
    initial,
    isolated_equity,
    notional,
    withdrawable,
)
from .orders import cancel_orders
from .state import (
    FIRST_USER_ACCOUNT,
    OUTSIDE,
    Account,
    Position,
    State,
    direction,
    divide,
    sign,
)
from .validity import refuse_if

if TYPE_CHECKING:
    from .machine import Command


def create_account(s: State, c: "Command") -> None:
    if c.other_account != -1:
        known = FIRST_USER_ACCOUNT <= c.other_account < len(s.accounts)
        refuse_if(not known, Reason.UNKNOWN_ACCOUNT)
        refuse_if(s.accounts[c.other_account].parent != -1, Reason.UNKNOWN_ACCOUNT)
    account = Account(len(s.accounts), parent=c.other_account)
    s.accounts.append(account)
    if c.other_account != -1:
        account.tier = s.accounts[c.other_account].tier
    set_rates(s, account)
    s.emit(EventKind.ACCOUNT_CREATED, account=account.number)


def amount(money: int) -> int:
    refuse_if(money <= 0, Reason.AMOUNT_NOT_POSITIVE)
    refuse_if(money > MAX_MONEY, Reason.VALUE_OUT_OF_RANGE)
    return money


def own_group(s: State, account: Account, group: int) -> int:
    refuse_if(group not in s.own_groups(account), Reason.UNKNOWN_MARGIN_GROUP)
    return group


def deposit(s: State, c: "Command") -> None:
    account = s.accounts[c.account]
    group = own_group(s, account, c.status)
    money = amount(c.money)
    too_rich = account.cash[group] + money > MAX_MONEY
    refuse_if(too_rich, Reason.VALUE_OUT_OF_RANGE)
    outside = s.money_outside[s.groups[group].collateral]
    refuse_if(outside + money > MAX_DEPOSITS, Reason.VALUE_OUT_OF_RANGE)
    account.cash[group] += money
    s.money_outside[s.groups[group].collateral] += money
    s.emit(EventKind.DEPOSITED, account=c.account, money=money)


def withdraw(s: State, c: "Command") -> None:
    account = s.accounts[c.account]
    group = own_group(s, account, c.status)
    money = amount(c.money)
    refuse_if(money > withdrawable(s, account, group), Reason.INSUFFICIENT_WITHDRAWABLE)
    account.cash[group] -= money
    s.money_outside[s.groups[group].collateral] -= money
    s.emit(EventKind.WITHDRAWN, account=c.account, money=money)


def transfer(s: State, c: "Command") -> None:
    """Between two accounts, or two groups of one; what is paid in stays of its collateral."""
    known = FIRST_USER_ACCOUNT <= c.other_account < len(s.accounts)
    refuse_if(not known, Reason.UNKNOWN_ACCOUNT)
    nowhere = c.other_account == c.account and c.leverage == c.status
    refuse_if(nowhere, Reason.TRANSFER_TO_SAME_ACCOUNT)
    account, other = s.accounts[c.account], s.accounts[c.other_account]
    target = own_group(s, other, c.leverage)
    group = own_group(s, account, c.status)
    money = amount(c.money)
    exchanged = s.groups[group].collateral != s.groups[target].collateral
    refuse_if(exchanged, Reason.DIFFERENT_COLLATERAL)
    refuse_if(money > withdrawable(s, account, group), Reason.INSUFFICIENT_WITHDRAWABLE)
    too_rich = other.cash[target] + money > MAX_MONEY
    refuse_if(too_rich, Reason.VALUE_OUT_OF_RANGE)
    account.cash[group] -= money
    other.cash[target] += money
    s.emit(EventKind.TRANSFERRED, account=c.account, money=money)


def set_margin_grouping(s: State, c: "Command") -> None:
    refuse_if(c.mode not in tuple(MarginGrouping), Reason.INVALID_FLAGS)
    account = s.accounts[c.account]
    if c.mode == MarginGrouping.SEPARATE and account.grouping == MarginGrouping.SHARED:
        check_separation(s, account)
    if c.mode == MarginGrouping.SHARED and account.grouping == MarginGrouping.SEPARATE:
        share(s, account)
    account.grouping = c.mode
    s.emit(EventKind.MARGIN_GROUPING_SET, account=c.account)


def check_separation(s: State, account: Account) -> None:
    """Nothing may be open in a group that is not the first of its collateral."""
    names = [group.name for group in s.groups]
    numbers = [names.index(market.instrument.group) for market in s.markets]
    others = [market for market, number in enumerate(numbers) if s.shared(number) != number]
    holds = any(s.look(account, market).size for market in others)
    refuse_if(holds, Reason.MODE_SWITCH_WITH_POSITION)
    orders = any(s.open_orders(account.number, market) for market in others)
    refuse_if(orders, Reason.MODE_SWITCH_WITH_OPEN_ORDERS)


def share(s: State, account: Account) -> None:
    """The cash of all groups of a collateral goes to the first; not more than can be told."""
    for collateral in {group.collateral for group in s.groups}:
        cash = [account.cash[n] for n, g in enumerate(s.groups) if g.collateral == collateral]
        too_rich = sum(max(0, part) for part in cash) > MAX_MONEY
        refuse_if(too_rich, Reason.VALUE_OUT_OF_RANGE)
    for number in range(len(s.groups)):
        moved = account.cash.pop(number, 0)
        account.cash[s.shared(number)] += moved


def check_mode_and_leverage(s: State, market: int, position: Position, c: "Command") -> None:
    isolated_only = s.markets[market].instrument.margin != MarketMargin.ANY_MODE
    refuse_if(c.mode not in tuple(MarginMode), Reason.INVALID_FLAGS)
    cross = c.mode == MarginMode.CROSS
    refuse_if(cross and isolated_only, Reason.CROSS_MARGIN_NOT_ALLOWED)
    maximum = s.schedules[position.schedule][0].maximum_leverage
    refuse_if(not 1 <= c.leverage <= maximum, Reason.INVALID_LEVERAGE)


def set_leverage(s: State, c: "Command") -> None:
    account, market = s.accounts[c.account], c.market
    position = s.look(account, market)
    check_mode_and_leverage(s, market, position, c)
    if c.mode != position.mode:
        refuse_if(position.size != 0, Reason.MODE_SWITCH_WITH_POSITION)
        has_orders = bool(s.open_orders(c.account, market))
        refuse_if(has_orders, Reason.MODE_SWITCH_WITH_OPEN_ORDERS)
    if c.leverage < position.leverage:
        check_lower_leverage(s, account, position, c)
    position = s.position(account, market)
    position.mode, position.leverage = c.mode, c.leverage
    s.emit(EventKind.LEVERAGE_SET, account=c.account, market=market, money=c.leverage)


def check_lower_leverage(s: State, account: Account, position: Position, c: "Command") -> None:
    if position.size and position.isolated:
        needed = divide(notional(s, position, c.market), c.leverage)
        too_low = isolated_equity(s, position, c.market) < needed
        refuse_if(too_low, Reason.ISOLATED_MARGIN_TOO_LOW_FOR_LEVERAGE)
    cross_position = position.size != 0 and not position.isolated
    if cross_position or s.open_orders(c.account, c.market):
        leverage = position.leverage
        position.leverage = c.leverage
        free = free_margin(s, account, s.group(account, c.market))
        position.leverage = leverage
        refuse_if(free < 0, Reason.CROSS_MARGIN_TOO_LOW_FOR_LEVERAGE)


def open_isolated_position(s: State, c: "Command") -> Position:
    position = s.look(s.accounts[c.account], c.market)
    refuse_if(position.size == 0, Reason.NO_POSITION)
    refuse_if(not position.isolated, Reason.POSITION_NOT_ISOLATED)
    return position


def adjust_isolated_margin(s: State, c: "Command") -> None:
    refuse_if(c.money == 0, Reason.ISOLATED_AMOUNT_ZERO)
    refuse_if(abs(c.money) > MAX_MONEY, Reason.VALUE_OUT_OF_RANGE)
    position = open_isolated_position(s, c)
    account = s.accounts[c.account]
    if c.money > 0:
        short = withdrawable(s, account, s.group(account, c.market)) < c.money
        refuse_if(short, Reason.INSUFFICIENT_MARGIN_FOR_INCREASE)
    else:
        strict = s.markets[c.market].instrument.margin == MarketMargin.STRICT_ISOLATED
        refuse_if(strict, Reason.MARGIN_REMOVAL_NOT_ALLOWED)
        floor = max(initial(s, position, c.market), floor_margin(s, position, c.market))
        short = isolated_equity(s, position, c.market) + c.money < floor
        refuse_if(short, Reason.INSUFFICIENT_MARGIN_FOR_REDUCTION)
    move_margin(s, account, position, c.market, c.money)


def top_up_isolated_margin(s: State, c: "Command") -> None:
    position = open_isolated_position(s, c)
    refuse_if(c.leverage < 1, Reason.INVALID_LEVERAGE)
    account = s.accounts[c.account]
    target = divide(notional(s, position, c.market), c.leverage)
    money = max(0, target - isolated_equity(s, position, c.market))
    short = withdrawable(s, account, s.group(account, c.market)) < money
    refuse_if(short, Reason.INSUFFICIENT_MARGIN_FOR_INCREASE)
    move_margin(s, account, position, c.market, money)


def move_margin(s: State, account: Account, position: Position, market: int, money: int) -> None:
    account.cash[s.group(account, market)] -= money
    position.isolated_cash += money
    s.emit(EventKind.ISOLATED_MARGIN_ADJUSTED, account=account.number, market=market, money=money)


def adopt_position(s: State, c: "Command") -> None:
    """A real account's position, mirrored by the outside account."""
    account = s.accounts[c.account]
    position = s.look(account, c.market)
    refuse_if(position.size != 0, Reason.POSITION_ALREADY_OPEN)
    refuse_if(c.side not in tuple(Side), Reason.INVALID_FLAGS)
    refuse_if(c.order_size <= 0, Reason.ZERO_SIZE)
    refuse_if(c.order_size > MAX_SIZE, Reason.VALUE_OUT_OF_RANGE)
    refuse_if(not 0 < c.money <= MAX_NOTIONAL, Reason.VALUE_OUT_OF_RANGE)
    refuse_if(abs(c.trigger_price) > MAX_MONEY, Reason.VALUE_OUT_OF_RANGE)
    check_mode_and_leverage(s, c.market, position, c)
    if c.mode == MarginMode.ISOLATED and c.trigger_price < 0:
        value = direction(c.side) * (c.order_size * s.markets[c.market].mark - c.money)
        refuse_if(c.trigger_price + value < 0, Reason.INSUFFICIENT_MARGIN_FOR_REDUCTION)
    group = s.group(account, c.market)
    if c.mode == MarginMode.ISOLATED and not cross_markets(s, account, group):
        too_much = c.trigger_price > account.cash[group]
        refuse_if(too_much, Reason.INSUFFICIENT_MARGIN_FOR_INCREASE)
    position = s.position(account, c.market)
    position.mode, position.leverage = c.mode, c.leverage
    size = direction(c.side) * c.order_size
    entry = sign(size) * c.money
    position.size, position.entry = size, entry
    if position.isolated:
        position.isolated_cash = c.trigger_price - entry
        account.cash[group] -= c.trigger_price
    else:
        account.cash[group] -= entry
    outside = s.accounts[OUTSIDE]
    outside.cash[s.group(outside, c.market)] += entry
    mirror = s.position(outside, c.market)
    add_mirror(mirror, -size, -entry)
    s.emit(EventKind.POSITION_ADOPTED, account=c.account, market=c.market, size=size)


def add_mirror(mirror: Position, size: int, entry: int) -> None:
    """The outside account's position takes ``size`` whose notional is ``entry`` (signed)."""
    if mirror.size == 0 or sign(mirror.size) == sign(size):
        mirror.size += size
        mirror.entry += entry
        return
    closed = min(abs(size), abs(mirror.size))
    rest = entry - divide(entry * closed, abs(size))
    mirror.entry -= divide(mirror.entry * closed, abs(mirror.size))
    if abs(size) > abs(mirror.size):
        mirror.entry = rest
    mirror.size += size


def set_fee_discounts(s: State, c: "Command") -> None:
    for rate in (c.price, c.trigger_price):
        refuse_if(not 0 <= rate <= RATE_ONE, Reason.VALUE_OUT_OF_RANGE)
    account = s.accounts[c.account]
    account.staking_discount, account.referral_discount = c.price, c.trigger_price
    set_rates(s, account)
    s.emit(EventKind.FEE_RATES_SET, account=c.account)


def set_market_status(s: State, c: "Command") -> None:
    known = c.status in (
        MarketStatus.OPEN,
        MarketStatus.HALTED,
        MarketStatus.POST_ONLY_ONLY,
        MarketStatus.REDUCE_ONLY_ONLY,
    )
    refuse_if(not known, Reason.INVALID_FLAGS)
    refuse_if(not 0 <= c.money <= MAX_MONEY, Reason.VALUE_OUT_OF_RANGE)
    market = s.markets[c.market]
    refuse_if(market.status == MarketStatus.DELISTED, Reason.MARKET_HALTED)
    market.status, market.open_interest_cap = c.status, c.money
    s.emit(EventKind.MARKET_STATUS_SET, market=c.market, money=c.money)


def set_margin_schedule(s: State, c: "Command") -> None:
    known = 0 <= c.leverage < len(s.schedules)
    refuse_if(not known, Reason.UNKNOWN_MARGIN_SCHEDULE)
    account = s.accounts[c.account]
    refuse_if(s.look(account, c.market).size != 0, Reason.MODE_SWITCH_WITH_POSITION)
    has_orders = bool(s.open_orders(c.account, c.market))
    refuse_if(has_orders, Reason.MODE_SWITCH_WITH_OPEN_ORDERS)
    position = s.position(account, c.market)
    position.schedule = c.leverage
    position.leverage = min(position.leverage, s.schedules[c.leverage][0].maximum_leverage)
    s.emit(EventKind.MARGIN_SCHEDULE_SET, account=c.account, market=c.market)


def settle_market(s: State, c: "Command") -> None:
    refuse_if(not 0 < c.price <= MAX_PRICE, Reason.INVALID_PRICE)
    refuse_if(s.markets[c.market].status == MarketStatus.DELISTED, Reason.MARKET_HALTED)
    for account in s.accounts:
        cancel_orders(s, account.number, c.market, Reason.DELISTED_CANCELLED)
    for account in s.accounts:
        position = account.positions.get(c.market)
        if position and position.size:
            group = s.group(account, c.market)
            before = account.cash[group]
            apply_free_trade(s, account.number, c.market, -position.size, c.price)
            if position.isolated:
                bear(s, account, group, before)
            bear_empty_pool(s, account, group)
    s.markets[c.market].status = MarketStatus.DELISTED
    s.emit(EventKind.MARKET_SETTLED, market=c.market, price=c.price)
