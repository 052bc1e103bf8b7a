"""Reading one account of this venue while it runs: everything over HTTP, then one websocket.

Subscribed to are, of the account, ``allDexsClearinghouseState``, ``spotState``, ``openOrders`` of
each dex, ``orderUpdates``, ``userFills``, ``userFundings`` and ``userNonFundingLedgerUpdates``, and
of each market what ``stream.public_reader`` follows [documented: websocket subscriptions]. What
the stream is silent about is asked for, because a venue need not repeat what has not changed: of
the 1,200 that the requests of an address may weigh in a minute, an account at rest takes about 800
by the documented weights, one whose market moves 450; each further dex with a position takes 660 or
340. So positions on two dexes whose markets are all at rest are more than may be asked for, and
then ages grow. A question that is not answered is asked again after a pause that grows. After each
connection that ended, everything is read again before the account counts as live.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Raw, structs

from seawall.domain.errors import InputError
from seawall.domain.units import DAY_MS, HOUR_MS
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
    FeeRates,
    FundingPaid,
    InputTime,
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
from seawall.venues.hyperliquid.gateway.message import (
    dex_of_orders,
    is_snapshot_of,
    part_of,
    time_of,
    without_time,
)
from seawall.venues.hyperliquid.gateway.shown import Shown, joined_book, shown_account
from seawall.venues.hyperliquid.stream.public_reader import StreamReader
from seawall.venues.inputs import VenueClock
from seawall.venues.public_api import NotFound, PublicApi, RequestRefused
from seawall.venues.public_stream import (
    PublicBook,
    PublicPrices,
    PublicTrade,
    PublicTrades,
    PublicUpdate,
)
from seawall.venues.raw_json import decode

QUIET_S = 2.5
"""What was not heard of for so long is asked for; open orders after a second more."""
EMPTY_QUIET_S = 120.0
"""The same of open orders of a dex in which the account has nothing."""
LEDGER_QUIET_S = 30.0
FUNDING_QUIET_S = 300.0
REFUSED_S = 60.0
"""Until a market that the venue did not let follow is tried again."""
BACK_S = 10.0
"""After so long in which the venue states older accounts only, everything is read again."""
_KEPT_TRADES = 100
_FUNDING_DAYS = 31
_PAGE = 500
_PAGES = 100


class Reader(FollowedAccount[StreamReader]):
    """One account; see ``gateway_port.VenueReader``. It holds no key and sends no action.

    ``ledger_from_ms``: since when cash flows are counted. Raises PublicApiError for no URL,
    VenueDataError for a mistyped address.
    """

    _look_s = 0.5

    def __init__(
        self,
        url: str,
        address: str,
        markets: Sequence[str] = (),
        *,
        ledger_from_ms: int = 1,
        clock: VenueClock | None = None,
        quiet_s: float = QUIET_S,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        found = parse_address(address)
        if found is None:
            raise InputError.of("", "address", address, "0x and 40 hexadecimal digits")
        super().__init__(markets, clock, pauses_s)
        self._api = PublicApi(url, ANSWER_S)
        self.url, self.address = self._api.base, found
        self._ledger_from_ms = ledger_from_ms
        self._quiet_s = quiet_s
        self._parts: AccountParts | None = None
        self._shown: Shown | None = None
        self._ledger: list[happened.LedgerEntry] = []
        self._flows: dict[bool, int | None] = {}
        self._funding: dict[tuple[int, str], FundingPaid] = {}
        self._fills: deque[LiveFill] = deque(maxlen=KEPT_FILLS)
        self._trade_ids: deque[int] = deque(maxlen=KEPT_FILLS)
        self._prices: dict[str, PublicPrices] = {}
        self._near: dict[str, PublicBook] = {}
        self._far: dict[str, PublicBook] = {}
        self._volumes: dict[str, float] = {}
        self._trades: dict[str, deque[PublicTrade]] = {}
        self._fees: FeeRates | None = None
        self._refused_at = 0.0
        self._must_read = False
        self._read_for: set[str] = set()
        self._back_at: float | None = None
        self._behind = ""

    # -- what is known -----------------------------------------------------------------------------

    def state(self) -> VenueState | None:
        if self._parts is None:
            return None
        now_ms, shown = self._clock.now_ms(), self._now_shown()
        books = {name: joined_book(each, self._far.get(name)) for name, each in self._near.items()}
        if shown.is_pooled not in self._flows:
            self._flows[shown.is_pooled] = happened.net_deposits(
                self._ledger, self.address, is_pooled=shown.is_pooled
            )
        marks = {name: f"{each.mark!r}" for name, each in self._prices.items()}
        answers = shown.answers._replace(prices={**shown.answers.prices, **marks})
        return VenueState(
            time_ms=now_ms,
            connection=self._connection,
            is_live=self._is_live,
            answers=answers,
            inputs=self._times(now_ms, shown),
            reported=shown.reported,
            orders=shown.orders,
            endings=tuple(each.shown(self._clock) for each in self._endings.values()),
            fills=tuple(self._fills),
            prices=dict(self._prices),
            books=books,
            volumes=dict(self._volumes),
            trades={name: tuple(each) for name, each in self._trades.items()},
            fees=self._fees,
            next_funding_ms=(now_ms // HOUR_MS + 1) * HOUR_MS,
            net_deposits=self._flows[shown.is_pooled],
            funding_payments=tuple(self._funding.values()),
            wallet=shown.wallet,
            trouble="; ".join(
                filter(None, (self._trouble, self._behind, *self._refused(), shown.trouble))
            ),
        )

    def _now_shown(self) -> Shown:
        assert self._parts is not None
        if self._shown is None:
            self._shown = shown_account(self._parts)
        return self._shown

    def _times(self, now_ms: int, shown: Shown) -> dict[str, InputTime]:
        """The age of each input. Open orders are as old as those of the dex that was silent for
        longest, of those in which the account has something."""
        times = self._inputs.times(now_ms)
        orders = {name: times.pop(name) for name in list(times) if name.startswith(ORDERS)}
        parts = [orders.get(_orders_of(dex)) for dex in shown.dexes]
        known = [each for each in parts if each is not None]
        if len(known) == len(parts):
            times[ORDERS] = InputTime(
                min(each.known_ms for each in known),
                max(each.changed_ms for each in known),
                sum(each.sequence for each in known),
            )
        return times

    def watch(self, markets: Sequence[str]) -> None:
        self._wanted = list(dict.fromkeys(markets))

    async def order(self, client_id: str) -> OrderEnding:
        asked_at = self._clock.monotonic()
        raw = await self._ask("orderStatus", user=self.address, oid=client_id)
        self._keep_ending(happened.ending_of(raw, client_id), asked_at)
        self._tell()
        return self._endings[client_id].shown(self._clock)

    # -- the connection ----------------------------------------------------------------------------

    def _new_stream(self) -> StreamReader:
        assert self._parts is not None
        user = {"user": self.address}
        kinds = (
            "spotState", "orderUpdates", "userFills", "userFundings", "userNonFundingLedgerUpdates",
        )  # fmt: skip
        subscriptions: list[dict[str, str]] = [{"type": kind, **user} for kind in kinds]
        subscriptions += [
            {"type": "openOrders", **user, **({"dex": dex} if dex else {})}
            for dex in self._parts.states
        ]
        # The last one: its first message says that all the others are heard from now on.
        subscriptions.append({"type": "allDexsClearinghouseState", **user})
        self._refused_at = self._clock.monotonic()
        return StreamReader(
            self.url, quiet_s=self._quiet_s, more=subscriptions, hear_more=self._hear_account
        )

    def _markets(self) -> list[str]:
        assert self._parts is not None
        held = [coin for raw in self._parts.states.values() for coin in coins_of(raw)]
        orders = self._now_shown().orders
        ordered = [each.market for each in orders if each.market in self._parts.contexts]
        return list(dict.fromkeys([*self._wanted, *held, *ordered]))

    # -- questions ---------------------------------------------------------------------------------

    async def _ask(self, kind: str, **fields: Any) -> bytes:
        return await asyncio.to_thread(self._api.post, "/info", {"type": kind, **fields})

    async def _read_all(self) -> None:
        asked_at = self._clock.monotonic()
        parts = await asyncio.to_thread(account_parts, self._api, self.address)
        self._parts, self._shown, self._must_read = parts, None, False
        self._inputs.hear(
            ACCOUNT, changed=True, venue_ms=time_of(parts.states[""]), asked_at=asked_at
        )
        self._back_at = None
        for dex in parts.orders or ():
            self._inputs.hear(_orders_of(dex), changed=True, asked_at=asked_at)
        await self._read_ledger()
        await self._read_funding()
        await self._read_fees()
        raw = await self._ask("userFills", user=self.address)
        for each in reversed(happened.fills_of(raw)):
            self._keep_fill(each)
        self._tell()

    async def _read_fees(self) -> None:
        try:
            self._fees = happened.fees_of(await self._ask("userFees", user=self.address))
        except (NotFound, RequestRefused):
            self._fees = None  # an API that does not know the question

    async def _read_ledger(self) -> None:
        asked_at, start = self._clock.monotonic(), self._ledger_from_ms
        if self._ledger:
            start = self._ledger[-1].time
        for _ in range(_PAGES):
            raw = await self._ask("userNonFundingLedgerUpdates", user=self.address, startTime=start)
            page = happened.ledger_of(raw)
            before = len(self._ledger)
            self._keep_ledger(page)
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

    async def _ask_once(self) -> None:
        if self._must_read:
            await self._read_all()
        if self._inputs.is_quiet(ACCOUNT, self._quiet_s):
            await self._ask_states()
        await self._ask_orders()
        await self._follow_more()
        if self._inputs.is_quiet(LEDGER, LEDGER_QUIET_S):
            await self._read_ledger()
            self._tell()
        if self._inputs.is_quiet(FUNDING, FUNDING_QUIET_S):
            await self._read_funding()
            self._tell()

    async def _follow_more(self) -> None:
        assert self._stream is not None
        at, again = self._clock.monotonic(), set[str]()
        if at - self._refused_at >= REFUSED_S:
            self._refused_at, again = at, set(self._stream.refused)
        wanted = self._markets()
        left = [each for each in self._followed if each not in wanted]
        if left:
            await self._stream.leave(left)
            self._forget(left)
        new = [each for each in wanted if each not in self._followed or each in again]
        if new:
            await self._stream.follow_also(new)
        self._followed = wanted

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
        """Ask for the open orders of each dex that is quiet."""
        assert self._parts is not None
        if self._parts.orders is None:
            return
        for dex in self._parts.states:
            name, has_something = _orders_of(dex), dex in self._now_shown().dexes
            quiet_s = self._quiet_s + 1 if has_something else EMPTY_QUIET_S
            if not self._inputs.is_quiet(name, quiet_s):
                continue
            asked_at, fields = self._clock.monotonic(), {"dex": dex} if dex else {}
            raw = await self._ask("frontendOpenOrders", user=self.address, **fields)
            if self._inputs.heard_at(name) <= asked_at:
                self._take_orders(dex, raw, asked_at)
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
        new_ms, known_ms = time_of(states.get("")), time_of(known[""])
        if new_ms is not None and known_ms is not None and new_ms < known_ms:
            self._note_older(known_ms - new_ms)
            return
        self._back_at, self._behind = None, ""
        changed = any(without_time(states[dex]) != without_time(known.get(dex)) for dex in states)
        self._inputs.hear(ACCOUNT, changed=changed, venue_ms=new_ms, asked_at=asked_at)
        self._take(states={**known, **states})
        # The terms of another dex's markets come with its list.
        held = {dex for dex, raw in states.items() if dex and coins_of(raw)}
        lacks = held - self._parts.metas.keys() - self._read_for
        # Once for each: a list that the venue does not give is not asked for again and again.
        self._read_for |= lacks
        self._must_read |= bool(lacks)

    def _take_orders(self, dex: str, raw: bytes, asked_at: float | None = None) -> None:
        assert self._parts is not None
        known = self._parts.orders or {}
        changed = known.get(dex) != raw
        self._inputs.hear(_orders_of(dex), changed=changed, asked_at=asked_at)
        if changed:
            self._take(orders={**known, dex: raw})

    def _note_older(self, older_ms: int) -> None:
        """A statement of the account that is older than what is known says nothing; where there is
        no other for long, the venue's clock went back and everything is read again."""
        at = self._clock.monotonic()
        self._back_at = at if self._back_at is None else self._back_at
        if at - self._back_at >= BACK_S:
            self._must_read, self._back_at = True, None
            self._behind = f"the venue states the account as it was {older_ms} ms before"

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
        pairs = part_of(data, "allDexsClearinghouseState", "clearinghouseStates")
        rows = decode(list[tuple[str, Raw]], pairs, "clearinghouseStates")
        self._take_states({dex: bytes(raw) for dex, raw in rows})
        self._went_live()

    def _hear_spot(self, data: bytes) -> None:
        self._take(spot=part_of(data, "spotState", "spotState"))

    def _hear_orders(self, data: bytes) -> None:
        dex = dex_of_orders(data)
        self._take_orders(dex, part_of(data, "openOrders", "orders"))

    def _hear_order_updates(self, data: bytes) -> None:
        for each in happened.endings_of(data):
            self._keep_ending(each, self._clock.monotonic())

    def _hear_fills(self, data: bytes) -> None:
        found = happened.fills_of(part_of(data, "userFills", "fills"))
        # A snapshot begins with the newest.
        is_snapshot = is_snapshot_of(data, "userFills")
        for each in reversed(found) if is_snapshot else found:
            self._keep_fill(each)

    def _hear_funding(self, data: bytes) -> None:
        self._keep_funding(happened.funding_of(part_of(data, "userFundings", "fundings")))
        self._inputs.hear(FUNDING, changed=True)

    def _hear_ledger(self, data: bytes) -> None:
        channel = "userNonFundingLedgerUpdates"
        new = happened.ledger_of(part_of(data, channel, "nonFundingLedgerUpdates"))
        new = [each for each in new if each.time >= self._ledger_from_ms]
        self._keep_ledger(new)
        self._inputs.hear(LEDGER, changed=bool(new))

    def _hear_market(self, update: PublicUpdate) -> None:
        name = update.market
        if isinstance(update, PublicTrades):
            size = sum(each.size for each in update.trades)
            self._volumes[name] = self._volumes.get(name, 0.0) + size
            kept = self._trades.setdefault(name, deque(maxlen=_KEPT_TRADES))
            kept.extend(update.trades)
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

    def _forget(self, markets: Sequence[str]) -> None:
        """What was known of markets that are followed no more: it does not change any more."""
        for name in markets:
            for kept in (self._prices, self._near, self._far, self._volumes, self._trades):
                kept.pop(name, None)
            self._inputs.forget(prices_of(name))
            self._inputs.forget(book_of(name))
        self._tell()

    def _keep_ending(self, ending: OrderEnding, asked_at: float) -> None:
        known = self._endings.get(ending.client_id)
        if known is not None and (
            known.ending.time_ms > ending.time_ms
            or (known.ending.state not in UNENDED and ending.state in UNENDED)
        ):
            # An older statement that came later, or came twice; what has ended is not open again,
            # and an id that was there is not unknown again.
            ending = known.ending
        self._put_ending(KnownEnding(ending, asked_at, self._clock.monotonic()))

    def _keep_fill(self, fill: LiveFill) -> None:
        if fill.trade_id not in self._trade_ids:
            self._trade_ids.append(fill.trade_id)
            self._fills.append(fill)

    def _keep_ledger(self, entries: Sequence[happened.LedgerEntry]) -> None:
        self._ledger = happened.merged(self._ledger, entries)
        self._flows.clear()

    def _keep_funding(self, payments: Sequence[FundingPaid]) -> None:
        self._funding |= {(each.time_ms, each.market): each for each in payments}
        oldest = self._clock.now_ms() - _FUNDING_DAYS * DAY_MS
        self._funding = {key: each for key, each in self._funding.items() if key[0] >= oldest}


def _orders_of(dex: str) -> str:
    """The name of the input that holds the open orders of a dex."""
    return f"{ORDERS} {dex}".strip()
