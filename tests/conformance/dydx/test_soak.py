"""A short soak; the whole of it is ``python -m tests.conformance.dydx.soak``."""

import asyncio

import pytest

from tests.conformance.dydx.soak import ROUNDS_PER_SHOCK, soak
from tests.conformance.hyperliquid.clients.environments import CannotInstall
from tests.conformance.hyperliquid.running import started

pytestmark = pytest.mark.conformance
ROUNDS = 2 * ROUNDS_PER_SHOCK


def test_the_books_of_a_client_close_beside_four_others() -> None:
    options = ("--venue", "dydx", "--speed", "10", "--seed", "1", "--agents")
    with started(*options, "--feed", "synthetic", "--markets", "BTC", "ETH") as venue:
        try:
            made = asyncio.run(soak(venue, seconds=0, rounds=ROUNDS, actions=2))
        except CannotInstall as reason:
            pytest.skip(str(reason))
    assert made.faults == []
    assert made.books["fills"] > 0
    assert made.books["transfers"] > 0
    assert all(player.done.total() == 2 * ROUNDS for player in made.players)
