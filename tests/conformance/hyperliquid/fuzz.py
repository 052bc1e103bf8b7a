"""Nonsense at all doors of a venue of its own: it must answer, change nothing, and stay small.

    python -m tests.conformance.hyperliquid.fuzz [--requests 20000] [--seed 1] [--clients 16]

Four kinds of requests in turn: information requests with fields missing, mistyped or absurd;
actions whose signature does not fit, or whose signer has no account; actions of a funded account
that are signed as they should be and mean nothing; websocket messages and broken frames. Nothing
may answer with 500 or a traceback, and every account and every book must look as before. The seed
names the whole run.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.conformance.hyperliquid.nonsense import Nonsense
from tests.conformance.hyperliquid.running import Venue, started
from tests.conformance.hyperliquid.wire import info

GROWTH_BYTES = 192_000_000
"""What the process may hold more after the run than after the first tenth of it."""
PONG = '{"channel":"pong"}'
PONG_S = 30.0
LOUD = ("Traceback", "Internal Server Error", "Exception")


@dataclass
class Report:
    """What happened. ``faults`` must be empty."""

    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)

    def fault(self, text: str) -> None:
        if len(self.faults) < 50:
            self.faults.append(text[:600])


def picture(venue: Venue) -> list[Any]:
    """Everything that must not change: accounts and books."""
    accounts = []
    for address, _key in venue.users:
        state = info(venue.url, "clearinghouseState", user=address)
        state.pop("time")
        accounts.append(
            [
                state,
                info(venue.url, "spotClearinghouseState", user=address),
                info(venue.url, "frontendOpenOrders", user=address),
                info(venue.url, "extraAgents", user=address),
                info(venue.url, "subAccounts", user=address),
            ]
        )
    coins = [market["name"] for market in info(venue.url, "meta")["universe"]]
    return [*accounts, *(info(venue.url, "l2Book", coin=coin)["levels"] for coin in coins)]


def judge(report: Report, what: str, sent: bytes, status: int, text: str) -> None:
    report.answers[f"{what} {status}"] += 1
    if status >= 500 or any(word in text for word in LOUD):
        report.fault(f"{what}: {status} {text[:200]!r} for {sent[:300]!r}")
    if what in ("forged", "nonsense") and '"status":"ok"' in text and "error" not in text:
        report.fault(f"accepted: {text[:200]} for {sent[:400]!r}")


async def over_http(
    session: aiohttp.ClientSession, venue: Venue, nonsense: Nonsense, report: Report
) -> None:
    what, path, body = nonsense.request()
    headers = {"Content-Type": nonsense.content_type()}
    try:
        async with session.post(venue.url + path, data=body, headers=headers) as answer:
            judge(report, what, body, answer.status, await answer.text(errors="replace"))
    except aiohttp.ClientError as error:
        report.answers[f"{what} {type(error).__name__}"] += 1
        if venue.process.poll() is not None:
            report.fault(f"the venue ended: {body[:300]!r}")


async def over_websocket(
    session: aiohttp.ClientSession, venue: Venue, nonsense: Nonsense, report: Report
) -> int:
    """One connection with a handful of messages, closed politely or not; how many were sent."""
    count = nonsense.random.randrange(1, 30)
    try:
        async with session.ws_connect(venue.websocket_url, max_msg_size=0) as socket:
            for _ in range(count):
                frame = nonsense.frame()
                if isinstance(frame, bytes):
                    await socket.send_bytes(frame)
                else:
                    await socket.send_str(frame)
            await socket.send_str('{"method": "ping"}')
            await listen(socket, report)
            if nonsense.random.random() < 0.3:
                transport = socket.get_extra_info("socket")
                if transport is not None:
                    transport.shutdown(2)
    except (aiohttp.ClientError, ConnectionError) as error:
        report.answers[f"websocket {type(error).__name__}"] += 1
    return count


async def listen(socket: aiohttp.ClientWebSocketResponse, report: Report) -> None:
    """Read until the answer to a ping, or the end."""
    while True:
        try:
            message = await socket.receive(timeout=PONG_S)
        except TimeoutError:
            report.answers["websocket silent"] += 1
            return
        if message.type is not aiohttp.WSMsgType.TEXT:
            report.answers[f"websocket closed {message.data}"] += 1
            return
        report.answers["websocket message"] += 1
        if any(word in message.data for word in LOUD):
            report.fault(f"websocket: {message.data[:300]!r}")
        if message.data == PONG:
            return


async def client(
    venue: Venue, nonsense: Nonsense, report: Report, budget: list[int], total: int
) -> None:
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while budget[0] > 0 and venue.process.poll() is None:
            if nonsense.random.random() < 0.02:
                sent = await over_websocket(session, venue, nonsense, report)
                budget[0] -= sent
            else:
                budget[0] -= 1
                await over_http(session, venue, nonsense, report)
            if budget[0] <= total * 9 // 10 and not report.resident:
                report.resident.append(venue.resident_bytes())


async def fuzz(venue: Venue, requests: int, seed: int, clients: int) -> Report:
    report = Report()
    budget = [requests]
    funded = [key for _address, key in venue.users[:5]]
    await asyncio.gather(
        *(
            client(
                venue, Nonsense(seed * 1000 + n, funded, venue.now_ms()), report, budget, requests
            )
            for n in range(clients)
        )
    )
    return report


def check(venue: Venue, requests: int, seed: int, clients: int = 16) -> Report:
    """The whole run against one venue; its faults are in the report."""
    assert venue.check()["broken"] == 0
    before = picture(venue)
    report = asyncio.run(fuzz(venue, requests, seed, clients))
    if venue.process.poll() is not None:
        report.fault(f"the venue ended with {venue.process.returncode}")
        return report
    report.resident.append(venue.resident_bytes())
    if report.resident[-1] - report.resident[0] > GROWTH_BYTES:
        report.fault(f"memory grew: {report.resident}")
    after = picture(venue)
    for was, became in zip(before, after, strict=True):
        if was != became:
            report.fault(f"the state changed: {was} -> {became}")
    if broken := venue.check()["broken"]:
        report.fault(f"invariant {broken} is broken")
    if "Traceback" in venue.complaints():
        report.fault("the venue's log has a traceback: " + venue.complaints()[-3000:])
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=16)
    chosen = parser.parse_args()
    with started() as venue:
        report = check(venue, chosen.requests, chosen.seed, chosen.clients)
    megabytes = [round(size / 1e6) for size in report.resident]
    print(json.dumps({"answers": dict(report.answers.most_common()), "megabytes": megabytes}))
    for fault in report.faults:
        print("FAULT", fault)
    sys.exit(1 if report.faults else 0)


if __name__ == "__main__":
    main()
