"""An account at prices of your choice, valued by the machine's own formulas.

The account is put into a machine of its own, without makers and without neighbours. A valuation
writes the prices into the machine's tables and asks for equity and maintenance margin of every
bucket; nothing is applied, so nothing is liquidated on the way, and prices may jump anywhere and
back. The mark is the price that is asked about (and under rules of blocks the oracle price, the
only one there is). Open orders do not count: equity and maintenance margin know positions only.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from seawall.accounts.holdings import adoption
from seawall.domain.commands import (
    NO_ACCOUNT,
    AdvanceTime,
    Command,
    CreateAccount,
    Deposit,
    SetOraclePrice,
)
from seawall.domain.enums import MarginMode, MarkMethod
from seawall.domain.errors import InputError
from seawall.domain.events import CROSS_POOL, AccountCreated, CommandRejected
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import MAX_PRICE, UnitError, to_units
from seawall.engine.account_view import account_margins
from seawall.engine.engine import Engine
from seawall.engine.layout import LayoutError, Limits
from seawall.lab.simulation.incidents import ratio_of

START_MS = 1


class ValuationError(InputError):
    """An account or a price that no machine can hold; the message says what and why."""


class BucketValue(NamedTuple):
    """The cross pool (``CROSS_POOL``), or the bucket or child account of a market. Micro-USD."""

    bucket: int
    equity: int
    maintenance_margin: int
    is_liquidatable: bool

    @property
    def ratio(self) -> float:
        """Maintenance margin over equity; liquidation begins above 1. Infinite without equity."""
        return ratio_of(self.maintenance_margin, self.equity)


class Valuation:
    """One account in a private machine. ``prices``: price units, in the order of the markets."""

    def __init__(
        self,
        plan: Holdings,
        rulebook: AnyRulebook,
        instruments: Sequence[Instrument],
        prices: Sequence[int],
    ) -> None:
        """Raises ValuationError for what no machine can hold."""
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
        self._accounts: dict[int, int] = {}
        self._members: dict[int, tuple[int, ...]] = {}
        self._settle_in()

    def _settle_in(self) -> None:
        """Prices, then money, then positions: an account may be under water from the start."""
        self._send(AdvanceTime(time_ms=START_MS), "the clock")
        for market, price in enumerate(self.prices):
            what = f"the price of {self.instruments[market].name}"
            self._send(SetOraclePrice(START_MS, market, price, price), what)
        plan = self.plan
        apart = sum(each.isolated_margin for each in plan.positions) if self.in_blocks else 0
        own = self._open_account(plan.collateral - apart, NO_ACCOUNT)
        self._accounts[CROSS_POOL] = own
        for position in plan.positions:
            name = f"the position in {self.instruments[position.market].name}"
            if not self.in_blocks or position.mode != MarginMode.ISOLATED:
                self._send(adoption(START_MS, own, position), name)
                continue
            child = self._open_account(position.isolated_margin, own)
            bare = structs.replace(position, mode=MarginMode.CROSS, isolated_margin=0)
            self._send(adoption(START_MS, child, bare), name)
            self._accounts[position.market] = child
        isolated = [each.market for each in plan.positions if each.mode == MarginMode.ISOLATED]
        pooled = tuple(each.market for each in plan.positions if each.market not in isolated)
        self._members = {CROSS_POOL: pooled} | {market: (market,) for market in isolated}

    @property
    def buckets(self) -> Mapping[int, tuple[int, ...]]:
        """Markets with a position in each bucket; the cross pool comes first and may hold none."""
        return self._members

    def bucket_of(self, market: int) -> int:
        """The bucket that holds the position in a market."""
        return market if market in self._members else CROSS_POOL

    def owner_of(self, bucket: int) -> int:
        """The account of the machine that holds a bucket: a child's, or the trader's own."""
        return self._accounts.get(bucket, self._accounts[CROSS_POOL])

    def at(self, prices: Sequence[int]) -> dict[int, BucketValue]:
        """Every bucket at these prices, the cross pool first.

        A price may be beyond what a command may set, as long as no notional passes
        ``MAX_NOTIONAL``: formulas are exact up to there.
        """
        markets = self.engine.tables["markets"]
        for market, price in enumerate(prices):
            markets["oracle_price"][market] = price
            markets["mark_price"][market] = price
        if self.in_blocks:
            return {bucket: self._account_value(bucket) for bucket in self._members}
        shown = account_margins(self.engine, self._accounts[CROSS_POOL])
        return {
            bucket: self._value(bucket, shown[bucket].equity, shown[bucket].maintenance_margin)
            for bucket in self._members
        }

    def _account_value(self, bucket: int) -> BucketValue:
        whole = account_margins(self.engine, self._accounts[bucket])[CROSS_POOL]
        return self._value(bucket, whole.equity, whole.maintenance_margin)

    def _value(self, bucket: int, equity: int, maintenance: int) -> BucketValue:
        """Whether the machine liquidates: strictly under, and under rules of blocks only where
        there is a requirement."""
        holds = bool(self._members[bucket]) and (maintenance > 0 or not self.in_blocks)
        return BucketValue(bucket, equity, maintenance, holds and equity < maintenance)

    def _open_account(self, money: int, parent: int) -> int:
        events = self._send(CreateAccount(time_ms=START_MS, parent=parent), "a new account")
        account = next(e.account for e in events if isinstance(e, AccountCreated))
        if money:
            self._send(Deposit(time_ms=START_MS, account=account, amount=money), "the collateral")
        return account

    def _send(self, command: Command, what: str) -> list[object]:
        events: list[object] = list(self.engine.apply(command))
        for event in events:
            if isinstance(event, CommandRejected):
                raise ValuationError(f"{what}: the machine rejects it: {event.reason.name}")
        return events


def marked_at_oracle(rulebook: AnyRulebook) -> AnyRulebook:
    """The rulebook with the oracle price as mark, so that a price asked about is the mark."""
    if isinstance(rulebook, BlockRulebook):
        return rulebook
    mark = structs.replace(rulebook.mark, method=MarkMethod.ORACLE_ONLY)
    return structs.replace(rulebook, mark=mark)


def price_units(instruments: Sequence[Instrument], prices: Mapping[str, str]) -> tuple[int, ...]:
    """Decimal text of every market's price, USD, in price units. Raises ValuationError."""
    found = []
    for each in instruments:
        try:
            found.append(to_units(prices[each.name], each.price_decimals, MAX_PRICE))
        except UnitError as error:
            raise ValuationError(f"price of {each.name}: {error}") from None
    return tuple(found)
