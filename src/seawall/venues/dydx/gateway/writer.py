"""Acting on an account of this venue: reducing orders, cancels, money towards positions.

An order's ``reduce_only`` is written here and nowhere else, and is always true. The venue takes it
with immediate orders alone [documented: ErrReduceOnlyDisabled], so an order is a short-term one
that fills at once or not at all, or a conditional one that becomes such. An immediate order ends
with a block, and what else is sent must be in one by then. There is no agent: the key is the
account's own.
"""

import asyncio
import base64
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.units import DAY_MS, MAX_MONEY, MONEY_DECIMALS
from seawall.venues.dydx.account.public import parse_address
from seawall.venues.dydx.account.state import coin_of
from seawall.venues.dydx.gateway.key import AccountKey
from seawall.venues.dydx.gateway.listed import (
    OPEN_STATUSES,
    ListedOrder,
    Place,
    bits_of,
    orders_of,
)
from seawall.venues.dydx.gateway.networks import chain_of
from seawall.venues.dydx.gateway.transactions import Signer, signed
from seawall.venues.dydx.instruments import ListedMarket, listed_markets
from seawall.venues.dydx.node.actions import USDC
from seawall.venues.dydx.node.proto import INSTALL, message, missing
from seawall.venues.dydx.node.transactions import CANCEL, DEPOSIT, PLACE, TRANSFER
from seawall.venues.dydx.wire.moments import ms_of
from seawall.venues.dydx.wire.order_message import (
    CONDITION_STOP_LOSS,
    CONDITION_TAKE_PROFIT,
    CONDITIONAL,
    SHORT_TERM,
    SIDE_BUY,
    SIDE_SELL,
    TIF_IOC,
)
from seawall.venues.gateway_port import Accepted, Network, Outcome, ReduceOrder, Refused, Unknown
from seawall.venues.numbers import exact_units
from seawall.venues.public_api import NotFound, PublicApi
from seawall.venues.raw_json import VenueDataError, decode
from seawall.venues.sender import ANSWER_S, LONGEST_REASON, Nonces, Sender, refused_by_status

KINDS = ("immediate", "trigger")
BLOCK_MS = 1_000
"""A block takes about so long; a longer one lets an order live longer, never fill twice."""
MOST_BLOCKS = 20
"""Short-term orders may live a few more [documented: ShortBlockWindow]."""
RESTS_MS = 30 * DAY_MS
"""How long a conditional order waits; the venue allows 95 days."""
_TAKEN_BEFORE = 19
"""The code of bytes that the node has seen already."""


class _Height(Struct):
    height: str
    time: str


class _Account(Struct):
    account_number: str


class _Info(Struct):
    info: _Account


class _Response(Struct):
    code: int
    raw_log: str = ""


class _Answer(Struct):
    tx_response: _Response


class _Held(Struct, rename="camel"):
    subaccount_number: int
    open_perpetual_positions: dict[str, msgspec.Raw] = {}


class _Whole(Struct, rename="camel"):
    child_subaccounts: list[_Held] | None = None
    subaccount_number: int | None = None
    open_perpetual_positions: dict[str, msgspec.Raw] = {}


class _Subaccount(Struct):
    subaccount: _Whole


class Writer:
    """One account and its key; see ``gateway_port.VenueWriter``.

    ``address``: ``dydx1.../NUMBER``; a number below 128 is a parent with its children.
    """

    def __init__(
        self,
        network: Network,
        address: str,
        key: AccountKey,
        owner: AccountKey | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Raises VenueDataError for what is no address, InputError for another account's key."""
        package = missing()
        if package:
            raise InputError(f"key: signing for this venue needs {package}: {INSTALL}")
        found = parse_address(address)
        if found is None:
            raise InputError.of("", "address", address, "dydx1..., alone or with /NUMBER")
        owner_address, _, number = found.partition("/")
        for each in (key, owner):
            if each is not None and each.address != owner_address:
                raise InputError(f"key: is that of {each.address}, should be that of {found}")
        self.url, self.address = network.url, found
        self._place = Place(owner_address, int(number))
        self._key, self._chain = key, chain_of(network)
        self._api = PublicApi(network.url, ANSWER_S)
        self._node = PublicApi(self._chain.node, ANSWER_S)
        path = "/cosmos/tx/v1beta1/txs"
        self._sender = Sender(self._node.base + path, _outcome_of, answer_s)
        self._nonces = Nonces()
        self._signer: Signer | None = None
        self._markets: dict[str, ListedMarket] = {}

    def __repr__(self) -> str:
        return f"Writer({self.address} at {self.url}, {self._key!r})"

    async def check(self) -> str:
        try:
            await self._known_signer()
        except NotFound:
            return f"the chain knows no account {self._place.address}"
        # What the first order would wait for.
        await asyncio.to_thread(self._read_markets)
        return ""

    async def place(self, order: ReduceOrder) -> Outcome:
        client_id, metadata = _checked(order)
        try:
            market = await self._market(order.market)
            number = await self._subaccount_with(market.name)
            height, block_ms = await self._height()
            signer = await self._known_signer()
        except VenueDataError as error:
            return _not_sent(error)
        blocks = _blocks(order.expires_ms, block_ms)
        if blocks <= 0:
            return Refused("not sent: its time is over", was_sent=False)
        flags = SHORT_TERM if order.kind == "immediate" else CONDITIONAL
        body = self._order(order, market, number, flags, client_id)
        body.client_metadata = metadata
        if flags == SHORT_TERM:
            body.good_til_block = height + blocks
            return await self._send(signer, PLACE, message("clob", "MsgPlaceOrder")(order=body))
        body.good_til_block_time = (block_ms + RESTS_MS) // 1000
        whole = message("clob", "MsgPlaceOrder")(order=body)
        return await self._send(signer, PLACE, whole, height + blocks)

    async def cancel(self, market: str, client_id: str, expires_ms: int) -> Outcome:
        bits_of(client_id)
        return await self._cancel(market, expires_ms, lambda each: each.name == client_id)

    async def cancel_other(self, market: str, order_id: int, expires_ms: int) -> Outcome:
        return await self._cancel(market, expires_ms, lambda each: each.number == order_id)

    async def add_isolated_margin(self, market: str, amount: int, expires_ms: int) -> Outcome:
        _check_amount(amount)
        if not self._place.is_parent:
            raise InputError.of(
                "", "address", self.address, "a parent, whose money goes to a child"
            )
        try:
            name = (await self._market(market)).name
            child = await self._subaccount_with(name, is_child=True)
            height, block_ms = await self._height()
            signer = await self._known_signer()
        except VenueDataError as error:
            return _not_sent(error)
        blocks = _blocks(expires_ms, block_ms)
        if blocks <= 0:
            return Refused("not sent: its time is over", was_sent=False)
        body = message("sending", "MsgCreateTransfer")()
        transfer = body.transfer
        transfer.sender.owner = transfer.recipient.owner = self._place.address
        transfer.sender.number, transfer.recipient.number = self._place.number, child
        transfer.amount = amount
        return await self._send(signer, TRANSFER, body, height + blocks)

    async def add_collateral(self, amount: int) -> Outcome:
        _check_amount(amount)
        try:
            height, _ = await self._height()
            signer = await self._known_signer()
        except VenueDataError as error:
            return _not_sent(error)
        body = message("transfer", "MsgDepositToSubaccount")(
            sender=self._place.address, quantums=amount
        )
        body.recipient.owner, body.recipient.number = self._place.address, self._place.number
        return await self._send(signer, DEPOSIT, body, height + MOST_BLOCKS)

    async def close(self) -> None:
        await self._sender.close()

    # -- messages ----------------------------------------------------------------------------------

    def _order(
        self, order: ReduceOrder, market: ListedMarket, number: int, flags: int, client_id: int
    ) -> Any:
        """The order on the wire, without its end. A seller's prices are rounded up, a buyer's
        down; a size that is no multiple of the step up: the order only reduces."""
        up = not order.is_buy
        body = message("order", "Order")(
            side=SIDE_BUY if order.is_buy else SIDE_SELL,
            quantums=_quantums(order, market),
            subticks=_subticks(order.price, order, market, up=up),
            time_in_force=TIF_IOC,
            reduce_only=True,
        )
        body.order_id.subaccount_id.owner = self._place.address
        body.order_id.subaccount_id.number = number
        body.order_id.client_id, body.order_id.order_flags = client_id, flags
        body.order_id.clob_pair_id = market.clob_pair_id
        if flags == CONDITIONAL:
            kind = CONDITION_TAKE_PROFIT if order.take_profit else CONDITION_STOP_LOSS
            body.condition_type = kind
            trigger = _subticks(order.trigger_price, order, market, up=up)
            body.conditional_order_trigger_subticks = trigger
        return body

    async def _cancel(self, market: str, expires_ms: int, fits: Any) -> Outcome:
        try:
            found = await self._open_order(fits)
            name = (await self._market(market)).name
            height, block_ms = await self._height()
            signer = await self._known_signer()
        except VenueDataError as error:
            return _not_sent(error)
        if found is None or found.ticker != name:
            return Refused("the venue lists no such open order", was_sent=False)
        body = message("clob", "MsgCancelOrder")()
        own = body.order_id
        own.subaccount_id.owner = self._place.address
        own.subaccount_id.number = found.subaccount_number or 0
        own.client_id, own.order_flags = bits_of(found.name)[0], found.flags
        own.clob_pair_id = self._markets[name].clob_pair_id
        if found.flags == SHORT_TERM:
            # No earlier than the order's own end, or the venue ignores it.
            body.good_til_block = max(found.until_height, height + 1)
            return await self._send(signer, CANCEL, body)
        until_ms = ms_of("orders.goodTilBlockTime", found.good_til_block_time or "")
        body.good_til_block_time = -(-until_ms // 1000)
        return await self._send(
            signer, CANCEL, body, height + max(1, _blocks(expires_ms, block_ms))
        )

    async def _send(self, signer: Signer, kind: str, body: Any, timeout_height: int = 0) -> Outcome:
        """Sign and send one message. Its number is a time, which needs no counting: the venue takes
        each once."""
        is_money = kind in (TRANSFER, DEPOSIT)
        raw = signed(
            signer, [(kind, body)], self._nonces.next(),
            fee_denom=USDC if is_money else "", timeout_height=timeout_height,
        )  # fmt: skip
        text = base64.b64encode(raw).decode()
        return await self._sender.send({"tx_bytes": text, "mode": "BROADCAST_MODE_SYNC"})

    # -- what is asked before ----------------------------------------------------------------------

    async def _known_signer(self) -> Signer:
        if self._signer is None:
            path = f"/cosmos/auth/v1beta1/account_info/{self._place.address}"
            raw = await asyncio.to_thread(self._node.get, path)
            text = decode(_Info, raw, "account_info").info.account_number
            number = exact_units("account_info.account_number", text, 0, signed=False)
            self._signer = Signer(self._key, self._chain.chain_id, number)
        return self._signer

    async def _height(self) -> tuple[int, int]:
        """Of the last block, and its time."""
        raw = await asyncio.to_thread(self._api.get, "/v4/height")
        found = decode(_Height, raw, "height")
        height = exact_units("height.height", found.height, 0, signed=False)
        return height, ms_of("height.time", found.time)

    async def _market(self, coin: str) -> ListedMarket:
        """Raises InputError for a market that the venue does not list."""
        for _ in range(2):
            for name, each in self._markets.items():
                if coin_of(name) == coin:
                    return each
            await asyncio.to_thread(self._read_markets)
        raise InputError.of("", "market", coin, f"one of the {len(self._markets)} of the venue")

    def _read_markets(self) -> None:
        found = listed_markets(self._api.get("/v4/perpetualMarkets"))
        self._markets = {each.name: each for each in found}

    async def _subaccount_with(self, ticker: str, *, is_child: bool = False) -> int:
        """The subaccount that holds a position in a market. Raises VenueDataError for none."""
        kind = "parentSubaccountNumber" if self._place.is_parent else "subaccountNumber"
        path = f"/v4/addresses/{self._place.address}/{kind}/{self._place.number}"
        whole = decode(_Subaccount, await asyncio.to_thread(self._api.get, path)).subaccount
        if whole.child_subaccounts is None:
            held = [(self._place.number, whole.open_perpetual_positions)]
        else:
            held = [
                (each.subaccount_number, each.open_perpetual_positions)
                for each in whole.child_subaccounts
            ]
        found = [
            number for number, positions in held
            if ticker in positions and not (is_child and number == self._place.number)
        ]  # fmt: skip
        if not found:
            raise VenueDataError(f"{self.address}: no subaccount holds a position in {ticker}")
        return found[0]

    async def _open_order(self, fits: Any) -> ListedOrder | None:
        query = "".join(f"&status={each}" for each in OPEN_STATUSES)
        raw = await asyncio.to_thread(self._api.get, self._place.path("orders", query))
        return next(filter(fits, orders_of(raw)), None)


def _outcome_of(status: int, raw: bytes) -> Outcome:
    """What a node's first check says. A transfer that it takes may still fail in the block."""
    if (refused := refused_by_status(status, raw)) is not None:
        return refused
    try:
        found = msgspec.json.decode(raw, type=_Answer).tx_response
    except (msgspec.MsgspecError, UnicodeDecodeError):
        shown = raw[:LONGEST_REASON].decode("utf-8", "replace")
        return Unknown(f"the answer cannot be read: {shown}")
    if found.code == 0:
        return Accepted()
    if found.code == _TAKEN_BEFORE:
        return Unknown("the node has seen the same bytes before")
    return Refused(f"code {found.code}: {found.raw_log}"[:LONGEST_REASON])


def _not_sent(error: VenueDataError) -> Refused:
    return Refused(f"not sent: {error}", was_sent=False)


def _blocks(expires_ms: int, block_ms: int) -> int:
    """How many blocks after the last one it may still be in; 0 where its time is over."""
    return min(MOST_BLOCKS, -((block_ms - expires_ms) // BLOCK_MS))


def _quantums(order: ReduceOrder, market: ListedMarket) -> int:
    grain = Fraction(10) ** (market.size_decimals - order.size_decimals) * order.size
    return int(-(-grain // market.terms.size_step) * market.terms.size_step)


def _subticks(price: int, order: ReduceOrder, market: ListedMarket, *, up: bool) -> int:
    """A price as subticks, rounded to a tick. Raises InputError for none above 0."""
    usd = Fraction(price) / Fraction(10) ** (MONEY_DECIMALS - order.size_decimals)
    ticks = usd / market.instrument.price_unit
    found = int(-(-ticks // 1) if up else ticks // 1)
    if found <= 0:
        raise InputError.of("order", "price", price, "one that is a price after rounding")
    return found * market.terms.price_step


def _checked(order: ReduceOrder) -> tuple[int, int]:
    """The client id and metadata of an order that can be sent. Raises InputError."""
    if order.size <= 0:
        raise InputError.of("order", "size", order.size, "above 0")
    if order.kind not in KINDS:
        expected = f"one of {', '.join(KINDS)}: the venue takes no other order that only reduces"
        raise InputError.of("order", "kind", order.kind, expected)
    if (order.kind == "trigger") != (order.trigger_price > 0):
        expected = "above 0 for a trigger order, and 0 for any other"
        raise InputError.of("order", "trigger_price", order.trigger_price, expected)
    return bits_of(order.client_id)


def _check_amount(amount: int) -> None:
    if not 0 < amount <= MAX_MONEY:
        raise InputError.of("margin", "amount", amount, "above 0: collateral is only added")
