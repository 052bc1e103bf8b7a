"""What stands between a client and a venue, and loses what a network can lose."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from aiohttp import ClientSession, WSMsgType, web

_HEADERS = {"Content-Type": "application/json"}


class Behind(Protocol):
    """The venue: where it answers, and which requests act."""

    @property
    def url(self) -> str: ...

    @property
    def websocket_url(self) -> str: ...

    @property
    def action_path(self) -> str:
        """Where an action is posted."""
        ...

    def action_of(self, body: bytes) -> Any:
        """What such a request asks for."""
        ...


class Between:
    """Passes everything on, unless a test says otherwise.

    ``is_silent``: its websocket passes nothing back; ``is_down``: it answers nothing; ``unheard``:
    nor any question with this text. Of actions, as many as these say: ``lost``, which never arrive,
    ``late``, which arrive after the next one or on ``pass_on``, ``unanswered``, which arrive and
    whose answer is lost; ``struck`` says to which that may happen. ``actions``: those that came.
    ``told``: how many answers and messages were passed back. ``shown``: what an answer or a message
    is replaced by; ``repeats``: so often each message comes again.
    """

    def __init__(self, venue: Behind) -> None:
        self.venue = venue
        self.is_silent = self.is_down = False
        self.lost = self.late = self.unanswered = self.repeats = self.told = 0
        self.actions: list[Any] = []
        self._late: list[bytes] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self.struck: Callable[[Any], bool] = lambda action: True
        self.unheard = ""
        self.shown: Callable[[str], str] = str
        self.sockets: list[web.WebSocketResponse] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._stream(request)
        if request.path == self.venue.action_path:
            return await self._action(request)
        asked = request.path_qs + await request.text()
        if self.is_down or (self.unheard and self.unheard in asked):
            return web.Response(status=503)
        return await self._passed(request)

    async def _action(self, request: web.Request) -> web.StreamResponse:
        body, self._loop = await request.read(), asyncio.get_running_loop()
        action = self.venue.action_of(body)
        self.actions.append(action)
        is_struck = self.struck(action)
        assert request.transport is not None
        if (self.lost and is_struck) or self.is_down:
            self.lost = max(0, self.lost - 1)
            request.transport.abort()
            return web.Response()
        if self.late and is_struck:
            self.late -= 1
            self._late.append(body)
            request.transport.abort()
            return web.Response()
        answer = await self._passed(request)
        await self._pass_on()
        if self.unanswered and is_struck:
            self.unanswered -= 1
            request.transport.abort()
        return answer

    def pass_on(self) -> None:
        """Let what is late arrive; from another thread than that of its loop."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._pass_on(), self._loop).result()

    async def _pass_on(self) -> None:
        while self._late:
            async with (
                ClientSession() as session,
                session.post(
                    self.venue.url + self.venue.action_path,
                    data=self._late.pop(0),
                    headers=_HEADERS,
                ),
            ):
                pass

    async def _passed(self, request: web.Request) -> web.StreamResponse:
        url, data = self.venue.url + request.path_qs, await request.read()
        async with (
            ClientSession() as session,
            session.request(request.method, url, data=data or None, headers=_HEADERS) as answer,
        ):
            text = self.shown(await answer.text())
            self.told += 1
            return web.Response(text=text, status=answer.status, content_type="application/json")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
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
                        self.told += 1
                        for _ in range(1 + self.repeats):
                            await near.send_str(self.shown(message.data))

            passing = asyncio.create_task(back())
            async for message in near:
                if message.type == WSMsgType.TEXT:
                    await far.send_str(message.data)
            passing.cancel()
        return near


async def with_between(venue: Behind, act: Callable[[Between], Awaitable[None]]) -> None:
    """Run ``act`` with something between it and a venue."""
    between = Between(venue)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", between.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    between.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        await act(between)
    finally:
        await runner.cleanup()


@contextmanager
def standing_between(venue: Behind) -> Iterator[Between]:
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
