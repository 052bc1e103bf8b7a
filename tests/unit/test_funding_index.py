"""Rules of the funding index that recorded numbers do not tell apart; the cases have the names."""

import json
import os
import subprocess
import sys
from functools import cache

import pytest

from tests.shared_files import ROOT
from tests.unit import funding_index_cases


@cache
def outcomes() -> dict[str, str]:
    """What went wrong in each case, all run in one process in which kernels are plain Python."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.unit.funding_index_cases"],
        cwd=ROOT,
        env={
            **os.environ,
            "SEAWALL_INTERPRETED": "1",
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", funding_index_cases.CASES)
def test_case(name: str) -> None:
    assert not outcomes()[name], outcomes()[name]
