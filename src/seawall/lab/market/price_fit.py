"""A price model from candles: method of moments, one number after the other, nothing searched.

* **Jumps** are steps of the base market (BTC where it is there) larger than ``JUMP_SIGMAS`` times
  the volatility of the week before. That volatility is bipower variation, pi/2 times the mean
  product of neighbouring absolute returns (Barndorff-Nielsen and Shephard 2004), which a single
  jump hardly moves. Each market's share of a jump is the slope of its returns on those of the base
  over these steps, through the origin. Jumps of a market alone stay in its volatility.
* **Volatility and correlation** are those of the steps without jumps, correlations pair by pair
  over the steps that both markets have, then made positive definite.
* **Volatility of volatility**: the log of a day's bipower volatility is the state v plus noise that
  is new each day, so only its autocovariances count: their means over the first week and over the
  three weeks after it (whole weeks, because weekends are quiet) give variance and half-life.
* **Funding**: mean and standard deviation by hour, the half-life from the autocorrelation at 24
  hours (a whole day, because of its daily pattern), the median of the markets.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from seawall.lab.arrays import Floats, Mask
from seawall.lab.market.candle_file import PathError
from seawall.lab.paths.kernels.task import SECONDS_PER_YEAR
from seawall.report.kinds import three_figures

JUMP_SIGMAS = 5.0
LEAST_RETURNS = 200
LEAST_JUMPS = 5
"""Fewer say nothing about the share that a market takes of a jump."""
LEAST_DAYS = 60
"""Fewer say nothing about how volatility changes from day to day."""
NEAR_DAYS = range(1, 8)
FAR_DAYS = range(8, 29)
SMALLEST_EIGENVALUE = 1e-6
LEAST_PAIRS = 48
"""Steps in common that a correlation needs."""
USUAL_CORRELATION = 0.6
"""Of markets without steps in common; assumed."""

_HALF_LIFE_DAYS = (0.5, 60.0)
_HALF_LIFE_HOURS = (1.0, 240.0)


class Returns(Struct, frozen=True, kw_only=True):
    """``values``: (n, m) log returns of steps in order, NaN where a market has none."""

    markets: Sequence[str]
    step_seconds: float
    values: Floats


class PriceFit(Struct, frozen=True, kw_only=True):
    """What candles say. m markets; a volatility is a fraction a year, jumps are log returns.

    ``volatility_of_volatility`` is None where the candles are too few to say.
    """

    markets: Sequence[str]
    volatility: Floats
    correlation: Floats
    jump_beta: Floats
    jump_rate: float
    jump_mean: float
    jump_std: float
    volatility_of_volatility: float | None
    volatility_half_life_days: float | None
    notes: Sequence[str] = ()


class FundingFit(Struct, frozen=True):
    """Hourly rates, fractions of notional that longs pay, by market; a half-life for all."""

    mean: Mapping[str, float]
    std: Mapping[str, float]
    half_life_hours: float | None


def fit(returns: Returns) -> PriceFit:
    """The price model of these returns. Raises PathError if they are too few."""
    counts = np.isfinite(returns.values).sum(axis=0)
    for market, count in zip(returns.markets, counts, strict=True):
        if count < LEAST_RETURNS:
            raise PathError(
                f"{market}: {count} candles in a row; a model needs at least {LEAST_RETURNS}"
            )
    base = returns.markets.index("BTC") if "BTC" in returns.markets else 0
    own = np.nan_to_num(returns.values[:, base])
    is_jump = jump_steps(own, round(7 * 86_400 / returns.step_seconds))
    calm = np.where(is_jump[:, None], np.nan, returns.values)
    volatility = np.sqrt(np.nanmean(calm**2, axis=0) * SECONDS_PER_YEAR / returns.step_seconds)
    if not (volatility > 0).all():
        still = returns.markets[int(np.argmin(volatility))]
        raise PathError(f"{still}: its price never moves; a model needs prices that do")
    correlation, notes = positive_definite(pair_correlations(calm))
    sizes = own[is_jump]
    years = int(counts[base]) * returns.step_seconds / SECONDS_PER_YEAR
    has_jumps = len(sizes) >= LEAST_JUMPS
    changes = volatility_changes(own, returns.step_seconds)
    return PriceFit(
        markets=tuple(returns.markets),
        volatility=volatility,
        correlation=correlation,
        jump_beta=_jump_shares(returns.values[is_jump], sizes, base, volatility, correlation),
        jump_rate=len(sizes) / years if has_jumps else 0.0,
        jump_mean=float(sizes.mean()) if has_jumps else 0.0,
        jump_std=float(sizes.std()) if has_jumps else 0.0,
        volatility_of_volatility=None if changes is None else changes[0],
        volatility_half_life_days=None if changes is None else changes[1],
        notes=notes,
    )


def jump_steps(values: Floats, window: int) -> Mask:
    """Whether each of n returns is a jump, judged by the ``window`` returns before it."""
    sizes = np.abs(values)
    products = np.concatenate([[0.0, 0.0], math.pi / 2 * sizes[1:] * sizes[:-1]])
    total = np.concatenate([[0.0], np.cumsum(products)])
    last = np.arange(len(values))
    first = np.maximum(last - window, 0)
    known = last - first
    variance = (total[last] - total[first]) / np.maximum(known, 1)
    enough = known >= min(window, LEAST_RETURNS) // 2
    found: Mask = enough & (variance > 0) & (sizes > JUMP_SIGMAS * np.sqrt(variance))
    return found


def pair_correlations(values: Floats) -> Floats:
    """(m, m) from (n, m) returns with NaN; ``USUAL_CORRELATION`` for pairs without steps in common.

    Means count as zero: over one step they are far below the noise.
    """
    there = np.isfinite(values)
    filled = np.where(there, values, 0.0)
    counts = there.T.astype(float) @ there.astype(float)
    products = filled.T @ filled
    squares = (filled**2).T @ there.astype(float)
    scale = np.sqrt(squares * squares.T)
    usable = (counts >= LEAST_PAIRS) & (scale > 0)
    result = np.where(usable, products / np.where(usable, scale, 1.0), USUAL_CORRELATION)
    np.fill_diagonal(result, 1.0)
    return result


def positive_definite(correlation: Floats) -> tuple[Floats, list[str]]:
    """The matrix with negative eigenvalues lifted and the diagonal set back to 1, and a note."""
    values, vectors = np.linalg.eigh(correlation)
    if values[0] >= SMALLEST_EIGENVALUE:
        return correlation, []
    lifted = (vectors * np.maximum(values, 2 * SMALLEST_EIGENVALUE)) @ vectors.T
    scale = np.sqrt(np.diag(lifted))
    nearest = lifted / np.outer(scale, scale)
    moved = float(np.abs(nearest - correlation).max())
    return nearest, [
        f"the correlations contradicted one another (smallest eigenvalue "
        f"{three_figures(float(values[0]))}); the "
        f"nearest possible ones are used, up to {three_figures(moved)} away"
    ]


def volatility_changes(values: Floats, step_seconds: float) -> tuple[float, float] | None:
    """(standard deviation of log volatility in the long run, its half-life in days), or None."""
    per_day = round(86_400 / step_seconds)
    days = len(values) // per_day if per_day >= 4 else 0
    if days < LEAST_DAYS:
        return None
    sizes = np.abs(values[: days * per_day].reshape(days, per_day))
    variance = (sizes[:, 1:] * sizes[:, :-1]).mean(axis=1)
    if not (variance > 0).all():
        return None
    state = 0.5 * np.log(variance)
    state -= state.mean()
    near, far = (
        float(np.mean([(state[lag:] * state[:-lag]).mean() for lag in lags]))
        for lags in (NEAR_DAYS, FAR_DAYS)
    )
    if near <= 0:
        return 0.0, _HALF_LIFE_DAYS[0]
    between = (FAR_DAYS[0] + FAR_DAYS[-1] - NEAR_DAYS[0] - NEAR_DAYS[-1]) / 2
    decay = float(np.clip(far / near, 1e-6, 0.999)) ** (1 / between)
    half_life = float(np.clip(math.log(0.5) / math.log(decay), *_HALF_LIFE_DAYS))
    kept = np.mean([0.5 ** (lag / half_life) for lag in NEAR_DAYS])
    return math.sqrt(near / float(kept)), half_life


def _jump_shares(
    moves: Floats, sizes: Floats, base: int, volatility: Floats, correlation: Floats
) -> Floats:
    """(m,) slopes through the origin; where jumps are too few, what the correlation implies."""
    shares: Floats = correlation[base] * volatility / volatility[base]
    for market in range(moves.shape[1]):
        there = np.isfinite(moves[:, market])
        if there.sum() >= LEAST_JUMPS:
            known = sizes[there]
            shares[market] = (moves[there, market] * known).sum() / (known**2).sum()
    return shares


def fit_funding(rates: Mapping[str, tuple[Floats, float]]) -> FundingFit:
    """``rates``: by market, payments in order (fractions) and the hours between two of them."""
    half_lives = []
    for values, hours in rates.values():
        lag = round(24 / hours)
        around = values - values.mean()
        variance = float((around**2).mean())
        if lag >= 1 and len(values) > 10 * lag and variance > 0:
            kept = float((around[lag:] * around[:-lag]).mean()) / variance
            if kept < 1:
                half_life = 24 * math.log(0.5) / math.log(max(kept, 1e-6))
                half_lives.append(float(np.clip(half_life, *_HALF_LIFE_HOURS)))
    return FundingFit(
        mean={name: float((v / hours).mean()) for name, (v, hours) in rates.items()},
        std={name: float((v / hours).std()) for name, (v, hours) in rates.items()},
        half_life_hours=float(np.median(half_lives)) if half_lives else None,
    )
