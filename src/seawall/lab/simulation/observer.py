"""What one account looks like in an engine: its margin buckets and positions, exactly.

The engine's own formulas give equity and requirements. A bucket is the cross pool, an isolated
position, or under block rules a child account. Liquidation prices come from the formula where
the rules have one; under block rules they are searched for in a copy of the engine.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from seawall.accounts.valuation import bisected, ratio_of
from seawall.domain.enums import MarginMode
from seawall.domain.events import CROSS_POOL, is_pool
from seawall.domain.rulebook import BlockRulebook, truncates_price
from seawall.engine.account_view import Margins, account_margins, account_pools
from seawall.engine.engine import Engine
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    liquidation_price,
    maintenance_tiers,
    truncated_maintenance,
)

NO_CHILDREN: Mapping[int, int] = {}
LARGEST_FACTOR = 1000
"""Under block rules a liquidation price beyond so many times the present one is none."""


class Bucket(Struct, frozen=True, kw_only=True):
    """Risk of the cross pool or of one isolated bucket, micro-USD."""

    market: int
    equity: int
    maintenance_margin: int

    @property
    def ratio(self) -> float:
        return ratio_of(self.maintenance_margin, self.equity)

    @property
    def is_under(self) -> bool:
        """Whether equity is below what is required; without a requirement it is not."""
        return 0 < self.maintenance_margin > self.equity


class Holding(Struct, frozen=True, kw_only=True):
    """One open position. Size and prices in the market's units, money in micro-USD.

    ``bucket``: what owns it, a cross pool or the market's own bucket or child account.
    ``leverage``: as set; 0 where it is nothing that an account sets.
    """

    market: int
    signed_size: int
    entry_notional: int
    bucket: int
    leverage: int
    mark_price: int

    @property
    def isolated(self) -> bool:
        """Whether it is in a bucket, or a child account, of its own."""
        return not is_pool(self.bucket)

    @property
    def value(self) -> int:
        return self.signed_size * self.mark_price

    @property
    def profit(self) -> int:
        return self.value - self.entry_notional


class Snapshot(Struct, frozen=True, kw_only=True):
    """The account at one time."""

    time_ms: int
    buckets: dict[int, Bucket]
    holdings: dict[int, Holding]
    unsettled_funding: int = 0
    """Signed micro-USD that equity counts already and cash does not."""

    @property
    def equity(self) -> int:
        return sum(bucket.equity for bucket in self.buckets.values())


def valuation_prices(engine: Engine) -> Any:
    """Price units by market that equity counts with: the mark, or the oracle price in blocks."""
    in_blocks = isinstance(engine.rulebook, BlockRulebook)
    column = "oracle_price" if in_blocks else "mark_price"
    return engine.tables["markets"][column][: len(engine.instruments)]


def positions_of(tables: Mapping[str, Any], account: int) -> list[Any]:
    """The rows of an account's positions, those of size zero included."""
    found = []
    index = int(tables["accounts"]["first_position"][account])
    while index >= 0:
        found.append(tables["positions"][index])
        index = int(found[-1]["next_of_account"])
    return found


class Observer:
    """Reads one account, and its children under block rules, from an engine."""

    def __init__(
        self, engine: Engine, account: int, children: Mapping[int, int] = NO_CHILDREN
    ) -> None:
        """``children``: market by child account."""
        self._engine = engine
        self._in_blocks = isinstance(engine.rulebook, BlockRulebook)
        self._prices = valuation_prices(engine)
        self._children = {held: child for child, held in children.items()}
        self._accounts = {CROSS_POOL: account} | self._children

    def snapshot(self, time_ms: int) -> Snapshot:
        """The account now, without liquidation prices."""
        buckets: dict[int, Bucket] = {}
        holdings: dict[int, Holding] = {}
        unsettled = 0
        for number, account in self._accounts.items():
            margins = account_margins(self._engine, account)
            for pool, risk in margins.items():
                if is_pool(pool):
                    bucket = number if number in self._children else pool
                    buckets[bucket] = _bucket(bucket, risk)
            pools = account_pools(self._engine, account)
            cash = int(self._engine.tables["accounts"]["cash"][account])
            value = 0
            for position in positions_of(self._engine.tables, account):
                market, size = int(position["market"]), int(position["signed_size"])
                is_isolated = bool(position["mode"] == MarginMode.ISOLATED)
                if is_isolated:
                    own = margins.get(market)
                    buckets[market] = Bucket(
                        market=market,
                        equity=own.equity if own else int(position["isolated_cash"]),
                        maintenance_margin=own.maintenance_margin if own else 0,
                    )
                if size:
                    is_apart = is_isolated or number in self._children
                    bucket = market if is_apart else pools[market]
                    holdings[market] = self._holding(position, market, bucket)
                    value += holdings[market].value
            if self._in_blocks:
                unsettled += margins[CROSS_POOL].equity - cash - value
        return Snapshot(
            time_ms=time_ms,
            buckets=buckets,
            holdings=dict(sorted(holdings.items())),
            unsettled_funding=unsettled,
        )

    def _holding(self, position: Any, market: int, bucket: int) -> Holding:
        return Holding(
            market=market,
            signed_size=int(position["signed_size"]),
            entry_notional=int(position["entry_notional"]),
            bucket=bucket,
            leverage=0 if self._in_blocks else int(position["leverage"]),
            mark_price=int(self._prices[market]),
        )

    def liquidation_prices(self, now: Snapshot) -> dict[int, float | None]:
        """USD, by market: where its bucket is liquidated if all other markets stand still."""
        copy = self._engine.fork() if self._in_blocks and now.holdings else self._engine
        result: dict[int, float | None] = {}
        for market, holding in now.holdings.items():
            decimals = self._engine.instruments[market].price_decimals
            bucket = holding.bucket
            if self._in_blocks:
                units = _first_under(copy, self._accounts[bucket], market, holding)
                result[market] = None if units is None else units / 10**decimals
                continue
            price = self._formula_price(now.buckets[bucket], holding, decimals)
            result[market] = None if price is None else price[0] / price[1] / 10**decimals
        return result

    def _formula_price(
        self, bucket: Bucket, holding: Holding, decimals: int
    ) -> tuple[int, int] | None:
        tiers = maintenance_tiers(self._engine.instruments[holding.market].tiers)
        own = truncated_maintenance(tiers, abs(holding.value))
        mode = MarginMode.ISOLATED if holding.isolated else MarginMode.CROSS
        return liquidation_price(
            BucketPosition(
                signed_size=holding.signed_size,
                notional=abs(holding.value),
                equity=bucket.equity,
                others_maintenance=bucket.maintenance_margin - own,
                tiers=tiers,
                price_decimals=decimals,
                truncates=truncates_price(self._engine.rulebook, mode),
            )
        )


def _bucket(number: int, risk: Margins) -> Bucket:
    return Bucket(market=number, equity=risk.equity, maintenance_margin=risk.maintenance_margin)


def _first_under(copy: Engine, account: int, market: int, holding: Holding) -> int | None:
    """Price units: the first price on the way to a loss at which the account is under maintenance.

    Where it is so already: the last price at which it still would be. None where no price is.
    """
    prices = copy.tables["markets"]["oracle_price"]
    present = int(prices[market])

    def is_under(price: int) -> bool:
        prices[market] = price
        whole = account_margins(copy, account)[CROSS_POOL]
        return 0 < whole.maintenance_margin > whole.equity

    # Worse prices are those below for a long position and those above for a short one.
    most = LARGEST_FACTOR * present
    best, worst = (most, 1) if holding.signed_size > 0 else (1, most)
    try:
        if not is_under(worst) or is_under(best):
            return None
        return bisected(is_under, best, worst)[1]
    finally:
        prices[market] = present
