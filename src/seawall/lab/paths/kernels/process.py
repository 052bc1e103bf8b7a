"""The price process of a task as arrays, the state of a block of paths in it, and one step of both.

``PriceProcess`` is what ``Diffusion``, ``Bootstrap`` and ``FundingRate`` come down to, per step.
The kernels are written for the compiler: a loop over LANES neighbours, no branch inside, no call
that is not inlined.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from seawall.domain.units import HOUR_MS
from seawall.engine.compile import inline, inline_disjoint
from seawall.lab.arrays import Floats, Integers, Singles
from seawall.lab.paths.kernels.compiled import fused
from seawall.lab.paths.kernels.draws import (
    PER_BLOCK,
    SHORT,
    Single,
    exponential,
    fill_mirrored,
    fill_normals,
    minus_logarithm,
    normal_of,
    short_return,
    single_exponential,
    uniform_of,
)
from seawall.lab.paths.kernels.philox import HALF, LANES, Words, key_of
from seawall.lab.paths.kernels.task import SECONDS_PER_YEAR, Bootstrap, Diffusion, PathTask

CACHE_LINE = 64
TILE = PER_BLOCK
"""Markets, and normals, that one pass over the lanes takes together."""
STEPS, SHARED, JUMPS, FUNDING, STARTS = 0, 1, 2, 3, 4
"""What a draw is for: the third word of its counter."""
NEVER = 1 << 40
"""A step that does not come."""
NONE = Single(0.0)

ROWS = 5
RIGHT, VOLATILITY, SHOCK, SHOCKS, PAID = range(0, ROWS * LANES, LANES)
"""Where each working row of a block begins. ``right``: maintenance margin where tiers differ;
``volatility``: its state; ``shock``: the state of the funding rate, ``shocks``: its sum over the
hours of this step; ``paid``: funding so far."""
SINGLE_ROWS = 5
FACTOR, SUM_0, SUM_1, SUM_2, SUM_3 = range(0, SINGLE_ROWS * LANES, LANES)
"""Those of single precision. ``factor``: volatility now over its mean; ``sum``: of the normals of
TILE markets."""


class PriceProcess(NamedTuple):
    """The model of a task, per step. m markets, r recorded rows.

    Markets are padded to whole tiles in ``mix``: (w, w) what each normal adds to a market's log
    return, ``drift`` and ``half_variance``: (w,), all of single precision. ``gross``: (r, m) price
    relatives; ``recorded``: (r, m) funding. ``key``: of the seed. Scalars are floats and never
    integers, so that every task has the same type.

    A block's working rows lie one after the other in flat arrays: the compiler can then see
    that they never overlap, and turns every loop over lanes into vector instructions.
    """

    normals: int
    """Of one step: one a market, one for the volatility if it moves; 0 for recorded returns."""
    mirrored: bool
    block_steps: int
    step_ms: int
    mix: Singles
    drift: Singles
    half_variance: Singles
    jump_beta: Floats
    rate: Floats
    rate_mean: Floats
    rate_std: Floats
    gross: Floats
    recorded: Floats
    key: Words
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
        mix=np.zeros((width, width), np.float32),
        drift=np.zeros(width, np.float32),
        half_variance=np.zeros(width, np.float32),
        jump_beta=np.ones(markets),
        rate=_row(funding.rate),
        rate_mean=_row(funding.mean),
        rate_std=_row(funding.std),
        gross=np.ones((1, markets)),
        recorded=np.zeros((0, markets)),
        key=key_of(task.seed),
        rate_decay=decay,
        rate_shock=math.sqrt(1.0 - decay**2),
    )
    if isinstance(model, Bootstrap):
        return _recorded_process(process, model)
    return _diffusion_process(process, model, task.step_seconds)


def _row(values: Floats) -> Floats:
    """A copy that may be written; an array from another process may not, which is another type."""
    return np.array(values, np.float64, order="C")


def _padded(values: Floats, width: int) -> Singles:
    return np.pad(values, (0, width - len(values))).astype(np.float32)


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

    ``normals``: of a step, flat, whole tiles; ``shared``: a block of them for several steps, and
    ``hourly`` for several hours of the funding rate. ``changes``: returns of TILE markets, flat,
    short ones as such, longer ones their logarithms. ``next_jump``:
    (LANES,) the step in which ``jump_time`` lies, times LANES, plus the lane; ``jump_lanes``: those
    that jump in this step, ``jump_sizes``: how far, in the log of a market with beta 1. ``row``:
    (LANES,) the recorded row of this step. ``above``: (m,) the funding rate without its shock,
    above its mean, now; ``due``: (m,) that rate summed over the hours of this step.
    """

    rows: Floats
    singles: Singles
    normals: Singles
    shared: Singles
    hourly: Singles
    changes: Singles
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
    singles = np.zeros(SINGLE_ROWS * LANES, np.float32)
    singles[FACTOR : FACTOR + LANES] = np.exp(-process.volatility_variance)
    tile = np.zeros(TILE * LANES, np.float32)
    moves = Moves(
        rows=np.zeros(ROWS * LANES),
        singles=singles,
        normals=np.tile(tile, process.normals // TILE + 1),
        shared=tile,
        hourly=tile,
        changes=tile,
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
    rows: Singles, count: int, process: PriceProcess, purpose: int, slot: int, path: int
) -> None:
    if process.mirrored:
        fill_mirrored(rows, count, process.key, purpose, slot, path)
    else:
        fill_normals(rows, count, process.key, purpose, slot, path)


@inline
def draw_step(process: PriceProcess, moves: Moves, step: int, path: int) -> None:
    """What moves the prices of a step, which counts from 1: normals, or a recorded row a lane."""
    if process.normals > 0:
        _draw_normals(process, moves, step, path)
    else:
        _choose_rows(process, moves, step, path)


@inline
def _draw_normals(process: PriceProcess, moves: Moves, step: int, path: int) -> None:
    """The normals of a step, which counts from 1: a row a market, then one for the volatility.

    They come in whole tiles; of a rest, several steps share one.
    """
    tiles = process.normals // TILE
    _fill(moves.normals, tiles, process, STEPS, (step - 1) * tiles, path)
    rest = process.normals % TILE
    if rest > 0:
        share = (step - 1) % (TILE // rest)
        if share == 0:
            _fill(moves.shared, 1, process, SHARED, (step - 1) // (TILE // rest), path)
        # As slices, whose places are known not to count from their end: lanes side by side.
        rows, shared = moves.normals[tiles * TILE * LANES :], moves.shared[share * rest * LANES :]
        for lane in range(rest * LANES):
            rows[lane] = shared[lane]


@inline_disjoint
def _sum_before(rows: Singles, z: Singles, mix: Singles, is_first: bool) -> None:
    """What TILE normals before their own add to the sums of TILE markets."""
    m00, m01, m02, m03 = mix[0, 0], mix[0, 1], mix[0, 2], mix[0, 3]
    m10, m11, m12, m13 = mix[1, 0], mix[1, 1], mix[1, 2], mix[1, 3]
    m20, m21, m22, m23 = mix[2, 0], mix[2, 1], mix[2, 2], mix[2, 3]
    m30, m31, m32, m33 = mix[3, 0], mix[3, 1], mix[3, 2], mix[3, 3]
    for lane in range(LANES):
        a, b, c, d = z[lane], z[LANES + lane], z[2 * LANES + lane], z[3 * LANES + lane]
        s0 = NONE if is_first else rows[SUM_0 + lane]
        s1 = NONE if is_first else rows[SUM_1 + lane]
        s2 = NONE if is_first else rows[SUM_2 + lane]
        s3 = NONE if is_first else rows[SUM_3 + lane]
        rows[SUM_0 + lane] = fused(m03, d, fused(m02, c, fused(m01, b, fused(m00, a, s0))))
        rows[SUM_1 + lane] = fused(m13, d, fused(m12, c, fused(m11, b, fused(m10, a, s1))))
        rows[SUM_2 + lane] = fused(m23, d, fused(m22, c, fused(m21, b, fused(m20, a, s2))))
        rows[SUM_3 + lane] = fused(m33, d, fused(m32, c, fused(m31, b, fused(m30, a, s3))))


@inline_disjoint
def _finish_changes(
    rows: Singles, changes: Singles, z: Singles, mix: Singles, drift: Singles,
    half_variance: Singles, is_first: bool, is_short: bool,
) -> np.int32:  # fmt: skip
    """Returns of TILE markets, where not ``is_short`` their logarithms; gives back the word of the
    largest sum of squares of these."""
    m00, m10, m11, m20, m21, m22 = mix[0, 0], mix[1, 0], mix[1, 1], mix[2, 0], mix[2, 1], mix[2, 2]
    m30, m31, m32, m33 = mix[3, 0], mix[3, 1], mix[3, 2], mix[3, 3]
    d0, d1, d2, d3 = drift[0], drift[1], drift[2], drift[3]
    h0, h1, h2, h3 = -half_variance[0], -half_variance[1], -half_variance[2], -half_variance[3]
    most = np.int32(0)
    for lane in range(LANES):
        a, b, c, d = z[lane], z[LANES + lane], z[2 * LANES + lane], z[3 * LANES + lane]
        factor = rows[FACTOR + lane]
        s0 = NONE if is_first else rows[SUM_0 + lane]
        s1 = NONE if is_first else rows[SUM_1 + lane]
        s2 = NONE if is_first else rows[SUM_2 + lane]
        s3 = NONE if is_first else rows[SUM_3 + lane]
        s0 = fused(m00, a, s0)
        s1 = fused(m11, b, fused(m10, a, s1))
        s2 = fused(m22, c, fused(m21, b, fused(m20, a, s2)))
        s3 = fused(m33, d, fused(m32, c, fused(m31, b, fused(m30, a, s3))))
        x0 = fused(factor, fused(factor, h0, s0), d0)
        x1 = fused(factor, fused(factor, h1, s1), d1)
        x2 = fused(factor, fused(factor, h2, s2), d2)
        x3 = fused(factor, fused(factor, h3, s3), d3)
        changes[lane] = short_return(x0) if is_short else x0
        changes[LANES + lane] = short_return(x1) if is_short else x1
        changes[2 * LANES + lane] = short_return(x2) if is_short else x2
        changes[3 * LANES + lane] = short_return(x3) if is_short else x3
        squares = fused(x3, x3, fused(x2, x2, fused(x1, x1, Single(x0 * x0))))
        word = Single(squares).view(np.int32)
        most = word if word > most else most
    return most


@inline_disjoint
def _grow(changes: Singles, before: Floats, price: Floats, is_short: bool) -> None:
    """Prices after returns, or after log returns of any length."""
    if is_short:
        for lane in range(LANES):
            price[lane] = fused(before[lane], np.float64(changes[lane]), before[lane])
    else:
        for lane in range(LANES):
            price[lane] = before[lane] * exponential(np.float64(changes[lane]))


@inline_disjoint
def _move_state(rows: Floats, normals: Singles, decay: float, shock: float) -> None:
    for lane in range(LANES):
        rows[VOLATILITY + lane] = fused(decay, rows[VOLATILITY + lane], shock * normals[lane])


@inline_disjoint
def _set_factor(rows: Floats, singles: Singles, variance: float) -> None:
    for lane in range(LANES):
        singles[FACTOR + lane] = Single(rows[VOLATILITY + lane] - variance)
    for lane in range(LANES):
        singles[FACTOR + lane] = single_exponential(singles[FACTOR + lane])


@inline
def move_volatility(process: PriceProcess, moves: Moves) -> None:
    """The volatility of the next step."""
    markets = len(process.rate)
    if process.normals > markets:
        begin = markets * LANES
        normals = moves.normals[begin : begin + LANES]
        _move_state(moves.rows, normals, process.volatility_decay, process.volatility_shock)
        _set_factor(moves.rows, moves.singles, process.volatility_variance)


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
    waited = minus_logarithm(uniform_of(process.key, JUMPS, moves.jumps[lane], source))
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
            normal = sign * normal_of(process.key, JUMPS, moves.jumps[lane], source)
            total += fused(process.jump_std, normal, process.jump_mean)
            moves.jumps[lane] += 1
            _plan_jump(process, moves, path, lane)
        moves.jump_lanes[jumped] = lane
        moves.jump_sizes[jumped] = total
        jumped += 1
        next_step, lane = soonest(moves.next_jump)
    return jumped, next_step


@inline
def _add_jumps(
    process: PriceProcess, moves: Moves, market: int, jumped: int, is_short: bool
) -> None:
    """Into the returns of a tile, or into their logarithms."""
    for number in range(jumped):
        lane = moves.jump_lanes[number]
        for place in range(min(TILE, len(process.jump_beta) - market)):
            jump = process.jump_beta[market + place] * moves.jump_sizes[number]
            change = np.float64(moves.changes[place * LANES + lane])
            if is_short:
                grown = exponential(jump)
                change = fused(grown, change, grown - 1.0)
            else:
                change += jump
            moves.changes[place * LANES + lane] = change


@inline
def draw_changes(process: PriceProcess, moves: Moves, market: int, jumped: int) -> bool:
    """Returns of TILE markets, or where some are long their logarithms; whether all are short."""
    rows = moves.singles
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
    changes, is_first = moves.changes, market == 0
    if is_first:
        most = _finish_changes(rows, changes, z, mix, drift, half_variance, True, True)
    else:
        most = _finish_changes(rows, changes, z, mix, drift, half_variance, False, True)
    is_short = bool(most < SHORT)
    if not is_short:
        _finish_changes(rows, changes, z, mix, drift, half_variance, is_first, False)
    _add_jumps(process, moves, market, jumped, is_short)
    return is_short


@inline
def _choose_rows(process: PriceProcess, moves: Moves, step: int, path: int) -> None:
    """The recorded row of each lane: the next one, or the start of another block."""
    count = len(process.gross)
    if (step - 1) % process.block_steps == 0:
        number = (step - 1) // process.block_steps
        for lane in range(LANES):
            uniform = 1.0 - uniform_of(process.key, STARTS, number, path + lane)
            moves.row[lane] = np.int64(uniform * count)
    else:
        for lane in range(LANES):
            following = moves.row[lane] + 1
            moves.row[lane] = following if following < count else 0


@inline
def _replay(
    process: PriceProcess, moves: Moves, before: Floats, price: Floats, market: int
) -> None:
    """A market's prices by its recorded rows."""
    for lane in range(LANES):
        price[lane] = before[lane] * process.gross[moves.row[lane], market]


@inline
def move_price(
    process: PriceProcess, moves: Moves, before: Floats, price: Floats, market: int, is_short: bool
) -> None:
    """A market's prices of this step; ``before`` and ``price`` are those of all markets."""
    if process.normals > 0:
        place = market % TILE * LANES
        _grow(moves.changes[place : place + LANES], before[market], price[market], is_short)
    else:
        _replay(process, moves, before[market], price[market], market)


@inline
def _move_shock(rows: Floats, normals: Singles, decay: float, shock: float) -> None:
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
def is_hourly(process: PriceProcess) -> bool:
    """Whether funding is paid at the hours, and not with every recorded row."""
    return len(process.recorded) == 0 and (
        is_any(process.rate) or is_any(process.rate_mean) or is_any(process.rate_std)
    )


@inline
def move_funding(
    process: PriceProcess, moves: Moves, step: int, path: int, at_hours: bool
) -> float:
    """The rates of this step; returns the hours that they are for, 0 where none is due.

    ``at_hours``: as ``is_hourly`` says, which is the same in every step.
    """
    if len(process.recorded) > 0:
        return process.step_ms / HOUR_MS
    from_ms = (step - 1) * process.step_ms
    hour = from_ms // HOUR_MS
    hours = (from_ms + process.step_ms) // HOUR_MS - hour
    if not at_hours or hours == 0:
        return 0.0
    _move_rates(process, moves, hour, hours, path)
    return float(hours)


@inline
def _move_rates(process: PriceProcess, moves: Moves, hour: int, hours: int, path: int) -> None:
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
    for number in range(hour, hour + hours):
        share = number % TILE
        if share == 0:
            _fill(moves.hourly, 1, process, FUNDING, number // TILE, path)
        normals = moves.hourly[share * LANES : (share + 1) * LANES]
        _move_shock(rows, normals, process.rate_decay, process.rate_shock)
