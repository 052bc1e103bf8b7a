"""One run of a guard: the way to the venue, preflight before arming, the loop, a clean end.

Without ``arm`` no writer is made, so there is no object with which to trade. What a person asks
(``requests.py``) is taken every second, and what is known is written beside the journal for those
who watch (``status.py``).
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct, structs

from seawall.accounts.load import address_in
from seawall.domain.errors import InputError
from seawall.domain.units import HOUR_MS, from_units
from seawall.guard.actions import Action, AddMargin, Alert, CancelOrder, PlaceOrder
from seawall.guard.journal import Journal, JournalError, Opened
from seawall.guard.loop import Guard
from seawall.guard.notify import Notifier
from seawall.guard.observe import Observer
from seawall.guard.policy import EVERY_MARKET, Policy
from seawall.guard.preflight import Due, due_at_once, not_judged
from seawall.guard.requests import RESET, STOP, asked, drop
from seawall.guard.status import Said, Status, without_books, write_status
from seawall.guard.supported import check_supported
from seawall.guard.view import View
from seawall.guard.watchdog import held_up
from seawall.report.kinds import money
from seawall.venues.gateway_port import Network, VenueReader, VenueWriter
from seawall.venues.raw_json import VenueDataError
from seawall.venues.registry import gateway_of

STATUS_S = 1.0
"""How often requests are taken; the status is written no more often."""
PATIENT_S = 10.0
"""After so long without an account it is said that the venue does not answer."""
END_S = 15.0
"""How long a look that is under way may go on when the guard is ended."""

LINES = 12
"""So many of the last lines are in the status."""
NOT_DONE = 1_000
"""So many of the last actions that were not done are not said again."""


class NotArmed(InputError):
    """Steps would fire at once; ``due`` says which."""

    def __init__(self, due: Sequence[Due]) -> None:
        super().__init__("armed now, these steps would fire at once; --fire-at-once allows it")
        self.due = tuple(due)


class Run(Struct, frozen=True, kw_only=True):
    """What one run is given. ``key``, ``owner_key``: places of keys (``env:NAME``, ``file:PATH``).

    ``at``: URL of a sandbox; ``real_money``: what the command line says of it.
    ``overrides``: of this run alone.
    """

    policy: Policy
    address: str
    journal: Path
    network: str = ""
    at: str = ""
    key: str = ""
    owner_key: str = ""
    arm: bool = False
    real_money: bool = False
    fire_at_once: bool = False
    overrides: tuple[str, ...] = ()


class _KeptViews(Observer):
    """An observer that keeps its last view."""

    last: View | None = None

    def view(self, *, resets: Sequence[str] = (), overrides: Sequence[str] = ()) -> View | None:
        self.last = super().view(resets=resets, overrides=overrides)
        return self.last


class _Reporting(Guard):
    """A guard that says what it decides. ``looking``: held while a look is under way."""

    seen: _KeptViews
    tell: Callable[[Sequence[Action]], None]
    after: Callable[[], None]
    looking: asyncio.Lock

    async def look(self) -> tuple[Action, ...]:
        async with self.looking:
            actions = await super().look()
        self.tell(actions)
        self.after()
        return actions

    def status(self, status: Status) -> Status:
        """What it knows, put into a status."""
        memory, view = self._memory, self.seen.last
        return structs.replace(
            status,
            memory=None if memory is None else structs.replace(memory, quiet=None),
            view=None if view is None else without_books(view),
            trouble=self._trouble,
        )


class Running:
    """One run. Raises InputError for what it cannot begin with; nothing is connected before
    ``guard``. ``say``: is given what happens, line by line."""

    def __init__(self, run: Run, notifier: Notifier, say: Callable[[str], None]) -> None:
        self._run, self._notifier, self._print = run, notifier, say
        self._said: deque[Said] = deque(maxlen=LINES)
        self._not_done: deque[str] = deque(maxlen=NOT_DONE)
        venue, address = _venue_of(run.address)
        self._run = run = structs.replace(run, address=address)
        gateway = gateway_of(venue)
        check_supported(run.policy, gateway, venue)
        self.network: Network = gateway.network(
            run.network, url=run.at, in_policy=run.policy.real_money, on_command=run.real_money
        )
        # Both are made once before the journal is, so that bad input leaves no file.
        gateway.reader(self.network, run.address)
        self.writer: VenueWriter | None = None
        if run.arm:
            self.writer = gateway.writer(self.network, run.address, run.key, run.owner_key)
        self.journal = Journal(run.journal)
        try:
            last = _opened_of(self.journal, run.address, self.network)
        except JournalError:
            self.journal.close()
            raise
        now_ms = _now_ms()
        # A sandbox keeps time of its own: there all flows count, not those since a moment of ours.
        is_sandbox = self.network.name == gateway.networks[0]
        since_ms = 1 if is_sandbox else now_ms - HOUR_MS
        self._ledger_from_ms = since_ms if last is None else last.ledger_from_ms
        version = run.policy.version
        self.goes_on = last is not None and last.is_armed and last.version == version
        self.reader: VenueReader = gateway.reader(
            self.network, run.address, _markets(run.policy), self._ledger_from_ms
        )
        self._observer = _KeptViews(venue, self.reader, _markets(run.policy))
        self._guard = self._made()
        self._status = Status(
            pid=os.getpid(), started_ms=now_ms, looked_ms=now_ms, decided_ms=0,
            address=run.address, network=self.network.name, url=self.network.url,
            is_armed=run.arm, policy=run.policy,
        )  # fmt: skip
        self._ending = asyncio.Event()
        self._why, self._unread = "", ""
        # Requests that were carried out before this run, or that this run has been given.
        self._known = self.journal.taken()

    def _say(self, text: str) -> None:
        self._said.append(Said(_now_ms(), text))
        self._print(text)

    def end(self, why: str) -> None:
        """Have the run end once the look that is under way is over."""
        self._why = self._why or why
        self._ending.set()

    async def guard(self) -> str:
        """Guard until it is ended; why it was. Raises NotArmed, and JournalError."""
        tasks = [asyncio.create_task(self.reader.run())]
        notifying = asyncio.create_task(self._notifier.run())
        failure = "the guard has ended by itself"
        self._take(is_start=True)
        try:
            await self._waited(tasks[0], self._no_account, PATIENT_S)
            if self._run.arm and not self.goes_on:
                await self._waited(tasks[0], self._not_judged, 0.0)
            if not self._ending.is_set():
                await self._check_key()
                self._preflight()
                self._open()
                tasks += [
                    asyncio.create_task(self._guard.run()), asyncio.create_task(self._listen())
                ]  # fmt: skip
                await self._until_end(tasks)
            failure = ""
        except Exception as error:
            failure = str(error) or type(error).__name__
            raise
        finally:
            await self._close(tasks, notifying, failure)
        return self._why

    async def _until_end(self, tasks: "Sequence[asyncio.Task[None]]") -> None:
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait([*tasks, ending], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        for each in tasks:
            if each.done():
                each.result()

    async def _close(
        self, tasks: "Sequence[asyncio.Task[None]]", notifying: "asyncio.Task[None]", failure: str
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await self._guard.looking.acquire()
        for each in (*tasks, notifying):
            each.cancel()
        await asyncio.gather(*tasks, notifying, return_exceptions=True)
        if failure:
            self._hear(Alert(key="ended", level="critical", text=f"the guard has ended: {failure}"))
        self._write(ended=failure or self._why)
        self.journal.close()
        await self._notifier.flush()
        if self.writer is not None:
            await self.writer.close()

    async def _waited(
        self, reading: "asyncio.Task[None]", why: Callable[[], str], patience_s: float
    ) -> None:
        """Until there is no reason to wait any more, or the run is ended. A reason that lasts is
        said once."""
        waited_s, is_said = 0.0, False
        while not self._ending.is_set() and (reason := why()):
            if reading.done():
                reading.result()
            if waited_s >= patience_s and not is_said:
                is_said = True
                self._hear(Alert(key="waiting", level="warning", text=reason))
            self._take()
            self._write()
            await asyncio.sleep(STATUS_S / 4)
            waited_s += STATUS_S / 4

    def _no_account(self) -> str:
        state = self.reader.state()
        if state is not None and state.is_live:
            return ""
        return f"no account from {self.network.url} yet; waiting for it"

    def _not_judged(self) -> str:
        """Why it cannot be said what would fire at once: on such figures nothing is armed."""
        try:
            view = self._observer.view(overrides=self._run.overrides)
        except InputError as error:
            return f"not armed yet: {error}"
        assert view is not None
        why = not_judged(self._run.policy, view)
        return why and f"not armed yet: {why}"

    async def _check_key(self) -> None:
        """Refuse to arm with a key whose orders the venue would refuse; a run that goes on says
        so and holds what it has."""
        if self.writer is None:
            return
        try:
            why = await self.writer.check()
        except VenueDataError as error:
            why = f"it could not be asked whether the key is an agent's: {error}"
            self._hear(Alert(key="key", level="warning", text=why))
            return
        if why and not self.goes_on:
            raise InputError(f"key: {why}")
        if why:
            self._hear(Alert(key="key", level="critical", text=f"nothing can be sent: {why}"))

    def _preflight(self) -> None:
        """Refuse to arm where steps would fire at once. A run that goes on where an armed one of
        the same policy was is not refused: it is in the middle of what it does."""
        try:
            view = self._observer.view(overrides=self._run.overrides)
        except InputError:
            return  # The guard says so, and goes on once it can be read.
        assert view is not None
        due = [each for each in due_at_once(self._run.policy, view) if each.is_order]
        if due and self._run.arm and not self._run.fire_at_once and not self.goes_on:
            raise NotArmed(due)
        for each in due:
            self._say(f"at once: {each.what}, {each.where}: {each.why}")

    def _open(self) -> None:
        self.journal.write(
            Opened(
                time_ms=_now_ms(),
                address=self._run.address,
                network=self.network.name,
                policy=self._run.policy.name,
                version=self._run.policy.version,
                ledger_from_ms=self._ledger_from_ms,
                is_armed=self._run.arm,
            )
        )
        mode = "armed" if self._run.arm else "not armed: it only says what it would do"
        self._say(f"guarding {self._run.address} at {self.network.url}, {mode}")

    def _made(self) -> _Reporting:
        run = self._run
        made = _Reporting(
            run.policy, self.reader, self._observer, self.journal, self.writer, self._hear,
            run.overrides,
        )  # fmt: skip
        made.seen, made.tell, made.after = self._observer, self._tell, self._write_sometimes
        made.looking = asyncio.Lock()
        return made

    def _hear(self, alert: Alert) -> None:
        self._say(f"{alert.level}: {alert.text}")
        self._notifier.hear(alert)

    def _tell(self, actions: Sequence[Action]) -> None:
        view = self._observer.last
        for each in actions:
            if view is None or not (text := action_text(each, view)):
                continue
            if self._run.arm:
                self._say(text)
            elif (name := action_name(each)) not in self._not_done:
                # What is not done is decided again and again, under the same name.
                self._not_done.append(name)
                self._say(f"would {text}")

    async def _listen(self) -> None:
        while True:
            self._take()
            await asyncio.sleep(STATUS_S)

    def _take(self, *, is_start: bool = False) -> None:
        """Take requests; a stop that is older than this run was for another. A reset is dropped
        once its decision is in the journal."""
        try:
            found = asked(self._run.journal)
            for each in found:
                if each.what == RESET and each.token not in self._known:
                    self._known.add(each.token)
                    self._guard.reset(each.name, each.token)
                elif each.what == STOP and not is_start:
                    self.end("stopped as was asked")
            given = {token for _, token in self._guard.resets}
            if over := {each.token for each in found} - given:
                drop(self._run.journal, over)
            self._unread = ""
        except InputError as error:
            # What it protects is worth more than what cannot be read; a signal still ends it.
            if str(error) != self._unread:
                self._unread = str(error)
                self._hear(Alert(key="requests", level="warning", text=self._unread))

    def _write_sometimes(self) -> None:
        if _now_ms() - self._status.looked_ms >= 1000 * STATUS_S or self._observer.last is None:
            self._write()

    def _write(self, ended: str = "") -> None:
        now_ms = _now_ms()
        status = self._guard.status(self._status)
        is_decided = status.view is not None and not status.trouble and not held_up(status)
        self._status = structs.replace(
            self._status,
            looked_ms=now_ms,
            decided_ms=now_ms if is_decided else self._status.decided_ms,
        )
        made = structs.replace(
            status,
            looked_ms=now_ms,
            decided_ms=self._status.decided_ms,
            ended=ended,
            said=tuple(self._said),
        )
        try:
            write_status(self._run.journal, made)
        except OSError as error:
            self._say(f"warning: the status cannot be written: {error.strerror}")


def action_name(action: Action) -> str:
    """The same for an action that is repeated because the one before was not done; empty for a
    question and for an alert."""
    if isinstance(action, PlaceOrder):
        return action.client_id
    if isinstance(action, CancelOrder):
        return f"{action.market} {action.order_id}"
    return f"{action.bucket} {action.name}" if isinstance(action, AddMargin) else ""


def action_text(action: Action, view: View) -> str:
    """What is done, in words; empty for a question and for an alert."""
    if isinstance(action, PlaceOrder):
        market = view.market[action.market]
        size = from_units(action.size, market.size_decimals)
        price = from_units(action.trigger_price or action.price, market.price_decimals)
        how = f"when the mark is at {price}" if action.trigger_price else f"at {price} or better"
        side = "buy" if action.is_buy else "sell"
        return f"{side} {size} {action.market} {how}: {action.why}"
    if isinstance(action, CancelOrder):
        return f"cancel order {action.order_id} in {action.market}: {action.why}"
    if isinstance(action, AddMargin):
        return f"add {money(action.amount)} USD to {action.bucket}: {action.why}"
    return ""


def _venue_of(address: str) -> tuple[str, str]:
    """The venue whose address it is, and its usual form. Raises InputError."""
    found = address_in(address)
    if found is None:
        expected = "the address of an account on a venue that is known here"
        raise InputError.of("", "address", address, expected)
    return found[0].name, found[1]


def _markets(policy: Policy) -> list[str]:
    """Markets that a policy names: they are followed before there is a position."""
    named = [each.market for each in policy.steps] + [each.market for each in policy.stops]
    named += [leg for each in policy.pairs for leg in each.legs]
    return [each for each in dict.fromkeys(named) if each != EVERY_MARKET]


def _opened_of(journal: Journal, address: str, network: Network) -> Opened | None:
    """The last run of a journal. Raises JournalError for one of another account."""
    found = None
    for each in journal.entries():
        if isinstance(each, Opened):
            found = each
    if found is not None and (found.address, found.network) != (address, network.name):
        raise JournalError(
            f"{journal.path}: is the journal of {found.address} at {found.network}; each account "
            "has its own"
        )
    return found


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
