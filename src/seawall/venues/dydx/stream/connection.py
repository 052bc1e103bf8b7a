"""One client of the indexer's socket."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any
from uuid import uuid4

import msgspec
from aiohttp import WSMsgType, web

from seawall.venues.dydx.limits import OFF, Quotas, Window
from seawall.venues.dydx.stream.channels import (
    PARENTS,
    SUBACCOUNTS,
    VERSIONS,
    Topic,
    first_contents,
    is_known,
)
from seawall.venues.dydx.stream.hub import Hub
from seawall.venues.outbox import Outbox

BATCH_S = 0.25
MAX_MESSAGE = 64 * 1024
MOST_ACCOUNTS, MOST_OTHERS = 256, 32
"""Subscriptions of a connection to channels of subaccounts, and to the others."""
MOST_IDS = 1000
"""Whose subscriptions are counted; beyond it they are counted anew."""
POLICY = 1008
CLOSE_S = 2.0
"""How long a client that loses its connection may take to read why."""
_TOO_MANY = "Too many {} messages. Please reconnect and try again."
_TOO_MANY_SUBSCRIBES = (
    "Too many subscribe attempts for channel {}-{}. Please  reconnect and try again."
)
_WITHOUT_ID = ("v4_markets", "v4_block_height")


class Connection:
    """Reads what a client asks for, and sends what its subscriptions bring."""

    def __init__(
        self, hub: Hub, socket: web.WebSocketResponse, quotas: Quotas = OFF,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._hub, self._socket = hub, socket
        self._pings = Window(quotas.pings, clock)
        self._invalid = Window(quotas.invalid, clock)
        self._subscribes: defaultdict[Topic, Window] = defaultdict(
            lambda: Window(quotas.subscribes, clock)
        )
        self._id = str(uuid4())
        self._count = 0
        self._topics: dict[Topic, bool] = {}
        """Batched or not."""
        self._names: dict[Topic, str | None] = {}
        """The id as the client gave it."""
        self._batches: dict[tuple[Topic, int], list[Any]] = {}
        self._outbox = Outbox()
        self._flush: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[Any] | None = None
        """Under way once the client is too slow, or asks too much."""

    async def run(self) -> None:
        """Until the client goes, or is too slow."""
        writer = asyncio.create_task(self._write(), name="seawall-socket")
        self._put({"type": "connected"})
        try:
            async for message in self._socket:
                if self._closing is not None:
                    break
                if message.type == WSMsgType.TEXT:
                    self._take(message.data)
                elif message.type != WSMsgType.BINARY:
                    break
        finally:
            self._leave()
            tasks: list[asyncio.Task[Any]] = [writer]
            if self._closing is not None:
                tasks.append(self._closing)
                await asyncio.wait([self._closing], timeout=CLOSE_S)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _leave(self) -> None:
        """Read no topic any more."""
        for topic in list(self._topics):
            self._hub.leave(topic, self)
        self._topics.clear()
        self._batches.clear()
        if self._flush is not None:
            self._flush.cancel()

    async def _write(self) -> None:
        with suppress(ConnectionError):
            while True:
                await self._socket.send_frame(await self._outbox.take(), WSMsgType.TEXT)

    def _put(self, body: dict[str, Any]) -> None:
        kind = body.pop("type")
        head = {"type": kind, "connection_id": self._id, "message_id": self._count}
        self._count += 1
        self._send(msgspec.json.encode({**head, **body}))

    def _send(self, message: bytes) -> None:
        """Send it in its turn; a client for which too much waits loses its connection, as one that
        missed a message would show what is not so."""
        if not self._outbox.offer(message) and self._closing is None:
            self._leave()
            self._close(self._socket.close(code=POLICY, message=b"too slow"))

    def _close(self, closing: Coroutine[Any, Any, Any]) -> None:
        self._closing = asyncio.create_task(closing, name="seawall-socket-close")

    def _is_limited(self, window: Window, text: str) -> bool:
        """Whether something is done too often: an error is sent, and the connection closed."""
        if window.take():
            return False
        self._error(text)
        if self._closing is None:
            self._leave()
            self._close(self._say_last())
        return True

    async def _say_last(self) -> None:
        while len(self._outbox):
            await self._socket.send_frame(await self._outbox.take(), WSMsgType.TEXT)
        await self._socket.close(code=POLICY, message=b'{"message":"Rate limited"}')

    def _error(self, text: str, **more: Any) -> None:
        self._put({"type": "error", "message": text, **more})

    def _take(self, text: str) -> None:
        if text.strip() == "PING":
            self._send(b"PONG")
            return
        try:
            asked = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            self._invalid_message("Invalid message: could not parse")
            return
        kind = asked.get("type")
        if kind == "ping":
            if self._is_limited(self._pings, _TOO_MANY.format("ping")):
                return
            with_id = {"id": asked["id"]} if "id" in asked else {}
            self._put({"type": "pong", **with_id})
        elif kind == "subscribe":
            self._subscribe(asked)
        elif kind == "unsubscribe":
            self._unsubscribe(asked)
        else:
            self._invalid_message(f"Invalid message type: {kind}")

    def _invalid_message(self, text: str) -> None:
        if not self._is_limited(self._invalid, _TOO_MANY.format("invalid")):
            self._error(text)

    def _topic(self, asked: dict[str, Any]) -> Topic | None:
        channel, name = asked.get("channel"), asked.get("id")
        if not isinstance(channel, str) or channel not in VERSIONS:
            self._invalid_message(f"Invalid channel: {channel}")
            return None
        if channel in _WITHOUT_ID:
            return Topic(channel, "")
        topic = Topic(channel, name if isinstance(name, str) else "")
        if not is_known(self._hub.view, topic):
            self._error(
                f"Invalid subscription id for channel: ({channel}-{name})", channel=channel, id=name
            )
            return None
        return topic

    def _subscribe(self, asked: dict[str, Any]) -> None:
        topic = self._topic(asked)
        if topic is None:
            return
        channel, name = topic.channel, asked.get("id")
        if len(self._subscribes) > MOST_IDS:
            self._subscribes.clear()
        window = self._subscribes[topic]
        if self._is_limited(window, _TOO_MANY_SUBSCRIBES.format(channel, topic.name or channel)):
            return
        if topic in self._topics:
            text = f"Invalid subscribe message: already subscribed ({channel}-{topic.name})"
            self._error(text, channel=channel, id=name)
            return
        of_accounts = (SUBACCOUNTS, PARENTS)
        alike = [each for each in self._topics if each.channel == channel]
        most = MOST_ACCOUNTS if channel in of_accounts else MOST_OTHERS
        if len(alike) >= most:
            text = f"Per-connection subscription limit reached for {channel} (limit={most})."
            self._error(text, channel=channel, id=name)
            return
        self._names[topic] = name if isinstance(name, str) else None
        # What happened before joins the first contents: nothing is sent twice or lost.
        self._hub.join(topic, self, self._happened)
        self._topics[topic] = bool(asked.get("batched"))
        contents = first_contents(self._hub.view, topic)
        self._put({"type": "subscribed", **self._of(topic), "contents": contents})

    def _of(self, topic: Topic) -> dict[str, Any]:
        name = self._names[topic]
        found = {"channel": topic.channel}
        if name is not None:
            found["id"] = name
        elif topic.channel in _WITHOUT_ID:
            found["id"] = topic.channel
        return found

    def _unsubscribe(self, asked: dict[str, Any]) -> None:
        topic = self._topic(asked)
        if topic is None:
            return
        self._hub.leave(topic, self)
        if topic in self._topics:
            body = self._of(topic)
            del self._topics[topic], self._names[topic]
            for key in [key for key in self._batches if key[0] == topic]:
                del self._batches[key]
        else:
            body = {"channel": topic.channel, "id": asked.get("id")}
        self._put({"type": "unsubscribed", **body})

    def _happened(self, topic: Topic, contents: Any, child: int) -> None:
        if topic not in self._topics:
            return
        if not self._topics[topic]:
            self._put(self._message("channel_data", topic, child, contents))
            return
        self._batches.setdefault((topic, child), []).append(contents)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(BATCH_S, self._send_batches)

    def _send_batches(self) -> None:
        self._flush = None
        batches, self._batches = self._batches, {}
        for (topic, child), contents in batches.items():
            self._put(self._message("channel_batch_data", topic, child, contents))

    def _message(self, kind: str, topic: Topic, child: int, contents: Any) -> dict[str, Any]:
        body = {"type": kind, **self._of(topic), "version": VERSIONS[topic.channel]}
        if child >= 0:
            body["subaccountNumber"] = child
        return {**body, "contents": contents}
