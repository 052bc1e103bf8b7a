"""Oracle prices under block rules: they take effect when the block is committed."""

from seawall.domain.codes import (
    INVALID_PRICE,
    NO_REASON,
    PRICE_UPDATED,
)
from seawall.domain.units import MAX_ORACLE_PRICE, PPM
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.watch import UNBOUNDED, price_move
from seawall.engine.formulas.shared.wide import compare_products
from seawall.engine.tables import (
    CommandRow,
    State,
    block_market_at,
    control,
    market_at,
)
from seawall.engine.transitions.blocks.watch import note_move
from seawall.engine.transitions.shared.outbox import emit


@kernel
def set_block_oracle_price(s: State, command: CommandRow) -> int:
    """SET_ORACLE_PRICE: counts from the next block on; a market's very first price at once."""
    if command.price <= 0 or command.price > MAX_ORACLE_PRICE:
        return INVALID_PRICE
    if market_at(s, command.market).oracle_price <= 0:
        take_price(s, command.market, command.price)
        note_move(s, UNBOUNDED)
    else:
        block_market_at(s, command.market).pending_oracle_price = command.price
    return NO_REASON


@kernel
def take_price(s: State, market: int, price: int) -> None:
    """Put an oracle price in force."""
    row = market_at(s, market)
    row.previous_mark_price = row.mark_price if row.mark_price > 0 else price
    row.oracle_price = price
    row.mark_price = price
    emit(s, PRICE_UPDATED, NO_REASON, -1, market, 0, price, 0, price)


@kernel
def take_pending_prices(s: State) -> None:
    """Take new oracle prices that differ by at least the market's minimum change."""
    moved = 0
    for market in range(control(s).markets_used):
        terms = block_market_at(s, market)
        price = terms.pending_oracle_price
        if price <= 0:
            continue
        terms.pending_oracle_price = 0
        old = market_at(s, market).oracle_price
        change = abs(price - old)
        if change != 0 and compare_products(change, PPM, old, terms.minimum_price_change_ppm) >= 0:
            take_price(s, market, price)
            moved = max(moved, price_move(old, price))
    if moved > 0:
        note_move(s, moved)
