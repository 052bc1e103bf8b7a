"""The view: what is known of an account and its markets at one moment, and how old it is.

``decide`` reads nothing else: no clock, no venue, no file. Sizes and prices are in the units of
their markets (``domain/instrument.py``), money is micro-USD, shares parts per million. What is not
known is None, never a neutral number. ``mirror.py`` builds one from an account; the lab and the
live guard build the same.
"""

from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct

from seawall.domain.units import FUNDING_ONE, MONEY_DECIMALS, PPM

Levels = tuple[tuple[int, int], ...]
"""(price, size) of a side of a book, best first."""
FAR = 100 * PPM
"""The distance to liquidation of what no price liquidates."""
NO_EQUITY = 10**15
"""The margin ratio of a bucket without equity."""


class MarketView(Struct, frozen=True, kw_only=True):
    """One market. ``size_step``: sizes of orders are multiples of it. ``volume``: sizes traded
    since any fixed moment, for what trades in between.

    ``funding_rate``: what longs pay at the next settlement as forecast now, 1e-12 of notional.
    """

    name: str
    mark: int
    size_decimals: int
    size_step: int = 1
    bids: Levels = ()
    asks: Levels = ()
    book_ms: int | None = None
    volume: int | None = None
    funding_rate: int | None = None
    next_funding_ms: int | None = None

    @property
    def price_decimals(self) -> int:
        return MONEY_DECIMALS - self.size_decimals

    def whole_steps(self, size: int) -> int:
        """The least size of an order that is no smaller."""
        return -(-size // self.size_step) * self.size_step

    def exit_side(self, signed_size: int) -> Levels:
        """The side of the book that takes a position of this sign."""
        return self.bids if signed_size > 0 else self.asks

    def funding_payment(self, signed_size: int) -> int | None:
        """What a position pays at the next settlement, negative where it receives."""
        if self.funding_rate is None:
            return None
        return signed_size * self.mark * self.funding_rate // FUNDING_ONE


class PositionView(Struct, frozen=True, kw_only=True):
    """One position. ``liquidation_price``: of the mirror, rounded towards the mark; None where no
    price liquidates it. ``reported_price``: the venue's own. ``rate``: of maintenance margin at
    its notional, ppm.
    """

    market: str
    bucket: str
    signed_size: int
    entry_notional: int
    rate: int
    liquidation_price: int | None = None
    reported_price: int | None = None

    @property
    def size(self) -> int:
        return abs(self.signed_size)

    @property
    def sign(self) -> int:
        return 1 if self.signed_size > 0 else -1


class BucketView(Struct, frozen=True, kw_only=True):
    """A cross pool or an isolated position's bucket, as the mirror has it.

    ``cash``: raw balance. ``free``: what may leave it; None where that is not known. ``pool``: the
    cross pool that an isolated position is topped up from.
    ``reported_equity``, ``reported_maintenance``: the venue's own figures.
    """

    name: str
    is_isolated: bool
    equity: int
    maintenance: int
    cash: int
    free: int | None = None
    pool: str = ""
    reported_equity: int | None = None
    reported_maintenance: int | None = None

    @property
    def ratio(self) -> int:
        """Maintenance margin over equity, ppm, rounded up; liquidation begins above 1,000,000."""
        if self.maintenance <= 0:
            return 0
        if self.equity <= 0:
            return NO_EQUITY
        return min(NO_EQUITY, -(-PPM * self.maintenance // self.equity))


class OrderView(Struct, frozen=True, kw_only=True):
    """An open order, placed by any program or by hand. ``size``: what is left."""

    market: str
    order_id: int
    is_buy: bool
    size: int
    price: int
    client_id: str = ""
    trigger_price: int = 0
    take_profit: bool = False
    reduce_only: bool = False


class OrderStatus(Struct, frozen=True, kw_only=True):
    """What the venue says of an order that is not open: ``filled``, ``cancelled``, ``rejected``, or
    ``unknown`` where it has never had one of this client id.

    By the host's clock: ``asked_ms``, when it was asked for (or came unasked), and ``answered_ms``.
    """

    client_id: str
    state: str
    asked_ms: int
    answered_ms: int


class FundingPayment(Struct, frozen=True):
    """``amount``: micro-USD that the account paid, negative where it received."""

    time_ms: int
    market: str
    amount: int


class Observed(Struct, frozen=True, kw_only=True):
    """How old each input is: when it was asked for by the host's clock, ms; None for one that is
    missing. Earlier where the answer itself says that it is older."""

    account_ms: int | None
    orders_ms: int | None
    prices_ms: int | None
    ledger_ms: int | None = None
    funding_ms: int | None = None

    @property
    def profit_ms(self) -> int:
        """The older of account and ledger, of which profit is the difference; 0 where one is
        missing."""
        return min(self.account_ms or 0, self.ledger_ms or 0)


class View(Struct, frozen=True, kw_only=True, dict=True):
    """An account and its markets at ``time_ms``, by the clock of the host.

    ``equity``: of all pools and buckets. ``net_deposits``: deposits less withdrawals since any
    fixed moment. ``wallets``: what other sources can give. ``statuses``: of orders that have ended
    or were asked for. ``resets``: names that a person resets now. ``overrides``: those of the
    command line of this run.
    """

    time_ms: int
    observed: Observed
    equity: int
    net_deposits: int | None
    markets: tuple[MarketView, ...]
    buckets: tuple[BucketView, ...]
    positions: tuple[PositionView, ...] = ()
    orders: tuple[OrderView, ...] = ()
    statuses: tuple[OrderStatus, ...] = ()
    funding_payments: tuple[FundingPayment, ...] = ()
    wallets: Mapping[str, int] = {}
    resets: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    client_id_bits: int = 128
    """Of the client order ids of the venue."""

    @cached_property
    def market(self) -> dict[str, MarketView]:
        """The markets by name."""
        return {each.name: each for each in self.markets}

    @cached_property
    def position(self) -> dict[str, PositionView]:
        """The positions by market."""
        return {each.market: each for each in self.positions if each.signed_size}

    @cached_property
    def bucket(self) -> dict[str, BucketView]:
        """The pools and buckets by name."""
        return {each.name: each for each in self.buckets}

    @cached_property
    def positions_of(self) -> dict[str, list[PositionView]]:
        """The positions of each bucket."""
        found: dict[str, list[PositionView]] = {each.name: [] for each in self.buckets}
        for each in self.positions:
            if each.signed_size:
                found[each.bucket].append(each)
        return found

    @cached_property
    def open_ids(self) -> dict[str, OrderView]:
        """The open orders with a client id, by it."""
        return {each.client_id: each for each in self.orders if each.client_id}

    @cached_property
    def status(self) -> dict[str, OrderStatus]:
        """What the venue says of orders that are not open, by client id."""
        return {each.client_id: each for each in self.statuses}

    def notional(self, position: PositionView) -> int:
        """Micro-USD at mark, without a sign."""
        return position.size * self.market[position.market].mark

    def distance(self, position: PositionView) -> int:
        """From the mark to the liquidation price, ppm of the mark; 0 where it is passed."""
        if position.liquidation_price is None:
            return FAR
        mark = self.market[position.market].mark
        return max(0, PPM * position.sign * (mark - position.liquidation_price) // mark)

    def bucket_distance(self, name: str) -> int:
        """The least distance of a bucket's positions, each moving alone."""
        return min((self.distance(each) for each in self.positions_of[name]), default=FAR)

    @property
    def profit(self) -> int | None:
        """Equity less net deposits, which no cash flow moves; None where those are not known."""
        return None if self.net_deposits is None else self.equity - self.net_deposits

    @cached_property
    def gross_notional(self) -> int:
        """Of all positions, micro-USD."""
        return sum(self.notional(each) for each in self.position.values())
