"""Deleveraging by rank: a bankrupt position is closed against the highest-ranked opposite ones."""

from seawall.domain.codes import BUY, CROSS, DELEVERAGING_STALLED, NO_REASON, SELL
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT, OUTSIDE_ACCOUNT
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.continuous.deleveraging import (
    bearable_size,
    deleveraging_price,
    rank_of,
)
from seawall.engine.tables import State, account_at, control, position_at, ranking_at
from seawall.engine.transitions.continuous.backstop import backstop_bears
from seawall.engine.transitions.continuous.fills import (
    book_deleveraging,
    liquidation_order_ended,
)
from seawall.engine.transitions.shared.cancels import cancel_obsolete_after_fill
from seawall.engine.transitions.shared.candidates import copy_candidate, set_candidate
from seawall.engine.transitions.shared.orders import forced_order_id
from seawall.engine.transitions.shared.outbox import emit


@inline
def _ranks_before(s: State, place: int, rank: int, account: int) -> bool:
    row = ranking_at(s, place)
    if row.severity != rank:
        return row.severity > rank
    return row.account < account


@kernel
def _insert(s: State, used: int, rank: int, account: int, index: int) -> int:
    """Insert into the descending list of at most its capacity; returns how many are in use."""
    capacity = control(s).rankings_capacity
    if used == capacity:
        if _ranks_before(s, used - 1, rank, account):
            return used
        used -= 1
    place = used
    while place > 0 and not _ranks_before(s, place - 1, rank, account):
        copy_candidate(ranking_at(s, place), ranking_at(s, place - 1))
        place -= 1
    set_candidate(ranking_at(s, place), rank, account, index)
    return used + 1


@kernel
def _rank_counterparties(s: State, taken: int, price: int) -> int:
    """Fill the ranking with opposite holders that can bear a close at ``price``: how many."""
    position = position_at(s, taken)
    used = 0
    for index in range(control(s).positions_used):
        other = position_at(s, index)
        if other.market != position.market or other.account == position.account:
            continue
        if other.signed_size == 0 or (other.signed_size > 0) == (position.signed_size > 0):
            continue
        if account_at(s, other.account).is_system != 0:
            if other.account != OUTSIDE_ACCOUNT and other.account != BACKSTOP_ACCOUNT:
                continue
        rank = rank_of(s, index)
        if rank < 0 or bearable_size(s, index, price) <= 0:
            continue
        used = _insert(s, used, rank, other.account, index)
    return used


@kernel
def _clear_ranking(s: State, used: int) -> None:
    for place in range(used):
        set_candidate(ranking_at(s, place), 0, 0, 0)


@kernel
def deleverage_position(s: State, taken: int) -> None:
    """Close a position against the ranking, as far as counterparties can bear it.

    There is one ranking per command: what a full list leaves open waits for the next one.
    """
    position = position_at(s, taken)
    price = deleveraging_price(s, taken)
    if position.mode != CROSS:
        short_of = -(position.isolated_cash + position.signed_size * price)
        if short_of > 0:
            position.isolated_cash += short_of
            backstop_bears(s, position.account, position.market, short_of)
    used = _rank_counterparties(s, taken, price)
    size_before = position.signed_size
    order_id = forced_order_id(s)
    for place in range(used):
        index = ranking_at(s, place).position
        size = min(abs(position.signed_size), bearable_size(s, index, price))
        if size <= 0:
            continue
        before = position_at(s, index).signed_size
        own_before = position.signed_size
        book_deleveraging(s, taken, index, order_id, size, price)
        cancel_obsolete_after_fill(s, index, before)
        cancel_obsolete_after_fill(s, taken, own_before)
        if position.signed_size == 0:
            break
    _clear_ranking(s, control(s).rankings_capacity)
    if position.signed_size != size_before:
        side = SELL if size_before > 0 else BUY
        left = abs(position.signed_size)
        liquidation_order_ended(s, taken, order_id, side, price, abs(size_before), left)
    if position.signed_size != 0:
        event = emit(
            s, DELEVERAGING_STALLED, NO_REASON, position.account, position.market, 0, price,
            abs(position.signed_size), 0,
        )  # fmt: skip
        event.position_size = position.signed_size
