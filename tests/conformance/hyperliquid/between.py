"""What stands between a client and a venue, and loses what a network can lose."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import ClientSession, WSMsgType, web

from tests.conformance.hyperliquid.running import Venue


class Between:
    """Passes everything on, unless a test says otherwise.

    ``is_silent``: its websocket passes nothing back; ``is_down``: it answers nothing; ``unheard``:
    nor any question with this text. Of actions, as many as these say: ``lost``, which never arrive,
    ``unanswered``, which do and whose answer is lost; ``actions``: those that came. ``shown``: what
    an answer or a message is replaced by; ``repeats``: so often each message comes again.
    """

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.is_silent = self.is_down = False
        self.lost = self.unanswered = self.repeats = 0
        self.actions: list[Any] = []
        self.unheard = ""
        self.shown: Callable[[str], str] = str
        self.sockets: list[web.WebSocketResponse] = []
        self.url = ""

    async def info(self, request: web.Request) -> web.StreamResponse:
        is_unheard = self.unheard and self.unheard in await request.text()
        if self.is_down or is_unheard:
            return web.Response(status=503)
        return await self._passed(request)

    async def exchange(self, request: web.Request) -> web.StreamResponse:
        self.actions.append(json.loads(await request.read())["action"])
        assert request.transport is not None
        if self.lost or self.is_down:
            self.lost = max(0, self.lost - 1)
            request.transport.abort()
            return web.Response()
        answer = await self._passed(request)
        if self.unanswered:
            self.unanswered -= 1
            request.transport.abort()
        return answer

    async def _passed(self, request: web.Request) -> web.StreamResponse:
        async with ClientSession() as session:
            url, data = self.venue.url + request.path, await request.read()
            headers = {"Content-Type": "application/json"}
            async with session.post(url, data=data, headers=headers) as answer:
                text = self.shown(await answer.text())
                return web.Response(
                    text=text, status=answer.status, content_type="application/json"
                )

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if self.is_down:
            return web.Response(status=503)
        near = web.WebSocketResponse()
        await near.prepare(request)
        self.sockets.append(near)
        async with (
            ClientSession() as session,
            session.ws_connect(self.venue.websocket_url) as far,
        ):

            async def back() -> None:
                async for message in far:
                    if message.type == WSMsgType.TEXT and not self.is_silent:
                        for _ in range(1 + self.repeats):
                            await near.send_str(self.shown(message.data))

            passing = asyncio.create_task(back())
            async for message in near:
                if message.type == WSMsgType.TEXT:
                    await far.send_str(message.data)
            passing.cancel()
        return near


async def with_between(venue: Venue, act: Callable[[Between], Awaitable[None]]) -> None:
    """Run ``act`` with something between it and a venue."""
    between = Between(venue)
    app = web.Application()
    app.router.add_post("/info", between.info)
    app.router.add_post("/exchange", between.exchange)
    app.router.add_get("/ws", between.stream)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    between.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        await act(between)
    finally:
        await runner.cleanup()


@contextmanager
def standing_between(venue: Venue) -> Iterator[Between]:
    """The same for clients in other processes, on a thread of its own."""
    loop = asyncio.new_event_loop()
    found: list[Between] = []
    is_up, is_over = threading.Event(), asyncio.Event()

    async def stand(between: Between) -> None:
        found.append(between)
        is_up.set()
        await is_over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(with_between(venue, stand)))
    thread.start()
    try:
        assert is_up.wait(60)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()
        loop.close()
