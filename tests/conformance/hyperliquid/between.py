"""What stands between a client and a venue, and loses what a network can lose."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import ClientSession, WSMsgType, web

from tests.conformance.hyperliquid.running import Venue


class Between:
    """Passes everything on, unless a test says otherwise.

    ``is_silent``: its websocket passes nothing back; ``is_down``: it answers nothing. Of actions,
    as many as these say: ``lost``, which never arrive, ``unanswered``, which do and whose answer is
    lost. ``actions``: how many came.
    """

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.is_silent = self.is_down = False
        self.lost = self.unanswered = self.actions = 0
        self.sockets: list[web.WebSocketResponse] = []
        self.url = ""

    async def info(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=503) if self.is_down else await self._passed(request)

    async def exchange(self, request: web.Request) -> web.StreamResponse:
        self.actions += 1
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
                return web.Response(
                    body=await answer.read(), status=answer.status, content_type="application/json"
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
                        await near.send_str(message.data)

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
