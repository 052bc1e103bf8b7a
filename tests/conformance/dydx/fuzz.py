"""Hostile requests to every port of a dYdX whose state must stay as it is.

    python -m tests.conformance.dydx.fuzz [--requests 20000] [--seed 16]

So many go to each of the five ports: the indexer's REST, its socket, the node's gRPC, its RPC and
its REST (``nonsense.py`` makes them). Nothing may answer with a fault of the server, nothing may be
logged with a traceback, no transaction may be taken, and state and directory must be as before.
Quotas are off, so that every request is read. The exit status is 1 when something was wrong.
"""

import argparse
import asyncio
import json
import logging
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import aiohttp
import grpc

from tests.conformance.dydx.nonsense import Nonsense
from tests.conformance.dydx.quiet import Quiet, quiet_venue
from tests.waiting import PATIENCE_S

PORTS = ("indexer", "socket", "grpc", "rpc", "rest")
AT_ONCE = 8
"""Clients of a port."""
FRAMES = 40
"""Messages of one connection of the socket."""
EXPECTED = (
    grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED,
    # What cannot be parsed is INTERNAL to every server of this protocol.
    grpc.StatusCode.INTERNAL,
)  # fmt: skip


def traces(venue: Quiet) -> tuple[str, bytes]:
    """Everything that a transaction could change; a refused command counts and does no more."""
    twin = venue.engine.fork()
    twin.tables["control"]["sequence"][0] = 0
    return twin.state_hash(), venue.venue.host.directory.snapshot()


class Report(logging.Handler):
    """What happened. ``faults`` must be empty."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []

    def fault(self, text: str) -> None:
        if len(self.faults) < 50:
            self.faults.append(text[:600])

    def emit(self, record: logging.LogRecord) -> None:
        self.fault(f"logged: {self.format(record)}")


class Fuzz:
    """One run against one venue."""

    def __init__(self, venue: Quiet, report: Report, seed: int) -> None:
        self.venue, self.report, self.seed = venue, report, seed

    async def run(self, port: str, count: int) -> None:
        """So many requests to one port, from several clients."""
        left = [count]
        send = getattr(self, f"_{port}")
        await asyncio.gather(
            *(send(port, Nonsense(self.venue, f"{self.seed}/{port}/{n}"), left)
              for n in range(AT_ONCE))
        )  # fmt: skip

    async def _indexer(self, port: str, nonsense: Nonsense, left: list[int]) -> None:
        await self._http(port, nonsense.indexer, left)

    async def _rpc(self, port: str, nonsense: Nonsense, left: list[int]) -> None:
        await self._http(port, nonsense.rpc, left)

    async def _rest(self, port: str, nonsense: Nonsense, left: list[int]) -> None:
        await self._http(port, nonsense.rest, left)

    async def _http(self, port: str, make: Callable[[], Any], left: list[int]) -> None:
        url = self.venue.venue.urls[port]
        async with aiohttp.ClientSession() as session:
            while left[0] > 0:
                left[0] -= 1
                method, path, query, body = make()
                try:
                    async with session.request(
                        method, url + path, params=query, data=body or None
                    ) as answer:
                        text = await answer.text(errors="replace")
                except (aiohttp.ClientResponseError, aiohttp.InvalidURL) as error:
                    self.report.answers[f"{port} {type(error).__name__}"] += 1
                    continue
                self.report.answers[f"{port} {answer.status}"] += 1
                self._judge(port, answer.status, text, f"{method} {path} {query} {body[:200]!r}")

    def _judge(self, port: str, status: int, text: str, asked: str) -> None:
        if status >= 500 or "Traceback" in text:
            self.report.fault(f"{port}: {status} {text[:200]} to {asked}")

    async def _grpc(self, port: str, nonsense: Nonsense, left: list[int]) -> None:
        at = f"127.0.0.1:{self.venue.venue.ports[port]}"
        async with grpc.aio.insecure_channel(at) as channel:
            calls: dict[str, Any] = {}
            while left[0] > 0:
                left[0] -= 1
                path, raw = nonsense.query()
                if path not in calls:
                    calls[path] = channel.unary_unary(path)
                call = calls[path](raw)
                code = await call.code()
                self.report.answers[f"{port} {code.name}"] += 1
                if code not in EXPECTED:
                    self.report.fault(f"{port}: {code} {await call.details()} to {path} {raw!r}")

    async def _socket(self, port: str, nonsense: Nonsense, left: list[int]) -> None:
        async with aiohttp.ClientSession() as session:
            while left[0] > 0:
                count = min(FRAMES, left[0])
                left[0] -= count
                url = self.venue.venue.urls[port] + nonsense.chance.choice(("/v4/ws", "/"))
                async with session.ws_connect(url, max_msg_size=0) as socket:
                    for _ in range(count):
                        frame = nonsense.frame()
                        if isinstance(frame, bytes):
                            await socket.send_bytes(frame)
                        else:
                            await socket.send_str(frame)
                    await socket.send_str("PING")
                    await self._listen(port, socket)

    async def _listen(self, port: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Read until the answer to a ping."""
        while True:
            message = await socket.receive(timeout=PATIENCE_S)
            if message.type is not aiohttp.WSMsgType.TEXT:
                self.report.fault(f"{port}: closed with {message.data}")
                return
            if message.data == "PONG":
                return
            self.report.answers[f"{port} {json.loads(message.data)['type']}"] += 1


async def fuzz(count: int, seed: int) -> Report:
    """Send so many to each port; the report says what went wrong."""
    report = Report()
    logging.getLogger().addHandler(report)
    try:
        async with quiet_venue() as venue:
            before = traces(venue)
            for port in PORTS:
                await Fuzz(venue, report, seed).run(port, count)
                if traces(venue) != before:
                    report.fault(f"{port}: the state changed")
                    before = traces(venue)
    finally:
        logging.getLogger().removeHandler(report)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=16)
    given = parser.parse_args()
    report = asyncio.run(fuzz(given.requests, given.seed))
    print(json.dumps({"requests": given.requests * len(PORTS), "answers": dict(report.answers)}))
    for fault in report.faults:
        print("FAULT", fault)
    sys.exit(1 if report.faults else 0)


if __name__ == "__main__":
    main()
