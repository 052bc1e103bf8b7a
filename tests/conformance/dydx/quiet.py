"""A venue of this dialect in the test's own event loop: its clock stands still, prices by hand,
orders of the tests alone."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from seawall.sandbox.venue import Venue, VenueOptions, running_venue
from seawall.venues.port import Applied
from tests.conformance.dydx.signer import Signer

PRICE = 60_000
START_MS = 1_760_000_000_000


class Quiet:
    """The venue, a client's connection to it, and what took effect, as the machine says."""

    def __init__(self, venue: Venue, session: ClientSession) -> None:
        self.venue, self.session = venue, session
        self.applied: list[Applied] = []
        venue.host.listen(self.applied.extend)

    @property
    def engine(self) -> Any:
        return self.venue.host.engine

    @property
    def height(self) -> int:
        return int(self.engine.tables["block_rules"]["height"][0])

    @property
    def now_s(self) -> int:
        return self.venue.host.now_ms() // 1000

    def signer(self, number: int) -> Signer:
        user = self.venue.users[number]
        holder = self.venue.host.directory.holder(user.address)
        return Signer(user.address, user.private_key, holder.number, holder.sequence)

    def row(self, signer: Signer, number: int = 0) -> int:
        return int(self.venue.host.directory.row_of(f"{signer.address}/{number}"))

    async def blocks(self, count: int = 1) -> None:
        await self.venue.market.advance(1000 * count, 1000)

    async def call(self, method: str, **arguments: Any) -> Any:
        """A JSON-RPC call; the whole answer."""
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": arguments}
        async with self.session.post(self.venue.urls["rpc"], json=asked) as answer:
            assert answer.status == 200
            return await answer.json()

    async def broadcast(self, raw: bytes) -> Any:
        """What the node says to the bytes of a transaction."""
        text = base64.b64encode(raw).decode()
        return (await self.call("broadcast_tx_sync", tx=text))["result"]

    async def taken(self, signer: Signer, *messages: Any) -> None:
        """Broadcast with the next sequence; it must be taken."""
        answer = await self.broadcast(signer.signed(*messages))
        assert answer["code"] == 0, answer
        signer.sequence = self.venue.host.directory.holder(signer.address).sequence

    async def get(self, path: str, port: str = "indexer") -> Any:
        async with self.session.get(self.venue.urls[port] + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


@asynccontextmanager
async def quiet_venue(
    data: Path | None = None, quotas: bool = False,
    markets: tuple[str, ...] = (f"BTC={PRICE}", "ETH=2000"),
) -> AsyncIterator[Quiet]:  # fmt: skip
    """The venue for the length of a block, with its first block committed."""
    options = VenueOptions(
        venue="dydx", speed=0, feed="manual", agents=False, start_ms=START_MS,
        markets=markets, data=data, quotas=quotas,
    )  # fmt: skip
    async with running_venue(options) as venue, ClientSession() as session:
        found = Quiet(venue, session)
        await found.blocks()
        yield found
