"""The scenario tables through the fast engine."""

import pytest

from tests.scenarios import engine_adapter
from tests.scenarios.runner import Scenario, blocks, scenario_files

CASES = [
    pytest.param(body, id=f"{path.stem}: {title}")
    for path in scenario_files()
    for title, body in blocks(path)
]


@pytest.mark.skipif(bool(engine_adapter.MISSING), reason=engine_adapter.MISSING)
@pytest.mark.parametrize("body", CASES)
def test_scenario(body: str) -> None:
    Scenario(engine_adapter.EngineMachine).run(body)
