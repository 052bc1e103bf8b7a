"""A small part of the fuzzer, always on; the whole of it is a command (see fuzz.py)."""

import pytest

from tests.conformance.hyperliquid.fuzz import check
from tests.conformance.hyperliquid.running import started

pytestmark = pytest.mark.conformance


def test_nonsense_changes_nothing() -> None:
    with started() as venue:
        report = check(venue, 1_500, seed=7, clients=8)
    assert report.faults == []
    assert report.answers["info 200"] > 100
    assert sum(report.answers.values()) >= 1_000
