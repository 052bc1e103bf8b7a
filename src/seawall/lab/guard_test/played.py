"""Paths played with what protects the account: prices and liquidation are those of ``lab/paths``.

The kernel moves prices and pays funding. Then, in a step: orders that rest fire, buckets under
maintenance margin are liquidated by the kernel's own rules, and the guards of the paths that have
left their bounds look. Prices do not depend on what an account does, so every way of protecting it
meets the same ones.
"""

from contextlib import nullcontext

import numpy as np
from msgspec import Struct

from seawall.domain.units import MICRO
from seawall.engine.compile import INTERPRETED
from seawall.guard.policy import Policy
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.guard_test.looks import START_MS, Guards
from seawall.lab.guard_test.moment import Moment, Terms, moment_of
from seawall.lab.paths.kernels.between import liquidate_between
from seawall.lab.paths.kernels.draws import LANES
from seawall.lab.paths.kernels.stages_state import State
from seawall.lab.paths.kernels.step import Run
from seawall.lab.paths.kernels.task import PathTask

REPLENISH_FROM, REPLENISH_TO = 0.8, 0.5
"""Margin ratios at which the wallet is called upon, and to which it fills up."""
SLACK = 1e-9
"""Of the maintenance margin, so that the kernel itself judges what is at the boundary."""


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
    the wallet. ``lowest``: least equity less what was added. ``first``: step of the first
    liquidation, 0 never. ``cost``: fees and slippage of the guard's orders.
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


def play_block(task: PathTask, terms: Terms, wallet: int, plan: Protection, block: int) -> Played:
    """Paths ``block * LANES`` and on, LANES of them. ``wallet``: micro-USD."""
    return _Play(task, terms, wallet, plan, block).played()


class _Play:
    """One block under one protection."""

    def __init__(
        self, task: PathTask, terms: Terms, wallet: int, plan: Protection, block: int
    ) -> None:
        self._task, self._terms, self._plan = task, terms, plan
        self._run = run = Run(task, block * LANES)
        run.restart(block * LANES)
        # The kernel only moves prices and pays funding: no bucket is under minus infinity.
        run.block.floor[...] = -np.inf
        run.block.is_whole[...] = False
        self._wallet = np.full(LANES, wallet / MICRO)
        self._step_ms = round(1000 * task.step_seconds)
        self._guards: Guards | None = None
        if plan.policy is not None:
            self._guards = Guards(terms, plan.policy, run.rules, wallet, LANES, self._step_ms)
        self._start = float(task.account.equity.sum())
        self._lowest = np.full(LANES, self._start)

    def _state(self) -> State:
        block, step = self._run.block, self._run.step
        return State(
            block.prices[step % 2], block.prices[(step - 1) % 2], block.size, block.cash,
            block.cooldown, block.first, block.touched, block.cost, block.taken, block.waits,
            block.acted, block.order_cost, block.added,
        )  # fmt: skip

    def _moment(self) -> Moment:
        run = self._run
        return moment_of(self._terms, run.price, run.block.size, run.block.cash)

    def played(self) -> Played:
        """All steps."""
        run, guards = self._run, self._guards
        wrapping = np.errstate(over="ignore") if INTERPRETED else nullcontext()
        if guards is not None:
            self._look(guards, np.ones(LANES, bool), START_MS)
        for step in range(1, self._task.steps + 1):
            with wrapping:
                run.advance(step)
            self._act(step)
            self._lowest = np.minimum(self._lowest, run.equity.sum(axis=0) - self._added)
        first = np.where(run.block.first > 0, run.block.first, np.iinfo(np.int32).max).min(axis=0)
        first = np.where(first == np.iinfo(np.int32).max, 0, first)
        equity, none = run.equity.sum(axis=0), np.zeros(LANES, np.int64)
        return Played(
            lost=self._start + self._added - equity,
            equity=equity,
            lowest=self._lowest,
            first=first.astype(np.int64),
            cost=np.zeros(LANES) if guards is None else guards.book.cost,
            added=self._added.copy(),
            reductions=none if guards is None else guards.reductions,
            top_ups=none if guards is None else guards.top_ups,
            decisions=0 if guards is None else guards.decisions,
        )

    @property
    def _added(self) -> Floats:
        if self._guards is not None:
            return self._guards.added / MICRO
        return self._run.block.added

    def _act(self, step: int) -> None:
        """What happens after the prices of a step."""
        guards, state, time_ms = self._guards, self._state(), START_MS + step * self._step_ms
        changed = np.zeros(LANES, bool)
        if guards is not None:
            guards.book.refill()
            now = self._moment()
            for path in np.flatnonzero(guards.triggered(now)):
                guards.fire(state, int(path), now, time_ms)
                changed[path] = True
        changed |= self._liquidate(state, step)
        if guards is None:
            if self._plan.replenishes:
                self._replenish()
            return
        now = self._moment()
        outside = changed | self._plan.looks_always
        outside = outside | guards.bounds.outside(now, time_ms, guards.has_lost(now))
        # A flat account has nothing left that could be closed.
        outside &= (now.units != 0).any(axis=0) | changed
        for path in np.flatnonzero(changed):
            guards.drop_orders(int(path), now, time_ms)
        guards.carry_forward(~outside, now, time_ms)
        self._look(guards, outside, time_ms)

    def _look(self, guards: Guards, outside: Mask, time_ms: int) -> None:
        state = self._state()
        for path in np.flatnonzero(outside):
            guards.look(state, int(path), time_ms)

    def _liquidate(self, state: State, step: int) -> Mask:
        """(n,) where a bucket was under maintenance margin, after the kernel's stages."""
        equity, needed = self._risk(state)
        holds = self._terms.holds.astype(np.int64) @ (state.size != 0.0) > 0
        under: Mask = (holds & (equity < needed * (1 + SLACK) + SLACK)).any(axis=0)
        for path in np.flatnonzero(under):
            liquidate_between(
                self._run.rules, state, int(path), (step - 1) * self._step_ms, step * self._step_ms,
                step,
            )  # fmt: skip
        return under

    def _risk(self, state: State) -> tuple[Floats, Floats]:
        """(b, n) equity and maintenance margin, USD."""
        holds = self._terms.holds.astype(np.float64)
        value = state.size * state.price
        needed = self._terms.account.maintenance(np.abs(value))
        needed[value == 0.0] = 0.0
        return state.cash + holds @ value, holds @ needed

    def _replenish(self) -> None:
        """Money from the wallet for every bucket that is near liquidation."""
        state = self._state()
        equity, needed = self._risk(state)
        for bucket in range(len(equity)):
            calls = (needed[bucket] > 0) & (equity[bucket] < needed[bucket] / REPLENISH_FROM)
            missing = needed[bucket] / REPLENISH_TO - equity[bucket]
            amount = np.where(calls, np.minimum(self._wallet, missing), 0.0)
            state.cash[bucket] += amount
            self._wallet -= amount
            state.added[...] += amount
