"""Sequences of an account that are timestamps: each once, within half a minute of the block."""

from collections.abc import Sequence

from msgspec import Struct

FIRST_TIMESTAMP = 2**40
"""A sequence from here on is a time in ms."""
LATEST_MS = 30_000
KEPT = 20


class TimestampNonces(Struct):
    """``kept``: the newest that were used, ascending; ``ejected``: the largest that is not kept."""

    kept: list[int] = []
    ejected: int = 0

    def refusal(self, nonce: int, times_ms: Sequence[int]) -> str | None:
        """Why a nonce is not taken; None if it is.

        It must be near any of ``times_ms``: a sandbox may run on another time than its clients.
        """
        now = near(nonce, times_ms)
        if now is None:
            return f"timestamp nonce {nonce} not within valid time window"
        if nonce in self.kept or nonce <= self.ejected:
            return f"timestamp nonce {nonce} rejected"
        fresh = self._fresh(now)
        if len(fresh) >= KEPT and nonce < fresh[0]:
            return f"timestamp nonce {nonce} rejected"
        return None

    def _fresh(self, now_ms: int) -> Sequence[int]:
        return [each for each in self.kept if each >= now_ms - LATEST_MS]

    def spend(self, nonce: int, now_ms: int) -> None:
        """Take a nonce that was not refused; ``now_ms``: the time that it is near."""
        fresh = sorted([*self._fresh(now_ms), nonce])
        kept = fresh[-KEPT:]
        gone = [each for each in self.kept if each not in kept] + fresh[:-KEPT]
        self.ejected = max([self.ejected, *gone])
        self.kept = kept


def near(nonce: int, times_ms: Sequence[int]) -> int | None:
    """The first of the times that a nonce is near; None if there is none."""
    return next((now for now in times_ms if abs(nonce - now) <= LATEST_MS), None)
