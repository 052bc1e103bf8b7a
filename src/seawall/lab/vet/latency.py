"""How long an order takes: from sending it until the venue answers that it rests, and to cancel it.

Measured with orders far from the market at a running sandbox or a test network, over one connection
that is kept, one request after the other. A question that needs no order is measured beside them:
what an order takes beyond it is the venue's. Where money is real nothing is sent.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.lab.vet.live import control_of
from seawall.sandbox.client import ControlClient
from seawall.venues.key_source import key_error, key_text
from seawall.venues.registry import VENUES
from seawall.venues.venue import RestingOrder

PAUSE_S = 0.02
"""Between two orders, so that no venue's limit of requests is met."""
NS_PER_MS = 1e6
ASKED, PLACED, CANCELLED = "question", "order", "cancel"


class Times(NamedTuple):
    """Round trips of one kind of request, ms, in the order in which they were sent."""

    what: str
    ms: tuple[float, ...]

    @property
    def median(self) -> float:
        return float(np.median(self.ms))

    @property
    def high(self) -> float:
        """What 95 % of them take at most."""
        return float(np.quantile(self.ms, 0.95))

    @property
    def least(self) -> float:
        return min(self.ms)

    @property
    def most(self) -> float:
        return max(self.ms)


class Latency(Struct, frozen=True, kw_only=True):
    """Round trips at one venue. ``source``: which."""

    source: str
    times: tuple[Times, ...]

    def of(self, what: str) -> Times:
        """Those of ``question``, ``order`` or ``cancel``."""
        return next(each for each in self.times if each.what == what)


def round_trips(
    order: RestingOrder,
    count: int,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Times, ...]:
    """The times of ``count`` questions, orders and cancels. Raises VenueDataError.

    The first round is not counted: it opens the connection.
    """
    found: dict[str, list[float]] = {ASKED: [], PLACED: [], CANCELLED: []}
    steps = {ASKED: order.ask, PLACED: order.place, CANCELLED: order.cancel}
    for number in range(count + 1):
        for what, step in steps.items():
            began = clock_ns()
            step()
            if number:
                found[what].append((clock_ns() - began) / NS_PER_MS)
        sleep(PAUSE_S)
    return tuple(Times(what, tuple(ms)) for what, ms in found.items())


def order_latency(
    base: str | None, venue: str, market: str, key: str | None, count: int
) -> Latency:
    """The latency of ``count`` orders at a base URL, or of a sandbox that is started for it.

    ``key``: where the private key is that signs at a test network, ``env:NAME`` or ``file:PATH``; a
    sandbox has keys of its own.
    Raises InputError and VenueDataError.
    """
    if base is None:
        with _own_sandbox(market) as url:
            return order_latency(url, venue, market, key, count)
    order = VENUES[venue].resting_order(base, _key_of(base, venue, key), market)
    try:
        return Latency(source=f"{market} at {base}", times=round_trips(order, count))
    finally:
        order.close()


@contextmanager
def _own_sandbox(market: str) -> Iterator[str]:
    """The URL of a sandbox of one market in this process, on the loopback interface."""
    from seawall.sandbox.embedded import sandbox

    with sandbox(market, history=False) as venue:
        yield venue.url


def _key_of(base: str, venue: str, source: str | None) -> str:
    """A key whose orders cost nothing. Raises InputError where money may be real."""
    tests = VENUES[venue].test_bases
    if base.rstrip("/") in tests:
        if source is None:
            raise key_error(f"should be env:NAME or file:PATH, of an account at {base}")
        return key_text(source)
    if control_of(base) is None:
        shown = ", ".join(tests) or "none is known"
        expected = f"a sandbox or a test network ({shown}): orders go only where money is not real"
        raise InputError.of("", "at", base, expected)
    if source is not None:
        raise key_error("should be left out at a sandbox, which has keys of its own")
    users = ControlClient(base).accounts()["accounts"]
    if not users:
        raise InputError(f"latency: {base}: the sandbox has no funded account to order with")
    return str(users[0]["privateKey"])
