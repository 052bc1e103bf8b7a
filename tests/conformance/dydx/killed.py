"""Kill a loaded dYdX again and again; nothing that was acknowledged may be lost or doubled.

    python -m tests.conformance.dydx.killed [--count 50] [--seed 1]

``seawall up --venue dydx --data`` runs in a process of its own, its clock at ten times real time,
so that a block comes every tenth of a second. Three clients send signed transactions over the wire:
short-term orders that trade, long-term orders, cancels, transfers; each listens to its subaccount
on the socket. The process is killed with SIGKILL after a random number of acknowledged transactions
or while it still starts. The folder is checked (``seawall check``), the venue is started again with
its clock standing, and the wire must show every acknowledged order, cancel and transfer and every
fill that the socket told, once; sequences must be the acknowledged ones; and the USDC and position
of each client those of its own books (``books.py``).
"""

import argparse
import asyncio
import base64
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from seawall.venues.registry import wire_of
from tests.command_line import seawall
from tests.conformance.dydx.books import Books
from tests.conformance.dydx.signer import LONG_TERM, SHORT_TERM, Signer
from tests.waiting import PATIENCE_S

PRICE, SPEED = 60_000, 10
LEAST, MOST = 40, 200
"""Acknowledged transactions before a kill."""
EARLY = 0.15
"""Share of the lives that end while the venue starts."""
PAGE = 1000


class Ended(Exception):
    """The venue is gone: what was asked has no answer."""


class Served:
    """A venue in a process of its own, and its wire."""

    def __init__(self, about: dict[str, Any], session: aiohttp.ClientSession) -> None:
        self.ports = about["ports"]
        self.url = about["url"]
        self._session = session

    async def ask(self, path: str, port: str = "indexer", body: Any = None) -> Any:
        """An answer. Raises Ended."""
        url = f"http://127.0.0.1:{self.ports[port]}{path}"
        method = "GET" if body is None else "POST"
        try:
            async with self._session.request(method, url, json=body) as answer:
                found = await answer.json(content_type=None)
        except aiohttp.ClientError as error:
            raise Ended(str(error)) from None
        assert answer.status == 200, f"{answer.status} {found}"
        return found

    async def broadcast(self, raw: bytes) -> int:
        """The code. Raises Ended."""
        body = {"tx_bytes": base64.b64encode(raw).decode()}
        found = await self.ask("/cosmos/tx/v1beta1/txs", "rest", body)
        return int(found["tx_response"]["code"])

    async def pages(self, path: str, name: str) -> list[dict[str, Any]]:
        """All of a list that comes in pages."""
        found: list[dict[str, Any]] = []
        while True:
            number = len(found) // PAGE + 1
            answer = await self.ask(f"{path}&limit={PAGE}&page={number}")
            found += answer[name]
            if len(answer[name]) < PAGE:
                return found


class Client:
    """One user: what it sent, what was acknowledged, and what the socket told it."""

    def __init__(self, number: int, seed: int) -> None:
        user = wire_of("dydx").user_key("seawall test only 1", number)
        # The users of a venue and their wallets are opened in their order.
        self.signer = Signer(user.address, user.private_key, number)
        self.address = user.address
        self.dice = random.Random(f"{seed}/{number}")
        self.counts: Counter[str] = Counter()
        self.ids = 0
        self.orders: dict[str, str] = {}
        """Acknowledged orders of this life by client id: what was acknowledged last."""
        self.resting: list[int] = []
        self.moved: set[str] = set()
        """Sizes of the acknowledged transfers, each one of its own."""
        self.unsure: Any = None
        """What was sent and not answered: a client id, or a size."""
        self.told: dict[str, dict[str, Any]] = {}

    @property
    def acknowledged(self) -> int:
        return self.counts.total()

    async def load(self, venue: Served, done: Callable[[], None]) -> None:
        """Send one transaction after the other until the venue is gone."""
        with suppress(Ended):
            while True:
                height = int((await venue.ask("/v4/height"))["height"])
                await self._act(venue, height)
                done()

    async def _act(self, venue: Served, height: int) -> None:
        kind = self.dice.choices(("short", "long", "cancel", "transfer"), (6, 2, 2, 2))[0]
        if kind == "cancel" and not self.resting:
            kind = "long"
        self.ids += 1
        side, steps = self.dice.choice((1, 2)), self.dice.randint(1, 10)
        price = PRICE + 10 * self.dice.randint(-5, 5)
        now = int((await venue.ask("/v4/time"))["epoch"])
        if kind == "short":
            message = self.signer.order(self.ids, SHORT_TERM, side, price, steps, height + 15)
        elif kind == "long":
            # Away from the others, so that a cancel finds it.
            away = price - 200 if side == 1 else price + 200
            message = self.signer.order(self.ids, LONG_TERM, side, away, steps, now + 80_000)
        elif kind == "cancel":
            gone = self.resting.pop(0)
            message = self.signer.cancel(gone, LONG_TERM, now + 80_001)
        else:
            message = self.signer.transfer(1 + self.ids % 3, self.ids)
        self.unsure = kind, gone if kind == "cancel" else self.ids
        code = await venue.broadcast(self.signer.signed(message))
        assert code == 0, f"{kind}: {code}"
        self._acknowledge()
        if kind == "long" and len(self.resting) > 5:
            await self._act_cancel(venue, now)

    async def _act_cancel(self, venue: Served, now: int) -> None:
        """Few enough orders stay, far below what the equity tier allows."""
        gone = self.resting.pop(0)
        self.unsure = "cancel", gone
        raw = self.signer.signed(self.signer.cancel(gone, LONG_TERM, now + 80_001))
        assert await venue.broadcast(raw) == 0
        self._acknowledge()

    def _acknowledge(self) -> None:
        kind, number = self.unsure
        self.unsure = None
        self.counts[kind] += 1
        if kind == "transfer":
            self.moved.add(size_of(number))
        else:
            self.orders[str(number)] = kind
        if kind == "long":
            self.resting.append(number)
        if kind != "short":
            self.signer.sequence += 1

    async def listen(self, venue: Served, session: aiohttp.ClientSession) -> None:
        """Keep every fill that the socket tells."""
        url = f"ws://127.0.0.1:{venue.ports['socket']}/v4/ws"
        with suppress(aiohttp.ClientError, asyncio.CancelledError):
            async with session.ws_connect(url) as socket:
                wish = {"channel": "v4_subaccounts", "id": f"{self.address}/0"}
                await socket.send_json({"type": "subscribe", **wish})
                async for message in socket:
                    contents = json.loads(message.data).get("contents") or {}
                    for fill in contents.get("fills", ()):
                        assert fill["id"] not in self.told, f"told twice: {fill}"
                        self.told[fill["id"]] = fill

    # -- after a kill ----------------------------------------------------------------------------

    async def compare(self, venue: Served) -> None:
        """AssertionError if anything acknowledged is lost or doubled."""
        await self._compare_sequence(venue)
        of = f"?address={self.address}&subaccountNumber=0"
        await self._compare_orders(await venue.ask(f"/v4/orders{of}&limit={PAGE}"))
        books = Books(self.address)
        for transfer in await venue.pages(f"/v4/transfers{of}", "transfers"):
            assert transfer["id"] not in books.transfers, f"a transfer was doubled: {transfer}"
            books.transfer(transfer)
        self._compare_transfers([each["size"] for each in books.transfers.values()])
        for fill in self.told.values():
            books.fill(fill)
        kept = await venue.pages(f"/v4/fills{of}", "fills")
        ids = {fill["id"] for fill in kept}
        assert len(ids) == len(kept), "a fill was doubled"
        assert set(self.told) <= ids, "a fill that was told was lost"
        for fill in kept:
            books.fill(fill)
        for payment in await venue.pages(f"/v4/fundingPayments{of}", "fundingPayments"):
            books.payment(payment)
        shown = await venue.ask(f"/v4/addresses/{self.address}/subaccountNumber/0")
        assert books.differences(shown["subaccount"]) == []
        self.orders.clear()
        self.unsure = None

    async def _compare_sequence(self, venue: Served) -> None:
        path = f"/cosmos/auth/v1beta1/account_info/{self.address}"
        sequence = int((await venue.ask(path, "rest"))["info"]["sequence"])
        spends = self.unsure is not None and self.unsure[0] != "short"
        assert 0 <= sequence - self.signer.sequence <= spends, "a sequence was lost or doubled"
        if sequence > self.signer.sequence:
            kind, number = self.unsure
            if kind == "long":
                self.resting.append(number)
        elif spends and self.unsure[0] == "cancel":
            self.resting.append(self.unsure[1])
        self.signer.sequence = sequence

    async def _compare_orders(self, shown: list[dict[str, Any]]) -> None:
        counts = Counter(order["clientId"] for order in shown)
        assert max(counts.values(), default=1) == 1, "an order was doubled"
        statuses = {order["clientId"]: order["status"] for order in shown}
        unsure = None if self.unsure is None else str(self.unsure[1])
        for number, what in self.orders.items():
            assert number in statuses, f"an acknowledged order was lost: {number}"
            if what == "cancel":
                ended = ("CANCELED", "FILLED")
                assert statuses[number] in ended, f"an acknowledged cancel was lost: {number}"
            elif what == "long" and number != unsure:
                assert statuses[number] in ("OPEN", "FILLED"), f"{number}: {statuses[number]}"

    def _compare_transfers(self, sizes: list[str]) -> None:
        sent = [size for size in sizes if "." in size]
        assert len(set(sent)) == len(sent), "a transfer was doubled"
        assert self.moved <= set(sent), "an acknowledged transfer was lost"
        unknown = set(sent) - self.moved
        unsure = size_of(self.unsure[1]) if self.unsure else ""
        assert unknown <= {unsure}, f"transfers that were not sent: {unknown}"
        self.moved |= unknown


def size_of(quantums: int) -> str:
    """A transfer's size as the indexer prints it."""
    return f"{quantums / 1e6:.6f}".rstrip("0").rstrip(".")


def begin(folder: Path) -> "subprocess.Popen[str]":
    code = "from seawall.cli.main import main; main()"
    options = (
        "--speed",
        "manual",
        "--no-agents",
        "--no-quotas",
        "--feed",
        "manual",
        "--port",
        "0",
        "--json",
    )
    made = () if (folder / "venue").exists() else ("--venue", "dydx", "--markets", f"BTC={PRICE}")
    words = ["up", "--data", str(folder / "venue"), *options, *made]
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=log, text=True
        )


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


async def compare(venue: Served, clients: list[Client]) -> None:
    """What was taken before the kill belongs to the next block, where cancels take effect."""
    await venue.ask("/control/time/advance", body={"seconds": 2, "stepSeconds": 1})
    for client in clients:
        await client.compare(venue)


async def life(folder: Path, clients: list[Client], dice: random.Random) -> None:
    """Start, compare, load, kill."""
    process = begin(folder)
    try:
        reading = asyncio.create_task(asyncio.to_thread(first_line, process))
        if (folder / "venue").exists() and dice.random() < EARLY:
            # Between nothing and a whole start.
            await asyncio.wait([reading], timeout=3 * dice.random())
            process.kill()
            await reading
            return
        line = await asyncio.wait_for(reading, 3 * PATIENCE_S)
        assert line, f"the venue did not start: {(folder / 'log').read_text()[-2000:]}"
        async with aiohttp.ClientSession() as session:
            venue = Served(json.loads(line), session)
            await compare(venue, clients)
            await venue.ask("/control/time/speed", body={"speed": SPEED})
            await loaded(venue, session, clients, dice.randint(LEAST, MOST), process.kill)
    finally:
        process.kill()
        process.communicate()


async def loaded(
    venue: Served, session: aiohttp.ClientSession, clients: list[Client], wanted: int,
    kill: Callable[[], None],
) -> None:  # fmt: skip
    """Trade until so many more transactions are acknowledged, and kill at that very moment."""
    start = sum(client.acknowledged for client in clients)

    def look() -> None:
        if sum(client.acknowledged for client in clients) - start >= wanted:
            kill()

    listening = [asyncio.create_task(client.listen(venue, session)) for client in clients]
    loads: list[Awaitable[None]] = [client.load(venue, look) for client in clients]
    try:
        await asyncio.wait_for(asyncio.gather(*loads), PATIENCE_S)
        await asyncio.wait_for(asyncio.gather(*listening), PATIENCE_S)
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


async def kill_repeatedly(folder: Path, count: int, seed: int) -> dict[str, int]:
    """So many lives on one folder; figures. Raises AssertionError."""
    dice = random.Random(seed)
    clients = [Client(number, seed) for number in range(3)]
    for _ in range(count):
        await life(folder, clients, dice)
        report = await asyncio.to_thread(seawall, "check", folder / "venue")
        assert report.returncode == 0, report.stdout + report.stderr
    process = begin(folder)
    try:
        line = await asyncio.to_thread(first_line, process)
        async with aiohttp.ClientSession() as session:
            venue = Served(json.loads(line), session)
            await compare(venue, clients)
            height = int((await venue.ask("/v4/height"))["height"])
    finally:
        process.kill()
        process.communicate()
    assert "Traceback" not in (folder / "log").read_text()
    counts: Counter[str] = sum((client.counts for client in clients), Counter())
    return {
        "kills": count, "blocks": height, "acknowledged": counts.total(), **counts,
        "fills told": sum(len(client.told) for client in clients),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(kill_repeatedly(Path(folder), given.count, given.seed))))


if __name__ == "__main__":
    main()
