"""An account of a venue that runs elsewhere, on the stage: read, mirrored in a machine, not traded.

The account, its markets and their books come from ``VenueReader``, which follows the venue's public
stream and asks for what that is silent about; the rest from ``MarketQuestions``. Nothing here can
send an order: there is no object that could. Each answer keeps its age, and what is older than it
may be is said with it.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from msgspec import structs

from seawall.accounts.account import Account
from seawall.domain.enums import OrderState, Side
from seawall.domain.errors import InputError, SeawallError
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook
from seawall.domain.units import MICRO, from_units, money_text
from seawall.engine.engine import Engine
from seawall.guard.observe import Observer
from seawall.terminal import protocol
from seawall.terminal.account import (
    Held,
    held_by,
    is_beyond,
    is_orphaned,
    liquidation_of,
    order_kind,
)
from seawall.terminal.asking import MarketQuestions, Shown
from seawall.terminal.cascade import CascadeLog
from seawall.terminal.guard import GuardView
from seawall.terminal.market import SIDES
from seawall.terminal.mirrored import OWN, Mirrored, own_flags, time_in_force
from seawall.terminal.preview import Copy
from seawall.terminal.questions import QUESTIONS, answer_to
from seawall.terminal.read_history import ReadHistory
from seawall.terminal.scene import SYSTEM_NAMES, Name, Scene, Statistics
from seawall.terminal.stage import Listeners, Looking, view_of
from seawall.venues.gateway_port import (
    ACCOUNT,
    ORDERS,
    LiveOrder,
    Network,
    VenueReader,
    VenueState,
    book_of,
    prices_of,
)
from seawall.venues.public_stream import CandleReader, PublicMarkets, PublicPrices
from seawall.venues.raw_json import VenueDataError
from seawall.venues.registry import VENUES
from seawall.venues.venue import Venue

log = logging.getLogger(__name__)

LOOK_S, PACE_S = 1.0, 0.2
"""A look is taken at each change, after so long without one, and no more often than the second."""
PATIENT_S = 60.0
"""How long the first reading of an account may take."""
STALE_MS = 10_000
"""What the stream repeats, or what is asked for where it is silent, is stale after so long."""
STALE_ORDERS_MS = 12_000
CYCLES = 3
"""What is asked in turn is stale after so many rounds without an answer."""


class AddressNames:
    """The one account; what else the machine holds stands for the books. ``address``: in its
    usual form."""

    def __init__(self, address: str) -> None:
        self._address = address

    def row(self, address: str) -> int:
        return OWN if address.lower() == self._address else -1

    def of(self, row: int) -> Name:
        if row == OWN:
            label = f"{self._address[:6]}…{self._address[-4:]}"
            return Name(self._address, label, "client")
        return Name("", SYSTEM_NAMES.get(row, "the book"), "system")

    def shown(self) -> Sequence[int]:
        return [OWN]


class ReadScene(Scene):
    """A machine that holds one account and some books: figures of whole markets are the venue's.

    ``prices``: what the venue says of each market.
    """

    is_whole = False

    def __init__(
        self, engine: Engine, history: ReadHistory, address: str, stage: "AddressStage"
    ) -> None:
        super().__init__(engine, history, AddressNames(address), stage.now_ms)
        self._stage = stage
        # The machine's own takes the mark as it is written.
        self.rulebook = stage.rulebook

    def statistics(self, market: int) -> Statistics:
        of = self.instruments[market]
        said = self._stage.prices().get(of.name)
        if said is None:
            return Statistics(None, None, None, None, None)
        before = round((said.day_before or 0.0) * 10**of.price_decimals)
        volume = None if said.day_volume is None else round(said.day_volume * MICRO)
        return Statistics(
            said.funding,
            volume,
            before or None,
            None if said.open_interest is None else round(said.open_interest * said.mark * MICRO),
            None,
        )


class AddressStage(Listeners):
    """Implements ``stage.Stage`` for an account that is only read. ``begin`` comes first.

    ``listed``: the venue's markets, which say that it answers.
    """

    def __init__(
        self,
        venue: Venue,
        listed: PublicMarkets,
        reader: VenueReader,
        markets: CandleReader,
        guard: Path | None = None,
    ) -> None:
        super().__init__()
        self.venue_name, self._address = venue.name, reader.address
        self._reader = reader
        self._names = list(listed.prices)
        self._observer = Observer(venue.name, reader, self._names)
        self._questions = MarketQuestions(markets, self.now_ms, lambda: self.tell(()))
        self._state: VenueState | None = None
        self._account: Account | None = None
        self._instruments: dict[str, Instrument] = {}
        self._mirrored: Mirrored | None = None
        self._troubles: list[str] = []
        self._unread = ""
        """Why the account could not be taken in, empty where it could."""
        self._tasks: list[asyncio.Task[None]] = []
        self.guard = GuardView(guard)
        self.epoch = 0

    @property
    def rulebook(self) -> Rulebook:
        assert self._account is not None
        assert isinstance(self._account.rulebook, Rulebook)
        return self._account.rulebook

    def now_ms(self) -> int:
        return 0 if self._state is None else self._state.time_ms

    def prices(self) -> Mapping[str, PublicPrices]:
        """What the venue says of each market, of those that are followed as the stream says it."""
        followed = {} if self._state is None else self._state.prices
        return {**self._questions.prices, **followed}

    # -- reading ---------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Read the account for the first time. Raises InputError."""
        self._tasks = [
            asyncio.create_task(self._reader.run(), name="seawall-terminal-reader"),
            asyncio.create_task(self._questions.run(), name="seawall-terminal-questions"),
        ]
        seen = 0
        try:
            async with asyncio.timeout(PATIENT_S):
                while self._reader.state() is None:
                    seen = await self._reader.changed(seen, LOOK_S)
        except TimeoutError:
            what = f"{self._address} at {self._reader.url}"
            raise InputError(f"{what}: the account was not read in {PATIENT_S:g} s") from None
        self._look()
        if self._mirrored is None:
            raise InputError(self._unread)

    async def run(self) -> None:
        """Read until cancelled."""
        self._tasks.append(asyncio.create_task(self._follow(), name="seawall-terminal-look"))
        try:
            await asyncio.gather(*self._tasks)
        except Exception:
            log.exception("the account is read no more")
            self._unread = "an error in Seawall ended the reading: see what it printed"
            self.tell(())
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self) -> None:
        seen = 0
        while True:
            seen = await self._reader.changed(seen, LOOK_S)
            self._look()
            await asyncio.sleep(PACE_S)

    def _look(self) -> None:
        """Take in what is known now; what cannot be taken in leaves what was there, and is said."""
        state = self._reader.state()
        if state is None:
            return
        try:
            account = self._observer.account(state)
            mirrored = self._machine(account)
            self._troubles = mirrored.fill(account, state, self._questions.prices)
        except SeawallError as error:
            self._unread = f"what is shown is from before: {error}"
        else:
            self._account, self._state, self._unread = account, state, ""
            if mirrored is not self._mirrored:
                self._show(mirrored)
        self.tell(())

    def _machine(self, account: Account) -> Mirrored:
        """The machine for the markets of the account: a new one where they have changed. A market
        keeps its row as long as this runs."""
        if not isinstance(account.rulebook, Rulebook):
            raise InputError(f"{account.source}: the terminal shows no accounts of block rules yet")
        known = {**self._instruments, **{each.name: each for each in account.instruments}}
        if self._mirrored is not None and known == self._instruments:
            return self._mirrored
        if not self._instruments:
            # Those of the venue's own list in its order, whatever the account has.
            place = {name: number for number, name in enumerate(self._names)}
            known = {
                name: known[name] for name in sorted(known, key=lambda n: place.get(n, len(place)))
            }
        self._instruments = known
        return Mirrored(account.rulebook, list(self._instruments.values()))

    def _show(self, mirrored: Mirrored) -> None:
        self._mirrored = mirrored
        history = ReadHistory(
            mirrored.instruments, self._known_state, self._questions.candles, self.prices
        )
        self.scene = ReadScene(mirrored.engine, history, self._address, self)
        self._copy = Copy(self.scene)
        self.cascade = CascadeLog(self.scene)
        self.epoch += 1

    def _known_state(self) -> VenueState:
        assert self._state is not None
        return self._state

    # -- what is shown ---------------------------------------------------------------------------

    def snapshot(self) -> protocol.Snapshot:
        scene = self.scene
        return protocol.Snapshot(
            self.epoch,
            self.venue_name,
            "unified" if scene.is_shared(OWN) else "standard",
            f"{scene.rulebook.name} as of {scene.rulebook.as_of}",
            tuple(scene.market_info(row) for row in range(len(scene.instruments))),
            (scene.account_info(OWN, may_trade=False),),
            "address",
            scene.offered(),
            None,
        )

    def twaps(self, account: int) -> protocol.Twaps:
        """None: they are not read."""
        return protocol.Twaps(self._address, ())

    def venue(self, looking: Looking) -> protocol.Venue:
        return protocol.Venue(
            self.now_ms(),
            1.0,
            False,
            self._reader.url,
            0,
            0,
            "",
            (),
            (),
            view_of(self.scene, looking),
            None,
            self._reading(looking),
        )

    def _reading(self, looking: Looking) -> protocol.Reading:
        state = self._reader.state()
        assert state is not None
        market = self.scene.instruments[looking.market].name
        known = [(ACCOUNT, STALE_MS), (ORDERS, STALE_ORDERS_MS)]
        known += [(prices_of(market), STALE_MS), (book_of(market), STALE_MS)]
        ages = [
            (
                name,
                state.time_ms - state.inputs[name].known_ms if name in state.inputs else None,
                most,
            )
            for name, most in known
        ]
        most = round(1000 * CYCLES * self._questions.cycle_s)
        shown = Shown(market, looking.interval)
        ages.append((f"candles {market} {shown.interval}", self._questions.age_ms(shown), most))
        ages.append(("all markets", self._questions.age_ms(None), most))
        return protocol.Reading(
            self._reader.url,
            state.is_live,
            tuple(
                protocol.ReadInput(name, age, most, self._is_stale(name, age, most))
                for name, age, most in ages
            ),
            tuple(self._said(state)),
        )

    def _is_stale(self, name: str, age: int | None, most: int) -> bool:
        return age is None or age > most or (bool(self._unread) and name in (ACCOUNT, ORDERS))

    def _said(self, state: VenueState) -> list[str]:
        found = [self._unread, state.trouble, *self._questions.troubles(), *self._troubles]
        account = self._account
        if account is not None:
            found.append(account.origins.get("collateral", ""))
        if state.fees is None:
            found.append("the account's fees are not known: the rates of the lowest tier are shown")
        return [each for each in dict.fromkeys(found) if each]

    def account(self, looking: Looking) -> protocol.Account:
        """As the machine has it, with what the venue itself states."""
        state, difference = self._known_state(), self._observer.difference
        found = super().account(looking)
        held = held_by(self.scene, OWN)
        return structs.replace(
            found,
            positions=tuple(self._with_reported(each, state) for each in found.positions),
            buckets=tuple(
                structs.replace(
                    each,
                    reported=protocol.ReportedBucket(
                        _money(difference.equity.get(each.id)),
                        _money(difference.maintenance.get(each.id)),
                    ),
                )
                for each in found.buckets
            ),
            orders=tuple(
                self._order(held, each)
                for each in sorted(state.orders, key=lambda order: -order.order_id)
                if each.market in self.scene.market_rows
            ),
        )

    def _with_reported(self, position: protocol.Position, state: VenueState) -> protocol.Position:
        market = position.market
        theirs = state.reported.liquidation_prices.get(market)
        units = self._observer.difference.prices.get(market)
        decimals = self._instruments[market].price_decimals
        if theirs is None or units is None:
            agrees = theirs is None and position.liquidation_price is None
            reported = protocol.ReportedPrice(_text(theirs), None, agrees)
        else:
            reported = protocol.ReportedPrice(
                _text(theirs), from_units(units, decimals), abs(units) <= 1
            )
        return structs.replace(position, reported=reported)

    def _order(self, held: Held, order: LiveOrder) -> protocol.Order:
        scene = self.scene
        market = scene.market(order.market)
        of = scene.instruments[market]
        flags, side = own_flags(order), Side.BUY if order.is_buy else Side.SELL
        position = next((each for each in held.positions if each.market == market), None)
        size = 0 if position is None else position.signed_size
        is_trigger = order.trigger_price is not None
        state = OrderState.WAITING_FOR_TRIGGER if is_trigger else OrderState.RESTING
        row = {"flags": int(flags), "state": int(state), "side": int(side)}
        trigger = round((order.trigger_price or Decimal()).scaleb(of.price_decimals))
        whole = order.original_size if order.original_size is not None else order.size
        is_stop = is_trigger and not order.take_profit
        beyond = (
            is_stop
            and position is not None
            and (size > 0) == (side == Side.SELL)
            and is_beyond(liquidation_of(scene, held, position), size, trigger)
        )
        return protocol.Order(
            str(order.order_id),
            of.name,
            SIDES[side],
            order_kind(flags, time_in_force(order)),
            format(order.price, "f"),
            _text(order.trigger_price),
            format(order.size, "f"),
            format(whole, "f"),
            order.reduce_only,
            order.whole_position,
            order.placed_ms,
            "waiting_for_trigger" if is_trigger else "resting",
            is_orphaned(row, size),
            beyond,
        )

    def first_account(self) -> int:
        return OWN

    # -- what pages do ---------------------------------------------------------------------------

    def look_at(self, views: Sequence[Looking]) -> None:
        names = [self.scene.instruments[each.market].name for each in views]
        self._reader.watch(names)
        shown = [Shown(name, each.interval) for name, each in zip(names, views, strict=True)]
        self._questions.look_at(shown, list(self._instruments))

    async def act(self, request: protocol.AnyRequest, looking: Looking) -> protocol.Answer:
        if isinstance(request, QUESTIONS):
            return await answer_to(self.scene, self._copy, request, looking.account)
        name = type(request).__name__
        expected = "asked of a venue that runs here; this account is only read"
        raise InputError.of("", "type", name, expected)


def _text(price: Decimal | None) -> str | None:
    return None if price is None else format(price, "f")


def _money(amount: int | None) -> str | None:
    return None if amount is None else money_text(amount)


async def open_address(
    venue: Venue, address: str, at: str | None = None, guard: Path | None = None
) -> AddressStage:
    """The stage of an address, once its account was read. ``at``: base URL of another API than the
    venue's own. Raises InputError."""
    if venue.gateway is None or venue.wire is None or not issubclass(venue.rules, Rulebook):
        known = [
            name for name, each in VENUES.items()
            if each.gateway is not None and issubclass(each.rules, Rulebook)
        ]  # fmt: skip
        expected = f"an address of {' or '.join(known)}: other accounts are not shown yet"
        raise InputError.of("", "ADDRESS", address, expected)
    url = at or venue.public_base
    try:
        markets = venue.wire.public_reader(url)
    except VenueDataError as error:
        raise InputError(f"--at: {error}") from None
    if not isinstance(markets, CandleReader):
        raise InputError(f"ADDRESS: {address}: candles of {venue.name} are not read yet")
    try:
        listed = await markets.markets(())
    except VenueDataError as error:
        raise InputError(f"{address} at {url}: {error}") from None
    # Real money is not at stake where there is nothing that could send an order.
    network = Network(name="read only", url=url, is_real=False)
    reader = venue.gateway.reader(network, address)
    stage = AddressStage(venue, listed, reader, markets, guard)
    await stage.begin()
    return stage
