"""``seawall`` run in this process: what a user sees and the exit status, without a start.

A start costs more than most commands do. What only a process can show (a closed pipe, Ctrl-C, what
is imported) needs one; ``running`` is for a command that goes on until Ctrl-C.
"""

import io
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, TextIO

import pytest

import seawall.engine.compile  # before ``explain`` chooses that it runs in plain Python
from seawall.cli.main import main
from tests.shared_files import ROOT
from tests.waiting import PATIENCE_S


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
        # ``explain`` sets it for its own process, in which nothing has loaded the engine before.
        patch.setenv("SEAWALL_INTERPRETED", kept := os.environ.get("SEAWALL_INTERPRETED", ""))
        if not kept:
            del os.environ["SEAWALL_INTERPRETED"]
        for name, value in {"NO_COLOR": "1", **(environment or {})}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", words)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        status = _status()
    return CompletedProcess(words, status, _text(out), _text(err))


@contextmanager
def running(
    *arguments: str, environment: Mapping[str, str] | None = None, quiet: bool = False
) -> Iterator[tuple[dict[str, Any], "subprocess.Popen[str]"]]:
    """What a command that goes on says of itself with ``--json``, and its process.

    Ctrl-C must end it with status 0 and no traceback; ``quiet``: without any word of error.
    """
    code = "from seawall.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, arguments[0], "--json", *arguments[1:]],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=PATIENCE_S)
        yield json.loads(line), process
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
        assert not (quiet and errors), errors
    finally:
        process.kill()
        process.communicate()


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
