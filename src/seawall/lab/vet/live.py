"""Vetting a venue that runs: its book is asked for again and again, around a shock if asked for.

The venue may be far away or in this process (``sandbox``). A sandbox whose clock stands still is
moved on instead of waited for. Times are the venue's own where it gives them. A look that fails is
a moment without a known book, not the end.
"""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec
import numpy as np

from seawall.domain.errors import InputError
from seawall.lab.arrays import Floats
from seawall.lab.market.book_file import known_market
from seawall.lab.vet.book import ALL_PRICES, OPEN
from seawall.lab.vet.tape import (
    AFTER,
    CALM,
    PHASES,
    STORM,
    Charges,
    Spans,
    Tape,
    TradeRow,
    Trades,
    VetError,
    Watch,
    mean_rates,
)
from seawall.report.kinds import short_percent
from seawall.venues.public_api import PublicApi, PublicApiError
from seawall.venues.raw_json import VenueDataError
from seawall.venues.registry import VENUES

MOST_FAILURES = 5
"""So many looks in a row that fail are an error."""


class LiveBook(NamedTuple):
    """``time_ms``: None where the venue does not say. Levels best first; ``is_whole``: all of them,
    else nothing is known beyond the last."""

    time_ms: int | None
    bids: Floats
    asks: Floats
    is_whole: bool = False

    @property
    def known(self) -> tuple[float, float]:
        """The prices between which every order is shown."""
        if self.is_whole:
            return ALL_PRICES
        lowest, highest = (float(e[-1, 0]) if len(e) else 0.0 for e in (self.bids, self.asks))
        return lowest, highest


class Feed(Protocol):
    """A market of a running venue. Its methods raise VetError or VenueDataError."""

    @property
    def source(self) -> str: ...

    @property
    def charges(self) -> Charges: ...

    def book(self) -> LiveBook: ...

    def trades(self) -> list[TradeRow] | None:
        """New ones since the last call: time, price, size, sign; None where it has none."""
        ...

    def funding(self) -> float | None:
        """Fraction an hour that longs pay."""
        ...


class Control(Protocol):
    """The control of a sandbox."""

    def stands_still(self) -> bool:
        """Whether only control moves the clock."""
        ...

    def advance(self, seconds: float) -> None: ...

    def shock(self, market: str, move: float, ramp_s: float, withdrawn: float) -> None:
        """A move of the price, and makers without a share of their depth."""
        ...

    def give_back(self, market: str) -> None:
        """The depth that the shock withdrew."""
        ...


class BookFeed:
    """The book of a market over a shipped venue's public API."""

    def __init__(self, base: str, market: str, venue: str, charges: Charges) -> None:
        """Raises PublicApiError for what is no URL."""
        self._api = PublicApi(base)
        self._market = market
        self._levels = VENUES[venue].fetch_book
        self.source = f"{market} at {self._api.base}"
        self.charges = charges

    def book(self) -> LiveBook:
        """Raises BookError for a book of another market."""
        found = self._levels(self._api, self._market)
        known_market(self.source, self._market, found.market)
        bids, asks = (np.asarray(e, np.float64).reshape(-1, 2) for e in (found.bids, found.asks))
        return LiveBook(found.time_ms, bids, asks)

    def trades(self) -> None:
        return None

    def funding(self) -> None:
        return None


class ControlApi:
    """The control of a sandbox at a URL. Raises PublicApiError where there is none."""

    def __init__(self, base: str) -> None:
        self._api = PublicApi(base)
        self._withdrawn = 0.0

    def stands_still(self) -> bool:
        status = msgspec.json.decode(self._api.get("/control/status"))
        return not status["speed"] or bool(status["paused"])

    def advance(self, seconds: float) -> None:
        self._api.post("/control/time/advance", {"seconds": round(seconds, 3)})

    def shock(self, market: str, move: float, ramp_s: float, withdrawn: float) -> None:
        self._withdrawn = withdrawn
        if withdrawn:
            self._withdraw(market, withdrawn)
        ramp = {"seconds": round(ramp_s, 3)} if ramp_s else {"instant": True}
        body = {"market": market, "move": round(move, 9), **ramp}
        self._api.post("/control/shock", body)

    def give_back(self, market: str) -> None:
        if self._withdrawn:
            self._withdraw(market, 0.0)

    def _withdraw(self, market: str, share: float) -> None:
        self._api.post("/control/liquidity", {"market": market, "withdraw": round(share, 9)})


def running_tape(
    watch: Watch, at: str | None, venue: str, ccxt: str | None, progress: Callable[[float], None]
) -> Tape:
    """A market over a shipped venue's API (``at``: its base URL), or of an exchange through ccxt.

    Raises InputError and VenueDataError.
    """
    control = None if at is None else control_of(at)
    if ccxt is None:
        assert at is not None
        feed = BookFeed(at, watch.market, venue, watch.charges)
        return live_tape(feed, watch, control, progress=progress)
    from seawall.lab.vet.ccxt import CcxtFeed

    if not watch.market:
        expected = "a symbol of the exchange, such as BTC/USDT:USDT"
        raise InputError.of("", "market", None, expected)
    exchange = CcxtFeed(ccxt, watch.market, at, watch.charges)
    try:
        # Control calls BTC/USDT:USDT by what is traded in it.
        coin = watch.market.partition("/")[0]
        return live_tape(exchange, watch, control, progress=progress, shocked=coin)
    finally:
        exchange.close()


def live_tape(
    feed: Feed,
    watch: Watch,
    control: Control | None = None,
    sleep: Callable[[float], None] = time.sleep,
    progress: Callable[[float], None] = lambda _: None,
    shocked: str | None = None,
) -> Tape:
    """``control``: needed for a shock, and for a clock that stands still. ``shocked``: what control
    calls the market, where that is another name. Raises VetError and VenueDataError."""
    if watch.move is not None and control is None:
        move = short_percent(watch.move, signed=True)
        raise VetError(f"--shock: {move} belongs to a sandbox; --at should be the URL of one")
    return _Watched(feed, watch, control, sleep, progress, shocked or watch.market).tape()


class _Watched:
    def __init__(
        self,
        feed: Feed,
        watch: Watch,
        control: Control | None,
        sleep: Callable[[float], None],
        progress: Callable[[float], None],
        shocked: str,
    ) -> None:
        self.feed, self.watch, self.control = feed, watch, control
        self._sleep, self._progress = sleep, progress
        self._shocked = shocked
        self._sampler = watch.sampler()
        self._trades: list[TradeRow] = []
        self._has_trades = True
        self._failures = self._gaps = 0
        self._now, self._step_ms = 0, max(1, round(watch.every_s * 1000))
        self._waits = control is None or not control.stands_still()
        self._funding: dict[str, list[float]] = {}

    def tape(self) -> Tape:
        watch = self.watch
        self._look()
        begin = self._now
        shock = self._watch(CALM)
        phases: dict[str, Spans] = {CALM: ((begin, shock),)}
        if watch.move is not None and self.control is not None:
            self.control.shock(self._shocked, watch.move, watch.ramp_s, watch.withdrawn)
            self._look(after_change=True)
            calmed = self._watch(STORM)
            self.control.give_back(self._shocked)
            self._look(after_change=True)
            end = self._watch(AFTER)
            phases |= {STORM: ((shock, calmed),), AFTER: ((calmed, end),)}
        end = self._now
        if not (self._sampler.samples().state == OPEN).any():
            raise VetError(f"{self.feed.source}: no usable book was seen")
        return watch.tape(
            self.feed.source,
            self._sampler,
            Trades.of([each for each in self._trades if begin <= each[0] <= end]),
            end,
            phases=phases,
            charges=self.feed.charges,
            shock=watch.shock(shock),
            funding=mean_rates(self._funding),
            has_trades=self._has_trades,
            breaks=self._gaps,
        )

    def _watch(self, phase: str) -> int:
        """Look until the phase is over; when that was."""
        began = self._now
        length = self.watch.seconds * 1000
        while self._now < began + length:
            if self._waits:
                self._sleep(self.watch.every_s)
            else:
                assert self.control is not None
                self.control.advance(self.watch.every_s)
            self._look()
            funding = self.feed.funding()
            if funding is not None:
                self._funding.setdefault(phase, []).append(funding)
            done = PHASES.index(phase) + min(1.0, (self._now - began) / length)
            self._progress(done / (1 if self.watch.move is None else len(PHASES)))
        return self._now

    def _look(self, *, after_change: bool = False) -> None:
        """The book and new trades. After a change there is another book at the same moment."""
        try:
            book = self.feed.book()
            self._failures = 0
        except VenueDataError as error:
            self._failures += 1
            if self._failures == MOST_FAILURES or not self._now:
                raise VetError(f"{error}") from None
            if self._failures == 1:
                self._gaps += 1
                self._sampler.lose(self._now + 1)
            self._now += self._step_ms
            return
        at = time.time_ns() // 1_000_000 if book.time_ms is None else book.time_ms
        if at > self._now or (after_change and at == self._now):
            self._now = at
            self._sampler.look(at, book.bids, book.asks, book.known)
        elif not after_change:
            # No news: the book before stands on while time passes.
            self._now += self._step_ms
        found = self.feed.trades()
        if found is None:
            self._has_trades = False
        else:
            self._trades += found


def control_of(base: str) -> Control | None:
    """The control of a sandbox at a URL; None where something else answers there."""
    control = ControlApi(base)
    try:
        control.stands_still()
    except (PublicApiError, msgspec.DecodeError, KeyError, TypeError):
        return None
    return control


def plain_error(error: Exception) -> str:
    """One line of what went wrong in another library."""
    return " ".join(str(error).split())[:200] or type(error).__name__
