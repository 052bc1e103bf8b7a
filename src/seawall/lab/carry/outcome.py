"""One position carried along a funding path: what it costs over time, at each leverage, and when
funding goes the other way."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from msgspec import Struct

from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.lab.carry.carry import (
    CarryTrade,
    break_even_price,
    bucket_equity,
    entry_cost,
    entry_value,
    equity_at_constant_leverage,
    exit_cost,
    funding_paid,
    liquidation_price,
    settlements_of_constant,
    settlements_until_liquidation,
    straight_prices,
)
from seawall.lab.carry.funding import FundingPath
from seawall.lab.size.advice import SETTINGS
from seawall.lab.size.exit import HOURS_PER_DAY
from seawall.lab.size.margin import MarginRule, margin_rule

MOST_MOMENTS = 240
"""Points of a picture, and rows of the parquet table."""
FACTORS = (-2, -1, 0, 1, 2)
"""How many times the funding path is paid, for the sensitivity."""
PERIODS = ((14, 1, "day"), (98, 7, "week"), (10**9, 30, "30 days"))
"""Up to so many days, the table goes in steps of so many days, with this name."""


class CarryTask(Struct, frozen=True, kw_only=True):
    """What is asked. ``move``: how far the price goes on a straight line until the end, as a
    fraction; funding is paid on it. ``leverage``: that of the isolated bucket."""

    rulebook: AnyRulebook
    instrument: Instrument
    trade: CarryTrade
    leverage: int
    path: FundingPath
    move: Fraction = Fraction(0)


class Moment(Struct, frozen=True, kw_only=True):
    """After one settlement. Money in micro-USD, prices in price units.

    ``equity``: of the bucket, at the entry price. ``compounded``: equity where the position is cut
    back to its leverage each time. ``liquidation_price``: None for none.
    """

    hours: float
    paid: int
    break_even: Fraction
    equity: int
    compounded: float
    liquidation_price: Fraction | None


class LeverageCarry(Struct, frozen=True, kw_only=True):
    """The same position in a bucket at one leverage. ``hours_left``: until funding alone has
    liquidated it; beyond the path (``is_beyond``) at the path's mean rate; None for never."""

    leverage: int
    margin: int
    liquidation_price_first: Fraction | None
    liquidation_price_last: Fraction | None
    liquidation_prices: Sequence[Fraction | None]
    """At each of ``CarryOutcome.moments``."""
    hours_left: float | None
    is_beyond: bool


class Sensitivity(Struct, frozen=True, kw_only=True):
    """The same position on another funding path."""

    name: str
    paid: int
    break_even: Fraction
    liquidation_price: Fraction | None
    hours_left: float | None
    is_beyond: bool
    break_evens: Sequence[Fraction]
    """The break-even price at each of ``CarryOutcome.moments``."""


class CarryOutcome(Struct, frozen=True, kw_only=True):
    """``periods``: one moment for each row of the table; ``moments``: evenly chosen, the last one
    included. ``entry`` and ``exit``: fee and slippage of the way in, and out at the entry price,
    micro-USD."""

    margin: int
    paid: int
    entry: Fraction
    exit: Fraction
    period: str
    first: Moment
    periods: Sequence[Moment]
    moments: Sequence[Moment]
    leverages: Sequence[LeverageCarry]
    sensitivities: Sequence[Sensitivity]

    @property
    def cost(self) -> Fraction:
        """All of it, leaving at the entry price."""
        return self.entry + self.exit + self.paid


def outcome_of(task: CarryTask) -> CarryOutcome:
    """Everything that is shown of one position."""
    trade, path = task.trade, task.path
    rule = margin_rule(task.rulebook, task.instrument)
    margin = _margin(rule, trade, task.leverage)
    prices = straight_prices(trade.price, task.move, len(path.rates))
    paid = funding_paid(trade, path.rates, prices)
    compounded = equity_at_constant_leverage(
        float(bucket_equity(trade, margin, 0)), task.leverage, path.rates, is_long=trade.is_long
    )

    paid_by, hours = [0, *paid], [0.0, *path.hours]

    def moment(index: int) -> Moment:
        """After settlement ``index``; -1 for the entry."""
        so_far = paid_by[index + 1]
        equity = bucket_equity(trade, margin, so_far)
        return Moment(
            hours=hours[index + 1],
            paid=so_far,
            break_even=break_even_price(trade, so_far),
            equity=equity,
            compounded=float(compounded[index]) if index >= 0 else float(equity),
            liquidation_price=liquidation_price(rule, trade, margin, so_far),
        )

    chosen = _chosen(len(paid))
    name, ends = _period_ends(path.hours)
    others = [(f"{each} x" if each else "none", path.scaled(Fraction(each))) for each in FACTORS]
    others.append(("turns half way", path.flipped(Fraction(1, 2))))
    return CarryOutcome(
        margin=margin,
        paid=paid[-1],
        entry=entry_cost(trade),
        exit=exit_cost(trade, Fraction(trade.price)),
        period=name,
        first=moment(-1),
        periods=[moment(index) for index in ends],
        moments=[moment(index) for index in chosen],
        leverages=[
            _at_leverage(rule, trade, each, path, paid, chosen)
            for each in _leverages(rule, trade, task.leverage)
        ],
        sensitivities=[
            _sensitivity(rule, trade, margin, each, other, prices, chosen) for each, other in others
        ],
    )


def _margin(rule: MarginRule, trade: CarryTrade, leverage: int) -> int:
    return rule.initial(int(entry_value(trade)), leverage)


def _chosen(count: int) -> list[int]:
    wanted = np.linspace(0, count - 1, min(count, MOST_MOMENTS)).round().astype(int)
    return [int(each) for each in np.unique(wanted)]


def _period_ends(hours: Sequence[float]) -> tuple[str, list[int]]:
    """The name of a period, and the last settlement of each."""
    days = hours[-1] / HOURS_PER_DAY
    step, name = next((step, name) for most, step, name in PERIODS if days <= most)
    bounds = np.arange(step, days + step, step) * HOURS_PER_DAY
    # A payment a moment after the hour still belongs to the day that ends with it.
    ends = np.searchsorted(np.asarray(hours), bounds + 0.5, side="right") - 1
    return name, [int(each) for each in np.unique(ends) if each >= 0]


def _leverages(rule: MarginRule, trade: CarryTrade, chosen: int) -> list[int]:
    most = rule.most_leverage(trade.notional)
    return sorted({each for each in (*SETTINGS, most, chosen) if each <= most})


def _at_leverage(
    rule: MarginRule,
    trade: CarryTrade,
    leverage: int,
    path: FundingPath,
    paid: Sequence[int],
    chosen: Sequence[int],
) -> LeverageCarry:
    margin = _margin(rule, trade, leverage)
    left, is_beyond = _hours_left(rule, trade, margin, path, paid)
    return LeverageCarry(
        leverage=leverage,
        margin=margin,
        liquidation_price_first=liquidation_price(rule, trade, margin, 0),
        liquidation_price_last=liquidation_price(rule, trade, margin, paid[-1]),
        liquidation_prices=[liquidation_price(rule, trade, margin, paid[at]) for at in chosen],
        hours_left=left,
        is_beyond=is_beyond,
    )


def _hours_left(
    rule: MarginRule, trade: CarryTrade, margin: int, path: FundingPath, paid: Sequence[int]
) -> tuple[float | None, bool]:
    """Hours until the bucket is liquidated at the entry price, and whether the path is over then:
    it goes on with its mean payment."""
    first = settlements_until_liquidation(rule, trade, margin, paid)
    if first is not None:
        return (path.hours[first - 1] if first else 0.0), False
    # Scaled by the number of settlements, so that the mean is a whole number too.
    count = len(paid)
    equity, needed = bucket_equity(trade, margin, paid[-1]), rule.maintenance(trade.notional)
    more = settlements_of_constant(equity * count, needed * count, paid[-1])
    if more is None:
        return None, False
    # At one and the same rate the path goes on as it is.
    return path.hours[-1] + more * path.hours[-1] / count, len(set(path.rates)) > 1


def _sensitivity(
    rule: MarginRule,
    trade: CarryTrade,
    margin: int,
    name: str,
    path: FundingPath,
    prices: Sequence[int],
    chosen: Sequence[int],
) -> Sensitivity:
    paid = funding_paid(trade, path.rates, prices)
    left, is_beyond = _hours_left(rule, trade, margin, path, paid)
    return Sensitivity(
        name=name,
        paid=paid[-1],
        break_even=break_even_price(trade, paid[-1]),
        liquidation_price=liquidation_price(rule, trade, margin, paid[-1]),
        hours_left=left,
        is_beyond=is_beyond,
        break_evens=[break_even_price(trade, paid[index]) for index in chosen],
    )
