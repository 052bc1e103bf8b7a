"""TWAP and POV over real sockets: the schedule, the share of the tape, the price against arrival.

The guard's time is moved by the tests; what was traded is read from the fills of those who traded.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from seawall.guard.actions import PlaceOrder
from seawall.guard.journal import Decided, Journal, read_journal
from seawall.guard.loop import Guard
from seawall.guard.observe import Observer
from seawall.guard.policy_file import parse_policy
from seawall.venues.gateway_port import ACCOUNT, ORDERS, book_of, prices_of
from seawall.venues.hyperliquid.gateway.reader import Reader
from seawall.venues.inputs import VenueClock
from seawall.venues.registry import gateway_of
from tests import waiting
from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.test_gateway import Later
from tests.conformance.hyperliquid.trader import Maker, Trader, filled

pytestmark = pytest.mark.conformance

COIN, PRICE, FALLEN = "ETH", 2000.0, 1985.0
SIZE, LEFT = Decimal(70), Decimal(35)
HEAD = """
name = "slow"
[account]
risk_capital = 10_000
[[step]]
name = "half"
action = "close"
trigger = "30%"
rearm = "5%"
share = "50%"
verify_after = "5h"
execution = "way"
[[execution]]
name = "way"
slippage_cap = "1%"
escalate_after = "5h"
urgent_above = "99%"
"""
TWAP = HEAD + 'style = "twap"\nduration = "10m"\ninterval = "1m"\n'
POV = HEAD + 'style = "pov"\nparticipation = "10%"\nslice = 2_000\n'


@pytest.fixture(autouse=True)
def _book(venue: Venue, maker: Maker) -> None:
    venue.settle(COIN, PRICE, maker)


class Slow:
    """An account whose guard looks when it is told to."""

    def __init__(self, venue: Venue, trader: Trader, maker: Maker, path: Path) -> None:
        self.venue, self.trader, self.maker, self.path = venue, trader, maker, path
        self.later = Later()

    def run(self, policy: str, act: Callable[[], Awaitable[None]]) -> None:
        asyncio.run(self._run(policy, act))

    async def _run(self, policy: str, act: Callable[[], Awaitable[None]]) -> None:
        gateway = gateway_of("hyperliquid")
        clock = VenueClock(self.later)
        self.reader = Reader(self.venue.url, self.trader.address, [COIN], clock=clock, quiet_s=0.2)
        network = gateway.network(url=self.venue.url)
        writer = gateway.writer(network, self.trader.address, "env:AGENT_KEY")
        observer = Observer("hyperliquid", self.reader, [COIN])
        journal = Journal(self.path)
        self.guard = Guard(parse_policy(policy), self.reader, observer, journal, writer)
        following = asyncio.create_task(self.reader.run())
        try:
            await waiting.until(self.is_fresh)
            await act()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            journal.close()
            await writer.close()

    def is_fresh(self) -> bool:
        """Whether all that a decision needs was heard lately, by the guard's time."""
        state = self.reader.state()
        needed = (ACCOUNT, ORDERS, prices_of(COIN), book_of(COIN))
        return (
            state is not None
            and state.is_live
            and all(
                each in state.inputs and state.time_ms - state.inputs[each].known_ms < 3000
                for each in needed
            )
        )

    def has_traded(self, volume: float) -> bool:
        return self.volume() >= volume

    def volume(self) -> float:
        """Of the market, as the reader has it."""
        state = self.reader.state()
        assert state is not None
        return state.volumes[COIN]

    async def look(self, size: Decimal) -> None:
        """Look until the account has this size and the guard knows it, and then twice more."""

        async def is_there() -> bool:
            if not self.is_fresh():
                return False
            await self.guard.look()
            return await asyncio.to_thread(lambda: self.size() == size)

        await waiting.eventually(is_there)
        for _ in range(2):
            await waiting.until(self.is_fresh)
            await self.guard.look()
        assert self.size() == size

    def size(self) -> Decimal:
        return Decimal(self.trader.held(COIN)["szi"])

    def orders(self) -> list[tuple[int, PlaceOrder]]:
        """When each order was decided on, and the order."""
        return [
            (entry.time_ms, action)
            for entry in read_journal(self.path)
            if isinstance(entry, Decided)
            for action in entry.actions
            if isinstance(action, PlaceOrder)
        ]

    def slippage(self) -> float:
        """How much worse than the mark at arrival the exit was, as a share of it."""
        sold = [each for each in self.trader.fills() if each["side"] == "A"]
        size = sum(float(each["sz"]) for each in sold)
        mean = sum(float(each["sz"]) * float(each["px"]) for each in sold) / size
        return 1 - mean / self.arrival()

    def arrival(self) -> float:
        """The mark when the work began, as the guard has noted it."""
        works = [
            work
            for entry in read_journal(self.path)
            if isinstance(entry, Decided)
            for work in entry.memory.works.values()
        ]
        return works[0].arrival_price / 100


@pytest.fixture
def slow(
    venue: Venue, maker: Maker, new_trader: Callable[[float], Trader], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Slow:  # fmt: skip
    found = Slow(venue, new_trader(10_000), maker, tmp_path / "guard.journal")
    _, key = found.trader.exchange.approve_agent()
    monkeypatch.setenv("AGENT_KEY", key)
    filled(found.trader.exchange.market_open(COIN, True, float(SIZE)))
    venue.settle(COIN, FALLEN, maker)
    return found


def test_twap_is_on_its_schedule(slow: Slow) -> None:
    """Ten slices in ten minutes, the first at once: at no moment more, and by its end all."""

    async def act() -> None:
        for minute in range(10):
            await slow.look(SIZE - (minute + 1) * (SIZE - LEFT) / 10)
            slow.later.seconds += 60.0
        await slow.look(LEFT)

    slow.run(TWAP, act)
    orders = slow.orders()
    start_ms, done = orders[0][0], 0
    for at_ms, order in orders:
        done += order.size
        slices = min((at_ms - start_ms) // 60_000 + 1, 10)
        assert done == 35_000 * slices, (at_ms - start_ms, done)
    assert len(orders) == 10
    assert slow.arrival() == FALLEN
    # Three levels 2 bp apart: an exit of this size meets the first.
    assert 0 < slow.slippage() < 0.0005


def test_pov_keeps_its_share_of_the_tape_and_uses_it(
    slow: Slow, new_trader: Callable[[float], Trader]
) -> None:
    other = new_trader(10_000_000)
    tape, least_slice = Decimal(0), Decimal("1.01")

    async def act() -> None:
        nonlocal tape
        await slow.guard.look()
        for number, size in enumerate((10, 3, 40, 7, 60, 1, 80, 30, 25)):
            before = slow.volume()
            await asyncio.to_thread(
                other.exchange.market_open, COIN, number % 2 == 0, float(size), None, 0.01
            )
            tape += size
            await waiting.until(partial(slow.has_traded, before + size))
            slow.later.seconds += 5.0
            for _ in range(3):
                await waiting.until(slow.is_fresh)
                await slow.guard.look()
            own = SIZE - slow.size()
            # Its own fills are on the tape, too.
            assert own * 10 <= tape + own, (own, tape)
        assert own * 10 > tape + own - 10 * least_slice, (own, tape)

    slow.run(POV, act)
    assert len(slow.orders()) > 4
    assert 0 < slow.slippage() < 0.0005
