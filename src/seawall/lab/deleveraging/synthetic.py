"""The built-in wave: one bankrupt long in BTC, as the evening of 10 October 2025 had many.

Everything is drawn from the seed. Its proportions are near what was recorded that evening, where a
deleveraging fill was on average 1.0 % of its notional worse than the mark, the median winner owned
4.4 times the profit, and a few held most.
"""

import numpy as np

from seawall.lab.deleveraging.wave import DeleveragingWave, Winners

MARK_USD = 108_000.0
CLOSE_ABOVE = 0.0125
"""The bankruptcy price above the mark, as a share of it."""
LATER_BELOW = 0.035
"""How much further the price falls."""
CLOSED_SHARE = 0.35
"""Of what the winners hold."""
STEP = 0.00001
WINNERS = 400
_MEDIAN_USD = 40_000.0
_SIZE_SIGMA = 2.0
_MEDIAN_GAIN = 0.09
_GAIN_SIGMA = 0.6
_MEDIAN_LEVERAGE = 3.0
_LEVERAGE_SIGMA = 0.9
_LARGEST_LEVERAGE = 40.0


def synthetic_wave(seed: int) -> DeleveragingWave:
    """``WINNERS`` shorts of log-normal size, gain and leverage, and a long to be closed."""
    random = np.random.default_rng(seed)
    usd = _MEDIAN_USD * np.exp(_SIZE_SIGMA * random.standard_normal(WINNERS))
    gain = _MEDIAN_GAIN * np.exp(_GAIN_SIGMA * random.standard_normal(WINNERS))
    drawn = _MEDIAN_LEVERAGE * np.exp(_LEVERAGE_SIGMA * random.standard_normal(WINNERS))
    size = np.maximum(1.0, np.round(usd / MARK_USD / STEP)) * STEP
    notional = size * MARK_USD
    return DeleveragingWave(
        name="built-in",
        winners=Winners(
            size=size,
            entry_price=MARK_USD * (1 + gain),
            equity=notional / np.minimum(_LARGEST_LEVERAGE, drawn),
        ),
        closes_longs=True,
        size=float(np.round(CLOSED_SHARE * size.sum() / STEP) * STEP),
        mark_price=MARK_USD,
        close_price=MARK_USD * (1 + CLOSE_ABOVE),
        later_price=MARK_USD * (1 - LATER_BELOW),
        step=STEP,
    )
