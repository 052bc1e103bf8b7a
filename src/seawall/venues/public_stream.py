"""What a venue publishes about its markets while it runs, read by a host that follows it.

A reader knows the wire of its venue and sends nothing but subscriptions and questions about
markets. Prices are USD, sizes coins, both floats: they shape quotes and prices here and are no
ledger. When to connect again, and what a silence means, is the host's to decide.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from msgspec import Struct

from seawall.domain.enums import Side
from seawall.domain.instrument import Instrument

Level = tuple[float, float]
"""A price and the size that rests there."""


class PublicPrices(Struct, frozen=True):
    """The prices of a market; ``mid`` is None where a side of its book is empty.

    What the venue does not say is None: ``funding``, the fraction of notional that longs pay an
    hour, as forecast now; ``open_interest`` in coins; of the last 24 hours ``day_volume`` in USD
    and ``day_before``, the price at their beginning.
    """

    market: str
    oracle: float
    mark: float
    mid: float | None
    funding: float | None = None
    open_interest: float | None = None
    day_volume: float | None = None
    day_before: float | None = None


class PublicBook(Struct, frozen=True):
    """Levels of a market, best first. ``reaches_far``: a coarser book, read now and then, that
    goes beyond the levels of the stream. ``time_ms``: the venue's, where it says it."""

    market: str
    bids: Sequence[Level]
    asks: Sequence[Level]
    reaches_far: bool = False
    time_ms: int | None = None


class PublicTrade(NamedTuple):
    """One fill. ``side``: the taker's. ``trade_id``: the venue's own, 0 where it has none."""

    side: Side
    price: float
    size: float
    time_ms: int
    trade_id: int = 0


class PublicCandle(NamedTuple):
    """The trades of one interval. ``volume``: coins."""

    opened_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int


class PublicTrades(Struct, frozen=True):
    """New trades of a market in their order: none that was there before, none twice."""

    market: str
    trades: Sequence[PublicTrade]


PublicUpdate = PublicPrices | PublicBook | PublicTrades


class PublicMarkets(NamedTuple):
    """The markets that trade on a venue now, by name: their prices, and the terms of those that
    are the venue's own."""

    prices: Mapping[str, PublicPrices]
    instruments: Mapping[str, Instrument]


class PublicReader(Protocol):
    """Reads the public streams of one venue at ``url``."""

    url: str

    async def markets(self, names: Sequence[str]) -> PublicMarkets:
        """All markets of the venue's own, and of the other lists that ``names`` are of.

        Raises VenueDataError.
        """
        ...

    async def book(self, market: str) -> PublicBook:
        """The book of a market now, as far as the venue shows it. Raises VenueDataError."""
        ...

    async def follow(self, names: Sequence[str], hear: Callable[[PublicUpdate], None]) -> None:
        """Connect, subscribe, and call ``hear`` with what comes, until the connection ends.

        Returns only by raising VenueDataError, which says why it ended.
        """
        ...


@runtime_checkable
class CandleReader(PublicReader, Protocol):
    """One that reads candles too."""

    async def candles(
        self, market: str, interval: str, start_ms: int, end_ms: int
    ) -> Sequence[PublicCandle]:
        """The candles opened between two moments, oldest first. ``interval``: such as ``5m``.

        Raises VenueDataError.
        """
        ...
