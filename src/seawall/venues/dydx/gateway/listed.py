"""Open and past orders of an account as its indexer lists them, and the ids that they have here.

An order has 64 bits of its client: the client id and the client metadata, of 32 bits each. Here
they are one client id, ``0x`` and 16 hexadecimal digits, the metadata first.
"""

from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.venues.dydx.account.state import CHILDREN_OF_A_PARENT, coin_of
from seawall.venues.dydx.wire.moments import ms_of
from seawall.venues.dydx.wire.order_message import CONDITIONAL, SHORT_TERM
from seawall.venues.gateway_port import LiveOrder, OrderState
from seawall.venues.numbers import plain_number
from seawall.venues.raw_json import VenueDataError, decode

CLIENT_ID_BITS = 64
_HALF = 32
_ID_DIGITS = CLIENT_ID_BITS // 4
OPEN_STATUSES = ("OPEN", "UNTRIGGERED", "BEST_EFFORT_OPENED")
_STATES: dict[str, OrderState] = {
    **dict.fromkeys(OPEN_STATUSES, "open"), "FILLED": "filled", "CANCELED": "cancelled",
    "BEST_EFFORT_CANCELED": "cancelled",
}  # fmt: skip


class Place(NamedTuple):
    """What an account is on the wire. ``number``: of a parent, with its children, or of one child
    alone."""

    address: str
    number: int

    @property
    def is_parent(self) -> bool:
        return self.number < CHILDREN_OF_A_PARENT

    def path(self, what: str, query: str = "") -> str:
        """The indexer's path of what an account has, such as ``orders``."""
        if not self.is_parent:
            return f"/v4/{what}?address={self.address}&subaccountNumber={self.number}{query}"
        is_short = what in ("fills", "fundingPayments")
        suffix = "parentSubaccount" if is_short else "parentSubaccountNumber"
        own = f"address={self.address}&parentSubaccountNumber={self.number}"
        return f"/v4/{what}/{suffix}?{own}{query}"

    def holds(self, address: str | None, number: int | None) -> bool:
        """Whether a subaccount is part of it."""
        if address != self.address or number is None:
            return False
        return (number % CHILDREN_OF_A_PARENT if self.is_parent else number) == self.number


class ListedOrder(Struct, rename="camel"):
    """An order of an answer or of a message; a message leaves out what it does not know."""

    id: str
    client_id: str
    side: str
    size: str
    price: str
    status: str
    order_flags: str
    ticker: str
    client_metadata: str = "0"
    subaccount_number: int | None = None
    total_filled: str = "0"
    reduce_only: bool = False
    trigger_price: str | None = None
    type: str = "LIMIT"
    good_til_block: str | None = None
    good_til_block_time: str | None = None
    updated_at: str | None = None

    @property
    def name(self) -> str:
        """The client id as it is called here."""
        client = _number("clientId", self.client_id)
        return name_of(_number("clientMetadata", self.client_metadata) << _HALF | client)

    @property
    def number(self) -> int:
        """A number of 63 bits for the venue's own id, which has 128."""
        return order_number(self.id)

    @property
    def flags(self) -> int:
        return _number("orderFlags", self.order_flags)

    @property
    def state(self) -> OrderState:
        """Raises VenueDataError for a word that is not known."""
        if self.status not in _STATES:
            raise VenueDataError(f"order status: {self.status!r} is not known")
        return _STATES[self.status]

    @property
    def until_height(self) -> int:
        """The last block in which a short-term order may fill; 0 for others."""
        return _number("goodTilBlock", self.good_til_block or "0")

    @property
    def is_only_likely(self) -> bool:
        """Whether another block producer may still fill what one node has removed."""
        return self.status == "BEST_EFFORT_CANCELED" and self.flags == SHORT_TERM

    @property
    def time_ms(self) -> int:
        return 0 if self.updated_at is None else ms_of("updatedAt", self.updated_at)

    def live(self) -> LiveOrder:
        """As an open order. Raises VenueDataError."""
        left = _decimal("size", self.size) - _decimal("totalFilled", self.total_filled)
        waits = self.flags == CONDITIONAL and self.trigger_price is not None
        return LiveOrder(
            market=coin_of(self.ticker),
            order_id=self.number,
            is_buy=self.side == "BUY",
            size=left,
            price=_decimal("price", self.price),
            client_id=self.name,
            trigger_price=_decimal("triggerPrice", self.trigger_price or "0") if waits else None,
            take_profit=self.type.startswith("TAKE_PROFIT"),
            reduce_only=self.reduce_only,
        )


def orders_of(raw: bytes, path: str = "orders") -> list[ListedOrder]:
    """The orders of an answer. Raises VenueDataError."""
    return decode(list[ListedOrder], raw, path)


def name_of(bits: int) -> str:
    """64 bits as a client id."""
    return f"0x{bits:0{_ID_DIGITS}x}"


def bits_of(client_id: str) -> tuple[int, int]:
    """(client id, client metadata) of the wire. Raises InputError."""
    expected = f"0x and {_ID_DIGITS} hexadecimal digits"
    try:
        bits = int(client_id, 16)
    except ValueError:
        bits = -1
    if not 0 <= bits < 1 << CLIENT_ID_BITS or client_id != name_of(bits):
        raise InputError.of("order", "client_id", client_id, expected)
    return bits & (1 << _HALF) - 1, bits >> _HALF


def order_number(text: str) -> int:
    """A number of 63 bits for an id of 128. Raises VenueDataError for text that is none."""
    try:
        return UUID(text).int >> 65
    except ValueError:
        raise VenueDataError(f"id: {text!r} must be a UUID") from None


def _number(path: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise VenueDataError(f"orders.{path}: {text!r} must be a whole number")
    return int(text)


def _decimal(path: str, text: str) -> Decimal:
    plain_number(f"orders.{path}", text, signed=False)
    return Decimal(text)
