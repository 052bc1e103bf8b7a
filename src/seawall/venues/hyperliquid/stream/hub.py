"""``/ws``: connections, what they subscribed to, and the pump that sends them what happened.

The machine's listener only puts aside what took effect and wakes the pump. The pump computes each
topic once for all its readers and puts the same bytes into the outbox of every reader; a task of
each connection's own sends them. So a slow reader costs its own outbox and nothing else.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web
from msgspec import Struct

from seawall.domain.events import Deleveraged, OrderFilled
from seawall.venues.hyperliquid.info.base import DeskView
from seawall.venues.hyperliquid.info.history import twap_entries
from seawall.venues.hyperliquid.stream.channels import (
    CHANNELS,
    Topic,
    candles_since,
    message,
    without_times,
)
from seawall.venues.hyperliquid.stream.news import News, trade_data, user_data
from seawall.venues.outbox import Outbox
from seawall.venues.port import Applied

log = logging.getLogger(__name__)

MAX_PENDING = 20_000
"""Commands put aside for the pump; beyond it the oldest are dropped."""


WORK_S = 0.004
"""How long the pump shows states at a time."""
REST = 4
"""How much longer than it worked the pump leaves the time to everything else."""
LEAST_REST_S = 0.001

FEE_PATIENCE_S = 0.5
"""How long a message waits for builder fees, at most."""


class Pace(Struct, frozen=True):
    """Seconds between two messages of a state topic, at least; real time, whatever the clock."""

    book: float = 0.5
    state: float = 1.0
    now: float = 0.0


class _Shown:
    """A topic with readers."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.channel = CHANNELS[topic.kind]
        self.readers: set[Reader] = set()
        self.is_dirty = False
        self.sent_at = -1e9
        self.last: Any = None
        """The state as it was sent last; of time-weighted orders, their entries."""


class Reader:
    """One connection's end of the pump. ``drop`` is called once it is too slow."""

    def __init__(self, drop: Callable[[], None]) -> None:
        self.outbox = Outbox()
        self.topics: set[Topic] = set()
        self._drop = drop

    def send(self, body: bytes, topic: Topic | None = None) -> None:
        """``topic``: of state, where an unsent older message is out of date."""
        if not self.outbox.offer(body, topic):
            self._drop()


class Hub:
    """All topics of one venue and who reads them. ``clock``: seconds, for the pace."""

    def __init__(
        self, venue: DeskView, pace: Pace | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.venue = venue
        self._clock = clock
        self._pace = pace or Pace()
        self._shown: dict[Topic, _Shown] = {}
        self._pending: list[Applied] = []
        self._joining: list[tuple[Reader, Topic]] = []
        """Subscriptions to what happens, made while something waits to be sent."""
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._stop_listening: Callable[[], None] | None = None

    # -- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        self._stop_listening = self.venue.desk.listen(self._listen)
        self._pump = asyncio.create_task(self._run(), name="seawall-streams")

    async def stop(self) -> None:
        if self._stop_listening is not None:
            self._stop_listening()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    @property
    def is_idle(self) -> bool:
        """Whether everything that happened has been sent or waits for its pace."""
        return not self._pending and not self._wake.is_set()

    def _listen(self, applied: Sequence[Applied]) -> None:
        if self._shown:
            if len(self._pending) > MAX_PENDING:
                del self._pending[: MAX_PENDING // 2]
            self._pending.extend(applied)
            self._wake.set()

    # -- readers --------------------------------------------------------------------------------

    def subscribe(self, reader: Reader, topic: Topic) -> None:
        """Send the present state, and from then on what happens.

        At once, but not while something waits that the present state includes: it would be sent
        to the new reader again.
        """
        reader.topics.add(topic)
        if self._pending and not CHANNELS[topic.kind].state:
            self._joining.append((reader, topic))
        else:
            self._join(reader, topic)

    def _join(self, reader: Reader, topic: Topic) -> None:
        shown = self._shown.setdefault(topic, _Shown(topic))
        shown.readers.add(reader)
        channel = shown.channel
        if channel.first is None:
            return
        data = channel.first(self.venue, topic)
        if shown.last is None:
            shown.last = self._memory(topic, data)
            shown.sent_at = self._clock()
        if data is not None:
            reader.send(message(channel.name, data))

    def _memory(self, topic: Topic, data: Any) -> Any:
        if topic.kind == "userTwapHistory":
            return data["history"]
        return without_times(data)

    def unsubscribe(self, reader: Reader, topic: Topic) -> None:
        reader.topics.discard(topic)
        shown = self._shown.get(topic)
        if shown is not None:
            shown.readers.discard(reader)
            if not shown.readers:
                del self._shown[topic]

    def leave(self, reader: Reader) -> None:
        for topic in list(reader.topics):
            self.unsubscribe(reader, topic)

    # -- the pump -------------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._fees_decided()
            pending, self._pending = self._pending, []
            joining, self._joining = self._joining, []
            begun = self._clock()
            try:
                self._tell(pending)
                for reader, topic in joining:
                    if topic in reader.topics:
                        self._join(reader, topic)
                wait = self._show_due(self._clock())
            except Exception:
                log.exception("a stream could not be sent what happened")
                wait = None
            if wait is not None:
                loop.call_later(wait, self._wake.set)
            # So much is not sent at once that nothing else would be done.
            rest = REST * (self._clock() - begun)
            await asyncio.sleep(rest if rest >= LEAST_REST_S else 0)

    async def _fees_decided(self) -> None:
        """Wait a little for builder fees on their way: a fill shows what was charged."""
        directory = self.venue.directory
        waiting = set(directory.unsettled)
        until = asyncio.get_running_loop().time() + FEE_PATIENCE_S
        while waiting & directory.unsettled and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.002)

    def _tell(self, pending: Sequence[Applied]) -> None:
        """Send event topics their news; mark state topics as out of date."""
        if not pending or not self._shown:
            return
        traded, touched = self._mark_dirty(pending)
        wanted = [shown for shown in self._shown.values() if not shown.channel.state]
        markets = {shown.topic.market for shown in wanted if shown.topic.kind == "trades"}
        users = {shown.topic.user for shown in wanted if shown.topic.user}
        if users or markets & traded:
            news = News(self.venue, markets, users)
            for applied in pending:
                news.add(applied)
            for shown in wanted:
                self._tell_one(shown, news)
        for shown in self._shown.values():
            market, channel = shown.topic.market, shown.channel
            if channel.state and (
                market < 0 or market in (traded if channel.on_trades else touched)
            ):
                shown.is_dirty = True

    def _mark_dirty(self, pending: Sequence[Applied]) -> tuple[set[int], set[int]]:
        """(markets with trades, markets with anything)."""
        traded: set[int] = set()
        touched: set[int] = set()
        for applied in pending:
            for event in applied.events:
                market = getattr(event, "market", -1)
                if market >= 0:
                    touched.add(market)
                    if isinstance(event, OrderFilled | Deleveraged):
                        traded.add(market)
        return traded, touched

    def _tell_one(self, shown: _Shown, news: News) -> None:
        topic = shown.topic
        found: list[Any] = []
        if topic.kind == "trades":
            fills = news.trades.get(topic.market)
            found = [trade_data(self.venue, fills)] if fills else []
        elif topic.user in news.users and topic.kind != "userTwapHistory":
            found = user_data(self.venue, topic, news.users[topic.user])
        if topic.kind == "userTwapHistory":
            shown.is_dirty = True
        for data in found:
            body = message(shown.channel.name, data)
            for reader in list(shown.readers):
                reader.send(body)

    def _show_due(self, now: float) -> float | None:
        """Show the dirty topics whose time has come, for a while; seconds until more is to do.

        Readers of few topics come first, so that those of many wait for themselves.
        """
        soonest: float | None = None
        ready: list[_Shown] = []
        for shown in self._shown.values():
            if not shown.is_dirty:
                continue
            due = shown.sent_at + getattr(self._pace, shown.channel.pace)
            if due <= now:
                ready.append(shown)
            elif soonest is None or due - now < soonest:
                soonest = due - now
        ready.sort(key=_turn)
        for place, shown in enumerate(ready, start=1):
            self._show(shown, now)
            if self._clock() - now >= WORK_S and place < len(ready):
                return 0.0
        return soonest

    def _show(self, shown: _Shown, now: float) -> None:
        topic, channel = shown.topic, shown.channel
        shown.is_dirty, shown.sent_at = False, now
        if topic.kind == "userTwapHistory":
            self._show_twaps(shown)
            return
        if topic.kind == "candle":
            self._show_candles(shown)
            return
        assert channel.first is not None
        data = channel.first(self.venue, topic)
        memory = without_times(data)
        if data is None or memory == shown.last:
            return
        shown.last = memory
        body = message(channel.name, data)
        for reader in list(shown.readers):
            reader.send(body, topic)

    def _show_candles(self, shown: _Shown) -> None:
        """Every candle since the last one shown, which may have grown: an old one was not final."""
        before = shown.last
        rows = candles_since(self.venue, shown.topic, before["t"] if before else None)
        for place, row in enumerate(rows):
            if row == before:
                continue
            # Only the newest may be replaced by a newer message; the others are final.
            key = shown.topic if place == len(rows) - 1 else None
            body = message(shown.channel.name, row)
            for reader in list(shown.readers):
                reader.send(body, key)
        shown.last = rows[-1] if rows else before

    def _show_twaps(self, shown: _Shown) -> None:
        """Entries that are new or have another status; running ones change silently."""
        before = {entry["twapId"]: entry["status"] for entry in shown.last or ()}
        entries = twap_entries(self.venue, shown.topic.user)
        shown.last = entries
        news = [entry for entry in entries if before.get(entry["twapId"]) != entry["status"]]
        if news:
            data = {"user": shown.topic.user, "history": news}
            for reader in list(shown.readers):
                reader.send(message(shown.channel.name, data))


def _turn(shown: _Shown) -> tuple[int, float]:
    """Sorts topics: fewest subscriptions of a reader first, then what was sent longest ago."""
    return min(len(reader.topics) for reader in shown.readers), shown.sent_at


class Sender:
    """Sends what one connection is to get: its outbox, and answers that need not wait there."""

    def __init__(self, socket: web.WebSocketResponse, outbox: Outbox) -> None:
        self._socket = socket
        self._outbox = outbox
        self._answered = 0

    async def answer(self, body: bytes) -> None:
        """Send past the outbox; returns once a slow reader has room again.

        The caller bounds how many answers are under way. A reader that has gone gets nothing.
        """
        self._answered += 1
        with suppress(ConnectionError):
            await self._socket.send_frame(body, WSMsgType.TEXT)

    async def run(self, idle_seconds: float) -> None:
        """Send the outbox until the reader has gone; closes the connection where nothing at all
        was sent for ``idle_seconds``."""
        with suppress(ConnectionError):
            while True:
                answered = self._answered
                try:
                    async with asyncio.timeout(idle_seconds):
                        body = await self._outbox.take()
                except TimeoutError:
                    if answered == self._answered:
                        await self._socket.close(message=b"Inactive")
                        return
                else:
                    await self._socket.send_frame(body, WSMsgType.TEXT)


async def close_slow(socket: web.WebSocketResponse) -> None:
    await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too slow")


def decoded(text: str) -> Any:
    """A client's message; None where it is not JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
