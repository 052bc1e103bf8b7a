"""The running guard: observe, mirror, assess, decide, act, journal, again and again.

A decision and what is known after it are in the journal before anything is sent, so a guard that is
killed goes on where it was. Nothing is sent twice by itself: an answer that does not come is
``Unknown``, the order stays in the memory as sent, and ``decide`` has the venue asked before the
same order may follow under the same id. That a target was reached is seen in later views.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from seawall.domain.errors import InputError, SeawallError
from seawall.guard.actions import (
    Action,
    AddMargin,
    Alert,
    CancelOrder,
    PlaceOrder,
    QueryOrder,
)
from seawall.guard.decide import decide
from seawall.guard.draft import RESEND_MS
from seawall.guard.journal import Acted, Decided, Failed, Journal
from seawall.guard.memory import Memory
from seawall.guard.observe import Observer
from seawall.guard.policy import POOL, WALLET, Policy
from seawall.guard.recover import recovered
from seawall.guard.view import View
from seawall.venues.gateway_port import (
    Accepted,
    Outcome,
    ReduceOrder,
    Refused,
    Unknown,
    VenueReader,
    VenueWriter,
)
from seawall.venues.raw_json import VenueDataError

LOOK_S = 1.0
"""A look is taken at each change, and after so long without one: time passes too."""
CHECKPOINT_MS = 60_000
"""What is known is written down at least so often."""
_KINDS = {
    "immediate": "immediate", "post_only": "post_only", "resting": "resting", "trigger": "trigger",
}  # fmt: skip
NOT_ARMED = Refused("not armed: there is nothing to act with", was_sent=False)


class Guard:
    """Guards one account by one policy. ``writer``: None where it only says what it would do;
    ``hear``: is given every alert. ``overrides``: of this run."""

    def __init__(
        self,
        policy: Policy,
        reader: VenueReader,
        observer: Observer,
        journal: Journal,
        writer: VenueWriter | None = None,
        hear: Callable[[Alert], None] = lambda alert: None,
        overrides: Sequence[str] = (),
    ) -> None:
        self.policy = policy
        self._reader, self._observer, self._writer = reader, observer, writer
        self._journal, self._hear = journal, hear
        self._overrides = tuple(overrides)
        self.resets: list[tuple[str, str]] = []
        """Names that the next decision resets, and the token of each request; what is gone from
        here is in the journal."""
        self._memory: Memory | None = None
        self._written: Memory | None = None
        self._trouble = ""

    def reset(self, name: str, token: str = "") -> None:
        """Have the next decision reset what is called so; ``token``: of the request."""
        self.resets.append((name, token))

    async def run(self) -> None:
        """Guard until cancelled. Raises JournalError: without a journal nothing is done."""
        seen = 0
        while True:
            seen = await self._reader.changed(seen, LOOK_S)
            await self.look()

    async def look(self) -> tuple[Action, ...]:
        """One look: what was decided and carried out."""
        state = self._reader.state()
        if state is None or (self._memory is None and not (state.is_live or state.connection > 1)):
            # The first look waits for the first connection, and no longer if that fails.
            return ()
        resets = list(self.resets)
        try:
            names = [name for name, _ in resets]
            view = self._observer.view(resets=names, overrides=self._overrides)
        except InputError as error:
            self._fail(str(error))
            return ()
        assert view is not None
        self._trouble = ""
        if self._memory is None:
            last = self._journal.last(armed_only=self._writer is not None)
            self._memory = recovered(self.policy, None if last is None else last.memory, view)
            if last is not None:
                self._say_again(last, view.time_ms)
        after, actions = decide(self.policy, self._memory, view)
        if actions or resets or self._is_news(after):
            taken = tuple(token for _, token in resets if token)
            self._journal.write(
                Decided(
                    time_ms=view.time_ms, memory=after, actions=actions, seen=_seen(view),
                    taken=taken,
                )
            )  # fmt: skip
            self._written = after
            del self.resets[: len(resets)]
        self._memory = after
        await self._carry_out(actions, view)
        return actions

    def _say_again(self, last: Decided, now_ms: int) -> None:
        """What was said last before a restart may not have been sent; what lasts is said anyway."""
        for each in last.actions if now_ms - last.time_ms <= CHECKPOINT_MS else ():
            if isinstance(each, Alert) and each.key not in last.memory.raised:
                self._hear(structs.replace(each, text=f"before the restart: {each.text}"))

    def _is_news(self, after: Memory) -> bool:
        """Whether there is something in a memory that must outlive this process."""
        before = self._written
        if before is None or after.time_ms - before.time_ms >= CHECKPOINT_MS:
            return True
        return _lasting(after) != _lasting(before)

    def _fail(self, why: str) -> None:
        """Say once what keeps the guard from deciding."""
        if why == self._trouble:
            return
        self._trouble = why
        state = self._reader.state()
        now_ms = 0 if state is None else state.time_ms
        self._journal.write(Failed(time_ms=now_ms, why=why))
        self._hear(Alert(key="unreadable", level="critical", text=f"nothing is decided: {why}"))

    async def _carry_out(self, actions: Sequence[Action], view: View) -> None:
        """All actions: those of one market one after the other, the markets side by side."""
        chains: dict[str, list[int]] = {}
        for number, each in enumerate(actions):
            if isinstance(each, Alert):
                self._hear(each)
                continue
            market = each.bucket if isinstance(each, AddMargin) else each.market
            chains.setdefault(market, []).append(number)

        async def follow(numbers: Sequence[int]) -> None:
            for number in numbers:
                outcome = await self._act(actions[number], view)
                self._journal.write(Acted(time_ms=view.time_ms, number=number, outcome=outcome))

        await asyncio.gather(*(follow(numbers) for numbers in chains.values()))

    async def _act(self, action: Action, view: View) -> Outcome:
        try:
            if isinstance(action, QueryOrder):
                return await self._query(action)
            if self._writer is None:
                return NOT_ARMED
            return await self._write(self._writer, action, view)
        except SeawallError as error:
            return Refused(str(error), was_sent=False)

    async def _query(self, action: QueryOrder) -> Outcome:
        try:
            found = await self._reader.order(action.client_id)
        except VenueDataError as error:
            return Unknown(str(error))
        return Accepted(found.state)

    async def _write(self, writer: VenueWriter, action: Action, view: View) -> Outcome:
        expires_ms = view.time_ms + RESEND_MS
        if isinstance(action, PlaceOrder):
            return await writer.place(
                ReduceOrder(
                    market=action.market,
                    is_buy=action.is_buy,
                    size=action.size,
                    price=action.price,
                    size_decimals=view.market[action.market].size_decimals,
                    kind=_KINDS[action.kind],  # type: ignore[arg-type]
                    client_id=action.client_id,
                    expires_ms=action.expires_ms,
                    trigger_price=action.trigger_price,
                    take_profit=action.take_profit,
                )
            )
        if isinstance(action, CancelOrder):
            if action.client_id:
                return await writer.cancel(action.market, action.client_id, expires_ms)
            return await writer.cancel_other(action.market, action.order_id, expires_ms)
        assert isinstance(action, AddMargin)
        is_cross = action.bucket.startswith("cross")
        if action.source == POOL and not is_cross:
            return await writer.add_isolated_margin(action.bucket, action.amount, expires_ms)
        if action.source == WALLET and action.bucket == "cross":
            return await writer.add_collateral(action.amount)
        return Refused(
            f"money cannot be moved from {action.source} to {action.bucket} here", was_sent=False
        )


def _lasting(memory: Memory) -> Memory:
    """A memory without what each look changes."""
    account = memory.account
    if account is not None:
        account = structs.replace(
            account,
            measured_ms=0,
            peak=structs.replace(account.peak, smoothed=0),
            day=structs.replace(account.day, smoothed=0),
            rise=None,
        )
    return structs.replace(memory, time_ms=0, quiet=None, account=account)


def _seen(view: View) -> dict[str, Any]:
    """The figures of a view that explain a decision."""
    return {
        "equity": view.equity,
        "marks": {name: each.mark for name, each in view.market.items()},
        "sizes": {name: each.signed_size for name, each in view.position.items()},
        "ratios": {each.name: each.ratio for each in view.buckets},
        "observed": view.observed,
    }
