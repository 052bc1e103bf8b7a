"""One connection to a venue's public streams, from its beginning to its end.

What all venues have in common: making it, subscribing, pinging, and reading until it ends. A
venue's own reader says to what it subscribes and what its messages say.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from aiohttp import ClientError, ClientSession, ClientTimeout, ClientWebSocketResponse, WSMsgType

from seawall.venues.public_api import PublicApi, PublicApiError
from seawall.venues.public_stream import PublicUpdate

ANSWER_S = 5.0
"""A question that takes longer is given up; the stream does not wait for it."""
PING_S = 10.0
QUIET_S = 4.0
"""A market about which nothing was said for so long is asked about."""
MAX_MESSAGE = 16 * 2**20


class FollowedStream(ABC):
    """The public streams of one venue by its base URL; implements the connection of a
    ``PublicReader``. Raises PublicApiError for no URL.

    ``clock``: seconds, for what is due. ``refused``: markets that the venue does not let follow,
    such as one that was delisted, and its words.
    """

    path: ClassVar[str]
    """Of the websocket, below the base URL."""
    ping: ClassVar[str]
    """The message that asks whether the other side is there."""
    silence_s: ClassVar[float]
    """A connection without any message for so long, not even the answer to a ping, has ended."""

    def __init__(self, url: str, clock: Callable[[], float], quiet_s: float) -> None:
        self._api = PublicApi(url, ANSWER_S)
        self.url = self._api.base
        self._clock, self._quiet_s = clock, quiet_s
        self._names: list[str] = []
        self.refused: dict[str, str] = {}
        self._socket: ClientWebSocketResponse | None = None

    @abstractmethod
    async def follow_also(self, names: Sequence[str]) -> None:
        """From now on follow these markets too."""

    @abstractmethod
    async def _begin(self, socket: ClientWebSocketResponse) -> None:
        """Subscribe to what is not of a market."""

    @abstractmethod
    async def _subscribe(self, socket: ClientWebSocketResponse, names: Sequence[str]) -> None:
        """Subscribe to what is of these markets."""

    @abstractmethod
    def _read(self, text: str) -> Sequence[PublicUpdate]:
        """What a message says. Raises VenueDataError for one that cannot be used."""

    @abstractmethod
    async def _ask(self, hear: Callable[[PublicUpdate], None]) -> None:
        """Ask about what the stream is silent about, until cancelled."""

    async def follow(self, names: Sequence[str], hear: Callable[[PublicUpdate], None]) -> None:
        """As ``PublicReader.follow``."""
        self._names, self.refused = [], {}
        await self.follow_also(names)
        asking = asyncio.create_task(self._ask(hear), name="seawall-feed-questions")
        try:
            await self._listen(hear)
        except (ClientError, OSError, TimeoutError) as error:
            words = str(error) or type(error).__name__
            raise PublicApiError(f"{self._stream}: the connection ended: {words}") from None
        finally:
            self._socket = None
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    @property
    def _stream(self) -> str:
        return "ws" + self.url.removeprefix("http") + self.path

    async def _listen(self, hear: Callable[[PublicUpdate], None]) -> None:
        # A proxy of the network cannot reach this computer.
        through_proxy = not self._api.is_local
        timeout = ClientTimeout(total=None, connect=ANSWER_S)
        async with (
            ClientSession(trust_env=through_proxy, timeout=timeout) as session,
            session.ws_connect(self._stream, max_msg_size=MAX_MESSAGE) as socket,
        ):
            await self._begin(socket)
            # What is added from now on is subscribed to by itself.
            self._socket, names = socket, list(self._names)
            await self._subscribe(socket, names)
            pinging = asyncio.create_task(self._ping(socket), name="seawall-feed-ping")
            try:
                while True:
                    received = await socket.receive(timeout=self.silence_s)
                    if received.type != WSMsgType.TEXT:
                        raise ConnectionError("closed by the other side")
                    for update in self._read(received.data):
                        hear(update)
            finally:
                pinging.cancel()

    async def _ping(self, socket: ClientWebSocketResponse) -> None:
        while True:
            await asyncio.sleep(PING_S)
            await socket.send_str(self.ping)
