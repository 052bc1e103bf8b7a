"""Ruin of the advised trade by holding time, leverage and depth of the book; and the buffer.

Ruin: at some moment until then the money behind the trade has lost the risk capital, the ways in
and out included. The trade stands alone in a bucket of its own; its prices, funding and
liquidation are those of ``lab/paths``. All leverages take the same paths, and a shorter time is
the beginning of a longer one, so that differences come from leverage, time and depth alone. Equity
is looked at every minute. The share of the depth decides what leaving costs, with its fee; a
liquidation on the way meets all of it.

The buffer is what a cross pool keeps free beside the margin of its positions so that it is not
liquidated more often than is accepted: the account with the trade, on more and less money.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.accounts.valuation import valuation_of
from seawall.domain.enums import MarginMode
from seawall.domain.errors import InputError
from seawall.domain.events import group_of_pool
from seawall.domain.holdings import Holdings, Position
from seawall.domain.units import MICRO
from seawall.engine.account_view import account_margins
from seawall.engine.placement import write_prices
from seawall.lab.arrays import Mask
from seawall.lab.market.assumption_sheets import Used
from seawall.lab.paths.estimates import Estimate, share
from seawall.lab.paths.kernels.simulate import MarginFan, margin_fan
from seawall.lab.paths.kernels.task import PathTask
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathSetup, path_setup
from seawall.lab.paths.statistics import first_liquidation
from seawall.lab.size.account import Place
from seawall.lab.size.advice import SETTINGS, Advice, SizeTask
from seawall.lab.size.margin import margin_rule
from seawall.lab.size.sizing import exit_cost_share, loss_at_stop

PATHS = 2_000
HORIZONS_H = (1, 4, 24, 72, 168)
"""Hours; the last one is simulated."""
STEP_S = 60
CLOSE_ENOUGH = Fraction(1, 100)
"""Of the notional: how well a buffer is known."""
MOST_MONEY = 4
"""Times the notional: a pool with more is not liquidated by any price that counts."""


class Cell(Struct, frozen=True, kw_only=True):
    """The probability of ruin. ``depth``: share of the book that is left when the trade leaves."""

    hours: int
    depth: Fraction
    leverage: int
    ruin: Estimate


class Best(Struct, frozen=True, kw_only=True):
    """The highest leverage of those shown whose ruin is accepted; None where none is."""

    hours: int
    depth: Fraction
    leverage: int | None


class Buffer(Struct, frozen=True, kw_only=True):
    """The pool with the trade, micro-USD. ``needed``: the equity that keeps the probability of a
    liquidation within what is accepted; None where no money does. ``initial``: margin in use.

    ``now``: the probability as it is; ``then``: with the needed equity.
    """

    equity: int
    initial: int
    needed: int | None
    now: Estimate
    then: Estimate | None

    @property
    def free(self) -> int | None:
        """What to keep free beside the margin in use."""
        return None if self.needed is None else max(0, self.needed - self.initial)

    @property
    def missing(self) -> int | None:
        """What has to be added; below zero: what could be taken out."""
        return None if self.needed is None else self.needed - self.equity


class Horizons(Struct, frozen=True, kw_only=True):
    """``cells``: by hours, depth and leverage. ``accepted``: the probability of ruin. ``used``: of
    the assumptions."""

    accepted: float
    cells: Sequence[Cell]
    best: Sequence[Best]
    buffer: Buffer | None
    notes: Sequence[str]
    used: Sequence[Used]


def horizons_of(
    place: Place, task: SizeTask, advice: Advice, after: Account, accepted: float
) -> Horizons:
    """Both answers for the advised size. ``after``: the account once the trade is made."""
    cells, used = _cells(place, task, advice)
    keys = dict.fromkeys((each.hours, each.depth) for each in cells)
    best = [_best(cells, hours, depth, accepted) for hours, depth in keys]
    notes: list[str] = []
    buffer = None
    try:
        setup = path_setup(after, paths=PATHS, hours=task.horizon_hours, **task.simulated)
        buffer = buffer_of(setup, accepted, place.market)
        used.append(setup.used)
    except InputError as error:
        notes.append(f"The buffer is not searched: {error}.")
    return Horizons(
        accepted=accepted, cells=cells, best=best, buffer=buffer, notes=notes, used=used
    )  # fmt: skip


def _best(cells: Sequence[Cell], hours: int, depth: Fraction, accepted: float) -> Best:
    allowed = [
        each.leverage
        for each in cells
        if (each.hours, each.depth) == (hours, depth) and each.ruin.value <= accepted
    ]
    return Best(hours=hours, depth=depth, leverage=max(allowed, default=None))


def _cells(place: Place, task: SizeTask, advice: Advice) -> tuple[list[Cell], list[Used]]:
    """The cells, and what they read of the assumptions."""
    trade, size, notional = task.trade, advice.size, advice.notional(task)
    rule = margin_rule(task.rulebook, task.instrument)
    most = rule.most_leverage(notional)
    part = Fraction(task.risk_capital, task.equity)
    leverages = sorted({each for each in (*SETTINGS, most) if each <= most})
    stressed = trade.exit_book.depth
    depths = sorted({Fraction(1), Fraction(1, 10), stressed}, reverse=True)
    costs = [notional / MICRO * float(_leaving(task, size, each)) for each in depths]
    entry = loss_at_stop(trade, size)
    paid = entry.entry_fee + entry.entry_slippage
    found: dict[tuple[int, Fraction, int], Cell] = {}
    used: list[Used] = []
    for leverage in leverages:
        margin = rule.initial(notional, leverage)
        floor = float((1 - part) * margin / MICRO)
        fan = None
        if margin > paid:
            alone = _alone(place, trade.side * size, notional, leverage, margin - paid)
            setup = path_setup(
                alone, paths=PATHS, hours=HORIZONS_H[-1], step_seconds=STEP_S, **task.simulated
            )
            # Every hour, from the start on.
            fan = margin_fan(setup.task(), paths=PATHS, points=HORIZONS_H[-1])
            used = [setup.used]
        for hours in HORIZONS_H:
            for depth, cost in zip(depths, costs, strict=True):
                hit = np.ones(PATHS, bool) if fan is None else _ruined(fan, hours, cost, floor)
                found[hours, depth, leverage] = Cell(
                    hours=hours, depth=depth, leverage=leverage, ruin=share(hit, paired=False)
                )
    return [found[h, d, lev] for h in HORIZONS_H for d in depths for lev in leverages], used


def _leaving(task: SizeTask, size: int, depth: Fraction) -> Fraction:
    """What leaving through this share of the book costs, with its fee, of the value."""
    trade = structs.replace(task.trade, exit_book=task.calm_exit.stressed(depth), held=0)
    return exit_cost_share(trade, size)


def _ruined(fan: MarginFan, hours: int, cost: float, floor: float) -> Mask:
    """(n,) whether equity fell to the floor until then, or leaving would take it there. USD."""
    # What was liquidated has left already.
    is_open = fan.ratio[:, hours] < 1.0
    left = fan.equity[:, hours] - np.where(is_open, cost, 0.0)
    found: Mask = (fan.lowest[:, hours] <= floor) | (left <= floor)
    return found


def _alone(place: Place, signed: int, notional: int, leverage: int, margin: int) -> Account:
    """The trade in a bucket of its own, with nothing beside it."""
    position = Position(
        market=place.market, signed_size=signed, entry_notional=notional, mode=MarginMode.ISOLATED,
        leverage=leverage, isolated_margin=margin,
    )  # fmt: skip
    holdings = Holdings(name="the trade", collateral=0, positions=(position,))
    group = group_of_pool(place.pool)
    return place.account.replace(holdings=holdings.with_money(group, margin))


def buffer_of(setup: PathSetup, accepted: float, market: int) -> Buffer:
    """The buffer of the pool of a market over the horizon of the setup. Raises InputError.

    ``setup``: of the account once the trade is made.
    """
    after = setup.account
    valuation = valuation_of(after)
    pool = valuation.placed.pools[market]
    write_prices(valuation.engine, after.prices)
    shown = account_margins(valuation.engine, valuation.placed.account)[pool]
    group = group_of_pool(pool)
    runner = Runner(workers=1)

    def at(equity: int) -> Estimate:
        holdings = after.holdings.with_money(group, equity - shown.equity)
        return _pool_liquidated(setup, setup.task(holdings), runner)

    now = at(shown.equity)
    notional = sum(
        abs(each.signed_size) * after.prices[each.market]
        for each in after.positions
        if each.market in valuation.buckets[pool]
    )
    low, high = shown.initial_margin, max(shown.equity, MOST_MONEY * notional)
    then = at(high)
    if then.value > accepted:
        return Buffer(
            equity=shown.equity, initial=shown.initial_margin, needed=None, now=now, then=None
        )
    while high - low > max(1, int(CLOSE_ENOUGH * notional)):
        middle = (low + high) // 2
        tried = at(middle)
        if tried.value <= accepted:
            high, then = middle, tried
        else:
            low = middle
    return Buffer(
        equity=shown.equity, initial=shown.initial_margin, needed=high, now=now, then=then
    )


def _pool_liquidated(setup: PathSetup, task: PathTask, runner: Runner) -> Estimate:
    """That the pool is found under maintenance margin at some moment."""
    outcomes = runner.outcomes(task, "searching the buffer")
    pool = structs.replace(outcomes, first=outcomes.first[:, :1])
    return share(first_liquidation(pool) > 0, paired=False)
