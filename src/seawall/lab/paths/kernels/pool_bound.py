"""How far the scan of a market can have grown since it was computed last, so that most are not.

The scan is the largest loss of its scenarios, and each loss is a sum of option values times
constants. By Black-76 the value of an option moves by no more than its forward does, a call's up
with it and a put's down, and by no more than forward x change of w / sqrt(2 pi), w being volatility
x sqrt(years). What the options are worth now is known exactly in every step. So, from a price S'
and a factor f' of the volatilities at an earlier step to S and f now, with M the larger of both
prices and v the largest of f, f' and 1, the largest loss of the scenarios of the price is at most::

    loss' + weight max(0, worth - worth') + (rise or fall) |S - S'|
          + M (v (B - B') + vega |f - f'|) + (D - D')

and that of all others, the scenarios of volatilities and of forwards alone::

    loss' + slope v |S - S'| + M (v (B - B') + vega |f - f'|) + (D - D')

with numbers of their own, each the largest of these scenarios. ``rise`` counts what a rising price
can take from the account in them: calls that are sold, puts that are bought, and perpetuals;
``fall`` the opposite. The loss of any other scenario is the difference of an option's values now
and there, which move the same way: of the two the larger counts. B and D grow from step to step by
what the passing of time alone can change: spreads, forwards that approach the price, weights that
depend on the time left; each by its absolute change, so that the bound holds whichever way they
move.

Between S' and S lies less than half of S' (beyond, and once an option has expired, nothing of the
last scan is used). Where a rule has no such numbers they are infinite, and it is scanned in every
step.
"""

import math
from typing import NamedTuple

import numpy as np

from seawall.domain.option import DAYS_PER_YEAR
from seawall.lab.arrays import Floats
from seawall.lab.paths.kernels.pool_account import DAYS_OF_A_SHOCK, Scenarios
from seawall.lab.paths.kernels.pool_terms import SETTLEMENT_YEARS, Terms

DENSITY = 1.0 / math.sqrt(2.0 * math.pi)
"""The largest of the normal density."""
FARTHEST = 0.5
"""Of the price of the last scan."""
OF_PRICES, OF_OTHERS = 0, 1
"""The scenarios that a number is of."""


class Bound(NamedTuple):
    """``weight``, ``rise``, ``fall``: (m,) of the scenarios of prices, ``slope``: (m,) of others.

    ``vega``: (2, m) of both; ``coins``, ``usd``: (2, m, steps + 1) B and D, growing.
    """

    weight: Floats
    rise: Floats
    fall: Floats
    slope: Floats
    vega: Floats
    coins: Floats
    usd: Floats


class _Option(NamedTuple):
    """One option from the start to its expiry, at k moments. ``size``: coins, without sign.

    ``growth``, ``same``, ``shocked``: (k,) of its forward, its spread now, and the largest of any
    scenario. ``change``: (k - 1,) how much any of these can change in a step. ``moving``: (k,) the
    share of the forward that still moves with the price. ``counted``: the most that a USD of its
    expiry counts, ``counted_change``: (k - 1,) how that changes.
    """

    size: float
    years: Floats
    growth: Floats
    same: Floats
    shocked: Floats
    change: Floats
    moving: Floats
    counted: float
    counted_change: Floats

    @property
    def coins(self) -> float:
        """Of the price's own movement that the forward's can come to."""
        return self.size * float(self.growth.max())


def bound_of(terms: Terms, steps: int) -> Bound:
    """The bound of every market over ``steps``."""
    markets = len(terms.level)
    row = np.zeros(markets)
    table = np.zeros((2, markets, steps + 1))
    bound = Bound(
        weight=row.copy(), rise=row.copy(), fall=row.copy(), slope=row.copy(),
        vega=np.zeros((2, markets)), coins=table.copy(), usd=table.copy(),
    )  # fmt: skip
    for market in range(markets):
        _fill(terms, market, bound)
    for grown in (bound.coins, bound.usd):
        np.cumsum(grown, axis=2, out=grown)
    return bound


def _changes(values: Floats) -> Floats:
    found: Floats = np.abs(np.diff(values))
    return found


def _fill(terms: Terms, market: int, bound: Bound) -> None:
    """The numbers of a market; ``coins`` and ``usd`` step by step, not summed yet."""
    rules, moves = terms.rules, terms.rules.move[market]
    weights = _weights(rules, market)
    # A forward moves by (1 + move) times what the price does, or by less of it in its last half
    # hour, when only a part of the move counts.
    then = weights * (1.0 + np.maximum(moves, 0.0))
    rises, falls = (sign * weights * moves * terms.futures[market] for sign in (-1.0, 1.0))
    tilted, alone = 0.0, 0.0
    for expiry in range(terms.of_market[market], terms.of_market[market + 1]):
        for number in range(terms.first[expiry], terms.first[expiry + 1]):
            option = _option(terms, market, number, bound.coins.shape[2] - 1)
            is_call = terms.is_call[number] > 0.5
            # What is held gains with its option, what is sold loses.
            lost = option.coins * option.counted * then
            if is_call == (terms.size[number] < 0):
                rises = rises + lost
            else:
                falls = falls + lost
            _add_prices(bound, market, option, weights, moves)
            slope_of_skew, slope_of_basis = _add_others(bound, market, option, rules)
            tilted, alone = tilted + slope_of_skew, alone + slope_of_basis
            if not is_call:
                # A put is worth no more than its strike.
                most = float(weights.max(initial=0.0)), float(rules.skew[8:].max(initial=0.0))
                usd = option.size * terms.strike[number] * option.counted_change
                for which, weight in enumerate(most):
                    bound.usd[which, market, 1 : len(usd) + 1] += weight * usd
    bound.weight[market] = float(weights.max(initial=0.0))
    bound.rise[market] = float(rises.max(initial=-math.inf))
    bound.fall[market] = float(falls.max(initial=-math.inf))
    bound.slope[market] = max(tilted, alone)


def _weights(rules: Scenarios, market: int) -> Floats:
    """(s,) what a USD of profit counts in the loss of each scenario of the price."""
    far = np.maximum(np.abs(rules.move[market]), 1e-300) / max(rules.reach[market], 1e-300)
    found: Floats = np.abs(rules.weight) * np.where(rules.is_far > 0.0, 1.0 / far, 1.0)
    return found


def _option(terms: Terms, market: int, number: int, steps: int) -> _Option:
    rules = terms.rules
    short, long, least_days, least = rules.volatility.tolist()
    whole = float(terms.years[number])
    last = min(steps, math.ceil(whole / terms.step_years - 1e-9))
    years = np.maximum(0.0, whole - np.arange(last + 1) * terms.step_years)
    days = years * DAYS_PER_YEAR
    power = np.where(days <= DAYS_OF_A_SHOCK, short, long)
    term = (DAYS_OF_A_SHOCK / np.maximum(days, least_days)) ** power
    same = terms.volatility[number] * np.sqrt(years)
    raised = same * (1.0 + rules.up[market] * term)
    lowered = same * np.maximum(0.0, 1.0 - rules.down[market] * term)
    floor = least * np.sqrt(years)
    if terms.beta == 0.0:
        raised = np.maximum(raised, floor)
        change = _changes(raised)
    else:
        change = _changes(raised) + _changes(floor)
    counted, counted_change = _discount(rules, years)
    return _Option(
        size=abs(float(terms.size[number])),
        years=years,
        growth=np.exp(terms.carry[number] * years / whole),
        same=same,
        shocked=np.maximum(raised, np.maximum(lowered, same)),
        change=np.maximum(change, np.maximum(_changes(lowered), _changes(same))),
        moving=np.minimum(1.0, years / SETTLEMENT_YEARS),
        counted=counted,
        counted_change=counted_change,
    )


def _discount(rules: Scenarios, years: Floats) -> tuple[float, Floats]:
    """(the most that a USD counts, how much what it counts can change in each step)."""
    if not len(rules.discount):
        return 1.0, np.zeros(len(years) - 1)
    base, _, spread, short_base, _, short_spread = rules.discount.tolist()
    # Cash, once it has expired.
    of_longs = np.where(years > 0.0, base * np.exp(-years * spread), 1.0)
    of_shorts = np.where(
        years > 0.0, np.minimum(1.0, short_base * np.exp(years * short_spread)), 1.0
    )
    most = max(float(of_longs.max()), float(of_shorts.max()))
    return most, np.maximum(_changes(of_longs), _changes(of_shorts))


def _add_prices(bound: Bound, market: int, option: _Option, weights: Floats, moves: Floats) -> None:
    """What time and the factor of volatilities can change in the scenarios of the price."""
    there = float((weights * (1.0 + np.maximum(moves, 0.0))).max(initial=0.0))
    part = float((weights * np.abs(moves)).max(initial=0.0))
    grown = option.counted * (
        option.size * there * _changes(option.growth)
        + option.coins * (part * _changes(option.moving) + DENSITY * there * option.change)
    )
    grown += option.coins * there * option.counted_change
    bound.coins[OF_PRICES, market, 1 : len(grown) + 1] += grown
    bound.vega[OF_PRICES, market] += (
        option.coins * option.counted * there * DENSITY * float(option.shocked.max())
    )


def _add_others(
    bound: Bound, market: int, option: _Option, rules: Scenarios
) -> tuple[float, float]:
    """The same in those of volatilities, and of forwards; returns both slopes."""
    vega, grown = 0.0, np.zeros(len(option.change))
    of_skew, of_basis = 0.0, 0.0
    if len(rules.skew):
        weight = float(rules.skew[8:10].max())
        slope, own_vega, own_grown = _skew(rules, option)
        of_skew, vega, grown = weight * slope, weight * own_vega, weight * own_grown
    if len(rules.basis):
        of_basis, own_vega, own_grown = _basis(rules, option)
        vega, grown = max(vega, own_vega), np.maximum(grown, own_grown)
    bound.coins[OF_OTHERS, market, 1 : len(grown) + 1] += grown
    bound.vega[OF_OTHERS, market] += vega
    return of_skew, of_basis


def _skew(rules: Scenarios, option: _Option) -> tuple[float, float, Floats]:
    """Of the two scenarios of volatilities: (slope, vega, (k - 1,) growth), without weights."""
    skew, root = rules.skew, np.sqrt(option.years)
    both = np.stack([skew[0] + skew[1] * root, skew[2] + skew[3] * root])
    caps = both.max(axis=0)
    width = np.maximum(skew[4], root * skew[5] * (skew[6] + root * skew[7]))
    if both.min() < 0.0 or width.min() <= 0.0:
        return math.inf, math.inf, np.full(len(option.change), math.inf)
    counted, tilt, same = option.counted, 1.0 + float(caps.max()), float(option.same.max())
    # How much the tilt of a volatility moves with ln(strike / forward), times its spread. That
    # logarithm moves by no more than |S - S'| / the smaller of both, half of the larger at least.
    bend = float((option.same * caps / width).max())
    larger = max(1.0, counted)
    slope = option.coins * (larger + 2.0 * counted * DENSITY * bend)
    of_spread = max(1.0, counted * tilt)
    vega = option.coins * DENSITY * same * of_spread
    narrower = np.minimum(width[1:], width[:-1]) / np.maximum(width[1:], width[:-1])
    change = np.abs(np.diff(both, axis=1)).max(axis=0) + float(caps.max()) * (1.0 - narrower)
    spread = of_spread * _changes(option.same) + counted * same * change
    spread += counted * bend * _changes(np.log(option.growth))
    grown = option.coins * (DENSITY * spread + option.counted_change)
    return slope, vega, grown + option.size * larger * _changes(option.growth)


def _basis(rules: Scenarios, option: _Option) -> tuple[float, float, Floats]:
    """Of forwards that move alone: (slope, vega, (k - 1,) growth)."""
    farther = max(abs(float(each)) for each in rules.basis[:2])
    weight = np.abs(rules.basis[2] + rules.basis[3] * option.years)
    most = float(weight.max())
    slope = option.coins * most * (1.0 + farther)
    vega = slope * DENSITY * float(option.same.max())
    grown = slope * DENSITY * _changes(option.same)
    grown += option.size * most * (1.0 + farther) * _changes(option.growth)
    grown += option.coins * farther * (_changes(weight) + most * _changes(option.moving))
    return slope, vega, grown
