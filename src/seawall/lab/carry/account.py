"""Carry of a whole account, bucket by bucket, and how funding alone would liquidate it.

Equity, maintenance margin and liquidation prices are the engine's (``accounts/valuation.py``);
prices and rates stand still.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from msgspec import Struct, structs

from seawall.accounts.valuation import Valuation, ValuationError
from seawall.domain.instrument import Instrument
from seawall.lab.carry.carry import CarryTrade, funding_payment, settlements_of_constant
from seawall.lab.simulation.names import bucket_name
from seawall.lab.size.exit import HOURS_PER_DAY
from seawall.lab.stress.reverse import liquidation_boundary


class PositionCarry(Struct, frozen=True, kw_only=True):
    """One position. ``payment``: micro-USD an hour, negative when received; ``rate`` 1e-12.

    Liquidation prices (price units, None for none): now, and when the funding of
    ``AccountCarry.hours`` has been paid, by buckets that are not under maintenance margin now.
    """

    instrument: Instrument
    bucket: str
    trade: CarryTrade
    rate: int
    payment: int
    liquidation_price_now: int | None
    liquidation_price_then: int | None


class BucketCarry(Struct, frozen=True, kw_only=True):
    """One bucket. ``payment``: micro-USD an hour of all its positions.

    ``hours_left``: settlements until it is liquidated at these prices, None for never.
    """

    name: str
    markets: Sequence[str]
    equity: int
    maintenance: int
    payment: int
    hours_left: int | None


class AccountCarry(Struct, frozen=True, kw_only=True):
    """``hours``: those that were asked for, less where a bucket does not last so long."""

    positions: Sequence[PositionCarry]
    buckets: Sequence[BucketCarry]
    hours: int

    @property
    def payment(self) -> int:
        return sum(each.payment for each in self.buckets)


def account_carry(valuation: Valuation, rates: Mapping[str, int], hours: int) -> AccountCarry:
    """``rates``: 1e-12 an hour by market; ``hours``: at most so many are paid."""
    instruments, prices = valuation.instruments, valuation.prices
    trades = {
        each.market: CarryTrade(
            is_long=each.signed_size > 0, size=abs(each.signed_size), price=prices[each.market]
        )
        for each in valuation.plan.positions
    }
    payments = {
        market: funding_payment(trade, trade.price, rates[instruments[market].name])
        for market, trade in trades.items()
    }
    buckets = []
    gone: set[int] = set()
    for bucket, value in valuation.at(prices).items():
        members = valuation.buckets[bucket]
        paid = sum(payments[market] for market in members)
        left = settlements_of_constant(value.equity, value.maintenance_margin, paid)
        if left == 0:
            gone.update(members)
        buckets.append(
            BucketCarry(
                name=bucket_name(valuation, bucket),
                markets=[instruments[market].name for market in members],
                equity=value.equity,
                maintenance=value.maintenance_margin,
                payment=paid,
                hours_left=left if members else None,
            )
        )
    lasting = min([hours, *(each.hours_left - 1 for each in buckets if each.hours_left)])
    taken = {
        market: lasting * trade.side * payments[market]
        for market, trade in trades.items()
        if market not in gone
    }
    later = _after(valuation, taken)
    positions = [
        PositionCarry(
            instrument=instruments[market],
            bucket=bucket_name(valuation, valuation.bucket_of(market)),
            trade=trade,
            rate=rates[instruments[market].name],
            payment=payments[market],
            liquidation_price_now=liquidation_boundary(valuation, market).over,
            liquidation_price_then=None
            if later is None
            else liquidation_boundary(later, market).over,
        )
        for market, trade in trades.items()
    ]
    return AccountCarry(positions=positions, buckets=buckets, hours=lasting)


def _after(valuation: Valuation, taken: Mapping[int, int]) -> Valuation | None:
    """The same account, its entries higher by what funding has taken (micro-USD by market).

    None where an entry would be below zero: a long position has received more than it cost.
    """
    positions = tuple(
        structs.replace(each, entry_notional=each.entry_notional + taken.get(each.market, 0))
        for each in valuation.plan.positions
    )
    plan = structs.replace(valuation.plan, positions=positions)
    try:
        return Valuation(plan, valuation.rulebook, valuation.instruments, valuation.prices)
    except ValuationError:
        return None


def erosion(bucket: BucketCarry) -> Fraction | None:
    """Share of what is above maintenance margin that one day of funding takes."""
    above = bucket.equity - bucket.maintenance
    return Fraction(HOURS_PER_DAY * bucket.payment, above) if above > 0 else None
