"""What the venue grants its clients: to each owner by block, to each remote address (IP) of the
indexer by time, and to each connection of its socket.

Blocks are counted as the chain counts them, attempts that fail included; a node keeps that in its
memory alone. What an IP or a connection uses is measured in real time, whatever the clock of the
venue does. ``OFF`` leaves only what protects the process.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from seawall.venues.numbers import printed_number

MOST_REMEMBERED = 10_000
"""Owners or IPs whose use is remembered; beyond it all is forgotten."""
PAGE = 1000
"""Rows that a page may skip before it costs more."""


class BlockLimit(NamedTuple):
    """At most so many ``uses`` in so many ``blocks``."""

    blocks: int
    uses: int


class Rate(NamedTuple):
    """At most so many ``uses`` in ``seconds``; 0: without a limit."""

    uses: int
    seconds: float


class Quotas(Struct, frozen=True, kw_only=True):
    """Of each owner: long-term, conditional and TWAP orders placed (``stateful``), short-term
    orders and cancels (``short_term``), and what a batch cancel counts as. Of each IP: ``requests``
    of the indexer. Of each connection of its socket: subscriptions to one id, pings, and messages
    that are none.

    Sources: docs of the venue, concepts/trading/limits/rate-limits (a proposal for 50 stateful
    orders in 100 blocks and none in one was not found to be in force); indexer/services, comlink
    and socks, their default configuration.
    """

    stateful: Sequence[BlockLimit] = (BlockLimit(1, 2), BlockLimit(100, 20))
    short_term: Sequence[BlockLimit] = (BlockLimit(5, 4000),)
    batch_cancel: int = 2
    requests: Rate = Rate(100, 10.0)
    subscribes: Rate = Rate(2, 1.0)
    pings: Rate = Rate(5, 1.0)
    invalid: Rate = Rate(2, 1.0)


VENUE = Quotas()
_NONE = Rate(0, 1.0)
OFF = Quotas(
    stateful=(), short_term=(), requests=_NONE, subscribes=_NONE, pings=_NONE, invalid=_NONE
)


class BlockCounts:
    """How much each owner did in the last blocks. ``name``: what it is called in a refusal."""

    def __init__(self, name: str, limits: Sequence[BlockLimit]) -> None:
        self._name = name
        self._limits = sorted(limits)
        self._counts: dict[str, deque[tuple[int, int]]] = {}
        """Of each owner one sum a block: thousands of attempts are added up at each of them."""
        self._kept = max((each.blocks for each in limits), default=0)

    def refusal(self, owner: str, height: int, count: int) -> str | None:
        """Count an attempt; why it is one too many, or None."""
        if not self._limits:
            return None
        if len(self._counts) >= MOST_REMEMBERED:
            self._counts.clear()
        counts = self._counts.setdefault(owner, deque())
        while counts and counts[0][0] <= height - self._kept:
            counts.popleft()
        while counts and counts[-1][0] > height:  # the venue went back to a save point
            counts.pop()
        before = counts.pop()[1] if counts and counts[-1][0] == height else 0
        counts.append((height, before + count))
        for limit in self._limits:
            used = sum(each for at, each in counts if at > height - limit.blocks)
            if used > limit.uses:
                shown = f"{{NumBlocks:{limit.blocks} Limit:{limit.uses}}}"
                return (
                    f"Rate of {used} exceeds configured block rate limit of {shown} for "
                    f"{self._name} and {owner}"
                )
        return None


class Window:
    """What was used since a window began; one begins with the first use after the last one.

    ``clock``: seconds that never go back.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self.rate = rate
        self._clock = clock
        self._began = clock()
        self._used = 0

    def take(self, points: int = 1) -> bool:
        """Count a use; whether it is within the rate."""
        if not self.rate.uses:
            return True
        if self._clock() - self._began >= self.rate.seconds:
            self._began, self._used = self._clock(), 0
        self._used += points
        return self._used <= self.rate.uses

    @property
    def left(self) -> int:
        return max(0, self.rate.uses - self._used)

    @property
    def milliseconds_left(self) -> int:
        """Until the next window."""
        return max(0, round((self._began + self.rate.seconds - self._clock()) * 1000))


class Clients:
    """What each IP used of the indexer. ``clock``: seconds that never go back."""

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate, self._clock = rate, clock
        self._by_ip: dict[str, Window] = {}

    def of(self, ip: str | None) -> Window:
        """The window of an IP."""
        found = self._by_ip.get(ip or "")
        if found is None:
            if len(self._by_ip) >= MOST_REMEMBERED:
                self._by_ip.clear()
            found = self._by_ip[ip or ""] = Window(self._rate, self._clock)
        return found


def points_of(query: Mapping[str, str]) -> int:
    """What a request of the indexer costs: a page far from the first costs more."""
    page = printed_number(query.get("page", "1"), 10**9)
    limit = printed_number(query.get("limit", str(PAGE)), 10**9)
    return 1 + (page - 1) * limit // PAGE if page > 1 and limit > 0 else 1
