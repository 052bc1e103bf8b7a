"""What one account looks like in the machine: its margin buckets and positions, exactly."""

from typing import Any, Protocol

from msgspec import Struct

from seawall.domain.enums import MarginMode
from seawall.domain.events import CROSS_POOL
from seawall.engine.engine import Engine
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    liquidation_price,
    maintenance_tiers,
    truncated_maintenance,
)
from seawall.lab.simulation.incidents import ratio_of


class Bucket(Struct, frozen=True, kw_only=True):
    """Risk of the cross pool or of one isolated bucket, micro-USD."""

    market: int
    equity: int
    maintenance_margin: int

    @property
    def ratio(self) -> float:
        return ratio_of(self.maintenance_margin, self.equity)


class Holding(Struct, frozen=True, kw_only=True):
    """One open position. Size and prices in the market's units, money in micro-USD.

    ``isolated``: in a bucket, or a child account, of its own. ``leverage``: as set; 0 where it is
    nothing that an account sets.
    """

    market: int
    signed_size: int
    entry_notional: int
    isolated: bool
    leverage: int
    mark_price: int

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


class Watching(Protocol):
    """What a rehearsal asks about its account."""

    def snapshot(self, time_ms: int) -> Snapshot:
        """The account now, without liquidation prices."""
        ...

    def liquidation_prices(self, now: Snapshot) -> dict[int, float | None]:
        """USD, by market: where its bucket is liquidated if all other markets stand still."""
        ...


class Observer:
    """Reads one account from the tables of a machine."""

    def __init__(self, engine: Engine, account: int) -> None:
        self._accounts = engine.tables["accounts"]
        self._positions = engine.tables["positions"]
        self._markets = engine.tables["markets"]
        self._account = account
        self._instruments = engine.instruments
        self._tiers = [maintenance_tiers(each.tiers) for each in engine.instruments]

    def snapshot(self, time_ms: int) -> Snapshot:
        """The account now, without liquidation prices."""
        row = self._accounts[self._account]
        equity = {CROSS_POOL: int(row["cash"])}
        maintenance = {CROSS_POOL: 0}
        holdings: dict[int, Holding] = {}
        index = int(row["first_position"])
        while index >= 0:
            position = self._positions[index]
            index = int(position["next_of_account"])
            market = int(position["market"])
            bucket = market if position["mode"] == MarginMode.ISOLATED else CROSS_POOL
            equity.setdefault(bucket, 0)
            maintenance.setdefault(bucket, 0)
            size = int(position["signed_size"])
            mark = int(self._markets["mark_price"][market])
            equity[bucket] += size * mark + int(position["isolated_cash"])
            if not size:
                continue
            maintenance[bucket] += truncated_maintenance(self._tiers[market], abs(size) * mark)
            holdings[market] = self._holding(position, market, size, mark)
        buckets = {
            market: Bucket(
                market=market, equity=equity[market], maintenance_margin=maintenance[market]
            )
            for market in equity
        }
        return Snapshot(time_ms=time_ms, buckets=buckets, holdings=dict(sorted(holdings.items())))

    def _holding(self, position: Any, market: int, size: int, mark: int) -> Holding:
        return Holding(
            market=market,
            signed_size=size,
            entry_notional=int(position["entry_notional"]),
            isolated=bool(position["mode"] == MarginMode.ISOLATED),
            leverage=int(position["leverage"]),
            mark_price=mark,
        )

    def liquidation_prices(self, now: Snapshot) -> dict[int, float | None]:
        """USD, by market: where its bucket is liquidated if all other markets stand still."""
        result: dict[int, float | None] = {}
        for market, holding in now.holdings.items():
            bucket = now.buckets[market if holding.isolated else CROSS_POOL]
            decimals = self._instruments[market].price_decimals
            own = truncated_maintenance(self._tiers[market], abs(holding.value))
            price = liquidation_price(
                BucketPosition(
                    signed_size=holding.signed_size,
                    notional=abs(holding.value),
                    equity=bucket.equity,
                    others_maintenance=bucket.maintenance_margin - own,
                    tiers=self._tiers[market],
                    price_decimals=decimals,
                )
            )
            result[market] = None if price is None else price[0] / price[1] / 10**decimals
        return result
