"""Simulating tasks in this process, in several, or on a cluster: the results are the same."""

from collections.abc import Sequence

from msgspec import Struct, structs

from seawall.domain.errors import InputError
from seawall.domain.quantities import number
from seawall.lab.paths.kernels.compiled import is_cached
from seawall.lab.paths.kernels.simulate import join, simulate_chunk
from seawall.lab.paths.kernels.task import Outcomes, PathTask
from seawall.lab.simulation.trials import run_trials, usable_cores
from seawall.report.progress import Progress, silent

MOST_WORKERS = 1024
WORTH_WORKERS = 6_000_000_000
"""Markets times steps times paths; about eight seconds of one core."""


class Runner(Struct, frozen=True, kw_only=True):
    """``workers``: processes; None for as many as the work is worth. ``cluster``: the address of a
    Dask scheduler, instead of processes.
    """

    workers: int | None = None
    cluster: str | None = None
    progress: Progress = silent

    def __post_init__(self) -> None:
        if self.workers is not None:
            expected = f"1 to {MOST_WORKERS}"
            number("workers", self.workers, least=1, most=MOST_WORKERS, expected=expected)
            if self.cluster is not None:
                expected = "given without workers: a cluster has its own"
                raise InputError.of("", "cluster", self.cluster, expected)

    def outcomes(self, task: PathTask, what: str) -> Outcomes:
        """The outcomes of all paths of the task, in order. Raises TrialError, ClusterError."""
        return self.all_outcomes([task], what)[0]

    def all_outcomes(self, tasks: Sequence[PathTask], what: str) -> list[Outcomes]:
        """The outcomes of each task, in order; the chunks of all are shared out at once."""
        chunks = [(place, chunk) for place, t in enumerate(tasks) for chunk in range(t.chunks)]
        workers = self.workers or _useful_workers(tasks)
        if not is_cached():
            self.progress("compiling the kernels, once (about half a minute)")
        if workers > 1 and self.cluster is None:
            # Compiled here, where that is due, so that not every worker has to.
            simulate_chunk(structs.replace(tasks[0], paths=1, steps=1), 0)
        self.progress(what, 0, len(chunks))
        parts = run_trials(
            _simulate_one,
            (tuple(tasks), tuple(chunks)),
            len(chunks),
            workers=workers,
            cluster=self.cluster,
            progress=lambda done: self.progress(what, done, len(chunks)),
        )
        found: list[list[Outcomes]] = [[] for _ in tasks]
        for (place, _), part in zip(chunks, parts, strict=True):
            found[place].append(part)
        return [join(each, task.paths) for each, task in zip(found, tasks, strict=True)]


def _simulate_one(
    work: tuple[tuple[PathTask, ...], tuple[tuple[int, int], ...]], trial: int
) -> Outcomes:
    """A trial: a chunk of one of the tasks."""
    tasks, chunks = work
    place, chunk = chunks[trial]
    made: Outcomes = simulate_chunk(tasks[place], chunk)
    return made


def _useful_workers(tasks: Sequence[PathTask]) -> int:
    """One where starting processes would take longer than they save."""
    work = sum(task.work for task in tasks)
    return usable_cores() if work > WORTH_WORKERS else 1
