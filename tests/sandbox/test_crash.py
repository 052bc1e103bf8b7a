"""kill -9 under load; `python -m tests.sandbox.crash_load --count 30` does it thirty times."""

from tests.sandbox.crash_load import crash_repeatedly


def test_nothing_acknowledged_is_lost_or_doubled(tmp_path):
    counts = crash_repeatedly(tmp_path, count=3, seed=7, busy_s=0.8)
    assert counts["orders"] > 20
    assert counts["fills"] > 20
