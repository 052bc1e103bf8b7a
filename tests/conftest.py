"""Every run: no deadline of examples, and nothing written outside of temporary folders."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.written_files import Picture, changes, picture

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

BEFORE = pytest.StashKey[Picture]()
CHANGED = pytest.StashKey[list[str]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # one look for all workers of xdist
        session.config.stash[BEFORE] = picture()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if BEFORE in session.config.stash:
        changed = changes(session.config.stash[BEFORE], picture())
        session.config.stash[CHANGED] = changed
        if changed:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    changed = config.stash.get(CHANGED, [])
    if changed:
        terminalreporter.section("FAILED: tests write below their temporary folder only", red=True)
        for line in changed:
            terminalreporter.write_line(line)
