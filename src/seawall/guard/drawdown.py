"""The hard stop: drawdown of the whole account from its peak and from the start of the day.

Profit is equity less net deposits, so a deposit or a withdrawal moves neither peak nor loss. The
two are read apart, and one may show a cash flow before the other does: a profit above the peak
counts once both have been read since it was first seen, and then the least of it since. The account
is measured as one that began with the risk capital of the policy: a drawdown is the loss since the
highest profit, over the risk capital plus that profit. Changing the risk capital changes the base
and never the peak. A limit trips where the loss and the smoothed loss are both above it, closes
everything, and stays latched until a person resets it by name.
"""

from msgspec import structs

from seawall.domain.units import DAY_MS, PPM
from seawall.guard.draft import Draft
from seawall.guard.memory import AccountMemory, LimitMemory, Rise
from seawall.guard.policy import GRACEFUL_STOP, MANUAL, PANIC, TAKE_PROFIT_ONLY, Policy

FROM_PEAK, FROM_DAY_START = "drawdown from peak", "drawdown from day start"
"""The names by which a person resets them."""
_ATTRIBUTES = {FROM_PEAK: "peak", FROM_DAY_START: "day"}
ALWAYS = 2**62


def smoothed_after(before: int, value: int, passed_ms: int, smoothing_ms: int) -> int:
    """An exponential average some time later; works on arrays too.

    The share of the new value is time / (time + smoothing), in whole micro-USD, so that every
    platform has the same.
    """
    if passed_ms <= 0:
        return before
    return before + (value - before) * passed_ms // (passed_ms + smoothing_ms)


def losses(
    policy: Policy, account: AccountMemory, profit: int, now_ms: int, read_ms: int
) -> AccountMemory:
    """The account with its peak, its day and both smoothed losses brought up to now.

    ``read_ms``: when equity and cash flows were both read last, the older of the two.
    """
    smoothing = policy.drawdown.smoothing_ms
    passed_ms = max(0, now_ms - account.measured_ms)
    account = _risen(account, profit, now_ms, read_ms)
    peak, day = account.peak, account.day
    loss = max(0, peak.reference - profit)
    peak = structs.replace(peak, smoothed=smoothed_after(peak.smoothed, loss, passed_ms, smoothing))
    number = now_ms // DAY_MS
    if number != account.day_number:
        day = LimitMemory(reference=min(profit, peak.reference))
    else:
        lost = max(0, day.reference - profit)
        day = structs.replace(
            day, smoothed=smoothed_after(day.smoothed, lost, passed_ms, smoothing)
        )
    return structs.replace(account, measured_ms=now_ms, peak=peak, day=day, day_number=number)


def _risen(account: AccountMemory, profit: int, now_ms: int, read_ms: int) -> AccountMemory:
    """The account with a higher peak, where that is no cash flow seen on one side only."""
    if profit <= account.peak.reference:
        return account if account.rise is None else structs.replace(account, rise=None)
    rise = account.rise or Rise(profit, now_ms)
    rise = Rise(min(rise.least, profit), rise.since_ms)
    if read_ms < rise.since_ms:
        return structs.replace(account, rise=rise)
    peak = structs.replace(account.peak, reference=rise.least)
    return structs.replace(account, peak=peak, rise=None)


def score(policy: Policy, account: AccountMemory, limit: LimitMemory, profit: int) -> int:
    """The drawdown that a limit is compared with, ppm: the smaller of raw and smoothed."""
    loss = max(0, limit.reference - profit)
    return PPM * min(loss, limit.smoothed) // base_of(policy, account, limit)


def base_of(policy: Policy, account: AccountMemory, limit: LimitMemory) -> int:
    """What a drawdown is a share of, micro-USD."""
    return max(1, policy.account.risk_capital + max(0, limit.reference - account.start))


def judge_drawdown(draft: Draft) -> None:
    """Trip what is over its limit; while one is latched, close what was open when it tripped."""
    profit = draft.assessment.profit
    if profit is None:
        if draft.policy.drawdown.from_peak or draft.policy.drawdown.from_day_start:
            why = draft.assessment.doubt or "no profit without ledger"
            draft.alert("drawdown", "warning", f"drawdown is unavailable: {why}")
    else:
        _measure(draft, profit)
    if draft.account is not None and draft.account.latched:
        _hold(draft, draft.account)


def _measure(draft: Draft, profit: int) -> None:
    account = draft.account
    if account is None:
        fresh = LimitMemory(reference=profit)
        account = AccountMemory(
            start=profit, measured_ms=draft.now, peak=fresh, day=fresh,
            day_number=draft.now // DAY_MS,
        )  # fmt: skip
    else:
        account = losses(draft.policy, account, profit, draft.now, draft.view.observed.profit_ms)
    limits = draft.policy.drawdown
    for name, most in ((FROM_PEAK, limits.from_peak), (FROM_DAY_START, limits.from_day_start)):
        attribute = _ATTRIBUTES[name]
        limit: LimitMemory = getattr(account, attribute)
        if most is None:
            account = structs.replace(account, **{attribute: _armed(limit)})
        elif not limit.armed:
            base = base_of(draft.policy, account, limit)
            worst = PPM * max(0, limit.reference - profit, limit.smoothed) // base
            if worst * PPM <= most * limits.rearm:
                account = structs.replace(account, **{attribute: _armed(limit)})
        elif not account.latched and score(draft.policy, account, limit, profit) >= most:
            account = structs.replace(
                account,
                latched=name,
                latched_ms=draft.now,
                flat_ms=0,
                episode=account.episode + 1,
            )
    draft.account = account


def _armed(limit: LimitMemory) -> LimitMemory:
    return structs.replace(limit, armed=True)


def _hold(draft: Draft, account: AccountMemory) -> None:
    """Cancel entries, close what was open; then the cooldown begins, and hands decide."""
    hands = draft.policy.hands.during_cooldown
    step = account.latched
    cooling = account.flat_ms > 0
    for market in draft.view.market:
        if not cooling or hands in (PANIC, TAKE_PROFIT_ONLY, GRACEFUL_STOP):
            draft.stop_entries(market, ALWAYS)
    text = f"{step} has reached its limit; everything is closed until it is reset by name"
    draft.alert(f"{step} latched", "critical", text)
    held = list(draft.view.position.values())
    if not held and not cooling:
        draft.account = structs.replace(account, flat_ms=draft.now)
        # From here on hands decide about entries.
        draft.no_entries = {k: until for k, until in draft.no_entries.items() if until < ALWAYS}
        draft.say(step, "info", f"{step}: the account is flat; the cooldown begins")
    for each in held:
        opened_now = draft.positions[each.market].in_cooldown
        if not opened_now or hands == PANIC:
            why = f"{step} is latched"
            if opened_now:
                why += "; a position was opened during the cooldown"
            execution = draft.policy.drawdown.execution
            draft.reduce(each, 0, execution, step, account.episode, why)
        elif hands == MANUAL:
            draft.alert(
                f"manual {each.market}", "warning",
                f"{each.market} was opened during the cooldown and is left to the person",
            )  # fmt: skip


def reset_account(draft: Draft, name: str) -> bool:
    """Whether a name is that of a latched limit, which is reset, and no other limit with it."""
    account = draft.account
    if account is None or account.latched != name:
        return False
    profit = draft.assessment.profit
    if profit is None:
        # From an old peak it would not count again before the loss has been made good.
        draft.say(name, "warning", f"{name} was not reset: the profit is not known now")
        return True
    account = structs.replace(account, latched="", latched_ms=0, flat_ms=0)
    if name == FROM_PEAK:
        unarmed = LimitMemory(reference=profit, armed=False)
        draft.account = structs.replace(account, start=profit, peak=unarmed, rise=None)
        draft.say(name, "info", f"{name} was reset; its peak is the equity now")
    else:
        # The day's loss stays what it is.
        draft.account = structs.replace(account, day=structs.replace(account.day, armed=False))
        text = "it counts again when the day's loss is small again, or tomorrow"
        draft.say(name, "info", f"{name} was reset; {text}")
    draft.no_entries = {k: until for k, until in draft.no_entries.items() if until < ALWAYS}
    # A work whose order is still on its way ends with it.
    draft.works = {
        k: structs.replace(work, target=ALWAYS) if work.step == name else work
        for k, work in draft.works.items()
        if work.step != name or work.sent is not None
    }
    # The next hard stop closes what was opened in this cooldown too.
    draft.positions = {
        k: structs.replace(each, in_cooldown=False) for k, each in draft.positions.items()
    }
    return True
