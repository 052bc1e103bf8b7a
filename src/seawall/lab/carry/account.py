"""Carry of a whole account, bucket by bucket, and how funding alone would liquidate it.

Equity, maintenance margin and liquidation prices are the machine's (``lab/valuation.py``); prices
and rates stand still.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from msgspec import Struct, structs

from seawall.domain.enums import MarginMode
from seawall.domain.holdings import Holdings
from seawall.lab.carry.carry import CarryTrade, funding_payment, settlements_of_constant
from seawall.lab.simulation.names import bucket_name
from seawall.lab.simulation.valuation import Valuation, ValuationError
from seawall.lab.stress.reverse import liquidation_boundary


class PositionCarry(Struct, frozen=True, kw_only=True):
    """One position. ``payment``: micro-USD an hour, negative when received; ``rate`` 1e-12.

    Liquidation prices (price units, None for none): now, and when the funding of
    ``AccountCarry.hours`` has been paid.
    """

    market: str
    bucket: str
    is_long: bool
    notional: int
    rate: int
    payment: int
    price: int
    price_decimals: int
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
    """``rates``: 1e-12 an hour by market. Raises ValuationError."""
    payments = {
        each.market: _payment(valuation, each.market, each.signed_size, rates)
        for each in valuation.plan.positions
    }
    values = valuation.at(valuation.prices)
    buckets = []
    for bucket, members in valuation.buckets.items():
        value = values[bucket]
        paid = sum(payments[market] for market in members)
        buckets.append(
            BucketCarry(
                name=bucket_name(valuation, bucket),
                markets=[valuation.instruments[market].name for market in members],
                equity=value.equity,
                maintenance=value.maintenance_margin,
                payment=paid,
                hours_left=settlements_of_constant(value.equity, value.maintenance_margin, paid)
                if members
                else None,
            )
        )
    lasting = min([hours, *(each.hours_left - 1 for each in buckets if each.hours_left)])
    later = _after(valuation, payments, lasting)
    return AccountCarry(
        positions=[
            _position(valuation, later, each.market, each.signed_size, rates, payments)
            for each in valuation.plan.positions
        ],
        buckets=buckets,
        hours=lasting,
    )


def _payment(valuation: Valuation, market: int, signed_size: int, rates: Mapping[str, int]) -> int:
    trade = CarryTrade(
        is_long=signed_size > 0,
        size=abs(signed_size),
        price=valuation.prices[market],
        entry_rate=0,
        exit_rate=0,
        entry_slippage=0,
        exit_slippage=0,
    )
    return funding_payment(trade, trade.price, rates[valuation.instruments[market].name])


def _after(valuation: Valuation, payments: Mapping[int, int], hours: int) -> Valuation | None:
    """The same account when ``hours`` of funding have been paid; None where that cannot be."""
    positions = []
    taken = 0
    for position in valuation.plan.positions:
        paid = hours * payments[position.market]
        taken += paid
        if position.mode == MarginMode.ISOLATED:
            margin = position.isolated_margin - paid
            position = structs.replace(position, isolated_margin=margin)
        positions.append(position)
    plan: Holdings = structs.replace(
        valuation.plan,
        collateral=valuation.plan.collateral - taken,
        positions=tuple(positions),
    )
    if plan.collateral < 0 or any(each.isolated_margin < 0 for each in positions):
        return None
    try:
        return Valuation(plan, valuation.rulebook, valuation.instruments, valuation.prices)
    except ValuationError:
        return None


def _position(
    valuation: Valuation,
    later: Valuation | None,
    market: int,
    signed_size: int,
    rates: Mapping[str, int],
    payments: Mapping[int, int],
) -> PositionCarry:
    instrument = valuation.instruments[market]
    now = liquidation_boundary(valuation, market)
    then = None if later is None else liquidation_boundary(later, market)
    return PositionCarry(
        market=instrument.name,
        bucket=bucket_name(valuation, valuation.bucket_of(market)),
        is_long=signed_size > 0,
        notional=abs(signed_size) * valuation.prices[market],
        rate=rates[instrument.name],
        payment=payments[market],
        price=valuation.prices[market],
        price_decimals=instrument.price_decimals,
        liquidation_price_now=now.over,
        liquidation_price_then=None if then is None else then.over,
    )


def erosion(bucket: BucketCarry) -> Fraction | None:
    """Share of what is above maintenance margin that one day of funding takes."""
    above = bucket.equity - bucket.maintenance
    return Fraction(24 * bucket.payment, above) if above > 0 else None
