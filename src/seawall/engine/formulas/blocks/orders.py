"""Why an order may not be placed under block rules: a reason code, 0 where it may.

The order of checks is that of ``docs/machine/machine.md``.
"""

from seawall.domain.codes import (
    ABOVE_MAXIMUM_VALUE,
    BUY,
    CHILD,
    EQUITY_TIER_LIMIT,
    FILL_OR_KILL,
    GOOD_TIL_PASSED,
    GOOD_TIL_TOO_FAR,
    IMMEDIATE_OR_CANCEL,
    INITIALIZING,
    INVALID_FLAGS,
    INVALID_PRICE,
    INVALID_SIZE,
    LONG_TERM,
    MARKET,
    MARKET_HALTED,
    NO_REASON,
    NO_REFERENCE_PRICE,
    ONLY_POST_ONLY_ALLOWED,
    OPEN,
    POSITION_ATTACHED,
    POST_ONLY,
    POST_ONLY_ONLY,
    PRICE_BEYOND_ORACLE,
    REDUCE_ONLY,
    REDUCE_ONLY_NEEDS_IMMEDIATE,
    SELL,
    SHORT_TERM,
    SIZE_NOT_ON_STEP,
    TAKE_PROFIT,
    TIME_IN_FORCE_NOT_OFFERED,
    TRIGGER,
    TRIGGER_MARKET,
    WHOLE_POSITION,
    ZERO_SIZE,
)
from seawall.domain.units import MAX_BLOCK_RULES_SIZE, MAX_NOTIONAL, MAX_PRICE
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.margin import account_standing
from seawall.engine.formulas.blocks.valuation import (
    fill_value,
    oracle_ticks,
    position_value,
)
from seawall.engine.formulas.shared.fixed_point import remainder_of
from seawall.engine.tables import (
    CONDITIONAL_ORDER,
    LONG_TERM_ORDER,
    SHORT_TERM_ORDER,
    BlockRulesRow,
    State,
    block_account_at,
    block_market_at,
    block_rules,
    control,
    market_at,
)

_KNOWN_FLAGS = REDUCE_ONLY | TRIGGER | TAKE_PROFIT | TRIGGER_MARKET | MARKET
_BRACKET_FLAGS = CHILD | POSITION_ATTACHED | WHOLE_POSITION


@kernel
def is_immediate(flags: int, time_in_force: int) -> bool:
    """Whether an order must trade at once or end."""
    return time_in_force == IMMEDIATE_OR_CANCEL or flags & (MARKET | TRIGGER_MARKET) != 0


@kernel
def kind_of_order(flags: int, time_in_force: int) -> int:
    """SHORT_TERM_ORDER, LONG_TERM_ORDER or CONDITIONAL_ORDER."""
    if flags & TRIGGER != 0:
        return CONDITIONAL_ORDER
    if flags & SHORT_TERM != 0:
        return SHORT_TERM_ORDER
    if flags & LONG_TERM != 0:
        return LONG_TERM_ORDER
    return SHORT_TERM_ORDER if is_immediate(flags, time_in_force) else LONG_TERM_ORDER


@kernel
def _flag_rejection(flags: int, time_in_force: int, side: int, kind: int) -> int:
    if flags < 0 or side < BUY or side > SELL or flags & _BRACKET_FLAGS != 0:
        return INVALID_FLAGS
    if flags & ~(_KNOWN_FLAGS | SHORT_TERM | LONG_TERM) != 0:
        return INVALID_FLAGS
    if flags & SHORT_TERM != 0 and flags & (LONG_TERM | TRIGGER) != 0:
        return INVALID_FLAGS
    if flags & TRIGGER == 0 and flags & (TAKE_PROFIT | TRIGGER_MARKET) != 0:
        return INVALID_FLAGS
    if time_in_force < 0 or time_in_force > POST_ONLY:
        return INVALID_FLAGS
    if time_in_force == FILL_OR_KILL:
        return TIME_IN_FORCE_NOT_OFFERED
    immediate = is_immediate(flags, time_in_force)
    if immediate and time_in_force == POST_ONLY:
        return INVALID_FLAGS
    if kind == LONG_TERM_ORDER and immediate:
        return TIME_IN_FORCE_NOT_OFFERED
    if flags & REDUCE_ONLY != 0 and not immediate:
        return REDUCE_ONLY_NEEDS_IMMEDIATE
    return NO_REASON


@kernel
def status_rejection(
    s: State, market: int, price: int, side: int, time_in_force: int, kind: int
) -> int:
    """Why the market's status refuses an order; a starting market takes only resting quotes."""
    status = market_at(s, market).status
    if status == OPEN:
        return NO_REASON
    if status == POST_ONLY_ONLY:
        return NO_REASON if time_in_force == POST_ONLY else ONLY_POST_ONLY_ALLOWED
    if status != INITIALIZING:
        return MARKET_HALTED
    if kind != SHORT_TERM_ORDER or time_in_force != POST_ONLY:
        return ONLY_POST_ONLY_ALLOWED
    if side == BUY and price > oracle_ticks(s, market, False):
        return PRICE_BEYOND_ORACLE
    if side == SELL and price < oracle_ticks(s, market, True):
        return PRICE_BEYOND_ORACLE
    return NO_REASON


@kernel
def amounts_rejection(s: State, market: int, price: int, size: int) -> int:
    """Why price or size is out of range, off the step, or of too large a notional."""
    if size == 0:
        return ZERO_SIZE
    if size < 0 or size > MAX_BLOCK_RULES_SIZE:
        return INVALID_SIZE
    if price <= 0 or price > MAX_PRICE:
        return INVALID_PRICE
    if remainder_of(size, block_market_at(s, market).size_step) != 0:
        return SIZE_NOT_ON_STEP
    if market_at(s, market).oracle_price <= 0:
        return NO_REFERENCE_PRICE
    if fill_value(s, market, size, price) > MAX_NOTIONAL:
        return ABOVE_MAXIMUM_VALUE
    if abs(position_value(s, market, size)) > MAX_NOTIONAL:
        return ABOVE_MAXIMUM_VALUE
    return NO_REASON


@kernel
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
    """Why flags, amounts or market status refuse an order, whatever the account is."""
    kind = kind_of_order(flags, time_in_force)
    reason = _flag_rejection(flags, time_in_force, side, kind)
    if reason != NO_REASON:
        return reason
    reason = amounts_rejection(s, market, price, size)
    if reason != NO_REASON:
        return reason
    if kind == CONDITIONAL_ORDER and (trigger_price <= 0 or trigger_price > MAX_PRICE):
        return INVALID_PRICE
    return status_rejection(s, market, price, side, time_in_force, kind)


@kernel
def short_term_window(s: State, good_til: int) -> int:
    """Why a height is not within ``short_term_blocks`` of the next block; 0 is the farthest."""
    policy = block_rules(s)
    if good_til == 0:
        return NO_REASON
    if good_til < policy.height + 1:
        return GOOD_TIL_PASSED
    if good_til > policy.height + 1 + policy.short_term_blocks:
        return GOOD_TIL_TOO_FAR
    return NO_REASON


@kernel
def long_term_window(s: State, good_til: int) -> int:
    """Why a time is not within ``long_term_ms`` after the last block; 0 is the farthest."""
    policy = block_rules(s)
    if good_til == 0:
        return NO_REASON
    if good_til <= policy.last_block_ms:
        return GOOD_TIL_PASSED
    if good_til > policy.last_block_ms + policy.long_term_ms:
        return GOOD_TIL_TOO_FAR
    return NO_REASON


@kernel
def expiry_of(s: State, kind: int, good_til: int) -> int:
    """The height or time in ms at which an order of this kind ends."""
    if good_til != 0:
        return good_til
    policy = block_rules(s)
    if kind == SHORT_TERM_ORDER:
        return policy.height + 1 + policy.short_term_blocks
    return max(policy.last_block_ms, control(s).clock_ms) + policy.long_term_ms


@kernel
def _tier_bound(policy: BlockRulesRow, place: int) -> tuple[int, int]:
    """(equity, orders) of an equity tier; places count from 1."""
    if place == 1:
        return policy.tier_equity_1, policy.tier_orders_1
    if place == 2:
        return policy.tier_equity_2, policy.tier_orders_2
    if place == 3:
        return policy.tier_equity_3, policy.tier_orders_3
    if place == 4:
        return policy.tier_equity_4, policy.tier_orders_4
    if place == 5:
        return policy.tier_equity_5, policy.tier_orders_5
    if place == 6:
        return policy.tier_equity_6, policy.tier_orders_6
    if place == 7:
        return policy.tier_equity_7, policy.tier_orders_7
    return policy.tier_equity_8, policy.tier_orders_8


@kernel
def stateful_order_limit(s: State, account: int) -> int:
    """How many stateful orders an account may have open, from its net collateral."""
    net, _, _ = account_standing(s, account, -1)
    policy = block_rules(s)
    limit = 0
    for place in range(1, policy.equity_tier_count + 1):
        equity, orders = _tier_bound(policy, place)
        if net >= equity:
            limit = orders
    return limit


@kernel
def count_rejection(s: State, account: int) -> int:
    """Why the equity tier allows no more stateful orders; without tiers there is no limit."""
    if block_rules(s).equity_tier_count == 0:
        return NO_REASON
    if block_account_at(s, account).stateful_orders >= stateful_order_limit(s, account):
        return EQUITY_TIER_LIMIT
    return NO_REASON
