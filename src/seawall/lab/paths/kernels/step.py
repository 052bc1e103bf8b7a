"""One block of LANES paths, advanced step by step: prices, funding, margin, liquidation.

Per step: prices move; the few lanes in which they reach an order of the account go one by one to
``orders.act_lane``; at the hours, funding is paid out of the position's bucket; equity and
maintenance margin of every bucket are summed over all lanes at once; the few lanes in which some
bucket is under maintenance margin go one by one to ``stages.liquidate_lane``.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.engine.compile import bind_arrays, inline, kernel
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.paths.kernels.account import kernel_rules
from seawall.lab.paths.kernels.compiled import borrowed, entry
from seawall.lab.paths.kernels.course import NOW, add_bucket, follow, start_course
from seawall.lab.paths.kernels.margin import (
    EQUITY,
    LOWER,
    MAINTENANCE,
    SUMS,
    UPPER,
    Holdings,
    add_position,
    clear_owed,
    correct_tiers,
    grow_and_add,
    grow_and_add_tile,
    holdings_of,
    lanes_under,
    owe,
    owe_recorded,
    pay,
    start_bucket,
)
from seawall.lab.paths.kernels.orders import (
    act_lane,
    costs_more,
    mark_reached,
    set_bounds,
    top_up,
)
from seawall.lab.paths.kernels.philox import LANES
from seawall.lab.paths.kernels.process import (
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
from seawall.lab.paths.kernels.stages import liquidate_lane
from seawall.lab.paths.kernels.stages_state import Rules, State, bucket_risk
from seawall.lab.paths.kernels.task import OrderKind, PathAccount, PathTask


class Block(NamedTuple):
    """LANES paths on their way. ``prices``: (2, m, LANES), the even step's and the odd step's.

    ``floor``: (b, LANES) 0, or minus infinity where nothing is left to liquidate. ``alive``: (b,)
    lanes in which something is. ``is_whole``: (m,) whether no lane has lost any of a position.
    ``sums``: of each bucket in this step, flat; ``course``: of the account's equity so far, flat.
    ``bounds``: (2, m, LANES) the nearest levels of orders, below and above. The rest is as
    ``State`` says.
    """

    prices: Floats
    size: Floats
    cash: Floats
    cooldown: Integers
    first: NDArray[np.int32]
    touched: NDArray[np.int32]
    cost: Floats
    taken: Floats
    floor: Floats
    alive: Integers
    is_whole: Mask
    sums: Floats
    waits: Mask
    acted: NDArray[np.int32]
    order_cost: Floats
    added: Floats
    bounds: Floats
    course: Floats


def start_block(account: PathAccount) -> Block:
    """All lanes at the start."""
    markets, buckets, orders = len(account.price), len(account.cash), len(account.orders)

    def lanes(values: Floats) -> Floats:
        return np.repeat(np.asarray(values, np.float64)[:, None], LANES, axis=1)

    price = lanes(account.price)
    holds = np.bincount(account.bucket, account.size != 0.0, minlength=buckets) > 0
    block = Block(
        prices=np.array([price, price]),
        size=lanes(account.size),
        cash=lanes(account.cash),
        cooldown=np.zeros((buckets, LANES), np.int64),
        first=np.zeros((buckets, LANES), np.int32),
        touched=np.zeros((markets, LANES), np.int32),
        cost=np.zeros(LANES),
        taken=np.zeros(LANES),
        floor=lanes(np.where(holds, 0.0, -np.inf)),
        alive=np.where(holds, LANES, 0).astype(np.int64),
        is_whole=np.ones(markets, bool),
        sums=np.zeros(buckets * SUMS * LANES),
        waits=np.ones((orders, LANES), bool),
        acted=np.zeros((orders, LANES), np.int32),
        order_cost=np.zeros(LANES),
        added=np.zeros(LANES),
        bounds=np.zeros((2, markets, LANES)),
        course=start_course(float(account.equity.sum())),
    )
    return Block(*map(aligned, block))


@inline
def _sums_of(block: Block, bucket: int) -> Floats:
    return block.sums[bucket * SUMS * LANES : (bucket + 1) * SUMS * LANES]


@inline
def _state_of(block: Block, before: Floats, price: Floats) -> State:
    return State(
        price, before, block.size, block.cash, block.cooldown, block.first, block.touched,
        block.cost, block.taken, block.waits, block.acted, block.order_cost, block.added,
    )  # fmt: skip


@inline
def _move_tile(
    holdings: Holdings, block: Block, moves: Moves, before: Floats, price: Floats, market: int,
    bucket: int,
) -> None:  # fmt: skip
    """A short step of TILE markets of one bucket."""
    begin, end = market * LANES, (market + TILE) * LANES
    old, now = before.reshape(before.size)[begin:end], price.reshape(price.size)[begin:end]
    size = block.size.reshape(block.size.size)[begin:end]
    start = holdings.size[market : market + TILE]
    usual = holdings.usual[market : market + TILE]
    sums, changes = _sums_of(block, bucket), moves.changes
    has_tiers, is_whole = False, True
    for number in range(TILE):
        has_tiers |= usual[number, LOWER] > 0.0 or usual[number, UPPER] < np.inf
        is_whole &= block.is_whole[market + number]
    # The compiler makes one loop of each: no branch is left inside.
    if is_whole and has_tiers:
        signs = grow_and_add_tile(sums, changes, old, now, size, start, usual, True, True)
    elif is_whole:
        signs = grow_and_add_tile(sums, changes, old, now, size, start, usual, True, False)
    elif has_tiers:
        signs = grow_and_add_tile(sums, changes, old, now, size, start, usual, False, True)
    else:
        signs = grow_and_add_tile(sums, changes, old, now, size, start, usual, False, False)
    if signs < 0:
        for number in range(market, market + TILE):
            correct_tiers(
                moves.rows, sums, price[number], block.size[number], holdings.usual[number],
                holdings.tiers, number,
            )  # fmt: skip


@inline
def _move_market(
    process: PriceProcess, holdings: Holdings, block: Block, moves: Moves, before: Floats,
    price: Floats, market: int, is_short: bool,
) -> None:  # fmt: skip
    """One market's price, and what its position adds to its bucket."""
    bucket = holdings.bucket[market]
    is_alive = block.alive[bucket] > 0
    size, usual, sums = block.size[market], holdings.usual[market], _sums_of(block, bucket)
    place = market % TILE * LANES
    signs = np.int64(0)
    if is_short and is_alive:
        changes = moves.changes[place : place + LANES]
        signs = grow_and_add(sums, changes, before[market], price[market], size, usual)
    else:
        move_price(process, moves, before, price, market, is_short)
        if is_alive:
            signs = add_position(sums, price[market], size, usual)
    if signs < 0:
        correct_tiers(moves.rows, sums, price[market], size, usual, holdings.tiers, market)


@inline
def _move_markets(
    process: PriceProcess, holdings: Holdings, block: Block, moves: Moves, before: Floats,
    price: Floats, step: int, path: int, jumped: int,
) -> None:  # fmt: skip
    """Prices of a step, and what the positions are worth."""
    draw_step(process, moves, step, path)
    markets = len(price)
    for first in range(0, markets, TILE):
        is_short = process.normals > 0 and draw_changes(process, moves, first, jumped)
        bucket = holdings.tile_bucket[first // TILE]
        if is_short and bucket >= 0 and block.alive[bucket] > 0:
            _move_tile(holdings, block, moves, before, price, first, bucket)
        else:
            for market in range(first, min(first + TILE, markets)):
                _move_market(process, holdings, block, moves, before, price, market, is_short)
    move_volatility(process, moves)


@inline
def _pay_funding(
    process: PriceProcess, holdings: Holdings, block: Block, moves: Moves, price: Floats
) -> None:
    """What this step's hours cost, or the recorded step did, out of the buckets."""
    for bucket in range(len(block.alive)):
        clear_owed(_sums_of(block, bucket))
    for market in range(len(price)):
        size, sums = block.size[market], _sums_of(block, holdings.bucket[market])
        if len(process.recorded) > 0:
            owe_recorded(sums, price[market], size, process.recorded, moves.row, market)
        elif moves.due[market] != 0.0 or process.rate_std[market] != 0.0:
            owe(moves.rows, sums, price[market], size, moves.due[market], process.rate_std[market])
    for bucket in range(len(block.alive)):
        pay(moves.rows, _sums_of(block, bucket), block.cash[bucket])


@inline
def _rate_of(process: PriceProcess, moves: Moves, market: int, lane: int) -> float:
    """What longs pay in this step, a fraction of notional."""
    if len(process.recorded) > 0:
        return process.recorded[moves.row[lane], market]
    return moves.due[market] + process.rate_std[market] * moves.rows[SHOCKS + lane]


@kernel
def _refresh_sums(rules: Rules, state: State, block: Block, lane: int) -> None:
    """Equity and maintenance margin of a lane whose positions have changed in this step."""
    for bucket in range(len(block.alive)):
        sums = _sums_of(block, bucket)
        equity, maintenance = bucket_risk(rules, state, lane, bucket)
        sums[EQUITY + lane] = equity
        sums[MAINTENANCE + lane] = maintenance + block.floor[bucket, lane]


@kernel
def _act_orders(
    rules: Rules, process: PriceProcess, holdings: Holdings, block: Block, moves: Moves,
    before: Floats, price: Floats, step: int, hours: float,
) -> None:  # fmt: skip
    """The orders of all lanes that prices or the funding of ``hours`` reach."""
    state = _state_of(block, before, price)
    is_marked = np.zeros(LANES, np.bool_)
    found = mark_reached(price, block.bounds, is_marked)
    if hours > 0.0:
        orders = rules.orders
        for number in range(len(orders.kind)):
            if orders.kind[number] == OrderKind.BEFORE_FUNDING:
                market = orders.market[number]
                for lane in range(LANES):
                    rate = _rate_of(process, moves, market, lane) / hours
                    if state.waits[number, lane] and costs_more(rules, state, number, lane, rate):
                        found += not is_marked[lane]
                        is_marked[lane] = True
    if found == 0:
        return
    rates = np.zeros(len(price))
    for lane in range(LANES):
        if is_marked[lane]:
            if hours > 0.0:
                for market in range(len(price)):
                    rates[market] = _rate_of(process, moves, market, lane) / hours
            act_lane(rules, state, block.bounds, rates, lane, step)
            _reassess(block, holdings, lane)
            _refresh_sums(rules, state, block, lane)


@inline
def _move_block(
    rules: Rules, process: PriceProcess, holdings: Holdings, block: Block, moves: Moves,
    before: Floats, price: Floats, is_under: Mask, step: int, path: int, jumped: int, hours: float,
) -> int:  # fmt: skip
    """One step of all lanes; marks those in which some bucket is under, and returns how many.

    ``hours``: of which funding is due.
    """
    buckets = len(block.alive)
    for bucket in range(buckets):
        start_bucket(
            _sums_of(block, bucket), block.cash[bucket], block.floor[bucket],
            holdings.deduction[bucket],
        )  # fmt: skip
    _move_markets(process, holdings, block, moves, before, price, step, path, jumped)
    if len(rules.orders.kind) > 0:
        _act_orders(rules, process, holdings, block, moves, before, price, step, hours)
    if hours > 0.0:
        _pay_funding(process, holdings, block, moves, price)
    found = 0
    for bucket in range(buckets):
        sums = _sums_of(block, bucket)
        add_bucket(block.course, sums, bucket == 0)
        if lanes_under(sums) > 0:
            for lane in range(LANES):
                if sums[EQUITY + lane] < sums[MAINTENANCE + lane]:
                    found += not is_under[lane]
                    is_under[lane] = True
    return found


@inline
def _reassess(block: Block, holdings: Holdings, lane: int) -> None:
    """What is left to liquidate in a lane after a liquidation."""
    for bucket in range(len(block.alive)):
        holds = False
        for market in range(len(holdings.size)):
            size = block.size[market, lane]
            if size != holdings.size[market]:
                block.is_whole[market] = False
            if holdings.bucket[market] == bucket:
                holds = holds or size != 0.0
        if not holds and block.floor[bucket, lane] == 0.0:
            block.floor[bucket, lane] = -np.inf
            block.alive[bucket] -= 1


@inline
def _equity_of(block: Block, price: Floats, lane: int) -> float:
    """USD of the whole account in a lane."""
    equity = 0.0
    for bucket in range(len(block.alive)):
        equity += block.cash[bucket, lane]
    for market in range(len(price)):
        equity += block.size[market, lane] * price[market, lane]
    return equity


@kernel
def _liquidate(
    rules: Rules, block: Block, holdings: Holdings, before: Floats, price: Floats,
    is_under: Mask, from_ms: int, now_ms: int, step: int,
) -> None:  # fmt: skip
    """All marked lanes."""
    state = _state_of(block, before, price)
    for lane in range(LANES):
        if is_under[lane]:
            is_under[lane] = False
            liquidate_lane(rules, state, lane, from_ms, now_ms, step)
            _reassess(block, holdings, lane)
            block.course[NOW + lane] = _equity_of(block, price, lane)


@entry
def advance(
    rules: Rules, process: PriceProcess, holdings: Holdings, block: Block, moves: Moves, path: int,
    from_step: int, to_step: int,
) -> None:  # fmt: skip
    """Advances a block from the end of ``from_step`` to the end of ``to_step``."""
    process, holdings, block, moves = borrowed((process, holdings, block, moves))
    if from_step == 0:
        first_jumps(process, moves, path)
        start = block.prices[0]
        for lane in range(LANES):
            set_bounds(rules, _state_of(block, start, start), block.bounds, lane)
    next_jump, _ = soonest(moves.next_jump)
    at_hours = is_hourly(process)
    is_under = np.zeros(LANES, np.bool_)
    step_ms = process.step_ms
    for step in range(from_step + 1, to_step + 1):
        before = block.prices[(step - 1) % 2]
        price = block.prices[step % 2]
        from_ms = (step - 1) * step_ms
        due_hours = move_funding(process, moves, step, path, at_hours)
        jumped = 0
        if next_jump <= step:
            jumped, next_jump = draw_jumps(process, moves, step, path)
        found = _move_block(
            rules, process, holdings, block, moves, before, price, is_under, step, path, jumped,
            due_hours,
        )  # fmt: skip
        if found > 0:
            _liquidate(
                rules, block, holdings, before, price, is_under, from_ms, from_ms + step_ms, step
            )  # fmt: skip
        follow(block.course, block.added)
        if len(rules.orders.kind) > 0:
            top_up(rules, _state_of(block, before, price), step, step_ms)


class Run:
    """One block of a task, which can be advanced to any step and read there.

    Its arrays are written again by ``restart``; only compiled functions see them in between.
    """

    def __init__(self, task: PathTask, path: int) -> None:
        account = task.perpetuals
        self.rules = kernel_rules(account)
        self.process = price_process(task)
        self.holdings = holdings_of(account)
        self.block = start_block(account)
        self.moves = start_moves(self.process)
        self._fresh = [array.copy() for array in (*self.block, *self.moves)]
        self._advance = bind_arrays(
            advance, self.rules, self.process, self.holdings, self.block, self.moves
        )
        self.path = path
        self.step = 0

    def restart(self, path: int) -> None:
        """At the start again, ``path`` being the first lane."""
        arrays: list[Any] = [*self.block, *self.moves]
        for array, fresh in zip(arrays, self._fresh, strict=True):
            array[...] = fresh
        self.path = path
        self.step = 0

    def advance(self, step: int) -> None:
        """To the end of ``step``."""
        if step == self.step:
            return
        self._advance(self.path, self.step, step)
        self.step = step

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
        for market, bucket in enumerate(self.rules.bucket):
            equity[bucket] += value[market]
        return equity
