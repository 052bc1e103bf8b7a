"""What is assumed of a market where nothing is said: traded volume, volatility, funding.

Volume and volatility follow the market's maximum leverage, because venues grant leverage by
liquidity. Their source: recorded hourly candles of 14 coins, 2024-09 to 2025-07 (40x: BTC; 25x:
ETH; 20x: SOL and XRP; 10x: eight coins from AVAX to kPEPE; less: WIF and PURR; see
docs/commands/size.md for the venue). Volume is the median day of the least traded coin of each
group, volatility the median of the group, from hourly returns.
"""

from fractions import Fraction

from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, Rulebook
from seawall.domain.units import FUNDING_ONE

DEFAULT_TRADING = (
    (40, 1_770_000_000, 0.49),
    (25, 1_070_000_000, 0.73),
    (20, 90_000_000, 0.97),
    (10, 9_400_000, 1.28),
    (0, 1_800_000, 2.0),
)
"""Least maximum leverage, USD traded in a day, volatility a year."""

USUAL_FUNDING = Fraction(1, 80_000)
"""0.01 % per 8 hours, in an hour: the interest that most perpetuals pay when nothing pulls."""


def default_volume(listed: Instrument) -> Fraction:
    """USD traded in a day. ``listed``: the market as its venue lists it."""
    return Fraction(_row(listed)[1])


def default_volatility(listed: Instrument) -> float:
    """Standard deviation of a year's log return."""
    return _row(listed)[2]


def default_funding(rulebook: AnyRulebook) -> Fraction:
    """Fraction of notional an hour that longs pay: the interest of the rules, else the usual."""
    if isinstance(rulebook, Rulebook):
        policy = rulebook.funding
        hours = Fraction(policy.settlement_ms, 3_600_000)
        return Fraction(policy.interest, FUNDING_ONE) / policy.intervals_per_period / hours
    return USUAL_FUNDING


def _row(listed: Instrument) -> tuple[int, int, float]:
    return next(row for row in DEFAULT_TRADING if listed.maximum_leverage >= row[0])
