"""A short soak: three hundred orders, ten shocks, a clock that goes as far as the test says."""

import asyncio

import pytest

from tests.conformance.hyperliquid.running import started
from tests.conformance.hyperliquid.soak import soak

pytestmark = pytest.mark.conformance


def test_books_close_through_liquidations_of_all_kinds() -> None:
    with started("--seed", "1", "--agents", "--feed", "synthetic") as venue:
        tally = asyncio.run(soak(venue, rounds=10, rate=30, count=8, speed=0))
    assert tally.faults == []
    assert tally.orders >= 300
    assert tally.comparisons == 10 * 8
    assert {"market", "backstop", "deleveraged"} <= set(tally.forced)
    assert tally.fundings > 0
