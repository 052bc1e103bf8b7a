"""The path kernel: LANES paths walk together, step by step, and are watched for liquidation.

Per step: prices move; at the hours, funding is paid out of the position's bucket; equity and
maintenance margin of every bucket are summed over all lanes at once; the few lanes in which some
bucket is under maintenance margin go one by one to ``stages.liquidate_lane``.
"""

from typing import Any, NamedTuple

import numpy as np

from seawall.lab.paths.account import kernel_rules
from seawall.lab.paths.compiled import borrowed, entry, inline, kernel
from seawall.lab.paths.draws import LANES
from seawall.lab.paths.margin import (
    LOWER,
    UPPER,
    Holdings,
    add_position,
    clear,
    correct_tiers,
    finish_bucket,
    grow_and_add,
    holdings_of,
    owe,
    owe_recorded,
    pay,
    remember_lowest,
    start_bucket,
)
from seawall.lab.paths.returns import (
    choose_rows,
    draw_changes,
    draw_step,
    first_jumps,
    grow,
    is_any,
    land,
    leap,
    move_rates,
    move_volatility,
    replay,
    soonest,
)
from seawall.lab.paths.stages import liquidate_lane
from seawall.lab.paths.task import Floats, Ints, PathAccount, PathTask
from seawall.lab.paths.walk import (
    EQUITY,
    HOUR_MS,
    LOWEST,
    MAINTENANCE,
    OWED,
    TOTAL,
    Moves,
    Walk,
    start_moves,
    walk_of,
)


class Block(NamedTuple):
    """LANES paths on their way. ``prices``: (2, m, LANES), the even step's and the odd step's.

    ``floor``: (b, LANES) 0, or minus infinity where nothing is left to liquidate. ``alive``: (b,)
    lanes in which something is. The rest is as ``stages_state`` says.
    """

    prices: Floats
    size: Floats
    cash: Floats
    cooldown: Ints
    first: Any
    touched: Any
    totals: Floats
    floor: Floats
    alive: Ints


def start_block(account: PathAccount) -> Block:
    """All lanes at the start."""
    markets, buckets = len(account.price), len(account.cash)

    def lanes(values: Floats) -> Floats:
        return np.repeat(np.asarray(values, np.float64)[:, None], LANES, axis=1)

    price = lanes(account.price)
    holds = np.bincount(account.bucket, account.size != 0.0, minlength=buckets) > 0
    return Block(
        prices=np.array([price, price]),
        size=lanes(account.size),
        cash=lanes(account.cash),
        cooldown=np.zeros((buckets, LANES), np.int64),
        first=np.zeros((buckets, LANES), np.int32),
        touched=np.zeros((markets, LANES), np.int32),
        totals=np.zeros((3, LANES)),
        floor=lanes(np.where(holds, 0.0, -np.inf)),
        alive=np.where(holds, LANES, 0).astype(np.int64),
    )


@inline
def _move_market(walk, holdings, block, moves, before, price, step, market, is_short, is_alive):
    """One market's price, and what its position adds to the bucket in turn."""
    rows = moves.rows
    size = block.size[market]
    usual = holdings.usual[market]
    has_tiers = usual[LOWER] > 0.0 or usual[UPPER] < np.inf
    signs = np.int64(0)
    if is_short and is_alive:
        changes = moves.changes[market * LANES : (market + 1) * LANES]
        if has_tiers:
            signs = grow_and_add(rows, changes, before[market], price[market], size, usual, True)
        else:
            grow_and_add(rows, changes, before[market], price[market], size, usual, False)
    else:
        if walk.normals > 0:
            changes = moves.changes[market * LANES : (market + 1) * LANES]
            grow(changes, before[market], price[market])
        elif walk.block_steps > 0:
            replay(walk, moves, before[market], price[market], market)
        else:
            price[market][:] = walk.given[step - 1, market]
        if is_alive:
            signs = add_position(rows, price[market], size, usual)
    if signs < 0:
        correct_tiers(rows, price[market], size, usual, holdings.tiers, market)


@inline
def _owe_market(walk, block, moves, price, market):
    size = block.size[market]
    if len(walk.recorded) > 0:
        owe_recorded(moves.rows, price[market], size, walk.recorded, moves.row, market)
    elif moves.due[market] != 0.0 or walk.rate_std[market] != 0.0:
        owe(moves.rows, price[market], size, moves.due[market], walk.rate_std[market])


@inline
def _move_bucket(walk, holdings, block, moves, before, price, step, bucket, is_short, is_due):
    """Prices, equity and maintenance margin of a bucket; returns how many lanes are under."""
    rows = moves.rows
    is_alive = block.alive[bucket] > 0
    pays = is_due and is_alive
    start_bucket(rows, block.cash[bucket], block.floor[bucket], holdings.deduction[bucket])
    if pays:
        clear(rows, OWED)
    for place in range(holdings.begin[bucket], holdings.begin[bucket + 1]):
        market = holdings.order[place]
        _move_market(walk, holdings, block, moves, before, price, step, market, is_short, is_alive)
        if pays:
            _owe_market(walk, block, moves, price, market)
    if pays:
        pay(rows, block.cash[bucket])
    if bucket == 0:
        return finish_bucket(rows, True)
    return finish_bucket(rows, False)


@inline
def _move_block(walk, holdings, block, moves, before, price, is_under, step, path, is_due):
    """One step of all lanes; marks those in which some bucket is under, and returns how many."""
    start = 0
    is_short = False
    if walk.normals > 0:
        start = draw_step(walk, moves, step, path)
        is_short = draw_changes(walk, moves, start)
    elif walk.block_steps > 0:
        choose_rows(walk, moves, step, path)
    rows = moves.rows
    found = 0
    for bucket in range(len(block.alive)):
        under = _move_bucket(
            walk, holdings, block, moves, before, price, step, bucket, is_short, is_due
        )
        if under > 0:
            for lane in range(LANES):
                if rows[EQUITY + lane] < rows[MAINTENANCE + lane]:
                    found += not is_under[lane]
                    is_under[lane] = True
    if walk.normals > 0:
        move_volatility(walk, moves, start)
    return found


@inline
def _look_again(block, rows, holdings, price, lane):
    """After a liquidation: the lane's equity, and what is left to liquidate."""
    total = 0.0
    for bucket in range(len(block.alive)):
        total += block.cash[bucket, lane]
        holds = False
        for place in range(holdings.begin[bucket], holdings.begin[bucket + 1]):
            market = holdings.order[place]
            size = block.size[market, lane]
            total += size * price[market, lane]
            holds = holds or size != 0.0
        if not holds and block.floor[bucket, lane] == 0.0:
            block.floor[bucket, lane] = -np.inf
            block.alive[bucket] -= 1
    rows[TOTAL + lane] = total


@kernel
def _liquidate(rules, block, rows, holdings, before, price, is_under, from_ms, now_ms, step):
    """All marked lanes."""
    state = (
        price, before, block.size, block.cash, block.cooldown, block.first, block.touched,
        block.totals,
    )  # fmt: skip
    for lane in range(LANES):
        if is_under[lane]:
            is_under[lane] = False
            liquidate_lane(rules, state, lane, from_ms, now_ms, step)
            _look_again(block, rows, holdings, price, lane)


@inline
def _borrowed(walk, holdings, block, moves):
    """The same without owners: slices cost nothing."""
    walk = Walk(
        walk.normals, walk.mirrored, walk.block_steps, walk.step_ms, borrowed(walk.mix),
        borrowed(walk.drift), borrowed(walk.half_variance), borrowed(walk.jump_beta),
        borrowed(walk.rate), borrowed(walk.rate_mean), borrowed(walk.rate_std),
        borrowed(walk.numbers), borrowed(walk.gross), borrowed(walk.recorded), borrowed(walk.given),
        borrowed(walk.keys),
    )  # fmt: skip
    holdings = Holdings(
        borrowed(holdings.order), borrowed(holdings.begin), borrowed(holdings.usual),
        borrowed(holdings.deduction), borrowed(holdings.tiers),
    )  # fmt: skip
    block = Block(
        borrowed(block.prices), borrowed(block.size), borrowed(block.cash),
        borrowed(block.cooldown), borrowed(block.first), borrowed(block.touched),
        borrowed(block.totals), borrowed(block.floor), borrowed(block.alive),
    )  # fmt: skip
    moves = Moves(
        borrowed(moves.rows), borrowed(moves.normals), borrowed(moves.changes),
        borrowed(moves.jump_time), borrowed(moves.next_jump), borrowed(moves.jumps),
        borrowed(moves.leapers), borrowed(moves.leaps), borrowed(moves.row),
        borrowed(moves.above), borrowed(moves.due),
    )  # fmt: skip
    return walk, holdings, block, moves


@entry
def advance(rules, walk, holdings, block, moves, path, from_step, to_step):
    """Walks a block from the end of ``from_step`` to the end of ``to_step``."""
    walk, holdings, block, moves = _borrowed(walk, holdings, block, moves)
    if from_step == 0:
        first_jumps(walk, moves, path)
    next_jump = soonest(moves.next_jump)
    is_recorded = len(walk.recorded) > 0
    is_hourly = not is_recorded and (
        is_any(walk.rate) or is_any(walk.rate_mean) or is_any(walk.rate_std)
    )
    is_under = np.zeros(LANES, np.bool_)
    step_ms = walk.step_ms
    for step in range(from_step + 1, to_step + 1):
        before = block.prices[(step - 1) % 2]
        price = block.prices[step % 2]
        from_ms = (step - 1) * step_ms
        hour = from_ms // HOUR_MS
        hours = (from_ms + step_ms) // HOUR_MS - hour
        is_due = is_recorded
        if is_hourly and hours > 0:
            move_rates(walk, moves, hour, hours, path)
            is_due = True
        jumped = 0
        if next_jump <= step:
            jumped = leap(walk, moves, before, step, path)
            next_jump = soonest(moves.next_jump)
        found = _move_block(
            walk, holdings, block, moves, before, price, is_under, step, path, is_due
        )
        land(moves, before, jumped)
        if found > 0:
            _liquidate(
                rules, block, moves.rows, holdings, before, price, is_under, from_ms,
                from_ms + step_ms, step,
            )  # fmt: skip
        remember_lowest(moves.rows)


class Run:
    """One block of a task, which can be stopped on its way and looked at.

    Its arrays are written again by ``restart``; only compiled functions see them in between.
    """

    def __init__(self, task: PathTask, path: int) -> None:
        # Copies: arrays that another process sent may be read-only, which is another type.
        self.rules = tuple(
            each.copy() if isinstance(each, np.ndarray) else each
            for each in kernel_rules(task.account)
        )
        self.walk: Walk = walk_of(task)
        self.holdings = holdings_of(task.account)
        self.block = start_block(task.account)
        self.moves: Moves = start_moves(self.walk)
        self.moves.rows[LOWEST : LOWEST + LANES] = task.account.equity.sum()
        self._fresh = [array.copy() for array in (*self.block, *self.moves)]
        self.path = path
        self.step = 0

    def restart(self, path: int) -> None:
        """At the start again, ``path`` being the first lane."""
        for array, fresh in zip((*self.block, *self.moves), self._fresh, strict=True):
            array[...] = fresh
        self.path = path
        self.step = 0

    def advance(self, step: int) -> None:
        """To the end of ``step``."""
        advance(
            self.rules, self.walk, self.holdings, self.block, self.moves, self.path, self.step, step
        )
        self.step = step

    def follow(self, prices: Floats) -> None:
        """From the start along given prices, (steps, m, LANES) USD, instead of the model's."""
        self.walk = self.walk._replace(normals=0, block_steps=0, given=np.array(prices, np.float64))
        self.advance(len(prices))

    @property
    def price(self) -> Floats:
        """(m, LANES)."""
        result: Floats = self.block.prices[self.step % 2]
        return result

    @property
    def equity(self) -> Floats:
        """(b, LANES) USD."""
        equity = self.block.cash.copy()
        value = self.block.size * self.price
        for market, bucket in enumerate(self.rules[1]):
            equity[bucket] += value[market]
        return equity
