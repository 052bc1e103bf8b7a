"""What all simulations of one command share, so that only what is compared differs between them.

Every task of a setup has the same paths: the same model, steps and seed, and the account's markets
in the same order. What an account does then differs by the account alone (common random numbers).
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec import Struct, structs

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.lab.market.liquidity import Depth
from seawall.lab.paths.kernels.account import path_account
from seawall.lab.paths.kernels.simulate import join, simulate_chunk
from seawall.lab.paths.kernels.task import (
    BelowZero,
    Bootstrap,
    Diffusion,
    FundingRate,
    Outcomes,
    PathAccount,
    PathTask,
)
from seawall.lab.simulation.trials import run_trials, usable_cores

STEPS_OF_A_HORIZON = 10_080
"""A week of minutes."""
WORTH_WORKERS = 6_000_000_000
"""Markets times steps times paths; about eight seconds of one core."""
LONGEST_MARK_SECONDS = 5.0
"""Venues mark every few seconds: a step up to this long is as good as theirs."""
STEP_SECONDS = (3, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


class PathSetup(Struct, frozen=True, kw_only=True):
    """One account's markets and how they move. ``plan``: the account as it is given."""

    plan: Holdings
    rulebook: AnyRulebook
    instruments: Sequence[Instrument]
    prices: Mapping[str, str]
    depths: Mapping[str, Depth]
    impact: float
    model: Diffusion | Bootstrap
    funding: FundingRate
    steps: int
    step_seconds: float
    paths: int
    seed: int
    antithetic: bool

    def account(self, plan: Holdings) -> PathAccount:
        """Raises InputError.

        The mark before is the one of the step before. Rules that close a bucket below zero at that
        price mean a mark of seconds ago; after a longer step it would hand the bucket back what it
        lost in between, so it ends with nothing instead.
        """
        made = path_account(
            plan, self.rulebook, self.instruments, self.prices, self.depths, self.impact
        )
        if self.ends_with_nothing and made.below_zero == BelowZero.CLOSED_AT_PREVIOUS:
            made = structs.replace(made, below_zero=BelowZero.CLOSED_AT_ZERO)
        return made

    def task(self, account: PathAccount) -> PathTask:
        return PathTask(
            account=account,
            model=self.model,
            funding=self.funding,
            steps=self.steps,
            step_seconds=self.step_seconds,
            paths=self.paths,
            seed=self.seed,
            antithetic=self.antithetic,
        )

    def with_paths(self, paths: int) -> "PathSetup":
        """The same with its first so many paths."""
        return structs.replace(self, paths=min(paths, self.paths))

    @property
    def ends_with_nothing(self) -> bool:
        """Whether steps are too long for the mark before to mean what the rules mean by it."""
        return self.step_seconds > LONGEST_MARK_SECONDS

    @property
    def hours(self) -> float:
        return self.steps * self.step_seconds / 3600.0


def under_maintenance(account: PathAccount) -> list[str]:
    """The buckets that are under maintenance margin before any step, by name."""
    notional = np.abs(account.size) * account.price
    tier = (account.tier_from <= notional[:, None]).sum(axis=1) - 1
    market = np.arange(len(notional))
    needed = notional * account.tier_rate[market, tier] - account.tier_deduction[market, tier]
    margin = np.bincount(account.bucket, needed, minlength=len(account.cash))
    return [
        name
        for name, has, needs in zip(account.buckets, account.equity, margin, strict=True)
        if needs > 0 and has < needs
    ]


class Runner(Struct, frozen=True, kw_only=True):
    """Who walks the paths. ``started`` is told what comes and its parts, ``done`` those finished.

    ``workers``: None for as many as the work is worth.
    """

    workers: int | None = None
    cluster: str | None = None
    started: Callable[[str, int], None] = lambda what, parts: None
    done: Callable[[int], None] = lambda parts: None

    def outcomes(self, task: PathTask, what: str) -> Outcomes:
        """All paths of the task, in order. Raises TrialError, ClusterError."""
        return self.all_outcomes([task], what)[0]

    def all_outcomes(self, tasks: Sequence[PathTask], what: str) -> list[Outcomes]:
        """Of each task, in order; chunks of all tasks are shared out at once."""
        chunks = [(number, chunk) for number, t in enumerate(tasks) for chunk in range(t.chunks)]
        self.started(what, len(chunks))
        workers = self.workers or _useful_workers(tasks)
        if workers > 1 and self.cluster is None:
            _warm_up(tasks[0])
        parts = run_trials(
            _simulate_one,
            (tuple(tasks), tuple(chunks)),
            len(chunks),
            workers=workers,
            cluster=self.cluster,
            progress=self.done,
        )
        found: list[list[Outcomes]] = [[] for _ in tasks]
        for (number, _), part in zip(chunks, parts, strict=True):
            found[number].append(part)
        return [join(each, task.paths) for each, task in zip(found, tasks, strict=True)]


def _simulate_one(
    work: tuple[tuple[PathTask, ...], tuple[tuple[int, int], ...]], trial: int
) -> Outcomes:
    """A trial: a chunk of one of the tasks."""
    tasks, chunks = work
    number, chunk = chunks[trial]
    made: Outcomes = simulate_chunk(tasks[number], chunk)
    return made


def _warm_up(task: PathTask) -> None:
    """Compile the kernels here, where that is due, so that not every worker has to."""
    simulate_chunk(structs.replace(task, paths=1, steps=1), 0)


def _useful_workers(tasks: Sequence[PathTask]) -> int:
    """One where starting processes would take longer than they save."""
    work = sum(task.paths * task.steps * len(task.account.price) for task in tasks)
    return usable_cores() if work > WORTH_WORKERS else 1


def usual_step(horizon_seconds: float) -> int:
    """The finest round step that takes no more than ``STEPS_OF_A_HORIZON`` steps."""
    least = horizon_seconds / STEPS_OF_A_HORIZON
    return next((step for step in STEP_SECONDS if step >= least), STEP_SECONDS[-1])


def steps_of(horizon_seconds: float, step_seconds: float) -> int:
    """Whole steps that reach the horizon."""
    return max(1, math.ceil(horizon_seconds / step_seconds - 1e-9))
