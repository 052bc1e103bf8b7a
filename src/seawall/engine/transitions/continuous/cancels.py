"""Scheduled cancels: every order of an account ends at a time that it set."""

from seawall.domain.codes import (
    CANCEL_SCHEDULED,
    NO_REASON,
    SCHEDULE_TOO_EARLY,
    SCHEDULE_VOLUME_TOO_LOW,
    SCHEDULED_CANCEL,
    TOO_MANY_SCHEDULED_CANCELS,
    VALUE_OUT_OF_RANGE,
)
from seawall.domain.units import MAX_TIME_MS
from seawall.engine.compile import kernel
from seawall.engine.tables import (
    CommandRow,
    State,
    account_at,
    account_history_at,
    control,
    rules,
)
from seawall.engine.transitions.shared.cancels import cancel_all_of
from seawall.engine.transitions.shared.outbox import emit


@kernel
def _unlink_schedule(s: State, account: int) -> None:
    """Take an account out of the list of those with a scheduled cancel."""
    row = control(s)
    history = account_history_at(s, account)
    if row.first_scheduled_account == account:
        row.first_scheduled_account = history.next_scheduled
    else:
        before = row.first_scheduled_account
        while account_history_at(s, before).next_scheduled != account:
            before = account_history_at(s, before).next_scheduled
        account_history_at(s, before).next_scheduled = history.next_scheduled
    history.next_scheduled = -1
    history.scheduled_cancel_ms = 0


@kernel
def schedule_cancel(s: State, command: CommandRow) -> int:
    """SCHEDULE_CANCEL: cancel all orders at a time (``money``) unless it is moved; 0 clears it."""
    due = command.money
    history = account_history_at(s, command.account)
    if due != 0:
        policy = rules(s)
        if due < 0 or due > MAX_TIME_MS:
            return VALUE_OUT_OF_RANGE
        if due < command.time_ms + policy.schedule_minimum_delay_ms:
            return SCHEDULE_TOO_EARLY
        if history.scheduled_cancels_today >= policy.schedule_daily_maximum:
            return TOO_MANY_SCHEDULED_CANCELS
        owner = account_at(s, command.account)
        # A child's volume is its parent's, from the end of the day on.
        today = owner.day_taker_volume + owner.day_maker_volume if owner.parent < 0 else 0
        if history.total_volume + today < policy.schedule_minimum_volume:
            return SCHEDULE_VOLUME_TOO_LOW
    if history.scheduled_cancel_ms > 0:
        _unlink_schedule(s, command.account)
    if due > 0:
        row = control(s)
        history.scheduled_cancel_ms = due
        history.next_scheduled = row.first_scheduled_account
        row.first_scheduled_account = command.account
    emit(s, CANCEL_SCHEDULED, NO_REASON, command.account, -1, 0, 0, 0, due)
    return NO_REASON


@kernel
def run_scheduled_cancels(s: State) -> None:
    """Cancel every order of each account whose scheduled time has come."""
    account = control(s).first_scheduled_account
    while account >= 0:
        history = account_history_at(s, account)
        following = history.next_scheduled
        if history.scheduled_cancel_ms <= control(s).clock_ms:
            _unlink_schedule(s, account)
            history.scheduled_cancels_today += 1
            cancel_all_of(s, account, -1, SCHEDULED_CANCEL)
        account = following
