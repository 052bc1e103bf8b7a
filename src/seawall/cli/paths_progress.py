"""A progress bar over the parts of a simulation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from seawall.cli.paths_inputs import RunWishes

if TYPE_CHECKING:
    from seawall.lab.paths.setup import Runner


@contextmanager
def running(run: RunWishes, *, quiet: bool) -> Iterator["Runner"]:
    """A runner whose work is shown on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, quiet=quiet)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with console.status("loading the kernels"):
        from seawall.lab.paths.kernels.compiled import INTERPRETED, cache_folder
        from seawall.lab.paths.setup import Runner
    is_plain = quiet or not console.is_terminal
    is_first = not (cache_folder().is_dir() and any(cache_folder().rglob("*.nbc")))
    if is_first and not INTERPRETED:
        console.print("compiling the kernels, once (about half a minute)")
    with Progress(*columns, console=console, transient=True, disable=is_plain) as progress:
        bar = progress.add_task("paths", total=None)

        def started(what: str, parts: int) -> None:
            progress.update(bar, description=what, total=parts, completed=0)

        def done(parts: int) -> None:
            progress.update(bar, completed=parts)

        yield Runner(workers=run.workers, cluster=run.cluster, started=started, done=done)
