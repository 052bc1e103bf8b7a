"""A page of the terminal without a browser: it asks, and keeps the newest of every surface.

Every message is read by the protocol's own types, so a wrong shape fails wherever it is met.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import ClientSession, ClientWebSocketResponse

from seawall.engine.layout import Limits
from seawall.sandbox.clock import Clock
from seawall.sandbox.venue import Venue, VenueOptions, running_venue
from seawall.terminal import protocol
from seawall.terminal.app import STREAM, mounted
from tests.waiting import PATIENCE_S

LIMITS = Limits(accounts=128, positions=1024, orders=4096, levels=4096, nodes=4096)
MANUAL = VenueOptions(
    markets=("BTC=50000", "ETH=2000"), speed=0, feed="manual", limits=LIMITS, seed=9, history=False
)
"""A clock that only control moves, prices that only control sets, makers that quote around them."""
Found = TypeVar("Found")


class Page:
    """``shown``: the newest message of each surface by its type; ``notices``: all of them."""

    def __init__(self, venue: Venue, socket: ClientWebSocketResponse) -> None:
        self.venue = venue
        self.socket = socket
        self.shown: dict[type[Any], Any] = {}
        self.notices: list[protocol.Notice] = []
        self.sequences: list[int] = []
        self._ids = 0

    async def read(self) -> Any:
        """The next message."""
        text = await self.socket.receive_str(timeout=PATIENCE_S)
        sent = msgspec.json.decode(text, type=protocol.Sent)
        self.sequences.append(sent.sequence)
        if isinstance(sent.message, protocol.Notice):
            self.notices.append(sent.message)
        self.shown[type(sent.message)] = sent.message
        return sent.message

    async def send(self, request: protocol.AnyRequest) -> int:
        self._ids += 1
        await self.socket.send_str(msgspec.json.encode(protocol.Ask(self._ids, request)).decode())
        return self._ids

    async def ask(self, request: protocol.AnyRequest, kind: type[Found]) -> Found:
        """The answer, which must be of this kind."""
        number = await self.send(request)
        while True:
            message = await self.read()
            if isinstance(message, protocol.Answered) and message.id == number:
                assert isinstance(message.answer, kind), message.answer
                return message.answer

    async def place(self, **fields: Any) -> protocol.OrderResult:
        """What became of the first order of a ticket."""
        asked = protocol.PlaceOrder(protocol.Ticket(**fields))
        return (await self.ask(asked, protocol.Placed)).orders[0]

    async def control(self, action: str, **body: Any) -> None:
        raw = msgspec.Raw(msgspec.json.encode(body))
        await self.ask(protocol.Control(action, raw), protocol.Done)

    async def surface(self, kind: type[Found], is_it: Callable[[Found], bool]) -> Found:
        """The first message of a surface, from the newest on, for which this is so.

        Raises TimeoutError after ``PATIENCE_S``.
        """
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = self.shown.get(kind)
                if found is not None and is_it(found):
                    return found  # type: ignore[no-any-return]
                await self.read()

    async def account(
        self, is_it: Callable[[protocol.Account], bool] = lambda _: True
    ) -> protocol.Account:
        return await self.surface(protocol.Account, is_it)

    async def settled(self) -> protocol.Account:
        """The account as it is now, whatever was shown before."""
        await self.ask(protocol.Resynchronise(), protocol.Done)
        self.shown.pop(protocol.Account, None)
        return await self.account()

    async def position(self, market: str) -> protocol.Position:
        """Once the account shows one."""

        def found(account: protocol.Account) -> list[protocol.Position]:
            return [each for each in account.positions if each.market == market]

        return found(await self.account(lambda account: bool(found(account))))[0]


@asynccontextmanager
async def page_at(url: str, query: Mapping[str, str] | None = None) -> AsyncIterator[Page]:
    """The page of a server. ``query``: what its connection is to begin with."""
    async with (
        ClientSession() as session,
        session.ws_connect(url + STREAM, headers={"Origin": url}, params=query) as socket,
    ):
        yield Page(None, socket)  # type: ignore[arg-type]


def with_page(
    play: Callable[[Page], Awaitable[None]],
    options: VenueOptions = MANUAL,
    guard: Path | None = None,
    clock: Clock | None = None,
) -> None:
    """Start a venue, open its page, play."""

    async def run() -> None:
        mount = mounted(guard)
        async with (
            running_venue(options, clock=clock, mount=mount) as venue,
            page_at(venue.url) as page,
        ):
            page.venue = venue
            await play(page)

    asyncio.run(run())
