"""The venue's clock: real time, a multiple of it, or moved by hand only.

Times are ms since 1970. The clock never goes back while it runs, nor across a restart: the host
tells it the last time that its journal knows. Only ``reset`` (a revert) may move it back.
"""

import time
from collections.abc import Callable

from seawall.domain.quantities import number

GREATEST_SPEED = 1000.0
_NS = 1_000_000


def wall_ms() -> int:
    """The computer's own time."""
    return time.time_ns() // _NS


class Clock:
    """``speed``: venue ms per real ms; 0 is a clock that only ``advance`` moves.

    At speed 1 the clock starts at the computer's time, so that a client's timestamps fit, even
    after a restart; at any other speed a restart goes on where the venue was. ``start_ms``: where
    the very first start begins instead of the computer's time. Raises InputError for a
    speed above 1000 or below 0.
    """

    def __init__(
        self,
        speed: float = 1.0,
        start_ms: int | None = None,
        elapsed_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._speed = _checked(speed)
        self._elapsed_ns = elapsed_ns
        self._start_ms = start_ms
        self._anchor_ms = wall_ms() if start_ms is None else start_ms
        self._anchor_ns = elapsed_ns()
        self._latest_ms = self._anchor_ms
        self.paused = False

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def manual(self) -> bool:
        return self._speed == 0

    def now_ms(self) -> int:
        """Never less than it said before."""
        now = self._anchor_ms
        if not self.paused and self._speed:
            now += int((self._elapsed_ns() - self._anchor_ns) * self._speed) // _NS
        self._latest_ms = max(self._latest_ms, now)
        return self._latest_ms

    def begin(self, last_ms: int) -> None:
        """Start, or go on after a restart, not before ``last_ms`` (0: there was nothing)."""
        start = wall_ms() if self._start_ms is None else self._start_ms
        if last_ms and (self._speed != 1 or self._start_ms is not None):
            start = last_ms
        self._anchor(max(start, last_ms))

    def reset(self, to_ms: int) -> None:
        """Go back to ``to_ms``, as a revert does. A clock in real time stays where it is."""
        if self._speed == 1 and self._start_ms is None:
            return
        self._anchor(to_ms)

    def advance(self, ms: int) -> int:
        """Jump forward by ``ms`` >= 0; the new time. Works at every speed, and while paused."""
        if ms < 0:
            raise ValueError(f"the clock cannot go back by {-ms} ms")
        self._anchor(self.now_ms() + ms)
        return self._latest_ms

    def pause(self) -> None:
        """Stop the time; ``advance`` still moves it."""
        self._anchor(self.now_ms())
        self.paused = True

    def resume(self) -> None:
        """Go on from where it was paused."""
        self._anchor(self.now_ms())
        self.paused = False

    def set_speed(self, speed: float) -> None:
        """Another speed from now on. Raises InputError."""
        checked = _checked(speed)
        self._anchor(self.now_ms())
        self._speed = checked

    def _anchor(self, at_ms: int) -> None:
        self._anchor_ms = self._latest_ms = at_ms
        self._anchor_ns = self._elapsed_ns()


def _checked(speed: float) -> float:
    expected = f"venue seconds per second, from 0 to {GREATEST_SPEED:g}"
    return float(
        number("speed", speed, least=0, most=GREATEST_SPEED, expected=expected, percent=False)
    )
