"""Reading one account of this venue while it runs: questions over HTTP, a socket that says when.

What the account has is asked for over HTTP whenever the socket says that something happened to it,
and after some seconds of silence; the socket itself is believed for prices, books, trades, fills
and how orders end. The account and the oracle prices come in two answers: they count where the
prices before and after the account are the same.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
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
from seawall.venues.dydx.stream.public_reader import ANSWER_S, StreamReader
from seawall.venues.dydx.wire.moments import ms_of
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
from seawall.venues.inputs import Inputs, VenueClock
from seawall.venues.numbers import exact_units
from seawall.venues.public_api import NotFound, PublicAnswers, PublicApi, PublicApiError
from seawall.venues.public_stream import PublicBook, PublicPrices, PublicTrades, PublicUpdate
from seawall.venues.raw_json import VenueDataError, decode

QUIET_S = 2.5
MONEY_QUIET_S = 30.0
"""What was not heard of for so long is asked for; cash flows, funding and the wallet later."""
LOOK_S, LONGEST_LOOK_S = 0.25, 4.0
STEADY_S = 10.0
_PAUSES_S = (0.2, 1.0, 3.0, 5.0)
_TRIES = 3
_PAGE, _PAGES = 100, 100
_KEPT_FILLS, _KEPT_ENDINGS = 500, 2000
_HEIGHT = "v4_block_height"
_UNENDED = ("open", "unknown")


class _Coin(Struct):
    denom: str
    amount: str


class _Balances(Struct):
    balances: list[_Coin]


class _Transfers(Struct):
    transfers: list[Flow]


class _Payment(Struct, rename="camel"):
    created_at: str
    ticker: str
    payment: str


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


class _Ending(Struct):
    """``until_height``: the last block in which the order may still fill; it has ended after it."""

    ending: OrderEnding
    asked_at: float
    answered_at: float
    until_height: int = 0


class Reader:
    """One account; see ``gateway_port.VenueReader``. It holds no key and sends nothing.

    ``address``: ``dydx1.../NUMBER``; a number below 128 is a parent with its children.
    """

    def __init__(
        self,
        network: Network,
        address: str,
        markets: Sequence[str] = (),
        *,
        ledger_from_ms: int = 1,
        clock: VenueClock | None = None,
        quiet_s: float = QUIET_S,
        pauses_s: Sequence[float] = _PAUSES_S,
    ) -> None:
        """Raises VenueDataError for a mistyped address, InputError for what is none."""
        found = parse_address(address)
        if found is None:
            raise InputError.of("", "address", address, "dydx1..., alone or with /NUMBER")
        self._api = PublicApi(network.url, ANSWER_S)
        self._node = PublicApi(chain_of(network).node, ANSWER_S)
        self.url, self.address = self._api.base, found
        owner, _, number = found.partition("/")
        self._place = Place(owner, int(number))
        self._wanted = list(dict.fromkeys(markets))
        self._ledger_from_ms = ledger_from_ms
        self._quiet_s, self._pauses_s = quiet_s, pauses_s
        self._clock = clock or VenueClock()
        self._inputs = Inputs(self._clock)
        self._answers: PublicAnswers | None = None
        self._reported = Reported()
        self._entries: Mapping[str, Decimal] = {}
        self._orders: dict[str, ListedOrder] = {}
        self._names: dict[str, str] = {}
        self._endings: dict[str, _Ending] = {}
        self._fills: deque[LiveFill] = deque(maxlen=_KEPT_FILLS)
        self._net_deposits: int | None = None
        self._funding: tuple[FundingPaid, ...] = ()
        self._wallet = 0
        self._prices: dict[str, PublicPrices] = {}
        self._books: dict[str, PublicBook] = {}
        self._volumes: dict[str, float] = {}
        self._height = 0
        self._stream: StreamReader | None = None
        self._followed: list[str] = []
        self._connection, self._is_live, self._live_at = 0, False, 0.0
        self._has_news = False
        self._trouble = ""
        self._sequence = 0
        self._has_changed = asyncio.Event()

    # -- what is known -----------------------------------------------------------------------------

    def state(self) -> VenueState | None:
        if self._answers is None:
            return None
        now_ms = self._clock.now_ms()
        marks = {name: f"{each.mark!r}" for name, each in self._prices.items()}
        refused = {} if self._stream is None else self._stream.refused
        return VenueState(
            time_ms=now_ms,
            connection=self._connection,
            is_live=self._is_live,
            answers=self._answers._replace(prices={**self._answers.prices, **marks}),
            inputs=self._inputs.times(now_ms),
            reported=self._reported,
            orders=self._live_orders(),
            endings=tuple(
                self._shown(each) for each in self._endings.values() if self._is_over(each)
            ),
            fills=tuple(self._fills),
            prices=dict(self._prices),
            books=dict(self._books),
            volumes=dict(self._volumes),
            next_funding_ms=(now_ms // HOUR_MS + 1) * HOUR_MS,
            net_deposits=self._net_deposits,
            funding_payments=self._funding,
            wallet=self._wallet,
            entries=self._entries,
            trouble="; ".join(
                [
                    *filter(None, [self._trouble]),
                    *(f"{name} cannot be followed: {why}" for name, why in refused.items()),
                ]
            ),
        )

    def _live_orders(self) -> tuple[LiveOrder, ...]:
        return tuple(each.live() for each in self._orders.values())

    def _is_over(self, found: _Ending) -> bool:
        """Whether no block can change any more how an order has ended."""
        return self._height > found.until_height

    def _shown(self, found: _Ending) -> OrderEnding:
        """With the moments as the venue's time."""
        now_ms, at = self._clock.now_ms(), self._clock.monotonic()
        return structs.replace(
            found.ending,
            asked_ms=now_ms - round(1000 * (at - found.asked_at)),
            answered_ms=now_ms - round(1000 * (at - found.answered_at)),
        )

    async def changed(self, since: int, timeout_s: float) -> int:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._sequence <= since:
                    self._has_changed.clear()
                    await self._has_changed.wait()
        return self._sequence

    def watch(self, markets: Sequence[str]) -> None:
        self._wanted = list(dict.fromkeys([*self._wanted, *markets]))

    async def order(self, client_id: str) -> OrderEnding:
        asked_at = self._clock.monotonic()
        found = orders_of(await self._ask(self._place.path("orders", "&returnLatestOrders=true")))
        named = next((each for each in found if each.name == client_id), None)
        if named is None:
            unknown = OrderEnding(client_id=client_id, state="unknown", word="", time_ms=0)
            self._keep_ending(_Ending(unknown, asked_at, self._clock.monotonic()))
        else:
            self._keep_order(named, asked_at)
        self._tell()
        known = self._endings[client_id]
        if not self._is_over(known):
            waits = structs.replace(known.ending, state="open")
            return self._shown(structs.replace(known, ending=waits))
        return self._shown(known)

    # -- the connection ----------------------------------------------------------------------------

    async def run(self) -> None:
        failures = 0
        while True:
            self._connection += 1
            try:
                await self._read_all()
                await self._follow()
            except VenueDataError as error:
                self._trouble = str(error)
            lasted_s = self._clock.monotonic() - self._live_at if self._is_live else 0.0
            failures = 0 if lasted_s >= STEADY_S else failures + 1
            self._is_live = False
            self._tell()
            await asyncio.sleep(self._pauses_s[min(failures, len(self._pauses_s) - 1)])

    async def _follow(self) -> None:
        """Follow the socket until it ends. Raises VenueDataError."""
        kind = "v4_parent_subaccounts" if self._place.is_parent else "v4_subaccounts"
        name = f"{self._place.address}/{self._place.number}"
        self._stream = StreamReader(
            self.url, more=[(kind, name), (_HEIGHT, "")], hear_more=self._hear_more
        )
        self._followed = self._markets()
        tasks = [
            asyncio.create_task(self._ask_quiet(), name="seawall-reader-questions"),
            asyncio.create_task(
                self._stream.follow(self._followed, self._hear_market),
                name="seawall-reader-stream",
            ),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            self._stream = None
        for each in ended:
            if isinstance(each, Exception):
                raise each

    def _markets(self) -> list[str]:
        """Those that are wanted, and those with a position or an order."""
        assert self._answers is not None
        held = [coin_of(each) for each in tickers(self._answers.account)]
        ordered = [coin_of(each.ticker) for each in self._orders.values()]
        known = self._answers.prices
        return [each for each in dict.fromkeys([*self._wanted, *held, *ordered]) if each in known]

    def _tell(self) -> None:
        self._sequence += 1
        self._has_changed.set()

    # -- questions ---------------------------------------------------------------------------------

    async def _ask(self, path: str) -> bytes:
        return await asyncio.to_thread(self._api.get, path)

    async def _read_all(self) -> None:
        """Everything over HTTP. Raises VenueDataError."""
        self._take_block(await self._ask("/v4/height"))
        # What happened between the end of a connection and the next has no message.
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
            and known.ending.state not in _UNENDED
        )

    async def _read_money(self) -> None:
        """Cash flows, funding payments and the wallet. Raises VenueDataError."""
        asked_at = self._clock.monotonic()
        flows = await self._pages("transfers", _Transfers)
        own = {flow.id: flow for page in flows for flow in page.transfers}
        total = sum(
            each.amount(self._place)
            for each in own.values()
            if ms_of("transfers.createdAt", each.created_at) >= self._ledger_from_ms
        )
        payments = await self._pages("fundingPayments", _Payments)
        self._funding = tuple(
            FundingPaid(
                ms_of("fundingPayments.createdAt", each.created_at),
                coin_of(each.ticker),
                -exact_units("fundingPayments.payment", each.payment, MONEY_DECIMALS),
            )
            for page in payments
            for each in page.funding_payments
        )
        path = f"/cosmos/bank/v1beta1/balances/{self._place.address}"
        raw = await asyncio.to_thread(self._node.get, path)
        coins = decode(_Balances, raw, "balances").balances
        self._wallet = sum(int(each.amount) for each in coins if each.denom == USDC)
        self._inputs.hear(LEDGER, changed=total != self._net_deposits, asked_at=asked_at)
        self._inputs.hear(FUNDING, changed=True, asked_at=asked_at)
        self._net_deposits = total

    async def _pages(self, what: str, kind: Any) -> list[Any]:
        """Every page of a list, the newest first."""
        found = []
        for page in range(1, _PAGES + 1):
            path = self._place.path(what, f"&limit={_PAGE}&page={page}")
            answer = decode(kind, await self._ask(path), what)
            found.append(answer)
            (rows,) = structs.astuple(answer)
            if len(rows) < _PAGE:
                break
        return found

    async def _ask_quiet(self) -> None:
        """Ask for what has changed, and for what is quiet, until cancelled. Raises VenueDataError
        for what cannot be read; an answer that does not come is asked for again."""
        pause_s = LOOK_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._ask_once()
                pause_s = LOOK_S
            except PublicApiError:
                pause_s = min(2 * pause_s, LONGEST_LOOK_S)

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
            if not self._is_live:
                self._is_live, self._live_at = True, self._clock.monotonic()
                self._trouble = ""
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
        self._keep_ending(_Ending(ending, asked_at, self._clock.monotonic(), until))

    def _keep_ending(self, found: _Ending) -> None:
        """Keep it, unless it says less than is known: what has ended is not open again, and an id
        that was there is not unknown again."""
        name = found.ending.client_id
        known = self._endings.pop(name, None)
        if (
            known is not None
            and known.ending.state not in _UNENDED
            and found.ending.state in _UNENDED
        ):
            found = structs.replace(found, ending=known.ending, until_height=known.until_height)
        self._endings[name] = found
        while len(self._endings) > _KEPT_ENDINGS:
            del self._endings[next(iter(self._endings))]

    def _keep_fill(self, fill: _Fill) -> None:
        self._fills.append(
            LiveFill(
                market=coin_of(fill.ticker or fill.market),
                time_ms=ms_of("fills.createdAt", fill.created_at),
                trade_id=len(self._fills),
                is_buy=fill.side == "BUY",
                price=Decimal(fill.price),
                size=Decimal(fill.size),
                fee=exact_units("fills.fee", fill.fee, MONEY_DECIMALS),
                client_id=self._names.get(fill.order_id or "", ""),
                is_liquidation=fill.type == "LIQUIDATED",
            )
        )
