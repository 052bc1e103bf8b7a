"""The venue's clock as its messages tell it, and how old each input is by it.

Ages are measured on this computer, from the moment that an input arrived, so a venue whose clock is
wrong, stands still or runs fast does not change them. What an answer was behind the newest one when
it arrived is added: an answer that is fresh and says something old is old.
"""

import time
from collections.abc import Callable
from math import inf

from msgspec import Struct

from seawall.venues.gateway_port import InputTime

_RATE_S = 10.0
"""Over at least so long is measured how fast the venue's clock runs."""
_WINDOW_S = 300.0
"""How long a statement of the venue's time says how far the two clocks are apart."""


class VenueClock:
    """``monotonic``: seconds of this computer that never go back; ``wall``: its ns since 1970."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self.monotonic = monotonic
        self._wall = wall
        self._newest_ms: int | None = None
        self._first: tuple[int, float] | None = None
        self._ahead_ms = (-inf, -inf)
        self._window_at = 0.0
        self._last_now = 0
        self.rate = 1.0
        """How much faster than this computer's the venue's clock runs; at least 1."""

    def hear(self, venue_ms: int) -> float:
        """By how many ms, of this computer, a statement of the time is behind the newest one."""
        at = self.monotonic()
        if self._newest_ms is not None and venue_ms < self._newest_ms:
            return (self._newest_ms - venue_ms) / self.rate
        self._newest_ms = venue_ms
        # The statement that came quickest says most; of the last two windows the best one counts.
        if at - self._window_at >= _WINDOW_S:
            self._ahead_ms, self._window_at = (self._ahead_ms[1], -inf), at
        self._ahead_ms = (self._ahead_ms[0], max(self._ahead_ms[1], venue_ms - 1000 * at))
        if self._first is None:
            self._first = (venue_ms, at)
        elif at - self._first[1] >= _RATE_S:
            passed_ms = venue_ms - self._first[0]
            self.rate = max(1.0, passed_ms / (1000 * (at - self._first[1])))
            self._first = (venue_ms, at)
        return 0.0

    def now_ms(self) -> int:
        """The venue's time, which never goes back; this computer's until the venue says its own.

        Between two statements it goes on as this computer's does, also where the venue's stands.
        """
        if self._newest_ms is None:
            return self._wall() // 1_000_000
        self._last_now = max(self._last_now, int(1000 * self.monotonic() + max(self._ahead_ms)))
        return self._last_now


class _Heard(Struct):
    at: float
    behind_ms: float
    changed_at: float
    sequence: int


class Inputs:
    """When each input was heard and has changed. ``clock``: the venue's."""

    def __init__(self, clock: VenueClock) -> None:
        self._clock = clock
        self._heard: dict[str, _Heard] = {}

    def hear(
        self,
        name: str,
        *,
        changed: bool,
        venue_ms: int | None = None,
        asked_at: float | None = None,
    ) -> None:
        """Note an input. ``asked_at``: when an answer was asked for, which is when it was true at
        the earliest; ``venue_ms``: the time that it says itself."""
        behind_ms = 0.0 if venue_ms is None else self._clock.hear(venue_ms)
        at = self._clock.monotonic() if asked_at is None else asked_at
        before = self._heard.get(name)
        if before is None:
            self._heard[name] = _Heard(at, behind_ms, at, 1)
            return
        before.at, before.behind_ms = at, behind_ms
        if changed:
            before.changed_at = at
            before.sequence += 1

    def heard_at(self, name: str) -> float:
        """When an input was last heard, seconds of the clock; long ago for one that never was."""
        found = self._heard.get(name)
        return -1e18 if found is None else found.at

    def is_quiet(self, name: str, quiet_s: float) -> bool:
        """Whether an input was not heard for so long."""
        return self._clock.monotonic() - self.heard_at(name) >= quiet_s

    def forget(self, name: str) -> None:
        """Make an input one that was never heard."""
        self._heard.pop(name, None)

    def times(self, now_ms: int) -> dict[str, InputTime]:
        """The age of each input, as a time of the venue's clock."""
        at = self._clock.monotonic()
        return {
            name: InputTime(
                now_ms - round(1000 * (at - each.at) + each.behind_ms),
                now_ms - round(1000 * (at - each.changed_at)),
                each.sequence,
            )
            for name, each in self._heard.items()
        }
