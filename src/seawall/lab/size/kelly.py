"""Kelly fractions and risk of ruin: how much to bet when the odds are known, which they are not.

Sources: J. L. Kelly, "A New Interpretation of Information Rate" (1956); E. O. Thorp, "The Kelly
Criterion in Blackjack, Sports Betting, and the Stock Market" (2006), sections 2, 3 and 7; W.
Feller, "An Introduction to Probability Theory and Its Applications", volume 1, chapter XIV.
"""

from math import exp, expm1, inf, isinf, log, log1p

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
    return share / kelly if kelly > 0.0 and not isinf(kelly) else inf
