"""Closing a part before the next settlement: what it saves, what it costs, and when it pays.

With s the share that is closed, everything is in proportion to it but the liquidation price. Not
paying the next settlement saves s q p r. A part that is not wanted any more is closed at some time
anyway, so its way out costs nothing more now than later. A part that is bought back after the
settlement costs its way out and its way in again, and that is worth it where the settlements that
are missed take more: from the rate

    (way out + way in again) / (settlements missed x notional)

on. What is kept has all of the margin behind it, less what closing the part cost.
"""

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct

from seawall.domain.units import FUNDING_ONE
from seawall.lab.carry.carry import (
    CarryTrade,
    bucket_equity,
    entry_cost,
    exit_cost,
    funding_payment,
)
from seawall.lab.size.margin import MarginRule

SHARES = (Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(1))


class CloseRow(Struct, frozen=True, kw_only=True):
    """A share closed before the next settlement. Micro-USD; ``size``: units that are kept.

    ``paid``: by what is kept, at the settlement; ``saved``: what the closed part would have paid;
    ``way_out``: fee and slippage of closing it; ``and_back``: of buying it back as well.
    ``liquidation_price``: of what is kept, price units, after the settlement; None for none.
    """

    share: Fraction
    size: int
    paid: int
    saved: int
    way_out: Fraction
    and_back: Fraction
    equity: int
    liquidation_price: Fraction | None

    @property
    def gain(self) -> Fraction:
        """Of closing and buying back: below zero where it costs more than it saves."""
        return self.saved - self.and_back


class BeforeFunding(Struct, frozen=True, kw_only=True):
    """``hours``: until the next settlement; ``rate``: what it pays, 1e-12 of the notional.

    ``break_even``: the rate, a fraction of the notional, from which on closing all of it and buying
    it back pays. ``settlements``: how many at this rate have to be missed for that; None where the
    position receives funding.
    """

    hours: float
    rate: int
    rows: Sequence[CloseRow]
    break_even: Fraction
    settlements: int | None


def before_funding(
    rule: MarginRule, trade: CarryTrade, margin: int, rate: int, hours: float, lot: int = 1
) -> BeforeFunding:
    """What closing a part of the trade before its first settlement does, at the entry price.

    ``margin``: of its isolated bucket, micro-USD.
    """
    price = Fraction(trade.price)
    round_trip = exit_cost(trade, price) + entry_cost(trade)
    payment = funding_payment(trade, trade.price, rate)
    rows = [_row(rule, trade, margin, rate, share, lot) for share in SHARES]
    return BeforeFunding(
        hours=hours,
        rate=rate,
        rows=rows,
        break_even=round_trip / trade.notional,
        settlements=None if payment <= 0 else int(-(-round_trip // payment)),
    )


def _row(
    rule: MarginRule, trade: CarryTrade, margin: int, rate: int, share: Fraction, lot: int
) -> CloseRow:
    closed = int(trade.size * share) // lot * lot
    kept = trade.size - closed
    part = Fraction(closed, trade.size)
    way_out = part * exit_cost(trade, Fraction(trade.price))
    payment = funding_payment(trade, trade.price, rate)
    paid = trade.side * _settled(kept * trade.price * rate)
    equity = int((bucket_equity(trade, margin, 0) - way_out - paid) // 1)
    found = None
    if kept:
        found = rule.liquidation_price(trade.side * kept, trade.price, equity)
    return CloseRow(
        share=share,
        size=kept,
        paid=paid,
        saved=payment - paid,
        way_out=way_out,
        and_back=way_out + part * entry_cost(trade),
        equity=equity,
        liquidation_price=found,
    )


def _settled(product: int) -> int:
    """A payment truncated to whole micro-USD, as the machine does."""
    return abs(product) // FUNDING_ONE * (1 if product >= 0 else -1)
