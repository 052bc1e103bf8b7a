"""``seawall`` run in this process: what a user sees and the exit status, without a start.

A start costs more than most commands do. What only a process can show (a closed pipe, Ctrl-C, what
is imported) needs one.
"""

import io
import os
import sys
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from typing import TextIO

import pytest

from seawall.cli.main import main


def seawall(
    *arguments: str | Path,
    folder: Path | None = None,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    stdout: TextIO | None = None,
) -> "CompletedProcess[str]":
    """What ``seawall ARGUMENTS`` gives, called in ``folder``.

    ``stdout``: where it prints to, instead of the result.
    """
    words = ["seawall", *map(str, arguments)]
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(stdout or out),
        redirect_stderr(err),
    ):
        patch.chdir(folder or os.getcwd())
        # ``explain`` sets it for its own process.
        patch.setenv("SEAWALL_INTERPRETED", kept := os.environ.get("SEAWALL_INTERPRETED", ""))
        if not kept:
            del os.environ["SEAWALL_INTERPRETED"]
        for name, value in {"NO_COLOR": "1", **(environment or {})}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", words)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        status = _status()
    return CompletedProcess(words, status, _text(out), _text(err))


def _status() -> int:
    """As the interpreter makes one: a text goes to standard error and is a failure."""
    try:
        with warnings.catch_warnings():
            # Without arguments of its own the parser suspects a mistake of the tests.
            warnings.filterwarnings("ignore", message="Cyclopts application invoked without")
            main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    return 0


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    raw = stream.detach()
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue().decode()
