"""Time-weighted orders (TWAP) of a venue whose dialect keeps and runs them, beside its wire.

Where the rules of a venue know such orders themselves, the machine keeps them and this is not
needed. Sizes are size units, prices price units, times ms of the venue's clock.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from seawall.domain.enums import Side
from seawall.venues.port import Desk, Plan

TwapState = Literal["waiting", "running", "finished", "cancelled", "stopped", "failed"]


class TwapTerms(Struct, frozen=True):
    """What a venue takes. ``minimum_value``: micro-USD at the mark; ``slippage``: the most that a
    slice may pay beyond the middle of the book, a share; ``randomises``: whether slices are then
    sent at random, or even ones with the choice kept."""

    shortest_minutes: int
    longest_minutes: int
    minimum_value: int
    slippage: float
    randomises: bool


class TwapWanted(Struct, frozen=True, kw_only=True):
    """An order to be traded in slices over ``minutes``.

    ``trigger_price``: begin once the mark is there, from below where ``trigger_above``;
    ``stop_price``: end it once the mark is there; 0 for none.
    """

    account: int
    market: int
    side: Side
    size: int
    minutes: int
    reduce_only: bool = False
    randomise: bool = False
    trigger_price: int = 0
    trigger_above: bool = False
    stop_price: int = 0


class TwapSchedule(Struct, frozen=True):
    """How an order would be sliced now: so many slices, the first at once, of about ``slice_size``
    each."""

    slices: int
    interval_ms: int
    slice_size: int


class TwapStatus(Struct, frozen=True):
    """An order as it is now. ``executed_notional``: micro-USD; ``started_ms``, ``ended_ms``: 0 for
    not yet."""

    twap_id: int
    market: int
    side: Side
    size: int
    minutes: int
    schedule: TwapSchedule
    slices_sent: int
    executed_size: int
    executed_notional: int
    reduce_only: bool
    randomise: bool
    state: TwapState
    created_ms: int
    started_ms: int
    ended_ms: int


class TwapOrders(Protocol):
    """What a host may ask a dialect to do with such orders, for an account by its row.

    ``engine`` is any machine with the venue's markets: the venue's own or a copy.
    """

    terms: TwapTerms

    def schedule(self, engine: Any, wanted: TwapWanted) -> TwapSchedule:
        """How it would be sliced, at the mark of now; of a size below the minimum one slice."""
        ...

    def worst_price(self, engine: Any, market: int, side: Side) -> int:
        """The limit that a slice would have now; 0 while there is no price."""
        ...

    def placing(self, desk: Desk, wanted: TwapWanted, time_ms: int) -> Plan:
        """The work that begins it. Raises Refusal, with the venue's own text."""
        ...

    def cancelling(self, desk: Desk, account: int, twap_id: int) -> Plan:
        """The work that ends a running one. Raises Refusal where none has this id."""
        ...

    def of_account(self, desk: Desk, account: int, limit: int) -> Sequence[TwapStatus]:
        """The account's orders, those that have not ended first, then the newest ones first."""
        ...
