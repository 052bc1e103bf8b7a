"""Kelly, fixed fraction and ruin beside the advised size: what edge it would take to deserve it."""

from collections.abc import Sequence
from fractions import Fraction
from math import isinf

from msgspec import Struct

from seawall.domain.units import FUNDING_ONE
from seawall.lab.size.advice import HOURS_PER_YEAR, Advice, Odds, SizeTask
from seawall.lab.size.kelly import (
    continuous_growth,
    continuous_kelly,
    discrete_growth,
    discrete_kelly,
    fall_bound,
    fall_probability,
    losses_in_a_row,
    multiple_of_kelly,
    reach_first_probability,
    ruin_of_unit_bets,
)

SHARES = (0.25, 0.5, 1.0, 1.5, 2.0)
"""Multiples of Kelly that are shown; from twice Kelly on, nothing grows."""
ABOVE_EVEN = (0.0, 0.025, 0.05, 0.10, 0.20)
"""Win rates that are shown where none is given: so much above the one that breaks even."""
NO_KELLY = 1e-12
"""At the rate that breaks even, Kelly is 0 but for the noise of a float."""


class DriftRow(Struct, frozen=True, kw_only=True):
    """Betting a share of Kelly on a drift: f* = mu / sigma^2. ``edge``, ``growth``: a year."""

    share: float
    leverage: float
    edge: float
    growth: float
    fall_probability: float
    doubled_before_halved: float | None


class TradeRow(Struct, frozen=True, kw_only=True):
    """Kelly of single trades at one win rate: f* = p - (1 - p) / b, negative without an edge.

    ``risked_of_kelly``: None where Kelly is not to bet. ``fall_bound``: at most so likely does
    equity ever fall to the remaining share. ``ruin_at_constant_stake``: only at even money.
    """

    win_rate: float
    kelly_share: float
    chosen_share: float
    risked_share: float
    risked_of_kelly: float | None
    growth_a_trade: float
    fall_bound: float
    ruin_at_constant_stake: float | None


class Kelly(Struct, frozen=True, kw_only=True):
    """The advised size beside Kelly. Shares of equity or of notional, rates a year.

    ``leverage``: notional over equity. ``risked_share``: what being wrong costs over equity. From
    ``edge`` to ``chosen_fall_probability``: None where no edge is given.
    """

    volatility: float
    funding_a_year: float
    leverage: float
    edge_for_all_of_kelly: float
    risked_share: float
    payoff: float
    break_even_win_rate: float
    remaining: float
    losses_in_a_row: float
    edge: float | None = None
    kelly_leverage: float | None = None
    chosen_leverage: float | None = None
    multiple_of_kelly: float | None = None
    growth_a_year: float | None = None
    fall_probability: float | None = None
    chosen_fall_probability: float | None = None
    drifts: Sequence[DriftRow]
    trades: Sequence[TradeRow]


def kelly_of(task: SizeTask, advice: Advice) -> Kelly:
    """Where the advised size stands."""
    odds = task.odds
    leverage = float(Fraction(advice.notional(task), task.equity))
    risked = 0.0 if advice.loss is None else advice.loss.total / task.equity
    cost = task.trade.funding_rate / FUNDING_ONE * HOURS_PER_YEAR
    even = 1.0 / (1.0 + odds.payoff)
    rates = [even + more for more in ABOVE_EVEN if even + more < 1.0]
    if odds.win_rate is not None:
        rates = [odds.win_rate]
    return Kelly(
        volatility=odds.volatility,
        funding_a_year=cost,
        leverage=leverage,
        edge_for_all_of_kelly=leverage * odds.volatility**2 + cost,
        risked_share=risked,
        payoff=odds.payoff,
        break_even_win_rate=even,
        remaining=odds.remaining,
        losses_in_a_row=losses_in_a_row(odds.remaining, risked),
        drifts=[_drift(odds, each, leverage, cost) for each in sorted({*SHARES, odds.kelly_share})],
        trades=[_trade(odds, each, risked) for each in rates],
        **({} if odds.edge is None else _of_edge(odds, odds.edge, leverage, cost)),
    )


def _of_edge(odds: Odds, edge: float, leverage: float, cost: float) -> dict[str, float]:
    kelly = continuous_kelly(edge - cost, odds.volatility)
    multiple = multiple_of_kelly(leverage, kelly)
    chosen = fall_probability(odds.remaining, odds.kelly_share) if kelly > 0.0 else 0.0
    return {
        "edge": edge,
        "kelly_leverage": kelly,
        "chosen_leverage": odds.kelly_share * kelly,
        "multiple_of_kelly": multiple,
        "growth_a_year": continuous_growth(leverage, edge - cost, odds.volatility),
        "fall_probability": fall_probability(odds.remaining, multiple),
        "chosen_fall_probability": chosen,
    }


def _drift(odds: Odds, share: float, leverage: float, cost: float) -> DriftRow:
    """Without an edge: the edge at which the advised size is this share of Kelly."""
    if odds.edge is None:
        drift = leverage * odds.volatility**2 / share
    else:
        drift = odds.edge - cost
        leverage = share * continuous_kelly(drift, odds.volatility)
    pays = leverage > 0.0
    return DriftRow(
        share=share,
        leverage=max(leverage, 0.0),
        edge=drift + cost,
        growth=continuous_growth(leverage, drift, odds.volatility) if pays else 0.0,
        fall_probability=fall_probability(odds.remaining, share) if pays else 0.0,
        doubled_before_halved=reach_first_probability(2.0, 0.5, share) if pays else None,
    )


def _trade(odds: Odds, rate: float, risked: float) -> TradeRow:
    kelly = discrete_kelly(rate, odds.payoff)
    multiple = multiple_of_kelly(risked, kelly if kelly > NO_KELLY else 0.0)
    stakes = (1.0 - odds.remaining) / risked if risked else None
    ruin = 0.0 if stakes is None else ruin_of_unit_bets(rate, stakes)
    return TradeRow(
        win_rate=rate,
        kelly_share=kelly,
        chosen_share=odds.kelly_share * kelly,
        risked_share=risked,
        risked_of_kelly=None if isinf(multiple) else multiple,
        growth_a_trade=discrete_growth(risked, rate, odds.payoff),
        fall_bound=fall_bound(odds.remaining, risked, rate, odds.payoff),
        ruin_at_constant_stake=ruin if odds.payoff == 1.0 else None,
    )
