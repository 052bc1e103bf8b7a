"""Clients that keep their own books through shocks and liquidations, for a long time.

    python -m tests.conformance.hyperliquid.soak [--minutes 30] [--rate 20] [--clients 8]
        [--speed 60] [--seed 1]

Clients with little money and high leverage send ``rate`` orders a second between them, brackets and
stops among them, change leverage and margin and send each other money, beside the venue's agents.
Prices are shocked all the time, so that positions are liquidated on the book, by the backstop and
by deleveraging; at 60 times real time there is a funding settlement every minute. Each client keeps
books of what its websocket delivered (``books.py``). Every minute the clock is stopped and the
books must be the venue's to the last unit: cash, fees, funding, positions, account value. No rule
of the machine may be broken (on a copy, while it runs), and the memory of the venue must stay.

One line of JSON per minute; the exit status is 1 when something was wrong. ``--speed 0`` does the
same work as fast as it goes, one order after the other, on a clock that only the soak moves.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from tests.conformance.hyperliquid.running import Venue, faults_of_run, started
from tests.conformance.hyperliquid.soak_client import (
    CHANNELS,
    COINS,
    POOR_USD,
    STAKE_USD,
    Client,
    Tally,
)
from tests.waiting import until

ROUND_S = 1.0
"""A round's orders are sent in this time."""
ROUND_VENUE_S = 400
"""How far the clock goes in a round where only the soak moves it."""
ROUNDS_PER_SHOCK = 5
"""Of a clock that goes by itself: five minutes at 60 times real time."""
SHOCKS_PER_CHECK = 12
AT_ONCE = 0.001
"""Seconds of a jump: less than any step of the clock."""
SHOCKS = (
    {"move": -0.05, "seconds": 120, "holdSeconds": 60, "rebound": 1, "reboundSeconds": 120},
    {"move": 0.06, "seconds": AT_ONCE, "holdSeconds": 60, "rebound": 1, "reboundSeconds": 120},
    {"move": -0.2, "seconds": AT_ONCE, "holdSeconds": 30, "rebound": 1, "reboundSeconds": 60},
    {"move": 0.05, "seconds": 120, "holdSeconds": 60, "rebound": 1, "reboundSeconds": 120},
    {"move": -0.06, "seconds": AT_ONCE, "holdSeconds": 60, "rebound": 1, "reboundSeconds": 120},
    {"move": 0.2, "seconds": AT_ONCE, "holdSeconds": 30, "rebound": 1, "reboundSeconds": 60},
)
"""Slow ones meet the book, a jump the backstop, a jump beyond all margin the other side."""


class Soak:
    """A number of clients on one venue. ``speed`` 0: the clock moves with the rounds."""

    def __init__(self, venue: Venue, tally: Tally, clients: list[Client], speed: float) -> None:
        self.venue, self.tally, self.clients, self.speed = venue, tally, clients, speed
        self.started = time.monotonic()

    async def control(self, path: str, **fields: Any) -> None:
        await asyncio.to_thread(lambda: self.venue.control.call(path, **fields))

    async def run(self, rounds: int, rate: int) -> None:
        """``rate`` orders a round, shocks between, and now and then a comparison."""
        each = ROUNDS_PER_SHOCK if self.speed else 1
        for number in range(rounds):
            await self.trade(number, rate)
            if (number + 1) % each == 0:
                await self.shock(number // each)
            if self.speed == 0:
                await self.control("/time/advance", seconds=ROUND_VENUE_S, stepSeconds=10)
                await self.compare()
            if (number + 1) % (each * SHOCKS_PER_CHECK) == 0 or number == rounds - 1:
                await self.check()

    async def shock(self, turn: int) -> None:
        """Shock a price, after those that lost their money got some again."""
        for client in self.clients:
            if client.books.balance < POOR_USD:
                await self.control("/fund", address=client.address, amount=STAKE_USD)
        coin = COINS[turn % len(COINS)][0]
        await self.control("/shock", market=coin, **SHOCKS[turn // len(COINS) % len(SHOCKS)])

    async def trade(self, number: int, rate: int) -> None:
        """One round at the prices of its beginning: every client its share, in its time."""
        mids = await self.clients[0].info("allMids")
        for client in self.clients:
            client.mids = mids
        if self.speed == 0:
            for turn in range(rate):
                await self.clients[turn % len(self.clients)].step()
            return

        async def share(place: int) -> None:
            for turn in range(place, rate, len(self.clients)):
                due = self.started + (number + turn / rate) * ROUND_S
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                await self.clients[place].step()

        await asyncio.gather(*map(share, range(len(self.clients))))

    async def check(self) -> None:
        """Nothing moves: the books are the venue's, and no rule of the machine is broken."""
        stopped = time.monotonic()
        if self.speed:
            await self.control("/time/pause")
            await self.compare()
        broken = (await asyncio.to_thread(self.venue.check))["broken"]
        self.tally.checks += 1
        if broken:
            self.tally.fault(f"broken: {broken}")
        self.report(stopped - self.started)
        if self.speed:
            await self.control("/time/resume")
        self.started += time.monotonic() - stopped

    async def compare(self) -> None:
        for client in self.clients:
            await client.compare()

    def report(self, seconds: float) -> None:
        """Print what happened in so many seconds of trading."""
        self.tally.megabytes.append(self.venue.resident_bytes() / 1e6)
        for client in self.clients:
            self.tally.forced.update(client.books.methods)
            client.books.methods.clear()
        self.tally.seconds = round(seconds, 1)
        shown = {"check": self.tally.checks, "megabytes": self.tally.megabytes[-1]}
        print(json.dumps(shown | summary(self.tally)), flush=True)


@contextlib.asynccontextmanager
async def listening(venue: Venue, tally: Tally, count: int) -> AsyncIterator[list[Client]]:
    """Clients with money, each subscribed to all that it keeps books of."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        clients = [Client(venue, session, number, tally) for number in range(count)]
        for client in clients:
            await asyncio.to_thread(venue.control.fund, client.address, STAKE_USD)
            client.friends = [other.address for other in clients if other is not client]
        tasks = [asyncio.create_task(client.listen()) for client in clients]
        try:
            for client in clients:
                await until(lambda one=client: one.subscribed == len(CHANNELS))  # type: ignore[misc]
                await client.begin()
            yield clients
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def soak(venue: Venue, rounds: int, rate: int, count: int, speed: float) -> Tally:
    tally = Tally()
    async with listening(venue, tally, count) as clients:
        await Soak(venue, tally, clients, speed).run(rounds, rate)
    for text in faults_of_run(venue, tally.megabytes):
        tally.fault(text)
    return tally


def summary(tally: Tally) -> dict[str, Any]:
    names = ("seconds", "actions", "orders", "fills", "fundings", "messages", "comparisons")
    counts = {name: getattr(tally, name) for name in names}
    answers = {"forced": dict(tally.forced), "answers": dict(tally.answers)}
    return counts | answers | {"faults": len(tally.faults)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=int, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--speed", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    options = ("--speed", str(chosen.speed), "--seed", str(chosen.seed))
    rounds = round(60 * chosen.minutes / ROUND_S)
    with started(*options, "--agents", "--feed", "synthetic") as venue:
        tally = asyncio.run(soak(venue, rounds, chosen.rate, chosen.clients, chosen.speed))
    print(json.dumps(summary(tally) | {"megabytes": tally.megabytes}))
    for fault in tally.faults:
        print("FAULT", fault)
    sys.exit(1 if tally.faults else 0)


if __name__ == "__main__":
    main()
