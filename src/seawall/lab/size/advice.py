"""From limits to advice: the size and the leverage to hold it at, and which limit decided."""

from collections.abc import Sequence
from fractions import Fraction
from typing import TypedDict

import numpy as np
from msgspec import Struct, structs

from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MICRO
from seawall.lab.market.assumptions import Assumptions
from seawall.lab.market.price_models import ModelOptions
from seawall.lab.size.exit import BookSide, Exit, exit_hours
from seawall.lab.size.margin import MarginRule, margin_rule
from seawall.lab.size.sizing import (
    Backing,
    Loss,
    Trade,
    best_setting,
    is_beyond_stop,
    liquidation_price,
    liquidity_leverage,
    loss_at_stop,
    size_by_book,
    size_by_budget,
    size_by_initial_margin,
    size_by_liquidation,
    size_by_liquidity,
    size_by_moving_along,
)

SETTINGS = (1, 2, 3, 5, 10, 20, 25, 40, 50)
"""Leverages that are shown; those that a market does not have are left out."""
HOURS_PER_YEAR = 8760
POINTS = 160
LEAST_USD = 1_000
"""Of the curve of slippage."""


class Odds(Struct, frozen=True, kw_only=True):
    """What is believed of trades like this one. Rates a year, shares as fractions.

    ``edge``: expected return without leverage, None where it is not known; ``win_rate`` likewise.
    ``payoff``: what a winning trade brings, in losses at the stop. ``trades``: how many follow each
    other. ``max_drawdown``: how far the equity may fall, a share of its highest so far.
    """

    volatility: float
    edge: float | None
    win_rate: float | None
    payoff: float
    kelly_share: float
    trades: int
    max_drawdown: float

    @property
    def remaining(self) -> float:
        """What is left of the equity after the largest drawdown."""
        return 1.0 - self.max_drawdown


class SimulatedMarket(TypedDict):
    """Options of ``path_setup``: the assumptions, and what is said of prices."""

    assume: Assumptions
    model: ModelOptions


class SizeTask(Struct, frozen=True, kw_only=True):
    """What is asked. Money in micro-USD, shares and rates as fractions.

    ``equity``: of the bucket that the trade joins; ``backing``: what of it stands behind the trade.
    ``risk_capital``: what of it may be lost. ``volume``: traded in the market in a day.
    ``clearance``: how far beyond the stop liquidation has to lie, as a share of the stop's
    distance. ``refill_s``: seconds in which half of what was taken from a calm book is back.
    ``simulated``: what is said of the market, for simulations of it. ``step``: size units of a lot.
    ``ladder``: the same trade with the assumed ladder; None where
    the trade has no other book.
    """

    rulebook: AnyRulebook
    instrument: Instrument
    trade: Trade
    calm_exit: BookSide
    equity: int
    budget: int
    clearance: Fraction
    volume: Fraction
    participation: Fraction
    horizon_hours: Fraction
    odds: Odds
    backing: Backing
    risk_capital: int
    refill_s: Fraction
    simulated: SimulatedMarket
    step: int = 1
    ladder: Trade | None = None


class Limit(Struct, frozen=True):
    """The largest size (units) that one consideration allows, and how it is called.

    ``by_ladder``: whether the assumed ladder allows less than the book that was given.
    """

    name: str
    reason: str
    size: int
    by_ladder: bool = False


class Leaving(Struct, frozen=True, kw_only=True):
    """What leaving one size at once costs, in the calm and in the stressed book."""

    notional: int
    calm: Exit
    stressed: Exit


class SizeRow(Leaving, frozen=True, kw_only=True):
    """One size. ``of_equity``: notional over equity; ``hours``: of an exit by participation.

    ``funding``: micro-USD over the horizon, paid. Leverages: what tiers allow, and what of that
    liquidity allows.
    """

    of_equity: Fraction
    hours: Fraction
    funding: int
    by_tiers: int
    by_liquidity: Fraction


class SettingRow(Struct, frozen=True, kw_only=True):
    """The advised size in an isolated bucket at one leverage. ``price``: None for no liquidation.

    ``can_open``: whether tiers allow the leverage and what is free pays for the margin.
    """

    leverage: int
    margin: int
    price: Fraction | None
    distance: Fraction | None
    clear_of_stop: bool
    can_open: bool


class Advice(Struct, frozen=True, kw_only=True):
    """What follows. ``size`` 0: nothing should be traded. ``setting``: None where there is none.

    ``curve``: leaving sizes from a small order to twice the largest of ``sizes``, ascending.
    """

    limits: Sequence[Limit]
    size: int
    deciding: Limit
    loss: Loss | None
    setting: int | None
    by_tiers: int
    by_liquidity: Fraction | None
    hours: Fraction
    sizes: Sequence[SizeRow]
    settings: Sequence[SettingRow]
    curve: Sequence[Leaving]

    def notional(self, task: SizeTask) -> int:
        """Micro-USD at the entry price."""
        return self.size * task.trade.entry_price


def advise(task: SizeTask) -> Advice:
    """The largest size that every limit allows, and the leverage to hold it at."""
    rule = margin_rule(task.rulebook, task.instrument)
    limits = _limits(task, rule)
    deciding = min(limits, key=lambda limit: limit.size)
    size = deciding.size
    notional = size * task.trade.entry_price
    by_liquidity = _by_liquidity(task, rule, size) if size else None
    setting = None
    if by_liquidity is not None:
        most = int(by_liquidity)
        setting = best_setting(rule, task.trade, size, task.backing, task.clearance, most)
    sizes = _sizes(task, rule, size)
    return Advice(
        limits=limits,
        size=size,
        deciding=deciding,
        loss=loss_at_stop(task.trade, size) if size else None,
        setting=setting,
        by_tiers=rule.most_leverage(notional),
        by_liquidity=by_liquidity,
        hours=exit_hours(Fraction(notional), task.volume, task.participation),
        sizes=sizes,
        settings=_settings(task, rule, size, setting) if size else (),
        curve=_curve(task, max([each.notional for each in sizes], default=task.equity)),
    )


def _limits(task: SizeTask, rule: MarginRule) -> tuple[Limit, ...]:
    found = _limits_of(task, rule, task.trade)
    if task.ladder is None:
        return found
    shown = size_by_book(task.trade, task.step)
    pairs = zip(found, _limits_of(task, rule, task.ladder), strict=True)
    return (
        *(structs.replace(b, by_ladder=True) if b.size < a.size else a for a, b in pairs),
        Limit("book", "the stressed book shows no more on this side", shown),
    )


def _limits_of(task: SizeTask, rule: MarginRule, trade: Trade) -> tuple[Limit, ...]:
    backing, step = task.backing, task.step
    has_others = backing.along is not None
    still = ", others standing still" if has_others else ""
    limits = [
        Limit("loss budget", "being wrong costs no more than the budget",
              size_by_budget(trade, task.budget, step)),
        Limit("liquidation", f"all the equity keeps liquidation beyond the stop{still}",
              size_by_liquidation(rule, trade, backing, task.clearance, step)),
        Limit("liquidity", "leverage no higher than a stressed exit allows",
              size_by_liquidity(rule, trade, backing, step)),
        Limit("initial margin", "what the venue's tiers let this equity open",
              size_by_initial_margin(rule, trade, backing, step)),
    ]  # fmt: skip
    if has_others:
        reason = "the same where what is held moves along as it usually does"
        along = size_by_moving_along(rule, trade, backing, step)
        limits.insert(2, Limit("moving along", reason, along))
    return tuple(limits)


def _by_liquidity(task: SizeTask, rule: MarginRule, size: int) -> Fraction:
    """The leverage that liquidity allows where tiers allow more, else that of the tiers.

    A book's end says nothing about what lies behind it: the assumed ladder has to allow it too.
    """
    trades = [task.trade] if task.ladder is None else [task.trade, task.ladder]
    tiers = Fraction(rule.most_leverage(size * task.trade.entry_price))
    return min(tiers, *(liquidity_leverage(rule, each, size) for each in trades))


def _sizes(task: SizeTask, rule: MarginRule, advised: int) -> tuple[SizeRow, ...]:
    """Sizes of whole multiples of the equity, and the advised size, ascending."""
    trade = task.trade
    most = task.instrument.maximum_leverage
    sizes = {
        task.equity * multiple // trade.entry_price // task.step * task.step
        for multiple in (*(each for each in SETTINGS if each < most), most)
    }
    rows = []
    for size in sorted({*sizes, advised} - {0}):
        notional = size * trade.entry_price
        rows.append(
            SizeRow(
                of_equity=Fraction(notional, task.equity),
                notional=notional,
                calm=task.calm_exit.exit(size),
                stressed=trade.exit_book.exit(size),
                hours=exit_hours(Fraction(notional), task.volume, task.participation),
                funding=loss_at_stop(trade, size).funding,
                by_tiers=rule.most_leverage(notional),
                by_liquidity=_by_liquidity(task, rule, size),
            )
        )
    return tuple(rows)


def _curve(task: SizeTask, largest: int) -> tuple[Leaving, ...]:
    price = task.trade.entry_price
    usd = np.geomspace(LEAST_USD, max(2 * largest / MICRO, 100 * LEAST_USD), POINTS)
    return tuple(
        Leaving(
            notional=size * price,
            calm=task.calm_exit.exit(size),
            stressed=task.trade.exit_book.exit(size),
        )
        for size in sorted({max(1, int(each * MICRO) // price) for each in usd.tolist()})
    )


def _settings(
    task: SizeTask, rule: MarginRule, size: int, setting: int | None
) -> tuple[SettingRow, ...]:
    trade = task.trade
    if trade.held:
        return ()
    notional = size * trade.entry_price
    most = rule.most_leverage(notional)
    rows = []
    for leverage in sorted({each for each in (*SETTINGS, most, setting or 1) if each <= most}):
        margin = rule.initial(notional, leverage)
        price = liquidation_price(rule, trade, size, margin)
        away = None if price is None else trade.side * (1 - price / trade.entry_price)
        rows.append(
            SettingRow(
                leverage=leverage,
                margin=margin,
                price=price,
                distance=away,
                clear_of_stop=is_beyond_stop(rule, trade, size, margin, task.clearance),
                can_open=margin <= task.backing.free,
            )
        )
    return tuple(rows)
