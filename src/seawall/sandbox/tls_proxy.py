"""A local front for clients whose hosts are fixed: it answers for named hosts from a sandbox.

One port of the loopback interface takes what such clients can be made to send: ``CONNECT`` and
requests with a whole URL, as to any HTTP proxy, and TLS at once, from clients that look the hosts
up elsewhere. Connections to the named hosts, and to the sandbox itself, end at the sandbox; all
others are refused, so nothing ever leaves this computer.
"""

import asyncio
import ipaddress
import signal
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

from seawall.domain.errors import InputError
from seawall.engine.kernel_cache import user_folder
from seawall.sandbox.certificates import Certificate, local_certificate
from seawall.sandbox.venue import bind
from seawall.venues.registry import wire_of

LOOPBACK = "127.0.0.1"
HTTP_PORT, HTTPS_PORT = 80, 443
TLS_RECORD = 0x16
"""The first byte of a TLS handshake, which no HTTP request begins with."""
LONGEST_HEAD = 16 * 1024
CHUNK = 64 * 1024
PATIENCE_S = 30.0
"""How long a client may take to say what it wants."""
MOST_CONNECTIONS = 256


class Proxy:
    """A front for ``hosts`` with a venue at ``venue`` behind it."""

    def __init__(self, venue: tuple[str, int], hosts: Sequence[str], certificate: Certificate):
        self._venue = venue
        self._hosts = frozenset(hosts)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.server)
        self._context.set_alpn_protocols(["http/1.1"])
        self._context.sni_callback = self._check_name
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, listening: socket.socket) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        try:
            while True:
                accepted, _ = await loop.sock_accept(listening)
                if len(self._open) >= MOST_CONNECTIONS:
                    accepted.close()
                    continue
                task = loop.create_task(self._connection(accepted))
                self._open.add(task)
                task.add_done_callback(self._open.discard)
        finally:
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    def _check_name(
        self, channel: ssl.SSLObject, name: str | None, context: ssl.SSLContext
    ) -> ssl.AlertDescription | None:
        known = name is None or name.lower() in self._hosts
        return None if known else ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    async def _connection(self, accepted: socket.socket) -> None:
        try:
            # A client that is slow, fails the handshake or has gone needs no further answer.
            with suppress(OSError, TimeoutError, ssl.SSLError):
                async with asyncio.timeout(PATIENCE_S):
                    opened = await self._opened(accepted)
                if opened is not None:
                    await self._carry(*opened)
        finally:
            accepted.close()

    async def _opened(
        self, accepted: socket.socket
    ) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter] | None:
        """The client's streams, and what of them has been read; None where it was refused."""
        accepted.setblocking(False)
        if await _first_byte(accepted) == TLS_RECORD:
            return b"", *await _streams(accepted, self._context)
        loop = asyncio.get_running_loop()
        head = await _head(accepted)
        method, target, *_ = [*head.split(b"\r\n", 1)[0].decode("latin-1").split(" "), "", ""]
        is_tunnel = method == "CONNECT"
        host, port = _wanted(f"https://{target}" if is_tunnel else target)
        answer = self._refusal(host, port)
        if answer is not None:
            await loop.sock_sendall(accepted, answer)
            return None
        if not is_tunnel:
            return head, *await _streams(accepted, None)
        await loop.sock_sendall(accepted, b"HTTP/1.1 200 Connection established\r\n\r\n")
        to_host = host in self._hosts and port != HTTP_PORT
        return b"", *await _streams(accepted, self._context if to_host else None)

    def _refusal(self, host: str, port: int | None) -> bytes | None:
        """The answer to a client that wants to go elsewhere; None for one that may go on."""
        if host in self._hosts and port in (None, HTTP_PORT, HTTPS_PORT):
            return None
        if (host, port) == self._venue:
            return None
        if not host:
            text = "This is a proxy: set HTTPS_PROXY to it, as `seawall proxy` has printed."
            return _plain_answer("400 Bad Request", text)
        known = ", ".join(sorted(self._hosts))
        text = f"{host} is none of the hosts that this proxy stands for ({known})."
        return _plain_answer("403 Forbidden", text)

    async def _carry(
        self, begun: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Pass bytes on in both directions until the venue has nothing more to say."""
        try:
            try:
                from_venue, to_venue = await asyncio.open_connection(*self._venue)
            except OSError as error:
                where = "http://{}:{}".format(*self._venue)
                text = f"No venue answers at {where} ({error.strerror}); `seawall up` starts one."
                writer.write(_plain_answer("502 Bad Gateway", text))
                await writer.drain()
                return
            to_venue.write(begun)
            sending = asyncio.ensure_future(_pass_on(reader, to_venue))
            try:
                await _pass_on(from_venue, writer)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                to_venue.close()
        finally:
            writer.close()
            with suppress(OSError, ssl.SSLError):
                await asyncio.wait_for(writer.wait_closed(), PATIENCE_S)


async def _first_byte(accepted: socket.socket) -> int:
    """The first byte of a connection, left in it. Raises ConnectionError where there is none."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(accepted, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(accepted)
    first = accepted.recv(1, socket.MSG_PEEK)
    if not first:
        raise ConnectionResetError
    return first[0]


async def _head(accepted: socket.socket) -> bytes:
    """All that has come once a request's head is there, which no client follows up at once."""
    loop = asyncio.get_running_loop()
    head = b""
    while b"\r\n\r\n" not in head:
        more = await loop.sock_recv(accepted, CHUNK)
        if not more or len(head) + len(more) > LONGEST_HEAD + CHUNK:
            raise ConnectionResetError
        head += more
    return head


async def _streams(
    accepted: socket.socket, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted, ssl=context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end, and pass the end on where the other side can hear of it."""
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def _wanted(url: str) -> tuple[str, int | None]:
    """Host and port of a URL: no host where it is none, no port where it names none."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port
    except ValueError:
        return "", None


def _plain_answer(status: str, text: str) -> bytes:
    body = f"{text}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def venue_address(url: str) -> tuple[str, int]:
    """Host and port of a sandbox's URL. Raises InputError for one that is not on this computer."""
    host, port = _wanted(url)
    host = LOOPBACK if host == "localhost" else host
    try:
        fits = url.startswith("http://") and ipaddress.ip_address(host).is_loopback
    except ValueError:
        fits = False
    if not fits or not port:
        expected = "the base URL of a venue on this computer, such as http://127.0.0.1:3001"
        raise InputError.of("", "url", url, expected)
    return host, port


def serve_proxy(
    url: str, port: int, venue: str, announce: Callable[[int, Certificate], None]
) -> None:
    """Stand for a venue's hosts on a port of 127.0.0.1 until SIGINT or SIGTERM.

    ``url``: of the sandbox behind it; ``announce`` is given the port and the certificate. Raises
    InputError for a sandbox that is not on this computer, and a port that cannot be had.
    """
    hosts, address = wire_of(venue).hosts, venue_address(url)
    certificate = local_certificate(user_folder() / "proxy" / venue, hosts, datetime.now(UTC))
    proxy = Proxy(address, hosts, certificate)

    async def main() -> None:
        serving = asyncio.ensure_future(proxy.serve(listening))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
        announce(listening.getsockname()[1], certificate)
        with suppress(asyncio.CancelledError):
            await serving

    with bind(LOOPBACK, port) as listening:
        listening.listen()
        asyncio.run(main())
