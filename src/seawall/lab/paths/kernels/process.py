"""The price process of a task as arrays, and the state of a block of paths in it.

``PriceProcess`` is what ``Diffusion``, ``Bootstrap`` and ``FundingRate`` come down to, per step;
``returns`` advances it.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.lab.paths.kernels.draws import LANES
from seawall.lab.paths.kernels.task import (
    SECONDS_PER_YEAR,
    Bootstrap,
    Diffusion,
    Floats,
    Ints,
    PathTask,
)

HOUR_MS = 3_600_000
CACHE_LINE = 64
TILE = 4
"""Markets, and normals, that one pass over the lanes takes together."""
PURPOSES = STEPS, SHARED, JUMPS, FUNDING, STARTS = 0, 1, 2, 3, 4

ROW_NAMES = (
    "factor", "square", "sum_0", "sum_1", "sum_2", "sum_3", "right", "total", "lowest",
    "volatility", "shock", "shocks", "paid",
)  # fmt: skip
(
    FACTOR, SQUARE, SUM_0, SUM_1, SUM_2, SUM_3, RIGHT, TOTAL, LOWEST,
    VOLATILITY, SHOCK, SHOCKS, PAID,
) = (number * LANES for number in range(len(ROW_NAMES)))  # fmt: skip
"""Where each working row of a block begins. ``factor``: volatility now over its mean, and its
``square``; ``sum``: of the normals of TILE markets; ``right``: maintenance margin where tiers
differ; ``total``: equity of the account; ``shock``: the state of the funding rate, ``shocks``: its
sum over the hours of this step; ``paid``: funding so far."""


class PriceProcess(NamedTuple):
    """The model of a task, per step. m markets, r recorded rows.

    Markets are padded to whole tiles in ``mix``: (w, w) what each normal adds to a market's log
    return, ``drift`` and ``half_variance``: (w,). ``numbers``: by ``NUMBERS``. ``gross``: (r, m)
    price relatives; ``recorded``: (r, m) funding. ``keys``: (purposes, 2).

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
    numbers: Floats
    gross: Floats
    recorded: Floats
    keys: NDArray[np.uint64]


NUMBERS = (
    "volatility_decay", "volatility_shock", "volatility_variance", "jumps_per_step", "jump_mean",
    "jump_std", "rate_decay", "rate_shock",
)  # fmt: skip
(
    VOLATILITY_DECAY, VOLATILITY_SHOCK, VOLATILITY_VARIANCE, JUMPS_PER_STEP, JUMP_MEAN, JUMP_STD,
    RATE_DECAY, RATE_SHOCK,
) = range(len(NUMBERS))  # fmt: skip


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
    numbers = np.zeros(len(NUMBERS))
    numbers[[RATE_DECAY, RATE_SHOCK]] = decay, np.sqrt(1.0 - decay**2)
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
        numbers=numbers,
        gross=np.ones((1, markets)),
        recorded=np.zeros((0, markets)),
        keys=_keys(task.seed),
    )
    if isinstance(model, Bootstrap):
        return _recorded_process(process, model)
    return _diffusion_process(process, model, task.step_seconds)


def _row(values: Floats) -> Floats:
    """A copy that may be written; an array from another process may not, which is another type."""
    return np.array(values, np.float64, order="C")


def _padded(values: Floats, width: int) -> Floats:
    return np.pad(values, (0, width - len(values)))


def _keys(seed: int) -> NDArray[np.uint64]:
    words = np.random.SeedSequence(seed).generate_state(2 * len(PURPOSES), np.uint64)
    return words.reshape(len(PURPOSES), 2)


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
    numbers = process.numbers.copy()
    numbers[VOLATILITY_DECAY] = decay
    numbers[VOLATILITY_SHOCK] = model.volatility_of_volatility * np.sqrt(1.0 - decay**2)
    numbers[VOLATILITY_VARIANCE] = model.volatility_of_volatility**2
    numbers[JUMPS_PER_STEP] = model.jump_rate * years
    numbers[[JUMP_MEAN, JUMP_STD]] = model.jump_mean, model.jump_std
    return process._replace(
        normals=markets + moves,
        mix=mix,
        drift=_padded(_row(model.drift) * years, len(mix)),
        half_variance=_padded(volatility**2 * years / 2.0, len(mix)),
        jump_beta=process.jump_beta if model.jump_beta is None else _row(model.jump_beta),
        numbers=numbers,
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
    next_jump: Ints
    jumps: Ints
    jump_lanes: Ints
    jump_sizes: Floats
    row: Ints
    above: Floats
    due: Floats


def start_moves(process: PriceProcess) -> Moves:
    """The state of every lane at the start; ``first_jumps`` must follow."""
    markets = len(process.rate)
    rows = np.zeros(len(ROW_NAMES) * LANES)
    factor = np.exp(-process.numbers[VOLATILITY_VARIANCE])
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
