"""One account along one price path, in whole micro-USD and plain Python: rules of stages.

Written from the rules, not from the kernel: a judge between the fast simulation and the machine.
Prices are in price units, sizes in size units; their product is micro-USD. It also says what the
book should show, so that the machine meets the same prices.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from seawall.domain.enums import DeleveragingPrice, LiquidationPriceLimit, MarginMode, Side
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook
from seawall.engine.formulas.continuous.liquidation_price import (
    maintenance_tiers,
    truncated_maintenance,
)
from seawall.lab.market.liquidity import Depth

POOL = -1
RATE = 10**9
FUNDING_RATE = 10**12
MICRO = 10**6


def toward_zero(value: int, divisor: int) -> int:
    return value // divisor if value >= 0 else -(-value // divisor)


def book_price(mark: int, size: int, depth: Depth, impact: float, *, is_sale: bool) -> int:
    """Price units at which an order fills: one level, rounded against the order."""
    usd = size * mark / MICRO
    away = depth.spread_bp * 1e-4 / 2 + impact * math.sqrt(usd / depth.usd_within_50bp)
    return math.floor(mark * (1 - away)) if is_sale else math.ceil(mark * (1 + away))


@dataclass
class Held:
    """A position. ``bucket``: its market, or the pool; ``cash`` only of a bucket of its own."""

    market: int
    size: int
    bucket: int
    cash: int


@dataclass
class Order:
    """What the book must show for one position: a level at ``price`` that takes ``size``."""

    market: int
    side: Side
    size: int
    price: int


@dataclass
class NaiveAccount:
    """``seen`` counts what happened, by name: that tests met it."""

    rulebook: Rulebook
    instruments: Sequence[Instrument]
    depths: Mapping[str, Depth]
    impact: float
    marks: list[int]
    pool: int
    held: list[Held]
    cooldown_until: int = 0
    first: dict[int, int] = field(default_factory=dict)
    touched: dict[int, int] = field(default_factory=dict)
    funding: int = 0
    cost: int = 0
    taken: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.tiers = [maintenance_tiers(each.tiers) for each in self.instruments]

    @classmethod
    def of(
        cls,
        plan: Holdings,
        rulebook: Rulebook,
        instruments: Sequence[Instrument],
        depths: Mapping[str, Depth],
        impact: float,
        marks: Sequence[int],
    ) -> "NaiveAccount":
        """The account as a plan says it, at these marks."""
        pool = plan.collateral
        held = []
        for each in plan.positions:
            entry = each.entry_notional if each.signed_size > 0 else -each.entry_notional
            if each.mode == MarginMode.ISOLATED:
                pool -= each.isolated_margin
                cash = each.isolated_margin - entry
                held.append(Held(each.market, each.signed_size, each.market, cash))
            else:
                pool -= entry
                held.append(Held(each.market, each.signed_size, POOL, 0))
        return cls(rulebook, instruments, depths, impact, list(marks), pool, held)

    # ---- risk

    def of_bucket(self, bucket: int) -> list[Held]:
        return [each for each in self.held if each.bucket == bucket and each.size]

    def equity(self, bucket: int) -> int:
        cash = self.pool if bucket == POOL else sum(e.cash for e in self.held if e.bucket == bucket)
        return cash + sum(e.size * self.marks[e.market] for e in self.of_bucket(bucket))

    def maintenance(self, bucket: int) -> int:
        return sum(
            truncated_maintenance(self.tiers[e.market], abs(e.size) * self.marks[e.market])
            for e in self.of_bucket(bucket)
        )

    def is_under(self, bucket: int) -> bool:
        return self.equity(bucket) < self.maintenance(bucket)

    def buckets(self) -> list[int]:
        own = [each.bucket for each in self.held if each.bucket != POOL]
        return [POOL, *own]

    # ---- a step

    def step(
        self, number: int, now_ms: int, marks: Sequence[int], hours: int, hourly_rate: int
    ) -> list[Order]:
        """Prices, funding, liquidations; the orders for which the book must be ready.

        ``hourly_rate``: 1e-12 of notional, paid by longs, for each of ``hours``.
        """
        before = self.marks
        self.marks = list(marks)
        self.act_orders(number, hours, hourly_rate)
        self._pay_funding(hours, hourly_rate)
        under = [b for b in self.buckets() if self.of_bucket(b) and self.is_under(b)]
        under.sort(key=lambda b: (self.equity(b) * RATE // max(1, self.maintenance(b)), b))
        orders: dict[int, Order] = {}
        for bucket in under:
            if self.is_under(bucket):
                self.first.setdefault(bucket, number)
                self.cancel_orders(bucket)
                for order in self._liquidate(bucket, number, now_ms, before):
                    orders[order.market] = order
        if under:
            # Whoever sends an order that is not expected here still finds a price for it.
            for each in self.held:
                if each.size and each.market not in orders:
                    orders[each.market] = self._order(each, self._size(each, now_ms))
        return list(orders.values())

    def act_orders(self, number: int, hours: int, hourly_rate: int) -> None:
        """What the account's own orders do at the new prices; it has none."""

    def cancel_orders(self, bucket: int) -> None:
        """As a bucket's liquidation begins."""

    def _pay_funding(self, hours: int, rate: int) -> None:
        for _ in range(hours):
            for each in self.held:
                paid = toward_zero(each.size * self.marks[each.market] * rate, FUNDING_RATE)
                self.funding += paid
                if each.bucket == POOL:
                    self.pool -= paid
                else:
                    each.cash -= paid

    def _liquidate(
        self, bucket: int, number: int, now_ms: int, before: Sequence[int]
    ) -> Iterator[Order]:
        policy = self.rulebook.liquidation
        line = (policy.backstop_numerator, policy.backstop_denominator)

        def is_below() -> bool:
            return self.equity(bucket) * line[1] < self.maintenance(bucket) * line[0]

        if self.equity(bucket) >= 0 and (policy.book_first_below_backstop or not is_below()):
            yield from self._meet_book(bucket, number, now_ms)
        if not self.is_under(bucket):
            return
        if self.equity(bucket) >= 0:
            if is_below():
                self.seen["taken over"] += 1
                self._leave(bucket, number)
        else:
            self.seen["closed against others"] += 1
            self._close_against_others(bucket, number, before)

    def _size(self, each: Held, now_ms: int) -> int:
        policy = self.rulebook.liquidation
        size = abs(each.size)
        if not self._is_large(each) or now_ms < self.cooldown_until:
            return size
        return max(1, size * policy.portion_rate // RATE)

    def _is_large(self, each: Held) -> bool:
        above = self.rulebook.liquidation.partial_above
        return 0 < above < abs(each.size) * self.marks[each.market]

    def _order(self, each: Held, size: int) -> Order:
        is_sale = each.size > 0
        name = self.instruments[each.market].name
        price = book_price(
            self.marks[each.market], size, self.depths[name], self.impact, is_sale=is_sale
        )
        return Order(each.market, Side.SELL if is_sale else Side.BUY, size, price)

    def _meet_book(self, bucket: int, number: int, now_ms: int) -> Iterator[Order]:
        """The largest first, each at most once, until the bucket is healthy."""
        positions = sorted(
            self.of_bucket(bucket), key=lambda e: -abs(e.size) * self.marks[e.market]
        )
        sizes = [self._size(each, now_ms) for each in positions]
        has_parted = False
        for each, size in zip(positions, sizes, strict=True):
            order = self._order(each, size)
            yield order
            is_part = size < abs(each.size)
            is_large = self._is_large(each)
            if self._fill(each, order):
                self.touched.setdefault(each.market, number)
                has_parted = has_parted or is_part
                self.seen["sold in part" if is_part else "sold whole"] += 1
                if is_large and not is_part:
                    self.seen["sold whole in the cooldown"] += 1
            else:
                self.seen["refused below zero"] += 1
            if not self.is_under(bucket):
                self.seen["healthy again"] += each.size != 0
                break
        if has_parted:
            self.cooldown_until = now_ms + self.rulebook.liquidation.cooldown_ms

    def _fill(self, each: Held, order: Order) -> bool:
        limit = self.rulebook.liquidation.price_limit
        must_pay = limit == LiquidationPriceLimit.BANKRUPTCY
        lost = self.close(each, order, self.rulebook.fee.tiers[0].taker_rate, must_pay)
        if lost is None:
            return False
        self.cost += lost
        return True

    def close(self, each: Held, order: Order, rate: int, must_pay: bool) -> int | None:
        """Fee and slippage of a fill that closes; None, and nothing done, if it may not."""
        fee = toward_zero(order.size * order.price * rate, RATE)
        sign = 1 if each.size > 0 else -1
        proceeds = sign * order.size * order.price
        slippage = sign * order.size * self.marks[each.market] - proceeds
        share = 0
        left = self.equity(POOL) - slippage - fee
        if each.bucket != POOL:
            share = toward_zero(each.cash * order.size, abs(each.size))
            left = share + proceeds - fee
        if must_pay and left < 0:
            return None
        each.cash -= share
        self.pool += share
        self.pool += proceeds - fee
        each.size -= sign * order.size
        return slippage + fee

    def _leave(self, bucket: int, number: int) -> None:
        """The backstop takes positions and cash."""
        self.taken += self.equity(bucket)
        for each in self.of_bucket(bucket):
            self.touched.setdefault(each.market, number)
            each.size = each.cash = 0
        if bucket == POOL:
            self.pool = 0

    def _close_against_others(self, bucket: int, number: int, before: Sequence[int]) -> None:
        total = self.equity(bucket) + (self.equity(POOL) if bucket != POOL else 0)
        prices = self.marks
        if self.rulebook.deleveraging.price == DeleveragingPrice.PREVIOUS_MARK:
            prices = list(before)
        positions = self.of_bucket(bucket)
        for each in sorted(positions, key=lambda e: -abs(e.size) * self.marks[e.market]):
            cash = self.pool if bucket == POOL else each.cash
            debt = -cash - sum(e.size * prices[e.market] for e in self.of_bucket(bucket))
            move = -(-debt // abs(each.size)) if debt > 0 else 0
            price = prices[each.market] + move if each.size > 0 else prices[each.market] - move
            price = max(1, price)
            value = each.size * price
            if bucket != POOL:
                value += max(each.cash, -value)
            self.pool += value
            each.size = each.cash = 0
            self.touched.setdefault(each.market, number)
        if not self.of_bucket(POOL):
            self.pool = max(0, self.pool)
        self.taken += total - self.equity(POOL)
