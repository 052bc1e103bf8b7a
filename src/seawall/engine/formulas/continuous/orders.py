"""Why an order may not be placed: a reason code, 0 where it may.

The order of checks is that of ``docs/machine/machine.md``.
"""

from seawall.domain.codes import (
    ABOVE_MARGIN_TIER,
    ABOVE_MAXIMUM_VALUE,
    BELOW_MINIMUM_VALUE,
    BUY,
    CROSS,
    DELISTED,
    FILL_OR_KILL,
    HALTED,
    INSUFFICIENT_MARGIN,
    INVALID_FLAGS,
    INVALID_PRICE,
    INVALID_SIZE,
    INVALID_TRIGGER_PRICE,
    MARK,
    MARKET,
    MARKET_HALTED,
    NO_REASON,
    NO_REFERENCE_PRICE,
    ONLY_POST_ONLY_ALLOWED,
    ONLY_REDUCE_ONLY_ALLOWED,
    OPEN,
    OPEN_INTEREST_CAPPED,
    POSITION_ATTACHED,
    POST_ONLY,
    POST_ONLY_ONLY,
    PRICE_NOT_ON_TICK,
    PRICE_OUTSIDE_BAND,
    REDUCE_ONLY,
    REDUCE_ONLY_ONLY,
    REDUCE_ONLY_WOULD_INCREASE,
    SELL,
    TAKE_PROFIT,
    TOO_AGGRESSIVE_AT_OPEN_INTEREST_CAP,
    TOO_MANY_OPEN_ORDERS,
    TRIGGER,
    TRIGGER_MARKET,
    TRIGGER_NOT_REDUCE_ONLY,
    WHOLE_POSITION,
    ZERO_SIZE,
)
from seawall.domain.units import MAX_NOTIONAL, MAX_PRICE, MAX_SIZE, RATE_ONE
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.continuous.fees import open_order_limit
from seawall.engine.formulas.continuous.margin import (
    hold_after_credit,
    initial_margin,
    lowest_maximum_leverage,
    pool_without,
    tier_of,
)
from seawall.engine.formulas.shared.depth import reducible, value_of
from seawall.engine.formulas.shared.fixed_point import mul_div_floor, rate_of, remainder_of
from seawall.engine.formulas.shared.groups import group_of
from seawall.engine.tables import (
    State,
    account_at,
    market_at,
    position_at,
    rules,
    tier_at,
)

ALL_FLAGS = 255


@inline
def on_tick(price: int, price_unit: int, figures_limit: int) -> bool:
    """Whether a price has few enough significant figures, or is an integer of the quote unit.

    ``figures_limit``: 10 to the number of figures, 0 for no such rule.
    """
    if price < figures_limit or figures_limit == 0 or remainder_of(price, price_unit) == 0:
        return True
    return _has_few_figures(price, figures_limit)


@kernel
def _has_few_figures(price: int, figures_limit: int) -> bool:
    """Whether all figures below the leading ones are 0."""
    step = 10
    while price >= figures_limit * step:
        step *= 10
    return remainder_of(price, step) == 0


@kernel
def price_band(reference: int, band_rate: int) -> tuple[int, int]:
    """(low, high): a price p is inside when low < p <= high.

    p must be above (1-b) x reference, and the reference not below (1-b) x p.
    """
    keep = RATE_ONE - band_rate
    if keep <= 0:
        return 0, MAX_PRICE
    high = mul_div_floor(reference, RATE_ONE, keep)
    return rate_of(reference, keep), min(MAX_PRICE, high)


@inline
def inside_band(s: State, market: int, price: int) -> bool:
    """Whether a price is inside the market's price band."""
    row = market_at(s, market)
    return row.band_low < price <= row.band_high


@inline
def reference_price(s: State, market: int) -> int:
    """The price that the band is around: mark or oracle, as the rules say."""
    row = market_at(s, market)
    if rules(s).price_band_reference == MARK:
        return row.mark_price
    return row.oracle_price


@inline
def trigger_is_beyond(mark: int, trigger_price: int, side: int, take_profit: bool) -> bool:
    """Whether a trigger fires at this mark: stop buy and take-profit sell above, others below."""
    if (side == BUY) != take_profit:
        return mark >= trigger_price
    return mark <= trigger_price


@inline
def flag_rejection(flags: int, time_in_force: int, side: int) -> int:
    """Why side, time in force and flags do not go together, or NO_REASON."""
    if flags < 0 or flags > ALL_FLAGS or side < BUY or side > SELL:
        return INVALID_FLAGS
    if time_in_force < 0 or time_in_force > POST_ONLY:
        return INVALID_FLAGS
    if flags == 0:
        return NO_REASON
    if flags & MARKET != 0 and time_in_force in (0, POST_ONLY) and flags & TRIGGER == 0:
        return INVALID_FLAGS
    if flags & TRIGGER == 0:
        wants_trigger = TAKE_PROFIT | TRIGGER_MARKET | POSITION_ATTACHED | WHOLE_POSITION
        if flags & wants_trigger != 0:
            return INVALID_FLAGS
    elif time_in_force in (POST_ONLY, FILL_OR_KILL):
        return INVALID_FLAGS
    if flags & WHOLE_POSITION != 0 and flags & POSITION_ATTACHED == 0:
        return INVALID_FLAGS
    return NO_REASON


@inline
def shape_rejection(
    s: State,
    market: int,
    price: int,
    size: int,
    trigger_price: int,
    flags: int,
    time_in_force: int,
    side: int,
) -> int:
    """Why market status, flags, ranges or ticks refuse an order, whatever the account is."""
    row = market_at(s, market)
    if row.status != OPEN:
        if row.status == HALTED or row.status == DELISTED:
            return MARKET_HALTED
        if row.status == POST_ONLY_ONLY and time_in_force != POST_ONLY:
            return ONLY_POST_ONLY_ALLOWED
        if row.status == REDUCE_ONLY_ONLY and flags & REDUCE_ONLY == 0:
            return ONLY_REDUCE_ONLY_ALLOWED
    reason = flag_rejection(flags, time_in_force, side)
    if reason != NO_REASON:
        return reason
    if size == 0 and flags & WHOLE_POSITION == 0:
        return ZERO_SIZE
    if size < 0 or size > MAX_SIZE:
        return INVALID_SIZE
    if price <= 0 or price > MAX_PRICE:
        return INVALID_PRICE
    figures = rules(s).figures_limit
    if not on_tick(price, row.price_unit, figures):
        return PRICE_NOT_ON_TICK
    if flags & TRIGGER != 0:
        if trigger_price <= 0 or trigger_price > MAX_PRICE:
            return INVALID_PRICE
        if not on_tick(trigger_price, row.price_unit, figures):
            return PRICE_NOT_ON_TICK
    if row.oracle_price <= 0:
        return NO_REFERENCE_PRICE
    return NO_REASON


@inline
def value_rejection(
    s: State, index: int, market: int, price: int, size: int, flags: int, side: int
) -> int:
    """Why the order's value or price is outside its limits. ``index``: a position row or -1."""
    row = rules(s)
    value = value_of(price, size)
    if value < row.minimum_order_value and flags & WHOLE_POSITION == 0:
        closes_all = (
            flags & REDUCE_ONLY != 0
            and row.closing_below_minimum_allowed != 0
            and reducible(s, index, side) > 0
            and size >= reducible(s, index, side)
        )
        if not closes_all:
            return BELOW_MINIMUM_VALUE
    cap = market_at(s, market).largest_order
    is_market = flags & (MARKET | TRIGGER_MARKET) != 0
    if not is_market:
        cap = value_of(cap, row.limit_value_factor)
    if value > cap or value > MAX_NOTIONAL:
        return ABOVE_MAXIMUM_VALUE
    if not inside_band(s, market, price):
        return PRICE_OUTSIDE_BAND
    return NO_REASON


@inline
def is_ordinary(
    s: State, account: int, market: int, price: int, size: int, flags: int, time_in_force: int,
    side: int,
) -> bool:  # fmt: skip
    """Whether an order without flags surely obeys all rules of shape, value, count and exposure.

    Nearly all orders do, which takes few comparisons to see: a price inside the band is in range
    as well. Of the others the checks one by one say why not, if so.
    """
    row = market_at(s, market)
    if flags != 0 or row.status != OPEN or row.oracle_price <= 0 or row.open_interest_cap > 0:
        return False
    if not inside_band(s, market, price) or size <= 0 or size > MAX_SIZE:
        return False
    if side < BUY or side > SELL or time_in_force < 0 or time_in_force > POST_ONLY:
        return False
    book = rules(s)
    value = value_of(price, size)
    cap = min(MAX_NOTIONAL, value_of(row.largest_order, book.limit_value_factor))
    if value < book.minimum_order_value or value > cap:
        return False
    if account_at(s, account).open_orders >= book.open_orders_base:
        return False
    return on_tick(price, row.price_unit, book.figures_limit)


@inline
def trigger_rejection(s: State, market: int, trigger_price: int, flags: int, side: int) -> int:
    """Why a trigger is refused: it must reduce, and the mark must not be beyond it already."""
    if flags & TRIGGER == 0:
        return NO_REASON
    if flags & REDUCE_ONLY == 0:
        return TRIGGER_NOT_REDUCE_ONLY
    mark = market_at(s, market).mark_price
    if trigger_is_beyond(mark, trigger_price, side, flags & TAKE_PROFIT != 0):
        return INVALID_TRIGGER_PRICE
    return NO_REASON


@inline
def count_rejection(s: State, account: int, flags: int, replaced: int) -> int:
    """Why no more orders may be open; ``replaced`` orders are about to end."""
    open_orders = account_at(s, account).open_orders - replaced
    if open_orders < rules(s).open_orders_base:
        return NO_REASON
    if flags & (REDUCE_ONLY | TRIGGER) != 0 or open_orders >= open_order_limit(s, account):
        return TOO_MANY_OPEN_ORDERS
    return NO_REASON


@inline
def exposure_rejection(
    s: State, index: int, market: int, price: int, flags: int, side: int, size: int
) -> int:
    """Why reduce-only or the cap on open interest refuses an order."""
    if flags & TRIGGER != 0:
        return NO_REASON
    row = market_at(s, market)
    if flags & REDUCE_ONLY == 0 and row.open_interest_cap <= 0:
        return NO_REASON
    closing = reducible(s, index, side)
    if flags & REDUCE_ONLY != 0:
        return NO_REASON if closing > 0 else REDUCE_ONLY_WOULD_INCREASE
    if value_of(row.mark_price, row.open_interest) < row.open_interest_cap:
        return NO_REASON
    if size > closing:
        return OPEN_INTEREST_CAPPED
    aggressive = price > row.oracle_price if side == BUY else price < row.oracle_price
    return TOO_AGGRESSIVE_AT_OPEN_INTEREST_CAP if aggressive else NO_REASON


@inline
def tier_rejection(s: State, index: int, market: int, side: int, size: int) -> int:
    """Why the leverage is too high for the tier that the position would reach."""
    position = position_at(s, index)
    delta = size if side == BUY else -size
    after = abs(position.signed_size + delta)
    if after <= abs(position.signed_size):
        return NO_REASON
    notional = value_of(after, market_at(s, market).mark_price)
    if notional > MAX_NOTIONAL:
        return ABOVE_MARGIN_TIER
    if position.leverage <= lowest_maximum_leverage(s, position.schedule):
        return NO_REASON
    tier = tier_of(s, position.schedule, notional)
    if position.leverage > tier_at(s, tier).maximum_leverage:
        return ABOVE_MARGIN_TIER
    return NO_REASON


@inline
def margin_rejection(
    s: State, index: int, side: int, hold: int, released_side: int, released_hold: int
) -> int:
    """Why one more hold on ``side`` (and one less of a replaced order) exceeds free margin."""
    position = position_at(s, index)
    group = group_of(s, position.account, position.market)
    equity, initial, holds = pool_without(s, position.account, group, index)
    value = position.signed_size * market_at(s, position.market).mark_price
    margin = initial_margin(abs(value), position.leverage) if value != 0 else 0
    buy_hold = position.buy_hold + (hold if side == BUY else 0)
    sell_hold = position.sell_hold + (0 if side == BUY else hold)
    buy_hold -= released_hold if released_side == BUY else 0
    sell_hold -= 0 if released_side == BUY else released_hold
    if position.mode == CROSS:
        equity += value
        initial += margin
    holds += hold_after_credit(
        position.signed_size,
        position.mode,
        buy_hold,
        sell_hold,
        margin,
        position.isolated_cash + value,
    )
    return NO_REASON if equity - initial - holds >= 0 else INSUFFICIENT_MARGIN
