"""The ladder: steps on the margin ratio of a bucket, or on its distance to liquidation.

A step fires when its level has been at the trigger for its hold, once, and is armed again when the
level is back at its re-arm level and its cool-down is over. It acts on the positions of its own
bucket and on nothing else. Some time after a step has acted, its target is verified; where it was
not reached the next step fires, not the same again.
"""

from collections.abc import Iterator

from msgspec import structs

from seawall.domain.units import PPM
from seawall.guard.draft import Draft
from seawall.guard.measures import level_of, share_to
from seawall.guard.memory import StepMemory
from seawall.guard.policy import (
    ALERT,
    CANCEL_ENTRIES,
    CLOSE,
    EVERY_MARKET,
    FLATTEN,
    MARGIN_RATIO,
    REDUCING,
    TOP_UP,
    Step,
)
from seawall.guard.top_up import confirm_top_up, top_up
from seawall.guard.view import BucketView, PositionView, View
from seawall.report.kinds import typed_percent


def step_key(step: Step, bucket: str) -> str:
    """What a step in a bucket is called, in the memory and in client order ids."""
    return f"{step.name}/{bucket}"


def applies(step: Step, bucket: BucketView, view: View) -> bool:
    """Whether a step is about a bucket."""
    if step.on != "all" and (step.on == "isolated") != bucket.is_isolated:
        return False
    if step.market == EVERY_MARKET:
        return True
    return any(each.market == step.market for each in view.positions_of[bucket.name])


def ladder_of(draft: Draft, bucket: BucketView) -> list[Step]:
    """The steps about a bucket, in their order."""
    return [each for each in draft.policy.steps if applies(each, bucket, draft.view)]


def scope(view: View, bucket: BucketView) -> list[PositionView]:
    """The positions that a step about a bucket acts on: those whose margin it has measured."""
    return view.positions_of[bucket.name]


def climb(draft: Draft) -> None:
    """Take every bucket through the steps that are about it."""
    for bucket in draft.view.buckets:
        if draft.view.positions_of[bucket.name]:
            _climb(draft, bucket)
    held = [name for name, each in draft.view.positions_of.items() if each]
    for step in draft.policy.steps:
        # A bucket that is closed may be gone from the view.
        for key in [each for each in draft.steps if each.rpartition("/")[0] == step.name]:
            if key.rpartition("/")[2] not in held:
                _let_go(draft, key)


def _climb(draft: Draft, bucket: BucketView) -> None:
    steps = ladder_of(draft, bucket)
    forced = list(_failures(draft, bucket, steps))
    firing = []
    for step in steps:
        level = level_of(step, bucket, draft.view)
        key = step_key(step, bucket.name)
        memory = _watched(draft, step, key, level)
        is_due = memory.over_ms and draft.now - memory.over_ms >= step.hold_ms
        if memory.armed and (is_due or step in forced):
            firing.append(step)
        draft.steps[key] = memory
    last = max((n for n, each in enumerate(firing) if each.action in REDUCING), default=-1)
    for place, step in enumerate(firing):
        if step.action == TOP_UP and (last >= 0 or _is_reducing(draft, bucket)):
            # It would pay for what is being closed; it stays armed for when that is over.
            text = f"{step.name}: no top-up of {bucket.name} beside a reduction"
            draft.alert(f"{step_key(step, bucket.name)} waits", "info", text)
            continue
        _fire(draft, bucket, step, is_last=place == last)


def _watched(draft: Draft, step: Step, key: str, level: int) -> StepMemory:
    """The step's memory with since when it is over, and armed again where it is calm."""
    memory = draft.steps.get(key, StepMemory())
    if memory.armed:
        over = step.is_over(level)
        return structs.replace(memory, over_ms=(memory.over_ms or draft.now) if over else 0)
    if step.is_calm(level) and draft.now >= memory.cool_until_ms and not memory.verify_ms:
        return structs.replace(memory, armed=True, over_ms=0)
    return memory


def _failures(draft: Draft, bucket: BucketView, steps: list[Step]) -> Iterator[Step]:
    """The next step behind each whose target is not there when it must be."""
    for place, step in enumerate(steps):
        key = step_key(step, bucket.name)
        memory = draft.steps.get(key)
        if memory is None or not memory.verify_ms:
            continue
        if step.action == TOP_UP:
            memory = confirm_top_up(draft, bucket, step, key, memory)
        level = level_of(step, bucket, draft.view)
        if step.is_reached(level):
            if not _is_working(draft, key):
                draft.steps[key] = structs.replace(memory, verify_ms=0)
            continue
        if draft.now < memory.verify_ms:
            continue
        draft.steps[key] = structs.replace(memory, verify_ms=0)
        passed_over = (ALERT, CANCEL_ENTRIES, *((TOP_UP,) * _is_reducing(draft, bucket)))
        following = [
            each for each in steps[place + 1 :]
            if each.action not in passed_over
            and draft.steps.get(step_key(each, bucket.name), StepMemory()).armed
        ]  # fmt: skip
        text = f"{step.name} has not reached its target in {bucket.name}"
        if following:
            draft.say(key, "warning", f"{text}; {following[0].name} follows")
            yield following[0]
        else:
            draft.say(key, "critical", f"{text}, and no step is left")


def _fire(draft: Draft, bucket: BucketView, step: Step, is_last: bool) -> None:
    key = step_key(step, bucket.name)
    memory = draft.steps[key]
    level = level_of(step, bucket, draft.view)
    memory = structs.replace(
        memory,
        episode=memory.episode + 1,
        armed=False,
        over_ms=0,
        fired_ms=draft.now,
        cool_until_ms=draft.now + step.cooldown_ms,
        verify_ms=0 if step.action in (ALERT, CANCEL_ENTRIES) else draft.now + step.verify_ms,
    )
    measure = "margin ratio" if step.measure == MARGIN_RATIO else "distance to liquidation"
    why = f"{measure} of {bucket.name} is {typed_percent(round(level / PPM, 4))}"
    if step.action == TOP_UP:
        memory = top_up(draft, bucket, step, key, memory, why)
    elif step.action == ALERT:
        draft.say(key, "warning", f"{step.name}: {why}")
    else:
        draft.say(key, "critical" if step.action == FLATTEN else "warning", f"{step.name}: {why}")
        for each in scope(draft.view, bucket):
            draft.stop_entries(each.market, memory.cool_until_ms)
    # Of several reductions that fire at once only the last is verified: it covers the others.
    if step.action in REDUCING and not is_last:
        memory = structs.replace(memory, verify_ms=0)
    draft.steps[key] = memory
    if step.action in REDUCING:
        _reduce(draft, bucket, step, key, memory.episode, why)


def _reduce(draft: Draft, bucket: BucketView, step: Step, key: str, episode: int, why: str) -> None:
    share = PPM
    if step.action == CLOSE:
        share = step.share
    if step.target is not None:
        needed = share_to(draft.policy, draft.view, bucket, step)
        share = max(share, needed) if step.action == CLOSE else needed
    for each in scope(draft.view, bucket):
        # Rounded down, so that the share is closed at least.
        target = each.size * (PPM - share) // PPM
        draft.reduce(each, target, step.execution, key, episode, why)


def _is_working(draft: Draft, key: str) -> bool:
    return any(each.step == key for each in draft.works.values())


def _is_reducing(draft: Draft, bucket: BucketView) -> bool:
    held = draft.view.positions_of[bucket.name]
    return any(each.market in draft.works for each in held)


def _let_go(draft: Draft, key: str) -> None:
    """A bucket without positions has nothing to hold or verify; its steps are armed in time."""
    memory = draft.steps[key]
    draft.steps[key] = structs.replace(
        memory, verify_ms=0, over_ms=0, cash_before=None, pending=0,
        armed=memory.armed or draft.now >= memory.cool_until_ms,
    )  # fmt: skip


def reset_step(draft: Draft, name: str) -> bool:
    """Whether a name is that of a step, which is armed again everywhere, its counts at zero."""
    if not any(each.name == name for each in draft.policy.steps):
        return False
    for key, memory in draft.steps.items():
        if key.rpartition("/")[0] == name:
            draft.steps[key] = StepMemory(episode=memory.episode)
    draft.say(name, "info", f"{name} was reset")
    return True
