"""A venue inside a Python program, for as long as a block lasts.

The venue runs in a thread of its own on a free port of the loopback interface; any client of the
venue trades on ``url``, and the object steers it like ``seawall control``.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seawall.domain.errors import InputError
from seawall.sandbox.client import ControlClient

if TYPE_CHECKING:
    from seawall.sandbox.venue import Venue, VenueOptions
    from seawall.venues.venue import UserKey

START_SECONDS = 600.0
"""The first start compiles the machine."""


class Sandbox(ControlClient):
    """A running venue. ``users``: its funded accounts with their keys, for tests only; ``urls``:
    of each of its ports, by name."""

    def __init__(self, venue: "Venue") -> None:
        super().__init__(venue.url)
        self.websocket_url = venue.websocket_url
        self.urls = venue.urls
        self.users: list[UserKey] = venue.users
        self.markets = tuple(market.name for market in venue.markets)

    def mark(self, market: str) -> str:
        """The mark price of a market as exact decimal text. Raises InputError."""
        for each in self.status()["markets"]:
            if each["name"] == market:
                return str(each["mark"])
        raise InputError.of("", "market", market, f"one of {', '.join(self.markets)}")


@contextmanager
def sandbox(
    *markets: str,
    venue: str | None = None,
    seed: int | None = None,
    speed: float = 1.0,
    rulebook: str | None = None,
    data: str | Path | None = None,
    agents: bool = True,
    quotas: bool = True,
    mode: str | None = None,
    feed: str = "synthetic",
    history: bool = True,
    port: int = 0,
    start_ms: int | None = None,
) -> Iterator[Sandbox]:
    """A venue on a free port of 127.0.0.1 that stops with the block.

    ``markets``: names, each with a price to begin at if wanted: ``"BTC=60000"``. ``venue``: whose
    rules and wire language, by name; the default one's if not given. ``speed``: venue
    seconds per second, 0 for a clock that only ``advance`` moves. ``data``: a folder that keeps it,
    and that says seed, markets, rulebook and mode from then on. ``mode``: ``standard`` accounts
    have a margin for each list of markets, ``unified`` ones share one. ``feed``: ``synthetic``,
    ``manual``, or a venue to follow in real time, by its name or URL. ``quotas``: clients may use
    as much as on the venue, and no more; False lets them use what they like. ``history``: candles
    and funding rates before the start. ``start_ms``: the venue's time at the very first start, ms
    since 1970, the computer's if not given; with a seed and a speed of 0 it makes runs repeat.
    Raises SeawallError for options that cannot be used.
    """
    from seawall.sandbox.venue import VenueOptions
    from seawall.venues.registry import DEFAULT_VENUE

    options = VenueOptions(
        venue=venue or DEFAULT_VENUE, port=port, rulebook=rulebook, markets=markets, seed=seed,
        speed=speed,
        data=None if data is None else Path(data), agents=agents,
        quotas=quotas, mode=mode, feed=feed, history=history, start_ms=start_ms,
    )  # fmt: skip
    runner = _Runner(options)
    runner.start()
    try:
        yield Sandbox(runner.started())
    finally:
        runner.stop()


class _Runner(threading.Thread):
    """The event loop of one venue."""

    def __init__(self, options: "VenueOptions") -> None:
        super().__init__(name="seawall-sandbox", daemon=True)
        self._options = options
        self._ready = threading.Event()
        self._venue: Venue | None = None
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        from seawall.sandbox.venue import run_venue

        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        await run_venue(self._options, self._announce, self._stopping)

    def _announce(self, venue: "Venue") -> None:
        self._venue = venue
        self._ready.set()

    def started(self) -> "Venue":
        """The venue once it answers. Raises what it could not start for."""
        if not self._ready.wait(START_SECONDS):
            raise TimeoutError(f"the venue did not start within {START_SECONDS:g} seconds")
        if self._venue is None:
            assert self._error is not None
            raise self._error
        return self._venue

    def stop(self) -> None:
        """End the venue and wait for it. Raises what it stopped for by itself."""
        if self._loop is not None and self._stopping is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self.join()
        if self._error is not None and self._venue is not None:
            raise self._error
