"""What an order costs at the local dYdX: from sending it to its fill on the socket, beside the time
of a block; and orders per second of processor time, beside the check of signatures alone.

    python -m benchmarks.dydx_latency [--quick]

`seawall up --venue dydx` runs in a process of its own with a clock in real time, without agents and
quotas, its log on the disk. Orders are signed beforehand with real keys and sent over gRPC. For the
latency they are sent one at a time to a book that is full, and the subscriber of the subaccount
notes when it is told of the fill. For the rate several users send pairs of a resting short-term
order and its cancel at once; of the same bytes another loop decodes the transaction and checks its
signature, and does nothing else, in turn with it in the same run.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import grpc

from benchmarks.common import Result, main_of, median
from seawall.venues.dydx.directory.directory import ChainDirectory
from seawall.venues.dydx.node.chain import CHAIN_ID
from seawall.venues.dydx.node.proto import message
from seawall.venues.dydx.node.transactions import decode, public_key_of
from seawall.venues.port import Record
from tests.command_line import running
from tests.conformance.dydx.signer import LONG_TERM, SHORT_TERM, Signer

PRICE, BUY, SELL, IMMEDIATE = 60_000, 1, 2, 1
USERS = 8
"""That send at once."""
PAIRS = 100
"""Of an order and its cancel, of each user in a turn: few enough that none lives too long."""
BROADCAST = "/cosmos.tx.v1beta1.Service/BroadcastTx"
OPTIONS = (
    "--venue", "dydx", "--port", "0", "--no-agents", "--no-quotas", "--feed", "manual",
    "--markets", f"BTC={PRICE}",
)  # fmt: skip


class Served:
    """A running venue and a channel to its node."""

    def __init__(self, about: dict[str, Any], pid: int, session: aiohttp.ClientSession) -> None:
        self._about, self._pid, self._session = about, pid, session
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{about['ports']['grpc']}")
        self._call = self._channel.unary_unary(BROADCAST)
        self.socket_url = f"ws://127.0.0.1:{about['ports']['socket']}/v4/ws"

    def signer(self, number: int) -> Signer:
        user = self._about["accounts"][number]
        return Signer(user["address"], user["privateKey"], number)

    async def height(self) -> int:
        async with self._session.get(f"{self._about['url']}/v4/height") as answer:
            return int((await answer.json())["height"])

    async def taken(self, raw: bytes) -> None:
        """Broadcast; raises RuntimeError where it is refused."""
        request = message("tx.service", "BroadcastTxRequest")(tx_bytes=raw, mode=2)
        answer = await self._call(request.SerializeToString())
        found = message("tx.service", "BroadcastTxResponse").FromString(answer).tx_response
        if found.code:
            raise RuntimeError(found.raw_log)

    def processor_seconds(self) -> float:
        """What its threads have used so far."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def close(self) -> None:
        await self._channel.close()


async def latencies(venue: Served, session: aiohttp.ClientSession, rounds: int) -> list[float]:
    """Seconds from sending an order that trades to the message with its fill."""
    maker, taker = venue.signer(1), venue.signer(0)
    until = int(time.time()) + 3600
    for number, (side, usd) in enumerate(((BUY, PRICE - 10), (SELL, PRICE + 10))):
        order = maker.order(number, LONG_TERM, side, usd, 100_000, until)
        await venue.taken(maker.signed(order, sequence=number))
    begun = await venue.height()
    while await venue.height() < begun + 2:  # they go to the book with a block
        await asyncio.sleep(0.05)
    spent = []
    async with session.ws_connect(venue.socket_url) as socket:
        wish = {"type": "subscribe", "channel": "v4_subaccounts", "id": f"{taker.address}/0"}
        await socket.send_json(wish)
        for number in range(rounds):
            side, usd = ((BUY, PRICE + 10), (SELL, PRICE - 10))[number % 2]
            order = taker.order(
                number, SHORT_TERM, side, usd, 1, await venue.height() + 20,
                time_in_force=IMMEDIATE,
            )  # fmt: skip
            raw = taker.signed(order)
            start = time.perf_counter()
            sending = asyncio.create_task(venue.taken(raw))
            await filled(socket)
            spent.append(time.perf_counter() - start)
            await sending
    return spent[rounds // 10 :]


async def filled(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Read until a message tells of a fill."""
    while True:
        text = await socket.receive_str(timeout=30)
        if '"fills":[{' in text:
            return


async def sustained(venue: Served, turn: int) -> tuple[float, Sequence[bytes]]:
    """Transactions per second of the venue's processor time, all users at once; and their bytes."""
    until = await venue.height() + 38
    bodies = []
    for number in range(USERS):
        signer = venue.signer(number)
        first = 1_000_000 + turn * PAIRS
        bodies.append(
            [
                signer.signed(made)
                for client_id in range(first, first + PAIRS)
                for made in (
                    signer.order(client_id, SHORT_TERM, BUY, PRICE - 5000, 1, until),
                    signer.cancel(client_id, SHORT_TERM, until),
                )
            ]
        )

    async def send(some: Sequence[bytes]) -> None:
        for raw in some:
            await venue.taken(raw)

    before = venue.processor_seconds()
    await asyncio.gather(*map(send, bodies))
    used = venue.processor_seconds() - before
    return 2 * PAIRS * USERS / used, bodies[0]


def verifications(venue: Served, bodies: Sequence[bytes]) -> float:
    """How often per second of processor time a transaction is decoded and its signature checked."""
    directory = ChainDirectory()
    for number in range(USERS):
        key = f"{venue.signer(number).address}/0"
        directory.apply(Record("account", {"key": key, "label": ""}), 0)
    start = time.process_time()
    for raw in bodies:
        public_key_of(decode(raw), directory, CHAIN_ID)
    return len(bodies) / (time.process_time() - start)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def measured(about: dict[str, Any], pid: int, quick: bool) -> list[Result]:
    async with aiohttp.ClientSession() as session:
        venue = Served(about, pid, session)
        spent = await latencies(venue, session, 200 if quick else 1000)
        rates, bare = [], []
        for turn in range(3 if quick else 9):
            rate, bodies = await sustained(venue, turn)
            rates.append(rate)
            bare.append(verifications(venue, bodies))
        await venue.close()
    share = median([rate / alone for rate, alone in zip(rates, bare, strict=True)])
    p50, p99 = median(spent) * 1e3, percentile(spent, 0.99) * 1e3
    latency = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms; a block 1,000 ms"
    rate = (
        f"{share:.0%}; {median(rates):,.0f} orders and {median(bare):,.0f} signatures per "
        "processor second"
    )
    return [
        Result("", "dYdX: order over gRPC to its fill on the socket", "", "", latency),
        Result("", f"dYdX: orders and cancels of {USERS} users, to signatures alone", "", "", rate),
    ]


def measure(quick: bool) -> list[Result]:
    with running("up", *OPTIONS) as (about, process):
        return asyncio.run(measured(about, process.pid, quick))


if __name__ == "__main__":
    main_of(measure, __doc__)
