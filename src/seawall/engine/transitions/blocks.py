"""The life of a block: what happens when it is committed, step after step.

Commands between two blocks take effect on arrival against the last block's oracle price. The
commit then votes on premiums, lets new oracle prices in, runs funding, expires and triggers
orders, and afterwards lets the queue, liquidations and deleveraging meet the book.
"""

from seawall.domain.codes import NO_REASON, PRICE_UPDATED
from seawall.engine.compile import kernel
from seawall.engine.formulas.wide import compare_products
from seawall.engine.tables import block_market_at, block_rules, control, market_at
from seawall.engine.transitions.block_cancels import expire_orders, run_pending_cancels
from seawall.engine.transitions.block_liquidation import liquidate_block
from seawall.engine.transitions.fee_standing import evaluate_fees
from seawall.engine.transitions.funding_index import run_funding_epochs, vote
from seawall.engine.transitions.gates import close_all_gates
from seawall.engine.transitions.order_memory import prune_memories
from seawall.engine.transitions.outbox import emit
from seawall.engine.transitions.queued_orders import fire_conditionals, place_queue
from seawall.engine.transitions.twap_orders import send_legs

PPM = 1_000_000


@kernel
def take_price(s, market, price):
    """An oracle price takes effect."""
    row = market_at(s, market)
    row.previous_mark_price = row.mark_price if row.mark_price > 0 else price
    row.oracle_price = price
    row.mark_price = price
    block_rules(s).must_look = 1
    emit(s, PRICE_UPDATED, NO_REASON, -1, market, 0, price, 0, price)


@kernel
def _take_pending_prices(s):
    """New oracle prices, except those that differ by less than the market's minimum change."""
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


@kernel
def commit_block(s):
    """Commit the block that ends at the clock."""
    chain = block_rules(s)
    now = control(s).clock_ms
    if chain.last_block_ms > 0 and now - chain.last_block_ms >= chain.outage_ms:
        close_all_gates(s)
    run_pending_cancels(s)
    vote(s)
    _take_pending_prices(s)
    evaluate_fees(s)
    run_funding_epochs(s)
    chain.height += 1
    chain.last_block_ms = now
    prune_memories(s)
    expire_orders(s)
    send_legs(s)
    fire_conditionals(s)
    place_queue(s)
    liquidate_block(s)


@kernel
def blocks_due(s, time_ms):
    """How many blocks end up to a time."""
    chain = block_rules(s)
    if chain.next_block_ms == 0 or time_ms < chain.next_block_ms:
        return 0
    return (time_ms - chain.next_block_ms) // chain.block_ms + 1


@kernel
def advance_blocks(s):
    """ADVANCE_TIME: commit every block that ends up to the clock; the first call sets the beat."""
    chain = block_rules(s)
    row = control(s)
    until = row.clock_ms
    if chain.next_block_ms == 0:
        chain.next_block_ms = until
    while chain.next_block_ms <= until:
        row.clock_ms = chain.next_block_ms
        commit_block(s)
        chain.next_block_ms += chain.block_ms
    row.clock_ms = until
    return NO_REASON
