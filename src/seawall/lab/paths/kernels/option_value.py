"""Black-76 as vector instructions: what one option is worth, in loops over lanes or scenarios.

With d1 = x / w + w / 2, d2 = d1 - w, x = ln(F / K) and w = volatility * sqrt(years)::

    call = F N(d1) - K N(d2),   put = call - F + K,   F exp(-d1^2 / 2) = K exp(-d2^2 / 2)

so that one exponential serves both distributions: N(-d) of a positive d is exp(-d^2 / 2) r(d), and
(d + 4) r(d) is a polynomial of degree 15 in (d - 4) / (d + 4) (Chebyshev nodes, from 40 digits),
with an error below 4e-12 of it. The value of an option has an error below 4e-12 of the strike or
the forward, whichever is less, besides the rounding of their difference.
"""

import numpy as np

from seawall.engine.compile import inline
from seawall.lab.paths.kernels.compiled import fused
from seawall.lab.paths.kernels.draws import exponential

LEAST_SPREAD = 1e-12
"""Of w: what has no time or no volatility left is worth what exercising it now would bring."""
_FARTHEST = 37.0
"""Where exp(-d^2 / 2) is 1e-297."""
_ROOT_HALF = np.int64(0x3FE6A09E667F3BCD)
_EXPONENT = np.int64(-(1 << 52))
_BITS = np.int64(52)
_MAGIC_WORD, _MAGIC = np.int64(0x4338000000000000), 6755399441055744.0
_LOG_2_HIGH, _LOG_2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10


@inline
def logarithm(value: float) -> float:
    """Of a positive normal number, with an error below 1e-15, or 3e-16 of it where that is more."""
    word = np.float64(value).view(np.int64)
    above = word - _ROOT_HALF
    power = np.int64((above >> _BITS) + _MAGIC_WORD).view(np.float64) - _MAGIC
    m = np.int64(word - (above & _EXPONENT)).view(np.float64)
    # ln m = 2 artanh(s), with |s| up to 0.1716.
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    p = fused(q, 2.0 / 19.0, 2.0 / 17.0)
    p = fused(q, p, 2.0 / 15.0)
    p = fused(q, p, 2.0 / 13.0)
    p = fused(q, p, 2.0 / 11.0)
    p = fused(q, p, 2.0 / 9.0)
    p = fused(q, p, 2.0 / 7.0)
    p = fused(q, p, 2.0 / 5.0)
    p = fused(q, p, 2.0 / 3.0)
    rest = fused(s * q, p, 2.0 * s)
    return fused(power, _LOG_2_HIGH, fused(power, _LOG_2_LOW, rest))


@inline
def _tail(inverse: float) -> float:
    """exp(d^2 / 2) N(-d) of a positive d, of which ``inverse`` is 1 / (d + 4)."""
    t = fused(-8.0, inverse, 1.0)
    p = fused(t, 5.201109161134811e-07, -8.144379535224292e-08)
    p = fused(t, p, -5.1346517807360235e-06)
    p = fused(t, p, 5.398469511419535e-08)
    p = fused(t, p, 3.4457374860608096e-05)
    p = fused(t, p, -1.4298248515842722e-06)
    p = fused(t, p, -0.00023074458658953753)
    p = fused(t, p, 0.00013314076819028747)
    p = fused(t, p, 0.001630715938481942)
    p = fused(t, p, -0.003479643800633881)
    p = fused(t, p, -0.00754017294669307)
    p = fused(t, p, 0.06039656909266816)
    p = fused(t, p, -0.18652185908859448)
    p = fused(t, p, 0.3871374010090407)
    p = fused(t, p, -0.6078966419486187)
    p = fused(t, p, 0.7552851304137214)
    return p * inverse


@inline
def call_value(
    forward: float, strike: float, distance: float, spread: float, inverse_spread: float
) -> float:
    """USD of one call on one coin, without interest.

    ``distance``: ln(forward / strike); ``spread``: w, at least ``LEAST_SPREAD``, and its inverse.
    """
    d1 = fused(distance, inverse_spread, 0.5 * spread)
    d1 = min(max(d1, -_FARTHEST), _FARTHEST)
    d2 = d1 - spread
    far1, far2 = abs(d1) + 4.0, abs(d2) + 4.0
    both = 1.0 / (far1 * far2)
    height = forward * exponential(-0.5 * d1 * d1)
    tail1, tail2 = height * _tail(both * far2), height * _tail(both * far1)
    first = forward - tail1 if d1 > 0.0 else tail1
    second = strike - tail2 if d2 > 0.0 else tail2
    return first - second


@inline
def call_delta(distance: float, spread: float, inverse_spread: float) -> float:
    """The derivative of ``call_value`` by the forward; that of a put is 1 less."""
    d1 = fused(distance, inverse_spread, 0.5 * spread)
    d1 = min(max(d1, -_FARTHEST), _FARTHEST)
    tail = exponential(-0.5 * d1 * d1) * _tail(1.0 / (abs(d1) + 4.0))
    return 1.0 - tail if d1 > 0.0 else tail


@inline
def option_value(call: float, forward: float, strike: float, is_call: float) -> float:
    """The call, or by parity the put; never below 0. ``is_call``: 1 or 0."""
    worth = call - (1.0 - is_call) * (forward - strike)
    return max(worth, 0.0)


@inline
def intrinsic(spot: float, strike: float, is_call: float) -> float:
    """USD that exercising one option brings."""
    gain = spot - strike
    return max(0.0, gain if is_call > 0.5 else -gain)
