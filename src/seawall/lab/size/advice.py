"""From limits to advice: the size and the leverage to hold it at, and which limit decided."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from msgspec import Struct

from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MICRO
from seawall.lab.size.exit import BookSide, Exit, exit_hours
from seawall.lab.size.margin import MarginRule, margin_rule
from seawall.lab.size.sizing import (
    Loss,
    Trade,
    best_setting,
    is_beyond_stop,
    liquidation_price,
    liquidity_leverage,
    loss_at_stop,
    size_by_budget,
    size_by_initial_margin,
    size_by_liquidation,
    size_by_liquidity,
)

SETTINGS = (1, 2, 3, 5, 10, 20, 25, 40, 50)
"""Leverages that are shown; those that a market does not have are left out."""
HOURS_PER_YEAR = 8760
POINTS = 160
LEAST_USD = 1_000
"""Of the curve of slippage."""


class Odds(Struct, frozen=True, kw_only=True):
    """What is believed of trades like this one, for Kelly. Rates a year, shares as fractions.

    ``edge``: expected return without leverage, None where it is not known; ``win_rate`` likewise.
    ``payoff``: what a winning trade brings, in losses at the stop. ``remaining``: the share of
    equity that counts as ruin.
    """

    volatility: float
    edge: float | None
    win_rate: float | None
    payoff: float
    kelly_share: float
    remaining: float


class SizeTask(Struct, frozen=True, kw_only=True):
    """What is asked. Money in micro-USD, shares and rates as fractions.

    ``volume``: traded in the market in a day. ``clearance``: how far beyond the stop liquidation
    has to lie, as a share of the stop's distance. ``step``: size units of a lot.
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
    step: int = 1


class Limit(Struct, frozen=True):
    """The largest size (units) that one consideration allows, and how it is called."""

    name: str
    reason: str
    size: int


class Leaving(Struct, frozen=True, kw_only=True):
    """What leaving one size at once costs, in the calm and in the stressed book."""

    notional: int
    calm: Exit
    stressed: Exit


class SizeRow(Leaving, frozen=True, kw_only=True):
    """One size. ``of_equity``: notional over equity; ``hours``: of an exit by participation.

    ``funding``: micro-USD over the horizon, paid. Leverages: what tiers and what liquidity allow.
    """

    of_equity: Fraction
    hours: Fraction
    funding: int
    by_tiers: int
    by_liquidity: Fraction


class SettingRow(Struct, frozen=True, kw_only=True):
    """The advised size in an isolated bucket at one leverage. ``price``: None for no liquidation.

    ``can_open``: whether tiers allow the leverage and the equity pays for the margin.
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
    setting = best_setting(rule, task.trade, size, task.equity, task.clearance) if size else None
    sizes = _sizes(task, rule, size)
    return Advice(
        limits=limits,
        size=size,
        deciding=deciding,
        loss=loss_at_stop(task.trade, size) if size else None,
        setting=setting,
        by_tiers=rule.most_leverage(notional),
        by_liquidity=liquidity_leverage(rule, task.trade, size) if size else None,
        hours=exit_hours(Fraction(notional), task.volume, task.participation),
        sizes=sizes,
        settings=_settings(task, rule, size, setting) if size else (),
        curve=_curve(task, max([each.notional for each in sizes], default=task.equity)),
    )


def _limits(task: SizeTask, rule: MarginRule) -> tuple[Limit, ...]:
    trade, equity, step = task.trade, task.equity, task.step
    by_liquidation = size_by_liquidation(rule, trade, equity, task.clearance, step)
    by_margin = size_by_initial_margin(rule, trade, equity, step)
    return (
        Limit("loss budget", "being wrong costs no more than the budget",
              size_by_budget(trade, task.budget, step)),
        Limit("liquidation", "all the equity keeps liquidation beyond the stop", by_liquidation),
        Limit("liquidity", "leverage no higher than a stressed exit allows",
              size_by_liquidity(rule, trade, equity, step)),
        Limit("initial margin", "what the venue's tiers let this equity open", by_margin),
    )  # fmt: skip


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
                by_liquidity=liquidity_leverage(rule, trade, size),
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
                can_open=margin <= task.equity,
            )
        )
    return tuple(rows)
