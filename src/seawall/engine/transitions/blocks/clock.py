"""Committing blocks, step by step.

Commands between two blocks take effect on arrival against the last block's oracle price. The
commit then votes on premiums, takes new oracle prices, runs funding, expires and triggers orders,
and finally matches queued orders and runs liquidations and deleveraging.
"""

from seawall.domain.codes import NO_REASON
from seawall.engine.compile import kernel
from seawall.engine.tables import State, block_rules, control
from seawall.engine.transitions.blocks.cancels import expire_orders, run_pending_cancels
from seawall.engine.transitions.blocks.fees import evaluate_fees
from seawall.engine.transitions.blocks.funding import run_funding_epochs, vote
from seawall.engine.transitions.blocks.gates import close_all_gates
from seawall.engine.transitions.blocks.liquidation import liquidate_block
from seawall.engine.transitions.blocks.order_memory import prune_memories
from seawall.engine.transitions.blocks.prices import take_pending_prices
from seawall.engine.transitions.blocks.queue import place_queue
from seawall.engine.transitions.blocks.triggers import fire_conditionals
from seawall.engine.transitions.blocks.twap import send_legs


@kernel
def commit_block(s: State) -> None:
    """Commit the block that ends at the clock."""
    chain = block_rules(s)
    now = control(s).clock_ms
    if chain.last_block_ms > 0 and now - chain.last_block_ms >= chain.outage_ms:
        close_all_gates(s)
    run_pending_cancels(s)
    vote(s)
    take_pending_prices(s)
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
def blocks_due(s: State, time_ms: int) -> int:
    """How many blocks end up to a time."""
    chain = block_rules(s)
    if chain.next_block_ms == 0 or time_ms < chain.next_block_ms:
        return 0
    return (time_ms - chain.next_block_ms) // chain.block_ms + 1


@kernel
def advance_blocks(s: State) -> int:
    """ADVANCE_TIME: commit every block that ends up to the clock; the first call only schedules."""
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
