"""What the naive twin of the rules of blocks remembers: plain objects, plain numbers.

It shares only the vocabularies, the rulebook and the instruments with the fast engine, and is
written from the venue's rules. It is slow on purpose: nothing is kept that can be counted again.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from seawall.domain.enums import EventKind, MarketStatus, OrderState, Reason, Side, TimeInForce
from seawall.domain.instrument import BlockTerms, Instrument
from seawall.domain.rulebook import BlockRulebook

INSURANCE_FUND = 0
FEES = 1
BACKSTOP = 2
ROUNDING = 3
OUTSIDE = 4
FIRST_USER = 5
CROSS_POOL = -1
PPM = 1_000_000
NEVER = 2**62

# Kinds of orders, as the engine's tables number them.
SHORT_TERM, LONG_TERM, CONDITIONAL, TWAP_PARENT, TWAP_LEG = range(5)


class Rejected(Exception):
    """The command is refused; nothing may have been written before this is raised."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


class Event(NamedTuple):
    """One thing that happened, with the columns that a comparison needs."""

    kind: EventKind
    reason: Reason = Reason.NO_REASON
    account: int = -1
    market: int = -1
    order_id: int = 0
    price: int = 0
    size: int = 0
    money: int = 0
    flags: int = 0
    profit: int = 0
    position: int = 0
    counterparty: int = -1


@dataclass
class Position:
    """A position that is open; a flat one has no object."""

    size: int
    entry: int
    index: int
    """The funding index up to which it is settled."""


@dataclass
class Account:
    number: int
    parent: int = -1
    cash: int = 0
    positions: dict[int, Position] = field(default_factory=dict)
    fractions: dict[int, int] = field(default_factory=dict)
    """The account's own initial margin fractions by market, ppm."""
    leverage: dict[int, int] = field(default_factory=dict)
    staked: int = 0
    referred: int = 0
    vault: int = 0
    taker_ppm: int = 0
    maker_ppm: int = 0
    used_block: int = 0
    used_notional: int = 0
    used_insurance: int = 0
    """What liquidations took from the limits of the block ``used_block``."""
    liquidated: dict[int, int] = field(default_factory=dict)
    """The block of the last liquidation order, by market."""

    @property
    def is_system(self) -> bool:
        return self.number < FIRST_USER

    def size(self, market: int) -> int:
        return self.positions[market].size if market in self.positions else 0


@dataclass(eq=False)
class Order:
    order_id: int
    account: int
    market: int
    kind: int
    side: int
    price: int
    size: int
    remaining: int
    flags: int
    time_in_force: int
    client: tuple[int, int]
    good_til: int
    trigger: int = 0
    state: OrderState = OrderState.FREE
    arrival: int = 0
    """When it joined the book, the queue, the triggers: time priority."""
    cancel_pending: bool = False
    parent_id: int = 0
    interval: int = 0
    tolerance: int = 0
    due: int = 0
    legs_left: int = 0
    legs: int = 0

    @property
    def direction(self) -> int:
        return 1 if self.side == Side.BUY else -1

    @property
    def post_only(self) -> bool:
        return self.time_in_force == TimeInForce.POST_ONLY


@dataclass
class Memory:
    """What is remembered of a client id of short-term orders."""

    filled: int = 0
    filled_until: int = 0
    cancelled_until: int = 0


@dataclass
class Market:
    number: int
    instrument: Instrument
    status: int = MarketStatus.OPEN
    oracle: int = 0
    pending: int = 0
    index: int = 0
    pool: int = 0
    insurance: int = 0
    gated: int = 0
    trades: list[int] = field(default_factory=list)
    """Prices of this block's trades."""
    charge: tuple[int, int, int] = (PPM, 0, 0)
    """Share of fees that is charged, ppm, in [from, until)."""
    votes: list[int] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)

    @property
    def terms(self) -> BlockTerms:
        assert self.instrument.block_terms is not None
        return self.instrument.block_terms


class Volume(NamedTuple):
    """One side of one fill; ``root``: the account that all children belong to."""

    day: int
    account: int
    root: int
    is_taker: bool
    amount: int


@dataclass
class State:
    rules: BlockRulebook
    markets: list[Market]
    accounts: list[Account] = field(default_factory=list)
    orders: dict[int, Order] = field(default_factory=dict)
    """Every open order, in the order of placement."""
    memories: dict[tuple[int, int, int], Memory] = field(default_factory=dict)
    clock: int = 0
    height: int = 0
    last_block: int = 0
    next_block: int = 0
    cross_pool: int = 0
    cross_gated: int = 0
    money_outside: int = 0
    arrivals: int = 0
    placed: int = 0
    vote_rounds: int = 0
    sample_rounds: int = 0
    next_sample: int = 0
    next_tick: int = 0
    next_evaluation: int = 0
    day: int = 0
    volumes: list[Volume] = field(default_factory=list)
    gathered: int = 0
    """So many of the volumes count for every account of their root."""
    venue_volume: int = 0
    """Of the fee window, as of the last evaluation."""
    events: list[Event] = field(default_factory=list)

    def emit(self, kind: EventKind, **columns: int | Reason) -> None:
        self.events.append(Event(kind, **columns))  # type: ignore[arg-type]

    def next_arrival(self) -> int:
        self.arrivals += 1
        return self.arrivals

    def open_interest(self, market: int) -> int:
        return sum(max(0, account.size(market)) for account in self.accounts)

    def own_market(self, account: Account) -> int:
        """The market with its own pool that the account holds, or ``CROSS_POOL``."""
        for market in account.positions:
            if self.markets[market].terms.own_pool:
                return market
        return CROSS_POOL

    def pool(self, market: int) -> int:
        return self.cross_pool if market == CROSS_POOL else self.markets[market].pool

    def add_to_pool(self, market: int, amount: int) -> None:
        if market == CROSS_POOL:
            self.cross_pool += amount
        else:
            self.markets[market].pool += amount

    def pool_of_trades(self, market: int) -> int:
        """The pool in which trades of a market are settled."""
        return market if self.markets[market].terms.own_pool else CROSS_POOL

    def fund(self, market: int) -> int:
        """The insurance fund that stands behind a market."""
        row = self.markets[market]
        return row.insurance if row.terms.own_pool else self.accounts[INSURANCE_FUND].cash

    def add_to_fund(self, market: int, amount: int) -> None:
        row = self.markets[market]
        if row.terms.own_pool:
            row.insurance += amount
        else:
            self.accounts[INSURANCE_FUND].cash += amount

    def book(self, market: int, side: int) -> list[Order]:
        """Resting orders of a side, best first, then oldest first."""
        resting = [
            order
            for order in self.orders.values()
            if order.market == market and order.side == side and order.state == OrderState.RESTING
        ]
        return sorted(resting, key=lambda o: (-o.direction * o.price, o.arrival))

    def with_client(self, account: int, client: tuple[int, int]) -> Order | None:
        if client == (0, 0):
            return None
        for order in self.orders.values():
            if order.account == account and order.client == client:
                return order
        return None

    def memory(self, account: int, client: tuple[int, int]) -> Memory:
        """What is remembered of the id; a fresh object where nothing is."""
        return self.memories.get((account, *client), Memory())

    def kept_memory(self, account: int, client: tuple[int, int]) -> Memory | None:
        if client == (0, 0):
            return None
        return self.memories.setdefault((account, *client), Memory())

    @property
    def next_height(self) -> int:
        return self.height + 1
