"""Running ``seawall`` as a user does, for the tests of the lab."""

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests import command_line

# The first run on a machine compiles the kernels.
SECONDS = 600


def seawall(
    folder: Path, command: str, *arguments: str | Path, **environment: str
) -> "CompletedProcess[str]":
    return command_line.seawall(command, *arguments, folder=folder, environment=environment)


def made(folder: Path, command: str, *arguments: str | Path, **environment: str) -> dict[str, Any]:
    """The object that the command prints with ``--json``."""
    result = seawall(folder, command, *arguments, "--json", **environment)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(result: "CompletedProcess[str]", command: str, message: str) -> None:
    assert result.returncode == 2, result.stdout + result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"seawall {command}: ")
    assert message in last
    assert "Traceback" not in result.stderr + result.stdout


CANDLES = """date,open,high,low,close
2025-10-10T00:00:00Z,100000,100100,99900,100000
2025-10-10T00:10:00Z,100000,100000,86000,86500
2025-10-10T00:20:00Z,86500,95000,86500,94000
"""
"""Twenty minutes of BTC: 14 % down, then half of it back."""
