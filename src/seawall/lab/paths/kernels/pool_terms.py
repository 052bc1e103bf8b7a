"""A pool as the kernel's functions take it: arrays of its own, and what a step says of each option.

An option's forward is ``price x growth``, where growth returns to 1 until its expiry; its
volatility is the one at the start times the ``factor`` of its market. The first step that ends at
or after its expiry pays what exercising it brings at the price there.
"""

import math
from typing import Any, NamedTuple, TypeVar

import numpy as np

from seawall.domain.option import DAYS_PER_YEAR, YEAR_MS
from seawall.engine.compile import inline
from seawall.lab.arrays import Floats, Integers
from seawall.lab.paths.kernels.option_value import LEAST_SPREAD
from seawall.lab.paths.kernels.pool_account import (
    DAYS_OF_A_SHOCK,
    SAME,
    CoinRatio,
    PoolAccount,
    Scenarios,
    no_ratio,
    no_scenarios,
)

R = TypeVar("R", Scenarios, CoinRatio)
SETTLEMENT_YEARS = 1_800_000 / YEAR_MS
"""Over its last half hour an option settles at the average price: what has passed is fixed."""

SLOTS_OF_A_TILE = 8
"""Scenarios that are computed together, next to each other in memory."""
AS_IT_IS, TILTED, BENT, UPWARD, DOWNWARD, FIRST_MOVE = range(6)
"""The slots of what an option is worth."""


class Terms(NamedTuple):
    """What an account holds and under which rule. m markets, n options, e expiries.

    ``step_years``: of a step. ``level``: (m,) the price at the start. ``moneyness``: (n,) ln(strike
    / level), ``carry``: (n,) ln(forward / level) at the start. ``first``: (e + 1,) the first option
    of each expiry of each market, ``of_market``: (m + 1,) the first expiry of each market.
    ``ends``: (e,) the step that ends it. ``naked``: (e,) coins sold and not bought at the same
    strike.

    What an option is worth in all scenarios is computed in slots, padded to whole tiles: now, under
    two tilted volatilities, at two forwards that move alone, and under each move of the price.
    ``moves``, ``log_moves``: (m, slots) how far the forward goes and ln(1 + that); ``directions``:
    (slots,) of volatility.
    """

    step_years: float
    level: Floats
    futures: Floats
    coins: Floats
    cost: float
    beta: float
    is_call: Floats
    strike: Floats
    moneyness: Floats
    carry: Floats
    years: Floats
    volatility: Floats
    size: Floats
    first: Integers
    of_market: Integers
    ends: Integers
    naked: Floats
    rules: Scenarios
    moves: Floats
    log_moves: Floats
    directions: Floats
    is_ratio: bool
    ratio: CoinRatio
    is_kept: bool


class Now(NamedTuple):
    """What a step says of each option (n,): years left, w without its factor, growth and its log.

    ``raised``, ``lowered``: (n,) the spreads under shocks up and down, without factor and floor;
    ``floor``: (n,) the least one under a shock up. ``moving``: the share of a forward that still
    moves with the price. ``step``: (2,) that of the first rows, and of those of shocks.
    """

    left: Floats
    spread: Floats
    growth: Floats
    log_growth: Floats
    raised: Floats
    lowered: Floats
    floor: Floats
    moving: Floats
    step: Integers


def terms_of(account: PoolAccount, step_years: float) -> Terms:
    """The arrays of an account. ``step_years``: how long a step takes."""
    markets, held = len(account.price), account.options
    scenarios, ratio = no_scenarios(markets), no_ratio(markets)
    is_ratio = isinstance(account.rule, CoinRatio)
    if isinstance(account.rule, CoinRatio):
        ratio = account.rule
    else:
        scenarios = account.rule
    first, of_market = _expiries(held.market, held.years, markets)
    level = _own(account.price)
    at = level[held.market]
    scenarios = _copied(scenarios)
    moves = _in_slots(scenarios.move, 0.0)
    if len(scenarios.basis):
        moves[:, UPWARD], moves[:, DOWNWARD] = scenarios.basis[0], scenarios.basis[1]
    return Terms(
        step_years=float(step_years),
        level=level,
        futures=_own(account.futures),
        coins=_own(account.coins),
        cost=float(account.cost),
        beta=float(account.volatility_beta),
        is_call=_own(held.is_call),
        strike=_own(held.strike),
        moneyness=np.log(_own(held.strike) / at),
        carry=np.log(_own(held.forward) / at),
        years=_own(held.years),
        volatility=_own(held.volatility),
        size=_own(held.size),
        first=first,
        of_market=of_market,
        ends=np.ceil(_own(held.years)[first[:-1]] / step_years - 1e-9).astype(np.int64),
        naked=_naked(held.strike, held.size, first),
        rules=scenarios,
        moves=moves,
        log_moves=np.log1p(moves),
        directions=_in_slots(scenarios.direction[None, :], SAME)[0],
        is_ratio=is_ratio,
        ratio=_copied(ratio),
        is_kept=bool(account.is_kept),
    )


def _in_slots(of_moves: Floats, others: float) -> Floats:
    """(m, slots) of (m, s) moves of the price; ``others``: what all other slots have."""
    count = of_moves.shape[1]
    padded = -(-(FIRST_MOVE + count) // SLOTS_OF_A_TILE) * SLOTS_OF_A_TILE
    found = np.full((len(of_moves), padded), others)
    found[:, FIRST_MOVE : FIRST_MOVE + count] = of_moves
    return found


def _own(values: Floats) -> Floats:
    """A copy that may be written; an array from another process may not, which is another type."""
    return np.array(values, np.float64, order="C")


def _copied(rule: R) -> R:
    """A rule whose arrays may be written."""
    values: list[Any] = [
        float(each) if isinstance(each, int | float) else _own(each) for each in rule
    ]
    return type(rule)(*values)


def _expiries(market: Integers, years: Floats, markets: int) -> tuple[Integers, Integers]:
    keys = list(zip(market.tolist(), years.tolist(), strict=True))
    if keys != sorted(keys):
        raise ValueError("options: should be by market and in it by expiry")
    starts = [place for place, key in enumerate(keys) if place == 0 or keys[place - 1] != key]
    counts = np.bincount([keys[place][0] for place in starts], minlength=markets)
    first = np.array([*starts, len(keys)], np.int64)
    return first, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _naked(strike: Floats, size: Floats, first: Integers) -> Floats:
    found = np.zeros(len(first) - 1)
    for expiry, (begin, end) in enumerate(zip(first[:-1], first[1:], strict=True)):
        for each in np.unique(strike[begin:end]):
            net = size[begin:end][strike[begin:end] == each].sum()
            found[expiry] += max(0.0, -net)
    return found


def start_now(terms: Terms) -> Now:
    """Rows of no step yet."""
    row = np.zeros(len(terms.strike))
    return Now(
        left=row.copy(), spread=row.copy(), growth=row.copy(), log_growth=row.copy(),
        raised=row.copy(), lowered=row.copy(), floor=row.copy(), moving=row.copy(),
        step=np.full(2, -1, np.int64),
    )  # fmt: skip


@inline
def years_left(terms: Terms, option: int, step: int) -> float:
    return max(0.0, terms.years[option] - step * terms.step_years)


@inline
def look_at(terms: Terms, now: Now, step: int) -> None:
    """The rows that every step needs."""
    if now.step[0] == step:
        return
    now.step[0] = step
    for option in range(len(terms.strike)):
        left = years_left(terms, option, step)
        now.left[option] = left
        now.spread[option] = max(terms.volatility[option] * math.sqrt(left), LEAST_SPREAD)
        # What is left of the time to expiry is left of the way from the price to the forward.
        log_growth = terms.carry[option] * (left / terms.years[option])
        now.log_growth[option] = log_growth
        now.growth[option] = math.exp(log_growth) if log_growth != 0.0 else 1.0


@inline
def look_at_shocks(terms: Terms, now: Now, step: int) -> None:
    """The rows that scenarios need."""
    if now.step[1] == step:
        return
    now.step[1] = step
    rules = terms.rules
    short, long, least_days, least = (
        rules.volatility[0], rules.volatility[1], rules.volatility[2], rules.volatility[3]
    )  # fmt: skip
    for market in range(len(terms.level)):
        for expiry in range(terms.of_market[market], terms.of_market[market + 1]):
            for option in range(terms.first[expiry], terms.first[expiry + 1]):
                left = now.left[option]
                days = left * DAYS_PER_YEAR
                power = short if days <= DAYS_OF_A_SHOCK else long
                term = (DAYS_OF_A_SHOCK / max(days, least_days)) ** power
                spread = terms.volatility[option] * math.sqrt(left)
                now.raised[option] = spread * (1.0 + rules.up[market] * term)
                now.lowered[option] = spread * max(0.0, 1.0 - rules.down[market] * term)
                now.floor[option] = least * math.sqrt(left)
                now.moving[option] = min(1.0, left / SETTLEMENT_YEARS)
