"""Traded volume: the day it belongs to, the account it counts for, its sum over a window."""

from seawall.domain.units import DAY_MS
from seawall.engine.compile import inline, kernel
from seawall.engine.tables import State, account_at, account_history_at, control


@inline
def day_of(s: State) -> int:
    """Whole UTC days since 1970."""
    return control(s).clock_ms // DAY_MS


@kernel
def root_of(s: State, account: int) -> int:
    """The parent of a child account, or the account itself."""
    parent = account_at(s, account).parent
    return parent if parent >= 0 else account


@kernel
def volume_of_days(s: State, account: int, days: int) -> tuple[int, int]:
    """(taker, maker) micro-USD that an account has traded in the whole days of a fee window."""
    history = account_history_at(s, account)
    taker = 0
    maker = 0
    for day in range(days):
        taker += history.taker_days[day]
        maker += history.maker_days[day]
    return taker, maker
