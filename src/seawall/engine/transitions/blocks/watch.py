"""The accounts under maintenance, found without looking at every account in every block.

A watch says of one account which standing it has at maintenance, and how far prices may still move
before it can have another (``formulas/blocks/watch``). Whatever moves prices takes that off every
watch, whatever changes an account ends its own, and a search examines only the accounts whose watch
has ended, exactly. The rows belong to the caller of ``apply`` and are no part of the state: all
zeros, that is all ended, they only cost an examination of every account; without them every search
is one.
"""

from typing import Any

from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.compile import INTERPRETED, inline, kernel
from seawall.engine.formulas.blocks.margin import NO_UPDATE, account_standing
from seawall.engine.formulas.blocks.watch import (
    UNDER_MAINTENANCE,
    lasting_moves,
    open_notional,
    standing_at_maintenance,
)
from seawall.engine.rows import make_batch_accessor
from seawall.engine.tables import (
    Batch,
    State,
    WatchRow,
    account_at,
    block_rules,
    candidate_at,
    control,
    watch_dtype,
)
from seawall.engine.transitions.shared.candidates import set_candidate

watch_at = make_batch_accessor(watch_dtype)
NO_WATCHES: Any = 0
DONE = 0
"""A candidate's ``severity`` before the candidates are sorted, and after its turn."""

if INTERPRETED:

    def _watches(s: State) -> Any:
        state: Any = s
        return state.watches

    def open_watches(s: State, rows: Batch) -> None:
        state: Any = s
        state.watches = rows

    def close_watches(s: State) -> None:
        state: Any = s
        state.watches = NO_WATCHES

else:

    @inline
    def _watches(s: State) -> Any:
        """The caller's rows, one for each account there is room for, or ``NO_WATCHES``."""
        return control(s).watches

    @inline
    def open_watches(s: State, rows: Batch) -> None:
        control(s).watches = rows

    @inline
    def close_watches(s: State) -> None:
        # The address must not become part of the state hash.
        control(s).watches = 0


@kernel
def _users_end(s: State) -> int:
    """One beyond the last account in use; that there is a watch for each is checked here, once."""
    used = control(s).accounts_used
    account_at(s, used - 1)
    return used


@kernel
def note_change(s: State, account: int) -> None:
    """End the watch of an account whose cash or sizes change."""
    account_at(s, account)
    block_rules(s).must_look = 1
    rows = _watches(s)
    if rows != NO_WATCHES:
        watch_at(rows, account).moves_left = 0


@kernel
def note_move(s: State, moved: int) -> None:
    """Take a move of prices, that of the market that moved most, off every watch."""
    block_rules(s).must_look = 1
    rows = _watches(s)
    if rows != NO_WATCHES:
        for account in range(FIRST_USER, _users_end(s)):
            watch = watch_at(rows, account)
            watch.moves_left = max(0, watch.moves_left - moved)


@kernel
def current_standing(s: State, account: int) -> int:
    """The account's standing at maintenance; where its watch has ended, it begins again."""
    rows = _watches(s)
    if rows == NO_WATCHES:
        net, _, maintenance = account_standing(s, account, NO_UPDATE)
        return standing_at_maintenance(net, maintenance)
    watch: WatchRow = watch_at(rows, account)
    if watch.moves_left == 0:
        net, _, maintenance = account_standing(s, account, NO_UPDATE)
        notional, count = open_notional(s, account)
        watch.standing = standing_at_maintenance(net, maintenance)
        watch.moves_left = lasting_moves(net, maintenance, notional, count)
    return watch.standing


@kernel
def find_candidates(s: State) -> int:
    """List every account below maintenance, by number; returns how many there are."""
    used = 0
    for account in range(FIRST_USER, _users_end(s)):
        if current_standing(s, account) & UNDER_MAINTENANCE:
            set_candidate(candidate_at(s, used), DONE, account, -1)
            used += 1
    return used
