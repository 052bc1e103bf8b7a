"""The scenario tables of rules of blocks through the fast engine."""

import pytest

from tests.scenarios.block_engine_adapter import BlockEngineMachine
from tests.scenarios.block_runner import BlockScenario, block_cases

CASES = [pytest.param(body, id=name) for name, body in block_cases()]


@pytest.mark.parametrize("body", CASES)
def test_scenario(body: str) -> None:
    BlockScenario(BlockEngineMachine).run(body)
