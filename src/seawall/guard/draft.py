"""A decision while it is being made: the view, what is known from before, and what is to be done.

Each rule reads it and adds to it: reductions, stops of entries, alerts, actions. At its end it is a
memory and actions, and nothing of the memory that it began with has been changed.
"""

from typing import NamedTuple

from seawall.domain.units import PPM
from seawall.guard.actions import Action, Alert, CancelOrder, PlaceOrder, QueryOrder
from seawall.guard.assess import Assessment
from seawall.guard.memory import (
    AccountMemory,
    FundingMemory,
    LegMemory,
    Memory,
    PairMemory,
    PositionMemory,
    Sent,
    StepMemory,
    Work,
)
from seawall.guard.policy import Policy
from seawall.guard.view import OrderView, PositionView, View

RESEND_MS = 2_000
"""After this long without an answer a cancel is sent, or an order is asked for, again; an order
that the venue has not taken by then has expired."""


class Reduction(NamedTuple):
    """That a position should be no larger than ``target``, why, and how to get there."""

    market: str
    target: int
    execution: str
    step: str
    episode: int
    why: str
    deadline_ms: int = 0


class Draft:
    """One decision. ``policy``, ``view``, ``before`` and ``assessment`` are read only."""

    def __init__(self, policy: Policy, view: View, before: Memory, found: Assessment) -> None:
        self.policy, self.view, self.before, self.assessment = policy, view, before, found
        self.now = view.time_ms
        self.account: AccountMemory | None = before.account
        self.steps: dict[str, StepMemory] = dict(before.steps)
        self.works: dict[str, Work] = dict(before.works)
        self.legs: dict[str, LegMemory] = dict(before.legs)
        self.positions: dict[str, PositionMemory] = dict(before.positions)
        self.pairs: dict[str, PairMemory] = dict(before.pairs)
        self.funding: dict[str, FundingMemory] = dict(before.funding)
        self.no_entries: dict[str, int] = dict(before.no_entries)
        self.asked: dict[str, int] = {}
        self.deferred_ms = before.deferred_ms
        self.stopped = before.stopped
        self.begun: set[str] = set()
        """Markets whose position was opened or flipped since the view before."""
        self.reductions: list[Reduction] = []
        self.actions: list[Action] = []
        self._raised: dict[str, None] = {}

    def alert(self, key: str, level: str, text: str) -> None:
        """Say something, once while its cause lasts: an alert lasts while each decision has it."""
        if key not in self._raised and key not in self.before.raised:
            self.actions.append(Alert(key=key, level=level, text=text))
        self._raised[key] = None

    def say(self, key: str, level: str, text: str) -> None:
        """Say something that happens now."""
        self.actions.append(Alert(key=key, level=level, text=text))

    def still_raised(self, key: str) -> None:
        """Let an alert that was raised before go on, where its cause cannot be judged now."""
        if key in self.before.raised:
            self._raised[key] = None

    def reduce(
        self, position: PositionView, target: int, execution: str, step: str, episode: int,
        why: str, deadline_ms: int = 0,
    ) -> None:  # fmt: skip
        """Ask for a position to be no larger than ``target``."""
        steps = self.view.market[position.market].whole_steps(position.size - target)
        target = max(0, min(position.size - steps, position.size))
        if target < position.size:
            self.reductions.append(
                Reduction(position.market, target, execution, step, episode, why, deadline_ms)
            )

    def stop_entries(self, market: str, until_ms: int) -> None:
        """Cancel what would open or increase a position of a market, until a time."""
        self.no_entries[market] = max(until_ms, self.no_entries.get(market, 0))

    def place(self, order: PlaceOrder) -> None:
        self.actions.append(order)

    def cancel(self, order: OrderView, why: str) -> None:
        """Cancel an open order, unless that was sent a moment ago or figures disagree."""
        if not self.may_send(order.market):
            return
        key = f"cancel {order.market} {order.order_id}"
        if self._may_ask(key):
            self.actions.append(
                CancelOrder(
                    market=order.market, order_id=order.order_id, client_id=order.client_id,
                    why=why,
                )
            )  # fmt: skip

    def query(self, market: str, client_id: str) -> None:
        """Ask what became of an order, unless that was asked a moment ago."""
        if self._may_ask(f"query {client_id}"):
            self.actions.append(QueryOrder(market=market, client_id=client_id))

    def state_of(self, sent: Sent) -> str:
        """What became of an order that is sent: ``open``, ``ended``, ``filled``, ``rejected``, or
        ``lost`` where the venue never had it and it has expired; empty while that is not known.

        ``settling`` where it has ended and the account was seen before that: its size is not yet
        what the order has left.
        """
        if sent.client_id in self.view.open_ids:
            return "open"
        status = self.view.status.get(sent.client_id)
        if status is None or status.answered_ms < sent.sent_ms:
            return ""
        if status.state != "unknown":
            seen_ms = self.view.observed.account_ms
            if seen_ms is None or seen_ms < status.answered_ms:
                return "settling"
            return "ended" if status.state == "cancelled" else status.state
        # Before it has expired it may still be on its way.
        is_final = status.asked_ms >= sent.sent_ms + RESEND_MS
        return ("ended" if sent.seen else "lost") if is_final else ""

    def _may_ask(self, key: str) -> bool:
        if key in self.asked:
            return False
        last = self.before.asked.get(key)
        if last is not None and self.now - last < RESEND_MS:
            self.asked[key] = last
            return False
        self.asked[key] = self.now
        return True

    def may_send(self, market: str) -> bool:
        """Whether the figures of the position's bucket and the venue's agree."""
        position = self.view.position.get(market)
        return position is None or position.bucket not in self.assessment.disagreeing

    def frozen(self) -> tuple[Memory, tuple[Action, ...]]:
        """The memory and the actions, without what no position needs any more."""
        kept = {
            key: at for key, at in self.before.asked.items()
            if key not in self.asked and self.now - at < RESEND_MS
        }  # fmt: skip
        memory = Memory(
            time_ms=self.now,
            account=self.account,
            steps=self.steps,
            works=self.works,
            legs=self.legs,
            positions=self.positions,
            pairs=self.pairs,
            funding=self.funding,
            no_entries={k: until for k, until in self.no_entries.items() if until > self.now},
            asked=kept | self.asked,
            raised=tuple(self._raised),
            deferred_ms=self.deferred_ms,
            stopped=self.stopped,
        )
        return memory, tuple(self.actions)


def increases(view: View, order: OrderView) -> bool:
    """Whether an open order could open, increase or flip a position."""
    if order.reduce_only:
        return False
    held = view.position.get(order.market)
    if held is None or order.is_buy == (held.signed_size > 0):
        return True
    return order.size > held.size


def beyond(price: int, slippage: int, is_buy: bool) -> int:
    """The price that is worse by a share, for the side of the order; rounded to the better."""
    if is_buy:
        return price * (PPM + slippage) // PPM
    return max(1, -(-price * (PPM - slippage) // PPM))
