"""The accounts to examine after a price moved, and the work list of liquidatable buckets.

Each position stores a watch price: while every market of its bucket stays within the watch
prices, the bucket cannot be below maintenance. A price update examines only the buckets whose
watch price was passed and the accounts whose state changed since; both exactly.
"""

from seawall.domain.codes import CROSS
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.continuous.liquidation import (
    bucket_risk,
    is_liquidatable,
    pool_weight,
    risk_weight,
    severity,
    watch_price,
)
from seawall.engine.formulas.continuous.margin import is_in_pool, pool_solvency
from seawall.engine.formulas.shared.groups import group_count, pool_index
from seawall.engine.formulas.shared.ladder import (
    WATCH_LONGS,
    WATCH_SHORTS,
    highest_level,
    ladder_root,
    lowest_level,
)
from seawall.engine.tables import (
    State,
    account_at,
    candidate_at,
    control,
    level_at,
    market_at,
    position_at,
    position_history_at,
)
from seawall.engine.transitions.shared.book import (
    has_level_room,
    level_for,
    remove_level,
)
from seawall.engine.transitions.shared.candidates import set_candidate, swap_candidates
from seawall.engine.transitions.shared.positions import mark_dirty


@kernel
def unwatch(s: State, index: int) -> None:
    """Remove a position from its market's watch ladder."""
    history = position_history_at(s, index)
    level_index = history.watch_level
    if level_index < 0:
        return
    level = level_at(s, level_index)
    if history.watch_previous >= 0:
        position_history_at(s, history.watch_previous).watch_next = history.watch_next
    else:
        level.first = history.watch_next
    if history.watch_next >= 0:
        position_history_at(s, history.watch_next).watch_previous = history.watch_previous
    else:
        level.last = history.watch_previous
    level.count -= 1
    history.watch_level = -1
    if level.count == 0:
        ladder = WATCH_LONGS if history.watch_key > 0 else WATCH_SHORTS
        remove_level(s, ladder_root(position_at(s, index).market, ladder), level_index)


@kernel
def _watch(s: State, index: int, price: int) -> bool:
    """Put a position on its market's watch ladder; False when the tables are full."""
    if not has_level_room(s, 1, 0):
        return False
    position = position_at(s, index)
    is_long = position.signed_size > 0
    ladder = WATCH_LONGS if is_long else WATCH_SHORTS
    level_index = level_for(s, ladder_root(position.market, ladder), price)
    level = level_at(s, level_index)
    history = position_history_at(s, index)
    history.watch_key = price if is_long else -price
    history.watch_level = level_index
    history.watch_previous = -1
    history.watch_next = level.first
    if level.first >= 0:
        position_history_at(s, level.first).watch_previous = index
    else:
        level.last = index
    level.first = index
    level.count += 1
    return True


@kernel
def _set_watch(s: State, index: int, slack: int, weight: int) -> bool:
    """Watch a position at the price that its slack allows; False when the tables are full."""
    position = position_at(s, index)
    mark = market_at(s, position.market).mark_price
    price = watch_price(mark, position.signed_size > 0, slack, max(1, weight))
    if price <= 0:
        unwatch(s, index)
        return True
    history = position_history_at(s, index)
    key = price if position.signed_size > 0 else -price
    if history.watch_level >= 0 and history.watch_key == key:
        return True
    unwatch(s, index)
    return _watch(s, index, price)


@kernel
def add_candidate(s: State, account: int, index: int, equity: int, maintenance: int) -> None:
    """Push a bucket onto the work list, a heap with the worst first."""
    row = control(s)
    place = row.candidates_used
    if place >= row.candidates_capacity:
        mark_dirty(s, account)
        return
    row.candidates_used += 1
    set_candidate(candidate_at(s, place), severity(equity, maintenance), account, index)
    while place > 0:
        parent = (place - 1) // 2
        if not _is_worse(s, place, parent):
            return
        swap_candidates(s, place, parent)
        place = parent


@inline
def _is_worse(s: State, one: int, other: int) -> bool:
    left = candidate_at(s, one)
    right = candidate_at(s, other)
    if left.severity != right.severity:
        return left.severity < right.severity
    if left.account != right.account:
        return left.account < right.account
    return left.position < right.position


@kernel
def drop_worst(s: State) -> None:
    """Remove the first candidate from the work list."""
    row = control(s)
    row.candidates_used -= 1
    last = row.candidates_used
    if last > 0:
        swap_candidates(s, 0, last)
    set_candidate(candidate_at(s, last), 0, 0, 0)
    place = 0
    while True:
        child = 2 * place + 1
        if child >= last:
            return
        if child + 1 < last and _is_worse(s, child + 1, child):
            child += 1
        if not _is_worse(s, child, place):
            return
        swap_candidates(s, child, place)
        place = child


@kernel
def _examine_pool(s: State, account: int, group: int) -> bool:
    """Examine a group's cross pool; returns whether it is watched or on the work list."""
    total, count = pool_weight(s, account, group)
    if count == 0:
        return True
    equity, maintenance = pool_solvency(s, account, group)
    if is_liquidatable(equity, maintenance):
        add_candidate(s, account, pool_index(group), equity, maintenance)
        return True
    slack = equity - maintenance - 2 * count
    complete = True
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if is_in_pool(s, position, group):
            complete = _set_watch(s, index, slack, total) and complete
        index = position.next_of_account
    return complete


@kernel
def examine(s: State, account: int) -> None:
    """Examine every bucket of an account: each goes on the work list or is watched again."""
    owner = account_at(s, account)
    if owner.is_system != 0 and account != BACKSTOP_ACCOUNT:
        return
    complete = True
    for group in range(group_count(s)):
        complete = _examine_pool(s, account, group) and complete
    index = owner.first_position
    while index >= 0:
        position = position_at(s, index)
        if position.signed_size == 0:
            unwatch(s, index)
        elif position.mode != CROSS:
            equity, maintenance = bucket_risk(s, account, index)
            if is_liquidatable(equity, maintenance):
                add_candidate(s, account, index, equity, maintenance)
            else:
                slack = equity - maintenance - 2
                complete = _set_watch(s, index, slack, risk_weight(s, index)) and complete
        index = position.next_of_account
    if not complete:
        mark_dirty(s, account)


@kernel
def _take_passed(s: State, market: int) -> None:
    """Move every account whose watch price was passed to the dirty list."""
    mark = market_at(s, market).mark_price
    while True:
        level = highest_level(s, ladder_root(market, WATCH_LONGS))
        if level < 0 or level_at(s, level).price < mark:
            break
        index = level_at(s, level).first
        unwatch(s, index)
        mark_dirty(s, position_at(s, index).account)
    while True:
        level = lowest_level(s, ladder_root(market, WATCH_SHORTS))
        if level < 0 or level_at(s, level).price > mark:
            break
        index = level_at(s, level).first
        unwatch(s, index)
        mark_dirty(s, position_at(s, index).account)


@kernel
def find_candidates(s: State, market: int) -> None:
    """Fill the work list after a price moved in ``market`` (-1: in any)."""
    row = control(s)
    if market >= 0:
        _take_passed(s, market)
    else:
        for one in range(row.markets_used):
            _take_passed(s, one)
    account = row.first_dirty_account
    row.first_dirty_account = -1
    while account >= 0:
        owner = account_at(s, account)
        following = owner.next_dirty
        owner.next_dirty = -1
        owner.is_dirty = 0
        examine(s, account)
        account = following
