"""What a run of the tests left in the checkout: it must be nothing, whatever was there before."""

import os
from pathlib import Path

from tests.shared_files import ROOT

Picture = dict[str, tuple[int, int]]
EDITED = (".py", ".pyi", ".md")
"""People edit these while tests run, and no command of the project writes them."""


def picture(folder: Path = ROOT) -> Picture:
    """Every file below the folder with its time of change and size; caches and sources aside."""
    found: Picture = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [n for n in folders if not n.startswith(".") and n not in ("__pycache__",)]
        for name in names:
            if not name.startswith(".") and not name.endswith(EDITED):
                about = os.lstat(os.path.join(place, name))
                shown = os.path.relpath(os.path.join(place, name), folder)
                found[shown] = (about.st_mtime_ns, about.st_size)
    return found


def changes(before: Picture, after: Picture) -> list[str]:
    """What is new, changed or gone, in one line each."""
    lines = [f"new: {name}" for name in after.keys() - before.keys()]
    lines += [f"gone: {name}" for name in before.keys() - after.keys()]
    lines += [f"changed: {n}" for n in before.keys() & after.keys() if before[n] != after[n]]
    return sorted(lines)
