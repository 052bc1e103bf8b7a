"""Funding: trim or close before a payment above a limit, and say when its direction changes."""

from msgspec import structs

from seawall.domain.units import DAY_MS
from seawall.guard.draft import Draft
from seawall.guard.memory import FundingMemory
from seawall.guard.policy import ALERT, CLOSE, FundingLimits
from seawall.guard.view import PositionView
from seawall.report.kinds import money

FUNDING = "funding"
"""By which its orders are named."""


def watch_funding(draft: Draft) -> None:
    """Compare what every position pays at the next settlement with the limits."""
    limits = draft.policy.funding
    if limits is None:
        return
    if not draft.assessment.has_funding:
        draft.alert("funding", "warning", "funding is unavailable: its rules do nothing")
        return
    room, due = _in_all(draft, limits)
    for position in draft.view.position.values():
        _watch(draft, limits, position, room, due)


def paid_within(draft: Draft, limits: FundingLimits) -> int:
    """What the account has paid in the last days, micro-USD."""
    start = draft.now - limits.days * DAY_MS
    return sum(each.amount for each in draft.view.funding_payments if each.time_ms > start)


def _in_all(draft: Draft, limits: FundingLimits) -> tuple[int, int]:
    """What all positions together may pay at the next settlement, and what they would, micro-USD.

    What others receive there may be paid too.
    """
    market = draft.view.market
    known = [
        payment
        for each in draft.view.position.values()
        if (payment := market[each.market].funding_payment(each.signed_size)) is not None
    ]
    due = sum(each for each in known if each > 0)
    if limits.max_total is None:
        return due, due
    received = due - sum(known)
    return max(0, limits.max_total - paid_within(draft, limits) + received), due


def _watch(
    draft: Draft, limits: FundingLimits, position: PositionView, room: int, due: int
) -> None:
    market = draft.view.market[position.market]
    payment = market.funding_payment(position.signed_size)
    if payment is None or market.next_funding_ms is None:
        text = f"the funding of {market.name} is unavailable: its rules do nothing"
        draft.alert(f"funding {market.name}", "warning", text)
        return
    memory = draft.funding.get(market.name, FundingMemory())
    sign = (payment > 0) - (payment < 0)
    if limits.alert_on_change and memory.sign and sign and sign != memory.sign:
        word = "pays" if sign > 0 else "receives"
        draft.say(f"funding {market.name}", "info", f"{market.name} now {word} funding")
    if sign:
        memory = structs.replace(memory, sign=sign)
    settlement = market.next_funding_ms
    most = _most(limits, payment, room, due)
    is_near = 0 <= settlement - draft.now <= limits.before_ms
    if is_near and most is not None and payment > most and memory.acted_ms != settlement:
        memory = structs.replace(memory, acted_ms=settlement)
        why = f"{market.name} would pay {money(payment)} USD of funding, at most {money(most)}"
        key = f"{FUNDING}/{market.name}"
        draft.say(key, "warning", why)
        if limits.action != ALERT:
            target = 0 if limits.action == CLOSE else position.size * most // payment
            episode = settlement // 60_000
            draft.reduce(position, target, limits.execution, key, episode, why, settlement)
            draft.stop_entries(market.name, settlement)
    draft.funding[market.name] = memory


def _most(limits: FundingLimits, payment: int, room: int, due: int) -> int | None:
    """What one payment may be now, micro-USD: its share of what all may pay, and its own limit."""
    found = [limits.max_payment] if limits.max_payment is not None else []
    if payment > 0 and due > room:
        found.append(payment * room // due)
    return min(found, default=None)
