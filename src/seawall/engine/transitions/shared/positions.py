"""Position rows, and the list of accounts to examine again."""

from seawall.domain.codes import ANY_MODE, CROSS, ISOLATED
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.shared.positions import find_position
from seawall.engine.tables import (
    State,
    account_at,
    control,
    market_at,
    position_at,
    position_history_at,
    rules,
    schedule_at,
)


@kernel
def default_leverage(s: State, market: int) -> int:
    """The leverage of a new position row."""
    row = market_at(s, market)
    return min(rules(s).default_leverage, schedule_at(s, row.schedule).maximum_leverage)


@inline
def default_mode(s: State, market: int) -> int:
    """The margin mode of a new position row."""
    return CROSS if market_at(s, market).margin_kind == ANY_MODE else ISOLATED


@kernel
def position_of(s: State, account: int, market: int) -> int:
    """The row of (account, market), created flat with default settings when missing."""
    index = find_position(s, account, market)
    if index >= 0:
        return index
    row = control(s)
    index = row.positions_used
    row.positions_used += 1
    owner = account_at(s, account)
    position = position_at(s, index)
    position.account = account
    position.market = market
    position.next_of_account = owner.first_position
    position.first_order = -1
    position.leverage = default_leverage(s, market)
    position.schedule = market_at(s, market).schedule
    position.mode = CROSS if owner.is_system != 0 else default_mode(s, market)
    history = position_history_at(s, index)
    history.watch_level = -1
    history.watch_next = -1
    history.watch_previous = -1
    owner.first_position = index
    return index


@kernel
def discard_position(s: State, account: int, before: int) -> None:
    """Undo the row that ``position_of`` just created; ``before`` was the owner's first row."""
    row = control(s)
    row.positions_used -= 1
    index = row.positions_used
    account_at(s, account).first_position = before
    position = position_at(s, index)
    position.account = 0
    position.market = 0
    position.next_of_account = 0
    position.first_order = 0
    position.leverage = 0
    position.schedule = 0
    position.mode = 0
    history = position_history_at(s, index)
    history.watch_level = 0
    history.watch_next = 0
    history.watch_previous = 0


@inline
def mark_dirty(s: State, account: int) -> None:
    """List an account whose slack changed, to be examined at the next price update."""
    owner = account_at(s, account)
    if owner.is_dirty == 0:
        owner.is_dirty = 1
        row = control(s)
        owner.next_dirty = row.first_dirty_account
        row.first_dirty_account = account
