"""The venue to measure, in a process of its own, with an echo on the same server beside it.

    python -m benchmarks.venue_server [--by-hand]

Prints one line of JSON when it answers and ends when standard input does. ``POST /echo`` reads a
JSON body and writes it back, ``GET /echo-ws`` does so with each websocket message: what the
server's stack costs by itself. ``POST /arrivals`` answers when each action arrived since it was
asked last, in seconds of the computer's monotonic clock. Nobody else trades, and the clock is real;
``--by-hand``: it stands still until control moves it, and streams state everything at once.
"""

import asyncio
import contextlib
import json
import sys
import time
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from seawall.sandbox.venue import VenueOptions, collect_rarely, running_venue
from seawall.venues.hyperliquid.limits import OFF
from seawall.venues.hyperliquid.server import make_app as venue_app
from seawall.venues.hyperliquid.stream.hub import Pace
from seawall.venues.registry import DEFAULT_VENUE, wire_of


async def echo(request: web.Request) -> web.Response:
    body = msgspec.json.decode(await request.read())
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


async def echo_socket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for received in socket:
        if received.type == WSMsgType.TEXT:
            await socket.send_str(msgspec.json.encode(msgspec.json.decode(received.data)).decode())
    return socket


def make_app(desk: Any) -> web.Application:
    """The venue's own application and the echo."""
    app = wire_of(DEFAULT_VENUE).make_app(desk, quotas=False)
    app.router.add_post("/echo", echo)
    app.router.add_get("/echo-ws", echo_socket)
    return app


def make_prompt_app(desk: Any) -> web.Application:
    """The same with streams that wait for nothing, and the moments at which actions arrived."""
    app = venue_app(desk, Pace(book=0.0, state=0.0), OFF)
    arrived: list[float] = []

    @web.middleware
    async def noting(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path == "/exchange":
            arrived.append(time.monotonic())
        found: web.StreamResponse = await handler(request)
        return found

    async def arrivals(request: web.Request) -> web.Response:
        found = web.json_response(arrived)
        arrived.clear()
        return found

    app.middlewares.append(noting)
    app.router.add_post("/echo", echo)
    app.router.add_post("/arrivals", arrivals)
    return app


async def serve(is_by_hand: bool) -> None:
    options = VenueOptions(agents=False, feed="manual", speed=0.0 if is_by_hand else 1.0)
    make_app_of = make_prompt_app if is_by_hand else make_app
    async with running_venue(options, make_app_of) as venue:
        users = [[key.address, key.private_key] for key in venue.users]
        collect_rarely()  # as `seawall up` does
        print(json.dumps({"url": venue.url, "users": users}), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main() -> None:
    runner: Any = asyncio
    with contextlib.suppress(ImportError):
        import uvloop

        runner = uvloop
    runner.run(serve("--by-hand" in sys.argv[1:]))


if __name__ == "__main__":
    main()
