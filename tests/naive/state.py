"""What the naive twin remembers: plain objects, plain integers, nothing clever.

The twin follows ``docs/machine/machine.md`` section by section and shares only the vocabularies,
the rulebook and the instruments with the fast engine. It is slow on purpose.
"""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import trunc
from typing import NamedTuple

from seawall.domain.enums import (
    EventKind,
    MarginGrouping,
    MarginMode,
    MarketMargin,
    MarketStatus,
    OrderFlag,
    OrderState,
    Reason,
    Side,
)
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.rulebook import Rulebook

INSURANCE_FUND = 0
FEES = 1
BACKSTOP = 2
ROUNDING = 3
OUTSIDE = 4
FIRST_USER_ACCOUNT = 5
DAY_MS = 86_400_000


class Rejected(Exception):
    """The command is refused; nothing may have been written before this is raised."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


class Event(NamedTuple):
    """One thing that happened; only the fields that a comparison needs."""

    kind: EventKind
    reason: Reason = Reason.NO_REASON
    account: int = -1
    market: int = -1
    order_id: int = 0
    price: int = 0
    size: int = 0
    money: int = 0
    flags: int = 0


def divide(numerator: int, denominator: int) -> int:
    """The quotient truncated toward zero."""
    return trunc(Fraction(numerator, denominator))


def sign(number: int) -> int:
    return (number > 0) - (number < 0)


def direction(side: int) -> int:
    """+1 for a buy, -1 for a sell."""
    return 1 if side == Side.BUY else -1


@dataclass(eq=False)
class Order:
    order_id: int
    account: int
    market: int
    side: int
    price: int
    size: int
    remaining: int
    flags: int
    time_in_force: int
    trigger_price: int
    client_id: tuple[int, int]
    siblings: int = 0
    state: OrderState = OrderState.FREE
    filled: int = 0
    arrival: int = 0
    """When it entered the book or the waiting list: time priority."""
    parent: "Order | None" = None
    children: "list[Order]" = field(default_factory=list)
    end: Reason | None = None
    """Why it ended; NO_REASON: filled; None: still open."""

    def has(self, flag: OrderFlag) -> bool:
        return bool(self.flags & flag)


@dataclass
class Position:
    mode: int
    leverage: int
    schedule: int
    size: int = 0
    entry: int = 0
    """Signed entry notional."""
    isolated_cash: int = 0

    @property
    def isolated(self) -> bool:
        return self.mode == MarginMode.ISOLATED


@dataclass
class Account:
    number: int
    parent: int = -1
    grouping: int = MarginGrouping.SEPARATE
    cash: Counter[int] = field(default_factory=Counter)
    """By the margin group that it belongs to."""
    positions: dict[int, Position] = field(default_factory=dict)
    tier: int = 0
    taker_rate: int = 0
    maker_rate: int = 0
    staking_discount: int = 0
    referral_discount: int = 0
    day_taker_volume: int = 0
    day_maker_volume: int = 0
    days: list[tuple[int, int]] = field(default_factory=list)
    """Finished days, newest first: (taker volume, maker volume)."""
    total_volume: int = 0
    own_volume_today: int = 0
    scheduled_cancel: int = 0
    cancels_today: int = 0
    cooldown_until: int = 0
    last_parent: Order | None = None


@dataclass
class Market:
    number: int
    instrument: Instrument
    status: int = MarketStatus.OPEN
    open_interest_cap: int = 0
    oracle: int = 0
    mark: int = 0
    previous_mark: int = 0
    outside: int = 0
    last_trade: int = 0
    mark_updated: int | None = None
    premium_average: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0))
    mid_average: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0))
    premium_sum: int = 0
    premium_samples: int = 0
    last_premium: int = 0
    funding_rate: int = 0
    mark_hint: int | None = None
    premium_hint: int | None = None


class Group(NamedTuple):
    """Markets whose cross margin is measured together."""

    name: str
    collateral: str


class Bucket(NamedTuple):
    """What is liquidated as one: an isolated position, or the cross pool of a group (None)."""

    account: int
    market: int | None
    group: int

    @property
    def told_market(self) -> int:
        """The market that events of this bucket carry."""
        return -1 - self.group if self.market is None else self.market


@dataclass
class State:
    rules: Rulebook
    markets: list[Market]
    accounts: list[Account]
    schedules: list[tuple[MarginTier, ...]]
    groups: list[Group]
    """Of the margin; in the order in which the markets name them."""
    clock: int = 0
    sequence: int = 0
    parent_sequence: int = 0
    parent_account: int = -1
    """Of the last parent order, or of its latest child."""
    placed: int = 0
    arrivals: int = 0
    orders: dict[int, Order] = field(default_factory=dict)
    """Open orders: resting, waiting for a trigger, waiting for a parent's fill."""
    events: list[Event] = field(default_factory=list)
    money_outside: Counter[str] = field(default_factory=Counter)
    """Deposits less withdrawals by collateral."""
    day: int = 0
    next_sample: int = 0
    next_settlement: int = 0
    started: bool = False
    """Whether an ADVANCE_TIME has set the day and the funding clocks."""
    visits_left: int = 0
    """Maker orders that this command may still visit."""

    def emit(self, kind: EventKind, **fields: int | Reason) -> None:
        self.events.append(Event(kind, **fields))  # type: ignore[arg-type]

    def position(self, account: Account, market: int) -> Position:
        """The account's row in the market; an untouched one starts flat with the defaults."""
        if market not in account.positions:
            account.positions[market] = self.untouched_position(account, market)
        return account.positions[market]

    def look(self, account: Account, market: int) -> Position:
        """Like ``position`` without touching the row."""
        return account.positions.get(market) or self.untouched_position(account, market)

    def untouched_position(self, account: Account, market: int) -> Position:
        instrument = self.markets[market].instrument
        leverage = min(self.rules.margin.default_leverage, instrument.maximum_leverage)
        cross = instrument.margin == MarketMargin.ANY_MODE or account.number < FIRST_USER_ACCOUNT
        mode = MarginMode.CROSS if cross else MarginMode.ISOLATED
        schedule = self.schedules.index(instrument.tiers)
        return Position(mode=mode, leverage=leverage, schedule=schedule)

    def own_groups(self, account: Account) -> list[int]:
        """The margin groups that the account keeps apart: where it shares, one a collateral."""
        if account.grouping == MarginGrouping.SEPARATE:
            return list(range(len(self.groups)))
        return sorted({self.first_of(group.collateral) for group in self.groups})

    def first_of(self, collateral: str) -> int:
        """The first group of a collateral."""
        return [group.collateral for group in self.groups].index(collateral)

    def shared(self, group: int) -> int:
        """The first group of the same collateral."""
        return self.first_of(self.groups[group].collateral)

    def group(self, account: Account, market: int) -> int:
        """Where the account measures the margin of a market and has the cash for it."""
        name = self.markets[market].instrument.group
        number = [group.name for group in self.groups].index(name)
        return number if number in self.own_groups(account) else self.shared(number)

    def open_orders(self, account: int, market: int | None = None) -> list[Order]:
        """In the order of their ids."""
        return [
            order
            for order in self.orders.values()
            if order.account == account and (market is None or order.market == market)
        ]

    def open_interest(self, market: int) -> int:
        sizes = [a.positions[market].size for a in self.accounts if market in a.positions]
        return sum(size for size in sizes if size > 0)
