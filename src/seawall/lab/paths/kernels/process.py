"""The price process of a task as arrays, the state of a block of paths in it, and one step of both.

``PriceProcess`` is what ``Diffusion``, ``Bootstrap`` and ``FundingRate`` come down to, per step.
The kernels are written for the compiler: a loop over LANES neighbours, no branch inside, no call
that is not inlined.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from seawall.engine.compile import inline
from seawall.lab.arrays import Floats, Integers
from seawall.lab.paths.kernels.compiled import fused
from seawall.lab.paths.kernels.draws import (
    HALF,
    LANES,
    LONGEST,
    SHORT,
    Words,
    exponential,
    fill_mirrored,
    fill_normals,
    minus_logarithm,
    normal_of,
    uniform_of,
)
from seawall.lab.paths.kernels.task import SECONDS_PER_YEAR, Bootstrap, Diffusion, PathTask

CACHE_LINE = 64
TILE = 4
"""Markets, and normals, that one pass over the lanes takes together."""
PURPOSES = STEPS, SHARED, JUMPS, FUNDING, STARTS = 0, 1, 2, 3, 4
NEVER = 1 << 40
"""A step that does not come."""

ROWS = 11
(
    FACTOR, SQUARE, SUM_0, SUM_1, SUM_2, SUM_3, RIGHT, VOLATILITY, SHOCK, SHOCKS, PAID,
) = range(0, ROWS * LANES, LANES)  # fmt: skip
"""Where each working row of a block begins. ``factor``: volatility now over its mean, and its
``square``; ``sum``: of the normals of TILE markets; ``right``: maintenance margin where tiers
differ; ``shock``: the state of the funding rate, ``shocks``: its sum over the hours of this step;
``paid``: funding so far."""


class PriceProcess(NamedTuple):
    """The model of a task, per step. m markets, r recorded rows.

    Markets are padded to whole tiles in ``mix``: (w, w) what each normal adds to a market's log
    return, ``drift`` and ``half_variance``: (w,). ``gross``: (r, m) price relatives; ``recorded``:
    (r, m) funding. ``keys``: (purposes, 2). Scalars are floats and never integers, so that every
    task has the same type.

    A block's working rows lie one after the other in one flat array: the compiler can then see
    that they never overlap, and turns every loop over lanes into vector instructions.
    """

    normals: int
    """Of one step: one a market, one for the volatility if it moves; 0 for recorded returns."""
    mirrored: bool
    block_steps: int
    step_ms: int
    mix: Floats
    drift: Floats
    half_variance: Floats
    jump_beta: Floats
    rate: Floats
    rate_mean: Floats
    rate_std: Floats
    gross: Floats
    recorded: Floats
    keys: Words
    rate_decay: float
    rate_shock: float
    volatility_decay: float = 0.0
    volatility_shock: float = 0.0
    volatility_variance: float = 0.0
    jumps_per_step: float = 0.0
    jump_mean: float = 0.0
    jump_std: float = 0.0


def price_process(task: PathTask) -> PriceProcess:
    """The arrays of a task's model.

    Raises ValueError for a correlation that cannot be and for steps shorter than a millisecond.
    """
    if round(task.step_seconds * 1000) < 1:
        raise ValueError(f"step_seconds: {task.step_seconds}; at least 0.001")
    markets = len(task.account.price)
    model = task.model
    funding = task.funding
    decay = 0.5 ** (1.0 / funding.half_life_hours)
    width = -(-markets // TILE) * TILE
    process = PriceProcess(
        normals=0,
        mirrored=task.antithetic,
        block_steps=0,
        step_ms=round(task.step_seconds * 1000),
        mix=np.zeros((width, width)),
        drift=np.zeros(width),
        half_variance=np.zeros(width),
        jump_beta=np.ones(markets),
        rate=_row(funding.rate),
        rate_mean=_row(funding.mean),
        rate_std=_row(funding.std),
        gross=np.ones((1, markets)),
        recorded=np.zeros((0, markets)),
        keys=_keys(task.seed),
        rate_decay=decay,
        rate_shock=math.sqrt(1.0 - decay**2),
    )
    if isinstance(model, Bootstrap):
        return _recorded_process(process, model)
    return _diffusion_process(process, model, task.step_seconds)


def _row(values: Floats) -> Floats:
    """A copy that may be written; an array from another process may not, which is another type."""
    return np.array(values, np.float64, order="C")


def _padded(values: Floats, width: int) -> Floats:
    return np.pad(values, (0, width - len(values)))


def _keys(seed: int) -> Words:
    words = np.random.SeedSequence(seed).generate_state(2 * len(PURPOSES), np.uint64)
    return np.asarray(words, np.uint64).reshape(len(PURPOSES), 2)


def _recorded_process(process: PriceProcess, model: Bootstrap) -> PriceProcess:
    empty = np.zeros((0, len(process.rate)))
    return process._replace(
        block_steps=model.block_steps,
        gross=np.exp(_row(model.returns)),
        recorded=empty if model.funding is None else _row(model.funding),
    )


def _diffusion_process(
    process: PriceProcess, model: Diffusion, step_seconds: float
) -> PriceProcess:
    markets = len(process.rate)
    years = step_seconds / SECONDS_PER_YEAR
    moves = model.volatility_of_volatility > 0.0
    decay = 0.5 ** (step_seconds / 86_400 / model.volatility_half_life_days)
    volatility = _row(model.volatility)
    mix = np.zeros_like(process.mix)
    root = square_root(np.asarray(model.correlation, np.float64))
    mix[:markets, :markets] = (volatility * np.sqrt(years))[:, None] * root
    return process._replace(
        normals=markets + moves,
        mix=mix,
        drift=_padded(_row(model.drift) * years, len(mix)),
        half_variance=_padded(volatility**2 * years / 2.0, len(mix)),
        jump_beta=process.jump_beta if model.jump_beta is None else _row(model.jump_beta),
        volatility_decay=decay,
        volatility_shock=float(model.volatility_of_volatility * math.sqrt(1.0 - decay**2)),
        volatility_variance=float(model.volatility_of_volatility**2),
        jumps_per_step=float(model.jump_rate * years),
        jump_mean=float(model.jump_mean),
        jump_std=float(model.jump_std),
    )


def square_root(correlation: Floats) -> Floats:
    """Lower triangular L with ``L @ L.T`` the correlation, which may be singular.

    Raises ValueError where it is not positive semi-definite.
    """
    root = np.zeros_like(correlation)
    for column in range(len(correlation)):
        left = correlation[column:, column] - root[column:, :column] @ root[column, :column]
        if left[0] < -1e-9 or (left[0] < 1e-12 and np.abs(left).max() > 1e-6):
            raise ValueError("correlation: is not positive semi-definite")
        if left[0] >= 1e-12:
            root[column:, column] = left / np.sqrt(left[0])
    return root


def aligned(values: Any) -> Any:
    """A copy that begins at a cache line, so that no vector of it lies in two."""
    array = np.asarray(values)
    room = np.empty(array.nbytes + CACHE_LINE, np.uint8)
    begin = -room.ctypes.data % CACHE_LINE
    copy = room[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


class Moves(NamedTuple):
    """What moves a block of paths besides its prices. m markets.

    ``normals``: of a step, flat, and two rows of the funding rate's behind them. ``changes``:
    log returns of TILE markets, flat. ``next_jump``:
    (LANES,) the step in which ``jump_time`` lies, times LANES, plus the lane; ``jump_lanes``: those
    that jump in this step, ``jump_sizes``: how far, in the log of a market with beta 1. ``row``:
    (LANES,) the recorded row of this step. ``above``: (m,) the funding rate without its shock,
    above its mean, now; ``due``: (m,) that rate summed over the hours of this step.
    """

    rows: Floats
    normals: Floats
    changes: Floats
    jump_time: Floats
    next_jump: Integers
    jumps: Integers
    jump_lanes: Integers
    jump_sizes: Floats
    row: Integers
    above: Floats
    due: Floats


def start_moves(process: PriceProcess) -> Moves:
    """The state of every lane at the start; ``first_jumps`` must follow."""
    markets = len(process.rate)
    rows = np.zeros(ROWS * LANES)
    factor = np.exp(-process.volatility_variance)
    rows[FACTOR : FACTOR + LANES] = factor
    rows[SQUARE : SQUARE + LANES] = factor**2
    moves = Moves(
        rows=rows,
        normals=np.zeros((process.normals + TILE + 3) * LANES),
        changes=np.zeros(TILE * LANES),
        jump_time=np.zeros(LANES),
        next_jump=np.zeros(LANES, np.int64),
        jumps=np.zeros(LANES, np.int64),
        jump_lanes=np.zeros(LANES, np.int64),
        jump_sizes=np.zeros(LANES),
        row=np.zeros(LANES, np.int64),
        above=process.rate - process.rate_mean,
        due=np.zeros(markets),
    )
    return Moves(*map(aligned, moves))


@inline
def _fill(
    rows: Floats, count: int, process: PriceProcess, purpose: int, slot: int, path: int
) -> None:
    if process.mirrored:
        fill_mirrored(rows, count, process.keys[purpose], slot, path)
    else:
        fill_normals(rows, count, process.keys[purpose], slot, path)


@inline
def draw_step(process: PriceProcess, moves: Moves, step: int, path: int) -> None:
    """The normals of a step, which counts from 1: a row a market, then one for the volatility.

    They come in pairs; what an odd number leaves is shared by two steps.
    """
    pairs = process.normals // 2
    _fill(moves.normals, pairs, process, STEPS, (step - 1) * pairs, path)
    if process.normals % 2 == 1:
        begin = 2 * pairs * LANES
        rest = moves.normals[begin : begin + 2 * LANES]
        if step % 2 == 1:
            _fill(rest, 1, process, SHARED, step // 2, path)
        else:
            for lane in range(LANES):
                rest[lane] = rest[LANES + lane]


@inline
def _sum_before(rows: Floats, z: Floats, mix: Floats, is_first: bool) -> None:
    """What TILE normals before their own add to the sums of TILE markets."""
    m00, m01, m02, m03 = mix[0, 0], mix[0, 1], mix[0, 2], mix[0, 3]
    m10, m11, m12, m13 = mix[1, 0], mix[1, 1], mix[1, 2], mix[1, 3]
    m20, m21, m22, m23 = mix[2, 0], mix[2, 1], mix[2, 2], mix[2, 3]
    m30, m31, m32, m33 = mix[3, 0], mix[3, 1], mix[3, 2], mix[3, 3]
    for lane in range(LANES):
        a, b, c, d = z[lane], z[LANES + lane], z[2 * LANES + lane], z[3 * LANES + lane]
        s0 = 0.0 if is_first else rows[SUM_0 + lane]
        s1 = 0.0 if is_first else rows[SUM_1 + lane]
        s2 = 0.0 if is_first else rows[SUM_2 + lane]
        s3 = 0.0 if is_first else rows[SUM_3 + lane]
        rows[SUM_0 + lane] = fused(m03, d, fused(m02, c, fused(m01, b, fused(m00, a, s0))))
        rows[SUM_1 + lane] = fused(m13, d, fused(m12, c, fused(m11, b, fused(m10, a, s1))))
        rows[SUM_2 + lane] = fused(m23, d, fused(m22, c, fused(m21, b, fused(m20, a, s2))))
        rows[SUM_3 + lane] = fused(m33, d, fused(m32, c, fused(m31, b, fused(m30, a, s3))))


@inline
def _finish_changes(
    rows: Floats, changes: Floats, z: Floats, mix: Floats, drift: Floats, half_variance: Floats,
    is_first: bool,
) -> np.int64:  # fmt: skip
    """Log returns of TILE markets; returns the word of their largest sum of squares."""
    m00, m10, m11, m20, m21, m22 = mix[0, 0], mix[1, 0], mix[1, 1], mix[2, 0], mix[2, 1], mix[2, 2]
    m30, m31, m32, m33 = mix[3, 0], mix[3, 1], mix[3, 2], mix[3, 3]
    d0, d1, d2, d3 = drift[0], drift[1], drift[2], drift[3]
    h0, h1, h2, h3 = -half_variance[0], -half_variance[1], -half_variance[2], -half_variance[3]
    most = np.int64(0)
    for lane in range(LANES):
        a, b, c, d = z[lane], z[LANES + lane], z[2 * LANES + lane], z[3 * LANES + lane]
        factor, square = rows[FACTOR + lane], rows[SQUARE + lane]
        s0 = 0.0 if is_first else rows[SUM_0 + lane]
        s1 = 0.0 if is_first else rows[SUM_1 + lane]
        s2 = 0.0 if is_first else rows[SUM_2 + lane]
        s3 = 0.0 if is_first else rows[SUM_3 + lane]
        s0 = fused(m00, a, s0)
        s1 = fused(m11, b, fused(m10, a, s1))
        s2 = fused(m22, c, fused(m21, b, fused(m20, a, s2)))
        s3 = fused(m33, d, fused(m32, c, fused(m31, b, fused(m30, a, s3))))
        x0 = fused(factor, s0, fused(square, h0, d0))
        x1 = fused(factor, s1, fused(square, h1, d1))
        x2 = fused(factor, s2, fused(square, h2, d2))
        x3 = fused(factor, s3, fused(square, h3, d3))
        changes[lane] = x0
        changes[LANES + lane] = x1
        changes[2 * LANES + lane] = x2
        changes[3 * LANES + lane] = x3
        squares = fused(x3, x3, fused(x2, x2, fused(x1, x1, x0 * x0)))
        word = np.float64(squares).view(np.int64)
        most = word if word > most else most
    return most


@inline
def grow(changes: Floats, before: Floats, price: Floats) -> None:
    for lane in range(LANES):
        price[lane] = before[lane] * exponential(changes[lane])


@inline
def _move_state(rows: Floats, normals: Floats, decay: float, shock: float, variance: float) -> None:
    for lane in range(LANES):
        state = fused(decay, rows[VOLATILITY + lane], shock * normals[lane])
        factor = exponential(state - variance)
        rows[VOLATILITY + lane] = state
        rows[FACTOR + lane] = factor
        rows[SQUARE + lane] = factor * factor


@inline
def move_volatility(process: PriceProcess, moves: Moves) -> None:
    """The volatility of the next step."""
    markets = len(process.rate)
    if process.normals > markets:
        begin = markets * LANES
        _move_state(
            moves.rows, moves.normals[begin : begin + LANES], process.volatility_decay,
            process.volatility_shock, process.volatility_variance,
        )  # fmt: skip


@inline
def _source(process: PriceProcess, path: int, lane: int) -> tuple[int, float]:
    """The path whose draws a lane takes, and the sign that its normals take."""
    if process.mirrored and lane >= HALF:
        return path + lane - HALF, -1.0
    return path + lane, 1.0


@inline
def _plan_jump(process: PriceProcess, moves: Moves, path: int, lane: int) -> None:
    """When the lane's next jump comes."""
    source, _ = _source(process, path, lane)
    waited = minus_logarithm(uniform_of(process.keys[JUMPS], 2 * moves.jumps[lane], source))
    moves.jump_time[lane] += waited / process.jumps_per_step
    step = np.int64(min(np.ceil(moves.jump_time[lane]), float(NEVER)))
    moves.next_jump[lane] = step * LANES + lane


@inline
def first_jumps(process: PriceProcess, moves: Moves, path: int) -> None:
    for lane in range(LANES):
        if process.jumps_per_step > 0.0:
            _plan_jump(process, moves, path, lane)
        else:
            moves.next_jump[lane] = NEVER * LANES


@inline
def soonest(jumps: Integers) -> tuple[int, int]:
    """The next jump of all: its step and its lane."""
    first = NEVER * LANES
    for lane in range(LANES):
        first = jumps[lane] if jumps[lane] < first else first
    return first // LANES, first % LANES


@inline
def draw_jumps(process: PriceProcess, moves: Moves, step: int, path: int) -> tuple[int, int]:
    """The jumps of this step into ``jump_lanes`` and ``jump_sizes``; returns in how many lanes."""
    jumped = 0
    next_step, lane = soonest(moves.next_jump)
    while next_step <= step:
        total = 0.0
        source, sign = _source(process, path, lane)
        while moves.next_jump[lane] // LANES <= step:
            normal = sign * normal_of(process.keys[JUMPS], 2 * moves.jumps[lane] + 1, source)
            total += fused(process.jump_std, normal, process.jump_mean)
            moves.jumps[lane] += 1
            _plan_jump(process, moves, path, lane)
        moves.jump_lanes[jumped] = lane
        moves.jump_sizes[jumped] = total
        jumped += 1
        next_step, lane = soonest(moves.next_jump)
    return jumped, next_step


@inline
def _add_jumps(process: PriceProcess, moves: Moves, market: int, jumped: int) -> bool:
    """Into the log returns of a tile; whether they all stay short."""
    is_short = True
    for number in range(jumped):
        lane = moves.jump_lanes[number]
        for place in range(min(TILE, len(process.jump_beta) - market)):
            jump = process.jump_beta[market + place] * moves.jump_sizes[number]
            change = moves.changes[place * LANES + lane] + jump
            moves.changes[place * LANES + lane] = change
            is_short = is_short and abs(change) < LONGEST
    return is_short


@inline
def draw_changes(process: PriceProcess, moves: Moves, market: int, jumped: int) -> bool:
    """Log returns of TILE markets; whether the short exponential does for them."""
    rows = moves.rows
    mine = process.mix[market : market + TILE]
    for first in range(0, market, TILE):
        begin = first * LANES
        z = moves.normals[begin : begin + TILE * LANES]
        mix = mine[:, first : first + TILE]
        if first == 0:
            _sum_before(rows, z, mix, True)
        else:
            _sum_before(rows, z, mix, False)
    begin = market * LANES
    z = moves.normals[begin : begin + TILE * LANES]
    mix = mine[:, market : market + TILE]
    drift = process.drift[market : market + TILE]
    half_variance = process.half_variance[market : market + TILE]
    if market == 0:
        most = _finish_changes(rows, moves.changes, z, mix, drift, half_variance, True)
    else:
        most = _finish_changes(rows, moves.changes, z, mix, drift, half_variance, False)
    stays_short = _add_jumps(process, moves, market, jumped)
    return bool(most < SHORT) and stays_short


@inline
def choose_rows(process: PriceProcess, moves: Moves, step: int, path: int) -> None:
    """The recorded row of each lane: the next one, or the start of another block."""
    count = len(process.gross)
    if (step - 1) % process.block_steps == 0:
        number = (step - 1) // process.block_steps
        for lane in range(LANES):
            uniform = 1.0 - uniform_of(process.keys[STARTS], number, path + lane)
            moves.row[lane] = np.int64(uniform * count)
    else:
        for lane in range(LANES):
            following = moves.row[lane] + 1
            moves.row[lane] = following if following < count else 0


@inline
def replay(process: PriceProcess, moves: Moves, before: Floats, price: Floats, market: int) -> None:
    """A market's prices by its recorded rows."""
    for lane in range(LANES):
        price[lane] = before[lane] * process.gross[moves.row[lane], market]


@inline
def _move_shock(rows: Floats, normals: Floats, decay: float, shock: float) -> None:
    for lane in range(LANES):
        state = fused(decay, rows[SHOCK + lane], shock * normals[lane])
        rows[SHOCK + lane] = state
        rows[SHOCKS + lane] += state


@inline
def is_any(values: Floats) -> bool:
    count = 0
    for value in values:
        count += value != 0.0
    return count > 0


@inline
def move_rates(process: PriceProcess, moves: Moves, hour: int, hours: int, path: int) -> None:
    """The funding rates of ``hours`` hours after ``hour``, summed: ``due`` and ``SHOCKS``."""
    for market in range(len(moves.due)):
        total = 0.0
        for _ in range(hours):
            moves.above[market] *= process.rate_decay
            total += process.rate_mean[market] + moves.above[market]
        moves.due[market] = total
    if not is_any(process.rate_std):
        return
    rows = moves.rows
    rows[SHOCKS : SHOCKS + LANES] = 0.0
    normals = moves.normals[len(moves.normals) - 2 * LANES :]
    for number in range(hour, hour + hours):
        if number % 2 == 0:
            _fill(normals, 1, process, FUNDING, number // 2, path)
        half = normals[number % 2 * LANES : (number % 2 + 1) * LANES]
        _move_shock(rows, half, process.rate_decay, process.rate_shock)
