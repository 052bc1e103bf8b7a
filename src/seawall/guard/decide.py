"""The decision: a policy, what is known from before and a view give what is known and what to do.

Pure: the same three give the same two, in every process; time is in the view. The live guard, the
sandbox and the lab call this one function.
"""

from msgspec import structs

from seawall.guard.actions import Action
from seawall.guard.assess import Assessment, assess
from seawall.guard.draft import Draft, increases
from seawall.guard.drawdown import ALWAYS, FROM_DAY_START, FROM_PEAK, judge_drawdown, reset_account
from seawall.guard.funding import watch_funding
from seawall.guard.ladder import climb, reset_step
from seawall.guard.limits import judge_limits
from seawall.guard.memory import Memory
from seawall.guard.pairs import hold_pairs
from seawall.guard.policy import (
    DEFER,
    FAIL_CLOSED,
    FATAL,
    MANUAL,
    STOP,
    TAKE_PROFIT,
    TAKE_PROFIT_ONLY,
    TRAILING,
    Policy,
)
from seawall.guard.quiet import is_quiet, quiet_after, still_quiet
from seawall.guard.stops import follow_positions, hold_legs
from seawall.guard.view import View
from seawall.guard.works import carry_out, take_reductions

EXITS: dict[str, tuple[str, ...]] = {MANUAL: (), TAKE_PROFIT_ONLY: (TAKE_PROFIT,)}
"""The exits that are held during a cooldown, where not all of them are."""
GUARD = "guard"
"""The name by which a person resets a guard that has stopped."""


def decide(policy: Policy, memory: Memory, view: View) -> tuple[Memory, tuple[Action, ...]]:
    """What is known after a view, and what to do now.

    Within the bounds of ``memory.quiet`` nothing can happen, and that is all that is looked at.
    """
    if memory.quiet is not None and is_quiet(policy, memory, view):
        return still_quiet(policy, memory, view), ()
    return decide_fully(policy, memory, view)


def decide_fully(policy: Policy, memory: Memory, view: View) -> tuple[Memory, tuple[Action, ...]]:
    """The same without a look at the bounds."""
    found = assess(policy, view)
    draft = Draft(policy, view, memory, found)
    _say_faults(draft, found)
    if not _may_go_on(draft, found):
        for key in memory.raised:
            draft.still_raised(key)
        why = "the guard has stopped" if draft.stopped else "inputs are missing"
        for name in view.resets:
            if name != GUARD or draft.stopped:
                draft.say(f"reset {name}", "warning", f"{name} was not reset: {why}")
        return draft.frozen()
    follow_positions(draft)
    _reset(draft)
    judge_drawdown(draft)
    account = draft.account
    latched = account is not None and bool(account.latched)
    cooling = latched and account is not None and account.flat_ms > 0
    hands = policy.hands.during_cooldown if cooling else ""
    if hands != MANUAL:
        climb(draft)
        judge_limits(draft)
        watch_funding(draft)
        hold_pairs(draft)
    hold_legs(draft, EXITS.get(hands, (STOP, TAKE_PROFIT, TRAILING)))
    take_reductions(draft)
    carry_out(draft)
    _cancel_entries(draft)
    after, actions = draft.frozen()
    if not actions:
        after = structs.replace(after, quiet=quiet_after(policy, after, view, found))
    return after, actions


def _say_faults(draft: Draft, found: Assessment) -> None:
    for fault in found.faults:
        draft.alert(f"input {fault.input}", "warning", f"{fault.why}: {fault.outcome}")
    for bucket, why in found.disagreeing.items():
        draft.alert(f"disagree {bucket}", "critical", f"{why}; nothing is sent until they agree")


def _may_go_on(draft: Draft, found: Assessment) -> bool:
    """Whether the inputs let anything be decided; what follows where they do not."""
    if draft.stopped:
        if GUARD in draft.view.resets and found.outcome != FATAL:
            draft.say(
                f"reset {GUARD}", "info", f"the guard goes on; it had stopped: {draft.stopped}"
            )
            draft.stopped = ""
        else:
            draft.alert("stopped", "critical", f"the guard has stopped: {draft.stopped}")
            return False
    if found.outcome == FATAL:
        draft.stopped = next(each.why for each in found.faults if each.outcome == FATAL)
        draft.alert("stopped", "critical", f"the guard has stopped: {draft.stopped}")
        return False
    if found.outcome not in (DEFER, FAIL_CLOSED):
        draft.deferred_ms = 0
        return True
    draft.deferred_ms = draft.deferred_ms or draft.now
    waited = draft.now - draft.deferred_ms
    if found.outcome == FAIL_CLOSED or waited >= draft.policy.inputs.patience_ms:
        draft.alert("fail closed", "critical", "inputs are missing: entries are cancelled")
        for order in draft.view.orders:
            if increases(draft.view, order):
                draft.cancel(order, "inputs are missing")
    return False


def _reset(draft: Draft) -> None:
    for name in draft.view.resets:
        if name == GUARD:
            if not draft.before.stopped:
                draft.say(f"reset {name}", "info", "the guard has not stopped: nothing was reset")
        elif name in (FROM_PEAK, FROM_DAY_START):
            if not reset_account(draft, name):
                draft.say(f"reset {name}", "info", f"{name} has not latched: nothing was reset")
        elif not reset_step(draft, name):
            draft.say(f"reset {name}", "warning", f"nothing is called {name!r}: nothing was reset")


def _cancel_entries(draft: Draft) -> None:
    """Cancel what would increase a position where a rule has stopped that."""
    stopped = {each for each, until in draft.no_entries.items() if until > draft.now}
    account = draft.account
    if account is None or not account.latched:
        stopped = {each for each in stopped if draft.no_entries[each] < ALWAYS}
    for order in draft.view.orders:
        if order.market in stopped and increases(draft.view, order):
            draft.cancel(order, "entries are stopped")
