"""The generated stubs say what their modules hold."""

from pathlib import Path
from types import ModuleType

import pytest

from tools import write_codes_stub, write_tables_stub


@pytest.mark.parametrize("tool", [write_codes_stub, write_tables_stub], ids=lambda t: t.__name__)
def test_stubs_are_fresh(tool: ModuleType) -> None:
    target: Path = tool.TARGET
    assert target.read_text() == tool.stub(), f"run python -m {tool.__name__}"
