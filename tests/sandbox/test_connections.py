"""The connections of a server, over real sockets: half-sent, idle, too many."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from seawall.sandbox import connections as module
from seawall.sandbox.connections import IDLE_S, READING_S, Connections, room_for_connections
from tests.waiting import PATIENCE_S, until

WHOLE = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
HALF_A_HEAD = b"POST /echo HTTP/1.1\r\nHost:"
HALF_A_BODY = WHOLE[:-1]
ENDLESS = WHOLE.replace(b"/echo", b"/endless")


class Server:
    """A server with an echo, a request that never ends, and a clock by hand."""

    def __init__(self, most: int) -> None:
        self.now = 0.0
        self.connections = Connections(most, lambda: self.now)
        self.port = 0

    async def connect(self, sent: bytes = b"") -> "Peer":
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        return Peer(reader, writer)

    async def at(self, reading: int = 0, idle: int = 0, serving: int = 0) -> None:
        """Once the server has so many connections in each state."""
        c = self.connections
        await until(
            lambda: (len(c.reading), len(c.idle), len(c.serving)) == (reading, idle, serving)
        )

    def pass_seconds(self, seconds: float) -> None:
        self.now += seconds
        self.connections.sweep()


class Peer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, sent: bytes = WHOLE) -> bytes:
        """The body of the answer to a whole request."""
        self.writer.write(sent)
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        assert b" 200 " in head.splitlines()[0], head
        return await self.reader.readexactly(2)

    async def is_closed(self) -> bool:
        """Waits until the server has closed it."""
        try:
            return await asyncio.wait_for(self.reader.read(), PATIENCE_S) == b""
        except ConnectionError:
            return True


def with_server(test: Callable[[Server], Awaitable[None]], most: int = 100) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async def endless(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def body() -> None:
        server = Server(most)
        app = web.Application(middlewares=[server.connections.middleware])
        app.router.add_post("/echo", echo)
        app.router.add_post("/endless", endless)
        runner = web.AppRunner(app, shutdown_timeout=0.01)
        await runner.setup()
        assert runner.server is not None
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        server.port = listening.getsockname()[1]
        accepting = await server.connections.serve(runner.server, listening)
        try:
            await test(server)
        finally:
            accepting.close()
            server.connections.stop()
            await runner.cleanup()

    asyncio.run(asyncio.wait_for(body(), PATIENCE_S))


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, HALF_A_BODY])
def test_half_a_request_is_not_waited_for(sent: bytes) -> None:
    async def body(server: Server) -> None:
        peer = await server.connect(sent)
        await server.at(reading=1)
        server.pass_seconds(READING_S - 0.1)
        assert len(server.connections.reading) == 1
        server.pass_seconds(0.1)
        assert await peer.is_closed()
        await until(lambda: len(server.connections) == 0)

    with_server(body)


def test_bytes_one_by_one_gain_no_time() -> None:
    async def body(server: Server) -> None:
        peer = await server.connect()
        for place in range(5):
            peer.writer.write(HALF_A_HEAD[place : place + 1])
            await server.at(reading=1)
            server.pass_seconds(READING_S / 5)
        assert await peer.is_closed()

    with_server(body)


def test_a_connection_may_be_used_again_until_it_is_idle_for_long() -> None:
    async def body(server: Server) -> None:
        peer = await server.connect()
        for _ in range(3):
            assert await peer.ask() == b"hi"
            await server.at(idle=1)
            server.pass_seconds(IDLE_S - 1)
        peer.writer.write(HALF_A_HEAD)
        await server.at(reading=1)
        server.pass_seconds(READING_S)
        assert await peer.is_closed()
        other = await server.connect()
        await other.ask()
        await server.at(idle=1)
        server.pass_seconds(IDLE_S)
        assert await other.is_closed()

    with_server(body)


def test_what_is_being_served_is_waited_for() -> None:
    async def body(server: Server) -> None:
        peer = await server.connect(ENDLESS)
        await server.at(serving=1)
        server.pass_seconds(10 * IDLE_S)
        assert len(server.connections.serving) == 1
        peer.writer.close()
        await until(lambda: len(server.connections) == 0)

    with_server(body)


def test_a_new_connection_takes_the_place_of_half_a_request_then_of_an_idle_one() -> None:
    async def body(server: Server) -> None:
        used = await server.connect()
        await used.ask()
        await server.at(idle=1)
        halves: list[Peer] = []
        served: list[Peer] = []
        for count in (1, 2):
            halves.append(await server.connect(HALF_A_HEAD))
            await server.at(idle=1, reading=count)
        for count in (2, 1):
            served.append(await server.connect(ENDLESS))
            assert await halves.pop(0).is_closed()
            await server.at(idle=1, reading=count - 1, serving=3 - count)
        assert await used.ask() == b"hi"
        served.append(await server.connect(ENDLESS))
        assert await used.is_closed()
        await server.at(serving=3)
        refused = await server.connect()
        assert await refused.is_closed()
        assert len(server.connections) == 3

    with_server(body, most=3)


def test_more_half_requests_than_room_keep_no_client_out() -> None:
    async def body(server: Server) -> None:
        halves = [await server.connect(HALF_A_HEAD) for _ in range(100)]
        await until(lambda: len(server.connections) <= 20)
        peer = await server.connect()
        assert await peer.ask() == b"hi"
        for half in halves:
            half.writer.close()

    with_server(body, most=20)


def test_there_are_files_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    for limit, room in ((1024, 768), (256, 128), (40, 32), (10**6, module.MOST), (-1, module.MOST)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert room_for_connections() == room
