"""``seawall backup``: a consistent copy of a venue's folder, while the venue runs or not."""

import json
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from seawall.cli.run import refuse
from seawall.domain.errors import SeawallError
from seawall.report import kinds
from seawall.report.progress import on_terminal


def backup(
    folder: Path,
    target: Path,
    /,
    *,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Copy a venue's folder consistently, while the venue runs or not.

    The copy is the venue of one moment: everything up to a whole frame of its log, and nothing
    later. It is read back before it gets its name. Exit status 2 where no copy could be made;
    nothing is left of it then.

    Parameters
    ----------
    folder
        The folder of `seawall up --data`.
    target
        A new or empty folder for the copy; `seawall up --data TARGET` starts it.
    json_
        Print what the copy holds as one JSON object.
    """
    from seawall.sandbox.backup import back_up

    try:
        with on_terminal(quiet=json_) as progress:
            made = back_up(folder, target, progress)
    except SeawallError as error:
        refuse("backup", str(error))
    except OSError as error:
        refuse("backup", f"{error.filename or target}: {error.strerror}: choose another target")
    if json_:
        print(json.dumps(msgspec.to_builtins(made)))
        return
    points = ", ".join(made.save_points) or "none"
    print(
        f"{made.folder} holds {made.commands:,} commands, up to {kinds.clock(made.time_ms)} UTC; "
        f"save points: {points}; {made.files} files, {made.bytes:,} bytes"
    )
    for each in made.lacks:
        print(f"not copied: {each}")
    print(f"verify it: seawall check {made.folder}\nstart it:  seawall up --data {made.folder}")
