"""One websocket connection: its requests and subscriptions, and the venue's answers."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from seawall.venues.hyperliquid.exchange.handle import handle_payload
from seawall.venues.hyperliquid.info.answer import answer_info
from seawall.venues.hyperliquid.info.base import BadRequest, DeskView
from seawall.venues.hyperliquid.limits import Client, Quotas
from seawall.venues.hyperliquid.stream.channels import Topic, message, topic_of
from seawall.venues.hyperliquid.stream.hub import (
    LEAST_REST_S,
    REST,
    Hub,
    Reader,
    Sender,
    close_slow,
    decoded,
)
from seawall.venues.hyperliquid.wire.error_texts import UNPROCESSABLE

log = logging.getLogger(__name__)

GREETING = "Websocket connection established."
MAX_MESSAGE = 1024 * 1024
PAUSE_S = 1.0
"""How long nothing more is read of a connection that has sent too many messages."""
SHORT_MESSAGE = 4096
"""Characters; what is longer takes some time to read, and that is part of its turn."""
_UNREADABLE = "Error parsing JSON into valid websocket request"
_ECHOED = 500
"""Characters of a client's message that an error repeats."""

Answer = dict[str, Any]


class Connection:
    """Reads the client's messages; what is sent goes through the reader's outbox, answers to
    posts past it.

    ``client``: what all connections of this IP use together.
    """

    def __init__(
        self,
        venue: DeskView,
        hub: Hub,
        socket: web.WebSocketResponse,
        client: Client,
        quotas: Quotas,
    ) -> None:
        self._venue = venue
        self._hub = hub
        self._socket = socket
        self._client = client
        self._quotas = quotas
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_dropped = False
        self._reader = Reader(self._drop)
        self._sender = Sender(socket, self._reader.outbox)

    def _start(self, work: Any) -> "asyncio.Task[Any]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _drop(self) -> None:
        self._leave()
        if not self._is_dropped:
            self._is_dropped = True
            self._start(close_slow(self._socket))

    def _leave(self) -> None:
        for topic in list(self._reader.topics):
            self._unsubscribe(topic)

    async def run(self) -> None:
        """Serve until either side closes."""
        await self._socket.send_str(GREETING)
        self._start(self._sender.run(self._quotas.idle_seconds))
        try:
            async for received in self._socket:
                if received.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    continue
                if not self._client.messages.take(1, self._quotas.messages):
                    self._error(
                        f"Cannot send more than {self._quotas.messages} messages per minute."
                    )
                    await asyncio.sleep(PAUSE_S)
                elif received.type == WSMsgType.TEXT:
                    await self._receive(received.data)
                else:
                    self._error(f"{_UNREADABLE}: {{}}")
        finally:
            self._leave()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _receive(self, text: str) -> None:
        """An action takes its turn in the host's queue, everything else among this IP's work."""
        if len(text) <= SHORT_MESSAGE and _is_action(body := decoded(text)):
            self._post(body["id"], body["request"])
            return
        async with self._turn():
            self._take(text)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Work for this IP, one thing after the other; after each, more time for everything else
        than it took."""
        async with self._client.turn:
            begun = self._client.clock()
            yield
            rest = REST * (self._client.clock() - begun)
            await asyncio.sleep(rest if rest >= LEAST_REST_S else 0)

    def _send(self, channel: str, data: Any) -> None:
        self._reader.send(message(channel, data))

    def _error(self, text: str) -> None:
        self._send("error", text)

    def _take(self, text: str) -> None:
        body = decoded(text)
        method = body.get("method") if isinstance(body, dict) else None
        if method == "ping":
            self._reader.send(b'{"channel":"pong"}')
        elif method in ("subscribe", "unsubscribe") and isinstance(body.get("subscription"), dict):
            self._change(method, body["subscription"])
        elif method == "post" and _is_id(body.get("id")) and isinstance(body.get("request"), dict):
            self._post(body["id"], body["request"])
        else:
            self._error(f"{_UNREADABLE}: {text[:_ECHOED]}")

    def _change(self, method: str, subscription: Answer) -> None:
        echo = msgspec.json.encode(subscription).decode()[:_ECHOED]
        try:
            topic = topic_of(self._venue, subscription)
        except BadRequest:
            self._error(f"Invalid subscription {echo}")
            return
        known = topic in self._reader.topics
        if method == "unsubscribe":
            if not known:
                self._error(f"Already unsubscribed: {echo}")
                return
            self._unsubscribe(topic)
        elif known:
            self._error(f"Already subscribed: {echo}")
            return
        elif refusal := self._refusal(topic):
            self._error(refusal)
            return
        self._send("subscriptionResponse", {"method": method, "subscription": subscription})
        if method == "subscribe":
            self._client.subscriptions += 1
            if topic.user:
                self._client.users[topic.user] += 1
            self._hub.subscribe(self._reader, topic)

    def _refusal(self, topic: Topic) -> str:
        """Why the IP may not have one subscription more; empty if it may."""
        client, quotas = self._client, self._quotas
        if client.subscriptions >= quotas.subscriptions:
            return f"Cannot subscribe to more than {quotas.subscriptions} channels."
        if topic.user and topic.user not in client.users and len(client.users) >= quotas.users:
            return f"Cannot track more than {quotas.users} total users."
        return ""

    def _unsubscribe(self, topic: Topic) -> None:
        self._hub.unsubscribe(self._reader, topic)
        users = self._client.users
        self._client.subscriptions -= 1
        if topic.user:
            users[topic.user] -= 1
            if not users[topic.user]:
                del users[topic.user]

    # -- post -----------------------------------------------------------------------------------

    def _post(self, number: int, request: Answer) -> None:
        if self._client.posts >= self._quotas.posts:
            self._error(f"too many pending post requests id={number}")
            return
        self._client.posts += 1
        self._start(self._answer_post(number, request))

    async def _answer_post(self, number: int, request: Answer) -> None:
        try:
            try:
                response = await self._response(request.get("type"), request.get("payload"))
            except Exception:
                log.exception("a post could not be answered")
                response = {"type": "error", "payload": "503 Service Unavailable"}
            await self._sender.answer(message("post", {"id": number, "response": response}))
        finally:
            self._client.posts -= 1

    async def _response(self, kind: Any, payload: Any) -> Answer:
        if kind == "info":
            try:
                async with self._turn():
                    data = answer_info(self._venue, payload)
            except BadRequest:
                return {"type": "error", "payload": UNPROCESSABLE}
            return {"type": "info", "payload": {"type": payload["type"], "data": data}}
        if kind == "action":
            status, answer = await handle_payload(self._venue.desk, payload, self._quotas)
            if status == 200:
                return {"type": "action", "payload": answer}
            return {"type": "error", "payload": answer or f"{status}"}
        return {"type": "error", "payload": UNPROCESSABLE}


def _is_action(body: Any) -> bool:
    """Whether a message is a well-formed ``post`` of an action."""
    if not isinstance(body, dict) or body.get("method") != "post" or not _is_id(body.get("id")):
        return False
    request = body.get("request")
    return isinstance(request, dict) and request.get("type") == "action"


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
