"""Simulations of many price paths, chunk by chunk: what a trial runs, and how chunks are joined.

A chunk depends on the task and its own number alone: random numbers are drawn by counter, and lanes
never mix. Random numbers and what becomes of them are the same to the last bit wherever a chunk is
computed.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.lab.arrays import Floats, Integers
from seawall.lab.paths.kernels.course import DRAWDOWN, LOWEST
from seawall.lab.paths.kernels.philox import HALF, LANES
from seawall.lab.paths.kernels.pool_account import PoolAccount
from seawall.lab.paths.kernels.pool_step import PoolRun
from seawall.lab.paths.kernels.process import PAID
from seawall.lab.paths.kernels.step import Run
from seawall.lab.paths.kernels.task import PATHS_PER_CHUNK, Outcomes, PathTask

AnyRun = Run | PoolRun


class MarginFan(Struct, frozen=True, kw_only=True):
    """The first n paths at k moments, the start among them.

    ``steps``: (k,). ``ratio``: (n, k) maintenance margin over equity of the worst bucket, from 0 to
    1, where liquidation begins; a bucket that liquidation closed stays at 1. ``equity``: (n, k) USD
    of all buckets. ``lowest``, ``drawdown``: (n, k) the least equity of all steps so far, in USD,
    and the largest fall from the highest so far as a share of it, money of top-ups left out: at the
    end those of ``Outcomes``.
    """

    steps: Integers
    ratio: Floats
    equity: Floats
    lowest: Floats
    drawdown: Floats


def simulate_chunk(task: PathTask, chunk: int) -> Outcomes:
    """Paths ``chunk * PATHS_PER_CHUNK`` and on, as many as the task still has.

    Raises IndexError for a chunk that the task does not have.
    """
    if not 0 <= chunk < task.chunks:
        raise IndexError(f"chunk {chunk}: the task has {task.chunks}")
    first = chunk * PATHS_PER_CHUNK
    paths = min(PATHS_PER_CHUNK, task.paths - first)
    found = [_outcomes(run, task) for run in _runs(task, first, paths, [task.steps])]
    return join(found, paths)


def join(parts: Sequence[Outcomes], paths: int) -> Outcomes:
    """The first ``paths`` paths of parts that follow each other."""
    names = Outcomes.__struct_fields__
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Outcomes(**{name: values[:paths] for name, values in joined.items()})


def margin_fan(task: PathTask, paths: int = 512, points: int = 120) -> MarginFan:
    """How margin and equity of the first paths go, at about ``points`` moments after the start."""
    paths = min(paths, task.paths)
    steps = np.unique(np.linspace(0, task.steps, points + 1).round().astype(np.int64))
    found = np.zeros((4, -(-paths // LANES), len(steps), LANES))
    for number, run in enumerate(_runs(task, 0, paths, steps)):
        block, moment = divmod(number, len(steps))
        found[:, block, moment] = _margin(run, task)
    by_path = np.moveaxis(found, 2, -1).reshape(4, -1, len(steps))[:, :paths]
    ratio, equity, lowest, drawdown = by_path
    return MarginFan(steps=steps, ratio=ratio, equity=equity, lowest=lowest, drawdown=drawdown)


def _runs(
    task: PathTask, first: int, paths: int, steps: Sequence[int] | Integers
) -> Iterator[AnyRun]:
    """Block after block, stopped at each of ``steps``."""
    run: AnyRun = _run_of(task, first)
    for path in range(first, first + paths, LANES):
        run.restart(path)
        for step in steps:
            run.advance(int(step))
            yield run


def _run_of(task: PathTask, first: int) -> AnyRun:
    return PoolRun(task, first) if isinstance(task.account, PoolAccount) else Run(task, first)


def in_order(task: PathTask) -> slice | NDArray[np.intp]:
    """Lanes in the order of their paths: mirrored ones follow each other."""
    if not task.antithetic:
        return slice(None)
    return np.arange(LANES).reshape(2, HALF).T.ravel()


def _course(run: AnyRun, task: PathTask, row: int) -> Floats:
    """(LANES,) a row of the course of all equity."""
    found: Floats = run.block.course[row : row + LANES][in_order(task)].copy()
    return found


def _acted(run: Run, task: PathTask) -> NDArray[np.int32]:
    """(n, o) as ``Outcomes`` says; a top-up that is still on its way has not acted."""
    found = run.block.acted[:, in_order(task)].T
    return np.where(found > run.step, 0, found).astype(np.int32)


def _outcomes(run: AnyRun, task: PathTask) -> Outcomes:
    if isinstance(run, PoolRun):
        return _of_pool(run, task)
    order = in_order(task)
    block, rows = run.block, run.moves.rows
    return Outcomes(
        equity=run.equity[:, order].T.copy(),
        first=block.first[:, order].T.copy(),
        touched=block.touched[:, order].T.copy(),
        funding=rows[PAID : PAID + LANES][order].copy(),
        cost=block.cost[order].copy(),
        taken=block.taken[order].copy(),
        final_price=run.price[:, order].T.copy(),
        acted=_acted(run, task),
        order_cost=block.order_cost[order].copy(),
        added=block.added[order].copy(),
        lowest=_course(run, task, LOWEST),
        drawdown=_course(run, task, DRAWDOWN),
        lacking=np.zeros((LANES, 0)),
    )


def _of_pool(run: PoolRun, task: PathTask) -> Outcomes:
    """All parts of an account in portfolio margin; the course is that of their sum."""
    order, parts = in_order(task), run.parts
    paid: Floats = np.sum([part.moves.rows[PAID : PAID + LANES] for part in parts], axis=0)
    touched = np.max([part.block.touched for part in parts], axis=0)
    return Outcomes(
        equity=run.equity[:, order].T.copy(),
        first=np.concatenate([part.block.first for part in parts])[:, order].T.copy(),
        touched=touched[:, order].T.copy(),
        funding=paid[order],
        cost=run.taken_together("cost")[order],
        taken=run.taken_together("taken")[order],
        final_price=run.price[:, order].T.copy(),
        acted=np.zeros((LANES, 0), np.int32),
        order_cost=np.zeros(LANES),
        added=np.zeros(LANES),
        lowest=_course(run, task, LOWEST),
        drawdown=_course(run, task, DRAWDOWN),
        lacking=np.stack([part.block.lacking for part in parts], axis=1)[order],
    )


def _margin(run: AnyRun, task: PathTask) -> tuple[Floats, Floats, Floats, Floats]:
    """(LANES,) the ratio of the worst bucket; equity of all, its lowest and its drawdown so far."""
    order, equity = in_order(task), run.equity
    worst = run.ratio if isinstance(run, PoolRun) else _worst_ratio(run, task)
    total = equity.sum(axis=0)
    return worst[order], total[order], _course(run, task, LOWEST), _course(run, task, DRAWDOWN)


def _worst_ratio(run: Run, task: PathTask) -> Floats:
    """(LANES,) of the worst bucket."""
    account, equity = task.perpetuals, run.equity
    needed = account.maintenance(np.abs(run.block.size * run.price))
    maintenance = np.zeros_like(equity)
    np.add.at(maintenance, account.bucket, needed)
    is_open = np.zeros(equity.shape, bool)
    np.logical_or.at(is_open, account.bucket, run.block.size != 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(equity > 0.0, np.clip(maintenance / equity, 0.0, 1.0), 1.0)
    closed = np.where(run.block.first > 0, 1.0, 0.0)
    found: Floats = np.where(is_open, ratio, closed).max(axis=0)
    return found
