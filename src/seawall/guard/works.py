"""Reductions at work: the largest of several wins, and its orders go out one after the other.

There is one work in a market at a time and it has a size to reach, so reductions that come together
never add up. Nothing is sent while an order of the work has not been seen to end: what the venue
does not show is asked for, and sent again under the same id only where the venue has never had it.
"""

from msgspec import structs

from seawall.guard.actions import PlaceOrder
from seawall.guard.assess import has_book
from seawall.guard.client_id import client_id, fill_state
from seawall.guard.draft import RESEND_MS, Draft, Reduction
from seawall.guard.execution import Plan, next_order, should_leave
from seawall.guard.memory import Sent, Work
from seawall.guard.policy import DEGRADE
from seawall.guard.view import PositionView


def largest(reductions: list[Reduction]) -> dict[str, Reduction]:
    """Of each market the reduction to the smallest size; the first of equal ones."""
    found: dict[str, Reduction] = {}
    for each in reductions:
        if each.market not in found or each.target < found[each.market].target:
            found[each.market] = each
    return found


def take_reductions(draft: Draft) -> None:
    """Begin a work for the largest reduction of each market, or let it take over one."""
    for market, wanted in largest(draft.reductions).items():
        position = draft.view.position[market]
        work = draft.works.get(market)
        is_same = work is not None and work.held == draft.positions[market].episode
        if work is not None and is_same:
            if work.target <= wanted.target:
                continue
            if work.step == wanted.step and work.episode == wanted.episode:
                draft.works[market] = structs.replace(work, target=wanted.target)
                continue
            draft.works[market] = structs.replace(
                work,
                target=wanted.target,
                execution=wanted.execution,
                step=wanted.step,
                episode=wanted.episode,
                why=wanted.why,
                deadline_ms=wanted.deadline_ms,
                misses=0,
                started_ms=draft.now,
                started_size=position.size,
                volume=draft.view.market[market].volume,
            )
            continue
        # An order of the position before is awaited like one of its own.
        draft.works[market] = Work(
            market=market,
            sent=None if work is None else work.sent,
            sign=position.sign,
            target=wanted.target,
            execution=wanted.execution,
            step=wanted.step,
            episode=wanted.episode,
            why=wanted.why,
            started_ms=draft.now,
            started_size=position.size,
            held=draft.positions[market].episode,
            arrival_price=draft.view.market[market].mark,
            volume=draft.view.market[market].volume,
            deadline_ms=wanted.deadline_ms,
        )


def carry_out(draft: Draft) -> None:
    """Send what is due of every work, and end those that have reached their size."""
    for market, work in list(draft.works.items()):
        work, is_free = _settled(draft, work)
        draft.works[market] = work
        position = draft.view.position.get(market)
        is_over = (
            position is None
            or work.held != draft.positions[market].episode
            or position.size <= work.target
        )
        if not draft.may_send(market):
            assert position is not None
            why = draft.assessment.disagreeing[position.bucket]
            draft.alert(f"disagree {market}", "critical", f"nothing is sent in {market}: {why}")
            continue
        if is_over:
            if work.sent is not None:
                _leave(draft, work.sent, "its size is reached")
            else:
                del draft.works[market]
            continue
        assert position is not None
        plan = Plan(draft.policy, draft.view, work, position)
        if work.sent is not None:
            surplus = work.sent.size > position.size - work.target
            is_older = work.sent.sent_ms < work.started_ms
            if work.sent.kind != "immediate" and (surplus or is_older or should_leave(plan)):
                _leave(draft, work.sent, "it is replaced")
            continue
        if is_free:
            _send(draft, plan, position)


def _settled(draft: Draft, work: Work) -> tuple[Work, bool]:
    """The work with what became of its order, and whether another may be sent."""
    sent = work.sent
    if sent is None:
        return work, True
    state = draft.state_of(sent)
    if state == "open":
        return structs.replace(work, sent=structs.replace(sent, seen=True)), False
    if state == "lost":
        return _again(draft, work, sent), False
    if state == "settling":
        return work, False
    if state:
        return _ended(draft, work, sent), True
    if draft.now > sent.sent_ms:
        draft.query(work.market, sent.client_id)
    return work, False


def _size_left(draft: Draft, work: Work) -> int:
    """The size of the position that the work is about; 0 where it is gone."""
    position = draft.view.position.get(work.market)
    is_same = work.held == draft.positions[work.market].episode
    return position.size if position is not None and is_same else 0


def _ended(draft: Draft, work: Work, sent: Sent) -> Work:
    memory = draft.positions[work.market]
    draft.positions[work.market] = structs.replace(memory, orders=memory.orders + 1)
    misses = 0 if _size_left(draft, work) < sent.size_before else work.misses + 1
    return structs.replace(work, sent=None, misses=misses)


def _again(draft: Draft, work: Work, sent: Sent) -> Work:
    """The same order under the same id, which the venue never had and cannot have any more."""
    left = _size_left(draft, work) - work.target
    if left < sent.size or sent.sent_ms < work.started_ms or not draft.may_send(work.market):
        # What it was for has changed meanwhile; it never existed, so another may follow.
        return _ended(draft, work, sent)
    sent = structs.replace(sent, sent_ms=draft.now)
    draft.place(_order(work, sent))
    return structs.replace(work, sent=sent)


def _send(draft: Draft, plan: Plan, position: PositionView) -> None:
    work = plan.work
    found = next_order(plan)
    if not has_book(draft.policy, draft.view, plan.market):
        text = f"no fresh book of {work.market}: {DEGRADE}, the slippage cap stands for it"
        draft.alert(f"book {work.market}", "info", text)
    if found is None:
        return
    size, price, kind = found
    assert 0 < size <= position.size - work.target
    sent = Sent(
        client_id=client_id(
            draft.policy.digest, f"{work.step}@{work.market}", work.episode,
            fill_state(position.size, work.target), draft.positions[work.market].orders,
            draft.view.client_id_bits,
        ),
        size=size,
        price=price,
        sent_ms=draft.now,
        size_before=position.size,
        kind=kind,
    )  # fmt: skip
    draft.works[work.market] = structs.replace(work, sent=sent, last_sent_ms=draft.now)
    draft.place(_order(work, sent))


def _order(work: Work, sent: Sent) -> PlaceOrder:
    return PlaceOrder(
        market=work.market,
        is_buy=work.sign < 0,
        size=sent.size,
        kind=sent.kind,
        price=sent.price,
        client_id=sent.client_id,
        expires_ms=sent.sent_ms + RESEND_MS,
        step=work.step,
        why=work.why,
    )


def _leave(draft: Draft, sent: Sent, why: str) -> None:
    order = draft.view.open_ids.get(sent.client_id)
    if order is not None:
        draft.cancel(order, why)
