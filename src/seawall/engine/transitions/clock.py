"""What the passing of time does: scheduled cancels, funding, the day's volumes, left-over work."""

from seawall.domain.codes import (
    CANCEL_SCHEDULED,
    FEE_RATES_SET,
    NO_REASON,
    SCHEDULE_TOO_EARLY,
    SCHEDULE_VOLUME_TOO_LOW,
    SCHEDULED_CANCEL,
    TOO_MANY_SCHEDULED_CANCELS,
    VALUE_OUT_OF_RANGE,
)
from seawall.engine.compile import kernel
from seawall.engine.formulas.fees import (
    day_of,
    discounted,
    fee_tier_of,
    rebate_rate,
    window_volume,
)
from seawall.engine.formulas.fixed_point import RATE
from seawall.engine.tables import (
    HISTORY_DAYS,
    account_at,
    account_history_at,
    control,
    fee_tier_at,
    position_at,
    rules,
)
from seawall.engine.transitions.cancels import cancel_orders_of
from seawall.engine.transitions.funding import run_funding
from seawall.engine.transitions.liquidation import liquidate
from seawall.engine.transitions.outbox import emit
from seawall.engine.transitions.triggers import fire_triggers

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
        if history.total_volume < policy.schedule_minimum_volume:
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
def _shift_days(s, account, days):
    """Move the window on; today's volumes were already credited to the account's root."""
    history = account_history_at(s, account)
    for day in range(HISTORY_DAYS - 1, -1, -1):
        from_day = day - days
        history.taker_days[day] = history.taker_days[from_day] if from_day >= 0 else 0
        history.maker_days[day] = history.maker_days[from_day] if from_day >= 0 else 0
    history.scheduled_cancels_today = 0


@kernel
def set_rates(s, account, root, venue_maker_volume):
    """The effective fee rates of an account, from its root's volume and its own discounts."""
    tier = fee_tier_at(s, fee_tier_of(s, window_volume(s, root, False)))
    history = account_history_at(s, account)
    staking, referral = history.staking_discount_rate, history.referral_discount_rate
    owner = account_at(s, account)
    owner.taker_rate = discounted(tier.taker_rate, staking, referral)
    rebate = rebate_rate(s, window_volume(s, root, True), venue_maker_volume)
    if rebate != 0:
        owner.maker_rate = rebate
    else:
        owner.maker_rate = discounted(tier.maker_rate, staking, referral)


@kernel
def venue_maker_volume(s):
    total = 0
    for account in range(control(s).accounts_used):
        if account_at(s, account).parent < 0:
            total += window_volume(s, account, True)
    return total


@kernel
def _roll_days(s):
    """A UTC day ended: credit its volume to the roots and evaluate the fee tiers."""
    row = control(s)
    today = day_of(s)
    if row.current_day == 0 or today <= row.current_day:
        row.current_day = today
        return
    days = min(HISTORY_DAYS, today - row.current_day)
    row.current_day = today
    for account in range(row.accounts_used):
        _shift_days(s, account, days)
    for account in range(row.accounts_used):
        owner = account_at(s, account)
        root = owner.parent if owner.parent >= 0 else account
        history = account_history_at(s, root)
        if days < HISTORY_DAYS:
            history.taker_days[days - 1] += owner.day_taker_volume
            history.maker_days[days - 1] += owner.day_maker_volume
        history.total_volume += owner.day_taker_volume + owner.day_maker_volume
        owner.day_taker_volume = 0
        owner.day_maker_volume = 0
    venue = venue_maker_volume(s)
    for account in range(row.accounts_used):
        owner = account_at(s, account)
        if owner.is_system == 0:
            set_rates(s, account, owner.parent if owner.parent >= 0 else account, venue)


@kernel
def set_fee_discounts(s, command):
    """SET_FEE_DISCOUNTS: staking and referral discounts, effective at once."""
    staking, referral = command.price, command.trigger_price
    if staking < 0 or staking > RATE or referral < 0 or referral > RATE:
        return VALUE_OUT_OF_RANGE
    history = account_history_at(s, command.account)
    history.staking_discount_rate = staking
    history.referral_discount_rate = referral
    owner = account_at(s, command.account)
    root = owner.parent if owner.parent >= 0 else command.account
    set_rates(s, command.account, root, venue_maker_volume(s))
    emit(s, FEE_RATES_SET, NO_REASON, command.account, -1, 0, owner.taker_rate, 0, owner.maker_rate)
    return NO_REASON


@kernel
def advance_time(s):
    """ADVANCE_TIME: everything due at the clock, then the work left by earlier price updates."""
    _run_scheduled_cancels(s)
    run_funding(s)
    _roll_days(s)
    row = control(s)
    for market in range(row.markets_used):
        fire_triggers(s, market)
    liquidate(s, -1)
    return NO_REASON
