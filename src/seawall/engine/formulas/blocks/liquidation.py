"""Liquidation under block rules: at what price, how much, and which fund bears the difference.

Money is micro-USD, sizes are size units. "The account" is its totals after unsettled funding:
net collateral and maintenance requirement. Everything is exact; each division names its rounding.
"""

from seawall.domain.codes import BLOCK_HEIGHT, FINAL_SETTLEMENT
from seawall.domain.units import MAX_PRICE, PPM
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.margin import NO_UPDATE, account_standing, position_maintenance
from seawall.engine.formulas.blocks.scaling import (
    mul_ppm,
    multiple_of,
    size_worth,
    times_power,
)
from seawall.engine.formulas.blocks.standing import is_under_maintenance
from seawall.engine.formulas.blocks.valuation import fill_value, position_value
from seawall.engine.formulas.shared.fixed_point import mul_div_floor
from seawall.engine.formulas.shared.wide import compare_products, compare_sums
from seawall.engine.tables import (
    State,
    account_at,
    block_account_at,
    block_market_at,
    block_position_at,
    block_rules,
    market_at,
    position_at,
)

PPM_SQUARED = PPM * PPM
SEVERITY_ONE = 10**18

# Whether a position may be closed without its owner, and at what.
NOT_DELEVERAGED = 0
AT_BANKRUPTCY = 1
AT_ORACLE = 2

# Why a fill of a liquidation does not happen and its order ends.
FILL_ALLOWED = 0
FUND_TOO_SMALL = 1
NOTIONAL_SPENT = 2
INSURANCE_SPENT = 3


@kernel
def closes(size: int, delta: int) -> bool:
    """Whether a signed delta, not 0, reduces a signed size without passing through 0."""
    if delta > 0:
        return size <= -delta
    return delta < 0 and size >= -delta


@kernel
def fillable_terms(
    s: State, account: int, index: int
) -> tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]:
    """The price at which a position is offered, quote per size unit, as an exact fraction.

    (N, M, D), three factors each: (N1*N2*N3 - M1*M2*M3) / (D1*D2*D3) for a long position, with a
    plus for a short one. From the oracle price it moves by the share of the account's maintenance
    requirement that is lost, times an adjustment, at most 1, times a multiple of the position's
    own requirement.
    """
    position = position_at(s, index)
    net, _, total = account_standing(s, account, NO_UPDATE)
    notional = abs(position_value(s, position.market, position.signed_size))
    maintenance = position_maintenance(s, position.market, position.signed_size)
    policy = block_rules(s)
    adjustment = policy.bankruptcy_adjustment_ppm
    spread = policy.spread_to_maintenance_ppm
    lost = max(0, total - net)
    if compare_products(adjustment, lost, PPM, total) >= 0:
        adjustment = PPM
        lost = 1
        total = 1
    size = abs(position.signed_size)
    return (
        (notional, PPM_SQUARED, total),
        (adjustment * spread, lost, maintenance),
        (size, PPM_SQUARED, total),
    )


@kernel
def ticks_of_fraction(
    base: tuple[int, int, int],
    spread: tuple[int, int, int],
    divisor: tuple[int, int, int],
    is_long: bool,
    exponent: int,
    step: int,
    bound: int,
) -> int:
    """A price in ticks of ``step`` x 10^``exponent``: up for a long position, down for a short.

    The price is the fraction of ``fillable_terms``: three factors each, none negative. The answer
    is from 1 to ``bound``.
    """
    down = times_power(1, max(0, -exponent))
    scaled = times_power(divisor[1], max(0, exponent))
    low = 1
    high = bound
    while low < high:
        middle = low + (high - low) // 2
        if not is_long:
            middle += (high - low) % 2
        offer = middle * step
        if is_long:
            reached = compare_sums(
                offer, divisor[0], scaled, divisor[2],
                spread[0], spread[1], spread[2], down,
                base[0], base[1], base[2], down,
            )  # fmt: skip
            if reached >= 0:
                high = middle
            else:
                low = middle + 1
        else:
            reached = compare_sums(
                base[0], base[1], base[2], down,
                spread[0], spread[1], spread[2], down,
                offer, divisor[0], scaled, divisor[2],
            )  # fmt: skip
            if reached >= 0:
                low = middle
            else:
                high = middle - 1
    return low


@kernel
def fillable_ticks(s: State, account: int, index: int) -> int:
    """The limit of a liquidation order: a long position sells at it or above, a short one buys at
    it or below. Ticks, rounded up for a long position and down for a short."""
    position = position_at(s, index)
    terms = block_market_at(s, position.market)
    base, spread, divisor = fillable_terms(s, account, index)
    return ticks_of_fraction(
        base, spread, divisor, position.signed_size > 0,
        terms.quote_exponent, terms.price_step, MAX_PRICE,
    )  # fmt: skip


@kernel
def bankruptcy_quote(s: State, account: int, index: int, delta: int) -> int:
    """Signed micro-USD the account must receive for closing ``delta`` at its bankruptcy price.

    Its net collateral shrinks in the proportion in which its maintenance requirement does; that
    share is rounded down, so the quote is rounded up. ``delta`` must satisfy ``closes``.
    """
    position = position_at(s, index)
    market = position.market
    size = position.signed_size
    net, _, total = account_standing(s, account, NO_UPDATE)
    value_change = position_value(s, market, size + delta) - position_value(s, market, size)
    freed = position_maintenance(s, market, size) - position_maintenance(s, market, size + delta)
    share = 0
    if total > 0:
        share = mul_div_floor(net, abs(freed), total)
    return -value_change - share


@kernel
def insurance_delta(quote_delta: int, bankruptcy: int, maximum_fee_ppm: int) -> int:
    """What a fill brings to the insurance fund (> 0, a fee) or takes from it (< 0).

    ``quote_delta``: signed micro-USD the account receives from the fill. The fee is what the fill
    brings beyond bankruptcy, at most ``maximum_fee_ppm`` of the fill, rounded down.
    """
    surplus = quote_delta - bankruptcy
    if surplus <= 0:
        return surplus
    return min(mul_ppm(abs(quote_delta), maximum_fee_ppm, 0), surplus)


@kernel
def insurance_can_pay(balance: int, delta: int) -> bool:
    """Whether a fund of ``balance`` can bear the delta; only one that takes from it can fail."""
    return delta >= 0 or balance + delta >= 0


@kernel
def fund_balance(s: State, market: int) -> int:
    """Balance of a market's insurance fund: its own one or the common one."""
    terms = block_market_at(s, market)
    if terms.own_pool != 0:
        return terms.insurance_cash
    return account_at(s, 0).cash


@kernel
def current_block(s: State) -> int:
    """The block that is being prepared: limits of one block count what happens in it."""
    return block_rules(s).height + 1


@kernel
def was_liquidated(s: State, index: int) -> bool:
    """Whether the position has had its liquidation order of this block."""
    return block_position_at(s, index).liquidated_height == current_block(s)


@kernel
def liquidation_limits(s: State, account: int) -> tuple[int, int]:
    """(notional, insurance) that liquidations of the account may still use in this block.

    Negative where a limit is exceeded already.
    """
    used = block_account_at(s, account)
    policy = block_rules(s)
    if used.liquidated_height != current_block(s):
        return policy.account_notional, policy.account_insurance
    return (
        policy.account_notional - used.liquidated_notional,
        policy.account_insurance - used.insurance_lost,
    )


@kernel
def position_limits(s: State, market: int, size: int) -> tuple[int, int]:
    """(least, most) notional of a position that one block may liquidate; the share rounded down."""
    policy = block_rules(s)
    notional = abs(position_value(s, market, size))
    least = min(policy.position_minimum, notional)
    return least, max(least, mul_ppm(notional, policy.position_portion_ppm, 0))


@kernel
def liquidation_size(s: State, account: int, index: int) -> int:
    """The signed delta that one liquidation order closes, rounded down to the market's step.

    The whole position where the limits allow it or it is at most one step; never less than one
    step; 0 where the account's limit is exceeded.
    """
    position = position_at(s, index)
    size = position.signed_size
    step = block_market_at(s, position.market).size_step
    _, most = position_limits(s, position.market, size)
    account_limit, _ = liquidation_limits(s, account)
    if size == 0 or account_limit < 0:
        return 0
    limit = min(most, account_limit)
    notional = abs(position_value(s, position.market, size))
    if notional <= limit or abs(size) <= step:
        return -size
    worth = size_worth(
        limit, market_at(s, position.market).oracle_price,
        block_market_at(s, position.market).value_exponent,
    )  # fmt: skip
    part = min(max(multiple_of(worth, step, 0), step), abs(size))
    return -part if size > 0 else part


@kernel
def liquidation_fill(s: State, account: int, index: int, delta: int, ticks: int) -> tuple[int, int]:
    """(what the fund gains, verdict) of one liquidation fill, apart from the account update.

    ``delta``: signed size that closes. The fund must be able to pay, then the account must have
    notional and, where the fund pays, insurance left in this block.
    """
    market = position_at(s, index).market
    quote = fill_value(s, market, abs(delta), ticks)
    received = quote if delta < 0 else -quote
    bankruptcy = bankruptcy_quote(s, account, index, delta)
    gain = insurance_delta(received, bankruptcy, block_rules(s).maximum_fee_ppm)
    if not insurance_can_pay(fund_balance(s, market), gain):
        return gain, FUND_TOO_SMALL
    notional_left, insurance_left = liquidation_limits(s, account)
    if abs(position_value(s, market, delta)) > notional_left:
        return gain, NOTIONAL_SPENT
    if gain < 0 and -gain > insurance_left:
        return gain, INSURANCE_SPENT
    return gain, FILL_ALLOWED


@kernel
def deleveraging_mode(s: State, account: int, market: int) -> int:
    """At which price a position may be deleveraged, or NOT_DELEVERAGED.

    A negative account at its bankruptcy price; any other only in a market that is being settled,
    at the oracle price.
    """
    net, _, _ = account_standing(s, account, NO_UPDATE)
    if net < 0:
        return AT_BANKRUPTCY
    if market_at(s, market).status == FINAL_SETTLEMENT:
        return AT_ORACLE
    return NOT_DELEVERAGED


@kernel
def deleveraging_quote(s: State, account: int, index: int, delta: int, mode: int) -> int:
    """Signed micro-USD the account receives for a delta that is closed against another account."""
    if mode == AT_BANKRUPTCY:
        return bankruptcy_quote(s, account, index, delta)
    return -position_value(s, position_at(s, index).market, delta)


@kernel
def starts_at(s: State, policy: int, count: int) -> int:
    """Where a rotation over ``count`` > 0 candidates begins."""
    if policy == BLOCK_HEIGHT:
        return block_rules(s).height % count
    return 0


@kernel
def _following_position(s: State, account: int, market: int) -> int:
    """The account's open position in the lowest market above ``market``, or -1."""
    best = -1
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if position.signed_size != 0 and position.market > market:
            if best < 0 or position.market < position_at(s, best).market:
                best = index
        index = position.next_of_account
    return best


@kernel
def position_to_liquidate(s: State, account: int) -> int:
    """The position row to liquidate next, or -1: by market from the rotation's start on, the first
    that has not had a liquidation order in this block.
    """
    count = 0
    index = account_at(s, account).first_position
    while index >= 0:
        if position_at(s, index).signed_size != 0:
            count += 1
        index = position_at(s, index).next_of_account
    if count == 0:
        return -1
    place = _following_position(s, account, -1)
    for _ in range(starts_at(s, block_rules(s).position_offset, count)):
        place = _following_position(s, account, position_at(s, place).market)
    for _ in range(count):
        if not was_liquidated(s, place):
            return place
        place = _following_position(s, account, position_at(s, place).market)
        if place < 0:
            place = _following_position(s, account, -1)
    return -1


@kernel
def is_liquidatable(s: State, account: int) -> bool:
    """Whether the account is below its maintenance requirement; equality is safe."""
    net, _, maintenance = account_standing(s, account, NO_UPDATE)
    return is_under_maintenance(net, maintenance)


@kernel
def severity(s: State, market: int, ticks: int) -> int:
    """How far a limit lies from the oracle price, as a share of it in 1e-18, rounded down."""
    terms = block_market_at(s, market)
    exponent = terms.quote_exponent - terms.value_exponent
    offer = times_power(ticks * terms.price_step, max(0, exponent))
    oracle = times_power(market_at(s, market).oracle_price, max(0, -exponent))
    if oracle <= 0:
        return 0
    return mul_div_floor(abs(offer - oracle), SEVERITY_ONE, oracle)


@kernel
def trial_order(s: State, account: int) -> tuple[int, int, int]:
    """(position row, signed delta, limit in ticks) of the account's liquidation order now.

    The row is -1 where it is not liquidatable, has no position left to try or no limit left.
    """
    if not is_liquidatable(s, account):
        return -1, 0, 0
    index = position_to_liquidate(s, account)
    if index < 0:
        return -1, 0, 0
    delta = liquidation_size(s, account, index)
    if delta == 0:
        return -1, 0, 0
    return index, delta, fillable_ticks(s, account, index)
