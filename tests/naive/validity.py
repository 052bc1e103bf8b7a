"""Section "PLACE_ORDER: order of rejections", one function per line of it."""

from seawall.domain.enums import (
    MarketStatus,
    OrderFlag,
    OrderState,
    PriceReference,
    Reason,
    Side,
    TimeInForce,
)
from seawall.domain.units import MAX_PRICE, MAX_SIZE

from . import book
from .fills import reducible
from .groups import parent_started
from .margin import RATE_ONE, free_margin, tier_leverage
from .matching import hold_if_resting
from .state import BACKSTOP, Account, Market, Order, Rejected, State, direction

_KNOWN_FLAGS = 0
for _flag in OrderFlag:
    _KNOWN_FLAGS |= int(_flag)


def refuse_if(condition: bool, reason: Reason) -> None:
    if condition:
        raise Rejected(reason)


def check(s: State, order: Order) -> None:
    """Every rejection that can be told before matching, in the documented order."""
    account, market = s.accounts[order.account], s.markets[order.market]
    check_status(order, market)
    check_flags(order)
    check_numbers(order)
    check_price(s, market, order.price)
    if order.has(OrderFlag.TRIGGER):
        check_price(s, market, order.trigger_price)
    refuse_if(market.oracle == 0, Reason.NO_REFERENCE_PRICE)
    check_value(s, order, market)
    check_band(s, order, market)
    check_trigger(order, market)
    check_counts(s, order, account)
    check_parent(s, order, account)
    if not order.has(OrderFlag.TRIGGER):
        check_reduce_only(s, order)
        check_open_interest(s, order, market)
        check_crossing(s, order)
        if order.account != BACKSTOP:
            check_margin(s, order, account)


def check_fired(s: State, order: Order) -> None:
    """The rejections that can have become true while a trigger waited."""
    market = s.markets[order.market]
    check_status(order, market)
    check_band(s, order, market)
    check_reduce_only(s, order)
    check_crossing(s, order)


def check_status(order: Order, market: Market) -> None:
    halted = market.status in (MarketStatus.HALTED, MarketStatus.DELISTED)
    refuse_if(halted, Reason.MARKET_HALTED)
    post_only = order.time_in_force == TimeInForce.POST_ONLY
    only_post_only = market.status == MarketStatus.POST_ONLY_ONLY
    refuse_if(only_post_only and not post_only, Reason.ONLY_POST_ONLY_ALLOWED)
    only_reduce_only = market.status == MarketStatus.REDUCE_ONLY_ONLY
    reduces = order.has(OrderFlag.REDUCE_ONLY)
    refuse_if(only_reduce_only and not reduces, Reason.ONLY_REDUCE_ONLY_ALLOWED)


def check_flags(order: Order) -> None:
    """Combinations that mean nothing."""
    trigger = order.has(OrderFlag.TRIGGER)
    needs_trigger = (
        OrderFlag.TAKE_PROFIT
        | OrderFlag.TRIGGER_MARKET
        | OrderFlag.CHILD
        | OrderFlag.POSITION_ATTACHED
        | OrderFlag.WHOLE_POSITION
    )
    bad = (
        order.flags & ~_KNOWN_FLAGS != 0
        or order.has(OrderFlag.LIQUIDATION)
        or order.side not in (Side.BUY, Side.SELL)
        or order.time_in_force not in tuple(TimeInForce)
        or (bool(order.flags & needs_trigger) and not trigger)
        or (order.has(OrderFlag.WHOLE_POSITION) and not order.has(OrderFlag.POSITION_ATTACHED))
        or (order.has(OrderFlag.CHILD) and order.has(OrderFlag.POSITION_ATTACHED))
        or (trigger and order.time_in_force in (TimeInForce.POST_ONLY, TimeInForce.FILL_OR_KILL))
        or (
            order.has(OrderFlag.MARKET)
            and not trigger
            and order.time_in_force != TimeInForce.IMMEDIATE_OR_CANCEL
        )
    )
    refuse_if(bad, Reason.INVALID_FLAGS)


def check_numbers(order: Order) -> None:
    whole = order.has(OrderFlag.WHOLE_POSITION)
    refuse_if(order.size == 0 and not whole, Reason.ZERO_SIZE)
    refuse_if(not 0 <= order.size <= MAX_SIZE, Reason.INVALID_SIZE)


def check_price(s: State, market: Market, price: int) -> None:
    refuse_if(not 0 < price <= MAX_PRICE, Reason.INVALID_PRICE)
    refuse_if(not on_tick(s, market, price), Reason.PRICE_NOT_ON_TICK)


def on_tick(s: State, market: Market, price: int) -> bool:
    figures = s.rules.order.maximum_significant_figures
    if figures == 0 or price % 10**market.instrument.price_decimals == 0:
        return True
    return len(str(price).rstrip("0")) <= figures


def check_value(s: State, order: Order, market: Market) -> None:
    policy = s.rules.order
    value = order.size * order.price
    whole = order.has(OrderFlag.WHOLE_POSITION)
    closable = reducible(s, order.account, order.market, order.side)
    closes = (
        policy.closing_below_minimum_allowed
        and order.has(OrderFlag.REDUCE_ONLY)
        and 0 < closable <= order.size
    )
    too_small = value < policy.minimum_value and not whole and not closes
    refuse_if(too_small, Reason.BELOW_MINIMUM_VALUE)
    maximum = market.instrument.maximum_leverage
    cap = next(c.value for c in policy.market_value_caps if maximum >= c.minimum_maximum_leverage)
    if not order.has(OrderFlag.MARKET) and not order.has(OrderFlag.TRIGGER_MARKET):
        cap *= policy.limit_value_factor
    refuse_if(value > cap, Reason.ABOVE_MAXIMUM_VALUE)


def check_band(s: State, order: Order, market: Market) -> None:
    use_mark = s.rules.order.price_band_reference == PriceReference.MARK
    reference = market.mark if use_mark else market.oracle
    kept = RATE_ONE - s.rules.order.price_band_rate
    outside = order.price * RATE_ONE <= kept * reference or reference * RATE_ONE < (
        kept * order.price
    )
    refuse_if(outside, Reason.PRICE_OUTSIDE_BAND)


def fires(order: Order, mark: int) -> bool:
    """A stop buy and a take-profit sell fire at or above the trigger, the others at or below."""
    if fires_above(order):
        return mark >= order.trigger_price
    return mark <= order.trigger_price


def fires_above(order: Order) -> bool:
    return (order.side == Side.BUY) != order.has(OrderFlag.TAKE_PROFIT)


def check_trigger(order: Order, market: Market) -> None:
    if order.has(OrderFlag.TRIGGER):
        refuse_if(not order.has(OrderFlag.REDUCE_ONLY), Reason.TRIGGER_NOT_REDUCE_ONLY)
        refuse_if(fires(order, market.mark), Reason.INVALID_TRIGGER_PRICE)


def check_counts(s: State, order: Order, account: Account) -> None:
    policy = s.rules.order
    count = len(s.open_orders(account.number))
    traded = account.total_volume + account.own_volume_today
    limit = policy.open_orders_base + traded // policy.open_orders_volume_step
    limit = min(limit, policy.open_orders_maximum)
    closing = order.has(OrderFlag.REDUCE_ONLY) or order.has(OrderFlag.TRIGGER)
    too_many = count >= limit or (count >= policy.open_orders_base and closing)
    refuse_if(too_many, Reason.TOO_MANY_OPEN_ORDERS)
    if order.client_id != (0, 0):
        used = {o.client_id for o in s.open_orders(account.number)}
        refuse_if(order.client_id in used, Reason.CLIENT_ID_IN_USE)


def check_parent(s: State, order: Order, account: Account) -> None:
    if not order.has(OrderFlag.CHILD):
        return
    parent = account.last_parent
    earliest = s.sequence - 1 - order.siblings
    if parent is None or s.parent_account != order.account or s.parent_sequence < earliest:
        raise Rejected(Reason.PARENT_NOT_PLACED)
    refuse_if(parent.has(OrderFlag.TRIGGER), Reason.PARENT_IS_TRIGGER)
    refuse_if(parent_started(parent) is False, Reason.PARENT_NOT_PLACED)


def check_reduce_only(s: State, order: Order) -> None:
    if order.has(OrderFlag.REDUCE_ONLY):
        closable = reducible(s, order.account, order.market, order.side)
        refuse_if(closable == 0, Reason.REDUCE_ONLY_WOULD_INCREASE)


def check_open_interest(s: State, order: Order, market: Market) -> None:
    cap = market.open_interest_cap
    if cap == 0 or order.has(OrderFlag.REDUCE_ONLY):
        return
    if s.open_interest(order.market) * market.mark < cap:
        return
    closable = reducible(s, order.account, order.market, order.side)
    refuse_if(order.size > closable, Reason.OPEN_INTEREST_CAPPED)
    better = direction(order.side) * (order.price - market.oracle) > 0
    refuse_if(better, Reason.TOO_AGGRESSIVE_AT_OPEN_INTEREST_CAP)


def check_crossing(s: State, order: Order) -> None:
    makers = book.crossing(s, order.market, order.side, order.price)
    kind = order.time_in_force
    refuse_if(kind == TimeInForce.POST_ONLY and bool(makers), Reason.POST_ONLY_WOULD_MATCH)
    if kind == TimeInForce.IMMEDIATE_OR_CANCEL and not makers:
        market_order = order.has(OrderFlag.MARKET) or order.has(OrderFlag.TRIGGER_MARKET)
        refuse_if(market_order, Reason.NO_LIQUIDITY_FOR_MARKET_ORDER)
        raise Rejected(Reason.NOTHING_TO_MATCH)
    if kind == TimeInForce.FILL_OR_KILL:
        refuse_if(not makers, Reason.NOTHING_TO_MATCH)
        if order.has(OrderFlag.REDUCE_ONLY):
            closable = reducible(s, order.account, order.market, order.side)
            refuse_if(order.size > closable, Reason.NOT_FULLY_FILLABLE)
        makers = makers[: s.rules.liquidation.fills_per_command]
        available = sum(fillable(s, m) for m in makers if m.account != order.account)
        refuse_if(available < order.size, Reason.NOT_FULLY_FILLABLE)


def fillable(s: State, maker: Order) -> int:
    if maker.has(OrderFlag.REDUCE_ONLY):
        return min(maker.remaining, reducible(s, maker.account, maker.market, maker.side))
    return maker.remaining


def check_margin(s: State, order: Order, account: Account) -> None:
    if order.has(OrderFlag.REDUCE_ONLY):
        return
    position = s.look(account, order.market)
    after = position.size + direction(order.side) * order.size
    if abs(after) > abs(position.size):
        value = abs(after) * s.markets[order.market].mark
        allowed = tier_leverage(s, position, value)
        refuse_if(position.leverage > allowed, Reason.ABOVE_MARGIN_TIER)
    if order.time_in_force in (TimeInForce.GOOD_TIL_CANCEL, TimeInForce.POST_ONLY):
        held = {order.side: hold_if_resting(s, order)}
        group = s.group(account, order.market)
        short = free_margin(s, account, group, order.market, held) < 0
        refuse_if(short, Reason.INSUFFICIENT_MARGIN)


def waiting_for_trigger(s: State, market: int) -> list[Order]:
    return [
        order
        for order in s.orders.values()
        if order.market == market and order.state == OrderState.WAITING_FOR_TRIGGER
    ]
