"""One position carried along a funding path: what it costs over time, at each leverage, and when
funding goes the other way."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.lab.carry.before_funding import BeforeFunding, before_funding
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
    fraction; funding is paid on it. ``leverage``: that of the isolated bucket. ``lot``: size
    units."""

    rulebook: AnyRulebook
    instrument: Instrument
    trade: CarryTrade
    leverage: int
    path: FundingPath
    move: Fraction = Fraction(0)
    lot: int = 1


class Moment(NamedTuple):
    """A position when some settlements are paid. Money in micro-USD, prices in price units.

    ``equity``: of the bucket, at the entry price. ``compounded``: equity where the position is cut
    back to its leverage each time. ``liquidation_price``: None for none.
    """

    hours: float
    paid: int
    break_even: Fraction
    equity: int
    compounded: float
    liquidation_price: Fraction | None


class Carried(Struct, frozen=True, kw_only=True):
    """The trade in an isolated bucket along a funding path. ``name``: of the path.

    ``hours``, ``paid`` (micro-USD so far) and ``compounded``: at the entry and after each
    settlement. ``hours_left``: until funding alone has liquidated it; beyond the path
    (``is_beyond``) at the path's mean rate; None for never.
    """

    name: str
    rule: MarginRule
    trade: CarryTrade
    leverage: int
    margin: int
    hours: Sequence[float]
    paid: Sequence[int]
    compounded: Sequence[float]
    hours_left: float | None
    is_beyond: bool

    def at(self, settlements: int) -> Moment:
        """When so many settlements are paid."""
        paid = self.paid[settlements]
        return Moment(
            hours=self.hours[settlements],
            paid=paid,
            break_even=break_even_price(self.trade, paid),
            equity=bucket_equity(self.trade, self.margin, paid),
            compounded=self.compounded[settlements],
            liquidation_price=liquidation_price(self.rule, self.trade, self.margin, paid),
        )

    @property
    def first(self) -> Moment:
        """At the entry."""
        return self.at(0)

    @property
    def last(self) -> Moment:
        """At the end of the path."""
        return self.at(-1)


class CarryOutcome(Struct, frozen=True, kw_only=True):
    """``held``: as asked; ``leverages``: at others too; ``sensitivities``: on other funding paths.

    ``periods``: one moment for each row of the table; ``moments``: after the settlements of
    ``chosen``, evenly, the last one included. ``entry`` and ``exit``: fee and slippage of the way
    in, and out at the entry price, micro-USD. ``before``: closing a part before the first
    settlement.
    """

    held: Carried
    entry: Fraction
    exit: Fraction
    period: str
    periods: Sequence[Moment]
    chosen: Sequence[int]
    moments: Sequence[Moment]
    leverages: Sequence[Carried]
    sensitivities: Sequence[Carried]
    before: BeforeFunding

    @property
    def paid(self) -> int:
        """Micro-USD of funding until the end."""
        return self.held.paid[-1]

    @property
    def cost(self) -> Fraction:
        """All of it, leaving at the entry price."""
        return self.entry + self.exit + self.paid


def outcome_of(task: CarryTask) -> CarryOutcome:
    """Everything that is shown of one position."""
    trade, path = task.trade, task.path
    rule = margin_rule(task.rulebook, task.instrument)
    prices = straight_prices(trade.price, task.move, len(path.rates))

    def carried(leverage: int, path: FundingPath, name: str = "") -> Carried:
        margin = rule.initial(int(entry_value(trade)), leverage)
        paid = [0, *funding_paid(trade, path.rates, prices)]
        start = float(bucket_equity(trade, margin, 0))
        compounded = equity_at_constant_leverage(start, leverage, path.rates, is_long=trade.is_long)
        left, is_beyond = _hours_left(rule, trade, margin, path, paid[1:])
        return Carried(
            name=name,
            rule=rule,
            trade=trade,
            leverage=leverage,
            margin=margin,
            hours=[0.0, *path.hours],
            paid=paid,
            compounded=[start, *compounded.tolist()],
            hours_left=left,
            is_beyond=is_beyond,
        )

    held, chosen = carried(task.leverage, path), _chosen(len(path.rates))
    period, ends = _period_ends(path.hours)
    others = [(f"{each} x" if each else "none", path.scaled(Fraction(each))) for each in FACTORS]
    others.append(("turns half way", path.flipped(Fraction(1, 2))))
    most = rule.most_leverage(trade.notional)
    leverages = sorted({each for each in (*SETTINGS, most, task.leverage) if each <= most})
    return CarryOutcome(
        held=held,
        entry=entry_cost(trade),
        exit=exit_cost(trade, Fraction(trade.price)),
        period=period,
        periods=[held.at(count) for count in ends],
        chosen=chosen,
        moments=[held.at(count) for count in chosen],
        leverages=[carried(each, path) for each in leverages],
        sensitivities=[carried(task.leverage, other, name) for name, other in others],
        before=before_funding(rule, trade, held.margin, path.rates[0], path.hours[0], task.lot),
    )


def _chosen(count: int) -> list[int]:
    """Numbers of settlements from 1 to ``count``, evenly, both included."""
    wanted = np.linspace(0, count - 1, min(count, MOST_MOMENTS)).round().astype(int) + 1
    return [int(each) for each in np.unique(wanted)]


def _period_ends(hours: Sequence[float]) -> tuple[str, list[int]]:
    """The name of a period, and how many settlements are paid at the end of each."""
    days = hours[-1] / HOURS_PER_DAY
    step, name = next((step, name) for most, step, name in PERIODS if days <= most)
    bounds = np.arange(step, days + step, step) * HOURS_PER_DAY
    # A payment a moment after the hour still belongs to the day that ends with it.
    ends = np.unique(np.searchsorted(np.asarray(hours), bounds + 0.5, side="right"))
    return name, [int(each) for each in ends if each]


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
