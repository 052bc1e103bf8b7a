"""Kelly fractions and risk of ruin: how much to bet when the odds are known, which they are not,
and what edge it would take to deserve the advised size.

Sources: J. L. Kelly, "A New Interpretation of Information Rate" (1956); E. O. Thorp, "The Kelly
Criterion in Blackjack, Sports Betting, and the Stock Market" (2006), sections 2, 3 and 7; W.
Feller, "An Introduction to Probability Theory and Its Applications", volume 1, chapter XIV.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import exp, expm1, inf, isinf, log, log1p

from msgspec import Struct

from seawall.domain.units import FUNDING_ONE
from seawall.lab.size.advice import HOURS_PER_YEAR, Advice, Odds, SizeTask

SHARES = (0.25, 0.5, 1.0, 1.5, 2.0)
"""Multiples of Kelly that are shown; from twice Kelly on, nothing grows."""
ABOVE_EVEN = (0.0, 0.025, 0.05, 0.10, 0.20)
"""Win rates that are shown where none is given: so much above the one that breaks even."""
NO_KELLY = 1e-12
"""At the rate that breaks even, Kelly is 0 but for the noise of a float."""
_STEPS = 200
"""Halvings of an interval: more than a float can tell apart."""


def discrete_kelly(win_rate: float, payoff: float) -> float:
    """Share of equity to risk on a bet that wins ``payoff`` times the stake, else loses it.

    f* = p - (1 - p) / b (Kelly 1956; Thorp 2006, section 2). Not above zero where there is no edge.
    """
    return win_rate - (1.0 - win_rate) / payoff


def discrete_growth(share: float, win_rate: float, payoff: float) -> float:
    """Expected log growth of equity per bet: p ln(1 + b f) + (1 - p) ln(1 - f)."""
    if share >= 1.0:
        return -inf if win_rate < 1.0 else log1p(payoff * share)
    return win_rate * log1p(payoff * share) + (1.0 - win_rate) * log1p(-share)


def continuous_kelly(drift: float, volatility: float) -> float:
    """Leverage of fastest growth: f* = mu / sigma^2 (Thorp 2006, section 7), both per year.

    ``drift``: expected return of the position without leverage, less what holding it costs.
    """
    return drift / volatility**2


def continuous_growth(leverage: float, drift: float, volatility: float) -> float:
    """Expected log growth a year at constant leverage: f mu - f^2 sigma^2 / 2."""
    return leverage * drift - leverage**2 * volatility**2 / 2.0


def ruin_of_unit_bets(win_rate: float, units: float) -> float:
    """Probability of ever losing ``units`` stakes at even money and a constant stake.

    ((1 - p) / p)^n, and 1 without an edge: the gambler's ruin (Feller, chapter XIV, section 2).
    """
    if win_rate <= 0.5:
        return 1.0
    return float(((1.0 - win_rate) / win_rate) ** units)


def fall_probability(remaining: float, kelly_multiple: float) -> float:
    """Probability that equity ever falls to ``remaining`` of itself, betting a multiple of Kelly.

    x^(2 / f - 1) for f < 2 (Thorp 2006, section 7), 1 from twice Kelly on: growth is not positive
    there. Continuous betting, constant odds.
    """
    if kelly_multiple <= 0.0:
        return 0.0
    if kelly_multiple >= 2.0:
        return 1.0
    return float(remaining ** (2.0 / kelly_multiple - 1.0))


def reach_first_probability(up: float, down: float, kelly_multiple: float) -> float:
    """Probability of reaching ``up`` > 1 times equity before ``down`` < 1 of it.

    (1 - down^e) / (1 - (down / up)^e) with e = 2 / f - 1 (Thorp 2006, section 7).
    """
    if kelly_multiple <= 0.0:
        return 0.0
    exponent = 2.0 / kelly_multiple - 1.0
    if exponent == 0.0:
        return log(down) / (log(down) - log(up))
    return expm1(exponent * log(down)) / expm1(exponent * (log(down) - log(up)))


def fall_bound(remaining: float, share: float, win_rate: float, payoff: float) -> float:
    """Bound of the probability that equity ever falls to ``remaining``, betting a constant share.

    Equity's logarithm walks by ln(1 + b f) or ln(1 - f); with r > 0 the root of
    p (1 + b f)^-r + (1 - p) (1 - f)^-r = 1 the probability is at most x^r (Lundberg's inequality).
    The overshoot of the last bet is all that makes it less. 1 where growth is not positive.
    """
    if share <= 0.0:
        return 0.0
    if discrete_growth(share, win_rate, payoff) <= 0.0:
        return 1.0
    if win_rate >= 1.0:
        return 0.0
    up, down = log1p(payoff * share), log1p(-share)

    def excess(r: float) -> float:
        return win_rate * exp(-r * up) + (1.0 - win_rate) * exp(min(-r * down, 700.0)) - 1.0

    low, high = 0.0, 1.0
    while excess(high) < 0.0:
        low, high = high, 2.0 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if excess(middle) < 0.0 else (low, middle)
    return float(remaining**low)


def losses_in_a_row(remaining: float, share: float) -> float:
    """Bets lost in a row until equity is down to ``remaining``: ln x / ln(1 - f)."""
    if share <= 0.0:
        return inf
    if share >= 1.0:
        return 1.0
    return log(remaining) / log1p(-share)


def multiple_of_kelly(share: float, kelly: float) -> float:
    """How many times Kelly a share is; infinite where Kelly says not to bet."""
    return share / kelly if kelly > 0.0 else inf


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
