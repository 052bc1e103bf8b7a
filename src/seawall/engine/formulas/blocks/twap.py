"""Legs of a time-weighted order: how much, at which price, and which orders are accepted.

Sizes are size units, prices ticks of the market's price step, times ms.
"""

from seawall.domain.codes import BUY, INVALID_TWAP, NO_REASON
from seawall.domain.units import PPM
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.scaling import (
    divide_ceil,
    fill_quote,
    multiple_of,
    rounded_ratio,
    scaled_floor,
)
from seawall.engine.formulas.blocks.valuation import fill_value
from seawall.engine.tables import (
    CommandRow,
    State,
    block_market_at,
    block_order_at,
    block_rules,
    control,
    market_at,
    order_at,
)

PPM_EXPONENT = 6


@kernel
def leg_size(
    total: int,
    remaining: int,
    legs_left: int,
    legs_total: int,
    size_step: int,
    catch_up_factor: int,
) -> int:
    """Size of the next leg, 0 where it would be less than a step; ``legs_left`` > 0.

    What remains is spread over the legs left, rounded up, but a leg is at most
    ``catch_up_factor`` times the leg of an undisturbed order, rounded up; then down to the step.
    """
    share = divide_ceil(remaining, legs_left)
    most = catch_up_factor * divide_ceil(total, legs_total)
    return multiple_of(min(share, most), size_step, 0)


@kernel
def leg_price(
    price: int, oracle_price: int, exponent: int, tolerance_ppm: int, side: int, price_step: int
) -> int:
    """Limit of a leg in ticks: ``price`` (ticks) where it is not 0, else from the oracle.

    The oracle price x 10^``exponent`` counts in units of 1 / ``price_step`` tick. It is moved by
    the tolerance against the order and rounded down to such a unit; then to a tick, up for a buy
    and where there is no tolerance, otherwise down. 0: no price.
    """
    if price != 0:
        return price
    signed = tolerance_ppm if side == BUY else -tolerance_ppm
    moved = scaled_floor(oracle_price, PPM + signed, exponent - PPM_EXPONENT)
    return rounded_ratio(moved, price_step, 1 if signed >= 0 else 0)


@kernel
def parent_quote(s: State, market: int, size: int, ticks: int) -> int:
    """Micro-USD that the whole order costs at its limit, rounded down.

    Without one (0) at the oracle price, rounded down to a unit of 1 / ``price_step`` tick.
    """
    if ticks != 0:
        return fill_value(s, market, size, ticks)
    terms = block_market_at(s, market)
    exponent = terms.value_exponent - terms.quote_exponent
    subticks = scaled_floor(market_at(s, market).oracle_price, 1, exponent)
    return fill_quote(size, subticks, terms.quote_exponent)


@kernel
def next_leg(s: State, slot: int) -> tuple[int, int]:
    """(size, price in ticks) of the next leg of the time-weighted order in row ``slot``.

    Its remaining size is what its legs have not filled. Without size or price (0) there is no
    leg; (0, 0) where none is left.
    """
    order = order_at(s, slot)
    plan = block_order_at(s, slot)
    if plan.legs_left <= 0:
        return 0, 0
    terms = block_market_at(s, order.market)
    size = leg_size(
        order.original_size, order.remaining_size, plan.legs_left, plan.legs_total,
        terms.size_step, block_rules(s).twap_catch_up_factor,
    )  # fmt: skip
    price = leg_price(
        order.price, market_at(s, order.market).oracle_price,
        terms.value_exponent - terms.quote_exponent, plan.tolerance_ppm, order.side,
        terms.price_step,
    )  # fmt: skip
    return size, price


@kernel
def leg_good_til(s: State) -> int:
    """When a leg that is sent at the clock expires, ms."""
    return control(s).clock_ms + block_rules(s).twap_leg_lifetime_ms


@kernel
def _is_outside(value: int, least: int, most: int) -> bool:
    return value < least or value > most


@kernel
def twap_rejection(s: State, command: CommandRow) -> int:
    """Why PLACE_TWAP_ORDER is refused for its legs: INVALID_TWAP or NO_REASON.

    The duration is a whole number of intervals, both within the rules' bounds; the tolerance is
    below the whole price; a leg (size / legs, rounded down) is at least one size step.
    """
    chain = block_rules(s)
    duration, interval = command.trigger_price, command.order_id
    if _is_outside(interval, chain.twap_minimum_interval_ms, chain.twap_maximum_interval_ms):
        return INVALID_TWAP
    if _is_outside(duration, chain.twap_minimum_duration_ms, chain.twap_maximum_duration_ms):
        return INVALID_TWAP
    if interval <= 0 or duration % interval != 0:
        return INVALID_TWAP
    if _is_outside(command.leverage, 0, PPM - 1):
        return INVALID_TWAP
    if command.order_size // (duration // interval) < block_market_at(s, command.market).size_step:
        return INVALID_TWAP
    return NO_REASON
