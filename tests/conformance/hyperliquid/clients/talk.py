"""Running a client's script and doing what it asks for: lines of JSON on its output and input.

A script prints ``{"step": name, "detail": ...}`` for each thing that has worked, and
``{"ask": what, ...}`` for what only this side can do: ``shock``, ``fund``, ``restart``.
"""

import json
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.conformance.hyperliquid.clients.venue import LocalVenue

MARK = "@@"
SECONDS = 900.0
Report = Callable[[str, Any], None]


class Failed(AssertionError):
    """The client did not get through; the message is the end of what it wrote."""


def run_script(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], venue: LocalVenue,
    report: Report,
) -> None:  # fmt: skip
    """Run to the end. Raises Failed for a status that is not 0, and for a script that hangs."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    ended = threading.Timer(SECONDS, process.kill)
    ended.start()
    written: list[str] = []
    try:
        for line in process.stdout:
            written.append(line)
            if line.startswith(MARK):
                said = json.loads(line.removeprefix(MARK))
                if "step" in said:
                    report(said["step"], said.get("detail"))
                else:
                    _do(venue, said)
                    process.stdin.write("done\n")
                    process.stdin.flush()
        if process.wait() != 0:
            raise Failed(f"status {process.returncode}\n{''.join(written)[-4000:]}")
    finally:
        ended.cancel()
        process.kill()
        process.wait()


def _do(venue: LocalVenue, asked: Mapping[str, Any]) -> None:
    what = asked["ask"]
    if what == "shock":
        venue.control.shock(asked["market"], asked["move"])
    elif what == "fund":
        venue.control.fund(asked["address"], asked["usd"])
    elif what == "restart":
        venue.restart()
    else:
        raise ValueError(f"{what!r} is nothing that can be asked for")
