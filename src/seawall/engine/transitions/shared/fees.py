"""Traded volume by UTC days: what an account traded today becomes its root's history."""

from seawall.domain.codes import FEE_RATES_SET, NO_REASON
from seawall.engine.compile import kernel
from seawall.engine.formulas.shared.fees import day_of, root_of
from seawall.engine.tables import HISTORY_DAYS, State, account_at, account_history_at, control
from seawall.engine.transitions.shared.outbox import emit


@kernel
def _shift_days(s: State, account: int, days: int) -> None:
    """Move the window of daily volumes on; today's were already credited to the account's root."""
    history = account_history_at(s, account)
    for day in range(HISTORY_DAYS - 1, -1, -1):
        from_day = day - days
        history.taker_days[day] = history.taker_days[from_day] if from_day >= 0 else 0
        history.maker_days[day] = history.maker_days[from_day] if from_day >= 0 else 0
    history.scheduled_cancels_today = 0


@kernel
def roll_days(s: State) -> bool:
    """Whether a UTC day has ended; if so, its volume is credited to the roots."""
    row = control(s)
    today = day_of(s)
    if row.current_day == 0 or today <= row.current_day:
        row.current_day = today
        return False
    days = today - row.current_day
    row.current_day = today
    for account in range(row.accounts_used):
        _shift_days(s, account, min(HISTORY_DAYS, days))
    for account in range(row.accounts_used):
        owner = account_at(s, account)
        history = account_history_at(s, root_of(s, account))
        if days <= HISTORY_DAYS:
            history.taker_days[days - 1] += owner.day_taker_volume
            history.maker_days[days - 1] += owner.day_maker_volume
        history.total_volume += owner.day_taker_volume + owner.day_maker_volume
        owner.day_taker_volume = 0
        owner.day_maker_volume = 0
    return True


@kernel
def gather_day(s: State) -> None:
    """Count what child accounts traded today as traded by their roots."""
    for account in range(control(s).accounts_used):
        child = account_at(s, account)
        if child.parent >= 0:
            root = account_at(s, child.parent)
            root.day_taker_volume += child.day_taker_volume
            root.day_maker_volume += child.day_maker_volume
            child.day_taker_volume = 0
            child.day_maker_volume = 0


@kernel
def apply_rates(s: State, account: int, taker_rate: int, maker_rate: int) -> None:
    """Set the fee rates of an account; an event reports a change."""
    owner = account_at(s, account)
    if taker_rate != owner.taker_rate or maker_rate != owner.maker_rate:
        owner.taker_rate = taker_rate
        owner.maker_rate = maker_rate
        emit(s, FEE_RATES_SET, NO_REASON, account, -1, 0, taker_rate, 0, maker_rate)
