"""The maintenance margin of a pool in one lane, as ``lab/options/margin.py`` has it.

    maintenance = factor x (max(scan, minimum of the deltas) + roll) + contingencies

of each market, summed. The scan is the loss of the worst scenario; the scenarios of a market are
computed next to each other. The rest is exact in every step and costs little.
"""

import math
from typing import NamedTuple

import numpy as np

from seawall.engine.compile import inline, kernel
from seawall.lab.arrays import Floats
from seawall.lab.paths.kernels.compiled import fused
from seawall.lab.paths.kernels.option_value import (
    LEAST_SPREAD,
    call_delta,
    call_value,
    logarithm,
    option_value,
)
from seawall.lab.paths.kernels.pool_account import DOWN, UP, Scenarios
from seawall.lab.paths.kernels.pool_terms import (
    AS_IT_IS,
    DOWNWARD,
    FIRST_MOVE,
    SLOTS_OF_A_TILE,
    TILTED,
    UPWARD,
    Now,
    Terms,
)

TILE = SLOTS_OF_A_TILE
ROWS = 5
VALUE, SPREAD, MOVE, LOG, PROFIT = range(0, ROWS * TILE, TILE)
"""Where the rows of a tile of slots begin in its flat part: what one expiry is worth, the spread of
one option, how far the market's price moves, its logarithm, and the profit of the whole market."""


class Scratch(NamedTuple):
    """``slots``: of a market, tile after tile, flat, so that the compiler sees that rows do not
    overlap. ``lost``: (2,) of the scenarios of volatilities.
    """

    slots: Floats
    lost: Floats


def start_scratch(terms: Terms) -> Scratch:
    return Scratch(np.zeros(ROWS * terms.moves.shape[1]), np.zeros(2))


@inline
def _place(slot: int) -> int:
    """Where a slot stands in its row."""
    return slot // TILE * (ROWS * TILE) + slot % TILE


class Point(NamedTuple):
    """Where a market is in a lane: USD, ln(price / price at the start), of all volatilities."""

    price: float
    log_price: float
    factor: float


@inline
def point_of(terms: Terms, market: int, price: float) -> Point:
    """The volatilities of a market follow its price."""
    log_price = logarithm(price / terms.level[market])
    factor = math.exp(terms.beta * log_price) if terms.beta != 0.0 else 1.0
    return Point(price, log_price, factor)


@inline
def _start(slots: Floats, moves: Floats, logs: Floats) -> None:
    """The moves of a market; no profit yet."""
    for slot in range(len(moves)):
        at = _place(slot)
        slots[MOVE + at], slots[LOG + at], slots[PROFIT + at] = moves[slot], logs[slot], 0.0


@kernel
def _fill_spreads(
    slots: Floats, directions: Floats, same: float, raised: float, lowered: float
) -> None:
    for tile in range(len(directions) // TILE):
        rows, own = slots[tile * ROWS * TILE :], directions[tile * TILE :]
        for slot in range(TILE):
            either = raised if own[slot] == UP else same
            rows[SPREAD + slot] = lowered if own[slot] == DOWN else either


@kernel
def _add_values(
    slots: Floats, size: float, forward: float, distance: float, strike: float, is_call: float
) -> None:
    """What an option is worth in every slot, added to the values."""
    for tile in range(0, len(slots), ROWS * TILE):
        rows = slots[tile : tile + ROWS * TILE]
        for slot in range(TILE):
            there = fused(forward, rows[MOVE + slot], forward)
            width = max(rows[SPREAD + slot], LEAST_SPREAD)
            call = call_value(there, strike, distance + rows[LOG + slot], width, 1.0 / width)
            rows[VALUE + slot] += size * option_value(call, there, strike, is_call)


@kernel
def _finish_expiry(slots: Floats, own: float, of_longs: float, of_shorts: float) -> None:
    """What an expiry counts in every slot, less what it is worth now, into the profits."""
    for tile in range(0, len(slots), ROWS * TILE):
        rows = slots[tile : tile + ROWS * TILE]
        for slot in range(TILE):
            value = rows[VALUE + slot]
            rows[PROFIT + slot] += value * (of_longs if value >= 0.0 else of_shorts) - own
            rows[VALUE + slot] = 0.0


@inline
def _settling(slots: Floats, moves: Floats, moving: float) -> None:
    """Forwards that move only in part with the price."""
    for slot in range(len(moves)):
        at = _place(slot)
        slots[MOVE + at] = moves[slot] * moving
        slots[LOG + at] = math.log1p(moves[slot] * moving)


@inline
def _add_option(terms: Terms, now: Now, slots: Floats, market: int, option: int, at: Point) -> None:
    """An option in every slot."""
    same = now.spread[option] * at.factor
    raised = max(now.raised[option] * at.factor, now.floor[option])
    _fill_spreads(slots, terms.directions, same, raised, now.lowered[option] * at.factor)
    distance = at.log_price + now.log_growth[option] - terms.moneyness[option]
    if len(terms.rules.skew) > 0:
        _tilt(terms.rules.skew, slots, same, now.left[option], -distance)
    _add_values(
        slots, terms.size[option], at.price * now.growth[option], distance, terms.strike[option],
        terms.is_call[option],
    )  # fmt: skip


@inline
def _tilt(skew: Floats, slots: Floats, same: float, years: float, distance: float) -> None:
    """The spreads of the two scenarios of volatilities; ``distance``: ln(strike / forward)."""
    root = math.sqrt(years)
    width = max(skew[4], root * skew[5] * (skew[6] + root * skew[7]))
    for number in range(2):
        cap = skew[2 * number] + skew[2 * number + 1] * root
        k = distance if number == 0 else abs(distance)
        bent = np.sign(k) * min(cap, abs(k) * cap / width)
        slots[SPREAD + TILTED + number] = same * max(0.0, 1.0 + bent)


@inline
def _shares(discount: Floats, years: float) -> tuple[float, float]:
    """What counts of an expiry's value in a scenario, of one above 0 and below; no interest."""
    if len(discount) == 0 or years <= 0.0:
        return 1.0, 1.0
    of_longs = discount[0] * math.exp(-years * discount[2])
    return of_longs, min(1.0, discount[3] * math.exp(years * discount[5]))


@kernel
def scan(
    terms: Terms, now: Now, scratch: Scratch, market: int, at: Point, step: int
) -> tuple[float, float]:
    """USD that the worst scenario loses in a market: (of the price, of all others)."""
    rules, slots = terms.rules, scratch.slots
    _start(slots, terms.moves[market], terms.log_moves[market])
    scratch.lost[:] = 0.0
    forwards_lost = 0.0
    for expiry in range(terms.of_market[market], terms.of_market[market + 1]):
        if step >= terms.ends[expiry]:
            continue
        moving = now.moving[terms.first[expiry]]
        if moving < 1.0:
            _settling(slots, terms.moves[market], moving)
        for option in range(terms.first[expiry], terms.first[expiry + 1]):
            _add_option(terms, now, slots, market, option, at)
        years, own = now.left[terms.first[expiry]], slots[VALUE + AS_IT_IS]
        of_longs, of_shorts = _shares(rules.discount, years)
        for number in range(2):
            tilted = slots[VALUE + TILTED + number]
            scratch.lost[number] += abs(tilted * (of_longs if tilted >= 0.0 else of_shorts) - own)
        if len(rules.basis) > 0:
            lost = min(0.0, slots[VALUE + UPWARD] - own, slots[VALUE + DOWNWARD] - own)
            forwards_lost -= lost * (rules.basis[2] + rules.basis[3] * years)
        _finish_expiry(slots, own, of_longs, of_shorts)
        if moving < 1.0:
            _settling(slots, terms.moves[market], 1.0)
    others = -np.inf
    if len(rules.skew) > 0:
        for number in range(2):
            others = max(others, rules.skew[8 + number] * scratch.lost[number])
    if len(rules.basis) > 0:
        others = max(others, forwards_lost)
    return _worst_price(terms, market, at.price, slots), others


@inline
def _worst_price(terms: Terms, market: int, price: float, slots: Floats) -> float:
    """USD that the worst scenario of the price loses, perpetuals with it."""
    rules = terms.rules
    exposure = terms.futures[market] * price
    reach, dampener = rules.reach[market], rules.dampener[market]
    worst = -np.inf
    for number in range(len(rules.weight)):
        move = rules.move[market, number]
        found = slots[PROFIT + _place(FIRST_MOVE + number)] + exposure * move
        if rules.is_far[number] > 0.0:
            far = abs(move) / reach
            found = found / far
            if found < 0.0:
                found = min(0.0, found + (far - 1.0) * dampener)
        worst = max(worst, -rules.weight[number] * found)
    return worst


@kernel
def of_deltas(terms: Terms, now: Now, market: int, at: Point, step: int) -> tuple[float, float]:
    """USD that the deltas of a market ask: (at least, for forwards that move against the price)."""
    rules = terms.rules
    net, gross = terms.futures[market], abs(terms.futures[market])
    roll = rules.least_roll[market] * gross
    is_asked = rules.least_net != 0.0 or rules.least_hedged != 0.0
    has_roll = rules.roll[market] != 0.0 or rules.least_roll[market] != 0.0
    if not is_asked and not has_roll:
        return 0.0, 0.0
    for expiry in range(terms.of_market[market], terms.of_market[market + 1]):
        if step >= terms.ends[expiry]:
            continue
        of_expiry = 0.0
        for option in range(terms.first[expiry], terms.first[expiry + 1]):
            spread = max(now.spread[option] * at.factor, LEAST_SPREAD)
            distance = at.log_price + now.log_growth[option] - terms.moneyness[option]
            delta = call_delta(distance, spread, 1.0 / spread) - (1.0 - terms.is_call[option])
            own = terms.size[option] * delta
            of_expiry += own
            gross += abs(own)
        net += of_expiry
        roll += roll_rate(rules, market, now.left[terms.first[expiry]]) * abs(of_expiry)
    least = rules.least_net * abs(net) + rules.least_hedged * (gross - abs(net)) / 2.0
    return least * at.price, roll * at.price if has_roll else 0.0


@inline
def roll_rate(rules: Scenarios, market: int, years: float) -> float:
    """Of the price, for each coin of the delta of an expiry."""
    if rules.roll[market] == 0.0 and rules.least_roll[market] == 0.0:
        return 0.0
    return max(rules.least_roll[market], math.expm1(rules.roll[market] * years))


@inline
def contingency_rate(terms: Terms, market: int, step: int) -> float:
    """Of the price: what perpetuals, uncovered short options and funding ask."""
    rules = terms.rules
    naked = 0.0
    for expiry in range(terms.of_market[market], terms.of_market[market + 1]):
        if step < terms.ends[expiry]:
            naked += terms.naked[expiry]
    return (
        abs(terms.futures[market]) * rules.perpetual
        + naked * rules.short_option
        + max(0.0, terms.futures[market] * rules.provision[market])
    )
