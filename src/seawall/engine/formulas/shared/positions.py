"""Finding position rows."""

from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.shared.room import KEPT_FROM_ALL_OTHERS, kept_back
from seawall.engine.tables import State, account_at, control, position_at


@inline
def find_position(s: State, account: int, market: int) -> int:
    """The row of (account, market), or -1."""
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if position.market == market:
            return index
        index = position.next_of_account
    return -1


@inline
def has_position_room(s: State) -> bool:
    """Whether one more row may be created."""
    row = control(s)
    return row.positions_used < row.positions_capacity


@inline
def has_common_position_room(s: State) -> bool:
    """The same beside the rows that are kept back for the backstop."""
    row = control(s)
    kept = kept_back(row.positions_capacity, KEPT_FROM_ALL_OTHERS)
    return row.positions_used + kept < row.positions_capacity


@kernel
def held_size(s: State, account: int, market: int) -> int:
    """Signed size an account holds in a market."""
    index = find_position(s, account, market)
    return position_at(s, index).signed_size if index >= 0 else 0


@kernel
def has_any_position(s: State, account: int) -> bool:
    """Whether the account holds an open position."""
    index = account_at(s, account).first_position
    while index >= 0:
        if position_at(s, index).signed_size != 0:
            return True
        index = position_at(s, index).next_of_account
    return False
