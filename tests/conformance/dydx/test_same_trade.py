"""The table of the page on the same trade is what the example prints."""

import os
import subprocess
import sys

from tests.shared_files import ROOT
from tests.waiting import PATIENCE_S

PAGE = ROOT / "docs" / "venue" / "same_trade.md"


def test_the_table_is_that_of_a_run() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "same_trade.py")], capture_output=True, text=True,
        timeout=2 * PATIENCE_S, check=False, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    assert done.stdout.splitlines() == lines
