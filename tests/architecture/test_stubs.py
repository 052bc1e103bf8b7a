"""The generated stubs say what their modules hold, and the engine is checked with them."""

import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from tests.architecture.sources import ROOT
from tools import write_codes_stub, write_tables_stub


@pytest.mark.parametrize("tool", [write_codes_stub, write_tables_stub], ids=lambda t: t.__name__)
def test_stubs_are_fresh(tool: ModuleType) -> None:
    target: Path = tool.TARGET
    assert target.read_text() == tool.stub(), f"run python -m {tool.__name__}"


def test_the_type_checker_leaves_out_nothing_of_the_engine() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for override in project["tool"]["mypy"]["overrides"]:
        if override.get("ignore_errors"):
            assert not [name for name in override["module"] if name.startswith("seawall.engine")]
