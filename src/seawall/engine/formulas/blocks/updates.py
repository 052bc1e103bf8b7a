"""Why an update of accounts may not happen: pools, gates, collateral, in this order.

Several updates are checked together; each is the rows of one number, 0 to ``count`` - 1, and
changes one account. ``update_outcome`` asks about each by itself, as if it were alone in changing
its account; updates that are to be applied must name different accounts.
"""

from seawall.domain.codes import (
    ACCOUNT_UPDATED_TWICE,
    ISOLATED_MARKET_RULE,
    MATCH_UPDATE,
    NEGATIVE_POOL_MOVE,
    NO_REASON,
    NO_REFERENCE_PRICE,
    POOL_TOO_SMALL,
    TRANSFER_UPDATE,
    TRANSFERS_BLOCKED,
    WITHDRAWAL_UPDATE,
)
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.funding import unsettled_funding
from seawall.engine.formulas.blocks.margin import (
    cash_change,
    is_gated,
    keeps_pools_apart,
    open_interest_move,
    own_pool_market,
    size_after,
    update_standing_rejection,
)
from seawall.engine.formulas.shared.positions import has_any_position, held_size
from seawall.engine.tables import (
    State,
    account_at,
    block_market_at,
    block_rules,
    market_at,
    update_at,
)


@kernel
def account_of_update(s: State, number: int) -> int:
    """The account that an update changes, or -1 for a number without rows."""
    for place in range(block_rules(s).updates_used):
        if update_at(s, place).number == number:
            return update_at(s, place).account
    return -1


@kernel
def _all_keep_pools_apart(s: State, count: int) -> bool:
    for number in range(count):
        if not keeps_pools_apart(s, account_of_update(s, number), number):
            return False
    return True


@kernel
def _any_gated(s: State, count: int) -> bool:
    for number in range(count):
        if is_gated(s, account_of_update(s, number)):
            return True
    return False


@kernel
def lacks_price(s: State) -> bool:
    """Whether a row is of a market that has no oracle price."""
    for place in range(block_rules(s).updates_used):
        row = update_at(s, place)
        if row.market >= 0 and market_at(s, row.market).oracle_price <= 0:
            return True
    return False


@kernel
def update_outcome(s: State, kind: int, count: int, number: int) -> int:
    """The reason why update ``number`` of ``count`` fails, or NO_REASON.

    A breach of the pool rule or a closed gate comes first, for all of them.
    """
    account = account_of_update(s, number)
    if not _all_keep_pools_apart(s, count):
        return NO_REASON if keeps_pools_apart(s, account, number) else ISOLATED_MARKET_RULE
    if (kind == WITHDRAWAL_UPDATE or kind == TRANSFER_UPDATE) and _any_gated(s, count):
        return TRANSFERS_BLOCKED
    if lacks_price(s):
        return NO_REFERENCE_PRICE
    moved_market, moved_by = -1, 0
    if kind == MATCH_UPDATE:
        _, moved_market, moved_by = open_interest_move(s)
    return update_standing_rejection(s, account, number, moved_market, moved_by)


@kernel
def names_account_twice(s: State, count: int) -> bool:
    """Whether two of the updates are of one account: each is judged without the other."""
    for number in range(1, count):
        for earlier in range(number):
            if account_of_update(s, earlier) == account_of_update(s, number):
                return True
    return False


@kernel
def updates_rejection(s: State, kind: int, count: int) -> int:
    """The first reason why the updates may not happen together, or NO_REASON."""
    if names_account_twice(s, count):
        return ACCOUNT_UPDATED_TWICE
    for number in range(count):
        reason = update_outcome(s, kind, count, number)
        if reason != NO_REASON:
            return reason
    return NO_REASON


@kernel
def pool_move(s: State, account: int, number: int) -> tuple[int, int]:
    """(market, amount): the cash that an update moves into the market's own pool, or out (< 0).

    Opening the position moves the balance before the update, closing it the balance after.
    ``market`` -1: nothing moves.
    """
    if account_at(s, account).is_system != 0:
        return -1, 0
    held = own_pool_market(s, account)
    balance = account_at(s, account).cash + unsettled_funding(s, account)
    if held >= 0:
        size = size_after(s, account, held, held_size(s, account, held), number)
        if size == 0:
            return held, -(balance + cash_change(s, account, number))
        return -1, 0
    if has_any_position(s, account):
        return -1, 0
    for place in range(block_rules(s).updates_used):
        row = update_at(s, place)
        if row.number == number and row.account == account and row.market >= 0:
            if block_market_at(s, row.market).own_pool != 0 and row.size_delta != 0:
                return row.market, balance
    return -1, 0


@kernel
def _moved_before(s: State, number: int, market: int) -> int:
    """Cash that earlier updates move from the cross pool into a market's own, -1: into any."""
    moved = 0
    for earlier in range(number):
        goal, amount = pool_move(s, account_of_update(s, earlier), earlier)
        if goal >= 0 and (market < 0 or goal == market):
            moved += amount
    return moved


@kernel
def pool_rejection(s: State, account: int, number: int) -> int:
    """Why the pools cannot follow an update: a negative balance would move, or a pool overdraw.

    The pools are as the updates before it leave them.
    """
    market, amount = pool_move(s, account, number)
    if market < 0:
        return NO_REASON
    if own_pool_market(s, account) >= 0:
        if amount > 0:
            return NEGATIVE_POOL_MOVE
        left = block_market_at(s, market).pool_cash + _moved_before(s, number, market)
        return POOL_TOO_SMALL if left + amount < 0 else NO_REASON
    if amount < 0:
        return NEGATIVE_POOL_MOVE
    left = block_rules(s).cross_pool_cash - _moved_before(s, number, -1)
    return POOL_TOO_SMALL if left - amount < 0 else NO_REASON
