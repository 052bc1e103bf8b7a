"""The connections of a venue's server: bounded in number, and in how long they may send nothing.

Every connection is reading (a request of it has begun and is not complete, or it never sent one),
serving (a complete request is being answered, or it is a websocket), or idle between two requests.
One that reads for ``READING_S`` or is idle for ``IDLE_S`` is closed. Where there are as many as
may be, a new one takes the place of the one that has been reading longest, else of the one that has
been idle longest. So half a request costs its sender a connection and other clients nothing, and an
operator's request always finds a place.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

READING_S = 10.0
IDLE_S = 75.0
MOST = 4096
LEAST = 32
FILES_KEPT = 256
"""Open files that are not for connections."""
_SWEEP_S = 1.0
_BACKLOG = 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _is_of_venue(record: logging.LogRecord) -> bool:
    """Whether the server's failure is not what a client sent that is no request of HTTP."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


request_log = logging.getLogger("seawall.requests")
"""Where the server tells of requests that failed; what cannot be read is answered with 400."""
request_log.addFilter(_is_of_venue)


def raise_file_limit() -> None:
    """Let this process open as many files as the most connections need, if it may."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST + FILES_KEPT
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def room_for_connections() -> int:
    """How many connections leave enough open files for everything else."""
    try:
        import resource
    except ImportError:
        return MOST // 8
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST
    return min(MOST, max(LEAST, soft - FILES_KEPT, soft // 2))


class Connections:
    """All connections of one server. ``clock``: seconds that never go back."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self.most = most
        self._clock = clock
        self.reading: dict[_Connection, float] = {}
        self.idle: dict[_Connection, float] = {}
        """Both: since when, the longest first."""
        self.serving: set[_Connection] = set()
        self._of_handler: dict[asyncio.BaseProtocol, _Connection] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._of_handler)

    async def serve(self, server: web.Server, listening: socket.socket) -> asyncio.Server:
        """Accept connections for a server on a bound socket, until the result is closed and
        ``stop`` called."""
        loop = asyncio.get_running_loop()
        self._sweep_again()
        return await loop.create_server(
            lambda: _Connection(self, server()), sock=listening, backlog=_BACKLOG
        )

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a handler begin when its request is complete."""
        connection = self._of_handler.get(request.protocol)
        try:
            await request.read()
        except ConnectionError:
            return web.Response(status=408)  # the client has gone, or was closed
        if connection is None:
            return await handler(request)
        if "Upgrade" in request.headers and len(self.serving) >= self.most * 3 // 4:
            raise web.HTTPServiceUnavailable
        self._begin(connection)
        try:
            return await handler(request)
        finally:
            self._end(connection)

    def sweep(self) -> None:
        """Close what has been reading or idle for too long."""
        now = self._clock()
        for since, patience in ((self.reading, READING_S), (self.idle, IDLE_S)):
            while since:
                connection = next(iter(since))
                if now - since[connection] < patience:
                    break
                connection.abort()

    def _sweep_again(self) -> None:
        self.sweep()
        self._timer = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep_again)

    # -- what connections report ----------------------------------------------------------------

    def opened(self, connection: "_Connection") -> None:
        if len(self) >= self.most:
            # The new one goes only where every other is being served.
            longest = next(iter(self.reading), None) or next(iter(self.idle), None)
            (longest or connection).abort()
        self._of_handler[connection.handler] = connection
        self.reading[connection] = self._clock()

    def closed(self, connection: "_Connection") -> None:
        self.forget(connection)
        self._of_handler.pop(connection.handler, None)

    def forget(self, connection: "_Connection") -> None:
        self.reading.pop(connection, None)
        self.idle.pop(connection, None)
        self.serving.discard(connection)

    def heard(self, connection: "_Connection") -> None:
        if self.idle.pop(connection, None) is not None:
            self.reading[connection] = self._clock()

    def _begin(self, connection: "_Connection") -> None:
        self.forget(connection)
        self.serving.add(connection)

    def _end(self, connection: "_Connection") -> None:
        if connection in self.serving:
            self.serving.discard(connection)
            self.idle[connection] = self._clock()


class _Connection(asyncio.Protocol):
    """Hands everything on to aiohttp's handler, and reports it."""

    def __init__(self, connections: Connections, handler: asyncio.Protocol) -> None:
        self.handler = handler
        self._connections = connections
        self._transport: asyncio.Transport | None = None

    def abort(self) -> None:
        """Close at once, and forget it."""
        self._connections.forget(self)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.opened(self)
        self.handler.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.closed(self)
        self.handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._connections.heard(self)
        self.handler.data_received(data)

    def eof_received(self) -> bool | None:
        return self.handler.eof_received()

    def pause_writing(self) -> None:
        self.handler.pause_writing()

    def resume_writing(self) -> None:
        self.handler.resume_writing()
