"""One account of a running venue, read again and again: what every venue's reader has in common.

Everything is read over HTTP, then a stream is followed until it ends, and what it is silent about
is asked for meanwhile. Then both begin anew, after a pause that grows while connections fail.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar, Generic, TypeVar

from msgspec import Struct, structs

from seawall.venues.followed_stream import FollowedStream
from seawall.venues.gateway_port import OrderEnding
from seawall.venues.inputs import Inputs, VenueClock
from seawall.venues.public_api import PublicApiError
from seawall.venues.public_stream import PublicUpdate
from seawall.venues.raw_json import VenueDataError

LONGEST_LOOK_S = 4.0
"""Between two looks for what is quiet, at most, while questions are not answered."""
STEADY_S = 10.0
"""A connection that lasted so long has not failed."""
PAUSES_S = (0.2, 1.0, 3.0, 5.0)
"""Before a connection is made again, the longer the more have failed in a row."""
KEPT_FILLS, KEPT_ENDINGS = 500, 2000
UNENDED = ("open", "unknown")
"""States of an order that has not ended."""

Stream = TypeVar("Stream", bound=FollowedStream)


class KnownEnding(Struct):
    """An order's ending; when it was asked for and when it came, seconds of the clock.

    ``until_height``: the last block in which the order may still fill, where there are blocks.
    """

    ending: OrderEnding
    asked_at: float
    answered_at: float
    until_height: int = 0

    def shown(self, clock: VenueClock) -> OrderEnding:
        """With the moments as the venue's time."""
        now_ms, at = clock.now_ms(), clock.monotonic()
        return structs.replace(
            self.ending,
            asked_ms=now_ms - round(1000 * (at - self.asked_at)),
            answered_ms=now_ms - round(1000 * (at - self.answered_at)),
        )


class FollowedAccount(ABC, Generic[Stream]):
    """The connection of a ``gateway_port.VenueReader``."""

    _look_s: ClassVar[float]
    """Between two looks for what is quiet."""

    def __init__(
        self, markets: Sequence[str], clock: VenueClock | None, pauses_s: Sequence[float]
    ) -> None:
        self._wanted = list(dict.fromkeys(markets))
        self._clock = clock or VenueClock()
        self._inputs = Inputs(self._clock)
        self._pauses_s = pauses_s
        self._endings: dict[str, KnownEnding] = {}
        self._stream: Stream | None = None
        self._followed: list[str] = []
        self._connection, self._is_live, self._live_at = 0, False, 0.0
        self._trouble = ""
        self._sequence = 0
        self._has_changed = asyncio.Event()

    @abstractmethod
    def _new_stream(self) -> Stream:
        """The next connection's."""

    @abstractmethod
    def _markets(self) -> list[str]:
        """Those that are wanted, and those with a position or an order."""

    @abstractmethod
    async def _read_all(self) -> None:
        """Everything over HTTP. Raises VenueDataError."""

    @abstractmethod
    async def _ask_once(self) -> None:
        """Ask for what has changed, and for what is quiet. Raises VenueDataError for what cannot be
        read, PublicApiError for an answer that does not come."""

    @abstractmethod
    def _hear_market(self, update: PublicUpdate) -> None:
        """Keep what the stream says of a market."""

    async def changed(self, since: int, timeout_s: float) -> int:
        """As ``VenueReader.changed``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._sequence <= since:
                    self._has_changed.clear()
                    await self._has_changed.wait()
        return self._sequence

    def _tell(self) -> None:
        self._sequence += 1
        self._has_changed.set()

    def _went_live(self) -> None:
        """The stream has said what the account is: from now on it says what happens to it."""
        if not self._is_live:
            self._is_live, self._live_at, self._trouble = True, self._clock.monotonic(), ""

    def _refused(self) -> Sequence[str]:
        """A sentence for each market that the venue does not let follow."""
        found = {} if self._stream is None else self._stream.refused
        return [f"{name} cannot be followed: {why}" for name, why in found.items()]

    def _put_ending(self, known: KnownEnding) -> None:
        """Keep an ending as the newest, and forget the oldest beyond a limit."""
        self._endings.pop(known.ending.client_id, None)
        self._endings[known.ending.client_id] = known
        while len(self._endings) > KEPT_ENDINGS:
            del self._endings[next(iter(self._endings))]

    async def run(self) -> None:
        """As ``VenueReader.run``."""
        failures = 0
        while True:
            self._connection += 1
            try:
                await self._read_all()
                await self._follow()
            except VenueDataError as error:
                self._trouble = str(error)
            lasted_s = self._clock.monotonic() - self._live_at if self._is_live else 0.0
            failures = 0 if lasted_s >= STEADY_S else failures + 1
            self._is_live = False
            self._tell()
            await asyncio.sleep(self._pauses_s[min(failures, len(self._pauses_s) - 1)])

    async def _follow(self) -> None:
        """Follow the stream until it ends. Raises VenueDataError."""
        stream = self._stream = self._new_stream()
        self._followed = self._markets()
        tasks = [
            asyncio.create_task(self._ask_quiet(), name="seawall-reader-questions"),
            asyncio.create_task(
                stream.follow(self._followed, self._hear_market), name="seawall-reader-stream"
            ),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            self._stream = None
        for each in ended:
            if isinstance(each, Exception):
                raise each

    async def _ask_quiet(self) -> None:
        """Look for what is quiet until cancelled; an answer that does not come is asked for again.
        Raises VenueDataError for what cannot be read."""
        pause_s = self._look_s
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._ask_once()
                pause_s = self._look_s
            except PublicApiError:
                pause_s = min(2 * pause_s, LONGEST_LOOK_S)
