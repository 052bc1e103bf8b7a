"""Block deleveraging: a position is closed against opposite ones in rotation, without a ranking.

Two accounts change together or not at all, without fees; what no account can take stays open. It
runs after a block's liquidations, whose candidates are marked where the book gave no fill.
"""

from seawall.domain.codes import (
    DELEVERAGING_STALLED,
    FINAL_SETTLEMENT,
    FIRST,
    INVALID_SIZE,
    NO_REASON,
)
from seawall.domain.system_accounts import FIRST_USER, OUTSIDE_ACCOUNT
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.liquidation import (
    NOT_DELEVERAGED,
    closes,
    deleveraging_mode,
    deleveraging_quote,
    starts_at,
)
from seawall.engine.formulas.blocks.watch import NEGATIVE
from seawall.engine.formulas.shared.positions import find_position
from seawall.engine.tables import State, block_rules, candidate_at, control, market_at, position_at
from seawall.engine.transitions.blocks.fills import book_deleveraging, check_trade, stage_trade
from seawall.engine.transitions.blocks.gates import close_gate
from seawall.engine.transitions.blocks.updates import clear_updates
from seawall.engine.transitions.blocks.watch import current_standing
from seawall.engine.transitions.shared.candidates import set_candidate
from seawall.engine.transitions.shared.outbox import emit

UNFILLED = 1
"""A candidate's ``severity`` after its turn: its order, for ``position``, had no fill."""


@kernel
def count_visit(s: State) -> bool:
    """Whether the command may do one more piece of work; if so, it is counted."""
    row = control(s)
    if row.visits_left <= 0:
        return False
    row.visits_left -= 1
    return True


@kernel
def deleverage_pair(s: State, index: int, other: int, delta: int, quote: int) -> int:
    """Close a signed ``delta`` of one position against an opposite one for ``quote`` micro-USD.

    ``quote``: signed, what the first account receives. Returns why nothing happened, or NO_REASON.
    The account outside, which holds the opposite of adopted positions, is not checked.
    """
    position = position_at(s, index)
    opposite = position_at(s, other)
    if not closes(position.signed_size, delta) or not closes(opposite.signed_size, -delta):
        return INVALID_SIZE
    stage_trade(s, other, index, delta, -quote, 0, 0)
    other_reason, reason = check_trade(s, other, index)
    if reason == NO_REASON and opposite.account != OUTSIDE_ACCOUNT:
        reason = other_reason
    if reason == NO_REASON:
        book_deleveraging(s, other, index, delta, -quote)
    clear_updates(s)
    return reason


@kernel
def _opposite_position(s: State, account: int, market: int, delta: int) -> int:
    """The account's position row against which a signed delta can be closed, or -1."""
    index = find_position(s, account, market)
    if index < 0:
        return -1
    size = position_at(s, index).signed_size
    if delta > 0:
        return index if size > 0 else -1
    return index if size < 0 else -1


@kernel
def _first_counterparty(s: State, market: int, delta: int) -> int:
    """The account with which the rotation over opposite holders begins."""
    policy = block_rules(s).counterparty_offset
    if policy == FIRST:
        return FIRST_USER
    used = control(s).accounts_used
    count = 0
    for account in range(FIRST_USER, used):
        if _opposite_position(s, account, market, delta) >= 0:
            count += 1
    if count == 0:
        return FIRST_USER
    left = starts_at(s, policy, count)
    for account in range(FIRST_USER, used):
        if _opposite_position(s, account, market, delta) >= 0:
            if left == 0:
                return account
            left -= 1
    return FIRST_USER


@kernel
def _deleverage_with(s: State, index: int, other: int, left: int, mode: int) -> int:
    """What is left of a signed delta after closing against one opposite holder."""
    size = position_at(s, other).signed_size
    part = min(left, size) if left > 0 else max(left, size)
    quote = deleveraging_quote(s, position_at(s, index).account, index, part, mode)
    if deleverage_pair(s, index, other, part, quote) == NO_REASON:
        return left - part
    return left


@kernel
def deleverage_position(s: State, index: int, delta: int, mode: int) -> int:
    """What is left of a signed delta after closing against opposite holders in account order.

    Each gives at most its whole position; one whose account cannot bear it, or whose price does
    not overlap, is passed over. The account outside, which mirrors adopted positions, comes last.
    """
    market = position_at(s, index).market
    used = control(s).accounts_used
    account = _first_counterparty(s, market, delta)
    left = delta
    visited = 0
    for _ in range(used - FIRST_USER):
        if left == 0 or visited >= block_rules(s).counterparties_per_deleveraging:
            break
        other = _opposite_position(s, account, market, left)
        if other >= 0:
            if not count_visit(s):
                break
            visited += 1
            left = _deleverage_with(s, index, other, left, mode)
        account += 1
        if account >= used:
            account = FIRST_USER
    if left != 0:
        other = _opposite_position(s, OUTSIDE_ACCOUNT, market, left)
        if other >= 0 and count_visit(s):
            left = _deleverage_with(s, index, other, left, mode)
    return left


@kernel
def deleverage(s: State, account: int, index: int) -> bool:
    """Deleverage a whole position where that is allowed; returns whether it was tried.

    What is left over is reported and stays.
    """
    position = position_at(s, index)
    if position.signed_size == 0:
        return False
    mode = deleveraging_mode(s, account, position.market)
    if mode == NOT_DELEVERAGED or not count_visit(s):
        return False
    if deleverage_position(s, index, -position.signed_size, mode) != 0:
        event = emit(
            s, DELEVERAGING_STALLED, NO_REASON, account, position.market, 0, 0,
            abs(position.signed_size), 0,
        )  # fmt: skip
        event.position_size = position.signed_size
    return True


@kernel
def _deleverage_unfilled(s: State) -> int:
    """Deleverage the candidates without a fill; returns the attempts that are left."""
    attempts = block_rules(s).deleveragings_per_block
    for place in range(control(s).candidates_used):
        row = candidate_at(s, place)
        if row.severity == UNFILLED and attempts > 0:
            attempts -= 1
            deleverage(s, row.account, row.position)
    return attempts


@kernel
def _settle_markets(s: State, attempts: int) -> None:
    """Close positions of markets in final settlement, by market and account."""
    for market in range(control(s).markets_used):
        row = market_at(s, market)
        if row.status != FINAL_SETTLEMENT or row.open_interest == 0:
            continue
        for account in range(FIRST_USER, control(s).accounts_used):
            if attempts <= 0:
                return
            index = find_position(s, account, market)
            if index >= 0 and deleverage(s, account, index):
                attempts -= 1


@kernel
def _gate_pools(s: State) -> None:
    """Close the gates of candidates that are negative still, and empty the list."""
    for place in range(control(s).candidates_used):
        row = candidate_at(s, place)
        if current_standing(s, row.account) & NEGATIVE:
            close_gate(s, row.account)
        set_candidate(row, 0, 0, 0)
    control(s).candidates_used = 0


@kernel
def finish_liquidations(s: State) -> None:
    """After a block's liquidations: deleverage, settle the markets that end, close gates.

    Deleveragings and settlements share the attempts of one block.
    """
    attempts = _deleverage_unfilled(s)
    _settle_markets(s, attempts)
    _gate_pools(s)
