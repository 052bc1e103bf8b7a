"""What an order costs over the wire, next to the sum of its parts in the same run.

    python -m benchmarks.venue_latency [--quick]

Orders are signed beforehand with real keys; the venue recovers the signer, makes the order durable
and matches it. Round trips are taken one at a time, in turn with their parts: an echo of the same
body on the same server, one recovery of its signer, and one durable write of as many bytes as the
order has in the venue's log. The sustained rate is of many connections at once, in orders per
second of the venue's own processor time, against how often the same processor can only recover a
signer. Subscribers to books measure from the sending of an order to the moment when the last of
them has seen it.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from benchmarks.common import Result, main_of, median
from seawall.venues.hyperliquid.wire.signing import action_hash, recover_connection
from tests.conformance.hyperliquid.signer import Signer, order_action

ROOT = Path(__file__).resolve().parents[1]
ASSET, COIN, LOW, HIGH = 0, "BTC", 60_000, 77_000
SIZE = "0.001"
CONNECTIONS = 16
SUBSCRIBERS = 100
LATENCY_TARGET = 1.6
RATE_TARGET, RATE_STRETCH = 0.45, 0.60
LOGGED_BYTES = 320
"""Of one order in the log: head, row, and the nonce's record."""


@dataclass
class Served:
    """A running venue. ``pid``: its process."""

    url: str
    users: list[tuple[str, str]]
    pid: int

    @property
    def ws(self) -> str:
        return "ws" + self.url.removeprefix("http")

    def fund(self, address: str) -> None:
        """Open an account with enough for a thousand orders."""
        body = json.dumps({"address": address, "amount": 1_000_000}).encode()
        urllib.request.urlopen(f"{self.url}/control/fund", body).close()

    def processor_seconds(self) -> float:
        """What its threads have used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def served(*options: str) -> Iterator[Served]:
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.venue_server", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        about = json.loads(process.stdout.readline())
        yield Served(about["url"], [(a, k) for a, k in about["users"]], process.pid)
    finally:
        process.stdin.close()
        process.wait(30)


class Orders:
    """Signed requests that rest far from the price, and the cancels of all of them."""

    def __init__(self, key: str, start: int) -> None:
        self.signer = Signer(key)
        self.nonce = int(time.time() * 1000) - 3_600_000 + start
        self.count = 0

    def request(self, action: Any) -> bytes:
        self.nonce += 1
        return msgspec.json.encode(self.signer.request(action, self.nonce))

    def place(self) -> bytes:
        self.count += 1
        price = LOW + self.count % 1000
        action = order_action(ASSET, True, str(price), SIZE)
        action["orders"][0]["c"] = f"0x{self.count:032x}"
        return self.request(action)

    def cancel(self, number: int) -> bytes:
        wire = {"asset": ASSET, "cloid": f"0x{number:032x}"}
        return self.request({"type": "cancelByCloid", "cancels": [wire]})

    def pair(self) -> tuple[bytes, bytes]:
        """An order and its cancel."""
        return self.place(), self.cancel(self.count)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def post(session: aiohttp.ClientSession, url: str, body: bytes) -> tuple[float, bytes]:
    start = time.perf_counter()
    async with session.post(url, data=body) as answer:
        text = await answer.read()
    return time.perf_counter() - start, text


class Parts:
    """Seconds of each order and of its parts, one of each a round."""

    def __init__(self) -> None:
        self.orders: list[float] = []
        self.echoes: list[float] = []
        self.recoveries: list[float] = []
        self.writes: list[float] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115

    def add(self, order: float, echo: float, body: bytes) -> None:
        self.orders.append(order)
        self.echoes.append(echo)
        start = time.perf_counter()
        recover(body)
        self.recoveries.append(time.perf_counter() - start)
        start = time.perf_counter()
        os.write(self._file.fileno(), bytes(LOGGED_BYTES))
        os.fdatasync(self._file.fileno())
        self.writes.append(time.perf_counter() - start)

    @property
    def sum(self) -> float:
        return median(self.echoes) + median(self.recoveries) + median(self.writes)


def recover(text: bytes) -> None:
    """Find the signer of a request, as the venue does for one that it knows."""
    body = msgspec.json.decode(text)
    connection = action_hash(body["action"], body["nonce"], None, None)
    recover_connection("b", connection, body["signature"])


async def over_http(venue: Served, rounds: int) -> Parts:
    parts = Parts()
    source = Orders(venue.users[0][1], 0)
    pairs = [source.pair() for _ in range(rounds + 20)]
    async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as session:
        for number, (place, cancel) in enumerate(pairs):
            spent, text = await post(session, venue.url + "/exchange", place)
            if b"resting" not in text:
                raise RuntimeError(text)
            echoed, _ = await post(session, venue.url + "/echo", place)
            await post(session, venue.url + "/exchange", cancel)
            if number >= 20:
                parts.add(spent, echoed, place)
    return parts


async def over_websocket(venue: Served, rounds: int) -> Parts:
    """The same with ``post`` requests over one websocket each."""
    parts = Parts()
    source = Orders(venue.users[1][1], 0)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(venue.ws + "/ws", compress=0) as trading,
        session.ws_connect(venue.ws + "/echo-ws", compress=0) as echoing,
    ):
        await trading.receive()  # the greeting
        for number in range(rounds + 20):
            body, undo = source.pair()
            place, cancel = wrapped(body, number), wrapped(undo, number)
            spent, text = await asked(trading, place)
            if "resting" not in text:
                raise RuntimeError(text)
            echoed, _ = await asked(echoing, place)
            await asked(trading, cancel)
            if number >= 20:
                parts.add(spent, echoed, body)
    return parts


def wrapped(body: bytes, number: int) -> str:
    payload = {"type": "action", "payload": msgspec.json.decode(body)}
    return msgspec.json.encode({"method": "post", "id": number, "request": payload}).decode()


async def asked(socket: aiohttp.ClientWebSocketResponse, text: str) -> tuple[float, str]:
    start = time.perf_counter()
    await socket.send_str(text)
    answer = await socket.receive_str()
    return time.perf_counter() - start, answer


async def sustained(venue: Served, seconds: float, over_socket: bool) -> tuple[float, float]:
    """(orders per second, orders per second of the venue's processor time), all connections."""
    share = max(200, int(seconds * 400))
    until = 0.0

    async def client(number: int, bodies: list[bytes]) -> int:
        done = 0
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            if over_socket:
                opened = session.ws_connect(venue.ws + "/ws", compress=0)
                socket = await stack.enter_async_context(opened)
                await socket.receive()  # the greeting
            for body in bodies:
                if time.perf_counter() > until:
                    break
                if over_socket:
                    text = (await asked(socket, wrapped(body, done)))[1].encode()
                else:
                    _, text = await post(session, venue.url + "/exchange", body)
                if b"resting" not in text and b"success" not in text:
                    raise RuntimeError(text)
                done += 1
        return done

    sources = [Orders(f"{time.time_ns() + n:064x}", 0) for n in range(CONNECTIONS)]
    for source in sources:
        venue.fund(source.signer.address)
    bodies = [[body for _ in range(share // 2) for body in s.pair()] for s in sources]
    before, start = venue.processor_seconds(), time.perf_counter()
    until = start + seconds
    taken = sum(await asyncio.gather(*(client(n, b) for n, b in enumerate(bodies))))
    wall = time.perf_counter() - start
    return taken / wall, taken / (venue.processor_seconds() - before)


def recoveries(seconds: float) -> float:
    """How often per second of processor time a signer can be recovered, and nothing else.

    As the venue does it for a signer it knows: the body decoded, the action packed and hashed, the
    address recovered once. Another process is busy meanwhile, as the clients are while the venue
    works: two processors may be two halves of one.
    """
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        return _recoveries(seconds)
    finally:
        other.kill()
        other.wait()


def _recoveries(seconds: float) -> float:
    source = Orders("0x" + "11" * 32, 0)
    bodies = [source.place() for _ in range(200)]
    count = 0
    start = time.process_time()
    while time.process_time() - start < seconds:
        for text in bodies:
            recover(text)
        count += len(bodies)
    return count / (time.process_time() - start)


async def fan_out(venue: Served, rounds: int, kind: str) -> tuple[list[float], float]:
    """Seconds until all subscribers saw an order, and messages per processor second."""
    source = Orders(venue.users[9][1], 0)
    spent = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        wish = {"method": "subscribe", "subscription": {"type": kind, "coin": COIN}}
        sockets = []
        for _ in range(SUBSCRIBERS):
            socket = await session.ws_connect(venue.ws + "/ws", compress=0, max_msg_size=0)
            await socket.send_json(wish)
            sockets.append(socket)
        await asyncio.gather(*(seen(socket, kind, '"time"') for socket in sockets))
        before = venue.processor_seconds()
        for number in range(rounds):
            price = str(HIGH - rounds + number)
            body = source.request(order_action(ASSET, True, price, SIZE))
            waiting = [asyncio.ensure_future(seen(s, kind, f'"px":"{price}.0"')) for s in sockets]
            start = time.perf_counter()
            await post(session, venue.url + "/exchange", body)
            await asyncio.gather(*waiting)
            spent.append(time.perf_counter() - start)
        used = venue.processor_seconds() - before
        for socket in sockets:
            await socket.close()
    return spent, SUBSCRIBERS * rounds / used if used else 0.0


async def seen(socket: aiohttp.ClientWebSocketResponse, kind: str, text: str) -> None:
    """Read until a message of this kind has this text."""
    while True:
        message = await socket.receive_str(timeout=30)
        if f'"channel":"{kind}"' in message and text in message:
            return


def latency_row(number: str, what: str, parts: Parts) -> Result:
    ratio = median(parts.orders) / parts.sum
    shown = (
        f"{ratio:.2f}x; order p50 {median(parts.orders) * 1e3:.3f} ms, p99 "
        f"{percentile(parts.orders, 0.99) * 1e3:.2f} ms; echo {median(parts.echoes) * 1e3:.3f} + "
        f"recovery {median(parts.recoveries) * 1e3:.3f} + durable write "
        f"{median(parts.writes) * 1e3:.3f} = {parts.sum * 1e3:.3f} ms"
    )
    return Result(number, what, "≤ 1.6x the sum", "", shown, ratio <= LATENCY_TARGET)


async def rate_row(venue: Served, quick: bool, over_socket: bool) -> Result:
    pairs = []
    for _ in range(1 if quick else 7):
        bare = recoveries(0.3 if quick else 1.0)
        pairs.append((*await sustained(venue, 2.0 if quick else 5.0, over_socket), bare))
    share = median([rate / bare for _, rate, bare in pairs])
    wall, rate, bare = (median(list(column)) for column in zip(*pairs, strict=True))
    shown = (
        f"{share:.0%}; {rate:,.0f} orders per processor second ({wall:,.0f} per second), "
        f"{bare:,.0f} recoveries per processor second"
    )
    way = "websockets" if over_socket else "HTTP connections"
    what = f"sustained signed, durable orders, {CONNECTIONS} {way}"
    met = share >= RATE_TARGET, share >= RATE_STRETCH
    return Result("P9", what, "≥ 45 % of bare recovery", "≥ 60 %", shown, *met)


def fan_out_row(what: str, found: tuple[list[float], float]) -> Result:
    spent, rate = found
    shown = (
        f"p50 {median(spent) * 1e3:.1f} ms, p99 {percentile(spent, 0.99) * 1e3:.1f} ms; "
        f"{rate:,.0f} messages per processor second"
    )
    return Result("", what, "", "", shown)


async def measured(venue: Served, quick: bool) -> list[Result]:
    rounds = 200 if quick else 2_000
    rows = [
        latency_row("P8", "order round trip over HTTP", await over_http(venue, rounds)),
        latency_row("P8", "the same over websocket post", await over_websocket(venue, rounds)),
        await rate_row(venue, quick, over_socket=False),
        await rate_row(venue, quick, over_socket=True),
    ]
    several = 20 if quick else 100
    for kind, text in (("bbo", "best prices"), ("l2Book", "books, two per second at most")):
        what = f"an order reaches {SUBSCRIBERS} subscribers to {text}"
        rows.append(fan_out_row(what, await fan_out(venue, several if kind == "bbo" else 20, kind)))
    return rows


def measure(quick: bool) -> list[Result]:
    with served() as venue:
        return asyncio.run(measured(venue, quick))


if __name__ == "__main__":
    main_of(measure, __doc__)
