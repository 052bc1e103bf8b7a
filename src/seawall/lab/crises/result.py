"""All cells of a run, and the best and the worst way through each crisis."""

from collections.abc import Callable

from msgspec import Struct

from seawall.lab.crises.contrast import Contrast
from seawall.lab.crises.play import Cell, TrialResult, play
from seawall.lab.crises.setup import CrisesTask, Script
from seawall.lab.simulation.trials import run_trials


class CrisesResult(Struct, frozen=True, kw_only=True):
    """``trials``: by script, then mode, then depth, as ``CrisesTask.trial`` numbers them."""

    task: CrisesTask
    trials: tuple[TrialResult, ...]

    @property
    def cells(self) -> list[Cell]:
        """By crisis, rulebook, mode and depth."""
        found = [cell for trial in self.trials for cell in trial.cells]
        order = [each.name for each in self.task.rules]
        names = [each.name for each in self.task.scripts]
        # Sorting is stable: modes and depths keep their order.
        return sorted(found, key=lambda c: (names.index(c.crisis), order.index(c.rulebook)))

    def cells_of(self, script: Script) -> list[Cell]:
        """Those of one crisis."""
        return [each for each in self.cells if each.crisis == script.name]

    def contrasts(self, script: Script) -> list[tuple[str, str, Contrast]]:
        """(mode, depth, two rulebooks) of one crisis."""
        found = []
        for number, trial in enumerate(self.trials):
            played, mode, depth = self.task.trial(number)
            if played.name == script.name:
                found += [(mode.name, depth.name, each) for each in trial.contrasts]
        return found


def best_and_worst(cells: list[Cell]) -> tuple[Cell, Cell]:
    """By equity at the end, then by the lowest on the way; of equals the first."""
    best = max(cells, key=lambda each: (each.end, each.lowest))
    worst = min(cells, key=lambda each: (each.end, each.lowest))
    return best, worst


def play_all(
    task: CrisesTask,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> CrisesResult:
    """All trials, on as many processes as wished; the result does not depend on how many.

    ``progress`` is told how many are finished. Raises TrialError, ClusterError.
    """
    trials = run_trials(
        play, task, task.trials, workers=workers, cluster=cluster, progress=progress
    )
    return CrisesResult(task=task, trials=tuple(trials))
