"""Whether an order is accepted: what it says, its window, its id, the account's limit."""

from math import ceil, floor

from seawall.domain.enums import MarketStatus, OrderFlag, Reason, Side, TimeInForce, UpdateKind

from .arithmetic import fill_quote, oracle_ticks, value_of
from .fees import fee_of, fee_ppm
from .state import (
    CONDITIONAL,
    LONG_TERM,
    SHORT_TERM,
    TWAP_PARENT,
    Account,
    Market,
    Order,
    Rejected,
    State,
)
from .updates import Update, judge, risk_of

MAX_PRICE = 2**30 - 1
MAX_SIZE = 10**17
MAX_NOTIONAL = 10**16
OF_TRIGGERS = OrderFlag.TAKE_PROFIT | OrderFlag.TRIGGER_MARKET
OF_TERMS = OrderFlag.SHORT_TERM | OrderFlag.LONG_TERM
KNOWN = int(OrderFlag.REDUCE_ONLY | OrderFlag.TRIGGER | OF_TRIGGERS | OrderFlag.MARKET | OF_TERMS)


def refuse_if(refused: bool, reason: Reason) -> None:
    if refused:
        raise Rejected(reason)


def is_immediate(flags: int, time_in_force: int) -> bool:
    market = flags & (OrderFlag.MARKET | OrderFlag.TRIGGER_MARKET)
    return bool(market) or time_in_force == TimeInForce.IMMEDIATE_OR_CANCEL


def kind_of(flags: int, time_in_force: int) -> int:
    if flags & OrderFlag.TRIGGER:
        return CONDITIONAL
    if flags & OrderFlag.SHORT_TERM:
        return SHORT_TERM
    if flags & OrderFlag.LONG_TERM:
        return LONG_TERM
    return SHORT_TERM if is_immediate(flags, time_in_force) else LONG_TERM


def check_flags(flags: int, time_in_force: int, side: int, kind: int) -> None:
    """How the order lives must make sense: good-til, immediate or post-only; reduce-only."""
    triggered = bool(flags & OrderFlag.TRIGGER)
    short = bool(flags & OrderFlag.SHORT_TERM)
    refuse_if(side not in (Side.BUY, Side.SELL) or flags < 0, Reason.INVALID_FLAGS)
    refuse_if(bool(flags & ~KNOWN), Reason.INVALID_FLAGS)
    both = bool(flags & OrderFlag.LONG_TERM) or triggered
    refuse_if(short and both, Reason.INVALID_FLAGS)
    refuse_if(not triggered and bool(flags & OF_TRIGGERS), Reason.INVALID_FLAGS)
    refuse_if(time_in_force not in tuple(TimeInForce), Reason.INVALID_FLAGS)
    all_or_nothing = time_in_force == TimeInForce.FILL_OR_KILL
    refuse_if(all_or_nothing, Reason.TIME_IN_FORCE_NOT_OFFERED)
    immediate = is_immediate(flags, time_in_force)
    refuse_if(immediate and time_in_force == TimeInForce.POST_ONLY, Reason.INVALID_FLAGS)
    refuse_if(immediate and kind == LONG_TERM, Reason.TIME_IN_FORCE_NOT_OFFERED)
    reduces = bool(flags & OrderFlag.REDUCE_ONLY)
    refuse_if(reduces and not immediate, Reason.REDUCE_ONLY_NEEDS_IMMEDIATE)


def check_amounts(market: Market, price: int, size: int) -> None:
    refuse_if(size == 0, Reason.ZERO_SIZE)
    refuse_if(not 0 < size <= MAX_SIZE, Reason.INVALID_SIZE)
    refuse_if(not 0 < price <= MAX_PRICE, Reason.INVALID_PRICE)
    refuse_if(size % market.terms.size_step != 0, Reason.SIZE_NOT_ON_STEP)
    refuse_if(market.oracle <= 0, Reason.NO_REFERENCE_PRICE)
    largest = max(fill_quote(market, size, price), abs(value_of(market, size)))
    refuse_if(largest > MAX_NOTIONAL, Reason.ABOVE_MAXIMUM_VALUE)


def check_status(market: Market, price: int, side: int, time_in_force: int, kind: int) -> None:
    """A market that starts takes only short-term quotes that do not pass the oracle price."""
    if market.status == MarketStatus.OPEN:
        return
    waits = time_in_force == TimeInForce.POST_ONLY
    if market.status == MarketStatus.POST_ONLY_ONLY:
        refuse_if(not waits, Reason.ONLY_POST_ONLY_ALLOWED)
        return
    refuse_if(market.status != MarketStatus.INITIALIZING, Reason.MARKET_HALTED)
    refuse_if(not waits or kind != SHORT_TERM, Reason.ONLY_POST_ONLY_ALLOWED)
    oracle = oracle_ticks(market)
    beyond = price > floor(oracle) if side == Side.BUY else price < ceil(oracle)
    refuse_if(beyond, Reason.PRICE_BEYOND_ORACLE)


def check_height(s: State, good_til: int) -> None:
    """From the next block to so many blocks beyond it; 0 stands for the farthest."""
    if good_til == 0:
        return
    refuse_if(good_til < s.next_height, Reason.GOOD_TIL_PASSED)
    farthest = s.next_height + s.rules.block.short_term_blocks
    refuse_if(good_til > farthest, Reason.GOOD_TIL_TOO_FAR)


def check_time(s: State, good_til: int) -> None:
    if good_til == 0:
        return
    refuse_if(good_til <= s.last_block, Reason.GOOD_TIL_PASSED)
    refuse_if(good_til > s.last_block + s.rules.block.long_term_ms, Reason.GOOD_TIL_TOO_FAR)


def last_height(s: State, good_til: int) -> int:
    return good_til or s.next_height + s.rules.block.short_term_blocks


def last_time(s: State, good_til: int) -> int:
    return good_til or max(s.last_block, s.clock) + s.rules.block.long_term_ms


def check_id(existing: Order | None) -> None:
    """An order of the state keeps its id while it lives."""
    if existing is not None:
        going = existing.cancel_pending
        raise Rejected(Reason.ALREADY_CANCELLED if going else Reason.ORDER_EXISTS)


def check_count(s: State, account: Account) -> None:
    """How many orders of the state an account may have depends on its net collateral."""
    tiers = s.rules.order.equity_tiers
    if not tiers:
        return
    net = risk_of(s, account).net
    limit = max((t.open_orders for t in tiers if net >= t.equity), default=0)
    kinds = (LONG_TERM, CONDITIONAL, TWAP_PARENT)
    count = sum(o.account == account.number and o.kind in kinds for o in s.orders.values())
    refuse_if(count >= limit, Reason.EQUITY_TIER_LIMIT)


def fill_reason(
    s: State, account: Account, market: int, side: int, size: int, quote: int
) -> Reason:
    """Why the account could not bear a fill for the quote, with the maker fee."""
    fee = fee_of(quote, fee_ppm(s, account, market, False))
    sign = 1 if side == Side.BUY else -1
    paid = sign * quote
    update = Update(account, {market: sign * size}, -paid - fee, -paid)
    return judge(s, UpdateKind.COLLATERAL_CHECK_UPDATE, [update])[0]


def whole_fill_reason(
    s: State, account: Account, market: int, side: int, size: int, price: int
) -> Reason:
    """Why the account could not bear a fill of all of it at its price."""
    quote = fill_quote(s.markets[market], size, price)
    return fill_reason(s, account, market, side, size, quote)


def check_whole_fill(
    s: State, account: Account, market: int, side: int, size: int, price: int
) -> None:
    reason = whole_fill_reason(s, account, market, side, size, price)
    refuse_if(bool(reason), reason)
