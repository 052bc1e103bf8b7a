"""The lists of orders that wait for a block, in order of arrival, and of parents that send legs."""

from seawall.domain.codes import WAITING_FOR_BLOCK
from seawall.engine.compile import inline, kernel
from seawall.engine.tables import BlockOrderRow, State, block_order_at, block_rules, order_at


@kernel
def join_queue(s: State, slot: int) -> None:
    """Put an order at the end; its level is reserved already."""
    row = block_rules(s)
    own = block_order_at(s, slot)
    own.previous_queued = row.last_queued
    own.next_queued = -1
    if row.last_queued >= 0:
        block_order_at(s, row.last_queued).next_queued = slot
    else:
        row.first_queued = slot
    row.last_queued = slot
    order_at(s, slot).state = WAITING_FOR_BLOCK


@inline
def _unlink(s: State, own: BlockOrderRow) -> None:
    """Join the neighbours of an order in its list."""
    if own.previous_queued >= 0:
        block_order_at(s, own.previous_queued).next_queued = own.next_queued
    if own.next_queued >= 0:
        block_order_at(s, own.next_queued).previous_queued = own.previous_queued
    own.next_queued = -1
    own.previous_queued = -1


@kernel
def leave_queue(s: State, slot: int) -> None:
    """Remove an order from the queue, wherever it is."""
    row = block_rules(s)
    own = block_order_at(s, slot)
    if own.previous_queued < 0:
        row.first_queued = own.next_queued
    if own.next_queued < 0:
        row.last_queued = own.previous_queued
    _unlink(s, own)


@kernel
def start_slicing(s: State, slot: int) -> None:
    """Add a time-weighted parent to the list of those that send legs."""
    row = block_rules(s)
    own = block_order_at(s, slot)
    own.previous_queued = -1
    own.next_queued = row.first_slicing
    if row.first_slicing >= 0:
        block_order_at(s, row.first_slicing).previous_queued = slot
    row.first_slicing = slot


@kernel
def stop_slicing(s: State, slot: int) -> None:
    """Remove a parent from the list of those that send legs."""
    own = block_order_at(s, slot)
    if own.previous_queued < 0:
        block_rules(s).first_slicing = own.next_queued
    _unlink(s, own)
