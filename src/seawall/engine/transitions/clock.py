"""What the passing of time does: scheduled cancels, funding, the day's volumes, left-over work."""

from seawall.domain.codes import (
    CANCEL_SCHEDULED,
    NO_REASON,
    SCHEDULE_TOO_EARLY,
    SCHEDULE_VOLUME_TOO_LOW,
    SCHEDULED_CANCEL,
    TOO_MANY_SCHEDULED_CANCELS,
    VALUE_OUT_OF_RANGE,
)
from seawall.engine.compile import kernel
from seawall.engine.tables import (
    account_at,
    account_history_at,
    control,
    position_at,
    rules,
)
from seawall.engine.transitions.cancels import cancel_orders_of
from seawall.engine.transitions.funding import run_funding
from seawall.engine.transitions.liquidation import liquidate
from seawall.engine.transitions.outbox import emit
from seawall.engine.transitions.rates import set_rates, total_maker_volume
from seawall.engine.transitions.triggers import fire_triggers
from seawall.engine.transitions.volumes import roll_days

MAX_TIME_MS = 2**46


@kernel
def _unlink_schedule(s, account):
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
def schedule_cancel(s, command):
    """SCHEDULE_CANCEL: the dead man's switch; ``money`` is the time, 0 clears it."""
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
def cancel_all_of(s, account, market, reason):
    """Cancel every open order of an account, in one market or (-1) in all."""
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if market < 0 or position.market == market:
            cancel_orders_of(s, index, reason)
        index = position.next_of_account


@kernel
def _run_scheduled_cancels(s):
    account = control(s).first_scheduled_account
    while account >= 0:
        history = account_history_at(s, account)
        following = history.next_scheduled
        if history.scheduled_cancel_ms <= control(s).clock_ms:
            _unlink_schedule(s, account)
            history.scheduled_cancels_today += 1
            cancel_all_of(s, account, -1, SCHEDULED_CANCEL)
        account = following


@kernel
def _evaluate_fee_tiers(s):
    """A UTC day ended and its volume went to the roots: fee tiers are evaluated."""
    row = control(s)
    row.venue_maker_volume = total_maker_volume(s)
    for account in range(row.accounts_used):
        owner = account_at(s, account)
        if owner.is_system == 0:
            set_rates(s, account)


@kernel
def advance_time(s):
    """ADVANCE_TIME: everything due at the clock, then the work left by earlier price updates."""
    _run_scheduled_cancels(s)
    run_funding(s)
    if roll_days(s):
        _evaluate_fee_tiers(s)
    row = control(s)
    for market in range(row.markets_used):
        fire_triggers(s, market)
    liquidate(s, -1)
    return NO_REASON
