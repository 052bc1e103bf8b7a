"""Black-76: prices and greeks of European options on a forward.

    d1 = (ln(F / K) + v^2 T / 2) / (v sqrt(T)),   d2 = d1 - v sqrt(T)
    call = D (F N(d1) - K N(d2)),   put = D (K N(-d2) - F N(-d1)),   D = exp(-r T)

Black, F. (1976), "The pricing of commodity contracts". Arrays in, arrays out, shapes as NumPy
broadcasts them: forward and strike in USD, years to expiry, volatility and rate as fractions a
year. An option without time or without volatility is worth what exercising it now would bring.
"""

import math

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from seawall.lab.arrays import Floats, Mask

Numbers = float | Floats
Flags = bool | Mask

_ROOT_2 = math.sqrt(2.0)
_ROOT_2_PI = math.sqrt(2.0 * math.pi)


class Greeks(Struct, frozen=True, kw_only=True, eq=False):
    """Derivatives of the price of one option, each an array.

    ``delta``: by the forward; ``gamma``: of delta by the forward; ``vega``: by the volatility (1.0
    is 100 %); ``theta``: a year that passes, the forward standing still.
    """

    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats


def normal(x: ArrayLike) -> Floats:
    """The cumulative distribution of the standard normal, to the last digits of a float."""
    numbers = np.asarray(x, np.float64)
    # erfc keeps its digits in the tails, where 1 + erf would lose them.
    found = [0.5 * math.erfc(-each / _ROOT_2) for each in numbers.ravel().tolist()]
    return np.asarray(found).reshape(numbers.shape)


def price(
    is_call: Flags,
    forward: Numbers,
    strike: Numbers,
    volatility: Numbers,
    years: Numbers,
    rate: Numbers = 0.0,
) -> Floats:
    """USD of one option on one coin."""
    # A put is a call seen from the other side: both sums change their sign.
    sign = np.where(is_call, 1.0, -1.0)
    d1, d2 = _distances(forward, strike, volatility, years)
    worth = sign * (forward * normal(sign * d1) - strike * normal(sign * d2))
    found: Floats = np.exp(-np.asarray(rate) * years) * np.maximum(worth, 0.0)
    return found


def greeks(
    is_call: Flags,
    forward: Numbers,
    strike: Numbers,
    volatility: Numbers,
    years: Numbers,
    rate: Numbers = 0.0,
) -> Greeks:
    """Derivatives of ``price``; 0 where there is no curvature left."""
    forward, strike, volatility, years, rate = (
        np.asarray(each, np.float64) for each in (forward, strike, volatility, years, rate)
    )
    sign = np.where(is_call, 1.0, -1.0)
    discount = np.exp(-rate * years)
    d1, _ = _distances(forward, strike, volatility, years)
    density = np.exp(-0.5 * d1**2) / _ROOT_2_PI
    spread = volatility * np.sqrt(years)
    worth = price(is_call, forward, strike, volatility, years, rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        gamma = np.where(spread > 0, discount * density / (forward * spread), 0.0)
        decay = np.where(
            years > 0, discount * forward * density * volatility / (2 * np.sqrt(years)), 0.0
        )
    return Greeks(
        delta=discount * sign * normal(sign * d1),
        gamma=gamma,
        vega=discount * forward * density * np.sqrt(years),
        theta=rate * worth - decay,
    )


def _distances(
    forward: Numbers, strike: Numbers, volatility: Numbers, years: Numbers
) -> tuple[Floats, Floats]:
    """(d1, d2); both infinite, or 0 at the money, where nothing is left to move."""
    spread = np.asarray(volatility, np.float64) * np.sqrt(years)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.log(np.asarray(forward, np.float64) / strike)
        d1 = np.where(spread > 0, far / spread + 0.5 * spread, np.sign(far) * np.inf)
    d1 = np.where((spread <= 0) & (far == 0), 0.0, d1)
    return d1, np.where(spread > 0, d1 - spread, d1)
