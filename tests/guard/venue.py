"""A small venue for tests of decisions: one account, marks that the test sets, orders that fill.

Margin is one rate of notional in every market, a cross pool and isolated buckets. It applies the
guard's actions as a venue would and refuses what would not reduce. Everything is in whole units:
sizes and prices have the decimals of the market, money is micro-USD.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seawall.domain.units import PPM
from seawall.guard.actions import (
    Action,
    AddMargin,
    Alert,
    CancelOrder,
    PlaceOrder,
    QueryOrder,
)
from seawall.guard.decide import decide
from seawall.guard.memory import Memory
from seawall.guard.policy import Policy
from seawall.guard.policy_file import parse_policy
from seawall.guard.view import (
    BucketView,
    FundingPayment,
    MarketView,
    Observed,
    OrderStatus,
    OrderView,
    PositionView,
    View,
)

RATE = PPM // 40
"""Maintenance margin of every market."""
SIZE_DECIMALS = 3
CROSS = "cross"
USD = 1_000_000
START_MS = 1_764_547_200_000


def usd(amount: float) -> int:
    return round(amount * USD)


def coins(amount: float) -> int:
    return round(amount * 10**SIZE_DECIMALS)


def price(amount: float) -> int:
    return round(amount * 10 ** (6 - SIZE_DECIMALS))


@dataclass
class Held:
    signed_size: int
    entry_notional: int
    bucket: str = CROSS


@dataclass
class Resting:
    market: str
    order_id: int
    is_buy: bool
    size: int
    price: int
    client_id: str = ""
    trigger_price: int = 0
    take_profit: bool = False
    reduce_only: bool = True


@dataclass
class Venue:
    """The venue and its account; what a test changes between two looks is in its fields.

    ``takes``: whether orders arrive; ``fills``: the share of an order that fills at once, ppm;
    ``slip``: how much worse than the mark, ppm. ``confirms``: whether ended orders are shown;
    ``answers``: whether questions about them are answered.
    """

    marks: dict[str, int]
    cash: dict[str, int]
    held: dict[str, Held] = field(default_factory=dict)
    time_ms: int = START_MS
    takes: bool = True
    refuses: set[str] = field(default_factory=set)
    fills: int = PPM
    fires: bool = True
    slip: int = 0
    confirms: bool = True
    answers: bool = True
    adds_margin: bool = True
    orders: list[Resting] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    truth: dict[str, str] = field(default_factory=dict)
    wallets: dict[str, int] = field(default_factory=dict)
    net_deposits: int | None = 0
    funding: dict[str, tuple[int, int]] = field(default_factory=dict)
    payments: list[FundingPayment] = field(default_factory=list)
    depth: Mapping[str, int] = field(default_factory=dict)
    volume: dict[str, int] = field(default_factory=dict)
    ages: dict[str, int | None] = field(default_factory=dict)
    reported: dict[str, int] = field(default_factory=dict)
    placed: list[PlaceOrder] = field(default_factory=list)
    next_id: int = 1

    def open(self, market: str, size: float, at: float | None = None, bucket: str = CROSS) -> None:
        """A position at its entry, the mark where none is given, or more of one."""
        entry = self.marks[market] if at is None else price(at)
        units = coins(size)
        self.cash[bucket] = self.cash.get(bucket, 0) - units * entry
        held = self.held.setdefault(market, Held(0, 0, bucket))
        held.signed_size += units
        held.entry_notional += abs(units) * entry

    def entry_order(self, market: str, is_buy: bool, size: float, at: float) -> Resting:
        """An order of a person or another bot, that may increase a position."""
        order = Resting(market, self._new_id(), is_buy, coins(size), price(at), reduce_only=False)
        self.orders.append(order)
        return order

    def _new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    # What the guard sees

    def equity(self, bucket: str) -> int:
        of = [m for m, each in self.held.items() if each.bucket == bucket]
        return self.cash[bucket] + sum(self.held[m].signed_size * self.marks[m] for m in of)

    def maintenance(self, bucket: str) -> int:
        of = [m for m, each in self.held.items() if each.bucket == bucket]
        return sum(abs(self.held[m].signed_size) * self.marks[m] for m in of) * RATE // PPM

    def liquidation_price(self, market: str) -> int | None:
        held = self.held[market]
        sign = 1 if held.signed_size > 0 else -1
        size, mark = abs(held.signed_size), self.marks[market]
        missing = self.equity(held.bucket) - self.maintenance(held.bucket)
        # size x |move| x (1 -+ rate) = what is left; rounded towards the mark.
        move = missing * PPM // (size * (PPM - sign * RATE))
        found = mark - sign * move
        return found if found > 0 else None

    def view(self, **more: Any) -> View:
        seen = {
            name: None if self.ages.get(name, 0) is None else self.time_ms - self.ages.get(name, 0)
            for name in ("account", "orders", "prices", "ledger", "funding")
        }
        return View(
            time_ms=self.time_ms,
            observed=Observed(**{f"{name}_ms": at for name, at in seen.items()}),
            equity=sum(self.equity(each) for each in self.cash),
            net_deposits=self.net_deposits,
            markets=tuple(self._market(each) for each in self.marks),
            buckets=tuple(
                BucketView(
                    name=each,
                    is_isolated=each != CROSS,
                    equity=self.equity(each),
                    maintenance=self.maintenance(each),
                    cash=self.cash[each],
                    pool=CROSS if each != CROSS else "",
                    free=max(0, self.equity(each) - 2 * self.maintenance(each)),
                    reported_maintenance=self.reported.get(each),
                )
                for each in self.cash
            ),
            positions=tuple(
                PositionView(
                    market=name,
                    bucket=each.bucket,
                    signed_size=each.signed_size,
                    entry_notional=each.entry_notional,
                    rate=RATE,
                    liquidation_price=self.liquidation_price(name),
                )
                for name, each in self.held.items()
            ),
            orders=tuple(
                OrderView(
                    market=each.market,
                    order_id=each.order_id,
                    is_buy=each.is_buy,
                    size=each.size,
                    price=each.price,
                    client_id=each.client_id,
                    trigger_price=each.trigger_price,
                    take_profit=each.take_profit,
                    reduce_only=each.reduce_only,
                )
                for each in self.orders
            ),
            statuses=tuple(
                OrderStatus(
                    client_id=name, state=state, asked_ms=self.time_ms, answered_ms=self.time_ms
                )
                for name, state in self.statuses.items()
            ),
            funding_payments=tuple(self.payments),
            wallets=dict(self.wallets),
            **more,
        )

    def _market(self, name: str) -> MarketView:
        mark = self.marks[name]
        depth = self.depth.get(name, 0)
        levels = range(1, 6) if depth else ()
        rate, at = self.funding.get(name, (None, None))
        return MarketView(
            name=name,
            mark=mark,
            size_decimals=SIZE_DECIMALS,
            bids=tuple((mark - n * mark // 1000, depth) for n in levels),
            asks=tuple((mark + n * mark // 1000, depth) for n in levels),
            book_ms=self.time_ms if depth else None,
            volume=self.volume.get(name),
            funding_rate=rate,
            next_funding_ms=at,
        )

    # What happens to what the guard does

    def apply(self, actions: Iterable[Action]) -> None:
        for each in actions:
            if isinstance(each, PlaceOrder):
                self.placed.append(each)
                self._place(each)
            elif isinstance(each, CancelOrder):
                self._cancel(each)
            elif isinstance(each, QueryOrder):
                if self.answers:
                    self.statuses[each.client_id] = self.truth.get(each.client_id, "unknown")
            elif isinstance(each, AddMargin) and self.adds_margin:
                self.cash[each.bucket] += each.amount
                if each.source == "pool":
                    self.cash[CROSS] -= each.amount
                else:
                    self.wallets[each.source] -= each.amount

    def _place(self, order: PlaceOrder) -> None:
        if not self.takes:
            return
        if order.step in self.refuses:
            self.statuses[order.client_id] = "rejected"
            return
        assert self.statuses.get(order.client_id) in (None, "unknown"), "an id was used twice"
        assert order.client_id not in {each.client_id for each in self.orders}
        self.statuses.pop(order.client_id, None)
        made = Resting(
            order.market, self._new_id(), order.is_buy, order.size, order.price, order.client_id,
            order.trigger_price, order.take_profit,
        )  # fmt: skip
        if order.kind == "immediate":
            # Rounded up: where anything fills, the last unit does.
            filled = self._reduce(made, -(-made.size * self.fills // PPM))
            state = "filled" if filled == made.size else "cancelled"
            self.truth[order.client_id] = state
            if self.confirms:
                self.statuses[order.client_id] = state
        else:
            self.orders.append(made)

    def _cancel(self, action: CancelOrder) -> None:
        for each in list(self.orders):
            if each.order_id == action.order_id:
                self.orders.remove(each)
                if each.client_id:
                    self.statuses[each.client_id] = "cancelled"

    def _reduce(self, order: Resting, size: int) -> int:
        """What a reduce-only order fills at the mark, slippage deducted."""
        held = self.held.get(order.market)
        if held is None or order.is_buy == (held.signed_size > 0):
            return 0
        sign = 1 if order.is_buy else -1
        at = self.marks[order.market] * (PPM + sign * self.slip) // PPM
        if sign * (at - order.price) > 0:
            return 0
        size = min(size, abs(held.signed_size))
        self.cash[held.bucket] -= sign * size * at
        whole = abs(held.signed_size)
        held.entry_notional -= held.entry_notional * size // whole
        held.signed_size += sign * size
        self.volume[order.market] = self.volume.get(order.market, 0) + size
        if not held.signed_size:
            del self.held[order.market]
        return size

    def move(self, passed_ms: int, **marks: float) -> None:
        """Some time later, at other marks; triggers fire."""
        self.time_ms += passed_ms
        for name, at in marks.items():
            self.marks[name] = price(at)
        for each in list(self.orders):
            mark = self.marks[each.market]
            fires_below = each.is_buy == each.take_profit
            hit = each.trigger_price and (
                mark <= each.trigger_price if fires_below else mark >= each.trigger_price
            )
            if hit and self.fires and each.reduce_only:
                each.price = 1 if not each.is_buy else 2**60
                self._reduce(each, each.size)
                self.orders.remove(each)
                if each.client_id:
                    self.statuses[each.client_id] = "filled"


@dataclass
class Guarded:
    """A venue and the guard of its account, who look at each other in turns."""

    venue: Venue
    policy: Policy
    memory: Memory = field(default_factory=Memory)
    log: list[tuple[int, Action]] = field(default_factory=list)

    @property
    def said(self) -> list[str]:
        """All that was said."""
        return alerts(each for _, each in self.log)

    def look(self, times: int = 1, passed_ms: int = 1000, **more: Any) -> list[Action]:
        """The actions of some looks, which the venue has applied; time passes after each."""
        found: list[Action] = []
        for _ in range(times):
            found += self.shown(self.venue.view(**more), passed_ms)
            more = {}
        return found

    def shown(self, view: View, passed_ms: int = 1000) -> list[Action]:
        """The same of one look, at a view that the venue need not have given."""
        self.memory, actions = decide(self.policy, self.memory, view)
        self.venue.apply(actions)
        self.log += [(self.venue.time_ms, each) for each in actions]
        self.venue.move(passed_ms)
        return list(actions)

    def go(self, market: str, path: Sequence[float], passed_ms: int = 1000) -> list[Action]:
        """The actions along marks of a market."""
        found: list[Action] = []
        for at in path:
            self.venue.marks[market] = price(at)
            found += self.look(passed_ms=passed_ms)
        return found

    def position(self, market: str) -> int:
        held = self.venue.held.get(market)
        return 0 if held is None else held.signed_size


def orders(actions: Iterable[Action]) -> list[PlaceOrder]:
    return [each for each in actions if isinstance(each, PlaceOrder)]


def exits(actions: Iterable[Action]) -> list[PlaceOrder]:
    """The orders that do not wait for a trigger."""
    return [each for each in orders(actions) if each.kind != "trigger"]


def alerts(actions: Iterable[Action]) -> list[str]:
    return [each.text for each in actions if isinstance(each, Alert)]


def policy(text: str = "", risk_capital: int = 10_000) -> Policy:
    """A policy of a text; name and risk capital are there."""
    head = "" if "[account]" in text else f"[account]\nrisk_capital = {risk_capital}\n"
    return parse_policy(f'name = "test"\n{head}{text}')


def account(
    mark: float = 1000.0, size: float = 10.0, cash: float = 2000.0, bucket: str = CROSS
) -> Venue:
    """One position in BTC with so much equity behind it."""
    venue = Venue({"BTC": price(mark)}, {CROSS: usd(cash)})
    if bucket != CROSS:
        venue.cash[bucket] = usd(cash)
    venue.open("BTC", size, bucket=bucket)
    return venue
