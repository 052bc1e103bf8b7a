"""Execution styles: how much goes out now, at what price, and whether it rests.

``market`` takes what the book has within the slippage budget; ``chase`` rests at the best price and
follows it; ``twap`` takes equal slices over its time; ``pov`` takes no more than its share of what
the market has traded since the start; ``iceberg`` rests slice after slice. In danger (the margin
ratio of the bucket), late, or near its deadline every style becomes ``market``. Without a book or a
volume, so does a style that needs one: the slippage cap stands for the book.
"""

from typing import NamedTuple

from seawall.domain.units import PPM
from seawall.guard.assess import has_book
from seawall.guard.draft import beyond
from seawall.guard.memory import Work
from seawall.guard.policy import CHASE, ICEBERG, MARKET, POV, TWAP, Execution, Policy
from seawall.guard.view import MarketView, PositionView, View

DEADLINE_MS = 60_000
"""So long before its deadline a work is urgent."""
URGENT_MS = 1_000
"""The most that an order at market waits after the one before."""
IMMEDIATE, POST_ONLY, TRIGGER = "immediate", "post_only", "trigger"
Order = tuple[int, int, str]
"""Size, worst price, kind."""


class Plan(NamedTuple):
    """A work and what it is carried out in."""

    policy: Policy
    view: View
    work: Work
    position: PositionView

    @property
    def market(self) -> MarketView:
        return self.view.market[self.work.market]

    @property
    def execution(self) -> Execution:
        return self.policy.execution(self.work.execution)

    @property
    def needed(self) -> int:
        """What is left to close."""
        return self.position.size - self.work.target

    @property
    def done(self) -> int:
        """What is closed since its start; never negative where entries filled meanwhile."""
        return max(0, self.work.started_size - self.position.size)


def style_of(plan: Plan) -> str:
    """The style that is right now."""
    execution, now = plan.execution, plan.view.time_ms
    style, deadline = execution.style, plan.work.deadline_ms
    is_urgent = (
        plan.view.bucket[plan.position.bucket].ratio >= execution.urgent_above
        or now - plan.work.started_ms >= execution.escalate_ms
        or (deadline > 0 and deadline - now <= DEADLINE_MS)
    )
    if style == MARKET or is_urgent:
        return MARKET
    if style in (CHASE, ICEBERG) and not has_book(plan.policy, plan.view, plan.market):
        return MARKET
    if style == POV and (plan.market.volume is None or plan.work.volume is None):
        return MARKET
    return style


def next_order(plan: Plan) -> Order | None:
    """The order that is due now; None for none."""
    execution, work, style = plan.execution, plan.work, style_of(plan)
    # What has become urgent does not wait for the interval of the slices.
    wait = min(execution.interval_ms, URGENT_MS) if style == MARKET else execution.interval_ms
    if work.last_sent_ms and plan.view.time_ms - work.last_sent_ms < wait:
        return None
    if style in (CHASE, ICEBERG):
        touch = _touch(plan)
        if touch is None:
            return plan.needed, _worst(plan, plan.needed), IMMEDIATE
        size = plan.needed if style == CHASE else min(plan.needed, _slice(plan))
        return size, touch, POST_ONLY
    size = plan.needed
    if style == TWAP:
        size = min(size, plan.market.whole_steps(_due(plan) - plan.done))
    elif style == POV:
        size = min(size, _share(plan) - plan.done)
        size -= size % plan.market.size_step if size < plan.needed else 0
        if size < min(plan.needed, _slice(plan)):
            return None
    if size <= 0:
        return None
    return size, _worst(plan, size), IMMEDIATE


def should_leave(plan: Plan) -> bool:
    """Whether an order that rests is at the wrong price, or of a style that is over."""
    assert plan.work.sent is not None
    style = style_of(plan)
    if style not in (CHASE, ICEBERG):
        return True
    touch = _touch(plan)
    now = plan.view.time_ms
    if touch is None or now - plan.work.sent.sent_ms < plan.execution.interval_ms:
        return False
    # Only the best price moving away leaves it behind.
    return plan.position.sign * (plan.work.sent.price - touch) > 0


def slippage_within(plan: Plan, size: int) -> int:
    """The slippage that an order of this size is allowed now, ppm of the mark.

    What the book needs for it and a quarter of the cap, never more than the cap; the cap grows with
    each try in a row that filled nothing.
    """
    execution = plan.execution
    cap = min(execution.max_slippage, execution.slippage_cap * (1 + plan.work.misses))
    market = plan.market
    if plan.work.misses or not has_book(plan.policy, plan.view, market):
        return cap
    needed = walked(market, plan.position.signed_size, size)
    return cap if needed is None else min(cap, needed + execution.slippage_cap // 4)


def walked(market: MarketView, signed_size: int, size: int) -> int | None:
    """How far from the mark the last unit of an exit of this size fills, ppm; None beyond the book.

    Not negative.
    """
    left = size
    sign = 1 if signed_size > 0 else -1
    for price, there in market.exit_side(signed_size):
        left -= there
        if left <= 0:
            return max(0, -(-PPM * sign * (market.mark - price) // market.mark))
    return None


def _worst(plan: Plan, size: int) -> int:
    return beyond(plan.market.mark, slippage_within(plan, size), plan.position.signed_size < 0)


def _touch(plan: Plan) -> int | None:
    """The best price of the own side of the exit: the ask for a long, the bid for a short."""
    levels = plan.market.exit_side(-plan.position.signed_size)
    return levels[0][0] if levels else None


def _slice(plan: Plan) -> int:
    """The size of a slice; at least one unit."""
    return max(1, plan.execution.slice // plan.market.mark)


def _due(plan: Plan) -> int:
    """What a TWAP should have closed by now: equal slices, the first at once."""
    execution = plan.execution
    slices = -(-execution.duration_ms // execution.interval_ms)
    passed = (plan.view.time_ms - plan.work.started_ms) // execution.interval_ms + 1
    whole = plan.work.started_size - plan.work.target
    return -(-whole * min(passed, slices) // slices)


def _share(plan: Plan) -> int:
    """What a POV may have closed: its share of all that was traded since it began."""
    assert plan.market.volume is not None
    assert plan.work.volume is not None
    traded = max(0, plan.market.volume - plan.work.volume)
    return traded * plan.execution.participation // PPM
