"""What protects an account on a running venue: a reader that has no way to trade, and a writer
whose every order reduces.

The two are separate objects, made by a venue's ``Gateway``. Prices and sizes of a writer's orders
are integers of their market's units (``domain/instrument.py``); what is read of orders is exact
decimals, because a market may be read before its units are known; money is micro-USD.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol

from msgspec import Struct

from seawall.venues.public_stream import PublicBook, PublicPrices, PublicTrade

if TYPE_CHECKING:
    from seawall.venues.public_api import PublicAnswers

# -- what is read ----------------------------------------------------------------------------------

ACCOUNT, ORDERS, LEDGER, FUNDING = "account", "orders", "ledger", "funding"
"""Names of inputs; those of a market are ``prices BTC`` and ``book BTC``."""


def prices_of(market: str) -> str:
    """The name of the input that holds the prices of a market."""
    return f"prices {market}"


def book_of(market: str) -> str:
    """The name of the input that holds the book of a market."""
    return f"book {market}"


class InputTime(NamedTuple):
    """How old an input is. ``known_ms``: the venue's time at which it was last known to be true;
    ``changed_ms``: the same of its last change; ``sequence``: how often it has changed."""

    known_ms: int
    changed_ms: int
    sequence: int


class LiveOrder(Struct, frozen=True, kw_only=True):
    """An open order, of whichever client. ``size``: what is left; of an order for the whole
    position 0. ``price``: USD; of a trigger order the worst at which it may fill once it fired.
    ``at_market``: of a trigger order that is a market order once it fired. ``original_size``,
    ``placed_ms``: None where the venue does not say."""

    market: str
    order_id: int
    is_buy: bool
    size: Decimal
    price: Decimal
    client_id: str = ""
    trigger_price: Decimal | None = None
    take_profit: bool = False
    reduce_only: bool = False
    whole_position: bool = False
    post_only: bool = False
    at_market: bool = False
    original_size: Decimal | None = None
    placed_ms: int | None = None


OrderState = Literal["open", "filled", "cancelled", "rejected", "unknown"]


class OrderEnding(Struct, frozen=True, kw_only=True):
    """What the venue says of an order by its client id; ``unknown``: it has none of this id.

    ``word``: the venue's own, such as ``reduceOnlyCanceled``. ``time_ms``: since when it is so,
    0 for ``unknown``. ``asked_ms``: when the venue was asked, or said so unasked; ``answered_ms``:
    when that arrived; both as ``VenueState.time_ms`` counts.
    """

    client_id: str
    state: OrderState
    word: str
    time_ms: int
    asked_ms: int = 0
    answered_ms: int = 0


class LiveFill(Struct, frozen=True, kw_only=True):
    """One fill of the account. ``fee``, ``closed_profit`` (before the fee; None where the venue
    does not say): micro-USD. ``client_id``: of its order, or empty."""

    market: str
    time_ms: int
    trade_id: int
    is_buy: bool
    price: Decimal
    size: Decimal
    fee: int
    client_id: str = ""
    is_liquidation: bool = False
    is_taker: bool = True
    closed_profit: int | None = None


class FundingPaid(NamedTuple):
    """``amount``: micro-USD that the account paid, negative where it received. ``size``: signed
    coins of the position, ``rate``: the fraction of notional that longs paid; None where the venue
    does not say."""

    time_ms: int
    market: str
    amount: int
    size: Decimal | None = None
    rate: float | None = None


class Reported(Struct, frozen=True, kw_only=True):
    """The venue's own figures. By market: ``liquidation_prices`` in USD as printed, ``marks`` in
    USD at which all of them are computed, ``bucket_equity`` of isolated positions,
    ``funding_since_open`` in micro-USD that the position has paid. By margin group:
    ``cross_equity``, ``cross_maintenance``; a group that the venue says nothing of is absent."""

    marks: Mapping[str, Decimal] = {}
    liquidation_prices: Mapping[str, Decimal] = {}
    bucket_equity: Mapping[str, int] = {}
    funding_since_open: Mapping[str, int] = {}
    cross_equity: Mapping[str, int] = {}
    cross_maintenance: Mapping[str, int] = {}


class FeeRates(NamedTuple):
    """What the account pays of a fill's notional, as exact decimals; a maker's may be negative."""

    taker: Decimal
    maker: Decimal


class VenueState(Struct, frozen=True, kw_only=True):
    """All that is known of one account and its markets at ``time_ms``, by the venue's clock.

    ``connection``: how many connections there were; ``is_live``: whether one is there now and
    everything was read again since it began. ``answers``: the whole account, as
    ``Venue.read_account`` takes it. ``inputs``: the age of each input; one that was never read is
    absent. ``volumes``: sizes traded by market since the reader began, but for those while there
    was no connection; ``trades``: the newest of those, the latest last. ``fees``: None where the
    venue does not say. ``net_deposits``: deposits less withdrawals since
    ``ledger_from_ms``; None where an entry cannot be understood. ``entries``: USD by market at
    which positions were opened, where the account's own are marks. ``wallet``: what can be moved
    into the cross pool from outside of it.
    """

    time_ms: int
    connection: int
    is_live: bool
    answers: "PublicAnswers"
    inputs: Mapping[str, InputTime]
    reported: Reported
    orders: tuple[LiveOrder, ...]
    endings: tuple[OrderEnding, ...]
    fills: tuple[LiveFill, ...]
    prices: Mapping[str, PublicPrices]
    books: Mapping[str, PublicBook]
    volumes: Mapping[str, float]
    next_funding_ms: int
    net_deposits: int | None
    funding_payments: tuple[FundingPaid, ...]
    wallet: int
    entries: Mapping[str, Decimal] = {}
    trades: Mapping[str, Sequence[PublicTrade]] = {}
    fees: FeeRates | None = None
    trouble: str = ""
    """Why the last connection ended, or what could not be read; empty when all is well."""


class VenueReader(Protocol):
    """The account of one address on a running venue. It has no method that changes anything."""

    url: str
    address: str

    async def run(self) -> None:
        """Read and follow until cancelled; a connection that ends is made again."""
        ...

    async def changed(self, since: int, timeout_s: float) -> int:
        """The number of the latest change: at once if it is above ``since``, else when there is
        one or the time is over."""
        ...

    def state(self) -> VenueState | None:
        """All that is known now; None before everything was read once."""
        ...

    def watch(self, markets: Sequence[str]) -> None:
        """From now on follow these markets; those with a position or an order are anyway. A reader
        may go on following others."""
        ...

    async def order(self, client_id: str) -> OrderEnding:
        """What the venue says of an order now; ``state()`` knows it from then on.

        Raises VenueDataError where it does not answer.
        """
        ...


# -- what is written -------------------------------------------------------------------------------


class ReduceOrder(Struct, frozen=True, kw_only=True):
    """An order that can only reduce: there is no other kind.

    ``size_decimals``: says the units of size and prices. ``kind``: ``immediate`` (or cancel),
    ``post_only``, ``resting``, or ``trigger``, which becomes one at market when ``trigger_price``
    is reached. ``price``: the worst at which it may fill;
    it is rounded to a tick that is no worse, ``trigger_price`` to one nearer to the mark of the
    losing side. ``expires_ms``: by the venue's clock, after which the venue must refuse it.
    """

    market: str
    is_buy: bool
    size: int
    price: int
    size_decimals: int
    kind: Literal["immediate", "post_only", "resting", "trigger"]
    client_id: str
    expires_ms: int
    trigger_price: int = 0
    take_profit: bool = False


class Accepted(Struct, frozen=True, tag="accepted"):
    """The venue has done it. ``state``: of an order ``resting`` or ``filled``; else empty."""

    state: str = ""
    order_id: int = 0
    filled_size: Decimal | None = None
    average_price: Decimal | None = None


class Refused(Struct, frozen=True, tag="refused"):
    """Nothing was done. ``was_sent``: whether the venue itself has refused it."""

    reason: str
    was_sent: bool = True


class Unknown(Struct, frozen=True, tag="unknown"):
    """It was sent and there is no answer: it may be done. The caller must ask before any other."""

    reason: str


Outcome = Accepted | Refused | Unknown


class VenueWriter(Protocol):
    """Acts on one account, with a key. It never sends anything again by itself.

    There is no method that opens or increases a position or takes collateral away: an order is a
    ``ReduceOrder``, and money only moves towards positions. Raises InputError for what cannot be
    sent at all, with nothing sent.
    """

    url: str
    address: str

    async def check(self) -> str:
        """Why the venue would not take what this key signs; empty where nothing speaks against it.

        Raises VenueDataError where it does not answer.
        """
        ...

    async def place(self, order: ReduceOrder) -> Outcome:
        """Send one order."""
        ...

    async def cancel(self, market: str, client_id: str, expires_ms: int) -> Outcome:
        """Cancel an order by its client id."""
        ...

    async def cancel_other(self, market: str, order_id: int, expires_ms: int) -> Outcome:
        """Cancel an order of another client, by the venue's own id."""
        ...

    async def add_isolated_margin(self, market: str, amount: int, expires_ms: int) -> Outcome:
        """Move micro-USD from the cross pool to the bucket of an isolated position."""
        ...

    async def add_collateral(self, amount: int) -> Outcome:
        """Move micro-USD from the account's wallet to its cross pool."""
        ...

    async def close(self) -> None:
        """End the connections."""
        ...


# -- where -----------------------------------------------------------------------------------------


class Network(Struct, frozen=True, kw_only=True):
    """One place where a venue runs. ``is_real``: whether real money is at stake there."""

    name: str
    url: str
    is_real: bool


class Gateway(ABC):
    """A venue's way to and from running accounts."""

    networks: ClassVar[Sequence[str]]
    """Names, the default first."""
    order_kinds: ClassVar[Sequence[str]] = ("immediate", "post_only", "resting", "trigger")
    """Kinds of ``ReduceOrder`` that its writer can send."""
    client_id_bits: ClassVar[int] = 128
    """How long a client order id is."""

    @abstractmethod
    def network(
        self, name: str = "", *, url: str = "", in_policy: bool = False, on_command: bool = False
    ) -> Network:
        """The network of a name, the default of none. ``url``: of a sandbox that is not at its
        usual address. ``in_policy``, ``on_command``: whether real money is allowed by a line of
        the policy, and on the command line; both are needed. Raises InputError."""

    @abstractmethod
    def reader(
        self,
        network: Network,
        address: str,
        markets: Sequence[str] = (),
        ledger_from_ms: int = 1,
    ) -> VenueReader:
        """A reader of an account; ``ledger_from_ms``: since when its cash flows are counted.

        Raises InputError for what is no address.
        """

    @abstractmethod
    def writer(
        self,
        network: Network,
        address: str,
        key: str,
        owner_key: str = "",
    ) -> VenueWriter:
        """A writer for an account. ``key``: where that of an agent is, such as ``env:NAME`` or
        ``file:PATH``; ``owner_key``: the same of the account itself, which alone may move money
        from the wallet. Raises InputError."""
