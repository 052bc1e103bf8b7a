"""Oracle prices and what follows from them: marks, triggers, liquidations."""

from seawall.domain.codes import INVALID_PRICE, NO_REASON, PRICE_UPDATED
from seawall.domain.units import MAX_PRICE
from seawall.engine.compile import kernel
from seawall.engine.formulas.continuous.orders import price_band, reference_price
from seawall.engine.formulas.continuous.prices import (
    AVERAGE_SCALE,
    WEIGHT_SCALE,
    book_median,
    mark_of,
    mid_price_doubled,
)
from seawall.engine.formulas.shared.fixed_point import (
    DECAY_ONE,
    decay_factor,
    mul_div_toward_zero,
)
from seawall.engine.tables import CommandRow, State, control, market_at, rules
from seawall.engine.transitions.continuous.liquidation import liquidate
from seawall.engine.transitions.continuous.triggers import fire_triggers
from seawall.engine.transitions.shared.outbox import emit


@kernel
def _update_averages(s: State, market: int, oracle: int) -> None:
    """Decay the averages by the elapsed time and add the present samples."""
    row = market_at(s, market)
    now = control(s).clock_ms
    if row.mark_updated_ms <= 0:
        row.mark_updated_ms = now
        return
    policy = rules(s)
    elapsed = now - row.mark_updated_ms
    row.mark_updated_ms = now
    doubled_mid = mid_price_doubled(s, market)
    if doubled_mid > 0 and policy.premium_decay_ms > 0:
        weight = min(elapsed, 10 * policy.premium_decay_ms)
        factor = decay_factor(elapsed, policy.premium_decay_ms)
        sample = (doubled_mid - 2 * oracle) * (AVERAGE_SCALE // 2)
        row.premium_numerator = (
            mul_div_toward_zero(row.premium_numerator, factor, DECAY_ONE) + sample * weight
        )
        row.premium_denominator = (
            mul_div_toward_zero(row.premium_denominator, factor, DECAY_ONE) + weight * WEIGHT_SCALE
        )
    median = book_median(s, market)
    if median > 0 and policy.mid_decay_ms > 0:
        weight = min(elapsed, 10 * policy.mid_decay_ms)
        factor = decay_factor(elapsed, policy.mid_decay_ms)
        row.mid_numerator = (
            mul_div_toward_zero(row.mid_numerator, factor, DECAY_ONE)
            + median * AVERAGE_SCALE * weight
        )
        row.mid_denominator = (
            mul_div_toward_zero(row.mid_denominator, factor, DECAY_ONE) + weight * WEIGHT_SCALE
        )


@kernel
def set_oracle_price(s: State, command: CommandRow) -> int:
    """SET_ORACLE_PRICE: update averages and mark, fire triggers, liquidate."""
    price, outside = command.price, command.trigger_price
    if price <= 0 or price > MAX_PRICE or outside < 0 or outside > MAX_PRICE:
        return INVALID_PRICE
    market = command.market
    _update_averages(s, market, price)
    row = market_at(s, market)
    row.oracle_price = price
    row.outside_price = outside
    row.previous_mark_price = row.mark_price if row.mark_price > 0 else price
    row.mark_price = min(MAX_PRICE, mark_of(s, market))
    row.band_low, row.band_high = price_band(reference_price(s, market), rules(s).price_band_rate)
    emit(s, PRICE_UPDATED, NO_REASON, -1, market, 0, row.mark_price, 0, price)
    fire_triggers(s, market)
    liquidate(s, market)
    return NO_REASON
