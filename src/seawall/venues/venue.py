"""What a venue offers to the rest of Seawall, as one typed interface.

Each venue implements it in its ``entry.py``. A method imports what it needs when it is called,
so that a list of venues costs nothing before one of them is used.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol

from msgspec import Raw, Struct

from seawall.domain.enums import MarginGrouping
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.venues.explanation import Explanation
from seawall.venues.raw_json import VenueDataError

if TYPE_CHECKING:
    from aiohttp import web

    from seawall.domain.commands import PlaceOrder
    from seawall.venues.book_levels import BookLevels
    from seawall.venues.gateway_port import Gateway
    from seawall.venues.port import Desk, Directory
    from seawall.venues.public_api import PublicAnswers, PublicApi
    from seawall.venues.public_stream import PublicReader
    from seawall.venues.twap_port import TwapOrders


class HeldPosition(Struct, frozen=True, kw_only=True):
    """One position of an account answer. ``size``: coins as decimal text; money in micro-USD.

    ``margin``: what the bucket of an isolated position was given; None for a cross position.
    """

    market: str
    is_long: bool
    size: str
    entry_notional: int
    is_isolated: bool
    leverage: int
    margin: int | None


class ClosingOrder(Struct, frozen=True, kw_only=True):
    """One order of an account answer that closes a position. ``size``, ``price``: decimal text.

    ``kind``: ``price`` of a limit order, ``stop`` or ``take_profit`` at market, as an account file
    calls them.
    """

    market: str
    is_buy: bool
    size: str
    price: str
    kind: str


class AccountAnswer(Struct, frozen=True, kw_only=True):
    """An account as its venue answers, in terms that every venue has.

    ``collateral``: the deposit, in micro-USD, that gives the pool and every bucket the venue's own
    equity. ``grouping``: which markets share a cross margin; ``other_collateral``: deposits beside
    that of the main group, by margin group, or by collateral where its groups share it.
    ``remark``: in which mode it is measured, where that is not the usual one.
    ``prices``: USD by coin. ``funding``: the fraction of notional that longs pay an hour, by coin,
    where the answer says. ``own_markets``: by coin, those whose terms only this answer gives;
    ``listed_markets``: all that trade, where the answer came with the venue's list.
    """

    name: str | None
    collateral: int
    uncounted: tuple[str, ...] = ()
    """A sentence for each asset, or part of the account, that is not in the collateral."""
    positions: tuple[HeldPosition, ...]
    orders: tuple[ClosingOrder, ...] = ()
    prices: Mapping[str, str]
    own_markets: Mapping[str, Instrument]
    listed_markets: Mapping[str, Instrument] | None = None
    funding: Mapping[str, float]
    remark: str = ""
    grouping: MarginGrouping = MarginGrouping.SEPARATE
    other_collateral: Mapping[str, int] = {}


class Snippet(NamedTuple):
    """A few lines for a well-known client. ``kind``: python, javascript, freqtrade or shell;
    ``needs``: the command that installs it."""

    client: str
    kind: str
    needs: str
    code: str


class Front(NamedTuple):
    """A local proxy that stands for a venue's hosts, as its clients see it.

    ``proxy``, ``url`` and ``websocket`` are URLs; ``authority`` is the certificate file to trust,
    ``node_hosts`` the script that node loads first.
    """

    proxy: str
    url: str
    websocket: str
    authority: str
    node_hosts: str


class RestingOrder(ABC):
    """An order far from the market that is placed and cancelled, to measure how long that takes.

    Every method raises VenueDataError for what the venue refuses.
    """

    @abstractmethod
    def ask(self) -> None:
        """A question that needs no order."""

    @abstractmethod
    def place(self) -> None:
        """Send the order; it rests."""

    @abstractmethod
    def cancel(self) -> None:
        """Cancel it."""

    @abstractmethod
    def close(self) -> None:
        """Cancel what still rests and end the connection."""


class UserKey(Struct, frozen=True):
    """``private_key`` is hex with 0x. ``mnemonic``: the words that it is derived from, if any."""

    address: str
    private_key: str
    mnemonic: str = ""


class Service(Protocol):
    """A server beside the HTTP one that listens by itself."""

    async def start(self, host: str, port: int) -> int:
        """Listen and answer; the port. Raises OSError where the port cannot be had."""
        ...

    async def stop(self) -> None: ...


class Wire(ABC):
    """A venue's wire language, for clients of a sandbox. ``hosts``: where they find the venue.

    ``ports``: the usual ports by name. The first is that of the base URL; the server of
    ``make_app`` answers on all of them but those of ``services``.
    """

    hosts: ClassVar[tuple[str, ...]]
    ports: ClassVar[Mapping[str, int]]

    @abstractmethod
    def make_app(self, desk: "Desk", quotas: bool = True) -> "web.Application":
        """The venue's server on a running machine; ``quotas``: with the venue's limits of use."""

    @property
    def http_ports(self) -> Sequence[str]:
        """The names of the ports on which the server of ``make_app`` answers."""
        return tuple(self.ports)

    def websocket_url(self, urls: Mapping[str, str]) -> str:
        """Where the streams are; ``urls``: of each port."""
        return next(iter(urls.values())).replace("http://", "ws://", 1) + "/ws"

    def services(self, app: "web.Application") -> Mapping[str, Service]:
        """Servers that do not speak HTTP, by the name of their port, of the venue of an app."""
        return {}

    def client_order_id(self, desk: "Desk", order: "PlaceOrder", place: int) -> int:
        """The 128-bit client id of a new order that does not come over the wire, 0 for none.

        ``place``: its own among the commands of a piece of work. Where an order is known by its
        client id alone, those of the wire are never its.
        """
        return 0

    def twap_orders(self) -> "TwapOrders | None":
        """Its time-weighted orders, where the dialect keeps them and not the machine."""
        return None

    def missing_package(self) -> str:
        """What must be installed to speak it, with the command; empty if nothing."""
        return ""

    @abstractmethod
    def user_key(self, phrase: str, index: int) -> UserKey:
        """The key of a test account; everything of it follows from the phrase and the number."""

    @abstractmethod
    def account_named(self, text: str) -> str:
        """An account that a user names, as the directory calls it. Raises InputError."""

    @abstractmethod
    def agent_address(self, phrase: str, name: str) -> str:
        """An address whose private key is not known, for an agent of this name."""

    @abstractmethod
    def funded_addresses(self, user: UserKey, usd: float) -> Sequence[tuple[str, float]]:
        """The accounts of a test user that hold money when a sandbox begins, with USD for each."""

    @abstractmethod
    def public_reader(self, base: str) -> "PublicReader":
        """A reader of the public streams at a base URL. Raises VenueDataError for no URL."""

    @abstractmethod
    def make_directory(self, grouping: MarginGrouping = MarginGrouping.SEPARATE) -> "Directory":
        """An empty directory of addresses, agents and nonces; ``grouping``: of new accounts."""

    @abstractmethod
    def client_snippets(
        self, urls: Mapping[str, str], user: UserKey, market: str, size: str
    ) -> Sequence[Snippet]:
        """Lines that trade ``size`` (text) of a market at a sandbox, for each known client.

        ``urls``: of each port, by name.
        """

    @abstractmethod
    def proxied_clients(self, front: Front) -> Sequence[Snippet]:
        """Lines to paste before starting clients whose hosts are fixed, for each known client."""


class Venue(ABC):
    """A venue that ships. ``wire`` is None where no sandbox speaks its language yet."""

    name: ClassVar[str]
    folder: ClassVar[Path]
    public_base: ClassVar[str]
    """Base URL of its public API."""
    followed_bases: ClassVar[Mapping[str, str]] = {}
    """Base URLs whose public streams can be followed, by the name that a user gives."""
    test_bases: ClassVar[tuple[str, ...]] = ()
    """Base URLs where money is not real, beside those of sandboxes."""
    market_list: ClassVar[Literal["meta", "markets"]]
    """Its name for the answer that lists its markets."""
    rules: ClassVar[type[AnyRulebook]]
    """The kind of rulebook that its accounts follow."""
    wire: ClassVar[Wire | None] = None
    gateway: "ClassVar[Gateway | None]" = None
    """The way to running accounts; None where there is none yet."""

    @property
    def rulebook(self) -> Path:
        """The rulebook file that ships."""
        return self.folder / "rulebook.toml"

    @property
    def to_own_rules(self) -> Callable[[Instrument], Instrument] | None:
        """Gives a market of other rules this venue's terms; None where it keeps its own."""
        return None

    @abstractmethod
    def built_in_markets(self) -> Sequence[Instrument]:
        """The markets that ship, for use without a connection; none if none do."""

    def builder_market(self, name: str, price: str) -> Instrument | None:
        """A market that builders run beside the venue's own, by its name, at about this price.

        None where the venue has none of such a name.
        """
        return None

    @abstractmethod
    def read_markets(self, raw: bytes) -> Sequence[Instrument]:
        """The markets of the venue's own list. Raises VenueDataError."""

    @abstractmethod
    def parse_address(self, text: str) -> str | None:
        """The text as an address of this venue in its usual form; None if it is none.

        Raises VenueDataError for an address with a mistake.
        """

    @abstractmethod
    def is_account(self, raw: bytes) -> bool:
        """Whether a JSON text has the shape of this venue's answer about an account."""

    def joined_account(self, files: Mapping[str, bytes]) -> bytes:
        """One text of the answers that the files of a folder hold, by name.

        Raises VenueDataError where the venue's accounts do not come in several answers.
        """
        raise VenueDataError(f"accounts of {self.name} are one file; a folder is not read")

    @abstractmethod
    def fetch_account(self, api: "PublicApi", address: str) -> "PublicAnswers":
        """What the API answers about an address and all markets now. Raises VenueDataError."""

    @abstractmethod
    def read_account(
        self,
        raw: bytes,
        market_list: bytes | None,
        known: Mapping[str, Instrument],
        extra_markets: Sequence[str] = (),
    ) -> AccountAnswer:
        """The account of an answer and its markets.

        ``market_list``: the venue's list, if at hand. ``known``: markets by coin, for what the
        answer leaves open. ``extra_markets``: coins wanted beside those with a position.
        Raises VenueDataError.
        """

    @abstractmethod
    def explain(self, raw: bytes, market_list: bytes | None, book: AnyRulebook) -> Explanation:
        """Margin and liquidation prices of the account of an answer, under rules of this kind.

        Raises VenueDataError; MarketListError where the list of markets is at fault.
        """

    def resting_order(self, base: str, key: str, market: str) -> RestingOrder:
        """An order to measure with at a base URL where money is not real; ``key``: its signer's.

        Raises VenueDataError, also where the venue has none.
        """
        raise VenueDataError(f"orders of {self.name} are not sent from here")

    @abstractmethod
    def read_book(self, document: Mapping[str, Raw], raw: bytes) -> "BookLevels | None":
        """The order book in an answer of this venue; None for an answer of another shape.

        ``document``: ``raw`` by its keys. Raises VenueDataError for a book with a mistake.
        """

    @abstractmethod
    def fetch_book(self, api: "PublicApi", coin: str) -> "BookLevels":
        """The order book of a coin now. Raises VenueDataError."""
