"""``seawall check``: a venue's folder verified, file by file, with what to do."""

from pathlib import Path

from seawall.cli.params import Outputs
from seawall.cli.run import refuse, run
from seawall.report.findings import Answer
from seawall.report.progress import Progress

DAMAGED = 1


def check(
    folder: Path,
    /,
    *,
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Verify a venue's folder, every file and what links them, and say what to do.

    The log is replayed from its first command, and all that is kept beside it is compared with the
    result. Nothing is changed. Exit status 0 for a sound folder, 1 where damage was found, 2 where
    it cannot be looked at: there is none, or its venue runs (`seawall backup` copies it).

    Parameters
    ----------
    folder
        The folder of `seawall up --data`, or a backup of it.
    """
    from seawall.sandbox.check import check_folder
    from seawall.sandbox.check_result import FolderCheck

    found: list[FolderCheck] = []

    def compute(progress: Progress) -> Answer:
        try:
            found.append(check_folder(folder, progress=progress))
        except OSError as error:
            refuse("check", f"{error.filename or folder}: {error.strerror}")
        return found[0]

    run("check", outputs, compute)
    if not found[0].is_sound:
        raise SystemExit(DAMAGED)
