"""Liquidation after a block: accounts below maintenance, the worst first, in parts.

Each account has one order a block, made from the state when it is sent; a candidate without a
fill is marked for deleveraging.
"""

from seawall.domain.codes import LIQUIDATION_ENDED, LIQUIDATION_STARTED, NO_REASON, OPEN
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.liquidation import (
    severity,
    starts_at,
    trial_order,
)
from seawall.engine.formulas.blocks.margin import NO_UPDATE, account_standing, own_pool_market
from seawall.engine.formulas.blocks.valuation import fill_value
from seawall.engine.tables import (
    State,
    block_rules,
    candidate_at,
    control,
    market_at,
    position_at,
)
from seawall.engine.transitions.blocks.deleveraging import (
    UNFILLED,
    count_visit,
    finish_liquidations,
)
from seawall.engine.transitions.blocks.liquidation_matching import liquidate_position
from seawall.engine.transitions.blocks.watch import DONE, find_candidates
from seawall.engine.transitions.shared.candidates import swap_candidates
from seawall.engine.transitions.shared.outbox import emit

NO_ORDER = -1


@kernel
def _reverse(s: State, first: int, last: int) -> None:
    while first < last:
        swap_candidates(s, first, last)
        first += 1
        last -= 1


@kernel
def _rotate(s: State, used: int, start: int) -> None:
    """Rotate the list so that it begins with what was at ``start``."""
    if start > 0:
        _reverse(s, 0, start - 1)
        _reverse(s, start, used - 1)
        _reverse(s, 0, used - 1)


@kernel
def _trial_notional(s: State, account: int) -> int:
    """Micro-USD of the account's order at its limit, rounded down."""
    index, delta, ticks = trial_order(s, account)
    if index < 0:
        return 0
    return fill_value(s, position_at(s, index).market, abs(delta), ticks)


@kernel
def _comes_before(s: State, one: int, other: int) -> bool:
    """Whether one candidate is worse: farther from the oracle, then larger, then older."""
    first = candidate_at(s, one)
    second = candidate_at(s, other)
    if first.severity != second.severity:
        return first.severity > second.severity
    notional = _trial_notional(s, first.account)
    other_notional = _trial_notional(s, second.account)
    if notional != other_notional:
        return notional > other_notional
    return first.account < second.account


@kernel
def _sort_candidates(s: State, chosen: int) -> None:
    """Order the first ``chosen`` candidates by what their orders would be now."""
    for place in range(chosen):
        row = candidate_at(s, place)
        index, _, ticks = trial_order(s, row.account)
        row.severity = NO_ORDER
        if index >= 0:
            row.severity = severity(s, position_at(s, index).market, ticks)
        while place > 0 and _comes_before(s, place, place - 1):
            swap_candidates(s, place, place - 1)
            place -= 1


@kernel
def _report(s: State, kind: int, account: int, pool: int) -> None:
    net, _, maintenance = account_standing(s, account, NO_UPDATE)
    event = emit(s, kind, NO_REASON, account, pool, 0, 0, 0, net)
    event.closed_profit = maintenance


@kernel
def _liquidate_account(s: State, place: int) -> None:
    """Send one candidate's order to the book, and mark its row where it found no fill.

    Where the command has met as many orders as it may, the candidate waits for the next block.
    """
    row = candidate_at(s, place)
    account = row.account
    had_order = row.severity != NO_ORDER
    row.severity = DONE
    if not had_order or not count_visit(s):
        return
    index, delta, ticks = trial_order(s, account)
    if index < 0:
        return
    filled = 0
    if market_at(s, position_at(s, index).market).status == OPEN:
        pool = own_pool_market(s, account)
        _report(s, LIQUIDATION_STARTED, account, pool)
        filled = liquidate_position(s, index, delta, ticks)
        _report(s, LIQUIDATION_ENDED, account, pool)
    if filled == 0 and control(s).visits_left > 0:
        row.severity = UNFILLED
        row.position = index


@kernel
def _liquidate_worst(s: State) -> None:
    """Search for candidates, where something moved since none was found, and liquidate the worst.

    The limits of a block leave the rest, and accounts below maintenance still, to the next one.
    A command that has met as many orders as it may finds them all the same, for gates to close.
    """
    policy = block_rules(s)
    if policy.must_look == 0:
        return
    used = find_candidates(s)
    control(s).candidates_used = used
    policy.must_look = 1 if used > 0 else 0
    if used == 0 or control(s).visits_left <= 0:
        return
    chosen = min(used, policy.liquidations_per_block)
    _rotate(s, used, starts_at(s, policy.account_offset, used))
    _sort_candidates(s, chosen)
    for place in range(chosen):
        _liquidate_account(s, place)


@kernel
def liquidate_block(s: State) -> None:
    """After a block: liquidate, deleverage, settle the markets that end, close gates."""
    _liquidate_worst(s)
    finish_liquidations(s)
