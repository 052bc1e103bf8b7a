"""How long the guard takes from a mark to its order, beside an echo on the same server.

    python -m benchmarks.guard_latency [--quick]

A guard is armed over real sockets on an account with one position. In each round the mark falls
past the level of a step, and the guard sends one signed order; the clocks of both processes are the
computer's. The time begins when the message with the mark is read and ends when the order arrives
at the venue's server; between lie the view of the account, the decision, the journal (on the disk
before anything is sent), the signature and the request. No bid is there, so that the position
stays as it is and every round begins with the same account. In turn with it an echo of the order's
size makes a whole round trip over a kept connection of the same kind.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from benchmarks.common import Result, main_of, median
from benchmarks.venue_latency import Orders, Served, percentile, post, served
from seawall.guard.journal import Entry, Journal
from seawall.guard.loop import Guard
from seawall.guard.observe import Observer
from seawall.guard.policy_file import parse_policy
from seawall.guard.view import View
from seawall.venues.hyperliquid.gateway.reader import Reader
from seawall.venues.public_stream import PublicPrices, PublicUpdate
from seawall.venues.registry import gateway_of
from tests.conformance.hyperliquid.killed_guard import HALF
from tests.conformance.hyperliquid.signer import order_action

ASSET, COIN, HIGH, LOW = 1, "ETH", 2000.0, 1985.0
SIZE, USD = "70", 10_000
POLICY = 'name = "latency"\n[account]\nrisk_capital = 10_000\n' + HALF
WAIT_S = 60.0


class Parts:
    """Seconds of each round, from mark to order, and of what lies between."""

    def __init__(self) -> None:
        self.orders: list[float] = []
        self.views: list[float] = []
        self.journals: list[float] = []
        self.echoes: list[float] = []


class TimedReader(Reader):
    """Notes when a low mark was heard first."""

    heard_at = 0.0

    def _hear_market(self, update: PublicUpdate) -> None:
        if isinstance(update, PublicPrices) and update.mark <= LOW and not self.heard_at:
            self.heard_at = time.monotonic()
        super()._hear_market(update)


class TimedObserver(Observer):
    """Notes how long the last view took."""

    seconds = 0.0

    def view(self, *, resets: Sequence[str] = (), overrides: Sequence[str] = ()) -> View | None:
        start = time.monotonic()
        found = super().view(resets=resets, overrides=overrides)
        self.seconds = time.monotonic() - start
        return found


class TimedJournal(Journal):
    """Notes how long the last decision with an order took to be on the disk."""

    seconds = 0.0
    view_seconds = 0.0
    observer: TimedObserver

    def write(self, *entries: Entry) -> None:
        start = time.monotonic()
        super().write(*entries)
        if any(b"place_order" in msgspec.json.encode(each) for each in entries):
            self.seconds = time.monotonic() - start
            self.view_seconds = self.observer.seconds


class Rounds:
    """The venue, the account and the connections of one measurement."""

    def __init__(self, venue: Served, session: aiohttp.ClientSession, folder: Path) -> None:
        self.venue, self.session, self.folder = venue, session, folder
        self.key = f"{time.time_ns():064x}"
        self.owner = Orders(self.key, 0)
        self.maker = Orders(venue.users[9][1], 0)
        self.parts = Parts()

    async def control(self, path: str, **fields: Any) -> None:
        body = msgspec.json.encode(fields)
        async with self.session.post(f"{self.venue.url}/control{path}", data=body) as answer:
            if answer.status != 200:
                raise RuntimeError(await answer.text())

    async def mark(self, usd: float) -> None:
        await self.control("/price", market=COIN, price=usd)
        await self.control("/time/advance", seconds=6.0)

    async def act(self, source: Orders, action: Any, expected: bytes) -> None:
        _, text = await post(self.session, self.venue.url + "/exchange", source.request(action))
        if expected not in text:
            raise RuntimeError(text)

    async def open(self) -> None:
        """The position, bought from an offer that is gone then."""
        address = self.owner.signer.address
        await self.control("/fund", address=address, amount=USD)
        await self.mark(HIGH)
        await self.act(self.maker, order_action(ASSET, False, "2000", SIZE), b"resting")
        buy = order_action(ASSET, True, "2000", SIZE)
        await self.act(self.owner, buy, b"filled")

    async def play(self, rounds: int) -> None:
        await self.open()
        os.environ["GUARD_LATENCY_KEY"] = self.key
        gateway = gateway_of("hyperliquid")
        address = self.owner.signer.address
        network = gateway.network(url=self.venue.url)
        reader = TimedReader(self.venue.url, address, [COIN])
        writer = gateway.writer(network, address, "env:GUARD_LATENCY_KEY")
        following = asyncio.create_task(reader.run())
        try:
            for number in range(rounds + 5):
                journal = TimedJournal(self.folder / f"{number}.journal")
                journal.observer = TimedObserver("hyperliquid", reader, [COIN])
                guard = Guard(parse_policy(POLICY), reader, journal.observer, journal, writer)
                await self.play_round(reader, journal, guard, is_counted=number >= 5)
                journal.close()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await writer.close()

    async def play_round(
        self, reader: TimedReader, journal: TimedJournal, guard: Guard, *, is_counted: bool
    ) -> None:
        """The mark falls once, and one order goes out."""
        await self.mark(HIGH)
        async with asyncio.timeout(WAIT_S):
            while (
                (state := reader.state()) is None
                or not state.is_live
                or COIN not in state.prices
                or state.prices[COIN].mark < HIGH
            ):
                await reader.changed(await reader.changed(0, 0.0), 0.1)
        guarding = asyncio.create_task(guard.run())
        await guard.look()
        await post(self.session, self.venue.url + "/arrivals", b"")
        reader.heard_at = 0.0
        await self.mark(LOW)
        arrived: list[float] = []
        async with asyncio.timeout(WAIT_S):
            while not arrived:
                if guarding.done():
                    guarding.result()
                _, text = await post(self.session, self.venue.url + "/arrivals", b"")
                arrived = msgspec.json.decode(text)
        guarding.cancel()
        await asyncio.gather(guarding, return_exceptions=True)
        body = self.owner.request(order_action(ASSET, False, "1985", "35"))
        echoed, _ = await post(self.session, self.venue.url + "/echo", body)
        if is_counted:
            self.parts.orders.append(arrived[0] - reader.heard_at)
            self.parts.views.append(journal.view_seconds)
            self.parts.journals.append(journal.seconds)
            self.parts.echoes.append(echoed)


async def measured(venue: Served, rounds: int) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as session:
            made = Rounds(venue, session, Path(folder))
            await made.play(rounds)
    parts = made.parts
    shown = (
        f"p50 {median(parts.orders) * 1e3:.2f} ms, p99 {percentile(parts.orders, 0.99) * 1e3:.2f} "
        f"ms; of it view {median(parts.views) * 1e3:.2f} and journal "
        f"{median(parts.journals) * 1e3:.2f}; echo p50 {median(parts.echoes) * 1e3:.2f} ms, p99 "
        f"{percentile(parts.echoes, 0.99) * 1e3:.2f} ms ({len(parts.orders)} rounds)"
    )
    return [Result("", "the guard, from a mark to its order at the venue", "", "", shown)]


def measure(quick: bool) -> list[Result]:
    with served("--by-hand") as venue:
        return asyncio.run(measured(venue, 40 if quick else 300))


if __name__ == "__main__":
    main_of(measure, __doc__)
