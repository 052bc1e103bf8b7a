"""Reading one account of this venue while it runs: everything over HTTP, then one websocket.

Subscribed to are, of the account, ``allDexsClearinghouseState``, ``spotState``, ``openOrders`` of
each dex, ``orderUpdates``, ``userFills``, ``userFundings`` and ``userNonFundingLedgerUpdates``, and
of each market what ``stream.public_reader`` follows [documented: websocket subscriptions]. What
the stream is silent about is asked for, because a venue need not repeat what has not changed: of
the 1,200 that the requests of an address may weigh in a minute, a market at rest takes about 900,
one that moves a tenth of that. After each connection that ended, everything is read again before
the account counts as live.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from msgspec import Raw, Struct, structs

from seawall.domain.errors import InputError
from seawall.domain.units import DAY_MS, HOUR_MS
from seawall.venues.gateway_port import (
    ACCOUNT,
    FUNDING,
    LEDGER,
    ORDERS,
    FundingPaid,
    LiveFill,
    OrderEnding,
    VenueState,
    book_of,
    prices_of,
)
from seawall.venues.hyperliquid.account.public import (
    AccountParts,
    account_parts,
    parse_address,
)
from seawall.venues.hyperliquid.account.state import coins_of
from seawall.venues.hyperliquid.gateway import happened
from seawall.venues.hyperliquid.gateway.inputs import Inputs, VenueClock
from seawall.venues.hyperliquid.gateway.shown import Shown, joined_book, shown_account, wallet_of
from seawall.venues.hyperliquid.stream.public_reader import StreamReader
from seawall.venues.public_api import PublicApi, PublicApiError
from seawall.venues.public_stream import PublicBook, PublicPrices, PublicTrades, PublicUpdate
from seawall.venues.raw_json import VenueDataError, decode

QUIET_S = 2.5
"""What was not heard of for so long is asked for; open orders after a second more."""
LEDGER_QUIET_S = 30.0
FUNDING_QUIET_S = 300.0
LOOK_S = 0.5
_PAUSES_S = (0.2, 1.0, 3.0, 5.0)
"""Before a connection is made again, the longer the more have failed in a row."""
_KEPT_FILLS, _KEPT_ENDINGS = 500, 2000
_FUNDING_DAYS = 31
_PAGE = 500
_PAGES = 100


class _Time(Struct):
    time: int | None = None


class _Ending(NamedTuple):
    """An order's ending; when it was asked for and when it came, seconds of the clock."""

    ending: OrderEnding
    asked_at: float
    answered_at: float

    def shown(self, clock: VenueClock) -> OrderEnding:
        """With the moments as the venue's time."""
        now_ms, at = clock.now_ms(), clock.monotonic()
        return structs.replace(
            self.ending,
            asked_ms=now_ms - round(1000 * (at - self.asked_at)),
            answered_ms=now_ms - round(1000 * (at - self.answered_at)),
        )


class Reader:
    """One account; see ``gateway_port.VenueReader``. It holds no key and sends no action.

    ``ledger_from_ms``: since when cash flows are counted. Raises PublicApiError for no URL,
    VenueDataError for a mistyped address.
    """

    def __init__(
        self,
        url: str,
        address: str,
        markets: Sequence[str] = (),
        *,
        ledger_from_ms: int = 1,
        clock: VenueClock | None = None,
        quiet_s: float = QUIET_S,
        pauses_s: Sequence[float] = _PAUSES_S,
    ) -> None:
        found = parse_address(address)
        if found is None:
            raise InputError.of("", "address", address, "0x and 40 hexadecimal digits")
        self._api = PublicApi(url)
        self.url, self.address = self._api.base, found
        self._wanted = list(dict.fromkeys(markets))
        self._ledger_from_ms = ledger_from_ms
        self._quiet_s, self._pauses_s = quiet_s, pauses_s
        self._clock = clock or VenueClock()
        self._inputs = Inputs(self._clock)
        self._parts: AccountParts | None = None
        self._shown: Shown | None = None
        self._ledger: list[happened.LedgerEntry] = []
        self._funding: dict[tuple[int, str], FundingPaid] = {}
        self._fills: deque[LiveFill] = deque(maxlen=_KEPT_FILLS)
        self._trade_ids: deque[int] = deque(maxlen=_KEPT_FILLS)
        self._endings: dict[str, _Ending] = {}
        self._prices: dict[str, PublicPrices] = {}
        self._near: dict[str, PublicBook] = {}
        self._far: dict[str, PublicBook] = {}
        self._volumes: dict[str, float] = {}
        self._stream: StreamReader | None = None
        self._followed: list[str] = []
        self._connection = 0
        self._is_live = False
        self._must_read = False
        self._trouble = ""
        self._sequence = 0
        self._has_changed = asyncio.Event()

    # -- what is known -----------------------------------------------------------------------------

    def state(self) -> VenueState | None:
        if self._parts is None:
            return None
        if self._shown is None:
            self._shown = shown_account(self._parts)
        now_ms, shown = self._clock.now_ms(), self._shown
        books = {name: joined_book(each, self._far.get(name)) for name, each in self._near.items()}
        flows = happened.net_deposits(self._ledger, self.address, is_pooled=shown.is_pooled)
        marks = {name: f"{each.mark!r}" for name, each in self._prices.items()}
        answers = shown.answers._replace(prices={**shown.answers.prices, **marks})
        return VenueState(
            time_ms=now_ms,
            connection=self._connection,
            is_live=self._is_live,
            answers=answers,
            inputs=self._inputs.times(now_ms),
            reported=shown.reported,
            orders=shown.orders,
            endings=tuple(each.shown(self._clock) for each in self._endings.values()),
            fills=tuple(self._fills),
            prices=dict(self._prices),
            books=books,
            volumes=dict(self._volumes),
            next_funding_ms=(now_ms // HOUR_MS + 1) * HOUR_MS,
            net_deposits=flows,
            funding_payments=tuple(self._funding.values()),
            wallet=wallet_of(self._parts, is_pooled=shown.is_pooled),
            trouble=self._trouble or shown.trouble,
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
        raw = await self._ask("orderStatus", user=self.address, oid=client_id)
        self._keep_ending(happened.ending_of(raw, client_id), asked_at)
        self._tell()
        return self._endings[client_id].shown(self._clock)

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
            failures = 0 if self._is_live else failures + 1
            self._is_live = False
            self._tell()
            await asyncio.sleep(self._pauses_s[min(failures, len(self._pauses_s) - 1)])

    async def _follow(self) -> None:
        """Follow the stream until it ends. Raises VenueDataError."""
        assert self._parts is not None
        user = {"user": self.address}
        kinds = (
            "allDexsClearinghouseState", "spotState", "orderUpdates", "userFills", "userFundings",
            "userNonFundingLedgerUpdates",
        )  # fmt: skip
        subscriptions: list[dict[str, str]] = [{"type": kind, **user} for kind in kinds]
        subscriptions += [
            {"type": "openOrders", **user, **({"dex": dex} if dex else {})}
            for dex in self._parts.states
        ]
        self._stream = StreamReader(
            self.url, quiet_s=self._quiet_s, more=subscriptions, hear_more=self._hear_account
        )
        self._followed = self._markets()
        asking = asyncio.create_task(self._ask_quiet(), name="seawall-reader-questions")
        following = asyncio.create_task(
            self._stream.follow(self._followed, self._hear_market), name="seawall-reader-stream"
        )
        try:
            await asyncio.wait({asking, following}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (asking, following):
                task.cancel()
            ended = await asyncio.gather(asking, following, return_exceptions=True)
            self._stream = None
        for each in ended:
            if isinstance(each, Exception):
                raise each

    def _markets(self) -> list[str]:
        """Those that are wanted, and those with a position or an order."""
        assert self._parts is not None
        held = [coin for raw in self._parts.states.values() for coin in coins_of(raw)]
        shown = self._shown or shown_account(self._parts)
        ordered = [each.market for each in shown.orders if each.market in self._parts.contexts]
        return list(dict.fromkeys([*self._wanted, *held, *ordered]))

    def _tell(self) -> None:
        self._sequence += 1
        self._has_changed.set()

    # -- questions ---------------------------------------------------------------------------------

    async def _ask(self, kind: str, **fields: Any) -> bytes:
        return await asyncio.to_thread(self._api.post, "/info", {"type": kind, **fields})

    async def _read_all(self) -> None:
        """Everything over HTTP. Raises VenueDataError."""
        asked_at = self._clock.monotonic()
        parts = await asyncio.to_thread(account_parts, self._api, self.address)
        self._parts, self._shown, self._must_read = parts, None, False
        self._inputs.hear(
            ACCOUNT, changed=True, venue_ms=_time_of(parts.states[""]), asked_at=asked_at
        )
        if parts.orders is not None:
            self._inputs.hear(ORDERS, changed=True, asked_at=asked_at)
        await self._read_ledger()
        await self._read_funding()
        raw = await self._ask("userFills", user=self.address)
        for each in reversed(happened.fills_of(raw)):
            self._keep_fill(each)
        self._tell()

    async def _read_ledger(self) -> None:
        asked_at, start = self._clock.monotonic(), self._ledger_from_ms
        if self._ledger:
            start = self._ledger[-1].time
        for _ in range(_PAGES):
            raw = await self._ask("userNonFundingLedgerUpdates", user=self.address, startTime=start)
            page = happened.ledger_of(raw)
            before = len(self._ledger)
            self._ledger = happened.merged(self._ledger, page)
            if len(page) < _PAGE or len(self._ledger) == before:
                break
            start = page[-1].time
        self._inputs.hear(LEDGER, changed=True, asked_at=asked_at)

    async def _read_funding(self) -> None:
        asked_at, now_ms = self._clock.monotonic(), self._clock.now_ms()
        start = max((at for at, _ in self._funding), default=now_ms - _FUNDING_DAYS * DAY_MS)
        start = max(1, start)
        for _ in range(_PAGES):
            raw = await self._ask("userFunding", user=self.address, startTime=start)
            page = happened.funding_of(raw)
            is_new = any((each.time_ms, each.market) not in self._funding for each in page)
            self._keep_funding(page)
            if len(page) < _PAGE or not is_new:
                break
            start = page[-1].time_ms
        self._inputs.hear(FUNDING, changed=True, asked_at=asked_at)

    async def _ask_quiet(self) -> None:
        """Ask for what the stream is silent about, until cancelled. Raises VenueDataError for what
        cannot be read; an answer that does not come is asked for again."""
        while True:
            await asyncio.sleep(LOOK_S)
            with suppress(PublicApiError):
                if self._must_read:
                    await self._read_all()
                await self._follow_more()
                if self._inputs.is_quiet(ACCOUNT, self._quiet_s):
                    await self._ask_states()
                if self._inputs.is_quiet(ORDERS, self._quiet_s + 1):
                    await self._ask_orders()
                if self._inputs.is_quiet(LEDGER, LEDGER_QUIET_S):
                    await self._read_ledger()
                    self._tell()
                if self._inputs.is_quiet(FUNDING, FUNDING_QUIET_S):
                    await self._read_funding()
                    self._tell()

    async def _follow_more(self) -> None:
        assert self._stream is not None
        new = [each for each in self._markets() if each not in self._followed]
        if new:
            self._followed += new
            await self._stream.follow_also(new)

    async def _ask_states(self) -> None:
        assert self._parts is not None
        asked_at, found = self._clock.monotonic(), dict(self._parts.states)
        for dex, raw in list(found.items()):
            if not dex or coins_of(raw):
                fields = {"dex": dex} if dex else {}
                found[dex] = await self._ask("clearinghouseState", user=self.address, **fields)
        spot = self._parts.spot
        if spot is not None:
            spot = await self._ask("spotClearinghouseState", user=self.address)
        if self._inputs.heard_at(ACCOUNT) <= asked_at:
            self._take_states(found, asked_at)
            self._take(spot=spot)
            self._tell()

    async def _ask_orders(self) -> None:
        assert self._parts is not None
        if self._parts.orders is None:
            return
        asked_at, found = self._clock.monotonic(), dict(self._parts.orders)
        for dex, raw in list(found.items()):
            # One that has none of anything is left to the stream.
            if not dex or coins_of(self._parts.states[dex]) or decode(list[Raw], raw):
                fields = {"dex": dex} if dex else {}
                found[dex] = await self._ask("frontendOpenOrders", user=self.address, **fields)
        if self._inputs.heard_at(ORDERS) <= asked_at:
            self._inputs.hear(ORDERS, changed=found != self._parts.orders, asked_at=asked_at)
            self._take(orders=found)
            self._tell()

    # -- what the stream says ----------------------------------------------------------------------

    def _take(self, **changes: Any) -> None:
        """Put parts of the account in the place of those before."""
        assert self._parts is not None
        self._parts = structs.replace(self._parts, **changes)
        self._shown = None

    def _take_states(self, states: Mapping[str, bytes], asked_at: float | None = None) -> None:
        """The states of dexes, unless they are older than those that are known."""
        assert self._parts is not None
        known = self._parts.states
        new_ms, known_ms = _time_of(states[""]), _time_of(known[""])
        if new_ms is not None and known_ms is not None and new_ms < known_ms:
            # It says something old: nothing is known by it.
            return
        changed = any(_without_time(states[dex]) != _without_time(known.get(dex)) for dex in states)
        self._inputs.hear(ACCOUNT, changed=changed, venue_ms=new_ms, asked_at=asked_at)
        self._take(states={**known, **states})
        # The terms of another dex's markets come with its list.
        lacks = [dex for dex, raw in states.items() if dex and coins_of(raw)]
        self._must_read |= any(dex not in self._parts.metas for dex in lacks)

    def _hear_account(self, channel: str, data: bytes) -> None:
        hearers: dict[str, Callable[[bytes], None]] = {
            "allDexsClearinghouseState": self._hear_states,
            "spotState": self._hear_spot,
            "openOrders": self._hear_orders,
            "orderUpdates": self._hear_order_updates,
            "userFills": self._hear_fills,
            "userFundings": self._hear_funding,
            "userNonFundingLedgerUpdates": self._hear_ledger,
        }
        if channel in hearers:
            hearers[channel](data)
            self._tell()

    def _hear_states(self, data: bytes) -> None:
        pairs = decode(dict[str, Raw], data, "allDexsClearinghouseState")["clearinghouseStates"]
        rows = decode(list[tuple[str, Raw]], bytes(pairs), "clearinghouseStates")
        self._take_states({dex: bytes(raw) for dex, raw in rows})
        self._is_live, self._trouble = True, ""

    def _hear_spot(self, data: bytes) -> None:
        self._take(spot=bytes(decode(dict[str, Raw], data, "spotState")["spotState"]))

    def _hear_orders(self, data: bytes) -> None:
        assert self._parts is not None
        message = decode(dict[str, Raw], data, "openOrders")
        dex = decode(str, bytes(message["dex"]), "openOrders.dex") if "dex" in message else ""
        orders = bytes(message["orders"])
        known = self._parts.orders or {}
        # Of a dex without a position an answer says nothing; its orders count all the same.
        self._inputs.hear(ORDERS, changed=known.get(dex) != orders)
        self._take(orders={**known, dex: orders})

    def _hear_order_updates(self, data: bytes) -> None:
        for each in happened.endings_of(data):
            self._keep_ending(each, self._clock.monotonic())

    def _hear_fills(self, data: bytes) -> None:
        message = decode(dict[str, Raw], data, "userFills")
        found = happened.fills_of(bytes(message["fills"]))
        # A snapshot begins with the newest.
        for each in reversed(found) if b"isSnapshot" in data else found:
            self._keep_fill(each)

    def _hear_funding(self, data: bytes) -> None:
        message = decode(dict[str, Raw], data, "userFundings")
        self._keep_funding(happened.funding_of(bytes(message["fundings"])))
        self._inputs.hear(FUNDING, changed=True)

    def _hear_ledger(self, data: bytes) -> None:
        message = decode(dict[str, Raw], data, "userNonFundingLedgerUpdates")
        new = happened.ledger_of(bytes(message["nonFundingLedgerUpdates"]))
        new = [each for each in new if each.time >= self._ledger_from_ms]
        self._ledger = happened.merged(self._ledger, new)
        self._inputs.hear(LEDGER, changed=bool(new))

    def _hear_market(self, update: PublicUpdate) -> None:
        name = update.market
        if isinstance(update, PublicTrades):
            size = sum(each.size for each in update.trades)
            self._volumes[name] = self._volumes.get(name, 0.0) + size
        elif isinstance(update, PublicPrices):
            changed = self._prices.get(name) != update
            self._prices[name] = update
            self._inputs.hear(prices_of(name), changed=changed)
        elif update.reaches_far:
            self._far[name] = update
        else:
            changed = self._near.get(name) != update
            self._near[name] = update
            self._volumes.setdefault(name, 0.0)
            self._inputs.hear(book_of(name), changed=changed, venue_ms=update.time_ms)
        self._tell()

    # -- what is kept ------------------------------------------------------------------------------

    def _keep_ending(self, ending: OrderEnding, asked_at: float) -> None:
        known = self._endings.pop(ending.client_id, None)
        if known is not None and known.ending.time_ms > ending.time_ms:
            # An older statement that came later; an id that was there is not unknown again.
            ending = known.ending
        new = _Ending(ending, asked_at, self._clock.monotonic())
        self._endings[ending.client_id] = new
        while len(self._endings) > _KEPT_ENDINGS:
            del self._endings[next(iter(self._endings))]

    def _keep_fill(self, fill: LiveFill) -> None:
        if fill.trade_id not in self._trade_ids:
            self._trade_ids.append(fill.trade_id)
            self._fills.append(fill)

    def _keep_funding(self, payments: Sequence[FundingPaid]) -> None:
        self._funding |= {(each.time_ms, each.market): each for each in payments}
        oldest = self._clock.now_ms() - _FUNDING_DAYS * DAY_MS
        self._funding = {key: each for key, each in self._funding.items() if key[0] >= oldest}


def _time_of(state: bytes) -> int | None:
    """The venue's time that an answer states."""
    with suppress(VenueDataError):
        return decode(_Time, state).time
    return None


def _without_time(state: bytes | None) -> dict[str, bytes]:
    if state is None:
        return {}
    fields = decode(dict[str, Raw], state, "clearinghouseState")
    return {name: bytes(value) for name, value in fields.items() if name != "time"}
