"""One page: what it looks at, what it has still to be sent, and the answers to what it asks.

Nothing waits in a queue but answers and notices, which are bounded: a surface is only marked as out
of date, and made when it is sent. So a slow page gets the newest state, later, and costs nothing.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import WSMsgType, web
from msgspec import Raw, Struct

from seawall.domain.errors import InputError, SeawallError
from seawall.domain.events import AccountCreated, Event, PriceUpdated
from seawall.terminal import protocol
from seawall.terminal.cascade import KINDS, cascade
from seawall.terminal.market import book, candles, markets, trades
from seawall.terminal.notices import notices
from seawall.terminal.past import history, liquidation_map
from seawall.terminal.questions import QUESTIONS
from seawall.terminal.stage import Stage
from seawall.venues.port import Applied, Refusal

log = logging.getLogger(__name__)

MAX_MESSAGE = 64 * 1024
MOST_NOTICES = 200
MOST_ANSWERS = 256
"""That wait to be sent: a page that takes none of them is asked for nothing more."""
BEAT_S = 2.0
"""A connection on which nothing else was sent for so long says that it stands."""
DAY_S = 86_400.0
PACE = {
    "snapshot": 0.0,
    "venue": 1.0,
    "book": 0.1,
    "account": 0.1,
    "twaps": 0.5,
    "trades": 0.25,
    "candles": 0.5,
    "markets": 0.5,
    "history": 0.5,
    "cascade": 0.5,
    "map": 2.0,
    "guard": 1.0,
}
"""Seconds between two messages of a surface, at least; the first in order goes first."""
CHANGING = tuple(each for each in PACE if each not in ("snapshot", "guard"))
BEAT = msgspec.json.encode(protocol.Beat())
OF_MARKET = ("book", "trades", "candles", "map", "cascade", "account")
OF_ACCOUNT = ("account", "twaps", "history", "book", "map", "cascade")


class Sent(Struct, rename="camel"):
    """``protocol.Sent`` with its message encoded already."""

    sequence: int
    message: Raw


class Connection:
    """Implements ``stage.Looking``. ``clock``: seconds, for the pace."""

    def __init__(
        self,
        stage: Stage,
        socket: web.WebSocketResponse,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stage = stage
        self._socket = socket
        self._clock = clock
        self.market = 0
        self.account = stage.first_account()
        self.interval: protocol.Interval = "1m"
        self._sequence = 0
        self._spoke_at = clock()
        self._epoch = stage.epoch
        self._dirty = dict.fromkeys(PACE, True)
        self._sent_at = dict.fromkeys(PACE, -DAY_S)
        self._last: dict[str, bytes] = {}
        self._candles_ms: int | None = None
        """When the newest candle that the page has was opened."""
        self._answers: deque[bytes] = deque()
        self._room = asyncio.Event()
        self._notices: deque[protocol.Notice] = deque(maxlen=MOST_NOTICES)
        self._newest: dict[type[Any], protocol.Ask] = {}
        self._asked = asyncio.Event()
        self._wake = asyncio.Event()
        self._wake.set()

    def begin_with(self, named: Mapping[str, str]) -> None:
        """Look first at the ``market``, the ``account`` (its address) and the ``interval`` that
        are named, as far as there are such."""
        scene = self._stage.scene
        self.market = scene.market_rows.get(named.get("market", ""), self.market)
        address = named.get("account", "")
        shown = (row for row in scene.names.shown() if scene.names.of(row).address == address)
        self.account = next(shown, self.account)
        with suppress(msgspec.ValidationError):
            self.interval = msgspec.convert(named.get("interval"), protocol.Interval)

    # -- what happens ----------------------------------------------------------------------------

    def heard(self, batch: Sequence[Applied]) -> None:
        """Mark what is out of date; called for everything that took effect."""
        if not batch:
            self.out_of_date(*CHANGING)
        for applied in batch:
            for event in applied.events:
                self._event(event)
        self._notices.extend(notices(self._stage.scene, batch, self.account))
        self._wake.set()

    def _event(self, event: Event) -> None:
        market = getattr(event, "market", -1)
        if isinstance(event, PriceUpdated):
            self.out_of_date("markets", "account", "map", "cascade")
        elif market == self.market:
            self.out_of_date("book", "trades", "candles", "markets", "cascade", "map")
        elif market >= 0:
            self.out_of_date("markets")
        if getattr(event, "account", -1) == self.account:
            self.out_of_date("account", "twaps", "history")
        if type(event) in KINDS:
            self.out_of_date("cascade", "map")
        elif isinstance(event, AccountCreated):
            self.out_of_date("snapshot")

    def out_of_date(self, *surfaces: str) -> None:
        for each in surfaces:
            self._dirty[each] = True

    def tick(self) -> None:
        """A second has passed: what goes on without a command that is heard."""
        if self._stage.epoch != self._epoch:
            self._epoch = self._stage.epoch
            self._again(everything=True)
        self.out_of_date("venue", "guard", "candles", "twaps")
        self._wake.set()

    def _again(self, *, everything: bool = False, surfaces: Sequence[str] = ()) -> None:
        """Send surfaces whether they changed or not, at once."""
        for each in PACE if everything else surfaces:
            self._dirty[each] = True
            self._sent_at[each] = -DAY_S
            self._last.pop(each, None)
        if everything or "candles" in surfaces:
            self._candles_ms = None
        self._wake.set()

    # -- sending ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the page has gone. Raises what kept it from being read or sent to."""
        tasks = [
            asyncio.create_task(self._read_all(), name="seawall-terminal-read"),
            asyncio.create_task(self._send_all(), name="seawall-terminal-send"),
            asyncio.create_task(self._answer_newest(), name="seawall-terminal-newest"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _read_all(self) -> None:
        async for message in self._socket:
            while len(self._answers) >= MOST_ANSWERS:
                self._room.clear()
                await self._room.wait()
            if message.type == WSMsgType.TEXT:
                await self._asked_for(message.data)

    async def _send_all(self) -> None:
        wait: float | None = None
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            self._wake.clear()
            wait = await self._send_due()

    async def _send_due(self) -> float | None:
        """Send what may be sent; seconds until more may be, None where nothing waits."""
        soonest: float | None = None
        for surface, pace in PACE.items():
            while self._answers:
                await self._send(self._answers.popleft())
                self._room.set()
            if not self._dirty[surface]:
                continue
            due = self._sent_at[surface] + pace - self._clock()
            if due > 0:
                soonest = due if soonest is None else min(due, soonest)
                continue
            self._dirty[surface] = False
            self._sent_at[surface] = self._clock()
            body = msgspec.json.encode(self._made(surface))
            if self._last.get(surface) != body:
                self._last[surface] = body
                await self._send(body)
            await asyncio.sleep(0)
        while self._notices:
            await self._send(msgspec.json.encode(self._notices.popleft()))
        if self._clock() - self._spoke_at >= BEAT_S:
            await self._send(BEAT)
        return soonest

    async def _send(self, body: bytes) -> None:
        self._sequence += 1
        self._spoke_at = self._clock()
        sent = msgspec.json.encode(Sent(self._sequence, Raw(body)))
        await self._socket.send_str(sent.decode())

    def _made(self, surface: str) -> protocol.Surface:
        scene, stage = self._stage.scene, self._stage
        match surface:
            case "snapshot":
                return stage.snapshot()
            case "venue":
                return stage.venue(self)
            case "book":
                return book(scene, self.market, self.account)
            case "account":
                return stage.account(self)
            case "twaps":
                return stage.twaps(self.account)
            case "trades":
                return trades(scene, self.market)
            case "candles":
                found = candles(scene, self.market, self.interval, self._candles_ms)
                if found.candles:
                    self._candles_ms = found.candles[-1].time_ms
                return found
            case "markets":
                return markets(scene)
            case "history":
                return history(scene, self.account)
            case "cascade":
                return cascade(scene, stage.cascade, self.market, self.account)
            case "map":
                return liquidation_map(scene, self.market, self.account)
            case _:
                return stage.guard.shown(time.time_ns() // 1_000_000)

    # -- answering -------------------------------------------------------------------------------

    async def _asked_for(self, text: str) -> None:
        try:
            asked = msgspec.json.decode(text, type=protocol.Ask)
        except msgspec.MsgspecError as error:
            refused = protocol.Refused("message", text[:60], f"a message of the protocol ({error})")
            self._answer(_id_of(text), refused)
            return
        kind = type(asked.request)
        if kind in QUESTIONS:
            older = self._newest.pop(kind, None)
            if older is not None:
                self._answer(older.id, protocol.Superseded())
            self._newest[kind] = asked
            self._asked.set()
            return
        await self._do(asked)

    async def _answer_newest(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._newest:
                await self._do(self._newest.pop(next(iter(self._newest))))

    async def _do(self, asked: protocol.Ask) -> None:
        try:
            found = await self._answer_to(asked.request)
        except InputError as error:
            shown = "" if error.value is None else str(error.value)
            found = protocol.Refused(error.field, shown, error.expected or str(error))
        except SeawallError as error:
            found = protocol.Refused("", "", str(error))
        except Refusal as refusal:
            found = protocol.Refused("venue", refusal.reason, "try again")
        except Exception:
            log.exception("a request of the terminal could not be answered")
            found = protocol.Refused("venue", "", "try again; the venue's log says what went wrong")
        self._answer(asked.id, found)

    def _answer(self, number: int, found: protocol.Answer) -> None:
        self._answers.append(msgspec.json.encode(protocol.Answered(number, found)))
        self._wake.set()

    async def _answer_to(self, request: protocol.AnyRequest) -> protocol.Answer:
        if isinstance(request, protocol.Resynchronise):
            self._again(everything=True)
            return protocol.Done("everything is sent again")
        if isinstance(request, protocol.Watch):
            return self._watch(request)
        found = await self._stage.act(request, self)
        if isinstance(request, protocol.Control | protocol.Play):
            self.tick()
            self._again(surfaces=["venue"])
        elif isinstance(request, protocol.PlaceTwap | protocol.CancelTwap):
            self._again(surfaces=["twaps"])
        return found

    def _watch(self, request: protocol.Watch) -> protocol.Done:
        """Raises InputError, with nothing changed."""
        scene = self._stage.scene
        market = self.market if request.market is None else scene.market(request.market)
        row = self.account if request.account is None else scene.account(request.account)
        interval = self.interval if request.interval is None else request.interval
        changed = {"venue"}
        changed |= set(OF_MARKET) if market != self.market else set()
        changed |= set(OF_ACCOUNT) if row != self.account else set()
        changed |= {"candles"} if interval != self.interval else set()
        self.market, self.account, self.interval = market, row, interval
        self._again(surfaces=sorted(changed))
        return protocol.Done("in view")


def _id_of(text: str) -> int:
    """The id of a message that is otherwise wrong; 0 where it has none."""
    with suppress(msgspec.MsgspecError):
        return msgspec.json.decode(text, type=_Id).id
    return 0


class _Id(Struct):
    id: int = 0
