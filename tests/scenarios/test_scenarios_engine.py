"""The scenario tables through the fast engine."""

import pytest

from tests.scenarios.engine_adapter import EngineMachine
from tests.scenarios.runner import Scenario, blocks, scenario_files

CASES = [
    pytest.param(body, id=f"{path.stem}: {title}")
    for path in scenario_files()
    for title, body in blocks(path)
]


@pytest.mark.parametrize("body", CASES)
def test_scenario(body: str) -> None:
    Scenario(EngineMachine).run(body)
