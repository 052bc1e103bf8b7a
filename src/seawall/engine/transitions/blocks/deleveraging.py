"""Deleveraging by rotation: a position is closed against opposite ones, nobody ranked.

Two accounts change together or not at all, without fees; what nobody can take stays open. It is
the second half of what follows a block: ``block_liquidation`` leaves its list of candidates, those
that found nobody in the book marked.
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
from seawall.engine.formulas.blocks.margin import NO_UPDATE, account_standing
from seawall.engine.formulas.shared.positions import find_position
from seawall.engine.tables import State, block_rules, candidate_at, control, market_at, position_at
from seawall.engine.transitions.blocks.fills import book_offset, judge_trade, stage_trade
from seawall.engine.transitions.blocks.gates import close_gate
from seawall.engine.transitions.blocks.updates import clear_updates
from seawall.engine.transitions.shared.candidates import set_candidate
from seawall.engine.transitions.shared.outbox import emit

UNFILLED = 1
"""A candidate's ``severity`` after its turn: its order, for ``position``, found nobody."""


@kernel
def spend_visit(s: State) -> bool:
    """Whether the command may do one more piece of work, and count it."""
    row = control(s)
    if row.visits_left <= 0:
        return False
    row.visits_left -= 1
    return True


@kernel
def offset_pair(s: State, index: int, other: int, delta: int, quote: int) -> int:
    """Close a signed ``delta`` of one position against an opposite one for ``quote`` micro-USD.

    ``quote``: signed, what the first account receives. Returns why nothing happened, or NO_REASON.
    The account outside, which stands for holders that are not simulated, is not judged.
    """
    position = position_at(s, index)
    opposite = position_at(s, other)
    if not closes(position.signed_size, delta) or not closes(opposite.signed_size, -delta):
        return INVALID_SIZE
    stage_trade(s, other, index, delta, -quote, 0, 0)
    other_reason, reason = judge_trade(s, other, index)
    if reason == NO_REASON and opposite.account != OUTSIDE_ACCOUNT:
        reason = other_reason
    if reason == NO_REASON:
        book_offset(s, other, index, delta, -quote)
    clear_updates(s)
    return reason


@kernel
def _opposite_position(s: State, account: int, market: int, delta: int) -> int:
    """The account's position row that a signed delta of somebody else can be closed against."""
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
def _offset_with(s: State, index: int, other: int, left: int, mode: int) -> int:
    """Close what one opposite holder can give of a signed delta; returns what is left of it."""
    size = position_at(s, other).signed_size
    part = min(left, size) if left > 0 else max(left, size)
    quote = deleveraging_quote(s, position_at(s, index).account, index, part, mode)
    if offset_pair(s, index, other, part, quote) == NO_REASON:
        return left - part
    return left


@kernel
def offset_position(s: State, index: int, delta: int, mode: int) -> int:
    """Close a signed delta of a position against opposite holders, in the order of accounts.

    Each gives at most its whole position; one whose account cannot bear it, or whose price does
    not overlap, is passed over. The account outside, which mirrors adopted positions, comes last.
    Returns what is left of the delta.
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
            if not spend_visit(s):
                break
            visited += 1
            left = _offset_with(s, index, other, left, mode)
        account += 1
        if account >= used:
            account = FIRST_USER
    if left != 0:
        other = _opposite_position(s, OUTSIDE_ACCOUNT, market, left)
        if other >= 0 and spend_visit(s):
            left = _offset_with(s, index, other, left, mode)
    return left


@kernel
def deleverage(s: State, account: int, index: int) -> bool:
    """Close a whole position without its owner where that is allowed; returns whether it was tried.

    What is left over is reported and stays.
    """
    position = position_at(s, index)
    if position.signed_size == 0:
        return False
    mode = deleveraging_mode(s, account, position.market)
    if mode == NOT_DELEVERAGED or not spend_visit(s):
        return False
    if offset_position(s, index, -position.signed_size, mode) != 0:
        event = emit(
            s, DELEVERAGING_STALLED, NO_REASON, account, position.market, 0, 0,
            abs(position.signed_size), 0,
        )  # fmt: skip
        event.position_size = position.signed_size
    return True


@kernel
def _deleverage_unfilled(s: State) -> int:
    """Close what found nobody in the book against others; returns the attempts that are left."""
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
    """Whoever of the candidates is negative still closes the gate of its pool; the list ends."""
    for place in range(control(s).candidates_used):
        row = candidate_at(s, place)
        net, _, _ = account_standing(s, row.account, NO_UPDATE)
        if net < 0:
            close_gate(s, row.account)
        set_candidate(row, 0, 0, 0)
    control(s).candidates_used = 0


@kernel
def settle_finally(s: State) -> None:
    """After a block's liquidations: deleverage, settle the markets that end, close gates.

    Deleveragings and settlements share the attempts of one block.
    """
    attempts = _deleverage_unfilled(s)
    _settle_markets(s, attempts)
    _gate_pools(s)
