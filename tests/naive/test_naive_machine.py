"""The scenario tables through the naive machine."""

import pytest

from tests.naive.machine import NaiveMachine
from tests.scenarios.runner import Scenario, blocks, scenario_files

CASES = [
    pytest.param(body, id=f"{path.stem}: {title}")
    for path in scenario_files()
    for title, body in blocks(path)
]


@pytest.mark.parametrize("body", CASES)
def test_scenario(body: str) -> None:
    Scenario(NaiveMachine).run(body)
