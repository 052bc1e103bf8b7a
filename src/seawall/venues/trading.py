"""What a program that watches or protects an account needs of a venue, in two halves.

``VenueReader`` has no method with which to trade: what is given only a reader cannot. Prices and
sizes are decimal text, as venues write them; times are the venue's own, in ms since 1970.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from seawall.venues.book_levels import BookLevels


class RawAccount(Struct, frozen=True, kw_only=True):
    """A venue's answers about an account and all markets, to be read in ``accounts/``.

    ``liquidation_prices``: the venue's own, USD by market; None where it says that there is none.
    ``equity``, ``maintenance``: micro-USD of each cross pool and isolated position, where it says
    them, by the names ``cross``, ``cross GROUP`` and the market's.
    """

    raw: bytes
    time_ms: int
    market_list: bytes | None = None
    liquidation_prices: Mapping[str, str | None] = {}
    equity: Mapping[str, int] = {}
    maintenance: Mapping[str, int] = {}


class RestingOrder(Struct, frozen=True, kw_only=True):
    """An open order. ``size``: what is left; ``trigger_price`` empty for no trigger."""

    market: str
    order_id: int
    client_id: str
    is_buy: bool
    size: str
    price: str
    trigger_price: str = ""
    take_profit: bool = False
    reduce_only: bool = False


class OrderAnswer(Struct, frozen=True, kw_only=True):
    """What became of an order: ``open``, ``filled``, ``cancelled``, ``rejected`` or ``unknown``.

    ``reason``: the venue's own text where it rejected it.
    """

    client_id: str
    state: str
    filled: str = "0"
    reason: str = ""


class MarketFacts(Struct, frozen=True, kw_only=True):
    """A market now. ``volume``: coins traded since a fixed moment. ``funding_rate``: of the next
    settlement as the venue forecasts it, as a fraction of notional, what longs pay."""

    market: str
    time_ms: int
    mark: str
    volume: str | None = None
    funding_rate: str | None = None
    next_funding_ms: int | None = None


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """Money that came (positive) or left without a trade; ``kind``: ``deposit``, ``withdrawal``,
    ``transfer`` or ``funding``. ``amount``: micro-USD."""

    time_ms: int
    kind: str
    amount: int
    market: str = ""


class VenueReader(Protocol):
    """An account at a venue, to look at. Each raises VenueDataError for an answer that cannot be
    used and OSError where there is none."""

    async def account(self) -> RawAccount:
        """Positions, money and margins now."""
        ...

    async def orders(self) -> tuple[int, Sequence[RestingOrder]]:
        """The venue's time, and every open order, placed by any program or by hand."""
        ...

    async def order(self, client_id: str) -> OrderAnswer:
        """What became of one order."""
        ...

    async def markets(self, names: Sequence[str]) -> Sequence[MarketFacts]:
        """Marks, volumes and funding of some markets."""
        ...

    async def book(self, market: str) -> BookLevels:
        """The order book of a market."""
        ...

    async def ledger(self, start_ms: int) -> Sequence[LedgerEntry]:
        """Cash flows and funding payments since a time, oldest first."""
        ...

    async def wallets(self) -> Mapping[str, int]:
        """Micro-USD that other sources than the account's pools can give, by their names."""
        ...


class OrderRequest(Struct, frozen=True, kw_only=True):
    """A reduce-only order; there is no other. ``kind``: ``immediate``, ``post_only`` or
    ``trigger``; ``price``: the worst at which it may fill."""

    market: str
    is_buy: bool
    size: str
    kind: str
    price: str
    client_id: str
    trigger_price: str = ""
    take_profit: bool = False


class VenueWriter(Protocol):
    """An account at a venue, to act on: what makes it safer and nothing else.

    Each returns what the venue answered. Raises OSError where it is not known whether the venue has
    taken it, so that it must be asked before anything is sent again.
    """

    async def place(self, order: OrderRequest) -> OrderAnswer: ...

    async def cancel(self, market: str, order_id: int, client_id: str) -> OrderAnswer: ...

    async def add_margin(self, bucket: str, micro: int, source: str) -> bool:
        """Whether micro-USD were moved from a source to a pool or an isolated position."""
        ...
