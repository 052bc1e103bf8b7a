"""The view of a running account: what a venue's reader knows, mirrored, with the age of each input.

The venue's margins and liquidation prices are of the marks at which it computed them. The mirror is
taken to those marks, and what differs there is carried to the marks now: prices that move between
two statements of the venue are no difference.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, account_of
from seawall.domain.instrument import Instrument
from seawall.domain.units import FUNDING_ONE
from seawall.guard.client_id import read_client_id
from seawall.guard.mirror import CROSS, MarketNow, Mirror, Observation
from seawall.guard.policy import WALLET
from seawall.guard.view import (
    BucketView,
    FundingPayment,
    Levels,
    Observed,
    OrderStatus,
    OrderView,
    PositionView,
    View,
)
from seawall.venues.gateway_port import (
    ACCOUNT,
    FUNDING,
    LEDGER,
    ORDERS,
    LiveOrder,
    VenueReader,
    VenueState,
    book_of,
    prices_of,
)
from seawall.venues.public_stream import Level
from seawall.venues.registry import gateway_of
from seawall.venues.rulebook_file import load_rulebook


class Difference(Struct, frozen=True):
    """By how much the venue's figures are above the mirror's, at the same marks; None: it says
    none. ``prices``: of liquidation, by market, in price units; from 0 where the mirror has
    none."""

    equity: dict[str, int]
    maintenance: dict[str, int]
    prices: dict[str, int]


class Observer:
    """Makes views of one account. ``venue``: its name; ``markets``: wanted beside those in which
    the account has something."""

    def __init__(self, venue: str, reader: VenueReader, markets: Sequence[str] = ()) -> None:
        self._venue, self._reader, self._markets = venue, reader, tuple(markets)
        self._bits = gateway_of(venue).client_id_bits
        self._mirror, self._venues_mirror = Mirror(), Mirror()
        # Read once: three quarters of the time of a look went into it.
        self._rulebook = load_rulebook(venue)
        self._raw: bytes | None = None
        self._account: Account | None = None
        self.difference = Difference({}, {}, {})
        """Of the account that was read last, at the venue's own marks."""

    def view(self, *, resets: Sequence[str] = (), overrides: Sequence[str] = ()) -> View | None:
        """The account as it is known now; None before it was read. Raises InputError for one that
        cannot be read or that no engine can hold."""
        state = self._reader.state()
        if state is None:
            return None
        account = self.account(state)
        observation = _observation(account, state, self._bits)
        seen = self._mirror.view(account, observation)
        return structs.replace(
            seen,
            buckets=tuple(_with_reported(each, self.difference) for each in seen.buckets),
            positions=tuple(_with_price(each, self.difference) for each in seen.positions),
            resets=tuple(resets),
            overrides=tuple(overrides),
        )

    def account(self, state: VenueState) -> Account:
        """The account of a state at the marks of that state. Raises InputError as ``view``."""
        if self._account is None or state.answers.account != self._raw:
            source = f"{self._reader.address} at {self._reader.url}"
            extra = _listed(state, self._markets)
            options = AccountOptions(rulebook=self._rulebook, extra_markets=extra)
            # Holdings as they are, at the venue's marks: positions are entered at these.
            account = account_of(self._venue, self._reader.address, source, state.answers, options)
            self.difference = self._compared(account, state)
            self._account, self._raw = account, state.answers.account
        prices = tuple(
            _mark(state, each, price)
            for each, price in zip(self._account.instruments, self._account.prices, strict=True)
        )
        return self._account.replace(prices=prices, reported=self._account.reported)

    def _compared(self, account: Account, state: VenueState) -> Difference:
        reported = state.reported
        marks = {
            each.name: reported.marks[each.name]
            for each in account.instruments
            if each.name in reported.marks
        }
        at_marks = account.with_prices({name: str(mark) for name, mark in marks.items()})
        mirrored = self._venues_mirror.view(at_marks, _observation(at_marks, state, self._bits))
        equity, maintenance = dict(reported.bucket_equity), {}
        for group, figure in reported.cross_maintenance.items():
            maintenance[f"{CROSS} {group}".strip()] = figure
        for group, figure in reported.cross_equity.items():
            equity[f"{CROSS} {group}".strip()] = figure
        prices = {}
        for each in mirrored.positions:
            theirs = reported.liquidation_prices.get(each.market)
            if theirs is not None:
                decimals = mirrored.market[each.market].price_decimals
                ours = each.liquidation_price or 0
                prices[each.market] = round(theirs.scaleb(decimals)) - ours
        known = mirrored.bucket
        return Difference(
            {name: equity[name] - known[name].equity for name in equity if name in known},
            {
                name: maintenance[name] - known[name].maintenance
                for name in maintenance
                if name in known
            },
            prices,
        )


def _listed(state: VenueState, markets: Sequence[str]) -> tuple[str, ...]:
    """Wanted markets, and those with an order, that the venue's own list holds; where there is
    none, the first of the list: an account without positions is to be seen too, and an engine has
    at least one market."""
    listed = [name for name in state.answers.prices if ":" not in name]
    names = dict.fromkeys([*markets, *(each.market for each in state.orders)])
    return tuple(name for name in names if name in listed) or tuple(listed[:1])


def _mark(state: VenueState, instrument: Instrument, known: int) -> int:
    """In price units: as the stream says, or as the account was read."""
    found = state.prices.get(instrument.name)
    if found is None:
        return known
    mark: int = round(found.mark * 10**instrument.price_decimals)
    return mark


def _with_reported(bucket: BucketView, difference: Difference) -> BucketView:
    equity = difference.equity.get(bucket.name)
    maintenance = difference.maintenance.get(bucket.name)
    return structs.replace(
        bucket,
        reported_equity=None if equity is None else bucket.equity + equity,
        reported_maintenance=None if maintenance is None else bucket.maintenance + maintenance,
    )


def _with_price(position: PositionView, difference: Difference) -> PositionView:
    more = difference.prices.get(position.market)
    if more is None:
        return position
    return structs.replace(position, reported_price=(position.liquidation_price or 0) + more)


def _observation(account: Account, state: VenueState, bits: int) -> Observation:
    instruments = {each.name: each for each in account.instruments}
    held = {account.instruments[each.market].name: each for each in account.positions}
    sizes = {name: abs(each.signed_size) for name, each in held.items()}
    return Observation(
        time_ms=state.time_ms,
        observed=_observed(state, tuple(held)),
        orders=tuple(
            _order(each, instruments[each.market], sizes.get(each.market, 0))
            for each in state.orders
            if each.market in instruments
        ),
        statuses=tuple(
            OrderStatus(
                client_id=each.client_id,
                state=each.state,
                asked_ms=each.asked_ms,
                answered_ms=each.answered_ms,
            )
            for each in state.endings
            if each.state != "open" and read_client_id(each.client_id) is not None
        ),
        markets={name: _market_now(each, state) for name, each in instruments.items()},
        net_deposits=state.net_deposits,
        funding_payments=tuple(
            FundingPayment(each.time_ms, each.market, each.amount)
            for each in state.funding_payments
        ),
        wallets={WALLET: state.wallet},
        client_id_bits=bits,
        entries=state.entries,
    )


def _observed(state: VenueState, held: Sequence[str]) -> Observed:
    """The age of the account, and of the oldest price of a market with a position."""

    def known(name: str) -> int | None:
        return state.inputs[name].known_ms if name in state.inputs else None

    prices = [known(prices_of(name)) for name in held] or [known(ACCOUNT)]
    oldest = None if None in prices else min(each for each in prices if each is not None)
    return Observed(
        account_ms=known(ACCOUNT),
        orders_ms=known(ORDERS),
        prices_ms=oldest,
        ledger_ms=known(LEDGER),
        funding_ms=known(FUNDING),
    )


def _order(order: LiveOrder, instrument: Instrument, position: int) -> OrderView:
    decimals = instrument.price_decimals
    trigger = order.trigger_price
    return OrderView(
        market=order.market,
        order_id=order.order_id,
        is_buy=order.is_buy,
        size=position if order.whole_position else _units(order.size, instrument.size_decimals),
        price=_units(order.price, decimals),
        client_id=order.client_id,
        trigger_price=0 if trigger is None else _units(trigger, decimals),
        take_profit=order.take_profit,
        reduce_only=order.reduce_only,
    )


def _units(value: Decimal, decimals: int) -> int:
    return round(value.scaleb(decimals))


def _market_now(instrument: Instrument, state: VenueState) -> MarketNow:
    name = instrument.name
    book, prices = state.books.get(name), state.prices.get(name)
    volume = state.volumes.get(name)
    input_of = state.inputs.get(book_of(name))
    rate = None if prices is None else prices.funding
    return MarketNow(
        bids=() if book is None else _levels(book.bids, instrument),
        asks=() if book is None else _levels(book.asks, instrument),
        book_ms=None if input_of is None else input_of.known_ms,
        volume=None if volume is None else round(volume * 10**instrument.size_decimals),
        funding_rate=None if rate is None else round(rate * FUNDING_ONE),
        next_funding_ms=None if rate is None else state.next_funding_ms,
    )


def _levels(levels: Sequence[Level], instrument: Instrument) -> Levels:
    price, size = 10**instrument.price_decimals, 10**instrument.size_decimals
    return tuple((round(at * price), round(amount * size)) for at, amount in levels)
