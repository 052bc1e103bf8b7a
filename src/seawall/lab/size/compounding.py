"""What becomes of an account over many trades like this one, at each leverage: exactly.

Trades are independent, win with one probability, and are as large a multiple of the equity each
time. After n trades of which k won, the equity is

    (1 + u)^k (1 - d)^(n - k)

times that of the start, with u what a winner adds and d what a loser takes. So the state of an
account is k alone, and the state of a drawdown is how many trades won and lost since the highest
equity: both are followed trade by trade with their probabilities. Nothing is drawn at random.

An account stops when it has lost its risk capital; what it has then is what it ends with.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from msgspec import Struct

from seawall.lab.arrays import Floats
from seawall.lab.size.advice import SETTINGS, Advice, SizeTask
from seawall.lab.size.margin import MarginRule, margin_rule
from seawall.lab.size.sizing import is_beyond_stop, loss_at_stop

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
ROUNDED_OFF = 1e-12
"""At the highest equity again, but for the rounding of floats."""


class Stake(Struct, frozen=True):
    """What one trade does to the equity: shares of it. ``loss`` 1: the loser takes all of it."""

    leverage: float
    win: float
    loss: float


class CompoundRow(Struct, frozen=True, kw_only=True):
    """An account after all trades at one leverage; equity as a multiple of that of the start.

    ``survival``: that its risk capital is never lost. ``drawdown``: that it falls further from its
    highest equity than it may. ``losing``: that it ends with less than at the start.
    """

    stake: Stake
    survival: float
    drawdown: float
    losing: float
    worst: float
    median: float
    best: float


class Moment(Struct, frozen=True, kw_only=True):
    """After so many trades: quantiles of the equity (``QUANTILES``), and who has not stopped."""

    trades: int
    quantiles: Sequence[float]
    survival: float


class Compounding(Struct, frozen=True, kw_only=True):
    """``rows``: by leverage, ascending; ``advised``: the leverage of the advised size.

    ``course``: that size from trade to trade. ``risk_share``: of the equity, the risk capital.
    """

    trades: int
    win_rate: float
    risk_share: float
    max_drawdown: float
    advised: float
    rows: Sequence[CompoundRow]
    course: Sequence[Moment]


def compounding_of(task: SizeTask, advice: Advice) -> Compounding | None:
    """The account of the task over its trades. None without a win rate, or without a size."""
    odds = task.odds
    if odds.win_rate is None or advice.loss is None:
        return None
    rule = margin_rule(task.rulebook, task.instrument)
    advised = float(Fraction(advice.notional(task), task.equity))
    most = rule.most_leverage(advice.notional(task))
    gain = odds.payoff * float(Fraction(advice.loss.total, advice.notional(task)))
    leverages = sorted({advised, *(float(each) for each in SETTINGS if each <= most)})
    stakes = [_stake(task, rule, each, gain) for each in leverages]
    risk = float(Fraction(task.risk_capital, task.equity))
    return Compounding(
        trades=odds.trades,
        win_rate=odds.win_rate,
        risk_share=risk,
        max_drawdown=odds.max_drawdown,
        advised=advised,
        rows=[_row(each, odds.win_rate, odds.trades, risk, odds.max_drawdown) for each in stakes],
        course=course(_stake(task, rule, advised, gain), odds.win_rate, odds.trades, risk),
    )


def _stake(task: SizeTask, rule: MarginRule, leverage: float, gain: float) -> Stake:
    """``gain``: what a winner brings, as a share of its notional."""
    trade, backing = task.trade, task.backing
    size = max(1, int(task.equity * leverage) // trade.entry_price)
    margin = backing.equity - backing.others_maintenance
    loss = float(Fraction(loss_at_stop(trade, size).total, task.equity))
    if not is_beyond_stop(rule, trade, size, margin, Fraction(0)):
        loss = 1.0
    return Stake(leverage, gain * leverage, min(1.0, loss))


def _row(stake: Stake, win_rate: float, trades: int, risk: float, most: float) -> CompoundRow:
    last = course(stake, win_rate, trades, risk)[-1]
    values, chances = ends(stake, win_rate, trades, risk)
    return CompoundRow(
        stake=stake,
        survival=last.survival,
        drawdown=drawdown_probability(stake, win_rate, trades, most),
        losing=float(chances[values < 1.0 - ROUNDED_OFF].sum()),
        worst=last.quantiles[0],
        median=last.quantiles[2],
        best=last.quantiles[-1],
    )


def course(stake: Stake, win_rate: float, trades: int, risk: float) -> list[Moment]:
    """The equity from the start on, after each trade. ``risk``: the share that may be lost."""
    moments = []
    for number, (values, chances, alive) in enumerate(_states(stake, win_rate, trades, risk)):
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(chances[order])
        places = np.searchsorted(reached, np.asarray(QUANTILES) * reached[-1])
        found = values[order][np.minimum(places, len(values) - 1)]
        moments.append(Moment(trades=number, quantiles=found.tolist(), survival=alive))
    return moments


def ends(stake: Stake, win_rate: float, trades: int, risk: float) -> tuple[Floats, Floats]:
    """(n,) equities in the end and their probabilities."""
    *_, (values, chances, _) = _states(stake, win_rate, trades, risk)
    return values, chances


def _states(
    stake: Stake, win_rate: float, trades: int, risk: float
) -> Sequence[tuple[Floats, Floats, float]]:
    """Equities, their probabilities and the share that has not stopped, after each trade."""
    floor = 1.0 - risk + ROUNDED_OFF
    wins = np.arange(trades + 1)
    alive = np.zeros(trades + 1)
    alive[0] = 1.0
    stopped: list[tuple[float, float]] = []
    found = [(np.ones(1), np.ones(1), 1.0)]
    for number in range(1, trades + 1):
        alive = alive * (1.0 - win_rate) + np.concatenate([[0.0], alive[:-1]]) * win_rate
        losses = np.maximum(number - wins, 0)
        values = (1.0 + stake.win) ** wins * (1.0 - stake.loss) ** losses
        out = (values <= floor) & (alive > 0.0)
        stopped += zip(values[out].tolist(), alive[out].tolist(), strict=True)
        alive = np.where(out, 0.0, alive)
        some = alive > 0.0
        gone = np.asarray(stopped).reshape(-1, 2)
        found.append(
            (
                np.concatenate([gone[:, 0], values[some]]),
                np.concatenate([gone[:, 1], alive[some]]),
                float(alive.sum()),
            )
        )
    return found


def drawdown_probability(stake: Stake, win_rate: float, trades: int, most: float) -> float:
    """That the equity is ever ``most`` of its highest so far below it, at some trade's end."""
    count = np.arange(trades + 1)
    # The share of the highest equity after so many lost (rows) and won (columns) since.
    left = (1.0 - stake.loss) ** count[:, None] * (1.0 + stake.win) ** count[None, :]
    is_peak, is_hit = left >= 1.0 - ROUNDED_OFF, left <= 1.0 - most + ROUNDED_OFF
    chances = np.zeros((trades + 1, trades + 1))
    chances[0, 0] = 1.0
    hit = 0.0
    for _ in range(trades):
        moved = np.zeros_like(chances)
        moved[:, 1:] += chances[:, :-1] * win_rate
        moved[1:, :] += chances[:-1, :] * (1.0 - win_rate)
        peak = float(moved[is_peak].sum())
        moved[is_peak] = 0.0
        hit += float(moved[is_hit].sum())
        moved[is_hit] = 0.0
        moved[0, 0] = peak
        chances = moved
    return hit
