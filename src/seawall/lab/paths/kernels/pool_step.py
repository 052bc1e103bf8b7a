"""One block of LANES paths of an account in portfolio margin, advanced step by step.

Per step: prices move; funding of the perpetuals is paid; every option is revalued in all lanes at
once, and one that expires pays. Equity is then held against a bound of the maintenance margin
(``pool_bound``); the few lanes in which the bound is not enough are scanned one by one. Where
equity is below maintenance margin, all of the account is closed at its values there, less a cost;
what is lacking others bear. Where an account is kept, nothing is closed, and how much it lacks at
most is recorded: with so much more money it would never have been liquidated.
"""

from typing import Any, NamedTuple

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from seawall.engine.compile import bind_arrays, inline, kernel
from seawall.lab.arrays import Floats
from seawall.lab.paths.kernels.compiled import borrowed, entry, fused
from seawall.lab.paths.kernels.course import NOW, follow, start_course
from seawall.lab.paths.kernels.draws import exponential
from seawall.lab.paths.kernels.option_value import (
    call_value,
    intrinsic,
    logarithm,
    option_value,
)
from seawall.lab.paths.kernels.philox import LANES
from seawall.lab.paths.kernels.pool_account import PoolAccount
from seawall.lab.paths.kernels.pool_bound import FARTHEST, OF_OTHERS, OF_PRICES, Bound, bound_of
from seawall.lab.paths.kernels.pool_margin import (
    Scratch,
    contingency_rate,
    of_deltas,
    point_of,
    roll_rate,
    scan,
    start_scratch,
)
from seawall.lab.paths.kernels.pool_terms import (
    Now,
    Terms,
    look_at,
    look_at_shocks,
    start_now,
    terms_of,
)
from seawall.lab.paths.kernels.process import (
    PAID,
    SHOCKS,
    TILE,
    Moves,
    PriceProcess,
    aligned,
    draw_changes,
    draw_jumps,
    draw_step,
    first_jumps,
    is_hourly,
    move_funding,
    move_price,
    move_volatility,
    price_process,
    soonest,
    start_moves,
)
from seawall.lab.paths.kernels.task import SECONDS_PER_YEAR, PathTask

TRACK = 64
"""Steps of which the equity is kept, for the part of the account before this one."""
ROUNDED_OFF = 1e-9
"""Of the values in a market that a bound is kept wider, far beyond any rounding."""
REFERENCES = 9
OF_PRICE, OF_OTHER, AT_PRICE, AT_FACTOR, AT_WORTH = range(5)
AT_COINS, AT_USD, OTHERS_COINS, OTHERS_USD = range(5, REFERENCES)
"""Rows of a market's last scan: the worst scenario of the price and of all others, and where it was
made."""


class PoolBlock(NamedTuple):
    """LANES paths on their way. ``prices``: (2, m, LANES), the even step's and the odd step's.

    ``cash``: (LANES,) the equity less the values of perpetuals, options and coins; after a
    liquidation all that is left. ``alive``: (LANES,) 1, or 0 after it. ``equity``, ``needed``:
    (LANES,) equity and what maintenance margin is at most, this step. ``logs``, ``factors``,
    ``inverses``: (m, LANES) ln(price / price at the start), of all volatilities, and 1 over that.
    ``lacking``: (LANES,) USD of maintenance margin beyond which a lack matters: 0, or of an account
    that is kept the most so far. ``worth``: (m, LANES) USD of a market's options. ``last``: (m,
    REFERENCES, LANES) the last scans; ``scans``: (1,) how many were made. ``track``: (TRACK, LANES)
    equity of the last steps, other parts with it.
    """

    prices: Floats
    cash: Floats
    alive: Floats
    equity: Floats
    needed: Floats
    lacking: Floats
    logs: Floats
    factors: Floats
    inverses: Floats
    worth: Floats
    last: Floats
    scans: Floats
    first: NDArray[np.int32]
    touched: NDArray[np.int32]
    cost: Floats
    taken: Floats
    added: Floats
    course: Floats
    track: Floats


def start_block(account: PoolAccount) -> PoolBlock:
    """All lanes at the start."""
    markets = len(account.price)
    price = np.repeat(np.asarray(account.price, np.float64)[:, None], LANES, axis=1)
    ones, lanes = np.ones((markets, LANES)), np.zeros(LANES)
    block = PoolBlock(
        prices=np.array([price, price]),
        cash=np.full(LANES, float(account.money)),
        alive=np.ones(LANES),
        equity=np.full(LANES, account.equity_now),
        needed=lanes,
        lacking=np.full(LANES, -np.inf if account.is_kept else 0.0),
        logs=np.zeros((markets, LANES)),
        factors=ones,
        inverses=ones,
        worth=0.0 * ones,
        last=np.zeros((markets, REFERENCES, LANES)),
        scans=np.zeros(1),
        first=np.zeros((1, LANES), np.int32),
        touched=np.zeros((markets, LANES), np.int32),
        cost=lanes,
        taken=lanes,
        added=lanes,
        course=start_course(float(account.equity.sum())),
        track=np.zeros((TRACK, LANES)),
    )
    return PoolBlock(*map(aligned, block))


@inline
def _move_prices(
    process: PriceProcess, moves: Moves, before: Floats, price: Floats, step: int, path: int,
    jumped: int,
) -> None:  # fmt: skip
    draw_step(process, moves, step, path)
    markets = len(price)
    for first in range(0, markets, TILE):
        is_short = process.normals > 0 and draw_changes(process, moves, first, jumped)
        for market in range(first, min(first + TILE, markets)):
            move_price(process, moves, before, price, market, is_short)
    move_volatility(process, moves)


@kernel
def _set_logs(level: float, price: Floats, logs: Floats) -> None:
    inverse = 1.0 / level
    for lane in range(LANES):
        logs[lane] = logarithm(price[lane] * inverse)


@kernel
def _set_factors(beta: float, logs: Floats, factors: Floats, inverses: Floats) -> None:
    for lane in range(LANES):
        factors[lane] = exponential(min(max(beta * logs[lane], -30.0), 30.0))
        inverses[lane] = 1.0 / factors[lane]


@kernel
def _add_market(equity: Floats, price: Floats, worth: Floats, coins: float) -> None:
    for lane in range(LANES):
        equity[lane] += fused(coins, price[lane], worth[lane])


@kernel
def _add_option(
    worth: Floats, price: Floats, logs: Floats, factors: Floats, inverses: Floats,
    growth: float, offset: float, strike: float, spread: float, size: float, is_call: float,
) -> None:  # fmt: skip
    """``offset``: ln(growth x price at the start / strike)."""
    of_spread = 1.0 / spread
    for lane in range(LANES):
        forward = price[lane] * growth
        call = call_value(
            forward, strike, logs[lane] + offset, spread * factors[lane],
            of_spread * inverses[lane],
        )  # fmt: skip
        worth[lane] = fused(size, option_value(call, forward, strike, is_call), worth[lane])


@kernel
def _settle(
    cash: Floats, alive: Floats, price: Floats, strike: float, size: float, is_call: float
) -> None:
    for lane in range(LANES):
        cash[lane] += alive[lane] * size * intrinsic(price[lane], strike, is_call)


@kernel
def _pay_funding(
    process: PriceProcess, terms: Terms, block: PoolBlock, moves: Moves, price: Floats
) -> None:
    rows = moves.rows
    is_recorded = len(process.recorded) > 0
    for market in range(len(price)):
        coins = terms.futures[market]
        if coins == 0.0:
            continue
        for lane in range(LANES):
            if is_recorded:
                rate = process.recorded[moves.row[lane], market]
            else:
                rate = fused(process.rate_std[market], rows[SHOCKS + lane], moves.due[market])
            owed = block.alive[lane] * coins * price[market, lane] * rate
            block.cash[lane] -= owed
            rows[PAID + lane] += owed


@kernel
def _value(terms: Terms, now: Now, block: PoolBlock, price: Floats, step: int) -> None:
    """Equity of all lanes; what expires in this step pays first."""
    block.equity[:] = 0.0
    for market in range(len(price)):
        own, logs, worth = price[market], block.logs[market], block.worth[market]
        worth[:] = 0.0
        _set_logs(terms.level[market], own, logs)
        if terms.beta != 0.0:
            _set_factors(terms.beta, logs, block.factors[market], block.inverses[market])
        for expiry in range(terms.of_market[market], terms.of_market[market + 1]):
            if step > terms.ends[expiry]:
                continue
            for option in range(terms.first[expiry], terms.first[expiry + 1]):
                size, strike, is_call = (
                    terms.size[option], terms.strike[option], terms.is_call[option]
                )  # fmt: skip
                if step == terms.ends[expiry]:
                    _settle(block.cash, block.alive, own, strike, size, is_call)
                else:
                    _add_option(
                        worth, own, logs, block.factors[market], block.inverses[market],
                        now.growth[option], now.log_growth[option] - terms.moneyness[option],
                        strike, now.spread[option], size, is_call,
                    )  # fmt: skip
            if step == terms.ends[expiry]:
                block.last[market, AT_PRICE, :] = 0.0
        _add_market(block.equity, own, worth, terms.futures[market] + terms.coins[market])
    for lane in range(LANES):
        block.equity[lane] = fused(block.alive[lane], block.equity[lane], block.cash[lane])


@inline
def _most_of_deltas(terms: Terms, now: Now, market: int, step: int) -> tuple[float, float, float]:
    """(coins held in a market, of the price: what deltas ask at most, at least and for roll)."""
    rules = terms.rules
    gross = abs(terms.futures[market])
    roll = rules.least_roll[market] * gross
    for expiry in range(terms.of_market[market], terms.of_market[market + 1]):
        if step >= terms.ends[expiry]:
            continue
        rate = roll_rate(rules, market, now.left[terms.first[expiry]])
        for option in range(terms.first[expiry], terms.first[expiry + 1]):
            gross += abs(terms.size[option])
            roll += rate * abs(terms.size[option])
    least = max(rules.least_net, 0.5 * rules.least_hedged) * gross
    return gross, least, roll


@kernel
def _add_bound(
    needed: Floats, last: Floats, price: Floats, factors: Floats, worth: Floats,
    of_prices: tuple[float, float, float, float], of_others: tuple[float, float],
    coins: Floats, usd: Floats, rates: tuple[float, float, float, float],
) -> None:  # fmt: skip
    """What a market asks at most, added to ``needed``; infinite where its last scan is too far.

    ``coins``, ``usd``: (2, steps + 1) of the bound until now.
    """
    weight, rise, fall, vega = of_prices
    slope, vega_of_others = of_others
    factor, least, roll, rest = rates
    now_coins, now_usd = coins[OF_PRICES, -1], usd[OF_PRICES, -1]
    others_coins, others_usd = coins[OF_OTHERS, -1], usd[OF_OTHERS, -1]
    for lane in range(LANES):
        own, before = price[lane], last[AT_PRICE, lane]
        far = abs(own - before)
        top, most = max(own, before), max(1.0, max(factors[lane], last[AT_FACTOR, lane]))
        changed = abs(factors[lane] - last[AT_FACTOR, lane])
        worst = last[OF_PRICE, lane] + far * (rise if own > before else fall)
        worst += weight * max(0.0, worth[lane] - last[AT_WORTH, lane])
        worst += top * (most * (now_coins - last[AT_COINS, lane]) + vega * changed)
        worst += now_usd - last[AT_USD, lane]
        other = last[OF_OTHER, lane] + slope * most * far
        other += top * (most * (others_coins - last[OTHERS_COINS, lane]) + vega_of_others * changed)
        other += others_usd - last[OTHERS_USD, lane]
        found = factor * (max(max(worst, other), least * own) + roll * own) + rest * own
        needed[lane] += found if far < FARTHEST * before else np.inf


@kernel
def _most_needed(
    terms: Terms, now: Now, bound: Bound, block: PoolBlock, price: Floats, step: int
) -> None:
    """What maintenance margin is at most, in all lanes."""
    block.needed[:] = 1e-6
    for market in range(len(price)):
        gross, least, roll = _most_of_deltas(terms, now, market, step)
        rest = contingency_rate(terms, market, step) + ROUNDED_OFF * gross
        _add_bound(
            block.needed, block.last[market], price[market], block.factors[market],
            block.worth[market],
            (
                bound.weight[market], bound.rise[market], bound.fall[market],
                bound.vega[OF_PRICES, market],
            ),
            (bound.slope[market], bound.vega[OF_OTHERS, market]),
            bound.coins[:, market, : step + 1], bound.usd[:, market, : step + 1],
            (terms.rules.maintenance, least, roll, rest),
        )  # fmt: skip


@kernel
def maintenance_of_lane(
    terms: Terms, now: Now, scratch: Scratch, bound: Bound, block: PoolBlock, price: Floats,
    lane: int, step: int,
) -> float:  # fmt: skip
    """USD of maintenance margin in a lane, computed anew."""
    look_at_shocks(terms, now, step)
    rules, total = terms.rules, 0.0
    block.scans[0] += 1.0
    for market in range(len(price)):
        at = point_of(terms, market, price[market, lane])
        worst, others = scan(terms, now, scratch, market, at, step)
        last = block.last[market]
        last[OF_PRICE, lane], last[OF_OTHER, lane] = worst, others
        last[AT_PRICE, lane], last[AT_FACTOR, lane] = at.price, at.factor
        last[AT_WORTH, lane] = block.worth[market, lane]
        last[AT_COINS, lane] = bound.coins[OF_PRICES, market, step]
        last[AT_USD, lane] = bound.usd[OF_PRICES, market, step]
        last[OTHERS_COINS, lane] = bound.coins[OF_OTHERS, market, step]
        last[OTHERS_USD, lane] = bound.usd[OF_OTHERS, market, step]
        worst = max(worst, others)
        least, roll = of_deltas(terms, now, market, at, step)
        total += rules.maintenance * (max(worst, least) + roll)
        total += contingency_rate(terms, market, step) * at.price
    return total


@inline
def _ratio_parts(terms: Terms, cash: float, price: Floats, lane: int) -> tuple[float, float, float]:
    """USD in a lane: (money, what coins count, what perpetuals require)."""
    ratio, money, value, required = terms.ratio, cash, 0.0, 0.0
    for market in range(len(price)):
        own, coins = price[market, lane], terms.coins[market]
        money += terms.futures[market] * own
        if coins != 0.0:
            counted = min(ratio.supply_cap[market], coins) * own * ratio.share[market]
            value += min(ratio.borrow_cap[market], counted)
        notional, needed = abs(terms.futures[market]) * own, 0.0
        for tier in range(ratio.tiers.shape[2]):
            if notional >= ratio.tiers[0, market, tier]:
                rate, less = ratio.tiers[1, market, tier], ratio.tiers[2, market, tier]
                needed = notional * rate - less
        required += needed
    return money, value, required


@kernel
def _ratio_needed(terms: Terms, block: PoolBlock, price: Floats) -> None:
    """Under a rule of a ratio: what equity has to be at least, in all lanes; exact."""
    ratio = terms.ratio
    for lane in range(LANES):
        money, value, required = _ratio_parts(terms, block.cash[lane], price, lane)
        if money < 0.0:
            required += ratio.borrow_offset - money
        value += max(0.0, money)
        # Equity counts coins whole: below it exactly where the ratio passes the limit.
        block.needed[lane] = required / ratio.limit - value + block.equity[lane]


@kernel
def _ratio_lacking(terms: Terms, block: PoolBlock, price: Floats) -> None:
    """The same as equity plus the money that is lacking; a debt counts otherwise than money."""
    ratio = terms.ratio
    for lane in range(LANES):
        money, value, required = _ratio_parts(terms, block.cash[lane], price, lane)
        # The least money with which the ratio holds: a debt where coins carry it, else none.
        least = required + ratio.borrow_offset - ratio.limit * value
        if least >= 0.0:
            least = max(0.0, required / ratio.limit - value)
        block.needed[lane] = block.equity[lane] + least - money


@kernel
def _close(terms: Terms, block: PoolBlock, price: Floats, lane: int, step: int) -> None:
    """All of the account, at its values less the cost."""
    cost = 0.0
    for market in range(len(price)):
        held = abs(terms.futures[market]) + terms.coins[market]
        for expiry in range(terms.of_market[market], terms.of_market[market + 1]):
            if step < terms.ends[expiry]:
                for option in range(terms.first[expiry], terms.first[expiry + 1]):
                    held += abs(terms.size[option])
        if held > 0.0:
            block.touched[market, lane] = step
        cost += terms.cost * held * price[market, lane]
    left = block.equity[lane] - cost
    block.first[0, lane] = step
    block.cost[lane] = cost
    block.taken[lane] = min(0.0, left)
    block.cash[lane] = max(0.0, left)
    block.equity[lane] = block.cash[lane]
    block.alive[lane] = 0.0


@kernel
def _liquidate(
    terms: Terms, now: Now, scratch: Scratch, bound: Bound, block: PoolBlock, price: Floats,
    step: int,
) -> None:  # fmt: skip
    """The lanes whose equity is below maintenance margin."""
    if not terms.is_ratio:
        _most_needed(terms, now, bound, block, price, step)
    elif terms.is_kept:
        _ratio_lacking(terms, block, price)
    else:
        _ratio_needed(terms, block, price)
    for lane in range(LANES):
        lacking = block.needed[lane] - block.equity[lane]
        # A bound that is no number says nothing.
        if lacking <= block.lacking[lane] or block.alive[lane] == 0.0:
            continue
        if not terms.is_ratio:
            needed = maintenance_of_lane(terms, now, scratch, bound, block, price, lane, step)
            lacking = needed - block.equity[lane]
            if lacking <= block.lacking[lane]:
                continue
        if terms.is_kept:
            block.lacking[lane] = lacking
        else:
            _close(terms, block, price, lane, step)


@kernel
def _scan_start(
    terms: Terms, now: Now, scratch: Scratch, bound: Bound, block: PoolBlock, price: Floats
) -> None:
    """All lanes start at the same prices: one scan says all."""
    look_at(terms, now, 0)
    _value(terms, now, block, price, 0)
    maintenance_of_lane(terms, now, scratch, bound, block, price, 0, 0)
    for market in range(len(price)):
        for row in range(REFERENCES):
            block.last[market, row, :] = block.last[market, row, 0]


@entry
def advance_pool(
    terms: Terms, now: Now, scratch: Scratch, bound: Bound, process: PriceProcess,
    block: PoolBlock, moves: Moves, beside: Floats, path: int, from_step: int, to_step: int,
) -> None:  # fmt: skip
    """Advances a block from the end of ``from_step`` to the end of ``to_step``.

    ``beside``: (TRACK, LANES) what the other parts of the account have in these steps.
    """
    terms, now, scratch, bound, process, block, moves, beside = borrowed(
        (terms, now, scratch, bound, process, block, moves, beside)
    )
    if from_step == 0:
        first_jumps(process, moves, path)
        if not terms.is_ratio:
            _scan_start(terms, now, scratch, bound, block, block.prices[0])
    next_jump, _ = soonest(moves.next_jump)
    at_hours = is_hourly(process)
    for step in range(from_step + 1, to_step + 1):
        before = block.prices[(step - 1) % 2]
        price = block.prices[step % 2]
        due_hours = move_funding(process, moves, step, path, at_hours)
        jumped = 0
        if next_jump <= step:
            jumped, next_jump = draw_jumps(process, moves, step, path)
        _move_prices(process, moves, before, price, step, path, jumped)
        if due_hours > 0.0:
            _pay_funding(process, terms, block, moves, price)
        look_at(terms, now, step)
        _value(terms, now, block, price, step)
        _liquidate(terms, now, scratch, bound, block, price, step)
        row = (step - 1) % TRACK
        for lane in range(LANES):
            both = block.equity[lane] + beside[row, lane]
            block.track[row, lane] = both
            block.course[NOW + lane] = both
        follow(block.course, block.added)


@entry
def needed_now(
    terms: Terms, now: Now, scratch: Scratch, bound: Bound, block: PoolBlock, step: int
) -> None:
    """Maintenance margin of all lanes at the end of a step, into ``needed``; 0 of closed ones."""
    terms, now, scratch, bound, block = borrowed((terms, now, scratch, bound, block))
    price = block.prices[step % 2]
    if terms.is_ratio:
        _ratio_needed(terms, block, price)
    look_at(terms, now, step)
    for lane in range(LANES):
        if not terms.is_ratio:
            block.needed[lane] = maintenance_of_lane(
                terms, now, scratch, bound, block, price, lane, step
            )
        block.needed[lane] *= block.alive[lane]


class PoolRun:
    """One block of a task of a pool, which can be advanced to any step and read there.

    Its arrays are written again by ``restart``; only compiled functions see them in between.
    """

    def __init__(self, task: PathTask, path: int) -> None:
        account = task.account
        if not isinstance(account, PoolAccount):
            raise TypeError("task: should be of an account in portfolio margin")
        self.apart = (
            None if account.apart is None
            else PoolRun(structs.replace(task, account=account.apart), path)
        )  # fmt: skip
        self.terms = terms_of(account, task.step_seconds / SECONDS_PER_YEAR)
        self.now = start_now(self.terms)
        self.scratch = start_scratch(self.terms)
        self.bound = bound_of(self.terms, task.steps)
        self.process = price_process(task)
        self.block = start_block(account)
        self.moves = start_moves(self.process)
        self._fresh = [array.copy() for array in (*self.block, *self.moves)]
        beside = np.zeros((TRACK, LANES)) if self.apart is None else self.apart.block.track
        margin = self.terms, self.now, self.scratch, self.bound
        self._advance = bind_arrays(
            advance_pool, *margin, self.process, self.block, self.moves, beside
        )
        self._needed = bind_arrays(needed_now, *margin, self.block)
        self.path = path
        self.step = 0

    @property
    def parts(self) -> "tuple[PoolRun, ...]":
        """This one, and that of what is apart."""
        return (self,) if self.apart is None else (self, *self.apart.parts)

    def restart(self, path: int) -> None:
        """At the start again, ``path`` being the first lane."""
        for part in self.parts:
            arrays: list[Any] = [*part.block, *part.moves]
            for array, fresh in zip(arrays, part._fresh, strict=True):
                array[...] = fresh
            part.path = path
            part.step = 0

    def advance(self, step: int) -> None:
        """To the end of ``step``."""
        while self.step < step:
            end = min(step, self.step // TRACK * TRACK + TRACK)
            if self.apart is not None:
                self.apart.advance(end)
            self._advance(self.path, self.step, end)
            self.step = end

    @property
    def price(self) -> Floats:
        """(m, LANES)."""
        found: Floats = self.block.prices[self.step % 2]
        return found

    @property
    def equity(self) -> Floats:
        """(b, LANES) USD of the parts."""
        return np.stack([part.block.equity for part in self.parts])

    @property
    def maintenance(self) -> Floats:
        """(LANES,) USD, computed anew; 0 where the account was liquidated."""
        self._needed(self.step)
        return self.block.needed.copy()

    @property
    def ratio(self) -> Floats:
        """(LANES,) of the worst part: maintenance margin over equity, 1 where it was liquidated."""
        worst = np.zeros(LANES)
        for part in self.parts:
            equity, needed = part.block.equity, part.maintenance
            with np.errstate(divide="ignore", invalid="ignore"):
                own = np.where(equity > 0.0, np.clip(needed / equity, 0.0, 1.0), 1.0)
            worst = np.maximum(worst, np.where(part.block.first[0] > 0, 1.0, own))
        return worst

    def taken_together(self, name: str) -> Floats:
        """(LANES,) the sum of the parts' row of this name."""
        found: Floats = sum(getattr(part.block, name) for part in self.parts)
        return found
