"""One step of a block of paths: prices, jumps, volatility, funding rates.

Every function is written for the compiler: a loop over LANES neighbours, no branch inside, no call
that is not inlined. ``process`` and ``moves`` are the tuples of ``process.py``.
"""

import numpy as np

from seawall.lab.paths.kernels.compiled import fused, inline
from seawall.lab.paths.kernels.draws import (
    HALF,
    LANES,
    LONGEST,
    SHORT,
    exponential,
    fill_mirrored,
    fill_normals,
    minus_logarithm,
    normal_of,
    uniform_of,
)
from seawall.lab.paths.kernels.process import (
    FACTOR,
    FUNDING,
    JUMP_MEAN,
    JUMP_STD,
    JUMPS,
    JUMPS_PER_STEP,
    RATE_DECAY,
    RATE_SHOCK,
    SHARED,
    SHOCK,
    SHOCKS,
    SQUARE,
    STARTS,
    STEPS,
    SUM_0,
    SUM_1,
    SUM_2,
    SUM_3,
    TILE,
    VOLATILITY,
    VOLATILITY_DECAY,
    VOLATILITY_SHOCK,
    VOLATILITY_VARIANCE,
)

NEVER = 1 << 40
"""A step that does not come."""


@inline
def _fill(rows, count, process, purpose, slot, path):
    if process.mirrored:
        fill_mirrored(rows, count, process.keys[purpose], slot, path)
    else:
        fill_normals(rows, count, process.keys[purpose], slot, path)


@inline
def draw_step(process, moves, step, path):
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
def _sum_before(rows, z, mix, is_first):
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
def _finish_changes(rows, changes, z, mix, drift, half_variance, is_first):
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
def grow(changes, before, price):
    for lane in range(LANES):
        price[lane] = before[lane] * exponential(changes[lane])


@inline
def _move_state(rows, normals, decay, shock, variance):
    for lane in range(LANES):
        state = fused(decay, rows[VOLATILITY + lane], shock * normals[lane])
        factor = exponential(state - variance)
        rows[VOLATILITY + lane] = state
        rows[FACTOR + lane] = factor
        rows[SQUARE + lane] = factor * factor


@inline
def move_volatility(process, moves):
    """The volatility of the next step."""
    markets = len(process.rate)
    numbers = process.numbers
    if process.normals > markets:
        begin = markets * LANES
        _move_state(
            moves.rows, moves.normals[begin : begin + LANES], numbers[VOLATILITY_DECAY],
            numbers[VOLATILITY_SHOCK], numbers[VOLATILITY_VARIANCE],
        )  # fmt: skip


@inline
def _source(process, path, lane):
    """The path whose draws a lane takes, and the sign that its normals take."""
    if process.mirrored and lane >= HALF:
        return path + lane - HALF, -1.0
    return path + lane, 1.0


@inline
def _plan_jump(process, moves, path, lane):
    """When the lane's next jump comes."""
    source, _ = _source(process, path, lane)
    waited = minus_logarithm(uniform_of(process.keys[JUMPS], 2 * moves.jumps[lane], source))
    moves.jump_time[lane] += waited / process.numbers[JUMPS_PER_STEP]
    step = np.int64(min(np.ceil(moves.jump_time[lane]), float(NEVER)))
    moves.next_jump[lane] = step * LANES + lane


@inline
def first_jumps(process, moves, path):
    for lane in range(LANES):
        if process.numbers[JUMPS_PER_STEP] > 0.0:
            _plan_jump(process, moves, path, lane)
        else:
            moves.next_jump[lane] = NEVER * LANES


@inline
def soonest(jumps):
    """The next jump of all: its step and its lane."""
    first = np.int64(NEVER * LANES)
    for lane in range(LANES):
        first = jumps[lane] if jumps[lane] < first else first
    return first // LANES, first % LANES


@inline
def draw_jumps(process, moves, step, path):
    """The jumps of this step into ``jump_lanes`` and ``jump_sizes``; returns in how many lanes."""
    jumped = 0
    next_step, lane = soonest(moves.next_jump)
    while next_step <= step:
        total = 0.0
        source, sign = _source(process, path, lane)
        while moves.next_jump[lane] // LANES <= step:
            normal = sign * normal_of(process.keys[JUMPS], 2 * moves.jumps[lane] + 1, source)
            total += fused(process.numbers[JUMP_STD], normal, process.numbers[JUMP_MEAN])
            moves.jumps[lane] += 1
            _plan_jump(process, moves, path, lane)
        moves.jump_lanes[jumped] = lane
        moves.jump_sizes[jumped] = total
        jumped += 1
        next_step, lane = soonest(moves.next_jump)
    return jumped, next_step


@inline
def _add_jumps(process, moves, market, jumped):
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
def draw_changes(process, moves, market, jumped):
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
    return most < SHORT and stays_short


@inline
def choose_rows(process, moves, step, path):
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
def replay(process, moves, before, price, market):
    """A market's prices by its recorded rows."""
    for lane in range(LANES):
        price[lane] = before[lane] * process.gross[moves.row[lane], market]


@inline
def _move_shock(rows, normals, decay, shock):
    for lane in range(LANES):
        state = fused(decay, rows[SHOCK + lane], shock * normals[lane])
        rows[SHOCK + lane] = state
        rows[SHOCKS + lane] += state


@inline
def is_any(values):
    count = 0
    for value in values:
        count += value != 0.0
    return count > 0


@inline
def move_rates(process, moves, hour, hours, path):
    """The funding rates of ``hours`` hours after ``hour``, summed: ``due`` and ``SHOCKS``."""
    for market in range(len(moves.due)):
        total = 0.0
        for _ in range(hours):
            moves.above[market] *= process.numbers[RATE_DECAY]
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
        _move_shock(rows, half, process.numbers[RATE_DECAY], process.numbers[RATE_SHOCK])
