"""What would fire at once if a policy were armed now, found by deciding once on the view."""

from typing import NamedTuple

from msgspec import structs

from seawall.guard.actions import AddMargin, Alert, CancelOrder, PlaceOrder
from seawall.guard.assess import assess
from seawall.guard.decide import decide_fully
from seawall.guard.policy import DEFER, FAIL_CLOSED, FATAL, Policy
from seawall.guard.recover import recovered
from seawall.guard.view import View
from seawall.report.kinds import money


class Due(NamedTuple):
    """``what``: close, add margin, cancel or say; ``where``: a market, or a bucket; ``why``: in a
    sentence. ``is_order``: whether it is more than a sentence."""

    what: str
    where: str
    why: str
    is_order: bool


def not_judged(policy: Policy, view: View) -> str:
    """Why a first decision on a view would say nothing about the next; empty where it would."""
    found = assess(policy, view)
    if found.disagreeing:
        return next(iter(found.disagreeing.values()))
    if found.outcome in (DEFER, FAIL_CLOSED, FATAL):
        return next(each.why for each in found.faults if each.outcome == found.outcome)
    return ""


def due_at_once(policy: Policy, view: View) -> list[Due]:
    """What the first decision would do, holds left aside; exits that come to rest do not count."""
    steps = tuple(structs.replace(each, hold_ms=0) for each in policy.steps)
    memory = recovered(policy, None, view)
    first = structs.replace(policy, steps=steps)
    memory, actions = decide_fully(first, memory, view)
    found = []
    for each in actions:
        if isinstance(each, PlaceOrder) and each.kind != "trigger":
            share = money(each.size * view.market[each.market].mark)
            found.append(Due(f"close {share} USD", each.market, each.why, True))
        elif isinstance(each, AddMargin):
            what = f"add {money(each.amount)} USD from {each.source}"
            found.append(Due(what, each.bucket, each.why, True))
        elif isinstance(each, CancelOrder):
            found.append(Due(f"cancel order {each.order_id}", each.market, each.why, True))
        elif isinstance(each, Alert):
            found.append(Due("say", each.key, each.text, False))
    return found
