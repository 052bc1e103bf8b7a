"""Clients trading for a long time on a living venue: nothing breaks and memory stays flat.

    python -m tests.conformance.hyperliquid.soak [--minutes 60] [--clients 10] [--speed 20]

Agents are on, the clock runs ``speed`` times as fast as real time, and every client places and
cancels, changes leverage, asks and listens over a websocket. Now and then a price is shocked,
so that there are liquidations. Every ten seconds the venue is asked whether a rule of the machine
is broken (on a copy, while it runs), and every minute what its process holds in memory. One line
of JSON per minute; the exit status is 1 when something was wrong.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.conformance.hyperliquid.running import Venue, started
from tests.conformance.hyperliquid.signer import Signer, order_action

WARM_UP = 0.25
"""Share of the run after which memory must be flat."""
GROWTH = 0.10
GROWTH_BYTES = 64_000_000
SETTLED = (200, 429)
COINS = (("BTC", 5, 1), ("ETH", 4, 2), ("SOL", 2, 4))
"""Name, decimals of a size, decimals of a price: the first three markets, by asset id."""


def trimmed(text: str) -> str:
    """A decimal as it must be signed: no trailing zeros."""
    return text.rstrip("0").rstrip(".")


@dataclass
class Tally:
    """What happened so far."""

    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    messages: int = 0
    checks: int = 0

    def fault(self, text: str) -> None:
        if len(self.faults) < 100:
            self.faults.append(text[:500])


class Client:
    """One funded account that never stops."""

    def __init__(self, venue: Venue, session: aiohttp.ClientSession, number: int) -> None:
        self.venue = venue
        self.session = session
        address, key = venue.users[number % len(venue.users)]
        self.address, self.signer = address, Signer(key)
        self.random = random.Random(number)
        self.nonce = 0
        self.orders: list[tuple[int, int]] = []

    async def send(self, action: Any, tally: Tally) -> Any:
        self.nonce = max(self.nonce + 1, self.now_ms())
        body = self.signer.request(action, self.nonce)
        async with self.session.post(self.venue.url + "/exchange", json=body) as answer:
            text = await answer.text()
        if answer.status not in SETTLED or "Traceback" in text:
            tally.fault(f"{answer.status} {text} for {action}")
            return None
        found = json.loads(text)
        tally.answers[f"{action['type']} {found['status'] if found else answer.status}"] += 1
        return found

    def now_ms(self) -> int:
        """The venue's clock runs ahead of the computer's; nonces follow it."""
        passed = time.time() - self.venue_started
        return self.venue_began_ms + int(passed * 1000 * self.speed)

    venue_started = 0.0
    venue_began_ms = 0
    speed = 1.0

    async def info(self, kind: str, **fields: Any) -> Any:
        body = {"type": kind, **fields}
        async with self.session.post(self.venue.url + "/info", json=body) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{kind}: {answer.status} {await answer.text()}")
            return await answer.json()

    async def step(self, mids: dict[str, str], tally: Tally) -> None:
        """One thing that a trader does."""
        asset = self.random.randrange(len(COINS))
        coin, size_decimals, price_decimals = COINS[asset]
        mid = float(mids[coin])
        size = f"{self.random.uniform(50, 5_000) / mid:.{size_decimals}f}"
        is_buy = self.random.random() < 0.5
        choice = self.random.random()
        if choice < 0.55:
            price = float(f"{mid * (1 + self.random.uniform(-0.004, 0.004)):.5g}")
            tif = self.random.choice(("Gtc", "Alo", "Ioc"))
            text = trimmed(f"{price:.{price_decimals}f}")
            found = await self.send(order_action(asset, is_buy, text, trimmed(size), tif), tally)
            self._remember(asset, found)
        elif choice < 0.85 and self.orders:
            place, oid = self.orders.pop(self.random.randrange(len(self.orders)))
            await self.send({"type": "cancel", "cancels": [{"a": place, "o": oid}]}, tally)
        elif choice < 0.9:
            leverage = {"asset": asset, "isCross": self.random.random() < 0.5}
            action = {"type": "updateLeverage", **leverage, "leverage": self.random.randint(2, 20)}
            await self.send(action, tally)
        else:
            kind = self.random.choice(("clearinghouseState", "userFills", "frontendOpenOrders"))
            await self.info(kind, user=self.address)
            tally.answers[kind] += 1

    def _remember(self, asset: int, found: Any) -> None:
        if found and found["status"] == "ok":
            for status in found["response"]["data"]["statuses"]:
                if "resting" in status:
                    self.orders.append((asset, status["resting"]["oid"]))
        del self.orders[:-40]


async def trade(client: Client, until: float, tally: Tally) -> None:
    while time.monotonic() < until:
        try:
            mids = await client.info("allMids")
            for _ in range(10):
                await client.step(mids, tally)
        except (aiohttp.ClientError, RuntimeError) as error:
            tally.fault(f"{type(error).__name__}: {error}")
            await asyncio.sleep(1)


async def watch(client: Client, until: float, tally: Tally) -> None:
    """All that a client may watch, for as long as it trades."""
    wishes: list[dict[str, Any]] = [{"type": "allMids"}]
    wishes += [{"type": kind, "coin": "BTC"} for kind in ("l2Book", "trades", "bbo")]
    wishes += [{"type": kind, "user": client.address} for kind in ("userFills", "orderUpdates")]
    async with client.session.ws_connect(client.venue.websocket_url, max_msg_size=0) as socket:
        for wish in wishes:
            await socket.send_json({"method": "subscribe", "subscription": wish})
        while (left := until - time.monotonic()) > 0:
            try:
                message = await socket.receive(timeout=min(left, 30))
            except TimeoutError:
                await socket.send_json({"method": "ping"})
                continue
            if message.type is not aiohttp.WSMsgType.TEXT:
                tally.fault(f"websocket closed: {message.type} {message.data}")
                return
            tally.messages += 1


async def observe(venue: Venue, until: float, tally: Tally, shocks: bool) -> None:
    """Ask for broken rules and memory; shock a price each minute."""
    start = time.monotonic()
    minute = 0
    while time.monotonic() < until:
        await asyncio.sleep(10)
        broken = (await asyncio.to_thread(venue.check))["broken"]
        tally.checks += 1
        if broken:
            tally.fault(f"broken: {broken}")
        if time.monotonic() - start < 60 * (minute + 1):
            continue
        minute += 1
        tally.megabytes.append(venue.resident_bytes() / 1e6)
        shown = {"minute": minute, "megabytes": tally.megabytes[-1], "messages": tally.messages}
        print(json.dumps(shown | {"answers": dict(tally.answers)}), flush=True)
        if shocks:
            move = -0.06 if minute % 2 else 0.06
            coin = COINS[minute % len(COINS)][0]
            fields = {"market": coin, "move": move, "seconds": 20, "rebound": 1}
            await asyncio.to_thread(
                lambda f: venue.control.call("/shock", **f), fields | {"reboundSeconds": 60}
            )


async def soak(venue: Venue, minutes: float, clients: int, speed: float) -> Tally:
    tally = Tally()
    Client.venue_started, Client.venue_began_ms = time.time(), venue.now_ms()
    Client.speed = speed
    until = time.monotonic() + 60 * minutes
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        all_clients = [Client(venue, session, number) for number in range(clients)]
        await asyncio.gather(
            observe(venue, until, tally, shocks=True),
            *(trade(client, until, tally) for client in all_clients),
            *(watch(client, until, tally) for client in all_clients),
        )
    return tally


def judge(venue: Venue, tally: Tally) -> None:
    """Faults of the run as a whole."""
    if venue.process.poll() is not None:
        tally.fault("the venue ended")
    if "Traceback" in venue.complaints():
        tally.fault(venue.complaints()[-2000:])
    warm = tally.megabytes[int(len(tally.megabytes) * WARM_UP) :]
    if len(warm) >= 4:
        half = len(warm) // 2
        first, last = sum(warm[:half]) / half, sum(warm[-half:]) / half
        if last > first * (1 + GROWTH) and (last - first) * 1e6 > GROWTH_BYTES:
            tally.fault(f"memory grew after warm-up: {first:.0f} MB, then {last:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--speed", type=float, default=20)
    chosen = parser.parse_args()
    arguments = ("--speed", str(chosen.speed), "--agents", "--feed", "synthetic")
    with started(*arguments) as venue:
        tally = asyncio.run(soak(venue, chosen.minutes, chosen.clients, chosen.speed))
        judge(venue, tally)
    summary = {"answers": dict(tally.answers), "messages": tally.messages, "checks": tally.checks}
    print(json.dumps(summary | {"megabytes": tally.megabytes}))
    for fault in tally.faults:
        print("FAULT", fault)
    sys.exit(1 if tally.faults else 0)


if __name__ == "__main__":
    main()
