"""Conditional orders: those that a block's prices have reached join the queue."""

from seawall.domain.codes import (
    NO_REASON,
    ORDER_TRIGGERED,
)
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.triggers import trigger_range
from seawall.engine.formulas.shared.ladder import (
    STOPS_ABOVE,
    STOPS_BELOW,
    highest_level,
    ladder_root,
    lowest_level,
)
from seawall.engine.tables import (
    State,
    block_market_at,
    control,
    level_at,
    market_at,
    order_at,
)
from seawall.engine.transitions.shared.book import dequeue
from seawall.engine.transitions.shared.outbox import emit_order
from seawall.engine.transitions.shared.queue import join_queue


@kernel
def _fire(s: State, slot: int, ticks: int) -> None:
    order = order_at(s, slot)
    dequeue(s, slot)
    event = emit_order(s, ORDER_TRIGGERED, NO_REASON, order)
    event.price = ticks
    join_queue(s, slot)


@kernel
def fire_conditionals(s: State) -> None:
    """Queue every conditional order that the oracle or this block's trades have reached."""
    for market in range(control(s).markets_used):
        if market_at(s, market).oracle_price > 0:
            low, high = trigger_range(s, market)
            while True:
                level = highest_level(s, ladder_root(market, STOPS_BELOW))
                if level < 0 or level_at(s, level).price < low:
                    break
                _fire(s, level_at(s, level).first, low)
            while True:
                level = lowest_level(s, ladder_root(market, STOPS_ABOVE))
                if level < 0 or level_at(s, level).price > high:
                    break
                _fire(s, level_at(s, level).first, high)
        terms = block_market_at(s, market)
        terms.lowest_trade = 0
        terms.highest_trade = 0
