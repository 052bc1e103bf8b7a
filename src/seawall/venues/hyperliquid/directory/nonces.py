"""Which nonces a signer has spent: the venue keeps the hundred highest of each.

A nonce is a time in ms. It must lie within two days before and one day after the time, must be
above the lowest kept one once a hundred are kept, and must not be among them.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable

from msgspec import Struct

from seawall.domain.units import DAY_MS
from seawall.venues.port import Refusal

KEPT = 100


class KeptNonces(Struct):
    """The highest nonces of one signer, ascending."""

    highest: list[int] = []

    def check(self, nonce: int, times_ms: Iterable[int]) -> None:
        """Raises Refusal. A nonce fits if it is near any of ``times_ms``: a sandbox may run on
        another time than its clients, who number their requests by their own clocks."""
        times = list(times_ms)
        if all(not now - 2 * DAY_MS < nonce < now + DAY_MS for now in times):
            low = min(times) - 2 * DAY_MS
            if nonce <= low:
                raise Refusal(f"Invalid nonce: nonce too low {nonce} < {low}")
            raise Refusal(f"Invalid nonce: nonce too high {nonce} > {max(times) + DAY_MS}")
        place = bisect_left(self.highest, nonce)
        if place < len(self.highest) and self.highest[place] == nonce:
            raise Refusal(f"Invalid nonce: duplicate nonce {nonce}")
        if len(self.highest) >= KEPT and place == 0:
            raise Refusal(f"Invalid nonce: nonce too low {nonce} < {self.highest[0]}")

    def spend(self, nonce: int) -> None:
        """Remember it, and forget the lowest of too many."""
        insort(self.highest, nonce)
        del self.highest[:-KEPT]
