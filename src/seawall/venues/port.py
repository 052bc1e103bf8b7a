"""What a dialect needs from its host: to read the machine, to submit work, to listen.

The sandbox implements these protocols; a dialect is written against them and knows no host. A
dialect never calls the engine itself: it submits ``Work``, and the host makes it durable, applies
it and answers with what happened.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec import Struct

from seawall.domain.commands import Command
from seawall.domain.events import Event
from seawall.domain.instrument import Instrument


class Refusal(Exception):
    """Work that was not begun. ``reason`` is the dialect's own text or code; nothing changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Record(Struct, frozen=True):
    """One entry of the directory's log: what is durable beside the machine's commands.

    ``kind`` and ``body`` belong to the dialect's directory; ``body`` is JSON-ready.
    """

    kind: str
    body: dict[str, Any]


class Plan(Struct, frozen=True):
    """The content of a piece of work: records first, then commands, all or nothing.

    Commands carry the time that ``Work.plan`` was given. They are applied one after the other
    without anything in between.
    """

    commands: Sequence[Command] = ()
    records: Sequence[Record] = ()


class Applied(Struct, frozen=True):
    """One command that took effect (or was rejected by the machine) and its events."""

    time_ms: int
    command: Command
    events: Sequence[Event]


class Done(Struct, frozen=True):
    """The answer to a piece of work, in the order of its commands."""

    time_ms: int
    applied: Sequence[Applied] = ()


class NamedAccount(Struct, frozen=True):
    """A row of the machine by the name that the venue gives it. ``owner``: the address whose key
    acts for it, ``label``: what it is, may be empty."""

    row: int
    address: str
    owner: str
    label: str


class Directory(Protocol):
    """What a dialect remembers beside the machine: addresses, agents, nonces, names.

    ``apply`` is the only writer and is called by the host alone, live and after a restart, with
    the very same records; so it must depend on nothing but them and must not fail.
    """

    def apply(self, record: Record, time_ms: int) -> None: ...

    def row_of(self, address: str) -> int:
        """The account row of a name, in any of its spellings, or -1."""
        ...

    def named(self, row: int) -> NamedAccount:
        """What an account of the machine is called; one without an owner has a name as well."""
        ...

    def trading_rows(self) -> Sequence[int]:
        """The accounts that can hold a position, in the order of their rows."""
        ...

    def snapshot(self) -> bytes: ...

    def restore(self, state: bytes) -> None: ...


class Candle(Struct, frozen=True):
    """Prices in ticks, volumes in size units; ``opened_ms`` is a multiple of the interval."""

    opened_ms: int
    interval_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int


class Fill(Struct, frozen=True):
    """One side of a fill. ``trade_id`` is the same for both sides; ``fee`` micro-USD."""

    sequence: int
    trade_id: int
    time_ms: int
    account: int
    counterparty: int
    market: int
    order_id: int
    client_id: int
    side: int
    price: int
    size: int
    fee: int
    closed_profit: int
    position_before: int
    is_taker: bool
    flags: int
    origin: str
    """``order``, ``liquidation``, ``backstop``, ``deleveraging`` or ``twap``."""
    mark_price: int = 0
    """Of a fill that a liquidation caused: the mark then."""
    quote: int = 0
    """Of a fill whose ``price`` is 0: signed micro-USD that this side received."""


class OrderRecord(Struct, frozen=True):
    """The latest known state of an order. ``status``: ``open``, ``filled``, ``canceled``,
    ``triggered``, ``rejected``, ``waiting``; ``reason`` the machine's reason where there is one."""

    order_id: int
    account: int
    market: int
    client_id: int
    side: int
    price: int
    trigger_price: int
    original_size: int
    remaining_size: int
    flags: int
    time_in_force: int
    placed_ms: int
    status: str
    reason: int
    status_ms: int


class FundingRecord(Struct, frozen=True):
    time_ms: int
    account: int
    market: int
    amount: int
    """Signed micro-USD that the holder received."""
    signed_size: int
    rate: int


class FundingRate(Struct, frozen=True):
    time_ms: int
    market: int
    rate: int
    premium: int


class LedgerRecord(Struct, frozen=True):
    """Money that came or went without a trade. ``kind``: deposit, withdraw, transfer_in,
    transfer_out, liquidation, insurance; ``body`` what the kind adds."""

    time_ms: int
    account: int
    kind: str
    amount: int
    body: dict[str, Any]


class History(Protocol):
    """What happened, queryable after a restart. Newest first unless said, at most ``limit``."""

    @property
    def trouble(self) -> str:
        """Why it is not kept in its file or lacks something; empty when all is well."""
        ...

    def fills(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 2000
    ) -> list[Fill]: ...

    def trades(self, market: int, limit: int = 100) -> list[Fill]:
        """The taker's side of each fill of a market."""
        ...

    def order(self, account: int, order_id: int = 0, client_id: int = 0) -> OrderRecord | None: ...

    def orders(self, account: int, limit: int = 2000) -> list[OrderRecord]: ...

    def funding(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 500
    ) -> list[FundingRecord]: ...

    def funding_rates(
        self, market: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 500
    ) -> list[FundingRate]:
        """Oldest first."""
        ...

    def ledger(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 500
    ) -> list[LedgerRecord]: ...

    def candles(
        self, market: int, interval_ms: int, start_ms: int, end_ms: int, limit: int = 5000
    ) -> list[Candle]:
        """Oldest first; empty intervals are left out."""
        ...

    def day_volume(self, market: int) -> tuple[int, int, int]:
        """(micro-USD, size units, price in ticks 24 hours ago or 0) of the last 24 hours."""
        ...


Planner = Callable[[int], Plan]
"""Called by the host's writer with the time in ms; sees everything before it applied. Raises
Refusal."""
Listener = Callable[[Sequence[Applied]], None]
"""Called after each piece of work took effect; must not block and must not raise."""


class Desk(Protocol):
    """A running machine, as a dialect sees it."""

    @property
    def engine(self) -> Any:
        """The live machine, for reading its tables and views only."""
        ...

    @property
    def instruments(self) -> Sequence[Instrument]: ...

    @property
    def directory(self) -> Any: ...

    @property
    def history(self) -> History: ...

    def now_ms(self) -> int:
        """The venue's clock."""
        ...

    async def submit(
        self, planner: Planner, alone: bool = False, uses_reserve: bool = False
    ) -> Done:
        """Plan, make durable, apply, answer. Raises Refusal with nothing changed.

        ``alone``: everything before it is applied when the planner is called, not only planned.
        ``uses_reserve``: it may take the room in the queue that is kept back, as what an operator
        asks for and what only reduces risk may.
        """
        ...

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Register a listener; the function returned removes it."""
        ...
