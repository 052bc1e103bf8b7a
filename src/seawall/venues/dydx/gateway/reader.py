"""Reading one account of this venue while it runs: questions over HTTP, a socket that says when.

What the account has is asked for over HTTP whenever the socket says that something happened to it,
and after some seconds of silence; the socket itself is believed for prices, books, trades, fills
and how orders end. The account and the oracle prices come in two answers: they count where the
prices before and after the account are the same.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from msgspec import Raw, Struct, structs

from seawall.domain.errors import InputError
from seawall.domain.units import HOUR_MS, MONEY_DECIMALS
from seawall.venues.dydx.account.public import (
    account_answers,
    oracle_prices,
    parse_address,
)
from seawall.venues.dydx.account.state import coin_of, tickers
from seawall.venues.dydx.gateway.listed import OPEN_STATUSES, ListedOrder, Place, orders_of
from seawall.venues.dydx.gateway.money import Flow, entries_of, reported_of
from seawall.venues.dydx.gateway.networks import chain_of
from seawall.venues.dydx.node.actions import USDC
from seawall.venues.dydx.stream.public_reader import StreamReader
from seawall.venues.dydx.wire.moments import ms_of
from seawall.venues.followed_account import (
    KEPT_FILLS,
    PAUSES_S,
    UNENDED,
    FollowedAccount,
    KnownEnding,
)
from seawall.venues.followed_stream import ANSWER_S
from seawall.venues.gateway_port import (
    ACCOUNT,
    FUNDING,
    LEDGER,
    ORDERS,
    FundingPaid,
    LiveFill,
    LiveOrder,
    Network,
    OrderEnding,
    Reported,
    VenueState,
    book_of,
    prices_of,
)
from seawall.venues.inputs import VenueClock
from seawall.venues.numbers import exact_units
from seawall.venues.public_api import NotFound, PublicAnswers, PublicApi, PublicApiError
from seawall.venues.public_stream import PublicBook, PublicPrices, PublicTrades, PublicUpdate
from seawall.venues.raw_json import VenueDataError, decode

QUIET_S = 2.5
MONEY_QUIET_S = 30.0
"""What was not heard of for so long is asked for; cash flows, funding and the wallet later."""
LAST_BLOCKS_S = 2.0
"""An order lives to the end of a block, which may be later than its time is over by one, and by one
more where they are slow: that it is not there counts as said so much earlier."""
_TRIES = 3
_PAGE, _PAGES = 100, 100
_HEIGHT = "v4_block_height"


class _Coin(Struct):
    denom: str
    amount: str


class _Balances(Struct):
    balances: list[_Coin]


class _Transfers(Struct):
    transfers: list[Flow]


class _Payment(Struct, rename="camel", frozen=True):
    created_at: str
    ticker: str
    payment: str
    subaccount_number: str | int = 0


class _Payments(Struct, rename="camel"):
    funding_payments: list[_Payment]


class _Block(Struct, rename="camel"):
    time: str
    height: str = ""
    block_height: str = ""


class _Fill(Struct, rename="camel"):
    id: str
    side: str
    type: str
    price: str
    size: str
    fee: str
    created_at: str
    ticker: str = ""
    market: str = ""
    order_id: str | None = None


class _Contents(Struct):
    orders: list[Raw] = []
    fills: list[Raw] = []


class Reader(FollowedAccount[StreamReader]):
    """One account; see ``gateway_port.VenueReader``. It holds no key and sends nothing.

    ``address``: ``dydx1.../NUMBER``; a number below 128 is a parent with its children.
    """

    _look_s = 0.25

    def __init__(
        self,
        network: Network,
        address: str,
        markets: Sequence[str] = (),
        *,
        ledger_from_ms: int = 1,
        clock: VenueClock | None = None,
        quiet_s: float = QUIET_S,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        """Raises VenueDataError for a mistyped address, InputError for what is none."""
        found = parse_address(address)
        if found is None:
            raise InputError.of("", "address", address, "dydx1..., alone or with /NUMBER")
        super().__init__(markets, clock, pauses_s)
        self._api = PublicApi(network.url, ANSWER_S)
        self._node = PublicApi(chain_of(network).node, ANSWER_S)
        self.url, self.address = self._api.base, found
        owner, _, number = found.partition("/")
        self._place = Place(owner, int(number))
        self._ledger_from_ms = ledger_from_ms
        self._quiet_s = quiet_s
        self._answers: PublicAnswers | None = None
        self._reported = Reported()
        self._entries: Mapping[str, Decimal] = {}
        self._orders: dict[str, ListedOrder] = {}
        self._names: dict[str, str] = {}
        self._fills: deque[LiveFill] = deque(maxlen=KEPT_FILLS)
        self._fill_count = 0
        self._net_deposits: int | None = None
        self._flows: dict[str, Flow] = {}
        self._payments: dict[_Payment, FundingPaid] = {}
        self._wallet = 0
        self._prices: dict[str, PublicPrices] = {}
        self._books: dict[str, PublicBook] = {}
        self._volumes: dict[str, float] = {}
        self._height = 0
        self._has_news = False

    # -- what is known -----------------------------------------------------------------------------

    def state(self) -> VenueState | None:
        if self._answers is None:
            return None
        now_ms = self._clock.now_ms()
        marks = {name: f"{each.mark!r}" for name, each in self._prices.items()}
        return VenueState(
            time_ms=now_ms,
            connection=self._connection,
            is_live=self._is_live,
            answers=self._answers._replace(prices={**self._answers.prices, **marks}),
            inputs=self._inputs.times(now_ms),
            reported=self._reported,
            orders=self._live_orders(),
            endings=tuple(
                each.shown(self._clock) for each in self._endings.values() if self._is_over(each)
            ),
            fills=tuple(self._fills),
            prices=dict(self._prices),
            books=dict(self._books),
            volumes=dict(self._volumes),
            next_funding_ms=(now_ms // HOUR_MS + 1) * HOUR_MS,
            net_deposits=self._net_deposits,
            funding_payments=tuple(self._payments.values()),
            wallet=self._wallet,
            entries=self._entries,
            trouble="; ".join(filter(None, (self._trouble, *self._refused()))),
        )

    def _live_orders(self) -> tuple[LiveOrder, ...]:
        return tuple(each.live() for each in self._orders.values())

    def _is_over(self, found: KnownEnding) -> bool:
        """Whether no block can change any more how an order has ended."""
        return self._height > found.until_height

    def watch(self, markets: Sequence[str]) -> None:
        self._wanted = list(dict.fromkeys([*self._wanted, *markets]))

    async def order(self, client_id: str) -> OrderEnding:
        asked_at = self._clock.monotonic()
        found = orders_of(await self._ask(self._place.path("orders", "&returnLatestOrders=true")))
        named = next((each for each in found if each.name == client_id), None)
        if named is None:
            unknown = OrderEnding(client_id=client_id, state="unknown", word="", time_ms=0)
            said_at = asked_at - LAST_BLOCKS_S / self._clock.rate
            self._keep_ending(KnownEnding(unknown, said_at, self._clock.monotonic()))
        else:
            self._keep_order(named, asked_at)
        self._tell()
        known = self._endings[client_id]
        if not self._is_over(known):
            waits = structs.replace(known.ending, state="open")
            known = structs.replace(known, ending=waits)
        return known.shown(self._clock)

    # -- the connection ----------------------------------------------------------------------------

    def _new_stream(self) -> StreamReader:
        kind = "v4_parent_subaccounts" if self._place.is_parent else "v4_subaccounts"
        name = f"{self._place.address}/{self._place.number}"
        return StreamReader(self.url, more=[(kind, name), (_HEIGHT, "")], hear_more=self._hear_more)

    def _markets(self) -> list[str]:
        assert self._answers is not None
        held = [coin_of(each) for each in tickers(self._answers.account)]
        ordered = [coin_of(each.ticker) for each in self._orders.values()]
        known = self._answers.prices
        return [each for each in dict.fromkeys([*self._wanted, *held, *ordered]) if each in known]

    # -- questions ---------------------------------------------------------------------------------

    async def _ask(self, path: str) -> bytes:
        return await asyncio.to_thread(self._api.get, path)

    async def _read_all(self) -> None:
        self._take_block(await self._ask("/v4/height"))
        # What happened between the end of a connection and the next has no message; and a venue
        # that was set back has other flows.
        self._flows.clear()
        self._payments.clear()
        await self._read_account()
        await self._read_orders()
        await self._read_money()
        self._tell()

    async def _read_account(self) -> None:
        """The account with the markets; nothing where prices moved meanwhile."""
        for _ in range(_TRIES):
            asked_at = self._clock.monotonic()
            before = oracle_prices(await self._ask("/v4/perpetualMarkets"))
            found = await asyncio.to_thread(account_answers, self._api, self.address)
            held = [coin_of(each) for each in tickers(found.account)]
            if all(before.get(each) == found.prices.get(each) for each in held):
                changed = self._answers is None or self._answers.account != found.account
                self._answers = found
                self._reported, self._entries = reported_of(found), entries_of(found)
                self._inputs.hear(ACCOUNT, changed=changed, asked_at=asked_at)
                self._take_prices(found, asked_at)
                return
        if self._answers is None:
            raise VenueDataError(f"{self.url}: oracle prices move with every question")

    def _take_prices(self, found: PublicAnswers, asked_at: float) -> None:
        for name, text in found.prices.items():
            if self._inputs.heard_at(prices_of(name)) <= asked_at:
                oracle = float(text)
                new = PublicPrices(name, oracle, oracle, None, found.funding.get(name))
                changed = self._prices.get(name) != new
                self._prices[name] = new
                self._inputs.hear(prices_of(name), changed=changed, asked_at=asked_at)

    async def _read_orders(self) -> None:
        asked_at = self._clock.monotonic()
        query = "".join(f"&status={each}" for each in OPEN_STATUSES)
        try:
            found = orders_of(await self._ask(self._place.path("orders", query)))
        except NotFound:
            found = []
        # One that ended after the question was asked has a message.
        orders = {
            each.id: each for each in found
            if not self._has_ended(each.name, asked_at) and each.state == "open"
        }  # fmt: skip
        self._names |= {each.id: each.name for each in found}
        self._inputs.hear(ORDERS, changed=orders != self._orders, asked_at=asked_at)
        self._orders = orders

    def _has_ended(self, name: str, asked_at: float) -> bool:
        known = self._endings.get(name)
        return (
            known is not None
            and known.answered_at >= asked_at
            and known.ending.state not in UNENDED
        )

    async def _read_money(self) -> None:
        """Cash flows and funding payments that are not known yet, and the wallet.

        Raises VenueDataError.
        """
        asked_at = self._clock.monotonic()
        new = await self._new_rows("transfers", _Transfers, lambda each: each.id in self._flows)
        self._flows |= {flow.id: flow for flow in new}
        total = sum(
            each.amount(self._place)
            for each in self._flows.values()
            if ms_of("transfers.createdAt", each.created_at) >= self._ledger_from_ms
        )
        paid = await self._new_rows("fundingPayments", _Payments, self._payments.__contains__)
        self._payments |= {each: _paid(each) for each in paid}
        path = f"/cosmos/bank/v1beta1/balances/{self._place.address}"
        raw = await asyncio.to_thread(self._node.get, path)
        coins = decode(_Balances, raw, "balances").balances
        self._wallet = sum(int(each.amount) for each in coins if each.denom == USDC)
        self._inputs.hear(LEDGER, changed=total != self._net_deposits, asked_at=asked_at)
        self._inputs.hear(FUNDING, changed=bool(paid), asked_at=asked_at)
        self._net_deposits = total

    async def _new_rows(self, what: str, kind: Any, is_known: Callable[[Any], bool]) -> list[Any]:
        """The rows of a list down to those that are known: the newest come first."""
        found = []
        for page in range(1, _PAGES + 1):
            path = self._place.path(what, f"&limit={_PAGE}&page={page}")
            (rows,) = structs.astuple(decode(kind, await self._ask(path), what))
            new = [each for each in rows if not is_known(each)]
            found += new
            if len(new) < _PAGE:
                break
        return found

    async def _ask_once(self) -> None:
        assert self._stream is not None
        has_news, self._has_news = self._has_news, False
        is_due = has_news or self._inputs.is_quiet(ACCOUNT, self._quiet_s)
        try:
            if is_due:
                await self._read_account()
            if has_news or self._inputs.is_quiet(ORDERS, self._quiet_s):
                await self._read_orders()
                is_due = True
            if has_news or self._inputs.is_quiet(LEDGER, MONEY_QUIET_S):
                await self._read_money()
        except PublicApiError:
            self._has_news = has_news
            raise
        new = [each for each in self._markets() if each not in self._followed]
        if new:
            await self._stream.follow_also(new)
            self._followed += new
        if is_due:
            self._tell()

    # -- what the socket says ----------------------------------------------------------------------

    def _hear_market(self, update: PublicUpdate) -> None:
        name = update.market
        if isinstance(update, PublicTrades):
            self._volumes[name] = self._volumes.get(name, 0.0) + sum(t.size for t in update.trades)
        elif isinstance(update, PublicPrices):
            changed = self._prices.get(name) != update
            self._prices[name] = update
            self._inputs.hear(prices_of(name), changed=changed)
        else:
            changed = self._books.get(name) != update
            self._books[name] = update
            self._volumes.setdefault(name, 0.0)
            self._inputs.hear(book_of(name), changed=changed)
        self._tell()

    def _hear_more(self, channel: str, contents: bytes, is_first: bool) -> None:
        if channel == _HEIGHT:
            self._take_block(contents)
            return
        if is_first:
            self._went_live()
        else:
            self._take_news(contents)
        self._has_news = True
        self._tell()

    def _take_block(self, raw: bytes) -> None:
        block = decode(_Block, raw, _HEIGHT)
        self._clock.hear(ms_of("block.time", block.time))
        self._height = max(self._height, int(block.height or block.block_height or 0))
        self._tell()

    def _take_news(self, contents: bytes) -> None:
        at = self._clock.monotonic()
        found = decode(_Contents, contents, "subaccounts")
        for raw in found.orders:
            # A message need not have all that an order has; the answer that is asked for does.
            with suppress(VenueDataError):
                self._keep_order(decode(ListedOrder, bytes(raw), "orders"), at)
        for raw in found.fills:
            self._keep_fill(decode(_Fill, bytes(raw), "fills"))

    # -- what is kept ------------------------------------------------------------------------------

    def _keep_order(self, order: ListedOrder, asked_at: float) -> None:
        self._names[order.id] = order.name
        ending = OrderEnding(
            client_id=order.name, state=order.state, word=order.status, time_ms=order.time_ms
        )
        if order.state == "open":
            self._orders[order.id] = order
        else:
            self._orders.pop(order.id, None)
        until = order.until_height if order.is_only_likely else 0
        self._keep_ending(KnownEnding(ending, asked_at, self._clock.monotonic(), until))

    def _keep_ending(self, found: KnownEnding) -> None:
        """Keep it, unless it says less than is known: what has ended is not open again, and an id
        that was there is not unknown again."""
        known = self._endings.get(found.ending.client_id)
        if (
            known is not None
            and known.ending.state not in UNENDED
            and found.ending.state in UNENDED
        ):
            found = structs.replace(found, ending=known.ending, until_height=known.until_height)
        self._put_ending(found)

    def _keep_fill(self, fill: _Fill) -> None:
        self._fill_count += 1
        self._fills.append(
            LiveFill(
                market=coin_of(fill.ticker or fill.market),
                time_ms=ms_of("fills.createdAt", fill.created_at),
                trade_id=self._fill_count,
                is_buy=fill.side == "BUY",
                price=Decimal(fill.price),
                size=Decimal(fill.size),
                fee=exact_units("fills.fee", fill.fee, MONEY_DECIMALS),
                client_id=self._names.get(fill.order_id or "", ""),
                is_liquidation=fill.type == "LIQUIDATED",
            )
        )


def _paid(payment: _Payment) -> FundingPaid:
    return FundingPaid(
        ms_of("fundingPayments.createdAt", payment.created_at),
        coin_of(payment.ticker),
        -exact_units("fundingPayments.payment", payment.payment, MONEY_DECIMALS),
    )
