"""``seawall guard explain``: why each thing was done or not done."""

from pathlib import Path

from seawall.cli.params import Outputs
from seawall.cli.run import run
from seawall.report.findings import Answer
from seawall.report.progress import Progress


def explain(
    journal: Path,
    /,
    *,
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Say why each thing was done or not done, from the journal of a guard that runs or ran.

    Exit status 0, 2 for input that cannot be used.

    Parameters
    ----------
    journal
        The journal of the guard.
    """

    def explained(_: Progress) -> Answer:
        from seawall.guard.explain import explain_journal

        return explain_journal(journal)

    run("guard explain", outputs, explained)
