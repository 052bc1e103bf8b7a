"""Paths played with what protects the account: prices and liquidation are those of ``lab/paths``.

The kernel moves prices and pays funding. Then, in a step: orders that rest fire, buckets under
maintenance margin are liquidated by the kernel's own rules, and the guards of the paths that have
left their bounds look. Prices do not depend on what an account does, so every way of protecting it
meets the same ones.
"""

import numpy as np
from msgspec import Struct

from seawall.domain.units import MICRO
from seawall.guard.policy import Policy
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.guard_test.bounds import limits_of
from seawall.lab.guard_test.looks import START_MS, Guards
from seawall.lab.guard_test.moment import Terms
from seawall.lab.guard_test.transit import Transit
from seawall.lab.guard_test.watch import REACHED, fresh_now, fresh_watched, watch
from seawall.lab.paths.kernels.between import liquidate_between
from seawall.lab.paths.kernels.course import LOWEST
from seawall.lab.paths.kernels.philox import LANES
from seawall.lab.paths.kernels.simulate import in_order
from seawall.lab.paths.kernels.stages_state import State
from seawall.lab.paths.kernels.step import Run
from seawall.lab.paths.kernels.task import PathTask
from seawall.lab.transfers.route import Route

REPLENISH_FROM, REPLENISH_TO = 0.8, 0.5
"""Margin ratios at which the wallet is called upon, and to which it fills up."""


class Outside(Struct, frozen=True, kw_only=True):
    """Money outside of the account. ``wallet``: micro-USD; ``route``: that it takes."""

    wallet: int
    route: Route


class Protection(Struct, frozen=True, kw_only=True):
    """What protects the account: a policy, the wallet as long as it lasts, or nothing.

    ``looks_always``: at every step of every path, without bounds, as a test of the bounds.
    """

    name: str
    policy: Policy | None = None
    replenishes: bool = False
    looks_always: bool = False


class Played(Struct, frozen=True, kw_only=True):
    """n paths under one protection, USD. ``lost``: of the equity at the start and of what came from
    the wallet, and what transfers cost. ``lowest``: least equity less what was added. ``first``:
    step of the first liquidation, 0 never. ``cost``: fees and slippage of the guard's orders, and
    fees of transfers.
    """

    lost: Floats
    equity: Floats
    lowest: Floats
    first: Integers
    cost: Floats
    added: Floats
    reductions: Integers
    top_ups: Integers
    decisions: int

    @property
    def acted(self) -> Mask:
        """(n,) whether anything was closed or added."""
        result: Mask = (self.reductions + self.top_ups) > 0
        return result


def play_block(
    task: PathTask, terms: Terms, outside: Outside, plan: Protection, block: int
) -> Played:
    """Paths ``block * LANES`` and on, LANES of them."""
    if plan.policy is None and not plan.replenishes:
        return _unprotected(task, block)
    return _Play(task, terms, outside, plan, block).played()


def _unprotected(task: PathTask, block: int) -> Played:
    """What the kernel itself has, with nothing in between."""
    run = Run(task, block * LANES)
    run.restart(block * LANES)
    run.advance(task.steps)
    lowest = run.block.course[LOWEST : LOWEST + LANES]
    return _Play.outcome(task, run, lowest, np.zeros(LANES, np.int64), None, None)


class _Play:
    """One block under one protection."""

    def __init__(
        self, task: PathTask, terms: Terms, outside: Outside, plan: Protection, block: int
    ) -> None:
        self._task, self._terms, self._plan = task, terms, plan
        self._run = run = Run(task, block * LANES)
        run.restart(block * LANES)
        # The kernel only moves prices and pays funding: no bucket is under minus infinity.
        run.block.floor[...] = -np.inf
        run.block.is_whole[...] = False
        self._step_ms = round(1000 * task.step_seconds)
        self._limits = limits_of(plan.policy, REPLENISH_FROM if plan.replenishes else 1.0)
        markets, buckets = len(task.perpetuals.price), len(task.perpetuals.cash)
        start = float(task.account.equity.sum())
        self._watched = fresh_watched(markets, buckets, len(self._limits.distance), start)
        self._now, self._flags = fresh_now(markets, buckets), np.zeros(LANES, np.uint8)
        self._transit = Transit(
            terms, run.rules, self._watched, outside.wallet, outside.route, self._step_ms
        )
        self._guards: Guards | None = None
        if plan.policy is not None:
            self._guards = Guards(
                terms, plan.policy, run.rules, self._watched, self._transit, self._step_ms
            )

    def _state(self) -> State:
        block, step = self._run.block, self._run.step
        return State(
            block.prices[step % 2], block.prices[(step - 1) % 2], block.size, block.cash,
            block.cooldown, block.first, block.touched, block.cost, block.taken, block.waits,
            block.acted, block.order_cost, block.added,
        )  # fmt: skip

    def played(self) -> Played:
        """All steps."""
        run = self._run
        if self._guards is not None:
            self._guards.begin(self._state())
        for step in range(1, self._task.steps + 1):
            run.advance(step)
            self._act(step)
        watched = self._watched
        return self.outcome(
            self._task, run, watched.lowest, watched.added, self._guards, self._transit
        )

    @staticmethod
    def outcome(
        task: PathTask, run: Run, lowest: Floats, added: Integers, guards: Guards | None,
        transit: Transit | None,
    ) -> Played:  # fmt: skip
        """What a run came to, in the order of its paths."""
        order = in_order(task)
        never = np.iinfo(np.int32).max
        first = np.where(run.block.first > 0, run.block.first, never).min(axis=0)
        equity, put_in, none = run.equity.sum(axis=0), added / MICRO, np.zeros(LANES, np.int64)
        start = float(task.account.equity.sum())
        fees = np.zeros(LANES) if transit is None else transit.fees
        return Played(
            lost=(start + put_in + fees - equity)[order],
            equity=equity[order],
            lowest=lowest[order].copy(),
            first=np.where(first == never, 0, first).astype(np.int64)[order],
            cost=(fees if guards is None else guards.book.cost + fees)[order],
            added=put_in[order],
            reductions=none if guards is None else guards.reductions[order],
            top_ups=none if guards is None or transit is None else transit.top_ups[order],
            decisions=0 if guards is None else guards.decisions,
        )

    def _act(self, step: int) -> None:
        """What happens after the prices of a step."""
        run, watched, time_ms = self._run, self._watched, START_MS + step * self._step_ms
        block = run.block
        self._transit.note(step, run.price)
        for path in np.flatnonzero(self._transit.due <= time_ms):
            self._transit.arrive(self._state(), int(path), time_ms)
        if self._plan.looks_always:
            watched.until[...] = time_ms
        found = watch(
            run.rules, self._terms.scales, self._limits, watched, self._now, run.price, block.size,
            block.cash, time_ms, self._flags,
        )  # fmt: skip
        if not found:
            return
        state, guards = self._state(), self._guards
        if guards is not None:
            guards.book.refill()
        for path in np.flatnonzero(self._flags):
            is_reached = self._flags[path] == REACHED
            if is_reached and guards is not None:
                guards.fire(state, int(path), time_ms)
            if is_reached:
                liquidate_between(
                    run.rules, state, int(path), time_ms - START_MS - self._step_ms,
                    time_ms - START_MS, step,
                )  # fmt: skip
            if guards is None:
                self._replenish(state, int(path), time_ms)
            else:
                if is_reached:
                    guards.drop_orders(state, int(path), time_ms)
                guards.look(state, int(path), time_ms)
            self._follow(state, int(path))

    def _follow(self, state: State, path: int) -> None:
        """The least equity so far, after what was done in this step."""
        worth = 0.0
        # In the order of ``watch``, for the same last digits.
        for cash in state.cash[:, path].tolist():
            worth += cash
        for size, price in zip(
            state.size[:, path].tolist(), state.price[:, path].tolist(), strict=True
        ):
            worth += size * price
        worth -= self._watched.added[path] / MICRO
        self._watched.lowest[path] = min(self._watched.lowest[path], worth)

    def _replenish(self, state: State, path: int, time_ms: int) -> None:
        """Money from the wallet for every bucket that is near liquidation."""
        value = state.size[:, path] * state.price[:, path]
        needed = self._terms.account.maintenance(np.abs(value)[:, None])[:, 0]
        needed[value == 0.0] = 0.0
        for bucket, holds in enumerate(self._terms.holds):
            equity = state.cash[bucket, path] + value[holds].sum()
            missing = needed[holds].sum() / REPLENISH_TO - equity
            is_near = needed[holds].sum() > 0.0 and equity < needed[holds].sum() / REPLENISH_FROM
            if is_near and not self._transit.purses[path].is_coming(bucket):
                self._transit.send(
                    state, path, bucket, round(MICRO * missing), time_ms, from_pool=False
                )
