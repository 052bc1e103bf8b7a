"""From limits to advice: the size and the leverage to hold it at, and which limit decided."""

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct

from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.lab.size.exit import BookSide, Exit, exit_hours
from seawall.lab.size.margin import MarginRule, margin_rule
from seawall.lab.size.sizing import (
    Loss,
    Wager,
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


class SizeTask(Struct, frozen=True, kw_only=True):
    """What is asked. Money in micro-USD, shares and rates as fractions.

    ``volume``: traded in the market in a day. ``clearance``: how far beyond the stop liquidation
    has to lie, as a share of the stop's distance. ``edge``: expected return a year, None if not
    said; ``win_rate`` likewise. ``payoff``: what a winning trade brings, in losses at the stop.
    ``remaining``: the share of equity whose loss counts as ruin. ``step``: size units of a lot.
    """

    rulebook: AnyRulebook
    instrument: Instrument
    wager: Wager
    calm_exit: BookSide
    equity: int
    budget: int
    clearance: Fraction
    volume: Fraction
    participation: Fraction
    horizon_hours: Fraction
    volatility: float
    edge: float | None
    win_rate: float | None
    payoff: float
    kelly_share: float
    remaining: float
    step: int = 1


class Limit(Struct, frozen=True):
    """The largest size (units) that one consideration allows, and how it is called."""

    name: str
    reason: str
    size: int


class Rung(Struct, frozen=True, kw_only=True):
    """Leaving one size. ``of_equity``: notional over equity; ``hours``: by participation.

    ``funding``: micro-USD over the horizon, paid. Leverages: what tiers and what liquidity allow.
    """

    of_equity: Fraction
    notional: int
    calm: Exit
    stressed: Exit
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
    """What follows. ``size`` 0: nothing should be traded. ``setting``: None where there is none."""

    limits: Sequence[Limit]
    size: int
    deciding: Limit
    loss: Loss | None
    setting: int | None
    by_tiers: int
    by_liquidity: Fraction | None
    hours: Fraction
    rungs: Sequence[Rung]
    settings: Sequence[SettingRow]

    def notional(self, task: SizeTask) -> int:
        """Micro-USD at the entry price."""
        return self.size * task.wager.entry_price


def advise(task: SizeTask) -> Advice:
    """The largest size that every limit allows, and the leverage to hold it at."""
    rule = margin_rule(task.rulebook, task.instrument)
    limits = _limits(task, rule)
    deciding = min(limits, key=lambda limit: limit.size)
    size = deciding.size
    notional = size * task.wager.entry_price
    return Advice(
        limits=limits,
        size=size,
        deciding=deciding,
        loss=loss_at_stop(task.wager, size) if size else None,
        setting=best_setting(rule, task.wager, size, task.equity, task.clearance) if size else None,
        by_tiers=rule.most_leverage(notional),
        by_liquidity=liquidity_leverage(rule, task.wager, size) if size else None,
        hours=exit_hours(Fraction(notional), task.volume, task.participation),
        rungs=_rungs(task, rule, size),
        settings=_settings(task, rule, size) if size else (),
    )


def _limits(task: SizeTask, rule: MarginRule) -> tuple[Limit, ...]:
    wager, equity, step = task.wager, task.equity, task.step
    return (
        Limit(
            "loss budget",
            "being wrong costs no more than the budget",
            size_by_budget(wager, task.budget, step),
        ),
        Limit(
            "liquidation",
            "all the equity keeps liquidation beyond the stop",
            size_by_liquidation(rule, wager, equity, task.clearance, step),
        ),
        Limit(
            "liquidity",
            "leverage no higher than a stressed exit allows",
            size_by_liquidity(rule, wager, equity, step),
        ),
        Limit(
            "initial margin",
            "what the venue's tiers let this equity open",
            size_by_initial_margin(rule, wager, equity, step),
        ),
    )


def _rungs(task: SizeTask, rule: MarginRule, advised: int) -> tuple[Rung, ...]:
    """Sizes of whole multiples of the equity, and the advised size, ascending."""
    wager = task.wager
    most = task.instrument.maximum_leverage
    sizes = {
        task.equity * multiple // wager.entry_price // task.step * task.step
        for multiple in (*(each for each in SETTINGS if each < most), most)
    }
    return tuple(_rung(task, rule, size) for size in sorted(sizes | {advised}) if size)


def _rung(task: SizeTask, rule: MarginRule, size: int) -> Rung:
    wager = task.wager
    notional = size * wager.entry_price
    return Rung(
        of_equity=Fraction(notional, task.equity),
        notional=notional,
        calm=task.calm_exit.exit(size),
        stressed=wager.exit_book.exit(size),
        hours=exit_hours(Fraction(notional), task.volume, task.participation),
        funding=loss_at_stop(wager, size).funding,
        by_tiers=rule.most_leverage(notional),
        by_liquidity=liquidity_leverage(rule, wager, size),
    )


def _settings(task: SizeTask, rule: MarginRule, size: int) -> tuple[SettingRow, ...]:
    wager = task.wager
    notional = size * wager.entry_price
    rows = []
    most = rule.most_leverage(notional)
    setting = best_setting(rule, wager, size, task.equity, task.clearance)
    shown = {each for each in (*SETTINGS, most, setting) if each is not None and each <= most}
    for leverage in sorted(shown):
        margin = rule.initial(notional, leverage)
        price = liquidation_price(rule, wager, size, margin)
        side = 1 if wager.is_long else -1
        rows.append(
            SettingRow(
                leverage=leverage,
                margin=margin,
                price=price,
                distance=None
                if price is None
                else side * (wager.entry_price - price) / wager.entry_price,
                clear_of_stop=is_beyond_stop(rule, wager, size, margin, task.clearance),
                can_open=margin <= task.equity,
            )
        )
    return tuple(rows)
