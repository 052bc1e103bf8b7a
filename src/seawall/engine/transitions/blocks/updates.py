"""Updates of accounts: several changes of cash and sizes that happen together or not at all.

``formulas/blocks/updates`` checks them; here they are stored and applied. The caller has asked
for the outcome before it applies them.
"""

from seawall.domain.codes import MATCH_UPDATE, NO_REASON, POOL_MOVED
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.margin import open_interest_move
from seawall.engine.formulas.blocks.updates import account_of_update, pool_move
from seawall.engine.formulas.shared.fills import split_quote
from seawall.engine.tables import (
    CHANGED,
    OPENED,
    State,
    account_at,
    block_market_at,
    block_position_at,
    block_rules,
    market_at,
    position_at,
    update_at,
)
from seawall.engine.transitions.blocks.funding import settle_funding
from seawall.engine.transitions.blocks.watch import note_change
from seawall.engine.transitions.shared.outbox import emit
from seawall.engine.transitions.shared.positions import position_of


@kernel
def clear_updates(s: State) -> None:
    """Empty the table of updates."""
    row = block_rules(s)
    for place in range(row.updates_used):
        update = update_at(s, place)
        update.number = 0
        update.account = 0
        update.market = 0
        update.size_delta = 0
        update.cash_delta = 0
    row.updates_used = 0


@kernel
def add_update(
    s: State, number: int, account: int, market: int, size_delta: int, cash_delta: int
) -> None:
    """Add a row to update ``number``; ``market`` -1 for cash alone."""
    row = block_rules(s)
    update = update_at(s, row.updates_used)
    row.updates_used += 1
    update.number = number
    update.account = account
    update.market = market
    update.size_delta = size_delta
    update.cash_delta = cash_delta


@kernel
def change_size(s: State, index: int, delta: int, quote: int) -> None:
    """Book a signed size bought for a signed quote; a fresh position starts at today's funding."""
    position = position_at(s, index)
    size = position.signed_size
    left, opened, _ = split_quote(size, position.entry_notional, delta, quote)
    position.entry_notional += opened - left
    position.signed_size += delta
    if size == 0:
        market = block_market_at(s, position.market)
        block_position_at(s, index).funding_index = market.funding_index
    fresh = size == 0 or (size > 0) != (position.signed_size > 0)
    position.changes |= CHANGED | OPENED if fresh else CHANGED


@kernel
def _move_pools(s: State, account: int, number: int) -> None:
    market, amount = pool_move(s, account, number)
    if market < 0 or amount == 0:
        return
    block_rules(s).cross_pool_cash -= amount
    block_market_at(s, market).pool_cash += amount
    emit(s, POOL_MOVED, NO_REASON, account, market, 0, 0, 0, amount)


@kernel
def _pool_traded_into(s: State, number: int) -> int:
    """The market with its own pool that an update trades, or -1."""
    for place in range(block_rules(s).updates_used):
        row = update_at(s, place)
        if row.number == number and row.market >= 0:
            if block_market_at(s, row.market).own_pool != 0:
                return row.market
    return -1


@kernel
def apply_update(s: State, number: int) -> None:
    """Apply one update: settle funding, move between pools, change cash and sizes."""
    account = account_of_update(s, number)
    settle_funding(s, account)
    _move_pools(s, account, number)
    owner = account_at(s, account)
    pool = _pool_traded_into(s, number) if owner.is_system != 0 else -1
    for place in range(block_rules(s).updates_used):
        row = update_at(s, place)
        if row.number == number and row.account == account:
            owner.cash += row.cash_delta
            if pool >= 0:
                block_market_at(s, pool).pool_other_cash += row.cash_delta
            if row.market >= 0 and row.size_delta != 0:
                index = position_of(s, account, row.market)
                change_size(s, index, row.size_delta, -row.cash_delta)
    note_change(s, account)


@kernel
def apply_updates(s: State, kind: int, count: int) -> None:
    """Apply updates 0 to ``count`` - 1; a match moves its market's open interest first."""
    if kind == MATCH_UPDATE:
        _, market, change = open_interest_move(s)
        if market >= 0:
            market_at(s, market).open_interest += change
    for number in range(count):
        apply_update(s, number)


@kernel
def pool_pays(s: State, market: int, amount: int) -> None:
    """Take cash out of the pool of a market's trades: a fee; a rebate adds to it (< 0)."""
    terms = block_market_at(s, market)
    if terms.own_pool != 0:
        terms.pool_cash -= amount
    else:
        block_rules(s).cross_pool_cash -= amount
