"""Fills and cancels of short-term client ids, kept beyond the life of the order.

How much of an id was filled counts for every order placed under it until some blocks after it
expired; a stored cancel refuses the id until the cancel itself expires.
"""

from seawall.domain.units import NEVER
from seawall.engine.compile import kernel
from seawall.engine.formulas.shared.fixed_point import mixed_hash
from seawall.engine.tables import (
    State,
    block_rules,
    control,
    memory_bucket_at,
    order_memory_at,
)


@kernel
def _bucket(s: State, account: int, high: int, low: int) -> int:
    return mixed_hash(high, low, account) & (control(s).memory_buckets_capacity - 1)


@kernel
def find_memory(s: State, account: int, high: int, low: int) -> int:
    """The memory row of a client id, or -1; (0, 0) is no id."""
    if high == 0 and low == 0:
        return -1
    place = memory_bucket_at(s, _bucket(s, account, high, low)).first_memory - 1
    while place >= 0:
        row = order_memory_at(s, place)
        if row.account == account and row.client_id_high == high and row.client_id_low == low:
            return place
        place = row.next
    return -1


@kernel
def has_memory_room(s: State) -> bool:
    """Whether one more client id can be remembered."""
    row = block_rules(s)
    return row.memories_free >= 0 or row.memories_used < control(s).order_memories_capacity


@kernel
def _memory_of(s: State, account: int, high: int, low: int) -> int:
    place = find_memory(s, account, high, low)
    if place >= 0:
        return place
    row = block_rules(s)
    place = row.memories_free
    if place >= 0:
        row.memories_free = order_memory_at(s, place).next
    else:
        place = row.memories_used
        row.memories_used += 1
    memory = order_memory_at(s, place)
    bucket = memory_bucket_at(s, _bucket(s, account, high, low))
    memory.client_id_high = high
    memory.client_id_low = low
    memory.account = account
    memory.next = bucket.first_memory - 1
    bucket.first_memory = place + 1
    return place


@kernel
def filled_size_of(s: State, account: int, high: int, low: int) -> int:
    """How much of a client id was already filled, 0 when nothing is remembered."""
    place = find_memory(s, account, high, low)
    return order_memory_at(s, place).filled_size if place >= 0 else 0


@kernel
def cancelled_until(s: State, account: int, high: int, low: int) -> int:
    """The height up to which a stored cancel refuses a client id, 0 for none."""
    place = find_memory(s, account, high, low)
    return order_memory_at(s, place).cancelled_until if place >= 0 else 0


@kernel
def remember_fill(s: State, account: int, high: int, low: int, size: int, good_til: int) -> None:
    """Add a fill to a client id; it counts until ``good_til`` and the longest life after it."""
    if high == 0 and low == 0:
        return
    row = block_rules(s)
    memory = order_memory_at(s, _memory_of(s, account, high, low))
    memory.filled_size += size
    memory.filled_until = max(memory.filled_until, good_til + row.short_term_blocks)
    row.memories_expire = min(row.memories_expire, memory.filled_until)


@kernel
def remember_cancel(s: State, account: int, high: int, low: int, good_til: int) -> None:
    """Refuse a client id up to block ``good_til``."""
    row = block_rules(s)
    memory = order_memory_at(s, _memory_of(s, account, high, low))
    memory.cancelled_until = good_til
    row.memories_expire = min(row.memories_expire, good_til)


@kernel
def _forget(s: State, place: int) -> None:
    memory = order_memory_at(s, place)
    bucket = memory_bucket_at(
        s, _bucket(s, memory.account, memory.client_id_high, memory.client_id_low)
    )
    if bucket.first_memory == place + 1:
        bucket.first_memory = memory.next + 1
    else:
        before = bucket.first_memory - 1
        while order_memory_at(s, before).next != place:
            before = order_memory_at(s, before).next
        order_memory_at(s, before).next = memory.next
    memory.client_id_high = 0
    memory.client_id_low = 0
    memory.filled_size = 0
    memory.filled_until = 0
    memory.cancelled_until = 0
    memory.account = 0
    row = block_rules(s)
    memory.next = row.memories_free
    row.memories_free = place


@kernel
def prune_memories(s: State) -> None:
    """Free the memories that count no longer than up to the block that was committed."""
    row = block_rules(s)
    if row.height < row.memories_expire:
        return
    expire = NEVER
    for place in range(row.memories_used):
        memory = order_memory_at(s, place)
        if memory.client_id_high == 0 and memory.client_id_low == 0:
            continue
        if memory.filled_until <= row.height:
            memory.filled_size = 0
            memory.filled_until = 0
        if memory.cancelled_until <= row.height:
            memory.cancelled_until = 0
        if memory.filled_until == 0 and memory.cancelled_until == 0:
            _forget(s, place)
        else:
            if memory.filled_until > 0:
                expire = min(expire, memory.filled_until)
            if memory.cancelled_until > 0:
                expire = min(expire, memory.cancelled_until)
    row.memories_expire = expire
