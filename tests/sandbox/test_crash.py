"""kill -9 under load; `python -m tests.sandbox.crash_load --count 30` does it thirty times."""

from tests.sandbox.crash_load import LEAST_FILLS, crash_repeatedly


def test_nothing_acknowledged_is_lost_or_doubled(tmp_path):
    counts = crash_repeatedly(tmp_path, count=3, seed=7)
    assert counts["orders"] > LEAST_FILLS
    assert counts["fills"] > LEAST_FILLS
