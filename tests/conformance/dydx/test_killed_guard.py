"""A guard that is killed at random moments; ``killed_guard`` in short, a round of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import running
from tests.conformance.dydx.killed_guard import KINDS, UP, maker_of, play
from tests.conformance.dydx.trader import LocalVenue, Trader


@pytest.fixture(scope="module")
def maker() -> Iterator[Trader]:
    with running(*UP, quiet=True) as (about, _):
        yield maker_of(LocalVenue(about))


@pytest.mark.parametrize("seed", range(len(KINDS)))
def test_killed_with_signal_9_it_does_no_step_twice_and_loses_none(
    maker: Trader, tmp_path: Path, seed: int
) -> None:
    found = play(maker.venue, maker, tmp_path, kills=3, seed=seed)
    assert found["kills"] == 3
