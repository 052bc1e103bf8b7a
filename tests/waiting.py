"""Waiting for a condition: the one place where tests let real time pass.

No test waits for a length of time. It waits for what must happen, as long as a machine that is
busy with other work may need for it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 300.0
_PAUSE_S = 0.01


def wait_until(condition: Callable[[], Any]) -> None:
    """Returns once the condition is true. Raises AssertionError after ``PATIENCE_S``."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"still false after {PATIENCE_S:.0f} s"
        time.sleep(_PAUSE_S)


async def until(condition: Callable[[], Any]) -> None:
    """The same inside an event loop, which goes on meanwhile."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"still false after {PATIENCE_S:.0f} s"
        await asyncio.sleep(_PAUSE_S)


async def eventually(condition: Callable[[], Any]) -> Any:
    """What ``condition``, which awaits an answer, gives once that is true; else as ``until``."""
    end = time.monotonic() + PATIENCE_S
    while not (found := await condition()):
        assert time.monotonic() < end, f"still false after {PATIENCE_S:.0f} s"
        await asyncio.sleep(_PAUSE_S)
    return found


class Elapsed:
    """Real time as a ``Clock`` reads it, moved by the test."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns

    def pass_seconds(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)
