"""The scenario tables of rules of blocks through the naive twin."""

import pytest

from tests.naive_blocks.machine import NaiveBlockMachine
from tests.scenarios.block_runner import BlockScenario, block_cases

CASES = [pytest.param(body, id=name) for name, body in block_cases()]


@pytest.mark.parametrize("body", CASES)
def test_scenario(body: str) -> None:
    BlockScenario(NaiveBlockMachine).run(body)
