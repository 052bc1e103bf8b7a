"""An account at prices of your choice, valued by the engine's own formulas.

The account is placed in an engine of its own, without makers and other accounts. A valuation
writes the prices into the engine's tables and asks for equity and maintenance margin of every
bucket; nothing is applied, so nothing is liquidated on the way, and prices may jump anywhere and
back. The mark is the price that is asked about (and under block rules the oracle price, the
only one there is). Open orders do not count: equity and maintenance margin know positions only.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seawall.domain.enums import MarginGrouping
from seawall.domain.errors import InputError
from seawall.domain.events import CROSS_POOL
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import MAX_NOTIONAL
from seawall.engine.account_view import Margins, account_margins
from seawall.engine.engine import Engine
from seawall.engine.formulas.continuous.liquidation_price import LARGEST_PRICE
from seawall.engine.layout import LayoutError, Limits
from seawall.engine.placement import Placement, PlacementError, marked_at_oracle, write_prices

if TYPE_CHECKING:
    from seawall.accounts.account import Account

START_MS = 1


def ratio_of(maintenance: int, equity: int) -> float:
    """Maintenance margin over equity: at 1 liquidation begins. Infinite without equity."""
    if maintenance <= 0:
        return 0.0
    return maintenance / equity if equity > 0 else float("inf")


class ValuationError(InputError):
    """An account or a price that no engine can hold; the message says what and why."""


class BucketValue(NamedTuple):
    """A cross pool (``CROSS_POOL`` that of group 0), or a market's bucket or child account.

    Micro-USD.
    """

    bucket: int
    equity: int
    maintenance_margin: int
    is_liquidatable: bool

    @property
    def ratio(self) -> float:
        """Maintenance margin over equity; liquidation begins above 1. Infinite without equity."""
        return ratio_of(self.maintenance_margin, self.equity)


class Valuation:
    """One account in a private engine. ``prices``: price units, in the order of the markets."""

    def __init__(
        self,
        plan: Holdings,
        rulebook: AnyRulebook,
        instruments: Sequence[Instrument],
        prices: Sequence[int],
    ) -> None:
        """Raises ValuationError for what no engine can hold."""
        self.plan = plan
        self.rulebook = rulebook
        self.instruments = tuple(instruments)
        self.prices = tuple(prices)
        self.in_blocks = isinstance(rulebook, BlockRulebook)
        limits = Limits(
            accounts=16 + len(plan.positions),
            positions=16 + 4 * len(plan.positions),
            orders=8,
            levels=64,
            nodes=64,
        )
        try:
            engine = Engine.create(marked_at_oracle(rulebook), list(instruments), limits)
        except LayoutError as error:
            raise ValuationError(f"the markets of the account: {error}") from None
        self.engine = engine
        placement = Placement(engine)
        units = np.asarray(self.prices, dtype=np.int64)
        try:
            # Prices, then money, then positions: it may be under maintenance from the start.
            placement.prices(START_MS, units, units)
            self.placed = placement.account(START_MS, plan)
        except PlacementError as error:
            raise ValuationError(str(error)) from None

    @property
    def buckets(self) -> Mapping[int, tuple[int, ...]]:
        """Markets with a position in each bucket; the cross pools come first and may hold none."""
        return self.placed.buckets

    @property
    def has_children(self) -> bool:
        """Whether isolated positions are in child accounts."""
        return bool(self.placed.children)

    @property
    def grouping(self) -> MarginGrouping:
        """Which markets of the account share a cross pool."""
        return self.plan.grouping

    def bucket_of(self, market: int) -> int:
        """The bucket that holds the position in a market."""
        return self.placed.bucket_of(market)

    def owner_of(self, bucket: int) -> int:
        """The account of the engine that holds a bucket: a child's, or the account's own."""
        return self.placed.owner_of(bucket)

    def at(self, prices: Sequence[int]) -> dict[int, BucketValue]:
        """Every bucket at these prices, the cross pools first.

        A price may be beyond what a command may set, as long as no notional passes
        ``MAX_NOTIONAL``: formulas are exact up to there.
        """
        write_prices(self.engine, prices)
        found = {}
        for bucket, risk in self.margins().items():
            needs = risk.maintenance_margin
            # Under block rules an account without a requirement is never liquidated.
            holds = bool(self.buckets[bucket]) and (needs > 0 or not self.in_blocks)
            is_under = holds and risk.equity < needs
            found[bucket] = BucketValue(bucket, risk.equity, needs, is_under)
        return found

    def margins(self) -> dict[int, Margins]:
        """Of every bucket at the prices of the last ``at``, the cross pools first."""
        shown = account_margins(self.engine, self.placed.account)
        found = {}
        for bucket in self.buckets:
            owner = self.owner_of(bucket)
            if owner == self.placed.account:
                found[bucket] = shown[bucket]
            else:
                found[bucket] = account_margins(self.engine, owner)[CROSS_POOL]
        return found

    def boundary(self, market: int) -> tuple[int, int] | None:
        """The last price at which a market's position stands and the first that liquidates it.

        Price units, coming from the safe side. None where no price does, or every price.
        """
        size = next(each.signed_size for each in self.plan.positions if each.market == market)
        most = min(
            LARGEST_PRICE * 10 ** self.instruments[market].price_decimals,
            MAX_NOTIONAL // abs(size),
        )
        safe, over = (most, 1) if size > 0 else (1, most)
        bucket, prices = self.bucket_of(market), list(self.prices)

        def is_over(price: int) -> bool:
            prices[market] = price
            return self.at(prices)[bucket].is_liquidatable

        return None if is_over(safe) or not is_over(over) else bisected(is_over, safe, over)


def valuation_of(account: "Account") -> Valuation:
    """The account at its own prices. Raises ValuationError naming its source."""
    try:
        return Valuation(account.holdings, account.rulebook, account.instruments, account.prices)
    except ValuationError as error:
        raise ValuationError(f"{account.source}: {error}") from None


def bisected(is_over: Callable[[int], bool], safe: int, over: int) -> tuple[int, int]:
    """Neighbouring numbers between these two: the last that is safe, the first that is not."""
    while abs(over - safe) > 1:
        middle = (safe + over) // 2
        safe, over = (safe, middle) if is_over(middle) else (middle, over)
    return safe, over
